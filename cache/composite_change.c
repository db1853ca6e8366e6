/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Another configuration for a composite in use.  What is the same stays the
 * same object; what is gone stays in memory, marked so, for those who hold
 * it.  A source that is asked otherwise from now on keeps its place and all
 * that is known of it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/composite_own.h"
#include "cache/pattern.h"
#include "common/cleanup.h"

/* The list that is wanted, by name. */
struct wish {
	struct fs_place **place;
	size_t n;
};

static int by_name(const void *a, const void *b)
{
	struct fs_place *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static struct fs_place *wanted(const struct wish *wish, const char *name)
{
	struct fs_place key = { .name = name }, *k = &key;
	struct fs_place **at = bsearch(&k, wish->place, wish->n,
				       sizeof *wish->place, by_name);

	return at ? *at : NULL;
}

/* ---- what is gone ---- */

/* One that is no level.  The turn of those comes in sweep(). */
static void drop_listed(struct composite *c, struct level *l, uint32_t i)
{
	struct source *s = l->child[i]->source;

	composite_drop_child(c, TAKE(l->child[i]));
	if (!s)
		return;
	atomic_store(&s->gone, true);
	composite_bury(c, s, source_free);
}

static void empty_level(struct composite *c, struct level *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->child[i] && !l->child[i]->level)
			drop_listed(c, l, i);
	l->n = 0;
}

/* In the list that it is in, if that stays: those below one that goes are
 * many. */
static void drop_self(struct composite *c, struct level *l)
{
	struct child *self = composite_find(c, l->parent, l->name);

	for (uint32_t i = 0; !l->parent->gone && i < l->parent->n; i++)
		if (l->parent->child[i] == self)
			l->parent->child[i] = NULL;
	if (self)
		composite_drop_child(c, self);
}

/* Those that have been marked, and all below. */
static void sweep(struct composite *c)
{
	struct list *at, *next;

	/* A level is behind the one that it is in. */
	for (at = c->levels.next; at != &c->levels; at = next) {
		struct level *l = container_of(at, struct level, link);

		next = at->next;
		l->gone = l->gone || (l->parent && l->parent->gone);
		if (!l->gone)
			continue;
		drop_self(c, l);
		empty_level(c, l);
		composite_drop_level(c, l);
	}
}

static bool is_still(const struct wish *wish, const struct child *child)
{
	const struct fs_place *p;

	if (child->source) {
		p = wanted(wish, child->source->name);
		return p && !p->pattern &&
		       !strcmp(p->location, child->source->location);
	}
	if (!child->level->owns_pattern)
		return true;            /* see prune() */
	p = wanted(wish, child->level->path);
	return p && p->pattern &&
	       pattern_parts(p->pattern->url) == child->level->pattern->parts;
}

static void drop_others(struct composite *c, const struct wish *wish)
{
	for (struct list *at = c->levels.next; at != &c->levels;
	     at = at->next) {
		struct level *l = container_of(at, struct level, link);

		for (uint32_t i = 0; !l->pattern && i < l->n; i++) {
			struct child *child = l->child[i];

			if (!child || is_still(wish, child))
				continue;
			if (child->source)
				drop_listed(c, l, i);
			else
				child->level->gone = true;
		}
	}
	sweep(c);
}

static bool is_empty(const struct level *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->child[i] && !(l->child[i]->level &&
				     l->child[i]->level->gone))
			return false;
	return true;
}

/* Levels that were there for what was in them. */
static void prune(struct composite *c)
{
	for (struct list *at = c->levels.prev; at != &c->levels;
	     at = at->prev) {
		struct level *l = container_of(at, struct level, link);

		l->gone = l->parent && !l->pattern && is_empty(l);
	}
	sweep(c);
}

/* ---- what stays ---- */

static bool is_below(const struct level *l, const struct level *above)
{
	while (l && l != above)
		l = l->parent;
	return l;
}

/* What the pattern of 'l' has no place for is gone; the rest is opened anew
 * when it is needed. */
static int sift(struct composite *c, struct level *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		struct child *child = l->child[i];
		bool stays = true;
		int r = 0;

		if (!child)
			continue;
		if (child->source)
			r = composite_stands_for(l, child->name,
						 child->source->location,
						 &stays);
		else
			stays = composite_may_be(l, child->name);
		if (r)
			return r;
		if (stays && child->source)
			atomic_store(&child->source->outdated, true);
		else if (!stays && child->level)
			child->level->gone = true;
		else if (!stays)
			drop_listed(c, l, i);
	}
	return 0;
}

