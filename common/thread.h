/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* thread.h - threads that are left alone by signals, which are for those who
 * expect them.  Only SIGBUS of a mapped file comes to who has read it.
 *
 * Threads: any.  Errors: -EAGAIN.
 */
#ifndef COMMON_THREAD_H
#define COMMON_THREAD_H

#include <pthread.h>

int thread_start(pthread_t *ret, void *(*run)(void *), void *arg);
/* One that nobody waits for. */
int thread_start_detached(void *(*run)(void *), void *arg);

#endif
