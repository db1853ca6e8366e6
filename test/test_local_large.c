/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Repositories on this disk: blobs too large for memory, through git where
 * they are packed. */
#include <check.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "test/locally.h"
#include "test/scratch.h"
#include "test/suite.h"

/* ---- large blobs ---- */

enum { BIG = 20 << 20, PIECE = 64 << 10 };

/* r with 20 MiB that do not compress, as main:big. */
static struct oid make_big(void)
{
	static const unsigned char seed[randombytes_SEEDBYTES];
	unsigned char *bytes = malloc(BIG);
	FILE *f;

	make_repository();
	f = fopen("r/big", "w");
	ck_assert(f && bytes);
	randombytes_buf_deterministic(bytes, BIG, seed);
	ck_assert_uint_eq(fwrite(bytes, 1, BIG, f), BIG);
	ck_assert_int_eq(fclose(f), 0);
	free(bytes);
	shell("cd r && git add big && git commit -q -m big");
	return git_id("r", "main:big");
}

/* Nothing is left of a git that was run: no process, no pipe. */
static int fetch_cleanly(struct backend *b, struct run *r)
{
	unsigned before = open_files();
	int err = fetch(b, r);

	/* Less, where it did not trust what was open. */
	ck_assert_uint_le(open_files(), before);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	return err;
}

static void big_run(struct run *r, const struct oid *big)
{
	run_init(r, OBJ_BLOB);
	want(r, big);
}

/* Keep the handle warm, so that files open for good are open. */
static struct backend *open_warm(const struct oid *big)
{
	struct backend *b = open_backend("r");
	struct run r;

	big_run(&r, big);
	ck_assert_int_eq(fetch(b, &r), 0);
	return b;
}

static void streams_big(const struct oid *big)
{
	struct backend *b = open_warm(big);
	struct run r;

	big_run(&r, big);
	ck_assert_int_eq(fetch_cleanly(b, &r), 0);
	ck_assert_uint_eq(r.objects, 1);
	ck_assert_uint_eq(r.got, BIG);
	ck_assert_uint_le(r.largest, PIECE);

	big_run(&r, big);
	r.stop_after = 1 << 20;
	r.stop_err = -ENOSPC;
	ck_assert_int_eq(fetch_cleanly(b, &r), -ENOSPC);
	ck_assert_uint_le(r.got, (1 << 20) + PIECE);

	clock_freeze();
	big_run(&r, big);
	r.stop_after = 1 << 20;
	r.job.deadline = clock_ms() + 1000;
	ck_assert_int_eq(fetch_cleanly(b, &r), -ETIMEDOUT);
	ck_assert_uint_le(r.got, (1 << 20) + PIECE);
	clock_thaw();
	backend_close(b);
}

START_TEST(large_loose_blob_is_streamed)
{
	struct oid big = make_big();
	struct backend *b;
	struct run r;

	streams_big(&big);
	b = open_backend("r");
	shell("chmod u+w %s && truncate -s 10M %s", loose_path(&big),
	      loose_path(&big));
	big_run(&r, &big);
	ck_assert_int_eq(fetch(b, &r), -EIO);
	ck_assert(r.objects == 0 && r.got > 0);
	backend_close(b);
}
END_TEST

START_TEST(large_packed_blob_is_streamed)
{
	struct oid big = make_big();

	shell("git -C r repack -q -a -d");
	streams_big(&big);
}
END_TEST

START_TEST(large_packed_blob_of_a_worktree)
{
	struct oid big = make_big();
	struct backend *b;
	struct run r;

	shell("git -C r repack -q -a -d && "
	      "git -C r worktree add -q ../w 2> /dev/null");
	b = open_backend("w");
	big_run(&r, &big);
	ck_assert_int_eq(fetch(b, &r), 0);
	ck_assert_uint_le(r.largest, PIECE);
	backend_close(b);
}
END_TEST

