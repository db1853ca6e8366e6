/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "nfsd/sockets.h"

#include <errno.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include "nfsd/handover.h"

enum { PORTMAP_PORT = 111 };

static int bind_to(const struct sockaddr_storage *at, int type,
		   enum handover_role role, int *ret)
{
	CLEANUP_FD int fd = handover_take(role, type,
					  (const struct sockaddr *)at,
					  endpoint_len(at));
	const int on = 1;

	if (fd >= 0) {
		*ret = TAKE_FD(fd);
		return 0;
	}
	fd = fd_socket(at->ss_family, type, 0);
	if (fd < 0)
		return fd;
	evutil_make_socket_nonblocking(fd);
	/* For datagrams it would let two have one port. */
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* So that 0.0.0.0 and [::] can be had beside each other. */
	if (at->ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, (const struct sockaddr *)at, endpoint_len(at)))
		return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

static void close_one(struct socket_at *s)
{
	if (s->tcp >= 0)
		close(s->tcp);
	if (s->udp >= 0)
		close(s->udp);
}

static int bind_nfs(struct sockets *all, size_t i, const char *text,
		    char why[SOCKETS_WHY])
{
	struct socket_at s = { .tcp = -1, .udp = -1, .of = i };
	int r = endpoint_parse(text, &s.at);

	if (r) {
		snprintf(why, SOCKETS_WHY, "\"%s\" is no ADDRESS:PORT in "
			 "figures, as 127.0.0.1:2049 or [::1]:2049 is", text);
		return r;
	}
	r = bind_to(&s.at, SOCK_STREAM, HANDOVER_NFS, &s.tcp);
	if (r) {
		snprintf(why, SOCKETS_WHY, "cannot listen at %s: %s; choose "
			 "another address or port with --listen", text,
			 strerror(-r));
		return r;
	}
	all->socket[all->n++] = s;
	return 0;
}

static bool has_portmap(const struct sockets *all,
			const struct sockaddr_storage *at)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->socket[i].portmap &&
		    endpoint_eq(&all->socket[i].at, at))
			return true;
	return false;
}

/* At the address that NFS has number 'i' at. */
static int bind_portmap(struct sockets *all, size_t i, uint16_t port)
{
	struct socket_at s = { .tcp = -1, .udp = -1, .of = i,
			       .portmap = true };
	int r;

	s.at = all->socket[i].at;
	endpoint_set_port(&s.at, port);
	if (has_portmap(all, &s.at))
		return 0;
	r = bind_to(&s.at, SOCK_STREAM, HANDOVER_PORTMAP, &s.tcp);
	if (!r)
		r = bind_to(&s.at, SOCK_DGRAM, HANDOVER_PORTMAP, &s.udp);
	if (r)
		close_one(&s);
	else
		all->socket[all->n++] = s;
	return r;
}

int sockets_bind(struct sockets *ret, const char *const *listen, size_t n,
		 enum sockets_portmap portmap, uint16_t port,
		 char why[SOCKETS_WHY])
{
	struct sockets all = { .socket = calloc(2 * n + 1,
						sizeof *all.socket) };
	int r = 0;

	if (!all.socket) {
		snprintf(why, SOCKETS_WHY, "out of memory");
		return -ENOMEM;
	}
	port = port ? port : PORTMAP_PORT;
	for (size_t i = 0; !r && i < n; i++)
		r = bind_nfs(&all, i, listen[i], why);
	for (size_t i = 0; !r && portmap && i < n; i++) {
		r = bind_portmap(&all, i, port);
		if (!r)
			continue;
		snprintf(why, SOCKETS_WHY, "cannot be a port mapper at port "
			 "%u: %s; --portmap=off does without", port,
			 strerror(-r));
		if (portmap == SOCKETS_PORTMAP_MUST)
			break;
		log_info("no port mapper, so clients must be told the port",
			 "error=%s", strerror(-r));
		r = 0;
		break;
	}
	if (r)
		sockets_close(&all);
	else
		*ret = all;
	return r;
}

void sockets_close(struct sockets *all)
{
	for (size_t i = 0; i < all->n; i++)
		close_one(&all->socket[i]);
	free(all->socket);
	*all = (struct sockets){ 0 };
}
