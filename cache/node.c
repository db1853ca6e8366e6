/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/composite.h"
#include "cache/node.h"
#include "cache/spelling.h"
#include "common/cleanup.h"
#include "common/waiter.h"

enum {
	DIR_SIZE = 4096,        /* what a directory's size attribute says */
};

/* ---- nodes ---- */

void node_clear(struct node *n)
{
	dir_unrefp(&n->dir);
	tree_unrefp(&n->tree);
	history_unrefp(&n->hist);
	*n = (struct node){ 0 };
}

/* The constructors take over the references they are given. */

void node_level(struct fs *fs, struct level *level, struct node *ret)
{
	*ret = (struct node){
		.fs = fs,
		.kind = NODE_LEVEL,
		.level = level,
		.fileid = level_id(level),
	};
}

void node_dir(struct fs *fs, struct dir *d, struct history *h,
		     struct node *ret)
{
	*ret = (struct node){
		.fs = fs,
		.kind = NODE_DIR,
		.dir = d,
		.hist = h,
		.fileid = d->id,
	};
}

void node_file(struct fs *fs, struct dir *d, struct history *h,
		      struct tree *t, uint32_t index, struct node *ret)
{
	*ret = (struct node){
		.fs = fs,
		.kind = NODE_FILE,
		.dir = d,
		.hist = h,
		.tree = t,
		.index = index,
		.fileid = inode_file_id(&fs->in, d->id, t, index),
	};
}

void node_pin(struct fs *fs, struct history *h, uint32_t epoch,
		     struct node *ret)
{
	*ret = (struct node){
		.fs = fs,
		.kind = NODE_PIN,
		.hist = h,
		.epoch = epoch,
		.fileid = inode_pin_id(&fs->in, h->root->id,
				       &h->epoch[epoch].commit),
	};
}

void fs_top(struct fs *fs, struct node *ret)
{
	node_level(fs, composite_top(fs->composite), ret);
}

bool node_is_gitlink(const struct node *n)
{
	return n->kind == NODE_FILE &&
	       n->tree->entry[n->index].type == FT_GITLINK;
}

bool node_is_dir(const struct node *n)
{
	return n->kind == NODE_LEVEL || n->kind == NODE_DIR || node_is_gitlink(n);
}

/* ---- attributes ---- */

uint32_t entry_hash(const struct fs *fs, const struct tree *t,
			   uint32_t i)
{
	return tree_name_hash(&fs->names, tree_name(t, i), t->entry[i].len);
}

uint64_t entry_id(const struct fs *fs, const struct dir *d,
			 const struct tree *t, uint32_t i)
{
	return t->entry[i].type == FT_DIR ?
	       inode_dir_id(&fs->in, d->id, tree_name(t, i), t->entry[i].len) :
	       inode_file_id(&fs->in, d->id, t, i);
}

static void set_times(const struct history *h, uint32_t epoch,
		      struct attr *ret)
{
	const struct epoch *e = &h->epoch[epoch];

	ret->mtime = e->mtime;
	/* A pinned name is the same at every server, whenever first seen. */
	ret->ctime = h->root->pinned ? e->mtime : e->ctime;
}

static int entry_size(struct fs *fs, const struct entry *e, struct waiter *w,
		      uint64_t *ret)
{
	struct source *source = e->dir->root->source;
	bool first;
	int r;

	if (e->sizes) {
		uint64_t size = e->sizes->size[e->index % SIZES_PART];

		if (size_is_known(size)) {
			*ret = size;
			return 0;
		}
	}
	if (e->listed)
		return fetch_listed_size(fs->fetcher, source, e->tree,
					 e->index, w, ret);
	r = fetch_asked_size(fs->fetcher, source, e->tree, e->index, w,
			     &first, ret);
	if (first)
		prefetch_sized(fs->prefetch, e->dir, e->tree, e->index);
	return r;
}

int entry_attr(struct fs *fs, const struct entry *e, struct waiter *w,
	       struct attr *ret)
{
	struct attr a = {
		.type = e->tree->entry[e->index].type,
		.size = DIR_SIZE,
		.fileid = e->fileid,
	};
	bool here = e->listed && source_is_far(e->dir->root->source);
	uint32_t epoch;
	int r = inode_since(&fs->in, e->dir, e->state, e->at, e->tree,
			    e->index, here ? NULL : w, &epoch);

