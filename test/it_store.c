/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The store between a file system and git http-backend behind nginx: what
 * is fetched once, what never, and what is left without a host. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "backend/backend.h"
#include "cache/fs.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/log.h"
#include "test/asker.h"
#include "test/githost.h"
#include "test/suite.h"

enum { WAIT_S = 60, MEMORY = 64 << 20, DISK = 64 << 20,
       FILES = 300, BLOBS = 2 };

static char base[64];           /* of URLs */
static struct fs *fs;

/* A call of fs.h, with 'W' for its waiter, asked until it is answered. */
static struct asker asker = ASKER_INIT;
#define W (&asker.w)
#define ASK(call) ASK_BY(&asker, call)

/* ---- a server's life ---- */

static void start_at(const char *repo, const char *ref, uint64_t disk)
{
	const struct fs_options opt = {
		.state_dir = "state",
		.cache_dir = "cache",
		.memory = MEMORY,
		.disk = disk,
		.prefetch = 4,
	};
	char why[FS_WHY] = "", url[128];
	struct backend *b;

	snprintf(url, sizeof url, "%s/%s", base, repo);
	ck_assert_msg(!fs_new(&fs, &opt, why), "%s", why);
	ck_assert_msg(!backend_open(&b, url, why), "%s", why);
	ck_assert_msg(!fs_add(fs, "r", url, ref, b, why), "%s", why);
	ck_assert_msg(!fs_start(fs, why), "%s", why);
}

static void start(void)
{
	start_at("git/r", NULL, DISK);
}

static void stop(void)
{
	fs_free(fs);
	fs = NULL;
}

static void forget_all(void)
{
	shell("rm -rf state cache");
}

static struct fs_stored stored(void)
{
	struct fs_stats s;

	fs_stats(fs, &s);
	return s.stored;
}

/* What has been answered is written behind the answer. */
static void check_kept(uint64_t least)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (int i = 0; i < 10000 && stored().kept < least; i++)
		nanosleep(&moment, NULL);
	ck_assert_uint_ge(stored().kept, least);
}

static void host_off(void)
{
	shell("touch off");
}

static void host_on(void)
{
	shell("rm -f off");
}

/* Requests to repositories since now_count(): nginx logs them in order. */
static unsigned requests(void)
{
	shell("git ls-remote -q %s/git/last >/dev/null", base);
	githost_wait("^POST /git/last/");
	return githost_count("^POST /[a-z]*/(r|fork)/");
}

/* A ref may be asked for behind what is shown already. */
static void has_asked(unsigned n)
{
	for (int i = 0; i < 3000 && requests() < n; i++)
		usleep(10000);
	ck_assert_uint_eq(requests(), n);
}

static void now_count(void)
{
	githost_mark();
	requests();
	githost_mark();
}

/* ---- the file system ---- */

static int walk(const char *path, struct node *ret)
{
	CLEANUP_NODE struct node at = { 0 };
	int r = 0;

	fs_top(fs, &at);
	while (!r && *path) {
		size_t len = strcspn(path, "/");
		struct node next = { 0 };

		r = ASK(fs_lookup(&at, path, len, W, &next));
		if (r)
			return r;
		node_clear(&at);
		at = next;
		path += len + (path[len] == '/');
	}
	*ret = at;
	at = (struct node){ 0 };
	return 0;
}

static int get_size(const char *path, uint64_t *ret)
{
	CLEANUP_NODE struct node n = { 0 };
	struct attr attr;
	int r = walk(path, &n);

	if (!r)
		r = ASK(fs_getattr(&n, W, &attr));
	if (!r)
		*ret = attr.size;
	return r;
}

/* As a client does: attributes first. */
static int cat(const char *path, char text[64])
{
	CLEANUP_NODE struct node n = { 0 };
	struct attr attr;
	struct slice s;
	bool eof;
	int r = walk(path, &n);

	if (!r)
		r = ASK(fs_getattr(&n, W, &attr));
	if (!r)
		r = ASK(fs_read(&n, 0, 63, W, &s, &eof));
	if (r)
		return r;
	ck_assert(eof);
	ck_assert_uint_eq(s.len, attr.size);
	memcpy(text, s.data, s.len);
	text[s.len] = '\0';
	value_unref(s.owner);
	return 0;
}

