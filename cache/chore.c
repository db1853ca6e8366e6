/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cache/chore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/node.h"
#include "common/cleanup.h"
#include "common/waiter.h"

struct chore *chore_new(struct fs *fs, int (*run)(struct chore *),
			const char *path, struct waiter *w)
{
	struct chore *c;
	size_t len;

	path += strspn(path, "/");
	len = strlen(path);
	while (len && path[len - 1] == '/')
		len--;
	c = calloc(1, sizeof *c + len + 1);
	if (!c)
		return NULL;
	c->fs = fs;
	c->run = run;
	c->waiter = w;
	list_init(&c->link);
	memcpy(c->path, path, len);
	return c;
}

static void chore_run(struct chore *c)
{
	c->waiter->value = NULL;
	c->waiter->err = c->run(c);
}

static void chore_free(struct chore *c)
{
	struct waiter *w = c->waiter;

	value_unref(c->held);
	free(c);
	w->wake(w);
}

static void run_chore(struct work *work)
{
	struct chore *c = container_of(work, struct chore, work);

	chore_run(c);
	chore_free(c);
}

static struct chore *first_chore(struct fs *fs)
{
	return list_empty(&fs->chores) ? NULL :
	       container_of(fs->chores.next, struct chore, link);
}

static struct chore *next_chore(struct chore *done)
{
	LOCK_SCOPE(&done->fs->chore_lock);
	list_del(&done->link);
	return first_chore(done->fs);
}

/* One after the other, until there are none. */
static void run_chores(struct work *work)
{
	struct chore *c = container_of(work, struct chore, work), *next;

	for (; c; c = next) {
		chore_run(c);
		next = next_chore(c);
		chore_free(c);
	}
}

int chore_submit(struct chore *c)
{
	if (!c)
		return -ENOMEM;
	c->work.run = run_chore;
	pool_submit(fetcher_pool(c->fs->fetcher), &c->work);
	return -EINPROGRESS;
}

static bool is_first(struct fs *fs, struct chore *c)
{
	LOCK_SCOPE(&fs->chore_lock);
	list_add_tail(&fs->chores, &c->link);
	return first_chore(fs) == c;
}

int chore_queue(struct chore *c)
{
	if (!c)
		return -ENOMEM;
	c->work.run = run_chores;
	if (is_first(c->fs, c))
		pool_submit(fetcher_pool(c->fs->fetcher), &c->work);
	return -EINPROGRESS;
}