	if (r)
		return here ? -EIO : r;
	if (a.type != FT_DIR && a.type != FT_GITLINK) {
		r = entry_size(fs, e, w, &a.size);
		if (r)
			return r;
	}
	set_times(e->hist, epoch, &a);
	*ret = a;
	return 0;
}

static int level_attr(const struct node *n, struct attr *ret)
{
	struct timespec t = level_changed(n->fs->composite, n->level);

	*ret = (struct attr){
		.fileid = n->fileid,
		.size = DIR_SIZE,
		.mtime = t,
		.ctime = t,
		.type = FT_DIR,
	};
	return 0;
}

static int pin_attr(const struct node *n, struct attr *ret)
{
	const struct epoch *e = &n->hist->epoch[n->epoch];
	char text[FS_NAME_MAX + 1];
	uint32_t since = n->epoch;

	while (since && oid_eq(&e->commit, &n->hist->epoch[since - 1].commit))
		since--;
	*ret = (struct attr){
		.fileid = n->fileid,
		.size = composite_target(n->hist->root->source->base, &e->commit, text),
		.type = FT_SYMLINK,
	};
	set_times(n->hist, since, ret);
	return 0;
}

static int dir_attr(const struct node *n, struct waiter *w, struct attr *ret)
{
	CLEANUP_DIRSTATE struct dirstate *s = NULL;
	int r = inode_state(&n->fs->in, n->dir, n->hist, w, &s);

	if (r)
		return r;
	*ret = (struct attr){
		.fileid = n->fileid,
		.size = DIR_SIZE,
		.type = FT_DIR,
	};
	set_times(n->hist, s->version[inode_shown(s)].epoch, ret);
	return 0;
}

static int file_attr(const struct node *n, struct waiter *w, struct attr *ret)
{
	CLEANUP_DIRSTATE struct dirstate *s = NULL;
	int r = inode_state(&n->fs->in, n->dir, n->hist, w, &s);
	uint32_t at = 0;

	if (r)
		return r;
	while (at < s->n && !oid_eq(&s->version[at].tree, &n->tree->oid))
		at++;
	if (at == s->n)
		return -ESTALE;

	const struct entry e = {
		.dir = n->dir,
		.hist = n->hist,
		.state = s,
		.at = at,
		.index = n->index,
		.tree = n->tree,
		.fileid = n->fileid,
	};

	return entry_attr(n->fs, &e, w, ret);
}

int fs_getattr(struct node *n, struct waiter *w, struct attr *ret)
{
	switch (n->kind) {
	case NODE_LEVEL:
		return level_attr(n, ret);
	case NODE_PIN:
		return pin_attr(n, ret);
	case NODE_DIR:
		return dir_attr(n, w, ret);
	case NODE_FILE:
		return file_attr(n, w, ret);
	}
	return -EINVAL;
}

bool fs_proof(const struct node *n, struct fs_proof *ret)
{
	if (!n->hist)
		return false;
	*ret = (struct fs_proof){
		.root = n->hist->root->id,
		.serial = n->hist->serial,
		.source = n->hist->root->source,
	};
	if (n->kind == NODE_FILE && ret->source &&
	    (n->tree->entry[n->index].type == FT_FILE ||
	     n->tree->entry[n->index].type == FT_EXEC))
		ret->content = tree_oid(n->tree, n->index);
	return true;
}

int node_history(struct fs *fs, const struct root *root, struct waiter *w,
		 struct history **ret)
{
	const struct root_name name = {
		.id = root->id,
		.source = root->source,
		.ref = root->ref,
	};

	return root_is_served(root) ?
	       fetch_history(fs->fetcher, &name, w, ret) : -ESTALE;
}

int fs_serial(struct fs *fs, uint64_t id, struct waiter *w, uint64_t *ret)
{
	CLEANUP_HISTORY struct history *h = NULL;
	const struct root *root;
	int r = fetch_known_history(fs->fetcher, id, &h);

	if (r) {
		root = root_find(fs->roots, id);
		r = root ? node_history(fs, root, w, &h) : -ESTALE;
	} else if (!root_is_served(h->root)) {
		r = -ESTALE;            /* not any more */
	}
	if (!r)
		*ret = h->serial;
	return r;
}

/* ---- lookup ---- */

