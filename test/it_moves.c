/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Names that move: what a client sees while somebody commits, pushes by
 * force, deletes and restores.  Tests with a number run twice: as it is,
 * and with a restart of the server between the move and the look. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "cache/fs.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "test/call.h"
#include "test/harness.h"
#include "test/must.h"
#include "test/scratch.h"

enum { PATIENCE = 10000, SECOND = 1000000000 };

static struct harness h;
static struct source source = { .name = "src" };
static struct raw conn;
static struct fh top;
static char *repo;
static unsigned now;            /* when the next commit is made */

/* ---- the repository ---- */

/* Commit to a branch: 'changes' as git-fast-import(1) reads them. */
static void commit_to(const char *branch, const char *changes)
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

static void commit(const char *changes)
{
	commit_to("main", changes);
}

static char *head(void)
{
	return git(repo, "rev-parse main");
}

/* ---- the client ---- */

static void connect_(void)
{
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
}

static void restart(void)
{
	raw_close(&conn);
	harness_restart(&h);
	connect_();
}

static void setup(void)
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

static void teardown(void)
{
	raw_close(&conn);
	harness_stop(&h);
	free(repo);
}

/* What a path shows. */
struct seen {
	struct fh fh;
	struct fattr attr;
};

static struct seen see(const char *path)
{
	struct seen s;

	ck_assert_msg(call_walk(&conn, &top, path, &s.fh, &s.attr) == N3_OK,
		      "%s", path);
	ck_assert(s.attr.sent);
	return s;
}

static uint32_t status_of(const char *path)
{
	return call_walk(&conn, &top, path, NULL, NULL);
}

static struct fattr attr_of(const struct fh *fh)
{
	struct fattr a;

	ck_assert_uint_eq(call_getattr(&conn, fh, &a), N3_OK);
	return a;
}

/* The same thing, for a client. */
static bool same(struct seen a, struct seen b)
{
	return fh_eq(&a.fh, &b.fh);
}

static void unchanged(struct seen before, struct seen after)
{
	ck_assert(same(before, after));
	ck_assert(fattr_eq(&before.attr, &after.attr));
}

static void holds(struct seen s, const char *text)
{
	CLEANUP_WIRE struct wire data = { 0 };

	ck_assert_uint_eq(call_read_all(&conn, &s.fh, 3, &data), N3_OK);
	ck_assert_uint_eq(data.len, strlen(text));
	ck_assert_mem_eq(data.p, text, data.len);
}

static char *link_text(const char *path)
{
	CLEANUP_WIRE struct wire text = { 0 };
	struct seen s = see(path);

	ck_assert_uint_eq(call_readlink(&conn, &s.fh, &text, NULL), N3_OK);
	ck_assert_uint_eq(s.attr.size, text.len);
	return strndup((char *)text.p, text.len);
}

static void pause_(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	nanosleep(&moment, NULL);
}

/* Whether the link to what src shows tells this commit. */
static bool shows(const char *link, const char *commit_)
{
	CLEANUP_FREE char *text = link_text(link);

	return !strcmp(text + strlen("src@"), commit_);
}

static void until_shows(const char *link, const char *commit_)
{
	for (int i = 0; i < PATIENCE && !shows(link, commit_); i++)
		pause_();
	ck_assert(shows(link, commit_));
}

/* Have the server see the branch main as it is; with 'i' by a new one. */
static void moved(int i)
{
	CLEANUP_FREE char *oid = head();

	until_shows("src@@", oid);
	if (i)
		restart();
}

static void later(struct seen before, struct seen after)
{
	ck_assert_uint_gt(after.attr.mtime, before.attr.mtime);
	ck_assert_uint_gt(after.attr.ctime, before.attr.ctime);
}

/* ---- moves ---- */

