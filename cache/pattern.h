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

#include <stdbool.h>

#include "backend/backend.h"

enum { PATTERN_PARTS_MAX = 16 };

/* How many different placeholders, or 0 when it is no pattern. */
unsigned pattern_parts(const char *url);

/* A name's n-th part, from 0: what the n-th different placeholder stands
 * for. */
typedef const char *pattern_part(void *arg, unsigned n);

/* Put a name in place of the placeholders; in a URL, encoded. */
int pattern_expand(const char *url, pattern_part *, void *arg, char **ret);
/* Would that make 'text'? */
int pattern_makes(const char *url, pattern_part *, void *arg, const char *text,
		  bool *ret);

/* Is the host whatever the name says? */
bool pattern_any_host(const char *url);

/* May there be a name with these first 'n' parts?  A rule is a shell
 * pattern for each of a name's first parts, "OWNER/REPO*"; what begins so is
 * allowed or denied.  Without rules that allow, all is allowed; what is
 * denied is so in whatever case, and with ".git" behind it.  Both end in
 * NULL, or are NULL. */
bool pattern_permits(const char *const allow[], const char *const deny[],
		     pattern_part *, void *arg, unsigned n);

/* The same of another text: its placeholders are those of 'url'; others stay
 * as they are. */
int pattern_fill(const char *url, const char *text,
		 pattern_part *, void *arg, char **ret);

/* Could repositories be opened by such URLs?  -EPROTONOSUPPORT, -ENOTDIR.
 * On error one line for a human in 'why'. */
int pattern_check(const char *url, const struct backend_options *,
		  char why[BACKEND_WHY]);

#endif
