/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* service.h - what the procedures serve: one for the whole server.
 *
 * Threads: any; once the server has started it changes only while that is
 * still (server_still()).
 */
#ifndef NFSD_SERVICE_H
#define NFSD_SERVICE_H

#include "cache/fs.h"
#include "common/keyed.h"

struct registry;
struct rule;

struct service {
	struct fs *fs;
	struct registry *registry;      /* what the port mapper tells */
	/* When a client on this machine mounts; NULL: nobody cares. */
	void (*mounted)(void *arg);
	void *mounted_arg;
	struct keyed fh_key;    /* signs the handles */
	uint64_t fsid;          /* one for the whole tree */
	uint32_t uid, gid;      /* to whom everything belongs */
	/* Rule number N of the file system is rule[N - 1]; NULL: none. */
	const struct rule *const *rule;
	size_t nrule;           /* 0: whatever a listener shows, all see */
};

/* NULL: everybody may see it. */
static inline const struct rule *service_rule(const struct service *s,
					      unsigned number)
{
	return number ? s->rule[number - 1] : NULL;
}

#endif