START_TEST(a_commit_shows_within_a_second)
{
	struct timespec begun, ended;
	CLEANUP_FREE char *oid = NULL;

	/* With the default of how long a ref is believed. */
	h.ref_ttl = 0;
	restart();
	see("src/top");
	commit("M 644 inline top\ndata 4\nnew\n");
	oid = head();
	clock_gettime(CLOCK_MONOTONIC, &begun);
	until_shows("src@@", oid);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	ck_assert_int_le((ended.tv_sec - begun.tv_sec) * SECOND +
			 ended.tv_nsec - begun.tv_nsec, SECOND);
	holds(see("src/top"), "new\n");
}
END_TEST

START_TEST(a_changed_file_is_replaced)
{
	struct seen old = see("src/a/b/file"), new;

	commit("M 644 inline a/b/file\ndata 12\nsecond, long\n");
	moved(_i);
	new = see("src/a/b/file");
	ck_assert(!same(old, new));
	ck_assert_uint_ne(old.attr.fileid, new.attr.fileid);
	ck_assert_uint_eq(new.attr.size, 12);
	later(old, new);
	holds(new, "second, long");

	/* Who has the old one open reads it to its end. */
	struct fattr still = attr_of(&old.fh);

	ck_assert(fattr_eq(&still, &old.attr));
	holds(old, "first\n");
}
END_TEST

START_TEST(a_file_that_changes_often_has_all_its_versions)
{
	struct seen version[9];
	char change[64], text[16];

	for (int v = 0; v < 9; v++) {
		snprintf(change, sizeof change,
			 "M 644 inline a/b/file\ndata 2\n%d\n", v);
		commit(change);
		moved(0);
		version[v] = see("src/a/b/file");
	}
	if (_i)
		restart();
	for (int v = 0; v < 9; v++) {
		struct fattr still = attr_of(&version[v].fh);

		ck_assert(fattr_eq(&still, &version[v].attr));
		snprintf(text, sizeof text, "%d\n", v);
		holds(version[v], text);
	}
}
END_TEST

/* A client that stays where it is, and asks what it has asked before. */
START_TEST(without_walking_there_again)
{
	struct seen dir = see("src/a"), other = see("src/a/other");
	struct fattr still;
	struct seen now_;

	for (int i = 0; i < 2; i++) {
		still = attr_of(&dir.fh);
		ck_assert(fattr_eq(&still, &dir.attr));
		ck_assert_uint_eq(call_find(&conn, &dir.fh, "other", &now_.fh,
					    NULL), N3_OK);
		ck_assert(fh_eq(&now_.fh, &other.fh));
		ck_assert_uint_eq(call_find(&conn, &dir.fh, "new", NULL, NULL),
				  N3_NOENT);
		holds(other, "other\n");
	}
	commit("M 644 inline a/other\ndata 6\nOTHER\n"
	       "M 644 inline a/new\ndata 4\nnew\n");
	moved(0);
	now_ = (struct seen){ dir.fh, attr_of(&dir.fh) };
	later(dir, now_);
	ck_assert_uint_eq(call_find(&conn, &dir.fh, "new", NULL, NULL), N3_OK);
	ck_assert_uint_eq(call_find(&conn, &dir.fh, "other", &now_.fh, NULL),
			  N3_OK);
	ck_assert(!fh_eq(&now_.fh, &other.fh));
	holds(now_, "OTHER\n");
	still = attr_of(&other.fh);
	ck_assert(fattr_eq(&still, &other.attr));
	holds(other, "other\n");
}
END_TEST

START_TEST(what_is_unchanged_stays_as_it_was)
{
	static const char *const path[] = {
		"src/a/b/same", "src/a/other", "src/c", "src/c/file",
		"src/top",
	};
	struct seen old[5];

	for (int i = 0; i < 5; i++)
		old[i] = see(path[i]);
	commit("M 644 inline a/b/file\ndata 2\n2\n");
	moved(0);
	commit("M 644 inline a/b/file\ndata 2\n3\n"
	       "M 644 inline a/b/more\ndata 2\n3\n");
	moved(_i);
	for (int i = 0; i < 5; i++) {
		unchanged(old[i], see(path[i]));
	}
}
END_TEST

