/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "nfsd/admin/census.h"
#include "nfsd/conn.h"
#include "nfsd/tally.h"

static void name_peer(int fd, char ret[ENDPOINT_SIZE])
{
	struct sockaddr_storage addr = { 0 };
	socklen_t len = sizeof addr;

	if (fd < 0 || getpeername(fd, (struct sockaddr *)&addr, &len) ||
	    endpoint_text(&addr, ret))
		*ret = '\0';
}

/* Room for one more of 'size' bytes; NULL: out of memory. */
static void *grow(void **all, size_t n, size_t *room, size_t size)
{
	size_t more = *room ? 2 * *room : 64;
	void *bigger;

	if (n == *room) {
		bigger = realloc(*all, more * size);
		if (!bigger)
			return NULL;
		*all = bigger;
		*room = more;
	}
	return (char *)*all + n * size;
}

static void add_call(void *arg, const struct rpc_parked *p)
{
	struct census *c = arg;
	struct census_call *call;
	char client[ENDPOINT_SIZE];

	name_peer(p->fd, client);
	LOCK_SCOPE(&c->lock);
	call = grow((void **)&c->call, c->ncall, &c->call_room, sizeof *call);
	if (!call) {
		c->err = -ENOMEM;
		return;
	}
	c->ncall++;
	call->proc = p->proc;
	call->xid = p->xid;
	/* Each loop tells at another moment. */
	call->age_ms = c->now > p->since ? c->now - p->since : 0;
	memcpy(call->about, p->about, sizeof call->about);
	memcpy(call->client, client, sizeof client);
}

static void add_client(void *arg, const struct conn_peer *p)
{
	struct census *c = arg;
	struct census_client *client;
	char address[ENDPOINT_SIZE];

	name_peer(p->fd, address);
	LOCK_SCOPE(&c->lock);
	client = grow((void **)&c->client, c->nclient, &c->client_room,
		      sizeof *client);
	if (!client) {
		c->err = -ENOMEM;
		return;
	}
	c->nclient++;
	client->calls = p->calls;
	client->age_ms = p->age_ms;
	client->parked = p->parked;
	memcpy(client->address, address, sizeof address);
}

static void visit(void *arg, struct rpc *rpc, struct conns *conns)
{
	struct census *c = arg;

	rpc_parked(rpc, add_call, arg);
	conns_peers(conns, add_client, arg);
	LOCK_SCOPE(&c->lock);
	c->turned_away += conns_turned_away(conns);
	if (c->tally)
		tally_add(c->tally, rpc_tally(rpc));
}

static int older_first(const void *a, const void *b)
{
	const struct census_call *x = a, *y = b;

	return x->age_ms > y->age_ms ? -1 : x->age_ms < y->age_ms;
}

static int more_first(const void *a, const void *b)
{
	const struct census_client *x = a, *y = b;

	return x->calls > y->calls ? -1 : x->calls < y->calls;
}

int census_take(struct server *server, struct census *ret,
		struct tally *tally)
{
	struct census c = { .now = clock_ms(), .tally = tally };
	int r;

	pthread_mutex_init(&c.lock, NULL);
	r = server_visit(server, visit, &c);
	pthread_mutex_destroy(&c.lock);
	if (!r)
		r = c.err;
	if (r) {
		census_free(&c);
		return r;
	}
	if (c.ncall)
		qsort(c.call, c.ncall, sizeof *c.call, older_first);
	if (c.nclient)
		qsort(c.client, c.nclient, sizeof *c.client, more_first);
	*ret = c;
	return 0;
}

void census_free(struct census *c)
{
	free(c->call);
	free(c->client);
	*c = (struct census){ 0 };
}
