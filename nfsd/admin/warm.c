/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/fs.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "common/waiter.h"
#include "nfsd/admin/control.h"
#include "nfsd/admin/warm.h"

enum {
	OUT_MAX = 1024,         /* waits at a time */
	NAMES_MAX = 1024,       /* of one directory at a time */
	BATCH = 256,            /* items; then others have a turn */
	PROGRESS_MS = 500,
};

/* A directory that has been found, for as long as a child needs it. */
struct parent {
	unsigned refs;
	struct where where;
	size_t len;
	char path[];
};

/* A thing to bring here.  It is run from the top until it is. */
struct item {
	struct list link;       /* warm.todo, or nowhere */
	struct warm *warm;
	struct waiter waiter;
	struct task task;
	struct value *brought;  /* by the last wait: kept until it is done */
	struct parent *in;      /* NULL: the path that was asked for */
	struct parent *self;    /* once it is known to be a directory */
	uint64_t cookie, verf;  /* of its listing */
	char name[];
};

struct warm {
	struct admin *admin;
	char *path;
	struct list todo;       /* the next is last: deep first */
	struct task turn;
	bool posted;            /* 'turn' is */
	bool stopped;
	unsigned out;           /* items that wait */
	struct warm_progress progress;
	void (*over)(void *arg, const struct warm_progress *);
	void *arg;
};

/* ---- items ---- */

static void parent_unref(struct parent *p)
{
	if (p && !--p->refs)
		free(p);
}

static void item_woken(struct task *);

/* Any thread. */
static void wake(struct waiter *w)
{
	struct item *i = container_of(w, struct item, waiter);

	loop_post(i->warm->admin->loop, &i->task);
}

static struct item *item_new(struct warm *w, struct parent *in,
			     const char *name, size_t len)
{
	struct item *i = calloc(1, sizeof *i + len + 1);

	if (!i)
		return NULL;
	i->warm = w;
	i->waiter.wake = wake;
	i->task.run = item_woken;
	list_init(&i->link);
	list_init(&i->waiter.link);
	list_init(&i->task.link);
	i->in = in;
	if (in)
		in->refs++;
	memcpy(i->name, name, len);
	w->progress.found++;
	return i;
}

static void item_free(struct item *i)
{
	value_unref(i->brought);
	parent_unref(i->in);
	parent_unref(i->self);
	free(i);
}

static void name_item(const struct item *i, char ret[256])
{
	if (!i->in)
		snprintf(ret, 256, "%s", i->warm->path);
	else
		snprintf(ret, 256, "%s/%s", i->in->path, i->name);
}

/* ---- one run of one item ---- */

/* From the top, a component after the other. */
static int find_path(struct warm *w, struct waiter *waiter, struct node *ret)
{
	const char *p = w->path;
	struct node at = { 0 };
	int r = 0;

	fs_top(w->admin->fs, &at);
	while (!r && *(p += strspn(p, "/"))) {
		size_t len = strcspn(p, "/");
		struct node next = { 0 };

		r = fs_lookup(&at, p, len, waiter, &next);
		node_clear(&at);
		at = next;
		p += len;
	}
	if (r) {
		node_clear(&at);
		return r;
	}
	/* A link to a commit means what is there. */
	if (at.kind == NODE_LEVEL || at.kind == NODE_PIN) {
		node_clear(&at);
		return -EISDIR;
	}
	*ret = at;
	return 0;
}

static int find(struct item *i, struct node *ret)
{
	CLEANUP_NODE struct node dir = { 0 };
	struct fs *fs = i->warm->admin->fs;
	int r;

	if (i->self)
		return fs_resolve(fs, &i->self->where, &i->waiter, ret);
	if (!i->in)
		return find_path(i->warm, &i->waiter, ret);
	r = fs_resolve(fs, &i->in->where, &i->waiter, &dir);
	return r ? r : fs_lookup(&dir, i->name, strlen(i->name), &i->waiter,
				 ret);
}

