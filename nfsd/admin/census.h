/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* census.h - who is connected, and which calls wait: every loop is asked.
 *
 * Threads: as server.h.
 * Errors: -ENOMEM.
 */
#ifndef NFSD_ADMIN_CENSUS_H
#define NFSD_ADMIN_CENSUS_H

#include <pthread.h>

#include "nfsd/rpc.h"
#include "nfsd/server.h"

/* A call that waits for its source. */
struct census_call {
	const char *proc;
	uint32_t xid;
	uint64_t age_ms;        /* since it first had to wait */
	char about[RPC_ABOUT];  /* a path, or "" */
	char client[ENDPOINT_SIZE];    /* empty: it is gone */
};

struct census_client {
	char address[ENDPOINT_SIZE];
	uint64_t calls, age_ms;         /* since it connected */
	unsigned parked;
};

struct tally;

struct census {
	struct census_call *call;       /* oldest first */
	size_t ncall, call_room;
	struct census_client *client;   /* who has asked most first */
	size_t nclient, client_room;
	uint64_t turned_away;           /* calls, as too many waited */
	uint64_t now;                   /* clock_ms() */
	struct tally *tally;            /* while it is taken */
	int err;
	pthread_mutex_t lock;           /* while it is taken */
};

/* *tally, when not NULL, gets all calls so far added. */
int census_take(struct server *, struct census *ret, struct tally *tally);
void census_free(struct census *);

#endif
