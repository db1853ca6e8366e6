/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "nfsd/batch.h"
#include "nfsd/conn.h"
#include "nfsd/xdr.h"

enum {
	/* A whole record, the mark of the next, and more to make one
	 * receive carry many calls. */
	IN_SIZE = 128 << 10,
	LAST_FRAGMENT = 1u << 31,
	/* What one connection may have done before it is the others' turn.
	 * The clock is looked at after every few calls. */
	TURN_BYTES = 2 << 20,   /* of replies: large READs need few sends */
	TURN_NS = 500000,
	TURN_CALLS = 4,
};

_Static_assert(IN_SIZE > RPC_RECORD_MAX + 4,
	       "there is room for more whenever more is wanted");

struct conns {
	struct loop *loop;
	struct rpc *rpc;
	struct list all;        /* open, or with waiters out; first who has
				 * got nowhere for longest */
	size_t n, max;          /* that are open */
	size_t kept, queued;    /* bytes, for all: in and out */
	size_t waiters;         /* out, for all */
	uint64_t turned_away;   /* calls that might not wait */
	uint64_t turn;          /* clock_ticks(): it began */
	struct list later;      /* have more to run, behind whoever comes */
	struct event *later_timer;
	struct list dirty;      /* answered since the last flush */
	struct task flush;
	bool flushing;          /* 'flush' is posted */
	struct batch *batch;    /* replies that wait for nobody: of the one
				 * connection whose turn it is */
	uint8_t *spare;         /* an input buffer nobody needs now */
	struct event *stop_timer;
	bool stopping;
};

/* What has arrived:
 *
 *	buf[start, start + len)  the record, as far as it is put together
 *	buf[raw, end)            what comes after, not looked at
 */
struct input {
	uint8_t *buf;           /* NULL: nothing is kept */
	size_t room;            /* IN_SIZE while there is more to come */
	size_t start, len, raw, end;
	uint32_t left;          /* bytes of the fragment yet to come */
	bool last;              /* it is the record's last */
};

struct conn {
	struct conns *home;
	struct list link;       /* home->all */
	struct list dirty;      /* home->dirty */
	struct list later;      /* home->later */
	size_t kept, queued;    /* its share of the home's */
	struct task adopt;
	int fd;                 /* -1: closed */
	struct client client;
	struct event *readable, *writable;
	bool reading, writing;  /* which of the two are added */
	bool pumping;           /* run_turn() will send what is queued */
	bool more;              /* there is a record that has not been run */
	bool ending;            /* read no more; close when all is answered */
	bool broken;            /* a reply has been lost: what comes behind it
				 * must not be sent */
	unsigned calls;         /* parked and not answered */
	unsigned waiters;       /* out, for calls answered or not */
	struct input in;
	struct evbuffer *out;   /* what could not be sent at once */
	uint64_t since;         /* clock_ms(): connected */
	uint64_t records;       /* that have been run */
};

static void conn_free(struct conn *c)
{
	struct conns *home = c->home;

	list_del(&c->link);
	free(c);
	if (home->stopping && list_empty(&home->all))
		loop_end(home->loop);
}

static void drop_input(struct conn *c)
{
	struct conns *home = c->home;

	if (home->spare || c->in.room < IN_SIZE)
		free(c->in.buf);
	else
		home->spare = c->in.buf;
	c->in.buf = NULL;
	c->in.room = 0;
}

/* What it keeps now of what is kept for all. */
static void take_stock(struct conn *c)
{
	struct conns *home = c->home;
	size_t kept = c->in.buf ? c->in.end : 0;
	size_t queued = c->out ? evbuffer_get_length(c->out) : 0;

	home->kept += kept - c->kept;
	home->queued += queued - c->queued;
	c->kept = kept;
	c->queued = queued;
}

/* Frees 'c' unless there are waiters out. */
static void conn_close(struct conn *c)
{
	if (c->readable)
		event_free(c->readable);
	if (c->writable)
		event_free(c->writable);
	c->readable = c->writable = NULL;
	close(c->fd);
	c->fd = -1;
	c->home->n--;
	if (c->in.buf)
		drop_input(c);
	if (c->out)
		evbuffer_free(c->out);
	c->out = NULL;
	take_stock(c);
	list_del(&c->dirty);
	list_del(&c->later);
	if (!c->waiters)
		conn_free(c);
}

