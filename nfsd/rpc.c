/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/span.h"
#include "nfsd/conn.h"
#include "nfsd/memo.h"
#include "nfsd/portmap/registry.h"
#include "nfsd/rpc.h"
#include "nfsd/tally.h"
#include "nfsd/trace.h"

enum {
	AUTH_BODY_MAX = 400,
	AUTH_NAME_MAX = 255,
	AUTH_GIDS_MAX = 16,
	LAST_FRAGMENT = 1u << 31,
	REFUSAL_MAX = 8,        /* words */
	/* What generated procedures decode into and encode, at most. */
	ARG_SIZE = 512,
	RES_SIZE = 512,
};

struct rpc {
	struct loop *loop;
	const struct service *service;
	struct memo *memo;
	struct tally tally;
	struct trace *trace;    /* or NULL */
	struct span_id span;    /* for the next call that has to wait */
	unsigned patience_ms;
	struct event *timer;    /* pending only while calls wait */
	struct list waiting;    /* not answered, by birth */
	struct request *spare;  /* so that a hit allocates nothing */
	size_t args_at;         /* in the last record */
};

/* The one that is asked most first. */
static const struct program *const programs[] = {
	&nfs3_program, &mount3_program, &nlm4_program,
	&portmap2_program, &portmap3_program, &portmap4_program,
};

/* ---- replies ---- */

static void reply_words(struct conn *conn, const uint32_t *word, size_t n)
{
	uint8_t *p = conn_room(conn);

	store32(p, LAST_FRAGMENT | (uint32_t)(4 * n));
	for (size_t i = 0; i < n; i++)
		store32(p + 4 + 4 * i, word[i]);
	conn_reply(conn, 4 + 4 * n, (struct slice){ 0 });
}

static void reply_accepted(struct conn *conn, uint32_t xid,
			   enum accept_stat stat)
{
	const uint32_t word[] = { xid, REPLY, MSG_ACCEPTED, AUTH_NONE, 0,
				  stat };

	reply_words(conn, word, 6);
}

static void reply_auth_error(struct conn *conn, uint32_t xid,
			     enum auth_stat stat)
{
	const uint32_t word[] = { xid, REPLY, MSG_DENIED, AUTH_ERROR, stat };

	reply_words(conn, word, 5);
}

/* Whatever a run has written so far is forgotten. */
static void rewind_reply(struct request *rq)
{
	uint8_t *head = conn_room(rq->conn);

	rq->out = (struct writer){
		.p = head + RPC_HEAD,
		.end = head + RPC_REPLY_MAX,
	};
}

/* Before the results: that there are some. */
static void send_reply(struct request *rq)
{
	uint8_t *head = conn_room(rq->conn);
	size_t len = (size_t)(rq->out.p - head);
	size_t tail = rq->tail.len + xdr_pad(rq->tail.len);

	assert(!rq->out.bad);
	store32(head, LAST_FRAGMENT | (uint32_t)(len - 4 + tail));
	store32(head + 4, rq->xid);
	store32(head + 8, REPLY);
	store32(head + 12, MSG_ACCEPTED);
	store32(head + 16, AUTH_NONE);
	store32(head + 20, 0);
	store32(head + 24, SUCCESS);
	conn_reply(rq->conn, len, rq->tail);
	rq->tail = (struct slice){ 0 };
}

/* Answer a status and nothing else. */
static void send_failure(struct request *rq, int err)
{
	if (conn_is_closed(rq->conn))
		return;
	rewind_reply(rq);
	put32(&rq->out, rq->program->status(rq->proc, err));
	for (unsigned i = 0; i < rq->proc->fail_words; i++)
		put32(&rq->out, 0);
	send_reply(rq);
}

/* ---- the life of a request ---- */

static void run_again(struct task *);

/* Any thread. */
static void wake(struct waiter *w)
{
	struct request *rq = container_of(w, struct request, waiter);

	loop_post(rq->rpc->loop, &rq->again);
}

static struct request *request_new(struct rpc *rpc)
{
	struct request *rq = TAKE(rpc->spare);

