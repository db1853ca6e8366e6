/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Levels above repositories: any owner, any repository, by a pattern; what is
 * there when somebody asks for it, and what is not. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "test/levels.h"
#include "test/must.h"

enum { TRIES = 5000 };

/* ---- names ---- */

START_TEST(any_owner_any_repository)
{
	CLEANUP_FREE char *main_id = git(seed, "rev-parse main");
	CLEANUP_WIRE struct wire text = { 0 };
	CLEANUP_FREE char *pinned = NULL, *target = NULL;
	struct seen link, a, b;

	ck_assert_str_eq(listing(""), "team deep one ");
	ck_assert_str_eq(listing("team"), "");
	ck_assert_uint_eq(attrs_of("team/ann").type, DIR);
	ck_assert_str_eq(listing("team"), "");
	a = see("team/ann/tools/file");
	holds(&a.fh, "first\n");
	ck_assert_str_eq(listing("team"), "ann ");
	ck_assert_str_eq(listing("team/ann"), "tools tools@@ ");
	ck_assert_str_eq(listing("team/ann/tools"), "cold file sub ");

	b = see("team/ann/tools@v1/file");
	holds(&b.fh, "first\n");
	ck_assert(!fh_eq(&a.fh, &b.fh));
	b = see("team/ann/tools@dev%2Fnew/file");
	holds(&b.fh, "second\n");
	/* The first thing asked of a repository may be one of its refs. */
	b = see("team/bob/tools@dev%2Fnew/file");
	holds(&b.fh, "second\n");
	ck_assert_str_eq(listing("team"), "ann bob ");

	link = see("team/ann/tools@@");
	ck_assert_uint_eq(link.attr.type, LNK);
	ck_assert_int_ge(asprintf(&target, "tools@%s", main_id), 0);
	ck_assert_uint_eq(call_readlink(&conn, &link.fh, &text, NULL), N3_OK);
	ck_assert_uint_eq(text.len, strlen(target));
	ck_assert(!memcmp(text.p, target, text.len));
	ck_assert_int_ge(asprintf(&pinned, "team/ann/%s", target), 0);
	a = see(pinned);
	ck_assert_uint_eq(a.attr.mtime, 1600000000ull * 1000000000);
	ck_assert_uint_eq(a.attr.ctime, a.attr.mtime);

	ck_assert_uint_eq(status_of("team/ann@v1"), N3_NOENT);
	ck_assert_uint_eq(status_of("team/ann@@"), N3_NOENT);
	ck_assert_uint_eq(status_of("team/ann/tools@nothing"), N3_NOENT);
	ck_assert_uint_eq(status_of("team/ann/tools@dev/new"), N3_NOENT);
	ck_assert_uint_eq(status_of("one/two/solo/file"), N3_OK);
	ck_assert_uint_eq(status_of("one/two/other"), N3_NOENT);
	ck_assert_uint_eq(status_of("one/other"), N3_NOENT);
	ck_assert_str_eq(listing("one"), "two ");
	ck_assert_str_eq(listing("one/two"), "solo solo@@ ");
}
END_TEST

START_TEST(levels_of_levels)
{
	struct seen file = see("deep/org/group/repo/file");

	holds(&file.fh, "first\n");
	ck_assert_str_eq(listing("deep"), "org ");
	ck_assert_str_eq(listing("deep/org"), "group ");
	ck_assert_str_eq(listing("deep/org/group"), "repo repo@@ ");
	ck_assert_uint_eq(status_of("deep/org/group/none"), N3_NOENT);
	ck_assert_uint_eq(status_of("deep/org/repo/group"), N3_NOENT);
	ck_assert_uint_eq(status_of("deep/group/org/repo"), N3_NOENT);
}
END_TEST

