/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What is fetched after a listing, before anybody asks for it, and what is
 * not. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "test/ahead.h"
#include "test/must.h"
#include "test/scratch.h"
#include "test/suite.h"

/* As in prefetch.c. */
enum { QUEUE = 256, WINDOW_MS = 10000 };

/* ---- after a listing ---- */

START_TEST(listing_warms_the_child_directories)
{
	struct fs_stats s;
	unsigned had;

	family();
	begin();
	ck_assert_uint_eq(list("a"), DIRS + 3);
	s = quiet();
	ck_assert_uint_eq(fetched(DIRS, child), DIRS);
	ck_assert_uint_eq(s.kind[TREES].ahead, DIRS);
	ck_assert_uint_eq(s.kind[TREES].waiting, DIRS);
	ck_assert_uint_eq(s.kind[TREES].used, 0);
	ck_assert_uint_eq(s.kind[TREES].failed, 0);
	ck_assert_uint_gt(s.kind[TREES].waiting_bytes, 0);

	/* Whoever goes there asks nobody. */
	had = fake_jobs(fake);
	ck_assert_uint_eq(list("a/d007"), 1 + 8);
	s = quiet();
	ck_assert_uint_eq(s.kind[TREES].used, 1);
	ck_assert_uint_gt(s.kind[TREES].used_bytes, 0);
	ck_assert_uint_eq(fake_fetches(fake, &child[7]), 1);
	ck_assert_uint_eq(fake_jobs(fake), had + 1);    /* its own child's */
}
END_TEST

START_TEST(listing_again_asks_for_nothing)
{
	struct fs_stats s;
	uint64_t before;

	family();
	begin();
	list("a");
	before = quiet().jobs;
	list("a");
	s = quiet();
	ck_assert_uint_eq(s.jobs, before);
	ck_assert_uint_eq(s.dropped, 0);
}
END_TEST

START_TEST(one_level_and_no_further)
{
	family();
	begin();
	list("a");
	quiet();
	ck_assert_uint_eq(fake_fetches(fake, &grandchild), 0);
	list("a/d000");
	quiet();
	ck_assert_uint_eq(fake_fetches(fake, &grandchild), 1);
	list("a/d001");
	quiet();
	ck_assert_uint_eq(fake_fetches(fake, &grandchild), 1);
}
END_TEST

/* Not by LOOKUP, READ or GETATTR. */
START_TEST(only_a_listing_does_it)
{
	struct fs_stats s;

	family();
	begin();
	read_at("a/d000/f000");
	s = quiet();
	ck_assert_uint_eq(s.jobs, 0);
	ck_assert_uint_eq(fetched(DIRS - 1, child + 1), 0);
}
END_TEST

START_TEST(sizes_of_near_trees_come_along)
{
	struct fs_stats s;
	struct attr attr;

	family();
	begin();
	list("a");
	s = quiet();
	ck_assert_uint_eq(s.kind[SIZES].ahead, DIRS);
	CLEANUP_NODE struct node n = at("a/d003/f002");

	ck_assert_int_eq(fs_getattr(&n, NULL, &attr), 0);
	ck_assert_uint_eq(attr.size, 10);
}
END_TEST

START_TEST(so_many_at_a_time)
{
	struct fs_stats s;

	jobs = _i;
	family();
	for (unsigned i = 0; i < DIRS; i++)
		fake_hold(fake, &child[i]);
	begin();
	list("a");
	fake_wait_held(fake, jobs);
	fs_stats(fs, &s);
	ck_assert_uint_eq(s.running, jobs);
	ck_assert_uint_eq(s.queued, 1);
	ck_assert_uint_eq(fetched(DIRS, child), jobs);
	for (unsigned i = 0; i < DIRS; i++)
		fake_release(fake, &child[i]);
	quiet();
	ck_assert_uint_eq(fetched(DIRS, child), DIRS);
}
END_TEST

START_TEST(none_when_off)
{
	struct fs_stats s;

	jobs = 0;
	family();
	begin();
	list("a");
	read_files("a/d019", 0, 10);
	fs_stats(fs, &s);
	ck_assert_uint_eq(s.jobs + s.running + s.queued + s.dropped, 0);
	ck_assert_uint_eq(fetched(DIRS, child), 1);
}
END_TEST

/* ---- who gets there first ---- */

