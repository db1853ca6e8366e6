/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The GitHub backend against its API (test/forge.pl), which is strict and
 * misbehaves as asked, and git's protocol (test/httpd.pl) beside it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "test/githost.h"
#include "test/job.h"
#include "test/suite.h"

enum { PATIENCE = 30000, MAX = 1000 };  /* ms; objects */

static int api_port, git_port;
static char token_file[256];

static struct oid id_in(const char *repo, const char *revision)
{
	char dir[64];

	snprintf(dir, sizeof dir, "%s.git", repo);
	return id_of(dir, revision);
}

static size_t ids_in(const char *repo, const char *revision, const char *type,
		     struct oid *ret, size_t max)
{
	char dir[64];

	snprintf(dir, sizeof dir, "%s.git", repo);
	return ids_below(dir, revision, type, ret, max);
}

/* 'git' and 'api' are faults. */
static struct backend *open_as(const char *git, const char *api,
			       const char *repo, const char *token)
{
	char url[256], api_url[256], why[BACKEND_WHY] = "";
	struct backend *b;

	snprintf(url, sizeof url, "http://127.0.0.1:%d/%s/%s.git", git_port,
		 git, repo);
	snprintf(api_url, sizeof api_url, "http://127.0.0.1:%d/%s/github",
		 api_port, api);
	ck_assert_msg(backend_open_with(&b, url, &(struct backend_options){
		.type = "github", .api_url = api_url, .token_file = token,
		.allow_address = "127.0.0.1 ::1",
	}, why) == 0, "%s", why);
	githost_mark();
	return b;
}

static struct backend *open_unknown(const char *git, const char *api,
				    const char *repo)
{
	return open_as(git, api, repo, NULL);
}

static struct backend *open_known(const char *git, const char *api,
				  const char *repo)
{
	return open_as(git, api, repo, token_file);
}

static unsigned rest_count(void)
{
	return githost_count("^GET /[^/]*/github/");
}

static unsigned git_count(void)
{
	return githost_count("authorization=");
}

/* Nothing it asked was wrong. */
static void close_strict(struct backend *b)
{
	ck_assert_uint_eq(githost_count("STRICT"), 0);
	backend_close(b);
}

static struct oid head_of(struct backend *b, const char *repo)
{
	struct oid head, expected = id_in(repo, "main");

	ck_assert_int_eq(resolve(b, NULL, &head), 0);
	ck_assert(oid_eq(&head, &expected));
	return head;
}

static int fetch_all(struct backend *b, const char *repo, const char *type,
		     enum obj obj, struct run **ret)
{
	struct run *r = run_new(b, MAX);
	int err;

	r->job.nwant = ids_in(repo, "main", type, r->want, MAX);
	ck_assert_uint_gt(r->job.nwant, 0);
	run_fetch(r, obj, REACH_WANTED, PATIENCE);
	err = run_wait(r);
	for (size_t i = 0; !err && i < r->job.nwant; i++)
		ck_assert(r->came[i]);
	*ret = r;
	return err;
}

static void reads_blobs(struct backend *b, const char *repo)
{
	struct run *r;

	ck_assert_int_eq(fetch_all(b, repo, "blob", OBJ_BLOB, &r), 0);
	run_free(r);
}

/* The tree of main: what came with it. */
static struct run *read_root(struct backend *b, const char *repo)
{
	struct run *r = run_new(b, 1);

