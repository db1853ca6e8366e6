/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* dirs.h - directories: where things are kept when nobody has said, below /var
 * and /etc for root, below HOME or where XDG's variables say for others.
 *
 * Threads: any, while nobody changes the environment.
 */
#ifndef COMMON_DIRS_H
#define COMMON_DIRS_H

enum dirs_kind { DIRS_STATE, DIRS_CACHE, DIRS_CONFIG };

/* The caller frees it.  NULL: there is no HOME, or no memory. */
char *dirs_default(enum dirs_kind);

/* With those above it, which a fresh home directory lacks.  1: it was made, for
 * nobody else to see; 0: it is there already; or a negative errno. */
int dirs_make(const char *path);

#endif
