/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* floor - what an NFS server over TCP cannot do without.
 *
 * Takes what has arrived, finds the records in it, and sends for each a
 * ready-made reply of the size that a real one has: loopback, system calls,
 * and, of READ, as much memory to copy from.  Of a call it looks at the xid,
 * the procedure and READ's count.  What a real server takes beyond this is
 * its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "nfsd/xdr.h"

enum {
	GETATTR = 1, LOOKUP = 3, ACCESS = 4, READ = 6, READDIRPLUS = 17,
	PROCS = 22,
	FH = 48, ATTR = 84,
	IN_SIZE = 128 << 10,
	OUT_SIZE = 128 << 10,   /* of heads, in a batch */
	PARTS = 256,
	SHORT = 512,            /* replies up to here are copied */
	BATCH_MAX = 4 << 20,
	BLOCK = 4096,
	COUNT_MAX = 1 << 20,
	LAST = 1u << 31,
	NOTSUPP = 10004,
};

static struct {
	uint8_t *data;
	size_t len;
} ready_made[PROCS];

static uint8_t *content;        /* what is READ */
static size_t content_size;

/* ---- replies ---- */

static void put_zeros(struct writer *w, size_t len)
{
	uint8_t *p = put_room(w, len);

	if (p)
		memset(p, 0, len);
}

static void put_attr(struct writer *w)
{
	put32(w, 1);
	put_zeros(w, ATTR);
}

static void put_fh(struct writer *w)
{
	static const uint8_t fh[FH];

	put_opaque(w, fh, sizeof fh);
}

static void put_entry(struct writer *w, unsigned i)
{
	char name[16];

	put32(w, 1);
	put64(w, i);
	put_opaque(w, name, (size_t)snprintf(name, sizeof name, "file-%05u.c",
					     i));
	put64(w, i);
	put_attr(w);
	put32(w, 1);
	put_fh(w);
}

static void put_results(struct writer *w, unsigned proc, unsigned entries)
{
	put32(w, 0);
	switch (proc) {
	case GETATTR:
		put_zeros(w, ATTR);
		break;
	case LOOKUP:
		put_fh(w);
		put_attr(w);
		put_attr(w);
		break;
	case ACCESS:
		put_attr(w);
		put32(w, 1);
		break;
	case READ:
		put_attr(w);
		put_zeros(w, 3 * 4);    /* count, eof, length: at the end */
		break;
	case READDIRPLUS:
		put_attr(w);
		put64(w, 0);
		for (unsigned i = 0; i < entries; i++)
			put_entry(w, i);
		put64(w, 1);
	}
}

static void make(unsigned proc, unsigned entries)
{
	size_t room = 1024 + 200 * (size_t)entries;
	struct writer w;
	uint8_t *p = malloc(room);

	if (!p)
		exit(2);
	w = (struct writer){ p + 4, p + room, false };
	put64(&w, 1);                   /* xid; REPLY */
	put_zeros(&w, 4 * 4);           /* accepted, AUTH_NONE, SUCCESS */
	if (proc && proc != GETATTR && proc != LOOKUP && proc != ACCESS &&
	    proc != READ && proc != READDIRPLUS)
		put32(&w, NOTSUPP);
	else if (proc)
		put_results(&w, proc, entries);
	ready_made[proc].data = p;
	ready_made[proc].len = (size_t)(w.p - p);
	store32(p, LAST | (uint32_t)(w.p - p - 4));
}

/* ---- connections ---- */

struct conn {
	int fd;
	bool blocked;
	uint8_t in[IN_SIZE];
	size_t len;
	uint8_t out[OUT_SIZE];
	size_t used;
	struct iovec part[PARTS];
	unsigned n, next;
	size_t bytes;
};

static void add_part(struct conn *c, uint8_t *p, size_t len)
{
	struct iovec *last = c->n ? &c->part[c->n - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == p)
		last->iov_len += len;
	else
		c->part[c->n++] = (struct iovec){ p, len };
	c->bytes += len;
}