static bool is_full(const struct conn *c)
{
	const struct batch *b = c->home->batch;

	return c->calls >= CONN_CALLS_MAX || batch_is_full(b) ||
	       evbuffer_get_length(c->out) + batch_bytes(b) >= CONN_OUT_MAX;
}

static bool turn_is_over(const struct conn *c)
{
	const struct conns *cs = c->home;

	return batch_bytes(cs->batch) >= TURN_BYTES ||
	       (c->records % TURN_CALLS == 0 &&
		clock_ticks_ns(cs->turn, clock_ticks()) > TURN_NS);
}

/* Run the records that are complete.  -EAGAIN: there is another, but the
 * connection is full, or its turn is over.  Other errors: it is of no use. */
static int run_records(struct conn *c)
{
	struct input *in = &c->in;
	uint64_t before = c->records;

	for (;;) {
		if (in->left) {
			size_t n = in->end - in->raw;

			if (!n)
				return 0;
			if (n > in->left)
				n = in->left;
			if (in->start + in->len != in->raw)
				memmove(in->buf + in->start + in->len,
					in->buf + in->raw, n);
			in->len += n;
			in->raw += n;
			in->left -= (uint32_t)n;
		} else if (in->last) {
			int r;

			if (is_full(c) ||
			    (c->records != before && turn_is_over(c)))
				return -EAGAIN;
			if (in->end - in->raw > 4)
				rpc_ahead(c->home->rpc, in->buf + in->raw + 4,
					  in->end - in->raw - 4);
			r = rpc_record(c->home->rpc, c, in->buf + in->start,
				     in->len);
			if (r)
				return r;
			c->records++;
			in->last = false;
			in->len = 0;
		} else {
			uint32_t mark;

			if (in->end - in->raw < 4)
				return 0;
			mark = load32(in->buf + in->raw);
			in->raw += 4;
			if (!in->len)
				in->start = in->raw;
			in->last = mark & LAST_FRAGMENT;
			in->left = mark & ~(uint32_t)LAST_FRAGMENT;
			if (in->len + in->left > RPC_RECORD_MAX)
				return -EMSGSIZE;
		}
	}
}

/* Move what is left to the front, or give the buffer back. */
static void tidy_input(struct conn *c)
{
	struct input *in = &c->in;
	size_t rest = in->end - in->raw;

	if (!in->buf)
		return;
	if (!in->len && !rest) {
		drop_input(c);
	} else if (in->start || in->len != in->raw) {
		memmove(in->buf, in->buf + in->start, in->len);
		memmove(in->buf + in->len, in->buf + in->raw, rest);
	}
	in->start = 0;
	in->raw = in->len;
	in->end = in->len + rest;
}

/* The large buffer is for what arrives; what has to wait for the rest of its
 * record does so in one of its size. */
static void shrink_input(struct conn *c)
{
	struct input *in = &c->in;
	uint8_t *p;

	if (!in->buf || in->room < IN_SIZE || in->end > IN_SIZE / 2)
		return;
	p = malloc(in->end);
	if (!p)
		return;
	memcpy(p, in->buf, in->end);
	drop_input(c);
	in->buf = p;
	in->room = in->end;
}

static int grow_input(struct conn *c)
{
	struct input *in = &c->in;
	uint8_t *p;

	if (in->room == IN_SIZE)
		return 0;
	p = TAKE(c->home->spare);
	if (!p)
		p = malloc(IN_SIZE);
	if (!p)
		return -ENOMEM;
	if (in->buf)
		memcpy(p, in->buf, in->end);
	free(in->buf);
	in->buf = p;
	in->room = IN_SIZE;
	return 0;
}

