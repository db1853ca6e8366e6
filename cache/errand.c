/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cache/errand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"

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

struct store *errand_store(const struct errand *e)
{
	return source_is_far(e->source) ? e->f->opt.store : NULL;
}

enum obj errand_type(const struct errand *e)
{
	return e->key.kind == KIND_TREE ? OBJ_TREE : OBJ_BLOB;
}

/* After landing: nobody waits for the disk. */
static void keep(const struct errand *e, const void *data)
{
	struct store *s = errand_store(e);
	int r = s && !e->stored ? store_put(s, &e->in.oid, e->in.type, data,
					    e->in.size) : 0;

	if (r && r != -EBUSY)
		log_warning("cannot be kept on disk", "source=%s error=%s "
			    "do=make room in the cache directory; till then "
			    "it is fetched again", e->source->name, strerror(-r));
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
		flight_bring(e->f->flights, &key, v, true);
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
	if (e->ahead && errand_store(e)) {
		const struct key key = {
			.scope = e->source->number,
			.kind = KIND_BLOB,
			.oid = e->in.oid,
		};

		flight_spare(e->f->flights, &key, &b->v);
	}
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
	e->objects++;
	e->bytes += in->size;
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

static void count_trouble(struct fetcher *f, int err)
{
	struct fs_trouble *t = &f->trouble;

	LOCK_SCOPE(&f->lock);
	switch (err) {
	case 0: case -ENOENT: case -ENOTSUP: case -ENOMEM:
		break;
	case -EBADMSG: case -EFBIG: case -EPROTONOSUPPORT:
		t->unsound++;
		break;
	case -ETIMEDOUT: case -EHOSTUNREACH: case -EHOSTDOWN:
	case -ECONNREFUSED: case -ECONNRESET: case -ENETUNREACH:
		t->gone++;
		break;
	case -EACCES: case -EPERM: case -EPROTO:
		t->refused++;
		break;
	case -EAGAIN:
		t->limited++;
		break;
	default:
		t->other++;
	}
}

static int take_end(struct job *job)
{
	struct errand *e = container_of(job, struct errand, job);
	bool wanted = job->nwant && oid_eq(&e->in.oid, &job->want[0]);
	int r = land_object(e, wanted);

	if (r && wanted)
		e->err = r;
	else
		count_trouble(e->f, r);
	intake_drop(&e->in);
	return r;
}

/* Of a blob that nobody asked for by name: a listing had it. */
static void take_size_of(struct job *job, const struct oid *oid, uint64_t size)
{
	struct errand *e = container_of(job, struct errand, job);
	struct store *s = errand_store(e);

	if (s && size_is_known(size))
		store_put_size(s, oid, size);
}

static void take_size(struct job *job, size_t i, uint64_t size)
{
	struct errand *e = container_of(job, struct errand, job);

	if (i >= job->nwant || !size_is_known(size))
		return;
	if (!e->sizes) {                /* ahead, for nobody in particular */
		take_size_of(job, &e->want[i], size);
		return;
	}
	e->sizes->size[e->entry[i]] = size;
	e->told = true;
}

static void take_ref(struct job *job, const struct oid *commit)
{
	struct errand *e = container_of(job, struct errand, job);

	e->commit = *commit;
	e->landed = true;
}

static void take_commit(struct job *job, const struct oid *oid,
			const struct oid *tree, int64_t time)
{
	struct errand *e = container_of(job, struct errand, job);

	if (e->key.kind != KIND_ROOT || !oid_eq(oid, &e->commit))
		return;
	e->tree = *tree;
	e->time = time;
	e->landed = true;
}

static int take_name(struct job *job, const char *name)
{
	struct errand *e = container_of(job, struct errand, job);

	return composite_note(e->f->opt.composite, e->level, name);
}

static const struct job_ops take_ops = {
	.start = take_start,
	.data = take_data,
	.end = take_end,
	.size = take_size,
	.ref_is = take_ref,
	.size_of = take_size_of,
	.commit_is = take_commit,
	.name = take_name,
	.done = errand_done,
};

/* ---- the life of one ---- */

struct errand *errand_new(struct fetcher *f, struct source *source,
			  const struct key *key)
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

void errand_free(struct errand *e)
{
	struct fetcher *f = e->f;

	intake_drop(&e->in);
	if (e->made && !composite_has(e->f->opt.composite, e->source))
		source_free(e->source);
	backend_close(e->place);
	free(e->base);
	free(e->why);
	free(e->path);
	free(e->at);
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

/* Was it a name that there need not be?  Hosts do not tell those who have no
 * token what is private from what is not there. */
static bool is_guess(const struct errand *e, int err)
{
	return e->made && e->key.kind == KIND_ROOT &&
	       (err == -ENOENT ||
		(err == -EACCES && e->source->backend &&
		 source_is_far(e->source) && !level_has_token(e->level)));
}

/* For people who ask later. */
static void note_failure(const struct errand *e, const char *name, int err,
			 const char *why)
{
	struct fs_failure f = {
		.err = err,
		.when = clock_wall().tv_sec,
		.inside = e->key.kind != KIND_ROOT,
		.absent = is_guess(e, err),
	};

	snprintf(f.name, sizeof f.name, "%s", name);
	snprintf(f.why, sizeof f.why, "%s", why);
	failures_note(&e->f->failures, &f);
}

/* What comes packed, or is large, passes through the cache directory: what to
 * do when it is that which fails, of which no host says anything. */
static const char *our_own(const struct errand *e, int err)
{
	bool far = e->source && e->source->backend && source_is_far(e->source);

	if (err == -ENOSPC || err == -EDQUOT)
		return "make room in the cache directory";
	if (err == -EROFS || (far && (err == -EACCES || err == -EPERM)))
		return "the cache directory cannot be written: whose is it?";
	return "";
}

void errand_complain(const struct errand *e, int err)
{
	static const char *const what[] = {
		[KIND_ROOT] = "ref", [KIND_TREE] = "tree",
		[KIND_BLOB] = "blob", [KIND_SIZES] = "sizes",
		[KIND_LEVEL] = "level",
	};
	const char *name = e->source ? e->source->name : e->base;
	char hex[OID_HEX + 1] = "", why[BACKEND_WHY] = "";
	bool news = true;

	/* A name somebody tried, not a source that has gone. */
	if (e->key.kind == KIND_ROOT && err == -ENOENT &&
	    (e->ref || e->made || !e->source)) {
		if (e->made && !e->ref)
			note_failure(e, name, err, e->source->backend &&
				     source_is_far(e->source) ?
				     "if it is private, it needs a token: "
				     "gitnfs-backends(7)" : "");
		return;
	}
	if (e->source)
		news = source_answered(e->source, err);
	if (e->key.kind != KIND_ROOT)
		oid_hex(&e->key.oid, hex);
	if (e->why)
		snprintf(why, sizeof why, "%s", e->why);
	else if (e->source)
		source_why(e->source, err, why);
	if (!*why)
		snprintf(why, sizeof why, "%s", our_own(e, err));
	note_failure(e, name, err, why);
	/* A limit is not about what was asked for. */
	if (err == -EAGAIN && !news)
		return;
	log_warning("fetch failed", "source=%s %s=%s error=%s why=%s", name,
		    what[e->key.kind],
		    e->key.kind != KIND_ROOT ? hex : e->ref ? e->ref : "HEAD",
		    strerror(-err), why);
}

void errand_fail(struct errand *e, int err)
{
	if (e->ahead) {
		errand_ahead_done(e, err);
		return;
	}
	errand_complain(e, err);
	/* Who said "later" has been waited for as long as makes sense: clients
	 * that are told so would ask again for ever. */
	if (err == -EAGAIN)
		err = -EBUSY;
	flight_done(e->f->flights, &e->key, NULL, err,
		    err == -ENOENT ? ABSENT_TTL : TROUBLE_TTL);
	errand_free(e);
}

/* A source's word about its own files: a client would take some for one about
 * its handle, or about what it has asked. */
static int not_of_a_client(int err)
{
	switch (err) {
	case -ESTALE: case -EBADF: case -ENOTDIR: case -EISDIR: case -EINVAL:
	case -ENAMETOOLONG: case -EROFS:
		return -EIO;
	default:
		return err;
	}
}

void errand_done(struct job *job, int err)
{
	struct errand *e = container_of(job, struct errand, job);

	if (!err)
		err = e->err;
	if (e->key.kind != KIND_LEVEL)  /* no client is told */
		err = not_of_a_client(err);
	if (!err && !e->landed && e->key.kind != KIND_SIZES)
		err = -ENOENT;
	count_trouble(e->f, err);
	if (e->key.kind == KIND_ROOT || e->key.kind == KIND_LEVEL) {
		e->err = err;
		pool_submit(e->f->pool, &e->work);
	} else if (e->key.kind == KIND_SIZES && e->sizes) {
		errand_sizes_done(e, err);
	} else if (e->ahead) {
		errand_ahead_done(e, err ? err : -ENOENT);
	} else if (err && !e->landed) {
		errand_fail(e, err);
	} else {
		errand_free(e);
	}
}

void errand_job(struct errand *e, const struct oid *want, size_t n,
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
		.ahead = e->ahead,
		.ref = e->ref || !e->source ? e->ref : e->source->ref,
	};
}

/* Any of the commits that its root has shown may have it there. */
static void say_where(struct errand *e)
{
	CLEANUP_HISTORY struct history *h =
		root_history(e->f->opt.roots, e->root);

	if (!h)
		return;
	free(e->at);
	e->at = calloc(h->n, sizeof *e->at);
	if (!e->at)
		return;
	for (uint32_t i = 0; i < h->n; i++)
		e->at[i] = h->epoch[h->n - 1 - i].commit;
	e->job.path = e->path;
	e->job.at = e->at;
	e->job.nat = h->n;
}

int errand_open(struct errand *e)
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
	if (r && !e->why)
		e->why = strdup(why);
	return r == -ENOENT ? -EIO : not_of_a_client(r);
}

