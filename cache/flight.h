/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* flight.h - keyed values, each fetched at most once at a time, kept within
 * a budget of memory.
 *
 * A flight is the life of one key: absent -> BUSY -> READY or FAILED ->
 * absent again when evicted or expired.  Whoever asks first for an absent
 * key starts the one fetch; everybody who asks while it is BUSY is parked
 * on it and woken when it lands.  It does not know what the values are, nor
 * how they are fetched.  Nothing in this file blocks or does I/O.
 *
 * A flight may also begin ahead of anybody asking.  Who asks while it is
 * BUSY joins it like any other; what lands before that is kept apart, in a
 * share of the budget, until somebody asks for it or newer ones push it
 * out: what may never be wanted does not push out what was.
 *
 * Invariants: a key has at most one fetch under way, from the miss or claim
 * to its flight_done(), and is not evicted before that, so nobody ends
 * another's flight; every parked waiter is woken exactly once; a
 * woken waiter holds a reference to what landed, so what it waited for
 * cannot be evicted before it has looked; a value that somebody holds is
 * not evicted, since that would give no memory back; nor is a failure while
 * it is remembered, or those it woke would not meet it.
 *
 * Threads: every function may be called from any thread.  The table is
 * split in shards, each with one mutex; every such mutex is a leaf (no
 * callback is ever called with it held).
 */
#ifndef CACHE_FLIGHT_H
#define CACHE_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "cache/fs.h"
#include "common/oid.h"
#include "common/waiter.h"

struct flights;

enum kind {
	KIND_ROOT,              /* struct history: what a root shows */
	KIND_TREE,              /* struct tree: a parsed tree object */
	KIND_BLOB,              /* struct blob: a file's bytes */
	KIND_SIZES,             /* struct sizes: of some entries of a tree */
	KIND_DIR,               /* struct dir: a directory at a path */
	KIND_LEVEL,             /* a level above repositories: it exists */
	KIND_PAGE,              /* struct page: a reply to a listing */
};
_Static_assert((int)KIND_PAGE + 1 == (int)FS_KINDS, "each is counted");

struct key {
	uint64_t scope;         /* the source's number; DIR, ROOT: root id;
				 * LEVEL: its id; PAGE: a history's serial */
	uint32_t part;          /* SIZES: which part of the tree; PAGE: the
				 * cookie */
	uint32_t kind;
	struct oid oid;         /* DIR: the directory's id; PAGE: all else */
};

/* Start fetching 'key'.  Called once per flight, no lock held, on the
 * thread of the asker, whose 'hint' is valid during the call only.  Must
 * end in exactly one flight_done(), from any thread. */
typedef void flight_miss(void *arg, const struct key *key, void *hint);

/* Somebody asked for what had been begun ahead: called for the first of
 * them, as flight_miss is. */
typedef void flight_met(void *arg, const struct key *key, void *hint);

/* 'budget' is in bytes of value cost over the whole table.
 * Returns NULL when out of memory. */
struct flights *flights_new(size_t budget, flight_miss *miss,
			    flight_met *met, void *arg);
/* Another budget from now on. */
void flights_set_budget(struct flights *, size_t);

/* No flight may be BUSY. */
void flights_free(struct flights *);

/* Ask for a value.
 *
 * Returns 0 and a new reference in *ret; or -EINPROGRESS, having parked
 * 'w'; or the negative errno the last fetch failed with, while that failure
 * is still remembered; or -ENOMEM.  With 'w' NULL nothing is started and
 * nothing parked: -EINPROGRESS then means "not here".
 *
 * A READY value past its time to live is still returned, and refreshed
 * behind the caller's back: readers never wait for a refresh.
 */
int flight_get(struct flights *, const struct key *, void *hint,
	       struct waiter *w, struct value **ret);

/* Fetch again what may have changed, however fresh it is: returns
 * -EINPROGRESS, having parked 'w' until that fetch has landed, 'w->err'
 * telling how, or, with -EALREADY, that one was under way before, which may
 * not have seen the change: ask again; or 0, it is believed for ever; or
 * -ENOMEM. */
int flight_renew(struct flights *, const struct key *, void *hint,
		 struct waiter *w);

/* A value that is READY, asked for before and not to be refreshed: 0 and a
 * new reference.  Else -EINPROGRESS, and flight_get() knows more. */
int flight_peek(struct flights *, const struct key *, struct value **ret);

/* Have what is there, or wait for what is on its way, whoever it is for: no
 * fetch is begun, and nobody is taken to have asked.  Returns 0 and a new
 * reference; -EINPROGRESS, having parked 'w' unless that is NULL; -ENOENT
 * when there is nothing, or a failure. */
int flight_join(struct flights *, const struct key *, struct waiter *w,
		struct value **ret);

/* Begin a flight that nobody asked for: whoever gets true is to fetch it and
 * to call flight_done().  False: it is there, or on its way, or failed a
 * moment ago. */
bool flight_claim(struct flights *, const struct key *);

/* End the flight of 'key', or add a value that had none.
 *
 * Takes over the caller's reference to 'v'; NULL only with err < 0, and with
 * both 'v' is what was known before.
 * 'ttl' is how long to believe the outcome, in ms; 0 means for ever, and
 * on failure that it is not remembered at all.  Those it wakes will ask
 * again, so remember a failure (a second will do) unless they should start
 * another fetch.  A failed refresh keeps the old value for another 'ttl';
 * but -ENOENT ends it: what is known not to be is not shown.  A value to be
 * believed for ever is kept whatever fails.
 */
void flight_done(struct flights *, const struct key *, struct value *v,
		 int err, uint32_t ttl);

/* A value that came along with another.  If its own flight is under way it
 * lands now, and flight_done() will find it done.  'ahead': nobody asked for
 * it, even indirectly.  Takes over 'v'. */
void flight_bring(struct flights *, const struct key *, struct value *v,
		  bool ahead);

/* What will do for those who wait, until flight_done() says what came of it;
 * unless there is a value already.  Takes over 'v'. */
void flight_show(struct flights *, const struct key *, struct value *v);

/* For values that are made, not fetched: keep 'v' under 'key' unless there
 * is one already.  Takes over 'v'; returns a reference to the one kept. */
struct value *flight_add(struct flights *, const struct key *,
			 struct value *v);

/* Forget 'key' if 'v' is what is kept under it: it turned out to be of no
 * use any more. */
void flight_drop(struct flights *, const struct key *, const struct value *v);

/* What was brought before anybody asked can also be had from elsewhere at
 * little cost: forget it if nobody has asked since, and others like it take
 * all of their share.  The older ones will be asked for first. */
void flight_spare(struct flights *, const struct key *, const struct value *v);

/* Have malloc() give back to the system what has been evicted, when it is
 * much: values of all sizes come and go and leave holes.  Takes some
 * milliseconds: for threads that may block. */
void flights_trim(struct flights *);

/* Bytes charged now. */
size_t flights_cost(const struct flights *);

/* Add up what happened so far. */
void flights_count(struct flights *, struct fs_count ret[FS_KINDS]);

#endif
