/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* format.h - can we read a repository of this format?  One must not be read
 * by rules that are not its own, and libgit2 1.5 takes each for one whose
 * objects are named by SHA-1.  (git's technical/repository-version.txt)
 *
 * Threads: any, after view_library_get().
 * Errors: -ENOTSUP, -EIO, -ENOMEM.
 */
#ifndef BACKEND_LOCAL_FORMAT_H
#define BACKEND_LOCAL_FORMAT_H

#include "backend/backend.h"

/* 'dir' is the repository's own directory, common to all its work trees,
 * and ends with a slash. */
int format_check(const char *dir, char why[BACKEND_WHY]);

/* The extensions that we can read. */
enum { FORMAT_EXTENSIONS = 7 };
void format_extensions(const char *names[FORMAT_EXTENSIONS]);

#endif
