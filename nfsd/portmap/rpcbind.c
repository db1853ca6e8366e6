/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <rpc/rpc.h>
#include <rpc/pmap_clnt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#ifdef HAVE_RPCB_SET
#include <netconfig.h>
#include <rpc/rpcb_clnt.h>
#endif

#include "common/cleanup.h"
#include "common/lock.h"
#include "common/log.h"
#include "nfsd/mount3.h"        /* rpcgen */
#include "nfsd/nlm4.h"          /* rpcgen */
#include "nfsd/portmap/neighbour.h"
#include "nfsd/portmap/rpcbind.h"
#include "nfsd/xdr.h"

enum {
	PORTMAP_PORT = 111,
	PMAP_DUMP = 4,
	LOOKS_MAX = 8,          /* over two and a half seconds */
	RENEW_MS = 5000,        /* how long after rpcbind we are back */
};

/* For the program that takes our place: what is registered is still so, and
 * what rb->displaced is. */
#define LEFT "GITNFS_DISPLACED"

/* One that does not jump, where conditions can be waited for by it. */
#ifdef __APPLE__
#define WAIT_CLOCK CLOCK_REALTIME
#else
#define WAIT_CLOCK CLOCK_MONOTONIC
#endif

bool rpcbind_runs(void)
{
	return neighbour_serves(PORTMAP_PORT, REGISTRY_PORTMAP, 2);
}

/* ---- what rpcbind tells ---- */

struct told {
	uint16_t port;          /* of what was asked for; 0: nowhere */
	bool other_mount;       /* there is a MOUNT at another port than ours */
};

/* Where is what 'm' is?  By IPv4 and TCP, which is told for IPv6 too. */
static struct told ask(const struct mapping *m)
{
	uint8_t data[NEIGHBOUR_REPLY];
	struct told ret = { 0 };
	struct reader in;

	if (neighbour_call(PORTMAP_PORT, REGISTRY_PORTMAP, 2, PMAP_DUMP, data,
			   &in))
		return ret;
	while (get32(&in)) {
		uint32_t program = get32(&in), version = get32(&in);
		uint32_t protocol = get32(&in), port = get32(&in);

		if (in.bad || port > UINT16_MAX)
			break;
		if (program == MOUNT_PROGRAM && port != m->port)
			ret.other_mount = true;
		if (program == m->program && version == m->version &&
		    protocol == IPPROTO_TCP)
			ret.port = (uint16_t)port;
	}
	return ret;
}

/* ---- by way of the library, which knows how to talk as who we are ---- */

#ifdef HAVE_RPCB_SET
static bool set(const struct mapping *m)
{
	struct netconfig *nconf = getnetconfigent(netid_name[m->netid]);
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(m->port),
	};
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons(m->port),
	};
	bool is6 = m->netid == NETID_TCP6;
	struct netbuf at = {
		.buf = is6 ? (void *)&in6 : (void *)&in,
		.len = is6 ? sizeof in6 : sizeof in,
		.maxlen = is6 ? sizeof in6 : sizeof in,
	};
	bool done;

	if (!nconf)
		return false;
	done = rpcb_set(m->program, m->version, nconf, &at);
	freenetconfigent(nconf);
	return done;
}

static void unset(const struct mapping *m)
{
	struct netconfig *nconf = getnetconfigent(netid_name[m->netid]);

	if (!nconf)
		return;
	rpcb_unset(m->program, m->version, nconf);
	freenetconfigent(nconf);
}
#else
static bool set(const struct mapping *m)
{
	return m->netid == NETID_TCP &&
	       pmap_set(m->program, m->version, IPPROTO_TCP, m->port);
}

static void unset(const struct mapping *m)
{
	if (m->netid == NETID_TCP)
		pmap_unset(m->program, m->version);
}
#endif

/* ---- the whole ---- */

struct rpcbind {
	struct mapping map[REGISTRY_MAX];
	size_t n;
	uint16_t displaced;     /* port of the lock manager before ours */

	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool running, ending;
	bool taken;             /* rpcbind has taken what we told it */
	unsigned looks;         /* to be taken yet */
};

/* Who serves NFS version 3 has a MOUNT.  Where there is none the lock manager
 * is a client's: it answers a ping and nothing else. */
static bool is_used(const struct mapping *m, const struct told *told)
{
	return m->program == NLM_PROGRAM ? told->other_mount :
	       neighbour_serves(told->port, m->program, m->version);
}

static void register_one(struct rpcbind *rb, const struct mapping *m)
{
	const struct told told = ask(m);

	if (told.port && told.port != m->port && is_used(m, &told)) {
		log_warning("another server is registered and runs",
			    "program=%u version=%u port=%u do=stop it, or tell "
			    "clients our port", m->program, m->version,
			    told.port);
		return;
	}
	if (m->program == NLM_PROGRAM && told.port != m->port)
		rb->displaced = told.port;
	unset(m);
	rb->taken = set(m);
	if (!rb->taken)
		log_warning("rpcbind refuses; clients must be told the port",
			    "program=%u version=%u port=%u", m->program,
			    m->version, m->port);
}

