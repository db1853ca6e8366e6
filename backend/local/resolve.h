/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* resolve.h - which commit a name means in a repository on this disk.
 *
 * Knows refs, tags and ids, and none of the expressions of gitrevisions(7).
 *
 * Threads: as for the view.
 * Errors: -ENOENT nothing of that name, or it is no commit; -EBADMSG a
 * malformed tag; -EIO, also where a ref names what is not there; -ENOMEM.
 */
#ifndef BACKEND_LOCAL_RESOLVE_H
#define BACKEND_LOCAL_RESOLVE_H

#include "backend/local/view.h"

/* The default branch.  An oid of length 0: it has no commit yet. */
int resolve_head(struct view *, struct oid *ret);
/* Is 'branch' that, and does nothing say where it is but its own file, or
 * packed-refs, beside HEAD? */
bool resolve_is_plain(struct view *, const char *branch);

/* A branch, a tag, any other ref, or a full or abbreviated id. */
int resolve_name(struct view *, const char *name, struct oid *ret);

#endif