static void *list_d000(void *arg)
{
	(void)arg;
	list("a/d000");
	return NULL;
}

static uint64_t joined(int kind)
{
	struct fs_stats s;

	fs_stats(fs, &s);
	return s.kind[kind].joined;
}

static void wait_joined(int kind, uint64_t n)
{
	for (int i = 0; joined(kind) < n; i++) {
		must(i < WAIT_S * 5000);
		pause_();
	}
}

START_TEST(clients_join_what_is_under_way)
{
	enum { CLIENTS = 5 };
	pthread_t client[CLIENTS];
	struct fs_stats s;

	family();
	fake_hold(fake, &child[0]);
	begin();
	list("a");
	fake_wait_held(fake, 1);
	for (int i = 0; i < CLIENTS; i++)
		must(!pthread_create(&client[i], NULL, list_d000, NULL));
	wait_joined(TREES, CLIENTS);
	fake_release(fake, &child[0]);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(client[i], NULL);
	s = quiet();
	ck_assert_uint_eq(fake_fetches(fake, &child[0]), 1);
	ck_assert_uint_eq(s.kind[TREES].used, 1);
	ck_assert_uint_gt(s.kind[TREES].used_bytes, 0);
}
END_TEST

/* All threads and jobs of it hang; clients do not. */
START_TEST(clients_are_not_kept_waiting)
{
	family();
	for (unsigned i = 0; i < JOBS; i++)
		fake_hold(fake, &child[i]);
	begin();
	list("a");
	fake_wait_held(fake, JOBS);
	for (unsigned i = JOBS; i < DIRS; i++) {
		CLEANUP_FREE char *path = NULL;

		ck_assert_int_gt(asprintf(&path, "a/d%03u/f000", i), 0);
		read_at(path);
	}
	for (unsigned i = 0; i < JOBS; i++)
		fake_release(fake, &child[i]);
	quiet();
	/* What they had is not fetched again. */
	ck_assert_uint_eq(fetched(DIRS, child), DIRS);
}
END_TEST

/* ---- failures ---- */

START_TEST(failures_are_silent)
{
	struct fs_stats s;

	family();
	fake_fail(fake, &child[0], -EIO, 1);
	begin();
	ck_assert_uint_eq(list("a"), DIRS + 3);
	s = quiet();
	ck_assert_uint_eq(s.kind[TREES].failed, 1);
	ck_assert_uint_eq(s.kind[TREES].waiting, DIRS - 1);
	ck_assert_uint_eq(fake_fetches(fake, &child[0]), 1);
	/* Nor is it remembered: no time has passed. */
	ck_assert_uint_eq(list("a/d000"), 2);
	ck_assert_uint_eq(fake_fetches(fake, &child[0]), 2);
}
END_TEST

START_TEST(who_has_joined_a_failure_asks_again_once_for_all)
{
	enum { CLIENTS = 5 };
	pthread_t client[CLIENTS];

	family();
	fake_hold(fake, &child[0]);
	fake_fail(fake, &child[0], -ETIMEDOUT, 1);
	begin();
	list("a");
	fake_wait_held(fake, 1);
	for (int i = 0; i < CLIENTS; i++)
		must(!pthread_create(&client[i], NULL, list_d000, NULL));
	wait_joined(TREES, CLIENTS);
	fake_release(fake, &child[0]);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(client[i], NULL);
	quiet();
	ck_assert_uint_eq(fake_fetches(fake, &child[0]), 2);
}
END_TEST

START_TEST(source_that_is_down)
{
	struct fs_stats s;

	family();
	begin();
	CLEANUP_NODE struct node n = at("a");
	struct asker a = asker_new();
	unsigned count;

	ck_assert_int_eq(try_list(&a, &n, false, &count), 0);
	quiet();
	node_clear(&n);
	fake_down(fake, -EHOSTUNREACH);
	n = at("a/d000");
	ck_assert_int_eq(try_list(&a, &n, false, &count), 0);
	s = quiet();
	ck_assert_uint_eq(s.kind[TREES].failed, 1);
	fake_down(fake, 0);
	list("a/d000/d000");
}
END_TEST

/* ---- bounds ---- */

