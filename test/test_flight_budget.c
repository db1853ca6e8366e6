/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What the table of flights keeps, and for how long: its budget, and what was
 * brought before anybody asked. */
#include <check.h>
#include <errno.h>

#include "common/clock.h"
#include "test/flights.h"
#include "test/suite.h"

/* ---- the budget ---- */

START_TEST(eviction_spares_what_is_held)
{
	struct value *held;

	land(0, thing_new(VALUE, NULL), 0, 0);
	ck_assert_int_eq(ask(0, NULL, &held), 0);
	for (uint32_t i = 1; i < 400; i++) {
		land(i, thing_new(VALUE, NULL), 0, 0);
		ck_assert_uint_le(flights_cost(t), BUDGET);
		ck_assert_uint_le(alive, BUDGET / VALUE);
	}
	ck_assert(here(0));
	value_unref(held);
	ck_assert(!here(1));
	ck_assert_uint_gt(alive, BUDGET / VALUE / 2);   /* no more than need be */
}
END_TEST

/* Roughly: what is used now and then outlives what is not. */
START_TEST(eviction_takes_the_unused)
{
	for (uint32_t i = 0; i < 4000; i++) {
		land(i, thing_new(10, NULL), 0, 0);
		if (i >= 32)
			ck_assert(here(i % 32));
	}
	ck_assert(!here(32));
}
END_TEST

START_TEST(value_bigger_than_the_whole_budget)
{
	struct asker a = asker();
	struct value *v;

	ck_assert_int_eq(ask(1, &a, &v), -EINPROGRESS);
	land(1, thing_new(100 * BUDGET, NULL), 0, 0);
	ck_assert_int_eq(ask(1, NULL, &v), 0);  /* while its asker has it */
	value_unref(v);
	value_unref(a.w.value);
	land(2, thing_new(VALUE, NULL), 0, 0);
	ck_assert(!here(1));
	ck_assert_uint_le(flights_cost(t), BUDGET);
}
END_TEST

START_TEST(woken_waiters_find_their_values_over_any_budget)
{
	enum { N = 100 };
	struct asker a[N];
	struct value *v;

	for (uint32_t i = 0; i < N; i++) {
		a[i] = asker();
		ck_assert_int_eq(ask(i, &a[i], &v), -EINPROGRESS);
	}
	for (uint32_t i = 0; i < N; i++)
		land(i, thing_new(BUDGET, NULL), 0, 0);
	for (uint32_t i = 0; i < N; i++) {
		ck_assert_int_eq(ask(i, &a[i], &v), 0);
		value_unref(v);
		value_unref(a[i].w.value);
	}
	ck_assert_uint_eq(misses, N);
	land(N, thing_new(VALUE, NULL), 0, 0);
	ck_assert_uint_le(flights_cost(t), BUDGET);
}
END_TEST

/* Or those who were woken by it would start the next fetch, for ever. */
START_TEST(failures_are_found_over_any_budget)
{
	struct asker a = asker();
	struct value *held, *v;
	struct key k = key(0);

	held = flight_add(t, &k, thing_new(2 * BUDGET, NULL));
	ck_assert_int_eq(ask(2, &a, &v), -EINPROGRESS);
	land(2, NULL, -ETIMEDOUT, 500);
	ck_assert_int_eq(ask(2, &a, &v), -ETIMEDOUT);
	land(3, thing_new(VALUE, NULL), 0, 0);
	ck_assert_int_eq(ask(2, &a, &v), -ETIMEDOUT);
	ck_assert_uint_eq(misses, 1);
	clock_advance(500);
	value_unref(held);
	land(3, thing_new(BUDGET - VALUE, NULL), 0, 0);
	ck_assert_int_eq(ask(2, NULL, &v), -EINPROGRESS);
}
END_TEST

