/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* fuzz_world.h - a small file system to try inputs on, always the same, with
 * the same key: so a handle in a corpus is good in every run.
 *
 * Threads: one.  Errors: what goes wrong ends the program.
 */
#ifndef TEST_FUZZ_WORLD_H
#define TEST_FUZZ_WORLD_H

#include "nfsd/fh.h"
#include "nfsd/service.h"

enum { WORLD_HANDLES = 16 };

struct world {
	struct service service;
	struct fh fh[WORLD_HANDLES];    /* of all kinds; the last are stale */
};

/* Made at the first call, for the whole run. */
struct world *world(void);
/* A directory that goes when the program ends. */
const char *world_dir(void);

#endif