	r->want[0] = id_in(repo, "main^{tree}");
	run_fetch(r, OBJ_TREE, REACH_NEAR, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	ck_assert(r->came[0]);
	return r;
}

static size_t trees_of(const char *repo)
{
	struct oid trees[MAX];

	return ids_in(repo, "main", "tree", trees, MAX);
}

/* ---- as it should be ---- */

START_TEST(frugal)
{
	struct backend *b = open_unknown("-", "-", "octo/hello");
	struct oid head = head_of(b, "octo/hello");
	struct oid blobs[MAX];
	struct run *r;

	ck_assert_int_eq(fetch_one(b, &head, OBJ_COMMIT, REACH_NEAR), 0);
	ck_assert_uint_eq(rest_count(), 0);
	r = read_root(b, "octo/hello");
	/* All directories and all sizes in one request. */
	ck_assert_uint_eq(rest_count(), 1);
	ck_assert_uint_ge(r->got[OBJ_TREE], trees_of("octo/hello"));
	/* What was asked for came last, when what is below it was there. */
	ck_assert(oid_eq(&r->oid, &r->want[0]));
	ck_assert_uint_ge(r->told, ids_in("octo/hello", "main", "blob",
					     blobs, MAX));
	run_free(r);
	reads_blobs(b, "octo/hello");
	ck_assert_uint_eq(rest_count(), 1);
	/* A tree that is no commit's has to come otherwise. */
	ck_assert_int_eq(fetch_all(b, "octo/hello", "tree", OBJ_TREE, &r), 0);
	run_free(r);
	ck_assert_uint_eq(rest_count(), 1);
	close_strict(b);
}
END_TEST

START_TEST(refs)
{
	static const char *const names[] = {
		"main", "heads/main", "refs/heads/main", "feature/x", "v1",
		"both", "light", "refs/tags/v1", "HEAD",
	};
	struct backend *b = open_known("status=500", "-", "octo/hello");
	struct oid got;

	head_of(b, "octo/hello");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char revision[64];
		struct oid expected;

		snprintf(revision, sizeof revision, "%s^{commit}", names[i]);
		expected = id_in("octo/hello", revision);
		ck_assert_msg(!resolve(b, names[i], &got), "%s", names[i]);
		ck_assert_msg(oid_eq(&got, &expected), "%s", names[i]);
	}
	ck_assert_uint_eq(git_count(), 0);
	close_strict(b);
}
END_TEST

START_TEST(absent)
{
	struct backend *b = open_known("-", "-", "octo/hello");
	struct oid got;

	ck_assert_int_eq(resolve(b, "nosuch", &got), -ENOENT);
	ck_assert_int_eq(resolve(b, "a b", &got), -ENOENT);
	close_strict(b);
	b = open_known("-", "-", "octo/nosuch");
	ck_assert_int_eq(resolve(b, NULL, &got), -ENOENT);
	close_strict(b);
	b = open_unknown("-", "-", "octo/nosuch");
	ck_assert_int_eq(resolve(b, NULL, &got), -ENOENT);
	ck_assert_uint_eq(rest_count(), 0);
	close_strict(b);
}
END_TEST

START_TEST(as_before)
{
	struct backend *b = open_known("-", "-", "octo/hello");

	head_of(b, "octo/hello");
	head_of(b, "octo/hello");
	head_of(b, "octo/hello");
	ck_assert_uint_eq(githost_count("/commits/HEAD status=200"), 1);
	ck_assert_uint_eq(githost_count("/commits/HEAD status=304"), 2);
	shell("git -C repos/octo/moving.git update-ref refs/heads/main "
	      "refs/heads/other");
	close_strict(b);
	/* It moves. */
	b = open_known("-", "-", "octo/moving");
	head_of(b, "octo/moving");
	shell("git -C repos/octo/moving.git update-ref refs/heads/main "
	      "refs/heads/one");
	head_of(b, "octo/moving");
	ck_assert_uint_eq(githost_count("status=304"), 0);
	close_strict(b);
}
END_TEST

START_TEST(no_head)
{
	struct backend *b = open_known("-", "nohead", "octo/hello");

	head_of(b, "octo/hello");
	close_strict(b);
}
END_TEST

START_TEST(empty)
{
	struct backend *b = open_known("-", "-", "octo/empty");
	struct oid head;

	ck_assert_int_eq(resolve(b, NULL, &head), 0);
	ck_assert_uint_eq(head.len, 0);
	close_strict(b);
	b = open_unknown("-", "-", "octo/empty");
	ck_assert_int_eq(resolve(b, NULL, &head), 0);
	ck_assert_uint_eq(head.len, 0);
	close_strict(b);
}
END_TEST

