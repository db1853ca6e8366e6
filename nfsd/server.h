/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* server.h - NFS and MOUNT over TCP, as a whole: listeners and loops.
 *
 * The first loop also accepts, and deals connections out to all in turn.
 * Knows no configuration, so that a test can hold a server of its own.
 *
 * Threads: all from one.
 * Errors: as bind(2) and kin; -ENOMEM, -EAGAIN.
 */
#ifndef NFSD_SERVER_H
#define NFSD_SERVER_H

#include <netdb.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	SERVER_WHY = 256,
	/* "[" address "]:" port */
	SERVER_ADDRESS = NI_MAXHOST + NI_MAXSERV + 4,
};

struct conns;
struct fs;
struct rpc;
struct rule;
struct server;

struct server_options {
	/* "127.0.0.1:2049", "[::1]:2049"; port 0: a free one. */
	const char *const *listen;
	size_t nlisten;
	/* Whom each of these admits; NULL: everybody.  And the rules that
	 * fs_restrict() has numbers of, the first being 1.  All must stay. */
	const struct rule *const *listen_rule;
	const struct rule *const *rule;
	size_t nrule;
	/* As server_bind() made them, one each; or NULL.  Taken over, also on
	 * failure. */
	int *socket;
	unsigned loops;         /* 0: one per processor, at most 4 */
	unsigned jukebox_ms;    /* a call may be parked; 0: the default, 10 s */
};

/* -EINVAL: not an address and a port in figures. */
int server_parse_address(const char *text, struct sockaddr_storage *ret,
			 socklen_t *ret_len);

/* The other way round.  -EINVAL */
int server_name_address(const struct sockaddr_storage *, socklen_t len,
			char ret[SERVER_ADDRESS]);

/* Take the addresses before there is anything to serve: for a program that
 * may, and later may not.  'ret' has room for all.  On error, which leaves
 * none open, one line for a human in 'why'. */
int server_bind(const char *const *listen, size_t n, int *ret,
		char why[SERVER_WHY]);

/* Serve 'fs', which must stay.  On error one line for a human in 'why'. */
int server_start(struct server **ret, const struct server_options *,
		 struct fs *, char why[SERVER_WHY]);

size_t server_listeners(const struct server *);
/* Where listener 'i' really listens, as "127.0.0.1:2049". */
const char *server_address(const struct server *, size_t i);

/* Have every loop's thread call this, and wait until all have.  Two may run
 * at once.  -ENOMEM: none did. */
typedef void server_visitor(void *arg, struct rpc *, struct conns *);
int server_visit(struct server *, server_visitor *, void *arg);

/* Accept and read no more, answer the calls at hand, close, free.  Takes
 * less than a second: -EBUSY if by then 'fs' still holds a waiter of some
 * call.  Then nothing is freed, and 'fs' must not be either.  NULL is
 * allowed. */
int server_stop(struct server *);

#endif
