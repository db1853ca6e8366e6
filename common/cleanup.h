/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* cleanup.h - locals that give back what they hold when they go. */
#ifndef COMMON_CLEANUP_H
#define COMMON_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#include "common/lock.h"

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}
#define CLEANUP_FREE __attribute__((cleanup(cleanup_freep)))

static inline void cleanup_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define CLEANUP_FD __attribute__((cleanup(cleanup_closep)))

/* Hand over ownership: yields the pointer and forgets it here. */
#define TAKE(p) __extension__({ __typeof__(p) taken_ = (p); (p) = NULL; taken_; })

/* The same of a descriptor, which becomes -1. */
#define TAKE_FD(fd) __extension__({ int taken_ = (fd); (fd) = -1; taken_; })

#endif
