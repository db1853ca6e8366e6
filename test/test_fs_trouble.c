/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The file system when its source fails, memory is short, and many look while
 * all moves. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "test/must.h"
#include "test/scene.h"
#include "test/suite.h"

/* ---- trouble ---- */

START_TEST(old_tree_may_be_collected)
{
	CLEANUP_SIGHT struct sight old = { 0 }, same = { 0 };
	struct oid first = TREE("d/f=1", "d/g=1", "x=1");
	struct oid first_d = TREE("f=1", "g=1");
	struct attr since;

	move_to(first);
	old = sight_at("a/d/f");
	same = sight_at("a/d/g");
	move_to(TREE("d/f=2", "d/g=1", "x=1"));
	since = attr_at("a");
	restart(ROOM);
	check_again(&old);
	check_again(&same);
	restart(ROOM);
	fake_fail(fake, &first_d, -ENOENT, UINT32_MAX);
	check_resolve_fails(&old.where, -ESTALE);
	check_text("a/d/g", "1");
	ck_assert(same_times(attr_at("a/d/g"), since));
	ck_assert(!same_times(attr_at("a/x"), since));
	restart(ROOM);
	fake_fail(fake, &first, -ENOENT, UINT32_MAX);
	check_text("a/x", "1");
	ck_assert(same_times(attr_at("a/x"), since));
	ck_assert(same_times(attr_at("a/d"), since));
	check_list_at("a", " . .. d x");
	check_list_at("a/d", " . .. f g");
}
END_TEST

START_TEST(shown_tree_may_not)
{
	struct oid root = TREE("d/f=1", "x=1"), d = TREE("f=1");
	CLEANUP_NODE struct node n = { 0 };
	struct listing l;
	uint64_t verf = 0;
	bool eof;

	fake_fail(fake, &d, -ENOENT, UINT32_MAX);
	move_to(root);
	check_walk_fails("a/d/f", -EIO);
	check_text("a/x", "1");
	n = node_at("a/d");
	ck_assert_int_eq(list_some(&n, 0, &verf, 9, false, &l, &eof), -EIO);
	free(l.text);
	clock_advance(FORGET);
	fake_fail(fake, &d, 0, 0);
	check_text("a/d/f", "1");
}
END_TEST

START_TEST(trouble_ends_in_definite_errors)
{
	static const int err[] = { -ETIMEDOUT, -EACCES, -EAGAIN, -EIO,
				   -EHOSTUNREACH, -EBADMSG };
	struct oid tree = TREE("d/f=1", "x=1");
	struct oid blob = fake_blob(fake, "1"), d = TREE("f=1");

	fake_ref(fake, NULL, &tree);
	for (unsigned i = 0; i < sizeof err / sizeof *err; i++) {
		/* None says that clients should ask again. */
		int is = err[i] == -EAGAIN ? -EBUSY : err[i];

		fake_down(fake, err[i]);
		check_walk_fails("a", is);
		check_walk_fails("a", is);
		clock_advance(FORGET);
	}
	fake_down(fake, 0);
	fake_fail(fake, &tree, -ETIMEDOUT, 1);
	check_walk_fails("a/d", -ETIMEDOUT);
	clock_advance(FORGET);
	fake_corrupt(fake, &d, true);
	check_walk_fails("a/d/f", -EBADMSG);
	fake_corrupt(fake, &d, false);
	check_walk_fails("a/d/f", -EBADMSG);    /* remembered */
	clock_advance(FORGET);
	fake_corrupt(fake, &blob, true);
	{
		CLEANUP_NODE struct node f = node_at("a/d/f");
		char *text;

		ck_assert_int_eq(try_text(&f, &text), -EBADMSG);
		fake_corrupt(fake, &blob, false);
		clock_advance(FORGET);
		ck_assert_int_eq(try_text(&f, &text), 0);
		free(text);
	}
}
END_TEST

/* A source out of reach goes on showing what is known. */
START_TEST(known_things_stay_when_the_source_is_down)
{
	CLEANUP_SIGHT struct sight f = { 0 };

	move_to(TREE("d/f=1", "x=1"));
	f = sight_at("a/d/f");
	fake_down(fake, -EHOSTUNREACH);
	for (int i = 0; i < 3; i++) {
		look_again();
		check_again(&f);
	}
	restart(ROOM);
	check_walk_fails("a/d", -EHOSTUNREACH);
	fake_down(fake, 0);
	clock_advance(FORGET);
	check_again(&f);
}
END_TEST

