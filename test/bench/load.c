/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* load - calls for an NFS server on this machine, and what they cost it.
 *
 * Connections that each keep a number of calls under way, on one thread.
 * Every reply is looked at: its record, xid and status, its structure where
 * it has any, whether a file is the one that the listing told of, and
 * whether a READ brought what was asked for.  What is wrong is counted and
 * the first of it told; the exit status is then 1.
 *
 * Prints one line of words KEY=VALUE.  Times are in microseconds, the
 * server's CPU time (user and system) is the kernel's account of process
 * PID. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "test/bench/latency.h"
#include "test/bench/tree.h"
#include "test/bench/wire.h"

enum {
	DEPTH_MAX = 256,
	IN_SIZE = 2 << 20,
	LONG = 32 << 10,                /* a reply of which only the head ... */
	HEAD = 160,                     /* ... of so many bytes is looked at */
	COMPLAINTS = 10,
	TIMEOUT_MS = 15000,
};

static struct {
	const char *path, *op;
	int port, mount_port;
	unsigned conns, depth, spread, size;
	double seconds, warmup;
	pid_t pid;
	bool raw;                       /* nothing past the status matters */
} opt = {
	.path = "/", .op = "getattr", .port = 2049, .conns = 1, .depth = 1,
	.spread = 1, .size = 4096, .seconds = 1, .warmup = 0.2,
};

static unsigned long errors;

static void wrong(const char *what)
{
	if (errors++ < COMPLAINTS)
		fprintf(stderr, "load: %s: %s\n", opt.op, what);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint32_t rnd(uint32_t n)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)((x >> 32) * n >> 32);
}

/* ---- work that ends: a walk, or a walk that reads ---- */

struct work {
	struct fh fh;
	bool reads;
	uint64_t at, verf;      /* cookie or offset */
	uint32_t len;
};

static struct work *work;       /* a stack */
static size_t works;
static bool walking, reading;
static uint64_t entries, bytes;

static void push_work(const struct work *w)
{
	work = grow(work, works, sizeof *work);
	work[works++] = *w;
}

static void push_entry(const struct entry *e)
{
	struct work w = { .fh = e->fh };

	if (is_dot(e))
		return;
	entries++;
	if (!e->attr || !e->fh.len) {
		wrong("an entry without attributes");
		return;
	}
	if (attr_type(e->attr) == DIRECTORY)
		push_work(&w);
	if (!reading || attr_type(e->attr) != REGULAR)
		return;
	w.reads = true;
	for (uint64_t size = attr_size(e->attr); w.at < size; w.at += w.len) {
		uint64_t rest = size - w.at;

		w.len = rest < opt.size ? (uint32_t)rest : opt.size;
		push_work(&w);
	}
}

/* ---- connections ---- */

struct call {
	uint32_t xid;
	bool busy;
	uint8_t proc;
	uint32_t object;
	uint64_t begun;
	struct work work;
};

struct conn {
	int fd;
	struct call call[DEPTH_MAX];
	unsigned idle[DEPTH_MAX], nidle;
	uint8_t *in;            /* IN_SIZE */
	size_t len;             /* of it used */
	size_t skip;            /* bytes of a long reply still to come */
	struct call *skipping;
	uint8_t out[DEPTH_MAX * CALL_MAX];
	size_t out_len, sent;
	bool waits_to_send;
};

static uint64_t done;
static unsigned under_way;
static bool stopping;

enum op { OP_NULL, OP_GETATTR, OP_LOOKUP, OP_ACCESS, OP_READ, OP_READDIRPLUS,
	  OP_MIX, OP_WALK, OP_CAT, OPS };
static const char *const op_name[OPS] = {
	"null", "getattr", "lookup", "access", "read", "readdirplus", "mix",
	"walk", "cat",
};
static const uint8_t op_proc[] = { 0, GETATTR, LOOKUP, ACCESS, READ,
				   READDIRPLUS };
static enum op op;

static enum op draw(void)
{
	uint32_t n = rnd(100);

	if (op != OP_MIX)
		return op;
	return n < 40 ? OP_GETATTR : n < 65 ? OP_LOOKUP : n < 80 ? OP_ACCESS :
	       n < 95 ? OP_READ : OP_READDIRPLUS;
}

static void put_read(struct writer *w, struct call *c, const struct fh *fh)
{
	put_fh(w, fh);
	put64(w, c->work.at);
	put32(w, c->work.len);
}