START_TEST(directories_on_the_way_move_forward)
{
	static const char *const path[] = { "src/a/b", "src/a", "src", "." };
	struct seen old[4];

	for (int i = 0; i < 4; i++)
		old[i] = see(path[i]);
	commit("M 644 inline a/b/file\ndata 2\n2\n");
	moved(_i);
	for (int i = 0; i < 4; i++) {
		struct seen new = see(path[i]);
		struct fattr direct = attr_of(&old[i].fh);

		ck_assert(same(old[i], new));
		ck_assert(fattr_eq(&direct, &new.attr));
		ck_assert_uint_eq(new.attr.fileid, old[i].attr.fileid);
		later(old[i], new);
	}
}
END_TEST

START_TEST(the_link_to_the_commit_is_replaced)
{
	CLEANUP_FREE char *first = head(), *second = NULL, *text = NULL;
	CLEANUP_WIRE struct wire data = { 0 };
	struct seen old = see("src@@"), new;
	char path[128];

	commit("M 644 inline top\ndata 2\n2\n");
	second = head();
	moved(_i);
	new = see("src@@");
	ck_assert_uint_ne(new.attr.fileid, old.attr.fileid);
	ck_assert(!same(new, old));
	later(old, new);
	text = link_text("src@@");
	ck_assert_str_eq(text + strlen("src@"), second);
	ck_assert_uint_eq(call_readlink(&conn, &old.fh, &data, NULL), N3_OK);
	ck_assert_uint_eq(data.len, strlen("src@") + strlen(first));
	ck_assert_mem_eq(data.p + strlen("src@"), first, strlen(first));
	/* And where it points, there is what it says. */
	strcat(strcpy(path, text), "/top");
	holds(see(path), "2\n");
}
END_TEST

START_TEST(times_are_those_of_the_commits)
{
	const uint64_t first = (uint64_t)now * SECOND;

	ck_assert_uint_eq(see("src/top").attr.mtime, first);
	ck_assert_uint_eq(see("src/a").attr.mtime, first);
	ck_assert_uint_ge(see("src/top").attr.ctime, first);
	commit("M 644 inline top\ndata 2\n2\n");
	moved(_i);
	ck_assert_uint_eq(see("src/top").attr.mtime, (uint64_t)now * SECOND);
	ck_assert_uint_eq(see("src").attr.mtime, (uint64_t)now * SECOND);
	ck_assert_uint_eq(see("src/a").attr.mtime, first);
}
END_TEST

/* ctime tells when the server learnt of it. */
START_TEST(the_time_of_a_change)
{
	struct timespec begun, ended;
	uint64_t ctime;

	clock_gettime(CLOCK_REALTIME, &begun);
	commit("M 644 inline top\ndata 2\n2\n");
	moved(_i);
	clock_gettime(CLOCK_REALTIME, &ended);
	ctime = see("src/top").attr.ctime / SECOND;
	ck_assert_uint_ge(ctime, (uint64_t)begun.tv_sec);
	ck_assert_uint_le(ctime, (uint64_t)ended.tv_sec);
	ck_assert_uint_eq(see("src").attr.ctime / SECOND, ctime);
	ck_assert_uint_eq(see("src@@").attr.ctime / SECOND, ctime);
}
END_TEST

/* By an hour, between one commit and the next.  The server starts anew,
 * since its other clock never goes back. */
START_TEST(a_clock_that_goes_back)
{
	CLEANUP_FREE char *oid = NULL;
	struct seen dir, file;

	clock_freeze();
	clock_advance(3600 * 1000);
	commit("M 644 inline top\ndata 2\n2\n");
	oid = head();
	for (int i = 0; i < PATIENCE && !shows("src@@", oid); i++) {
		clock_advance(1);
		pause_();
	}
	dir = see("src");
	file = see("src/top");
	holds(file, "2\n");
	clock_thaw();
	restart();
	unchanged(file, see("src/top"));
	commit("M 644 inline top\ndata 2\n3\n");
	moved(0);
	later(dir, see("src"));
	later(file, see("src/top"));
}
END_TEST

