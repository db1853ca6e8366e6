/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/fs.h"
#include "common/clock.h"
#include "common/json.h"
#include "common/waiter.h"
#include "nfsd/admin/admin.h"
#include "nfsd/admin/control.h"
#include "nfsd/admin/keep.h"

/* ---- what waits for the disk ---- */

struct errand {
	struct control_call *call;
	struct waiter waiter;
	struct task task;
	void (*over)(struct errand *, int err); /* ends the call */
	struct fs_usage usage;  /* du */
	uint64_t before;        /* gc: bytes on the disk */
};

static struct admin *admin_of(const struct errand *e)
{
	return e->call->context;
}

static void errand_end(struct errand *e, int err)
{
	e->over(e, err);
	fs_usage_clear(&e->usage);
	free(e);
}

static void woken(struct task *t)
{
	struct errand *e = container_of(t, struct errand, task);

	admin_of(e)->waiters--;
	errand_end(e, e->waiter.err);
}

/* Any thread. */
static void wake(struct waiter *w)
{
	struct errand *e = container_of(w, struct errand, waiter);

	loop_post(admin_of(e)->loop, &e->task);
}

static struct errand *errand_new(struct control_call *call,
				 void (*over)(struct errand *, int err))
{
	struct errand *e = calloc(1, sizeof *e);

	if (!e) {
		control_fail(call, -ENOMEM, "%s", strerror(ENOMEM));
		return NULL;
	}
	e->call = call;
	e->over = over;
	e->waiter.wake = wake;
	e->task.run = woken;
	list_init(&e->waiter.link);
	list_init(&e->task.link);
	return e;
}

/* 'r' is what asking for it has returned. */
static void errand_wait(struct errand *e, int r)
{
	if (r == -EINPROGRESS)
		admin_of(e)->waiters++;
	else
		errand_end(e, r);
}

static const char *path_of(const struct control_call *call)
{
	const char *path = json_text_at(call->request, "path");

	return path ? path + strspn(path, "/") : "";
}

/* ---- pins ---- */

void keep_pins(struct control_call *call)
{
	struct admin *a = call->context;
	struct json_object *list, *result;
	struct fs_pin *pin;
	size_t n;
	int r = fs_pins(a->fs, &pin, &n);

	if (r) {
		control_fail(call, r, "%s", strerror(-r));
		return;
	}
	list = json_object_new_array();
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_new_object();

		json_text(o, "path", pin[i].path);
		json_text(o, "commit", pin[i].commit);
		json_i64(o, "since", pin[i].since);
		json_u64(o, "objects", pin[i].objects);
		json_u64(o, "bytes", pin[i].bytes);
		json_append(list, o);
	}
	fs_pins_free(pin, n);
	result = json_object_new_object();
	json_i64(result, "time", clock_wall().tv_sec);
	json_u64(result, "limit", fs_pin_limit(a->fs));
	json_put(result, "pins", list);
	control_end(call, result);
}

static void unpinned(struct errand *e, int err)
{
	if (err == -ENOENT)
		control_fail(e->call, err, "%s is not pinned; \"gitnfs pin\" "
			     "lists what is", path_of(e->call));
	else if (err)
		control_fail(e->call, err, "%s", strerror(-err));
	else
		control_end(e->call, NULL);
}

void keep_unpin(struct control_call *call)
{
	struct errand *e = errand_new(call, unpinned);

	if (e)
		errand_wait(e, fs_unpin(admin_of(e)->fs, path_of(call),
					&e->waiter));
}

/* ---- gc ---- */

static void collected(struct errand *e, int err)
{
	struct json_object *o;
	struct fs_stats s;

	if (err == -ENOTSUP) {
		control_fail(e->call, err, "nothing is kept on disk here: "
			     "cache.disk is 0");
		return;
	}
	if (err) {
		control_fail(e->call, err, "%s", strerror(-err));
		return;
	}
	fs_stats(admin_of(e)->fs, &s);
	o = json_object_new_object();
	json_u64(o, "freed", e->before > s.stored.bytes ?
		 e->before - s.stored.bytes : 0);
	json_u64(o, "bytes", s.stored.bytes);
	json_u64(o, "pinned", s.stored.pinned);
	json_u64(o, "budget", s.stored.budget);
	control_end(e->call, o);
}

void keep_gc(struct control_call *call)
{
	struct json_object *to = NULL;
	struct errand *e;
	struct fs_stats s;

	if (json_object_object_get_ex(call->request, "to", &to) &&
	    (!json_object_is_type(to, json_type_int) ||
	     json_object_get_int64(to) < 0)) {
		control_fail(call, -EINVAL, "give a number of bytes as to");
		return;
	}
	e = errand_new(call, collected);
	if (!e)
		return;
	fs_stats(admin_of(e)->fs, &s);
	e->before = s.stored.bytes;
	errand_wait(e, fs_collect(admin_of(e)->fs, to ?
				  json_object_get_uint64(to) :
				  s.stored.budget, &e->waiter));
}

/* ---- du ---- */

static void weighed(struct errand *e, int err)
{
	struct json_object *list, *result;

	if (err) {
		control_fail(e->call, err, err == -ENOENT ?
			     "nothing of %s is here" : "%s: cannot be weighed",
			     path_of(e->call));
		return;
	}
	list = json_object_new_array();
	for (size_t i = 0; i < e->usage.n; i++) {
		const struct fs_use *u = &e->usage.use[i];
		struct json_object *o = json_object_new_object();

		json_text(o, "path", u->path);
		json_u64(o, "objects", u->objects);
		json_u64(o, "disk", u->disk);
		json_u64(o, "memory", u->memory);
		json_u64(o, "missing", u->missing);
		json_append(list, o);
	}
	result = json_object_new_object();
	json_put(result, "usage", list);
	control_end(e->call, result);
}

void keep_du(struct control_call *call)
{
	struct errand *e = errand_new(call, weighed);

	if (e)
		errand_wait(e, fs_usage(admin_of(e)->fs, path_of(call),
					&e->usage, &e->waiter));
}