START_TEST(renamed)
{
	struct backend *b = open_known("status=403", "-", "octo/old");
	struct oid head = head_of(b, "octo/hello");

	ck_assert_uint_eq(githost_count("status=301"), 1);
	ck_assert_int_eq(fetch_one(b, &head, OBJ_COMMIT, REACH_NEAR), 0);
	run_free(read_root(b, "octo/hello"));
	reads_blobs(b, "octo/hello");
	/* The new place is remembered. */
	ck_assert_uint_eq(githost_count("status=301"), 1);
	close_strict(b);
}
END_TEST

/* On another host it is asked as nobody, and at home first each time. */
START_TEST(away)
{
	struct backend *b = open_known("status=403", "away", "octo/hello");

	head_of(b, "octo/hello");
	head_of(b, "octo/hello");
	run_free(read_root(b, "octo/hello"));
	ck_assert_uint_eq(githost_count("/away/.* status=301"), 3);
	ck_assert_uint_eq(githost_count("/-/github/.* user=-"), 3);
	close_strict(b);
	/* What it keeps to those it knows is not to be had there. */
	b = open_known("status=403", "away", "octo/secret");
	ck_assert_int_eq(resolve(b, NULL, &(struct oid){ 0 }), -ENOENT);
	close_strict(b);
}
END_TEST

/* Who has another token is somebody else, of whom nothing is known. */
START_TEST(each_as_himself)
{
	struct backend *known = open_known("status=403", "-", "octo/hello");
	struct backend *unknown = open_unknown("status=403", "-",
					       "octo/hello");

	head_of(unknown, "octo/hello");
	ck_assert_uint_ge(githost_count("/github/.* user=-"), 1);
	ck_assert_uint_eq(githost_count("/github/.* user=[^-]"), 0);
	head_of(known, "octo/hello");
	ck_assert_uint_ge(githost_count("/github/.* user=[^-]"), 1);
	close_strict(unknown);
	close_strict(known);
}
END_TEST

START_TEST(too_much)
{
	struct backend *b = open_known("status=403", "pad=3000000",
				       "octo/hello");
	struct oid got;

	ck_assert_int_eq(resolve(b, NULL, &got), -EFBIG);
	close_strict(b);
}
END_TEST

START_TEST(truncated)
{
	struct backend *b = open_known("-", "trunc=10", "octo/hello");
	struct oid trees[MAX];
	size_t n = ids_in("octo/hello", "main", "tree", trees, MAX);
	struct run *r = read_root(b, "octo/hello");

	ck_assert_uint_eq(githost_count("trees/[0-9a-f]{40} status=200"),
			  1);
	ck_assert_uint_eq(githost_count("recursive=1 status=200"), 1);
	ck_assert_uint_lt(r->got[OBJ_TREE], n);
	run_free(r);
	/* Each by itself, as it is wanted. */
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(fetch_one(b, &trees[i], OBJ_TREE,
					   REACH_NEAR), 0);
	close_strict(b);
}
END_TEST

START_TEST(odd_names)
{
	struct backend *b = open_known("-", "-", "octo/odd");
	struct run *r;

	head_of(b, "octo/odd");
	run_free(read_root(b, "octo/odd"));
	ck_assert_int_eq(fetch_all(b, "octo/odd", "tree", OBJ_TREE, &r), 0);
	run_free(r);
	reads_blobs(b, "octo/odd");
	close_strict(b);
}
END_TEST