START_TEST(a_forced_push_to_the_past_moves_forward)
{
	static const char *const path[] = { "src/a/b", "src/a", "src", "." };
	struct seen file, dir[4];

	commit("M 644 inline a/b/file\ndata 2\n2\n");
	moved(0);
	for (int i = 0; i < 4; i++)
		dir[i] = see(path[i]);
	file = see("src/a/b/file");
	git_do(repo, "update-ref refs/heads/main main~1");
	moved(_i);
	for (int i = 0; i < 4; i++) {
		struct seen back = see(path[i]);

		later(dir[i], back);
	}
	ck_assert(!same(file, see("src/a/b/file")));
	holds(see("src/a/b/file"), "first\n");
	holds(file, "2\n");
}
END_TEST

START_TEST(there_and_back_again)
{
	struct seen a = see("src/a/b/file"), b, back, dir = see("src/a/b");

	commit("M 644 inline a/b/file\ndata 2\n2\n");
	moved(0);
	b = see("src/a/b/file");
	commit("M 644 inline a/b/file\ndata 6\nfirst\n");
	moved(_i);
	back = see("src/a/b/file");
	holds(back, "first\n");
	holds(a, "first\n");
	holds(b, "2\n");
	ck_assert_uint_ne(back.attr.fileid, b.attr.fileid);
	/* A program that compares times must see that it was replaced. */
	later(b, back);
	later(dir, see("src/a/b"));
}
END_TEST

START_TEST(another_mode_is_another_file)
{
	struct seen old = see("src/top"), new;

	commit("M 755 inline top\ndata 4\ntop\n");
	moved(_i);
	new = see("src/top");
	ck_assert_uint_ne(new.attr.fileid, old.attr.fileid);
	ck_assert_uint_eq(new.attr.mode, 0755);
	later(old, new);
	ck_assert_uint_eq(attr_of(&old.fh).mode, 0644);

	commit("M 120000 inline top\ndata 4\ntop\n");
	moved(_i);
	ck_assert_uint_eq(see("src/top").attr.type, LNK);
	ck_assert_uint_eq(attr_of(&old.fh).type, REG);
	ck_assert_uint_eq(attr_of(&new.fh).mode, 0755);
}
END_TEST

START_TEST(file_and_directory_change_places)
{
	struct seen dir = see("src/a"), file = see("src/top"), now_dir;
	struct seen below = see("src/a/b/file");

	commit("D a\nM 644 inline a\ndata 2\n2\n"
	       "D top\nM 644 inline top/in\ndata 2\n3\n");
	moved(_i);
	ck_assert_uint_eq(see("src/a").attr.type, REG);
	holds(see("src/a"), "2\n");
	now_dir = see("src/top");
	ck_assert_uint_eq(now_dir.attr.type, DIR);
	holds(see("src/top/in"), "3\n");
	/* Those inside and those who have it open go on. */
	ck_assert_uint_eq(attr_of(&dir.fh).type, DIR);
	holds(below, "first\n");
	ck_assert_uint_eq(call_walk(&conn, &dir.fh, "b/file", NULL, NULL),
			  N3_OK);
	holds(file, "top\n");

	commit("D a\nM 644 inline a/b/file\ndata 2\n4\n"
	       "D top\nM 644 inline top\ndata 4\ntop\n");
	moved(_i);
	ck_assert(same(see("src/a"), dir));
	ck_assert_uint_gt(see("src/a").attr.ctime, dir.attr.ctime);
	holds(see("src/a/b/file"), "4\n");
	holds(below, "first\n");
	holds(see("src/top"), "top\n");
	ck_assert_uint_eq(call_find(&conn, &now_dir.fh, "in", NULL, NULL),
			  N3_OK);
}
END_TEST

