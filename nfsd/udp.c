/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "nfsd/access.h"
#include "nfsd/rpc.h"
#include "nfsd/udp.h"

enum { BATCH = 16 };            /* then others have their turn */

struct udp {
	int fd;
	struct event *ready;
	struct rpc *rpc;
	const struct rule *rule;
	struct sockaddr_storage local;
	uint8_t call[RPC_DATAGRAM_MAX], reply[RPC_DATAGRAM_MAX];
};

/* Whether there was one. */
static bool answer_one(struct udp *u)
{
	struct sockaddr_storage addr = { 0 };
	struct sockaddr *from = (struct sockaddr *)&addr;
	socklen_t from_len = sizeof addr;
	ssize_t len = recvfrom(u->fd, u->call, sizeof u->call, 0, from,
			       &from_len);
	struct client client;
	size_t n;

	if (len < 0)
		return errno == EINTR;
	client = client_at(from, from_len, u->rule);
	if (!rule_admits_address(u->rule, &client))
		return true;
	n = rpc_datagram(u->rpc, &client, &u->local, u->call, (size_t)len,
			 u->reply);
	if (n && (n <= (size_t)len || client_is_local(&client)))
		sendto(u->fd, u->reply, n, 0, from, from_len);
	return true;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < BATCH && answer_one(arg); i++)
		;
}

int udp_new(struct udp **ret, struct event_base *base, struct rpc *rpc,
	    int fd, const struct sockaddr_storage *at, const struct rule *rule)
{
	struct udp *u = calloc(1, sizeof *u);

	if (!u) {
		close(fd);
		return -ENOMEM;
	}
	u->fd = fd;
	u->rpc = rpc;
	u->rule = rule;
	u->local = *at;
	u->ready = event_new(base, u->fd, EV_READ | EV_PERSIST, on_ready, u);
	if (!u->ready || event_add(u->ready, NULL)) {
		udp_free(u);
		return -ENOMEM;
	}
	*ret = u;
	return 0;
}

int udp_fd(const struct udp *u)
{
	return u->fd;
}

void udp_free(struct udp *u)
{
	if (!u)
		return;
	if (u->ready)
		event_free(u->ready);
	close(u->fd);
	free(u);
}