static void put_work(struct writer *w, struct call *c)
{
	c->work = work[--works];
	if (c->work.reads)
		put_read(w, c, &c->work.fh);
	else
		put_readdirplus(w, &c->work.fh, c->work.at, c->work.verf);
}

static void put_drawn(struct writer *w, struct call *c)
{
	const struct object *o;

	c->object = c->proc == READ ? file[rnd(files)] : rnd(objects);
	o = &object[c->object];
	switch (c->proc) {
	case GETATTR:
		put_fh(w, &o->fh);
		break;
	case LOOKUP:
		put_fh(w, &o->dir);
		put_opaque(w, o->name, o->len);
		break;
	case ACCESS:
		put_fh(w, &o->fh);
		put32(w, 0x3f);
		break;
	case READ:
		c->work.at = opt.size *
			     (uint64_t)rnd((uint32_t)(o->size / opt.size));
		c->work.len = opt.size;
		put_read(w, c, &o->fh);
		break;
	case READDIRPLUS:
		put_readdirplus(w, &dir[rnd(dirs)], 0, 0);
	}
}

static void refill(struct conn *c)
{
	uint64_t now = now_ns();

	while (c->nidle && !stopping && (!walking || works)) {
		unsigned i = c->idle[--c->nidle];
		struct call *call = &c->call[i];
		uint8_t *p = c->out + c->out_len;
		struct writer w;

		call->busy = true;
		call->begun = now;
		call->xid = (call->xid + DEPTH_MAX) / DEPTH_MAX * DEPTH_MAX + i;
		call->proc = !walking ? op_proc[draw()] :
			     work[works - 1].reads ? READ : READDIRPLUS;
		w = begin_call(p, call->xid, NFS, call->proc);
		if (walking)
			put_work(&w, call);
		else
			put_drawn(&w, call);
		c->out_len += end_call(p, &w);
		under_way++;
	}
}

static void flush(struct conn *c, int poll)
{
	struct epoll_event e = { .data.ptr = c };

	while (c->sent < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->sent, c->out_len - c->sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			die("the server has hung up");
		c->sent += (size_t)n;
	}
	if (c->sent == c->out_len)
		c->sent = c->out_len = 0;
	if (c->waits_to_send == (c->out_len > 0))
		return;
	c->waits_to_send = c->out_len > 0;
	e.events = EPOLLIN | (c->waits_to_send ? EPOLLOUT : 0);
	epoll_ctl(poll, EPOLL_CTL_MOD, c->fd, &e);
}

static void complete(struct conn *c, struct call *call, uint64_t now)
{
	count_latency(now - call->begun);
	call->busy = false;
	c->idle[c->nidle++] = (unsigned)(call - c->call);
	under_way--;
	done++;
}

static void check_read(const struct call *call, struct reader *r, size_t len)
{
	const uint8_t *attr = get_attr(r);
	uint32_t count = get32(r), eof = get32(r), data = get32(r);

	if (r->bad || count != data || count != call->work.len ||
	    4 * 3 + count + xdr_pad(count) > len)
		wrong("READ brought something else than asked for");
	else if (attr && eof != (call->work.at + count >= attr_size(attr)))
		wrong("READ does not know where the file ends");
	bytes += count;
}

static void check_listing(const struct call *call, struct reader *r)
{
	struct work more = call->work;
	struct entry e;

	get_attr(r);
	more.verf = get64(r);
	while (get_entry(r, &e)) {
		more.at = e.cookie;
		if (walking)
			push_entry(&e);
		else
			entries++;
	}
	if (!get32(r) && walking)
		push_work(&more);
	if (r->bad || r->p != r->end)
		wrong("a listing is not what it should be");
}

static void check_object(const struct call *call, const uint8_t *attr)
{
	if (attr && attr_fileid(attr) != object[call->object].fileid)
		wrong("another file than the listing told of");
}