static bool count_one(void *arg, const struct fs_dirent *e)
{
	(void)e;
	++*(unsigned *)arg;
	return true;
}

static int list(const char *path, bool plus, unsigned *n)
{
	CLEANUP_NODE struct node dir = { 0 };
	uint64_t verf;
	bool eof = false;
	int r = walk(path, &dir);

	if (r)
		return r;
	r = ASK((*n = 0, fs_readdir(&dir, 0, &verf, plus, W, count_one, n,
				    &eof)));
	ck_assert(r || eof);
	return r;
}

static void holds(const char *path, const char *expected)
{
	char text[64];

	ck_assert_int_eq(cat(path, text), 0);
	ck_assert_str_eq(text, expected);
}

/* All that the repository has. */
static void read_all(void)
{
	char path[64], text[64];
	unsigned n;

	ck_assert_int_eq(list("r", true, &n), 0);
	ck_assert_uint_eq(n, 2 + 3);
	ck_assert_int_eq(list("r/many", true, &n), 0);
	ck_assert_uint_eq(n, 2 + FILES);
	for (unsigned i = 1; i <= FILES; i++) {
		snprintf(path, sizeof path, "r/many/%03u", i);
		snprintf(text, sizeof text, "%u\n", i);
		holds(path, text);
	}
	holds("r/a/b/c/file", "deep\n");
	holds("r/top", "top\n");
}

/* ---- tests ---- */

/* Listing a directory, with attributes or without, brings no blob. */
START_TEST(ls_brings_no_blob)
{
	struct fs_stats s;
	unsigned n;

	forget_all();
	start();
	ck_assert_int_eq(list("r/many", false, &n), 0);
	ck_assert_uint_eq(n, 2 + FILES);
	ck_assert_int_eq(list("r/many", true, &n), 0);
	ck_assert_uint_eq(n, 2 + FILES);
	fs_stats(fs, &s);
	ck_assert_str_eq(fs_kind_name[BLOBS], "blobs");
	ck_assert_uint_eq(s.kind[BLOBS].misses + s.kind[BLOBS].ahead, 0);
	/* A commit and trees: root, many, and what came with them. */
	ck_assert_uint_le(s.stored.kept, 7);
	stop();
}
END_TEST

/* A cat of one file brings neither all files nor takes many requests. */
START_TEST(one_file)
{
	static const char *const where[] = { "git/r", "nosizes/r" };

	for (int i = 0; i < 2; i++) {
		struct fs_stats s;

		forget_all();
		now_count();
		start_at(where[i], NULL, DISK);
		holds("r/a/b/c/file", "deep\n");
		/* The ref, the commit, trees, the size, the blob. */
		ck_assert_uint_le(requests(), 5);
		holds("r/many/150", "150\n");
		ck_assert_uint_le(requests(), 5 + 2);
		fs_stats(fs, &s);
		ck_assert_uint_le(s.kind[BLOBS].kept, i ? 1 + 64 : 2);
		stop();
	}
}
END_TEST

/* Told by the host, or those of the blobs. */
START_TEST(sizes)
{
	static const char *const where[] = { "git/r", "nosizes/r" };
	uint64_t size;

	for (int i = 0; i < 2; i++) {
		struct fs_stats s;

		forget_all();
		now_count();
		start_at(where[i], NULL, DISK);
		for (unsigned n = 1; n <= FILES; n++) {
			char path[64];

			snprintf(path, sizeof path, "r/many/%03u", n);
			ck_assert_int_eq(get_size(path, &size), 0);
			ck_assert_uint_eq(size, n < 10 ? 2 : n < 100 ? 3 : 4);
		}
		fs_stats(fs, &s);
		ck_assert_uint_eq(s.kind[BLOBS].kept, i ? FILES : 0);
		ck_assert_uint_le(requests(), 6);
		stop();
		/* They are remembered. */
		now_count();
		start_at(where[i], NULL, DISK);
		ck_assert_int_eq(get_size("r/many/299", &size), 0);
		ck_assert_uint_eq(size, 4);
		has_asked(1);
		stop();
	}
}
END_TEST

