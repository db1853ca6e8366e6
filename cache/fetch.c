/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/fetch.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/pool.h"

enum {
	STALL_MS = 60000,       /* an errand without progress ends */
	ABSENT_TTL = 1000,      /* ms that "there is none" is believed */
	TROUBLE_TTL = 500,      /* ms that any other failure is */
	FAR_TTL = 30000,        /* ms that a ref is believed, elsewhere */
	JITTER = 10,            /* a 10th of it, more or less */
	SIZES_FIRST = 64,       /* blobs fetched for their sizes, at first, */
	SIZES_NEXT = 256,       /* and when it is known how large they are: */
	SIZES_BYTES = 16 << 20, /* so many bytes, if all are alike */
};

struct fetcher {
	struct fetch_options opt;
	struct flights *flights;
	struct pool *pool;
	struct spool spool;
	pthread_mutex_t lock;   /* covers the rest */
	pthread_cond_t none;    /* left */
	unsigned errands;
};

/* One flight's work: born at the miss, dies when the flight lands. */
struct errand {
	struct work work;
	struct job job;
	struct fetcher *f;
	struct key key;
	struct source *source;  /* NULL: to be made, of the next two */
	struct level *level;
	char *base;
	bool made;              /* not attached yet: ours */
	struct intake in;
	bool stored;            /* what comes is out of the store */
	bool landed;            /* the wanted object did come */
	int err;                /* or why not */

	/* Before anybody asked: several flights, of the objects in 'want'. */
	const struct ahead *ahead;      /* or NULL */
	bool *got;              /* which of them have landed */
	size_t cursor;          /* near the last of these */

	/* KIND_ROOT */
	char *ref;
	bool pinned;            /* 'ref' is a full id ... */
	bool peeled;            /* ... but perhaps not a commit's */
	struct oid commit, tree;
	int64_t time;           /* of the commit, seconds */
	enum { START, RESOLVE, COMMIT } step;   /* which job was last */

	/* KIND_SIZES */
	struct tree *of;
	struct sizes *sizes;
	struct sizes *known;    /* from before, or NULL */
	uint32_t asked;         /* the entry that somebody waits for */
	bool told;              /* sizes, by the source */
	uint32_t *entry;        /* of each in 'want' */

	struct oid *want;
	size_t nwant;
};

/* What an asker knows and the key does not say. */
struct hint {
	struct source *source;
	struct level *level;      /* no source yet: where, ... */
	const char *base;               /* ... and by which name */
	const char *ref;
	struct tree *tree;
	struct sizes *sizes;    /* of it, as far as they were known */
	uint32_t index;         /* in it */
	bool first;             /* set: of those who asked for it */
};

/* ---- objects coming in ---- */

static int take_start(struct job *job, const struct oid *oid, enum obj type,
		      uint64_t size)
{
	struct errand *e = container_of(job, struct errand, job);

	return intake_start(&e->in, &e->f->spool, oid, type, size);
}

static int take_data(struct job *job, const void *data, size_t len)
{
	struct errand *e = container_of(job, struct errand, job);

	job->deadline = clock_ms() + STALL_MS;
	return intake_data(&e->in, data, len);
}

/* The mark of a flight of this errand, for that object; or NULL. */
static bool *flight_of(struct errand *e, const struct oid *oid, enum obj type)
{
	if (type != e->job.type || (e->key.kind != KIND_TREE &&
				    e->key.kind != KIND_BLOB))
		return NULL;
	if (!e->ahead)
		return oid_eq(oid, &e->key.oid) ? &e->landed : NULL;
	/* They mostly come in the order they were asked for. */
	for (size_t n = 0; n < e->nwant; n++, e->cursor++) {
		if (e->cursor >= e->nwant)
			e->cursor = 0;
		if (oid_eq(oid, &e->want[e->cursor]))
			return &e->got[e->cursor];
	}
	return NULL;
}

/* Where what is far is kept; NULL: nowhere. */
static struct store *store_of(const struct errand *e)
{
	return source_is_far(e->source) ? e->f->opt.store : NULL;
}