START_TEST(a_removed_directory_shows_what_it_held)
{
	struct seen dir = see("src/a/b"), up = see("src/a"), back;
	CLEANUP_PAGE struct page page = { 0 };
	struct seen in;
	struct fattr a;

	commit("D a");
	moved(_i);
	ck_assert_uint_eq(status_of("src/a"), N3_NOENT);
	a = attr_of(&dir.fh);
	ck_assert_uint_eq(a.type, DIR);
	ck_assert_uint_eq(a.fileid, dir.attr.fileid);
	ck_assert_uint_ge(a.ctime, dir.attr.ctime);
	ck_assert_uint_eq(call_readdir(&conn, &dir.fh, 0, 0, 4096, &page),
			  N3_OK);
	ck_assert_uint_eq(page.n, 4);
	ck_assert_uint_eq(call_find(&conn, &dir.fh, "file", &in.fh, NULL),
			  N3_OK);
	holds(in, "first\n");
	ck_assert_uint_eq(call_find(&conn, &dir.fh, "..", &in.fh, NULL),
			  N3_OK);
	ck_assert(same(in, up));

	commit("M 644 inline a/b/new\ndata 4\nnew\n");
	moved(_i);
	back = see("src/a/b");
	ck_assert(same(back, dir));
	later(dir, back);
	ck_assert_uint_eq(call_find(&conn, &dir.fh, "file", NULL, NULL),
			  N3_NOENT);
	ck_assert_uint_eq(call_find(&conn, &dir.fh, "new", NULL, NULL), N3_OK);
}
END_TEST

START_TEST(an_unrelated_history)
{
	struct seen old = see("src/a/b/file"), kept = see("src/a/b/same");

	commit_to("elsewhere", "M 644 inline a/b/same\ndata 5\nsame\n"
		  "M 644 inline x\ndata 2\nx\n");
	git_do(repo, "update-ref refs/heads/main elsewhere");
	moved(_i);
	ck_assert_uint_eq(status_of("src/a/b/file"), N3_NOENT);
	holds(old, "first\n");
	ck_assert(same(see("src/a/b/same"), kept));
	holds(see("src/x"), "x\n");
}
END_TEST

START_TEST(the_default_branch_changes)
{
	CLEANUP_FREE char *oid = NULL;
	struct seen root = see("src");

	commit_to("next", "M 644 inline only\ndata 5\nnext\n");
	oid = git(repo, "rev-parse next");
	git_do(repo, "symbolic-ref HEAD refs/heads/next");
	until_shows("src@@", oid);
	if (_i)
		restart();
	ck_assert(same(see("src"), root));
	later(root, see("src"));
	holds(see("src/only"), "next\n");
	ck_assert_uint_eq(status_of("src/top"), N3_NOENT);
}
END_TEST

/* ---- many moves ---- */

/* A file of so many lines that say which version it is of. */
static void commit_version(int v)
{
	enum { LINES = 2000 };
	CLEANUP_FREE char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	fprintf(out, "M 644 inline a/b/file\ndata %d\n", LINES * 4);
	for (int i = 0; i < LINES; i++)
		fprintf(out, "%03d\n", v);
	fclose(out);
	commit(text);
}

/* Each time it is found it is of one version throughout, and none older
 * than one that was seen before. */
START_TEST(no_reader_sees_a_torn_file)
{
	enum { VERSIONS = 20, READS_EACH = 10 };
	int last = 0;

	commit_version(0);
	moved(0);
	for (int i = 0; i < VERSIONS * READS_EACH; i++) {
		CLEANUP_WIRE struct wire data = { 0 };
		struct seen s;
		int v;

		if (i % READS_EACH == 0)
			commit_version(i / READS_EACH);
		s = see("src/a/b/file");
		ck_assert_uint_eq(call_read_all(&conn, &s.fh, 1000, &data),
				  N3_OK);
		ck_assert_uint_eq(data.len, s.attr.size);
		v = atoi((char *)data.p);
		ck_assert_int_ge(v, last);
		last = v;
		for (size_t at = 4; at < data.len; at += 4)
			must(!memcmp(data.p, data.p + at, 4));
	}
	moved(0);
	ck_assert_int_gt(last, 0);
}
END_TEST

