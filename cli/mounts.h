/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* mounts.h - what is mounted here, as far as it is NFS and ours.
 *
 * Looks at the system's table only: to look at a mount itself whose server
 * is dead would wait for that.
 *
 * Errors: -ENOMEM, and what open(2) says.
 */
#ifndef CLI_MOUNTS_H
#define CLI_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/address.h"

struct mounted {
	char *dir;
	char *source;           /* "gitnfs:/github" */
	char *type, *options;
};

struct mounts {
	struct mounted *mount;  /* the topmost of a directory is last */
	size_t n;
};

int mounts_read(struct mounts *ret);
void mounts_free(struct mounts *);

/* What is mounted exactly there, or NULL. */
const struct mounted *mounts_at(const struct mounts *, const char *dir);

/* Did gitnfs mount it, and from where? */
bool mounts_is_ours(const struct mounted *, struct address *ret);
/* The path in the file system that it shows. */
const char *mounts_export(const struct mounted *);

/* The absolute path of a directory, without touching what may be mounted on
 * it.  The caller frees it; NULL: its parent is not there, errno says why. */
char *mounts_path(const char *dir);

#endif
