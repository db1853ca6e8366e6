/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* steady.h - in builds for development: attributes never flap.  What has
 * been shown of a file is what it stays, and times only grow; some clients'
 * kernels do not survive less.
 *
 * Each thread remembers what it has shown last of a few thousand files, by
 * file id, and aborts, with a line that tells, when the next time does not
 * fit.  Of what two threads show there is no order.
 *
 * Threads: any.
 */
#ifndef NFSD_STEADY_H
#define NFSD_STEADY_H

#include "nfsd/nfs3.h"          /* rpcgen */

#ifdef ATTR_CHECK
void steady_check(const fattr3 *);
#else
static inline void steady_check(const fattr3 *a)
{
	(void)a;
}
#endif

#endif
