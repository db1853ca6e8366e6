/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cache/flight.h"
#include "common/cleanup.h"
#include "common/clock.h"

enum {
	SHARDS = 16,
	EVICT_SCAN = 8,         /* entries looked at per visit to a shard */
	BYTES_PER_BUCKET = 4096,
	BUCKETS_MIN = 64,
	BUCKETS_MAX = 1 << 16,
};

enum state { BUSY, READY, FAILED };

struct flight {
	struct flight *next;            /* bucket chain */
	struct list lru;                /* READY and FAILED: shard.lru */
	struct list waiters;            /* BUSY */
	struct key key;
	struct value *value;            /* READY: the table's reference */
	uint64_t expires;               /* ms; 0 = never */
	int err;                        /* FAILED */
	enum state state;
	bool refreshing;                /* READY: a fetch is under way */
};

struct shard {
	pthread_mutex_t lock;           /* covers everything below */
	struct flight **bucket;
	struct list lru;                /* oldest first */
};

struct flights {
	flight_miss *miss;
	void *arg;
	size_t budget;
	size_t buckets;                 /* per shard, a power of two */
	atomic_size_t cost;
	atomic_uint turn;               /* whose shard is next to give way */
	struct shard shard[SHARDS];
};

/* Object ids and directory ids are uniform; mix in what tells the rest. */
static uint64_t hash(const struct key *k)
{
	uint64_t h;

	memcpy(&h, k->oid.id, sizeof h);
	h ^= (k->scope ^ (uint64_t)k->part << 8 ^ k->kind) *
	     0x9e3779b97f4a7c15u;
	h ^= h >> 32;
	return h * 0xd6e8feb86659fd93u;
}

static bool same(const struct key *a, const struct key *b)
{
	return a->scope == b->scope && a->part == b->part &&
	       a->kind == b->kind && oid_eq(&a->oid, &b->oid);
}

static struct shard *shard_of(struct flights *t, uint64_t h)
{
	return &t->shard[h >> 60];
}

static struct flight **slot(struct flights *t, struct shard *s, uint64_t h,
			    const struct key *k)
{
	struct flight **f = &s->bucket[(h >> 16) & (t->buckets - 1)];

	while (*f && !same(&(*f)->key, k))
		f = &(*f)->next;
	return f;
}

static size_t cost(const struct flight *f)
{
	return sizeof *f + (f->value ? f->value->cost : 0);
}

/* A landed flight enters the books, or leaves them. */
static void charge(struct flights *t, struct shard *s, struct flight *f)
{
	list_add_tail(&s->lru, &f->lru);
	atomic_fetch_add_explicit(&t->cost, cost(f), memory_order_relaxed);
}

static void discharge(struct flights *t, struct flight *f)
{
	list_del(&f->lru);
	atomic_fetch_sub_explicit(&t->cost, cost(f), memory_order_relaxed);
}

/* Unlink a landed flight; it goes to *dead, to be freed after unlock. */
static void forget(struct flights *t, struct flight **f, struct list *dead)
{
	struct flight *gone = *f;

	*f = gone->next;
	discharge(t, gone);
	list_add_tail(dead, &gone->lru);
}

static void bury(struct list *dead)
{
	struct list *l;

	while ((l = list_pop(dead))) {
		struct flight *f = container_of(l, struct flight, lru);

		value_unref(f->value);
		free(f);
	}
}

static bool over(const struct flights *t)
{
	return flights_cost(t) > t->budget;
}

/* What cannot go: it would give no memory back, or, of a failure, have those
 * who were woken by it start another fetch. */
static bool in_use(const struct flight *f, uint64_t now)
{
	if (f->state == FAILED)
		return f->expires > now;
	return f->refreshing || atomic_load(&f->value->refs) > 1;
}

/* One visit: drop the oldest that can go.  What is in use is young by
 * definition and moves to the other end.  Returns whether one went. */
static bool evict(struct flights *t, struct shard *s, struct list *dead)
{
	uint64_t now = clock_ms();

	LOCK_SCOPE(&s->lock);
	for (int n = 0; n < EVICT_SCAN && !list_empty(&s->lru); n++) {
		struct flight *f = container_of(s->lru.next, struct flight, lru);

		if (!in_use(f, now)) {
			forget(t, slot(t, s, hash(&f->key), &f->key), dead);
			return true;
		}
		list_del(&f->lru);
		list_add_tail(&s->lru, &f->lru);
	}
	return false;
}

/* Shards take turns, so that the oldest of all go, roughly.  Freeing a value
 * may release others (a directory its parent): go on until no shard has one
 * to give. */
static void shrink(struct flights *t)
{
	for (int idle = 0; over(t) && idle < SHARDS; idle++) {
		unsigned turn = atomic_fetch_add_explicit(&t->turn, 1,
						memory_order_relaxed);
		struct list dead;

		list_init(&dead);
		if (evict(t, &t->shard[turn % SHARDS], &dead))
			idle = -1;
		bury(&dead);
	}
}

static void wake_all(struct list *waiters, struct value *v, int err)
{
	struct list *l;

	while ((l = list_pop(waiters))) {
		struct waiter *w = container_of(l, struct waiter, link);

		w->value = v ? value_ref(v) : NULL;
		w->err = err;
		w->wake(w);
	}
}

