/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The Mesa backend against its API (test/forge.pl) in all its generations,
 * which is strict and misbehaves as asked. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/mesa/place.h"
#include "common/clock.h"
#include "test/githost.h"
#include "test/job.h"
#include "test/suite.h"

enum { PATIENCE = 60000, MAX = 1000 };  /* ms; objects */

static int api_port, git_port;
static char dir[200];
static const char *const generations[] = { "mesa", "mesa-b", "mesa-c" };
enum { GENERATIONS = 3 };
static const char *generation = "mesa";

static struct backend *open_as(const char *faults, const char *below,
			       const char *key, const char *git)
{
	char url[512], api[256], key_file[512], git_url[512];
	char why[BACKEND_WHY] = "";
	struct backend *b;

	snprintf(api, sizeof api, "http://127.0.0.1:%d/%s/%s", api_port,
		 faults, generation);
	snprintf(url, sizeof url, "%s/%s", api, below);
	snprintf(key_file, sizeof key_file, "%s/%s", dir, key ? key : "");
	snprintf(git_url, sizeof git_url, "http://127.0.0.1:%d/%s/%s.git",
		 git_port, git ? git : "", below);
	ck_assert_msg(backend_open_with(&b, url, &(struct backend_options){
		.type = "mesa", .api_url = api,
		.token_file = key ? key_file : NULL,
		.git_url = git ? git_url : NULL,
	}, why) == 0, "%s", why);
	githost_mark();
	return b;
}

static struct backend *open_plain(const char *faults, const char *below)
{
	return open_as(faults, below, "key", NULL);
}

/* Nothing it asked was wrong. */
static void close_strict(struct backend *b)
{
	ck_assert_uint_eq(githost_count("STRICT"), 0);
	backend_close(b);
}

static struct oid head_of(struct backend *b, const char *repo)
{
	struct oid head, expected = id_of(repo, "main");

	ck_assert_int_eq(resolve(b, NULL, &head), 0);
	ck_assert(oid_eq(&head, &expected));
	return head;
}