static int node_of_root(struct fs *fs, const struct root_name *name, bool pin,
			struct waiter *w, struct node *ret)
{
	CLEANUP_HISTORY struct history *h = NULL;
	struct dir *d;
	int r = name->id ? fetch_history(fs->fetcher, name, w, &h) : -ENOMEM;

	if (r)
		return r;
	if (pin) {
		uint32_t now = h->n - 1;

		node_pin(fs, TAKE(h), now, ret);
		return 0;
	}
	r = inode_root(&fs->in, h->root, &d);
	if (!r)
		node_dir(fs, d, TAKE(h), ret);
	return r;
}

int node_source(struct fs *fs, struct source *s, bool pin, struct waiter *w,
		struct node *ret)
{
	struct root_name name = {
		.id = root_id(fs->roots, s->name, s->location, NULL),
		.source = s,
	};

	return node_of_root(fs, &name, pin, w, ret);
}

static int lookup_root(struct fs *fs, struct level *level,
		       const struct composite_name *cn, struct waiter *w,
		       struct node *ret)
{
	CLEANUP_FREE char *path = NULL, *location = NULL;
	struct root_name name = {
		.source = cn->source,
		.level = level,
		.base = cn->base,
		.ref = *cn->ref ? cn->ref : NULL,
	};
	int r = 0;

	if (cn->source) {
		name.id = root_id(fs->roots, cn->source->name,
				  cn->source->location, name.ref);
	} else {
		r = composite_expand(level, cn->base, &path, &location);
		if (!r)
			name.id = root_id(fs->roots, path, location, name.ref);
	}
	return r ? r : node_of_root(fs, &name, cn->what == COMPOSITE_PIN, w,
				    ret);
}

static int lookup_level(struct fs *fs, struct level *level, const char *name,
			size_t len, struct waiter *w, struct node *ret)
{
	struct composite_name cn;
	int r = composite_parse(fs->composite, level, name, len, &cn);

	if (r)
		return r;
	if (cn.what != COMPOSITE_LEVEL) {
		r = lookup_root(fs, level, &cn, w, ret);
		if (r == -ENOENT)
			composite_denied(fs->composite, level);
		return r;
	}
	if (!cn.level) {
		r = fetch_level(fs->fetcher, level, cn.base, cn.level_id, w);
		if (r)
			return r;
		cn.level = composite_level(fs->composite, cn.level_id);
		if (!cn.level)
			return -EIO;
	}
	node_level(fs, cn.level, ret);
	return 0;
}

static int lookup_parent(struct node *n, struct node *ret)
{
	struct level *above = NULL;
	struct dir *d = NULL;

	if (n->kind == NODE_LEVEL)
		above = level_parent(n->level);
	else if (node_is_gitlink(n))
		d = n->dir;
	else if (n->dir->parent)
		d = n->dir->parent;
	else
		above = n->hist->root->source->level;
	if (d)
		node_dir(n->fs, dir_ref(d), history_ref(n->hist), ret);
	else if (above)
		node_level(n->fs, above, ret);
	else
		fs_top(n->fs, ret);     /* which is its own parent */
	return 0;
}

static int lookup_entry(struct node *n, const char *name, size_t len,
			struct waiter *w, struct node *ret)
{
	CLEANUP_DIRSTATE struct dirstate *s = NULL;
	CLEANUP_TREE struct tree *t = NULL;
	struct fs *fs = n->fs;
	struct dir *d;
	uint8_t width;
	uint32_t i;
	int r = inode_state(&fs->in, n->dir, n->hist, w, &s);

	if (!r)
		r = inode_tree(&fs->in, n->dir, &s->version[inode_shown(s)], w,
			       &t);
	if (r)
		return r == -ENOENT ? -EIO : r;
	r = tree_find(t, tree_name_hash(&fs->names, name, len), name, len, &i);
	if (r)
		r = spelling_find(t, &fs->names, name, len, &i);
	if (r)
		return r;
	name = tree_name(t, i);
	len = t->entry[i].len;
	if (t->entry[i].type != FT_DIR) {
		if (where_steps(NODE_FILE, n->dir->depth, &width) < 0)
			return -ENAMETOOLONG;
		node_file(fs, dir_ref(n->dir), history_ref(n->hist), TAKE(t),
			  i, ret);
		return 0;
	}
	if (where_steps(NODE_DIR, n->dir->depth + 1u, &width) < 0)
		return -ENAMETOOLONG;
	r = inode_child(&fs->in, n->dir, name, len, &d);
	if (!r)
		node_dir(fs, d, history_ref(n->hist), ret);
	return r;
}

