/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* locate.h - find the repository that a path names, or say why there is
 * none that can be served and what to do about it.
 *
 * Threads: any, after view_library_get().
 * Errors: -ENOENT, -EACCES, -ENOTDIR and kin: what is wrong with the path;
 * -EINVAL no repository; -ENOTSUP one that we cannot read; -EIO, -ENOMEM.
 */
#ifndef BACKEND_LOCAL_LOCATE_H
#define BACKEND_LOCAL_LOCATE_H

#include "backend/backend.h"

/* *git_dir: the .git directory or what takes its place, absolute and with a
 * slash at its end; the caller frees it. */
int locate_repository(char **git_dir, const char *path,
		      char why[BACKEND_WHY]);

#endif
