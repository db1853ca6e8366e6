/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Clients that go through a repository elsewhere: git http-backend behind
 * nginx at one end, NFS calls at the other.  What they see is what git has,
 * in few requests. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "cache/fs.h"
#include "common/log.h"
#include "common/oid.h"
#include "nfsd/server.h"
#include "nfsd/sockets.h"
#include "test/call.h"
#include "test/crawler.h"
#include "test/githost.h"
#include "test/must.h"
#include "test/suite.h"

enum {
	BLOBS = 2,              /* as in flight.h */
	AREAS = 10, FILES_MAX = 4096,
	MEMORY = 64 << 20, PREFETCH = 8,
};

static char base[64];           /* of URLs */
static unsigned files;          /* that the repository has */
static struct fs *fs;
static struct server *server;
static uint16_t port;

/* ---- a server's life ---- */

static void start(const char *where, uint64_t disk, unsigned prefetch)
{
	static const char *const listen = "127.0.0.1:0";
	CLEANUP_SOCKETS struct sockets sockets = { .n = 0 };
	const struct fs_options fo = {
		.state_dir = "state",
		.cache_dir = "cache",
		.memory = MEMORY,
		.disk = disk,
		.prefetch = prefetch,
	};
	const struct server_options so = {
		.sockets = &sockets,
		.loops = 2,
		.jukebox_ms = 60000,
	};
	char why[FS_WHY] = "", url[128];
	struct backend *b;

	snprintf(url, sizeof url, "%s/%s/r", base, where);
	ck_assert_msg(!fs_new(&fs, &fo, why), "%s", why);
	ck_assert_msg(!backend_open(&b, url, why), "%s", why);
	ck_assert_msg(!fs_add(fs, "r", url, NULL, b, why), "%s", why);
	ck_assert_msg(!fs_start(fs, why), "%s", why);
	ck_assert_msg(!sockets_bind(&sockets, &listen, 1, SOCKETS_PORTMAP_OFF,
				    0, why), "%s", why);
	ck_assert_msg(!server_start(&server, &so, fs, why), "%s", why);
	port = (uint16_t)atoi(strrchr(server_address(server, 0), ':') + 1);
}

static void stop(void)
{
	ck_assert_int_eq(server_stop(server), 0);
	fs_free(fs);
	fs = NULL;
}

static void setup(void)
{
	log_set_level(LOG_ERROR);
	shell("rm -rf state cache off");
	githost_mark();
}

static void teardown(void)
{
	shell("rm -f off");
}

/* All that was to be fetched ahead has been. */
static void quiet(void)
{
	struct fs_stats s;

	do {
		usleep(1000);
		fs_stats(fs, &s);
	} while (s.queued || s.running);
}

/* Those that were answered. */
static unsigned requests(void)
{
	return githost_count(" 200 ");
}

static uint64_t bytes_out(void)
{
	char *text = output("sed -n 's/.* out=//p' log | "
			    "awk '{ n += $1 } END { print n + 0 }'");
	uint64_t n = strtoull(text, NULL, 10);

	free(text);
	return n;
}

/* ---- what git has ---- */

/* "OID PATH" of each file and link, in order. */
static struct known {
	char *text;             /* the lines, cut */
	size_t n;
	const char *oid[FILES_MAX], *path[FILES_MAX];
	bool seen[FILES_MAX];
	pthread_mutex_t lock;   /* covers seen */
} known = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void ask_git(void)
{
	char *at;

	known.text = output("git -C repos/r ls-tree -r HEAD | "
			    "sed 's/^[0-9]* blob //' | LC_ALL=C sort -k 2");
	at = known.text;
	for (char *line; *(line = at); known.n++) {
		if (known.n == FILES_MAX)
			abort();
		at += strcspn(at, "\n");
		*at++ = '\0';
		known.oid[known.n] = line;
		known.path[known.n] = strchr(line, '\t') + 1;
	}
	files = (unsigned)known.n;
}

static int compare(const void *key, const void *path)
{
	return strcmp(key, *(const char *const *)path);
}

