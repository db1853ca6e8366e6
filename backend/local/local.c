/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Repositories on this disk.  libgit2 reads refs and packs; loose objects,
 * and packed blobs too large for memory, have readers of their own.
 *
 * Other processes move refs, repack and prune while we read, so what a view
 * remembers of packs is forgotten with it after VIEW_AGE.
 */
#include "backend/backend.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/types.h>

#include "backend/local/cat.h"
#include "backend/local/glance.h"
#include "backend/local/locate.h"
#include "backend/local/loose.h"
#include "backend/local/resolve.h"
#include "backend/local/view.h"
#include "common/cleanup.h"
#include "common/clock.h"

enum {
	IDLE_MAX = 4,           /* views kept open, while not in use */
	USED_MIN = 4, USED_MAX = 8,     /* in use at a time, by processors */
	VIEW_AGE = 30000,       /* ms: how long a deleted pack may be held */
	WHOLE_MAX = 2 << 20,    /* bytes: larger blobs are read in chunks */
	CHUNK = 64 << 10,       /* bytes */
};

struct local {
	struct backend base;
	char *git_dir;          /* absolute */
	/* idle.lock covers what follows. */
	uint64_t distrusted;    /* clock_ms(): views of before are not used
				 * again */
	struct glance was;      /* when the default branch was at ... */
	struct oid at;          /* length 0: not known */
};

static struct local *to_local(struct backend *b)
{
	return (struct local *)b;
}

static bool late(const struct job *job)
{
	return clock_ms() >= job->deadline;
}

/* ---- views ---- */

/* Those not in use, of all repositories, least recently used first: each
 * holds memory and open files. */
static struct {
	pthread_mutex_t lock;   /* covers the rest */
	unsigned n;
	struct {
		const struct local *of;
		struct view *view;
	} at[IDLE_MAX];
	unsigned used;
	pthread_cond_t given;
} idle = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.given = PTHREAD_COND_INITIALIZER,
};

/* Take away those of 'all_of', and those too old to be used again. */
static unsigned retire(const struct local *all_of, struct view *ret[IDLE_MAX])
{
	uint64_t now = clock_ms();
	unsigned kept = 0, gone = 0;

	LOCK_SCOPE(&idle.lock);
	for (unsigned i = 0; i < idle.n; i++) {
		if (idle.at[i].of == all_of ||
		    now - idle.at[i].view->born >= VIEW_AGE)
			ret[gone++] = idle.at[i].view;
		else
			idle.at[kept++] = idle.at[i];
	}
	idle.n = kept;
	return gone;
}

static void close_idle(const struct local *all_of)
{
	struct view *old[IDLE_MAX];
	unsigned n = retire(all_of, old);

	while (n > 0)
		view_close(old[--n]);
}

/* The lock is held. */
static struct view *remove_idle(unsigned i)
{
	struct view *v = idle.at[i].view;

	idle.n--;
	memmove(&idle.at[i], &idle.at[i + 1],
		(idle.n - i) * sizeof idle.at[i]);
	return v;
}

static struct view *pop_idle(const struct local *l)
{
	LOCK_SCOPE(&idle.lock);
	for (unsigned i = idle.n; i-- > 0;)
		if (idle.at[i].of == l)
			return remove_idle(i);
	return NULL;
}

/* Returns one that has to go for it, or NULL. */
static struct view *push_idle(const struct local *l, struct view *v)
{
	struct view *gone;

	LOCK_SCOPE(&idle.lock);
	if (v->born <= l->distrusted)
		return v;
	gone = idle.n == IDLE_MAX ? remove_idle(0) : NULL;
	idle.at[idle.n].of = l;
	idle.at[idle.n++].view = v;
	return gone;
}

/* More than there are processors to use them would only take memory. */
static unsigned used_max(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < USED_MIN ? USED_MIN : n > USED_MAX ? USED_MAX : (unsigned)n;
}

static void enter(void)
{
	unsigned max = used_max();

	LOCK_SCOPE(&idle.lock);
	while (idle.used >= max)
		pthread_cond_wait(&idle.given, &idle.lock);
	idle.used++;
}

