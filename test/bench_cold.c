/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* bench_cold - what reading a repository elsewhere costs that nothing is
 * known of, beside "git clone --depth 1".
 *
 * git http-backend behind nginx is the host, a proxy that delays is the way
 * to it, gitnfsd is run as people run it, and test/crawler.c is its client.
 * Ours and git's runs take turns.  From the environment:
 *
 *   REPOSITORY   a repository; default: one of 2,000 files, made here
 *   SUBTREE      the directory to grep; default: the one with the fewest
 *                files of those with at least 5,000, or a 16th of all
 *   ROUND_TRIPS  in ms, default "0 20 50"
 *   RUNS         of each, default 3: medians are shown
 *   READERS      files read at a time, when all are; default 4
 *   SIZES        0: the host does not tell sizes without contents, as most
 *                do not; default 1
 *   GITNFSD      default ./gitnfsd; OPTIONS: more arguments, one word
 *   JSON         a file to write the same numbers to
 */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/crawler.h"
#include "test/delay.h"
#include "test/githost.h"
#include "test/suite.h"

enum { RUNS_MAX = 15, TRIPS_MAX = 8, LINE = 4096 };

static struct {
	char *repository, *gitnfsd, *options, *json, *subtree, *file, *id;
	unsigned runs, readers, sizes, files, sub_files;
	unsigned trips, trip[TRIPS_MAX];
} set;

/* What a run took.  Of the host: requests, and bytes that came from it. */
struct took {
	double seconds;
	unsigned requests;
	unsigned refused;       /* connections to it, switched off */
	double mib;
	double cpu;             /* seconds: of gitnfsd, or of git */
};

/* ---- the server ---- */

static struct {
	pid_t pid;
	uint16_t port;
	FILE *out;
} server;

static void server_start(int host_port)
{
	char url[128], line[256], *colon;
	int p[2];

	snprintf(url, sizeof url, "r=http://127.0.0.1:%d/%s/r", host_port,
		 set.sizes ? "git" : "nosizes");
	ck_assert(!pipe(p));
	server.pid = fork();
	ck_assert_int_ge(server.pid, 0);
	if (!server.pid) {
		dup2(p[1], 1);
		close(p[0]);
		execl(set.gitnfsd, set.gitnfsd, "--listen", "127.0.0.1:0",
		      "--state-dir", "state", "--cache-dir", "cache",
		      "--log-level", "error", url,
		      *set.options ? set.options : (char *)NULL, NULL);
		_exit(127);
	}
	close(p[1]);
	server.out = fdopen(p[0], "r");
	ck_assert(server.out && fgets(line, sizeof line, server.out));
	colon = strrchr(line, ':');
	ck_assert_msg(colon && !strncmp(line, "ready", 5), "%s", line);
	server.port = (uint16_t)atoi(colon + 1);
}

