/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* listing.h - trees, from what a service says is in them.
 *
 * A service lists names, modes and ids; git hashes them in a form of its
 * own.  So each tree is built again in that form, and is the right one when
 * its hash is its name: then the listing of it is whole and true, whatever
 * the service says about that.
 *
 * Threads: one at a time.
 * Errors: -ENOMEM, -EFBIG too many entries.
 */
#ifndef BACKEND_REST_LISTING_H
#define BACKEND_REST_LISTING_H

#include "backend/backend.h"

struct listing;

int listing_new(struct listing **ret);
void listing_free(struct listing *);            /* NULL is allowed */

/* 'path' is relative to the directory that is listed and is copied; 'mode'
 * as git has it: 040000, 0100644 ... */
int listing_add(struct listing *, const char *path, uint32_t mode,
		const struct oid *);

/* Hand 'job' the tree of that id, whose entries are those listed, and all of
 * those below it that are right, before it.  False: that tree is not. */
bool listing_deliver(struct listing *, const struct oid *tree, struct job *);

#endif