/* After landing: nobody waits for the disk. */
static void keep(const struct errand *e, const void *data)
{
	struct store *s = store_of(e);
	int r = s && !e->stored ? store_put(s, &e->in.oid, e->in.type, data,
					    e->in.size) : 0;

	if (r)
		log_warning("cannot be kept on disk", "source=%s error=%s",
			    e->source->name, strerror(-r));
}

/* Takes over 'v'. */
static void land(struct errand *e, enum kind kind, struct value *v)
{
	bool *landed = flight_of(e, &e->in.oid, e->in.type);
	struct key key = {
		.scope = e->source->number,
		.kind = kind,
		.oid = e->in.oid,
	};

	if (!e->stored)
		source_answered(e->source, 0);
	if (landed && !*landed) {
		*landed = true;
		flight_done(e->f->flights, &key, v, 0, 0);
	} else {
		/* Blobs that come for their sizes are asked for. */
		flight_bring(e->f->flights, &key, v,
			     e->key.kind != KIND_SIZES);
	}
}

static int land_blob(struct errand *e)
{
	struct blob *b;
	int r = intake_blob(&e->in, &e->f->spool, &b);

	if (r)
		return r;
	land(e, KIND_BLOB, value_ref(&b->v));
	keep(e, b->data);
	value_unref(&b->v);
	return 0;
}

static int land_tree(struct errand *e)
{
	struct tree *t;
	int r = intake_tree(&e->in, e->f->opt.names, &t);

	if (r)
		return r;
	if (t->dropped) {
		char hex[OID_HEX + 1];

		oid_hex(&t->oid, hex);
		log_warning("entries left out", "source=%s tree=%s entries=%u",
			    e->source->name, hex, t->dropped);
	}
	if (e->ahead && !e->of)
		e->of = tree_ref(t);
	land(e, KIND_TREE, value_ref(&t->v));
	keep(e, t->raw);
	tree_unref(t);
	return 0;
}

static int land_object(struct errand *e, bool wanted)
{
	struct intake *in = &e->in;
	int r = intake_end(in);

	if (r)
		return r;
	for (size_t i = 0; e->sizes && i < e->job.nwant; i++)
		if (oid_eq(&in->oid, &e->want[i]))
			e->sizes->size[e->entry[i]] = in->size;
	switch (in->type) {
	case OBJ_BLOB:
		return land_blob(e);
	case OBJ_TREE:
		return land_tree(e);
	case OBJ_COMMIT:
		if (e->key.kind == KIND_ROOT && wanted) {
			r = intake_commit(in, &e->tree, &e->time);
			e->landed = !r;
		}
		if (!r)
			keep(e, in->data);
		return r;
	default:
		return 0;
	}
}

static int take_end(struct job *job)
{
	struct errand *e = container_of(job, struct errand, job);
	bool wanted = job->nwant && oid_eq(&e->in.oid, &job->want[0]);
	int r = land_object(e, wanted);

	if (r && wanted)
		e->err = r;
	intake_drop(&e->in);
	return r;
}

static void take_size(struct job *job, size_t i, uint64_t size)
{
	struct errand *e = container_of(job, struct errand, job);

	if (!e->sizes || i >= job->nwant || !size_is_known(size))
		return;
	e->sizes->size[e->entry[i]] = size;
	e->told = true;
}

static void take_ref(struct job *job, const struct oid *commit)
{
	struct errand *e = container_of(job, struct errand, job);

	e->commit = *commit;
	e->landed = true;
}

/* ---- errands ---- */

static void errand_run(struct work *);

static struct errand *errand_new(struct fetcher *f,
				 struct source *source, const struct key *key)
{
	struct errand *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	e->work.run = errand_run;
	e->f = f;
	e->key = *key;
	e->source = source;
	e->in = intake_none();
	LOCK_SCOPE(&f->lock);
	f->errands++;
	return e;
}

