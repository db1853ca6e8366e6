/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* endpoint.h - addresses of IP version 4 and 6 with their ports, and text.
 *
 * A version 4 address in version 6's clothes (::ffff:127.0.0.1) is taken for
 * what it is.
 *
 * Threads: any.
 * Errors: -EINVAL: neither of the two.
 */
#ifndef NFSD_ENDPOINT_H
#define NFSD_ENDPOINT_H

#include <arpa/inet.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	/* "[" address "]:" port */
	ENDPOINT_SIZE = NI_MAXHOST + NI_MAXSERV + 4,
};

/* "127.0.0.1:2049", "[::1]:2049": figures only. */
int endpoint_parse(const char *text, struct sockaddr_storage *ret);
int endpoint_text(const struct sockaddr_storage *, char ret[ENDPOINT_SIZE]);

/* Without the port, and without brackets. */
int endpoint_host(const struct sockaddr_storage *, char ret[INET6_ADDRSTRLEN]);
/* 0 where there is none. */
uint16_t endpoint_port(const struct sockaddr_storage *);
void endpoint_set_port(struct sockaddr_storage *, uint16_t port);

bool endpoint_eq(const struct sockaddr_storage *,
		const struct sockaddr_storage *);
socklen_t endpoint_len(const struct sockaddr_storage *);

#endif
