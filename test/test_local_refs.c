/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Repositories on this disk: what refs mean, and what is seen at once of a
 * repository that changes, is packed, or goes. */
#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "common/clock.h"
#include "test/locally.h"
#include "test/scratch.h"
#include "test/suite.h"

/* ---- refs ---- */

START_TEST(refs_as_git_looks_them_up)
{
	struct backend *b;
	struct text hex;

	make_repository();
	shell("cd r && git branch topic/with/slash && git tag light && "
	      "git branch both");
	commit("r", "two");
	shell("cd r && git tag -a -m annotated v1 && "
	      "git tag -a -m nested v1-nested v1 2> /dev/null && "
	      "git tag both && git tag tree main^{tree} && "
	      "git tag -a -m blob blob main:file && "
	      "git update-ref refs/remotes/origin/far main~ && "
	      "git update-ref refs/notes/odd main~");
	b = open_backend("r");
	resolves_to(b, NULL, git_id("r", "HEAD"));
	resolves_to(b, "HEAD", git_id("r", "HEAD"));
	resolves_to(b, "main", git_id("r", "main"));
	resolves_to(b, "heads/main", git_id("r", "main"));
	resolves_to(b, "refs/heads/main", git_id("r", "main"));
	resolves_to(b, "topic/with/slash", git_id("r", "main~"));
	resolves_to(b, "light", git_id("r", "main~"));
	resolves_to(b, "v1", git_id("r", "main"));
	resolves_to(b, "v1-nested", git_id("r", "main"));
	resolves_to(b, "both", git_id("r", "refs/tags/both"));
	resolves_to(b, "heads/both", git_id("r", "main~"));
	resolves_to(b, "origin/far", git_id("r", "main~"));
	resolves_to(b, "refs/notes/odd", git_id("r", "main~"));

	hex = LINE_OF("git -C r rev-parse main~");
	resolves_to(b, hex.s, git_id("r", "main~"));
	hex.s[12] = '\0';
	resolves_to(b, hex.s, git_id("r", "main~"));
	hex.s[7] = '\0';
	resolves_to(b, hex.s, git_id("r", "main~"));
	hex.s[6] = '\0';
	resolves_not(b, hex.s);
	hex = LINE_OF("git -C r rev-parse v1-nested");
	resolves_to(b, hex.s, git_id("r", "main"));
	hex = LINE_OF("git -C r rev-parse main: | tr a-f A-F");
	resolves_not(b, hex.s);
	hex = LINE_OF("git -C r rev-parse main | tr a-f A-F");
	resolves_to(b, hex.s, git_id("r", "main"));

	/* A full id means itself, whatever somebody calls a branch. */
	hex = LINE_OF("git -C r rev-parse main");
	shell("git -C r update-ref refs/heads/%s main~", hex.s);
	resolves_to(b, hex.s, git_id("r", "main"));
	backend_close(b);
}
END_TEST

START_TEST(names_of_nothing)
{
	static const char *const names[] = {
		"", "nothing", "tree", "blob", "heads", "refs/heads", "/main",
		"main/", "../r", "main~", "main^", "main^{}", "main^{commit}",
		"@", "@{0}", "main@{0}", "main@{upstream}", ":/one", "main:",
		"main:file", ":file", "main..main", "--all", "-", "config",
		"0000000000000000000000000000000000000000",
		"0123456789abcdef0123456789abcdef01234567",
		("0123456789abcdef0123456789abcdef"
		 "0123456789abcdef0123456789abcdef"),
		"0000000", "xyzxyzxyz",
	};
	struct backend *b;

	make_repository();
	shell("cd r && git tag tree main^{tree} && "
	      "git tag -a -m blob blob main:file");
	b = open_backend("r");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		resolves_not(b, names[i]);
	backend_close(b);
}
END_TEST

