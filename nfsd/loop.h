/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* loop.h - a thread that waits for events and for posted tasks.
 *
 * What a loop's events and tasks touch belongs to its thread, so that
 * nothing above needs a lock.  Posted tasks run before other events: a
 * call that is woken up goes ahead of new ones.
 *
 * Knows no connections.
 *
 * Threads: loop_post() from any thread; loop_end() on the loop's own; the
 * rest from the one that made the loop.  Until loop_run(), and again after
 * loop_join(), that one may also do what belongs to the loop's thread.
 * Errors: -ENOMEM, -EAGAIN (no thread could be made), -EMFILE.
 */
#ifndef NFSD_LOOP_H
#define NFSD_LOOP_H

#include "common/list.h"

struct event_base;
struct loop;

/* Embed it. */
struct task {
	struct list link;
	void (*run)(struct task *);
};

int loop_new(struct loop **ret);
/* Where to add events. */
struct event_base *loop_base(struct loop *);

/* Start the thread.  'index' goes into its name. */
int loop_run(struct loop *, unsigned index);

/* Be its thread, until loop_end(). */
void loop_here(struct loop *);

/* Have 't' run on the loop's thread, in order of posting.  Never fails,
 * never blocks; a batch of posts costs one wake-up. */
void loop_post(struct loop *, struct task *t);

/* The thread is to end once it has done what is at hand. */
void loop_end(struct loop *);

/* Wait for that, then run here what was posted too late for the thread. */
void loop_join(struct loop *);

/* Of a loop that does not run.  NULL is allowed. */
void loop_free(struct loop *);

#endif
