/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/git/pack_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/git/delta.h"
#include "common/cleanup.h"

/* What the delta 'i' makes of its base. */
static int apply(struct pack *p, uint32_t i, const char *base,
		 size_t base_size, char **ret, size_t *ret_size)
{
	CLEANUP_FREE char *delta = NULL;
	int r = pack_load(p, i, &delta);

	if (!r)
		r = delta_apply(delta, p->entry[i].size, base, base_size,
				pack_room(p), ret, ret_size);
	if (!r)
		p->inflated += *ret_size;
	return r;
}

/* The object of an entry whose name is known, made again from the start. */
static int rebuild(struct pack *p, uint32_t i, char **ret, size_t *ret_size)
{
	CLEANUP_FREE char *data = NULL;
	uint32_t chain[DEPTH_MAX + 1];
	unsigned n = 0;
	size_t size;
	int r;

	for (; pack_is_delta(&p->entry[i]); i = p->entry[i].base)
		chain[n++] = i;
	r = pack_load(p, i, &data);
	size = p->entry[i].size;
	while (!r && n > 0) {
		char *next;

		r = apply(p, chain[--n], data, size, &next, &size);
		if (!r) {
			free(data);
			data = next;
		}
	}
	if (r)
		return r;
	*ret = TAKE(data);
	*ret_size = size;
	return 0;
}

/* An object with deltas against it, on the way down the tree of deltas. */
struct node {
	uint32_t entry;
	char *data;             /* or NULL: has to be rebuilt */
	size_t size;
	uint32_t offset, offset_end;    /* its deltas: in by_offset ... */
	uint32_t name, name_end;        /* ... and in by_name */
};

struct walk {
	unsigned n;
	size_t held;            /* bytes, in all nodes */
	struct node node[DEPTH_MAX + 1];
};

static int compare_offset(const void *a, const void *b)
{
	const struct by_offset *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return x->delta < y->delta ? -1 : x->delta > y->delta;
}

static int compare_name(const void *a, const void *b)
{
	const struct by_name *x = a, *y = b;
	int r = memcmp(&x->base, &y->base, sizeof x->base);

	if (r)
		return r;
	return x->delta < y->delta ? -1 : x->delta > y->delta;
}

/* The first of by_offset whose base is not before 'base'. */
static uint32_t first_offset(const struct pack *p, uint32_t base)
{
	uint32_t low = 0, high = p->offsets;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (p->by_offset[mid].base < base)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The first of by_name whose base is 'base' or, with 'after', behind it. */
static uint32_t first_name(const struct pack *p, const struct oid *base,
			   bool after)
{
	uint32_t low = 0, high = p->names;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int c = memcmp(&p->by_name[mid].base, base, sizeof *base);

		if (c < 0 || (after && c == 0))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool more_deltas(const struct node *n)
{
	return n->offset < n->offset_end || n->name < n->name_end;
}

static void drop(struct walk *w, struct node *n)
{
	if (n->data)
		w->held -= n->size;
	free(TAKE(n->data));
}

/* Keep 'data', or with it NULL have it rebuilt, if it has deltas. */
static void push(struct pack *p, struct walk *w, uint32_t entry, char *data,
		 size_t size)
{
	const struct oid *oid = &p->entry[entry].oid;
	struct node n = {
		.entry = entry, .data = data, .size = size,
		.offset = first_offset(p, entry),
		.offset_end = first_offset(p, entry + 1),
		.name = first_name(p, oid, false),
		.name_end = first_name(p, oid, true),
	};

	if (!more_deltas(&n)) {
		free(data);
		return;
	}
	if (data)
		w->held += size;
	w->node[w->n++] = n;
	/* Those at the bottom are needed last. */
	for (unsigned i = 0; w->held > p->opt->memory && i + 1 < w->n; i++)
		drop(w, &w->node[i]);
}

static void pop(struct walk *w)
{
	drop(w, &w->node[--w->n]);
}

/* One delta of the node on top; then it, or what it makes, is on top. */
static int step(struct pack *p, struct walk *w)
{
	struct node *n = &w->node[w->n - 1];
	uint32_t delta, base = n->entry;
	size_t size;
	char *data;
	int r;

	delta = n->offset < n->offset_end ? p->by_offset[n->offset++].delta :
					    p->by_name[n->name++].delta;
	if (p->entry[delta].oid.len) {  /* its base was there twice */
		if (!more_deltas(n))
			pop(w);
		return 0;
	}
	if (!n->data) {
		r = rebuild(p, base, &n->data, &n->size);
		if (r)
			return r;
		w->held += n->size;
	}
	r = apply(p, delta, n->data, n->size, &data, &size);
	if (r)
		return r;
	r = pack_made(p, &p->entry[delta], base, data, size);
	if (r) {
		free(data);
		return r;
	}
	/* A chain needs no room: its links go before the next comes. */
	if (!more_deltas(n))
		pop(w);
	push(p, w, delta, data, size);
	return 0;
}

static int walk_from(struct pack *p, struct walk *w, uint32_t entry)
{
	int r = 0;

	push(p, w, entry, NULL, 0);
	while (!r && w->n > 0) {
		r = p->sink->check(p->sink);
		if (!r)
			r = step(p, w);
	}
	while (w->n > 0)
		pop(w);
	return r;
}

int pack_resolve(struct pack *p)
{
	CLEANUP_FREE struct walk *w = calloc(1, sizeof *w);
	int r = w ? 0 : -ENOMEM;

	if (p->offsets)
		qsort(p->by_offset, p->offsets, sizeof *p->by_offset,
		      compare_offset);
	if (p->names)
		qsort(p->by_name, p->names, sizeof *p->by_name, compare_name);
	pack_forget(p, 0);
	for (uint32_t i = 0; !r && i < p->entries; i++) {
		if (p->entry[i].oid.len)
			r = walk_from(p, w, i);
	}
	/* Those left are made against each other, or something absent. */
	for (uint32_t i = 0; !r && i < p->entries; i++) {
		if (!p->entry[i].oid.len)
			r = -EBADMSG;
	}
	return r;
}
