/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cache/fs.h"
#include "common/json.h"
#include "common/log.h"
#include "common/waiter.h"
#include "nfsd/admin/bring.h"
#include "nfsd/admin/control.h"
#include "nfsd/admin/warm.h"

enum { PROGRESS_MS = 500, MIB = 1 << 20 };

struct command {
	struct control_call *call;
	struct warm *warm;
	struct event *timer;
	uint64_t kept;          /* objects written to the disk, before */
	bool pin;
	/* At the end of the walk: */
	struct warm_progress progress;
	struct waiter waiter;
	struct task task;
};

static struct admin *admin_of(const struct command *c)
{
	return c->call->context;
}

static struct json_object *progress_json(const struct command *c,
					 const struct warm_progress *p)
{
	struct json_object *o = json_object_new_object();
	struct fs_stats s;

	fs_stats(admin_of(c)->fs, &s);
	json_u64(o, "found", p->found);
	json_u64(o, "done", p->done);
	json_u64(o, "directories", p->directories);
	json_u64(o, "bytes", p->bytes);
	json_u64(o, "failed", p->failed);
	json_u64(o, "fetched", s.stored.kept - c->kept);
	json_text(o, "at", p->at);
	return o;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct command *c = arg;
	struct json_object *line = json_object_new_object();
	struct warm_progress p;

	(void)fd;
	(void)what;
	warm_look(c->warm, &p);
	json_put(line, "progress", progress_json(c, &p));
	control_tell(c->call, line);
}

static void command_free(struct command *c)
{
	if (c->timer)
		event_free(c->timer);
	free(c);
}

/* ---- the end ---- */

/* Nothing at all: the path itself. */
static void say_nothing(struct command *c, const struct warm_progress *p)
{
	int r = p->err;

	if (r == -EISDIR)
		control_fail(c->call, -EINVAL, "%s is above repositories; "
			     "give the path of one", p->at);
	else if (r == -ENOENT || r == -ENOTDIR)
		control_fail(c->call, r, "there is no %s; \"gitnfs status\" "
			     "lists what is shown", p->at);
	else if (r == -EEXIST)
		control_fail(c->call, -EINVAL, "%s is of a repository on this "
			     "disk: it stays as it is", p->at);
	else if (r == -ENOTSUP)
		control_fail(c->call, r, "nothing is kept on disk here: "
			     "cache.disk is 0");
	else
		control_fail(c->call, r, "%s: %s", p->at, strerror(-r));
}

static double mib(uint64_t bytes)
{
	return (double)bytes / MIB;
}

static void say_no_pin(struct command *c, int err)
{
	const struct warm_progress *p = &c->progress;
	struct admin *a = admin_of(c);
	struct fs_stats s;

	fs_stats(a->fs, &s);
	if (err == -EDQUOT)
		control_fail(c->call, -ENOSPC, "not pinned: it needs more than "
			     "the %.1f MiB that pins may take, of which %.1f "
			     "are taken; unpin something, or give more as "
			     "cache.disk", mib(fs_pin_limit(a->fs)),
			     mib(s.stored.pinned));
	else if (p->failed)
		control_fail(c->call, err, "not pinned: %" PRIu64 " could not "
			     "be had, the first of them %s: %s; try again: "
			     "what is here is not fetched twice", p->failed,
			     p->at, strerror(-err));
	else
		control_fail(c->call, err, "not pinned: %s", strerror(-err));
}

static void say_result(struct command *c)
{
	struct json_object *o = progress_json(c, &c->progress);

	if (c->progress.err)
		json_text(o, "error", strerror(-c->progress.err));
	control_end(c->call, o);
}

/* The pin is written down, or dropped. */
static void pin_ended(struct task *t)
{
	struct command *c = container_of(t, struct command, task);
	int r = c->progress.err;

	admin_of(c)->waiters--;
	if (!r && c->progress.stopped)
		r = -ECANCELED;
	if (!r)
		r = c->waiter.err;
	if (r)
		say_no_pin(c, r);
	else
		say_result(c);
	command_free(c);
}

/* Any thread. */
static void wake(struct waiter *w)
{
	struct command *c = container_of(w, struct command, waiter);

	loop_post(admin_of(c)->loop, &c->task);
}

static void end_pin(struct command *c)
{
	const struct warm_progress *p = &c->progress;
	struct admin *a = admin_of(c);
	int r;

	c->waiter.wake = wake;
	c->task.run = pin_ended;
	list_init(&c->waiter.link);
	list_init(&c->task.link);
	r = fs_pin_end(a->fs, p->pin, !p->failed && !p->stopped, &c->waiter);
	if (r == -EINPROGRESS) {
		a->waiters++;
		return;
	}
	say_no_pin(c, r);
	command_free(c);
}

static void over(void *arg, const struct warm_progress *p)
{
	struct command *c = arg;

	c->progress = *p;
	c->call->gone = NULL;   /* there is nothing left to stop */
	event_del(c->timer);
	if (c->pin && p->pin) {
		end_pin(c);
		return;
	}
	if (p->failed && p->found == 1)
		say_nothing(c, p);
	else
		say_result(c);
	command_free(c);
}

static void gone(struct control_call *call)
{
	struct command *c = call->state;

	warm_stop(c->warm);
}

/* ---- the beginning ---- */

static void begin(struct control_call *call, bool pin)
{
	const struct timeval often = { .tv_usec = PROGRESS_MS * 1000 };
	const char *path = json_text_at(call->request, "path");
	struct command *c = calloc(1, sizeof *c);
	struct admin *a = call->context;
	struct fs_stats s;
	int r = -ENOMEM;

	if (c) {
		fs_stats(a->fs, &s);
		c->call = call;
		c->pin = pin;
		c->kept = s.stored.kept;
		c->timer = event_new(loop_base(a->loop), -1, EV_PERSIST,
				     on_timer, c);
		if (c->timer && !event_add(c->timer, &often))
			r = warm_start(&c->warm, a, path ? path : "", pin,
				       over, c);
	}
	if (!r) {
		call->state = c;
		call->gone = gone;
		return;
	}
	if (c)
		command_free(c);
	control_fail(call, r, "%s", r == -EINVAL ? "say which repository, or "
		     "what in it" : strerror(-r));
}

void bring_warm(struct control_call *call)
{
	begin(call, false);
}

void bring_pin(struct control_call *call)
{
	begin(call, true);
}
