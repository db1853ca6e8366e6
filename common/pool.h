/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* pool.h - threads that do what may block: disk, inflate, hash, parse.
 *
 * Threads: every function from any thread.  A work's run() is called once,
 * on a pool thread, with no lock held; the work may be freed by it.
 * Errors: -ENOMEM, -EAGAIN (no thread could be made).
 */
#ifndef COMMON_POOL_H
#define COMMON_POOL_H

#include "common/list.h"
#include "common/span.h"

struct pool;

/* Embed it. */
struct work {
	struct list link;
	void (*run)(struct work *);
	struct span_id span;    /* who submitted it: set by that */
};

/* 'name' is shown by ps and gdb; at most 12 characters. */
int pool_start(struct pool **ret, const char *name, unsigned threads);

/* Run it, on behalf of whom it was submitted for. */
void work_run(struct work *);

/* In order of submission.  Never fails, never blocks. */
void pool_submit(struct pool *, struct work *);

/* Run what is queued, then join.  NULL is allowed.  Work that submits more
 * work while the pool stops has it run too. */
void pool_stop(struct pool *);

#endif