static void errand_free(struct errand *e)
{
	struct fetcher *f = e->f;

	intake_drop(&e->in);
	if (e->made && !composite_has(e->f->opt.composite, e->source))
		source_free(e->source);
	free(e->base);
	free(e->ref);
	tree_unref(e->of);
	if (e->sizes)
		value_unref(&e->sizes->v);
	if (e->known)
		value_unref(&e->known->v);
	free(e->want);
	free(e->got);
	free(e->entry);
	free(e);
	flights_trim(f->flights);
	LOCK_SCOPE(&f->lock);
	if (!--f->errands)
		pthread_cond_signal(&f->none);
}

static void complain(const struct errand *e, int err)
{
	static const char *const what[] = {
		[KIND_ROOT] = "ref", [KIND_TREE] = "tree",
		[KIND_BLOB] = "blob", [KIND_SIZES] = "sizes",
		[KIND_LEVEL] = "level",
	};
	char hex[OID_HEX + 1] = "";

	if (e->key.kind == KIND_ROOT && err == -ENOENT)
		return;                         /* a name somebody tried */
	if (e->source)
		source_answered(e->source, err);
	if (e->key.kind != KIND_ROOT)
		oid_hex(&e->key.oid, hex);
	log_warning("fetch failed", "source=%s %s=%s error=%s",
		    e->source ? e->source->name : e->base, what[e->key.kind],
		    e->key.kind != KIND_ROOT ? hex : e->ref ? e->ref : "HEAD",
		    strerror(-err));
}

/* Of an errand that nobody sent. */
static void ahead_over(struct errand *e)
{
	const struct ahead *a = e->ahead;
	CLEANUP_TREE struct tree *t = TAKE(e->of);

	errand_free(e);
	a->over(a, t);
}

/* End those of its flights that have not landed.  Who has come to wait asks
 * again, and the first of them in earnest: so this may fail in silence. */
static void ahead_fail(struct errand *e, int err)
{
	struct key key = e->key;

	if (key.kind == KIND_SIZES)
		flight_done(e->f->flights, &key, NULL, err, 0);
	for (size_t i = 0; key.kind != KIND_SIZES && i < e->nwant; i++) {
		key.oid = e->want[i];
		if (!e->got[i])
			flight_done(e->f->flights, &key, NULL, err, 0);
	}
	ahead_over(e);
}

/* The flight ends without what it was for. */
static void fail(struct errand *e, int err)
{
	if (e->ahead) {
		ahead_fail(e, err);
		return;
	}
	complain(e, err);
	flight_done(e->f->flights, &e->key, NULL, err,
		    err == -ENOENT ? ABSENT_TTL : TROUBLE_TTL);
	errand_free(e);
}

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
	struct store *store = e->told ? store_of(e) : NULL;

	s->retry = clock_ms() + TROUBLE_TTL;
	flight_done(e->f->flights, &e->key, value_ref(&s->v), 0, 0);
	for (size_t i = 0; store && i < e->nwant; i++)
		if (size_is_known(s->size[e->entry[i]]))
			store_put_size(store, &e->want[i],
				       s->size[e->entry[i]]);
	value_unref(&s->v);
	if (e->ahead)
		ahead_over(e);
	else
		errand_free(e);
}

static void fetch_sizes(struct errand *);

static void errand_done(struct job *job, int err)
{
	struct errand *e = container_of(job, struct errand, job);

	if (!err)
		err = e->err;
	if (!err && !e->landed && e->key.kind != KIND_SIZES)
		err = -ENOENT;
	if (e->key.kind == KIND_ROOT) {
		e->err = err;
		pool_submit(e->f->pool, &e->work);
	} else if (e->key.kind == KIND_SIZES && err == -ENOTSUP) {
		fetch_sizes(e);
	} else if (e->key.kind == KIND_SIZES) {
		if (err && err != -ENOENT && !any_known(e->sizes))
			fail(e, err);
		else
			land_sizes(e);
	} else if (e->ahead) {
		ahead_fail(e, err ? err : -ENOENT);
	} else if (err && !e->landed) {
		fail(e, err);
	} else {
		errand_free(e);
	}
}

static const struct job_ops take_ops = {
	.start = take_start,
	.data = take_data,
	.end = take_end,
	.size = take_size,
	.ref_is = take_ref,
	.done = errand_done,
};

