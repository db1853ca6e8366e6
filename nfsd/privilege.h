/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* privilege.h - what is done with the rights of whoever starts the server,
 * and their end.
 *
 * Threads: before there are others.
 * Errors: with a line for a human in 'why'.
 */
#ifndef NFSD_PRIVILEGE_H
#define NFSD_PRIVILEGE_H

#include <stddef.h>
#include <stdint.h>

enum { PRIVILEGE_WHY = 256 };

/* As many descriptors as the system lets us have. */
void privilege_raise_files(void);

/* Be this user from now on, for good, with these directories, which are
 * made when missing, as its own.  -ENOENT no such user; -EPERM. */
int privilege_drop(const char *user, const char *const *dirs, size_t n,
		   char why[PRIVILEGE_WHY]);

#endif