/* As much as is taken, or a turn's. */
static int send_queued(struct conn *c)
{
	int r = batch_send(c->home->batch, c->fd, c->out);

	if (r)
		return r;
	if (!evbuffer_get_length(c->out) ||
	    evbuffer_write_atmost(c->out, c->fd, TURN_BYTES) >= 0 ||
	    errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
		return 0;
	return -errno;
}

/* At the end: all that is taken. */
static void send_rest(struct conn *c)
{
	size_t left;

	do
		left = evbuffer_get_length(c->out);
	while (!send_queued(c) && evbuffer_get_length(c->out) < left);
}

static int set_events(struct conn *c, bool reading, bool writing)
{
	if (reading != c->reading &&
	    (reading ? event_add(c->readable, NULL) : event_del(c->readable)))
		return -ENOMEM;
	c->reading = reading;
	if (writing != c->writing &&
	    (writing ? event_add(c->writable, NULL) : event_del(c->writable)))
		return -ENOMEM;
	c->writing = writing;
	return 0;
}

/* ---- too many, too much ---- */

static void close_for_others(struct conn *c, const char *reason)
{
	log_info("connection closed", "reason=%s", reason);
	conn_close(c);
}

/* Close the first that keeps some of what there is too much of. */
static void make_room(struct conns *cs)
{
	for (struct list *l = cs->all.next, *next; l != &cs->all; l = next) {
		struct conn *c = container_of(l, struct conn, link);

		next = l->next;
		if (cs->kept > CONNS_IN_MAX && c->kept) {
			close_for_others(c, "too much of half records");
			return;
		}
		if (cs->queued > CONNS_OUT_MAX && c->queued) {
			close_for_others(c, "too much that is not taken");
			return;
		}
	}
}

/* One that waits for nothing, and has for longest; NULL: there is none. */
static struct conn *find_idle(struct conns *cs, const struct conn *but)
{
	for (struct list *l = cs->all.next; l != &cs->all; l = l->next) {
		struct conn *c = container_of(l, struct conn, link);

		if (c != but && !conn_is_closed(c) && !c->calls)
			return c;
	}
	return NULL;
}

/* Close an idle one, or else the first. */
static void make_place(struct conns *cs, const struct conn *new)
{
	struct conn *c = find_idle(cs, new);

	for (struct list *l = cs->all.next; !c && l != &cs->all; l = l->next) {
		c = container_of(l, struct conn, link);
		if (c == new || conn_is_closed(c))
			c = NULL;
	}
	if (c)
		close_for_others(c, "too many");
}

bool conns_make_place(struct conns *cs)
{
	struct conn *idle = find_idle(cs, NULL);

	if (idle)
		close_for_others(idle, "too many open files");
	return idle;
}

/* It has got somewhere. */
static void touch(struct conn *c)
{
	list_del(&c->link);
	list_add_tail(&c->home->all, &c->link);
}

/* ---- running ---- */

/* When all others that have something have had their turn. */
static void go_on_later(struct conn *c)
{
	static const struct timeval now = { 0, 0 };
	struct conns *cs = c->home;

	if (!list_empty(&c->later))
		return;
	list_add_tail(&cs->later, &c->later);
	evtimer_add(cs->later_timer, &now);
}

/* Send what there is and wait for the right events.  'r': what became of its
 * records.  May free 'c'. */
static void settle(struct conn *c, int r)
{
	struct conns *cs = c->home;
	size_t queued = c->queued;
	int sent = c->broken ? -ENOMEM : send_queued(c);

	if (r == -EBADMSG || r == -EMSGSIZE)
		log_info("connection closed", "reason=%s",
			 r == -EMSGSIZE ? "record too large" : "not RPC");
	c->more = r == -EAGAIN;
	take_stock(c);
	if (c->queued < queued)
		touch(c);
	if ((r && !c->more) || sent ||
	    (c->ending && !r && !c->calls && !c->queued) ||
	    set_events(c, !c->ending && !r, c->queued))
		conn_close(c);
	else if (c->more && !is_full(c))
		go_on_later(c);
	if (cs->kept > CONNS_IN_MAX || cs->queued > CONNS_OUT_MAX)
		make_room(cs);
}

/* Run what has come, for a turn.  May free 'c'. */
static void run_turn(struct conn *c)
{
	struct conns *cs = c->home;
	uint64_t records = c->records;
	int r;

	if (c->broken) {
		conn_close(c);
		return;
	}
	c->pumping = true;
	rpc_batch(cs->rpc);
	cs->turn = clock_ticks();
	r = run_records(c);
	c->pumping = false;
	tidy_input(c);
	shrink_input(c);
	if (c->records != records)
		touch(c);
	settle(c, r);
	rpc_sent(cs->rpc);
}

/* No more than send: what it has to run waits for its turn. */
static void send_only(struct conn *c)
{
	settle(c, c->more ? -EAGAIN : 0);
}

/* One turn after the other, for as long as one may take: then whoever has
 * come is first. */
static void on_later(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval now = { 0, 0 };
	uint64_t began = clock_ticks();
	struct conns *cs = arg;
	struct list *n;

	(void)fd;
	(void)what;
	do {
		n = list_pop(&cs->later);
		if (n)
			run_turn(container_of(n, struct conn, later));
	} while (n && clock_ticks_ns(began, clock_ticks()) < TURN_NS);
	if (!list_empty(&cs->later))
		evtimer_add(cs->later_timer, &now);
}

/* Take what has arrived, if anything. */
static int receive(struct conn *c)
{
	struct input *in = &c->in;
	ssize_t n;

	if (grow_input(c))
		return -ENOMEM;
	n = recv(c->fd, in->buf + in->end, IN_SIZE - in->end, 0);
	if (n > 0)
		in->end += (size_t)n;
	else if (!n)
		c->ending = true;
	else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		return -errno;
	return 0;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;

	(void)fd;
	(void)what;
	if (receive(c))
		conn_close(c);
	else
		run_turn(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	send_only(arg);
}

static void run_flush(struct task *t)
{
	struct conns *cs = container_of(t, struct conns, flush);
	struct list dirty, *n;

	cs->flushing = false;
	list_take(&dirty, &cs->dirty);
	while ((n = list_pop(&dirty)))
		send_only(container_of(n, struct conn, dirty));
}

/* ---- for rpc.c ---- */

uint8_t *conn_room(struct conn *c)
{
	return batch_room(c->home->batch);
}

static void mark_dirty(struct conn *c)
{
	struct conns *cs = c->home;

	if (c->pumping || !list_empty(&c->dirty))
		return;
	list_add_tail(&cs->dirty, &c->dirty);
	if (!cs->flushing)
		loop_post(cs->loop, &cs->flush);
	cs->flushing = true;
}

void conn_reply(struct conn *c, size_t len, struct slice tail)
{
	struct batch *b = c->home->batch;

	batch_add(b, len, tail);
	if (c->pumping)
		return;
	/* The next reply may be another connection's. */
	if (batch_send(b, -1, c->out))
		c->broken = true;
	mark_dirty(c);
}

const struct client *conn_client(const struct conn *c)
{
	return &c->client;
}

int conn_fd(const struct conn *c)
{
	return c->fd;
}

bool conn_is_closed(const struct conn *c)
{
	return c->fd < 0;
}

/* Who has none waiting always may: nobody is turned away for others only. */
bool conn_may_park(const struct conn *c)
{
	return !c->waiters || (c->waiters < CONN_WAITERS_MAX &&
			       c->home->waiters < CONNS_WAITERS_MAX);
}

void conn_turned_away(struct conn *c)
{
	c->home->turned_away++;
}

uint64_t conns_turned_away(const struct conns *cs)
{
	return cs->turned_away;
}

void conn_parked(struct conn *c)
{
	c->calls++;
	c->waiters++;
	c->home->waiters++;
}

void conn_answered(struct conn *c)
{
	c->calls--;
}

void conn_released(struct conn *c)
{
	c->waiters--;
	c->home->waiters--;
	if (!c->waiters && conn_is_closed(c))
		conn_free(c);
}

/* ---- all of them ---- */

static void run_adopt(struct task *t)
{
	struct conn *c = container_of(t, struct conn, adopt);
	struct conns *cs = c->home;
	struct event_base *base = loop_base(cs->loop);
	const int on = 1;

	list_add_tail(&cs->all, &c->link);
	if (++cs->n > cs->max)
		make_place(cs, c);
	/* Both only help, and fail on what is not TCP. */
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	c->out = evbuffer_new();
	c->readable = event_new(base, c->fd, EV_READ | EV_PERSIST,
				on_readable, c);
	c->writable = event_new(base, c->fd, EV_WRITE | EV_PERSIST,
				on_writable, c);
	if (cs->stopping || !c->out || !c->readable || !c->writable ||
	    set_events(c, true, false))
		conn_close(c);
}

void conns_adopt(struct conns *cs, int fd, const struct client *client)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c) {
		close(fd);
		return;
	}
	c->home = cs;
	c->fd = fd;
	c->client = *client;
	c->since = clock_ms();
	c->adopt.run = run_adopt;
	list_init(&c->link);
	list_init(&c->dirty);
	list_init(&c->later);
	loop_post(cs->loop, &c->adopt);
}

