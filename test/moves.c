/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/moves.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "test/scratch.h"

struct harness h;
struct source source = { .name = "src" };
struct raw conn;
struct fh top;
char *repo;
unsigned now;

/* ---- the repository ---- */

void commit_to(const char *branch, const char *changes)
{
	CLEANUP_FREE char *has = git(repo, "for-each-ref refs/heads/%s",
				     branch);

	now += 1000;
	git_do(repo, "fast-import --quiet --force <<'END'\n"
	       "commit refs/heads/%s\ncommitter C <c@example.org> %u +0000\n"
	       "data 0\n%s%s%s\n%s\nEND", branch, now,
	       *has ? "from refs/heads/" : "", *has ? branch : "",
	       *has ? "^0" : "", changes);
}

void commit(const char *changes)
{
	commit_to("main", changes);
}

char *head(void)
{
	return git(repo, "rev-parse main");
}

/* ---- the client ---- */

static void connect_(void)
{
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
}

void restart(void)
{
	raw_close(&conn);
	harness_restart(&h);
	connect_();
}

void setup(void)
{
	source.path = repo = scratch_dir();
	now = 1600000000;
	git_do(repo, "init -q --template= --initial-branch=main --bare");
	commit("M 644 inline a/b/file\ndata 6\nfirst\n"
	       "M 644 inline a/b/same\ndata 5\nsame\n"
	       "M 644 inline a/other\ndata 6\nother\n"
	       "M 644 inline c/file\ndata 2\nc\n"
	       "M 644 inline top\ndata 4\ntop\n");
	h = (struct harness){ .source = &source, .nsource = 1, .ref_ttl = 20 };
	harness_start(&h);
	connect_();
}

void teardown(void)
{
	raw_close(&conn);
	harness_stop(&h);
	free(repo);
}

struct seen see(const char *path)
{
	struct seen s;

	ck_assert_msg(call_walk(&conn, &top, path, &s.fh, &s.attr) == N3_OK,
		      "%s", path);
	ck_assert(s.attr.sent);
	return s;
}

uint32_t status_of(const char *path)
{
	return call_walk(&conn, &top, path, NULL, NULL);
}

struct fattr attrs_of(const struct fh *fh)
{
	struct fattr a;

	ck_assert_uint_eq(call_getattr(&conn, fh, &a), N3_OK);
	return a;
}

bool same(struct seen a, struct seen b)
{
	return fh_eq(&a.fh, &b.fh);
}

void unchanged(struct seen before, struct seen after)
{
	ck_assert(same(before, after));
	ck_assert(fattr_eq(&before.attr, &after.attr));
}

void holds(struct seen s, const char *text)
{
	CLEANUP_WIRE struct wire data = { 0 };

	ck_assert_uint_eq(call_read_all(&conn, &s.fh, 3, &data), N3_OK);
	ck_assert_uint_eq(data.len, strlen(text));
	ck_assert_mem_eq(data.p, text, data.len);
}

char *link_text(const char *path)
{
	CLEANUP_WIRE struct wire text = { 0 };
	struct seen s = see(path);

	ck_assert_uint_eq(call_readlink(&conn, &s.fh, &text, NULL), N3_OK);
	ck_assert_uint_eq(s.attr.size, text.len);
	return strndup((char *)text.p, text.len);
}

void pause_(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	nanosleep(&moment, NULL);
}

bool shows(const char *link, const char *commit_)
{
	CLEANUP_FREE char *text = link_text(link);

	return !strcmp(text + strlen("src@"), commit_);
}

void until_shows(const char *link, const char *commit_)
{
	for (int i = 0; i < PATIENCE && !shows(link, commit_); i++)
		pause_();
	ck_assert(shows(link, commit_));
}

void moved(int i)
{
	CLEANUP_FREE char *oid = head();

	until_shows("src@@", oid);
	if (i)
		restart();
}

void later(struct seen before, struct seen after)
{
	ck_assert_uint_gt(after.attr.mtime, before.attr.mtime);
	ck_assert_uint_gt(after.attr.ctime, before.attr.ctime);
}
