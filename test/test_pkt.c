/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Packets: what is read and written, in pieces of every size. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/git/pkt.h"
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

static void add(TCase *c)
{
	tcase_add_test(c, reads_in_pieces_of_any_size);
	tcase_add_test(c, reads_the_largest);
	tcase_add_test(c, reads_many_lines);
	tcase_add_test(c, refuses_what_is_none);
	tcase_add_test(c, knows_when_it_was_cut);
	tcase_add_test(c, writes);
}

int main(void)
{
	return suite_run("pkt", 60, add, NULL);
}
