/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The git backend against a host that misbehaves as asked. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/http/circuit.h"
#include "common/clock.h"
#include "test/githost.h"
#include "test/job.h"
#include "test/suite.h"

enum { PATIENCE = 60000 };      /* ms */

static int port;

/* ---- opening ---- */

static struct backend *open_with(const char *host, const char *fault,
				 const char *repo,
				 const struct backend_options *opt)
{
	char url[1024], why[BACKEND_WHY] = "";
	struct backend *b;

	snprintf(url, sizeof url, "http://%s:%d/%s/%s", host, port, fault,
		 repo);
	ck_assert_msg(backend_open_with(&b, url, opt, why) == 0, "%s", why);
	githost_mark();
	return b;
}

/* Repository 'repo' behind the faults of test/httpd.pl. */
static struct backend *open_faulty(const char *fault, const char *repo)
{
	return open_with("127.0.0.1", fault, repo, NULL);
}

/* What is said about it when asked why. */
static void because(struct backend *b, int err, const char *text)
{
	char why[BACKEND_WHY];

	b->ops->why(b, err, why);
	ck_assert_msg(strstr(why, text) != NULL, "\"%s\" lacks \"%s\"", why,
		      text);
}

START_TEST(urls)
{
	static const struct {
		const char *url, *why;
	} bad[] = {
		{ "https://me:secret@h/x", "token-file" },
		{ "https://me:@h/x", "token-file" },
		{ "https:///x", "host" },
		{ "https://h/x?y", "path" },
		{ "https://h/x#y", "path" },
		{ "https://h/x y", "%20" },
		{ "https://h/x\r\ny", "%20" },
		{ "https://h/\x7f", "%20" },
		{ "ssh://me:secret@h/x", "keys" }, { "ssh://h", "HOST" },
		{ "ssh://-oProxyCommand=x/x", "HOST" },
		{ "ssh://-x@h/x", "HOST" }, { "-x@h:x", "HOST" },
		{ "h:-x", "HOST" }, { "ssh://[::1/x", "HOST" },
		{ "ssh://[::1]x/x", "HOST" }, { "ssh://h:1x/x", "port" },
		{ "ssh://h:/x", "port" }, { "ssh:///x", "HOST" },
		{ "ssh://me@/x", "HOST" }, { "h:", "HOST" },
		{ "h:x\ny", "control" },
	};
	char why[BACKEND_WHY];
	struct backend *b;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_int_eq(backend_open(&b, bad[i].url, why), -EINVAL);
		ck_assert_msg(strstr(why, bad[i].why) != NULL, "%s: %s",
			      bad[i].url, why);
		ck_assert_ptr_null(strstr(why, "secret"));
	}
	ck_assert_int_eq(backend_open(&b, "https://me@h:1/x/", why), 0);
	backend_close(b);
}
END_TEST

/* ---- names ---- */

static void resolves_to(struct backend *b, const char *ref,
			const char *revision)
{
	struct oid expected = id_of("r", revision), got;

	ck_assert_msg(resolve(b, ref, &got) == 0, "%s", ref);
	ck_assert(oid_eq(&expected, &got));
}

static void resolves_not(struct backend *b, const char *ref)
{
	struct oid got;

	ck_assert_msg(resolve(b, ref, &got) == -ENOENT, "%s", ref);
}

START_TEST(names)
{
	static const char *const absent[] = {
		"", "mai", "nosuch", "heads", "refs/heads", "refs", "a b",
		"main\n", "main\nref-prefix refs/", "main ", "refs/heads/",
		"0123456789012345678901234567890123456789",
		("0123456789012345678901234567890123456789"
		 "012345678901234567890123"),
	};
	struct backend *b = open_faulty("", "r");
	struct oid oid;
	char hex[OID_HEX + 1];

	resolves_to(b, NULL, "main");
	resolves_to(b, "HEAD", "main");
	resolves_to(b, "main", "main");
	resolves_to(b, "heads/main", "main");
	resolves_to(b, "refs/heads/main", "main");
	resolves_to(b, "feature/x", "feature/x");
	resolves_to(b, "v1", "v1^{commit}");            /* annotated */
	resolves_to(b, "tags/v1", "v1^{commit}");
	resolves_to(b, "vv1", "v1^{commit}");           /* a tag of it */
	resolves_to(b, "light", "light");
	resolves_to(b, "both", "refs/tags/both");       /* tag before head */
	resolves_to(b, "heads/both", "refs/heads/both");
	resolves_to(b, "up", "refs/remotes/up/HEAD");
	for (size_t i = 0; i < sizeof absent / sizeof *absent; i++)
		resolves_not(b, absent[i]);
	/* Full ids, also of tags. */
	oid = id_of("r", "main~1");
	oid_hex(&oid, hex);
	resolves_to(b, hex, "main~1");
	oid = id_of("r", "vv1");
	oid_hex(&oid, hex);
	resolves_to(b, hex, "v1^{commit}");
	oid = id_of("r", "main:deep");
	oid_hex(&oid, hex);
	resolves_not(b, hex);
	backend_close(b);
}
END_TEST

START_TEST(no_commit_yet)
{
	struct backend *b = open_faulty("", "empty");
	struct oid oid = { .len = 1 };

	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	ck_assert_uint_eq(oid.len, 0);
	ck_assert_int_eq(resolve(b, "main", &oid), -ENOENT);
	backend_close(b);
}
END_TEST

START_TEST(detached_head)
{
	struct backend *b = open_faulty("", "detached");
	struct oid oid, expected = id_of("detached", "HEAD");

	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	ck_assert(oid_eq(&oid, &expected));
	backend_close(b);
}
END_TEST

START_TEST(no_repository)
{
	struct backend *b = open_faulty("", "absent");
	struct oid oid;

	ck_assert_int_eq(resolve(b, NULL, &oid), -ENOENT);
	oid = id_of("r", "main");
	ck_assert_int_eq(fetch_one(b, &oid, OBJ_COMMIT, REACH_NEAR), -ENOENT);
	ck_assert_uint_eq(githost_count("^POST"), 0);
	backend_close(b);
}
END_TEST

/* ---- objects ---- */

static struct run *fetched(struct backend *b, struct oid oid, enum obj type,
			   enum reach reach)
{
	struct run *r = run_new(b, 1);