START_TEST(ref_that_is_gone)
{
	CLEANUP_SIGHT struct sight f = { 0 }, d = { 0 };
	CLEANUP_NODE struct node n = { 0 };

	move_to(TREE("d/f=1", "x=1"));
	f = sight_at("a/d/f");
	d = sight_at("a/d");
	fake_down(fake, -ENOENT);
	look_again();
	check_walk_fails("a", -ENOENT);
	check_again(&f);
	check_again(&d);
	n = resolved(&d.where);
	check_list(&n, " . .. f");
	fake_down(fake, 0);
	clock_advance(FORGET);
	check_text("a/d/f", "1");
	check_again(&f);
}
END_TEST

/* One that is bad spoils only what needs it. */
START_TEST(unknown_size_is_one_files_trouble)
{
	struct oid bad = fake_blob(fake, "bad");

	fs_free(fs);
	fake_no_stat(fake);
	start(ROOM);
	for (int round = 0; round < 2; round++) {
		CLEANUP_NODE struct node b = { 0 };
		struct attr attr;

		if (round)
			fake_corrupt(fake, &bad, true);
		else
			fake_fail(fake, &bad, -ENOENT, UINT32_MAX);
		move_to(TREE("a=1", "b=bad", "c=333"));
		ck_assert_uint_eq(attr_at("a/a").size, 1);
		ck_assert_uint_eq(attr_at("a/c").size, 3);
		b = node_at("a/b");
		ck_assert_int_lt(ASK(fs_getattr(&b, W, &attr)), 0);
		fake_corrupt(fake, &bad, false);
		fake_fail(fake, &bad, 0, 0);
		clock_advance(FORGET);
		ck_assert_uint_eq(attr_at("a/b").size, 3);
		node_clear(&b);
		restart(ROOM);
	}
}
END_TEST

/* ---- the n-th job fails ---- */

/* All a client does: whatever fails, it ends in an errno. */
static int scenario(struct where *file)
{
	CLEANUP_NODE struct node d = { 0 }, f = { 0 }, l = { 0 };
	CLEANUP_FREE char *text = NULL, *link = NULL;
	struct attr attr;
	struct listing list;
	uint64_t verf = 0;
	bool eof;
	int r = walk("a/d/e", &d);

	if (!r)
		r = ASK(fs_getattr(&d, W, &attr));
	if (r)
		return r;
	r = list_some(&d, 0, &verf, 99, true, &list, &eof);
	if (!r) {
		must(!strcmp(list.text, " . .. f l"));
		must(list.attrs >= 2);
	}
	free(list.text);
	if (!r)
		r = ASK(fs_resolve(fs, file, W, &f));
	if (!r)
		r = ASK(fs_getattr(&f, W, &attr));
	if (!r)
		r = try_text(&f, &text);
	if (r)
		return r;
	must(!strcmp(text, "old"));
	must(attr.size == 3);
	r = walk("a/d/e/l", &l);
	if (!r)
		r = try_text(&l, &link);
	must(r || !strcmp(link, "there"));
	return r;
}

static void fail_every_job(size_t memory)
{
	CLEANUP_SIGHT struct sight f = { 0 };
	unsigned failed = 0;

	move_to(TREE("d/e/f=old", "x=1"));
	f = sight_at("a/d/e/f");
	move_to(TREE("d/e/f=newer", "d/e/l@=there", "x=1"));
	for (unsigned n = 1;; n++) {
		int r;

		restart(memory);
		fake_fail_nth(fake, n, -EIO);
		r = scenario(&f.where);
		if (!fake_fail_nth(fake, 0, 0)) {
			ck_assert_int_eq(r, 0);
			break;
		}
		ck_assert_msg(!r || r == -EIO, "job %u: %d", n, r);
		failed += r != 0;
		/* And it was not for ever. */
		clock_advance(FORGET);
		ck_assert_int_eq(scenario(&f.where), 0);
	}
	ck_assert_uint_ge(failed, 5);
}

START_TEST(every_job_fails_once)
{
	fail_every_job(ROOM);
}
END_TEST

START_TEST(every_job_fails_once_in_no_memory)
{
	fail_every_job(1);
}
END_TEST

