/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cache/fs.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "common/waiter.h"
#include "nfsd/admin/control.h"
#include "nfsd/admin/refresh.h"

enum {
	SHOWN_MAX = 100000,
	AT_A_TIME = 16,         /* so that a host is not swamped */
	AGAIN_MAX = 3,          /* times, where others ask the same */
};

struct refresh;

/* One question that is out. */
struct question {
	struct refresh *refresh;
	struct waiter waiter;
	struct task task;
	const struct fs_shown *of;
	unsigned again;         /* it was under way before */
};

struct refresh {
	struct admin *admin;
	struct fs_shown *shown; /* before */
	size_t n, next;
	unsigned out;           /* questions */
	struct question question[AT_A_TIME];
	int *err;               /* of each; 1: not asked */
	void (*over)(void *arg, struct json_object *result);
	void *arg;
};

/* ---- which ---- */

/* In any case: a host may take names so, and a question too many does no
 * harm. */
static bool starts(const char *path, const char *with)
{
	size_t len = strlen(with);

	return !strncasecmp(path, with, len) &&
	       (!len || !path[len] || path[len] == '/' || path[len] == '@');
}

/* Is one of these paths in the other?  Leading slashes and upper case do not
 * count, and NAME@REF is in NAME. */
static bool concerns(const char *path, const char *name)
{
	path += strspn(path, "/");
	return starts(name, path) || starts(path, name);
}

/* ---- how it went ---- */

static const struct fs_shown *now_of(const struct fs_shown *all, size_t n,
				     const struct fs_shown *before)
{
	for (size_t i = 0; i < n; i++)
		if (all[i].id == before->id)
			return &all[i];
	return before;
}

static struct json_object *tell(const struct fs_shown *before,
				const struct fs_shown *now, int err)
{
	struct json_object *o = json_object_new_object();

	json_text(o, "name", now->name);
	json_text(o, "commit", now->commit);
	json_flag(o, "moved", strcmp(before->commit, now->commit) != 0);
	if (err)
		json_text(o, "error", strerror(-err));
	return o;
}

static void finish(struct refresh *rf)
{
	struct json_object *list = json_object_new_array();
	struct fs_shown *now = NULL;
	size_t n = 0, all;

	fs_shown(rf->admin->fs, SHOWN_MAX, &now, &n, &all);
	for (size_t i = 0; i < rf->n; i++)
		if (rf->err[i] <= 0)
			json_append(list, tell(&rf->shown[i],
					       now_of(now, n, &rf->shown[i]),
					       rf->err[i]));
	fs_shown_free(now, n);
	rf->over(rf->arg, list);
	fs_shown_free(rf->shown, rf->n);
	free(rf->err);
	free(rf);
}

/* ---- asking ---- */

static void ask(struct refresh *, struct question *);
static bool put(struct question *, unsigned again);

static void answered(struct task *t)
{
	struct question *q = container_of(t, struct question, task);
	struct refresh *rf = q->refresh;
	int err = q->waiter.err;

	rf->admin->waiters--;
	rf->out--;
	value_unref(TAKE(q->waiter.value));
	if (err == -EALREADY && q->again < AGAIN_MAX) {
		if (put(q, q->again + 1))
			return;
	} else {
		rf->err[q->of - rf->shown] = err == -EALREADY ? 0 : err;
	}
	ask(rf, q);
	if (!rf->out)
		finish(rf);
}

/* Any thread. */
static void wake(struct waiter *w)
{
	struct question *q = container_of(w, struct question, waiter);

	loop_post(q->refresh->admin->loop, &q->task);
}

/* False: it has its answer already. */
static bool put(struct question *q, unsigned again)
{
	struct refresh *rf = q->refresh;
	int r;

	q->again = again;
	q->waiter = (struct waiter){ .wake = wake };
	q->task = (struct task){ .run = answered };
	list_init(&q->waiter.link);
	list_init(&q->task.link);
	r = fs_renew(rf->admin->fs, q->of->id, &q->waiter);
	if (r == -EINPROGRESS) {
		rf->out++;
		rf->admin->waiters++;
		return true;
	}
	rf->err[q->of - rf->shown] = r;
	return false;
}

/* The next, of those that are to be asked. */
static void ask(struct refresh *rf, struct question *q)
{
	while (rf->next < rf->n) {
		size_t i = rf->next++;

		if (rf->err[i] > 0)
			continue;
		q->refresh = rf;
		q->of = &rf->shown[i];
		if (put(q, 0))
			return;
	}
}

int refresh_start(struct admin *a, const char *path,
		  void (*over)(void *arg, struct json_object *result),
		  void *arg)
{
	struct refresh *rf = calloc(1, sizeof *rf);
	size_t all;
	int r;

	if (!rf)
		return -ENOMEM;
	rf->admin = a;
	rf->over = over;
	rf->arg = arg;
	r = fs_shown(a->fs, SHOWN_MAX, &rf->shown, &rf->n, &all);
	if (!r && !(rf->err = calloc(rf->n + 1, sizeof *rf->err)))
		r = -ENOMEM;
	if (r) {
		fs_shown_free(rf->shown, rf->n);
		free(rf);
		return r;
	}
	for (size_t i = 0; i < rf->n; i++)
		if (!rf->shown[i].id || rf->shown[i].fixed ||
		    !concerns(path, rf->shown[i].name))
			rf->err[i] = 1;
	for (size_t i = 0; i < AT_A_TIME; i++)
		ask(rf, &rf->question[i]);
	if (!rf->out)
		finish(rf);
	return 0;
}

/* ---- the command ---- */

static void over(void *arg, struct json_object *result)
{
	control_end(arg, result);
}

void refresh_begin(struct control_call *call)
{
	const char *path = json_text_at(call->request, "path");
	int r = refresh_start(call->context, path ? path : "", over, call);

	if (r)
		control_fail(call, r, "%s", strerror(-r));
}
