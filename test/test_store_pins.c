/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What is to stay in a store, and what goes when nothing is. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "test/git.h"
#include "test/scratch.h"
#include "test/stored.h"
#include "test/suite.h"

/* ---- pins ---- */

static int add(struct store *s, unsigned pin, unsigned n, size_t len)
{
	CLEANUP_FREE char *data = malloc(len + 1);
	struct oid oid;

	must(data);
	fill(n, data, len);
	oid = name_of(OBJ_BLOB, data, len);
	return store_pin_add(s, pin, &oid, OBJ_BLOB, data, len);
}

/* A pin of the objects 'first' to 'last'. */
static void pin(struct store *s, const char *path, unsigned first,
		unsigned last, size_t len)
{
	unsigned number;

	ck_assert_int_eq(store_pin_begin(s, path, "c0ffee", &number), 0);
	for (unsigned i = first; i <= last; i++)
		ck_assert_int_eq(add(s, number, i, len), 0);
	ck_assert_int_eq(store_pin_end(s, number, true), 0);
}

static unsigned here(struct store *s, unsigned first, unsigned last,
		     size_t len)
{
	unsigned n = 0;

	for (unsigned i = first; i <= last; i++)
		n += get(s, i, len);
	return n;
}

/* More than there is room for. */
static void flood(struct store *s)
{
	static unsigned n = 100000;

	for (unsigned i = 0; i < 2000; i++)
		ck_assert_int_eq(put(s, n++, 1000), 0);
}

static struct fs_pin *list(struct store *s, size_t n)
{
	struct fs_pin *all;
	size_t got;

	ck_assert_int_eq(store_pins(s, &all, &got), 0);
	ck_assert_uint_eq(got, n);
	return all;
}