static void compare_file(void *arg, const char *path, const void *data,
			 size_t len)
{
	const char **at = bsearch(path, known.path, known.n,
				  sizeof *known.path, compare);
	size_t i = at ? (size_t)(at - known.path) : 0;
	char hex[OID_HEX + 1];
	struct oid_hash *h;
	struct oid oid;

	(void)arg;
	must(at);
	must(!oid_hash_start(&h, OID_SHA1, OBJ_BLOB, len));
	must(!oid_hash_data(h, data, len));
	must(!oid_hash_end(h, &oid));
	oid_hex(&oid, hex);
	must(!strncmp(hex, known.oid[i], strlen(hex)));
	pthread_mutex_lock(&known.lock);
	must(!known.seen[i]);
	known.seen[i] = true;
	pthread_mutex_unlock(&known.lock);
}

/* The whole tree, or what is below 'path', which is all of it then. */
static void crawl_all(unsigned readers)
{
	struct crawler c = { .port = port, .path = "r", .readers = readers,
			     .each = compare_file };

	memset(known.seen, 0, sizeof known.seen);
	crawler_run(&c);
	ck_assert_uint_eq(c.files + c.links, files);
}

/* ---- tests ---- */

/* Whether the host tells sizes or not, one after the other or several at a
 * time; and then from what is kept, without the host. */
START_TEST(all_that_git_has_in_few_requests)
{
	const char *where = _i & 1 ? "nosizes" : "git";
	unsigned readers = _i & 2 ? 4 : 1;

	start(where, 1 << 30, PREFETCH);
	crawl_all(readers);
	stop();
	/* Readers who are faster than a busy machine's prefetch ask for
	 * themselves. */
	ck_assert_uint_le(requests(), files / (readers > 1 ? 4 : 10));

	githost_mark();
	shell("touch off");
	start(where, 1 << 30, PREFETCH);
	crawl_all(readers);
	stop();
	ck_assert_uint_eq(requests(), 0);
	ck_assert_uint_eq(githost_count("^POST"), 0);
}
END_TEST

/* Nothing is kept on disk: then it is fetched again. */
START_TEST(without_a_disk)
{
	start("git", 0, PREFETCH);
	crawl_all(4);
	stop();
	ck_assert_uint_le(requests(), files / 4);
}
END_TEST

START_TEST(without_prefetch)
{
	struct crawler c = { .port = port, .path = "r/area-1/part-1",
			     .readers = 1 };

	start("git", 1 << 30, 0);
	c.port = port;
	crawler_run(&c);
	ck_assert_uint_gt(c.files, 50);
	stop();
	ck_assert_uint_ge(requests(), c.files);
}
END_TEST

/* Names need trees only. */
START_TEST(a_walk_transfers_no_blob)
{
	struct crawler c = { .path = "r" };
	struct fs_stats s;

	start(_i & 1 ? "nosizes" : "git", 1 << 30, PREFETCH);
	c.port = port;
	ck_assert_uint_eq(crawler_list(port, "r/area-0", _i & 2),
			  2 + 1 + 4);
	crawler_run(&c);
	quiet();
	fs_stats(fs, &s);
	ck_assert_uint_eq(s.kind[BLOBS].kept, 0);
	ck_assert_uint_eq(s.kind[BLOBS].misses, 0);
	ck_assert_uint_gt(c.dirs, AREAS * 40);
	ck_assert_uint_eq(c.files, files);
	stop();
	/* Not one for each of 500 directories. */
	ck_assert_uint_le(requests(), 60);
}
END_TEST

/* As find(1) does, which asks what each entry is.  Where the host tells
 * sizes that takes no blob, elsewhere a reader's number of requests. */
START_TEST(a_walk_that_asks_for_attributes)
{
	struct crawler c = { .path = "r", .stat = true };
	struct fs_stats s;

	start(_i ? "nosizes" : "git", 1 << 30, PREFETCH);
	c.port = port;
	crawler_run(&c);
	ck_assert_uint_eq(c.files, files);
	fs_stats(fs, &s);
	if (!_i)
		ck_assert_uint_eq(s.kind[BLOBS].kept, 0);
	stop();
	ck_assert_uint_le(requests(), c.dirs / 2);
	githost_mark();
	shell("touch off");
	start(_i ? "nosizes" : "git", 1 << 30, PREFETCH);
	c = (struct crawler){ .port = port, .path = "r", .stat = true };
	crawler_run(&c);
	ck_assert_uint_eq(c.files, files);
	stop();
	ck_assert_uint_eq(githost_count("^POST"), 0);
}
END_TEST