bool errand_from_store(struct errand *e, const struct oid *oid, enum obj type)
{
	struct store *s = errand_store(e);
	bool there;

	e->stored = true;
	there = s && store_fetch(s, oid, type, &e->job);
	e->stored = false;
	return there;
}

void errand_fetch(struct errand *e, const struct oid *oid, enum obj type)
{
	struct backend *b = e->source->backend;

	errand_job(e, oid, 1, type);
	if (errand_from_store(e, oid, type)) {
		errand_done(&e->job, 0);
	} else {
		errand_job(e, oid, 1, type);
		if (e->path)
			say_where(e);
		b->ops->fetch(b, &e->job);
	}
}

/* ---- what it is for ---- */

static void run_object(struct errand *e)
{
	if (e->ahead) {
		errand_ahead_run(e);
	} else if (oid_is_empty_tree(&e->key.oid)) {
		/* It need not be stored anywhere. */
		errand_job(e, &e->key.oid, 1, OBJ_TREE);
		errand_done(&e->job, job_object(&e->job, &e->key.oid, OBJ_TREE,
						"", 0));
	} else {
		errand_fetch(e, &e->key.oid, errand_type(e));
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
		errand_fail(e, r);
		return;
	}
	v->refs = 1;
	v->free = level_value_free;
	flight_done(e->f->flights, &e->key, v, 0, 0);
	errand_free(e);
}

void errand_run(struct work *w)
{
	struct errand *e = container_of(w, struct errand, work);
	int r;

	if (e->key.kind == KIND_ROOT) {
		errand_root_run(e);
	} else if (e->key.kind == KIND_LEVEL && e->key.part == ERRAND_NAMES) {
		errand_names_run(e);
	} else if (e->key.kind == KIND_LEVEL) {
		run_level(e);
	} else if ((r = errand_open(e))) {
		errand_fail(e, r);
	} else if (e->key.kind == KIND_SIZES) {
		errand_sizes_run(e);
	} else {
		run_object(e);
	}
}
