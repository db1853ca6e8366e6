/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* udp.h - calls in datagrams: the port mapper's, which old and careful
 * clients ask this way.
 *
 * Nothing is remembered of one, and nothing waits.  Since its sender may be
 * forged, a reply beyond this machine is never longer than its call: who
 * wants to flood somebody had better do so directly.
 *
 * Threads: the loop's.
 * Errors: -ENOMEM.
 */
#ifndef NFSD_UDP_H
#define NFSD_UDP_H

#include <sys/socket.h>

struct event_base;
struct rpc;
struct rule;
struct udp;

/* 'fd' is bound to 'at' and taken over, also on failure.  'rule': from
 * which networks; others are not answered.  NULL: all are. */
int udp_new(struct udp **ret, struct event_base *, struct rpc *, int fd,
	    const struct sockaddr_storage *at, const struct rule *rule);
int udp_fd(const struct udp *);
/* With its loop ended, or on its thread.  NULL is allowed. */
void udp_free(struct udp *);

#endif