/* 'len' bytes of results, of which 'r' has at least the beginning. */
static void check(const struct call *call, struct reader *r, size_t len)
{
	const uint8_t *attr;

	if (call->proc && get32(r)) {
		wrong("a call has failed");
		return;
	}
	if (opt.raw)
		return;
	switch (call->proc) {
	case GETATTR:
		attr = get_bytes(r, ATTR);
		check_object(call, attr);
		break;
	case LOOKUP:
		get_fh(r);
		check_object(call, get_attr(r));
		get_attr(r);
		break;
	case ACCESS:
		check_object(call, get_attr(r));
		get32(r);
		break;
	case READ:
		check_read(call, r, len);
		return;
	case READDIRPLUS:
		check_listing(call, r);
		return;
	}
	if (r->bad || r->p != r->end)
		wrong("a reply is too short or too long");
}

/* A record of 'len' bytes, or the first of them. */
static struct call *take_reply(struct conn *c, const uint8_t *p, size_t have,
			       size_t len)
{
	struct reader r = { p, p + have, false };
	struct call *call;
	uint32_t xid;

	if (!get_head(&r, &xid))
		die("a call was refused");
	call = &c->call[xid % DEPTH_MAX];
	if (!call->busy || call->xid != xid)
		die("a reply to what was not asked");
	check(call, &r, len - (size_t)(r.p - p));
	return call;
}

static void take_replies(struct conn *c)
{
	uint64_t now = now_ns();
	size_t at = 0;

	while (c->len - at >= 4) {
		const uint8_t *p = c->in + at + 4;
		size_t have = c->len - at - 4;
		uint32_t mark = load32(p - 4);
		size_t len = mark & ~LAST;

		if (!(mark & LAST))
			die("a reply comes in pieces");
		if (have < len && (op != OP_READ || len < LONG || have < HEAD))
			break;
		if (have >= len) {
			complete(c, take_reply(c, p, len, len), now);
			at += 4 + len;
			continue;
		}
		c->skipping = take_reply(c, p, have, len);
		c->skip = len - have;
		at = c->len;
	}
	memmove(c->in, c->in + at, c->len - at);
	c->len -= at;
}

/* Long READs are only needed in part; the rest is dropped where it is. */
static void receive(struct conn *c)
{
	ssize_t n;

	if (c->skip)
		n = recv(c->fd, NULL, c->skip, MSG_DONTWAIT | MSG_TRUNC);
	else
		n = recv(c->fd, c->in + c->len, IN_SIZE - c->len,
			 MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		die("the server has hung up");
	if (!c->skip) {
		c->len += (size_t)n;
		take_replies(c);
		return;
	}
	c->skip -= (size_t)n;
	if (!c->skip)
		complete(c, c->skipping, now_ns());
}

/* ---- measuring ---- */

static double server_cpu_us(void)
{
	clockid_t clock;
	struct timespec t = { 0 };

	if (opt.pid && (clock_getcpuclockid(opt.pid, &clock) ||
			clock_gettime(clock, &t)))
		die("the server is no process");
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static long server_rss_kib(void)
{
	char name[64], line[256];
	long kib = 0;
	FILE *f;

	snprintf(name, sizeof name, "/proc/%d/status", (int)opt.pid);
	f = fopen(name, "r");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, "VmRSS:", 6))
			kib = atol(line + 6);
	if (f)
		fclose(f);
	return kib;
}

static double own_cpu_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static struct mark {
	uint64_t at, done, entries, bytes;
	double server, own;
} from, to;

static struct mark mark(void)
{
	return (struct mark){ now_ns(), done, entries, bytes,
			      server_cpu_us(), own_cpu_us() };
}

static void begin_measuring(void)
{
	forget_latencies();
	from = mark();
}

static void run(struct conn **conn, int poll, struct fh top)
{
	uint64_t begun = now_ns(), warm = begun, end = UINT64_MAX;
	struct epoll_event ready[64];
	bool measuring = false;

	warm += (uint64_t)(opt.warmup * 1e9);
	if (walking) {
		const struct work all = { .fh = top };

		push_work(&all);
		begin_measuring();
		measuring = true;
	}
	for (unsigned i = 0; i < opt.conns; i++) {
		refill(conn[i]);
		flush(conn[i], poll);
	}
	while (under_way) {
		int n = epoll_wait(poll, ready, 64, TIMEOUT_MS);
		uint64_t now = now_ns();

		if (!n)
			die("the server does not answer");
		if (!measuring && now >= warm) {
			begin_measuring();
			measuring = true;
			end = now + (uint64_t)(opt.seconds * 1e9);
		}
		if (!stopping && now >= end) {
			to = mark();
			stopping = true;
		}
		for (int i = 0; i < n; i++) {
			struct conn *c = ready[i].data.ptr;

			if (ready[i].events & EPOLLIN)
				receive(c);
			if (!walking)
				refill(c);
			flush(c, poll);
		}
		/* Whoever has found work has found some for all. */
		for (unsigned i = 0; walking && works && i < opt.conns; i++) {
			refill(conn[i]);
			flush(conn[i], poll);
		}
	}
	if (walking)
		to = mark();
}

