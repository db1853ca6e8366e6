/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cache/errand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/inode.h"
#include "common/cleanup.h"
#include "common/clock.h"

static void miss(void *arg, const struct key *key, void *hint)
{
	struct fetcher *f = arg;
	struct hint *ask = hint;
	struct errand *e = errand_new(f, ask->source, key);

	ask->first = true;
	if (e && ((ask->ref && !(e->ref = strdup(ask->ref))) ||
		  (ask->base && !(e->base = strdup(ask->base))))) {
		errand_free(e);
		e = NULL;
	}
	if (!e) {
		flight_done(f->flights, key, NULL, -ENOMEM, TROUBLE_TTL);
		return;
	}
	if (e->source && ask->spot && source_goes_by_path(e->source)) {
		e->path = inode_path(ask->spot->dir, ask->spot->name,
				     ask->spot->len);
		e->root = ask->spot->dir->root;
	}
	e->level = ask->level;
	e->of = ask->tree ? tree_ref(ask->tree) : NULL;
	e->asked = ask->index % SIZES_PART;
	e->listing = ask->listing;
	e->again = ask->again;
	if (ask->sizes)
		e->known = (struct sizes *)value_ref(&ask->sizes->v);
	pool_submit(f->pool, &e->work);
}

static void met(void *arg, const struct key *key, void *hint)
{
	struct hint *ask = hint;

	(void)arg;
	(void)key;
	ask->first = true;
}

int fetcher_new(struct fetcher **ret, const struct fetch_options *opt)
{
	struct fetcher *f = calloc(1, sizeof *f);
	int r = -ENOMEM;

	if (!f)
		return -ENOMEM;
	f->opt = *opt;
	pthread_mutex_init(&f->lock, NULL);
	f->failures = (struct failures)FAILURES_INIT;
	pthread_cond_init(&f->none, NULL);
	f->flights = flights_new(opt->memory, miss, met, f);
	f->spool.memory = opt->memory;
	if (!f->flights || asprintf(&f->spool.path, "%s/spool.XXXXXX",
				    opt->spool_dir) < 0)
		f->spool.path = NULL;
	else
		r = pool_start(&f->pool, "demand", opt->threads);
	if (r) {
		fetcher_free(f);
		return r;
	}
	*ret = f;
	return 0;
}

/* A backend may answer long after the thread that asked has gone on. */
static void wait_for_errands(struct fetcher *f)
{
	LOCK_SCOPE(&f->lock);
	while (f->errands)
		pthread_cond_wait(&f->none, &f->lock);
}

void fetcher_free(struct fetcher *f)
{
	if (!f)
		return;
	wait_for_errands(f);
	pool_stop(f->pool);
	flights_free(f->flights);
	pthread_cond_destroy(&f->none);
	pthread_mutex_destroy(&f->lock);
	free(f->spool.path);
	free(f);
}

void fetcher_set_memory(struct fetcher *f, size_t bytes)
{
	f->spool.memory = bytes;
	flights_set_budget(f->flights, bytes);
}

void fetcher_trouble(struct fetcher *f, struct fs_trouble *ret)
{
	LOCK_SCOPE(&f->lock);
	*ret = f->trouble;
}

size_t fetcher_failures(struct fetcher *f, struct fs_failure *ret, size_t room)
{
	return failures_list(&f->failures, ret, room);
}

struct flights *fetcher_flights(struct fetcher *f)
{
	return f->flights;
}

struct pool *fetcher_pool(struct fetcher *f)
{
	return f->pool;
}

int fetch_history(struct fetcher *f, const struct root_name *name,
		  struct waiter *w, struct history **ret)
{
	struct hint hint = {
		.source = name->source,
		.level = name->level,
		.base = name->base,
		.ref = name->ref,
	};
	struct key key = { .scope = name->id, .kind = KIND_ROOT };
	struct value *v;
	int r = flight_get(f->flights, &key, &hint, w, &v);

	if (!r)
		*ret = history_of(v);
	return r;
}

int fetch_again(struct fetcher *f, const struct root_name *name,
		struct waiter *w)
{
	struct hint hint = {
		.source = name->source,
		.ref = name->ref,
		.again = true,
	};
	struct key key = { .scope = name->id, .kind = KIND_ROOT };

	return flight_renew(f->flights, &key, &hint, w);
}

int fetch_known_history(struct fetcher *f, uint64_t root,
			struct history **ret)
{
	struct key key = { .scope = root, .kind = KIND_ROOT };
	struct value *v;
	int r = flight_peek(f->flights, &key, &v);

