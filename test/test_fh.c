/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* File handles: one for each place, and none that we did not make. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nfsd/fh.h"
#include "nfsd/xdr.h"
#include "test/suite.h"

enum { MAC = 8, DEEPEST = 255 };

static struct keyed key;

static void setup(void)
{
	static const uint8_t secret[32] = "not much of a secret";

	key = keyed_derive(secret, 1);
}

/* A place of this kind; false: there is none so deep. */
static bool place(uint8_t kind, unsigned depth, struct where *ret)
{
	int steps;

	memset(ret, 0, sizeof *ret);
	ret->kind = kind;
	ret->depth = (uint8_t)depth;
	steps = where_steps(kind, depth, &ret->width);
	if (steps < 0)
		return false;
	for (unsigned bit = 0; bit < depth * ret->width; bit++)
		if (bit % 3)
			ret->step[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	if (kind != NODE_LEVEL)
		ret->root = 0x1122334455667788;
	if (kind == NODE_DIR || kind == NODE_FILE)
		ret->dir = 0x99aabbccddeeff00;
	if (kind == NODE_FILE)
		ret->name = 0xdeadbeef;
	if (kind == NODE_FILE || kind == NODE_PIN)
		ret->fileid = 0x0123456789abcdef;
	return true;
}

static int decode(const struct fh *fh, struct where *ret)
{
	return fh_decode(&key, fh->data, fh->len, ret);
}

/* Make the MAC right again, as only we can. */
static void sign(struct fh *fh)
{
	store64(fh->data + fh->len - MAC,
		keyed_hash(&key, fh->data, fh->len - (size_t)MAC));
}

START_TEST(there_and_back)
{
	unsigned deepest[NODE_PIN + 1] = { 0 };

	for (uint8_t kind = NODE_LEVEL; kind <= NODE_PIN; kind++) {
		for (unsigned depth = 0; depth <= DEEPEST; depth++) {
			struct where in, out;
			struct fh fh;

			if (!place(kind, depth, &in))
				continue;
			fh_encode(&key, &in, &fh);
			ck_assert_uint_le(fh.len, FH_MAX);
			ck_assert_uint_eq(fh.len % 4, 0);
			ck_assert_int_eq(decode(&fh, &out), 0);
			ck_assert_mem_eq(&out, &in, sizeof in);
			deepest[kind] = depth;
		}
	}
	ck_assert_uint_eq(deepest[NODE_LEVEL], 0);
	ck_assert_uint_eq(deepest[NODE_PIN], 0);
	ck_assert_uint_ge(deepest[NODE_DIR], deepest[NODE_FILE]);
	ck_assert_uint_ge(deepest[NODE_FILE], 60);
}
END_TEST

/* Neither without the right MAC nor with it may one place have two. */
static void flip_every_bit(const struct where *at)
{
	struct fh fh, changed, again;
	struct where out;

	fh_encode(&key, at, &fh);
	for (unsigned bit = 0; bit < fh.len * 8u; bit++) {
		changed = fh;
		changed.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		ck_assert_int_eq(decode(&changed, &out), -EBADF);
		if (bit >= (fh.len - (unsigned)MAC) * 8)
			continue;
		sign(&changed);
		if (decode(&changed, &out))
			continue;
		/* Another place, then, and this is its handle. */
		ck_assert_mem_ne(&out, at, sizeof out);
		memset(&again, 0, sizeof again);
		fh_encode(&key, &out, &again);
		ck_assert_uint_eq(again.len, changed.len);
		ck_assert_mem_eq(again.data, changed.data, changed.len);
	}
}

START_TEST(every_bit_counts)
{
	for (uint8_t kind = NODE_LEVEL; kind <= NODE_PIN; kind++) {
		for (unsigned depth = 0; depth <= DEEPEST; depth++) {
			struct where at;

			if (place(kind, depth, &at))
				flip_every_bit(&at);
		}
	}
}
END_TEST

START_TEST(other_lengths)
{
	struct where none;

	ck_assert_int_eq(fh_decode(&key, NULL, 0, &none), -EBADF);
	for (uint8_t kind = NODE_LEVEL; kind <= NODE_PIN; kind++) {
		struct where at, out;
		uint8_t data[FH_MAX + 1] = { 0 };
		struct fh fh;

		place(kind, 0, &at);
		fh_encode(&key, &at, &fh);
		memcpy(data, fh.data, fh.len);
		for (size_t len = 0; len <= sizeof data; len++) {
			int r = fh_decode(&key, data, len, &out);

			ck_assert_int_eq(r, len == fh.len ? 0 : -EBADF);
		}
		/* Even with a MAC that is right. */
		for (uint8_t len = MAC; len <= FH_MAX; len++) {
			struct fh cut = { .len = len };

			memcpy(cut.data, fh.data, fh.len - (size_t)MAC);
			sign(&cut);
			ck_assert_int_eq(decode(&cut, &out),
					 len == fh.len ? 0 : -EBADF);
		}
	}
}
END_TEST

/* Signed by us, but nothing this version writes. */
START_TEST(no_such_place)
{
	static const struct {
		uint8_t kind, byte, value;
	} bad[] = {
		{ NODE_DIR, 0, 0 }, { NODE_DIR, 0, 2 },         /* version */
		{ NODE_DIR, 1, 0 }, { NODE_DIR, 1, 5 },         /* kind */
		{ NODE_DIR, 2, 255 }, { NODE_LEVEL, 2, 1 },     /* depth */
		{ NODE_DIR, 3, 8 }, { NODE_DIR, 3, 0 },         /* width */
		{ NODE_LEVEL, 19, 1 }, { NODE_PIN, 19, 1 },     /* dir */
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct where at, out;
		struct fh fh;

		place(bad[i].kind, 0, &at);
		fh_encode(&key, &at, &fh);
		fh.data[bad[i].byte] = bad[i].value;
		sign(&fh);
		ck_assert_int_eq(decode(&fh, &out), -EBADF);
	}
}
END_TEST

START_TEST(a_key_of_ones_own)
{
	static const uint8_t secret[32] = "not much of a secret either";
	struct keyed other = keyed_derive(secret, 1);
	struct where at, out;
	struct fh fh;

	place(NODE_FILE, 3, &at);
	fh_encode(&other, &at, &fh);
	memset(&out, 7, sizeof out);
	ck_assert_int_eq(decode(&fh, &out), -EBADF);
	for (size_t i = 0; i < sizeof out; i++)
		ck_assert_uint_eq(((uint8_t *)&out)[i], 7);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, there_and_back);
	tcase_add_test(c, every_bit_counts);
	tcase_add_test(c, other_lengths);
	tcase_add_test(c, no_such_place);
	tcase_add_test(c, a_key_of_ones_own);
}

int main(void)
{
	return suite_run("fh", 60, add, NULL);
}
