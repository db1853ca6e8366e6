/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What is to stay on this disk, and what is not.  The store knows objects;
 * here they are what somebody sees. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/chore.h"
#include "cache/node.h"
#include "cache/store.h"
#include "common/cleanup.h"

void fs_pins_free(struct fs_pin *pin, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(pin[i].path);
	free(pin);
}

static int by_path(const void *a, const void *b)
{
	const struct fs_pin *x = a, *y = b;

	return strcmp(x->path, y->path);
}

int fs_pins(struct fs *fs, struct fs_pin **ret, size_t *ret_n)
{
	int r = 0;

	*ret = NULL;
	*ret_n = 0;
	if (fs->store)
		r = store_pins(fs->store, ret, ret_n);
	if (*ret)
		qsort(*ret, *ret_n, sizeof **ret, by_path);
	return r;
}

uint64_t fs_pin_limit(struct fs *fs)
{
	return fs->store ? store_pin_limit(fs->store) : 0;
}

int fs_pin_begin(struct node *n, const char *path, unsigned *ret,
		 char **fixed)
{
	char hex[OID_HEX + 1];
	int r;

	if (n->kind != NODE_DIR && n->kind != NODE_FILE)
		return -EISDIR;
	if (!n->fs->store)
		return -ENOTSUP;
	if (!root_is_served(n->dir->root))
		return -ESTALE;
	if (!source_is_far(n->dir->root->source))
		return -EEXIST;
	if (!history_now(n->hist)->commit.len)
		return -ENOENT;
	*fixed = node_fixed_path(n);
	if (!*fixed)
		return -ENOMEM;
	oid_hex(&history_now(n->hist)->commit, hex);
	r = store_pin_begin(n->fs->store, path, hex, ret);
	if (r)
		free(TAKE(*fixed));
	return r;
}

static int run_add(struct chore *c)
{
	return store_pin_add(c->fs->store, c->pin, &c->oid, c->type, c->data,
			     c->len);
}

static int hold_tree(const struct node *n, struct chore *c)
{
	CLEANUP_DIRSTATE struct dirstate *s = NULL;
	struct tree *t;
	int r = inode_state(&n->fs->in, n->dir, n->hist, NULL, &s);

	if (!r)
		r = inode_tree(&n->fs->in, n->dir, &s->version[inode_shown(s)],
			       NULL, &t);
	if (r)
		return r == -EINPROGRESS ? -EAGAIN : r;
	c->held = &t->v;
	c->oid = t->oid;
	c->type = OBJ_TREE;
	c->data = t->raw;
	c->len = t->len;
	return 0;
}

static int hold_blob(const struct node *n, struct chore *c)
{
	const struct blob *b;

	c->oid = tree_oid(n->tree, n->index);
	c->held = fetch_held(n->fs->fetcher, n->dir->root->source, KIND_BLOB,
			     &c->oid);
	if (!c->held)
		return -EAGAIN;
	b = (const struct blob *)c->held;
	c->type = OBJ_BLOB;
	c->data = b->data ? b->data : "";
	c->len = b->len;
	return 0;
}

int fs_pin_add(struct node *n, unsigned pin, struct waiter *w)
{
	struct chore *c;
	int r;

	if (n->kind != NODE_DIR && (n->kind != NODE_FILE ||
				    node_is_gitlink(n)))
		return 0;
	c = chore_new(n->fs, run_add, "", w);
	if (!c)
		return -ENOMEM;
	c->pin = pin;
	r = n->kind == NODE_DIR ? hold_tree(n, c) : hold_blob(n, c);
	if (r) {
		free(c);
		return r;
	}
	return chore_submit(c);
}

static int run_end(struct chore *c)
{
	return store_pin_end(c->fs->store, c->pin, c->whole);
}

int fs_pin_end(struct fs *fs, unsigned pin, bool whole, struct waiter *w)
{
	struct chore *c = chore_new(fs, run_end, "", w);

	if (c) {
		c->pin = pin;
		c->whole = whole;
	}
	return chore_queue(c);
}

static int run_unpin(struct chore *c)
{
	return store_unpin(c->fs->store, c->path);
}

int fs_unpin(struct fs *fs, const char *path, struct waiter *w)
{
	return fs->store ? chore_queue(chore_new(fs, run_unpin, path, w)) :
			   -ENOENT;
}

static int run_collect(struct chore *c)
{
	return store_collect(c->fs->store, c->to);
}

int fs_collect(struct fs *fs, uint64_t to, struct waiter *w)
{
	struct chore *c;

	if (!fs->store)
		return -ENOTSUP;
	c = chore_new(fs, run_collect, "", w);
	if (c)
		c->to = to;
	return chore_queue(c);
}
