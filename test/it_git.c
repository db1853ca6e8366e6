/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The git backend against git itself: git http-backend behind nginx. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/githost.h"
#include "test/job.h"
#include "test/suite.h"

enum { PATIENCE = 60000 };      /* ms */

static char plain[64], tls[64];         /* the starts of URLs */
static char ca_file[PATH_MAX];

static struct backend *open_at(const char *start, const char *below,
			       const struct backend_options *opt)
{
	char url[256], why[BACKEND_WHY] = "";
	struct backend *b;

	snprintf(url, sizeof url, "%s/%s", start, below);
	ck_assert_msg(backend_open_with(&b, url, opt, why) == 0, "%s", why);
	githost_mark();
	return b;
}

/* The log is written behind, but in order. */
static void all_is_logged(void)
{
	char url[128], why[BACKEND_WHY];
	struct backend *b;
	struct oid oid;

	snprintf(url, sizeof url, "%s/git/last", plain);
	ck_assert_int_eq(backend_open(&b, url, why), 0);
	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	backend_close(b);
	githost_wait("^POST /git/last/");
}

static struct oid default_branch(struct backend *b)
{
	struct oid oid;

	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	return oid;
}

/* All that 'revision' has, from nothing: the commit with its trees, then
 * the blobs in a batch, then as a whole. */
