/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* control.h - the control socket: who runs the server asks and tells it
 * things, a line of JSON at a time.  doc/control.md is the protocol.
 *
 * A request is one line; its answer any number of lines that tell how it
 * goes on, and one that ends it.  A connection has one request at a time;
 * the socket is for its owner alone (mode 0600).
 *
 * Bounds: CONTROL_PEERS connections, CONTROL_LINE bytes a request, and
 * CONTROL_QUEUE bytes of answers that nobody has read yet: beyond those
 * what is told in between is left out.
 *
 * Knows no request by itself.
 *
 * Threads: those of its loop.
 * Errors: -ENOMEM, and what the system calls say.
 */
#ifndef NFSD_ADMIN_CONTROL_H
#define NFSD_ADMIN_CONTROL_H

#include <stdbool.h>

#include "nfsd/loop.h"

enum {
	CONTROL_WHY = 256,
	CONTROL_PEERS = 64,
	CONTROL_LINE = 64 << 10,
	CONTROL_QUEUE = 4 << 20,
};

struct control;
struct json_object;

/* One request, from its line to its end. */
struct control_call {
	struct json_object *request;
	void *context;          /* as control_new() was given */
	/* The command's own.  'gone' is called when nobody is there any
	 * more to be told; the call must still be ended. */
	void *state;
	void (*gone)(struct control_call *);

	/* The rest is control.c's. */
	struct peer *peer;      /* NULL: gone */
};

struct control_command {
	const char *name;
	/* Must lead to exactly one control_end(), at once or later. */
	void (*run)(struct control_call *);
};

/* At 'path'; what is there is replaced.  'command' ends with a NULL name
 * and must stay. */
int control_new(struct control **ret, struct loop *, const char *path,
		const struct control_command *command, void *context,
		char why[CONTROL_WHY]);
/* Every call must have been ended.  NULL is allowed. */
void control_free(struct control *);
/* Keep the socket for the program that takes our place.  As
 * handover_keep(). */
int control_hand_over(struct control *);

/* A line in between.  Takes over 'line', which may be NULL.  False: it was
 * left out. */
bool control_tell(struct control_call *, struct json_object *line);

/* The last one: the result, which is taken over and may be NULL; or what is
 * wrong, in words for people and as an errno. */
void control_end(struct control_call *, struct json_object *result);
void control_fail(struct control_call *, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