void conns_peers(struct conns *cs, void (*each)(void *arg,
						const struct conn_peer *),
		 void *arg)
{
	uint64_t now = clock_ms();

	for (struct list *l = cs->all.next; l != &cs->all; l = l->next) {
		const struct conn *c = container_of(l, struct conn, link);
		const struct conn_peer p = {
			.fd = c->fd,
			.calls = c->records,
			.age_ms = now - c->since,
			.parked = c->calls,
		};

		if (!conn_is_closed(c))
			each(arg, &p);
	}
}

static void on_stop_timer(evutil_socket_t fd, short what, void *arg)
{
	struct conns *cs = arg;
	struct list all, *n;

	(void)fd;
	(void)what;
	rpc_give_up(cs->rpc);
	list_take(&all, &cs->all);
	while ((n = list_pop(&all))) {
		struct conn *c = container_of(n, struct conn, link);

		list_add_tail(&cs->all, n);
		if (conn_is_closed(c))
			continue;
		if (!c->broken)
			send_rest(c);
		conn_close(c);
	}
	loop_end(cs->loop);
}

void conns_stop(struct conns *cs)
{
	const struct timeval patience = { .tv_usec = CONN_STOP_MS * 1000 };
	struct list all, *n;

	list_take(&all, &cs->all);
	while ((n = list_pop(&all))) {
		struct conn *c = container_of(n, struct conn, link);

		list_add_tail(&cs->all, n);
		if (conn_is_closed(c))
			continue;
		/* What has arrived by now is under way too. */
		if (c->reading && receive(c)) {
			conn_close(c);
			continue;
		}
		c->ending = true;
		run_turn(c);
	}
	cs->stopping = true;
	if (list_empty(&cs->all))
		loop_end(cs->loop);
	else
		evtimer_add(cs->stop_timer, &patience);
}

