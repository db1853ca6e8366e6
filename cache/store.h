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
 * Threads: any that may block.  store_open() and store_close() from one.
 * Errors: -ENOSPC, -EDQUOT, -EIO and kin, the disk is the trouble; -ENOMEM.
 */
#ifndef CACHE_STORE_H
#define CACHE_STORE_H

#include <stdbool.h>
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
void store_close(struct store *);               /* NULL is allowed */

/* Give 'job' an object, as a backend would, but for done().  True: it was
 * here and the job took it. */
bool store_fetch(struct store *, const struct oid *, enum obj, struct job *);
/* Whether it is here, as far as can be told without reading it. */
bool store_has(struct store *, const struct oid *, enum obj);
/* The size of a blob. */
bool store_size(struct store *, const struct oid *, uint64_t *ret);

/* Keep an object, whose name the caller has checked, unless it is there.
 * One larger than a quarter of the store is not kept. */
int store_put(struct store *, const struct oid *, enum obj, const void *data,
	      uint64_t size);
/* Keep the size of a blob that the source has told. */
int store_put_size(struct store *, const struct oid *, uint64_t size);

void store_count(struct store *, struct fs_stored *ret);

#endif
