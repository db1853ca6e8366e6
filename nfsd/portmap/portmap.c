/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The port mapper, RFC 1833: PMAP version 2, RPCBIND 3 and 4, as far as
 * clients of NFS ask it: NULL, GETPORT or GETADDR, DUMP.  SET and UNSET are
 * for programs of root's on this machine, as the Linux client's lock
 * manager and status monitor are, which do not start without. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "nfsd/endpoint.h"
#include "nfsd/portmap/registry.h"
#include "nfsd/rpc.h"

enum {
	NETID_MAX = 64,
	UADDR_MAX = 128,        /* a universal address */
	OWNER_MAX = 1024,
	UADDR_SIZE = INET6_ADDRSTRLEN + 8,
};

/* ---- universal addresses: ADDRESS.HIGH.LOW ---- */

static int parse_uaddr(const char *text, size_t len, uint16_t *ret_port)
{
	char copy[UADDR_MAX + 1], *low, *high, *end;
	unsigned long h, l;

	memcpy(copy, text, len);
	copy[len] = '\0';
	low = strrchr(copy, '.');
	if (!low)
		return -EINVAL;
	*low++ = '\0';
	high = strrchr(copy, '.');
	if (!high)
		return -EINVAL;
	high++;
	h = strtoul(high, &end, 10);
	if (end == high || *end || h > UINT8_MAX)
		return -EINVAL;
	l = strtoul(low, &end, 10);
	if (end == low || *end || l > UINT8_MAX)
		return -EINVAL;
	*ret_port = (uint16_t)(h << 8 | l);
	return 0;
}

static bool is_inet6(enum netid netid)
{
	return netid == NETID_TCP6 || netid == NETID_UDP6;
}

/* By which the one who asks can reach 'port': at the address at which it
 * has reached us. */
static size_t write_uaddr(const struct sockaddr_storage *local,
			  enum netid netid, uint16_t port,
			  char ret[UADDR_SIZE])
{
	char host[INET6_ADDRSTRLEN] = "0.0.0.0";

	if (is_inet6(netid))
		strcpy(host, "::");
	if (is_inet6(netid) == (local->ss_family == AF_INET6))
		endpoint_host(local, host);
	return (size_t)snprintf(ret, UADDR_SIZE, "%s.%u.%u", host,
				port >> 8, port & 0xffu);
}

/* The transport of that name; NETIDS: none of ours. */
static enum netid find_netid(const char *name, size_t len)
{
	enum netid id = NETID_TCP;

	while (id < NETIDS && (len != strlen(netid_name[id]) ||
			       memcmp(name, netid_name[id], len)))
		id++;
	return id;
}

/* That by which the call came. */
static enum netid netid_of(const struct request *rq,
			   const struct sockaddr_storage *local)
{
	if (local->ss_family == AF_INET6)
		return rpc_is_datagram(rq) ? NETID_UDP6 : NETID_TCP6;
	return rpc_is_datagram(rq) ? NETID_UDP : NETID_TCP;
}

/* ---- what the versions share ---- */

static uint32_t status_of(const struct proc *proc, int err)
{
	(void)proc;
	(void)err;
	return 0;
}

static int null(struct request *rq, struct waiter *w)
{
	(void)rq;
	(void)w;
	return 0;
}

static int change(struct request *rq, bool set, const struct mapping *m)
{
	struct registry *registry = rq->service->registry;
	const struct client *client = rq->caller.client;
	bool done = false;

	/* Any program can send from 127.0.0.1, but only root's from there
	 * and a reserved port.  A datagram may tell lies about both. */
	if (!rpc_is_datagram(rq) && client_is_local(client) &&
	    client->port < IPPORT_RESERVED)
		done = set ? !registry_set(registry, m) :
			     registry_unset(registry, m->program, m->version,
					    m->netid);
	log_debug(set ? "portmap set" : "portmap unset",
		  "program=%u version=%u port=%u done=%d", m->program,
		  m->version, m->port, done);
	put32(&rq->out, done);
	return 0;
}

/* ---- version 2 ---- */

/* How it tells transports apart. */
static enum netid netid_of_protocol(uint32_t protocol)
{
	return protocol == IPPROTO_TCP ? NETID_TCP :
	       protocol == IPPROTO_UDP ? NETID_UDP : NETIDS;
}

static int get_mapping2(struct reader *in, struct mapping *ret)
{
	uint32_t port;

	ret->program = get32(in);
	ret->version = get32(in);
	ret->netid = netid_of_protocol(get32(in));
	port = get32(in);
	if (in->bad || port > UINT16_MAX)
		return -EBADMSG;
	ret->port = (uint16_t)port;
	return 0;
}

static int change2(struct request *rq, bool set)
{
	struct mapping m = { 0 };

	if (get_mapping2(&rq->in, &m))
		return -EBADMSG;
	if (set && m.netid != NETIDS && m.port)
		return change(rq, true, &m);
	if (!set) {             /* whatever the transport, says the RFC */
		m.netid = NETIDS;
		return change(rq, false, &m);
	}
	put32(&rq->out, false);
	return 0;
}

static int set2(struct request *rq, struct waiter *w)
{
	(void)w;
	return change2(rq, true);
}

static int unset2(struct request *rq, struct waiter *w)
{
	(void)w;
	return change2(rq, false);
}

static int getport(struct request *rq, struct waiter *w)
{
	struct mapping m = { 0 };

	(void)w;
	if (get_mapping2(&rq->in, &m))
		return -EBADMSG;
	put32(&rq->out, registry_port(rq->service->registry, m.program,
				      m.version, m.netid));
	return 0;
}