/* From anywhere, ".." leads to where one came from, and at last to "/". */
START_TEST(the_way_up)
{
	static const char *const down[] = {
		"", "deep", "deep/org", "deep/org/group",
		"deep/org/group/repo", "deep/org/group/repo/sub",
		"deep/org/group/repo/sub/deep",
	};
	size_t i = sizeof down / sizeof *down - 1;
	struct seen at = see(down[i]);

	while (i--) {
		struct seen up, want = see(down[i]);

		ck_assert_uint_eq(call_find(&conn, &at.fh, "..", &up.fh,
					    &up.attr), N3_OK);
		ck_assert_msg(same(&up, &want), "%s", down[i]);
		ck_assert_uint_eq(call_find(&conn, &up.fh, ".", &at.fh,
					    &at.attr), N3_OK);
		ck_assert_msg(same(&at, &want), "%s", down[i]);
	}
	ck_assert(fh_eq(&at.fh, &top));
	ck_assert_uint_eq(call_find(&conn, &top, "..", &at.fh, NULL), N3_OK);
	ck_assert(fh_eq(&at.fh, &top));
}
END_TEST

static void listings_agree(void)
{
	static const char *const level[] = {
		"", "team", "team/ann", "team/bob", "team/none", "deep",
		"deep/org", "deep/org/group", "one", "one/two",
	};

	for (size_t i = 0; i < sizeof level / sizeof *level; i++)
		listing_agrees(level[i]);
}

START_TEST(listings_say_what_lookups_say)
{
	see("team/ann/tools");
	see("team/ann/notes@@");
	see("team/bob/tools");
	see("deep/org/group/repo");
	see("one/two/solo");
	/* As they stand, and all anew. */
	listings_agree();
	restart();
	listings_agree();
}
END_TEST

/* ---- what is no repository ---- */

START_TEST(what_is_not_there_leaves_nothing)
{
	static const char *const none[] = {
		"team/ann/none", "team/ann/none@v1", "team/ann/none@@",
		"team/ann/plain", "team/ann/file", "team/ann/tools@none",
		"team/ann/tools@0123456789abcdef0123456789abcdef01234567",
		"team/ann/tools.git", "nothing", "nothing/at/all",
	};
	unsigned long lines;
	uint64_t before, memory;
	char name[64];

	see("team/ann");
	lines = journal_lines();
	before = sources();
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		ck_assert_msg(status_of(none[i]) == N3_NOENT, "%s", none[i]);
	ck_assert_uint_eq(sources(), before);
	ck_assert_uint_eq(journal_lines(), lines);
	ck_assert_str_eq(listing("team"), "");
	ck_assert_str_eq(listing("team/ann"), "");

	memory = harness_memory();
	for (int i = 0; i < TRIES; i++) {
		snprintf(name, sizeof name, "team/ann/none%d", i);
		must(status_of(name) == N3_NOENT);
	}
	ck_assert_uint_eq(sources(), before);
	ck_assert_uint_eq(journal_lines(), lines);
	ck_assert_str_eq(listing("team/ann"), "");
	ck_assert_uint_lt(harness_memory(), memory + 8 * MEBI + 1);
	restart();
	ck_assert_uint_eq(sources(), before);
	ck_assert_uint_eq(status_of("team/ann/tools"), N3_OK);
}
END_TEST

static uint32_t find_bytes(const char *dir, const char *name, size_t len)
{
	struct seen d = see(dir);

	return call_lookup(&conn, &d.fh, name, len, NULL, NULL, NULL);
}

