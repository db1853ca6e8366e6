/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What is fetched ahead of who reads file after file. */
#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "common/cleanup.h"
#include "test/ahead.h"
#include "test/must.h"
#include "test/scratch.h"
#include "test/suite.h"

/* As in prefetch.c. */
enum { READS = 4, CHUNK = 8 };

/* ---- reading file after file ---- */

enum { FILES = 60 };
static struct oid in[FILES];

START_TEST(few_reads_lead_to_nothing)
{
	show(directory(0, NULL, FILES, 100, in));
	begin();
	read_files("a", 0, READS - 1);
	ck_assert_uint_eq(quiet().jobs, 0);
	ck_assert_uint_eq(fetched(FILES, in), READS - 1);
}
END_TEST

START_TEST(the_rest_of_the_directory_is_fetched_ahead)
{
	struct fs_stats s;

	show(directory(0, NULL, FILES, 100, in));
	begin();
	read_files("a", 0, READS);
	ck_assert_uint_eq(fetched(READS + CHUNK, in), READS + CHUNK);
	ck_assert_uint_eq(fetched(FILES, in), READS + CHUNK);
	/* The reader gets there, and the next chunk is twice as long. */
	read_files("a", READS, READS + 1);
	ck_assert_uint_eq(fetched(FILES, in), READS + 3 * CHUNK);
	read_files("a", READS + 1, FILES);
	s = quiet();
	ck_assert_uint_eq(fetched(FILES, in), FILES);
	ck_assert_uint_eq(s.kind[BLOBS].misses, READS);
	ck_assert_uint_eq(s.kind[BLOBS].ahead, FILES - READS);
	ck_assert_uint_eq(s.kind[BLOBS].used, FILES - READS);
	ck_assert_uint_eq(s.kind[BLOBS].wasted, 0);
	ck_assert_uint_eq(s.kind[BLOBS].waiting, 0);
	ck_assert_uint_eq(s.kind[BLOBS].waiting_bytes, 0);
}
END_TEST

START_TEST(no_more_bytes_than_a_share_of_the_memory)
{
	struct fs_stats s;

	memory = 4 << 20;               /* a chunk is 64 KiB */
	show(directory(0, NULL, FILES, 15 << 10, in));
	begin();
	read_files("a", 0, READS);
	ck_assert_uint_eq(fetched(FILES, in), READS + 4);
	for (unsigned i = READS; i < FILES; i++) {
		read_files("a", i, i + 1);
		s = quiet();
		must(s.kind[BLOBS].waiting_bytes <= 2 * (64 << 10) + 1024);
	}
	ck_assert_uint_eq(s.kind[BLOBS].wasted, 0);
	ck_assert_uint_eq(fetched(FILES, in), FILES);
}
END_TEST

START_TEST(a_large_file_is_left_to_who_wants_it)
{
	memory = 4 << 20;
	show(directory(0, NULL, FILES, 100 << 10, in));
	begin();
	read_files("a", 0, READS + 2);
	ck_assert_uint_eq(fetched(FILES, in), READS + 2);
}
END_TEST

/* Read again, when all of it has been evicted. */
START_TEST(reading_that_begins_again)
{
	struct oid other[FILES], d[2];
	struct fs_stats s;
	uint64_t misses;

	memory = 1 << 20;               /* a chunk is 16 KiB */
	d[0] = directory(0, NULL, FILES, 2 << 10, in);
	d[1] = directory(0, NULL, FILES, 15 << 10, other);
	show(directory(2, d, 0, 0, NULL));
	begin();
	read_files("a/d000", 0, FILES);
	read_files("a/d001", 0, FILES);
	read_files("a/d001", 0, FILES);
	s = quiet();
	misses = s.kind[BLOBS].misses;
	read_files("a/d000", 0, FILES);
	s = quiet();
	ck_assert_uint_ge(s.kind[BLOBS].misses, misses + READS);
	ck_assert_uint_le(s.kind[BLOBS].misses, misses + FILES / 3);
}
END_TEST

/* ---- directory after directory ---- */

