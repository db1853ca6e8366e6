/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The pack reader against packs that git makes, and against hostile ones
 * made here.  Each test runs in a directory of its own. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "backend/git/pack.h"
#include "test/git.h"
#include "test/scratch.h"
#include "test/suite.h"


/* ---- reading ---- */

struct bytes {
	uint8_t *data;
	size_t len, size;
};

/* Everything that was handed on, and what shall happen meanwhile. */
struct reading {
	struct pack_sink sink;
	struct stream stream;
	const struct bytes *pack;
	size_t at, piece;

	bool refuse_all;        /* start() says no */
	unsigned checks;        /* so many, then -ETIMEDOUT; 0: any number */

	struct oid_hash *hash;
	struct oid oid;         /* of the current one */
	uint64_t left;
	unsigned objects, wrong, asked;
	uint64_t bytes;
	FILE *names;            /* one line for each */
};

static ssize_t reading_read(struct stream *s, void *buf, size_t len)
{
	struct reading *r = (struct reading *)
		((char *)s - offsetof(struct reading, stream));

	if (len > r->piece)
		len = r->piece;
	if (len > r->pack->len - r->at)
		len = r->pack->len - r->at;
	memcpy(buf, r->pack->data + r->at, len);
	r->at += len;
	return (ssize_t)len;
}

static int reading_start(struct pack_sink *sink, const struct oid *oid,
			 enum obj type, uint64_t size)
{
	struct reading *r = (struct reading *)sink;

	r->asked++;
	if (r->refuse_all)
		return -ENOSPC;
	oid_hash_free(r->hash);
	r->oid = *oid;
	r->left = size;
	return oid_hash_start(&r->hash, oid->len, type, size);
}

static int reading_data(struct pack_sink *sink, const void *data, size_t len)
{
	struct reading *r = (struct reading *)sink;

	r->wrong += len == 0 || len > r->left;
	r->left -= len;
	r->bytes += len;
	return oid_hash_data(r->hash, data, len);
}

static void reading_end(struct pack_sink *sink)
{
	struct reading *r = (struct reading *)sink;
	char hex[OID_HEX + 1];
	struct oid oid;

	ck_assert_int_eq(oid_hash_end(r->hash, &oid), 0);
	r->hash = NULL;
	r->wrong += r->left || !oid_eq(&oid, &r->oid);
	r->objects++;
	oid_hex(&oid, hex);
	if (r->names)
		fprintf(r->names, "%s\n", hex);
}

static int reading_check(struct pack_sink *sink)
{
	struct reading *r = (struct reading *)sink;

	return r->checks && !--r->checks ? -ETIMEDOUT : 0;
}

static const struct pack_options generous = {
	.oid_len = OID_SHA1,
	.dir = ".",
	.inflated = 1 << 30,
	.objects = 1 << 20,
	.delta = 64 << 20,
	.memory = 16 << 20,
};

static int read_pack(struct reading *r, const struct bytes *pack,
		     const struct pack_options *opt)
{
	int err;

	r->sink = (struct pack_sink){ reading_start, reading_data,
				      reading_end, reading_check };
	r->stream.read = reading_read;
	r->pack = pack;
	r->at = 0;
	if (!r->piece)
		r->piece = 8192;
	err = pack_read(&r->stream, opt, &r->sink);
	oid_hash_free(r->hash);
	r->hash = NULL;
	ck_assert_uint_eq(r->wrong, 0);
	return err;
}

static int result(const struct bytes *pack)
{
	struct reading r = { .piece = 0 };

	return read_pack(&r, pack, &generous);
}

/* ---- packs by git ---- */

/* A history of files that grow, shrink and share: deltas of all kinds. */
static void make_repository(const char *format)
{
	shell("git init -q --object-format=%s r && cd r && "
	      "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do "
	      "  mkdir -p a/b$i && seq $((i * 10)) 2000 >a/seq && "
	      "  seq 1 $((1000 + i)) >a/b$i/file && : >a/empty && "
	      "  git add . && git commit -q -m $i && git tag -a -m $i v$i; "
	      "done", format);
}