	if (rq)
		return rq;
	rq = malloc(sizeof *rq);
	if (!rq)
		return NULL;
	*rq = (struct request){
		.service = rpc->service,
		.memo = rpc->memo,
		.rpc = rpc,
		.waiter.wake = wake,
		.again.run = run_again,
	};
	list_init(&rq->waiter.link);
	list_init(&rq->again.link);
	list_init(&rq->waiting);
	return rq;
}

static void request_free(struct request *rq)
{
	struct rpc *rpc = rq->rpc;

	if (rq->held)
		conn_released(rq->conn);
	free(rq->copy);
	free(rq->pin);
	if (rpc->spare || rq->held) {
		free(rq);
		return;
	}
	/* One that never waited is as new, but for this and what
	 * rpc_record() and run() set. */
	rq->runs = 0;
	rq->answered = false;
	rpc->spare = rq;
}

/* Its reply is queued, or nobody is there to read one. */
static void request_done(struct request *rq)
{
	rq->answered = true;
	list_del(&rq->waiting);
	for (unsigned i = 0; i < rq->npin; i++)
		value_unref(rq->pin[i]);
	rq->npin = 0;
	value_unref(rq->tail.owner);
	rq->tail = (struct slice){ 0 };
	if (rq->held)
		conn_answered(rq->conn);
	if (!rq->parked)
		request_free(rq);
}

/* Have the timer go off when the oldest call runs out of patience. */
static void set_timer(struct rpc *rpc)
{
	struct request *oldest;
	uint64_t now, due;
	struct timeval tv;

	if (list_empty(&rpc->waiting) || evtimer_pending(rpc->timer, NULL))
		return;
	oldest = container_of(rpc->waiting.next, struct request, waiting);
	now = clock_ms();
	due = oldest->born + rpc->patience_ms;
	due = due > now ? due - now : 0;
	tv.tv_sec = (time_t)(due / 1000);
	tv.tv_usec = (suseconds_t)(due % 1000 * 1000);
	evtimer_add(rpc->timer, &tv);
}

/* Another call's span tells of the requests that were made for that. */
static void note_joined(struct request *rq)
{
	const struct span_id *of = &rq->waiter.begun_for;

	if (span_is_none(rq->joined.span) &&
	    memcmp(of, &span_now, sizeof *of) != 0)
		rq->joined = *of;
}

/* Its waiter is out. */
static void park(struct request *rq)
{
	/* What nobody has read is not kept. */
	size_t len = (size_t)(rq->in.p - rq->args.p);

	rq->parked = true;
	note_joined(rq);
	if (rq->held)
		return;
	rq->held = true;
	rq->born = clock_ms();
	rq->span = span_now;
	rq->rpc->span = (struct span_id){ .span = { 0 } };
	if (!rq->rpc->trace)
		rq->since = clock_ticks();
	list_add_tail(&rq->rpc->waiting, &rq->waiting);
	conn_parked(rq->conn);
	set_timer(rq->rpc);
	rq->copy = malloc(len ? len : 1);
	if (!rq->copy) {
		send_failure(rq, -ENOMEM);
		request_done(rq);
		return;
	}
	if (len)
		memcpy(rq->copy, rq->args.p, len);
	rq->args.p = rq->copy;
	rq->args.end = rq->copy + len;
}

static int run_generated(struct request *rq)
{
	const struct proc *proc = rq->proc;
	_Alignas(max_align_t) uint8_t arg[ARG_SIZE], res[RES_SIZE];
	int r = -EBADMSG;
	XDR xdrs;

	assert(proc->arg_size <= sizeof arg && proc->res_size <= sizeof res);
	memset(arg, 0, proc->arg_size);
	memset(res, 0, proc->res_size);
	xdrmem_create(&xdrs, (char *)(uintptr_t)rq->in.p,
		      (u_int)(rq->in.end - rq->in.p), XDR_DECODE);
	if (proc->xdr_arg(&xdrs, arg)) {
		proc->answer(rq, arg, res);
		xdrmem_create(&xdrs, (char *)rq->out.p,
			      (u_int)(rq->out.end - rq->out.p), XDR_ENCODE);
		r = proc->xdr_res(&xdrs, res) ? 0 : -ENOMEM;
		rq->out.p += xdr_getpos(&xdrs);
	}
	xdrs.x_op = XDR_FREE;
	proc->xdr_arg(&xdrs, arg);
	return r;
}