static void start_job(struct errand *e, const struct oid *want, size_t n,
		      enum obj type)
{
	lock_none();
	e->landed = false;
	e->err = 0;
	e->job = (struct job){
		.ops = &take_ops,
		.deadline = clock_ms() + STALL_MS,
		.want = want,
		.nwant = n,
		.type = type,
		.reach = e->ahead ? REACH_WANTED : REACH_NEAR,
		.ref = e->ref ? e->ref : e->source->ref,
	};
}

/* A source that is not there yet is made, one that was not needed yet is
 * opened. */
static int open_source(struct errand *e)
{
	char why[BACKEND_WHY];
	int r = 0;

	if (!e->source) {
		r = composite_make(e->f->opt.composite, e->level, e->base,
				   &e->source);
		e->made = !r;
	}
	if (r)
		return r;
	r = source_open(e->source, why);
	/* A name somebody tried, or one that is no more. */
	if (e->key.kind == KIND_ROOT &&
	    (r == -ENOENT || r == -ENOTDIR || r == -EINVAL))
		return -ENOENT;
	if (r)
		log_warning("cannot be opened", "source=%s error=%s",
			    e->source->name, why);
	return r == -ENOENT ? -EIO : r;
}

static void resolve(struct errand *e)
{
	struct backend *b = e->source->backend;

	e->step = RESOLVE;
	start_job(e, NULL, 0, 0);
	b->ops->resolve(b, &e->job);
}

/* Is it in the store?  Then it is handed on, as by a backend. */
static bool from_store(struct errand *e, const struct oid *oid, enum obj type)
{
	struct store *s = store_of(e);
	bool there;

	e->stored = true;
	there = s && store_fetch(s, oid, type, &e->job);
	e->stored = false;
	return there;
}

/* One object, from near or far. */
static void fetch_one(struct errand *e, const struct oid *oid, enum obj type)
{
	struct backend *b = e->source->backend;

	start_job(e, oid, 1, type);
	if (from_store(e, oid, type)) {
		errand_done(&e->job, 0);
	} else {
		start_job(e, oid, 1, type);
		b->ops->fetch(b, &e->job);
	}
}

static void fetch_commit(struct errand *e)
{
	e->step = COMMIT;
	fetch_one(e, &e->commit, OBJ_COMMIT);
}

/* Who asks for many refs of one host shall not do so all at once. */
static uint32_t ref_ttl(const struct errand *e)
{
	uint32_t ttl = e->source->refresh;

	if (!source_is_far(e->source))
		return ttl ? ttl : e->f->opt.ref_ttl;
	if (!ttl)
		ttl = FAR_TTL;
	return ttl - ttl / JITTER + randombytes_uniform(2 * ttl / JITTER + 1);
}

static void land_history(struct errand *e, struct history *h)
{
	flight_done(e->f->flights, &e->key, &h->v, 0,
		    e->pinned ? 0 : ref_ttl(e));
	errand_free(e);
}

static void publish(struct errand *e)
{
	struct history *h;
	int r;

	if (!e->commit.len)
		e->tree = oid_empty_tree(OID_SHA1);
	r = root_publish(e->f->opt.roots, &e->source, e->ref, &e->commit,
			 &e->tree, e->time, &h);
	if (r)
		fail(e, r);
	else
		land_history(e, h);
}

/* No answer: show what is known, if anything is.  But a ref that is no more
 * is no name any more. */
static void give_up(struct errand *e, struct history *known)
{
	if (!known || e->err == -ENOENT) {
		fail(e, e->err);
		return;
	}
	complain(e, e->err);
	land_history(e, history_ref(known));
}

/* A root, from job to job: which commit; then, when it is another one than
 * before, its tree and time; then write that down. */
