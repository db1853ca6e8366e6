/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Levels above repositories: many who ask for one at once, and what ten
 * thousand of them cost. */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/cleanup.h"
#include "test/levels.h"
#include "test/must.h"

enum {
	CLIENTS = 8,
	MANY = 10000,           /* repositories, with time */
	SOME = 600,             /* without */
	DESCRIPTORS = 1024,     /* more are not looked for */
};

/* ---- all at once ---- */

struct client {
	pthread_t thread;
	pthread_barrier_t *start;
	struct fh level;
	const char *name;
	struct fh got;
	uint64_t fileid;
	uint32_t status;
};

static void *client(void *arg)
{
	struct client *c = arg;
	CLEANUP_RAW struct raw own;
	struct fattr a;

	raw_open(&own, h.port);
	pthread_barrier_wait(c->start);
	c->status = call_find(&own, &c->level, c->name, &c->got, &a);
	c->fileid = c->status ? 0 : a.fileid;
	return NULL;
}

/* All look up names of one directory, which nobody has looked up before. */
static void at_once(struct client all[CLIENTS], const char *level,
		    const char *const name[CLIENTS])
{
	struct seen in = see(level);
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, CLIENTS);
	for (int i = 0; i < CLIENTS; i++) {
		all[i] = (struct client){
			.start = &start,
			.level = in.fh,
			.name = name[i],
		};
		must(!pthread_create(&all[i].thread, NULL, client, &all[i]));
	}
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(all[i].thread, NULL);
	pthread_barrier_destroy(&start);
}

START_TEST(many_make_one)
{
	enum { ROUNDS = 40 };
	struct client all[CLIENTS];
	char name[32], path[64];

	make_numbered(0, ROUNDS);
	see("team/ann");
	for (unsigned i = 0; i < ROUNDS; i++) {
		const char *names[CLIENTS];
		uint64_t n = sources(), asked = count(KIND_ROOT).misses;
		unsigned long lines = journal_lines();

		snprintf(name, sizeof name, "r%u", i);
		for (int j = 0; j < CLIENTS; j++)
			names[j] = name;
		at_once(all, "team/ann", names);
		for (int j = 0; j < CLIENTS; j++) {
			ck_assert_uint_eq(all[j].status, N3_OK);
			ck_assert(fh_eq(&all[j].got, &all[0].got));
		}
		ck_assert_uint_eq(sources(), n + 1);
		/* Asked once; written down once. */
		ck_assert_uint_eq(count(KIND_ROOT).misses, asked + 1);
		ck_assert_uint_eq(journal_lines(), lines + 2);

		snprintf(name, sizeof name, "o%u", i);
		asked = count(KIND_LEVEL).misses;
		at_once(all, "team", names);
		for (int j = 0; j < CLIENTS; j++) {
			ck_assert_uint_eq(all[j].status, N3_OK);
			ck_assert(fh_eq(&all[j].got, &all[0].got));
		}
		ck_assert_uint_eq(count(KIND_LEVEL).misses, asked + 1);
		ck_assert_uint_eq(journal_lines(), lines + 3);
		snprintf(path, sizeof path, "team/%s", name);
		ck_assert_str_eq(listing(path), "");
	}
}
END_TEST

/* By different refs, and some that are not there: still one source. */
START_TEST(many_refs_make_one)
{
	enum { ROUNDS = 20 };
	struct client all[CLIENTS];

	make_numbered(0, ROUNDS);
	see("team/ann");
	for (unsigned i = 0; i < ROUNDS; i++) {
		static const char *const ref[CLIENTS] = {
			"", "@main", "@v1", "@dev%2Fnew", "@@", "@none",
			"@HEAD", "@main",
		};
		char name[CLIENTS][32];
		const char *names[CLIENTS];
		uint64_t n = sources();

		for (int j = 0; j < CLIENTS; j++) {
			snprintf(name[j], sizeof name[j], "r%u%s", i, ref[j]);
			names[j] = name[j];
		}
		at_once(all, "team/ann", names);
		for (int j = 0; j < CLIENTS; j++)
			ck_assert_msg(all[j].status ==
				      (j == 5 ? N3_NOENT : N3_OK), "%s: %u",
				      names[j], all[j].status);
		ck_assert(fh_eq(&all[1].got, &all[7].got));
		ck_assert_uint_eq(sources(), n + 1);
	}
	listing_agrees("team/ann");
}
END_TEST

