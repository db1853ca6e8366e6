/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Single flight: the test is the fetcher, and lands each flight when it
 * suits it. */
#include <check.h>
#include <errno.h>

#include "common/clock.h"
#include "test/flights.h"
#include "test/suite.h"

/* ---- one key ---- */

START_TEST(one_fetch_for_many_askers)
{
	struct asker a = asker(), b = asker();
	struct value *v, *made = thing_new(10, NULL);

	ck_assert_int_eq(ask(1, &a, &v), -EINPROGRESS);
	ck_assert_int_eq(ask(1, &b, &v), -EINPROGRESS);
	ck_assert_uint_eq(misses, 1);
	ck_assert_uint_eq(a.woken + b.woken, 0);
	land(1, made, 0, 0);
	ck_assert_uint_eq(a.woken, 1);
	ck_assert_uint_eq(b.woken, 1);
	ck_assert_ptr_eq(a.w.value, made);
	ck_assert_ptr_eq(b.w.value, made);
	ck_assert_int_eq(ask(1, &a, &v), 0);
	ck_assert_ptr_eq(v, made);
	ck_assert_uint_eq(misses, 1);
	value_unref(v);
	value_unref(a.w.value);
	value_unref(b.w.value);
}
END_TEST

START_TEST(miss_is_told_the_key_and_the_hint)
{
	struct asker a = asker();
	struct key k = key(7);
	struct value *v;
	int hint;

	ck_assert_int_eq(flight_get(t, &k, &hint, &a.w, &v), -EINPROGRESS);
	ck_assert_mem_eq(&missed, &k, sizeof k);
	ck_assert_ptr_eq(hinted, &hint);
	land(7, NULL, -EIO, 0);
}
END_TEST

START_TEST(keys_differ_in_every_part)
{
	struct key k[6];
	struct value *v;

	for (unsigned i = 0; i < 6; i++)
		k[i] = key(1);
	k[1].scope++;
	k[2].part++;
	k[3].kind = KIND_TREE;
	k[4].oid.id[19]++;
	k[5].oid.len = OID_SHA256;
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_int_eq(flight_get(t, &k[i], NULL, NULL, &v),
				 -EINPROGRESS);
		flight_done(t, &k[i], thing_new(i, NULL), 0, 0);
	}
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_int_eq(flight_get(t, &k[i], NULL, NULL, &v), 0);
		ck_assert_uint_eq(v->cost, i);
		value_unref(v);
	}
}
END_TEST

START_TEST(peek_starts_and_parks_nothing)
{
	struct asker a = asker();
	struct value *v;

	ck_assert_int_eq(ask(1, NULL, &v), -EINPROGRESS);
	ck_assert_uint_eq(misses, 0);
	ck_assert_int_eq(ask(1, &a, &v), -EINPROGRESS);
	ck_assert_int_eq(ask(1, NULL, &v), -EINPROGRESS);
	land(1, thing_new(10, NULL), 0, 100);
	value_unref(a.w.value);
	clock_advance(100);
	ck_assert(here(1));
	ck_assert_uint_eq(misses, 1);   /* stale, and nobody cares */
	land(2, thing_new(10, NULL), 0, 0);
	ck_assert(here(2));
}
END_TEST

START_TEST(failure_reaches_all_and_is_remembered_its_time)
{
	struct asker a = asker(), b = asker();
	struct value *v = NULL;

	ck_assert_int_eq(ask(2, &a, &v), -EINPROGRESS);
	ck_assert_int_eq(ask(2, &b, &v), -EINPROGRESS);
	land(2, NULL, -EACCES, 50);
	ck_assert_uint_eq(a.woken, 1);
	ck_assert_uint_eq(b.woken, 1);
	ck_assert_int_eq(a.w.err, -EACCES);
	ck_assert_ptr_null(a.w.value);
	clock_advance(49);
	ck_assert_int_eq(ask(2, &a, &v), -EACCES);
	ck_assert_int_eq(ask(2, NULL, &v), -EACCES);
	ck_assert_uint_eq(misses, 1);
	clock_advance(1);
	ck_assert_int_eq(ask(2, NULL, &v), -EINPROGRESS);
	ck_assert_uint_eq(misses, 1);
	ck_assert_int_eq(ask(2, &a, &v), -EINPROGRESS);
	ck_assert_uint_eq(misses, 2);
	land(2, NULL, -ETIMEDOUT, 0);
	ck_assert_uint_eq(a.woken, 2);
	ck_assert_int_eq(ask(2, &a, &v), -EINPROGRESS);
	ck_assert_uint_eq(misses, 3);   /* 0: not remembered at all */
	land(2, NULL, -ENOENT, 0);
	ck_assert_ptr_null(v);          /* untouched on failure */
}
END_TEST