static struct flight *flight_new(const struct key *k, enum state state)
{
	struct flight *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->key = *k;
	f->state = state;
	list_init(&f->lru);
	list_init(&f->waiters);
	return f;
}

struct flights *flights_new(size_t budget, flight_miss *miss, void *arg)
{
	struct flights *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->miss = miss;
	t->arg = arg;
	t->budget = budget;
	t->buckets = BUCKETS_MIN;
	while (t->buckets < BUCKETS_MAX &&
	       t->buckets * SHARDS * BYTES_PER_BUCKET < budget)
		t->buckets *= 2;
	for (int i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&t->shard[i].lock, NULL);
		list_init(&t->shard[i].lru);
		t->shard[i].bucket = calloc(t->buckets,
					    sizeof *t->shard[i].bucket);
		if (!t->shard[i].bucket) {
			flights_free(t);
			return NULL;
		}
	}
	return t;
}

void flights_free(struct flights *t)
{
	if (!t)
		return;
	for (int i = 0; i < SHARDS && t->shard[i].bucket; i++) {
		bury(&t->shard[i].lru);
		free(t->shard[i].bucket);
		pthread_mutex_destroy(&t->shard[i].lock);
	}
	free(t);
}

size_t flights_cost(const struct flights *t)
{
	return atomic_load_explicit(&t->cost, memory_order_relaxed);
}

int flight_get(struct flights *t, const struct key *k, void *hint,
	       struct waiter *w, struct value **ret)
{
	uint64_t h = hash(k);
	struct shard *s = shard_of(t, h);
	struct list dead;
	bool miss = false;
	int r;

	list_init(&dead);
	pthread_mutex_lock(&s->lock);
	struct flight **at = slot(t, s, h, k), *f = *at;
	bool stale = f && f->expires && f->expires <= clock_ms();

	if (f && f->state == FAILED && stale) {
		forget(t, at, &dead);
		f = NULL;
	}
	if (!f && !w) {
		r = -EINPROGRESS;
		goto out;
	}
	if (!f) {
		f = flight_new(k, BUSY);
		if (!f) {
			r = -ENOMEM;
			goto out;
		}
		at = slot(t, s, h, k);
		*at = f;
		miss = true;
	}
	switch (f->state) {
	case READY:
		list_del(&f->lru);
		list_add_tail(&s->lru, &f->lru);
		miss = stale && w && !f->refreshing;
		f->refreshing |= miss;
		*ret = value_ref(f->value);
		r = 0;
		break;
	case FAILED:
		r = f->err;
		break;
	default:
		if (w)
			list_add_tail(&f->waiters, &w->link);
		r = -EINPROGRESS;
	}
out:
	pthread_mutex_unlock(&s->lock);
	bury(&dead);
	if (miss)
		t->miss(t->arg, k, hint);
	return r;
}

void flight_done(struct flights *t, const struct key *k, struct value *v,
		 int err, uint32_t ttl)
{
	uint64_t now = clock_ms(), h = hash(k);
	struct shard *s = shard_of(t, h);
	struct list dead, waiters;
	struct value *spare = NULL, *hold = v ? value_ref(v) : NULL;

	assert(!v == (err < 0));
	list_init(&dead);
	list_init(&waiters);
	pthread_mutex_lock(&s->lock);
	struct flight **at = slot(t, s, h, k), *f = *at;

	if (!f && v) {                          /* nobody asked */
		f = flight_new(k, BUSY);
		if (f)
			*at = f;
	}
	if (!f) {
		spare = v;
		goto out;
	}
	list_take(&waiters, &f->waiters);
	f->refreshing = false;
	if (f->state == READY && !v && (!f->expires || err != -ENOENT)) {
		if (f->expires)                 /* keep the old a while more */
			f->expires = now + ttl;
		goto out;
	}
	if (f->state != BUSY)
		discharge(t, f);
	spare = f->value;
	f->value = v;
	f->err = err;
	f->state = v ? READY : FAILED;
	f->expires = ttl ? now + ttl : 0;
	charge(t, s, f);
	if (!v && !ttl)
		forget(t, at, &dead);
out:
	pthread_mutex_unlock(&s->lock);
	value_unref(spare);
	wake_all(&waiters, hold, err);
	value_unref(hold);
	bury(&dead);
	shrink(t);
}

struct value *flight_add(struct flights *t, const struct key *k,
			 struct value *v)
{
	uint64_t h = hash(k);
	struct shard *s = shard_of(t, h);
	struct value *spare = NULL;

	pthread_mutex_lock(&s->lock);
	struct flight **at = slot(t, s, h, k), *f = *at;

	if (f) {
		spare = v;
		v = value_ref(f->value);
	} else if ((f = flight_new(k, READY))) {
		*at = f;
		f->value = value_ref(v);
		charge(t, s, f);
	}                                       /* else it lives unkept */
	pthread_mutex_unlock(&s->lock);
	value_unref(spare);
	shrink(t);
	return v;
}

void flight_drop(struct flights *t, const struct key *k,
		 const struct value *v)
{
	uint64_t h = hash(k);
	struct shard *s = shard_of(t, h);
	struct list dead;

	list_init(&dead);
	pthread_mutex_lock(&s->lock);
	struct flight **at = slot(t, s, h, k);

	if (*at && (*at)->state == READY && (*at)->value == v &&
	    !(*at)->refreshing)
		forget(t, at, &dead);
	pthread_mutex_unlock(&s->lock);
	bury(&dead);
}
