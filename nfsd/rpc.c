/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "nfsd/conn.h"
#include "nfsd/memo.h"
#include "nfsd/rpc.h"
#include "nfsd/tally.h"
#include "nfsd/trace.h"

enum {
	AUTH_BODY_MAX = 400,
	AUTH_NAME_MAX = 255,
	AUTH_GIDS_MAX = 16,
	LAST_FRAGMENT = 1u << 31,
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
	unsigned patience_ms;
	struct event *timer;    /* pending only while calls wait */
	struct list waiting;    /* not answered, by birth */
	struct request *spare;  /* so that a hit allocates nothing */
};

static const struct program *const programs[] = {
	&nfs3_program, &mount3_program,
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

static void reply_prog_mismatch(struct conn *conn, uint32_t xid,
				uint32_t version)
{
	const uint32_t word[] = { xid, REPLY, MSG_ACCEPTED, AUTH_NONE, 0,
				  PROG_MISMATCH, version, version };

	reply_words(conn, word, 8);
}

static void reply_rpc_mismatch(struct conn *conn, uint32_t xid)
{
	const uint32_t word[] = { xid, REPLY, MSG_DENIED, RPC_MISMATCH,
				  RPC_MSG_VERSION, RPC_MSG_VERSION };

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
	struct request *rq = rpc->spare;

	rpc->spare = NULL;
	if (!rq)
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
	if (rpc->spare)
		free(rq);
	else
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

/* Its waiter is out. */
static void park(struct request *rq)
{
	size_t len = (size_t)(rq->args.end - rq->args.p);

	rq->parked = true;
	if (rq->held)
		return;
	rq->held = true;
	rq->born = clock_ms();
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

/* It is answered, after a wait so or so. */
static void count(const struct request *rq, enum tally_result waited)
{
	struct tally *t = &rq->rpc->tally;
	enum tally_result result = rq->held ? waited :
		waited == TALLY_LATE ? TALLY_LATE : TALLY_HIT;

	if (result == TALLY_HIT)
		tally_hit(t, rq->slot);
	else
		tally_wait(t, rq->slot, result, rq->since);
	if (rq->rpc->trace)
		tell(rq, result);
}

/* Run the call, from the top. */
static void run(struct request *rq)
{
	bool may_park = rq->held ? rq->runs < RPC_RUNS_MAX :
				   conn_may_park(rq->conn);
	struct waiter *w = may_park ? &rq->waiter : NULL;
	int r;

	rq->in = rq->args;
	rewind_reply(rq);
	rq->runs++;
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
	uint64_t now = clock_ms();

	for (struct list *l = rpc->waiting.next; l != &rpc->waiting;
	     l = l->next) {
		const struct request *rq = container_of(l, struct request,
							waiting);
		struct rpc_parked p = {
			.proc = rq->proc->name,
			.xid = rq->xid,
			.age_ms = now - rq->born,
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

/* Who is not is told AUTH_TOOWEAK: clients take it for "permission denied",
 * where REJECTEDCRED has some ask again at once, for ever, and a status such
 * as STALE would be taken for true by all other users of that client. */
static bool is_admitted(const struct request *rq)
{
	if (rq->proc->open)
		return true;
	if (!rule_admits(rq->caller.client->rule, &rq->caller))
		return false;
	return !rq->program->admits || rq->program->admits(rq);
}

/* *slot: where the tally has its first procedure. */
static const struct program *find_program(uint32_t number, unsigned *slot)
{
	*slot = 0;
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		if (programs[i]->number == number)
			return programs[i];
		*slot += programs[i]->nproc;
	}
	return NULL;
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

int rpc_record(struct rpc *rpc, struct conn *conn, const uint8_t *record,
	     size_t len)
{
	struct reader in = { .p = record, .end = record + len };
	struct reader body = { 0 };
	uint32_t xid, number, version, nproc, flavor, uid = UINT32_MAX;
	const struct program *program;
	const struct proc *proc;
	struct request *rq;
	size_t body_len, verf_len;
	unsigned slot;

	xid = get32(&in);
	if (get32(&in) != CALL)
		return in.bad ? -EBADMSG : 0;
	if (get32(&in) != RPC_MSG_VERSION) {
		if (in.bad)
			return -EBADMSG;
		reply_rpc_mismatch(conn, xid);
		return 0;
	}
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

	if (flavor != AUTH_NONE && flavor != AUTH_SYS) {
		reply_auth_error(conn, xid, AUTH_TOOWEAK);
		return 0;
	}
	if (flavor == AUTH_SYS && parse_auth_sys(body, &uid)) {
		reply_auth_error(conn, xid, AUTH_BADCRED);
		return 0;
	}
	program = find_program(number, &slot);
	if (!program) {
		reply_accepted(conn, xid, PROG_UNAVAIL);
		return 0;
	}
	if (version != program->version) {
		reply_prog_mismatch(conn, xid, program->version);
		return 0;
	}
	proc = nproc < program->nproc ? &program->proc[nproc] : NULL;
	if (!proc) {
		reply_accepted(conn, xid, PROC_UNAVAIL);
		return 0;
	}
	rq = request_new(rpc);
	if (!rq) {
		reply_accepted(conn, xid, SYSTEM_ERR);
		return 0;
	}
	rq->conn = conn;
	rq->program = program;
	rq->proc = proc;
	rq->slot = (uint8_t)(slot + nproc);
	rq->xid = xid;
	if (rpc->trace)
		rq->since = clock_ticks();
	rq->args = in;
	rq->caller = (struct caller){
		.client = conn_client(conn),
		.has_uid = flavor == AUTH_SYS,
		.uid = uid,
	};
	log_debug("call", "proc=%s xid=%#x uid=%u", proc->name, xid, uid);
	if (is_admitted(rq)) {
		run(rq);
	} else {
		reply_auth_error(conn, xid, AUTH_TOOWEAK);
		request_done(rq);
	}
	return 0;
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
