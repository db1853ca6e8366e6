/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>

#include "cache/node.h"
#include "common/cleanup.h"

enum { WALK_MAX = 4096 };       /* directories looked at for one handle */

int where_steps(uint8_t kind, unsigned depth, uint8_t *width)
{
	/* A file's handle has its name's hash and its id besides. */
	unsigned room = kind == NODE_FILE ? FS_STEPS_MAX - 12 : FS_STEPS_MAX;

	if (kind == NODE_LEVEL || kind == NODE_PIN) {
		*width = 0;
		return depth ? -1 : 0;
	}
	for (uint8_t w = 16; w >= 2; w /= 2) {
		if (depth * w <= room * 8) {
			*width = w;
			return (int)(depth * w + 7) / 8;
		}
	}
	return -1;
}

void where_put_step(struct where *w, unsigned i, uint32_t hash)
{
	unsigned bit = i * w->width;

	hash >>= 32 - w->width;
	if (w->width == 16) {
		w->step[bit / 8] = (uint8_t)(hash >> 8);
		w->step[bit / 8 + 1] = (uint8_t)hash;
	} else {
		w->step[bit / 8] |= (uint8_t)(hash << (8 - w->width - bit % 8));
	}
}

/* The lowest name hash that has this step. */
static uint32_t get_step(const struct where *w, unsigned i)
{
	unsigned bit = i * w->width;
	uint32_t v;

	if (w->width == 16)
		v = (uint32_t)(w->step[bit / 8] << 8 | w->step[bit / 8 + 1]);
	else
		v = (uint32_t)(w->step[bit / 8] >> (8 - w->width - bit % 8)) &
		    ((1u << w->width) - 1);
	return v << (32 - w->width);
}

/* The place of 'd', or, with a depth one greater, of a child of it: all but
 * the last step and the child's id. */
int where_path(uint8_t kind, const struct dir *d, unsigned depth,
		      struct where *ret)
{
	*ret = (struct where){
		.kind = kind,
		.depth = (uint8_t)depth,
		.root = d->root->id,
		.dir = d->id,
	};
	if (where_steps(kind, depth, &ret->width) < 0)
		return -ENAMETOOLONG;
	for (; d->parent; d = d->parent)
		where_put_step(ret, d->depth - 1u, d->hash);
	return 0;
}

void fs_where(const struct node *n, struct where *ret)
{
	switch (n->kind) {
	case NODE_LEVEL:
		*ret = (struct where){
			.kind = NODE_LEVEL,
			.root = level_id(n->level),
		};
		break;
	case NODE_DIR:
		where_path(NODE_DIR, n->dir, n->dir->depth, ret);
		break;
	case NODE_FILE:
		where_path(NODE_FILE, n->dir, n->dir->depth, ret);
		ret->name = entry_hash(n->fs, n->tree, n->index);
		ret->fileid = n->fileid;
		break;
	case NODE_PIN:
		*ret = (struct where){
			.kind = NODE_PIN,
			.root = n->hist->root->id,
			.fileid = n->fileid,
		};
	}
}

/* A walk back to a directory.  A step may fit several, of which all but one
 * are wrong: trouble with one of those must not end the search. */
struct search {
	struct fs *fs;
	const struct history *h;
	const struct where *where;
	struct waiter *w;
	unsigned budget;        /* directories it may still look at */
	int trouble;            /* what kept it from looking everywhere, or 0 */
};

static int walk(struct search *, struct dir *, struct dir **ret);

/* -ESTALE where it is not below 'd', or trouble kept us from seeing it. */
static int try_below(struct search *s, struct dir *d, struct dir **ret)
{
	int r = walk(s, d, ret);

	if (!r || r == -EINPROGRESS || r == -ESTALE)
		return r;
	s->trouble = r;
	return -ESTALE;
}

static int walk_version(struct search *s, struct dir *d,
			const struct version *v, struct dir **ret)
{
	CLEANUP_TREE struct tree *t = NULL;
	const struct inodes *in = &s->fs->in;
	const struct where *where = s->where;
	unsigned shift = 32u - where->width;
	uint32_t step = get_step(where, d->depth);
	int r = inode_tree(in, d, v, s->w, &t);

	if (r)
		return r == -ENOENT ? -ESTALE : r;
	for (uint32_t p = tree_lower(t, step); p < t->n &&
	     t->by_hash[p].hash >> shift == step >> shift; p++) {
		CLEANUP_DIR struct dir *child = NULL;
		uint32_t i = t->by_hash[p].index;
		const char *name = tree_name(t, i);

		if (t->entry[i].type != FT_DIR)
			continue;
		if (d->depth + 1 == where->depth &&
		    inode_dir_id(in, d->id, name, t->entry[i].len) !=
		    where->dir)
			continue;
		if (!s->budget)
			return -EIO;
		s->budget--;
		r = inode_child(in, d, name, t->entry[i].len, &child);
		if (!r)
			r = try_below(s, child, ret);
		if (r != -ESTALE)
			return r;
	}
	return -ESTALE;
}

