/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* lock.h - mutexes, every one of them a leaf: a thread holds at most one,
 * and calls nothing outside its module with it.
 *
 * With LOCK_CHECK, which --with-sanitizer turns on, breaking that rule
 * aborts; without, this is pthread_mutex_lock(3).
 *
 * Threads: any.
 */
#ifndef COMMON_LOCK_H
#define COMMON_LOCK_H

#include <assert.h>
#include <pthread.h>

#ifdef LOCK_CHECK
extern _Thread_local unsigned lock_held;        /* by this thread */
#endif

/* Said before a callback, and before a call that may block. */
static inline void lock_none(void)
{
#ifdef LOCK_CHECK
	assert(!lock_held);
#endif
}

static inline void lock_take(pthread_mutex_t *m)
{
	lock_none();
	pthread_mutex_lock(m);
#ifdef LOCK_CHECK
	lock_held++;
#endif
}

static inline void lock_drop(pthread_mutex_t *m)
{
#ifdef LOCK_CHECK
	lock_held--;
#endif
	pthread_mutex_unlock(m);
}

static inline void lock_unlockp(pthread_mutex_t **m)
{
	lock_drop(*m);
}

static inline pthread_mutex_t *lock_scope(pthread_mutex_t *m)
{
	lock_take(m);
	return m;
}

/* Hold 'm' to the end of the enclosing block. */
#define LOCK_SCOPE(m) \
	__attribute__((cleanup(lock_unlockp), unused)) \
	pthread_mutex_t *lock_scope_ = lock_scope(m)

#endif
