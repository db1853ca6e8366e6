/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* stores.h - the directories that hold a repository's objects: its own,
 * then its alternates (gitrepository-layout(5), objects/info/alternates).
 *
 * Knows nothing of what is in them.
 *
 * Threads: any; the list never changes.  Errors: -ENOMEM.
 */
#ifndef BACKEND_LOCAL_STORES_H
#define BACKEND_LOCAL_STORES_H

enum { STORES_MAX = 32 };

struct stores {
	unsigned n;
	char *path[STORES_MAX];         /* of directories like .git/objects */
};

/* Alternates that cannot be read are left out, as are those beyond
 * STORES_MAX or nested deeper than git follows. */
int stores_load(struct stores *ret, const char *objects);
void stores_clear(struct stores *);

#endif
