/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* fuzz_job.h - a job that sees to it that its backend keeps the contract of
 * backend.h: nothing before start, no more bytes than were announced, nothing
 * behind done.
 *
 * Threads: one.  Errors: a broken contract ends the program.
 */
#ifndef TEST_FUZZ_JOB_H
#define TEST_FUZZ_JOB_H

#include "backend/backend.h"

enum { FUZZ_WANTS = 2 };

struct fuzz_job {
	struct job job;
	struct oid want[FUZZ_WANTS];
	bool judge_trees;       /* trees and commits are what they are called:
				 * who makes them has to see to that */
	/* Set by it: */
	bool done;
	int err;
	unsigned objects;       /* whole and right */
	bool refused;           /* one was too large */
	uint64_t tree_bytes;    /* of all trees */
	/* Of the object that is coming: */
	struct oid_hash *hash;
	struct oid oid;
	enum obj type;
	uint64_t left;
};

/* The rest of 'job' is the caller's. */
void fuzz_job_init(struct fuzz_job *);
/* It has to be over. */
void fuzz_job_end(struct fuzz_job *);

#endif
