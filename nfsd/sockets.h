/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* sockets.h - the addresses to listen at, taken before there is anything to
 * serve: by a program that may, and later may not; or that was given them
 * (handover.h).
 *
 * Threads: any, one at a time per struct sockets.
 * Errors: as bind(2); -EINVAL (not an address and a port in figures),
 * -ENOMEM.
 */
#ifndef NFSD_SOCKETS_H
#define NFSD_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nfsd/endpoint.h"

enum { SOCKETS_WHY = 256 };

/* Whether to be a port mapper too, at each of the addresses. */
enum sockets_portmap {
	SOCKETS_PORTMAP_OFF,
	SOCKETS_PORTMAP_TRY,    /* or log why not */
	SOCKETS_PORTMAP_MUST,
};

struct socket_at {
	int tcp, udp;           /* bound; -1: none */
	bool portmap;
	size_t of;              /* the address it was made for */
	struct sockaddr_storage at;
};

/* NFS's, one for each address, then the port mapper's. */
struct sockets {
	struct socket_at *socket;
	size_t n;
};

/* 'listen': "127.0.0.1:2049", "[::1]:2049"; port 0: a free one.  The port
 * mapper's is 'port', or 111 if that is 0.  On error, which leaves none
 * open, one line for a human in 'why'. */
int sockets_bind(struct sockets *ret, const char *const *listen, size_t n,
		 enum sockets_portmap, uint16_t port, char why[SOCKETS_WHY]);
void sockets_close(struct sockets *);
#define CLEANUP_SOCKETS __attribute__((cleanup(sockets_close)))

#endif