static void leave(void)
{
	LOCK_SCOPE(&idle.lock);
	idle.used--;
	pthread_cond_signal(&idle.given);
}

static int take_view(struct local *l, struct view **ret)
{
	struct view *v;
	int r = 0;

	enter();
	close_idle(NULL);
	v = pop_idle(l);
	if (!v)
		r = view_open(&v, l->git_dir);
	if (r)
		leave();
	else
		*ret = v;
	return r;
}

/* A pack may have been cut short while it was mapped, and be well again. */
static void distrust_views(struct local *l)
{
	{
		LOCK_SCOPE(&idle.lock);
		l->distrusted = clock_ms();
	}
	close_idle(l);
}

/* 'err': how it went. */
static void give_view(struct local *l, struct view *v, int err)
{
	if (err == -EIO || err == -EBADMSG)
		distrust_views(l);
	view_close(push_idle(l, v));
	leave();
}

/* ---- fetch ---- */

/* Pass on all that 'read' yields, which must be 'size' bytes. */
static int pass(struct job *job, uint64_t size,
		ssize_t (*read)(void *from, void *buf, size_t len,
				uint64_t deadline), void *from)
{
	char buf[CHUNK];

	for (;;) {
		ssize_t n = late(job) ? -ETIMEDOUT :
			read(from, buf, sizeof buf, job->deadline);
		int r;

		if (n < 0)
			return (int)n;
		if ((uint64_t)n > size || (n == 0 && size > 0))
			return -EIO;
		if (n == 0)
			return 0;
		r = job->ops->data(job, buf, (size_t)n);
		if (r)
			return r;
		size -= (uint64_t)n;
	}
}

static ssize_t read_loose(void *from, void *buf, size_t len,
			  uint64_t deadline)
{
	(void)deadline;         /* a local file does not keep us waiting */
	return loose_read(from, buf, len);
}

static int send_loose(struct job *job, const struct oid *want,
		      const struct object *o)
{
	int r = job->ops->start(job, want, o->type, o->size);

	if (!r)
		r = pass(job, o->size, read_loose, o->loose);
	return r ? r : job->ops->end(job);
}

static ssize_t read_cat(void *from, void *buf, size_t len, uint64_t deadline)
{
	return cat_read(from, buf, len, deadline);
}

static int send_cat(struct job *job, const struct oid *want,
		    const struct object *o, struct cat *cat)
{
	int status, r = job->ops->start(job, want, o->type, o->size);

	if (!r)
		r = pass(job, o->size, read_cat, cat);
	status = cat_end(cat);
	if (!r)
		r = status;
	return r ? r : job->ops->end(job);
}

static int send_whole(struct view *v, struct job *job,
		      const struct oid *want, const struct object *o)
{
	git_odb_object *whole;
	int r = view_read_packed(v, o, &whole);

	if (r)
		return r;
	r = job_object(job, want, o->type, git_odb_object_data(whole),
		       git_odb_object_size(whole));
	git_odb_object_free(whole);
	return r;
}

static int send_packed(struct local *l, struct view *v, struct job *job,
		       const struct oid *want, const struct object *o)
{
	struct cat cat;
	int r;

	if (o->type != OBJ_BLOB || o->size <= WHOLE_MAX)
		return send_whole(v, job, want, o);
	/* libgit2 reads packed objects only whole. */
	r = cat_start(&cat, l->git_dir, want);
	if (r == -ENOENT)       /* git is not installed */
		return send_whole(v, job, want, o);
	return r ? r : send_cat(job, want, o, &cat);
}

static int send(struct local *l, struct view *v, struct job *job,
		const struct oid *want)
{
	struct object o;
	int r;

	if (late(job))
		return -ETIMEDOUT;
	r = view_find(v, want, &o);
	if (r)
		return r;
	if (o.type != job->type) {
		loose_close(o.loose);
		return -EBADMSG;
	}
	if (!o.loose)
		return send_packed(l, v, job, want, &o);
	r = send_loose(job, want, &o);
	loose_close(o.loose);
	/* A damaged one may have a sound twin in a pack. */
	if (r == -EIO && !view_find_packed(v, want, &o))
		r = send_packed(l, v, job, want, &o);
	return r;
}