static void lists(struct backend *b, unsigned n, const char *one)
{
	struct run *r = run_new(b, 0);
	bool found = false;

	run_list(r, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	ck_assert_uint_eq(r->names, n);
	for (unsigned i = 0; i < r->names; i++)
		found |= !strcmp(r->name[i], one);
	ck_assert_msg(found, "%s", one);
	run_free(r);
}

START_TEST(lists_owners)
{
	struct backend *b = open_known("-", "-", "octo/");
	struct run *r;
	struct oid got;

	lists(b, 6, "secret");
	ck_assert_uint_ge(githost_count("page=3 status=200"), 1);
	ck_assert_int_eq(resolve(b, NULL, &got), -ENOENT);
	close_strict(b);
	b = open_known("-", "-", "acme/");      /* an organisation */
	lists(b, 1, "tool");
	ck_assert_uint_eq(githost_count("/users/"), 0);
	close_strict(b);
	b = open_known("-", "-", "zoe/");
	lists(b, 1, "toy");             /* and nothing of ours */
	close_strict(b);
	b = open_known("-", "-", "nobody/");
	r = run_new(b, 0);
	run_list(r, PATIENCE);
	ck_assert_int_eq(run_wait(r), -ENOENT);
	run_free(r);
	close_strict(b);
	b = open_unknown("-", "-", "octo/");
	r = run_new(b, 0);
	run_list(r, PATIENCE);
	ck_assert_int_eq(run_wait(r), -ENOTSUP);
	run_free(r);
	ck_assert_uint_eq(rest_count(), 0);
	close_strict(b);
}
END_TEST

/* ---- who we are ---- */

START_TEST(private)
{
	struct backend *b = open_known("status=403", "-", "octo/secret");
	struct oid got = head_of(b, "octo/secret");

	ck_assert_int_eq(fetch_one(b, &got, OBJ_COMMIT, REACH_NEAR), 0);
	close_strict(b);
	b = open_unknown("status=404", "-", "octo/secret");
	ck_assert_int_eq(resolve(b, NULL, &got), -ENOENT);
	close_strict(b);
	shell("echo wrong >wrong");
	b = open_as("status=404", "-", "octo/hello", "wrong");
	ck_assert_int_eq(resolve(b, NULL, &got), -EACCES);
	close_strict(b);
	b = open_as("status=404", "-", "octo/hello", "no such file");
	ck_assert_int_eq(resolve(b, NULL, &got), -EACCES);
	close_strict(b);
}
END_TEST

START_TEST(new_token)
{
	struct oid got;
	struct backend *b;

	shell("echo wrong >changing");
	b = open_as("status=404", "-", "octo/hello", "changing");
	ck_assert_int_eq(resolve(b, NULL, &got), -EACCES);
	shell("cp token changing");
	ck_assert_int_eq(resolve(b, NULL, &got), 0);
	close_strict(b);
}
END_TEST

/* ---- not too often ---- */

START_TEST(limited_by_git)
{
	struct backend *b = open_known("-", "limit=1", "octo/hello");
	struct oid head = head_of(b, "octo/hello");

	/* None are left: the rest comes by git, and nobody is refused. */
	ck_assert_int_eq(fetch_one(b, &head, OBJ_COMMIT, REACH_NEAR), 0);
	run_free(read_root(b, "octo/hello"));
	head_of(b, "octo/hello");
	ck_assert_uint_eq(rest_count(), 1);
	ck_assert_uint_eq(githost_count("status=403"), 0);
	close_strict(b);
}
END_TEST

START_TEST(limited_alone)
{
	struct backend *b = open_known("status=403", "limit=2,reset=3600",
				       "octo/hello");
	struct oid head = head_of(b, "octo/hello");
	uint64_t start = clock_ms();

	ck_assert_int_eq(fetch_one(b, &head, OBJ_COMMIT, REACH_NEAR), 0);
	/* An hour is too long to wait. */
	ck_assert_int_eq(fetch_one(b, &head, OBJ_COMMIT, REACH_NEAR), -EAGAIN);
	ck_assert_uint_lt(clock_ms() - start, PATIENCE);
	ck_assert_uint_eq(githost_count("/github/.* status=403"), 0);
	close_strict(b);
	/* Nor is it asked for another repository, by whoever comes next. */
	b = open_known("status=403", "limit=2,reset=3600", "octo/plain");
	ck_assert_int_eq(resolve(b, NULL, &head), -EAGAIN);
	ck_assert_uint_eq(rest_count(), 0);
	close_strict(b);
}
END_TEST

START_TEST(limited_shortly)
{
	struct backend *b = open_known("status=403", "limit=3,reset=2",
				       "octo/hello");
	struct oid head = head_of(b, "octo/hello");

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(fetch_one(b, &head, OBJ_COMMIT, REACH_NEAR),
				 0);
	ck_assert_uint_eq(githost_count("/github/.* status=403"), 0);
	close_strict(b);
}
END_TEST

START_TEST(busy)
{
	struct backend *b = open_known("status=403", "busy@1,after=1",
				       "octo/hello");
	struct oid got;
	uint64_t start;

	head_of(b, "octo/hello");
	ck_assert_uint_eq(githost_count("/github/.* status=403"), 1);
	close_strict(b);
	b = open_known("status=403", "status=429@1,after=1", "octo/hello");
	head_of(b, "octo/hello");
	close_strict(b);
	/* None are left, it says, and no more. */
	b = open_known("status=403", "status=403@1,none=1", "octo/hello");
	head_of(b, "octo/hello");
	close_strict(b);
	b = open_known("status=403", "status=503@1,after=2", "octo/hello");
	start = clock_ms();
	head_of(b, "octo/hello");
	ck_assert_uint_ge(clock_ms() - start, 2000);
	close_strict(b);
	/* At least a minute, when it does not say. */
	b = open_known("status=403", "busy", "octo/hello");
	ck_assert_int_eq(resolve(b, NULL, &got), -EAGAIN);
	ck_assert_int_eq(resolve(b, NULL, &got), -EAGAIN);
	ck_assert_uint_eq(rest_count(), 1);
	close_strict(b);
}
END_TEST

/* ---- each stands in for the other ---- */

static void reads_without_git(const char *repo, const char *api)
{
	struct backend *b = open_known("status=403", api, repo);
	struct oid head = head_of(b, repo);
	struct run *r;

	ck_assert_int_eq(fetch_one(b, &head, OBJ_COMMIT, REACH_NEAR), 0);
	ck_assert_int_eq(fetch_all(b, repo, "tree", OBJ_TREE, &r), 0);
	run_free(r);
	reads_blobs(b, repo);
	ck_assert_uint_le(git_count(), 4);      /* it is not asked again */
	close_strict(b);
}

START_TEST(without_git)
{
	reads_without_git("octo/hello", "-");
	reads_without_git("octo/hello", "nolength");
}
END_TEST

/* Nor is it waited for where it wants no more, or is in trouble. */
START_TEST(git_in_trouble)
{
	static const char *const git[] = {
		"status=429,after=3600", "post-status=500",
	};

	for (size_t i = 0; i < sizeof git / sizeof *git; i++) {
		struct backend *b = open_known(git[i], "-", "octo/hello");

		reads_blobs(b, "octo/hello");
		close_strict(b);
	}
}
END_TEST

START_TEST(commits_without_git)
{
	struct backend *b = open_known("status=403", "-", "octo/commits");
	static const char *const names[] = {
		"zones", "merge", "signed", "noend", "west",
	};
	struct oid oid;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		oid = id_in("octo/commits", names[i]);
		ck_assert_msg(!fetch_one(b, &oid, OBJ_COMMIT, REACH_NEAR),
			      "%s", names[i]);
	}
	/* The API does not tell of another encoding. */
	oid = id_in("octo/commits", "encoded");
	ck_assert_int_eq(fetch_one(b, &oid, OBJ_COMMIT, REACH_NEAR), -EIO);
	close_strict(b);
}
END_TEST

