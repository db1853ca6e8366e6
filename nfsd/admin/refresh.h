/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* refresh.h - look at sources now, and not when it is time to: for people,
 * and for hosts that tell us of a push.
 *
 * Threads: admin's.
 */
#ifndef NFSD_ADMIN_REFRESH_H
#define NFSD_ADMIN_REFRESH_H

#include <stdbool.h>
#include <stddef.h>

#include "nfsd/admin/admin.h"

struct json_object;

/* Ask for all that 'path' is within, or that are within it; "" for all.  At
 * the end 'over' is called, from the loop: 'result' (its own) tells of each,
 * or 'err' what went wrong. */
int refresh_start(struct admin *, const char *path,
		  void (*over)(void *arg, struct json_object *result),
		  void *arg);

struct control_call;
/* The command. */
void refresh_begin(struct control_call *);

#endif