/* For those who watch, when there are some. */
static void tell(const struct request *rq, enum tally_result result)
{
	struct trace_record t = {
		.proc = rq->proc->name,
		.caller = rq->caller,
		.xid = rq->xid,
		.ns = clock_ticks_ns(rq->since, clock_ticks()),
		.runs = rq->runs,
		.result = result,
	};

	if (rq->caller.client)
		t.client = *rq->caller.client;
	if (rq->program->about)
		rq->program->about(rq, t.about, sizeof t.about);
	trace_call(rq->rpc->trace, &t);
}

/* For those who export what took time. */
static void tell_span(const struct request *rq, enum tally_result result)
{
	char about[RPC_ABOUT] = "", peer[CLIENT_TEXT] = "";
	struct span_links links = { 0 };
	struct span s = {
		.kind = SPAN_CALL,
		.id = rq->span,
		.links = &links,
		.ns = clock_ticks_ns(rq->since, clock_ticks()),
		.name = rq->proc->name,
		.peer = peer,
		.what = about,
		.waits = rq->runs - 1,
		.late = result == TALLY_LATE,
	};

	if (span_is_none(rq->span.span))
		return;
	span_link(&links, &rq->joined);
	if (rq->caller.client)
		client_text(rq->caller.client, peer);
	if (rq->program->about)
		rq->program->about(rq, about, sizeof about);
	span_tell(&s);
}

/* It is answered, after a wait so or so. */
static void count(const struct request *rq, enum tally_result waited)
{
	struct tally *t = &rq->rpc->tally;
	enum tally_result result = rq->held ? waited :
		waited == TALLY_LATE ? TALLY_LATE : TALLY_HIT;

	if (result == TALLY_HIT)
		tally_hit(t, rq->slot);
	else
		tally_wait(t, rq->slot, result,
			   rq->held ? rq->since : t->began);
	if (rq->rpc->trace)
		tell(rq, result);
	if (rq->held)
		tell_span(rq, result);
}

/* What is asked of sources now is so on its behalf. */
static void set_span(struct request *rq)
{
	struct rpc *rpc = rq->rpc;

	if (!span_exported() || rq->held) {
		span_now = rq->span;
		return;
	}
	if (span_is_none(rpc->span.span))
		rpc->span = span_id_new(&rq->span);
	span_now = rpc->span;
}

/* Who is not is told AUTH_TOOWEAK: clients take it for "permission denied",
 * where REJECTEDCRED has some ask again at once, for ever, and a status such
 * as STALE would be taken for true by all other users of that client. */
static bool is_admitted(const struct request *rq)
{
	if (!rq->proc->open &&
	    !rule_admits(rq->caller.client->rule, &rq->caller))
		return false;
	return !rq->program->admits || rq->program->admits(rq);
}

/* Run the call, from the top. */
static void run(struct request *rq)
{
	bool may_park = rq->held ? rq->runs < RPC_RUNS_MAX :
				   conn_may_park(rq->conn);
	struct waiter *w = may_park ? &rq->waiter : NULL;
	int r;

	if (!is_admitted(rq)) {
		reply_auth_error(rq->conn, rq->xid, AUTH_TOOWEAK);
		request_done(rq);
		return;
	}
	rq->in = rq->args;
	rewind_reply(rq);
	rq->runs++;
	set_span(rq);
	r = rq->proc->run ? rq->proc->run(rq, w) : run_generated(rq);
	switch (r) {
	case 0:
		send_reply(rq);
		count(rq, TALLY_MISS);
		break;
	case -EINPROGRESS:
		if (w) {
			park(rq);
			return;
		}
		if (rq->held)
			log_error("call does not end", "proc=%s runs=%u",
				  rq->proc->name, rq->runs);
		else
			conn_turned_away(rq->conn);
		send_failure(rq, rq->held ? -EIO : -EAGAIN);
		count(rq, TALLY_LATE);
		break;
	case -EBADMSG:
		reply_accepted(rq->conn, rq->xid, GARBAGE_ARGS);
		break;
	default:
		reply_accepted(rq->conn, rq->xid, SYSTEM_ERR);
		break;
	}
	request_done(rq);
}

