/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* github.h - a repository at GitHub, as its backend and what asks the API
 * know it.
 *
 * Threads: see both.h.
 */
#ifndef BACKEND_GITHUB_GITHUB_H
#define BACKEND_GITHUB_GITHUB_H

#include "backend/rest/both.h"

enum {
	SEEN = 4,               /* refs whose last answer we remember */
	ROOTS = 8,              /* commits whose trees we do */
};

/* What a ref was when we asked last. */
struct seen {
	char *path;
	char etag[256];
	struct oid commit;
};

struct github {
	struct both both;
	char *path;             /* "/repos/OWNER/NAME" */
	char *owner;            /* encoded */
	/* both.lock covers the rest */
	char *moved;            /* where 'path' redirects, or NULL */
	struct seen seen[SEEN];
	unsigned next_seen;
	struct oid root[ROOTS];
	unsigned next_root;
};

static inline struct github *to_github(struct both *b)
{
	return (struct github *)b;
}

extern const struct both_api github_api;

#endif
