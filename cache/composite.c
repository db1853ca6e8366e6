/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/composite_own.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/large.h"

enum {
	TOP_ID = 1,
	KNOWN_MAX = 1 << 18,    /* names that services list */
	DEPTH_MAX = 16,         /* levels above a repository */
	DENIED_MS = 1000,       /* for which one may be believed not to be */
	PLACES_MIN = 64,
};

/* ---- the table of children; its lock is held ---- */

/* Keyed, as whoever may ask for names chooses them. */
static uint64_t hash_of(const struct composite *c, const struct level *in,
			const char *name)
{
	return keyed_hash(c->ids, name, strlen(name)) ^ in->id;
}

/* Where it is, or the next that is free.  Places there are. */
static struct child_place *place_of(const struct composite *c, uint64_t hash,
				    const struct level *in, const char *name)
{
	size_t i = hash & (c->places - 1);

	for (;; i = (i + 1) & (c->places - 1)) {
		const struct child *child = c->place[i].child;

		if (!child || (c->place[i].hash == hash && child->in == in &&
			       !strcmp(child->name, name)))
			return &c->place[i];
	}
}

struct child *composite_find(struct composite *c, const struct level *in,
			     const char *name)
{
	return c->places ?
		place_of(c, hash_of(c, in, name), in, name)->child : NULL;
}

static void put(struct composite *c, struct child_place place)
{
	size_t i = place.hash & (c->places - 1);

	while (c->place[i].child)
		i = (i + 1) & (c->places - 1);
	c->place[i] = place;
}

/* Room for one more. */
static bool grow(struct composite *c)
{
	struct child_place *old = c->place, *more;
	size_t had = c->places, n = had ? 2 * had : PLACES_MIN;

	if (2 * c->nfindable < had)
		return true;
	more = large_alloc(n * sizeof *more);
	if (!more)
		return c->nfindable + 1 < had;
	c->place = more;
	c->places = n;
	for (size_t i = 0; i < had; i++)
		if (old[i].child)
			put(c, old[i]);
	large_free(old, had * sizeof *old);
	return true;
}

/* False: out of memory. */
static bool insert_child(struct composite *c, struct child *child)
{
	if (!grow(c))
		return false;
	put(c, (struct child_place){
		hash_of(c, child->in, child->name), child,
	});
	c->nfindable++;
	return true;
}

/* Those behind it move up, as far as each may. */
static void remove_child(struct composite *c, struct child *child)
{
	struct child_place *free_place = place_of(
		c, hash_of(c, child->in, child->name), child->in, child->name);
	size_t mask = c->places - 1, to = (size_t)(free_place - c->place);

	for (size_t i = to; c->place[i = (i + 1) & mask].child;) {
		size_t home = c->place[i].hash & mask;

		if (((i - home) & mask) < ((i - to) & mask))
			continue;
		c->place[to] = c->place[i];
		to = i;
	}
	c->place[to].child = NULL;
	c->nfindable--;
}

