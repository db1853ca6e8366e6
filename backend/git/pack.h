/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* pack.h - the objects of a pack, as it comes (gitformat-pack(5)).
 *
 * What comes whole is handed on at once, and what comes as a delta against
 * something that came a moment ago; other deltas when the pack has ended.  The pack is trusted with nothing: each object is handed
 * on under the name that its bytes have, and lengths, counts, references
 * and the checksum have to be right.  It is kept in a file without a name
 * meanwhile; in memory are what came last, deltas being resolved, and 72
 * bytes per object.
 *
 * Knows nothing of protocols, nor who wants what.
 *
 * Threads: one at a time.
 * Errors: -EBADMSG not a sound pack; -EFBIG beyond a limit; -EIO, -ENOSPC
 * and kin, the file cannot be written; -ENOMEM; those of the stream and of
 * check().
 */
#ifndef BACKEND_GIT_PACK_H
#define BACKEND_GIT_PACK_H

#include <stdint.h>

#include "backend/git/stream.h"
#include "common/oid.h"

struct pack_options {
	uint8_t oid_len;
	const char *dir;        /* where the file is made */
	uint64_t inflated;      /* bytes: all objects together; and the pack */
	uint32_t objects;
	size_t delta;           /* bytes: an object that comes as a delta */
	size_t memory;          /* bytes: what deltas are made against */
};

/* Who gets them.  Embed it. */
struct pack_sink {
	/* Not 0: not this one, or no more of it; the next may come. */
	int (*start)(struct pack_sink *, const struct oid *, enum obj,
		     uint64_t size);
	int (*data)(struct pack_sink *, const void *, size_t);
	void (*end)(struct pack_sink *);
	/* Asked every now and then: not 0 ends it all with that error. */
	int (*check)(struct pack_sink *);
};

/* To the end of the stream. */
int pack_read(struct stream *, const struct pack_options *,
	      struct pack_sink *);

#endif
