/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Repositories elsewhere, through git's own protocol.
 *
 * What is asked for while others are on their way travels together: a
 * request costs a round trip, an object in it little.  A few threads per
 * repository, there only while it has work, wait for the answers and take
 * them apart, so that no slow host holds another up.
 */
#include "backend/backend.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/git/batch.h"
#include "backend/git/origin.h"
#include "backend/git/pipes.h"
#include "backend/git/smart.h"
#include "backend/wait.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/span.h"
#include "common/thread.h"

enum {
	REQUESTS = 4,           /* at a time, for one repository; of these */
	AHEAD = 2,              /* those that nobody waits for */
	GATHER_MS = 3,          /* to wait for company */
};

enum verb { RESOLVE, FETCH, STAT };

/* A job that waits for a thread. */
struct asked {
	struct list link;
	struct job *job;
	enum verb verb;
	uint64_t since;         /* clock_ms() */
	struct span_id span;    /* who asked */
};

struct git {
	struct backend base;
	struct origin *origin;
	pthread_mutex_t lock;   /* covers the rest */
	pthread_cond_t news;    /* more is asked, or a thread has ended */
	struct list queue;      /* struct asked, those ahead last */
	unsigned ahead;         /* requests that nobody waits for */
	unsigned threads;
	unsigned looking;       /* of them: not busy with a batch */
};

static struct git *to_git(struct backend *b)
{
	return (struct git *)b;
}

/* ---- batches ---- */

/* What may travel with what. */
static bool alike(const struct asked *a, const struct asked *b)
{
	return a->verb == b->verb && a->job->ahead == b->job->ahead &&
	       (a->verb != FETCH ||
		(a->job->type == b->job->type &&
		 (a->job->type == OBJ_BLOB || a->job->reach == b->job->reach)));
}

static size_t weight(const struct asked *a)
{
	return a->verb == RESOLVE ? BATCH_WANTS / BATCH_NAMES :
				    a->job->nwant;
}

static struct asked *first(struct git *g)
{
	return container_of(g->queue.next, struct asked, link);
}

/* Is there something that may be begun?  Room is left for those who wait. */
static bool is_ready(struct git *g)
{
	return !list_empty(&g->queue) &&
	       (!first(g)->job->ahead || g->ahead < AHEAD);
}

/* How many at the front of the queue, and others like them, fill a
 * request. */
static size_t count(struct git *g, bool *full)
{
	size_t n = 0, wants = 0;

	*full = false;
	for (struct list *l = g->queue.next; l != &g->queue; l = l->next) {
		struct asked *a = container_of(l, struct asked, link);

		if (!alike(a, first(g)))
			continue;
		*full = n && wants + weight(a) > BATCH_WANTS;
		if (*full)
			break;
		wants += weight(a);
		n++;
	}
	*full |= wants >= BATCH_WANTS;
	return n;
}

/* Objects are rarely wanted alone. */
static bool gathers(const struct asked *a)
{
	return a->verb == FETCH &&
	       (a->job->type == OBJ_TREE || a->job->type == OBJ_BLOB);
}

/* Wait for company, then take what travels together off the queue.  Another
 * thread may have been faster: then there is nothing. */
static void take(struct git *g, struct list *ret)
{
	bool full = false;
	size_t n;

	list_init(ret);
	LOCK_SCOPE(&g->lock);
	do
		n = is_ready(g) ? count(g, &full) : 0;
	while (n && !full && gathers(first(g)) &&
	       wait_until(&g->news, &g->lock, first(g)->since + GATHER_MS));
	g->looking--;
	g->ahead += n && first(g)->job->ahead;
	for (struct list *l = g->queue.next, *next; n > 0; l = next) {
		struct asked *a = container_of(l, struct asked, link);

		next = l->next;
		if (!list_empty(ret) &&
		    !alike(a, container_of(ret->next, struct asked, link)))
			continue;
		list_del(l);
		list_add_tail(ret, l);
		n--;
	}
}

static uint64_t patience(struct patience *p)
{
	struct batch *b = container_of(p, struct batch, patience);
	uint64_t until = 0;

	for (size_t j = 0; j < b->jobs; j++) {
		if (b->job[j] && b->job[j]->deadline > until)
			until = b->job[j]->deadline;
	}
	return until;
}

/* Do it, and free the list. */
static void carry_out(struct git *g, struct list *l)
{
	enum verb verb = container_of(l->next, struct asked, link)->verb;
	struct batch b = {
		.patience.until = patience,
		.origin = g->origin,
	};
	struct job *job[BATCH_WANTS];
	struct list *n;

	b.job = job;
	/* What is done for many is told of the first, with links to the
	 * others. */
	span_now = container_of(l->next, struct asked, link)->span;
	span_also.n = 0;
	while ((n = list_pop(l))) {
		struct asked *a = container_of(n, struct asked, link);

		if (memcmp(&a->span, &span_now, sizeof span_now) != 0)
			span_link(&span_also, &a->span);
		if (clock_ms() < a->job->deadline)
			job[b.jobs++] = a->job;
		else
			a->job->ops->done(a->job, -ETIMEDOUT);
		free(a);
	}
	if (!b.jobs)
		return;
	switch (verb) {
	case RESOLVE:
		batch_resolve(&b);
		break;
	case FETCH:
		batch_fetch(&b);
		break;
	case STAT:
		batch_stat(&b);
	}
}

/* ---- threads ---- */