static void node_copy(const struct node *n, struct node *ret)
{
	*ret = *n;
	if (n->dir)
		dir_ref(n->dir);
	if (n->hist)
		history_ref(n->hist);
	if (n->tree)
		tree_ref(n->tree);
}

int fs_lookup(struct node *n, const char *name, size_t len, struct waiter *w,
	      struct node *ret)
{
	if (!node_is_dir(n))
		return -ENOTDIR;
	if (len > FS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!len || memchr(name, '/', len))
		return -ENOENT;
	if (len == 1 && *name == '.') {
		node_copy(n, ret);
		return 0;
	}
	if (len == 2 && !memcmp(name, "..", 2))
		return lookup_parent(n, ret);
	if (n->kind == NODE_LEVEL)
		return lookup_level(n->fs, n->level, name, len, w, ret);
	if (node_is_gitlink(n))
		return -ENOENT;
	return lookup_entry(n, name, len, w, ret);
}

/* ---- contents ---- */

static int get_blob(struct node *n, struct waiter *w, struct blob **ret)
{
	struct oid oid = tree_oid(n->tree, n->index);
	bool first;
	const struct spot spot = {
		.dir = n->dir,
		.name = tree_name(n->tree, n->index),
		.len = n->tree->entry[n->index].len,
	};
	int r = fetch_blob(n->fs->fetcher, n->dir->root->source, &spot, &oid, w,
			   &first, ret);

	if (first)
		prefetch_read(n->fs->prefetch, n->dir, n->tree, n->index, !r);
	return r == -ENOENT ? -EIO : r;
}

/* Takes over 'b'.  What its disk does not give back is fetched again when
 * it is asked for again. */
static int show(struct node *n, struct blob *b, uint64_t off, size_t len,
		struct slice *ret)
{
	struct oid oid = tree_oid(n->tree, n->index);
	int r = blob_slice(b, off, len, ret);

	if (r == -EIO)
		fetch_drop_blob(n->fs->fetcher, n->dir->root->source, &oid,
				b);
	if (r)
		value_unref(&b->v);
	return r;
}

static void pin_free(struct value *v)
{
	free(v);
}

struct pin_text {
	struct value v;
	char text[FS_NAME_MAX + 1];
};

static int pin_readlink(const struct node *n, struct slice *ret)
{
	struct pin_text *p = malloc(sizeof *p);

	if (!p)
		return -ENOMEM;
	p->v.refs = 1;
	p->v.cost = 0;
	p->v.free = pin_free;
	ret->owner = &p->v;
	ret->data = p->text;
	ret->len = composite_target(n->hist->root->source->base,
				    &n->hist->epoch[n->epoch].commit, p->text);
	return 0;
}

int fs_readlink(struct node *n, struct waiter *w, struct slice *ret)
{
	struct blob *b;
	int r;

	if (n->kind == NODE_PIN)
		return pin_readlink(n, ret);
	if (n->kind != NODE_FILE || n->tree->entry[n->index].type != FT_SYMLINK)
		return -EINVAL;
	r = get_blob(n, w, &b);
	return r ? r : show(n, b, 0, b->len, ret);
}

int fs_read(struct node *n, uint64_t off, size_t len, struct waiter *w,
	    struct slice *ret, bool *eof)
{
	struct blob *b;
	int r;

	if (node_is_dir(n))
		return -EISDIR;
	if (n->kind == NODE_PIN || n->tree->entry[n->index].type == FT_SYMLINK)
		return -EINVAL;
	r = get_blob(n, w, &b);
	if (r)
		return r;
	*eof = off >= b->len || len >= b->len - off;
	return show(n, b, off, len, ret);
}

int fs_peek(struct fs *fs, const struct fs_proof *proof, uint64_t off,
	    size_t len, struct slice *ret, bool *eof)
{
	struct blob *b;

	if (!proof->content.len ||
	    fetch_known_blob(fs->fetcher, proof->source, &proof->content, &b))
		return -EINPROGRESS;
	*eof = off >= b->len || len >= b->len - off;
	if (!blob_slice(b, off, len, ret))
		return 0;
	value_unref(&b->v);
	return -EINPROGRESS;
}
