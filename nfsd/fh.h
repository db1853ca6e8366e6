/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* fh.h - NFS file handles: a struct where, in bytes, signed.
 *
 *	0	version; kind; depth; width
 *	4	root
 *	12	dir
 *	20	steps, where_steps() bytes and zeros to a multiple of 4
 *		FILE: name (4), fileid (8)
 *		PIN: fileid (8)
 *		MAC (8) over all before it
 *
 * All big endian; 28 to 64 bytes.  A place has exactly one handle: clients
 * compare them byte by byte.
 *
 * Threads: any.
 */
#ifndef NFSD_FH_H
#define NFSD_FH_H

#include "nfsd/service.h"

struct caller;

enum { FH_MIN = 28, FH_MAX = 64 };

struct fh {
	uint8_t len;
	uint8_t data[FH_MAX];
};

/* One among the arguments of a call. */
struct fh_arg {
	const uint8_t *data;
	size_t len;
};

/* The key that handles are signed with. */
struct keyed fh_key(const struct fs *);

/* 'where' is a place as fs_where() gives it. */
void fh_encode(const struct keyed *, const struct where *, struct fh *ret);

/* -EBADF when it is none of ours. */
int fh_decode(const struct keyed *, const void *data, size_t len,
	      struct where *ret);

/* May 'caller' see what it leads to?  Wherever somebody has a handle from, it
 * tells the root that it is of.  What is wrong with it is not said here. */
bool fh_admits(const struct service *, const struct caller *,
	       const void *data, size_t len);

/* Both at once: to and from what is there.  -EBADF; else as
 * fs_resolve(). */
void fh_of(const struct service *, const struct node *, struct fh *ret);
int fh_node(const struct service *, const void *data, size_t len,
	    struct waiter *, struct node *ret);

#endif
