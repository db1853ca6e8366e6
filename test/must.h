/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* must.h - ck_assert() for what is said a million times: check writes to a
 * file at each of its assertions, also when it holds.
 *
 * Threads: the test's.
 */
#ifndef TEST_MUST_H
#define TEST_MUST_H

#include <check.h>

#define must(what) do { \
	if (!(what)) \
		ck_abort_msg("not so: %s", #what); \
} while (0)

#endif
