/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* git.h - git, the judge of all that is shown, and other programs, by the
 * shell.
 *
 * Threads: any, but git_be_neutral() before there are others.
 * Errors: what fails ends the program, with a line that says so.
 */
#ifndef TEST_GIT_H
#define TEST_GIT_H

#include <stddef.h>

#include "common/oid.h"

/* From now on nothing of who runs the tests, or when, makes a difference. */
void git_be_neutral(void);

/* The output of "git -C REPO FORMAT..."; the caller frees it.  A NUL follows
 * it; *len, when not NULL, gets its length.  The form without _bytes drops the
 * last newline. */
char *git_bytes(size_t *len, const char *repo, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
char *git(const char *repo, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* For what it does. */
void git_do(const char *repo, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* "git -C REPO rev-parse". */
struct oid git_id(const char *repo, const char *revision);

/* A shell command line, for what it does, and all that one prints; the caller
 * frees it. */
void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *output(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
