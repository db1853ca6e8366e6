/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* config_line.h - where in a configuration file something is said, for a
 * message to name: libgit2 does not tell.
 *
 * Knows the syntax of git-config(1) as far as it takes to find a line, not
 * what is wrong with one.
 *
 * Threads: any.
 */
#ifndef NFSD_CONFIG_CONFIG_LINE_H
#define NFSD_CONFIG_CONFIG_LINE_H

#include <limits.h>

enum { CONFIG_LAST = INT_MAX };

/* "FILE:LINE" of the nth (from 0) line that sets 'key', as libgit2 spells
 * it, in a file and what it includes; or of the last that does.  A key that
 * ends in a dot stands for all that begin so.  FILE alone when it is not
 * found, NULL when out of memory.  The caller frees it. */
char *config_line(const char *file, const char *key, unsigned nth);

#endif
