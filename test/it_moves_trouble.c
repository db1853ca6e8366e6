/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Names that move very often, or below the server's feet. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "test/moves.h"
#include "test/must.h"

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
	tcase_add_test(c, no_reader_sees_a_torn_file);
	tcase_add_loop_test(c, more_moves_than_are_remembered, 0, 2);
	tcase_add_loop_test(c, a_repack, 0, 2);
	tcase_add_test(c, a_repository_that_is_away_for_a_while);
	tcase_add_loop_test(c, a_state_directory_that_is_full, 0, 2);
}

int main(void)
{
	return harness_main("moves_trouble", 60, add, NULL);
}
