/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* state.h - what must survive a restart: the state directory.
 *
 *	key      32 secret bytes, in hex, mode 0600; made at the first start
 *	journal  one line per fact, appended and synced before it is used
 *	lock     held while a server runs on this directory
 *
 * The journal's lines, in which '%' writes bytes that would break a line:
 *
 *	level ID PATH                   this id was given out for a level
 *	root ID NAME LOCATION REF       this id was given out for NAME@REF
 *	move ID COMMIT TREE MTIME CTIME and showed this commit from CTIME on
 *	top HASH TIME                   the list of sources, when it changed
 *
 * It does not know what a root or a commit is for.
 *
 * Threads: state_append() any; the rest from one thread.
 * Errors: what the system calls say.
 */
#ifndef CACHE_STATE_H
#define CACHE_STATE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/oid.h"

enum { STATE_SECRET = 32, STATE_WHY = 256 };

struct state;

struct state_level {
	uint64_t id;
	const char *path;
};

struct state_root {
	uint64_t id;
	const char *name, *location;
	const char *ref;                /* NULL: the default branch */
};

struct state_move {
	uint64_t id;
	struct oid commit;              /* length 0: no commit yet */
	struct oid tree;
	struct timespec mtime, ctime;
};

struct state_top {
	uint64_t hash;
	struct timespec time;
};

/* What a journal's lines are told to, in their order.  Return 0, or a
 * negative errno to give up. */
struct state_reader {
	int (*level)(void *arg, const struct state_level *);
	int (*root)(void *arg, const struct state_root *);
	int (*move)(void *arg, const struct state_move *);
	int (*top)(void *arg, const struct state_top *);
};

/* Make or open the directory.  -EBUSY: another server has it.  On error
 * one line for a human in 'why'. */
int state_open(struct state **ret, const char *dir, char why[STATE_WHY]);
/* Read the journal, once, before anything is appended.  A last line cut
 * short by a crash is dropped. */
int state_read(struct state *, const struct state_reader *, void *arg,
	       char why[STATE_WHY]);
void state_close(struct state *);               /* NULL is allowed */

const uint8_t *state_secret(const struct state *);

/* Any may be NULL; they make one write. */
struct state_facts {
	const struct state_level *level;
	const struct state_root *root;
	const struct state_move *move;
	const struct state_top *top;
};

/* Durable when it returns 0. */
int state_append(struct state *, const struct state_facts *);

/* Replace the journal by what is appended between begin and end, which
 * happens entirely, or, when 'err' says that something failed, not at all.
 * Returns 'err' or its own. */
int state_rewrite_begin(struct state *);
int state_rewrite_end(struct state *, int err);

/* Lines in the journal, to decide whether a rewrite is worth while. */
size_t state_lines(const struct state *);

#endif