/* What is said of a commit: its tree and time. */
static void reads_commit(struct backend *b, const char *repo,
			 const struct oid *commit)
{
	struct run *r = run_new(b, 1);
	struct oid tree = id_of(repo, "main^{tree}");
	char *t = output("git -C repos/%s log -1 --format=%%ct main", repo);

	r->want[0] = *commit;
	run_fetch(r, OBJ_COMMIT, REACH_NEAR, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	ck_assert(oid_eq(&r->tree, &tree));
	ck_assert_int_eq(r->time, atoll(t));
	free(t);
	run_free(r);
}

/* From the root down, as the cache does: trees when what is above them has
 * come, then blobs. */
static void reads_all(struct backend *b, const char *repo)
{
	struct oid oids[MAX];
	struct oid commit = head_of(b, repo);
	char *list = output("git -C repos/%s ls-tree -r -d --format="
			    "'%%(objectname)' main", repo);
	size_t n;

	reads_commit(b, repo, &commit);
	for (char *at = list; *at; at += strcspn(at, "\n") + 1) {
		struct oid tree;

		ck_assert_int_eq(oid_parse(at, strcspn(at, "\n"), &tree), 0);
		ck_assert_int_eq(fetch_one(b, &tree, OBJ_TREE, REACH_NEAR), 0);
	}
	free(list);
	n = ids_below(repo, "main", "blob", oids, MAX);
	ck_assert_uint_gt(n, 10);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(fetch_one(b, &oids[i], OBJ_BLOB,
					   REACH_WANTED), 0);
}

START_TEST(everything)
{
	struct backend *b;

	generation = generations[_i];
	b = open_plain("-", "hooli/one");

	reads_all(b, "hooli/one.git");
	close_strict(b);
	b = open_plain("nolength", "hooli/one");
	reads_all(b, "hooli/one.git");
	close_strict(b);
}
END_TEST

START_TEST(names)
{
	/* The last has no tags. */
	static const char *const good[] = { "main", "feature/x", "v1" };
	int n = _i == GENERATIONS - 1 ? 2 : 3;
	struct backend *b;
	struct oid got;

	generation = generations[_i];
	b = open_plain("-", "hooli/one");
	for (int i = 0; i < n; i++) {
		char revision[32];
		struct oid expected;

		snprintf(revision, sizeof revision, "%s^{commit}", good[i]);
		expected = id_of("hooli/one.git", revision);
		ck_assert_int_eq(resolve(b, good[i], &got), 0);
		ck_assert(oid_eq(&got, &expected));
	}
	ck_assert_int_eq(resolve(b, "nosuch", &got), -ENOENT);
	ck_assert_int_eq(resolve(b, "a b&c=d", &got), -ENOENT);
	close_strict(b);
	b = open_plain("-", "hooli/nosuch");
	ck_assert_int_eq(resolve(b, NULL, &got), -ENOENT);
	close_strict(b);
}
END_TEST

START_TEST(empty)
{
	struct backend *b;
	struct oid head;

	generation = generations[_i];
	b = open_plain("-", "hooli/empty");
	ck_assert_int_eq(resolve(b, NULL, &head), 0);
	ck_assert_uint_eq(head.len, 0);
	close_strict(b);
}
END_TEST

START_TEST(mirror)
{
	struct backend *b = open_as("-", "github/octo/hello", "mirror-key",
				    NULL);

	reads_all(b, "octo/hello.git");
	ck_assert_uint_gt(githost_count("/github/b2N0by9oZWxsbw%3D%3D"), 0);
	close_strict(b);
}
END_TEST

START_TEST(still_filling)
{
	struct backend *b = open_plain("sync@1", "hooli/one");
	char why[BACKEND_WHY] = "";
	struct run *r;

	head_of(b, "hooli/one.git");
	ck_assert_uint_eq(githost_count("status=202"), 1);
	close_strict(b);
	/* Not for ever. */
	b = open_plain("sync", "hooli/one");
	r = run_new(b, 0);
	run_resolve(r, NULL, 1000);
	ck_assert_int_eq(run_wait(r), -EAGAIN);
	b->ops->why(b, -EAGAIN, why);
	ck_assert_ptr_nonnull(strstr(why, "filling"));
	run_free(r);
	close_strict(b);
}
END_TEST

static void lists(struct backend *b, unsigned n)
{
	struct run *r = run_new(b, 0);

	run_list(r, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	ck_assert_uint_eq(r->names, n);
	run_free(r);
}

START_TEST(lists_organisations)
{
	struct backend *b;
	struct run *r;

	generation = generations[_i];
	b = open_plain("-", "hooli/");
	lists(b, 5);
	ck_assert_uint_eq(githost_count("/repos?\\?limit=100.* status=200"), 3);
	lists(b, 5);
	ck_assert_uint_eq(githost_count("status=404"), _i > 0);
	close_strict(b);
	b = open_as("-", "github/octo/", "mirror-key", NULL);
	r = run_new(b, 0);
	run_list(r, PATIENCE);
	ck_assert_int_eq(run_wait(r), -ENOTSUP);
	run_free(r);
	close_strict(b);
}
END_TEST

START_TEST(keys)
{
	struct backend *b = open_as("-", "hooli/one", NULL, NULL);
	struct oid got;

	ck_assert_int_eq(resolve(b, NULL, &got), -EACCES);
	close_strict(b);
	b = open_as("-", "hooli/one", "mirror-key", NULL);
	ck_assert_int_eq(resolve(b, NULL, &got), -EACCES);
	close_strict(b);
	b = open_as("-", "hooli/one", "no such file", NULL);
	ck_assert_int_eq(resolve(b, NULL, &got), -EACCES);
	close_strict(b);
}
END_TEST

/* What comes with a hint only, as after a restart. */
START_TEST(by_path)
{
	struct backend *b = open_plain("-", "hooli/one");
	struct oid at[2] = {
		id_of("hooli/one.git", "main"),
		id_of("hooli/one.git", "main~1"),
	};
	static const struct {
		const char *path, *revision;
		enum obj type;
	} there[] = {
		{ "src/deep", "main:src/deep", OBJ_TREE },
		{ "", "main^{tree}", OBJ_TREE },
		{ "README", "main:README", OBJ_BLOB },
		{ "README", "main~1:README", OBJ_BLOB },        /* older */
		{ "link", "main:link", OBJ_BLOB },
		{ "a b", "main:a b", OBJ_BLOB },
		{ "100%", "main:100%", OBJ_BLOB },
		{ "+x", "main:+x", OBJ_BLOB },
	};

	for (size_t i = 0; i < sizeof there / sizeof *there; i++) {
		struct run *r = run_new(b, 1);

		r->want[0] = id_of("hooli/one.git", there[i].revision);
		r->job.path = there[i].path;
		r->job.at = at;
		r->job.nat = 2;
		run_fetch(r, there[i].type, REACH_NEAR, PATIENCE);
		ck_assert_msg(!run_wait(r) && r->came[0], "%s",
			      there[i].revision);
		run_free(r);
	}
	ck_assert_int_eq(fetch_one(b, &at[0], OBJ_BLOB, REACH_WANTED),
			 -ENOENT);
	close_strict(b);
}
END_TEST

/* However long a service makes the paths of what it lists. */
START_TEST(places_are_bounded)
{
	const struct oid oid = { .len = 20, .id = { 1 } };
	char path[PLACE_PATH_MAX + 2];
	struct places *ps = places_new();
	struct place *p;

	memset(path, 'x', sizeof path);
	path[PLACE_PATH_MAX + 1] = '\0';
	places_note(ps, &oid, &oid, path, false);
	ck_assert_ptr_null(places_find(ps, &oid));
	path[PLACE_PATH_MAX] = '\0';
	places_note(ps, &oid, &oid, path, false);
	p = places_find(ps, &oid);
	ck_assert_ptr_nonnull(p);
	ck_assert_str_eq(p->path, path);
	free(p);
	places_free(ps);
}
END_TEST

static int read_root(struct backend *b, const char *repo)
{
	struct run *r = run_new(b, 1);
	struct oid at = id_of(repo, "main");
	int err;

	r->want[0] = id_of(repo, "main^{tree}");
	r->job.path = "";
	r->job.at = &at;
	r->job.nat = 1;
	run_fetch(r, OBJ_TREE, REACH_NEAR, PATIENCE);
	err = run_wait(r);
	ck_assert_int_eq(r->came[0], !err);
	run_free(r);
	return err;
}

/* Nothing is shown that does not hash to its name. */
START_TEST(what_cannot_be)
{
	static const char *const faults[] = { "lie", "stuck" };

	for (size_t i = 0; i < 2; i++) {
		struct backend *b = open_plain(faults[i], "hooli/one");

		ck_assert_int_eq(read_root(b, "hooli/one.git"), -EBADMSG);
		close_strict(b);
		b = open_as(faults[i], "hooli/one", "key", "-");
		ck_assert_int_eq(read_root(b, "hooli/one.git"), 0);
		close_strict(b);
	}
}
END_TEST

/* Submodules are left out: git has them. */
START_TEST(submodules)
{
	struct backend *b = open_plain("-", "hooli/subs");

	ck_assert_int_eq(read_root(b, "hooli/subs.git"), -EBADMSG);
	close_strict(b);
	b = open_as("-", "hooli/subs", "key", "-");
	ck_assert_int_eq(read_root(b, "hooli/subs.git"), 0);
	close_strict(b);
}
END_TEST

/* With git there, a commit can be checked. */
START_TEST(commits_by_git)
{
	struct backend *b = open_as("-", "hooli/one", "key", "-");
	struct oid head = head_of(b, "hooli/one.git");
	struct run *r = run_new(b, 1);

	r->want[0] = head;
	run_fetch(r, OBJ_COMMIT, REACH_NEAR, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	ck_assert_uint_eq(r->got[OBJ_COMMIT], 1);
	run_free(r);
	close_strict(b);
	b = open_as("-", "hooli/one", "key", "status=404");
	reads_commit(b, "hooli/one.git", &head);
	close_strict(b);
}
END_TEST

/* A depot speaks git where it has its API. */
START_TEST(git_at_home)
{
	struct backend *b;
	struct oid head;
	struct run *r;

	generation = generations[_i];
	shell("touch git");
	b = open_plain("-", "hooli/subs");
	ck_assert_int_eq(read_root(b, "hooli/subs.git"), 0);
	ck_assert_uint_gt(githost_count("user=me protocol=git"), 0);
	close_strict(b);
	/* Many files in a request. */
	b = open_plain("-", "hooli/one");
	head = head_of(b, "hooli/one.git");
	r = run_new(b, MAX);
	r->job.nwant = ids_below("hooli/one.git", "main", "blob", r->want,
				 MAX);
	run_fetch(r, OBJ_BLOB, REACH_WANTED, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	ck_assert_uint_eq(githost_count("/content"), 0);
	run_free(r);
	/* Where it is refused from now on, the API does. */
	shell("rm git");
	reads_commit(b, "hooli/one.git", &head);
	ck_assert_uint_gt(githost_count("/content"), 0);
	close_strict(b);
}
END_TEST

START_TEST(trouble)
{
	static const char *const faults[] = {
		"status=500@2", "status=429@1,after=1", "drop@1", "cut=9@1",
		"status=409@1", "nulls", "delay=100",
	};
	static const struct {
		const char *fault;
		int err;
	} lasting[] = {
		{ "status=500", -EIO }, { "status=403", -EACCES },
		{ "status=400", -EBADMSG }, { "status=404", -ENOENT },
		{ "status=429,after=100", -EAGAIN },
	};

	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		struct backend *b = open_plain(faults[i], "hooli/one");

		head_of(b, "hooli/one.git");
		close_strict(b);
	}
	for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++) {
		struct backend *b = open_plain(lasting[i].fault, "hooli/one");
		struct oid got;

		ck_assert_int_eq(resolve(b, NULL, &got), lasting[i].err);
		close_strict(b);
	}
}
END_TEST

START_TEST(urls)
{
	static const char *const bad[] = {
		"https://h/api/", "https://h/api/x", "https://h/other/x/y",
		"https://h/api/x/y/z", "https://h/api/github/x",
	};
	char why[BACKEND_WHY];
	struct backend *b;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(backend_open_with(&b, bad[i],
			&(struct backend_options){
				.type = "mesa", .api_url = "https://h/api",
			}, why) == -EINVAL, "%s", bad[i]);
}
END_TEST

static void make_repositories(void)
{
	shell("set -e; mkdir -p repos/hooli repos/octo;"
	      "echo mesa_key >key; echo other_key >mirror-key;"
	      "printf 'mesa_key me hooli\\nother_key you github\\n' >tokens;"
	      "cd repos/hooli; git init -q --bare -b main empty.git;"
	      "git init -q -b main w; cd w;"
	      "mkdir -p src/deep/er bin; echo hello >README;"
	      "printf '#!/bin/sh\\n' >bin/run; chmod +x bin/run;"
	      "ln -s README link; : >empty; echo x >'a b'; echo y >100%%;"
	      "echo z >+x; echo u >\"$(printf '\\303\\274')\";"
	      "seq 20000 >src/long; for i in 1 2 3 4 5; do"
	      " echo $i >src/f$i; echo d$i >src/deep/g$i;"
	      " echo e$i >src/deep/er/h$i; done;"
	      "git add -A; git commit -qm one; git tag -am v1 v1;"
	      "git branch feature/x; echo 2 >>README; git commit -qam two;"
	      "for r in one two three; do git clone -q --bare . ../$r.git;"
	      " done; git clone -q --bare . ../../octo/hello.git;"
	      "git update-index --add --cacheinfo"
	      " 160000,1111111111111111111111111111111111111111,sub;"
	      "git commit -qm sub; git clone -q --bare . ../subs.git");
}

static void add(TCase *c)
{
	tcase_add_loop_test(c, everything, 0, GENERATIONS);
	tcase_add_loop_test(c, names, 0, GENERATIONS);
	tcase_add_loop_test(c, empty, 0, GENERATIONS);
	tcase_add_test(c, mirror);
	tcase_add_test(c, still_filling);
	tcase_add_loop_test(c, lists_organisations, 0, GENERATIONS);
	tcase_add_test(c, keys);
	tcase_add_test(c, by_path);
	tcase_add_test(c, places_are_bounded);
	tcase_add_test(c, what_cannot_be);
	tcase_add_test(c, submodules);
	tcase_add_test(c, commits_by_git);
	tcase_add_loop_test(c, git_at_home, 0, GENERATIONS);
	tcase_add_test(c, trouble);
	tcase_add_test(c, urls);
}

int main(void)
{
	githost_init("mesa");
	api_port = githost_forge();
	git_port = githost_scripted();
	if (api_port < 0)
		return githost_skip("needs perl");
	make_repositories();
	if (!getcwd(dir, sizeof dir))
		return 99;
	return githost_exit(suite_run("mesa", 120, add, NULL));
}