	r->want[0] = oid;
	run_fetch(r, type, reach, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	ck_assert(r->came[0]);
	return r;
}

/* One request that brings these numbers of objects. */
static void brings(struct backend *b, const char *revision, enum obj type,
		   enum reach reach, unsigned trees, unsigned blobs,
		   const char *filter)
{
	struct run *r;

	githost_mark();
	r = fetched(b, id_of("r", revision), type, reach);
	ck_assert_uint_eq(r->got[OBJ_COMMIT], type == OBJ_COMMIT);
	ck_assert_uint_eq(r->got[OBJ_TREE], trees);
	ck_assert_uint_eq(r->got[OBJ_BLOB], blobs);
	ck_assert_uint_eq(githost_count("^POST"), 1);
	ck_assert_uint_eq(githost_count(filter), 1);
	run_free(r);
}

/* deep/0/1/2/3/4/file, wide/0..39/file */
START_TEST(reaches)
{
	struct backend *b = open_faulty("", "r");
	struct oid all[256];
	unsigned trees = (unsigned)ids_below("r", "main", "tree", all, 256);
	unsigned blobs = (unsigned)ids_below("r", "main", "blob", all, 256);

	brings(b, "main", OBJ_COMMIT, REACH_WANTED, 0, 0, "filter=tree:0 ");
	brings(b, "main", OBJ_COMMIT, REACH_NEAR, 1 + 2 + 41, 0,
	       "filter=combine:blob:none.tree:3 ");
	brings(b, "main", OBJ_COMMIT, REACH_TREES, 1 + trees, 0,
	       "filter=blob:none ");
	brings(b, "main", OBJ_COMMIT, REACH_ALL, 1 + trees, blobs,
	       "filter= ");
	brings(b, "main:deep", OBJ_TREE, REACH_WANTED, 1, 0,
	       "filter=tree:0 ");
	brings(b, "main:deep", OBJ_TREE, REACH_NEAR, 3, 0,
	       "filter=combine:blob:none.tree:2 ");
	brings(b, "main:deep", OBJ_TREE, REACH_TREES, 6, 0,
	       "filter=blob:none ");
	brings(b, "main:deep", OBJ_TREE, REACH_ALL, 6, 1, "filter= ");
	brings(b, "main:deep/0/1/2/3/4/file", OBJ_BLOB, REACH_NEAR, 0, 1,
	       "filter= ");
	backend_close(b);
}
END_TEST

/* Trees that contain each other, where a filter hides the inner ones. */
START_TEST(nested)
{
	static const char *const path[] = {
		"main:", "main:deep", "main:deep/0", "main:deep/0/1",
		"main:deep/0/1/2", "main:deep/0/1/2/3", "main:deep/0/1/2/3/4",
	};
	struct backend *b = open_faulty("", "r");

	for (int i = REACH_WANTED; i <= REACH_ALL; i++) {
		struct run *r = run_new(b, 7);

		for (int j = 0; j < 7; j++)
			r->want[j] = id_of("r", path[j]);
		run_fetch(r, OBJ_TREE, (enum reach)i, PATIENCE);
		ck_assert_int_eq(run_wait(r), 0);
		for (int j = 0; j < 7; j++)
			ck_assert(r->came[j]);
		run_free(r);
	}
	backend_close(b);
}
END_TEST

/* Many askers, few requests. */
START_TEST(travel_together)
{
	enum { N = 300 };
	struct backend *b = open_faulty("", "blobs");
	struct oid oid[N], head;
	struct run *r[N];

	ck_assert_int_eq(resolve(b, NULL, &head), 0);
	ck_assert_uint_eq(ids_below("blobs", "main", "blob", oid, N), N);
	githost_mark();
	for (int i = 0; i < N; i++) {
		r[i] = run_new(b, 1);
		r[i]->want[0] = oid[i];
		run_fetch(r[i], OBJ_BLOB, REACH_NEAR, PATIENCE);
	}
	for (int i = 0; i < N; i++) {
		ck_assert_int_eq(run_wait(r[i]), 0);
		ck_assert(r[i]->came[0]);
		run_free(r[i]);
	}
	ck_assert_uint_le(githost_count("^POST"), 6);
	backend_close(b);
}
END_TEST

/* More than fit in one request; compressed on their way. */
START_TEST(many_in_one_job)
{
	enum { N = 4400 };
	struct backend *b = open_faulty("", "blobs");
	struct run *r = run_new(b, N);

	ck_assert_uint_eq(ids_below("blobs", "main", "blob", r->want, N), N);
	run_fetch(r, OBJ_BLOB, REACH_NEAR, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	for (int i = 0; i < N; i++)
		ck_assert(r->came[i]);
	ck_assert_uint_eq(githost_count("wants=4096 .*encoding=gzip"), 1);
	ck_assert_uint_eq(githost_count("wants=304 "), 1);
	run_free(r);
	backend_close(b);
}
END_TEST

/* However much is asked for ahead, and however long that takes. */
START_TEST(those_who_wait_go_first)
{
	enum { N = 4000, JOBS = 6 };
	struct backend *b = open_faulty("hold=1000", "blobs");
	struct run *ahead[JOBS], *r = run_new(b, 1);
	struct oid head;

	shell("rm -f released");
	ck_assert_int_eq(resolve(b, NULL, &head), 0);
	githost_mark();
	for (int i = 0; i < JOBS; i++) {
		ahead[i] = run_new(b, N);
		ids_below("blobs", "main", "blob", ahead[i]->want, N);
		ahead[i]->job.ahead = true;
		run_fetch(ahead[i], OBJ_BLOB, REACH_WANTED, PATIENCE);
	}
	githost_wait("wants=4000");
	ids_below("blobs", "main", "blob", r->want, 1);
	run_fetch(r, OBJ_BLOB, REACH_NEAR, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	ck_assert(r->came[0]);
	ck_assert_uint_le(githost_count("wants=4000"), 2);
	ck_assert_uint_eq(githost_count("wants=1 "), 1);
	shell("touch released");
	for (int i = 0; i < JOBS; i++) {
		ck_assert_int_eq(run_wait(ahead[i]), 0);
		run_free(ahead[i]);
	}
	run_free(r);
	backend_close(b);
}
END_TEST

START_TEST(same_thing_twice)
{
	struct backend *b = open_faulty("", "r");
	struct run *r = run_new(b, 3);

	r->want[0] = r->want[2] = id_of("r", "main:deep/0/1/2/3/4/file");
	r->want[1] = id_of("r", "main:wide/7/file");
	run_fetch(r, OBJ_BLOB, REACH_WANTED, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	ck_assert(r->came[0] && r->came[1] && r->came[2]);
	ck_assert_uint_eq(githost_count("wants=2 "), 1);
	run_free(r);
	backend_close(b);
}
END_TEST

static void some_are_missing(const char *fault, unsigned absent)
{
	struct backend *b = open_faulty(fault, "r");
	struct run *r = run_new(b, 40);
	size_t n = ids_below("r", "main:wide", "blob", r->want, 40);

	ck_assert_uint_eq(n, 40);
	for (unsigned i = 0; i < absent; i++)
		r->want[i * 7 + 3] = (struct oid){ 20, { 0xab, 0xcd, i } };
	run_fetch(r, OBJ_BLOB, REACH_WANTED, PATIENCE);
	ck_assert_int_eq(run_wait(r), -ENOENT);
	for (unsigned i = 0; i < 40; i++)
		ck_assert(r->came[i] == (r->want[i].id[0] != 0xab ||
					 r->want[i].id[1] != 0xcd));
	run_free(r);
	backend_close(b);
}

START_TEST(missing)
{
	some_are_missing("", 1);
	some_are_missing("", 5);
	/* It does not say which. */
	some_are_missing("vague=abcd", 1);
	some_are_missing("vague=abcd", 5);
}
END_TEST

START_TEST(not_what_it_was_said_to_be)
{
	struct backend *b = open_faulty("", "r");
	struct oid tag = id_of("r", "v1"), sha256 = { .len = OID_SHA256 };

	ck_assert_int_eq(fetch_one(b, &tag, OBJ_COMMIT, REACH_NEAR), -EBADMSG);
	ck_assert_int_eq(fetch_one(b, &tag, OBJ_TAG, REACH_NEAR), 0);
	ck_assert_int_eq(fetch_one(b, &sha256, OBJ_BLOB, REACH_NEAR), -ENOENT);
	backend_close(b);
}
END_TEST

START_TEST(sha256)
{
	struct backend *b = open_faulty("", "sha256");
	struct oid oid, expected = id_of("sha256", "main");
	struct run *r;

	ck_assert_int_eq(resolve(b, "v1", &oid), 0);
	ck_assert(oid_eq(&oid, &expected));
	r = fetched(b, oid, OBJ_COMMIT, REACH_ALL);
	ck_assert_uint_eq(r->got[OBJ_TREE], 3);
	ck_assert_uint_eq(r->got[OBJ_BLOB], 2);
	run_free(r);
	backend_close(b);
}
END_TEST

START_TEST(sizes)
{
	struct backend *b = open_faulty("", "r");
	struct run *r = run_new(b, 3);

	r->want[0] = id_of("r", "main:deep/0/1/2/3/4/file");
	r->want[1] = id_of("r", "main:wide/7/file");
	r->want[2] = r->want[0];
	run_stat(r, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	ck_assert_uint_eq(r->sizes, 3);
	ck_assert_uint_eq(r->size[0], 5);
	ck_assert_uint_eq(r->size[1], 2);
	ck_assert_uint_eq(r->size[2], 5);
	run_free(r);
	/* One that is not there has none. */
	r = run_new(b, 2);
	r->want[0] = (struct oid){ .len = 20, .id = { 1 } };
	r->want[1] = id_of("r", "main:wide/7/file");
	run_stat(r, PATIENCE);
	ck_assert_int_eq(run_wait(r), -ENOENT);
	ck_assert_uint_eq(r->sizes, 1);
	ck_assert_uint_eq(r->size[1], 2);
	run_free(r);
	backend_close(b);
	/* Not offered. */
	b = open_faulty("noinfo", "r");
	r = run_new(b, 1);
	r->want[0] = id_of("r", "main:wide/7/file");
	run_stat(r, PATIENCE);
	ck_assert_int_eq(run_wait(r), -ENOTSUP);
	run_free(r);
	backend_close(b);
}
END_TEST

/* ---- lesser servers ---- */

START_TEST(other_form_of_advertisement)
{
	struct backend *b = open_faulty("prelude", "r");

	resolves_to(b, "v1", "v1^{commit}");
	backend_close(b);
}
END_TEST

START_TEST(not_version_2)
{
	struct oid oid, commit = id_of("r", "main");
	struct backend *b = open_faulty("v0", "r");

	ck_assert_int_eq(resolve(b, "main", &oid), -EPROTONOSUPPORT);
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR),
			 -EPROTONOSUPPORT);
	backend_close(b);
	b = open_faulty("type=text:plain", "r");
	ck_assert_int_eq(resolve(b, "main", &oid), -EPROTONOSUPPORT);
	backend_close(b);
}
END_TEST

/* Without filters a commit comes with everything. */
static void works_without_filters(const char *fault)
{
	struct backend *b = open_faulty(fault, "r");
	struct oid blob = id_of("r", "main:wide/7/file");
	struct run *r = fetched(b, id_of("r", "main"), OBJ_COMMIT,
				REACH_NEAR);

	ck_assert_uint_gt(r->got[OBJ_BLOB], 40);
	run_free(r);
	r = fetched(b, id_of("r", "main:deep"), OBJ_TREE, REACH_NEAR);
	ck_assert_uint_eq(r->got[OBJ_TREE], 6);
	run_free(r);
	ck_assert_int_eq(fetch_one(b, &blob, OBJ_BLOB, REACH_NEAR), 0);
	backend_close(b);
}

START_TEST(no_filters)
{
	works_without_filters("nofilter");
	/* It says that it can, and cannot. */
	works_without_filters("nofilters");
}
END_TEST

/* As resolve(), but an answer of a moment ago will do. */
static int recall(struct backend *b, const char *ref, struct oid *ret)
{
	struct run *r = run_new(b, 0);
	int err;

	r->job.since = 1;
	run_resolve(r, ref, PATIENCE);
	err = run_wait(r);
	*ret = r->commit;
	run_free(r);
	return err;
}

/* Who looks at several refs asks for all of them at once. */
START_TEST(refs_travel_together)
{
	struct backend *b = open_faulty("none", "refs");
	struct oid oid, old = id_of("refs", "main");
	struct oid new = id_of("refs", "next");

	ck_assert_int_eq(resolve(b, "main", &oid), 0);
	ck_assert_int_eq(resolve(b, "side", &oid), 0);
	ck_assert_uint_eq(githost_count("^POST"), 2);
	shell("git -C repos/refs update-ref refs/heads/main next");
	ck_assert_int_eq(recall(b, "main", &oid), 0);
	ck_assert(oid_eq(&oid, &old));
	ck_assert_uint_eq(githost_count("^POST"), 2);
	/* The one brings the other. */
	ck_assert_int_eq(resolve(b, "side", &oid), 0);
	ck_assert(oid_eq(&oid, &old));
	ck_assert_int_eq(recall(b, "main", &oid), 0);
	ck_assert(oid_eq(&oid, &new));
	ck_assert_uint_eq(githost_count("^POST"), 3);
	/* What is no more is not remembered. */
	shell("git -C repos/refs update-ref -d refs/heads/side");
	ck_assert_int_eq(resolve(b, "main", &oid), 0);
	ck_assert_int_eq(recall(b, "side", &oid), -ENOENT);
	ck_assert_uint_eq(githost_count("^POST"), 5);
	backend_close(b);
}
END_TEST

/* Nobody wants it any more, so it does not come along for ever. */
START_TEST(unwanted_refs_stay_away)
{
	struct backend *b = open_faulty("none", "refs");
	struct oid oid;

	ck_assert_int_eq(resolve(b, "side", &oid), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(resolve(b, "main", &oid), 0);
	ck_assert_uint_eq(githost_count("^POST"), 5);
	ck_assert_int_eq(recall(b, "side", &oid), 0);
	ck_assert_uint_eq(githost_count("^POST"), 6);
	backend_close(b);
}
END_TEST

START_TEST(no_combined_filters)
{
	struct backend *b = open_faulty("nocombine", "r");
	struct run *r = fetched(b, id_of("r", "main"), OBJ_COMMIT,
				REACH_NEAR);

	ck_assert_uint_eq(r->got[OBJ_BLOB], 0);
	ck_assert_uint_gt(r->got[OBJ_TREE], 44);
	run_free(r);
	githost_mark();
	r = fetched(b, id_of("r", "main:deep"), OBJ_TREE, REACH_NEAR);
	run_free(r);
	ck_assert_uint_eq(githost_count("^POST"), 1);   /* it remembers */
	backend_close(b);
}
END_TEST

/* Nothing by name but what it advertises. */
START_TEST(tips_only)
{
	struct backend *b = open_faulty("tips", "r");
	struct oid blob = id_of("r", "main:wide/7/file");
	struct oid absent = { .len = 20, .id = { 1 } };
	struct oid old = id_of("r", "main~1:");
	struct run *r = fetched(b, id_of("r", "main"), OBJ_COMMIT,
				REACH_NEAR);

	run_free(r);
	r = fetched(b, blob, OBJ_BLOB, REACH_NEAR);
	ck_assert_uint_gt(r->got[OBJ_BLOB], 40);
	run_free(r);
	ck_assert_int_eq(fetch_one(b, &absent, OBJ_BLOB, REACH_NEAR),
			 -ENOENT);
	ck_assert_int_eq(fetch_one(b, &old, OBJ_TREE, REACH_NEAR), -ENOENT);
	/* It still knows how this one has to be asked. */
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(fetch_one(b, &blob, OBJ_BLOB, REACH_NEAR), 0);
	backend_close(b);
}
END_TEST

START_TEST(small_requests_only)
{
	struct backend *b = open_faulty("large=16", "r");
	struct run *r = run_new(b, 40);

	ck_assert_uint_eq(ids_below("r", "main:wide", "blob", r->want, 40), 40);
	run_fetch(r, OBJ_BLOB, REACH_WANTED, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	for (int i = 0; i < 40; i++)
		ck_assert(r->came[i]);
	run_free(r);
	backend_close(b);
}
END_TEST

/* ---- trouble ---- */

START_TEST(statuses)
{
	static const struct {
		const char *fault;
		int err;
	} all[] = {
		{ "status=404", -ENOENT }, { "status=410", -ENOENT },
		{ "status=401", -EACCES }, { "status=403", -EACCES },
		{ "status=500", -EIO }, { "status=502", -EIO },
		{ "status=400", -EBADMSG }, { "status=415", -EBADMSG },
		{ "post-status=500", -EIO }, { "post-status=404", -ENOENT },
		{ "post-status=403", -EACCES },
		{ "post-empty", -EBADMSG }, { "post-type=text:html", -EBADMSG },
		{ "post-cut=30", -ECONNRESET },
		{ "post-cut=30,post-clean", -ECONNRESET },
	};
	struct oid oid;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct backend *b = open_faulty(all[i].fault, "r");
		int err = resolve(b, "main", &oid);

		ck_assert_msg(err == all[i].err, "%s: %d", all[i].fault, err);
		backend_close(b);
	}
}
END_TEST

/* What goes wrong once is tried again. */
START_TEST(once_is_no_trouble)
{
	static const char *const fault[] = {
		"get-status=500@2", "post-status=502@2", "post-empty@1",
		"post-cut=50@2", "post-cut=50@2,post-clean@2", "post-flip=40@2",
		"post-status=429@1,post-after=1@1",
	};
	struct oid commit = id_of("r", "main");

	for (size_t i = 0; i < sizeof fault / sizeof *fault; i++) {
		struct backend *b = open_faulty(fault[i], "r");
		int err = fetch_one(b, &commit, OBJ_COMMIT, REACH_TREES);

		ck_assert_msg(!err, "%s: %d", fault[i], err);
		backend_close(b);
	}
}
END_TEST

/* Unless nobody waits to hear of it. */
START_TEST(one_try_will_do)
{
	struct backend *b = open_faulty("status=500", "r");
	struct run *r[2] = { run_new(b, 0), run_new(b, 0) };

	r[0]->job.once = true;
	run_resolve(r[0], "main", PATIENCE);
	ck_assert_int_eq(run_wait(r[0]), -EIO);
	ck_assert_uint_eq(githost_count("^GET"), 1);
	run_resolve(r[1], "main", PATIENCE);
	ck_assert_int_eq(run_wait(r[1]), -EIO);
	ck_assert_uint_gt(githost_count("^GET"), 2);
	run_free(r[0]);
	run_free(r[1]);
	backend_close(b);
}
END_TEST

START_TEST(cut_anywhere)
{
	struct oid blob = id_of("r", "main:deep/0/1/2/3/4/file");

	for (int at = 0; at < 70; at += 3) {
		struct backend *b;
		char fault[64];

		snprintf(fault, sizeof fault, "post-cut=%d@1%s", at,
			 at % 2 ? ",post-clean@1" : "");
		b = open_faulty(fault, "r");
		ck_assert_int_eq(fetch_one(b, &blob, OBJ_BLOB, REACH_NEAR), 0);
		backend_close(b);
	}
}
END_TEST

START_TEST(too_many_requests)
{
	struct backend *b = open_with("localhost",
				      "post-status=429,post-after=3600", "r",
				      NULL);
	struct oid oid;

	ck_assert_int_eq(resolve(b, "main", &oid), -EAGAIN);
	ck_assert_uint_eq(githost_count("^POST"), 1);
	/* Nothing that goes to this host is sent. */
	ck_assert_int_eq(resolve(b, "main", &oid), -EAGAIN);
	ck_assert_uint_eq(githost_count("^POST"), 1);
	backend_close(b);
}
END_TEST

/* Silence, a little and for ever, ends with the deadline; others do not
 * notice. */
START_TEST(hangs)
{
	static const char *const fault[] = {
		"hang", "post-hang", "post-stall=20", "post-chat",
	};
	struct oid commit = id_of("r", "main");
	struct backend *b[4], *other = open_faulty("", "r");
	struct run *r[4];

	for (int i = 0; i < 4; i++) {
		b[i] = open_faulty(fault[i], "r");
		r[i] = run_new(b[i], 1);
		r[i]->want[0] = commit;
		run_fetch(r[i], OBJ_COMMIT, REACH_NEAR, 3000);
	}
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(fetch_one(other, &commit, OBJ_COMMIT,
					   REACH_NEAR), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_msg(!r[i]->done, "%s: %d", fault[i], r[i]->err);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(run_wait(r[i]), -ETIMEDOUT);
		run_free(r[i]);
		backend_close(b[i]);
	}
	backend_close(other);
}
END_TEST

/* Much that comes is not yet progress. */
START_TEST(floods)
{
	static const struct {
		const char *fault;
		bool of_refs;
		int err;
	} all[] = {
		{ "get-flood", true, -ETIMEDOUT },
		{ "post-flood", true, -ETIMEDOUT },
		{ "post-flood", false, -EBADMSG },
	};
	struct oid commit = id_of("r", "main");

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct backend *b = open_faulty(all[i].fault, "r");
		struct run *r = run_new(b, 1);

		r->want[0] = commit;
		if (all[i].of_refs)
			run_resolve(r, "main", 1000);
		else
			run_fetch(r, OBJ_COMMIT, REACH_NEAR, 60000);
		ck_assert_int_eq(run_wait(r), all[i].err);
		run_free(r);
		backend_close(b);
	}
}
END_TEST

START_TEST(nobody_there)
{
	char why[BACKEND_WHY];
	struct backend *b;
	struct oid oid;
	uint64_t start;

	ck_assert_int_eq(backend_open(&b, "http://127.0.0.1:1/r", why), 0);
	ck_assert_int_eq(resolve(b, NULL, &oid), -ECONNREFUSED);
	/* By now we know. */
	start = clock_ms();
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(resolve(b, NULL, &oid), -EHOSTDOWN);
	ck_assert_uint_lt(clock_ms() - start, 1000);
	backend_close(b);
}
END_TEST

START_TEST(circuits)
{
	struct circuit *c, *same, *other;
	uint64_t open = 0;

	clock_freeze();
	ck_assert_int_eq(circuit_get("https://a", "", 0, &c), 0);
	ck_assert_int_eq(circuit_get("https://a", "", 0, &same), 0);
	ck_assert_int_eq(circuit_get("https://b", "", 0, &other), 0);
	ck_assert_ptr_eq(c, same);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(circuit_enter(c), 0);
		circuit_leave(c, -ETIMEDOUT);
	}
	ck_assert_int_eq(circuit_enter(c), 0);
	circuit_leave(same, 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(circuit_enter(c), 0);
		circuit_leave(c, -ETIMEDOUT);
	}
	/* Longer each time; one may try. */
	for (int i = 0; i < 10; i++) {
		uint64_t ms = 0;

		while (circuit_enter(c) == -EHOSTDOWN) {
			clock_advance(100);
			ms += 100;
			ck_assert_uint_le(ms, 60000);
		}
		ck_assert_uint_ge(ms, open);
		open = ms;
		ck_assert_int_eq(circuit_enter(same), -EHOSTDOWN);
		ck_assert_int_eq(circuit_enter(other), 0);
		circuit_leave(other, 0);
		circuit_leave(c, i == 9 ? 0 : -EIO);
	}
	ck_assert_uint_eq(open, 60000);
	ck_assert_int_eq(circuit_enter(c), 0);
	circuit_leave(c, -ETIMEDOUT);
	circuit_put(c);
	circuit_put(same);
	circuit_put(other);
	circuit_put(NULL);
	clock_thaw();
}
END_TEST

/* What a host says holds for all its repositories, also for the next. */
START_TEST(circuits_without_users)
{
	enum { MANY = 300 };
	struct circuit *c, *of[MANY];
	char name[32];

	clock_freeze();
	ck_assert_int_eq(circuit_get("https://a", "me", 60, &c), 0);
	limit_left(circuit_limit(c), 0, 1, 3600);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(circuit_enter(c), 0);
		circuit_leave(c, -ETIMEDOUT);
	}
	circuit_put(c);
	ck_assert_int_eq(circuit_get("https://a", "you", 60, &c), 0);
	ck_assert_uint_eq(limit_book(circuit_limit(c)), 0);
	ck_assert_int_eq(circuit_enter(c), -EHOSTDOWN);
	circuit_put(c);
	ck_assert_int_eq(circuit_get("https://a", "me", 60, &c), 0);
	ck_assert_uint_ne(limit_book(circuit_limit(c)), 0);
	/* Who is used is not forgotten, of the others the oldest are. */
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "https://h%d", i);
		ck_assert_int_eq(circuit_get(name, "", 0, of + i), 0);
		limit_busy(circuit_limit(of[i]), 3600);
	}
	for (int i = 0; i < MANY; i++)
		circuit_put(of[i]);
	ck_assert_uint_ne(limit_book(circuit_limit(c)), 0);
	circuit_put(c);
	ck_assert_int_eq(circuit_get(name, "", 0, &c), 0);
	ck_assert_uint_ne(limit_book(circuit_limit(c)), 0);
	circuit_put(c);
	ck_assert_int_eq(circuit_get("https://h0", "", 0, &c), 0);
	ck_assert_uint_eq(limit_book(circuit_limit(c)), 0);
	circuit_put(c);
	clock_thaw();
}
END_TEST