	if (!r)
		*ret = history_of(v);
	return r;
}

void fetch_forget_history(struct fetcher *f, uint64_t root)
{
	struct key key = { .scope = root, .kind = KIND_ROOT };
	CLEANUP_VALUE struct value *v = NULL;

	if (!flight_peek(f->flights, &key, &v))
		flight_drop(f->flights, &key, v);
}

int fetch_level(struct fetcher *f, struct level *parent,
		const char *base, uint64_t id, struct waiter *w)
{
	struct hint hint = { .level = parent, .base = base };
	struct key key = { .scope = id, .kind = KIND_LEVEL };
	struct value *v;
	int r = flight_get(f->flights, &key, &hint, w, &v);

	if (!r)
		value_unref(v);
	return r;
}

static int get_object(struct fetcher *f, struct hint *hint, enum kind kind,
		      const struct oid *oid, struct waiter *w,
		      struct value **ret)
{
	struct key key = {
		.scope = hint->source->number,
		.kind = kind,
		.oid = *oid,
	};

	return flight_get(f->flights, &key, hint, w, ret);
}

int fetch_names(struct fetcher *f, struct level *level, struct waiter *w)
{
	struct hint hint = { .level = level };
	struct key key = {
		.scope = level_id(level),
		.part = ERRAND_NAMES,
		.kind = KIND_LEVEL,
	};
	struct value *v;
	int r = flight_get(f->flights, &key, &hint, w, &v);

	if (!r)
		value_unref(v);
	return r == -EINPROGRESS && w ? r : 0;
}

int fetch_tree(struct fetcher *f, struct source *source,
	       const struct spot *spot, const struct oid *oid, struct waiter *w, struct tree **ret)
{
	struct hint hint = { .source = source, .spot = spot };
	struct value *v;
	int r = get_object(f, &hint, KIND_TREE, oid, w, &v);

	if (!r)
		*ret = tree_of(v);
	return r;
}

int fetch_blob(struct fetcher *f, struct source *source,
	       const struct spot *spot, const struct oid *oid, struct waiter *w, bool *first,
	       struct blob **ret)
{
	struct hint hint = { .source = source, .spot = spot };
	struct value *v;
	int r = get_object(f, &hint, KIND_BLOB, oid, w, &v);

	*first = hint.first;
	if (!r)
		*ret = (struct blob *)v;
	return r;
}

static struct key blob_key(const struct source *source, const struct oid *oid)
{
	return (struct key){
		.scope = source->number,
		.kind = KIND_BLOB,
		.oid = *oid,
	};
}

int fetch_known_blob(struct fetcher *f, const struct source *source,
		     const struct oid *oid, struct blob **ret)
{
	struct key key = blob_key(source, oid);
	struct value *v;
	int r = flight_peek(f->flights, &key, &v);

	if (!r)
		*ret = (struct blob *)v;
	return r;
}

void fetch_drop_blob(struct fetcher *f, const struct source *source,
		     const struct oid *oid, const struct blob *b)
{
	struct key key = blob_key(source, oid);

	flight_drop(f->flights, &key, &b->v);
}

/* ---- sizes ---- */

static struct key sizes_key(const struct source *source,
			    const struct tree *tree, uint32_t index)
{
	return (struct key){
		.scope = source->number,
		.part = index / SIZES_PART,
		.kind = KIND_SIZES,
		.oid = tree->oid,
	};
}

/* From what is here: 0, or -EINPROGRESS when the blob, and so its size, is
 * on its way, or -ENOENT. */
static int near_size(struct fetcher *f, const struct source *source,
		     const struct tree *tree, uint32_t index,
		     struct waiter *w, uint64_t *ret)
{
	struct key sizes = sizes_key(source, tree, index);
	struct key blob = {
		.scope = source->number,
		.kind = KIND_BLOB,
		.oid = tree_oid(tree, index),
	};
	uint64_t size = SIZE_UNKNOWN;
	struct value *v;
	int r = flight_join(f->flights, &sizes, NULL, &v);

	if (!r) {
		size = ((struct sizes *)v)->size[index % SIZES_PART];
		value_unref(v);
	}
	if (!size_is_known(size)) {
		r = flight_join(f->flights, &blob, w, &v);
		if (r)
			return r;
		size = ((struct blob *)v)->len;
		value_unref(v);
	}
	*ret = size;
	return 0;
}

