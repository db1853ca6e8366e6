/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* intake.h - an object on its way in: from a stream of bytes to a value
 * whose bytes have been compared with its name.
 *
 * A blob too large to be kept in memory is spooled into an unlinked file,
 * and mapped.  What of it is shown has been seen to be in memory: a page that
 * its disk has lost is an error, not zeros.
 *
 * Knows git's objects; not where they come from, nor who wants them.
 *
 * Ownership: what it makes is a new reference.
 * Threads: an intake belongs to one at a time; values are immutable.
 * Errors: -EBADMSG not what its name says, or malformed; -EFBIG; -ENOMEM;
 * what the system says of the spool, -ENOSPC above all.
 */
#ifndef CACHE_INTAKE_H
#define CACHE_INTAKE_H

#include "cache/dcache.h"
#include "cache/fs.h"
#include "common/oid.h"
#include "common/value.h"

struct blob {
	struct value v;
	void *data;             /* NULL when empty */
	size_t len;
	bool mapped;            /* only blob_slice() touches it */
};

static inline void blob_unrefp(struct blob **b)
{
	if (*b)
		value_unref(&(*b)->v);
}
#define CLEANUP_BLOB __attribute__((cleanup(blob_unrefp)))

/* Up to 'len' of its bytes from 'off'.  Takes over the reference, unless it
 * fails.  -EIO: it was spooled, and the disk does not give it back. */
int blob_slice(struct blob *, uint64_t off, size_t len, struct slice *ret);

/* Where large blobs go. */
struct spool {
	char *path;             /* a template for mkstemp(3) */
	_Atomic size_t memory;  /* bytes there are for all values */
};

struct intake {
	struct oid oid;
	enum obj type;
	size_t size;
	char *data;             /* in memory, with a NUL after it, or ... */
	int fd;                 /* ... in a file when not -1 */

	/* Its own business: */
	struct oid_hash *hash;
	size_t have;
};

/* An empty one. */
static inline struct intake intake_none(void)
{
	return (struct intake){ .fd = -1 };
}

/* Begin; what there was of another is dropped. */
int intake_start(struct intake *, const struct spool *, const struct oid *,
		 enum obj, uint64_t size);
int intake_data(struct intake *, const void *, size_t);
/* All has come: is it what its name says? */
int intake_end(struct intake *);
void intake_drop(struct intake *);

/* After a good end, what it is.  Bytes of blobs and trees go with it. */
int intake_blob(struct intake *, const struct spool *, struct blob **ret);
int intake_tree(struct intake *, const struct keyed *names,
		struct tree **ret);
/* 'time' is the committer's, in seconds. */
int intake_commit(const struct intake *, struct oid *tree, int64_t *time);

#endif
