/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* attr.h - a struct attr, as NFS shows it.  The one place that decides,
 * so that every procedure shows the same (law 7).
 *
 * Threads: any.
 */
#ifndef NFSD_ATTR_H
#define NFSD_ATTR_H

#include "nfsd/nfs3.h"          /* rpcgen */
#include "nfsd/service.h"
#include "nfsd/xdr.h"

enum {
	ATTR_SIZE = 84,         /* a fattr3 on the wire */
	POST_ATTR_SIZE = 4 + ATTR_SIZE,
};

fattr3 attr_of(const struct service *, const struct attr *);

/* What is known without waiting: for post_op_attr, where "nothing" is
 * always a right answer.  An empty node is none. */
post_op_attr attr_known(const struct service *, struct node *);

static inline void put_time(struct writer *w, nfstime3 t)
{
	put32(w, t.seconds);
	put32(w, t.nseconds);
}

static inline void put_fattr3(struct writer *w, const fattr3 *a)
{
	put32(w, a->type);
	put32(w, a->mode);
	put32(w, a->nlink);
	put32(w, a->uid);
	put32(w, a->gid);
	put64(w, a->size);
	put64(w, a->used);
	put32(w, a->rdev.specdata1);
	put32(w, a->rdev.specdata2);
	put64(w, a->fsid);
	put64(w, a->fileid);
	put_time(w, a->atime);
	put_time(w, a->mtime);
	put_time(w, a->ctime);
}

static inline void put_post_op_attr(struct writer *w, const post_op_attr *a)
{
	put32(w, a->attributes_follow ? 1 : 0);
	if (a->attributes_follow)
		put_fattr3(w, &a->post_op_attr_u.attributes);
}

#endif
