/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/fake.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/list.h"
#include "test/must.h"

enum { WAIT_S = 10 };

struct object {
	struct list link;
	struct oid oid;
	enum obj type;
	void *data;
	size_t len;
	bool held, corrupt;
	int err;
	unsigned fails, fetches;
};

struct ref {
	struct list link;
	char *name;
	struct oid commit;
};

/* A fetch that waits for what it wants to be released. */
struct held {
	struct list link;
	struct job *job;
};

struct fake {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct list objects, refs, held;
	unsigned nheld, resolves, onces, jobs, commits;
	int down;
	unsigned nth;           /* job to fail; 0: it has been, or none */
	int nth_err;
	bool no_stat, far;
};

struct fake_handle {
	struct backend base;
	struct fake *fake;
};

static struct fake *fake_of(struct backend *b)
{
	return container_of(b, struct fake_handle, base)->fake;
}

/* ---- contents ---- */

static struct object *find(struct fake *f, const struct oid *oid)
{
	for (struct list *l = f->objects.next; l != &f->objects; l = l->next) {
		struct object *o = container_of(l, struct object, link);

		if (oid_eq(&o->oid, oid))
			return o;
	}
	return NULL;
}

/* One that the test put in before. */
static struct object *known(struct fake *f, const struct oid *oid)
{
	struct object *o = find(f, oid);

	must(o);
	return o;
}

static void *copy(const void *data, size_t len)
{
	void *p = malloc(len ? len : 1);

	must(p);
	if (len)
		memcpy(p, data, len);
	return p;
}

struct oid fake_object(struct fake *f, enum obj type, const void *data,
		       size_t len)
{
	struct object *o = calloc(1, sizeof *o);
	struct oid_hash *hash;

	must(o);
	*o = (struct object){ .type = type, .data = copy(data, len),
			      .len = len };
	list_init(&o->link);
	must(!oid_hash_start(&hash, OID_SHA1, type, len));
	must(!oid_hash_data(hash, data, len));
	must(!oid_hash_end(hash, &o->oid));

	struct oid oid = o->oid;
	LOCK_SCOPE(&f->lock);

	if (find(f, &oid)) {
		free(o->data);
		free(o);
	} else {
		list_add_tail(&f->objects, &o->link);
	}
	return oid;
}

struct oid fake_blob(struct fake *f, const char *text)
{
	return fake_object(f, OBJ_BLOB, text, strlen(text));
}

struct oid fake_tree(struct fake *f, size_t n, const struct fake_entry *e)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s %s", e[i].mode, e[i].name);
		fputc(0, out);
		fwrite(e[i].oid.id, 1, e[i].oid.len, out);
	}
	fclose(out);
	return fake_object(f, OBJ_TREE, text, len);
}

struct oid fake_ref(struct fake *f, const char *name, const struct oid *tree)
{
	char hex[OID_HEX + 1], text[256];
	unsigned t = 1500000000 + 60 * f->commits++;
	struct ref *ref = calloc(1, sizeof *ref);

	must(ref);
	oid_hex(tree, hex);
	int len = snprintf(text, sizeof text,
			   "tree %s\nauthor A <a@example.org> %u +0000\n"
			   "committer C <c@example.org> %u +0000\n\nmoved\n",
			   hex, t, t);

	ref->name = name ? strdup(name) : NULL;
	ref->commit = fake_object(f, OBJ_COMMIT, text, (size_t)len);

	struct oid commit = ref->commit;
	LOCK_SCOPE(&f->lock);

	/* The newest of a name is the first found. */
	ref->link.next = f->refs.next;
	ref->link.prev = &f->refs;
	f->refs.next->prev = &ref->link;
	f->refs.next = &ref->link;
	return commit;
}

/* ---- verbs ---- */

/* With the lock held, at the start of a job: an error it shall end with. */
static int doomed(struct fake *f)
{
	if (f->nth && !--f->nth)
		return f->nth_err;
	return f->down;
}

