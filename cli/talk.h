/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* talk.h - the other end of the control socket: doc/control.md.
 *
 * Errors: -ENOENT, -ECONNREFUSED there is no server; -EACCES it is somebody
 * else's; -EPROTO it hung up, or says what is no answer; what the server
 * says is wrong, whose words talk_once() shows.
 */
#ifndef CLI_TALK_H
#define CLI_TALK_H

#include <stdbool.h>

#include "common/json.h"

struct cli;
struct talk;

int talk_open(struct talk **ret, const char *state_dir);
void talk_close(struct talk *);                 /* NULL is allowed */

/* Send a request, which is taken over. */
int talk_ask(struct talk *, struct json_object *request);
/* Wait for the next line, which is the caller's.  1: one in between; 0: the
 * last, *ret is its result, or NULL. */
int talk_next(struct talk *, struct json_object **ret);

/* Is somebody there? */
bool talk_is_up(const char *state_dir);

/* {"command": NAME}, to add to. */
struct json_object *talk_request(const char *name);

/* All of it: ask, wait for the result, and say what went wrong.  'request'
 * is taken over.  Returns an exit status; *ret is the result, or NULL. */
int talk_once(const struct cli *, struct json_object *request,
	      struct json_object **ret);
/* Say what the server knows of why 'path' cannot be had, if anything.  'told':
 * that it cannot be has been said. */
void talk_explain(const struct cli *, const char *path, bool told);
/* A result, on standard output, for programs. */
void talk_put(struct json_object *);
/* Say that there is no server, or why it cannot be asked; the exit
 * status. */
int talk_failed(const struct cli *, const struct talk *, int err);

#endif
