/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Single flight, by many threads at once. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "test/flights.h"
#include "test/suite.h"

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
	tcase_add_test(c, threads_share_flights);
}

int main(void)
{
	return suite_run("flight_threads", 60, add, NULL);
}
