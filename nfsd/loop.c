/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#ifdef HAVE_SYS_PRCTL_H
#include <sys/prctl.h>
#endif

#include "common/cleanup.h"
#include "common/fd.h"
#include "nfsd/loop.h"

struct loop {
	struct event_base *base;
	struct event *wake;
	int pipe[2];            /* a byte in it: there are posted tasks */
	pthread_t thread;
	unsigned index;
	bool running;

	pthread_mutex_t lock;   /* leaf; covers the rest */
	struct list posted;
	bool woken;             /* the byte is written, or tasks run now */
};

static void run_posted(struct loop *l)
{
	struct list batch, *n;

	for (;;) {
		{
			LOCK_SCOPE(&l->lock);
			list_take(&batch, &l->posted);
			if (list_empty(&batch)) {
				l->woken = false;
				return;
			}
		}
		while ((n = list_pop(&batch))) {
			struct task *t = container_of(n, struct task, link);

			t->run(t);
		}
	}
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	char byte[8];

	(void)what;
	/* At most one byte is ever in there. */
	while (read(fd, byte, sizeof byte) < 0 && errno == EINTR)
		;
	run_posted(arg);
}

int loop_new(struct loop **ret)
{
	struct event_config *config;
	struct loop *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return -ENOMEM;
	l->pipe[0] = l->pipe[1] = -1;
	pthread_mutex_init(&l->lock, NULL);
	list_init(&l->posted);

	config = event_config_new();
	if (config) {
		event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
		l->base = event_base_new_with_config(config);
		event_config_free(config);
	}
	if (!l->base || event_base_priority_init(l->base, 2)) {
		loop_free(l);
		return -ENOMEM;
	}
	r = fd_pipe(l->pipe);
	if (r) {
		loop_free(l);
		return r;
	}
	for (int i = 0; i < 2; i++)
		evutil_make_socket_nonblocking(l->pipe[i]);
	l->wake = event_new(l->base, l->pipe[0], EV_READ | EV_PERSIST,
			    on_wake, l);
	if (!l->wake || event_priority_set(l->wake, 0) ||
	    event_add(l->wake, NULL)) {
		loop_free(l);
		return -ENOMEM;
	}
	*ret = l;
	return 0;
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}

static void *loop_main(void *arg)
{
	struct loop *l = arg;
	sigset_t all;

	/* Signals are for the main thread; so a write to a peer that is
	 * gone is an error here and nothing else. */
	sigfillset(&all);
	sigdelset(&all, SIGBUS);        /* of a mapped file: its own */
	pthread_sigmask(SIG_BLOCK, &all, NULL);
#ifdef HAVE_SYS_PRCTL_H
	char name[16];

	snprintf(name, sizeof name, "loop-%u", l->index);
	prctl(PR_SET_NAME, name);
#endif
	event_base_dispatch(l->base);
	return NULL;
}

int loop_run(struct loop *l, unsigned index)
{
	int err;

	l->index = index;
	err = pthread_create(&l->thread, NULL, loop_main, l);
	if (err)
		return -err;
	l->running = true;
	return 0;
}

void loop_here(struct loop *l)
{
	event_base_dispatch(l->base);
	run_posted(l);
}

void loop_post(struct loop *l, struct task *t)
{
	LOCK_SCOPE(&l->lock);

	list_add_tail(&l->posted, &t->link);
	if (l->woken)
		return;
	l->woken = true;
	/* Not after the lock: whoever runs 't' may free the loop next. */
	while (write(l->pipe[1], "", 1) < 0 && errno == EINTR)
		;
}

void loop_end(struct loop *l)
{
	event_base_loopbreak(l->base);
}

void loop_join(struct loop *l)
{
	if (l->running)
		pthread_join(l->thread, NULL);
	l->running = false;
	run_posted(l);
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->wake)
		event_free(l->wake);
	if (l->base)
		event_base_free(l->base);
	for (int i = 0; i < 2; i++)
		if (l->pipe[i] >= 0)
			close(l->pipe[i]);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