START_TEST(unborn_head)
{
	struct backend *b;
	struct oid oid;

	shell("git init -q -b main r");
	b = open_backend("r");
	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	ck_assert_uint_eq(oid.len, 0);
	resolves_not(b, "main");
	commit("r", "one");
	resolves_to(b, NULL, git_id("r", "main"));
	backend_close(b);
}
END_TEST

START_TEST(moves_are_seen_at_once)
{
	struct backend *b;
	struct oid old;

	make_repository();
	old = git_id("r", "main");
	b = open_backend("r");
	resolves_to(b, "main", old);
	commit("r", "two");
	resolves_to(b, "main", git_id("r", "main"));
	shell("git -C r pack-refs --all");
	resolves_to(b, "main", git_id("r", "main"));
	commit("r", "three");
	resolves_to(b, "main", git_id("r", "main"));
	shell("cd r && git pack-refs --all && git branch side");
	resolves_to(b, "side", git_id("r", "main"));
	shell("git -C r reset -q --hard main~2");
	resolves_to(b, "main", old);
	resolves_to(b, NULL, old);
	shell("cd r && git checkout -q side && git branch -q -D main && "
	      "git pack-refs --all");
	resolves_not(b, "main");
	resolves_to(b, NULL, git_id("r", "side"));
	backend_close(b);
}
END_TEST

/* Without the means to ask it again.  What the files said long ago they will
 * go on to say. */
static void is_at_without_objects(struct backend *b, struct oid oid)
{
	clock_advance(60000);
	shell("mv r/.git/objects objects");
	resolves_to(b, NULL, oid);
	shell("mv objects r/.git/objects");
}

static void is_asked_again(struct backend *b, struct oid oid)
{
	struct oid got;

	clock_advance(60000);
	shell("mv r/.git/objects objects");
	ck_assert_int_lt(resolve(b, NULL, &got), 0);
	shell("mv objects r/.git/objects");
	resolves_to(b, NULL, oid);
}

START_TEST(default_branch_that_has_not_moved_costs_a_glance)
{
	struct backend *b;
	struct oid old;

	make_repository();
	clock_freeze();
	old = git_id("r", "main");
	b = open_backend("r");
	/* A moment after it was made the next move might look the same. */
	resolves_to(b, NULL, old);
	is_asked_again(b, old);
	is_at_without_objects(b, old);

	shell("git -C r pack-refs --all");
	is_asked_again(b, old);
	is_at_without_objects(b, old);

	commit("r", "two");
	is_asked_again(b, git_id("r", "main"));
	is_at_without_objects(b, git_id("r", "main"));

	shell("git -C r reset -q --hard main~1");
	resolves_to(b, NULL, old);
	shell("cd r && git checkout -q -b side && git commit -q --allow-empty "
	      "-m side");
	is_asked_again(b, git_id("r", "side"));
	is_at_without_objects(b, git_id("r", "side"));

	/* One that leads elsewhere has more files than are looked at. */
	shell("git -C r symbolic-ref refs/heads/alias refs/heads/main && "
	      "git -C r symbolic-ref HEAD refs/heads/alias");
	is_asked_again(b, old);
	is_asked_again(b, old);
	shell("git -C r update-ref refs/heads/main side");
	resolves_to(b, NULL, git_id("r", "side"));
	backend_close(b);
	clock_thaw();
}
END_TEST

START_TEST(new_objects_and_gc_are_seen_at_once)
{
	struct backend *b;

	make_repository();
	b = open_backend("r");
	for (int i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof name, "n%d", i);
		commit("r", name);
		fetch_all(b, "r", 5 + 3 * (unsigned)i);
		shell("git -C r gc -q --prune=now");
		fetch_all(b, "r", 5 + 3 * (unsigned)i);
	}
	backend_close(b);
}
END_TEST

/* Their indexes were read, as for each object that is not there, and they
 * were not, when they went. */