/* A chain of values, each holding the one before, as directories do. */
START_TEST(eviction_follows_what_values_hold)
{
	struct value *above = NULL;

	for (uint32_t i = 0; i < 16; i++) {
		struct key k = key(i);

		above = flight_add(t, &k, thing_new(VALUE / 2, above));
	}
	value_unref(above);
	land(16, thing_new(BUDGET - VALUE, NULL), 0, 0);
	ck_assert_uint_le(flights_cost(t), BUDGET);
}
END_TEST

START_TEST(cost_returns_to_nothing)
{
	struct asker a = asker();
	struct value *v;

	ck_assert_uint_eq(flights_cost(t), 0);
	ck_assert_int_eq(ask(1, &a, &v), -EINPROGRESS);
	land(1, thing_new(VALUE, NULL), 0, 100);
	ck_assert_uint_ge(flights_cost(t), VALUE);
	clock_advance(100);
	ck_assert_int_eq(ask(1, &a, &v), 0);
	value_unref(v);
	land(1, thing_new(2 * VALUE, NULL), 0, 0);      /* the refresh */
	ck_assert_uint_eq(flights_cost(t), 0);
	value_unref(a.w.value);
	ck_assert_int_eq(ask(2, &a, &v), -EINPROGRESS);
	land(2, NULL, -EIO, 50);
	clock_advance(50);
	ck_assert_int_eq(ask(2, NULL, &v), -EINPROGRESS);
	ck_assert_uint_eq(flights_cost(t), 0);
	for (uint32_t i = 0; i < 100; i++) {
		struct key k = key(i);

		value_unref(flight_add(t, &k, thing_new(i, NULL)));
		land(i, thing_new(i, NULL), 0, i % 3);
		land(i, NULL, -EIO, i % 5);
	}
	land(0, thing_new(1, NULL), 0, 0);
	ck_assert_uint_eq(flights_cost(t), 0);
	ck_assert_uint_eq(alive, 0);
}
END_TEST

/* ---- ahead of anybody asking ---- */

static struct fs_count counted(void)
{
	struct fs_count c[FS_KINDS];

	flights_count(t, c);
	return c[KIND_BLOB];
}

static bool claim(uint32_t n)
{
	struct key k = key(n);

	return flight_claim(t, &k);
}

static void bring(uint32_t n, struct value *v, bool ahead)
{
	struct key k = key(n);

	flight_bring(t, &k, v, ahead);
}

START_TEST(one_claim_and_nobody_else_fetches)
{
	struct asker a = asker(), b = asker();
	struct value *v, *made = thing_new(10, NULL);

	ck_assert(claim(1));
	ck_assert(!claim(1));
	ck_assert_int_eq(ask(1, NULL, &v), -EINPROGRESS);
	ck_assert_uint_eq(meetings, 0);
	ck_assert_int_eq(ask(1, &a, &v), -EINPROGRESS);
	ck_assert_uint_eq(meetings, 1);         /* the first only */
	ck_assert_int_eq(ask(1, &b, &v), -EINPROGRESS);
	ck_assert_uint_eq(meetings, 1);
	land(1, made, 0, 0);
	ck_assert_ptr_eq(a.w.value, made);
	ck_assert_ptr_eq(b.w.value, made);
	value_unref(a.w.value);
	value_unref(b.w.value);
	ck_assert(!claim(1));
	ck_assert_uint_eq(misses, 0);
	ck_assert_uint_eq(counted().joined, 2);
	ck_assert_uint_eq(counted().ahead, 1);
	ck_assert_uint_eq(counted().used, 1);
	ck_assert_uint_ge(counted().used_bytes, 10);
	ck_assert_uint_eq(counted().waiting, 0);
}
END_TEST