/* Keep what a wait brought until the reply is queued. */
static int pin(struct request *rq, struct value *value)
{
	if (rq->npin == rq->pin_room) {
		unsigned room = rq->pin_room ? 2 * rq->pin_room : 8;
		struct value **more = realloc(rq->pin, room * sizeof *more);

		if (!more)
			return -ENOMEM;
		rq->pin = more;
		rq->pin_room = room;
	}
	rq->pin[rq->npin++] = value;
	return 0;
}

static void run_again(struct task *t)
{
	struct request *rq = container_of(t, struct request, again);
	struct value *value = TAKE(rq->waiter.value);

	rq->parked = false;
	memo_batch(rq->memo);
	if (rq->answered) {
		value_unref(value);
		request_free(rq);
	} else if (conn_is_closed(rq->conn)) {
		value_unref(value);
		request_done(rq);
	} else if (value && pin(rq, value)) {
		value_unref(value);
		send_failure(rq, -ENOMEM);
		request_done(rq);
	} else {
		run(rq);
	}
}

static void give_up(struct request *rq)
{
	log_debug("call is late", "proc=%s xid=%#x", rq->proc->name, rq->xid);
	send_failure(rq, -EAGAIN);
	count(rq, TALLY_LATE);
	request_done(rq);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct rpc *rpc = arg;
	uint64_t now = clock_ms();

	(void)fd;
	(void)what;
	while (!list_empty(&rpc->waiting)) {
		struct request *rq = container_of(rpc->waiting.next,
						  struct request, waiting);

		if (now - rq->born < rpc->patience_ms)
			break;
		give_up(rq);
	}
	set_timer(rpc);
}

void rpc_parked(struct rpc *rpc, void (*each)(void *arg,
					      const struct rpc_parked *),
		void *arg)
{
	for (struct list *l = rpc->waiting.next; l != &rpc->waiting;
	     l = l->next) {
		const struct request *rq = container_of(l, struct request,
							waiting);
		struct rpc_parked p = {
			.proc = rq->proc->name,
			.xid = rq->xid,
			.since = rq->born,
			.fd = conn_fd(rq->conn),
		};

		if (rq->program->about)
			rq->program->about(rq, p.about, sizeof p.about);
		each(arg, &p);
	}
}

void rpc_give_up(struct rpc *rpc)
{
	while (!list_empty(&rpc->waiting))
		give_up(container_of(rpc->waiting.next, struct request,
				     waiting));
}

/* ---- the head of a call ---- */

/* RFC 5531 appendix A.  *ret_uid is untouched on failure. */
static int parse_auth_sys(struct reader body, uint32_t *ret_uid)
{
	uint32_t uid, gids;
	size_t len;

	get32(&body);                           /* stamp */
	get_opaque(&body, AUTH_NAME_MAX, &len); /* machine */
	uid = get32(&body);
	get32(&body);                           /* gid */
	gids = get32(&body);
	if (gids > AUTH_GIDS_MAX || !get_bytes(&body, 4 * (size_t)gids) ||
	    body.bad || body.p != body.end)
		return -EBADMSG;
	*ret_uid = uid;
	return 0;
}

/* What a call turned out to be. */
struct call {
	uint32_t xid, uid;
	bool has_uid;
	uint8_t slot;           /* of the tally */
	const struct program *program;
	const struct proc *proc;        /* NULL: it is refused */
	struct reader args;
	uint32_t refusal[REFUSAL_MAX];
	unsigned words;         /* of it; none: nothing is said */
};

static int refuse(struct call *c, const uint32_t *word, size_t n)
{
	c->refusal[0] = c->xid;
	c->refusal[1] = REPLY;
	memcpy(c->refusal + 2, word, n * sizeof *word);
	c->words = 2 + (unsigned)n;
	return 0;
}

#define REFUSE(c, ...) refuse(c, (const uint32_t[]){ __VA_ARGS__ }, \
	sizeof (const uint32_t[]){ __VA_ARGS__ } / sizeof(uint32_t))
