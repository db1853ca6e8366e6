/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cache/errand.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"

enum {
	FAR_TTL = 30000,        /* ms that a ref is believed, elsewhere */
	JITTER = 10,            /* a 10th of it, more or less */
};


static void fetch_commit(struct errand *e)
{
	e->step = COMMIT;
	errand_fetch(e, &e->commit, OBJ_COMMIT);
}

/* How long a ref is believed, in ms. */
static uint32_t ref_ttl(const struct errand *e)
{
	uint32_t ttl = e->source->refresh;

	return ttl ? ttl :
	       source_is_far(e->source) ? FAR_TTL : e->f->opt.ref_ttl;
}

/* What is left of that.  Who asks for many refs of one host shall not do so
 * all at once. */
static uint32_t time_to_live(const struct errand *e)
{
	uint32_t ttl = ref_ttl(e);

	if (source_is_far(e->source))
		ttl += randombytes_uniform(2 * ttl / JITTER + 1) - ttl / JITTER;
	return e->age < ttl ? (uint32_t)(ttl - e->age) : 1;
}

/* What came with the answer about another ref will do, if it is young. */
static void resolve(struct errand *e, bool shown)
{
	struct backend *b = e->source->backend;
	uint64_t now = clock_ms(), ttl = ref_ttl(e);

	e->step = RESOLVE;
	errand_job(e, NULL, 0, 0);
	e->job.once = shown;
	if (!e->again && now > ttl)
		e->job.since = now - ttl + ttl / JITTER;
	b->ops->resolve(b, &e->job);
}

/* After trouble it is what was known before. */
static void land_history(struct errand *e, struct history *h)
{
	flight_done(e->f->flights, &e->key, &h->v, e->err,
		    e->pinned ? 0 : time_to_live(e));
	errand_free(e);
}

/* What is known will do until its host has answered, which may not be there. */
static bool show_known(struct errand *e, struct history *known)
{
	if (!known || e->again || !source_is_far(e->source))
		return false;
	flight_show(e->f->flights, &e->key, value_ref(&known->v));
	return true;
}

/* A move that cannot be written down is not shown: what is known is, if
 * anything is. */
static void publish(struct errand *e, struct history *known)
{
	struct history *h;
	int r;

	if (!e->commit.len)
		e->tree = oid_empty_tree(OID_SHA1);
	r = root_publish(e->f->opt.roots, &e->source, e->ref, &e->commit,
			 &e->tree, e->time, &h);
	if (r && r != -ESTALE)
		log_warning("cannot be recorded in the state directory",
			    "source=%s error=%s do=make room there; till then "
			    "moves are not shown", e->source->name,
			    strerror(-r));
	e->err = r;
	if (!r)
		land_history(e, h);
	else if (known)
		land_history(e, history_ref(known));
	else
		errand_fail(e, r);
}

/* No answer: show what is known, if anything is.  But a ref that is no more
 * is no name any more. */
static void give_up(struct errand *e, struct history *known)
{
	if (!known || e->err == -ENOENT) {
		errand_fail(e, e->err);
		return;
	}
	errand_complain(e, e->err);
	land_history(e, history_ref(known));
}

/* A root, from job to job: which commit; then, when it is another one than
 * before, its tree and time; then write that down. */
void errand_root_run(struct errand *e)
{
	struct roots *rs = e->f->opt.roots;
	const struct root *root = root_find(rs, e->key.scope);
	CLEANUP_HISTORY struct history *known =
		root && root_is_served(root) ? root_history(rs, root) : NULL;

	switch (e->step) {
	case START:
		e->pinned = e->ref &&
			    !oid_parse(e->ref, strlen(e->ref), &e->commit);
		if (e->pinned && known)
			land_history(e, TAKE(known));
		else if ((e->err = errand_open(e)))
			give_up(e, known);
		else if (e->pinned)
			fetch_commit(e);
		else
			resolve(e, show_known(e, known));
		break;
	case RESOLVE:
		e->age = e->job.age;
		if (!e->err && !e->age)
			source_asked(e->source);
		if (!e->err)
			failures_forget(&e->f->failures, e->source->name);
		if (e->err)
			give_up(e, known);
		else if (!e->commit.len)
			publish(e, known);
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
			resolve(e, false);
		} else if (e->err) {
			give_up(e, known);
		} else {
			publish(e, known);
		}
	}
}
