/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/root.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/large.h"
#include "common/list.h"

/* Every root takes some hundred bytes for good, and whoever may ask for
 * commits by their ids makes them. */
enum { ROOTS_MAX = 1 << 18, PLACES_MIN = 64, CHUNK_MIN = 64 << 10 };

struct slot {
	struct root root;
	struct list link;               /* roots.all */
	struct history *hist;           /* or NULL; covered by roots.lock */
	/* Room for its first history, which most have for good. */
	alignas(struct history) char first[sizeof(struct history) +
					   sizeof(struct epoch)];
	char text[];                    /* the ref, and what no source has */
};

/* Memory for slots: none is freed before all are. */
struct chunk {
	struct list link;               /* roots.chunks */
	size_t size, used;
	alignas(struct slot) char at[];
};

/* A level as the journal has it, whether it is served this time or not. */
struct note {
	struct list link;               /* roots.levels */
	uint64_t id;
	char path[];
};

/* Where a root is, found without looking at others. */
struct place {
	uint64_t id;
	struct slot *slot;
};

struct roots {
	const struct keyed *ids;
	struct composite *composite;
	struct state *state;
	struct state_top top;           /* as the journal has it */
	struct timespec latest;         /* of all moves it has, also of what
					 * is not served any more */
	atomic_uint_fast64_t serial;
	pthread_mutex_t lock;           /* covers what follows */
	pthread_cond_t next;
	bool taken;                     /* somebody has the turn */
	struct list levels;             /* struct note; whose turn it is */
	struct slot *last;              /* found when the journal is read */
	struct place *place;            /* by id, or in the next that is free */
	size_t places;                  /* a power of two, half of them used */
	struct list all;                /* in order of making */
	struct list chunks;             /* whose turn it is */
	uint32_t known;                 /* how many */
	size_t lines;                   /* of a journal with all of this */
};

static bool after(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec :
					a->tv_nsec > b->tv_nsec;
}

/* 't', but after 'floor'. */
static struct timespec move_after(struct timespec t,
				  const struct timespec *floor)
{
	if (after(&t, floor))
		return t;
	t = *floor;
	if (++t.tv_nsec == 1000000000) {
		t.tv_nsec = 0;
		t.tv_sec++;
	}
	return t;
}

/* ---- roots ---- */

struct roots *roots_new(const struct keyed *ids, struct composite *composite)
{
	struct roots *rs = calloc(1, sizeof *rs);

	if (!rs)
		return NULL;
	rs->ids = ids;
	rs->composite = composite;
	list_init(&rs->all);
	list_init(&rs->chunks);
	list_init(&rs->levels);
	pthread_mutex_init(&rs->lock, NULL);
	pthread_cond_init(&rs->next, NULL);
	return rs;
}

void roots_free(struct roots *rs)
{
	if (!rs)
		return;
	for (struct list *l = rs->all.next; l != &rs->all; l = l->next) {
		struct slot *e = container_of(l, struct slot, link);

		if (e->hist)
			value_unref(&e->hist->v);
	}
	for (struct list *l; (l = list_pop(&rs->chunks));) {
		struct chunk *c = container_of(l, struct chunk, link);

		large_free(c, c->size);
	}
	for (struct list *l; (l = list_pop(&rs->levels));)
		free(container_of(l, struct note, link));
	pthread_cond_destroy(&rs->next);
	pthread_mutex_destroy(&rs->lock);
	large_free(rs->place, rs->places * sizeof *rs->place);
	free(rs);
}

uint64_t root_id(const struct roots *rs, const char *name,
		 const char *location, const char *ref)
{
	CLEANUP_FREE char *made = NULL;
	size_t n = strlen(name) + 1, m = strlen(location) + 1;
	size_t k = ref ? strlen(ref) : 0;
	char few[512], *text = few;
	uint64_t id;

	/* NULs keep the parts apart; a ref is never empty. */
	if (n + m + k > sizeof few)
		text = made = malloc(n + m + k);
	if (!text)
		return 0;
	memcpy(text, name, n);
	memcpy(text + n, location, m);
	if (k)
		memcpy(text + n + m, ref, k);
	id = keyed_hash(rs->ids, text, n + m + k);
	return id > 1 ? id : id + 2;            /* 0 and 1 are not ours */
}

