/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* rpcbind.h - the system's own port mapper, where one runs: have it tell
 * where we are.
 *
 * What a predecessor that crashed has left there is replaced, what others
 * serve is not: a registration counts only if somebody answers at its port.
 * When rpcbind itself has been started again it is told again.
 *
 * On Linux the client's lock manager takes the place of ours there when
 * locks are first wanted, although it grants nobody anything unless there
 * is an NFS server in the kernel too: locks of clients on this machine
 * would hang.  So while one mounts, we take the place back, if nobody else
 * serves MOUNT; and give it up at the end.
 *
 * Threads: rpcbind_mounted() from any, it does not block; the rest from one,
 * which may, for a second or so.
 * Errors: -ENOMEM, -EAGAIN; what rpcbind does not do is logged.
 */
#ifndef NFSD_PORTMAP_RPCBIND_H
#define NFSD_PORTMAP_RPCBIND_H

#include "nfsd/portmap/registry.h"

struct rpcbind;

bool rpcbind_runs(void);

int rpcbind_new(struct rpcbind **ret);
int rpcbind_register(struct rpcbind *, const struct mapping *, size_t n);
/* A client on this machine has mounted something, or is about to. */
void rpcbind_mounted(void *rpcbind);
/* Leave it as it is to the program that takes our place, by way of the
 * environment.  NULL is allowed, as it is in the next two. */
void rpcbind_leave(struct rpcbind *);
void rpcbind_unregister(struct rpcbind *);
void rpcbind_free(struct rpcbind *);

static inline void rpcbind_freep(struct rpcbind **rpcbind)
{
	rpcbind_free(*rpcbind);
}
#define CLEANUP_RPCBIND __attribute__((cleanup(rpcbind_freep)))

#endif