/* ---- through pipes ---- */

static struct backend *open_url(const char *url)
{
	char why[BACKEND_WHY] = "";
	struct backend *b;

	ck_assert_msg(backend_open(&b, url, why) == 0, "%s: %s", url, why);
	return b;
}

/* Several commands, one after the other and at a time. */
static void reads_all(struct backend *b, const char *repo)
{
	enum { N = 40 };
	struct oid oid, expected = id_of(repo, "main"), all[N];
	struct run *r[N];
	size_t n;

	ck_assert_int_eq(resolve(b, "v1", &oid), 0);
	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	ck_assert(oid_eq(&oid, &expected));
	ck_assert_int_eq(fetch_one(b, &oid, OBJ_COMMIT, REACH_NEAR), 0);
	n = ids_below(repo, "main", "blob", all, N);
	for (size_t i = 0; i < n; i++) {
		r[i] = run_new(b, 1);
		r[i]->want[0] = all[i];
		run_fetch(r[i], OBJ_BLOB, i % 2 ? REACH_NEAR : REACH_ALL,
			  PATIENCE);
	}
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(run_wait(r[i]), 0);
		ck_assert(r[i]->came[0]);
		run_free(r[i]);
	}
	ck_assert_int_eq(resolve(b, "nosuch", &oid), -ENOENT);
	oid.id[3] ^= 1;
	ck_assert_int_eq(fetch_one(b, &oid, OBJ_COMMIT, REACH_NEAR), -ENOENT);
}

