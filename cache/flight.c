/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <assert.h>
#include <errno.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cache/flight.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/span.h"

enum {
	TRIM_SHARE = 32,        /* of the budget evicted: give it back */
	SHARDS = 16,
	YOUNG_SHARE = 4,        /* of what is kept: not moved when asked for */
	EVICT_SCAN = 8,         /* entries looked at per visit to a shard */
	AHEAD_SHARE = 8,        /* of the budget, for what nobody asked for */
	BYTES_PER_BUCKET = 4096,
	BUCKETS_MIN = 64,
	BUCKETS_MAX = 1 << 16,
};

enum state { BUSY, READY, FAILED };

/* Who wanted it. */
enum want {
	ASKED,
	AHEAD,                          /* nobody so far */
	MET,                            /* BUSY: nobody at first */
};

struct flight {
	/* What a hit looks at comes first: a line or two of memory. */
	struct flight *next;            /* bucket chain */
	struct key key;
	struct value *value;            /* READY: the table's reference */
	uint64_t expires;               /* ms; 0 = never */
	uint32_t moved;                 /* when it became the youngest */
	uint8_t state;                  /* enum state */
	uint8_t want;                   /* enum want */
	bool fetching;                  /* READY: a fetch is under way */
	int err;                        /* FAILED */
	struct list lru;                /* READY and FAILED: shard.lru; READY
					 * and AHEAD: shard.ahead */
	struct list waiters;            /* BUSY */
};

struct shard {
	pthread_mutex_t lock;           /* covers everything below */
	struct flight **bucket;
	struct list lru;                /* oldest first */
	struct list ahead;              /* oldest first */
	uint32_t n;                     /* on both */
	uint32_t moves;                 /* a clock: to the young end so far */
	struct fs_count count[FS_KINDS];
};

struct flights {
	flight_miss *miss;
	flight_met *met;
	void *arg;
	atomic_size_t budget;
	size_t buckets;                 /* per shard, a power of two */
	atomic_size_t evicted;          /* since the last flights_trim() */
	atomic_size_t cost;
	atomic_size_t ahead;            /* that of AHEAD values */
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

static struct fs_count *count(struct shard *s, const struct flight *f)
{
	return &s->count[f->key.kind];
}

/* To the young end.  What is young already stays where it is: those that are
 * asked for all the time are young anyway, and need no care. */
static void touch(struct shard *s, struct flight *f)
{
	if (s->moves - f->moved < s->n / YOUNG_SHARE)
		return;
	list_del(&f->lru);
	list_add_tail(&s->lru, &f->lru);
	f->moved = ++s->moves;
}

/* A landed flight enters the books, or leaves them. */
static void charge(struct flights *t, struct shard *s, struct flight *f)
{
	struct fs_count *c = count(s, f);
	size_t n = cost(f);

	atomic_fetch_add_explicit(&t->cost, n, memory_order_relaxed);
	c->kept++;
	c->bytes += n;
	s->n++;
	f->moved = ++s->moves;
	if (f->want == AHEAD) {
		list_add_tail(&s->ahead, &f->lru);
		atomic_fetch_add_explicit(&t->ahead, n, memory_order_relaxed);
		c->waiting++;
		c->waiting_bytes += n;
	} else {
		list_add_tail(&s->lru, &f->lru);
	}
}

static void discharge(struct flights *t, struct shard *s, struct flight *f)
{
	struct fs_count *c = count(s, f);
	size_t n = cost(f);

	list_del(&f->lru);
	atomic_fetch_sub_explicit(&t->cost, n, memory_order_relaxed);
	c->kept--;
	c->bytes -= n;
	s->n--;
	if (f->want == AHEAD) {
		atomic_fetch_sub_explicit(&t->ahead, n, memory_order_relaxed);
		c->waiting--;
		c->waiting_bytes -= n;
	}
}

/* A READY one has been asked for, the first time. */
static void use(struct flights *t, struct shard *s, struct flight *f)
{
	discharge(t, s, f);
	f->want = ASKED;
	charge(t, s, f);
	count(s, f)->used++;
	count(s, f)->used_bytes += cost(f);
}

/* Unlink a landed flight; it goes to *dead, to be freed after unlock. */
static void forget(struct flights *t, struct shard *s, struct flight **f,
		   struct list *dead)
{
	struct flight *gone = *f;

