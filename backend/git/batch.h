/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* batch.h - jobs that travel together, and what becomes of them.
 *
 * Threads: a batch belongs to one; several of an origin at a time.
 * Errors: those of backend.h, through the jobs.
 */
#ifndef BACKEND_GIT_BATCH_H
#define BACKEND_GIT_BATCH_H

#include "backend/backend.h"
#include "backend/git/origin.h"

enum {
	BATCH_WANTS = 4096,     /* in one request */
	BATCH_NAMES = 64,       /* to look up in one request */
};

/* Of a fetch, all are of one type and reach. */
struct batch {
	struct patience patience;
	struct origin *origin;
	size_t jobs;
	struct job **job;       /* NULL: it has ended before the others */
};

/* Each ends all jobs. */
void batch_resolve(struct batch *);
void batch_fetch(struct batch *);
void batch_stat(struct batch *);

#endif
