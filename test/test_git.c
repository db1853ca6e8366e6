/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The git backend: names, objects, and servers that can do less. */
#include <errno.h>
#include <string.h>

#include "backend/git/refs.h"
#include "test/faulty.h"
#include "test/githost.h"
#include "test/suite.h"

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
/* What is remembered is as old as the request that told it, and what an
 * older one tells later is no news. */
START_TEST(old_news_of_refs)
{
	struct oid old = { .len = OID_SHA1, .id = "old" };
	struct oid new = { .len = OID_SHA1, .id = "new" }, got;
	struct refs refs;
	uint64_t age;

	refs_init(&refs);
	refs_note(&refs, "main", &new, 20, true);
	refs_note(&refs, "main", &old, 10, true);
	ck_assert(refs_recall(&refs, "main", 20, &got, &age));
	ck_assert(oid_eq(&got, &new));
	ck_assert(!refs_recall(&refs, "main", 21, &got, &age));
	refs_end(&refs);
}
END_TEST

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

/* ---- the program ---- */

static void make_more(void)
{
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
	tcase_add_test(c, old_news_of_refs);
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
}

int main(void)
{
	githost_init("git");
	make_repositories();
	make_more();
	port = githost_scripted();
	if (port < 0)
		return githost_skip("needs perl");
	return githost_exit(suite_run("git", 120, add, NULL));
}
