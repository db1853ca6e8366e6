/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "test/must.h"

enum {
	PATIENCE_MS = 60000, RECORD_MAX = 2 << 20, COME_BACK_TRIES = 6000,
	SYSTEM_ERR_LEN = 24,    /* nothing else is so short */
};

/* ---- XDR ---- */

void wire_free(struct wire *w)
{
	free(w->p);
	*w = (struct wire){ 0 };
}

void wire_put_bytes(struct wire *w, const void *data, size_t len)
{
	if (!len)
		return;
	if (w->cap - w->len < len) {
		w->cap = 2 * w->cap + len;
		w->p = realloc(w->p, w->cap);
		must(w->p);
	}
	memcpy(w->p + w->len, data, len);
	w->len += len;
}

void wire_put32(struct wire *w, uint32_t v)
{
	v = htonl(v);
	wire_put_bytes(w, &v, sizeof v);
}

void wire_put64(struct wire *w, uint64_t v)
{
	wire_put32(w, (uint32_t)(v >> 32));
	wire_put32(w, (uint32_t)v);
}

void wire_put_opaque(struct wire *w, const void *data, size_t len)
{
	static const uint8_t zero[4];

	wire_put32(w, (uint32_t)len);
	wire_put_bytes(w, data, len);
	wire_put_bytes(w, zero, -len % 4);
}

const uint8_t *wire_get_bytes(struct wire *w, size_t len)
{
	const uint8_t *p = w->p + w->at;

	must(len <= w->len - w->at);
	w->at += len;
	return p;
}

uint32_t wire_get32(struct wire *w)
{
	uint32_t v;

	memcpy(&v, wire_get_bytes(w, sizeof v), sizeof v);
	return ntohl(v);
}

uint64_t wire_get64(struct wire *w)
{
	uint64_t high = wire_get32(w);

	return high << 32 | wire_get32(w);
}

bool wire_get_bool(struct wire *w)
{
	uint32_t v = wire_get32(w);

	must(v <= 1);
	return v;
}

const uint8_t *wire_get_opaque(struct wire *w, size_t max, size_t *len)
{
	const uint8_t *p, *pad;

	*len = wire_get32(w);
	must(*len <= max);
	p = wire_get_bytes(w, *len);
	pad = wire_get_bytes(w, -*len % 4);
	for (size_t i = 0; i < -*len % 4; i++)
		must(pad[i] == 0);
	return p;
}

void wire_end(struct wire *w)
{
	must(w->at == w->len);
}

/* ---- connection ---- */

bool raw_open_from(struct raw *r, uint16_t port, const char *address,
		   uint16_t own_port)
{
	struct sockaddr_in from = {
		.sin_family = AF_INET,
		.sin_port = htons(own_port),
	};
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int on = 1;

	*r = (struct raw){ .fd = socket(AF_INET, SOCK_STREAM, 0),
			   .port = port, .xid = 0x10000 };
	must(r->fd >= 0);
	setsockopt(r->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	must(inet_pton(AF_INET, address, &from.sin_addr) == 1);
	if (bind(r->fd, (struct sockaddr *)&from, sizeof from)) {
		must(errno == EACCES || errno == EADDRINUSE);
		raw_close(r);
		return false;
	}
	must(connect(r->fd, (struct sockaddr *)&to, sizeof to) == 0);
	setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return true;
}

void raw_open(struct raw *r, uint16_t port)
{
	must(raw_open_from(r, port, "127.0.0.1", 0));
}

void raw_close(struct raw *r)
{
	if (r->fd > 0)
		close(r->fd);
	r->fd = -1;
}

void raw_send(struct raw *r, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = send(r->fd, p, len, MSG_NOSIGNAL);

		/* It may have closed on us: raw_receive() will tell. */
		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return;
		must(n > 0);
		p += n;
		len -= (size_t)n;
	}
}

void raw_record(struct raw *r, const struct wire *w)
{
	CLEANUP_WIRE struct wire record = { 0 };

	wire_put32(&record, RAW_LAST | (uint32_t)w->len);
	wire_put_bytes(&record, w->p, w->len);
	raw_send(r, record.p, record.len);
}

