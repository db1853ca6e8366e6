/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* wait.h - waiting for another thread, but not beyond a moment of
 * clock_ms(); or just for a while.
 *
 * Threads: as for the condition.
 */
#ifndef BACKEND_WAIT_H
#define BACKEND_WAIT_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "common/clock.h"

static inline void wait_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
#ifndef __APPLE__
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

/* False when it is too late to wait.  True says no more than that something
 * may have changed. */
static inline bool wait_until(pthread_cond_t *cond, pthread_mutex_t *lock,
			      uint64_t deadline)
{
	enum { MS = 1000, NS = 1000000, LONGEST = 3600 * MS };
	uint64_t now = clock_ms(), left;
	struct timespec t;

	if (now >= deadline)
		return false;
	left = deadline - now < LONGEST ? deadline - now : LONGEST;
	t = (struct timespec){
		.tv_sec = (time_t)(left / MS),
		.tv_nsec = (long)(left % MS) * NS,
	};
#ifdef __APPLE__
	pthread_cond_timedwait_relative_np(cond, lock, &t);
#else
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	t.tv_sec += start.tv_sec;
	t.tv_nsec += start.tv_nsec;
	if (t.tv_nsec >= MS * NS) {
		t.tv_nsec -= MS * NS;
		t.tv_sec++;
	}
	pthread_cond_timedwait(cond, lock, &t);
#endif
	return true;
}

static inline void wait_ms(uint64_t ms)
{
	struct timespec t = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

#endif