struct listing {
	struct warm *warm;
	struct item *of;
	struct list found;
	unsigned n;
	int err;
};

static bool add_name(void *arg, const struct fs_dirent *e)
{
	struct listing *l = arg;
	struct item *i;

	if (l->n == NAMES_MAX)
		return false;
	l->of->cookie = e->cookie;
	if (e->len <= 2 && !memcmp(e->name, "..", e->len))
		return true;
	i = item_new(l->warm, l->of->self, e->name, e->len);
	if (!i) {
		l->err = -ENOMEM;
		return false;
	}
	list_add_tail(&l->found, &i->link);
	l->n++;
	return true;
}

static int become_directory(struct item *i, const struct node *node)
{
	size_t len = (i->in ? i->in->len : strlen(i->warm->path)) + 1 +
		     strlen(i->name);
	struct parent *p = malloc(sizeof *p + len + 1);

	if (!p)
		return -ENOMEM;
	p->refs = 1;
	fs_where(node, &p->where);
	p->len = (size_t)snprintf(p->path, len + 1, "%s%s%s",
				  i->in ? i->in->path : i->warm->path,
				  i->in ? "/" : "", i->name);
	i->self = p;
	return 0;
}

/* What it lists comes before what is left of the rest; 'eof' false: then
 * this one again, behind that. */
static int run_directory(struct item *i, struct node *node, bool *eof)
{
	struct listing l = { .warm = i->warm, .of = i };
	int r = i->self ? 0 : become_directory(i, node);

	if (r)
		return r;
	list_init(&l.found);
	r = fs_readdir(node, i->cookie, &i->verf, false, &i->waiter, add_name,
		       &l, eof);
	if (!r)
		r = l.err;
	if (!r && !*eof)
		list_add_tail(&i->warm->todo, &i->link);
	/* The first is to be next. */
	while (!list_empty(&l.found)) {
		struct list *last = l.found.prev;

		list_del(last);
		list_add_tail(&i->warm->todo, last);
	}
	return r;
}

static int run_file(struct item *i, struct node *node, uint64_t *bytes)
{
	struct slice s = { 0 };
	bool eof;
	int r = fs_read(node, 0, SIZE_MAX, &i->waiter, &s, &eof);

	if (r == -EINVAL)
		r = fs_readlink(node, &i->waiter, &s);
	if (r == -EISDIR)               /* the place of a submodule */
		r = 0;
	*bytes = s.len;
	value_unref(s.owner);
	return r;
}

static void done(struct item *i, bool directory, uint64_t bytes)
{
	struct warm_progress *p = &i->warm->progress;

	p->done++;
	p->directories += directory;
	p->bytes += bytes;
	if (!p->err)
		name_item(i, p->at);
	item_free(i);
}

static void failed(struct item *i, int err)
{
	struct warm_progress *p = &i->warm->progress;

	p->failed++;
	if (!p->err) {
		p->err = err;
		name_item(i, p->at);
	}
	item_free(i);
}

/* It ends, waits, or goes back to the queue. */
static void run_item(struct item *i)
{
	CLEANUP_NODE struct node node = { 0 };
	bool eof = true, directory;
	uint64_t bytes = 0;
	int r = find(i, &node);

	directory = !r && node.kind == NODE_DIR;
	if (directory)
		r = run_directory(i, &node, &eof);
	else if (!r)
		r = run_file(i, &node, &bytes);
	if (r == -EINPROGRESS) {
		i->warm->out++;
		i->warm->admin->waiters++;
	} else if (r) {
		failed(i, r);
	} else if (eof) {
		done(i, directory, bytes);
	}
}

/* ---- the walk ---- */

static void end(struct warm *w)
{
	w->over(w->arg, &w->progress);
	free(w->path);
	free(w);
}

static void drop_todo(struct warm *w)
{
	for (struct list *l; (l = list_pop(&w->todo));)
		item_free(container_of(l, struct item, link));
}