/* More than the server remembers each on its own: times still go forward,
 * what never changed is as it was, and an old handle shows its own bytes or
 * is stale. */
START_TEST(more_moves_than_are_remembered)
{
	enum { MOVES = 150 };
	static struct seen version[MOVES];
	struct seen top_file = see("src/top"), c = see("src/c");
	struct seen dir = see("src/a/b"), up;
	unsigned alive = 0;

	for (int v = 0; v < MOVES; v++) {
		commit_version(v);
		moved(0);
		version[v] = see("src/a/b/file");
		up = see("src/a/b");
		later(dir, up);
		dir = up;
	}
	if (_i)
		restart();
	unchanged(top_file, see("src/top"));
	unchanged(c, see("src/c"));
	unchanged(dir, see("src/a/b"));
	for (int v = 0; v < MOVES; v++) {
		CLEANUP_WIRE struct wire data = { 0 };
		uint32_t s = call_read(&conn, &version[v].fh, 0, 4, &data,
				       NULL, NULL);

		if (s == N3_STALE)
			continue;
		ck_assert_uint_eq(s, N3_OK);
		ck_assert_int_eq(atoi((char *)data.p), v);
		alive++;
	}
	ck_assert_uint_ge(alive, 30);
}
END_TEST

/* ---- names with a ref ---- */

/* Two trees have the same names, attributes but for ids, and bytes. */
static void same_tree(const struct fh *a, const struct fh *b)
{
	CLEANUP_PAGE struct page p = { 0 }, q = { 0 };

	ck_assert_uint_eq(call_readdir(&conn, a, 0, 0, 1 << 20, &p), N3_OK);
	ck_assert_uint_eq(call_readdir(&conn, b, 0, 0, 1 << 20, &q), N3_OK);
	ck_assert_uint_eq(p.n, q.n);
	for (size_t i = 2; i < p.n; i++) {
		struct seen x, y;

		ck_assert_uint_eq(p.entry[i].len, q.entry[i].len);
		ck_assert_mem_eq(p.entry[i].name, q.entry[i].name,
				 q.entry[i].len);
		ck_assert_uint_eq(call_lookup(&conn, a, p.entry[i].name,
					      p.entry[i].len, &x.fh, &x.attr,
					      NULL), N3_OK);
		ck_assert_uint_eq(call_lookup(&conn, b, q.entry[i].name,
					      q.entry[i].len, &y.fh, &y.attr,
					      NULL), N3_OK);
		ck_assert_uint_eq(x.attr.type, y.attr.type);
		ck_assert_uint_eq(x.attr.mode, y.attr.mode);
		ck_assert_uint_eq(x.attr.size, y.attr.size);
		ck_assert_uint_ne(x.attr.fileid, y.attr.fileid);
		if (x.attr.type == DIR)
			same_tree(&x.fh, &y.fh);
	}
}

START_TEST(a_pinned_name_never_changes)
{
	static const char *const below[] = { "", "/a/b/file", "/a/b", "/top" };
	CLEANUP_FREE char *oid = head();
	struct seen old[4], root;
	char path[4][128];

	for (int i = 0; i < 4; i++) {
		snprintf(path[i], sizeof path[i], "src@%s%s", oid, below[i]);
		old[i] = see(path[i]);
	}
	root = see("src");
	same_tree(&old[0].fh, &root.fh);
	commit("D a\nM 644 inline top\ndata 2\n2\n");
	moved(_i);
	git_do(repo, "update-ref refs/heads/keep %s", oid);
	git_do(repo, "repack -adq");
	for (int i = 0; i < 4; i++) {
		unchanged(old[i], see(path[i]));
	}
	holds(old[1], "first\n");
}
END_TEST