/* An ssh that runs the command here, and notes how it was called. */
static void make_ssh(void)
{
	char path[4096];

	shell("mkdir -p bin && cat >bin/ssh <<'END'\n"
	      "#!/bin/sh\n"
	      "printf '%%s|' \"$@\" >>ssh.log; echo >>ssh.log\n"
	      "for command; do :; done\n"
	      "case $* in\n"
	      "*down*) exit 255 ;;\n"
	      "*mute*) exec sleep 600 >&- ;;\n"
	      "*junk*) echo junk; exit ;;\n"
	      "esac\n"
	      "exec sh -c \"$command\"\n"
	      "END\nchmod +x bin/ssh");
	ck_assert_ptr_nonnull(getcwd(path, 1024));
	strcat(path, "/bin:");
	strncat(path, getenv("PATH"), 2048);
	setenv("PATH", path, 1);
}

START_TEST(ssh)
{
	char here[1024], url[2048];
	struct backend *b;
	struct oid oid;

	make_ssh();
	ck_assert_ptr_nonnull(getcwd(here, sizeof here));
	snprintf(url, sizeof url, "ssh://me@host:2222%s/repos/r", here);
	b = open_url(url);
	reads_all(b, "r");
	backend_close(b);
	b = open_url("me@host:repos/sha256");
	reads_all(b, "sha256");
	backend_close(b);
	shell("ln -s r \"repos/it's !\"");
	b = open_url("host:repos/it's !");
	reads_all(b, "r");
	backend_close(b);
	shell("grep -q 'BatchMode=yes|.*|-p|2222|me@host|git-upload-pack ./' "
	      "ssh.log && grep -q '|me@host|git-upload-pack .repos/sha256' "
	      "ssh.log");
	/* One program serves one command after the other. */
	shell("test $(wc -l <ssh.log) -lt 40");

	/* As git finds it. */
	shell(">ssh.log");
	snprintf(url, sizeof url, "ssh://me@[::1]:22%s/repos/r", here);
	b = open_url(url);
	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	backend_close(b);
	b = open_url("me@[fe80::1%eth0]:repos/r");
	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	backend_close(b);
	b = open_url("[host:99]:repos/r");
	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	backend_close(b);
	shell("grep -q '|-p|22|me@::1|git-upload-pack ./' ssh.log && "
	      "grep -q '=GIT_PROTOCOL|me@fe80::1%%eth0|' ssh.log && "
	      "grep -q '|-p|99|host|' ssh.log && >ssh.log");
	setenv("GIT_SSH_COMMAND", "ssh -i 'a key'", 1);
	b = open_url("ssh://host:7/~/repos/r");
	ck_assert_int_eq(resolve(b, NULL, &oid), -ENOENT);
	backend_close(b);
	b = open_url("host:repos/r");
	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	backend_close(b);
	unsetenv("GIT_SSH_COMMAND");
	shell("grep -q '^-i|a key|-o|.*|-p|7|host|git-upload-pack .~/' "
	      "ssh.log && >ssh.log && cp bin/ssh bin/plink");
	setenv("GIT_SSH", "plink", 1);
	b = open_url("ssh://host:7/~/repos/r");
	ck_assert_int_eq(resolve(b, NULL, &oid), -ENOENT);
	backend_close(b);
	unsetenv("GIT_SSH");
	shell("grep -q '^-batch|-P|7|host|' ssh.log");

	b = open_url("host:repos/absent");
	ck_assert_int_eq(resolve(b, NULL, &oid), -ENOENT);
	backend_close(b);
	b = open_url("down:repos/r");
	ck_assert_int_eq(resolve(b, NULL, &oid), -EHOSTUNREACH);
	because(b, -EHOSTUNREACH, "ssh -o BatchMode=yes down");
	/* By now we know. */
	shell(">ssh.log");
	ck_assert_int_eq(resolve(b, NULL, &oid), -EHOSTDOWN);
	backend_close(b);
	b = open_url("down:repos/other");
	ck_assert_int_eq(resolve(b, NULL, &oid), -EHOSTDOWN);
	backend_close(b);
	shell("! test -s ssh.log");
}
END_TEST