static struct conn *conn_new(int poll)
{
	struct conn *c = calloc(1, sizeof *c);
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };

	if (!c || !(c->in = malloc(IN_SIZE)))
		die("out of memory");
	c->fd = connect_to(opt.port);
	for (unsigned i = 0; i < opt.depth; i++)
		c->idle[c->nidle++] = i;
	if (epoll_ctl(poll, EPOLL_CTL_ADD, c->fd, &e))
		die(strerror(errno));
	return c;
}

static void report(void)
{
	double n = (double)(to.done - from.done);
	double seconds = (double)(to.at - from.at) / 1e9;

	printf("calls=%.0f seconds=%.3f per_second=%.0f cpu=%.4f client=%.4f "
	       "p50=%.1f p99=%.1f p999=%.1f entries=%llu bytes=%llu rss=%ld "
	       "errors=%lu\n", n, seconds, n / seconds,
	       (to.server - from.server) / n, (to.own - from.own) / n,
	       percentile(0.5), percentile(0.99), percentile(0.999),
	       (unsigned long long)(to.entries - from.entries),
	       (unsigned long long)(to.bytes - from.bytes), server_rss_kib(),
	       errors);
}

static void usage(void)
{
	fputs("usage: load [-R] [-p PORT] [-m MOUNT-PORT] [-P PID] [-o OP] "
	      "[-c CONNECTIONS] [-d DEPTH]\n"
	      "            [-n OBJECTS] [-s SIZE] [-t SECONDS] [-w WARM-UP] "
	      "[MOUNT:PATH]\n"
	      "OP: null getattr lookup access read readdirplus mix walk cat\n",
	      stderr);
	exit(2);
}

static void parse(int argc, char **argv)
{
	for (int c; (c = getopt(argc, argv, "Rp:m:P:o:c:d:n:s:t:w:")) != -1;) {
		switch (c) {
		case 'R': opt.raw = true; break;
		case 'p': opt.port = atoi(optarg); break;
		case 'm': opt.mount_port = atoi(optarg); break;
		case 'P': opt.pid = atoi(optarg); break;
		case 'o': opt.op = optarg; break;
		case 'c': opt.conns = (unsigned)atoi(optarg); break;
		case 'd': opt.depth = (unsigned)atoi(optarg); break;
		case 'n': opt.spread = (unsigned)atoi(optarg); break;
		case 's': opt.size = (unsigned)atoi(optarg); break;
		case 't': opt.seconds = atof(optarg); break;
		case 'w': opt.warmup = atof(optarg); break;
		default: usage();
		}
	}
	if (optind < argc)
		opt.path = argv[optind++];
	while (op < OPS && strcmp(opt.op, op_name[op]))
		op++;
	if (optind != argc || op == OPS || !opt.conns || !opt.depth ||
	    opt.depth > DEPTH_MAX || !opt.size)
		usage();
	if (!opt.mount_port)
		opt.mount_port = opt.port;
	reading = op == OP_CAT;
	walking = reading || op == OP_WALK;
	if (walking && opt.raw)
		usage();
}

int main(int argc, char **argv)
{
	struct fh top = { .len = 0 };
	struct conn **conn;
	int fd, poll;

	parse(argc, argv);
	conn = calloc(opt.conns, sizeof *conn);
	poll = epoll_create1(EPOLL_CLOEXEC);
	if (!conn || poll < 0)
		die("out of memory");
	if (opt.raw) {
		make_up();
	} else {
		fd = connect_to(opt.port);
		top = start_at(fd, opt.mount_port, opt.path);
		if (!walking && op != OP_NULL)
			gather(fd, top, opt.spread, opt.size);
		close(fd);
	}
	if (!files && (op == OP_READ || op == OP_MIX))
		die("no file is as long as what is to be read");
	for (unsigned i = 0; i < opt.conns; i++)
		conn[i] = conn_new(poll);
	run(conn, poll, top);
	report();
	return errors != 0;
}