/* False: the socket takes no more.  Exits when it is broken. */
static bool send_parts(struct conn *c)
{
	while (c->next < c->n) {
		const struct msghdr m = {
			.msg_iov = c->part + c->next,
			.msg_iovlen = c->n - c->next,
		};
		ssize_t n = sendmsg(c->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno != EAGAIN;
		while (n > 0) {
			struct iovec *v = &c->part[c->next];
			size_t k = (size_t)n < v->iov_len ? (size_t)n :
				   v->iov_len;

			v->iov_base = (uint8_t *)v->iov_base + k;
			v->iov_len -= k;
			n -= (ssize_t)k;
			c->next += !v->iov_len;
		}
	}
	c->n = c->next = 0;
	c->used = c->bytes = 0;
	return true;
}

static void answer(struct conn *c, const uint8_t *call, size_t len)
{
	static uint32_t turn;
	unsigned proc = load32(call + 20) % PROCS;
	size_t whole = ready_made[proc].len;
	size_t own = whole <= SHORT ? whole : 8;
	uint8_t *p = c->out + c->used;

	memcpy(p, ready_made[proc].data, own);
	memcpy(p + 4, call, 4);
	c->used += own;
	add_part(c, p, own);
	if (own < whole)
		add_part(c, ready_made[proc].data + own, whole - own);
	if (proc == READ) {
		uint32_t count = load32(call + len - 4) % (COUNT_MAX + 1);
		size_t at = (size_t)(turn++ * 2654435761u) * BLOCK %
			    (content_size - COUNT_MAX);

		store32(p, LAST | (uint32_t)(whole - 4 + count));
		store32(p + whole - 12, count);
		store32(p + whole - 4, count);
		add_part(c, content + at / BLOCK * BLOCK, count);
	}
}

/* False: it is blocked. */
static bool answer_all(struct conn *c)
{
	size_t at = 0;
	bool free_ = true;

	while (free_ && c->len - at >= 4) {
		size_t len = load32(c->in + at) & ~LAST;

		if (len + 4 > IN_SIZE || len < 24)
			exit(2);
		if (c->len - at - 4 < len)
			break;
		answer(c, c->in + at + 4, len);
		at += 4 + len;
		if (c->n > PARTS - 4 || c->used > OUT_SIZE - 2 * SHORT ||
		    c->bytes > BATCH_MAX)
			free_ = send_parts(c);
	}
	memmove(c->in, c->in + at, c->len - at);
	c->len -= at;
	return free_ && send_parts(c);
}

static void on_event(struct conn *c, int poll)
{
	bool blocked = c->blocked && !(send_parts(c) && answer_all(c));

	if (!blocked) {
		ssize_t n = recv(c->fd, c->in + c->len, IN_SIZE - c->len,
				 MSG_DONTWAIT);

		if (!n || (n < 0 && errno != EAGAIN)) {
			close(c->fd);
			free(c);
			return;
		}
		if (n > 0) {
			c->len += (size_t)n;
			blocked = !answer_all(c);
		}
	}
	if (blocked != c->blocked) {
		struct epoll_event e = {
			.events = blocked ? EPOLLOUT : EPOLLIN,
			.data.ptr = c,
		};

		epoll_ctl(poll, EPOLL_CTL_MOD, c->fd, &e);
	}
	c->blocked = blocked;
}

static void adopt(int fd, int poll)
{
	const int on = 1;
	struct conn *c = calloc(1, sizeof *c);
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

	if (!c || fd < 0)
		exit(2);
	c->fd = fd;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e);
}

static int listen_on(int port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) ||
	    listen(fd, 128) || getsockname(fd, (struct sockaddr *)&at, &len)) {
		perror("floor");
		exit(2);
	}
	printf("%d\n", ntohs(at.sin_port));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	unsigned entries = 300, mebibytes = 24;
	struct epoll_event ready[64];
	struct epoll_event e = { .events = EPOLLIN };
	int fd, poll, port = 0;

	for (int c; (c = getopt(argc, argv, "e:m:p:")) != -1;) {
		if (c == 'e') {
			entries = (unsigned)atoi(optarg);
		} else if (c == 'm') {
			mebibytes = (unsigned)atoi(optarg);
		} else if (c == 'p') {
			port = atoi(optarg);
		} else {
			fputs("usage: floor [-e ENTRIES] [-m MEBIBYTES] "
			      "[-p PORT]\n", stderr);
			return 2;
		}
	}
	content_size = (size_t)(mebibytes + 1) << 20;
	content = malloc(content_size);
	poll = epoll_create1(EPOLL_CLOEXEC);
	if (!content || poll < 0)
		return 2;
	memset(content, 'x', content_size);
	for (unsigned i = 0; i < PROCS; i++)
		make(i, entries);
	fd = listen_on(port);
	epoll_ctl(poll, EPOLL_CTL_ADD, fd, &e);
	for (;;) {
		int n = epoll_wait(poll, ready, 64, -1);

		for (int i = 0; i < n; i++) {
			if (ready[i].data.ptr)
				on_event(ready[i].data.ptr, poll);
			else
				adopt(accept(fd, NULL, NULL), poll);
		}
	}
}
