/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cache/errand.h"

#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/clock.h"

enum {
	SIZES_FIRST = 64,       /* blobs fetched for their sizes, at first, */
	SIZES_NEXT = 256,       /* and when it is known how large they are: */
	SIZES_BYTES = 16 << 20, /* so many bytes, if all are alike */
};

static bool any_known(const struct sizes *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (size_is_known(s->size[i]))
			return true;
	return false;
}

/* One size that cannot be learnt is no reason to withhold the others. */
static void land_sizes(struct errand *e)
{
	struct sizes *s = TAKE(e->sizes);
	struct store *store = e->told ? errand_store(e) : NULL;

	s->retry = clock_ms() + TROUBLE_TTL;
	flight_done(e->f->flights, &e->key, value_ref(&s->v), 0, 0);
	for (size_t i = 0; store && i < e->nwant; i++)
		if (size_is_known(s->size[e->entry[i]]))
			store_put_size(store, &e->want[i],
				       s->size[e->entry[i]]);
	value_unref(&s->v);
	if (e->ahead)
		errand_ahead_done(e, 0);
	else
		errand_free(e);
}

static bool know_size(struct errand *e, uint32_t i, const struct oid *oid)
{
	struct store *s = errand_store(e);

	if (e->known && size_is_known(e->known->size[i]))
		e->sizes->size[i] = e->known->size[i];
	else if (s)
		store_size(s, oid, &e->sizes->size[i]);
	return size_is_known(e->sizes->size[i]);
}

/* How many blobs to fetch for their sizes: what one listing asks for is
 * asked for in few requests, but a file among large ones not with all of
 * them. */
static size_t enough(const struct sizes *s)
{
	uint64_t known = 0, bytes = 0, n;

	for (uint32_t i = 0; i < s->n; i++)
		if (size_is_known(s->size[i])) {
			known++;
			bytes += s->size[i];
		}
	n = known ? SIZES_BYTES / (bytes / known + 1) : SIZES_FIRST;
	return n < 1 ? 1 : n > SIZES_NEXT ? SIZES_NEXT : (size_t)n;
}

/* Somebody fetches it already, or has. */
static bool is_coming(const struct errand *e, const struct oid *oid)
{
	const struct key key = {
		.scope = e->source->number,
		.kind = KIND_BLOB,
		.oid = *oid,
	};
	struct value *v;
	int r = flight_join(e->f->flights, &key, NULL, &v);

	if (!r)
		value_unref(v);
	return r != -ENOENT;
}

/* There is no other way to learn them. */
static void fetch_blobs(struct errand *e)
{
	struct backend *b = e->source->backend;
	size_t most = enough(e->sizes), n = 0;

	for (size_t i = 0; i < e->nwant; i++) {
		if (n == most || (e->entry[i] != e->asked &&
				  is_coming(e, &e->want[i]))) {
			e->sizes->size[e->entry[i]] = SIZE_UNASKED;
			continue;
		}
		e->want[n] = e->want[i];
		e->entry[n++] = e->entry[i];
	}
	e->nwant = n;
	errand_job(e, e->want, n, OBJ_BLOB);
	b->ops->fetch(b, &e->job);
}

void errand_sizes_done(struct errand *e, int err)
{
	if (err == -ENOTSUP)
		fetch_blobs(e);
	else if (err && err != -ENOENT && !any_known(e->sizes))
		errand_fail(e, err);
	else
		land_sizes(e);
}

/* What is known here, without asking anybody; the rest is in 'want'. */
static void look_here(struct errand *e)
{
	uint32_t first = e->key.part * SIZES_PART;

	for (uint32_t n = 0; n < e->sizes->n; n++) {
		uint32_t i = (e->asked + n) % e->sizes->n;
		uint8_t type = e->of->entry[first + i].type;
		struct oid oid = tree_oid(e->of, first + i);

		if (type == FT_DIR || type == FT_GITLINK ||
		    know_size(e, i, &oid))
			continue;
		e->want[e->nwant] = oid;
		e->entry[e->nwant++] = i;
	}
}

/* The sizes of one part of a tree.  Those of a repository elsewhere come with
 * the blobs, if these are fetched; the host is asked only for one that
 * somebody waits for. */
void errand_sizes_run(struct errand *e)
{
	struct backend *b = e->source->backend;

	e->sizes = sizes_new(e->of, e->key.part);
	if (e->sizes) {
		e->want = calloc(e->sizes->n, sizeof *e->want);
		e->entry = calloc(e->sizes->n, sizeof *e->entry);
	}
	if (!e->want || !e->entry) {
		errand_fail(e, -ENOMEM);
		return;
	}
	look_here(e);
	if (source_is_far(e->source) &&
	    (e->listing || size_is_known(e->sizes->size[e->asked]))) {
		while (e->nwant)
			e->sizes->size[e->entry[--e->nwant]] = SIZE_UNASKED;
	}
	errand_job(e, e->want, e->nwant, OBJ_BLOB);
	if (!e->nwant)
		errand_done(&e->job, 0);
	else if (b->ops->stat)
		b->ops->stat(b, &e->job);
	else
		fetch_blobs(e);
}