static void reads_everything(struct backend *b, const char *repo)
{
	enum { MAX = 1000 };
	struct oid head = default_branch(b), expected = id_of(repo, "main");
	struct run *r = run_new(b, MAX);

	ck_assert(oid_eq(&head, &expected));
	ck_assert_int_eq(fetch_one(b, &head, OBJ_COMMIT, REACH_TREES), 0);
	r->job.nwant = ids_below(repo, "main", "blob", r->want, MAX);
	ck_assert_uint_gt(r->job.nwant, 50);
	run_fetch(r, OBJ_BLOB, REACH_WANTED, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	for (size_t i = 0; i < r->job.nwant; i++)
		ck_assert(r->came[i]);
	run_free(r);
	r = run_new(b, MAX);
	r->job.nwant = ids_below(repo, "main", "tree", r->want, MAX);
	run_fetch(r, OBJ_TREE, REACH_ALL, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	ck_assert_uint_gt(r->got[OBJ_BLOB], 50);
	run_free(r);
}

START_TEST(everything)
{
	struct backend *b = open_at(plain, "git/r", NULL);

	reads_everything(b, "r");
	backend_close(b);
	b = open_at(plain, "git/sha256", NULL);
	reads_everything(b, "sha256");
	backend_close(b);
	/* Without filters. */
	b = open_at(plain, "git/plain", NULL);
	reads_everything(b, "plain");
	backend_close(b);
}
END_TEST

START_TEST(empty)
{
	struct backend *b = open_at(plain, "git/empty", NULL);
	struct oid oid;

	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	ck_assert_uint_eq(oid.len, 0);
	backend_close(b);
	b = open_at(plain, "git/absent", NULL);
	ck_assert_int_eq(resolve(b, NULL, &oid), -ENOENT);
	backend_close(b);
}
END_TEST

/* What the first look at a repository costs. */
START_TEST(round_trips)
{
	struct backend *b = open_at(plain, "git/r", NULL);
	struct oid head = default_branch(b);

	ck_assert_int_eq(fetch_one(b, &head, OBJ_COMMIT, REACH_NEAR), 0);
	backend_close(b);
	all_is_logged();
	ck_assert_uint_eq(githost_count("^GET /git/r/"), 1);
	ck_assert_uint_eq(githost_count("^POST /git/r/"), 2);
}
END_TEST

/* A large blob passes through whole, and does not have to fit in what we
 * keep of an answer. */
START_TEST(large)
{
	struct backend *b = open_at(plain, "git/large", NULL);
	struct oid head = default_branch(b);
	struct run *r = run_new(b, 1);

	r->want[0] = head;
	run_fetch(r, OBJ_COMMIT, REACH_ALL, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	ck_assert_uint_eq(r->got[OBJ_BLOB], 2);
	ck_assert_uint_gt(r->bytes, 40000000);
	run_free(r);
	backend_close(b);
}
END_TEST

START_TEST(names_and_sizes)
{
	struct backend *b = open_at(plain, "git/r", NULL);
	struct oid oid, expected = id_of("r", "v1^{commit}");
	struct run *r = run_new(b, 1);

	ck_assert_int_eq(resolve(b, "v1", &oid), 0);
	ck_assert(oid_eq(&oid, &expected));
	ck_assert_int_eq(resolve(b, "nosuch", &oid), -ENOENT);
	r->want[0] = id_of("r", "main:d7/file");
	run_stat(r, PATIENCE);
	/* Not every git offers it. */
	if (!run_wait(r))
		ck_assert_uint_eq(r->size[0], 2);
	else
		ck_assert_int_eq(r->err, -ENOTSUP);
	run_free(r);
	backend_close(b);
}
END_TEST

START_TEST(private)
{
	static const struct backend_options opt = {
		.user = "me", .token_file = "token",
	}, wrong = {
		.user = "me", .token_file = "nosuch",
	};
	struct backend *b = open_at(plain, "private/r", &opt);
	struct oid oid;

	shell("echo 's3cret token' >token");
	reads_everything(b, "r");
	backend_close(b);
	b = open_at(plain, "private/r", NULL);
	ck_assert_int_eq(resolve(b, NULL, &oid), -EACCES);
	backend_close(b);
	b = open_at(plain, "private/r", &wrong);
	ck_assert_int_eq(resolve(b, NULL, &oid), -EACCES);
	backend_close(b);
}
END_TEST

START_TEST(over_tls)
{
	const struct backend_options opt = { .ca_file = ca_file };
	struct backend *b = open_at(tls, "git/r", &opt);

	reads_everything(b, "r");
	backend_close(b);
	all_is_logged();
	ck_assert_uint_gt(githost_count("^POST /git/r/.* HTTP/2"), 0);
	ck_assert_uint_eq(githost_count("/git/r/.* HTTP/1"), 0);
}
END_TEST

/* An authority that we do not know, and a name that is not the host's. */
START_TEST(not_trusted)
{
	const struct backend_options opt = { .ca_file = ca_file };
	struct backend *b = open_at(tls, "git/r", NULL);
	char other[64], why[BACKEND_WHY];
	struct oid oid;

	ck_assert_int_eq(resolve(b, NULL, &oid), -EPROTO);
	b->ops->why(b, -EPROTO, why);
	ck_assert_msg(strstr(why, "certificate") && strstr(why, "ca-file"),
		      "%s", why);
	backend_close(b);
	snprintf(other, sizeof other, "https://127.0.0.1:%d",
		 githost_tls_port());
	b = open_at(other, "git/r", &opt);
	ck_assert_int_eq(resolve(b, NULL, &oid), -EPROTO);
	backend_close(b);
	ck_assert_uint_eq(githost_count("."), 0);
}
END_TEST

/* A connection that somebody else has made may be where we may not go. */
START_TEST(not_by_a_connection_of_others)
{
	const struct backend_options pattern = {
		.named_by = NAMED_BY_PATTERN,
	};
	struct backend *b, *ruled;
	char start[64];
	struct oid oid;

	snprintf(start, sizeof start, "http://gitnfs.localhost%s",
		 strrchr(plain, ':'));
	b = open_at(start, "git/r", NULL);
	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	all_is_logged();
	ruled = open_at(start, "git/r", &pattern);
	ck_assert_int_eq(resolve(ruled, NULL, &oid), -EPERM);
	all_is_logged();
	ck_assert_uint_eq(githost_count("^(GET|POST) /git/r"), 0);
	backend_close(ruled);
	backend_close(b);
}
END_TEST

/* Servers that are too old, or none at all, are one clear error. */
START_TEST(not_version_2)
{
	static const struct {
		const char *below, *why;
	} all[] = {
		{ "old/r", "version 2" }, { "files/plain", "dumb" },
	};
	char why[BACKEND_WHY];
	struct oid oid;

	shell("git -C repos/plain update-server-info");
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct backend *b = open_at(plain, all[i].below, NULL);

		ck_assert_int_eq(resolve(b, NULL, &oid), -EPROTONOSUPPORT);
		b->ops->why(b, -EPROTONOSUPPORT, why);
		ck_assert_msg(strstr(why, all[i].why) != NULL, "%s", why);
		backend_close(b);
	}
}
END_TEST

/* One who does not serve fetches. */
START_TEST(closed)
{
	struct backend *b = open_at(plain, "git/closed", NULL);
	char why[BACKEND_WHY];
	struct oid oid;

	ck_assert_int_eq(resolve(b, NULL, &oid), -EACCES);
	b->ops->why(b, -EACCES, why);
	ck_assert_ptr_nonnull(strstr(why, "403"));
	backend_close(b);
}
END_TEST

/* By the environment, and not where it says no. */
START_TEST(through_a_proxy)
{
	const struct backend_options pattern = {
		.named_by = NAMED_BY_PATTERN,
	};
	char proxy[64];
	struct oid oid;

	snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d",
		 githost_proxy_port());
	setenv("http_proxy", proxy, 1);
	for (int i = 0; i < 3; i++) {
		struct backend *b;

		setenv("no_proxy", i == 2 ? "127.0.0.1" : "", 1);
		b = open_at(plain, "git/r", i ? &pattern : NULL);
		ck_assert_int_eq(resolve(b, NULL, &oid), 0);
		all_is_logged();
		ck_assert_uint_eq(githost_count("^PROXY [A-Z]+ .*git/r/"),
				  i < 2 ? 2 : 0);
		ck_assert_uint_eq(githost_count("^[GP][A-Z]+ /git/r/.* "
						"agent=gitnfs/[0-9]"), 2);
		backend_close(b);
	}
}
END_TEST

/* A branch is pushed to while others read. */
START_TEST(moves)
{
	struct backend *b = open_at(plain, "git/moving", NULL);

	for (int i = 0; i < 10; i++) {
		struct oid head = default_branch(b);
		struct oid expected = id_of("moving", "main");

		ck_assert(oid_eq(&head, &expected));
		ck_assert_int_eq(fetch_one(b, &head, OBJ_COMMIT, REACH_NEAR),
				 0);
		shell("cd repos/moving && echo %d >file && git add . && "
		      "git commit -q -m %d", i, i);
	}
	backend_close(b);
}
END_TEST

static void make_repositories(void)
{
	shell("cd repos && for format in sha1 sha256; do "
	      "git init -q -b main --object-format=$format $format && "
	      "(cd $format && for i in $(seq 0 59); do "
	      "  mkdir -p d$i/e && printf %%02d $i >d$i/file && "
	      "  seq $i 500 >d$i/e/seq; done && "
	      "git add . && git commit -q -m one && git tag -a -m v1 v1 && "
	      "echo more >more && git add . && git commit -q -m two && "
	      "git repack -q -a -d && "
	      "git config uploadpack.allowFilter true); done && mv sha1 r && "
	      "git clone -q --bare r plain 2>&1 && "
	      "git clone -q --bare r closed 2>&1 && "
	      "git -C closed config http.uploadpack false");
	shell("cd repos && git init -q -b main empty && "
	      "git init -q -b main moving && git init -q -b main last");
	shell("cd repos && git init -q -b main large && cd large && "
	      "head -c 30000000 /dev/urandom >random && seq 2000000 >seq && "
	      "git add . && git commit -q -m large");
	shell("cd repos/moving && echo >file && git add . && "
	      "git commit -q -m 0");
}

static void add(TCase *c)
{
	tcase_add_test(c, everything);
	tcase_add_test(c, empty);
	tcase_add_test(c, round_trips);
	tcase_add_test(c, large);
	tcase_add_test(c, names_and_sizes);
	tcase_add_test(c, private);
	tcase_add_test(c, over_tls);
	tcase_add_test(c, not_trusted);
	tcase_add_test(c, not_by_a_connection_of_others);
	tcase_add_test(c, not_version_2);
	tcase_add_test(c, closed);
	tcase_add_test(c, through_a_proxy);
	tcase_add_test(c, moves);
}

int main(void)
{
	int port;

	githost_init("it-git");
	port = githost_nginx();
	if (port < 0)
		return githost_skip("needs nginx, fcgiwrap, openssl");
	snprintf(plain, sizeof plain, "http://127.0.0.1:%d", port);
	snprintf(tls, sizeof tls, "https://localhost:%d", githost_tls_port());
	if (!realpath("ca.pem", ca_file))
		return 99;
	make_repositories();
	return githost_exit(suite_run("git over HTTP", 120, add, NULL));
}