/* Is our lock manager where it was? */
static void look(struct rpcbind *rb)
{
	for (size_t i = 0; i < rb->n; i++) {
		const struct mapping *m = &rb->map[i];
		struct told told;

		if (m->program != NLM_PROGRAM || m->netid != NETID_TCP)
			continue;
		told = ask(m);
		/* Nowhere: another is about to set itself, and would not
		 * start if it could not. */
		if (!told.port || told.port == m->port || told.other_mount)
			continue;
		log_debug("lock manager registered again", "instead=%u",
			  told.port);
		register_one(rb, m);
	}
}

/* Has rpcbind been started anew, and knows nothing of us? */
static void renew(struct rpcbind *rb)
{
	const struct mapping *m = rb->map;

	if (!rb->taken || ask(m).port || !rpcbind_runs())
		return;
	log_info("rpcbind is told again where we are", "port=%u", m->port);
	for (size_t i = 0; i < rb->n; i++)
		register_one(rb, &rb->map[i]);
}

/* With the lock held; also when it is signalled. */
static void rest(struct rpcbind *rb, long ms)
{
	struct timespec until;

	clock_gettime(WAIT_CLOCK, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_cond_timedwait(&rb->wake, &rb->lock, &until);
}

static void *keep(void *arg)
{
	struct rpcbind *rb = arg;

	pthread_mutex_lock(&rb->lock);
	while (!rb->ending) {
		/* After 10 ms, 20, 40 ... */
		long ms = rb->looks ? 10L << (LOOKS_MAX - rb->looks) : RENEW_MS;
		bool looks = rb->looks;

		if (looks)
			rb->looks--;
		pthread_mutex_unlock(&rb->lock);
		renew(rb);
		if (looks)
			look(rb);
		pthread_mutex_lock(&rb->lock);
		if (!rb->ending && (!rb->looks || looks))
			rest(rb, ms);
	}
	pthread_mutex_unlock(&rb->lock);
	return NULL;
}

int rpcbind_new(struct rpcbind **ret)
{
	struct rpcbind *rb = calloc(1, sizeof *rb);
	pthread_condattr_t attr;

	if (!rb)
		return -ENOMEM;
	pthread_mutex_init(&rb->lock, NULL);
	pthread_condattr_init(&attr);
#ifndef __APPLE__
	pthread_condattr_setclock(&attr, WAIT_CLOCK);
#endif
	pthread_cond_init(&rb->wake, &attr);
	pthread_condattr_destroy(&attr);
	*ret = rb;
	return 0;
}

int rpcbind_register(struct rpcbind *rb, const struct mapping *m, size_t n)
{
	const char *left = getenv(LEFT);
	int r;

	memcpy(rb->map, m, n * sizeof *m);
	rb->n = n;
	for (size_t i = 0; i < n; i++)
		if (left && ask(&m[i]).port == m[i].port)
			rb->taken = true;
		else
			register_one(rb, &m[i]);
	if (left)
		rb->displaced = (uint16_t)atoi(left);
	unsetenv(LEFT);
	r = pthread_create(&rb->thread, NULL, keep, rb);
	rb->running = !r;
	return -r;
}

void rpcbind_mounted(void *rpcbind)
{
	struct rpcbind *rb = rpcbind;

	LOCK_SCOPE(&rb->lock);
	rb->looks = LOOKS_MAX;
	pthread_cond_signal(&rb->wake);
}

static void end(struct rpcbind *rb)
{
	{
		LOCK_SCOPE(&rb->lock);
		rb->ending = true;
		pthread_cond_signal(&rb->wake);
	}
	pthread_join(rb->thread, NULL);
}

void rpcbind_leave(struct rpcbind *rb)
{
	char port[8];

	if (!rb)
		return;
	if (rb->running)
		end(rb);
	rb->running = false;
	rb->n = 0;
	snprintf(port, sizeof port, "%u", rb->displaced);
	setenv(LEFT, port, 1);
}

void rpcbind_unregister(struct rpcbind *rb)
{
	if (!rb)
		return;
	if (rb->running)
		end(rb);
	rb->running = false;
	for (size_t i = 0; i < rb->n; i++) {
		struct mapping m = rb->map[i];

		if (ask(&m).port != m.port)
			continue;
		unset(&m);
		m.port = rb->displaced;
		if (m.program == NLM_PROGRAM && m.port &&
		    neighbour_serves(m.port, m.program, m.version))
			set(&m);
	}
	rb->n = 0;
}

void rpcbind_free(struct rpcbind *rb)
{
	if (!rb)
		return;
	rpcbind_unregister(rb);
	pthread_cond_destroy(&rb->wake);
	pthread_mutex_destroy(&rb->lock);
	free(rb);
}
