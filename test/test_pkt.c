/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Packets: what is read and written, in pieces of every size; and what the
 * protocol says in them. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/git/pkt.h"
#include "backend/git/protocol.h"
#include "test/suite.h"

/* A stream that comes 'piece' bytes at a time. */
struct text {
	struct stream stream;
	const char *data;
	size_t len, piece;
};

static ssize_t text_read(struct stream *s, void *buf, size_t len)
{
	struct text *t = (struct text *)s;

	if (len > t->piece)
		len = t->piece;
	if (len > t->len)
		len = t->len;
	memcpy(buf, t->data, len);
	t->data += len;
	t->len -= len;
	return (ssize_t)len;
}

static struct pkt_reader reader;

static void start(struct text *t, const char *data, size_t len, size_t piece)
{
	*t = (struct text){ { text_read }, data, len, piece };
	pkt_reader_init(&reader, &t->stream);
}

static void expect_line(const char *expected)
{
	const char *line;
	size_t len;

	ck_assert_int_eq(pkt_read_line(&reader, &line, &len), PKT_DATA);
	ck_assert_str_eq(line, expected);
	ck_assert_uint_eq(len, strlen(expected));
}

static int next(void)
{
	const char *data;
	size_t len;

	return pkt_read(&reader, &data, &len);
}

START_TEST(reads_in_pieces_of_any_size)
{
	static const char in[] =
		"000eversion 2\n" "0009hello" "0001" "0004" "0005\n"
		"000Aupper\n" "0002" "0000";
	struct text t;

	for (size_t piece = 1; piece < sizeof in; piece++) {
		start(&t, in, sizeof in - 1, piece);
		expect_line("version 2");
		expect_line("hello");
		ck_assert_int_eq(next(), PKT_DELIM);
		expect_line("");
		expect_line("");
		expect_line("upper");
		ck_assert_int_eq(next(), PKT_RESPONSE_END);
		ck_assert_int_eq(next(), PKT_FLUSH);
		ck_assert_int_eq(next(), PKT_EOF);
		ck_assert_int_eq(next(), PKT_EOF);
	}
}
END_TEST

START_TEST(reads_the_largest)
{
	static char in[2 * PKT_MAX];
	const char *data;
	struct text t;
	size_t len;

	memset(in, 'x', sizeof in);
	memcpy(in, "fff0", 4);
	memcpy(in + PKT_MAX, "fff0", 4);
	start(&t, in, sizeof in, 8192);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(pkt_read(&reader, &data, &len), PKT_DATA);
		ck_assert_uint_eq(len, PKT_MAX - 4);
		ck_assert_int_eq(data[0], 'x');
		ck_assert_int_eq(data[len - 1], 'x');
	}
	ck_assert_int_eq(next(), PKT_EOF);
}
END_TEST

/* However the pieces lie to what is left of the buffer. */
START_TEST(reads_many_lines)
{
	enum { LINES = 300, LONG = 1000 };
	char *in, line[LONG];
	size_t size;
	FILE *f = open_memstream(&in, &size);
	struct text t;

	ck_assert_ptr_nonnull(f);
	for (int i = 0; i < LINES; i++)
		fprintf(f, "%04x%0*d\n", LONG, LONG - 5, i);
	ck_assert_int_eq(fclose(f), 0);
	for (size_t piece = 1; piece < 2 * LONG; piece += 97) {
		start(&t, in, size, piece);
		for (int i = 0; i < LINES; i++) {
			snprintf(line, sizeof line, "%0*d", LONG - 5, i);
			expect_line(line);
		}
		ck_assert_int_eq(next(), PKT_EOF);
	}
	free(in);
}
END_TEST

START_TEST(refuses_what_is_none)
{
	static const char *const bad[] = {
		"0003", "fff1", "ffff", "-001", "0x10", "00 5a", "PACK", "001g",
	};
	struct text t;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		start(&t, bad[i], strlen(bad[i]), 3);
		ck_assert_int_eq(next(), -EBADMSG);
	}
}
END_TEST

START_TEST(knows_when_it_was_cut)
{
	static const char in[] = "000eversion 2\n";
	struct text t;

	for (size_t len = 1; len < sizeof in - 1; len++) {
		start(&t, in, len, 2);
		ck_assert_int_eq(next(), -ECONNRESET);
	}
}
END_TEST

START_TEST(writes)
{
	struct pkt_buf b = { 0 };
	char longest[5000];

	pkt_line(&b, "command=%s", "ls-refs");
	pkt_delim(&b);
	pkt_line(&b, "peel");
	pkt_flush(&b);
	ck_assert_int_eq(b.err, 0);
	ck_assert_uint_eq(b.len, 20 + 4 + 9 + 4);
	ck_assert_int_eq(memcmp(b.data, "0014command=ls-refs\n0001"
				"0009peel\n0000", b.len), 0);
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	pkt_line(&b, "%s", longest);
	ck_assert_int_eq(b.err, -EMSGSIZE);
	free(b.data);
}
END_TEST

/* ---- the protocol ---- */

/* Packets of these lines, but "-" is a flush, "|" a delimiter. */
static void start_lines(struct text *t, const char *const *line)
{
	static struct pkt_buf b;

	b.len = 0;
	for (; *line; line++) {
		if (!strcmp(*line, "-"))
			pkt_flush(&b);
		else if (!strcmp(*line, "|"))
			pkt_delim(&b);
		else
			pkt_line(&b, "%s", *line);
	}
	start(t, b.data, b.len, 7);
}

