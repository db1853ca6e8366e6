/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* job.h - jobs for a backend, and all that came of them.
 *
 * Threads: the test's own; several runs may be under way.
 * Errors: what goes wrong fails the test.
 */
#ifndef TEST_JOB_H
#define TEST_JOB_H

#include <check.h>
#include <stdbool.h>

#include "backend/backend.h"

enum { RUN_WANTS = 4096 };

struct run {
	struct job job;
	struct backend *backend;
	struct oid *want;
	bool *came;             /* want[i] */
	uint64_t *size;         /* of want[i], if told */

	struct oid oid;         /* the current object */
	enum obj type;
	struct oid_hash *hash;
	uint64_t left;
	unsigned got[OBJ_TAG + 1];      /* objects of each type */
	unsigned wrong;         /* calls that must not be */
	uint64_t bytes;
	unsigned sizes;
	unsigned told;          /* sizes of blobs, whatever was asked for */
	unsigned names;         /* of repositories */
	char name[64][32];
	struct oid commit, tree;        /* the latter: of commit_is() */
	int64_t time;
	bool answered, done;
	int err;
};

/* Fresh, with room for that many wants; no call is under way at the free.
 * Freed by run_free(). */
struct run *run_new(struct backend *, size_t wants);
void run_free(struct run *);

/* Set going; 'ms' is how long it may take. */
void run_fetch(struct run *, enum obj, enum reach, unsigned ms);
void run_stat(struct run *, unsigned ms);
void run_resolve(struct run *, const char *ref, unsigned ms);
void run_list(struct run *, unsigned ms);
/* Wait for the end: its error. */
int run_wait(struct run *);

/* All at once. */
int resolve(struct backend *, const char *ref, struct oid *ret);
int fetch_one(struct backend *, const struct oid *, enum obj, enum reach);

#endif
