/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* scratch.h - directories for the tests of a program, and their end.
 *
 * Threads: the test's.  Errors: what goes wrong fails the test.
 */
#ifndef TEST_SCRATCH_H
#define TEST_SCRATCH_H

/* Around all tests, as an unchecked fixture or before and after the suite:
 * what a failed test leaves goes too. */
void scratch_start(void);
void scratch_stop(void);

/* A new empty directory; the caller frees its name. */
char *scratch_dir(void);

#endif