static struct bytes slurp(const char *path)
{
	struct bytes b = { NULL, 0, 0 };
	FILE *f = fopen(path, "r");
	size_t n;

	ck_assert_ptr_nonnull(f);
	do {
		b.size = b.size ? 2 * b.size : 65536;
		b.data = realloc(b.data, b.size);
		ck_assert_ptr_nonnull(b.data);
		n = fread(b.data + b.len, 1, b.size - b.len, f);
		b.len += n;
	} while (b.len == b.size);
	fclose(f);
	return b;
}

/* All objects, packed in this manner. */
static struct bytes pack_by_git(const char *options)
{
	shell("cd r && git rev-list --objects --all | cut -d' ' -f1 | "
	      "sort >../names && "
	      "git pack-objects -q --stdout %s <../names >../pack", options);
	return slurp("pack");
}

/* What was handed on is what git knows, each once. */
static void read_all(const struct bytes *pack, const struct pack_options *opt,
		     size_t piece)
{
	struct reading r = { .piece = piece };

	r.names = fopen("got", "w");
	ck_assert_ptr_nonnull(r.names);
	ck_assert_int_eq(read_pack(&r, pack, opt), 0);
	fclose(r.names);
	shell("sort got | cmp - names");
}

static void deltas_of_all_kinds(const char *format, uint8_t oid_len)
{
	static const char *const manner[] = {
		"--window=0",
		"--delta-base-offset --window=50 --depth=50",
		"--window=50 --depth=50",               /* by name */
		"--window=50 --depth=1",
		"--window=250 --depth=4000 --delta-base-offset",
	};
	struct pack_options opt = generous;

	opt.oid_len = oid_len;
	make_repository(format);
	for (size_t i = 0; i < sizeof manner / sizeof *manner; i++) {
		struct bytes pack = pack_by_git(manner[i]);

		read_all(&pack, &opt, 8192);
		read_all(&pack, &opt, 1);
		opt.memory = 0;         /* every base made again */
		read_all(&pack, &opt, 8192);
		opt.memory = generous.memory;
		free(pack.data);
	}
}

START_TEST(sha1)
{
	deltas_of_all_kinds("sha1", OID_SHA1);
}
END_TEST

START_TEST(sha256)
{
	deltas_of_all_kinds("sha256", OID_SHA256);
}
END_TEST

START_TEST(large_objects)
{
	struct reading r = { .refuse_all = true };
	struct pack_options opt = generous;
	struct bytes pack;

	shell("git init -q r && cd r && "
	      "head -c 9000000 /dev/zero >zeros && seq 1 1500000 >seq && "
	      "git add . && git commit -q -m large && "
	      "seq 1 1500001 >seq && git commit -q -a -m larger");
	pack = pack_by_git("--window=10");
	read_all(&pack, &opt, 65536);
	opt.memory = 0;
	read_all(&pack, &opt, 65536);
	opt.delta = 1 << 20;
	ck_assert_int_eq(read_pack(&r, &pack, &opt), -EFBIG);
	ck_assert_uint_eq(r.bytes, 0);
	ck_assert_uint_gt(r.asked, 0);
	free(pack.data);
}
END_TEST

START_TEST(leaves_nothing_behind)
{
	struct bytes pack;
	struct dirent *d;
	DIR *dir;

	make_repository("sha1");
	pack = pack_by_git("");
	read_all(&pack, &generous, 8192);
	pack.len /= 2;
	ck_assert_int_eq(result(&pack), -EBADMSG);
	free(pack.data);
	dir = opendir(".");
	while ((d = readdir(dir)))
		ck_assert_msg(strncmp(d->d_name, "pack.", 5), "%s", d->d_name);
	closedir(dir);
}
END_TEST

