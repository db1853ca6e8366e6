/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* wants.h - the objects that the jobs of a batch want, and who gets what
 * comes.
 *
 * An object goes to all who want it, and one that nobody wants to the
 * first job: the cache may be glad of it.
 *
 * Threads: one at a time.
 * Errors: -ENOMEM.
 */
#ifndef BACKEND_GIT_WANTS_H
#define BACKEND_GIT_WANTS_H

#include <stdbool.h>
#include <stddef.h>

#include "backend/backend.h"
#include "backend/git/batch.h"
#include "common/oid.h"

struct want {
	struct oid oid;
	struct job *job;
	size_t i;               /* job->want[i] */
	uint32_t turn;          /* of all, as they were asked for */
	bool got;               /* it came, or ... */
	int err;                /* ... never will */
	bool asked;             /* in the current request */
	bool taking;            /* the current object goes there */
};

struct wants {
	struct batch *batch;
	size_t n, left;         /* 'left' are neither got nor failed */
	struct want *want;      /* by oid */
	uint32_t *order;        /* their places there, as they were asked for */
	size_t first, end;      /* those who want the current object */
	bool extra;             /* nobody does, but the first job takes it */
};

int wants_init(struct wants *ret, struct batch *);
void wants_clear(struct wants *);

/* Up to 'max' of those left, in the order in which they were asked for, each
 * once; they are 'asked' then. */
size_t wants_pick(struct wants *, struct oid *ret, size_t max);

void wants_fail(struct wants *, const struct oid *, int err);
/* All that are left, or of them all that were asked. */
void wants_fail_rest(struct wants *, bool asked, int err);

/* An object, as in struct pack_sink. */
int wants_start(struct wants *, const struct oid *, enum obj, uint64_t size);
int wants_data(struct wants *, const void *, size_t);
void wants_end(struct wants *);

/* Tell the size to all who want it. */
void wants_size(struct wants *, const struct oid *, uint64_t size);

/* End the jobs of the batch, each with the first error of its wants. */
void wants_done(struct wants *);

#endif
