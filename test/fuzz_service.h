/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* fuzz_service.h - in place of rest.c and of git: a service that answers
 * what the input says, so that its backend reads that.
 *
 * An input is a list of jobs, each a byte with what it is, in its two lowest
 * bits, and what it comes with; for a fetch, the object's name; then its
 * answers.  An answer is a byte that tells of what kind it is, two with its
 * length, and so many bytes.  A length of 0 bytes ends a job's.
 *
 * Threads: one.  Errors: what must not be ends the program.
 */
#ifndef TEST_FUZZ_SERVICE_H
#define TEST_FUZZ_SERVICE_H

#include "backend/backend.h"
#include "test/fuzz.h"

/* What backends opened from now on are answered.  'known': they have a
 * token. */
void service_answer(struct fuzz *, bool known);
/* Do the jobs in the input. */
void service_ask(struct backend *repository, struct backend *place,
		 struct fuzz *);

#endif