START_TEST(a_branch_by_name_moves_too)
{
	struct seen old, root;

	commit_to("dev/x", "M 644 inline f\ndata 2\n1\n");
	root = see("src@dev%2Fx");
	old = see("src@dev%2Fx/f");
	commit_to("dev/x", "M 644 inline f\ndata 2\n2\n");
	for (int i = 0; i < PATIENCE; i++) {
		if (!same(see("src@dev%2Fx/f"), old))
			break;
		pause_();
	}
	if (_i)
		restart();
	holds(see("src@dev%2Fx/f"), "2\n");
	holds(old, "1\n");
	later(root, see("src@dev%2Fx"));
	ck_assert(same(see("src@dev%2Fx"), root));
}
END_TEST

START_TEST(a_deleted_branch)
{
	struct seen root, file;

	commit_to("dev", "M 644 inline f\ndata 2\n1\n");
	root = see("src@dev");
	file = see("src@dev/f");
	git_do(repo, "update-ref -d refs/heads/dev");
	for (int i = 0; i < PATIENCE; i++) {
		if (status_of("src@dev") == N3_NOENT)
			break;
		pause_();
	}
	ck_assert_uint_eq(status_of("src@dev"), N3_NOENT);
	if (_i)
		restart();
	ck_assert_uint_eq(status_of("src@dev"), N3_NOENT);
	holds(file, "1\n");
	ck_assert_uint_eq(call_find(&conn, &root.fh, "f", NULL, NULL), N3_OK);

	commit_to("dev", "M 644 inline f\ndata 2\n2\n");
	for (int i = 0; i < PATIENCE; i++) {
		if (status_of("src@dev") == N3_OK)
			break;
		pause_();
	}
	ck_assert(same(see("src@dev"), root));
	holds(see("src@dev/f"), "2\n");
	holds(file, "1\n");
}
END_TEST

/* ---- from nothing ---- */

START_TEST(an_empty_repository_and_its_first_commit)
{
	struct source empty = { .name = "void",
				.path = harness_repo("empty") };
	struct seen root, link;
	CLEANUP_PAGE struct page page = { 0 };
	char *used = repo;

	h.source = &empty;
	restart();
	root = see("void");
	link = see("void@@");
	ck_assert_uint_eq(link.attr.type, LNK);
	ck_assert_uint_eq(root.attr.type, DIR);
	ck_assert_uint_eq(call_readdirplus(&conn, &root.fh, 0, 0, 4096, 4096,
					   &page), N3_OK);
	ck_assert_uint_eq(page.n, 2);
	ck_assert(page.eof);
	ck_assert_uint_eq(status_of("void/any"), N3_NOENT);
	repo = (char *)(uintptr_t)empty.path;
	commit("M 644 inline first\ndata 2\n1\n");
	repo = used;
	for (int i = 0; i < PATIENCE; i++) {
		if (status_of("void/first") == N3_OK)
			break;
		pause_();
	}
	if (_i)
		restart();
	holds(see("void/first"), "1\n");
	ck_assert(same(see("void"), root));
	ck_assert_uint_gt(see("void").attr.ctime, root.attr.ctime);
	h.source = &source;
}
END_TEST

/* ---- under the server's feet ---- */

START_TEST(a_repack)
{
	commit("M 644 inline late\ndata 5\nlate\n");
	moved(_i);
	for (int i = 0; i < 3; i++) {
		git_do(repo, "repack -adq && git -C '%s' prune-packed", repo);
		git_do(repo, "pack-refs --all");
		holds(see("src/a/b/file"), "first\n");
		holds(see("src/late"), "late\n");
		commit("M 644 inline more\ndata 5\nmore\n");
		moved(0);
		holds(see("src/more"), "more\n");
	}
}
END_TEST

/* What the operator is told is wrong with src. */
static int trouble(void)
{
	struct fs_shown *shown;
	size_t n, all;
	int r;

	ck_assert_int_eq(fs_shown(h.fs, 1, &shown, &n, &all), 0);
	ck_assert_uint_eq(n, 1);
	r = shown->trouble;
	fs_shown_free(shown, n);
	return r;
}