static void local_fetch(struct backend *b, struct job *job)
{
	struct local *l = to_local(b);
	struct view *v;
	int err = late(job) ? -ETIMEDOUT : take_view(l, &v);

	if (err) {
		job->ops->done(job, err);
		return;
	}
	for (size_t i = 0; i < job->nwant; i++) {
		int r = send(l, v, job, &job->want[i]);

		if (!err)
			err = r;
	}
	give_view(l, v, err);
	job->ops->done(job, err);
}

/* ---- stat ---- */

static void tell_size(struct view *v, struct job *job, size_t i)
{
	struct object o;

	if (view_find(v, &job->want[i], &o))
		return;
	loose_close(o.loose);
	if (o.type == OBJ_BLOB)
		job->ops->size(job, i, o.size);
}

static void local_stat(struct backend *b, struct job *job)
{
	struct local *l = to_local(b);
	struct view *v;
	int err = late(job) ? -ETIMEDOUT : take_view(l, &v);

	if (err) {
		job->ops->done(job, err);
		return;
	}
	for (size_t i = 0; !err && i < job->nwant; i++) {
		if (late(job))
			err = -ETIMEDOUT;
		else
			tell_size(v, job, i);
	}
	give_view(l, v, err);
	job->ops->done(job, err);
}

/* ---- resolve ---- */

static bool is_where_it_was(struct local *l, const struct glance *now,
			    struct oid *ret)
{
	LOCK_SCOPE(&idle.lock);
	if (!l->at.len || !glance_same(&l->was, now))
		return false;
	*ret = l->at;
	return true;
}

static void remember(struct local *l, const struct glance *seen,
		     const struct oid *commit)
{
	LOCK_SCOPE(&idle.lock);
	l->was = *seen;
	l->at = *commit;
}

static int resolve_default(struct local *l, struct oid *ret)
{
	char branch[GLANCE_BRANCH];
	struct glance now;
	bool seen = glance_take(l->git_dir, branch, &now);
	struct view *v;
	int r;

	if (seen && is_where_it_was(l, &now, ret))
		return 0;
	r = take_view(l, &v);
	if (r)
		return r;
	r = resolve_head(v, ret);
	if (!r && seen && glance_is_settled(&now) &&
	    resolve_is_plain(v, branch))
		remember(l, &now, ret);
	give_view(l, v, r);
	return r;
}

static int resolve_ref(struct local *l, const char *ref, struct oid *ret)
{
	struct view *v;
	int r = take_view(l, &v);

	if (r)
		return r;
	r = resolve_name(v, ref, ret);
	give_view(l, v, r);
	return r;
}

static void local_resolve(struct backend *b, struct job *job)
{
	struct local *l = to_local(b);
	struct oid commit;
	int err = -ETIMEDOUT;

	if (!late(job))
		err = job->ref ? resolve_ref(l, job->ref, &commit) :
				 resolve_default(l, &commit);
	if (!err)
		job->ops->ref_is(job, &commit);
	job->ops->done(job, err);
}

/* ---- open and close ---- */

static void local_close(struct backend *b)
{
	struct local *l = to_local(b);

	close_idle(l);
	view_library_put();
	free(l->git_dir);
	free(l);
}

static int local_open(struct backend **ret, const char *path,
		      const struct backend_options *opt,
		      char why[BACKEND_WHY])
{
	struct local *l = calloc(1, sizeof *l);
	int r;

	(void)opt;
	if (!l || view_library_get()) {
		snprintf(why, BACKEND_WHY, "out of memory");
		free(l);
		return -ENOMEM;
	}
	l->base.ops = &backend_local;
	r = locate_repository(&l->git_dir, path, why);
	if (r) {
		local_close(&l->base);
		return r;
	}
	*ret = &l->base;
	return 0;
}

const struct backend_ops backend_local = {
	.name = "local",
	.open = local_open,
	.close = local_close,
	.resolve = local_resolve,
	.fetch = local_fetch,
	.stat = local_stat,
};