	*f = gone->next;
	discharge(t, s, gone);
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

static bool over_ahead(const struct flights *t)
{
	return atomic_load_explicit(&t->ahead, memory_order_relaxed) >
	       t->budget / AHEAD_SHARE;
}

/* What cannot go: it would give no memory back, or, of a failure, have those
 * who were woken by it start another fetch. */
static bool in_use(const struct flight *f, uint64_t now)
{
	if (f->state == FAILED)
		return f->expires > now;
	return f->fetching || atomic_load(&f->value->refs) > 1;
}

/* The oldest that can go.  What is in use is young by definition and moves
 * to the other end. */
static struct flight *oldest(struct list *lru, uint64_t now)
{
	for (int n = 0; n < EVICT_SCAN && !list_empty(lru); n++) {
		struct flight *f = container_of(lru->next, struct flight, lru);

		if (!in_use(f, now))
			return f;
		list_del(&f->lru);
		list_add_tail(lru, &f->lru);
	}
	return NULL;
}

/* One visit: drop one.  Returns whether one went. */
static bool evict(struct flights *t, struct shard *s, struct list *dead)
{
	uint64_t now = clock_ms();
	struct flight *f = NULL;

	LOCK_SCOPE(&s->lock);
	if (over_ahead(t))
		f = oldest(&s->ahead, now);
	if (!f && over(t))
		f = oldest(&s->lru, now);
	if (!f && over(t))
		f = oldest(&s->ahead, now);
	if (!f)
		return false;
	count(s, f)->evicted++;
	atomic_fetch_add_explicit(&t->evicted, cost(f), memory_order_relaxed);
	if (f->want == AHEAD) {
		count(s, f)->wasted++;
		count(s, f)->wasted_bytes += cost(f);
	}
	forget(t, s, slot(t, s, hash(&f->key), &f->key), dead);
	return true;
}

/* Shards take turns, so that the oldest of all go, roughly.  Freeing a value
 * may release others (a directory its parent): go on until no shard has one
 * to give. */
static void shrink(struct flights *t)
{
	for (int idle = 0; (over(t) || over_ahead(t)) && idle < SHARDS;
	     idle++) {
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
		w->err = w->err ? w->err : err;
		lock_none();
		w->wake(w);
	}
}

/* The shard's lock is held.  It will be told 'err', if that is not 0. */
static void add_waiter(struct flight *f, struct waiter *w, int err)
{
	w->err = err;
	w->begun_for = list_empty(&f->waiters) ? span_now :
		container_of(f->waiters.next, struct waiter, link)->begun_for;
	list_add_tail(&f->waiters, &w->link);
}

/* At 'at', the empty end of a bucket's chain. */
static struct flight *flight_new(const struct key *k, enum state state,
				 enum want want, struct flight **at)
{
	struct flight *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->key = *k;
	f->state = state;
	f->want = want;
	list_init(&f->lru);
	list_init(&f->waiters);
	*at = f;
	return f;
}

struct flights *flights_new(size_t budget, flight_miss *miss,
			    flight_met *met, void *arg)
{
	struct flights *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->miss = miss;
	t->met = met;
	t->arg = arg;
	t->budget = budget;
	t->buckets = BUCKETS_MIN;
	while (t->buckets < BUCKETS_MAX &&
	       t->buckets * SHARDS * BYTES_PER_BUCKET < budget)
		t->buckets *= 2;
	for (int i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&t->shard[i].lock, NULL);
		list_init(&t->shard[i].lru);
		list_init(&t->shard[i].ahead);
		t->shard[i].bucket = calloc(t->buckets,
					    sizeof *t->shard[i].bucket);
		if (!t->shard[i].bucket) {
			flights_free(t);
			return NULL;
		}
	}
	return t;
}

void flights_set_budget(struct flights *t, size_t budget)
{
	atomic_store(&t->budget, budget);
	shrink(t);
}

void flights_free(struct flights *t)
{
	if (!t)
		return;
	for (int i = 0; i < SHARDS && t->shard[i].bucket; i++) {
		bury(&t->shard[i].lru);
		bury(&t->shard[i].ahead);
		free(t->shard[i].bucket);
		pthread_mutex_destroy(&t->shard[i].lock);
	}
	free(t);
}

size_t flights_cost(const struct flights *t)
{
	return atomic_load_explicit(&t->cost, memory_order_relaxed);
}

void flights_count(struct flights *t, struct fs_count ret[FS_KINDS])
{
	enum { WORDS = sizeof *ret / sizeof(uint64_t) };
	uint64_t sum[FS_KINDS][WORDS] = { { 0 } };

	for (int i = 0; i < SHARDS; i++) {
		LOCK_SCOPE(&t->shard[i].lock);
		for (int k = 0; k < FS_KINDS; k++) {
			uint64_t one[WORDS];

			memcpy(one, &t->shard[i].count[k], sizeof one);
			for (int j = 0; j < WORDS; j++)
				sum[k][j] += one[j];
		}
	}
	memcpy(ret, sum, sizeof sum);
}

/* Nothing remembered stands in the way of a fetch: drop a failure that is no
 * longer to be believed.  Returns what there is. */
static struct flight *look(struct flights *t, struct shard *s,
			   struct flight **at, struct list *dead, bool *stale)
{
	struct flight *f = *at;

