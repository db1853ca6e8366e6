/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "common/span.h"
#include "nfsd/admin/admin.h"
#include "nfsd/server.h"
#include "nfsd/trace.h"

/* A request to a source. */
struct asked {
	char method[8], host[128], what[512];
	uint64_t ns, bytes;
	long status;
	int err;
};

enum { ASKED_ROOM = 256, LOOK_MS = 100 };

/* Who makes them may still tell of one when nobody listens any more, so
 * these stay; they are looked for from time to time. */
static struct {
	pthread_mutex_t lock;   /* covers the rest */
	uint64_t lost;
	unsigned n;
	struct asked asked[ASKED_ROOM];
} sources = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct trace {
	struct admin *admin;
	struct list watchers;
	struct task task;       /* tells what is there */
	struct event *timer;    /* looks for requests */
	pthread_mutex_t lock;   /* covers the rest */
	bool posted;            /* 'task' is */
	bool ended;             /* the last watcher has gone */
	uint64_t lost;
	unsigned n;
	struct trace_record record[TRACE_ROOM];
};

struct watcher {
	struct list link;       /* trace.watchers */
	struct control_call *call;
	struct trace *trace;
	uint64_t slow_ns;       /* only what took so long */
	bool misses;            /* only what waited */
};

/* ---- any thread ---- */

/* Has the task to be posted?  With no lock held, then: its loop has one. */
static bool add_call(struct trace *t, const struct trace_record *r)
{
	bool posted;
	LOCK_SCOPE(&t->lock);

	if (t->n == TRACE_ROOM) {
		t->lost++;
		return false;
	}
	t->record[t->n++] = *r;
	posted = t->posted;
	t->posted = true;
	return !posted;
}

void trace_call(struct trace *t, const struct trace_record *r)
{
	if (add_call(t, r))
		loop_post(t->admin->loop, &t->task);
}

static void hear(const struct span *s)
{
	struct asked *a;

	if (s->kind != SPAN_REQUEST)
		return;
	LOCK_SCOPE(&sources.lock);
	if (sources.n == ASKED_ROOM) {
		sources.lost++;
		return;
	}
	a = &sources.asked[sources.n++];
	*a = (struct asked){
		.ns = s->ns,
		.bytes = s->bytes,
		.status = s->status,
		.err = s->err,
	};
	snprintf(a->method, sizeof a->method, "%s", s->name);
	snprintf(a->host, sizeof a->host, "%s", s->peer);
	snprintf(a->what, sizeof a->what, "%s", s->what);
}

/* ---- admin's ---- */

static struct json_object *record_json(const struct trace_record *r)
{
	static const char *const result[] = {
		[TALLY_HIT] = "hit", [TALLY_MISS] = "miss",
		[TALLY_LATE] = "later",
	};
	struct json_object *o = json_object_new_object();
	struct json_object *line = json_object_new_object();
	char client[CLIENT_TEXT];

	client_text(&r->client, client);
	json_text(o, "procedure", r->proc);
	json_text(o, "path", r->about);
	json_text(o, "client", client);
	if (r->caller.has_uid)
		json_u64(o, "uid", r->caller.uid);
	json_u64(o, "xid", r->xid);
	json_u64(o, "us", r->ns / 1000);
	json_u64(o, "waits", r->runs ? r->runs - 1 : 0);
	json_text(o, "result", result[r->result]);
	json_put(line, "call", o);
	return line;
}

static void tell_lost(struct trace *t, uint64_t lost)
{
	for (struct list *l = t->watchers.next; l != &t->watchers;
	     l = l->next) {
		struct watcher *w = container_of(l, struct watcher, link);
		struct json_object *line = json_object_new_object();

		json_u64(line, "lost", lost);
		control_tell(w->call, line);
	}
}

static void tell_record(struct trace *t, const struct trace_record *r)
{
	for (struct list *l = t->watchers.next; l != &t->watchers;
	     l = l->next) {
		struct watcher *w = container_of(l, struct watcher, link);

		if (r->ns >= w->slow_ns &&
		    (!w->misses || r->result != TALLY_HIT))
			control_tell(w->call, record_json(r));
	}
}

static struct json_object *asked_json(const struct asked *a)
{
	struct json_object *o = json_object_new_object();
	struct json_object *line = json_object_new_object();

	json_text(o, "method", a->method);
	json_text(o, "host", a->host);
	json_text(o, "what", a->what);
	if (a->status)
		json_i64(o, "status", a->status);
	json_u64(o, "bytes", a->bytes);
	json_u64(o, "us", a->ns / 1000);
	if (a->err)
		json_text(o, "error", strerror(-a->err));
	json_put(line, "request", o);
	return line;
}

static void tell_asked(struct trace *t, const struct asked *a)
{
	for (struct list *l = t->watchers.next; l != &t->watchers;
	     l = l->next) {
		struct watcher *w = container_of(l, struct watcher, link);

		if (a->ns >= w->slow_ns)
			control_tell(w->call, asked_json(a));
	}
}