START_TEST(a_repository_that_is_away_for_a_while)
{
	struct seen file = see("src/top"), cold;
	struct fattr a;

	ck_assert_int_eq(trouble(), 0);

	shell("mv '%s' '%s.away'", repo, repo);
	for (int i = 0; i < 100; i++) {
		call_getattr(&conn, &file.fh, &a);
		call_walk(&conn, &top, "src/c/file", NULL, NULL);
		pause_();
	}
	ck_assert_uint_eq(call_getattr(&conn, &top, NULL), N3_OK);
	ck_assert_int_eq(trouble(), -ENOENT);
	shell("mv '%s.away' '%s'", repo, repo);
	commit("M 644 inline cold\ndata 5\ncold\n");
	for (int i = 0; i < PATIENCE; i++) {
		if (status_of("src/cold") == N3_OK)
			break;
		pause_();
	}
	cold = see("src/cold");
	holds(cold, "cold\n");
	holds(file, "top\n");
}
END_TEST

/* What cannot be written down is not shown, but what is known goes on being
 * shown, also by a server that has just begun. */
START_TEST(a_state_directory_that_is_full)
{
	struct seen file = see("src/top");
	CLEANUP_FREE char *journal = NULL;
	struct rlimit old, full;
	struct stat st;

	/* As long as no other file of this process, and no longer. */
	ck_assert_int_ge(asprintf(&journal, "%s/state/journal", h.dir), 0);
	shell("printf '%%1000000s\\n' '' >>'%s'", journal);
	ck_assert_int_eq(stat(journal, &st), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	full = (struct rlimit){ (rlim_t)st.st_size, old.rlim_max };
	commit("M 644 inline top\ndata 4\nnew\n");
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
	if (_i)
		restart();
	for (int i = 0; i < 100; i++) {
		unchanged(file, see("src/top"));
		pause_();
	}
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	moved(0);
	holds(see("src/top"), "new\n");
	holds(file, "top\n");
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_commit_shows_within_a_second);
	tcase_add_loop_test(c, a_changed_file_is_replaced, 0, 2);
	tcase_add_loop_test(c, a_file_that_changes_often_has_all_its_versions,
			    0, 2);
	tcase_add_test(c, without_walking_there_again);
	tcase_add_loop_test(c, what_is_unchanged_stays_as_it_was, 0, 2);
	tcase_add_loop_test(c, directories_on_the_way_move_forward, 0, 2);
	tcase_add_loop_test(c, the_link_to_the_commit_is_replaced, 0, 2);
	tcase_add_loop_test(c, times_are_those_of_the_commits, 0, 2);
	tcase_add_loop_test(c, the_time_of_a_change, 0, 2);
	tcase_add_test(c, a_clock_that_goes_back);
	tcase_add_loop_test(c, a_forced_push_to_the_past_moves_forward, 0, 2);
	tcase_add_loop_test(c, there_and_back_again, 0, 2);
	tcase_add_loop_test(c, another_mode_is_another_file, 0, 2);
	tcase_add_loop_test(c, file_and_directory_change_places, 0, 2);
	tcase_add_loop_test(c, a_removed_directory_shows_what_it_held, 0, 2);
	tcase_add_loop_test(c, an_unrelated_history, 0, 2);
	tcase_add_loop_test(c, the_default_branch_changes, 0, 2);
	tcase_add_test(c, no_reader_sees_a_torn_file);
	tcase_add_loop_test(c, more_moves_than_are_remembered, 0, 2);
	tcase_add_loop_test(c, a_pinned_name_never_changes, 0, 2);
	tcase_add_loop_test(c, a_branch_by_name_moves_too, 0, 2);
	tcase_add_loop_test(c, a_deleted_branch, 0, 2);
	tcase_add_loop_test(c, an_empty_repository_and_its_first_commit, 0, 2);
	tcase_add_loop_test(c, a_repack, 0, 2);
	tcase_add_test(c, a_repository_that_is_away_for_a_while);
	tcase_add_loop_test(c, a_state_directory_that_is_full, 0, 2);
}

int main(void)
{
	return harness_main("moves", 60, add, NULL);
}