	*stale = f && f->expires && f->expires <= clock_ms();
	if (!f || f->state != FAILED || !*stale)
		return f;
	forget(t, s, at, dead);
	return NULL;
}

int flight_get(struct flights *t, const struct key *k, void *hint,
	       struct waiter *w, struct value **ret)
{
	uint64_t h = hash(k);
	struct shard *s = shard_of(t, h);
	bool miss = false, met = false, stale;
	struct list dead;
	int r;

	list_init(&dead);
	lock_take(&s->lock);
	struct fs_count *c = &s->count[k->kind];
	struct flight **at = slot(t, s, h, k);
	struct flight *f = look(t, s, at, &dead, &stale);

	if (!f && !w) {
		r = -EINPROGRESS;
		goto out;
	}
	if (!f) {
		f = flight_new(k, BUSY, ASKED, slot(t, s, h, k));
		if (!f) {
			r = -ENOMEM;
			goto out;
		}
		miss = true;
	}
	switch (f->state) {
	case READY:
		c->hits++;
		met = f->want == AHEAD;
		if (met)
			use(t, s, f);
		else
			touch(s, f);
		miss = stale && w && !f->fetching;
		f->fetching |= miss;
		*ret = value_ref(f->value);
		r = 0;
		break;
	case FAILED:
		c->hits++;
		r = f->err;
		break;
	default:
		r = -EINPROGRESS;
		c->misses += miss;
		if (!w)
			break;
		c->joined += !miss;
		met = f->want == AHEAD;
		if (met) {
			f->want = MET;
			c->used++;
		}
		add_waiter(f, w, 0);
	}
out:
	lock_drop(&s->lock);
	bury(&dead);
	lock_none();
	if (miss)
		t->miss(t->arg, k, hint);
	else if (met)
		t->met(t->arg, k, hint);
	return r;
}

int flight_renew(struct flights *t, const struct key *k, void *hint,
		 struct waiter *w)
{
	uint64_t h = hash(k);
	struct shard *s = shard_of(t, h);
	struct list dead;
	bool miss, stale;
	int r = -EINPROGRESS;