START_TEST(without_api)
{
	struct backend *b = open_known("-", "status=500", "octo/hello");
	struct oid head = head_of(b, "octo/hello");

	ck_assert_int_eq(fetch_one(b, &head, OBJ_COMMIT, REACH_NEAR), 0);
	run_free(read_root(b, "octo/hello"));
	reads_blobs(b, "octo/hello");
	close_strict(b);
}
END_TEST

START_TEST(lies)
{
	struct backend *b = open_known("-", "lie", "octo/hello");
	struct run *r;

	/* What cannot be true comes by git. */
	run_free(read_root(b, "octo/hello"));
	close_strict(b);
	b = open_known("status=403", "lie", "octo/hello");
	r = run_new(b, 1);
	r->want[0] = id_in("octo/hello", "main^{tree}");
	run_fetch(r, OBJ_TREE, REACH_NEAR, PATIENCE);
	ck_assert_int_ne(run_wait(r), 0);
	ck_assert(!r->came[0]);
	run_free(r);
	close_strict(b);
}
END_TEST

START_TEST(passing_trouble)
{
	static const char *const api[] = {
		"status=500@2", "status=502@1,html", "drop@2", "cut=5@1",
		"delay=300",
	};

	for (size_t i = 0; i < sizeof api / sizeof *api; i++) {
		struct backend *b = open_known("status=403", api[i],
					       "octo/hello");

		head_of(b, "octo/hello");
		close_strict(b);
	}
}
END_TEST

