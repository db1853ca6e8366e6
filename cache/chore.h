/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* chore.h - what waits for the disk and is no flight: it is done on a pool's
 * thread, and its waiter woken.
 *
 * Threads: any.
 */
#ifndef CACHE_CHORE_H
#define CACHE_CHORE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/list.h"
#include "common/oid.h"
#include "common/pool.h"

struct fs;
struct fs_usage;
struct value;
struct waiter;

struct chore {
	/* Its own business: */
	struct work work;
	struct list link;       /* fs.chores */
	/* Set by chore_new(); the rest is for who runs it. */
	struct fs *fs;
	struct waiter *waiter;
	int (*run)(struct chore *);
	unsigned pin;
	bool whole;
	uint64_t to;            /* bytes */
	/* What to add, of this kind, which holds 'data'. */
	struct value *held;
	struct oid oid;
	enum obj type;
	const void *data;
	uint64_t len;
	struct fs_usage *usage; /* where to tell */
	char path[];
};

/* 'path' without slashes at its ends.  NULL: out of memory. */
struct chore *chore_new(struct fs *, int (*run)(struct chore *),
			const char *path, struct waiter *);
/* -EINPROGRESS, or -ENOMEM when it is NULL. */
int chore_submit(struct chore *);
/* The same, for those that are done one at a time. */
int chore_queue(struct chore *);

#endif
