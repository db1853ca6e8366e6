/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* server.h - NFS, MOUNT and NLM over TCP, and a port mapper: listeners and
 * loops, as a whole.
 *
 * The first loop also accepts, and deals connections out to all in turn.
 * Knows no configuration, so that a test can hold a server of its own.
 *
 * Threads: all from one.
 * Errors: as bind(2) and kin; -ENOMEM, -EAGAIN.
 */
#ifndef NFSD_SERVER_H
#define NFSD_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "nfsd/portmap/registry.h"
#include "nfsd/sockets.h"

enum { SERVER_WHY = 256 };

struct conns;
struct fs;
struct rpc;
struct rule;
struct server;

struct server_options {
	/* What they hold is taken over, as it is used; the caller closes. */
	struct sockets *sockets;
	/* Whom each address admits; NULL: everybody.  And the rules that
	 * fs_restrict() has numbers of, the first being 1.  All must stay. */
	const struct rule *const *listen_rule;
	const struct rule *const *rule;
	size_t nrule;
	/* Where it is kept what others have registered with our port mapper;
	 * NULL: nowhere. */
	const char *state_dir;
	size_t connections;     /* at a time; 0: what the limit on open files
				 * leaves to them, 16384 at most */
	unsigned loops;         /* 0: one per processor, at most 4 */
	unsigned jukebox_ms;    /* a call may be parked; 0: the default, 10 s */
	/* Told when a client on this machine mounts something, from any
	 * thread; it must not block.  NULL: nobody is. */
	void (*mounted)(void *arg);
	void *mounted_arg;
};

/* Serve 'fs', which must stay.  On error one line for a human in 'why'. */
int server_start(struct server **ret, const struct server_options *,
		 struct fs *, char why[SERVER_WHY]);

/* NFS's, then the port mapper's. */
size_t server_listeners(const struct server *);
/* Where listener 'i' really listens, as "127.0.0.1:2049". */
const char *server_address(const struct server *, size_t i);

/* Keep what is listened at for the program that takes our place: from
 * server_stop() on who comes waits for that.  As handover_keep(). */
int server_hand_over(struct server *);

/* What is served where. */
size_t server_mappings(const struct server *,
		       struct mapping ret[REGISTRY_MAX]);

/* Have every loop's thread call this, and wait until all have.  Two may run
 * at once.  -ENOMEM: none did. */
typedef void server_visitor(void *arg, struct rpc *, struct conns *);
int server_visit(struct server *, server_visitor *, void *arg);

/* Call this while no loop does anything, and let them go on: for what they
 * read without locks.  A moment's wait for all who are served, so it must be
 * quick.  -ENOMEM: it was not called. */
int server_still(struct server *, void (*change)(void *arg), void *arg);
/* Other rules than those in the options; while it is still. */
void server_set_rules(struct server *, const struct rule *const *rule,
		      size_t nrule);

/* Accept and read no more, answer the calls at hand, close, free.  Takes
 * less than a second: -EBUSY if by then 'fs' still holds a waiter of some
 * call.  Then nothing is freed, and 'fs' must not be either.  NULL is
 * allowed. */
int server_stop(struct server *);

#endif
