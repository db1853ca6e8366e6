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
#ifndef NFSD_ADMIN_STANDING_H
#define NFSD_ADMIN_STANDING_H

#include "cache/fs.h"
#include "nfsd/admin/census.h"
#include "nfsd/tally.h"

enum {
	STANDING_HOSTS = 64, STANDING_ROOTS = 64, STANDING_FAILURES = 16,
	STANDING_CODE = 24,
};

struct json_object;

/* Large: not for the stack. */
struct standing {
	struct fs_stats fs;
	struct fs_sources sources;
	struct fs_shown *shown; /* by name */
	size_t nshown, all;     /* here; there are */
	struct census census;
	struct fs_host host[STANDING_HOSTS];
	size_t nhost;
	struct fs_root root[STANDING_ROOTS];
	size_t nroot;
	struct fs_failure failure[STANDING_FAILURES];
	size_t nfailure;
	struct tally tally;     /* of all loops */
};

/* With up to 'shown' repositories. */
int standing_take(struct fs *, struct server *, size_t shown,
		  struct standing **ret);
void standing_free(struct standing *);          /* NULL is allowed */
static inline void standing_freep(struct standing **s)
{
	standing_free(*s);
}
#define CLEANUP_STANDING __attribute__((cleanup(standing_freep)))

/* What people call the status of an answer that struct fs_host counts. */
const char *standing_code(long status, char room[STANDING_CODE]);

/* The same as JSON, which the caller owns; NULL: out of memory. */
struct json_object *standing_json(const struct standing *);

#endif
