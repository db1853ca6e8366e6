/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Levels above repositories: what a restart leaves of them, and listings that
 * grow. */
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "test/levels.h"

/* ---- restarts ---- */

static const char *const everything[] = {
	"", "team", "team/ann", "team/none", "team/ann/tools",
	"team/ann/tools/file", "team/ann/tools/sub/deep",
	"team/ann/tools@@", "team/ann/tools@dev%2Fnew",
	"team/ann/tools@dev%2Fnew/file", "team/bob", "team/bob/tools@v1",
	"deep", "deep/org", "deep/empty", "deep/empty/too", "deep/org/group",
	"deep/org/group/repo/sub", "one", "one/two", "one/two/solo",
};

enum { EVERYTHING = sizeof everything / sizeof *everything };

/* By handle and by name; 'but_levels': whose times are another matter, and
 * which alone have both the same. */
static void all_as_before(const struct seen *before, bool but_levels)
{
	for (size_t i = 0; i < EVERYTHING; i++) {
		struct fattr a;
		struct seen s;

		ck_assert_msg(getattr(&before[i].fh, &a) == N3_OK, "%s",
			      everything[i]);
		s = see(everything[i]);
		ck_assert_msg(fh_eq(&s.fh, &before[i].fh), "%s",
			      everything[i]);
		if (but_levels && before[i].attr.mtime == before[i].attr.ctime)
			continue;
		ck_assert_msg(fattr_eq(&a, &before[i].attr), "%s",
			      everything[i]);
		ck_assert_msg(fattr_eq(&s.attr, &before[i].attr), "%s",
			      everything[i]);
	}
}

static void see_everything(struct seen *ret)
{
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < EVERYTHING; i++)
			ret[i] = see(everything[i]);
}

START_TEST(all_lives_through_restarts)
{
	struct seen before[EVERYTHING];
	uint64_t n;

	see_everything(before);
	n = sources();
	for (int i = 0; i < 3; i++) {
		restart();
		all_as_before(before, false);
		ck_assert_str_eq(listing("team"), "ann bob ");
		ck_assert_str_eq(listing("deep"), "org ");
		ck_assert_str_eq(listing("team/ann"), "tools tools@@ ");
		ck_assert_uint_eq(sources(), n);
	}
}
END_TEST

/* Say again what it says last, until most of it is superfluous. */
static void bloat_journal(void)
{
	shell("cd '%s/state' && for i in $(seq 400); do grep '^top' journal | "
	      "tail -n 1; done >more && cat more >>journal && rm more",
	      h.dir);
}

START_TEST(the_journal_is_compacted)
{
	struct seen before[EVERYTHING];
	unsigned long lines;

	see_everything(before);
	lines = journal_lines();
	raw_close(&conn);
	bloat_journal();
	ck_assert_uint_ge(journal_lines(), lines + 400);
	harness_restart(&h);
	connect_();
	ck_assert_uint_le(journal_lines(), lines);
	all_as_before(before, false);
	restart();
	all_as_before(before, false);
}
END_TEST

START_TEST(a_root_goes_and_comes_back)
{
	struct seen before[EVERYTHING];
	struct fattr a;

	see_everything(before);
	/* Without "team", "deep" first: compacted meanwhile, or not. */
	h.source = &source[1];
	h.nsource = 2;
	for (int i = 0; i <= _i; i++) {
		if (_i)
			bloat_journal();
		restart();
	}
	for (size_t i = 0; i < EVERYTHING; i++) {
		bool gone = !strncmp(everything[i], "team", 4);

		ck_assert_msg(getattr(&before[i].fh, &a) ==
			      (gone ? N3_STALE : N3_OK), "%s", everything[i]);
		ck_assert_msg(status_of(everything[i]) ==
			      (gone ? N3_NOENT : N3_OK), "%s", everything[i]);
	}
	ck_assert_str_eq(listing(""), "deep one ");
	h.source = source;
	h.nsource = 3;
	restart();
	all_as_before(before, true);
	ck_assert_str_eq(listing("team"), "ann bob ");
	/* The list of roots is another one than before. */
	ck_assert_uint_gt(attrs_of("").ctime, before[0].attr.ctime);
}
END_TEST