static void run_root(struct errand *e)
{
	struct roots *rs = e->f->opt.roots;
	const struct root *root = root_find(rs, e->key.scope);
	CLEANUP_HISTORY struct history *known =
		root && root->source ? root_history(rs, root) : NULL;

	switch (e->step) {
	case START:
		e->pinned = e->ref &&
			    !oid_parse(e->ref, strlen(e->ref), &e->commit);
		if (e->pinned && known)
			land_history(e, TAKE(known));
		else if ((e->err = open_source(e)))
			give_up(e, known);
		else if (e->pinned)
			fetch_commit(e);
		else
			resolve(e);
		break;
	case RESOLVE:
		if (!e->err)
			source_asked(e->source);
		if (e->err)
			give_up(e, known);
		else if (!e->commit.len)
			publish(e);
		else if (known &&
			 oid_eq(&history_now(known)->commit, &e->commit))
			land_history(e, TAKE(known));
		else
			fetch_commit(e);
		break;
	case COMMIT:
		if (e->err == -ENOENT && !e->pinned)
			e->err = -EIO;          /* a ref to nothing */
		/* A full id may be that of an annotated tag. */
		if (e->err && e->pinned && !e->peeled) {
			e->peeled = true;
			resolve(e);
		} else if (e->err) {
			give_up(e, known);
		} else {
			publish(e);
		}
	}
}

static bool know_size(struct errand *e, uint32_t i, const struct oid *oid)
{
	struct store *s = store_of(e);

	if (e->known && size_is_known(e->known->size[i]))
		e->sizes->size[i] = e->known->size[i];
	else if (s)
		store_size(s, oid, &e->sizes->size[i]);
	return size_is_known(e->sizes->size[i]);
}

