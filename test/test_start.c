/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* gitnfsd at its start and while nobody asks: how long until it is ready,
 * with a full store and a long journal; how much memory; and that it then
 * sleeps.  What is compared is CPU time, since other things may run. */
#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/state.h"
#include "common/cleanup.h"
#include "common/keyed.h"
#include "test/scratch.h"
#include "test/suite.h"

enum {
	ROOTS = 100000,
	SEGMENTS = 80,          /* of 128 MiB: the store's 10 GiB */
	USE_IDS = 1,            /* of the secret, as in fs.c */
	READY_MS = 50,
	LONG_MS = 250,          /* with ROOTS: a third of that when alone */
	IDLE_KIB = 20 << 10,
	TRIES = 5,
};

static char *dir, *gitnfsd;

static void setup(void)
{
	dir = scratch_dir();
}

static void teardown(void)
{
	free(dir);
}

static FILE *create(const char *name)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	ck_assert_msg(f != NULL, "%s", path);
	return f;
}

static void make_dir(const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

/* As root.c makes it: what was shown once is of this key's making. */
static uint64_t id_of(const struct keyed *ids, const char *name,
		      const char *location)
{
	char text[256];
	size_t n = strlen(name) + 1, m = strlen(location) + 1;

	memcpy(text, name, n);
	memcpy(text + n, location, m);
	return keyed_hash(ids, text, n + m);
}

static void make_journal(void)
{
	char state[512], why[STATE_WHY];
	struct state *s;
	struct keyed ids;
	FILE *f;

	snprintf(state, sizeof state, "%s/state", dir);
	ck_assert_msg(!state_open(&s, state, why), "%s", why);
	ids = keyed_derive(state_secret(s), USE_IDS);
	state_close(s);
	f = create("state/journal");
	for (unsigned i = 0; i < ROOTS; i++) {
		char name[64], location[64];
		unsigned long long id;

		snprintf(name, sizeof name, "mirror/%u/%u", i / 100, i);
		snprintf(location, sizeof location, "/srv/git/%u/%u.git",
			 i / 100, i);
		id = id_of(&ids, name, location);
		fprintf(f, "root %016llx %s %s -\n", id, name, location);
		fprintf(f, "move %016llx %040x %040x 1600000000.000000000 "
			"1700000000.%09u\n", id, i + 1, i + 2, i);
	}
	ck_assert_int_eq(fclose(f), 0);
}

static void make_store(void)
{
	make_dir("cache");
	make_dir("cache/store");
	fclose(create("cache/store/gitnfs-store"));
	for (unsigned i = 1; i <= SEGMENTS; i++) {
		char name[64];
		FILE *f;

		snprintf(name, sizeof name, "cache/store/%08x", i);
		f = create(name);
		ck_assert_int_eq(ftruncate(fileno(f), 128 << 20), 0);
		fclose(f);
	}
}

/* ---- the server ---- */

struct server {
	pid_t pid;
	int out;
};

static struct server start(void)
{
	char state[512], cache[512], line[128];
	struct server s;
	int out[2];
	ssize_t n;

	snprintf(state, sizeof state, "%s/state", dir);
	snprintf(cache, sizeof cache, "%s/cache", dir);
	ck_assert_int_eq(pipe(out), 0);
	s.pid = fork();
	if (!s.pid) {
		dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		execl(gitnfsd, gitnfsd, "--state-dir", state, "--cache-dir",
		      cache, "--listen", "127.0.0.1:0", "--log-level",
		      "error", (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	s.out = out[0];
	n = read(s.out, line, sizeof line - 1);
	ck_assert_int_gt(n, 0);
	line[n] = '\0';
	ck_assert_msg(!strncmp(line, "ready", 5), "%s", line);
	return s;
}

static void stop(struct server *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	close(s->out);
}

/* A number in /proc of a process or, with its id, a thread. */
static unsigned long long number_of(pid_t pid, const char *file,
				    const char *field)
{
	char path[64], line[256];
	unsigned long long n = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, field, strlen(field)))
			n = strtoull(line + strlen(field), NULL, 10);
	if (f)
		fclose(f);
	return n;
}

/* Of all its threads together. */
static unsigned long long sum(const struct server *s, const char *file,
			      const char *field)
{
	char path[64];
	unsigned long long total = 0;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/task", (int)s->pid);
	d = opendir(path);
	ck_assert(d != NULL);
	while ((e = readdir(d)))
		if (*e->d_name != '.')
			total += number_of(atoi(e->d_name), file, field);
	closedir(d);
	return total;
}

/* On the CPU, so far. */
static double cpu_ms(const struct server *s)
{
	return (double)sum(s, "schedstat", "") / 1e6;
}

static unsigned long long switches(const struct server *s)
{
	return sum(s, "status", "voluntary_ctxt_switches:");
}

static double best_start(void)
{
	double best = 1e9;

	for (int i = 0; i < TRIES; i++) {
		struct server s = start();
		double ms = cpu_ms(&s);

		if (ms < best)
			best = ms;
		stop(&s);
	}
	return best;
}

START_TEST(ready_at_once)
{
	double ms;

	make_store();
	ms = best_start();
	ck_assert_msg(ms < READY_MS, "took %.1f ms", ms);
}
END_TEST

START_TEST(ready_at_once_with_a_long_journal)
{
	double ms;

	make_store();
	make_journal();
	ms = best_start();
	fprintf(stderr, "%d roots: ready after %.1f ms of CPU\n", ROOTS, ms);
	ck_assert_msg(ms < LONG_MS, "took %.1f ms", ms);
}
END_TEST

/* With nobody there, nothing wakes up. */
START_TEST(idle)
{
	struct server s = start();
	unsigned long long before, after = 0, kib;

	/* The start may take a while to come to rest. */
	for (int i = 0; i < 60; i++) {
		before = switches(&s);
		sleep(1);
		after = switches(&s);
		if (after == before)
			break;
	}
	ck_assert_uint_eq(after, before);
	kib = number_of(s.pid, "status", "VmRSS:");
	ck_assert_uint_gt(kib, 0);
	ck_assert_msg(kib < IDLE_KIB, "%llu KiB resident", kib);
	stop(&s);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, ready_at_once);
	tcase_add_test(c, ready_at_once_with_a_long_journal);
	tcase_add_test(c, idle);
}

int main(void)
{
	int status;

#ifdef SANITIZED
	return suite_skip("a sanitizer takes its own time and memory");
#endif
	gitnfsd = realpath("gitnfsd", NULL);
	if (!gitnfsd)
		return suite_skip("there is no gitnfsd here");
	status = suite_run("start", 120, add, NULL);
	free(gitnfsd);
	return status;
}