#define DENY(c, ...) REFUSE(c, MSG_DENIED, __VA_ARGS__)
/* With an empty verifier. */
#define ACCEPT(c, ...) REFUSE(c, MSG_ACCEPTED, AUTH_NONE, 0, __VA_ARGS__)

static int find_proc(struct call *c, uint32_t number, uint32_t version,
		     uint32_t proc)
{
	uint32_t low = UINT32_MAX, high = 0;
	unsigned slot = proc;

	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		const struct program *p = programs[i];

		if (p->number == number && p->version == version) {
			c->program = p;
			break;
		}
		slot += p->nproc;
		if (p->number != number)
			continue;
		low = p->version < low ? p->version : low;
		high = p->version > high ? p->version : high;
	}
	if (!c->program)
		return high ? ACCEPT(c, PROG_MISMATCH, low, high) :
			      ACCEPT(c, PROG_UNAVAIL);
	if (proc >= c->program->nproc || !c->program->proc[proc].name)
		return ACCEPT(c, PROC_UNAVAIL);
	c->proc = &c->program->proc[proc];
	c->slot = (uint8_t)slot;
	return 0;
}

/* -EBADMSG: it is no call at all. */
static int examine(struct reader in, bool portmap, struct call *ret)
{
	struct reader body = { 0 };
	uint32_t number, version, nproc, flavor;
	size_t body_len, verf_len;

	ret->xid = get32(&in);
	ret->uid = UINT32_MAX;
	ret->has_uid = false;
	ret->program = NULL;
	ret->proc = NULL;
	ret->words = 0;
	if (get32(&in) != CALL)
		return in.bad ? -EBADMSG : 0;
	if (get32(&in) != RPC_MSG_VERSION)
		return in.bad ? -EBADMSG : DENY(ret, RPC_MISMATCH,
						RPC_MSG_VERSION,
						RPC_MSG_VERSION);
	number = get32(&in);
	version = get32(&in);
	nproc = get32(&in);
	flavor = get32(&in);
	body.p = get_opaque(&in, AUTH_BODY_MAX, &body_len);
	get32(&in);                             /* verifier: not looked at */
	get_opaque(&in, AUTH_BODY_MAX, &verf_len);
	if (in.bad)
		return -EBADMSG;
	body.end = body.p + body_len;
	ret->args = in;

	if (flavor != AUTH_NONE && flavor != AUTH_SYS)
		return DENY(ret, AUTH_ERROR, AUTH_TOOWEAK);
	ret->has_uid = flavor == AUTH_SYS;
	if (ret->has_uid && parse_auth_sys(body, &ret->uid))
		return DENY(ret, AUTH_ERROR, AUTH_BADCRED);
	if (portmap && number != REGISTRY_PORTMAP)
		return ACCEPT(ret, PROG_UNAVAIL);
	return find_proc(ret, number, version, nproc);
}

const struct proc *rpc_slot(unsigned slot, const struct program **program)
{
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		*program = programs[i];
		if (slot < programs[i]->nproc)
			return &programs[i]->proc[slot];
		slot -= programs[i]->nproc;
	}
	return NULL;
}

void rpc_batch(struct rpc *rpc)
{
	tally_begin(&rpc->tally);
	memo_batch(rpc->memo);
}

void rpc_sent(struct rpc *rpc)
{
	if (rpc->tally.n)
		tally_end(&rpc->tally);
}

const struct tally *rpc_tally(const struct rpc *rpc)
{
	return &rpc->tally;
}

void rpc_trace(struct rpc *rpc, struct trace *t)
{
	rpc->trace = t;
}

/* To be asked again is kinder than to be refused, where it can be said. */
static void no_memory(struct conn *conn, const struct call *c)
{
	struct request rq = {
		.conn = conn,
		.program = c->program,
		.proc = c->proc,
		.xid = c->xid,
	};

	if (c->proc->later)
		send_failure(&rq, -ENOMEM);
	else
		reply_accepted(conn, c->xid, SYSTEM_ERR);
}

/* A client's calls are alike: the handle is where it was in the last one.
 * Where it is not, what comes is a line or two of memory that nobody needs. */