/* The sizes of one part of a tree. */
static void run_sizes(struct errand *e)
{
	struct backend *b = e->source->backend;
	uint32_t first = e->key.part * SIZES_PART;

	e->sizes = sizes_new(e->of, e->key.part);
	if (e->sizes) {
		e->want = calloc(e->sizes->n, sizeof *e->want);
		e->entry = calloc(e->sizes->n, sizeof *e->entry);
	}
	if (!e->want || !e->entry) {
		fail(e, -ENOMEM);
		return;
	}
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
	start_job(e, e->want, e->nwant, OBJ_BLOB);
	if (!e->nwant)
		errand_done(&e->job, 0);
	else if (b->ops->stat)
		b->ops->stat(b, &e->job);
	else
		fetch_sizes(e);
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

/* There is no other way to learn them. */
static void fetch_sizes(struct errand *e)
{
	struct backend *b = e->source->backend;
	size_t n = enough(e->sizes);

	while (e->nwant > n)
		e->sizes->size[e->entry[--e->nwant]] = SIZE_UNASKED;
	start_job(e, e->want, e->nwant, OBJ_BLOB);
	b->ops->fetch(b, &e->job);
}

static enum obj type_of(const struct errand *e)
{
	return e->key.kind == KIND_TREE ? OBJ_TREE : OBJ_BLOB;
}

/* Several objects, those first that are in the store. */
static void run_ahead(struct errand *e)
{
	struct backend *b = e->source->backend;
	size_t n = 0;

	start_job(e, e->want, e->nwant, type_of(e));
	for (size_t i = 0; i < e->nwant; i++)
		from_store(e, &e->want[i], type_of(e));
	for (size_t i = 0; i < e->nwant; i++)
		if (!e->got[i])
			e->want[n++] = e->want[i];
	memset(e->got, 0, n * sizeof *e->got);
	e->nwant = n;
	start_job(e, e->want, n, type_of(e));
	if (n)
		b->ops->fetch(b, &e->job);
	else
		errand_done(&e->job, 0);
}

static void run_object(struct errand *e)
{
	if (e->ahead) {
		run_ahead(e);
	} else if (oid_is_empty_tree(&e->key.oid)) {
		/* It need not be stored anywhere. */
		start_job(e, &e->key.oid, 1, OBJ_TREE);
		errand_done(&e->job, job_object(&e->job, &e->key.oid, OBJ_TREE,
						"", 0));
	} else {
		fetch_one(e, &e->key.oid, type_of(e));
	}
}

static void level_value_free(struct value *v)
{
	free(v);
}

/* What lands only says that the level is there. */
static void run_level(struct errand *e)
{
	CLEANUP_FREE char *path = NULL;
	struct value *v = NULL;
	struct level *l;
	int r = composite_level_path(e->level, e->base, &path);

	if (!r)
		r = roots_add_level(e->f->opt.roots, path, &l);
	if (!r && !(v = calloc(1, sizeof *v)))
		r = -ENOMEM;
	if (r) {
		fail(e, r);
		return;
	}
	v->refs = 1;
	v->free = level_value_free;
	flight_done(e->f->flights, &e->key, v, 0, 0);
	errand_free(e);
}

static void errand_run(struct work *w)
{
	struct errand *e = container_of(w, struct errand, work);
	int r;

	if (e->key.kind == KIND_ROOT) {
		run_root(e);
	} else if (e->key.kind == KIND_LEVEL) {
		run_level(e);
	} else if ((r = open_source(e))) {
		fail(e, r);
	} else if (e->key.kind == KIND_SIZES) {
		run_sizes(e);
	} else {
		run_object(e);
	}
}

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
	e->level = ask->level;
	e->of = ask->tree ? tree_ref(ask->tree) : NULL;
	e->asked = ask->index % SIZES_PART;
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

/* ---- ahead of anybody asking ---- */

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

bool fetch_ahead(struct fetcher *f, const struct ahead *a)
{
	struct key key = {
		.scope = a->source->number,
		.kind = a->kind,
	};

	if (a->kind == KIND_SIZES)
		key.oid = a->tree->oid;

	struct errand *e = errand_new(f, a->source, &key);
	bool any;

	if (!e)
		return false;
	e->ahead = a;
	if (a->kind == KIND_SIZES) {
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

/* ---- asking ---- */

int fetcher_new(struct fetcher **ret, const struct fetch_options *opt)
{
	struct fetcher *f = calloc(1, sizeof *f);
	int r = -ENOMEM;

	if (!f)
		return -ENOMEM;
	f->opt = *opt;
	pthread_mutex_init(&f->lock, NULL);
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

struct flights *fetcher_flights(struct fetcher *f)
{
	return f->flights;
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
	struct hint hint = { .source = name->source, .ref = name->ref };
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

int fetch_tree(struct fetcher *f, struct source *source,
	       const struct oid *oid, struct waiter *w, struct tree **ret)
{
	struct hint hint = { .source = source };
	struct value *v;
	int r = get_object(f, &hint, KIND_TREE, oid, w, &v);

	if (!r)
		*ret = tree_of(v);
	return r;
}

int fetch_blob(struct fetcher *f, struct source *source,
	       const struct oid *oid, struct waiter *w, bool *first,
	       struct blob **ret)
{
	struct hint hint = { .source = source };
	struct value *v;
	int r = get_object(f, &hint, KIND_BLOB, oid, w, &v);

	*first = hint.first;
	if (!r)
		*ret = (struct blob *)v;
	return r;
}

int fetch_known_blob(struct fetcher *f, const struct source *source,
		     const struct oid *oid, struct blob **ret)
{
	struct key key = {
		.scope = source->number,
		.kind = KIND_BLOB,
		.oid = *oid,
	};
	struct value *v;
	int r = flight_peek(f->flights, &key, &v);

	if (!r)
		*ret = (struct blob *)v;
	return r;
}

int fetch_size(struct fetcher *f, struct source *source,
	       struct tree *tree, uint32_t index, struct waiter *w,
	       uint64_t *ret)
{
	struct hint hint = {
		.source = source,
		.tree = tree,
		.index = index,
	};
	struct key key = {
		.scope = source->number,
		.part = index / SIZES_PART,
		.kind = KIND_SIZES,
		.oid = tree->oid,
	};
	CLEANUP_VALUE struct value *known = NULL;
	struct value *v;

	for (;;) {
		int r = flight_get(f->flights, &key, &hint, w, &v);

		if (r)
			return r;
		value_unref(known);
		known = v;
		hint.sizes = (struct sizes *)v;

		uint64_t size = hint.sizes->size[index % SIZES_PART];

		if (size_is_known(size)) {
			*ret = size;
			return 0;
		}
		if (size == SIZE_UNKNOWN && clock_ms() < hint.sizes->retry)
			return -EIO;
		if (!w)
			return size == SIZE_UNKNOWN ? -EIO : -EINPROGRESS;
		flight_drop(f->flights, &key, v);
	}
}