/* ---- very many ---- */

static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < DESCRIPTORS; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The usual time of a LOOKUP of one of the first 'n', which all have been
 * looked up before, in microseconds. */
static double lookup_us(const struct fh *level, unsigned n)
{
	enum { SAMPLES = 2000 };
	static double t[SAMPLES];
	char name[32];

	for (unsigned i = 0; i < SAMPLES; i++) {
		snprintf(name, sizeof name, "r%u", i * 7919 % n);
		t[i] = now_us();
		must(call_find(&conn, level, name, NULL, NULL) == N3_OK);
		t[i] = now_us() - t[i];
	}
	qsort(t, SAMPLES, sizeof *t, by_value);
	return t[SAMPLES / 2];
}

START_TEST(very_many)
{
	enum { FEW = 100 };
	unsigned n = harness_slow() ? MANY : SOME, fds;
	struct source all = { .name = "many" };
	CLEANUP_FREE char *pattern = path_of("%s/%s/{repo}", "many");
	CLEANUP_FREE struct fh *fh = calloc(n, sizeof *fh);
	double few_us = 0, many_us, use_us;
	clock_t start;
	struct seen level;
	uint64_t memory;
	char name[64];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof name, "many/r%u", i);
		make_repo(name);
	}
	all.pattern = pattern;
	h.source = &all;
	h.nsource = 1;
	/* No ref is looked at twice while the clock is watched. */
	h.ref_ttl = 3600000;
	restart();
	level = see("many");
	memory = harness_memory();
	fds = descriptors();
	use_us = now_us();
	for (unsigned i = 0; i < n; i++) {
		struct fh file;

		if (i == FEW)
			few_us = lookup_us(&level.fh, FEW);
		snprintf(name, sizeof name, "r%u", i);
		must(call_find(&conn, &level.fh, name, &fh[i], NULL) == N3_OK);
		must(call_find(&conn, &fh[i], "file", &file, NULL) == N3_OK);
	}
	use_us = now_us() - use_us;
	/* Other programs run, too. */
	for (int i = 0; !i || (i < 10 && many_us >= 3 * few_us + 20); i++)
		many_us = lookup_us(&level.fh, n);
	memory = harness_memory() - memory;
	fds = descriptors() - fds;
	ck_assert_uint_eq(sources(), n);

	raw_close(&conn);
	harness_halt(&h);
	start = clock();        /* CPU time: other programs run, too */
	harness_resume(&h);
	start = clock() - start;
	connect_();
	ck_assert_uint_eq(sources(), n);
	for (unsigned i = 0; i < n; i += n / 100) {
		struct fh again;

		snprintf(name, sizeof name, "r%u", i);
		must(getattr(&fh[i], NULL) == N3_OK);
		must(call_find(&conn, &level.fh, name, &again, NULL) == N3_OK);
		must(fh_eq(&again, &fh[i]));
	}
	printf("%u repositories: %.0f us for the first use of one; LOOKUP %.1f "
	       "us with %d of them, %.1f us with all; %" PRIu64 " KiB and %u "
	       "descriptors more; %.1f ms of CPU to start again\n", n,
	       use_us / n, few_us, FEW, many_us, memory >> 10, fds,
	       1e3 * (double)start / CLOCKS_PER_SEC);
	fflush(stdout);
	ck_assert_uint_lt(memory, 16 * MEBI + n * 4096ull);
	ck_assert_uint_lt(fds, 200);
	ck_assert(many_us < 3 * few_us + 20);
	if (harness_memory())   /* without a sanitizer */
		ck_assert(start < CLOCKS_PER_SEC / 10);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, many_make_one);
	tcase_add_test(c, many_refs_make_one);
	tcase_add_test(c, very_many);
}

int main(void)
{
	return harness_main("levels_many", 300, add, NULL);
}
