/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/thread.h"

struct pool {
	char name[13];
	pthread_mutex_t lock;   /* covers the next three */
	pthread_cond_t more;
	struct list queue;      /* struct work */
	bool stopping;
	atomic_uint submitting; /* threads that are not done with it */
	unsigned threads;
	pthread_t thread[];
};

static void name_thread(const char *name)
{
#ifdef __APPLE__
	pthread_setname_np(name);
#else
	pthread_setname_np(pthread_self(), name);
#endif
}

/* The next work, or NULL when there will be no more for this thread.  What
 * a running work submits after that is left to the thread that runs it. */
static struct work *next(struct pool *p)
{
	struct list *n;

	LOCK_SCOPE(&p->lock);
	while (!(n = list_pop(&p->queue)) && !p->stopping)
		pthread_cond_wait(&p->more, &p->lock);
	return n ? container_of(n, struct work, link) : NULL;
}

void work_run(struct work *w)
{
	lock_none();
	span_now = w->span;
	w->run(w);
	span_now = (struct span_id){ .span = { 0 } };
}

static void *worker(void *arg)
{
	struct pool *p = arg;
	struct work *w;

	name_thread(p->name);
	while ((w = next(p)))
		work_run(w);
	return NULL;
}

int pool_start(struct pool **ret, const char *name, unsigned threads)
{
	struct pool *p = calloc(1, sizeof *p + threads * sizeof *p->thread);
	int err = 0;

	if (!p)
		return -ENOMEM;
	snprintf(p->name, sizeof p->name, "%s", name);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->more, NULL);
	list_init(&p->queue);

	while (!err && p->threads < threads) {
		err = thread_start(&p->thread[p->threads], worker, p);
		p->threads += !err;
	}
	if (err) {
		pool_stop(p);
		return err;
	}
	*ret = p;
	return 0;
}

static void put(struct pool *p, struct work *w)
{
	LOCK_SCOPE(&p->lock);
	list_add_tail(&p->queue, &w->link);
	p->submitting++;
}

/* Whom it wakes shall not find the lock taken. */
void pool_submit(struct pool *p, struct work *w)
{
	w->span = span_now;
	put(p, w);
	pthread_cond_signal(&p->more);
	p->submitting--;
}

static void tell_to_stop(struct pool *p)
{
	LOCK_SCOPE(&p->lock);
	p->stopping = true;
	pthread_cond_broadcast(&p->more);
}

void pool_stop(struct pool *p)
{
	if (!p)
		return;
	tell_to_stop(p);
	for (unsigned i = 0; i < p->threads; i++)
		pthread_join(p->thread[i], NULL);
	while (p->submitting)
		sched_yield();
	pthread_cond_destroy(&p->more);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
