/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/rest/both.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"

enum {
	GIT_PAUSE_MS = 60000,   /* it refused: not to be asked for so long */
	BLOB_MAX = 128 << 20,   /* of a file whose length is not told */
	PIECE = 64 << 10,
};

static void end(struct asked *a, int err)
{
	struct job *job = a->job;

	free(a);
	job->ops->done(job, err);
}

/* ---- for an API ---- */

int both_json(struct asked *a, const char *what, const char *accept,
	      size_t max, struct json_object **ret, int *status)
{
	struct rest_reply reply;
	int r = a->both->api->ask(a, what, accept, max, &reply);

	if (r)
		return r;
	if (status)
		*status = reply.status;
	r = json_read(reply.text, reply.len, ret);
	rest_end(&reply);
	return r;
}

/* 'length' bytes, as they come, and hashed: the next place might have the
 * right ones. */
static int pass_on(struct job *job, const struct oid *oid,
		   struct rest_reply *reply)
{
	CLEANUP_FREE char *buf = malloc(PIECE);
	uint64_t left = (uint64_t)reply->length;
	struct oid_hash *h;
	struct oid is;
	int r, other;

	if (!buf || oid_hash_start(&h, oid->len, OBJ_BLOB, left))
		return -ENOMEM;
	r = job->ops->start(job, oid, OBJ_BLOB, left);
	while (!r && left) {
		ssize_t n = rest_read(reply, buf, left < PIECE ? left : PIECE,
				      job->deadline);

		if (n <= 0) {
			r = n ? (int)n : -ECONNRESET;
			break;
		}
		r = oid_hash_data(h, buf, (size_t)n);
		if (!r)
			r = job->ops->data(job, buf, (size_t)n);
		left -= (size_t)n;
	}
	other = oid_hash_end(h, &is);
	if (r || other)
		return r ? r : other;
	return oid_eq(&is, oid) ? job->ops->end(job) : -EBADMSG;
}

int both_blob(struct asked *a, const struct oid *oid, const char *what,
	      const char *accept)
{
	const struct both_api *api = a->both->api;
	struct rest_reply reply;
	int r = api->ask(a, what, accept, 0, &reply);

	if (r)
		return r;
	if (reply.status != 200) {
		r = -ENOENT;
	} else if (reply.length >= 0) {
		r = pass_on(a->job, oid, &reply);
	} else {
		rest_end(&reply);
		r = api->ask(a, what, accept, BLOB_MAX, &reply);
		if (r)
			return r;
		r = job_object(a->job, oid, OBJ_BLOB, reply.text, reply.len);
	}
	rest_end(&reply);
	return r;
}

int both_name(void *arg, struct json_object *j)
{
	struct asked *a = arg;
	const char *name = json_text(j, "name");

	return name ? a->job->ops->name(a->job, name) : 0;
}

/* ---- which of the two ---- */

static bool git_refused(struct both *b)
{
	LOCK_SCOPE(&b->lock);
	return clock_ms() < b->git_refused;
}

static void note_git(struct both *b, bool refused)
{
	LOCK_SCOPE(&b->lock);
	b->git_refused = refused ? clock_ms() + GIT_PAUSE_MS : 0;
}

/* Was there nobody to answer? */
static bool is_silence(int err)
{
	switch (err) {
	case -ECONNREFUSED: case -EHOSTUNREACH: case -EHOSTDOWN:
	case -ETIMEDOUT: case -EPROTO: case -ECONNRESET:
		return true;
	default:
		return false;
	}
}

/* Is git not to be had here, or not now, while the API may be?  To those it
 * does not know, its host refuses what is not there at all. */
static bool is_refusal(int err)
{
	return is_silence(err) || err == -EACCES || err == -EBADMSG ||
	       err == -EPROTONOSUPPORT || err == -EAGAIN || err == -EIO;
}

static void go_api(struct asked *a)
{
	a->by_api = true;
	rest_submit(a->both->rest, &a->work, a->job->ahead);
}

static struct asked *from_below(struct job *below)
{
	return container_of(below, struct asked, below);
}

static int relay_start(struct job *below, const struct oid *oid,
		       enum obj type, uint64_t size)
{
	struct asked *a = from_below(below);

	a->type = type;
	return a->job->ops->start(a->job, oid, type, size);
}

/* The first line of a commit. */
static void see_tree(struct asked *a, const char *data, size_t len)
{
	const size_t start = strlen("tree ");
	struct oid tree;

	if (a->type == OBJ_COMMIT && a->both->api->tree_is &&
	    len > start + 40 && !memcmp(data, "tree ", start) &&
	    !oid_parse(data + start, 40, &tree))
		a->both->api->tree_is(a->both, &tree);
}

static int relay_data(struct job *below, const void *data, size_t len)
{
	struct asked *a = from_below(below);
	int r;

	see_tree(a, data, len);
	r = a->job->ops->data(a->job, data, len);
	below->deadline = a->job->deadline;
	return r;
}