/* What somebody set for their own git is not for this one. */
START_TEST(environment_and_replacements_do_not_matter)
{
	struct oid big = make_big();
	struct backend *b;
	struct run r;

	shell("git -C r repack -q -a -d && "
	      "git -C r replace main:big main:file");
	setenv("GIT_DIR", "/nonexistent", 1);
	setenv("GIT_OBJECT_DIRECTORY", "/nonexistent", 1);
	setenv("GIT_TRACE", "1", 1);
	b = open_backend("r");
	big_run(&r, &big);
	ck_assert_int_eq(fetch(b, &r), 0);
	ck_assert_uint_le(r.largest, PIECE);
	backend_close(b);
}
END_TEST

START_TEST(large_packed_blob_without_git)
{
	struct oid big = make_big();
	struct backend *b;
	struct run r;

	shell("git -C r repack -q -a -d && mkdir empty");
	b = open_backend("r");
	setenv("PATH", "empty", 1);
	big_run(&r, &big);
	ck_assert_int_eq(fetch(b, &r), 0);
	ck_assert_uint_eq(r.largest, BIG);
	backend_close(b);
}
END_TEST

/* Those in bin/, from now on. */
static void own_programs_first(void)
{
	char *path;

	ck_assert_int_ge(asprintf(&path, "%s/bin:%s", LINE_OF("pwd").s,
				  getenv("PATH")), 0);
	setenv("PATH", path, 1);
	free(path);
}

/* A git that writes too little, too much, or all of it and then fails. */
START_TEST(git_that_fails)
{
	static const char *const script[] = {
		"exit 1", "echo short", "cat ../content; echo more",
		"cat ../content; exit 1", "cat ../content; kill -9 $$",
	};
	struct oid big = make_big();
	struct backend *b;
	struct run r;

	shell("git -C r repack -q -a -d && mkdir bin && mv r/big content");
	b = open_warm(&big);
	own_programs_first();
	for (size_t i = 0; i < sizeof script / sizeof *script; i++) {
		shell("printf '#!/bin/sh\\ncd %s/bin\\n%%s\\n' '%s' > bin/git &&"
		      " chmod +x bin/git", LINE_OF("pwd").s, script[i]);
		big_run(&r, &big);
		ck_assert_msg(fetch_cleanly(b, &r) == -EIO, "%s", script[i]);
		ck_assert_uint_eq(r.objects, 0);
	}
	backend_close(b);
}
END_TEST

/* A git that hangs is given up when the time has come. */
START_TEST(git_that_hangs)
{
	struct oid big = make_big();
	struct backend *b;
	struct run r;

	shell("git -C r repack -q -a -d && mkdir bin");
	b = open_warm(&big);
	shell("printf '#!/bin/sh\\nexec sleep 1000\\n' > bin/git && "
	      "chmod +x bin/git");
	own_programs_first();
	big_run(&r, &big);
	r.job.deadline = clock_ms() + 200;
	ck_assert_int_eq(fetch_cleanly(b, &r), -ETIMEDOUT);
	backend_close(b);
}
END_TEST

/* git would not touch it; we only read. */
START_TEST(another_owner)
{
	struct oid big;
	struct backend *b;
	struct run r;

	if (getuid() != 0)
		return;
	big = make_big();
	shell("git -C r repack -q -a -d && chown -R 65534 r");
	b = open_backend("r");
	big_run(&r, &big);
	ck_assert_int_eq(fetch(b, &r), 0);
	ck_assert_uint_le(r.largest, PIECE);
	backend_close(b);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, large_loose_blob_is_streamed);
	tcase_add_test(c, large_packed_blob_is_streamed);
	tcase_add_test(c, large_packed_blob_of_a_worktree);
	tcase_add_test(c, environment_and_replacements_do_not_matter);
	tcase_add_test(c, large_packed_blob_without_git);
	tcase_add_test(c, git_that_fails);
	tcase_add_test(c, git_that_hangs);
	tcase_add_test(c, another_owner);
}

int main(void)
{
	git_be_neutral();
	return suite_run("local_large", 120, add, NULL);
}