START_TEST(capabilities)
{
	static const struct {
		const char *line[8];
		int err;
	} all[] = {
		{ { "version 2", "fetch", "-" }, 0 },
		{ { "# service=x", "-", "version 2", "new=1", "fetch", "-" },
		  0 },
		{ { "version 2", "object-format=sha256", "fetch=filter", "-" },
		  0 },
		{ { "version 2", "object-format=sha512", "fetch", "-" },
		  -EPROTONOSUPPORT },
		{ { "version 2", "ls-refs", "fetcher", "-" },
		  -EPROTONOSUPPORT },
		{ { "version 1", "fetch", "-" }, -EPROTONOSUPPORT },
		{ { "-" }, -EPROTONOSUPPORT },
		{ { "ERR no such repository" }, -ENOENT },
		{ { "# service=x", "-", "ERR no" }, -ENOENT },
		{ { "version 2", "fetch" }, -ECONNRESET },
		{ { "version 2", "fetch", "|" }, -ECONNRESET },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct caps caps;
		struct text t;
		int r;

		start_lines(&t, all[i].line);
		r = protocol_read_caps(&reader, &caps);
		ck_assert_msg(r == all[i].err, "%zu: %d", i, r);
	}
}
END_TEST

#define ID "0123456789012345678901234567890123456789"
#define LONG_ID ID "012345678901234567890123"

static void note_ref(void *arg, const struct ref_line *ref)
{
	(void)ref;
	++*(int *)arg;
}

static void note_size(void *arg, const struct oid *oid, uint64_t size)
{
	(void)arg;
	(void)oid;
	ck_assert_uint_eq(size, 12);    /* nor 0 of what is not there */
}

START_TEST(answers)
{
	static const struct caps caps = { .oid_len = OID_SHA1 };
	static const struct {
		const char *line[4];
		int refs, sizes;        /* an enum answer, or an error */
	} all[] = {
		{ { "-" }, ANSWER_GOOD, ANSWER_GOOD },
		{ { NULL }, ANSWER_EMPTY, ANSWER_EMPTY },
		{ { "ERR no" }, ANSWER_REFUSED, ANSWER_REFUSED },
		{ { "|" }, -EBADMSG, -EBADMSG },
		{ { ID " 12", "-" }, ANSWER_GOOD, ANSWER_GOOD },
		{ { "size", ID " ", "-" }, -EBADMSG, ANSWER_GOOD },
		{ { ID " 12" }, -ECONNRESET, -ECONNRESET },
		{ { ID " 12", "|" }, -EBADMSG, -EBADMSG },
		{ { ID " -1", "-" }, ANSWER_GOOD, -EBADMSG },
		{ { ID " 99999999999999999999", "-" }, ANSWER_GOOD, -EBADMSG },
		{ { LONG_ID " 12", "-" }, -EBADMSG, ANSWER_GOOD },
		{ { ID " v1 peeled:" LONG_ID, "-" }, -EBADMSG, -EBADMSG },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct text t;
		int r, n = 0;

		start_lines(&t, all[i].line);
		r = protocol_read_refs(&reader, &caps, note_ref, &n);
		ck_assert_msg(r == all[i].refs, "refs %zu: %d", i, r);
		start_lines(&t, all[i].line);
		r = protocol_read_sizes(&reader, &caps, note_size, NULL);
		ck_assert_msg(r == all[i].sizes, "sizes %zu: %d", i, r);
	}
}
END_TEST

/* Channel 1 is the pack; 2 is talk, but not for ever; 3 the end. */
START_TEST(channels)
{
	static const struct {
		const char *line[6];
		ssize_t end;
	} all[] = {
		{ { "packfile", "\2talk", "\1PACK", "-" }, 0 },
		{ { "shallow-info", "|", "packfile", "\1PACK", "-" }, 0 },
		{ { "packfile", "\1PACK", "\3no" }, -EIO },
		{ { "packfile", "\1PACK" }, -ECONNRESET },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct sideband pack;
		struct oid missing;
		struct text t;
		char buf[64];
		ssize_t n;

		start_lines(&t, all[i].line);
		ck_assert_int_eq(protocol_read_fetch(&reader, &pack, &missing),
				 ANSWER_GOOD);
		n = pack.stream.read(&pack.stream, buf, sizeof buf);
		ck_assert_int_eq(n, 5);
		ck_assert(!memcmp(buf, "PACK\n", 5));
		n = pack.stream.read(&pack.stream, buf, sizeof buf);
		ck_assert_msg(n == all[i].end, "%zu: %zd", i, n);
	}
}
END_TEST

static ssize_t endless(struct stream *s, void *buf, size_t len)
{
	static const char talk[] = "0009\2talk";

	(void)s;
	len -= len % (sizeof talk - 1);
	for (size_t i = 0; i < len; i += sizeof talk - 1)
		memcpy((char *)buf + i, talk, sizeof talk - 1);
	return (ssize_t)len;
}

START_TEST(talk_without_end)
{
	struct stream s = { endless };
	struct sideband pack = { .from = &reader };
	struct text t;
	struct oid missing;
	char buf[64];

	start_lines(&t, (const char *const[]){ "packfile", NULL });
	ck_assert_int_eq(protocol_read_fetch(&reader, &pack, &missing),
			 ANSWER_GOOD);
	pkt_reader_init(&reader, &s);
	ck_assert_int_eq(pack.stream.read(&pack.stream, buf, sizeof buf),
			 -EBADMSG);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, reads_in_pieces_of_any_size);
	tcase_add_test(c, reads_the_largest);
	tcase_add_test(c, reads_many_lines);
	tcase_add_test(c, refuses_what_is_none);
	tcase_add_test(c, knows_when_it_was_cut);
	tcase_add_test(c, writes);
	tcase_add_test(c, capabilities);
	tcase_add_test(c, answers);
	tcase_add_test(c, channels);
	tcase_add_test(c, talk_without_end);
}

int main(void)
{
	return suite_run("pkt", 60, add, NULL);
}