/* It ends what is under way: that counts, too.  Returns its CPU time. */
static double server_stop(void)
{
	struct rusage u;
	int status;

	kill(server.pid, SIGTERM);
	ck_assert_int_eq(wait4(server.pid, &status, 0, &u), server.pid);
	ck_assert_int_eq(status, 0);
	fclose(server.out);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* ---- runs ---- */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void forget_all(void)
{
	shell("rm -rf state cache clone");
}

/* So that nobody looks into his own heap. */
static void look_into(void *arg, const char *path, const void *data,
		      size_t len)
{
	(void)arg;
	(void)path;
	if (len && memmem(data, len, "no such words", 13))
		puts(path);
}

static void expect(unsigned found, unsigned there)
{
	ck_assert_msg(found == there, "%u files instead of %u", found, there);
}

static void list_root(void)
{
	crawler_list(server.port, "r", true);
}

static void cat_one(void)
{
	char path[LINE];

	snprintf(path, sizeof path, "r/%s", set.file);
	crawler_file(server.port, path);
}

static void grep_subtree(void)
{
	char path[LINE];
	struct crawler c = { .port = server.port, .path = path, .readers = 1,
			     .each = look_into };

	snprintf(path, sizeof path, "r/%s", set.subtree);
	crawler_run(&c);
	expect(c.files + c.links, set.sub_files);
}

static void read_all(void)
{
	struct crawler c = { .port = server.port, .path = "r",
			     .readers = set.readers };

	crawler_run(&c);
	expect(c.files + c.links, set.files);
}

/* 'warm': from what an earlier run has left, with the host switched off. */
static struct took ours(struct delay *d, void (*work)(void), bool warm)
{
	struct delay_count before = delay_count(d);
	struct took t;
	double start;

	if (!warm)
		forget_all();
	delay_off(d, warm);
	githost_mark();
	server_start(delay_port(d));
	start = now();
	work();
	t.seconds = now() - start;
	t.cpu = server_stop();
	delay_off(d, false);
	t.requests = githost_count(".");
	t.refused = delay_count(d).refused - before.refused;
	t.mib = (double)(delay_count(d).down - before.down) / (1 << 20);
	return t;
}

static void clone(struct delay *d, const char *repo, const char *option)
{
	shell("git clone -q --depth 1 %s http://127.0.0.1:%d/git/%s clone",
	      option, delay_port(d), repo);
}

/* A shallow clone of 'cloned', or one that is there without its files, and
 * what is done with it. */
static struct took gits(struct delay *d, const char *cloned, const char *then)
{
	struct delay_count before;
	struct rusage a, b;
	struct took t;
	double start;

	forget_all();
	if (!cloned)
		clone(d, "r", "--no-checkout");
	before = delay_count(d);
	githost_mark();
	getrusage(RUSAGE_CHILDREN, &a);
	start = now();
	if (cloned)
		clone(d, cloned, "");
	shell("cd clone && %s", then);
	t.seconds = now() - start;
	getrusage(RUSAGE_CHILDREN, &b);
	t.cpu = (double)(b.ru_utime.tv_sec + b.ru_stime.tv_sec -
			 a.ru_utime.tv_sec - a.ru_stime.tv_sec) +
		(double)(b.ru_utime.tv_usec + b.ru_stime.tv_usec -
			 a.ru_utime.tv_usec - a.ru_stime.tv_usec) / 1e6;
	t.requests = githost_count(".");
	t.refused = 0;
	t.mib = (double)(delay_count(d).down - before.down) / (1 << 20);
	return t;
}

/* ---- medians ---- */

struct series {
	unsigned n;
	struct took took[RUNS_MAX];
};

static int compare(const void *a, const void *b)
{
	const struct took *x = a, *y = b;

	return (x->seconds > y->seconds) - (x->seconds < y->seconds);
}

static struct took median(struct series *s)
{
	qsort(s->took, s->n, sizeof *s->took, compare);
	return s->took[s->n / 2];
}

static FILE *json;
static bool first = true;

static void json_took(const char *name, const struct took *t)
{
	if (json && t)
		fprintf(json, ", \"%s\": { \"seconds\": %.4f, \"requests\": %u, "
			"\"refused\": %u, \"mib\": %.3f, \"cpu\": %.3f }",
			name, t->seconds, t->requests, t->refused, t->mib,
			t->cpu);
}

/* 'git' may be NULL. */
static void show(unsigned trip, const char *work, const struct took *our,
		 const struct took *git)
{
	printf("%4u ms  %-22s %8.3f s %5u %9.3f %7.2f", trip, work,
	       our->seconds, our->requests, our->mib, our->cpu);
	if (git)
		printf("  | %8.3f s %5u %9.3f %7.2f  | %5.2f", git->seconds,
		       git->requests, git->mib, git->cpu,
		       our->seconds / git->seconds);
	if (our->refused)
		printf("  | refused connections: %u", our->refused);
	putchar('\n');
	fflush(stdout);
	if (!json)
		return;
	fprintf(json, "%s\n    { \"round_trip_ms\": %u, \"work\": \"%s\"",
		first ? "" : ",", trip, work);
	first = false;
	json_took("gitnfs", our);
	json_took("git", git);
	fprintf(json, " }");
}

static void measure(unsigned trip, struct delay *d)
{
	struct series list = { 0 }, cat = { 0 }, grep = { 0 }, all = { 0 },
		      again = { 0 }, git_grep = { 0 }, git_all = { 0 },
		      checkout = { 0 };
	struct took a, b;
	char read_files[256];

	snprintf(read_files, sizeof read_files,
		 "find . -path ./.git -prune -o -type f -print0 | "
		 "xargs -0 -n 256 -P %u cat >/dev/null", set.readers);
	for (unsigned i = 0; i < set.runs; i++) {
		list.took[list.n++] = ours(d, list_root, false);
		cat.took[cat.n++] = ours(d, cat_one, false);
		grep.took[grep.n++] = ours(d, grep_subtree, false);
		git_grep.took[git_grep.n++] = gits(d, "sub",
			"! grep -rq --exclude-dir=.git 'no such words' .");
		all.took[all.n++] = ours(d, read_all, false);
		again.took[again.n++] = ours(d, read_all, true);
		git_all.took[git_all.n++] = gits(d, "r", read_files);
		checkout.took[checkout.n++] = gits(d, NULL,
						     "git checkout -q HEAD .");
	}
	a = median(&list);
	show(trip, "ls of the root", &a, NULL);
	a = median(&cat);
	show(trip, "cat of one file", &a, NULL);
	a = median(&grep);
	b = median(&git_grep);
	show(trip, "grep -r of a subtree", &a, &b);
	a = median(&all);
	b = median(&git_all);
	show(trip, "read all", &a, &b);
	a = median(&again);
	b = median(&checkout);
	show(trip, "again | git checkout", &a, &b);
}

/* ---- settings ---- */

static char *setting(const char *name, const char *otherwise)
{
	const char *v = getenv(name);
	char *ret = strdup(v && *v ? v : otherwise);

	assert(ret);
	return ret;
}

static char *line_of(char *text)
{
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static unsigned number_of(char *text)
{
	unsigned n = (unsigned)atoi(text);

	free(text);
	return n;
}

/* The host has it as "r", and its subtree as "sub". */
static void make_repositories(void)
{
	if (*set.repository)
		shell("git clone -q --bare '%s' repos/r && "
		      "git -C repos/r repack -adq", set.repository);
	else
		shell("sh \"$srcdir/test/crawlrepo.sh\" repos/r");
	set.files = number_of(output("git -C repos/r ls-tree -r HEAD | "
				     "grep -vc '^160000'"));
	if (!*set.subtree)
		set.subtree = line_of(output(
			"git -C repos/r ls-tree -r --name-only HEAD | "
			"awk -F/ -v least=%u '{ p = \"\"; "
			"for (i = 1; i < NF; i++) { p = p $i; n[p]++; "
			"p = p \"/\" } } END { for (p in n) "
			"if (n[p] >= least && (!best || n[p] < n[best])) "
			"best = p; print best }'",
			set.files > 10000 ? 5000 : set.files / 16));
	set.sub_files = number_of(output(
		"git -C repos/r ls-tree -r 'HEAD:%s' | grep -vc '^160000'",
		set.subtree));
	shell("commit=$(git -C repos/r commit-tree -m sub 'HEAD:%s') && "
	      "git init -q --bare repos/sub && "
	      "git -C repos/r push -q ../sub $commit:refs/heads/main && "
	      "git -C repos/sub symbolic-ref HEAD refs/heads/main && "
	      "git -C repos/sub repack -adq", set.subtree);
	shell("for r in r sub; do "
	      "git -C repos/$r config uploadpack.allowFilter true; done");
	set.file = line_of(output(
		"git -C repos/r ls-tree -r --name-only HEAD | "
		"grep -E '^([^/]+/){4}[^/]+\\.[ch]$' | sed -n 20p"));
}

static void read_settings(void)
{
	char *trips = setting("ROUND_TRIPS", "0 20 50"), *at = trips, *word;

	set.repository = setting("REPOSITORY", "");
	set.subtree = setting("SUBTREE", "");
	set.options = setting("OPTIONS", "");
	set.json = setting("JSON", "");
	set.runs = number_of(setting("RUNS", "3"));
	set.readers = number_of(setting("READERS", "4"));
	set.sizes = number_of(setting("SIZES", "1"));
	assert(set.runs >= 1 && set.runs <= RUNS_MAX);
	while ((word = strsep(&at, " ")) && set.trips < TRIPS_MAX)
		if (*word)
			set.trip[set.trips++] = (unsigned)atoi(word);
	free(trips);
}

static void print_settings(void)
{
	char *machine = line_of(output(
		"echo \"$(uname -sm), $(nproc) x $(sed -n "
		"'s/^model name.*: //p' /proc/cpuinfo | head -n 1)\"")),
	     *version = line_of(output("'%s' --version", set.gitnfsd)),
	     *git_version = line_of(output("git --version"));

	printf("%s\n%s at %s, options \"%s\"\n%s, git http-backend and nginx "
	       "on loopback\n"
	       "%u files, %u of them in %s; one: %s\n"
	       "medians of %u, %u readers when all is read, object-info "
	       "%s\n\n"
	       "round   work                          gitnfs   req.      MiB"
	       "     CPU  |        git   req.      MiB     CPU  | ratio\n",
	       machine, version, set.id, set.options, git_version, set.files,
	       set.sub_files, set.subtree, set.file, set.runs, set.readers,
	       set.sizes ? "on" : "off");
	if (*set.json) {
		json = fopen(set.json, "w");
		ck_assert(json);
		fprintf(json, "{ \"machine\": \"%s\",\n  \"version\": \"%s\",\n"
			"  \"commit\": \"%s\",\n  \"options\": \"%s\",\n"
			"  \"git\": \"%s\",\n  \"files\": %u,\n"
			"  \"subtree_files\": %u,\n  \"runs\": %u,\n"
			"  \"readers\": %u,\n  \"object_info\": %s,\n"
			"  \"results\": [", machine, version, set.id,
			set.options, git_version, set.files, set.sub_files,
			set.runs, set.readers, set.sizes ? "true" : "false");
	}
	free(machine);
	free(version);
	free(git_version);
}

/* ---- all of it ---- */

START_TEST(cold)
{
	int port;

	port = githost_nginx();
	ck_assert_msg(port > 0, "nginx, fcgiwrap or openssl is missing");
	make_repositories();
	print_settings();
	for (unsigned i = 0; i < set.trips; i++) {
		struct delay *d = delay_start(port, set.trip[i]);

		measure(set.trip[i], d);
		delay_stop(d);
	}
	if (json) {
		fprintf(json, "\n  ] }\n");
		ck_assert(!fclose(json));
	}
}
END_TEST

/* Before the current directory is another one. */
static char *absolute(char *path)
{
	char *ret;

	if (!*path || *path == '/')
		return path;
	ret = realpath(path, NULL);
	if (!ret)
		ret = output("printf '%%s/%%s' \"$PWD\" '%s'", path);
	free(path);
	return ret;
}

static void add(TCase *c)
{
	tcase_add_test(c, cold);
}

int main(void)
{
#ifdef SANITIZED
	fprintf(stderr, "bench_cold: built with a sanitizer, which is what "
		"would be measured: build without\n");
	return 1;
#endif
	read_settings();
	set.gitnfsd = absolute(setting("GITNFSD", "./gitnfsd"));
	set.repository = absolute(set.repository);
	setenv("srcdir", absolute(setting("srcdir", ".")), 1);
	set.json = absolute(set.json);
	set.id = line_of(output("git -C \"$srcdir\" describe --always "
				"--dirty 2>/dev/null || echo unknown"));
	setlinebuf(stdout);
	githost_init("cold");
	setenv("CK_FORK", "no", 1);
	return githost_exit(suite_run("bench_cold", 0, add, NULL));
}
