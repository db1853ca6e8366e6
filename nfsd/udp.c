/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
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
	struct sockaddr_storage local;  /* what it is bound to */
	uint8_t call[RPC_DATAGRAM_MAX], reply[RPC_DATAGRAM_MAX];
};

/* ---- which of several addresses a datagram came to ---- */

/* Where the system cannot tell, the reply leaves from any of them. */
static void tell_address(int fd, int family)
{
	const int on = 1;

	(void)fd;
	(void)family;
	(void)on;
#ifdef IP_PKTINFO
	if (family == AF_INET)
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
#endif
#ifdef IPV6_RECVPKTINFO
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
#endif
}

/* Puts it into 'local'.  What 'm' says of it has the reply leave from there,
 * by whatever interface. */
static void get_address(struct msghdr *m, struct sockaddr_storage *local)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
#ifdef IP_PKTINFO
		struct sockaddr_in *in = (void *)local;
		struct in_pktinfo *info = (void *)CMSG_DATA(c);

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			/* Not all systems fill it in. */
			if (info->ipi_spec_dst.s_addr)
				in->sin_addr = info->ipi_spec_dst;
			info->ipi_ifindex = 0;
		}
#endif
#ifdef IPV6_RECVPKTINFO
		struct sockaddr_in6 *in6 = (void *)local;
		struct in6_pktinfo *info6 = (void *)CMSG_DATA(c);

		if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO) {
			in6->sin6_addr = info6->ipi6_addr;
			if (!IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr))
				info6->ipi6_ifindex = 0;
		}
#endif
	}
}

/* ---- answering ---- */

/* Whether there was one. */
static bool answer_one(struct udp *u)
{
	struct sockaddr_storage from = { 0 }, local = u->local;
	_Alignas(struct cmsghdr) char control[128];
	struct iovec data = { u->call, sizeof u->call };
	struct msghdr m = {
		.msg_name = &from, .msg_namelen = sizeof from,
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof control,
	};
	ssize_t len = recvmsg(u->fd, &m, 0);
	struct client client;

	if (len < 0)
		return errno == EINTR;
	client = client_at((struct sockaddr *)&from, m.msg_namelen, u->rule);
	if (!rule_admits_address(u->rule, &client))
		return true;
	get_address(&m, &local);
	data.iov_base = u->reply;
	data.iov_len = rpc_datagram(u->rpc, &client, &local, u->call,
				    (size_t)len, u->reply);
	if (data.iov_len && (data.iov_len <= (size_t)len ||
			     client_is_local(&client)))
		sendmsg(u->fd, &m, 0);
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
	tell_address(fd, at->ss_family);
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