START_TEST(stale_is_served_while_refreshed_once)
{
	struct value *old = thing_new(10, NULL), *v;
	struct asker a = asker();

	land(3, old, 0, 100);
	clock_advance(99);
	ck_assert_int_eq(ask(3, &a, &v), 0);
	value_unref(v);
	ck_assert_uint_eq(misses, 0);
	clock_advance(1);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(ask(3, &a, &v), 0);
		ck_assert_ptr_eq(v, old);
		value_unref(v);
		ck_assert_uint_eq(misses, 1);
	}
	land(3, thing_new(20, NULL), 0, 100);
	ck_assert_uint_eq(alive, 1);
	ck_assert_int_eq(ask(3, &a, &v), 0);
	ck_assert_uint_eq(v->cost, 20);
	value_unref(v);
	ck_assert_uint_eq(misses, 1);
	ck_assert_uint_eq(a.woken, 0);
}
END_TEST

START_TEST(failed_refresh_keeps_the_old)
{
	struct value *old = thing_new(10, NULL), *v;
	struct asker a = asker();

	land(3, old, 0, 100);
	clock_advance(100);
	ck_assert_int_eq(ask(3, &a, &v), 0);
	value_unref(v);
	land(3, NULL, -ETIMEDOUT, 50);
	clock_advance(49);
	ck_assert_int_eq(ask(3, &a, &v), 0);
	ck_assert_ptr_eq(v, old);
	value_unref(v);
	ck_assert_uint_eq(misses, 1);
	clock_advance(1);
	ck_assert_int_eq(ask(3, &a, &v), 0);
	value_unref(v);
	ck_assert_uint_eq(misses, 2);
	land(3, NULL, -ETIMEDOUT, 0);
	ck_assert_int_eq(ask(3, &a, &v), 0);    /* at once again */
	value_unref(v);
	ck_assert_uint_eq(misses, 3);
	land(3, NULL, -ETIMEDOUT, 50);
}
END_TEST

/* A fetch may bring what another was sent for, and that one then fail. */
START_TEST(late_failure_spoils_nothing)
{
	static const int err[] = { -EIO, -ENOENT };

	for (uint32_t i = 0; i < 2; i++) {
		struct asker a = asker();
		struct value *v;

		ck_assert_int_eq(ask(i, &a, &v), -EINPROGRESS);
		land(i, thing_new(10, NULL), 0, 0);
		value_unref(a.w.value);
		land(i, NULL, err[i], 50);
		clock_advance(1000000);
		ck_assert_int_eq(ask(i, &a, &v), 0);
		value_unref(v);
		ck_assert_uint_eq(misses, i + 1);
	}
}
END_TEST

/* What is shown meanwhile is what came of it only when that fails. */
START_TEST(shown_until_it_is_known)
{
	struct asker a = asker(), b = asker();
	struct value *v, *old = thing_new(10, NULL), *new = thing_new(10, NULL);

	ck_assert_int_eq(ask(4, &a, &v), -EINPROGRESS);
	show(4, value_ref(old));
	ck_assert_ptr_eq(a.w.value, old);
	value_unref(a.w.value);
	/* It is under way still: nothing is begun. */
	ck_assert_int_eq(ask(4, &b, &v), 0);
	ck_assert_ptr_eq(v, old);
	value_unref(v);
	ck_assert_uint_eq(misses, 1);
	land(4, value_ref(new), 0, 100);
	ck_assert_int_eq(ask(4, &b, &v), 0);
	ck_assert_ptr_eq(v, new);
	value_unref(v);
	/* Where there is one, that is as good. */
	show(4, value_ref(old));
	ck_assert_int_eq(ask(4, &b, &v), 0);
	ck_assert_ptr_eq(v, new);
	value_unref(v);
	/* What turns out not to be is not shown any more. */
	ck_assert_int_eq(ask(5, &a, &v), -EINPROGRESS);
	show(5, value_ref(old));
	value_unref(a.w.value);
	land(5, NULL, -ENOENT, 50);
	ck_assert_int_eq(ask(5, &b, &v), -ENOENT);
	value_unref(old);
	value_unref(new);
}
END_TEST

START_TEST(refresh_that_finds_nothing_ends_the_old)
{
	struct asker a = asker();
	struct value *v;

	land(3, thing_new(10, NULL), 0, 100);
	clock_advance(100);
	ck_assert_int_eq(ask(3, &a, &v), 0);
	land(3, NULL, -ENOENT, 50);
	ck_assert_uint_eq(alive, 1);
	value_unref(v);
	ck_assert_uint_eq(alive, 0);
	ck_assert_int_eq(ask(3, &a, &v), -ENOENT);
	clock_advance(50);
	ck_assert_int_eq(ask(3, &a, &v), -EINPROGRESS);
	ck_assert_uint_eq(misses, 2);
	land(3, NULL, -ENOENT, 0);
	ck_assert_uint_eq(a.woken, 1);
}
END_TEST