START_TEST(full_queue_drops)
{
	enum { MANY = QUEUE + 44 };
	struct oid *many = calloc(MANY, sizeof *many), held, *leaf;
	struct fs_stats s;

	leaf = calloc(MANY, sizeof *leaf);
	for (unsigned i = 0; i < MANY; i++) {
		leaf[i] = directory(0, NULL, 1, 10, NULL);
		many[i] = directory(1, &leaf[i], 0, 0, NULL);
	}
	held = directory(0, NULL, 2, 10, NULL);
	many[0] = directory(1, &held, 0, 0, NULL);
	show(directory(MANY, many, 0, 0, NULL));
	fake_hold(fake, &held);
	jobs = 1;
	begin();
	list("a/d000");
	fake_wait_held(fake, 1);
	for (unsigned i = 1; i < MANY; i++) {
		CLEANUP_FREE char *path = NULL;

		ck_assert_int_gt(asprintf(&path, "a/d%03u", i), 0);
		ck_assert_uint_eq(list(path), 1);
	}
	fs_stats(fs, &s);
	ck_assert_uint_eq(s.queued, QUEUE);
	ck_assert_uint_eq(s.dropped, MANY - 1 - QUEUE);
	fake_release(fake, &held);
	quiet();
	ck_assert_uint_eq(fetched(MANY, leaf), QUEUE);
	free(many);
	free(leaf);
}
END_TEST

static atomic_bool freed;

static void *free_it(void *arg)
{
	(void)arg;
	fs_free(fs);
	atomic_store(&freed, true);
	return NULL;
}

START_TEST(stops_without_what_is_queued)
{
	enum { MANY = 1000 };
	struct oid *many = calloc(MANY, sizeof *many);
	pthread_t t;

	for (unsigned i = 0; i < MANY; i++)
		many[i] = directory(0, NULL, 1, 10, NULL);
	show(directory(MANY, many, 0, 0, NULL));
	for (unsigned i = 0; i < MANY; i++)
		fake_hold(fake, &many[i]);
	jobs = 1;
	begin();
	list("a");
	fake_wait_held(fake, 1);
	atomic_store(&freed, false);
	must(!pthread_create(&t, NULL, free_it, NULL));
	/* One at a time, as they come to be waited for, until no more do. */
	for (unsigned i = 0; !atomic_load(&freed);) {
		if (i < MANY && fake_fetches(fake, &many[i]))
			fake_release(fake, &many[i++]);
		pause_();
	}
	pthread_join(t, NULL);
	fs = NULL;
	ck_assert_uint_lt(fetched(MANY, many), MANY);
	free(many);
}
END_TEST

/* Each directory lists many that nobody wants, in hardly any memory. */
START_TEST(useless_prefetch_pauses)
{
	enum { PARENTS = 60, EACH = 20 };
	struct oid parent[PARENTS], one[EACH];
	struct fs_stats s;
	uint64_t throttled;

	for (unsigned i = 0; i < PARENTS; i++) {
		for (unsigned j = 0; j < EACH; j++)
			one[j] = directory(0, NULL, 30, 0, NULL);
		parent[i] = directory(EACH, one, 0, 0, NULL);
	}
	show(directory(PARENTS, parent, 0, 0, NULL));
	memory = 256 << 10;
	begin();
	for (unsigned i = 0; i < PARENTS; i++) {
		CLEANUP_FREE char *path = NULL;

		ck_assert_int_gt(asprintf(&path, "a/d%03u", i), 0);
		ck_assert_uint_eq(list(path), EACH);
		s = quiet();
		/* Unwanted, it has an eighth of the memory. */
		must(s.kind[TREES].waiting_bytes + s.kind[SIZES].waiting_bytes
		     <= memory / 8);
	}
	ck_assert_uint_gt(s.throttled, 0);
	ck_assert_uint_gt(s.kind[TREES].wasted, 0);
	ck_assert_uint_lt(s.kind[TREES].ahead, PARENTS * EACH / 2);
	ck_assert_uint_eq(s.kind[TREES].ahead, s.kind[TREES].used +
			  s.kind[TREES].wasted + s.kind[TREES].waiting);
	/* After a while it is tried again. */
	throttled = s.throttled;
	clock_advance(WINDOW_MS);
	list("a/d000/d000");
	list("a");
	s = quiet();
	ck_assert_uint_ge(s.throttled, throttled);
	list("a/d000");
	ck_assert_uint_eq(quiet().throttled, s.throttled);
}
END_TEST