/* Take what there is, with its count; *lost what there was no room for.
 * NULL: nothing, or no memory. */
static struct asked *take_asked(unsigned *n, uint64_t *lost)
{
	struct asked *copy;
	LOCK_SCOPE(&sources.lock);

	*n = sources.n;
	*lost = sources.lost;
	sources.n = 0;
	sources.lost = 0;
	copy = *n ? malloc(*n * sizeof *copy) : NULL;
	if (copy)
		memcpy(copy, sources.asked, *n * sizeof *copy);
	else
		*lost += *n;
	return copy;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	CLEANUP_FREE struct asked *asked = NULL;
	struct trace *t = arg;
	uint64_t lost;
	unsigned n;

	(void)fd;
	(void)what;
	asked = take_asked(&n, &lost);
	for (unsigned i = 0; asked && i < n; i++)
		tell_asked(t, &asked[i]);
	if (lost)
		tell_lost(t, lost);
}

static void trace_free(struct trace *t)
{
	if (t->timer)
		event_free(t->timer);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static void run_tell(struct task *task)
{
	struct trace *t = container_of(task, struct trace, task);
	CLEANUP_FREE struct trace_record *copy = NULL;
	uint64_t lost;
	unsigned n;
	bool ended;

	{
		LOCK_SCOPE(&t->lock);
		n = t->n;
		lost = t->lost;
		copy = malloc((n + 1) * sizeof *copy);
		if (copy)
			memcpy(copy, t->record, n * sizeof *copy);
		t->n = 0;
		t->lost = 0;
		t->posted = false;
		ended = t->ended;
	}
	if (ended) {
		trace_free(t);
		return;
	}
	for (unsigned i = 0; copy && i < n; i++)
		tell_record(t, &copy[i]);
	if (lost || !copy)
		tell_lost(t, copy ? lost : lost + n);
}

static void set(void *arg, struct rpc *rpc, struct conns *conns)
{
	(void)conns;
	rpc_trace(rpc, arg);
}

static struct trace *trace_new(struct admin *a)
{
	const struct timeval often = { .tv_usec = LOOK_MS * 1000 };
	struct trace *t = calloc(1, sizeof *t);
	uint64_t lost;
	unsigned n;

	if (!t)
		return NULL;
	t->admin = a;
	t->task.run = run_tell;
	list_init(&t->task.link);
	list_init(&t->watchers);
	pthread_mutex_init(&t->lock, NULL);
	t->timer = event_new(loop_base(a->loop), -1, EV_PERSIST, on_timer, t);
	if (!t->timer || event_add(t->timer, &often) ||
	    server_visit(a->server, set, t)) {
		trace_free(t);
		return NULL;
	}
	free(take_asked(&n, &lost));    /* of those who watched before */
	span_listen(SPAN_WATCH, hear);
	return t;
}

/* The task is to free it.  Has it to be posted? */
static bool end_task(struct trace *t)
{
	bool posted;
	LOCK_SCOPE(&t->lock);

	t->ended = true;
	posted = t->posted;
	t->posted = true;
	return !posted;
}

/* The last one has gone.  Once every loop has been told no more comes, but
 * its task may be posted: then that frees it. */
static void trace_end(struct trace *t)
{
	/* Without memory to tell them it goes on; the next to come ends. */
	if (server_visit(t->admin->server, set, NULL))
		return;
	span_listen(SPAN_WATCH, NULL);
	event_del(t->timer);
	t->admin->trace = NULL;
	if (end_task(t))
		loop_post(t->admin->loop, &t->task);
}

static void gone(struct control_call *call)
{
	struct watcher *w = call->state;
	struct trace *t = w->trace;

	list_del(&w->link);
	free(w);
	control_end(call, NULL);
	if (list_empty(&t->watchers))
		trace_end(t);
}

void trace_begin(struct control_call *call)
{
	struct admin *a = call->context;
	struct watcher *w = calloc(1, sizeof *w);
	int64_t slow_ms = json_i64_at(call->request, "slow_ms");

	if (w && !a->trace)
		a->trace = trace_new(a);
	if (!w || !a->trace) {
		free(w);
		control_fail(call, -ENOMEM, "%s", strerror(ENOMEM));
		return;
	}
	w->call = call;
	w->trace = a->trace;
	w->slow_ns = slow_ms > 0 ? (uint64_t)slow_ms * 1000000 : 0;
	w->misses = json_flag_at(call->request, "misses");
	list_add_tail(&a->trace->watchers, &w->link);
	call->state = w;
	call->gone = gone;
}

unsigned trace_watchers(const struct trace *t)
{
	unsigned n = 0;

	for (const struct list *l = t ? t->watchers.next : NULL;
	     l && l != &t->watchers; l = l->next)
		n++;
	return n;
}
