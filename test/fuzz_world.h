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

/* What the world is made of, for another: a source, ... */
struct fake;
struct fake *world_fake(void);
/* ... a state directory with its key, ... */
void world_key(const char *state_dir);
/* ... and a name looked up and its attributes fetched, waiting. */
void world_find(struct node *in, const char *name, struct node *ret);

#endif