START_TEST(limits)
{
	struct reading r = { .piece = 0 };
	struct pack_options opt = generous;
	struct bytes pack;

	make_repository("sha1");
	pack = pack_by_git("--window=50");
	opt.inflated = 20000;
	ck_assert_int_eq(read_pack(&r, &pack, &opt), -EFBIG);
	opt = generous;
	opt.objects = 10;
	ck_assert_int_eq(read_pack(&r, &pack, &opt), -EFBIG);
	opt = generous;
	opt.delta = 1000;
	ck_assert_int_eq(read_pack(&r, &pack, &opt), -EFBIG);
	opt = generous;
	opt.dir = "./absent";
	ck_assert_int_eq(read_pack(&r, &pack, &opt), -ENOENT);
	/* Time may be up at any moment. */
	for (unsigned n = 1;; n++) {
		struct reading t = { .checks = n };
		int err = read_pack(&t, &pack, &generous);

		if (!err)
			break;
		ck_assert_int_eq(err, -ETIMEDOUT);
		ck_assert_uint_lt(n, 10000);
	}
	free(pack.data);
}
END_TEST

START_TEST(cut_anywhere_or_one_bit_wrong)
{
	struct bytes pack;

	shell("git init -q r && cd r && seq 1 200 >f && git add . && "
	      "git commit -q -m 1 && seq 1 201 >f && git commit -q -a -m 2");
	pack = pack_by_git("--window=10");
	for (size_t len = pack.len; len-- > 0;) {
		struct bytes cut = { pack.data, len, 0 };

		ck_assert_int_eq(result(&cut), -EBADMSG);
	}
	for (size_t i = 0; i < pack.len; i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			int err;

			pack.data[i] ^= (uint8_t)(1 << bit);
			err = result(&pack);
			ck_assert(err == -EBADMSG || err == -EFBIG);
			pack.data[i] ^= (uint8_t)(1 << bit);
		}
	}
	ck_assert_int_eq(result(&pack), 0);
	free(pack.data);
}
END_TEST

/* ---- packs by us ---- */

static void add(struct bytes *b, const void *data, size_t len)
{
	while (b->size - b->len < len) {
		b->size = 2 * b->size + 256;
		b->data = realloc(b->data, b->size);
		ck_assert_ptr_nonnull(b->data);
	}
	if (len > 0)
		memcpy(b->data + b->len, data, len);
	b->len += len;
}

static void add_byte(struct bytes *b, unsigned v)
{
	uint8_t byte = (uint8_t)v;

	add(b, &byte, 1);
}

static void add_head(struct bytes *b, uint32_t version, uint32_t count)
{
	add(b, "PACK", 4);
	for (int i = 3; i >= 0; i--)
		add_byte(b, version >> 8 * i);
	for (int i = 3; i >= 0; i--)
		add_byte(b, count >> 8 * i);
}

static void add_type(struct bytes *b, unsigned type, uint64_t size)
{
	unsigned first = type << 4 | (size & 15);

	for (size >>= 4; size; size >>= 7) {
		add_byte(b, first | 128);
		first = size & 127;
	}
	add_byte(b, first);
}

static void add_deflated(struct bytes *b, const void *data, size_t len)
{
	uLongf room = compressBound(len);
	uint8_t *out = malloc(room);

	ck_assert_ptr_nonnull(out);
	ck_assert_int_eq(compress2(out, &room, data, len, 9), Z_OK);
	add(b, out, room);
	free(out);
}

/* An entry that says it is of that size. */
static void add_object(struct bytes *b, unsigned type, uint64_t size,
		       const void *data, size_t len)
{
	add_type(b, type, size);
	add_deflated(b, data, len);
}

static void add_by_name(struct bytes *b, const struct oid *base,
			const void *delta, size_t len)
{
	add_type(b, 7, len);
	add(b, base->id, base->len);
	add_deflated(b, delta, len);
}

/* 'back' < 128 */
static void add_by_offset(struct bytes *b, unsigned back, const void *delta,
			  size_t len)
{
	add_type(b, 6, len);
	add_byte(b, back);
	add_deflated(b, delta, len);
}

static void add_sum(struct bytes *b)
{
	uint8_t sum[EVP_MAX_MD_SIZE];
	unsigned len;

	ck_assert_int_eq(EVP_Digest(b->data, b->len, sum, &len, EVP_sha1(),
				    NULL), 1);
	add(b, sum, len);
}