/* Nobody is asked about these. */
START_TEST(odd_names)
{
	static const char *const odd[] = {
		".DS_Store", "._x", ".git", ".gitmodules", "-x", "\n", "\x7f",
		"a\tb", "a b", "\xc3\xa9", "\xff", "?", "#", "a:b", "a\\b",
		"{repo}", "%2F", "autorun.inf", "node_modules", "@", "@@",
		"@v1", ".@@",
	};
	static const char *const level[] = { "team", "team/ann", "deep/org" };
	char longest[257];
	uint64_t roots, levels;

	memset(longest, 'x', sizeof longest);
	for (size_t l = 0; l < sizeof level / sizeof *level; l++) {
		see(level[l]);
		roots = count(KIND_ROOT).misses;
		levels = count(KIND_LEVEL).misses;
		for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
			ck_assert_msg(find_bytes(level[l], odd[i],
						 strlen(odd[i])) == N3_NOENT,
				      "%s/%s", level[l], odd[i]);
		ck_assert_uint_eq(find_bytes(level[l], "", 0), N3_NOENT);
		ck_assert_uint_eq(find_bytes(level[l], "a\0b", 3), N3_NOENT);
		ck_assert_uint_eq(find_bytes(level[l], "../ann", 6), N3_NOENT);
		ck_assert_uint_eq(find_bytes(level[l], longest, 101), N3_NOENT);
		ck_assert_uint_eq(find_bytes(level[l], longest, 255), N3_NOENT);
		ck_assert_uint_eq(find_bytes(level[l], longest, 256),
				  N3_NAMETOOLONG);
		ck_assert_uint_eq(count(KIND_ROOT).misses, roots);
		ck_assert_uint_eq(count(KIND_LEVEL).misses, levels);
		ck_assert_str_eq(listing(level[l]), "");
	}
	/* The counters do count. */
	ck_assert_uint_eq(status_of("team/ann/none"), N3_NOENT);
	ck_assert_uint_eq(count(KIND_ROOT).misses, roots + 1);
}
END_TEST

START_TEST(one_that_comes_later)
{
	struct timespec from, to;

	ck_assert_uint_eq(status_of("team/ann/later"), N3_NOENT);
	make_repo("git/ann/later.git");
	clock_gettime(CLOCK_MONOTONIC, &from);
	wait_for("team/ann/later/file", N3_OK);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ck_assert_int_le(to.tv_sec - from.tv_sec, 3);
	ck_assert_str_eq(listing("team/ann"), "later later@@ ");
}
END_TEST

/* Its name is none; those who are inside see what the server still has,
 * and an error instead of the rest: not that it is gone for good, since when
 * it is back all is as it was. */
START_TEST(one_that_goes)
{
	struct seen root = see("team/ann/tools"), file, cold, again;
	uint32_t status;
	struct fattr a;

	file = see("team/ann/tools/file");
	cold = see("team/ann/tools/cold");
	holds(&file.fh, "first\n");
	shell("mv '%s/git/ann/tools.git' '%s/away'", base, base);
	wait_for("team/ann/tools", N3_NOENT);
	for (int round = 0; round < 2; round++) {
		ck_assert_uint_eq(status_of("team/ann/tools"), N3_NOENT);
		ck_assert_uint_eq(status_of("team/ann/tools/file"), N3_NOENT);
		ck_assert_uint_eq(status_of("team/ann/tools@@"), N3_NOENT);
		ck_assert(!strncmp(listing("team/ann"), "tools tools@@ ", 14));
		ck_assert_uint_eq(getattr(&root.fh, &a), N3_OK);
		ck_assert(fattr_eq(&a, &root.attr));
		status = call_find(&conn, &cold.fh, "file", NULL, NULL);
		ck_assert_msg(status == N3_IO || (!round && status == N3_OK),
			      "%u", status);
		status = getattr(&file.fh, &a);
		ck_assert_uint_eq(status, round ? N3_IO : N3_OK);
		ck_assert_uint_eq(status_of("team/ann/notes"), N3_OK);
		if (!round)
			restart();
	}
	shell("mv '%s/away' '%s/git/ann/tools.git'", base, base);
	wait_for("team/ann/tools/cold/file", N3_OK);
	again = see("team/ann/tools");
	ck_assert(same(&again, &root));
	again = see("team/ann/tools/file");
	ck_assert(same(&again, &file));
	holds(&file.fh, "first\n");
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, any_owner_any_repository);
	tcase_add_test(c, levels_of_levels);
	tcase_add_test(c, the_way_up);
	tcase_add_test(c, listings_say_what_lookups_say);
	tcase_add_test(c, what_is_not_there_leaves_nothing);
	tcase_add_test(c, odd_names);
	tcase_add_test(c, one_that_comes_later);
	tcase_add_test(c, one_that_goes);
}

int main(void)
{
	return harness_main("levels", 300, add, NULL);
}