struct sizes *fetch_known_sizes(struct fetcher *f, const struct source *source,
				const struct tree *tree, uint32_t index)
{
	struct key key = sizes_key(source, tree, index);
	struct value *v;

	return flight_peek(f->flights, &key, &v) ? NULL : (struct sizes *)v;
}

static int ask_size(struct fetcher *f, struct hint *hint, struct waiter *w,
		    uint64_t *ret)
{
	struct key key = sizes_key(hint->source, hint->tree, hint->index);
	CLEANUP_VALUE struct value *known = NULL;
	struct value *v;

	for (;;) {
		int r = flight_get(f->flights, &key, hint, w, &v);

		if (r)
			return r;
		value_unref(known);
		known = v;
		hint->sizes = (struct sizes *)v;

		uint64_t size = hint->sizes->size[hint->index % SIZES_PART];

		if (size_is_known(size)) {
			*ret = size;
			return 0;
		}
		if (size == SIZE_UNKNOWN && clock_ms() < hint->sizes->retry)
			return -EIO;
		if (hint->listing)
			return -EIO;
		if (!w)
			return size == SIZE_UNKNOWN ? -EIO : -EINPROGRESS;
		flight_drop(f->flights, &key, v);
	}
}

int fetch_asked_size(struct fetcher *f, struct source *source,
		     struct tree *tree, uint32_t index, struct waiter *w,
		     bool *first, uint64_t *ret)
{
	struct hint hint = {
		.source = source,
		.tree = tree,
		.index = index,
	};
	int r = source_is_far(source) ?
		near_size(f, source, tree, index, w, ret) : -ENOENT;

	if (r == -ENOENT)
		r = ask_size(f, &hint, w, ret);
	*first = hint.first;
	return r;
}

int fetch_size(struct fetcher *f, struct source *source, struct tree *tree,
	       uint32_t index, struct waiter *w, uint64_t *ret)
{
	bool first;

	return fetch_asked_size(f, source, tree, index, w, &first, ret);
}

int fetch_listed_size(struct fetcher *f, struct source *source,
		      struct tree *tree, uint32_t index, struct waiter *w,
		      uint64_t *ret)
{
	struct hint hint = {
		.source = source,
		.tree = tree,
		.index = index,
		.listing = true,
	};
	struct key key = sizes_key(source, tree, index);
	struct value *v;
	int r;

	if (!source_is_far(source))
		return fetch_size(f, source, tree, index, w, ret);
	if (!near_size(f, source, tree, index, NULL, ret))
		return 0;
	/* What is on its way may take long. */
	r = flight_join(f->flights, &key, NULL, &v);
	if (!r)
		value_unref(v);
	return r == -ENOENT ? ask_size(f, &hint, w, ret) : -EIO;
}

/* ---- what is here ---- */

struct value *fetch_held(struct fetcher *f, const struct source *source,
			 enum kind kind, const struct oid *oid)
{
	const struct key key = {
		.scope = source->number,
		.kind = kind,
		.oid = *oid,
	};
	struct value *v;

	return flight_join(f->flights, &key, NULL, &v) ? NULL : v;
}

/* A tree out of the store, for one who only looks. */
struct look {
	struct job job;
	struct fetcher *f;
	struct intake in;
};

static int look_start(struct job *job, const struct oid *oid, enum obj type,
		      uint64_t size)
{
	struct look *l = container_of(job, struct look, job);

	return intake_start(&l->in, &l->f->spool, oid, type, size);
}

static int look_data(struct job *job, const void *data, size_t len)
{
	return intake_data(&container_of(job, struct look, job)->in, data,
			   len);
}

static int look_end(struct job *job)
{
	return intake_end(&container_of(job, struct look, job)->in);
}

struct tree *fetch_near_tree(struct fetcher *f, const struct source *source,
			     const struct oid *oid)
{
	static const struct job_ops ops = {
		.start = look_start, .data = look_data, .end = look_end,
	};
	struct look l = { .job.ops = &ops, .f = f, .in = intake_none() };
	struct value *v = fetch_held(f, source, KIND_TREE, oid);
	struct tree *t = NULL;

	if (v)
		return tree_of(v);
	if (f->opt.store && store_peek(f->opt.store, oid, OBJ_TREE, &l.job) &&
	    intake_tree(&l.in, f->opt.names, &t))
		t = NULL;
	intake_drop(&l.in);
	return t;
}
