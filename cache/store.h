/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* store.h - objects on this disk, by id, whatever source they came from;
 * and the sizes of blobs that are not there.
 *
 * To those who ask it is one more source, whose every object they compare
 * with its name: bytes that have changed on the disk are forgotten, counted,
 * and never shown.
 *
 * Records are appended to segments, files numbered as they are begun.  When
 * there are too many bytes the oldest segment is removed; what is read from
 * the older half is written again, so that what is used stays.  The index,
 * a table of slots in a file, tells where records are; a wrong slot leads to
 * a record that says it is another.  Nothing is read at start but the
 * directory, nothing is synced, and a crash loses what the kernel had not
 * written.  It is of use to the kind of machine that wrote it.
 *
 * It does not know sources, nor what is in an object.
 *
 * Threads: any that may block.  store_open() and store_close() from one;
 * store_pin_end(), store_unpin() and store_collect() one at a time.
 * Errors: -ENOSPC, -EDQUOT, -EIO and kin, the disk is the trouble; -ENOMEM.
 */
#ifndef CACHE_STORE_H
#define CACHE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/backend.h"
#include "cache/fs.h"
#include "common/oid.h"

enum { STORE_WHY = 256 };

struct store;

/* In a directory of its own, which is made when missing, for at most 'max'
 * bytes, and the index.  -ENOTEMPTY: the directory has something else in
 * it, which is left alone; -EBUSY: another server has it.  On error one
 * line for a human in 'why'. */
int store_open(struct store **ret, const char *dir, uint64_t max,
	       char why[STORE_WHY]);
/* Another limit from now on; not 0. */
void store_set_max(struct store *, uint64_t max);
void store_close(struct store *);               /* NULL is allowed */

/* Give 'job' an object, as a backend would, but for done().  True: it was
 * here and the job took it. */
bool store_fetch(struct store *, const struct oid *, enum obj, struct job *);
/* The same, but it is not taken to have been asked for. */
bool store_peek(struct store *, const struct oid *, enum obj, struct job *);
/* Is it here, or the size of a blob?  As the index has it, which costs little
 * and may be wrong. */
bool store_has(struct store *, const struct oid *, enum obj);
bool store_has_size(struct store *, const struct oid *);
/* How many bytes it takes here; 0: it is not. */
uint64_t store_weight(struct store *, const struct oid *, enum obj);
/* The size of a blob. */
bool store_size(struct store *, const struct oid *, uint64_t *ret);

/* Keep an object, whose name the caller has checked, unless it is there.
 * One larger than a quarter of the store is not kept.  -EBUSY: nor is this,
 * as too many large ones are being written. */
int store_put(struct store *, const struct oid *, enum obj, const void *data,
	      uint64_t size);
/* Keep the size of a blob that the source has told. */
int store_put_size(struct store *, const struct oid *, uint64_t size);

void store_count(struct store *, struct fs_stored *ret);

/* ---- pins ---- */

/* A pin is a path and the objects that were added to it: these stay, over
 * restarts too, until it is unpinned.  All pins together may take three
 * quarters of the store.  What two of them share is there once. */

/* -ENOSPC: there are too many. */
int store_pin_begin(struct store *, const char *path, const char *commit,
		    unsigned *ret);
/* Another object of it, whose name the caller has checked.  -EDQUOT: more
 * than pins may take. */
int store_pin_add(struct store *, unsigned pin, const struct oid *, enum obj,
		  const void *data, uint64_t size);
/* All are there: it is written down, in place of one of the same path.  Or,
 * not whole, it is dropped. */
int store_pin_end(struct store *, unsigned pin, bool whole);
/* What no other pin keeps may go from now on.  -ENOENT. */
int store_unpin(struct store *, const char *path);
/* By path; the caller gives them to fs_pins_free().  -ENOMEM. */
int store_pins(struct store *, struct fs_pin **ret, size_t *n);
/* The bytes that pins may take. */
uint64_t store_pin_limit(const struct store *);

/* Give up files of which little is found any more, and then the oldest until
 * no more than 'to' bytes are left, but nothing that is pinned. */
int store_collect(struct store *, uint64_t to);

#endif
