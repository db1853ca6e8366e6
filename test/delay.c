/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/delay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/list.h"
#include "test/must.h"

enum {
	PIPES = 128,            /* two for each connection */
	PIECE = 256 << 10,
	UNDER_WAY = 64 << 20,   /* bytes of a pipe, then it is read no more */
};

/* Bytes on their way; none: the end. */
struct piece {
	struct list link;
	uint64_t due;           /* ns */
	size_t len, sent;
	char data[];
};

/* One direction of a connection. */
struct pipe {
	bool used, read_ended, ended;
	int from, to;
	bool up;
	struct list pieces;
	size_t bytes;
};

struct delay {
	pthread_t thread;
	int listener, port, host_port;
	int stop[2];            /* a pipe: closed to end it */
	uint64_t ns;            /* one way */
	struct pipe pipe[PIPES];
	pthread_mutex_t lock;           /* covers the rest */
	struct delay_count count;
	bool off;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int tcp(int port, bool listening)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	must(fd >= 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (listening)
		must(!bind(fd, (struct sockaddr *)&a, sizeof a) &&
		     !listen(fd, 64));
	else if (connect(fd, (struct sockaddr *)&a, sizeof a)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static struct pipe *free_pair(struct delay *d)
{
	for (int i = 0; i < PIPES; i += 2)
		if (!d->pipe[i].used && !d->pipe[i + 1].used)
			return &d->pipe[i];
	return NULL;
}

/* Asked for each connection that comes. */
static bool is_off(struct delay *d)
{
	bool off;

	pthread_mutex_lock(&d->lock);
	off = d->off;
	d->count.refused += off;
	pthread_mutex_unlock(&d->lock);
	return off;
}

static void meet(struct delay *d)
{
	int near = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC), on = 1;
	bool off = is_off(d);
	int far = near >= 0 && !off ? tcp(d->host_port, false) : -1;
	struct pipe *p = free_pair(d);

	if (far < 0 || !p) {
		close(near);
		close(far);
		return;
	}
	setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	fcntl(near, F_SETFL, O_NONBLOCK);
	fcntl(far, F_SETFL, O_NONBLOCK);
	p[0] = (struct pipe){ .used = true, .from = near, .to = far,
			      .up = true };
	p[1] = (struct pipe){ .used = true, .from = far, .to = near };
	list_init(&p[0].pieces);
	list_init(&p[1].pieces);
	pthread_mutex_lock(&d->lock);
	d->count.connections++;
	pthread_mutex_unlock(&d->lock);
}

static void take(struct delay *d, struct pipe *p)
{
	struct piece *in = malloc(sizeof *in + PIECE);
	ssize_t n;

	must(in);
	n = recv(p->from, in->data, PIECE, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		free(in);
		return;
	}
	in->len = n > 0 ? (size_t)n : 0;
	in->sent = 0;
	in->due = now() + d->ns;
	in = realloc(in, sizeof *in + in->len);
	must(in);
	p->read_ended = !in->len;
	p->bytes += in->len;
	list_add_tail(&p->pieces, &in->link);
	pthread_mutex_lock(&d->lock);
	*(p->up ? &d->count.up : &d->count.down) += in->len;
	pthread_mutex_unlock(&d->lock);
}

/* Hand on what is due.  Returns when the next is, or 0. */
static uint64_t hand_on(struct pipe *p, bool *blocked)
{
	*blocked = false;
	while (!list_empty(&p->pieces)) {
		struct piece *out = container_of(p->pieces.next, struct piece,
						 link);
		ssize_t n = 0;

		if (out->due > now())
			return out->due;
		if (!out->len) {
			shutdown(p->to, SHUT_WR);
			p->ended = true;
		} else if (!p->ended) {
			n = send(p->to, out->data + out->sent,
				 out->len - out->sent, MSG_NOSIGNAL);
			*blocked = n < 0 && errno == EAGAIN;
			if (*blocked)
				return 0;
			p->ended = n < 0;
			out->sent += n > 0 ? (size_t)n : 0;
		}
		if (out->sent < out->len && !p->ended)
			continue;
		p->bytes -= out->len;
		list_del(&out->link);
		free(out);
	}
	return 0;
}

/* Both directions are over. */
static void part(struct pipe *p)
{
	if (!p[0].used || !p[0].ended || !p[1].ended)
		return;
	for (int i = 0; i < 2; i++) {
		struct list *l;

		while ((l = list_pop(&p[i].pieces)))
			free(container_of(l, struct piece, link));
		close(p[i].from);
		p[i].used = false;
	}
}

static void wait_for_more(struct delay *d)
{
	struct pollfd f[2 + 2 * PIPES];
	struct pipe *of[2 + 2 * PIPES] = { NULL };
	uint64_t next = 0;
	nfds_t n = 2;

	f[0] = (struct pollfd){ .fd = d->stop[0], .events = POLLIN };
	f[1] = (struct pollfd){ .fd = d->listener, .events = POLLIN };
	for (int i = 0; i < PIPES; i++) {
		struct pipe *p = &d->pipe[i];
		bool blocked;
		uint64_t due;

		if (!p->used)
			continue;
		due = hand_on(p, &blocked);
		if (due && (!next || due < next))
			next = due;
		if (blocked)
			f[n++] = (struct pollfd){ .fd = p->to,
						  .events = POLLOUT };
		if (!p->read_ended && p->bytes < UNDER_WAY) {
			of[n] = p;
			f[n++] = (struct pollfd){ .fd = p->from,
						  .events = POLLIN };
		}
	}
	for (int i = 0; i < PIPES; i += 2)
		part(&d->pipe[i]);

	uint64_t at = now(), rest = next > at ? next - at : 0;
	const struct timespec t = { .tv_sec = (time_t)(rest / 1000000000),
				    .tv_nsec = (long)(rest % 1000000000) };

	ppoll(f, n, next ? &t : NULL, NULL);
	if (f[1].revents)
		meet(d);
	for (nfds_t i = 2; i < n; i++)
		if (of[i] && of[i]->used && f[i].revents)
			take(d, of[i]);
}

static void *run(void *arg)
{
	struct delay *d = arg;
	struct pollfd stop = { .fd = d->stop[0], .events = POLLIN };

	while (!poll(&stop, 1, 0))
		wait_for_more(d);
	return NULL;
}

struct delay *delay_start(int port, unsigned round_trip_ms)
{
	struct delay *d = calloc(1, sizeof *d);
	struct sockaddr_in a;
	socklen_t len = sizeof a;

	must(d);
	d->host_port = port;
	d->ns = (uint64_t)round_trip_ms * 500000;
	d->listener = tcp(0, true);
	must(!getsockname(d->listener, (struct sockaddr *)&a, &len));
	d->port = ntohs(a.sin_port);
	pthread_mutex_init(&d->lock, NULL);
	must(!pipe2(d->stop, O_CLOEXEC));
	must(!pthread_create(&d->thread, NULL, run, d));
	return d;
}

int delay_port(const struct delay *d)
{
	return d->port;
}

void delay_off(struct delay *d, bool off)
{
	pthread_mutex_lock(&d->lock);
	d->off = off;
	pthread_mutex_unlock(&d->lock);
}

struct delay_count delay_count(struct delay *d)
{
	struct delay_count c;

	pthread_mutex_lock(&d->lock);
	c = d->count;
	pthread_mutex_unlock(&d->lock);
	return c;
}

void delay_stop(struct delay *d)
{
	close(d->stop[1]);
	pthread_join(d->thread, NULL);
	for (int i = 0; i < PIPES; i++)
		d->pipe[i].ended = true;
	for (int i = 0; i < PIPES; i += 2)
		part(&d->pipe[i]);
	close(d->listener);
	close(d->stop[0]);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
