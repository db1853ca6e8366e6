/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Objects on this disk: what is put is there, and within its bound. */
#include <check.h>
#include <errno.h>
#include <pthread.h>

#include "test/scratch.h"
#include "test/stored.h"
#include "test/suite.h"

/* ---- what is put is there ---- */

START_TEST(round_trip)
{
	static const size_t len[] = { 0, 1, 100, 65536, 65537, 200000 };
	struct store *s = open_sized(64 * MIB);
	struct oid tree = name_of(OBJ_TREE, "a tree", 6), other;
	uint64_t size;

	for (unsigned i = 0; i < sizeof len / sizeof *len; i++) {
		ck_assert(!get(s, i, len[i]));
		ck_assert_int_eq(put(s, i, len[i]), 0);
		ck_assert(get(s, i, len[i]));
	}
	ck_assert_int_eq(store_put(s, &tree, OBJ_TREE, "a tree", 6), 0);
	ck_assert(fetch(s, &tree, OBJ_TREE));
	ck_assert(!fetch(s, &tree, OBJ_BLOB));
	ck_assert(!store_size(s, &tree, &size));
	/* A name of the other algorithm that begins alike. */
	other = tree;
	other.len = OID_SHA256;
	ck_assert(!fetch(s, &other, OBJ_TREE));
	ck_assert_uint_eq(count(s).kept, 7);
	ck_assert_uint_eq(count(s).hits, 7);
	/* What is there is not written again. */
	ck_assert_int_eq(put(s, 2, len[2]), 0);
	ck_assert_uint_eq(count(s).kept, 7);
	store_close(s);
}
END_TEST

START_TEST(sizes)
{
	struct store *s = open_sized(64 * MIB);
	struct oid with = blob(1, 1234), without = blob(2, 5678);
	uint64_t size = 0;

	ck_assert(!store_size(s, &with, &size));
	ck_assert_int_eq(put(s, 1, 1234), 0);
	ck_assert_int_eq(store_put_size(s, &without, 5678), 0);
	ck_assert(store_size(s, &with, &size));
	ck_assert_uint_eq(size, 1234);
	ck_assert(store_size(s, &without, &size));
	ck_assert_uint_eq(size, 5678);
	ck_assert(!fetch(s, &without, OBJ_BLOB));
	ck_assert_int_eq(store_put_size(s, &with, 1234), 0);
	ck_assert_int_eq(store_put_size(s, &without, 5678), 0);
	ck_assert_uint_eq(count(s).kept, 2);
	ck_assert_int_eq(put(s, 2, 5678), 0);
	ck_assert(fetch(s, &without, OBJ_BLOB));
	store_close(s);
}
END_TEST

START_TEST(reopened)
{
	struct store *s = open_sized(64 * MIB);
	uint64_t bytes;

	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(put(s, i, 1000 * i), 0);
	bytes = count(s).bytes;
	store_close(s);
	/* A smaller one that has room for it, and one that has less. */
	s = open_sized(16 * MIB);
	ck_assert_uint_eq(count(s).bytes, bytes);
	for (unsigned i = 0; i < 100; i++)
		ck_assert(get(s, i, 1000 * i));
	ck_assert_int_eq(put(s, 100, 10), 0);
	ck_assert(get(s, 100, 10));
	store_close(s);
	s = open_sized(MIB);
	ck_assert_uint_le(count(s).bytes, MIB);
	store_close(s);
}
END_TEST