/* Is this thread no longer needed?  It has done something 'ahead', or not. */
static bool leave(struct git *g, bool ahead)
{
	LOCK_SCOPE(&g->lock);
	g->ahead -= ahead;
	if (is_ready(g)) {
		g->looking++;
		return false;
	}
	g->threads--;
	pthread_cond_broadcast(&g->news);
	return true;
}

static void help(struct git *);

static void *run(void *arg)
{
	struct git *g = arg;

#ifdef __APPLE__
	pthread_setname_np("git");
#else
	pthread_setname_np(pthread_self(), "git");
#endif
	bool ahead;

	do {
		struct list l;

		take(g, &l);
		ahead = !list_empty(&l) &&
			container_of(l.next, struct asked, link)->job->ahead;
		if (list_empty(&l))
			continue;
		help(g);
		carry_out(g, &l);
	} while (!leave(g, ahead));
	return NULL;
}

/* Is one more thread of use?  As long as we know nothing of a repository,
 * one is enough to ask.  It counts from now on. */
static bool more_threads(struct git *g)
{
	unsigned max = origin_known(g->origin) ? REQUESTS : 1;

	LOCK_SCOPE(&g->lock);
	if (!is_ready(g) || g->looking || g->threads >= max)
		return false;
	g->threads++;
	g->looking++;
	return true;
}

/* No thread came.  If there is none at all, nobody will look at the queue:
 * take it. */
static void fewer_threads(struct git *g, struct list *ret)
{
	list_init(ret);
	LOCK_SCOPE(&g->lock);
	g->looking--;
	if (!--g->threads)
		list_take(ret, &g->queue);
}

/* See that somebody looks at the queue. */
static void help(struct git *g)
{
	struct list left, *n;

	if (!more_threads(g) || !thread_start_detached(run, g))
		return;
	fewer_threads(g, &left);
	while ((n = list_pop(&left))) {
		struct asked *a = container_of(n, struct asked, link);

		a->job->ops->done(a->job, -ENOMEM);
		free(a);
	}
}

static void enqueue(struct git *g, struct asked *a)
{
	struct list *before = &g->queue;

	LOCK_SCOPE(&g->lock);
	while (!a->job->ahead && before->prev != &g->queue &&
	       container_of(before->prev, struct asked, link)->job->ahead)
		before = before->prev;
	list_add_tail(before, &a->link);
	pthread_cond_broadcast(&g->news);
}

static void ask(struct git *g, struct job *job, enum verb verb)
{
	struct asked *a;

	if (verb != RESOLVE && !job->nwant) {
		job->ops->done(job, 0);
		return;
	}
	a = malloc(sizeof *a);
	if (!a) {
		job->ops->done(job, -ENOMEM);
		return;
	}
	a->job = job;
	a->verb = verb;
	a->since = clock_ms();
	a->span = span_now;
	enqueue(g, a);
	help(g);
}

/* ---- the backend ---- */

static void git_resolve(struct backend *b, struct job *job)
{
	ask(to_git(b), job, RESOLVE);
}

static void git_fetch(struct backend *b, struct job *job)
{
	ask(to_git(b), job, FETCH);
}

static void git_stat(struct backend *b, struct job *job)
{
	ask(to_git(b), job, STAT);
}

static void git_why(struct backend *b, int err, char why[BACKEND_WHY])
{
	origin_why(to_git(b)->origin, err, why);
}

/* A job may be done a moment before its thread is. */
static void wait_for_threads(struct git *g)
{
	LOCK_SCOPE(&g->lock);
	while (g->threads)
		pthread_cond_wait(&g->news, &g->lock);
}

static void git_close(struct backend *b)
{
	struct git *g = to_git(b);

	wait_for_threads(g);
	origin_free(g->origin);
	pthread_cond_destroy(&g->news);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

static const char *temporary(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

/* http(s)://, ssh:// and HOST:PATH; a path is one on this disk. */
static int open_transport(struct transport **ret, const char *url,
			  const struct backend_options *opt,
			  char why[BACKEND_WHY])
{
	if (!strncmp(url, "http", 4) && strstr(url, "://"))
		return smart_open(ret, url, opt, why);
	if (*url == '/')
		return pipes_open_local(ret, url, why);
	return pipes_open_ssh(ret, url, why);
}

static const struct backend_ops on_this_disk;

static int git_open(struct backend **ret, const char *url,
		    const struct backend_options *opt,
		    char why[BACKEND_WHY])
{
	static const struct backend_options none = { .user = NULL };
	struct transport *t;
	struct git *g;
	int r;

	if (!opt)
		opt = &none;
	r = open_transport(&t, url, opt, why);
	if (r)
		return r;
	g = calloc(1, sizeof *g);
	if (!g)
		t->ops->close(t);
	if (!g || origin_new(&g->origin, t, opt->spool_dir ? opt->spool_dir :
			     temporary())) {
		snprintf(why, BACKEND_WHY, "out of memory");
		free(g);
		return -ENOMEM;
	}
	g->base.ops = *url == '/' ? &on_this_disk : &backend_git;
	pthread_mutex_init(&g->lock, NULL);
	wait_init(&g->news);
	list_init(&g->queue);
	*ret = &g->base;
	return 0;
}

const struct backend_ops backend_git = {
	.name = "git",
	.far = true,
	.open = git_open,
	.close = git_close,
	.resolve = git_resolve,
	.fetch = git_fetch,
	.stat = git_stat,
	.why = git_why,
};

/* The same, for what a program on this machine reads. */
static const struct backend_ops on_this_disk = {
	.name = "git",
	.open = git_open,
	.close = git_close,
	.resolve = git_resolve,
	.fetch = git_fetch,
	.stat = git_stat,
	.why = git_why,
};
