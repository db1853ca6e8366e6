/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/json.h"
#include "nfsd/admin/admin.h"
#include "nfsd/server.h"
#include "nfsd/trace.h"

struct trace {
	struct admin *admin;
	struct list watchers;
	struct task task;       /* tells what is there */
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

void trace_call(struct trace *t, const struct trace_record *r)
{
	LOCK_SCOPE(&t->lock);
	if (t->n == TRACE_ROOM) {
		t->lost++;
		return;
	}
	t->record[t->n++] = *r;
	if (!t->posted)
		loop_post(t->admin->loop, &t->task);
	t->posted = true;
}

/* ---- admin's ---- */

static void name_client(const struct client *c, char ret[INET6_ADDRSTRLEN + 9])
{
	uint8_t a[16];
	char text[INET6_ADDRSTRLEN] = "";
	bool v4 = !c->high && c->low >> 32 == 0xffff;

	for (int i = 0; i < 8; i++) {
		a[i] = (uint8_t)(c->high >> (56 - 8 * i));
		a[8 + i] = (uint8_t)(c->low >> (56 - 8 * i));
	}
	if (c->known)
		inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a + 12 : a, text,
			  sizeof text);
	snprintf(ret, INET6_ADDRSTRLEN + 9, v4 ? "%s:%u" : "[%s]:%u", text,
		 c->port);
}

static struct json_object *record_json(const struct trace_record *r)
{
	static const char *const result[] = {
		[TALLY_HIT] = "hit", [TALLY_MISS] = "miss",
		[TALLY_LATE] = "later",
	};
	struct json_object *o = json_object_new_object();
	struct json_object *line = json_object_new_object();
	char client[INET6_ADDRSTRLEN + 9];

	name_client(&r->client, client);
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
		pthread_mutex_destroy(&t->lock);
		free(t);
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
	struct trace *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->admin = a;
	t->task.run = run_tell;
	list_init(&t->task.link);
	list_init(&t->watchers);
	pthread_mutex_init(&t->lock, NULL);
	if (server_visit(a->server, set, t)) {
		pthread_mutex_destroy(&t->lock);
		free(t);
		return NULL;
	}
	return t;
}

/* The last one has gone.  Once every loop has been told no more comes, but
 * its task may be posted: then that frees it. */
static void trace_end(struct trace *t)
{
	/* Without memory to tell them it goes on; the next to come ends. */
	if (server_visit(t->admin->server, set, NULL))
		return;
	t->admin->trace = NULL;
	LOCK_SCOPE(&t->lock);
	t->ended = true;
	if (!t->posted)
		loop_post(t->admin->loop, &t->task);
	t->posted = true;
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
