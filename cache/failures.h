/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* failures.h - what could not be had lately, for people.
 *
 * The last of each name; a few.  Where there are more, the oldest goes, and
 * first of all names that were tried and are not there: programs try many.
 *
 * Threads: any.
 * Errors: none.
 */
#ifndef CACHE_FAILURES_H
#define CACHE_FAILURES_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "cache/fs.h"

enum { FAILURES = 16, FAILURES_S = 3600 };      /* then they are forgotten */

struct failures {
	pthread_mutex_t lock;   /* covers the rest */
	struct fs_failure is[FAILURES];
	size_t n;
};

#define FAILURES_INIT { .lock = PTHREAD_MUTEX_INITIALIZER }

void failures_note(struct failures *, const struct fs_failure *);
/* Its refs can be had again. */
void failures_forget(struct failures *, const char *name);
/* The youngest first; how many were written. */
size_t failures_list(struct failures *, struct fs_failure *ret, size_t room);

#endif
