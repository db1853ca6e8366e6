/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* mesa.h - a repository in a Mesa depot, as its backend and what asks the
 * API know it.
 *
 * Threads: see both.h.
 */
#ifndef BACKEND_MESA_MESA_H
#define BACKEND_MESA_MESA_H

#include "backend/mesa/place.h"
#include "backend/mesa/words.h"
#include "backend/rest/both.h"

enum {
	VERSIONS = 64,          /* commits whose changes we remember */
	CHANGE_MAX = 64,        /* size of the text of a change's id */
};

struct version {
	struct oid commit;
	char change[CHANGE_MAX];
};

struct mesa {
	struct both both;
	char *path;             /* "/ORGANISATION/NAME" */
	bool is_mirror;
	struct places *places;
	/* both.lock covers the rest */
	const struct words *words;      /* NULL: not seen yet */
	struct version version[VERSIONS];
	unsigned next_version;
};

static inline struct mesa *to_mesa(struct both *b)
{
	return (struct mesa *)b;
}

extern const struct both_api mesa_api;

#endif
