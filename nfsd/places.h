/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* places.h - what a configuration shows, opened and in the file system.
 *
 * Threads: the main one.  May block for a moment.
 * Errors: what the sources say, with a line in 'why' that tells what is wrong
 * with which of them; -ENOMEM.
 */
#ifndef NFSD_PLACES_H
#define NFSD_PLACES_H

#include <stddef.h>

#include "nfsd/config/config.h"

struct fs;

/* Could all be shown?  Asks for refs that are named, elsewhere, too. */
int places_check(const struct config *, char why[CONFIG_WHY]);
/* Show them, before fs_start(). */
int places_add(struct fs *, const struct config *, char why[CONFIG_WHY]);
void places_log(const struct config *);
/* Of files that are named, and are not as they should be. */
void places_warn(const struct config *);

/* From one configuration to another: whatever is wrong with the new one is
 * found out here.  Both must stay. */
struct places_change;
int places_prepare(const struct config *from, const struct config *to,
		   struct places_change **ret, char why[CONFIG_WHY]);
/* As fs_change().  Once. */
int places_change(struct fs *, struct places_change *, char why[CONFIG_WHY]);
void places_change_free(struct places_change *);        /* NULL is allowed */

/* 'changed': to be opened anew.  The rest stays. */
struct places_count {
	size_t added, removed, changed;
};
void places_count(const struct config *from, const struct config *to,
		  struct places_count *ret);

#endif