static void conns_destroy(struct conns *cs)
{
	if (cs->stop_timer)
		event_free(cs->stop_timer);
	if (cs->later_timer)
		event_free(cs->later_timer);
	batch_free(cs->batch);
	free(cs->spare);
	free(cs);
}

int conns_new(struct conns **ret, struct loop *loop, struct rpc *rpc,
	      size_t max)
{
	struct conns *cs = calloc(1, sizeof *cs);

	if (!cs)
		return -ENOMEM;
	cs->loop = loop;
	cs->rpc = rpc;
	list_init(&cs->all);
	list_init(&cs->dirty);
	list_init(&cs->later);
	cs->max = max;
	cs->flush.run = run_flush;
	list_init(&cs->flush.link);
	cs->batch = batch_new(RPC_REPLY_MAX);
	cs->stop_timer = evtimer_new(loop_base(loop), on_stop_timer, cs);
	cs->later_timer = evtimer_new(loop_base(loop), on_later, cs);
	if (!cs->batch || !cs->stop_timer || !cs->later_timer) {
		conns_destroy(cs);
		return -ENOMEM;
	}
	*ret = cs;
	return 0;
}

int conns_free(struct conns *cs)
{
	if (!cs)
		return 0;
	if (!list_empty(&cs->all))
		return -EBUSY;
	conns_destroy(cs);
	return 0;
}