/* What is told is what happened, not what did before. */
START_TEST(says_why)
{
	struct backend *b = open_known("status=403", "status=500",
				       "octo/hello");
	char why[BACKEND_WHY] = "";
	struct oid got;

	ck_assert_int_eq(resolve(b, NULL, &got), -EIO);
	b->ops->why(b, -EIO, why);
	ck_assert_ptr_nonnull(strstr(why, "HTTP 500"));
	b->ops->why(b, -EFBIG, why);
	ck_assert_str_eq(why, "");
	close_strict(b);
}
END_TEST

START_TEST(down)
{
	struct backend *b;
	struct oid got;
	char why[BACKEND_WHY];
	uint64_t start = clock_ms();

	ck_assert_int_eq(backend_open_with(&b, "http://127.0.0.1:1/o/r.git",
		&(struct backend_options){ .type = "github",
			.api_url = "http://127.0.0.1:1" }, why), 0);
	ck_assert_int_eq(resolve(b, NULL, &got), -ECONNREFUSED);
	ck_assert_uint_lt(clock_ms() - start, PATIENCE);
	backend_close(b);
}
END_TEST

START_TEST(urls)
{
	static const char *const bad[] = {
		"https://h/", "https://h/x", "nothing",
	};
	static const char *const bad_api[] = {
		"api.github.com", "https://", "https://me@h", "https://h/?x",
		"https://h/a b", "ftp://h/",
	};
	char why[BACKEND_WHY];
	struct backend *b;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_int_eq(backend_open_with(&b, bad[i],
			&(struct backend_options){ .type = "github" }, why),
			-EINVAL);
		ck_assert_msg(strstr(why, "OWNER"), "%s", why);
	}
	for (size_t i = 0; i < sizeof bad_api / sizeof *bad_api; i++)
		ck_assert_int_eq(backend_open_with(&b, "https://h/o/r.git",
			&(struct backend_options){
				.type = "github", .api_url = bad_api[i],
			}, why), -EINVAL);
}
END_TEST

/* ---- */