	list_init(&dead);
	lock_take(&s->lock);
	struct flight **at = slot(t, s, h, k);
	struct flight *f = look(t, s, at, &dead, &stale);

	if (f && f->state == FAILED) {
		forget(t, s, at, &dead);
		f = NULL;
	}
	miss = !f || (f->state == READY && !f->fetching);
	if (f && f->state == READY && !f->expires)
		r = 0;
	else if (!f && !(f = flight_new(k, BUSY, ASKED, slot(t, s, h, k))))
		r = -ENOMEM;
	if (r == -EINPROGRESS) {
		f->fetching |= f->state == READY;
		add_waiter(f, w, miss ? 0 : -EALREADY);
	}
	lock_drop(&s->lock);
	bury(&dead);
	lock_none();
	if (miss && r == -EINPROGRESS)
		t->miss(t->arg, k, hint);
	return r;
}

int flight_peek(struct flights *t, const struct key *k, struct value **ret)
{
	uint64_t h = hash(k);
	struct shard *s = shard_of(t, h);

	LOCK_SCOPE(&s->lock);
	struct flight *f = *slot(t, s, h, k);

	if (!f || f->state != READY || f->want != ASKED ||
	    (f->expires && f->expires <= clock_ms()))
		return -EINPROGRESS;
	s->count[k->kind].hits++;
	touch(s, f);
	*ret = value_ref(f->value);
	return 0;
}

int flight_join(struct flights *t, const struct key *k, struct waiter *w,
		struct value **ret)
{
	uint64_t h = hash(k);
	struct shard *s = shard_of(t, h);
	LOCK_SCOPE(&s->lock);
	struct flight *f = *slot(t, s, h, k);

	if (!f || f->state == FAILED)
		return -ENOENT;
	if (f->state == READY) {
		*ret = value_ref(f->value);
		return 0;
	}
	if (w) {
		s->count[k->kind].joined++;
		add_waiter(f, w, 0);
	}
	return -EINPROGRESS;
}

bool flight_claim(struct flights *t, const struct key *k)
{
	uint64_t h = hash(k);
	struct shard *s = shard_of(t, h);
	struct flight *f;
	struct list dead;
	bool stale;

	list_init(&dead);
	lock_take(&s->lock);
	f = look(t, s, slot(t, s, h, k), &dead, &stale);
	bool mine = !f && flight_new(k, BUSY, AHEAD, slot(t, s, h, k));

	s->count[k->kind].ahead += mine;
	lock_drop(&s->lock);
	bury(&dead);
	return mine;
}

/* A flight has an outcome: enter it.  Returns the value to let go. */
static struct value *settle(struct flights *t, struct shard *s,
			    struct flight *f, struct value *v, int err,
			    uint64_t expires)
{
	struct value *spare = f->value;

	if (f->state != BUSY)
		discharge(t, s, f);
	f->value = v;
	f->err = err;
	f->state = v ? READY : FAILED;
	f->expires = expires;
	if (f->want == MET && v)
		count(s, f)->used_bytes += cost(f);
	if (f->want == MET || !v)
		f->want = ASKED;
	charge(t, s, f);
	return spare;
}

void flight_done(struct flights *t, const struct key *k, struct value *v,
		 int err, uint32_t ttl)
{
	uint64_t now = clock_ms(), h = hash(k);
	struct shard *s = shard_of(t, h);
	struct list dead, waiters;
	struct value *spare = NULL, *hold = v ? value_ref(v) : NULL;

	assert(v || err < 0);
	list_init(&dead);
	list_init(&waiters);
	lock_take(&s->lock);
	struct flight **at = slot(t, s, h, k), *f = *at;

	if (!f && v)
		f = flight_new(k, BUSY, ASKED, at);
	if (!f) {
		spare = v;
		goto out;
	}
	s->count[k->kind].failed += !v;
	list_take(&waiters, &f->waiters);
	f->fetching = false;
	if (f->state == READY && !v && (!f->expires || err != -ENOENT)) {
		if (f->expires)                 /* keep the old a while more */
			f->expires = now + ttl;
		goto out;
	}
	spare = settle(t, s, f, v, err, ttl ? now + ttl : 0);
	if (!v && !ttl)
		forget(t, s, at, &dead);
out:
	lock_drop(&s->lock);
	value_unref(spare);
	wake_all(&waiters, hold, err);
	value_unref(hold);
	bury(&dead);
	shrink(t);
}

static void bring(struct flights *t, const struct key *k, struct value *v,
		  bool ahead, uint64_t expires)
{
	uint64_t h = hash(k);
	struct shard *s = shard_of(t, h);
	struct value *spare = v, *hold = value_ref(v);
	struct list waiters;

	list_init(&waiters);
	lock_take(&s->lock);
	struct flight **at = slot(t, s, h, k), *f = *at;

	if (!f) {
		f = flight_new(k, READY, ahead ? AHEAD : ASKED, at);
		if (f) {
			s->count[k->kind].ahead += ahead;
			f->value = TAKE(spare);
			charge(t, s, f);
		}
	} else if (f->state != READY) {
		list_take(&waiters, &f->waiters);
		f->fetching = f->state == BUSY;
		spare = settle(t, s, f, v, 0, expires);
	}
	lock_drop(&s->lock);
	value_unref(spare);
	wake_all(&waiters, hold, 0);
	value_unref(hold);
	shrink(t);
}

void flight_bring(struct flights *t, const struct key *k, struct value *v,
		  bool ahead)
{
	bring(t, k, v, ahead, 0);
}

void flight_show(struct flights *t, const struct key *k, struct value *v)
{
	/* Never believed: whoever asks has what is under way. */
	bring(t, k, v, false, 1);
}

struct value *flight_add(struct flights *t, const struct key *k,
			 struct value *v)
{
	uint64_t h = hash(k);
	struct shard *s = shard_of(t, h);
	struct value *spare = NULL;

