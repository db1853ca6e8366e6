/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* faulty.h - repositories at a host that misbehaves as asked, by the git
 * backend.
 *
 * Threads: the test's.  Errors: what goes wrong fails the test.
 */
#ifndef TEST_FAULTY_H
#define TEST_FAULTY_H

#include "test/job.h"

enum { PATIENCE = 60000 };      /* ms */

extern int port;

/* ---- opening ---- */

struct backend *open_with(const char *host, const char *fault, const char *repo,
			  const struct backend_options *opt);
/* Repository 'repo' behind the faults of test/httpd.pl. */
struct backend *open_faulty(const char *fault, const char *repo);
/* What is said about it when asked why. */
void because(struct backend *b, int err, const char *text);

/* ---- names ---- */

void resolves_to(struct backend *b, const char *ref, const char *revision);
void resolves_not(struct backend *b, const char *ref);

/* ---- objects ---- */

struct run *fetched(struct backend *b, struct oid oid, enum obj type,
		    enum reach reach);
/* One request that brings these numbers of objects. */
void brings(struct backend *b, const char *revision, enum obj type,
	    enum reach reach, unsigned trees, unsigned blobs,
	    const char *filter);

/* ---- the program ---- */

/* "r" and, in the other format, "sha256". */
void make_repositories(void);

#endif
