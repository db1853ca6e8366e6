/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* memo.h - what a loop has found out about handles and names.
 *
 * As long as a root shows what it showed, all that was said of its nodes
 * stays true (fs.h: struct fs_proof).  So attributes are remembered in the
 * form in which they are sent, under the very bytes of the handle: one whose
 * code was right when it was first seen has the right code whenever all its
 * bytes are the same.  What a root shows is looked at once in a batch of
 * calls, and then every call in it is answered from that.
 *
 * It is a small table that forgets, not a cache of its own: what it has not
 * is found where everything else is found.  It holds no references, so
 * nothing is kept in memory for its sake.
 *
 * Threads: one at a time; each loop has one.
 */
#ifndef NFSD_MEMO_H
#define NFSD_MEMO_H

#include "nfsd/attr.h"
#include "nfsd/fh.h"

struct memo;

struct memo_node {
	uint8_t fh[FH_MAX];
	uint8_t fh_len;
	uint8_t type;                   /* enum ftype */
	uint8_t attr[ATTR_SIZE];        /* a fattr3 */
	uint64_t fileid;
	struct fs_proof proof;
};

struct memo *memo_new(const struct service *);
void memo_free(struct memo *);          /* NULL is allowed */

/* From now on roots may show something new. */
void memo_batch(struct memo *);

/* 'fh', of at least FH_MIN bytes, will be looked for soon. */
void memo_ahead(const struct memo *, struct fh_arg fh);

/* What 'fh' names.  0; -ENODATA: nothing is remembered that still holds;
 * -EINPROGRESS: 'w' is parked.  *ret is good until something else is kept. */
int memo_find(struct memo *, struct fh_arg fh, struct waiter *w,
	      const struct memo_node **ret);

/* What that name in 'dir', found so, names.  As memo_find(); *ret is NULL
 * when it is known that there is no such name. */
int memo_find_name(struct memo *, const struct memo_node *dir,
		   const char *name, size_t len,
		   const struct memo_node **ret);

/* Whether this was asked before, and not long ago.  Now it was. */
bool memo_asked(struct memo *, uint64_t what);

/* 'fh', which has been resolved, is the handle of 'node', which has these
 * attributes.  Returns them as they are sent, good until something else is
 * kept. */
const struct memo_node *memo_keep(struct memo *, struct fh_arg fh,
				  const struct node *node,
				  const struct attr *attr);

/* What 'name' in 'dir' names, by the handles under which both have been
 * kept; 'found' with length 0: nothing. */
void memo_keep_name(struct memo *, struct fh_arg dir, const char *name,
		    size_t len, struct fh_arg found);

#endif
