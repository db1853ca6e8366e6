/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Names that move: what a client sees while somebody commits, pushes by
 * force, deletes and restores. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "test/moves.h"

enum { SECOND = 1000000000 };   /* ns */

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
	struct fattr still = attrs_of(&old.fh);

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
		struct fattr still = attrs_of(&version[v].fh);

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
		still = attrs_of(&dir.fh);
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
	now_ = (struct seen){ dir.fh, attrs_of(&dir.fh) };
	later(dir, now_);
	ck_assert_uint_eq(call_find(&conn, &dir.fh, "new", NULL, NULL), N3_OK);
	ck_assert_uint_eq(call_find(&conn, &dir.fh, "other", &now_.fh, NULL),
			  N3_OK);
	ck_assert(!fh_eq(&now_.fh, &other.fh));
	holds(now_, "OTHER\n");
	still = attrs_of(&other.fh);
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
		struct fattr direct = attrs_of(&old[i].fh);

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
	ck_assert_uint_eq(attrs_of(&old.fh).mode, 0644);

	commit("M 120000 inline top\ndata 4\ntop\n");
	moved(_i);
	ck_assert_uint_eq(see("src/top").attr.type, LNK);
	ck_assert_uint_eq(attrs_of(&old.fh).type, REG);
	ck_assert_uint_eq(attrs_of(&new.fh).mode, 0755);
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
	ck_assert_uint_eq(attrs_of(&dir.fh).type, DIR);
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
	a = attrs_of(&dir.fh);
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
}

int main(void)
{
	return harness_main("moves", 60, add, NULL);
}