/* It says nothing more, and stays. */
START_TEST(ssh_that_does_not_end)
{
	struct backend *b = open_url("mute:repos/r");
	struct run *r = run_new(b, 0);

	make_ssh();
	r->job.once = true;
	run_resolve(r, "main", PATIENCE);
	ck_assert_int_eq(run_wait(r), -ECONNRESET);
	run_free(r);
	backend_close(b);
}
END_TEST

/* Who has asked for what ends first may be gone while others, who went with
 * him, are tried again. */
START_TEST(few_programs_stay)
{
	enum { MANY = 12, FEW = 8 };
	struct backend *b[MANY];
	char url[64];
	struct oid oid;

	make_ssh();
	shell("printf '#!/bin/sh\\necho $$ >>pids\\nexec ssh \"$@\"\\n' "
	      ">bin/noted && chmod +x bin/noted");
	setenv("GIT_SSH", "noted", 1);
	for (int i = 0; i < MANY; i++) {
		shell("ln -s r repos/r%d", i);
		snprintf(url, sizeof url, "host:repos/r%d", i);
		b[i] = open_url(url);
		ck_assert_int_eq(resolve(b[i], NULL, &oid), 0);
	}
	shell("test $(for p in $(cat pids); do kill -0 $p 2>/dev/null && "
	      "echo; done | wc -l) -eq %d", FEW);
	/* The others start again. */
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(resolve(b[i], NULL, &oid), 0);
		backend_close(b[i]);
	}
	shell("! for p in $(cat pids); do kill -0 $p 2>/dev/null && echo; "
	      "done | grep -q .");
	unsetenv("GIT_SSH");
}
END_TEST