/* ---- listings that grow ---- */

/* Listed in the order in which they were made; a client that is in the
 * middle of the list when it grows gets all the rest. */
START_TEST(a_listing_grows)
{
	struct seen level = see("team/ann");
	uint64_t cookie = 0, verf = 0;
	unsigned made = 0, got = 0;
	bool eof = false;
	char name[64];

	make_numbered(0, 60);
	while (!eof) {
		CLEANUP_PAGE struct page page = { 0 };

		for (unsigned i = 0; i < 6 && made < 60; i++) {
			snprintf(name, sizeof name, "team/ann/r%u", made++);
			see(name);
		}
		ck_assert_uint_eq(call_readdir(&conn, &level.fh, cookie, verf,
					       330, &page), N3_OK);
		for (size_t i = 0; i < page.n; i++) {
			const struct entry *e = &page.entry[i];

			ck_assert_uint_gt(e->cookie, cookie);
			cookie = e->cookie;
			if (*e->name == '.')
				continue;
			snprintf(name, sizeof name, "r%u%s", got / 2,
				 got % 2 ? "@@" : "");
			got++;
			ck_assert_uint_eq(e->len, strlen(name));
			ck_assert(!memcmp(e->name, name, e->len));
		}
		verf = page.verf;
		eof = page.eof;
	}
	ck_assert_uint_eq(made, 60);
	ck_assert_uint_eq(got, 120);
}
END_TEST

/* A level's times move when it lists something new, and at no other time but
 * for a name that was not there. */
START_TEST(times_move_with_the_list)
{
	static const char *const first[] = {
		"team/ann/r0", "team/ann/r1@v1", "team/ann/r2@@",
		"team/ann/r3/file", "team/ann/r4@",
	};
	static const char *const quiet[] = {
		"team/ann/r0", "team/ann/r0@v1", "team/ann/r0@dev%2Fnew",
		"team/ann/r1", "team/ann/r1@@", "team/ann/.x", "team/new",
		"team/new/none", "deep/org", "team/ann/none",
	};
	CLEANUP_FREE char *id = git(seed, "rev-parse main");
	struct fattr ann, team, root, now;
	char name[128];

	make_numbered(0, 5);
	see("team/ann");
	for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
		size_t len = strlen(first[i]);

		ann = attrs_of("team/ann");
		team = attrs_of("team");
		root = attrs_of("");
		snprintf(name, sizeof name, "%s%s", first[i],
			 first[i][len - 1] == '@' && i == 4 ? id : "");
		ck_assert_uint_eq(status_of(name), N3_OK);
		now = attrs_of("team/ann");
		ck_assert_msg(now.mtime > ann.mtime, "%s", name);
		ck_assert_msg(now.ctime > ann.ctime, "%s", name);
		now = attrs_of("team");
		ck_assert_msg((now.ctime > team.ctime) == !i, "%s", name);
		now = attrs_of("");
		ck_assert(fattr_eq(&now, &root));
	}
	see("team/ann/r1");
	ann = attrs_of("team/ann");
	team = attrs_of("team");
	restart();
	now = attrs_of("team/ann");
	ck_assert(fattr_eq(&now, &ann));
	now = attrs_of("team");
	ck_assert(fattr_eq(&now, &team));
	for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++) {
		status_of(quiet[i]);
		now = attrs_of("team/ann");
		ck_assert_msg(fattr_eq(&now, &ann), "%s", quiet[i]);
		now = attrs_of("team");
		ck_assert_msg(fattr_eq(&now, &team), "%s", quiet[i]);
	}
	/* Some were not there, which clients believe as long as they stay. */
	restart();
	now = attrs_of("team/ann");
	ck_assert(now.mtime > ann.mtime && now.ctime > ann.ctime);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, all_lives_through_restarts);
	tcase_add_test(c, the_journal_is_compacted);
	tcase_add_loop_test(c, a_root_goes_and_comes_back, 0, 2);
	tcase_add_test(c, a_listing_grows);
	tcase_add_test(c, times_move_with_the_list);
}

int main(void)
{
	return harness_main("levels_grow", 300, add, NULL);
}
