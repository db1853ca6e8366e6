/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* crew.h - a few threads that wait for one service, and are there only while
 * it is asked: so that no slow host holds another up.
 *
 * Threads: any.  A work's run() is called once, with no lock held.
 * Errors: -ENOMEM.
 */
#ifndef BACKEND_REST_CREW_H
#define BACKEND_REST_CREW_H

#include "common/pool.h"

struct crew;

/* 'name' as of a pool; 'max' threads at a time. */
int crew_new(struct crew **ret, const char *name, unsigned max);
/* Waits for what was submitted.  NULL is allowed. */
void crew_free(struct crew *);

/* In order of submission, on a thread of the crew; on this one when none can
 * be made. */
void crew_submit(struct crew *, struct work *);

#endif
