/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* suite.h - a test program's tests run, and the exit status that follows.
 *
 * Threads: the test's.
 */
#ifndef TEST_SUITE_H
#define TEST_SUITE_H

#include <check.h>
#include <stdarg.h>

/* Adds tests, fixtures and maybe a time-out of its own to a test case. */
typedef void suite_add(TCase *);

/* Run a suite whose test cases are filled by these functions (NULL ends
 * them).  Returns what main() should, as all here do. */
int suite_run(const char *name, double timeout_s, ...)
	__attribute__((sentinel));
int suite_run_these(const char *name, double timeout_s, va_list add);

/* Nothing is run, since it lacks something: 'why' says what. */
int suite_skip(const char *why);

#endif