static void packs_vanish(const char *then)
{
	struct backend *b;

	make_repository();
	shell("git -C r repack -q -d");
	commit("r", "two");
	shell("git -C r repack -q -d && "
	      "test $(ls r/.git/objects/pack/*.pack | wc -l) -eq 2 && %s",
	      then);
	b = open_backend("r");
	ck_assert_int_eq(fetch_id(b, OBJ_BLOB, &nothing), -ENOENT);
	shell("git -C r repack -q -a -d && "
	      "test $(ls r/.git/objects/pack/*.pack | wc -l) -eq 1");
	fetch_all(b, "r", 8);
	backend_close(b);
}

START_TEST(packs_with_indexes_vanish)
{
	packs_vanish("true");
}
END_TEST

START_TEST(packs_with_one_index_vanish)
{
	packs_vanish("git -C r multi-pack-index write --no-progress");
}
END_TEST

START_TEST(deleted_packs_are_let_go)
{
	struct backend *b;
	unsigned before;

	make_repository();
	shell("git -C r repack -q -a -d");
	b = open_backend("r");
	before = open_files();
	fetch_all(b, "r", 5);
	ck_assert_uint_gt(open_files(), before);
	clock_freeze();
	clock_advance(60 * 1000);
	resolves_not(b, "nothing");
	clock_thaw();
	ck_assert_uint_eq(open_files(), before);
	backend_close(b);
}
END_TEST

START_TEST(repository_goes_and_comes_back)
{
	struct backend *b;
	struct oid oid, blob;

	make_repository();
	blob = git_id("r", "main:file");
	b = open_backend("r");
	resolves_to(b, "main", git_id("r", "main"));
	shell("mv r elsewhere");
	ck_assert_int_lt(resolve(b, NULL, &oid), 0);
	resolves_not(b, "main");
	ck_assert_int_lt(fetch_id(b, OBJ_BLOB, &blob), 0);
	clock_freeze();
	clock_advance(3600 * 1000);
	ck_assert_int_eq(resolve(b, NULL, &oid), -ENOENT);
	ck_assert_int_eq(fetch_id(b, OBJ_BLOB, &blob), -ENOENT);
	shell("mv elsewhere r");
	resolves_to(b, "main", git_id("r", "main"));
	ck_assert_int_eq(fetch_id(b, OBJ_BLOB, &blob), 0);
	clock_thaw();
	backend_close(b);
}
END_TEST

/* A name that is not there is one thing, damage another. */
START_TEST(refs_to_what_is_not_there)
{
	struct backend *b;
	struct oid got;

	make_repository();
	shell("cd r/.git/refs/heads && "
	      "printf '%%040d\\n' 1 >lost && cp lost main");
	shell("cd r && tag=$(printf 'object %%040d\\ntype commit\\ntag t\\n"
	      "tagger a <b> 1 +0000\\n\\nt\\n' 1 | "
	      "git hash-object -t tag -w --stdin --literally) && "
	      "echo $tag >.git/refs/tags/lost-tag");
	b = open_backend("r");
	ck_assert_int_eq(resolve(b, NULL, &got), -EIO);
	ck_assert_int_eq(resolve(b, "lost", &got), -EIO);
	ck_assert_int_eq(resolve(b, "lost-tag", &got), -EIO);
	resolves_not(b, "none");
	resolves_not(b, "0000000000000000000000000000000000000001");
	backend_close(b);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, refs_as_git_looks_them_up);
	tcase_add_test(c, names_of_nothing);
	tcase_add_test(c, unborn_head);
	tcase_add_test(c, moves_are_seen_at_once);
	tcase_add_test(c, default_branch_that_has_not_moved_costs_a_glance);
	tcase_add_test(c, new_objects_and_gc_are_seen_at_once);
	tcase_add_test(c, packs_with_indexes_vanish);
	tcase_add_test(c, packs_with_one_index_vanish);
	tcase_add_test(c, deleted_packs_are_let_go);
	tcase_add_test(c, repository_goes_and_comes_back);
	tcase_add_test(c, refs_to_what_is_not_there);
}

int main(void)
{
	git_be_neutral();
	return suite_run("local_refs", 120, add, NULL);
}