static void post_turn(struct warm *w)
{
	if (!w->posted)
		loop_post(w->admin->loop, &w->turn);
	w->posted = true;
}

static void run_turn(struct task *t)
{
	struct warm *w = container_of(t, struct warm, turn);

	w->posted = false;
	if (w->stopped)
		drop_todo(w);
	for (unsigned n = 0; n < BATCH && w->out < OUT_MAX &&
	     !list_empty(&w->todo); n++) {
		struct list *next = w->todo.prev;

		list_del(next);
		run_item(container_of(next, struct item, link));
	}
	if (!list_empty(&w->todo) && w->out < OUT_MAX)
		post_turn(w);
	else if (list_empty(&w->todo) && !w->out)
		end(w);
}

static void item_woken(struct task *t)
{
	struct item *i = container_of(t, struct item, task);
	struct warm *w = i->warm;

	w->out--;
	w->admin->waiters--;
	value_unref(i->brought);
	i->brought = TAKE(i->waiter.value);
	if (w->stopped)
		item_free(i);
	else
		run_item(i);
	post_turn(w);
}

int warm_start(struct warm **ret, struct admin *a, const char *path,
	       void (*over)(void *arg, const struct warm_progress *),
	       void *arg)
{
	struct warm *w;
	struct item *first;

	path += strspn(path, "/");
	if (!*path)
		return -EINVAL;
	w = calloc(1, sizeof *w);
	if (!w)
		return -ENOMEM;
	w->admin = a;
	w->over = over;
	w->arg = arg;
	w->turn.run = run_turn;
	list_init(&w->turn.link);
	list_init(&w->todo);
	first = asprintf(&w->path, "/%s", path) < 0 ?
		NULL : item_new(w, NULL, "", 0);
	if (!first) {
		free(w->path);
		free(w);
		return -ENOMEM;
	}
	/* "linux/" is "linux". */
	for (size_t len = strlen(w->path); w->path[len - 1] == '/';)
		w->path[--len] = '\0';
	list_add_tail(&w->todo, &first->link);
	post_turn(w);
	*ret = w;
	return 0;
}

void warm_look(const struct warm *w, struct warm_progress *ret)
{
	*ret = w->progress;
}

void warm_stop(struct warm *w)
{
	w->stopped = true;
	post_turn(w);
}

/* ---- the command ---- */

struct command {
	struct control_call *call;
	struct warm *warm;
	struct event *timer;
	uint64_t kept;          /* objects written to the disk, before */
};

static struct json_object *progress_json(const struct command *c,
					 const struct warm_progress *p)
{
	struct json_object *o = json_object_new_object();
	struct admin *a = c->call->context;
	struct fs_stats s;

	fs_stats(a->fs, &s);
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

static void over(void *arg, const struct warm_progress *p)
{
	struct command *c = arg;
	struct json_object *o;

	/* Nothing at all: the path itself. */
	if (p->failed && p->found == 1) {
		if (p->err == -EISDIR)
			control_fail(c->call, -EINVAL, "%s is above "
				     "repositories; give the path of one",
				     p->at);
		else if (p->err == -ENOENT || p->err == -ENOTDIR)
			control_fail(c->call, p->err, "there is no %s; "
				     "\"gitnfs status\" lists what is shown",
				     p->at);
		else
			control_fail(c->call, p->err, "%s: %s", p->at,
				     strerror(-p->err));
	} else {
		o = progress_json(c, p);
		if (p->err)
			json_text(o, "error", strerror(-p->err));
		control_end(c->call, o);
	}
	command_free(c);
}

static void gone(struct control_call *call)
{
	struct command *c = call->state;

	warm_stop(c->warm);
}

void warm_begin(struct control_call *call)
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
		c->kept = s.stored.kept;
		c->timer = event_new(loop_base(a->loop), -1, EV_PERSIST,
				     on_timer, c);
		if (c->timer && !event_add(c->timer, &often))
			r = warm_start(&c->warm, a, path ? path : "", over, c);
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
