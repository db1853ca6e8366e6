/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cache/errand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"

enum {
	WALK_MS = 10000,        /* before all trees are asked for again */
};

/* End those of its flights that have not landed.  Who has come to wait asks
 * again, and the first of them in earnest: so this may fail in silence. */
static void end_flights(struct errand *e, int err)
{
	struct key key = e->key;

	for (size_t i = 0; i < e->nwant; i++) {
		key.oid = e->want[i];
		if (!e->got[i])
			flight_done(e->f->flights, &key, NULL, err, 0);
	}
}

void errand_ahead_done(struct errand *e, int err)
{
	const struct ahead *a = e->ahead;
	CLEANUP_TREE struct tree *t = TAKE(e->of);
	const struct ahead_news news = {
		.tree = t,
		.objects = e->objects,
		.bytes = e->bytes,
		.unsized = err == -ENOTSUP,
	};

	if (e->key.kind != KIND_SIZES)
		end_flights(e, err);
	else if (err && a->tree)
		flight_done(e->f->flights, &e->key, NULL, err, 0);
	errand_free(e);
	a->over(a, &news);
}

/* Where there is no room for them all, they are not fetched again and
 * again. */
static bool may_walk(struct fetcher *f, const struct oid *above)
{
	uint64_t now = clock_ms();
	LOCK_SCOPE(&f->lock);

	for (unsigned i = 0; i < WALKS; i++)
		if (oid_eq(&f->walked[i].oid, above) &&
		    now - f->walked[i].since < WALK_MS)
			return false;
	f->last = (f->last + 1) % WALKS;
	f->walked[f->last].oid = *above;
	f->walked[f->last].since = now;
	return true;
}

/* Several objects, those first that are in the store.  Where some are not,
 * one request brings all trees of a walk. */
void errand_ahead_run(struct errand *e)
{
	struct backend *b = e->source->backend;
	const struct oid *above = e->ahead->above;
	size_t n = 0;

	errand_job(e, e->want, e->nwant, errand_type(e));
	for (size_t i = 0; i < e->nwant; i++)
		errand_from_store(e, &e->want[i], errand_type(e));
	for (size_t i = 0; i < e->nwant; i++)
		if (!e->got[i])
			e->want[n++] = e->want[i];
	memset(e->got, 0, n * sizeof *e->got);
	e->nwant = n;
	errand_job(e, e->want, n, errand_type(e));
	if (n && above && may_walk(e->f, above)) {
		e->job.want = above;
		e->job.nwant = 1;
		e->job.reach = REACH_TREES;
	}
	if (n)
		b->ops->fetch(b, &e->job);
	else
		errand_done(&e->job, 0);
}

static bool claim_objects(struct errand *e)
{
	const struct ahead *a = e->ahead;
	struct key key = e->key;

	e->want = calloc(a->n, sizeof *e->want);
	e->got = calloc(a->n, sizeof *e->got);
	if (!e->want || !e->got)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		key.oid = a->want[i];
		if (!oid_is_empty_tree(&key.oid) &&
		    flight_claim(e->f->flights, &key))
			e->want[e->nwant++] = key.oid;
	}
	return e->nwant;
}

/* Sizes that no flight is for: they are only kept, on disk. */
static void ask_sizes(struct errand *e)
{
	struct backend *b = e->source->backend;

	errand_job(e, e->want, e->nwant, OBJ_BLOB);
	if (b->ops->stat)
		b->ops->stat(b, &e->job);
	else
		errand_done(&e->job, -ENOTSUP);
}

static bool copy_wants(struct errand *e)
{
	const struct ahead *a = e->ahead;

	e->want = calloc(a->n + 1, sizeof *e->want);
	if (!e->want || !errand_store(e) || errand_open(e))
		return false;
	memcpy(e->want, a->want, a->n * sizeof *e->want);
	e->nwant = a->n;
	return true;
}

bool fetch_ahead(struct fetcher *f, const struct ahead *a)
{
	struct key key = {
		.scope = a->source->number,
		.kind = a->kind,
	};

	if (a->kind == KIND_SIZES && a->tree)
		key.oid = a->tree->oid;

	struct errand *e = errand_new(f, a->source, &key);
	bool any;

	if (!e)
		return false;
	span_now = (struct span_id){ .span = { 0 } };   /* nobody's */
	e->ahead = a;
	if (a->kind == KIND_SIZES && !a->tree) {
		any = copy_wants(e);
		if (any) {
			ask_sizes(e);
			return true;
		}
	} else if (a->kind == KIND_SIZES) {
		any = flight_claim(f->flights, &key);
		e->of = tree_ref(a->tree);
	} else {
		any = claim_objects(e);
	}
	if (any)
		errand_run(&e->work);
	else
		errand_free(e);
	return any;
}

bool fetch_is_kept(struct fetcher *f, struct source *source,
		   enum obj type, const struct oid *oid)
{
	return source_is_far(source) && f->opt.store &&
	       store_has(f->opt.store, oid, type);
}

bool fetch_size_is_kept(struct fetcher *f, struct source *source,
			const struct oid *oid)
{
	return source_is_far(source) && f->opt.store &&
	       store_has_size(f->opt.store, oid);
}