START_TEST(drop_forgets_that_value_only)
{
	struct value *old = thing_new(10, NULL), *v;
	struct asker a = asker();
	struct key k = key(9), other = key(10);

	flight_drop(t, &k, old);                /* not here */
	land(9, value_ref(old), 0, 100);
	flight_drop(t, &other, old);
	clock_advance(100);
	ck_assert_int_eq(ask(9, &a, &v), 0);
	value_unref(v);
	flight_drop(t, &k, old);                /* under way: it will land */
	ck_assert(here(9));
	land(9, thing_new(20, NULL), 0, 0);
	flight_drop(t, &k, old);                /* another has come */
	ck_assert_int_eq(ask(9, NULL, &v), 0);
	flight_drop(t, &k, v);
	ck_assert(!here(9));
	value_unref(v);
	value_unref(old);
	ck_assert_uint_eq(flights_cost(t), 0);
	ck_assert_int_eq(ask(9, &a, &v), -EINPROGRESS);
	flight_drop(t, &k, old);
	land(9, NULL, -EIO, 0);
	ck_assert_uint_eq(a.woken, 1);
}
END_TEST

START_TEST(what_nobody_asked_for_is_kept_but_not_its_failure)
{
	struct asker a = asker();
	struct value *v;

	land(5, thing_new(10, NULL), 0, 0);
	land(6, NULL, -EIO, 1000);
	ck_assert(here(5));
	ck_assert_int_eq(ask(6, &a, &v), -EINPROGRESS);
	ck_assert_uint_eq(misses, 1);
	land(6, NULL, -EIO, 0);
}
END_TEST

START_TEST(add_keeps_the_first)
{
	struct value *first = thing_new(10, NULL), *v, *w;
	struct key k = key(8);

	v = flight_add(t, &k, first);
	ck_assert_ptr_eq(v, first);
	w = flight_add(t, &k, thing_new(20, NULL));
	ck_assert_ptr_eq(w, first);
	ck_assert_uint_eq(alive, 1);
	value_unref(v);
	value_unref(w);
	ck_assert(here(8));
	ck_assert_uint_eq(misses, 0);
}
END_TEST

/* ---- callbacks ---- */

static void land_at_once(void *arg, const struct key *k, void *hint)
{
	(void)hint;
	flight_done(*(struct flights **)arg, k, thing_new(10, NULL), 0, 0);
}

START_TEST(miss_may_land_at_once)
{
	struct flights *own = flights_new(BUDGET, land_at_once, NULL, &own);
	struct asker a = asker();
	struct key k = key(1);
	struct value *v;

	ck_assert_int_eq(flight_get(own, &k, NULL, &a.w, &v), -EINPROGRESS);
	ck_assert_uint_eq(a.woken, 1);
	value_unref(a.w.value);
	ck_assert_int_eq(flight_get(own, &k, NULL, &a.w, &v), 0);
	value_unref(v);
	flights_free(own);
}
END_TEST

static void ask_again(struct waiter *w)
{
	struct asker *a = container_of(w, struct asker, w);
	struct value *v;

	a->woken++;
	ck_assert_int_eq(ask(1, a, &v), 0);
	value_unref(v);
}

START_TEST(woken_may_ask_at_once)
{
	struct asker a = { .w.wake = ask_again };
	struct value *v;

	ck_assert_int_eq(ask(1, &a, &v), -EINPROGRESS);
	land(1, thing_new(10, NULL), 0, 0);
	ck_assert_uint_eq(a.woken, 1);
	value_unref(a.w.value);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, one_fetch_for_many_askers);
	tcase_add_test(c, miss_is_told_the_key_and_the_hint);
	tcase_add_test(c, keys_differ_in_every_part);
	tcase_add_test(c, peek_starts_and_parks_nothing);
	tcase_add_test(c, failure_reaches_all_and_is_remembered_its_time);
	tcase_add_test(c, stale_is_served_while_refreshed_once);
	tcase_add_test(c, failed_refresh_keeps_the_old);
	tcase_add_test(c, late_failure_spoils_nothing);
	tcase_add_test(c, shown_until_it_is_known);
	tcase_add_test(c, refresh_that_finds_nothing_ends_the_old);
	tcase_add_test(c, drop_forgets_that_value_only);
	tcase_add_test(c, what_nobody_asked_for_is_kept_but_not_its_failure);
	tcase_add_test(c, add_keeps_the_first);
	tcase_add_test(c, miss_may_land_at_once);
	tcase_add_test(c, woken_may_ask_at_once);
}

int main(void)
{
	return suite_run("flight", 60, add, NULL);
}
