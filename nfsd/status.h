/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* status.h - negative errno to what the protocols say.  The only place
 * that knows both.
 *
 * Threads: any.
 */
#ifndef NFSD_STATUS_H
#define NFSD_STATUS_H

#include "nfsd/mount3.h"        /* rpcgen */
#include "nfsd/nfs3.h"          /* rpcgen */

/* 'err' is 0 or a negative errno, but not -EINPROGRESS: such a call is
 * parked.  A procedure is only ever told to answer what RFC 1813 lists
 * for it. */
nfsstat3 nfs_status(enum nfsproc3, int err);
mountstat3 mount_status(int err);

#endif
