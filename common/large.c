/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/large.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef SANITIZED

/* So that it is seen who writes beside it, or is only known from there. */
void *large_alloc(size_t size)
{
	enum { LINE = 64 };
	size_t lines = (size + LINE - 1) / LINE;
	void *at = aligned_alloc(LINE, lines * LINE);

	return at ? memset(at, 0, lines * LINE) : NULL;
}

void large_free(void *at, size_t size)
{
	(void)size;
	free(at);
}

#else

/* A part of a large page would be in small ones, or cost all of it. */
static size_t whole(size_t size)
{
	return size < LARGE_PAGE ? size :
		(size + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
}

void *large_alloc(size_t size)
{
	void *at = mmap(NULL, whole(size), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
#ifdef MADV_HUGEPAGE
	if (size >= LARGE_PAGE)
		madvise(at, whole(size), MADV_HUGEPAGE);
#endif
	return at;
}

void large_free(void *at, size_t size)
{
	if (at)
		munmap(at, whole(size));
}

#endif