static int resolved(struct fake *f, const struct job *job, struct oid *ret)
{
	const char *name = job->ref;
	struct oid oid;
	int err;
	LOCK_SCOPE(&f->lock);

	f->resolves++;
	f->onces += job->once;
	err = doomed(f);
	if (err)
		return err;
	for (struct list *l = f->refs.next; l != &f->refs; l = l->next) {
		struct ref *r = container_of(l, struct ref, link);

		if (name ? r->name && !strcmp(r->name, name) : !r->name) {
			*ret = r->commit;
			return 0;
		}
	}
	if (!name || oid_parse(name, strlen(name), &oid) || !find(f, &oid))
		return -ENOENT;
	*ret = oid;
	return 0;
}

static void do_resolve(struct backend *b, struct job *job)
{
	struct oid commit;
	int err = resolved(fake_of(b), job, &commit);

	if (!err)
		job->ops->ref_is(job, &commit);
	job->ops->done(job, err);
}

/* What to give for one object: the caller frees *data. */
static int prepare(struct fake *f, const struct oid *oid, enum obj *type,
		   void **data, size_t *len)
{
	LOCK_SCOPE(&f->lock);
	struct object *o = find(f, oid);

	if (!o)
		return -ENOENT;
	if (o->fails) {
		o->fails--;
		return o->err;
	}
	*type = o->type;
	*len = o->len;
	*data = copy(o->data, o->len);
	if (o->corrupt && o->len)
		((uint8_t *)*data)[o->len / 2] ^= 1;
	return 0;
}

static void answer(struct fake *f, struct job *job)
{
	int err;

	pthread_mutex_lock(&f->lock);
	err = doomed(f);
	pthread_mutex_unlock(&f->lock);
	if (err) {
		job->ops->done(job, err);
		return;
	}
	for (size_t i = 0; i < job->nwant; i++) {
		CLEANUP_FREE void *data = NULL;
		enum obj type = OBJ_BLOB;
		size_t len = 0;
		int r = prepare(f, &job->want[i], &type, &data, &len);

		if (!r)
			r = job_object(job, &job->want[i], type, data, len);
		if (r && !err)
			err = r;
	}
	job->ops->done(job, err);
}

/* With the lock held. */
static bool must_wait(struct fake *f, const struct job *job)
{
	for (size_t i = 0; i < job->nwant; i++) {
		struct object *o = find(f, &job->want[i]);

		if (o && o->held)
			return true;
	}
	return false;
}

static void do_fetch(struct backend *b, struct job *job)
{
	struct fake *f = fake_of(b);
	struct held *held = malloc(sizeof *held);
	bool wait;

	must(held);
	*held = (struct held){ .job = job };
	pthread_mutex_lock(&f->lock);
	f->jobs++;
	for (size_t i = 0; i < job->nwant; i++) {
		struct object *o = find(f, &job->want[i]);

		if (o)
			o->fetches++;
	}
	wait = must_wait(f, job);
	if (wait) {
		list_add_tail(&f->held, &held->link);
		f->nheld++;
		pthread_cond_broadcast(&f->changed);
	}
	pthread_mutex_unlock(&f->lock);
	if (!wait) {
		free(held);
		answer(f, job);
	}
}

static void do_stat(struct backend *b, struct job *job)
{
	struct fake *f = fake_of(b);
	int err;

	pthread_mutex_lock(&f->lock);
	err = f->no_stat ? -ENOTSUP : doomed(f);
	pthread_mutex_unlock(&f->lock);
	for (size_t i = 0; !err && i < job->nwant; i++) {
		struct object *o;

		pthread_mutex_lock(&f->lock);
		o = find(f, &job->want[i]);
		pthread_mutex_unlock(&f->lock);
		/* It stays, as it is, until the fake goes. */
		if (o)
			job->ops->size(job, i, o->len);
	}
	job->ops->done(job, err);
}

static void do_close(struct backend *b)
{
	free(container_of(b, struct fake_handle, base));
}

static const struct backend_ops fake_ops = {
	.name = "fake",
	.close = do_close,
	.resolve = do_resolve,
	.fetch = do_fetch,
	.stat = do_stat,
};