START_TEST(when_siblings_are_read_the_next_ones_are)
{
	struct oid leaf[2][10], b[4][10], d[4], below[2];
	struct fs_stats s;
	uint64_t misses;

	below[0] = directory(0, NULL, 10, 100, leaf[0]);
	below[1] = directory(0, NULL, 10, 100, leaf[1]);
	for (int i = 0; i < 4; i++)
		d[i] = directory(i == 2 ? 2 : 0, below, 10, 100, b[i]);
	show(directory(4, d, 1, 10, NULL));
	begin();
	list("a");
	list("a/d000");
	read_files("a/d000", 0, 10);
	list("a/d001");
	quiet();
	ck_assert_uint_eq(fetched(10, b[1]), 0);        /* one is no habit */
	read_files("a/d001", 0, 10);
	misses = quiet().kind[BLOBS].misses;
	ck_assert_uint_eq(misses, 2 * READS);

	list("a/d002");
	quiet();
	ck_assert_uint_eq(fetched(10, b[2]), CHUNK);
	ck_assert_uint_eq(fetched(10, leaf[0]), 0);
	read_files("a/d002", 0, 10);
	list("a/d002/d001");
	quiet();
	ck_assert_uint_eq(fetched(10, leaf[1]), CHUNK);
	read_files("a/d002/d001", 0, 10);
	s = quiet();
	ck_assert_uint_eq(s.kind[BLOBS].misses, misses);
	ck_assert_uint_eq(s.kind[BLOBS].waiting, 0);
	ck_assert_uint_eq(fetched(10, b[3]), 0);        /* not listed yet */
}
END_TEST

/* ---- far sources ---- */

START_TEST(many_in_one_round_trip)
{
	unsigned had;

	family();
	fake_far(fake);
	begin();
	CLEANUP_NODE struct node n = at("a");
	struct asker a = asker_new();
	unsigned count;

	had = fake_jobs(fake);
	ck_assert_int_eq(try_list(&a, &n, false, &count), 0);
	quiet();
	ck_assert_uint_eq(fetched(DIRS, child), DIRS);
	/* The tree itself, if LOOKUP has not had it; and all the others. */
	ck_assert_uint_le(fake_jobs(fake), had + 2);
}
END_TEST

/* Its host has more to do than that. */
START_TEST(a_quarter_of_the_jobs_at_a_time)
{
	struct oid low[DIRS], high[DIRS];

	for (unsigned i = 0; i < DIRS; i++) {
		low[i] = directory(0, NULL, 1, 10, NULL);
		high[i] = directory(1, &low[i], 1, 10, NULL);
	}
	show(directory(DIRS, high, 0, 0, NULL));
	for (unsigned i = 0; i < DIRS / 2; i++)
		fake_hold(fake, &low[i]);
	fake_far(fake);
	begin();
	for (unsigned i = 0; i < DIRS / 2; i++) {
		CLEANUP_FREE char *path = NULL;

		ck_assert_int_gt(asprintf(&path, "a/d%03u", i), 0);
		list(path);
	}
	fake_wait_held(fake, JOBS / 4);
	list("a/d019/d000");
	ck_assert_uint_eq(fetched(DIRS / 2, low), JOBS / 4);
	for (unsigned i = 0; i < DIRS / 2; i++)
		fake_release(fake, &low[i]);
	quiet();
	ck_assert_uint_eq(fetched(DIRS / 2, low), DIRS / 2);
}
END_TEST

START_TEST(one_of_many_may_fail)
{
	struct fs_stats s;

	family();
	fake_far(fake);
	fake_fail(fake, &child[3], -EIO, 1);
	begin();
	list("a");
	s = quiet();
	ck_assert_uint_eq(s.kind[TREES].failed, 1);
	ck_assert_uint_eq(s.kind[TREES].waiting, DIRS - 1);
	list("a/d003");
	ck_assert_uint_eq(fake_fetches(fake, &child[3]), 2);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, setup, scene_end);
	tcase_add_test(c, few_reads_lead_to_nothing);
	tcase_add_test(c, the_rest_of_the_directory_is_fetched_ahead);
	tcase_add_test(c, no_more_bytes_than_a_share_of_the_memory);
	tcase_add_test(c, a_large_file_is_left_to_who_wants_it);
	tcase_add_test(c, reading_that_begins_again);
	tcase_add_test(c, when_siblings_are_read_the_next_ones_are);
	tcase_add_test(c, many_in_one_round_trip);
	tcase_add_test(c, a_quarter_of_the_jobs_at_a_time);
	tcase_add_test(c, one_of_many_may_fail);
}

int main(void)
{
	return suite_run("prefetch_reading", 60, add, NULL);
}
