/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* standing.h - how things stand: all that the log, the control socket and
 * the metrics tell of a running server, gathered in one place.
 *
 * Threads: as server.h.
 * Errors: -ENOMEM.
 */
#ifndef NFSD_STANDING_H
#define NFSD_STANDING_H

#include "cache/fs.h"
#include "nfsd/census.h"

struct json_object;

struct standing {
	struct fs_stats fs;
	struct fs_shown *shown; /* by name */
	size_t nshown, all;     /* here; there are */
	struct census census;
};

/* With up to 'shown' repositories. */
int standing_take(struct fs *, struct server *, size_t shown,
		  struct standing *ret);
void standing_free(struct standing *);

/* The same as JSON, which the caller owns; NULL: out of memory. */
struct json_object *standing_json(const struct standing *);


#endif
