/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* admin.h - the running server, for those who run it: signals and the
 * control socket, on a loop of the main thread's.
 *
 * Threads: the main one.
 * Errors: as control.h.
 */
#ifndef NFSD_ADMIN_ADMIN_H
#define NFSD_ADMIN_ADMIN_H

#include <stdint.h>

#include "nfsd/admin/control.h"

enum { ADMIN_WHY = 256 };

struct event;
struct web;
struct fs;
struct server;

struct admin {
	struct fs *fs;
	struct server *server;
	const char *state_dir;
	const char *http_listen, *http_secret_file;     /* or NULL */

	/* The rest is its own. */
	struct loop *loop;
	struct control *control;
	struct web *web;        /* or NULL */
	struct event *signal[4];
	uint64_t started;       /* clock_ms() */
	unsigned waiters;       /* out, for commands */
	struct trace *trace;    /* while somebody watches, or NULL */
};

/* With 'fs', 'server' and 'state_dir' set; the rest of it zero.  A server
 * whose control socket cannot be made is no less a server: that is logged.
 * On error one line in 'why'. */
int admin_start(struct admin *, char why[ADMIN_WHY]);

/* Until there is a reason to stop. */
void admin_run(struct admin *);

/* -EBUSY: 'fs' still holds a waiter, and what it is to tell. */
int admin_stop(struct admin *);

/* What is asked by the control socket; the context is a struct admin. */
extern const struct control_command admin_commands[];

#endif
