/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/fs.h"
#include "common/cleanup.h"
#include "common/waiter.h"
#include "nfsd/admin/warm.h"

enum {
	OUT_MAX = 1024,         /* waits at a time */
	NAMES_MAX = 1024,       /* of one directory at a time */
	BATCH = 256,            /* items; then others have a turn */
	AGAIN_MAX = 16,
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
	struct adding *adding;  /* to the pin, or NULL */
	struct parent *in;      /* NULL: the path that was asked for */
	struct parent *self;    /* once it is known to be a directory */
	uint64_t cookie, verf;  /* of its listing */
	unsigned again;         /* it was gone before it could be added */
	size_t above;           /* not 0: only a directory above that path,
				 * which is so many bytes of it */
	char name[];
};

/* What an item is, on its way into the pin. */
struct adding {
	bool directory;
	uint64_t bytes;
};

struct warm {
	struct admin *admin;
	char *path;
	bool pin;               /* all of it, as it is now, ... */
	unsigned number;        /* ... in this one; 0: not begun */
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
	free(i->adding);
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

/* From the top, a component after the other, for so many bytes. */
static int find_path(struct warm *w, size_t room, struct waiter *waiter,
		     struct node *ret)
{
	const char *p = w->path;
	const char *end = p + (room < strlen(p) ? room : strlen(p));
	struct node at = { 0 };
	int r = 0;

	fs_top(w->admin->fs, &at);
	while (!r && *(p += strspn(p, "/")) && p < end) {
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
		return find_path(i->warm, i->above ? i->above : SIZE_MAX,
				 &i->waiter, ret);
	r = fs_resolve(fs, &i->in->where, &i->waiter, &dir);
	return r ? r : fs_lookup(&dir, i->name, strlen(i->name), &i->waiter,
				 ret);
}

/* Who is to find what is pinned has to find the way. */
static int add_above(struct warm *w)
{
	for (const char *p = strchr(w->path, '@'); p && (p = strchr(p, '/'));
	     p++) {
		struct item *i = item_new(w, NULL, "", 0);

		if (!i)
			return -ENOMEM;
		i->above = (size_t)(p - w->path);
		w->progress.found--;
		list_add_tail(&w->todo, &i->link);
	}
	return 0;
}

/* It is the path's: pin what is there, as it is now. */
static int begin_pin(struct item *i, struct node *node)
{
	struct warm *w = i->warm;
	char *fixed;
	int r;

	if (!w->pin || w->number || i->in)
		return 0;
	r = fs_pin_begin(node, w->path + 1, &w->number, &fixed);
	if (r)
		return r;
	free(w->path);
	w->path = fixed;
	node_clear(node);
	r = add_above(w);
	return r ? r : find_path(w, strlen(fixed), &i->waiter, node);
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

	p->done += !i->above;
	p->directories += directory && !i->above;
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
	/* Half a pin is none. */
	if (err == -EDQUOT || err == -ENOSPC)
		i->warm->stopped = true;
	item_free(i);
}

/* It is here; and shall stay, if all shall. */
static void arrived(struct item *i, struct node *node, bool directory,
		    uint64_t bytes)
{
	struct adding *a = i->warm->number ? malloc(sizeof *a) : NULL;
	int r = i->warm->number && !a ? -ENOMEM : 0;

	if (a)
		r = fs_pin_add(node, i->warm->number, &i->waiter);
	if (r == -EINPROGRESS) {
		*a = (struct adding){ directory, bytes };
		i->adding = a;
		i->warm->out++;
		i->warm->admin->waiters++;
		return;
	}
	free(a);
	if (r == -EAGAIN && i->again++ < AGAIN_MAX)
		list_add_tail(&i->warm->todo, &i->link);
	else if (r)
		failed(i, r);
	else
		done(i, directory, bytes);
}

/* It is in the pin, or not. */
static void added(struct item *i)
{
	if (i->waiter.err)
		failed(i, i->waiter.err);
	else
		done(i, i->adding->directory, i->adding->bytes);
}

/* It ends, waits, or goes back to the queue. */
static void run_item(struct item *i)
{
	CLEANUP_NODE struct node node = { 0 };
	bool eof = true, directory;
	uint64_t bytes = 0;
	int r = find(i, &node);

	if (!r)
		r = begin_pin(i, &node);
	directory = !r && node.kind == NODE_DIR;
	if (i->above)
		bytes = 0;
	else if (directory)
		r = run_directory(i, &node, &eof);
	else if (!r)
		r = run_file(i, &node, &bytes);
	if (r == -EINPROGRESS) {
		i->warm->out++;
		i->warm->admin->waiters++;
	} else if (r) {
		failed(i, r);
	} else if (eof) {
		arrived(i, &node, directory, bytes);
	}
}

/* ---- the walk ---- */

void warm_look(const struct warm *w, struct warm_progress *ret)
{
	*ret = w->progress;
	ret->stopped = w->stopped;
	ret->pin = w->number;
}

static void end(struct warm *w)
{
	struct warm_progress p;

	warm_look(w, &p);
	w->over(w->arg, &p);
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
	     !w->stopped && !list_empty(&w->todo); n++) {
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
	if (i->adding)
		added(i);
	else if (w->stopped)
		item_free(i);
	else
		run_item(i);
	post_turn(w);
}

int warm_start(struct warm **ret, struct admin *a, const char *path, bool pin,
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
	w->pin = pin;
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

void warm_stop(struct warm *w)
{
	w->stopped = true;
	post_turn(w);
}