static const struct backend_ops fake_ops_no_stat = {
	.name = "fake",
	.close = do_close,
	.resolve = do_resolve,
	.fetch = do_fetch,
};

static const struct backend_ops fake_ops_far = {
	.name = "fake",
	.far = true,
	.close = do_close,
	.resolve = do_resolve,
	.fetch = do_fetch,
	.stat = do_stat,
};

/* ---- behaviour ---- */

void fake_hold(struct fake *f, const struct oid *oid)
{
	LOCK_SCOPE(&f->lock);

	known(f, oid)->held = true;
}

void fake_release(struct fake *f, const struct oid *oid)
{
	struct list ready, *l;

	list_init(&ready);
	pthread_mutex_lock(&f->lock);
	known(f, oid)->held = false;
	for (struct list *next, *i = f->held.next; i != &f->held; i = next) {
		next = i->next;
		if (must_wait(f, container_of(i, struct held, link)->job))
			continue;
		list_del(i);
		list_add_tail(&ready, i);
		f->nheld--;
	}
	pthread_mutex_unlock(&f->lock);
	while ((l = list_pop(&ready))) {
		struct held *held = container_of(l, struct held, link);

		answer(f, held->job);
		free(held);
	}
}

void fake_fail(struct fake *f, const struct oid *oid, int err, unsigned times)
{
	LOCK_SCOPE(&f->lock);
	struct object *o = known(f, oid);

	o->err = err;
	o->fails = times;
}

void fake_corrupt(struct fake *f, const struct oid *oid, bool corrupt)
{
	LOCK_SCOPE(&f->lock);

	known(f, oid)->corrupt = corrupt;
}

void fake_down(struct fake *f, int err)
{
	LOCK_SCOPE(&f->lock);

	f->down = err;
}

bool fake_fail_nth(struct fake *f, unsigned n, int err)
{
	LOCK_SCOPE(&f->lock);
	bool failed = !f->nth;

	f->nth = n;
	f->nth_err = err;
	return failed;
}

void fake_no_stat(struct fake *f)
{
	f->no_stat = true;
}

void fake_far(struct fake *f)
{
	f->far = true;
}

/* ---- what was asked of it ---- */

unsigned fake_fetches(struct fake *f, const struct oid *oid)
{
	LOCK_SCOPE(&f->lock);

	return known(f, oid)->fetches;
}

unsigned fake_onces(struct fake *f)
{
	LOCK_SCOPE(&f->lock);
	return f->onces;
}

unsigned fake_resolves(struct fake *f)
{
	LOCK_SCOPE(&f->lock);

	return f->resolves;
}

unsigned fake_jobs(struct fake *f)
{
	LOCK_SCOPE(&f->lock);

	return f->jobs;
}

void fake_wait_held(struct fake *f, unsigned n)
{
	struct timespec end;
	int r = 0;
	unsigned held;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += WAIT_S;
	pthread_mutex_lock(&f->lock);
	while (f->nheld < n && !r)
		r = pthread_cond_timedwait(&f->changed, &f->lock, &end);
	held = f->nheld;
	pthread_mutex_unlock(&f->lock);
	must(held == n);
}

/* ---- itself ---- */

struct fake *fake_new(void)
{
	struct fake *f = calloc(1, sizeof *f);

	must(f);
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	list_init(&f->objects);
	list_init(&f->refs);
	list_init(&f->held);
	return f;
}

struct backend *fake_backend(struct fake *f)
{
	struct fake_handle *h = calloc(1, sizeof *h);

	must(h);
	h->base.ops = f->far ? &fake_ops_far :
		      f->no_stat ? &fake_ops_no_stat : &fake_ops;
	h->fake = f;
	return &h->base;
}

void fake_free(struct fake *f)
{
	struct list *l;

	if (!f)
		return;
	must(list_empty(&f->held));
	while ((l = list_pop(&f->objects))) {
		struct object *o = container_of(l, struct object, link);

		free(o->data);
		free(o);
	}
	while ((l = list_pop(&f->refs))) {
		struct ref *r = container_of(l, struct ref, link);

		free(r->name);
		free(r);
	}
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