/* Finish the pack, read it and drop it. */
static int verdict(struct bytes *b)
{
	int r;

	add_sum(b);
	r = result(b);
	b->len = 0;
	return r;
}

static struct oid name(const char *data, size_t len)
{
	struct oid_hash *h;
	struct oid oid;

	ck_assert_int_eq(oid_hash_start(&h, OID_SHA1, OBJ_BLOB, len), 0);
	ck_assert_int_eq(oid_hash_data(h, data, len), 0);
	ck_assert_int_eq(oid_hash_end(h, &oid), 0);
	return oid;
}

/* Blocks that hold nothing, one after the other, come to no end. */
START_TEST(nothing_for_ever)
{
	struct pack_options opt = generous;
	struct reading r = { .piece = 0 };
	struct bytes b = { 0 };

	opt.inflated = 1 << 20;
	add_head(&b, 2, 1);
	add_type(&b, OBJ_BLOB, 1);
	add(&b, "\x78\x01", 2);
	while (b.len < 4 * opt.inflated)
		add(&b, "\0\0\0\xff\xff", 5);
	ck_assert_int_eq(read_pack(&r, &b, &opt), -EFBIG);
	ck_assert_uint_lt(r.at, 2 * opt.inflated);
	free(b.data);
}
END_TEST

START_TEST(empty_and_odd_ones)
{
	struct bytes b = { 0 };
	struct reading r = { .piece = 0 };

	add_head(&b, 2, 0);
	ck_assert_int_eq(verdict(&b), 0);
	add_head(&b, 3, 1);
	add_object(&b, OBJ_BLOB, 0, "", 0);
	ck_assert_int_eq(verdict(&b), 0);
	add_head(&b, 4, 0);
	ck_assert_int_eq(verdict(&b), -EBADMSG);
	add(&b, "KCAP", 4);
	ck_assert_int_eq(verdict(&b), -EBADMSG);
	/* More or fewer than it says. */
	add_head(&b, 2, 2);
	add_object(&b, OBJ_BLOB, 1, "x", 1);
	ck_assert_int_eq(verdict(&b), -EBADMSG);
	add_head(&b, 2, 0);
	add_object(&b, OBJ_BLOB, 1, "x", 1);
	ck_assert_int_eq(verdict(&b), -EBADMSG);
	add_head(&b, 2, UINT32_MAX);
	ck_assert_int_eq(verdict(&b), -EFBIG);
	/* More after the end. */
	add_head(&b, 2, 0);
	add_sum(&b);
	add_byte(&b, 0);
	ck_assert_int_eq(result(&b), -EBADMSG);
	r.piece = b.len - 1;
	ck_assert_int_eq(read_pack(&r, &b, &generous), -EBADMSG);
	free(b.data);
}
END_TEST

START_TEST(wrong_types_and_sizes)
{
	static const char x[64] = "x";
	struct bytes b = { 0 };

	for (unsigned type = 0; type < 8; type++) {
		if (type >= OBJ_COMMIT && type <= OBJ_TAG)
			continue;
		add_head(&b, 2, 1);
		add_object(&b, type, 1, x, 1);
		ck_assert_int_eq(verdict(&b), -EBADMSG);
	}
	for (uint64_t size = 0; size < 100; size++) {
		add_head(&b, 2, 1);
		add_object(&b, OBJ_BLOB, size, x, sizeof x);
		ck_assert_int_eq(verdict(&b), size == sizeof x ? 0 : -EBADMSG);
	}
	/* One that would not be held whole. */
	add_head(&b, 2, 1);
	add_object(&b, OBJ_BLOB, 1ull << 40, x, sizeof x);
	ck_assert_int_eq(verdict(&b), -EBADMSG);
	/* More than 64 bits of size. */
	add_head(&b, 2, 1);
	for (int i = 0; i < 12; i++)
		add_byte(&b, 0xbf);
	add_byte(&b, 1);
	ck_assert_int_eq(verdict(&b), -EBADMSG);
	free(b.data);
}
END_TEST

