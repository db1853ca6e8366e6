/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* pattern.h - the URLs of an open-ended level: "https://host/{owner}/{repo}",
 * with a {placeholder} for each name on the way to a repository.  One that
 * is there twice stands for the same name.
 *
 * Knows text, and which backend would open it; not levels.
 *
 * Threads: any.
 * Errors: -EINVAL no placeholder, or too many; -ENOMEM.
 */
#ifndef CACHE_PATTERN_H
#define CACHE_PATTERN_H

#include "backend/backend.h"

enum { PATTERN_PARTS_MAX = 16 };

/* How many different placeholders, or 0 when it is no pattern. */
unsigned pattern_parts(const char *url);

/* Put part(arg, n) in place of the n-th different placeholder, from 0. */
int pattern_expand(const char *url, const char *(*part)(void *arg, unsigned n),
		   void *arg, char **ret);

/* Could repositories be opened by such URLs?  -EPROTONOSUPPORT, -ENOTDIR.
 * On error one line for a human in 'why'. */
int pattern_check(const char *url, const struct backend_options *,
		  char why[BACKEND_WHY]);

#endif
