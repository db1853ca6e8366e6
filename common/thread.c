/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/thread.h"

#include <errno.h>
#include <signal.h>

int thread_start(pthread_t *ret, void *(*run)(void *), void *arg)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(ret, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r ? -EAGAIN : 0;
}

int thread_start_detached(void *(*run)(void *), void *arg)
{
	pthread_t thread;
	int r = thread_start(&thread, run, arg);

	if (!r)
		pthread_detach(thread);
	return r;
}
