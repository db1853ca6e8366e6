/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* glance.h - where a repository's default branch is, seen from outside: by
 * the files that say so.  When these are the same it has not moved, and
 * opening the repository to ask it, which costs far more, can be saved.
 *
 * Threads: any.
 * Errors: none; false says that it cannot be told.
 */
#ifndef BACKEND_LOCAL_GLANCE_H
#define BACKEND_LOCAL_GLANCE_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

enum { GLANCE_BRANCH = 256 };

struct glance {
	struct {
		ino_t ino;              /* 0: not there */
		off_t size;
		struct timespec changed;
	} file[3];              /* HEAD, the branch's, packed-refs */
};

/* 'branch' gets the one that HEAD names.  False where it names none. */
bool glance_take(const char *git_dir, char branch[GLANCE_BRANCH],
		 struct glance *ret);
bool glance_same(const struct glance *, const struct glance *);
/* Would another change show?  Not yet when the last was a moment ago. */
bool glance_is_settled(const struct glance *);

#endif