START_TEST(what_came_ahead_is_met_once)
{
	struct asker a = asker();
	struct key k = key(1);
	struct value *v;
	int hint;

	ck_assert(claim(1));
	land(1, thing_new(VALUE, NULL), 0, 0);
	ck_assert_uint_eq(counted().waiting, 1);
	ck_assert_uint_ge(counted().waiting_bytes, VALUE);
	ck_assert_int_eq(flight_get(t, &k, &hint, &a.w, &v), 0);
	value_unref(v);
	ck_assert_uint_eq(meetings, 1);
	ck_assert_ptr_eq(hinted, &hint);
	ck_assert_mem_eq(&missed, &k, sizeof k);
	ck_assert(here(1));
	ck_assert_uint_eq(meetings, 1);
	ck_assert_uint_eq(counted().waiting, 0);
	ck_assert_uint_eq(counted().waiting_bytes, 0);
	ck_assert_uint_eq(counted().used, 1);
}
END_TEST

/* One owner fails; of those who joined, one fetches, for all. */
START_TEST(failed_claim_leaves_nothing_behind)
{
	enum { N = 4 };
	struct asker a[N];
	struct value *v;

	ck_assert(claim(1));
	for (int i = 0; i < N; i++) {
		a[i] = asker();
		ck_assert_int_eq(ask(1, &a[i], &v), -EINPROGRESS);
	}
	land(1, NULL, -EIO, 0);
	ck_assert_uint_eq(flights_cost(t), 0);
	for (int i = 0; i < N; i++) {
		ck_assert_uint_eq(a[i].woken, 1);
		ck_assert_int_eq(ask(1, &a[i], &v), -EINPROGRESS);
	}
	ck_assert_uint_eq(misses, 1);
	land(1, thing_new(10, NULL), 0, 0);
	for (int i = 0; i < N; i++)
		value_unref(a[i].w.value);
	ck_assert_uint_eq(counted().failed, 1);
}
END_TEST

START_TEST(claims_respect_a_failure_while_it_is_remembered)
{
	struct asker a = asker();
	struct value *v;

	ck_assert_int_eq(ask(1, &a, &v), -EINPROGRESS);
	ck_assert(!claim(1));
	land(1, NULL, -ENOENT, 100);
	ck_assert(!claim(1));
	clock_advance(100);
	ck_assert(claim(1));
	land(1, thing_new(10, NULL), 0, 0);
}
END_TEST

/* Another's job brings it; its own then fails, late. */
START_TEST(what_is_brought_lands_a_flight_and_stays)
{
	struct value *v, *made = thing_new(10, NULL);
	struct asker a = asker();

	ck_assert_int_eq(ask(1, &a, &v), -EINPROGRESS);
	bring(1, made, true);
	ck_assert_uint_eq(a.woken, 1);
	ck_assert_ptr_eq(a.w.value, made);
	value_unref(a.w.value);
	/* It cannot go, so nobody else can be fetching it when ... */
	for (uint32_t i = 2; i < 400; i++)
		land(i, thing_new(VALUE, NULL), 0, 0);
	ck_assert(here(1));
	/* ... this comes. */
	land(1, NULL, -EIO, 500);
	ck_assert(here(1));
	ck_assert_uint_eq(misses, 1);
	for (uint32_t i = 2; i < 400; i++)
		land(i, thing_new(VALUE, NULL), 0, 0);
	ck_assert(!here(1));
}
END_TEST

START_TEST(what_is_brought_changes_no_value_but_ends_a_failure)
{
	struct value *first = thing_new(10, NULL), *v;
	struct asker a = asker();

	bring(1, first, true);
	bring(1, thing_new(20, NULL), true);
	ck_assert_int_eq(ask(1, NULL, &v), 0);
	ck_assert_ptr_eq(v, first);
	value_unref(v);
	ck_assert_int_eq(ask(2, &a, &v), -EINPROGRESS);
	land(2, NULL, -ENOENT, 500);
	bring(2, thing_new(30, NULL), false);
	ck_assert(here(2));
	ck_assert_uint_eq(counted().ahead, 1);
	ck_assert_uint_eq(alive, 2);
}
END_TEST

/* What nobody asked for has its share, and does not push out what somebody
 * did. */
