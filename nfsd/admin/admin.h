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

#include <stdbool.h>
#include <stdint.h>

#include "nfsd/admin/control.h"
#include "nfsd/reload.h"

enum { ADMIN_WHY = 256 };

struct event;
struct web;
struct fs;
struct server;
struct upgrade;

struct admin {
	struct fs *fs;
	struct server *server;
	struct reloading *reloading;
	const char *state_dir;
	const char *http_listen, *http_secret_file;     /* or NULL */

	/* The rest is its own. */
	struct loop *loop;
	struct control *control;
	struct web *web;        /* or NULL */
	struct event *signal[5];
	struct upgrade *upgrade;        /* while one is asked, or NULL */
	bool handing_over;      /* out: another program takes our place */
	uint64_t started;       /* clock_ms() */
	unsigned waiters;       /* out, for commands */
	struct trace *trace;    /* while somebody watches, or NULL */
};

/* With 'fs', 'server', 'reloading' and 'state_dir' set; the rest of it zero.  A server
 * whose control socket cannot be made is no less a server: that is logged.
 * On error one line in 'why'. */
int admin_start(struct admin *, char why[ADMIN_WHY]);

/* Until there is a reason to stop. */
void admin_run(struct admin *);

/* Keep the listeners that are its own, and the server's, for the program that
 * takes our place.  As handover_keep(). */
int admin_hand_over(struct admin *);

/* Open the log again, and read the configuration again.  As reload(), and what
 * became of it is in the log. */
int admin_reload(struct admin *, struct reload *ret, char why[CONFIG_WHY]);

/* -EBUSY: 'fs' still holds a waiter, and what it is to tell. */
int admin_stop(struct admin *);

/* What is asked by the control socket; the context is a struct admin. */
extern const struct control_command admin_commands[];

#endif
