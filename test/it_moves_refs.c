/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Names that move, where they say a ref or have no commit yet. */
#include <stdio.h>

#include "common/cleanup.h"
#include "test/moves.h"

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

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, a_pinned_name_never_changes, 0, 2);
	tcase_add_loop_test(c, a_branch_by_name_moves_too, 0, 2);
	tcase_add_loop_test(c, a_deleted_branch, 0, 2);
	tcase_add_loop_test(c, an_empty_repository_and_its_first_commit, 0, 2);
}

int main(void)
{
	return harness_main("moves_refs", 60, add, NULL);
}
