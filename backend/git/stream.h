/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* stream.h - bytes that come as they come.  Embed it.
 *
 * Threads: one at a time.
 * Errors: of whoever reads; -ECONNRESET it ended too soon.
 */
#ifndef BACKEND_GIT_STREAM_H
#define BACKEND_GIT_STREAM_H

#include <stddef.h>
#include <sys/types.h>

struct stream {
	/* Up to 'len' bytes, at least one; 0 at the end.  May wait. */
	ssize_t (*read)(struct stream *, void *buf, size_t len);
};

#endif
