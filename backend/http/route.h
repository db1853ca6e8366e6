/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* route.h - where a request may go, hop by hop: to which addresses, through
 * which proxy, and whether as somebody.
 *
 *	the host was written by		it may be at
 *	who configured a source		any address
 *	who configured a pattern	public and private ones; of this machine
 *					and its link when written so, or as
 *					"localhost"
 *	anybody: a placeholder,		public ones
 *	or a redirect to another host
 *
 * allow_address adds to that.  Only the origin (scheme, host and port) that
 * was configured gets credentials, and no other host on the way ever.
 *
 * Threads: one at a time.
 * Errors: -EBADMSG no URL of ours; -EPERM not there; -ENOMEM.
 */
#ifndef BACKEND_HTTP_ROUTE_H
#define BACKEND_HTTP_ROUTE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "backend/backend.h"
#include "backend/http/address.h"

struct route {
	/* Set by the start. */
	char *home_origin, *home_host;
	char *allow_address;
	enum named_by named_by;
	/* Of the hop that is to come. */
	char *host;
	char *proxy;            /* its URL, or NULL: none */
	bool ruled;             /* 'farthest' says where; else anywhere, and
				 * curl knows the proxies */
	enum address_kind farthest;
	bool tls;
	bool at_home;           /* all hops have been: credentials may go */
};

/* Zero-initialised before. */
int route_start(struct route *, const char *home, enum named_by,
		const char *allow_address);
/* The next hop. */
int route_hop(struct route *, const char *url);
bool route_permits(const struct route *, const struct sockaddr *);
void route_clear(struct route *);

#endif