/* Ids are hashes, and need no other.  Places there are. */
static struct place *place_of(const struct roots *rs, uint64_t id)
{
	size_t i = id & (rs->places - 1);

	while (rs->place[i].slot && rs->place[i].id != id)
		i = (i + 1) & (rs->places - 1);
	return &rs->place[i];
}

/* Room for one more. */
static bool grow(struct roots *rs)
{
	size_t n = rs->places ? 2 * rs->places : PLACES_MIN;
	struct place *more, *old = rs->place;
	size_t had = rs->places;

	if (2 * rs->known < rs->places)
		return true;
	more = large_alloc(n * sizeof *more);
	if (!more)
		return rs->known + 1 < rs->places;
	rs->place = more;
	rs->places = n;
	/* In this order it goes through both from end to end. */
	for (size_t i = 0; i < had; i++)
		if (old[i].slot)
			*place_of(rs, old[i].id) = old[i];
	large_free(old, had * sizeof *old);
	return true;
}

static struct slot *find(struct roots *rs, uint64_t id)
{
	return rs->places ? place_of(rs, id)->slot : NULL;
}

const struct root *root_find(struct roots *rs, uint64_t id)
{
	LOCK_SCOPE(&rs->lock);
	struct slot *e = find(rs, id);

	return e ? &e->root : NULL;
}

struct history *root_history(struct roots *rs, const struct root *root)
{
	LOCK_SCOPE(&rs->lock);
	struct slot *e = find(rs, root->id);

	return e && e->hist ? history_of(value_ref(&e->hist->v)) : NULL;
}

size_t roots_list(struct roots *rs, const struct root **ret, size_t room)
{
	size_t n = 0;

	LOCK_SCOPE(&rs->lock);
	for (struct list *l = rs->all.next; l != &rs->all && n < room;
	     l = l->next)
		ret[n++] = &container_of(l, struct slot, link)->root;
	return n;
}

size_t roots_known(struct roots *rs)
{
	LOCK_SCOPE(&rs->lock);
	return rs->known;
}

/* As it is the first time: small for few roots, large for many. */
static void *take_room(struct roots *rs, size_t size)
{
	struct chunk *c = container_of(rs->chunks.prev, struct chunk, link);
	size_t need = (size + alignof(struct slot) - 1) &
		      ~(alignof(struct slot) - 1);
	bool none = list_empty(&rs->chunks);

	if (none || c->size - sizeof *c - c->used < need) {
		size_t next = none ? CHUNK_MIN : 2 * c->size;

		if (next > LARGE_PAGE)
			next = LARGE_PAGE;
		if (next < sizeof *c + need)
			next = sizeof *c + need;
		c = large_alloc(next);
		if (!c)
			return NULL;
		c->size = next;
		list_add_tail(&rs->chunks, &c->link);
	}
	c->used += need;
	return c->at + c->used - need;
}

/* 'text' with its NUL, or NULL, at *at, which moves behind it. */
static const char *put(char **at, const char *text)
{
	char *to = *at;

	if (!text)
		return NULL;
	*at = stpcpy(to, text) + 1;
	return to;
}