static int change_pattern(struct composite *c, struct level *top,
			  const struct fs_place *p)
{
	struct pattern *new;
	int r = composite_copy_pattern(p->pattern, &new);

	if (r)
		return r;
	new->refresh = p->refresh;
	new->rule = p->rule;
	composite_bury(c, top->pattern, composite_free_pattern);
	for (struct list *at = &top->link; at != &c->levels; at = at->next) {
		struct level *l = container_of(at, struct level, link);

		if (is_below(l, top))
			l->pattern = new;
	}
	for (struct list *at = &top->link; !r && at != &c->levels;
	     at = at->next) {
		struct level *l = container_of(at, struct level, link);

		if (is_below(l, top))
			r = sift(c, l);
	}
	return r;
}

static int change_source(struct composite *c, struct source *s,
			 struct fs_place *p)
{
	char *ref = p->ref ? strdup(p->ref) : NULL;

	if (p->ref && !ref)
		return -ENOMEM;
	composite_bury(c, atomic_exchange(&s->ref, ref), free);
	if (p->backend)
		source_replace(s, TAKE(p->backend));
	return 0;
}

static void set_source(struct source *s, const struct fs_place *p)
{
	s->refresh = p->refresh;
	s->rule = p->rule;
}

static void set_pattern(struct composite *c, struct level *top,
			const struct fs_place *p)
{
	struct pattern *pattern = top->pattern;

	pattern->refresh = p->refresh;
	pattern->rule = p->rule;
	for (struct list *at = &top->link; at != &c->levels; at = at->next) {
		const struct level *l = container_of(at, struct level, link);

		for (uint32_t i = 0; is_below(l, top) && i < l->n; i++)
			if (l->child[i] && l->child[i]->source)
				set_source(l->child[i]->source, p);
	}
}

/* ---- all ---- */

static int add(struct composite *c, struct fs_place *p)
{
	struct pattern *pattern;
	int r;

	if (!p->pattern) {
		r = composite_put_source(c, p->name, p->location, p->ref,
					 p->backend);
		if (!r)
			p->backend = NULL;
		return r;
	}
	r = composite_copy_pattern(p->pattern, &pattern);
	if (!r) {
		r = composite_put_pattern(c, p->name, pattern);
		if (r)
			composite_free_pattern(pattern);
	}
	return r;
}

/* -ENOENT: it is not there yet.  One that is needs no memory for this. */
static int set(struct composite *c, const struct fs_place *p)
{
	struct level *pattern;
	struct source *source;
	int r = composite_configured(c, p->name, &source, &pattern);

	if (r)
		return r;
	if (source)
		set_source(source, p);
	else
		set_pattern(c, pattern, p);
	return 0;
}

static int make_so(struct composite *c, struct fs_place *p)
{
	struct level *pattern;
	struct source *source;
	int r = composite_configured(c, p->name, &source, &pattern);

	if (r == -ENOENT)
		r = add(c, p);
	else if (!r && !p->same)
		r = source ? change_source(c, source, p) :
			     change_pattern(c, pattern, p);
	return r ? r : set(c, p);
}

int composite_change(struct composite *c, struct fs_place *place, size_t n,
		     uint64_t hash, const struct timespec *changed)
{
	CLEANUP_FREE struct fs_place **sorted = calloc(n + 1, sizeof *sorted);
	struct wish wish = { .place = sorted, .n = n };
	int r = 0;

	if (!sorted)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &place[i];
	qsort(sorted, n, sizeof *sorted, by_name);
	LOCK_SCOPE(&c->lock);
	drop_others(c, &wish);
	/* First the rules of all that stays: should this end early, none has
	 * the number of another's. */
	for (size_t i = 0; i < n; i++)
		set(c, &place[i]);
	for (size_t i = 0; !r && i < n; i++)
		r = make_so(c, &place[i]);
	sweep(c);
	prune(c);
	c->hash = hash;
	if (changed)
		c->base = *changed;
	for (struct list *at = c->levels.next; changed && at != &c->levels;
	     at = at->next)
		composite_advance(container_of(at, struct level, link),
				  *changed);
	return r;
}