static int level_cmp(const void *a, const void *b)
{
	const struct level *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

int composite_append(struct level *in, struct child *child)
{
	if (in->n == in->room) {
		uint32_t room = in->room ? 2 * in->room : 4;
		struct child **more = realloc(in->child, room * sizeof *more);

		if (!more)
			return -ENOMEM;
		in->child = more;
		in->room = room;
	}
	in->child[in->n++] = child;
	return 0;
}

int composite_add_child(struct composite *c, struct level *in,
			struct level *level, struct source *source)
{
	struct child *child;
	bool listed = source || !in->pattern;

	if (source ? c->nsources == SOURCES_MAX : c->nlevels == LEVELS_MAX)
		return -ENOSPC;
	child = malloc(sizeof *child);
	if (!child)
		return -ENOMEM;
	*child = (struct child){
		.in = in,
		.name = level ? level->name : source->base,
		.level = level,
		.source = source,
	};
	if (!insert_child(c, child)) {
		free(child);
		return -ENOMEM;
	}
	if (listed && composite_append(in, child)) {
		remove_child(c, child);
		free(child);
		return -ENOMEM;
	}
	if (level)
		level->listed = listed;
	else
		c->nsources++;
	return 0;
}

int composite_add_known(struct composite *c, struct level *l, const char *name)
{
	struct child *child;

	if (c->nknown == KNOWN_MAX)
		return -ENOSPC;
	child = calloc(1, sizeof *child);
	if (!child)
		return -ENOMEM;
	child->in = l;
	child->name = child->own = strdup(name);
	if (!child->own || !insert_child(c, child))
		goto fail;
	if (composite_append(l, child)) {
		remove_child(c, child);
		goto fail;
	}
	c->nknown++;
	return 0;
fail:
	free(child->own);
	free(child);
	return -ENOMEM;
}

void composite_drop_child(struct composite *c, struct child *child)
{
	if (child->source)
		c->nsources--;
	else if (child->own)
		c->nknown--;
	remove_child(c, child);
	free(child->own);
	free(child);
}

/* ---- levels ---- */

uint64_t composite_level_id(const struct composite *c, const char *path)
{
	uint64_t id = keyed_hash(c->ids, path, strlen(path)) & INT64_MAX;

	return !*path ? TOP_ID : id > TOP_ID ? id : id + 2;
}

static void level_free(void *level)
{
	struct level *l = level;

	if (!l)
		return;
	if (l->owns_pattern)
		composite_free_pattern(l->pattern);
	free(l->child);
	free(l->name);
	free(l->path);
	free(l);
}

int composite_level_path(const struct level *l, const char *base, char **path)
{
	int len = asprintf(path, "%s%s%s", l->path, *l->path ? "/" : "", base);

	return len < 0 ? -ENOMEM : 0;
}

int composite_new_level(struct composite *c, struct level *parent,
			const char *name, struct level **ret)
{
	struct level *l = calloc(1, sizeof *l);
	int r = -ENOMEM;

	if (!l)
		return -ENOMEM;
	l->parent = parent;
	l->name = strdup(name);
	if (parent ? composite_level_path(parent, name, &l->path) :
		     !(l->path = strdup("")))
		l->path = NULL;
	if (!l->name || !l->path)
		goto fail;
	l->id = composite_level_id(c, l->path);
	l->changed = c->base;
	if (parent && parent->pattern) {
		l->pattern = parent->pattern;
		l->depth = parent->depth + 1;
	}
	if (!tsearch(l, &c->by_id, level_cmp))
		goto fail;
	r = parent ? composite_add_child(c, parent, l, NULL) : 0;
	if (r) {
		tdelete(l, &c->by_id, level_cmp);
		goto fail;
	}
	list_add_tail(&c->levels, &l->link);
	c->nlevels++;
	*ret = l;
	return 0;
fail:
	level_free(l);
	return r;
}

bool composite_holds_levels(const struct level *l)
{
	return l->pattern && l->depth + 1 < l->pattern->parts;
}

int composite_make_levels(struct composite *c, const char *path,
			  bool configured, struct level **ret,
			  const char **base)
{
	struct level *l = c->top;
	unsigned depth = 0;

	for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
		char name[FS_NAME_MAX + 1];
		size_t len = (size_t)(slash - path);
		struct child *child;
		int r = 0;

		if (++depth > DEPTH_MAX || len >= sizeof name)
			return -EINVAL;
		memcpy(name, path, len);
		name[len] = '\0';
		child = composite_find(c, l, name);
		if (child && !child->level)
			return -EEXIST;
		if (child)
			l = child->level;
		else if (configured ?
			 l->pattern || !composite_is_valid(name) :
			 !composite_holds_levels(l) ||
			 !composite_may_be(l, name))
			return -EINVAL;
		else
			r = composite_new_level(c, l, name, &l);
		if (r)
			return r;
	}
	*ret = l;
	*base = path;
	return 0;
}

