/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/rest/crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/thread.h"

struct crew {
	const char *name;
	unsigned max;
	pthread_mutex_t lock;   /* covers the rest */
	pthread_cond_t fewer;   /* threads */
	struct list queue;
	unsigned threads;
};

static struct work *next(struct crew *c)
{
	struct list *n;

	LOCK_SCOPE(&c->lock);
	n = list_pop(&c->queue);
	if (n)
		return container_of(n, struct work, link);
	c->threads--;
	pthread_cond_broadcast(&c->fewer);
	return NULL;
}

static void *run(void *arg)
{
	struct crew *c = arg;

#ifdef __APPLE__
	pthread_setname_np(c->name);
#else
	pthread_setname_np(pthread_self(), c->name);
#endif
	for (struct work *w; (w = next(c));)
		work_run(w);
	return NULL;
}

/* True: one more thread is to be started; it counts from now on. */
static bool enqueue(struct crew *c, struct work *w)
{
	LOCK_SCOPE(&c->lock);
	list_add_tail(&c->queue, &w->link);
	if (c->threads == c->max)
		return false;
	c->threads++;
	return true;
}

void crew_submit(struct crew *c, struct work *w)
{
	w->span = span_now;
	if (enqueue(c, w) && thread_start_detached(run, c))
		for (w = next(c); w; w = next(c))
			work_run(w);
}

int crew_new(struct crew **ret, const char *name, unsigned max)
{
	struct crew *c = calloc(1, sizeof *c);

	if (!c)
		return -ENOMEM;
	c->name = name;
	c->max = max;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->fewer, NULL);
	list_init(&c->queue);
	*ret = c;
	return 0;
}

static void wait_for_threads(struct crew *c)
{
	LOCK_SCOPE(&c->lock);
	while (c->threads)
		pthread_cond_wait(&c->fewer, &c->lock);
}

void crew_free(struct crew *c)
{
	if (!c)
		return;
	wait_for_threads(c);
	pthread_cond_destroy(&c->fewer);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