static int dump2(struct request *rq, struct waiter *w)
{
	struct mapping all[REGISTRY_MAX];
	size_t n = registry_list(rq->service->registry, all);

	(void)w;
	for (size_t i = 0; i < n; i++) {
		if (is_inet6(all[i].netid))
			continue;
		put32(&rq->out, true);
		put32(&rq->out, all[i].program);
		put32(&rq->out, all[i].version);
		put32(&rq->out, all[i].netid == NETID_TCP ? IPPROTO_TCP :
							    IPPROTO_UDP);
		put32(&rq->out, all[i].port);
	}
	put32(&rq->out, false);
	return 0;
}

/* ---- versions 3 and 4 ---- */

struct binding {
	uint32_t program, version;
	const char *netid, *addr;
	size_t netid_len, addr_len;
};

static int get_binding(struct reader *in, struct binding *ret)
{
	size_t owner_len;

	ret->program = get32(in);
	ret->version = get32(in);
	ret->netid = (const char *)get_opaque(in, NETID_MAX, &ret->netid_len);
	ret->addr = (const char *)get_opaque(in, UADDR_MAX, &ret->addr_len);
	get_opaque(in, OWNER_MAX, &owner_len);
	return in->bad ? -EBADMSG : 0;
}

static int set3(struct request *rq, struct waiter *w)
{
	struct mapping m = { 0 };
	struct binding b;

	(void)w;
	if (get_binding(&rq->in, &b))
		return -EBADMSG;
	m.program = b.program;
	m.version = b.version;
	m.netid = find_netid(b.netid, b.netid_len);
	if (m.netid != NETIDS && !parse_uaddr(b.addr, b.addr_len, &m.port) &&
	    m.port)
		return change(rq, true, &m);
	put32(&rq->out, false);
	return 0;
}

static int unset3(struct request *rq, struct waiter *w)
{
	struct mapping m = { 0 };
	struct binding b;

	(void)w;
	if (get_binding(&rq->in, &b))
		return -EBADMSG;
	m.program = b.program;
	m.version = b.version;
	m.netid = find_netid(b.netid, b.netid_len);
	if (m.netid != NETIDS || !b.netid_len)  /* none is all */
		return change(rq, false, &m);
	put32(&rq->out, false);
	return 0;
}

static int getaddr(struct request *rq, struct waiter *w)
{
	char addr[UADDR_SIZE];
	struct sockaddr_storage local;
	enum netid netid;
	uint16_t port = 0;
	struct binding b;

	(void)w;
	if (get_binding(&rq->in, &b))
		return -EBADMSG;
	rpc_local(rq, &local);
	netid = b.netid_len ? find_netid(b.netid, b.netid_len) :
			      netid_of(rq, &local);
	if (netid != NETIDS)
		port = registry_port(rq->service->registry, b.program,
				     b.version, netid);
	put_opaque(&rq->out, addr, port ? write_uaddr(&local, netid, port,
						      addr) : 0);
	return 0;
}

static void put_text(struct writer *w, const char *text)
{
	put_opaque(w, text, strlen(text));
}

static int dump3(struct request *rq, struct waiter *w)
{
	struct mapping all[REGISTRY_MAX];
	size_t n = registry_list(rq->service->registry, all);
	struct sockaddr_storage local;
	char addr[UADDR_SIZE];

	(void)w;
	rpc_local(rq, &local);
	for (size_t i = 0; i < n; i++) {
		put32(&rq->out, true);
		put32(&rq->out, all[i].program);
		put32(&rq->out, all[i].version);
		put_text(&rq->out, netid_name[all[i].netid]);
		put_opaque(&rq->out, addr,
			   write_uaddr(&local, all[i].netid, all[i].port,
				       addr));
		put_text(&rq->out, all[i].ours ? "gitnfsd" : "superuser");
	}
	put32(&rq->out, false);
	return 0;
}

/* ---- the tables ---- */

/* Who asks for port numbers tells no uid, and uses any port: of the listener's
 * rule it is the address that counts, as it does for datagrams. */
static bool admits(const struct request *rq)
{
	const struct client *client = rq->caller.client;

	return rq->proc->run == null ||
	       rule_admits_address(client->rule, client);
}

/* Those after DUMP, as CALLIT, which asks others in the caller's place, are
 * not there. */
static const struct proc procs2[] = {
	{ .name = "PMAP NULL", .run = null, .open = true },
	{ .name = "PMAP SET", .run = set2, .open = true },
	{ .name = "PMAP UNSET", .run = unset2, .open = true },
	{ .name = "PMAP GETPORT", .run = getport, .open = true },
	{ .name = "PMAP DUMP", .run = dump2, .open = true },
};

static const struct proc procs3[] = {
	{ .name = "RPCB NULL", .run = null, .open = true },
	{ .name = "RPCB SET", .run = set3, .open = true },
	{ .name = "RPCB UNSET", .run = unset3, .open = true },
	{ .name = "RPCB GETADDR", .run = getaddr, .open = true },
	{ .name = "RPCB DUMP", .run = dump3, .open = true },
};

const struct program portmap2_program = {
	.number = REGISTRY_PORTMAP,
	.version = 2,
	.nproc = sizeof procs2 / sizeof *procs2,
	.proc = procs2,
	.status = status_of,
	.admits = admits,
};

const struct program portmap3_program = {
	.number = REGISTRY_PORTMAP,
	.version = 3,
	.nproc = sizeof procs3 / sizeof *procs3,
	.proc = procs3,
	.status = status_of,
	.admits = admits,
};

const struct program portmap4_program = {
	.number = REGISTRY_PORTMAP,
	.version = 4,
	.nproc = sizeof procs3 / sizeof *procs3,
	.proc = procs3,
	.status = status_of,
	.admits = admits,
};