	lock_take(&s->lock);
	struct flight **at = slot(t, s, h, k), *f = *at;

	if (f) {
		spare = v;
		v = value_ref(f->value);
	} else if ((f = flight_new(k, READY, ASKED, at))) {
		s->count[k->kind].misses++;
		f->value = value_ref(v);
		charge(t, s, f);
	}                                       /* else it lives unkept */
	lock_drop(&s->lock);
	value_unref(spare);
	shrink(t);
	return v;
}

static void drop(struct flights *t, const struct key *k,
		 const struct value *v, bool ahead)
{
	uint64_t h = hash(k);
	struct shard *s = shard_of(t, h);
	struct list dead;

	list_init(&dead);
	lock_take(&s->lock);
	struct flight **at = slot(t, s, h, k), *f = *at;

	if (f && f->state == READY && f->value == v && !f->fetching &&
	    (!ahead || f->want == AHEAD))
		forget(t, s, at, &dead);
	lock_drop(&s->lock);
	bury(&dead);
}

void flight_drop(struct flights *t, const struct key *k,
		 const struct value *v)
{
	drop(t, k, v, false);
}

void flight_spare(struct flights *t, const struct key *k,
		  const struct value *v)
{
	size_t ahead = atomic_load_explicit(&t->ahead, memory_order_relaxed);

	/* Before there is no room, or the oldest would have gone. */
	if (ahead > t->budget / AHEAD_SHARE / 4 * 3)
		drop(t, k, v, true);
}

void flights_trim(struct flights *t)
{
	size_t evicted = atomic_load_explicit(&t->evicted,
					      memory_order_relaxed);

	if (evicted < t->budget / TRIM_SHARE ||
	    !atomic_compare_exchange_strong(&t->evicted, &evicted, 0))
		return;
	/* Not where a sanitizer's malloc stands in: glibc's own, which two
	 * threads would then be the first to use at once, cannot bear it. */
#if defined __GLIBC__ && !defined SANITIZED
	malloc_trim(0);
#endif
}