int composite_make_level(struct composite *c, const char *path,
			 struct level **ret)
{
	CLEANUP_FREE char *slashed = NULL;
	const char *base;

	if (asprintf(&slashed, "%s/", path) < 0) {
		slashed = NULL;
		return -ENOMEM;
	}
	LOCK_SCOPE(&c->lock);
	return composite_make_levels(c, slashed, false, ret, &base);
}

void composite_drop_level(struct composite *c, struct level *l)
{
	tdelete(l, &c->by_id, level_cmp);
	list_del(&l->link);
	c->nlevels--;
	composite_bury(c, l, level_free);
}

struct level *composite_level(struct composite *c, uint64_t id)
{
	struct level want = { .id = id };

	LOCK_SCOPE(&c->lock);
	struct level **l = tfind(&want, &c->by_id, level_cmp);

	return l ? *l : NULL;
}

uint64_t level_id(const struct level *l)
{
	return l->id;
}

const char *level_path(const struct level *l)
{
	return l->path;
}

struct level *level_parent(const struct level *l)
{
	return l->parent;
}

unsigned level_rule(const struct level *l)
{
	return l->pattern ? l->pattern->rule : 0;
}

/* ---- times ---- */

static bool after(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec :
					a->tv_nsec > b->tv_nsec;
}

static void touch(struct level *l, struct timespec t)
{
	if (after(&t, &l->changed))
		l->changed = t;
}

void composite_advance(struct level *l, struct timespec t)
{
	if (!after(&t, &l->changed)) {
		t = l->changed;
		if (++t.tv_nsec == 1000000000) {
			t.tv_nsec = 0;
			t.tv_sec++;
		}
	}
	l->changed = t;
	l->denied = 0;
}

struct timespec level_changed(struct composite *c, struct level *l)
{
	LOCK_SCOPE(&c->lock);
	if (l->denied && clock_ms() - l->denied >= DENIED_MS)
		composite_advance(l, clock_wall());
	return l->changed;
}

void composite_denied(struct composite *c, struct level *l)
{
	LOCK_SCOPE(&c->lock);
	c->denied = true;
	if (!l->denied)
		l->denied = clock_ms();
}

bool composite_has_denied(struct composite *c, struct timespec *latest)
{
	struct timespec t = { 0 };

	LOCK_SCOPE(&c->lock);
	for (struct list *at = c->levels.next; at != &c->levels;
	     at = at->next) {
		const struct level *l = container_of(at, struct level, link);

		if (after(&l->changed, &t))
			t = l->changed;
	}
	*latest = t;
	return c->denied;
}

struct timespec composite_floor(struct composite *c, const struct source *s,
				const char *ref)
{
	struct timespec t = { 0 };

	LOCK_SCOPE(&c->lock);
	const struct child *there = composite_find(c, s->level, s->base);
	bool seen = there && there->source && there->source->seen;

	if (!ref || !seen)
		t = s->level->changed;
	for (struct level *l = s->level; l->depth && !l->seen; l = l->parent)
		if (after(&l->parent->changed, &t))
			t = l->parent->changed;
	return t;
}

void composite_touch(struct composite *c, struct source *s, const char *ref,
		     struct timespec t)
{
	LOCK_SCOPE(&c->lock);
	/* What the journal tells is in no order. */
	void (*move)(struct level *, struct timespec) =
		c->started ? composite_advance : touch;

	if (!ref || !s->seen)
		move(s->level, t);
	s->seen = true;
	for (struct level *l = s->level; l->depth && !l->seen; l = l->parent) {
		move(l->parent, t);
		l->seen = true;
	}
}

void composite_start(struct composite *c, struct timespec changed)
{
	LOCK_SCOPE(&c->lock);
	c->started = true;
	c->base = changed;
	for (struct list *at = c->levels.next; at != &c->levels; at = at->next)
		touch(container_of(at, struct level, link), changed);
}

