/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Single flight: the test is the fetcher, and lands each flight when it
 * suits it.  The last case adds threads. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cache/flight.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "test/suite.h"

enum { BUDGET = 64000, VALUE = 1000 };

static struct flights *t;
static struct key missed;       /* the last one */
static void *hinted;
static unsigned misses, meetings, alive;

static void on_miss(void *arg, const struct key *k, void *hint)
{
	ck_assert_ptr_eq(arg, &missed);
	missed = *k;
	hinted = hint;
	misses++;
}

static void on_met(void *arg, const struct key *k, void *hint)
{
	ck_assert_ptr_eq(arg, &missed);
	missed = *k;
	hinted = hint;
	meetings++;
}

static void setup_budget(size_t budget)
{
	clock_freeze();
	misses = meetings = alive = 0;
	t = flights_new(budget, on_miss, on_met, &missed);
	ck_assert_ptr_nonnull(t);
}

static void setup(void)
{
	setup_budget(BUDGET);
}

static void setup_nothing(void)
{
	setup_budget(0);
}

/* Whatever a case did, nothing outlives the table. */
static void teardown(void)
{
	flights_free(t);
	ck_assert_uint_eq(alive, 0);
	clock_thaw();
}

/* ---- values, keys, askers ---- */

struct thing {
	struct value v;
	struct value *holds;    /* as a directory its parent */
};

static void thing_free(struct value *v)
{
	struct thing *thing = (struct thing *)v;

	value_unref(thing->holds);
	free(thing);
	alive--;
}

static struct value *thing_new(size_t cost, struct value *holds)
{
	struct thing *thing = malloc(sizeof *thing);

	ck_assert_ptr_nonnull(thing);
	*thing = (struct thing){
		.v = { .refs = 1, .cost = cost, .free = thing_free },
		.holds = holds,
	};
	alive++;
	return &thing->v;
}

static struct key key(uint32_t n)
{
	uint64_t spread = (n + 1) * 0xd1342543de82ef95u;
	struct key k = { .scope = 1, .part = n, .kind = KIND_BLOB,
			 .oid.len = OID_SHA1 };

	memcpy(k.oid.id, &spread, sizeof spread);
	return k;
}

struct asker {
	struct waiter w;
	unsigned woken;
};

static void woken(struct waiter *w)
{
	container_of(w, struct asker, w)->woken++;
}

static struct asker asker(void)
{
	return (struct asker){ .w.wake = woken };
}

static int ask(uint32_t n, struct asker *a, struct value **ret)
{
	struct key k = key(n);

	return flight_get(t, &k, NULL, a ? &a->w : NULL, ret);
}

static void land(uint32_t n, struct value *v, int err, uint32_t ttl)
{
	struct key k = key(n);

	flight_done(t, &k, v, err, ttl);
}

static void show(uint32_t n, struct value *v)
{
	struct key k = key(n);

	flight_show(t, &k, v);
}

/* Whether it is here; without becoming an asker. */
static bool here(uint32_t n)
{
	struct value *v;

	if (ask(n, NULL, &v))
		return false;
	value_unref(v);
	return true;
}

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

/* ---- threads ---- */

/* Askers hammer a few keys with a budget that holds a fraction of them,
 * landers land what is missed. */
enum { KEYS = 48, ROUNDS = 4000, ASKERS = 3, LANDERS = 2 };

static struct flights *shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queued = PTHREAD_COND_INITIALIZER;
static struct key queue[KEYS];          /* one fetch of each at a time */
static unsigned head, tail;
static bool stop;
static atomic_int under_way[KEYS];
static atomic_uint doubles, landings, failures;

static void plain_free(struct value *v)
{
	free(v);
}

static void enqueue(void *arg, const struct key *k, void *hint)
{
	(void)arg;
	(void)hint;
	if (atomic_fetch_add(&under_way[k->part], 1))
		atomic_fetch_add(&doubles, 1);

	LOCK_SCOPE(&lock);
	queue[head++ % KEYS] = *k;
	pthread_cond_signal(&queued);
}

