/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/flights.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

struct flights *t;
struct key missed;
void *hinted;
unsigned misses, meetings, alive;

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

void setup(void)
{
	setup_budget(BUDGET);
}

void setup_nothing(void)
{
	setup_budget(0);
}

void teardown(void)
{
	flights_free(t);
	ck_assert_uint_eq(alive, 0);
	clock_thaw();
}

/* ---- values, keys, askers ---- */

static void thing_free(struct value *v)
{
	struct thing *thing = (struct thing *)v;

	value_unref(thing->holds);
	free(thing);
	alive--;
}

struct value *thing_new(size_t cost, struct value *holds)
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

struct key key(uint32_t n)
{
	uint64_t spread = (n + 1) * 0xd1342543de82ef95u;
	struct key k = { .scope = 1, .part = n, .kind = KIND_BLOB,
			 .oid.len = OID_SHA1 };

	memcpy(k.oid.id, &spread, sizeof spread);
	return k;
}

void woken(struct waiter *w)
{
	container_of(w, struct asker, w)->woken++;
}

struct asker asker(void)
{
	return (struct asker){ .w.wake = woken };
}

int ask(uint32_t n, struct asker *a, struct value **ret)
{
	struct key k = key(n);

	return flight_get(t, &k, NULL, a ? &a->w : NULL, ret);
}

void land(uint32_t n, struct value *v, int err, uint32_t ttl)
{
	struct key k = key(n);

	flight_done(t, &k, v, err, ttl);
}

void show(uint32_t n, struct value *v)
{
	struct key k = key(n);

	flight_show(t, &k, v);
}

bool here(uint32_t n)
{
	struct value *v;

	if (ask(n, NULL, &v))
		return false;
	value_unref(v);
	return true;
}
