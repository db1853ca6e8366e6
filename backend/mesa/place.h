/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* place.h - where objects have been seen: at which path of which commit, for
 * a service that goes by path.  It forgets, and does not remember paths of
 * more than PLACE_PATH_MAX bytes: what is there is found by who has a path.
 *
 * Threads: any.
 * Errors: what there is no memory for is not remembered.
 */
#ifndef BACKEND_MESA_PLACE_H
#define BACKEND_MESA_PLACE_H

#include <stdbool.h>

#include "common/oid.h"

struct places;

enum { PLACE_PATH_MAX = 4096 };

struct place {
	struct oid oid, commit;
	bool link;              /* a symbolic link */
	char path[];            /* "" for the root */
};

struct places *places_new(void);                /* NULL: out of memory */
void places_free(struct places *);              /* NULL is allowed */

void places_note(struct places *, const struct oid *,
		 const struct oid *commit, const char *path, bool link);
/* The caller frees it; NULL: not known. */
struct place *places_find(struct places *, const struct oid *);

#endif