/* Nothing is fetched twice, whatever happens between. */
START_TEST(warm_restart)
{
	forget_all();
	start();
	read_all();
	check_kept(FILES + 1);
	stop();
	now_count();
	start();
	read_all();
	/* What the branch is now; not one object. */
	has_asked(1);
	ck_assert_uint_eq(stored().misses, 0);
	ck_assert_uint_eq(stored().kept, 0);
	stop();
	/* Neither from a fork, nor from another ref. */
	now_count();
	start_at("git/fork", "v1", DISK);
	read_all();
	has_asked(1);
	stop();
}
END_TEST

static void wait_for_hits(unsigned n)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (int i = 0; i < 10000 && stored().hits < n; i++)
		nanosleep(&moment, NULL);
	ck_assert_uint_ge(stored().hits, n);
}

/* Who reads file after file finds the next ones in memory. */
START_TEST(ahead_of_who_reads)
{
	char path[64], text[64];
	unsigned n;

	forget_all();
	start();
	read_all();
	check_kept(FILES + 1);
	stop();
	now_count();
	start();
	ck_assert_int_eq(list("r", true, &n), 0);
	ck_assert_int_eq(list("r/many", true, &n), 0);
	for (unsigned i = 1; i <= 3; i++) {
		snprintf(path, sizeof path, "r/many/%03u", i);
		ck_assert_int_eq(cat(path, text), 0);
		/* With the second a few more come; with the first of these,
		 * more. */
		wait_for_hits(i < 2 ? 1 : i < 3 ? 18 : 82);
	}
	/* But not all there is. */
	ck_assert_uint_lt(stored().hits, FILES);
	has_asked(1);
	stop();
}
END_TEST

START_TEST(without_store)
{
	forget_all();
	start_at("git/r", NULL, 0);
	read_all();
	ck_assert_uint_eq(stored().kept, 0);
	stop();
	ck_assert_int_ne(access("cache/store", F_OK), 0);
}
END_TEST

/* A host that hangs holds nobody up who asks for what is known; and when it
 * goes on, what is new is seen. */
START_TEST(silent)
{
	uint64_t since, limit = 10000;  /* ms; a host may be silent longer */
	char text[64];

	forget_all();
	shell("git clone -q repos/r repos/quiet 2>/dev/null && "
	      "git -C repos/quiet config uploadpack.allowFilter true");
	start_at("git/quiet", NULL, DISK);
	holds("r/top", "top\n");
	stop();
	githost_hold(true);
	shell("cd repos/quiet && echo new >top && git commit -q -a -m new");
	since = clock_ms();
	start_at("git/quiet", NULL, DISK);
	holds("r/top", "top\n");
	holds("r/top", "top\n");
	ck_assert_uint_lt(clock_ms() - since, limit);
	githost_hold(false);
	do {
		ck_assert_int_eq(cat("r/top", text), 0);
		ck_assert_uint_lt(clock_ms() - since, WAIT_S * 1000);
	} while (strcmp(text, "new\n") != 0);
	stop();
}
END_TEST