/* One who does not want it for reasons of his own. */
START_TEST(not_taken)
{
	struct store *s = open_sized(MIB);
	struct taker t = { .job.ops = &taker_ops, .refuse = -ENOMEM };
	struct oid oid = blob(1, 100);

	ck_assert_int_eq(put(s, 1, 100), 0);
	ck_assert(!store_fetch(s, &oid, OBJ_BLOB, &t.job));
	ck_assert(get(s, 1, 100));
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

/* ---- the bound ---- */

START_TEST(bounded)
{
	enum { N = 4000, LEN = 1000 };
	struct store *s = open_sized(MIB);
	unsigned files, there = 0;

	for (unsigned i = 0; i < N; i++) {
		ck_assert_int_eq(put(s, i, LEN), 0);
		/* Read again and again; what else is read is young. */
		if (i >= 10)
			ck_assert(get(s, i % 10, LEN));
	}
	ck_assert_uint_le(count(s).bytes, MIB);
	ck_assert_uint_le(disk_use(&files), MIB);
	ck_assert_uint_le(files, 70);
	for (unsigned i = 0; i < N; i++)
		there += get(s, i, LEN);
	/* Nearly as many as there is room for, and the last ones. */
	ck_assert_uint_gt(there, MIB / (LEN + 64) * 9 / 10);
	for (unsigned i = N - 100; i < N; i++)
		ck_assert(get(s, i, LEN));
	ck_assert(!get(s, N / 2, LEN));
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

/* The same with files of their own. */
START_TEST(bounded_large)
{
	enum { N = 100, LEN = 50000 };
	struct store *s = open_sized(MIB);
	unsigned files;

	ck_assert_int_eq(put(s, N, MIB / 4 + 1), 0);
	ck_assert(!get(s, N, MIB / 4 + 1));
	for (unsigned i = 0; i < N; i++) {
		ck_assert_int_eq(put(s, i, LEN), 0);
		ck_assert(get(s, 0, LEN));
	}
	ck_assert(get(s, N - 1, LEN));
	ck_assert(!get(s, N / 2, LEN));
	ck_assert_uint_le(disk_use(&files), MIB);
	ck_assert_uint_gt(files, 15);
	store_close(s);
	/* One that others were appended to is not renamed with them. */
	s = open_sized(MIB);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_int_eq(put(s, 1000 + i, 100), 0);
	for (unsigned i = 0; i < 10; i++) {
		ck_assert_int_eq(put(s, 2000 + i, LEN), 0);
		ck_assert(get(s, N - 1, LEN));
		ck_assert(get(s, 1000, 100));
	}
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

/* More objects than the index has places nearby. */
START_TEST(crowded)
{
	struct store *s = open_sized(MIB);
	struct oid oid = { .len = OID_SHA1 };
	uint64_t size;

	for (int i = 0; i < 100; i++) {
		oid.id[7] = (uint8_t)i;
		ck_assert_int_eq(store_put_size(s, &oid, 1000 + i), 0);
	}
	for (int i = 0; i < 100; i++) {
		oid.id[7] = (uint8_t)i;
		if (store_size(s, &oid, &size))
			ck_assert_uint_eq(size, 1000 + i);
		else
			ck_assert_int_lt(i, 99);
	}
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

/* ---- threads ---- */

struct worker {
	pthread_t thread;
	struct store *store;
	unsigned first, got;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = w->first; i < w->first + 200; i++) {
		size_t len = i % 20 ? 500 : 30000;

		ck_assert_int_eq(put(w->store, i, len), 0);
		w->got += get(w->store, i, len);
		get(w->store, i - 50, (i - 50) % 20 ? 500 : 30000);
	}
	return NULL;
}

START_TEST(threads)
{
	struct store *s = open_sized(MIB);
	struct worker w[4];
	unsigned files;

	for (unsigned i = 0; i < 4; i++) {
		w[i] = (struct worker){ .store = s, .first = 100 + 100 * i };
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work,
						&w[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		ck_assert_uint_gt(w[i].got, 150);
	}
	ck_assert_uint_le(count(s).bytes, MIB);
	ck_assert_uint_le(disk_use(&files), MIB);
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

static void add_tests(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, round_trip);
	tcase_add_test(c, sizes);
	tcase_add_test(c, reopened);
	tcase_add_test(c, not_taken);
	tcase_add_test(c, bounded);
	tcase_add_test(c, bounded_large);
	tcase_add_test(c, crowded);
	tcase_add_test(c, threads);
}

int main(void)
{
	return suite_run("store", 60, add_tests, NULL);
}
