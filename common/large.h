/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* large.h - memory in large pages, where the system has them: finding many
 * small ones costs as much as using what is in them.
 *
 * It is zero at first, and taken from the system as it is touched.  What is
 * smaller than a large page is in small ones.
 *
 * Threads: any.
 * Errors: NULL is out of memory.
 */
#ifndef COMMON_LARGE_H
#define COMMON_LARGE_H

#include <stddef.h>

enum { LARGE_PAGE = 2 << 20 };

void *large_alloc(size_t size);
void large_free(void *, size_t size);           /* NULL is allowed */

#endif