START_TEST(one_ends_before_the_others)
{
	struct backend *b = open_url("junk:repos/r");
	struct run *name = run_new(b, 0), *id = run_new(b, 0);

	make_ssh();
	run_resolve(name, "main", 60000);
	run_resolve(id, "1111111111111111111111111111111111111111", 60000);
	ck_assert_int_eq(run_wait(id), -EBADMSG);
	run_free(id);
	ck_assert_int_eq(run_wait(name), -EBADMSG);
	run_free(name);
	backend_close(b);
}
END_TEST

/* What libgit2 cannot read. */
START_TEST(on_this_disk)
{
	struct backend *b = open_url("repos/sha256");

	ck_assert_str_eq(b->ops->name, "git");
	reads_all(b, "sha256");
	backend_close(b);
}
END_TEST

/* ---- redirects ---- */

START_TEST(redirects)
{
	struct backend *b = open_faulty("get-redirect=moved", "r");
	struct oid commit = id_of("r", "main");

	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	ck_assert_uint_eq(githost_count("^GET /get-redirect"), 1);
	ck_assert_uint_eq(githost_count("^GET /moved"), 1);
	ck_assert_uint_eq(githost_count("^POST /moved"), 1);
	backend_close(b);
	/* Not for commands. */
	b = open_faulty("post-redirect=moved", "r");
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR),
			 -EBADMSG);
	ck_assert_uint_eq(githost_count("^(GET|POST) /moved"), 0);
	backend_close(b);
	/* In circles. */
	b = open_faulty("circle", "r");
	ck_assert_int_eq(resolve(b, NULL, &commit), -EBADMSG);
	backend_close(b);
}
END_TEST