/* From 'd', as many steps taken as it is deep, to the directory. */
static int walk(struct search *s, struct dir *d, struct dir **ret)
{
	CLEANUP_DIRSTATE struct dirstate *state = NULL;
	int r;

	if (d->depth == s->where->depth) {
		if (d->id != s->where->dir)
			return -ESTALE;
		*ret = dir_ref(d);
		return 0;
	}
	r = inode_state(&s->fs->in, d, s->h, s->w, &state);
	if (r)
		return r;
	r = -ESTALE;
	for (uint32_t v = 0; r == -ESTALE && v < state->n; v++)
		r = walk_version(s, d, &state->version[v], ret);
	return r;
}

/* One that is not in memory. */
static int resolve_dir(struct fs *fs, const struct root *root,
		       const struct history *h, const struct where *where,
		       struct waiter *w, struct dir **ret)
{
	CLEANUP_DIR struct dir *top = NULL;
	struct search s = {
		.fs = fs,
		.h = h,
		.where = where,
		.w = w,
		.budget = WALK_MAX,
	};
	int r;

	r = inode_root(&fs->in, root, &top);
	if (!r)
		r = walk(&s, top, ret);
	return r == -ESTALE && s.trouble ? s.trouble : r;
}

static int resolve_file(struct fs *fs, struct dir *d, struct history *h,
			const struct where *where, struct waiter *w,
			struct node *ret)
{
	CLEANUP_DIRSTATE struct dirstate *s = NULL;
	int r = inode_state(&fs->in, d, h, w, &s);

	for (uint32_t v = 0; !r && v < s->n; v++) {
		CLEANUP_TREE struct tree *t = NULL;

		r = inode_tree(&fs->in, d, &s->version[v], w, &t);
		if (r == -ENOENT)
			r = 0;
		if (r || !t)
			continue;
		for (uint32_t p = tree_lower(t, where->name); p < t->n &&
		     t->by_hash[p].hash == where->name; p++) {
			uint32_t i = t->by_hash[p].index;

			if (t->entry[i].type == FT_DIR ||
			    inode_file_id(&fs->in, d->id, t, i) !=
			    where->fileid)
				continue;
			node_file(fs, dir_ref(d), history_ref(h), TAKE(t), i,
				  ret);
			return 0;
		}
	}
	return r ? r : -ESTALE;
}

int fs_resolve(struct fs *fs, const struct where *where, struct waiter *w,
	       struct node *ret)
{
	CLEANUP_HISTORY struct history *h = NULL;
	CLEANUP_DIR struct dir *d = NULL;
	const struct root *root;
	int r;

	if (where->kind == NODE_LEVEL) {
		struct level *l = composite_level(fs->composite, where->root);

		if (!l)
			return -ESTALE;
		node_level(fs, l, ret);
		return 0;
	}
	/* A directory in memory knows its root. */
	if (where->dir && !inode_peek(&fs->in, where->root, where->dir, &d))
		root = d->root;
	else
		root = root_find(fs->roots, where->root);
	if (!root)
		return -ESTALE;
	r = node_history(fs, root, w, &h);
	/* A ref that is no more goes on showing what it held to those who
	 * are inside. */
	if (r == -ENOENT)
		h = root_history(fs->roots, root);
	if (r && !h)
		return r == -ENOENT ? -ESTALE : r;
	if (where->kind == NODE_PIN) {
		for (uint32_t i = h->n; i--;) {
			if (inode_pin_id(&fs->in, root->id,
					 &h->epoch[i].commit) != where->fileid)
				continue;
			node_pin(fs, TAKE(h), i, ret);
			return 0;
		}
		return -ESTALE;
	}
	r = d ? 0 : resolve_dir(fs, root, h, where, w, &d);
	if (r)
		return r;
	if (where->kind == NODE_FILE)
		return resolve_file(fs, d, h, where, w, ret);
	node_dir(fs, TAKE(d), TAKE(h), ret);
	return 0;
}

unsigned fs_rule(struct fs *fs, const struct where *where)
{
	const struct root *root;
	const struct level *l;

	if (where->kind == NODE_LEVEL) {
		l = composite_level(fs->composite, where->root);
		return l ? level_rule(l) : 0;
	}
	root = root_find(fs->roots, where->root);
	return root && root_is_served(root) ? root->source->rule : 0;
}

unsigned fs_rule_below(const struct node *dir, const char *name, size_t len)
{
	struct composite_name found;

	/* Everything in a repository is under the rule of its root. */
	if (dir->kind != NODE_LEVEL || len > FS_NAME_MAX ||
	    composite_parse(dir->fs->composite, dir->level, name, len, &found))
		return 0;
	if (found.source)
		return found.source->rule;
	/* What is yet to be made is of this level's pattern. */
	return level_rule(found.level ? found.level : dir->level);
}