static int relay_end(struct job *below)
{
	struct asked *a = from_below(below);

	return a->job->ops->end(a->job);
}

static void relay_size(struct job *below, size_t i, uint64_t size)
{
	struct asked *a = from_below(below);

	a->job->ops->size(a->job, i, size);
}

static void relay_ref_is(struct job *below, const struct oid *commit)
{
	struct asked *a = from_below(below);

	a->job->ops->ref_is(a->job, commit);
}

static void relay_done(struct job *below, int err)
{
	struct asked *a = from_below(below);
	bool refused = is_refusal(err);
	bool other = refused || (err == -ENOENT && a->both->api->git_may_lack);

	note_git(a->both, refused);
	if (a->verb == STAT && other)
		err = -ENOTSUP;
	if (a->verb != STAT && other && !a->by_api) {
		a->err = err;
		go_api(a);
	} else {
		/* The API tells what is wrong. */
		end(a, err && a->err ? a->err : err);
	}
}

static const struct job_ops relay_ops = {
	.start = relay_start,
	.data = relay_data,
	.end = relay_end,
	.size = relay_size,
	.ref_is = relay_ref_is,
	.done = relay_done,
};

static void go_git(struct asked *a)
{
	struct backend *git = a->both->base.below;

	a->by_git = true;
	a->below = *a->job;
	a->below.ops = &relay_ops;
	/* Trees come from the API, with sizes: all but those that it has
	 * listed wrongly. */
	if (a->job->type == OBJ_COMMIT || a->err == -EBADMSG)
		a->below.reach = REACH_WANTED;
	switch (a->verb) {
	case RESOLVE:
		git->ops->resolve(git, &a->below);
		break;
	case FETCH:
		git->ops->fetch(git, &a->below);
		break;
	case STAT:
		git->ops->stat(git, &a->below);
		break;
	case LIST:
		end(a, -ENOTSUP);
	}
}

static int by_api(struct asked *a)
{
	const struct both_api *api = a->both->api;

	switch (a->verb) {
	case RESOLVE:
		return api->resolve(a);
	case FETCH:
		return api->fetch(a);
	case LIST:
		return api->list(a);
	default:
		return -ENOTSUP;
	}
}

/* Could git be asked at all? */
static bool has_git(struct both *b)
{
	return b->base.below && !git_refused(b);
}

static void run_api(struct work *w)
{
	struct asked *a = container_of(w, struct asked, work);
	int r = by_api(a);

	/* It has what git says is not there: git's is another place. */
	if (!r && a->err == -ENOENT)
		note_git(a->both, true);
	/* What is not there by one name may be by the other: a tree's names
	 * need not be text, and a private repository's git is asked as
	 * somebody else. */
	if (!r || a->by_git || a->verb == LIST || !has_git(a->both)) {
		end(a, a->by_git && is_silence(r) ? a->err : r);
		return;
	}
	a->err = r;
	go_git(a);
}

static bool api_first(struct both *b, const struct job *job, enum verb verb)
{
	if (verb == LIST)
		return true;
	if (verb == STAT)
		return false;
	if (!has_git(b))
		return true;
	return !rest_is_limited(b->rest) && b->api->is_first(b, job, verb);
}

static void begin(struct backend *base, struct job *job, enum verb verb)
{
	struct both *b = both_of(base);
	struct asked *a;

	if ((verb == FETCH || verb == STAT) && !job->nwant) {
		job->ops->done(job, 0);
		return;
	}
	if (b->is_place != (verb == LIST)) {
		job->ops->done(job, verb == LIST ? -ENOTDIR : -ENOENT);
		return;
	}
	if (verb == STAT && !has_git(b)) {
		job->ops->done(job, -ENOTSUP);
		return;
	}
	a = calloc(1, sizeof *a);
	if (!a) {
		job->ops->done(job, -ENOMEM);
		return;
	}
	a->work.run = run_api;
	a->both = b;
	a->job = job;
	a->verb = verb;
	if (api_first(b, job, verb))
		go_api(a);
	else
		go_git(a);
}

void both_resolve(struct backend *b, struct job *job)
{
	begin(b, job, RESOLVE);
}

void both_fetch(struct backend *b, struct job *job)
{
	begin(b, job, FETCH);
}

void both_stat(struct backend *b, struct job *job)
{
	begin(b, job, STAT);
}

void both_list(struct backend *b, struct job *job)
{
	begin(b, job, LIST);
}

void both_why(struct backend *b, int err, char why[BACKEND_WHY])
{
	rest_why(both_of(b)->rest, err, why);
	if (!*why && b->below && b->below->ops->why)
		b->below->ops->why(b->below, err, why);
}

/* ---- opening ---- */

void both_init(struct both *b, const struct backend_ops *ops,
	       const struct both_api *api)
{
	b->base.ops = ops;
	b->api = api;
	pthread_mutex_init(&b->lock, NULL);
}

void both_clear(struct both *b)
{
	rest_close(b->rest);
	pthread_mutex_destroy(&b->lock);
}