static size_t room_for(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

/* NULL: out of memory.  'source' or the two that follow it. */
static struct slot *add(struct roots *rs, uint64_t id, struct source *source,
			const char *name, const char *location,
			const char *ref)
{
	size_t room = room_for(ref) +
		      (source ? 0 : room_for(name) + room_for(location));
	struct slot *e = take_room(rs, sizeof *e + room);
	char *text = e ? e->text : NULL;
	struct oid oid;

	if (!e)
		return NULL;
	e->root = (struct root){
		.id = id,
		.source = source,
		.name = source ? source->name : put(&text, name),
		.location = source ? source->location : put(&text, location),
		.ref = put(&text, ref),
		.pinned = ref && !oid_parse(ref, strlen(ref), &oid),
	};
	e->hist = NULL;
	LOCK_SCOPE(&rs->lock);
	if (!grow(rs))
		return NULL;
	*place_of(rs, id) = (struct place){ id, e };
	list_add_tail(&rs->all, &e->link);
	rs->known++;
	rs->lines++;
	return e;
}

/* ---- histories ---- */

static void history_free(struct value *v)
{
	free(v);
}

/* It is part of its slot. */
static void history_leave(struct value *v)
{
	(void)v;
}

/* 'old', if there was one, and one more. */
static struct history *history_append(struct roots *rs, struct slot *slot,
				      const struct history *old,
				      const struct epoch *e)
{
	uint32_t n = old ? old->n : 0, skip = n == HISTORY_MAX;
	size_t size = sizeof(struct history) + (n + 1 - skip) * sizeof *e;
	struct history *h = old ? malloc(size) : (void *)slot->first;

	if (!h)
		return NULL;
	h->v.refs = 1;
	h->v.cost = size;
	h->v.free = old ? history_free : history_leave;
	h->root = &slot->root;
	h->serial = atomic_fetch_add(&rs->serial, 1) + 1;
	h->n = n + 1 - skip;
	if (n) {
		h->epoch[0] = old->epoch[0];
		memcpy(&h->epoch[1], &old->epoch[1 + skip],
		       (n - 1 - skip) * sizeof *e);
	}
	h->epoch[h->n - 1] = *e;
	return h;
}

/* Make it the current one.  Takes over the caller's reference. */
static void publish(struct roots *rs, struct slot *e, struct history *h)
{
	struct source *s = e->root.source;
	struct timespec now = history_now(h)->ctime;
	struct history *old;

	lock_take(&rs->lock);
	old = e->hist;
	e->hist = h;
	rs->lines += h->n - (old ? old->n : 0);
	lock_drop(&rs->lock);
	if (old)
		value_unref(&old->v);
	/* A level shows in its times what it lists, so that clients look
	 * again: a new repository, or one whose link leads elsewhere. */
	if (s)
		composite_touch(rs->composite, s, e->root.ref, now);
}

static bool is_full(struct roots *rs)
{
	LOCK_SCOPE(&rs->lock);
	return rs->known >= ROOTS_MAX;
}

static int64_t clamp(int64_t t)
{
	return t < 0 ? 0 : t > UINT32_MAX ? UINT32_MAX : t;
}

static struct slot *find_locked(struct roots *rs, uint64_t id)
{
	LOCK_SCOPE(&rs->lock);
	return find(rs, id);
}

/* ---- what happens, one after the other ---- */

/* What is new gets its time, is written down and then shown.  Whoever does
 * so has the turn meanwhile: else a level might list something later than
 * its time says, and clients would not look again. */
static void take_turn(struct roots *rs)
{
	LOCK_SCOPE(&rs->lock);
	while (rs->taken)
		pthread_cond_wait(&rs->next, &rs->lock);
	rs->taken = true;
}

static void end_turn(struct roots *rs)
{
	LOCK_SCOPE(&rs->lock);
	rs->taken = false;
	pthread_cond_signal(&rs->next);
}

static int show_move(struct roots *rs, struct source **source, const char *ref,
		 const struct oid *commit, const struct oid *tree,
		 int64_t time, struct history **ret)
{
	struct source *s = *source;
	uint64_t id = root_id(rs, s->name, s->location, ref);
	struct slot *slot = find_locked(rs, id);
	CLEANUP_HISTORY struct history *old =
		slot ? root_history(rs, &slot->root) : NULL;
	const struct epoch *last = old ? history_now(old) : NULL;
	struct timespec floor;
	struct history *h;
	int r;

	if (!id)
		return -ENOMEM;
	if (s->gone || (slot && slot->root.source &&
			!root_is_served(&slot->root)))
		return -ESTALE;
	/* A root is told from another of the same id by nothing but luck of
	 * 2^-64: say so rather than mix them up. */
	if (slot && (!slot->root.source || strcmp(slot->root.name, s->name) ||
		     strcmp(slot->root.ref ? slot->root.ref : "",
			    ref ? ref : "")))
		return -EIO;
	if (last && oid_eq(&last->commit, commit)) {
		*ret = TAKE(old);
		return 0;
	}
	if (!composite_has_room(rs->composite, s) || (!slot && is_full(rs)))
		return -ENOSPC;
	/* NFS has unsigned 32-bit seconds (RFC 1813, nfstime3). */
	struct epoch e = {
		.commit = *commit,
		.tree = *tree,
		.mtime.tv_sec = clamp(time),
	};

	floor = composite_floor(rs->composite, s, ref);
	e.ctime = move_after(clock_wall(), &floor);
	if (!commit->len)
		e.mtime = e.ctime;
	if (last) {
		e.mtime = move_after(e.mtime, &last->mtime);
		e.ctime = move_after(e.ctime, &last->ctime);
	}

	struct state_root sr = { id, s->name, s->location, ref };
	struct state_move sm = { id, e.commit, e.tree, e.mtime, e.ctime };

	r = state_append(rs->state, &(struct state_facts){
		.root = slot ? NULL : &sr,
		.move = &sm,
	});
	if (r)
		return r;
	r = composite_attach(rs->composite, s, source);
	if (r)
		return r;
	if (!slot)
		slot = add(rs, id, *source, NULL, NULL, ref);
	h = slot ? history_append(rs, slot, old, &e) : NULL;
	if (!h)
		return -ENOMEM;
	*ret = history_ref(h);
	publish(rs, slot, h);
	return 0;
}

int root_publish(struct roots *rs, struct source **source, const char *ref,
		 const struct oid *commit, const struct oid *tree,
		 int64_t time, struct history **ret)
{
	int r;

	take_turn(rs);
	r = show_move(rs, source, ref, commit, tree, time, ret);
	end_turn(rs);
	return r;
}

static int note_level(struct roots *rs, const struct state_level *sl)
{
	size_t len = strlen(sl->path) + 1;
	struct note *n = malloc(sizeof *n + len);

	if (!n)
		return -ENOMEM;
	n->id = sl->id;
	memcpy(n->path, sl->path, len);
	list_add_tail(&rs->levels, &n->link);
	rs->lines++;
	return 0;
}

static int add_level(struct roots *rs, const char *path, struct level **ret)
{
	struct state_level sl = {
		.id = composite_level_id(rs->composite, path),
		.path = path,
	};
	int r = composite_has_room(rs->composite, NULL) ? 0 : -ENOSPC;

	if (!r)
		r = state_append(rs->state,
				 &(struct state_facts){ .level = &sl });
	if (!r)
		r = note_level(rs, &sl);
	return r ? r : composite_make_level(rs->composite, path, ret);
}

int roots_add_level(struct roots *rs, const char *path, struct level **ret)
{
	int r;

	take_turn(rs);
	r = add_level(rs, path, ret);
	end_turn(rs);
	return r;
}

/* ---- the journal ---- */

static int load_level(void *arg, const struct state_level *sl)
{
	struct roots *rs = arg;
	struct level *l;
	int r;

	/* The key may have been replaced: then no handle has this id. */
	if (sl->id != composite_level_id(rs->composite, sl->path))
		return 0;
	/* What is not configured this time may be the next. */
	r = composite_make_level(rs->composite, sl->path, &l);
	return r == -ENOMEM ? r : note_level(rs, sl);
}

static int load_root(void *arg, const struct state_root *r)
{
	struct roots *rs = arg;
	struct source *source;
	uint64_t id;

	/* Far away in memory, and here when it is needed. */
	if (rs->places)
		__builtin_prefetch(&rs->place[r->id & (rs->places - 1)]);
	/* The key may have been replaced: then no handle has this id. */
	id = root_id(rs, r->name, r->location, r->ref);
	if (r->id != id)
		return id ? 0 : -ENOMEM;
	if (composite_recall(rs->composite, r->name, r->location, &source))
		return -ENOMEM;
	if (find(rs, r->id))
		return 0;
	return add(rs, r->id, source, r->name, r->location, r->ref) ? 0 :
		-ENOMEM;
}

static int load_move(void *arg, const struct state_move *m)
{
	struct roots *rs = arg;
	/* Mostly of the root before it. */
	struct slot *e = rs->last && rs->last->root.id == m->id ? rs->last :
			 find(rs, m->id);
	struct epoch epoch = { m->commit, m->tree, m->mtime, m->ctime };

	if (!e)
		return 0;
	rs->last = e;
	if (after(&m->ctime, &rs->latest))
		rs->latest = m->ctime;

	struct history *h = history_append(rs, e, e->hist, &epoch);

	if (!h)
		return -ENOMEM;
	publish(rs, e, h);
	return 0;
}

static int load_top(void *arg, const struct state_top *t)
{
	struct roots *rs = arg;

	rs->top = *t;
	return 0;
}

const struct state_reader roots_reader = {
	load_level, load_root, load_move, load_top,
};

/* What has a place now that had none, or another. */
static int link_again(struct roots *rs)
{
	int r = 0;

	for (struct list *l = rs->levels.next; l != &rs->levels; l = l->next) {
		const struct note *n = container_of(l, struct note, link);
		struct level *ignored;

		r = composite_make_level(rs->composite, n->path, &ignored);
		if (r == -ENOMEM)
			return r;
	}
	/* Nobody adds to the list but who has the turn. */
	for (struct list *l = rs->all.next; l != &rs->all; l = l->next) {
		struct slot *e = container_of(l, struct slot, link);
		struct source *s;

		if (root_is_served(&e->root))
			continue;
		r = composite_recall(rs->composite, e->root.name,
				     e->root.location, &s);
		if (r)
			return r;
		if (!s)
			continue;
		e->root.source = s;
		if (e->hist)
			composite_touch(rs->composite, s, e->root.ref,
					history_now(e->hist)->ctime);
	}
	return 0;
}

static int change(struct roots *rs, struct fs_place *place, size_t n,
		  uint64_t hash)
{
	struct state_top top = {
		.hash = hash,
		.time = move_after(clock_wall(), &rs->top.time),
	};
	bool moved = hash != rs->top.hash, other = false;
	int r = 0;

	if (moved) {
		r = state_append(rs->state,
				 &(struct state_facts){ .top = &top });
		if (r)
			return r;
		rs->top = top;
	}
	for (size_t i = 0; i < n; i++)
		other |= !place[i].same;
	r = composite_change(rs->composite, place, n, hash,
			     moved ? &top.time : NULL);
	return r || !(moved || other) ? r : link_again(rs);
}

int roots_change(struct roots *rs, struct fs_place *place, size_t n,
		 uint64_t hash)
{
	int r;

	take_turn(rs);
	r = change(rs, place, n, hash);
	end_turn(rs);
	return r;
}

static int write_level(struct state *state, const struct note *note)
{
	struct state_level sl = { note->id, note->path };

	return state_append(state, &(struct state_facts){ .level = &sl });
}

static int write_slot(struct state *state, const struct slot *e)
{
	const struct root *r = &e->root;
	struct state_root sr = { r->id, r->name, r->location, r->ref };
	int err = state_append(state, &(struct state_facts){ .root = &sr });

	for (uint32_t i = 0; !err && e->hist && i < e->hist->n; i++) {
		const struct epoch *p = &e->hist->epoch[i];
		struct state_move m = { r->id, p->commit, p->tree, p->mtime,
					p->ctime };

		err = state_append(state, &(struct state_facts){ .move = &m });
	}
	return err;
}

/* When most of the journal's lines say what is no longer so. */
static int compact(struct roots *rs)
{
	int r;

	if (state_lines(rs->state) <= 2 * rs->lines + 100)
		return 0;
	r = state_rewrite_begin(rs->state);
	if (r)
		return r;
	for (struct list *l = rs->levels.next; !r && l != &rs->levels;
	     l = l->next)
		r = write_level(rs->state, container_of(l, struct note, link));
	for (struct list *l = rs->all.next; !r && l != &rs->all; l = l->next)
		r = write_slot(rs->state, container_of(l, struct slot, link));
	if (!r)
		r = state_append(rs->state,
				 &(struct state_facts){ .top = &rs->top });
	return state_rewrite_end(rs->state, r);
}

int roots_start(struct roots *rs, struct state *state)
{
	struct state_top top = {
		.hash = composite_hash(rs->composite),
		.time = clock_wall(),
	};
	int r = 0;

	rs->state = state;
	if (top.hash != rs->top.hash || !rs->top.time.tv_sec) {
		top.time = move_after(top.time, &rs->top.time);
		top.time = move_after(top.time, &rs->latest);
		r = state_append(state, &(struct state_facts){ .top = &top });
		rs->top = top;
	}
	composite_start(rs->composite, rs->top.time);
	return r ? r : compact(rs);
}

/* Clients believe that a name is not there as long as the times of its level
 * stay, and those that moved for that are nowhere else: the next server's
 * shall be later. */
void roots_stop(struct roots *rs)
{
	struct state_top top = rs->top;
	struct timespec latest;

	if (!rs->state || !composite_has_denied(rs->composite, &latest))
		return;
	top.time = move_after(clock_wall(), &latest);
	/* If it cannot be written it is as after a crash. */
	state_append(rs->state, &(struct state_facts){ .top = &top });
}
