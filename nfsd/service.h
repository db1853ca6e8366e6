/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* service.h - what the procedures serve: one for the whole server.
 *
 * Threads: any; it never changes once the server has started.
 */
#ifndef NFSD_SERVICE_H
#define NFSD_SERVICE_H

#include "cache/fs.h"
#include "common/keyed.h"

struct service {
	struct fs *fs;
	struct keyed fh_key;    /* signs the handles */
	uint64_t fsid;          /* one for the whole tree */
	uint32_t uid, gid;      /* to whom everything belongs */
};

#endif
