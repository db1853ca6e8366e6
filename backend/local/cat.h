/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* cat.h - a blob through the git program, a piece at a time.
 *
 * For blobs too large to be held in memory, in packs, which libgit2 reads
 * only whole.  Knows nothing of jobs: whoever reads must count the bytes.
 *
 * Threads: any; a struct cat belongs to one at a time.
 * Errors: -ENOENT there is no git program; -ETIMEDOUT; -EIO git failed;
 * -EMFILE, -EAGAIN, -ENOMEM and kin, no process could be made.
 */
#ifndef BACKEND_LOCAL_CAT_H
#define BACKEND_LOCAL_CAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/program.h"
#include "common/oid.h"

struct cat {
	struct program git;
	bool ended;             /* it has written all it will */
};

/* 'git_dir' is a .git directory, or what takes its place. */
int cat_start(struct cat *ret, const char *git_dir, const struct oid *blob);

/* Up to 'len' bytes, as soon as there are any; 0 at the end.  Waits until
 * 'deadline' (clock_ms()) at most. */
ssize_t cat_read(struct cat *, void *buf, size_t len, uint64_t deadline);

/* End it, whether or not all was read.  0 when cat_read() came to the end
 * and git is content with what it wrote. */
int cat_end(struct cat *);

#endif