/* The host is gone: what was read can be read, what was not is an error. */
START_TEST(offline)
{
	char hex[OID_HEX + 1], pinned[128], path[160], text[64];
	struct oid head = id_of("r", "main");
	unsigned n;

	oid_hex(&head, hex);
	snprintf(pinned, sizeof pinned, "r@%s", hex);
	forget_all();
	start();
	ck_assert_int_eq(list("r", true, &n), 0);
	ck_assert_int_eq(list("r/many", true, &n), 0);
	holds("r/many/007", "7\n");
	holds("r/top", "top\n");
	ck_assert_int_eq(list(pinned, true, &n), 0);
	stop();
	host_off();
	githost_mark();
	start();
	/* What never moves needs nobody. */
	snprintf(path, sizeof path, "%s/many/007", pinned);
	holds(path, "7\n");
	ck_assert_uint_eq(githost_count("."), 0);
	ck_assert_int_eq(list("r/many", true, &n), 0);
	ck_assert_uint_eq(n, 2 + FILES);
	holds("r/many/007", "7\n");
	holds("r/top", "top\n");
	n = 0;
	for (unsigned i = 1; i <= FILES; i += 50) {
		snprintf(path, sizeof path, "r/many/%03u", i);
		n += cat(path, text) < 0;
	}
	ck_assert_uint_gt(n, 0);
	ck_assert_int_lt(cat("r/many/290", text), 0);
	ck_assert_int_ne(cat("r/many/290", text), -ENOENT);
	holds("r/top", "top\n");
	host_on();
	stop();
	start();
	/* Which is found out before long. */
	while (cat("r/many/290", text) == -EHOSTDOWN)
		usleep(10000);
	read_all();
	stop();
}
END_TEST

/* A bit has changed on the disk: it is fetched again. */
START_TEST(flipped)
{
	forget_all();
	start();
	read_all();
	stop();
	/* What is long enough to be found, in a record of its own. */
	shell("f=$(grep -l deep cache/store/0*) && "
	      "sed -i 's/deep/DEEP/' \"$f\"");
	now_count();
	start();
	read_all();
	ck_assert_uint_eq(stored().bad, 1);
	check_kept(1);
	ck_assert_uint_eq(stored().kept, 1);
	/* The ref, and that object. */
	has_asked(2);
	stop();
	start();
	read_all();
	ck_assert_uint_eq(stored().bad, 0);
	ck_assert_uint_eq(stored().misses, 0);
	stop();
}
END_TEST

START_TEST(refused)
{
	const struct fs_options opt = {
		.state_dir = "state",
		.cache_dir = "cache",
		.memory = MEMORY,
		.disk = DISK,
	};
	char why[FS_WHY] = "";
	struct fs *other;

	forget_all();
	shell("mkdir -p cache/store && echo mine >cache/store/file");
	ck_assert_int_eq(fs_new(&other, &opt, why), -ENOTEMPTY);
	ck_assert_ptr_nonnull(strstr(why, "cache/store"));
	shell("test \"$(cat cache/store/file)\" = mine");
}
END_TEST

static void make_repositories(void)
{
	shell("cd repos && git init -q -b main r && cd r && "
	      "mkdir -p many a/b/c && "
	      "for i in $(seq %d); do echo $i >many/$(printf %%03d $i); done "
	      "&& echo deep >a/b/c/file && echo top >top && "
	      "git add . && git commit -q -m one && git tag v1 && "
	      "git repack -q -a -d && "
	      "git config uploadpack.allowFilter true", FILES);
	shell("cd repos && git clone -q --bare r fork 2>&1 && "
	      "git -C fork config uploadpack.allowFilter true && "
	      "git init -q -b main last");
}

static void add(TCase *c)
{
	tcase_add_test(c, ls_brings_no_blob);
	tcase_add_test(c, one_file);
	tcase_add_test(c, sizes);
	tcase_add_test(c, warm_restart);
	tcase_add_test(c, ahead_of_who_reads);
	tcase_add_test(c, without_store);
	tcase_add_test(c, silent);
	tcase_add_test(c, offline);
	tcase_add_test(c, flipped);
	tcase_add_test(c, refused);
}

int main(void)
{
	int port;

	githost_init("it-store");
	port = githost_nginx();
	if (port < 0)
		return githost_skip("needs nginx, fcgiwrap, openssl");
	snprintf(base, sizeof base, "http://127.0.0.1:%d", port);
	log_set_level(LOG_ERROR);
	make_repositories();
	return githost_exit(suite_run("store and host", 120, add, NULL));
}