/* Where a repository leads astray, the host is there for the others. */
START_TEST(redirects_and_circuits)
{
	static const struct {
		const char *fault;
		int err;
	} all[] = {
		{ "circle", -EBADMSG },
		{ "redirect=r,host=127.0.0.2", -ECONNREFUSED },
		{ "redirect=r,host=[::1]", -EPERM },
	};
	static const struct backend_options opt = {
		.allow_address = "127.0.0.2",
	};
	struct oid oid;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct backend *b = open_with("127.0.0.1", all[i].fault, "r",
					      &opt);

		ck_assert_int_eq(resolve(b, NULL, &oid), all[i].err);
		ck_assert_int_eq(resolve(b, NULL, &oid), all[i].err);
		backend_close(b);
		b = open_faulty("none", "r");
		ck_assert_int_eq(resolve(b, NULL, &oid), 0);
		backend_close(b);
	}
}
END_TEST

/* ---- credentials ---- */

#define BASIC "bWU6czNjcmV0"            /* me:s3cret */

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(token_file)
{
	static const struct backend_options opt = {
		.user = "me", .token_file = "token",
	};
	struct oid commit = id_of("r", "main");
	struct backend *b;

	write_file("token", "s3cret\nmore\n");
	b = open_with("127.0.0.1", "auth=" BASIC, "r", &opt);
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	ck_assert_uint_eq(githost_count("authorization= "), 0);
	ck_assert_uint_eq(githost_count("authorization=Basic " BASIC), 2);
	backend_close(b);

	/* A wrong one is read again. */
	write_file("token", "old\n");
	b = open_with("127.0.0.1", "auth=" BASIC, "r", &opt);
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR),
			 -EACCES);
	write_file("token", "s3cret\n");
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	unlink("token");
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	backend_close(b);
	b = open_with("127.0.0.1", "auth=" BASIC, "r", &opt);
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR),
			 -EACCES);
	backend_close(b);
}
END_TEST

START_TEST(never_to_another_host)
{
	static const struct backend_options opt = {
		.user = "me", .token_file = "token",
		.allow_address = "127.0.0.1 ::1",
	};
	struct oid commit = id_of("r", "main");
	struct backend *b;

	write_file("token", "s3cret\n");
	b = open_with("127.0.0.1", "get-redirect=elsewhere,host=localhost",
		      "r", &opt);
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	ck_assert_uint_eq(githost_count("/elsewhere/"), 2);
	ck_assert_uint_eq(githost_count("/elsewhere/.*authorization= "), 2);
	backend_close(b);
	/* Not even when it asks. */
	b = open_with("127.0.0.1", "get-redirect=auth=" BASIC
		      ",host=localhost", "r", &opt);
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR),
			 -EACCES);
	ck_assert_uint_eq(githost_count("^GET /auth=.*authorization= "), 1);
	backend_close(b);
}
END_TEST