START_TEST(every_job_fails_once_without_stat)
{
	fs_free(fs);
	fake_no_stat(fake);
	start(ROOM);
	fail_every_job(ROOM);
}
END_TEST

/* ---- memory ---- */

START_TEST(memory_is_bounded)
{
	enum { MEMORY = 256 << 10 };
	struct fs_space space;
	char item[200][32];
	const char *items[200];

	for (unsigned i = 0; i < 200; i++) {
		snprintf(item[i], sizeof item[i], "d%03u/e/f=%u", i, i);
		items[i] = item[i];
	}
	restart(MEMORY);
	move_to(tree_of(200, items, 0));
	for (unsigned i = 0; i < 200; i++) {
		char path[32], text[8];

		snprintf(path, sizeof path, "a/d%03u/e/f", i);
		snprintf(text, sizeof text, "%u", i);
		must(attr_at(path).size == strlen(text));
		check_text(path, text);
		fs_space(fs, &space);
		must(space.bytes < MEMORY + MEMORY / 16);
	}
}
END_TEST

/* ---- threads ---- */

enum { WALKERS = 3, MOVES = 30 };

static atomic_bool stop;

/* Both files of one directory, which any one commit changes together. */
static void look_once(const char *path)
{
	CLEANUP_NODE struct node d = { 0 }, f = { 0 }, g = { 0 };
	CLEANUP_NODE struct node found = { 0 };
	CLEANUP_FREE char *f_text = NULL, *g_text = NULL;
	struct where where;
	struct attr attr, again;

	must(!walk(path, &d));
	must(!ASK(fs_lookup(&d, "f", 1, W, &f)));
	must(!ASK(fs_lookup(&d, "g", 1, W, &g)));
	must(!try_text(&f, &f_text) && !try_text(&g, &g_text));
	must(!strcmp(f_text, g_text));
	attr = attr_of(&f);
	must(attr.size == strlen(f_text));
	fs_where(&f, &where);
	found = resolved(&where);
	again = attr_of(&found);
	must(same_attr(&attr, &again));
}

static void *look_on(void *arg)
{
	unsigned seed = *(unsigned *)arg;

	while (!atomic_load(&stop)) {
		char path[32];

		snprintf(path, sizeof path, "a/d%d/e", rand_r(&seed) % 4);
		look_once(path);
	}
	return NULL;
}

START_TEST(many_look_while_it_moves)
{
	pthread_t walker[WALKERS];
	unsigned seed[WALKERS];

	fs_free(fs);
	start_threads(20 << 10, 3);
	for (unsigned i = 0; i < MOVES; i++) {
		char item[8][32];
		const char *items[8];
		struct oid tree;

		for (unsigned k = 0; k < 8; k++) {
			snprintf(item[k], sizeof item[k], "d%u/e/%c=%u", k / 2,
				 "fg"[k % 2], i / (1 + k / 2));
			items[k] = item[k];
		}
		tree = tree_of(8, items, 0);
		fake_ref(fake, NULL, &tree);
		clock_advance(TTL);
		for (unsigned k = 0; !i && k < WALKERS; k++) {
			seed[k] = k;
			must(!pthread_create(&walker[k], NULL, look_on,
					     &seed[k]));
		}
		for (int k = 0; k < 8; k++)
			look_once("a/d0/e");
	}
	atomic_store(&stop, true);
	for (unsigned k = 0; k < WALKERS; k++)
		pthread_join(walker[k], NULL);
	restart(ROOM);
	check_text("a/d0/e/f", "29");
}
END_TEST

/* ---- all ---- */

static void add(TCase *c)
{
	scene_add(c);
	tcase_add_test(c, old_tree_may_be_collected);
	tcase_add_test(c, shown_tree_may_not);
	tcase_add_test(c, trouble_ends_in_definite_errors);
	tcase_add_test(c, known_things_stay_when_the_source_is_down);
	tcase_add_test(c, ref_that_is_gone);
	tcase_add_test(c, unknown_size_is_one_files_trouble);
	tcase_add_test(c, every_job_fails_once);
	tcase_add_test(c, every_job_fails_once_in_no_memory);
	tcase_add_test(c, every_job_fails_once_without_stat);
	tcase_add_test(c, memory_is_bounded);
	tcase_add_test(c, many_look_while_it_moves);
}

int main(void)
{
	return suite_run("fs_trouble", 60, add, NULL);
}