/* ---- everything at once ---- */

enum { STRESS = 4, ROUNDS = 150 };

static void *stress(void *arg)
{
	struct asker a = asker_new();
	unsigned seed = *(unsigned *)arg;

	for (int i = 0; i < ROUNDS; i++) {
		CLEANUP_NODE struct node n = { 0 };
		unsigned at_ = (unsigned)rand_r(&seed), count;
		char path[32];
		int r;

		sprintf(path, "a/d%03u/d%03u", at_ % 6, at_ / 6 % 6);
		r = try_walk(&a, path, &n);
		if (!r)
			r = try_list(&a, &n, at_ & 1, &count);
		for (unsigned j = 0; !r && j < 12; j++) {
			CLEANUP_NODE struct node f = { 0 };

			sprintf(path, "f%03u", j);
			r = ASK_BY(&a, fs_lookup(&n, path, 4, &a.w, &f));
			if (!r)
				r = try_read(&a, &f);
		}
		must(!r || r == -EIO || r == -ENOENT || r == -ESTALE);
		if (at_ % 7 == 0)
			fake_fail_nth(fake, 1 + at_ % 3, -EIO);
		if (at_ % 31 == 0)
			clock_advance(600);
	}
	return NULL;
}

START_TEST(clients_failures_moves_and_hardly_any_memory)
{
	struct oid low[6], high[2][6];
	pthread_t t[STRESS];
	unsigned seed[STRESS];
	struct fs_stats s;

	for (int v = 0; v < 2; v++) {
		for (unsigned i = 0; i < 6; i++) {
			for (unsigned j = 0; j < 6; j++)
				low[j] = directory(0, NULL, 12, 700, NULL);
			high[v][i] = directory(6, low, 2, 700, NULL);
		}
	}
	struct oid root[2] = {
		directory(6, high[0], 1, 10, NULL),
		directory(6, high[1], 1, 10, NULL),
	};

	show(root[0]);
	memory = 192 << 10;
	begin();
	for (unsigned i = 0; i < STRESS; i++) {
		seed[i] = i + 1;
		must(!pthread_create(&t[i], NULL, stress, &seed[i]));
	}
	for (unsigned i = 0; i < 20; i++) {
		show(root[i % 2]);
		clock_advance(1000);
		fs_stats(fs, &s);
		pause_();
	}
	for (unsigned i = 0; i < STRESS; i++)
		pthread_join(t[i], NULL);
	fake_fail_nth(fake, 0, 0);
	s = quiet();
	ck_assert_uint_gt(s.jobs, 0);
	ck_assert_uint_gt(s.kind[BLOBS].evicted, 0);
	/* What was held to the last is over the budget until something else
	 * comes. */
	ck_assert_uint_le(s.bytes, memory + (32 << 10));
	for (int k = 0; k < FS_KINDS; k++)
		ck_assert_uint_ge(s.kind[k].ahead, s.kind[k].used +
				  s.kind[k].wasted + s.kind[k].waiting);
	/* And nothing of it lasts. */
	clock_advance(WINDOW_MS);
	list("a/d003/d002");
	read_files("a/d003/d002", 0, 12);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, setup, scene_end);
	tcase_add_test(c, listing_warms_the_child_directories);
	tcase_add_test(c, listing_again_asks_for_nothing);
	tcase_add_test(c, one_level_and_no_further);
	tcase_add_test(c, only_a_listing_does_it);
	tcase_add_test(c, sizes_of_near_trees_come_along);
	tcase_add_loop_test(c, so_many_at_a_time, 1, 11);
	tcase_add_test(c, none_when_off);
	tcase_add_test(c, clients_join_what_is_under_way);
	tcase_add_test(c, clients_are_not_kept_waiting);
	tcase_add_test(c, failures_are_silent);
	tcase_add_test(c, who_has_joined_a_failure_asks_again_once_for_all);
	tcase_add_test(c, source_that_is_down);
	tcase_add_test(c, full_queue_drops);
	tcase_add_test(c, stops_without_what_is_queued);
	tcase_add_test(c, useless_prefetch_pauses);
	tcase_add_test(c, clients_failures_moves_and_hardly_any_memory);
}

int main(void)
{
	return suite_run("prefetch", 60, add, NULL);
}