/* ---- all of it ---- */

struct composite *composite_new(const struct keyed *ids)
{
	struct composite *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->ids = ids;
	list_init(&c->levels);
	list_init(&c->remains);
	pthread_mutex_init(&c->lock, NULL);
	if (composite_new_level(c, NULL, "", &c->top)) {
		composite_free(c);
		return NULL;
	}
	return c;
}

struct remains {
	struct list link;
	void *what;
	void (*free)(void *);
};

/* Out of memory, it is lost. */
void composite_bury(struct composite *c, void *what, void (*free_it)(void *))
{
	struct remains *r = what ? malloc(sizeof *r) : NULL;

	if (!r)
		return;
	r->what = what;
	r->free = free_it;
	list_add_tail(&c->remains, &r->link);
}

void composite_free(struct composite *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->places; i++) {
		struct child *child = c->place[i].child;

		if (!child)
			continue;
		source_free(child->source);
		free(child->own);
		free(child);
	}
	large_free(c->place, c->places * sizeof *c->place);
	for (struct list *at; (at = list_pop(&c->levels));) {
		struct level *l = container_of(at, struct level, link);

		tdelete(l, &c->by_id, level_cmp);
		level_free(l);
	}
	for (struct list *at; (at = list_pop(&c->remains));) {
		struct remains *r = container_of(at, struct remains, link);

		r->free(r->what);
		free(r);
	}
	pthread_mutex_destroy(&c->lock);
	free(c);
}

struct level *composite_top(struct composite *c)
{
	return c->top;
}

int composite_entry(struct composite *c, const struct level *l, uint64_t i,
		    char name[FS_NAME_MAX + 1], struct level **level,
		    struct source **source, bool *pin)
{
	LOCK_SCOPE(&c->lock);
	if (i / 2 >= l->n)
		return -ENOENT;

	const struct child *child = l->child[i / 2];

	if (!child || (!child->source && i % 2))
		return -EAGAIN;
	*pin = i % 2;
	*level = child->level;
	*source = child->source;
	snprintf(name, FS_NAME_MAX + 1, "%s%s", child->name, *pin ? "@@" : "");
	return 0;
}

size_t composite_patterns(struct composite *c, struct fs_root *ret, size_t room)
{
	size_t n = 0;

	LOCK_SCOPE(&c->lock);
	for (struct list *at = c->levels.next; at != &c->levels && n < room;
	     at = at->next) {
		const struct level *l = container_of(at, struct level, link);

		if (l->owns_pattern && !l->gone)
			ret[n++] = (struct fs_root){ l->path, l->pattern->url };
	}
	return n;
}

uint64_t composite_sources(struct composite *c)
{
	LOCK_SCOPE(&c->lock);
	return c->nsources;
}

void composite_health(struct composite *c, struct fs_sources *ret)
{
	struct fs_sources all = { 0 };

	LOCK_SCOPE(&c->lock);
	for (struct list *at = c->levels.next; at != &c->levels;
	     at = at->next) {
		const struct level *l = container_of(at, struct level, link);

		for (uint32_t i = 0; i < l->n; i++) {
			const struct source *s =
				l->child[i] ? l->child[i]->source : NULL;

			if (!s)
				continue;
			all.asked += atomic_load(&s->asked) ||
				     atomic_load(&s->troubled);
			all.failing += atomic_load(&s->trouble) != 0;
		}
	}
	*ret = all;
}

size_t composite_list(struct composite *c, struct source **ret, size_t room)
{
	size_t n = 0;

	LOCK_SCOPE(&c->lock);
	for (struct list *at = c->levels.next; at != &c->levels;
	     at = at->next) {
		const struct level *l = container_of(at, struct level, link);

		for (uint32_t i = 0; i < l->n && n < room; i++)
			if (l->child[i] && l->child[i]->source)
				ret[n++] = l->child[i]->source;
	}
	return n;
}