static bool dequeue(struct key *ret)
{
	LOCK_SCOPE(&lock);
	while (head == tail && !stop)
		pthread_cond_wait(&queued, &lock);
	if (head == tail)
		return false;
	*ret = queue[tail++ % KEYS];
	return true;
}

static void *lander(void *arg)
{
	struct key k;

	(void)arg;
	while (dequeue(&k)) {
		struct value *v = NULL;

		if (atomic_fetch_add(&landings, 1) % 7) {
			v = malloc(sizeof *v);
			*v = (struct value){ .refs = 1, .cost = VALUE,
					     .free = plain_free };
		}
		atomic_fetch_sub(&under_way[k.part], 1);
		flight_done(shared, &k, v, v ? 0 : -EIO, 0);
	}
	return NULL;
}

struct sleeper {
	struct waiter w;
	pthread_mutex_t lock;
	pthread_cond_t roused;
	unsigned woken;
};

static void rouse(struct waiter *w)
{
	struct sleeper *s = container_of(w, struct sleeper, w);

	LOCK_SCOPE(&s->lock);
	s->woken++;
	pthread_cond_signal(&s->roused);
}

static void sleep_until_woken(struct sleeper *s)
{
	LOCK_SCOPE(&s->lock);
	while (!s->woken)
		pthread_cond_wait(&s->roused, &s->lock);
	ck_assert_uint_eq(s->woken, 1);
	s->woken = 0;
}

static void *hammer(void *arg)
{
	struct sleeper s = { .w.wake = rouse,
			     .lock = PTHREAD_MUTEX_INITIALIZER,
			     .roused = PTHREAD_COND_INITIALIZER };
	unsigned seed = *(unsigned *)arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct key k = key((uint32_t)rand_r(&seed) % KEYS);
		struct value *v;
		int r = flight_get(shared, &k, NULL, &s.w, &v);

		if (!r) {
			value_unref(v);
			continue;
		}
		ck_assert_int_eq(r, -EINPROGRESS);
		sleep_until_woken(&s);
		if (s.w.value) {
			ck_assert_int_eq(s.w.err, 0);
			/* It can be found as long as it is held. */
			ck_assert_int_eq(flight_get(shared, &k, NULL, NULL,
						    &v), 0);
			ck_assert_ptr_eq(v, s.w.value);
			value_unref(v);
		} else {
			ck_assert_int_eq(s.w.err, -EIO);
			atomic_fetch_add(&failures, 1);
		}
		value_unref(s.w.value);
	}
	ck_assert_uint_eq(s.woken, 0);
	return NULL;
}

START_TEST(threads_share_flights)
{
	pthread_t a[ASKERS], l[LANDERS];
	unsigned seed[ASKERS];

	shared = flights_new(KEYS / 4 * VALUE, enqueue, NULL, NULL);
	for (unsigned i = 0; i < LANDERS; i++)
		ck_assert(!pthread_create(&l[i], NULL, lander, NULL));
	for (unsigned i = 0; i < ASKERS; i++) {
		seed[i] = i + 1;
		ck_assert(!pthread_create(&a[i], NULL, hammer, &seed[i]));
	}
	for (unsigned i = 0; i < ASKERS; i++)
		pthread_join(a[i], NULL);
	pthread_mutex_lock(&lock);
	stop = true;
	pthread_cond_broadcast(&queued);
	pthread_mutex_unlock(&lock);
	for (unsigned i = 0; i < LANDERS; i++)
		pthread_join(l[i], NULL);
	ck_assert_uint_eq(doubles, 0);
	ck_assert_uint_gt(landings, KEYS);
	ck_assert_uint_gt(failures, 0);
	ck_assert_uint_le(flights_cost(shared), KEYS / 4 * VALUE);
	flights_free(shared);
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
	tcase_add_test(c, threads_share_flights);
}

static void add_nothing(TCase *c)
{
	tcase_add_checked_fixture(c, setup_nothing, teardown);
	tcase_add_test(c, cost_returns_to_nothing);
}

int main(void)
{
	return suite_run("flight", 60, add, add_nothing, NULL);
}