START_TEST(unasked_values_have_a_share)
{
	for (uint32_t i = 0; i < 40; i++)
		land(i, thing_new(VALUE, NULL), 0, 0);
	for (uint32_t i = 100; i < 200; i++) {
		bring(i, thing_new(VALUE, NULL), true);
		ck_assert_uint_le(counted().waiting_bytes, BUDGET / 8);
	}
	for (uint32_t i = 0; i < 40; i++)
		ck_assert(here(i));
	ck_assert_uint_eq(counted().ahead, 100);
	ck_assert_uint_eq(counted().wasted, 100 - counted().waiting);
	ck_assert_uint_eq(counted().evicted, counted().wasted);
	ck_assert_uint_ge(counted().wasted_bytes, counted().wasted * VALUE);
	ck_assert_uint_gt(counted().waiting, 0);
	/* Asked for, they are like any other. */
	for (uint32_t i = 100; i < 200; i++)
		here(i);
	ck_assert_uint_eq(counted().waiting, 0);
	ck_assert_uint_eq(counted().used + counted().wasted, 100);
}
END_TEST

START_TEST(counts_are_of_what_happened)
{
	struct asker a = asker(), b = asker();
	struct value *v;
	struct fs_count c;

	ck_assert_int_eq(ask(1, NULL, &v), -EINPROGRESS);
	ck_assert_int_eq(ask(1, &a, &v), -EINPROGRESS);
	ck_assert_int_eq(ask(1, &b, &v), -EINPROGRESS);
	land(1, NULL, -EIO, 50);
	ck_assert_int_eq(ask(1, &a, &v), -EIO);
	clock_advance(50);
	ck_assert_int_eq(ask(1, &a, &v), -EINPROGRESS);
	land(1, thing_new(VALUE, NULL), 0, 0);
	value_unref(a.w.value);
	ck_assert(here(1));
	ck_assert(here(1));
	c = counted();
	/* Who only looks misses nothing. */
	ck_assert_uint_eq(c.misses, 2);
	ck_assert_uint_eq(c.joined, 1);
	ck_assert_uint_eq(c.hits, 3);
	ck_assert_uint_eq(c.failed, 1);
	ck_assert_uint_eq(c.evicted, 0);
	ck_assert_uint_eq(c.kept, 1);
	ck_assert_uint_eq(c.bytes, flights_cost(t));
	ck_assert_uint_eq(c.ahead, 0);
	land(2, thing_new(BUDGET - VALUE / 2, NULL), 0, 0);
	ck_assert_uint_eq(counted().evicted, 1);        /* one or the other */
	ck_assert_uint_eq(counted().kept, 1);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, eviction_spares_what_is_held);
	tcase_add_test(c, eviction_takes_the_unused);
	tcase_add_test(c, value_bigger_than_the_whole_budget);
	tcase_add_test(c, woken_waiters_find_their_values_over_any_budget);
	tcase_add_test(c, failures_are_found_over_any_budget);
	tcase_add_test(c, eviction_follows_what_values_hold);
	tcase_add_test(c, one_claim_and_nobody_else_fetches);
	tcase_add_test(c, what_came_ahead_is_met_once);
	tcase_add_test(c, failed_claim_leaves_nothing_behind);
	tcase_add_test(c, claims_respect_a_failure_while_it_is_remembered);
	tcase_add_test(c, what_is_brought_lands_a_flight_and_stays);
	tcase_add_test(c, what_is_brought_changes_no_value_but_ends_a_failure);
	tcase_add_test(c, unasked_values_have_a_share);
	tcase_add_test(c, counts_are_of_what_happened);
}

static void add_nothing(TCase *c)
{
	tcase_add_checked_fixture(c, setup_nothing, teardown);
	tcase_add_test(c, cost_returns_to_nothing);
}

int main(void)
{
	return suite_run("flight_budget", 60, add, add_nothing, NULL);
}
