/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* locally.h - repositories that git makes in a directory of the test's
 * own, found by relative paths, and jobs for a backend that has answered
 * before its verb returns.
 *
 * Threads: any may have a run of its own; the rest is the test's.
 * Errors: what goes wrong fails the test.
 */
#ifndef TEST_LOCALLY_H
#define TEST_LOCALLY_H

#include "backend/backend.h"
#include "test/git.h"

/* ---- git ---- */

/* The first line that a command prints: an object name, mostly. */
struct text {
	char s[256];
};

struct text first_line(char *all);

#define LINE_OF(...) first_line(output(__VA_ARGS__))

/* A repository 'r' with a file and a directory, one commit on main. */
void make_repository(void);
void commit(const char *repo, const char *what);

/* ---- asking the backend ---- */

enum { WANT_MAX = 128 };

/* A job and all that came of it. */
struct run {
	struct job job;
	struct oid want[WANT_MAX];

	/* What data() shall say, once it has got that many bytes; size() lets
	 * the deadline pass. */
	uint64_t stop_after;
	int stop_err;           /* 0: let the deadline pass instead */

	struct oid current;
	struct oid_hash *hash;
	uint64_t left, got;
	size_t largest;         /* piece of data */
	unsigned objects;       /* complete, and of the right name */
	unsigned sizes, answers, done, wrong;
	uint64_t size[WANT_MAX];
	struct oid commit;
	int err;
};

void run_init(struct run *r, enum obj type);
void want(struct run *r, const struct oid *oid);
struct backend *open_backend(const char *url);
/* This is a backend that answers before its verb returns. */
int fetch(struct backend *b, struct run *r);
int fetch_id(struct backend *b, enum obj type, const struct oid *oid);
int resolve(struct backend *b, const char *ref, struct oid *ret);
void resolves_to(struct backend *b, const char *ref, struct oid oid);
void resolves_not(struct backend *b, const char *ref);
/* Fetch every object that git lists in 'repo'; at least 'least' of them. */
void fetch_all(struct backend *b, const char *repo, unsigned least);

/* ---- a directory for each test ---- */

void setup(void);
unsigned open_files(void);

extern const struct oid nothing;

char *loose_path(const struct oid *oid);

#endif