/* A delta of these bytes against the blob "0123456789". */
static int delta(const void *d, size_t len)
{
	static const char base[] = "0123456789";
	struct oid oid = name(base, 10);
	struct bytes b = { 0 };
	size_t at;
	int r, again;

	add_head(&b, 2, 2);
	at = b.len;
	add_object(&b, OBJ_BLOB, 10, base, 10);
	add_by_offset(&b, (unsigned)(b.len - at), d, len);
	r = verdict(&b);
	/* By name, and before its base. */
	add_head(&b, 2, 2);
	add_by_name(&b, &oid, d, len);
	add_object(&b, OBJ_BLOB, 10, base, 10);
	again = verdict(&b);
	ck_assert_int_eq(r, again);
	free(b.data);
	return r;
}

START_TEST(wrong_deltas)
{
	ck_assert_int_eq(delta("\x0a\x0a\x90\x0a", 4), 0);      /* copy all */
	ck_assert_int_eq(delta("\x0a\x03\x03" "abc", 6), 0);    /* insert */
	ck_assert_int_eq(delta("\x0a\x00", 2), 0);
	ck_assert_int_eq(delta("\x0a\x02\x91\x09\x01\x01" "z", 7), 0);

	ck_assert_int_eq(delta("", 0), -EBADMSG);
	ck_assert_int_eq(delta("\x0a", 1), -EBADMSG);
	ck_assert_int_eq(delta("\x8a", 1), -EBADMSG);
	ck_assert_int_eq(delta("\x0b\x0a\x90\x0a", 4), -EBADMSG);
	ck_assert_int_eq(delta("\x0a\x0b\x90\x0a", 4), -EBADMSG);
	ck_assert_int_eq(delta("\x0a\x09\x90\x0a", 4), -EBADMSG);
	ck_assert_int_eq(delta("\x0a\x0b\x90\x0b", 4), -EBADMSG);
	ck_assert_int_eq(delta("\x0a\x01\x91\x0a\x01", 5), -EBADMSG);
	ck_assert_int_eq(delta("\x0a\x01\x81\x00", 4), -EBADMSG); /* 64k */
	ck_assert_int_eq(delta("\x0a\x01\x9f\xff\xff\xff\xff\x01", 8),
			 -EBADMSG);
	ck_assert_int_eq(delta("\x0a\x03\x04" "abc", 6), -EBADMSG);
	ck_assert_int_eq(delta("\x0a\x00\x00", 3), -EBADMSG);
	ck_assert_int_eq(delta("\x0a\x03\x90", 3), -EBADMSG);
	ck_assert_int_eq(delta("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10),
			 -EBADMSG);
	ck_assert_int_eq(delta("\x0a\xff\xff\xff\xff\xff\x0f\x01z", 9),
			 -EFBIG);
}
END_TEST

START_TEST(bases_that_are_none)
{
	static const char copy[] = "\x01\x01\x90\x01";
	struct oid absent = { .len = OID_SHA1, .id = { 1 } };
	struct oid other = { .len = OID_SHA1, .id = { 2 } };
	struct bytes b = { 0 };

	/* Nowhere, itself, the head, before the pack, between entries. */
	add_head(&b, 2, 1);
	add_by_name(&b, &absent, copy, 4);
	ck_assert_int_eq(verdict(&b), -EBADMSG);
	for (unsigned back = 0; back < 128; back++) {
		add_head(&b, 2, 1);
		add_by_offset(&b, back, copy, 4);
		ck_assert_int_eq(verdict(&b), -EBADMSG);
	}
	add_head(&b, 2, 1);
	add_type(&b, 6, 4);
	for (int i = 0; i < 11; i++)
		add_byte(&b, 0xff);
	add_byte(&b, 0);
	add_deflated(&b, copy, 4);
	ck_assert_int_eq(verdict(&b), -EBADMSG);
	/* Two against what the other might be. */
	add_head(&b, 2, 2);
	add_by_name(&b, &absent, copy, 4);
	add_by_name(&b, &other, copy, 4);
	ck_assert_int_eq(verdict(&b), -EBADMSG);
	free(b.data);
}
END_TEST

/* One that makes of "x" what it was, for ever: many deltas, one object. */
START_TEST(twins)
{
	static const char copy[] = "\x01\x01\x90\x01";
	struct oid x = name("x", 1);
	struct reading r = { .piece = 0 };
	struct bytes b = { 0 };

	add_head(&b, 2, 5);
	add_object(&b, OBJ_BLOB, 1, "x", 1);
	add_by_name(&b, &x, copy, 4);
	add_by_name(&b, &x, copy, 4);
	add_object(&b, OBJ_BLOB, 1, "x", 1);
	add_by_name(&b, &x, copy, 4);
	add_sum(&b);
	ck_assert_int_eq(read_pack(&r, &b, &generous), 0);
	ck_assert_uint_eq(r.objects, 5);
	free(b.data);
}
END_TEST

/* A chain of so many deltas, each of which inserts one byte. */
static int chain(unsigned links)
{
	struct bytes b = { 0 };
	size_t at = 12;
	int r;

	add_head(&b, 2, links + 1);
	add_object(&b, OBJ_BLOB, 1, "x", 1);
	for (unsigned i = 0; i < links; i++) {
		char d[] = { 1, 1, 1, (char)i };
		size_t start = b.len;

		add_by_offset(&b, (unsigned)(start - at), d, 4);
		at = start;
	}
	r = verdict(&b);
	free(b.data);
	return r;
}

START_TEST(depth)
{
	ck_assert_int_eq(chain(4095), 0);
	ck_assert_int_eq(chain(4096), -EBADMSG);
}
END_TEST

START_TEST(bombs)
{
	struct pack_options opt = generous;
	struct reading r = { .piece = 0 };
	struct bytes b = { 0 };
	size_t len = 32 << 20;
	char *zeros = calloc(1, len);

	/* As an object, small and large, and as a delta. */
	ck_assert_ptr_nonnull(zeros);
	for (unsigned type = OBJ_BLOB; type <= 7; type += 4) {
		for (size_t n = 2 << 20; n <= len; n *= 16) {
			add_head(&b, 2, 1);
			if (type == 7)
				add_by_name(&b, &(struct oid){
					    .len = OID_SHA1 }, zeros, n);
			else
				add_object(&b, type, n, zeros, n);
			add_sum(&b);
			opt.inflated = n - 1;
			ck_assert_int_eq(read_pack(&r, &b, &opt), -EFBIG);
			b.len = 0;
		}
	}
	/* Deltas that make much of little. */
	opt.inflated = 1 << 20;
	add_head(&b, 2, 33);
	add_object(&b, OBJ_BLOB, 65536, zeros, 65536);
	for (int i = 0; i < 32; i++) {
		static const char d[] = "\x80\x80\x04\x80\x80\x04\x80";
		struct oid base = name(zeros, 65536);

		add_by_name(&b, &base, d, 7);
	}
	add_sum(&b);
	ck_assert_int_eq(read_pack(&r, &b, &opt), -EFBIG);
	free(b.data);
	free(zeros);
}
END_TEST

/* ---- the program ---- */

static void setup(void)
{
	char *dir = scratch_dir();

	ck_assert_int_eq(chdir(dir), 0);
	free(dir);
}

static void add_tests(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, sha1);
	tcase_add_test(c, sha256);
	tcase_add_test(c, large_objects);
	tcase_add_test(c, leaves_nothing_behind);
	tcase_add_test(c, limits);
	tcase_add_test(c, cut_anywhere_or_one_bit_wrong);
	tcase_add_test(c, nothing_for_ever);
	tcase_add_test(c, empty_and_odd_ones);
	tcase_add_test(c, wrong_types_and_sizes);
	tcase_add_test(c, wrong_deltas);
	tcase_add_test(c, bases_that_are_none);
	tcase_add_test(c, twins);
	tcase_add_test(c, depth);
	tcase_add_test(c, bombs);
}

int main(void)
{
	git_be_neutral();
	return suite_run("pack", 60, add_tests, NULL);
}