static void make_repositories(void)
{
	shell("set -e; mkdir -p repos/octo repos/acme repos/zoe;"
	      "touch repos/acme/.org;"
	      "sh \"$srcdir\"/test/oddrepo.sh repos/octo/odd.git bare >/dev/null;"
	      "echo s3cret-t0ken >token; echo 's3cret-t0ken me octo' >tokens;"
	      "echo octo/secret >private; echo octo/old octo/hello >moved;"
	      "cd repos/octo; git init -q --bare -b main empty.git;"
	      "git init -q -b main w; cd w;"
	      "mkdir -p src/deep/er bin doc/a; echo hello >README;"
	      "printf '#!/bin/sh\\n' >bin/run; chmod +x bin/run;"
	      "ln -s README link; : >empty; echo x >'a b'; echo y >100%%;"
	      "echo z >+x; for i in 1 2 3 4 5 6 7 8; do"
	      " echo $i >src/f$i; echo d$i >src/deep/g$i;"
	      " echo e$i >src/deep/er/h$i; echo $i >doc/a/$i; done;"
	      "git add -A; git update-index --add --cacheinfo"
	      " 160000,1111111111111111111111111111111111111111,sub;"
	      "git commit -qm one; git tag light; git tag -am v1 v1;"
	      "git branch feature/x; echo 2 >>README; mkdir sub; git commit -qam two;"
	      "git branch both; git tag both main~1;"
	      "git clone -q --bare . ../hello.git;"
	      "git clone -q --bare . ../secret.git;"
	      "git clone -q --bare . ../moving.git;"
	      "git clone -q --bare . ../../acme/tool.git;"
	      "git clone -q --bare . ../../zoe/toy.git;"
	      "git -C ../moving.git branch one main~1;"
	      "git -C ../moving.git branch other main");
	shell("set -e; cd repos/octo/w; git clone -q --bare . ../commits.git;"
	      "cd ../commits.git; t=$(git rev-parse main^{tree});"
	      "p=$(git rev-parse main);"
	      "put() { git update-ref refs/heads/$1"
	      " $(git hash-object -t commit -w --stdin); };"
	      "printf 'tree %%s\\nparent %%s\\nauthor A \\303\\234 <a@b> "
	      "1700000000 +0530\\ncommitter C <c@d> 1700000100 -0800\\n\\n"
	      "a message\\n\\nof lines\\n' $t $p | put zones;"
	      "printf 'tree %%s\\nparent %%s\\nparent %%s\\nauthor A <a@b> "
	      "1700000000 +0000\\ncommitter A <a@b> 1700000000 +0000\\n\\nm\\n'"
	      " $t $p $(git rev-parse main~1) | put merge;"
	      "printf 'tree %%s\\nauthor A <a@b> 1700000000 -0330\\n"
	      "committer A <a@b> 1700000000 +0200\\ngpgsig -----BEGIN-----\\n"
	      " \\n abc\\n -----END-----\\n\\nsigned\\n' $t | put signed;"
	      "printf 'tree %%s\\nauthor A <a@b> 1700000000 +0900\\n"
	      "committer A <a@b> 1700000000 +0900\\n\\nno end' $t | put noend;"
	      "printf 'tree %%s\\nauthor A <a@b> 1700000000 -0000\\n"
	      "committer A <a@b> 1700000000 -0700\\n\\nw\\n' $t | put west;"
	      "printf 'tree %%s\\nauthor A <a@b> 1700000000 +0000\\n"
	      "committer A <a@b> 1700000000 +0000\\nencoding x\\n\\ne\\n' $t"
	      " | put encoded");
}

/* As it should be, and as it may be. */
static void add_good(TCase *c)
{
	tcase_add_test(c, frugal);
	tcase_add_test(c, refs);
	tcase_add_test(c, absent);
	tcase_add_test(c, as_before);
	tcase_add_test(c, no_head);
	tcase_add_test(c, empty);
	tcase_add_test(c, renamed);
	tcase_add_test(c, away);
	tcase_add_test(c, each_as_himself);
	tcase_add_test(c, too_much);
	tcase_add_test(c, truncated);
	tcase_add_test(c, odd_names);
	tcase_add_test(c, lists_owners);
	tcase_add_test(c, private);
	tcase_add_test(c, new_token);
}

static void add_bad(TCase *c)
{
	tcase_add_test(c, limited_by_git);
	tcase_add_test(c, limited_alone);
	tcase_add_test(c, limited_shortly);
	tcase_add_test(c, busy);
	tcase_add_test(c, without_git);
	tcase_add_test(c, git_in_trouble);
	tcase_add_test(c, commits_without_git);
	tcase_add_test(c, without_api);
	tcase_add_test(c, lies);
	tcase_add_test(c, passing_trouble);
	tcase_add_test(c, says_why);
	tcase_add_test(c, down);
	tcase_add_test(c, urls);
}

int main(void)
{
	char cwd[200];

	githost_init("github");
	api_port = githost_forge();
	git_port = githost_scripted();
	if (api_port < 0)
		return githost_skip("needs perl");
	make_repositories();
	snprintf(token_file, sizeof token_file, "%s/token",
		 getcwd(cwd, sizeof cwd));
	return githost_exit(suite_run("github", 120, add_good, add_bad, NULL));
}