START_TEST(netrc)
{
	struct oid commit = id_of("r", "main");
	struct backend *b;

	write_file("home/.netrc",
		   "machine 127.0.0.1 login me password s3cret\n");
	b = open_faulty("auth=" BASIC, "r");
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	backend_close(b);
	unlink("home/.netrc");
}
END_TEST

/* What a helper is told, and that nothing secret is in its arguments. */
START_TEST(helpers)
{
	struct oid commit = id_of("r", "main");
	struct backend *b;
	char *told;

	write_file("gitconfig", "[credential]\n\thelper = \"!sh ./helper\"\n"
		   "\tuseHttpPath = true\n");
	write_file("helper",
		   "echo \"verb=$1\" >>told; cat >>told\n"
		   "tr '\\0' ' ' </proc/$PPID/cmdline >>arguments\n"
		   "[ $1 != get ] || { echo username=me; cat secret; }\n");
	setenv("GIT_CONFIG_GLOBAL", "gitconfig", 1);

	write_file("secret", "password=s3cret\n");
	b = open_faulty("auth=" BASIC, "r");
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	ck_assert_uint_eq(githost_count("authorization= "), 1);
	backend_close(b);
	told = output("cat told");
	ck_assert_ptr_nonnull(strstr(told, "verb=get\n"));
	ck_assert_ptr_nonnull(strstr(told, "host=127.0.0.1:"));
	ck_assert_ptr_nonnull(strstr(told, "path=auth=" BASIC "/r\n"));
	ck_assert_ptr_nonnull(strstr(told, "verb=store\n"));
	ck_assert_ptr_null(strstr(told, "verb=erase\n"));
	free(told);

	/* Wrong ones are rejected, and it is not asked all the time. */
	unlink("told");
	write_file("secret", "password=old\n");
	b = open_faulty("auth=" BASIC, "r");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT,
					   REACH_NEAR), -EACCES);
	backend_close(b);
	told = output("grep verb told | sort | uniq -c | tr -s ' \\n' ' '");
	ck_assert_str_eq(told, " 1 verb=erase 2 verb=get ");
	free(told);
	shell("! grep -e s3cret -e password arguments");
	unsetenv("GIT_CONFIG_GLOBAL");
}
END_TEST

/* ---- the program ---- */

static void make_repositories(void)
{
	shell("cd repos && git init -q -b main r && cd r && "
	      "mkdir -p deep/0/1/2/3/4 && echo deep >deep/0/1/2/3/4/file && "
	      "for i in $(seq 0 39); do mkdir -p wide/$i && "
	      "  printf %%02d $i >wide/$i/file; done && "
	      "git add . && git commit -q -m one && "
	      "echo top >top && git add . && git commit -q -m two && "
	      "git tag -a -m v1 v1 main~1 && git -c advice.nestedTag=false tag -a -m vv1 vv1 v1 && "
	      "git tag light && git branch feature/x main~1 && "
	      "git tag both && git branch both main~1 && "
	      "git update-ref refs/remotes/up/HEAD main~1 && "
	      "git config uploadpack.allowFilter true");
	shell("cd repos && git init -q -b main empty && "
	      "git init -q -b main refs && cd refs && "
	      "git commit -q --allow-empty -m one && git branch side && "
	      "git commit -q --allow-empty -m two && git branch next && "
	      "git reset -q --hard HEAD~1");
	shell("cd repos && git clone -q r detached 2>&1 && cd detached && "
	      "git checkout -q --detach HEAD~1");
	shell("cd repos && git init -q -b main blobs && cd blobs && "
	      "for i in $(seq 4400); do echo $i >$i; done && "
	      "git add . && git commit -q -m blobs && "
	      "git config uploadpack.allowFilter true");
	shell("cd repos && git init -q -b main --object-format=sha256 sha256 "
	      "&& cd sha256 && mkdir -p a/b && echo 1 >a/1 && echo 2 >a/b/2 "
	      "&& git add . && git commit -q -m one && git tag -a -m v1 v1 && "
	      "git config uploadpack.allowFilter true");
}

static void add(TCase *c)
{
	tcase_add_test(c, urls);
	tcase_add_test(c, names);
	tcase_add_test(c, no_commit_yet);
	tcase_add_test(c, detached_head);
	tcase_add_test(c, no_repository);
	tcase_add_test(c, reaches);
	tcase_add_test(c, nested);
	tcase_add_test(c, travel_together);
	tcase_add_test(c, unwanted_refs_stay_away);
	tcase_add_test(c, refs_travel_together);
	tcase_add_test(c, many_in_one_job);
	tcase_add_test(c, those_who_wait_go_first);
	tcase_add_test(c, same_thing_twice);
	tcase_add_test(c, missing);
	tcase_add_test(c, not_what_it_was_said_to_be);
	tcase_add_test(c, sha256);
	tcase_add_test(c, sizes);
	tcase_add_test(c, other_form_of_advertisement);
	tcase_add_test(c, not_version_2);
	tcase_add_test(c, no_filters);
	tcase_add_test(c, no_combined_filters);
	tcase_add_test(c, tips_only);
	tcase_add_test(c, small_requests_only);
	tcase_add_test(c, statuses);
	tcase_add_test(c, once_is_no_trouble);
	tcase_add_test(c, one_try_will_do);
	tcase_add_test(c, cut_anywhere);
	tcase_add_test(c, too_many_requests);
	tcase_add_test(c, hangs);
	tcase_add_test(c, floods);
	tcase_add_test(c, nobody_there);
	tcase_add_test(c, circuits);
	tcase_add_test(c, circuits_without_users);
	tcase_add_test(c, ssh);
	tcase_add_test(c, ssh_that_does_not_end);
	tcase_add_test(c, few_programs_stay);
	tcase_add_test(c, one_ends_before_the_others);
	tcase_add_test(c, on_this_disk);
	tcase_add_test(c, redirects);
	tcase_add_test(c, redirects_and_circuits);
	tcase_add_test(c, token_file);
	tcase_add_test(c, never_to_another_host);
	tcase_add_test(c, netrc);
	tcase_add_test(c, helpers);
}

int main(void)
{
	githost_init("git");
	make_repositories();
	port = githost_scripted();
	if (port < 0)
		return githost_skip("needs perl");
	return githost_exit(suite_run("git", 120, add, NULL));
}
