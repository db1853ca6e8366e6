/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* warm.h - a walk over a subtree that brings all of it here, before anybody
 * reads it; and, if it is told to, has it stay.
 *
 * It asks for many things at a time, so that they travel together, in the
 * order of a listing.  What is on this disk is not fetched again: a walk
 * that was cut short goes on where it was.
 *
 * Threads: admin's.
 */
#ifndef NFSD_ADMIN_WARM_H
#define NFSD_ADMIN_WARM_H

#include <stdbool.h>
#include <stdint.h>

#include "nfsd/admin/admin.h"

struct warm;

struct warm_progress {
	uint64_t found;         /* entries seen so far */
	uint64_t done;          /* of those, that are here */
	uint64_t directories;   /* among the latter */
	uint64_t bytes;         /* of the files among them */
	uint64_t failed;
	int err;                /* the first failure's; 0: none */
	char at[256];           /* the path that was done last; if one failed,
				 * the first that did */
	bool stopped;           /* before its end */
	unsigned pin;           /* that was begun, for fs_pin_end(); 0: none */
};

/* 'path': a repository or anything in it, as in the file system.  'over' is
 * called once, from the loop, and ends it.  'pin': what is there now is to
 * stay.  -EINVAL: no path. */
int warm_start(struct warm **ret, struct admin *, const char *path, bool pin,
	       void (*over)(void *arg, const struct warm_progress *),
	       void *arg);

void warm_look(const struct warm *, struct warm_progress *ret);

/* Begin nothing more; it is over when what is under way has come. */
void warm_stop(struct warm *);

#endif