START_TEST(pinned)
{
	struct store *s = open_sized(MIB);
	struct fs_pin *all;
	unsigned files;

	for (unsigned i = 0; i < 200; i++)
		ck_assert_int_eq(put(s, i, 1000), 0);
	pin(s, "a/b % c\n", 100, 299, 1000);
	for (int round = 0; round < 3; round++) {
		flood(s);
		ck_assert_uint_eq(here(s, 100, 299, 1000), 200);
		ck_assert_uint_eq(here(s, 0, 99, 1000), 0);
		ck_assert_uint_le(count(s).bytes, MIB);
		ck_assert_uint_le(disk_use(&files), MIB);
		ck_assert_uint_ge(count(s).pinned, 200000);
		store_close(s);
		s = open_sized(MIB);
	}
	all = list(s, 1);
	ck_assert_str_eq(all->path, "a/b % c\n");
	ck_assert_str_eq(all->commit, "c0ffee");
	ck_assert_uint_eq(all->objects, 200);
	ck_assert_uint_eq(all->bytes, count(s).pinned);
	fs_pins_free(all, 1);
	/* Then it may go, but not at once. */
	ck_assert_int_eq(store_unpin(s, "a"), -ENOENT);
	ck_assert_int_eq(store_unpin(s, "a/b % c\n"), 0);
	ck_assert_int_eq(store_unpin(s, "a/b % c\n"), -ENOENT);
	fs_pins_free(list(s, 0), 0);
	ck_assert_uint_eq(count(s).pinned, 0);
	ck_assert_uint_eq(here(s, 100, 299, 1000), 200);
	flood(s);
	flood(s);
	ck_assert_uint_eq(here(s, 100, 299, 1000), 0);
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

/* Objects of two pins are there once, and stay with the one that is left,
 * whichever that is, and however much of it is shared. */
START_TEST(pins_share)
{
	static const unsigned from[] = { 0, 90, 190, 199, 200 };

	for (unsigned i = 0; i < 10; i++) {
		struct store *s = open_sized(MIB);
		unsigned first = from[i / 2];
		uint64_t one;

		pin(s, "one", 0, 199, 1000);
		one = count(s).pinned;
		pin(s, "two", first, 299, 1000);
		ck_assert_uint_lt(count(s).pinned, one + 100 * 1100 +
				  200 * 64);
		ck_assert_int_eq(store_unpin(s, i % 2 ? "one" : "two"), 0);
		for (int round = 0; round < 2; round++) {
			flood(s);
			ck_assert_uint_eq(i % 2 ? here(s, first, 299, 1000) :
					  here(s, 0, 199, 1000),
					  i % 2 ? 300 - first : 200);
			store_close(s);
			s = open_sized(MIB);
		}
		ck_assert_uint_eq(i % 2 ? here(s, 0, 199, 1000) :
				  here(s, first, 299, 1000), 200 - first);
		ck_assert_int_eq(store_unpin(s, i % 2 ? "two" : "one"), 0);
		ck_assert_uint_eq(count(s).pinned, 0);
		ck_assert_uint_eq(count(s).bad, 0);
		store_close(s);
		shell("rm -rf '%s'", dir);
	}
}
END_TEST

/* Where somebody has removed a file of a pin, the rest of it stays its. */
START_TEST(pins_share_what_is_left)
{
	struct store *s = open_sized(MIB);
	unsigned number;

	pin(s, "one", 0, 99, 1000);
	ck_assert_int_eq(store_pin_begin(s, "two", "c0ffee", &number), 0);
	for (unsigned i = 300; i < 350; i++)
		ck_assert_int_eq(add(s, number, i, 1000), 0);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(add(s, number, i, 1000), 0);
	ck_assert_int_eq(store_pin_end(s, number, true), 0);
	shell("rm '%s/%08x'", dir, 1u << 31 | number << 20);
	ck_assert_int_eq(store_unpin(s, "one"), 0);
	flood(s);
	ck_assert_uint_eq(here(s, 0, 99, 1000), 100);
	store_close(s);
}
END_TEST

/* Again: what is there then is what counts. */
START_TEST(pinned_again)
{
	struct store *s = open_sized(MIB);

	pin(s, "one", 0, 199, 1000);
	pin(s, "one", 50, 249, 1000);
	fs_pins_free(list(s, 1), 1);
	flood(s);
	flood(s);
	ck_assert_uint_eq(here(s, 50, 249, 1000), 200);
	ck_assert_uint_lt(here(s, 0, 49, 1000), 20);
	store_close(s);
}
END_TEST

START_TEST(pin_limit)
{
	struct store *s = open_sized(MIB);
	unsigned number, n = 0;
	int r = 0;

	ck_assert_int_eq(store_pin_begin(s, "much", "1", &number), 0);
	while (!r && n < 2000)
		r = add(s, number, n++, 1000);
	ck_assert_int_eq(r, -EDQUOT);
	ck_assert_uint_le(count(s).pinned, store_pin_limit(s));
	ck_assert_uint_gt(count(s).pinned, store_pin_limit(s) - 2000);
	/* There is still room for others, and given up it is all theirs. */
	flood(s);
	ck_assert(put(s, 5000, 1000) == 0 && get(s, 5000, 1000));
	ck_assert_int_eq(store_pin_end(s, number, false), 0);
	ck_assert_uint_eq(count(s).pinned, 0);
	ck_assert_uint_eq(here(s, 0, 99, 1000), 100);
	flood(s);
	flood(s);
	ck_assert_uint_eq(here(s, 0, 99, 1000), 0);
	store_close(s);
}
END_TEST

/* One that never ended is none. */
START_TEST(pin_unfinished)
{
	struct store *s = open_sized(MIB);
	unsigned number;

	ck_assert_int_eq(store_pin_begin(s, "half", "1", &number), 0);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(add(s, number, i, 1000), 0);
	ck_assert_uint_eq(number, 1);
	store_close(s);
	s = open_sized(MIB);
	fs_pins_free(list(s, 0), 0);
	ck_assert_uint_eq(count(s).pinned, 0);
	ck_assert_uint_eq(here(s, 0, 99, 1000), 100);
	store_close(s);
	/* A smaller store than was pinned: that stays, others have to see. */
	s = open_sized(MIB);
	pin(s, "most", 0, 599, 1000);
	store_close(s);
	s = open_sized(MIB / 2);
	put(s, 5000, 1000);
	ck_assert_uint_eq(here(s, 0, 599, 1000), 600);
	ck_assert_int_eq(store_unpin(s, "most"), 0);
	ck_assert_int_eq(put(s, 5001, 1000), 0);
	ck_assert_uint_le(count(s).bytes, MIB / 2);
	store_close(s);
}
END_TEST

START_TEST(collected)
{
	struct store *s = open_sized(MIB);
	uint64_t before;

	for (unsigned i = 0; i < 400; i++)
		ck_assert_int_eq(put(s, i, 1000), 0);
	/* Then these are there twice. */
	pin(s, "some", 0, 299, 1000);
	before = count(s).bytes;
	ck_assert_int_eq(store_collect(s, MIB), 0);
	ck_assert_uint_lt(count(s).bytes, before - 250 * 1000);
	ck_assert_uint_eq(here(s, 0, 399, 1000), 400);
	/* Not below what is pinned. */
	ck_assert_int_eq(store_collect(s, 0), 0);
	ck_assert_uint_eq(count(s).bytes, count(s).pinned);
	ck_assert_uint_eq(here(s, 0, 299, 1000), 300);
	ck_assert_uint_eq(here(s, 300, 399, 1000), 0);
	ck_assert_int_eq(put(s, 300, 1000), 0);
	ck_assert(get(s, 300, 1000));
	/* Where something was there is something else now, which is no
	 * damage, also after a restart. */
	ck_assert_int_eq(store_unpin(s, "some"), 0);
	ck_assert_int_eq(store_collect(s, 0), 0);
	store_close(s);
	s = open_sized(MIB);
	for (unsigned i = 1000; i < 1400; i++)
		ck_assert_int_eq(put(s, i, 1000), 0);
	ck_assert_uint_eq(here(s, 0, 399, 1000), 0);
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

static void add_tests(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, pinned);
	tcase_add_test(c, pins_share);
	tcase_add_test(c, pins_share_what_is_left);
	tcase_add_test(c, pinned_again);
	tcase_add_test(c, pin_limit);
	tcase_add_test(c, pin_unfinished);
	tcase_add_test(c, collected);
}

int main(void)
{
	return suite_run("store_pins", 60, add_tests, NULL);
}