START_TEST(the_first_listing)
{
	start("git", 1 << 30, PREFETCH);
	ck_assert_uint_eq(crawler_list(port, "r", true), 2 + 1 + AREAS);
	stop();
	/* What it can, which commit, and its trees. */
	ck_assert_uint_le(requests(), 3);
}
END_TEST

/* Four directories down, of which nothing is known. */
START_TEST(one_file)
{
	uint64_t before = bytes_out(), all = AREAS * 600000;

	start("git", 1 << 30, PREFETCH);
	ck_assert_uint_gt(crawler_file(port, "r/area-3/part-2/dir-6/deep/like.h"),
			  8000);
	stop();
	/* Two more trees, a size and a blob; one tree may be asked for by
	 * two at once. */
	ck_assert_uint_le(requests(), 7);
	ck_assert_uint_lt(bytes_out() - before, all / 50);
}
END_TEST

/* Who reads a file here and a file there is given those, and not what is
 * around them. */
START_TEST(single_files)
{
	struct fs_stats s;
	char path[64];

	start("git", 1 << 30, PREFETCH);
	for (int i = 0; i < AREAS; i++) {
		snprintf(path, sizeof path, "r/area-%d/part-1/dir-%d/like.h",
			 i, i % 2 + 1);
		crawler_file(port, path);
	}
	quiet();
	fs_stats(fs, &s);
	ck_assert_uint_eq(s.kind[BLOBS].kept, AREAS);
	stop();
}
END_TEST

/* A file here and one below, in directories that are listed: so begins who
 * reads all.  What is bet on that is one request. */
START_TEST(a_file_here_and_one_below)
{
	struct fs_stats s;

	start("git", 1 << 30, PREFETCH);
	crawler_list(port, "r/area-1", true);
	crawler_file(port, "r/area-1/Makefile");
	crawler_list(port, "r/area-1/part-0", true);
	crawler_list(port, "r/area-1/part-0/dir-1", true);
	quiet();
	fs_stats(fs, &s);
	ck_assert_uint_eq(s.kind[BLOBS].kept, 1);
	crawler_file(port, "r/area-1/part-0/dir-1/file-0.c");
	quiet();
	fs_stats(fs, &s);
	ck_assert_uint_gt(s.kind[BLOBS].kept, 2);
	ck_assert_uint_le(s.kind[BLOBS].kept, 2 + 16);
	stop();
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, all_that_git_has_in_few_requests, 0, 4);
	tcase_add_test(c, without_a_disk);
	tcase_add_test(c, without_prefetch);
	tcase_add_loop_test(c, a_walk_transfers_no_blob, 0, 4);
	tcase_add_loop_test(c, a_walk_that_asks_for_attributes, 0, 2);
	tcase_add_test(c, the_first_listing);
	tcase_add_test(c, one_file);
	tcase_add_test(c, single_files);
	tcase_add_test(c, a_file_here_and_one_below);
}

int main(void)
{
	const char *src = getenv("srcdir");
	char *script = realpath(src ? src : ".", NULL);
	int at, status;

	if (!script)
		return 99;
	githost_init("crawl");
	at = githost_nginx();
	if (at < 0) {
		free(script);
		return githost_skip("needs nginx, fcgiwrap, openssl");
	}
	snprintf(base, sizeof base, "http://127.0.0.1:%d", at);
	shell("sh '%s/test/crawlrepo.sh' repos/r %d && "
	      "git -C repos/r config uploadpack.allowFilter true", script,
	      AREAS);
	ask_git();
	status = suite_run("crawl", 120, add, NULL);
	free(known.text);
	free(script);
	return githost_exit(status);
}
