/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* nfs3_proc.h - what nfs3.c and nfs3_readdir.c share.
 *
 * Threads: the request's own.
 */
#ifndef NFSD_NFS3_PROC_H
#define NFSD_NFS3_PROC_H

#include <stdint.h>

#include "nfsd/nfs3.h"          /* rpcgen */
#include "nfsd/fh.h"
#include "nfsd/rpc.h"

enum {
	NFS3_IO_MAX = 1 << 20,  /* bytes in a READ, READDIR, READDIRPLUS */
};

/* The status that says 'err' (0 or negative errno) for this procedure.  One
 * that the operator should hear of is logged. */
nfsstat3 nfs3_status(const struct request *, int err);

static inline struct fh_arg get_fh(struct reader *r)
{
	struct fh_arg fh;

	fh.data = get_opaque(r, NFS3_FHSIZE, &fh.len);
	return fh;
}

/* As struct program says. */
void nfs3_about(const struct request *, char *ret, size_t room);

int nfs3_readdir(struct request *, struct waiter *);
int nfs3_readdirplus(struct request *, struct waiter *);

#endif