void rpc_ahead(struct rpc *rpc, const uint8_t *record, size_t len)
{
	struct reader in = { .p = record, .end = record + len };
	struct fh_arg fh;

	get_bytes(&in, rpc->args_at);
	fh.data = get_opaque(&in, FH_MAX, &fh.len);
	if (fh.len >= FH_MIN)
		memo_ahead(rpc->memo, fh);
}

int rpc_record(struct rpc *rpc, struct conn *conn, const uint8_t *record,
	     size_t len)
{
	const struct reader in = { .p = record, .end = record + len };
	const struct client *client = conn_client(conn);
	struct request *rq;
	struct call call;
	int r = examine(in, client->portmap, &call);

	if (r)
		return r;
	if (!call.proc) {
		if (call.words)
			reply_words(conn, call.refusal, call.words);
		return 0;
	}
	rq = request_new(rpc);
	if (!rq) {
		no_memory(conn, &call);
		return 0;
	}
	rq->conn = conn;
	rq->program = call.program;
	rq->proc = call.proc;
	rq->slot = call.slot;
	rq->xid = call.xid;
	if (rpc->trace)
		rq->since = clock_ticks();
	rq->args = call.args;
	rpc->args_at = (size_t)(call.args.p - record);
	rq->caller = (struct caller){
		.client = client,
		.has_uid = call.has_uid,
		.uid = call.uid,
	};
	log_debug("call", "proc=%s xid=%#x uid=%u", call.proc->name, call.xid,
		  call.uid);
	run(rq);
	return 0;
}

/* ---- calls without a connection ---- */

size_t rpc_datagram(struct rpc *rpc, const struct client *client,
		    const struct sockaddr_storage *local,
		    const uint8_t *datagram, size_t len,
		    uint8_t reply[RPC_DATAGRAM_MAX])
{
	const struct reader in = { .p = datagram, .end = datagram + len };
	struct writer head = { .p = reply, .end = reply + RPC_DATAGRAM_MAX };
	struct request rq = {
		.service = rpc->service,
		.caller.client = client,
		.rpc = rpc,
		.local = local,
	};
	struct call call;
	int r = 0;

	if (examine(in, true, &call) || (!call.proc && !call.words))
		return 0;
	if (call.proc) {
		/* The port mapper's are by hand and never park. */
		rq.in = call.args;
		rq.out = head;
		put_room(&rq.out, RPC_HEAD - 4);
		r = call.proc->run(&rq, NULL);
		ACCEPT(&call, r ? GARBAGE_ARGS : SUCCESS);
	}
	for (unsigned i = 0; i < call.words; i++)
		put32(&head, call.refusal[i]);
	if (rq.out.bad)
		return 0;
	return (size_t)((call.proc && !r ? rq.out.p : head.p) - reply);
}

void rpc_mounted(const struct request *rq)
{
	const struct service *s = rq->service;

	if (s->mounted && client_is_local(rq->caller.client))
		s->mounted(s->mounted_arg);
}

bool rpc_is_datagram(const struct request *rq)
{
	return !rq->conn;
}

void rpc_local(const struct request *rq, struct sockaddr_storage *ret)
{
	socklen_t len = sizeof *ret;

	if (rq->local)
		*ret = *rq->local;
	else if (getsockname(conn_fd(rq->conn), (struct sockaddr *)ret, &len))
		ret->ss_family = AF_UNSPEC;
}

int rpc_new(struct rpc **ret, struct loop *loop,
	    const struct service *service, unsigned patience_ms)
{
	struct rpc *rpc = calloc(1, sizeof *rpc);

	if (!rpc)
		return -ENOMEM;
	rpc->loop = loop;
	rpc->service = service;
	rpc->patience_ms = patience_ms;
	list_init(&rpc->waiting);
	rpc->memo = memo_new(service);
	rpc->timer = evtimer_new(loop_base(loop), on_timer, rpc);
	if (!rpc->memo || !rpc->timer) {
		rpc_free(rpc);
		return -ENOMEM;
	}
	*ret = rpc;
	return 0;
}

void rpc_free(struct rpc *rpc)
{
	if (!rpc)
		return;
	if (rpc->timer)
		event_free(rpc->timer);
	memo_free(rpc->memo);
	free(rpc->spare);
	free(rpc);
}