/* False: closed, before the first byte. */
static bool receive(struct raw *r, void *to, size_t len)
{
	char *p = to;

	for (size_t got = 0; got < len;) {
		struct pollfd ready = { .fd = r->fd, .events = POLLIN };
		int waited = poll(&ready, 1, PATIENCE_MS);
		ssize_t n;

		must(waited == 1);      /* the server answers in time */
		n = recv(r->fd, p + got, len - got, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET)) {
			must(got == 0 || r->patient);
			return false;
		}
		must(n > 0);
		got += (size_t)n;
	}
	return true;
}

bool raw_receive(struct raw *r, struct wire *ret)
{
	uint32_t head;

	ret->len = ret->at = 0;
	do {
		uint32_t len;

		if (!receive(r, &head, sizeof head)) {
			must(ret->len == 0 || r->patient);
			return false;
		}
		head = ntohl(head);
		len = head & ~RAW_LAST;
		must(ret->len + len <= RECORD_MAX);
		if (ret->cap < ret->len + len) {
			ret->cap = ret->len + len;
			ret->p = realloc(ret->p, ret->cap);
			must(ret->p);
		}
		if (len && !receive(r, ret->p + ret->len, len)) {
			must(r->patient);
			return false;
		}
		ret->len += len;
	} while (!(head & RAW_LAST));
	return true;
}

/* ---- calls ---- */

void raw_head_auth(struct wire *w, uint32_t xid, uint32_t prog, uint32_t vers,
		   uint32_t proc, uint32_t flavor, const void *cred, size_t len)
{
	wire_put32(w, xid);
	wire_put32(w, 0);       /* CALL */
	wire_put32(w, 2);       /* RPC version */
	wire_put32(w, prog);
	wire_put32(w, vers);
	wire_put32(w, proc);
	wire_put32(w, flavor);
	wire_put_opaque(w, cred, len);
	wire_put32(w, 0);       /* verifier: AUTH_NONE */
	wire_put32(w, 0);
}

static __thread uint32_t own_uid = 1000;

void raw_be(uint32_t uid)
{
	own_uid = uid;
}

void raw_head(struct wire *w, uint32_t xid, uint32_t prog, uint32_t vers,
	      uint32_t proc)
{
	CLEANUP_WIRE struct wire sys = { 0 };

	wire_put32(&sys, 0);                    /* stamp */
	wire_put_opaque(&sys, "test", 4);       /* machine */
	wire_put32(&sys, own_uid);
	wire_put32(&sys, 1000);
	wire_put32(&sys, 1);
	wire_put32(&sys, 1000);
	raw_head_auth(w, xid, prog, vers, proc, 1, sys.p, sys.len);
}

struct raw_reply raw_reply(struct wire *w)
{
	struct raw_reply r;

	r.xid = wire_get32(w);
	must(wire_get32(w) == 1);        /* REPLY */
	r.stat = wire_get32(w);
	must(r.stat <= RAW_DENIED);
	if (r.stat == RAW_ACCEPTED) {
		must(wire_get32(w) == 0);        /* AUTH_NONE */
		must(wire_get32(w) == 0);
	}
	r.why = wire_get32(w);
	return r;
}

/* Wait until there is a server again, which may take a moment. */
static void come_back(struct raw *r)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	const struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(r->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	for (int i = 0; i < COME_BACK_TRIES; i++) {
		close(r->fd);
		r->fd = socket(AF_INET, SOCK_STREAM, 0);
		must(r->fd >= 0);
		if (!connect(r->fd, (const struct sockaddr *)&to, sizeof to))
			return;
		nanosleep(&moment, NULL);
	}
	must(!"it does not come back");
}

void raw_call(struct raw *r, const struct wire *call, struct wire *reply)
{
	struct raw_reply head;

	raw_record(r, call);
	while (!raw_receive(r, reply)) {
		must(r->patient);
		come_back(r);
		raw_record(r, call);
	}
	if (r->patient && reply->len == SYSTEM_ERR_LEN) {
		raw_call(r, call, reply);       /* out of memory */
		return;
	}
	head = raw_reply(reply);
	must(head.xid == r->xid);
	must(head.stat == RAW_ACCEPTED);
	must(head.why == RAW_SUCCESS);
}
