/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/backend.h"
#include "cache/composite.h"
#include "cache/fs.h"
#include "cache/inode.h"
#include "cache/state.h"
#include "common/cleanup.h"
#include "common/waiter.h"

enum {
	DEFAULT_THREADS = 8,
	DEFAULT_REF_TTL = 500,  /* ms */
	DIR_SIZE = 4096,        /* what a directory's size attribute says */
	TOP_ID = 1,
	WALK_MAX = 4096,        /* directories looked at for one handle */
};

/* Uses of the secret; nfsd has one of its own for signing handles. */
enum { USE_IDS = 1, USE_NAMES };

struct fs {
	struct fs_options opt;
	char *spool_dir;
	struct keyed ids, names;
	struct roots *roots;
	struct state *state;
	struct fetcher *fetcher;
	struct inodes in;
};

/* ---- setting up ---- */

static int make_cache_dir(const char *path, char *why)
{
	CLEANUP_FREE char *dir = strdup(path);
	struct stat st;

	if (!dir)
		return -ENOMEM;
	for (char *p = dir + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(dir, 0755);
		*p = '/';
	}
	if (!mkdir(dir, 0700))
		return 0;
	if (errno == EEXIST && !stat(dir, &st)) {
		if (S_ISDIR(st.st_mode) && !access(dir, W_OK | X_OK))
			return 0;
		errno = S_ISDIR(st.st_mode) ? EACCES : ENOTDIR;
	}
	snprintf(why, FS_WHY, "%s: cannot be the cache directory: %s; give "
		 "another one with --cache-dir", path, strerror(errno));
	return -errno;
}

int fs_new(struct fs **ret, const struct fs_options *opt, char why[FS_WHY])
{
	struct fs *fs = calloc(1, sizeof *fs);
	int r = -ENOMEM;

	snprintf(why, FS_WHY, "out of memory");
	if (!fs)
		return -ENOMEM;
	fs->opt = *opt;
	if (!fs->opt.threads)
		fs->opt.threads = DEFAULT_THREADS;
	if (!fs->opt.ref_ttl)
		fs->opt.ref_ttl = DEFAULT_REF_TTL;
	fs->spool_dir = strdup(opt->cache_dir);
	fs->roots = roots_new(&fs->ids);
	if (fs->spool_dir && fs->roots)
		r = make_cache_dir(opt->cache_dir, why);
	if (!r)
		r = state_open(&fs->state, opt->state_dir, why);
	if (r) {
		fs_free(fs);
		return r;
	}
	fs->ids = keyed_derive(fs_secret(fs), USE_IDS);
	fs->names = keyed_derive(fs_secret(fs), USE_NAMES);
	*ret = fs;
	return 0;
}

int fs_add(struct fs *fs, const char *name, const char *location,
	   const char *ref, struct backend *backend, char why[FS_WHY])
{
	int r;

	if (!composite_valid(name)) {
		backend_close(backend);
		snprintf(why, FS_WHY, "\"%s\" cannot be a name in the file "
			 "system: it needs 1 to %d bytes, no '/'; give another "
			 "with NAME=PATH", name, COMPOSITE_NAME_MAX);
		return -EINVAL;
	}
	r = roots_add_source(fs->roots, name, location, ref, backend);
	if (r == -EEXIST)
		snprintf(why, FS_WHY, "two sources are called \"%s\"; give one "
			 "of them another name with NAME=PATH", name);
	else if (r)
		snprintf(why, FS_WHY, "%s", strerror(-r));
	return r;
}

int fs_start(struct fs *fs, char why[FS_WHY])
{
	struct fetch_options opt = {
		.memory = fs->opt.memory,
		.threads = fs->opt.threads,
		.ref_ttl = fs->opt.ref_ttl,
		.spool_dir = fs->spool_dir,
		.names = &fs->names,
		.roots = fs->roots,
	};
	int r = state_read(fs->state, &roots_reader, fs->roots, why);

	if (r)
		return r;
	r = roots_start(fs->roots, fs->state);
	if (r) {
		snprintf(why, FS_WHY, "%s: cannot write: %s",
			 fs->opt.state_dir, strerror(-r));
		return r;
	}
	r = fetcher_new(&fs->fetcher, &opt);
	if (r)
		snprintf(why, FS_WHY, "cannot start threads: %s", strerror(-r));
	fs->in = (struct inodes){ fs->fetcher, &fs->ids, &fs->names };
	return r;
}

void fs_free(struct fs *fs)
{
	if (!fs)
		return;
	fetcher_free(fs->fetcher);
	roots_free(fs->roots);
	state_close(fs->state);
	free(fs->spool_dir);
	free(fs);
}

const uint8_t *fs_secret(const struct fs *fs)
{
	return state_secret(fs->state);
}

uint64_t fs_id(const struct fs *fs)
{
	return keyed_hash(&fs->ids, "fsid", 4);
}

/* ---- nodes ---- */

void node_clear(struct node *n)
{
	dir_unrefp(&n->dir);
	tree_unrefp(&n->tree);
	history_unrefp(&n->hist);
	*n = (struct node){ 0 };
}

/* The constructors take over the references they are given. */

static void node_top(struct fs *fs, struct node *ret)
{
	*ret = (struct node){ .fs = fs, .kind = NODE_TOP, .fileid = TOP_ID };
}

static void node_dir(struct fs *fs, struct dir *d, struct history *h,
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

static void node_file(struct fs *fs, struct dir *d, struct history *h,
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

static void node_pin(struct fs *fs, struct history *h, uint32_t epoch,
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
	node_top(fs, ret);
}

/* A gitlink is a file in its directory's eyes and a directory in all
 * others'. */
static bool is_gitlink(const struct node *n)
{
	return n->kind == NODE_FILE &&
	       n->tree->entry[n->index].type == FT_GITLINK;
}

static bool is_dir(const struct node *n)
{
	return n->kind == NODE_TOP || n->kind == NODE_DIR || is_gitlink(n);
}

static struct dir *ref_dir(struct dir *d)
{
	return dir_of(value_ref(&d->v));
}

static struct history *ref_history(struct history *h)
{
	return history_of(value_ref(&h->v));
}

/* ---- places ---- */

int where_steps(uint8_t kind, unsigned depth, uint8_t *width)
{
	/* A file's handle has its name's hash and its id besides. */
	unsigned room = kind == NODE_FILE ? FS_STEPS_MAX - 12 : FS_STEPS_MAX;

	if (kind == NODE_TOP || kind == NODE_PIN) {
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

static void put_step(struct where *w, unsigned i, uint32_t hash)
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
static int where_path(uint8_t kind, const struct dir *d, unsigned depth,
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
		put_step(ret, d->depth - 1u, d->hash);
	return 0;
}

static uint32_t entry_hash(const struct fs *fs, const struct tree *t,
			   uint32_t i)
{
	return tree_name_hash(&fs->names, tree_name(t, i), t->entry[i].len);
}

void fs_where(const struct node *n, struct where *ret)
{
	switch (n->kind) {
	case NODE_TOP:
		*ret = (struct where){ .kind = NODE_TOP };
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

/* From 'd', the first 'depth' steps already taken, to the directory. */
static int walk(struct fs *fs, struct dir *d, const struct history *h,
		const struct where *where, unsigned *budget,
		struct waiter *w, struct dir **ret)
{
	CLEANUP_DIRSTATE struct dirstate *s = NULL;
	unsigned shift = 32u - where->width;
	int r;

	if (d->depth == where->depth) {
		if (d->id != where->dir)
			return -ESTALE;
		*ret = ref_dir(d);
		return 0;
	}
	r = inode_state(&fs->in, d, h, w, &s);
	for (uint32_t v = 0; !r && v < s->n; v++) {
		CLEANUP_TREE struct tree *t = NULL;
		uint32_t step = get_step(where, d->depth);

		r = inode_tree(&fs->in, d, &s->version[v], w, &t);
		if (r == -ENOENT) {
			r = 0;
			continue;
		}
		if (r)
			return r;
		for (uint32_t p = tree_lower(t, step); p < t->n &&
		     t->by_hash[p].hash >> shift == step >> shift; p++) {
			CLEANUP_DIR struct dir *child = NULL;
			uint32_t i = t->by_hash[p].index;
			const char *name = tree_name(t, i);

			if (t->entry[i].type != FT_DIR)
				continue;
			if (d->depth + 1 == where->depth &&
			    inode_dir_id(&fs->in, d->id, name,
					 t->entry[i].len) != where->dir)
				continue;
			if (!(*budget)--)
				return -EIO;
			r = inode_child(&fs->in, d, name, t->entry[i].len,
					&child);
			if (!r)
				r = walk(fs, child, h, where, budget, w, ret);
			if (r != -ESTALE)
				return r;
			r = 0;
		}
	}
	return r ? r : -ESTALE;
}

static int resolve_dir(struct fs *fs, const struct root *root,
		       const struct history *h, const struct where *where,
		       struct waiter *w, struct dir **ret)
{
	CLEANUP_DIR struct dir *top = NULL;
	unsigned budget = WALK_MAX;
	int r;

	if (!inode_peek(&fs->in, root->id, where->dir, ret))
		return 0;
	r = inode_root(&fs->in, root, &top);
	return r ? r : walk(fs, top, h, where, &budget, w, ret);
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
			node_file(fs, ref_dir(d), ref_history(h), TAKE(t), i,
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
	int r;

	if (where->kind == NODE_TOP) {
		node_top(fs, ret);
		return 0;
	}
	const struct root *root = root_find(fs->roots, where->root);

	if (!root || !root->source)
		return -ESTALE;
	r = fetch_history(fs->fetcher, root->source, root->ref, w, &h);
	if (r)
		return r;
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
	r = resolve_dir(fs, root, h, where, w, &d);
	if (r)
		return r;
	if (where->kind == NODE_FILE)
		return resolve_file(fs, d, h, where, w, ret);
	node_dir(fs, TAKE(d), TAKE(h), ret);
	return 0;
}

/* ---- attributes ---- */

static uint64_t entry_id(const struct fs *fs, const struct dir *d,
			 const struct tree *t, uint32_t i)
{
	return t->entry[i].type == FT_DIR ?
	       inode_dir_id(&fs->in, d->id, tree_name(t, i), t->entry[i].len) :
	       inode_file_id(&fs->in, d->id, t, i);
}

static void set_times(const struct history *h, uint32_t epoch,
		      struct attr *ret)
{
	ret->mtime = h->epoch[epoch].mtime;
	ret->ctime = h->epoch[epoch].ctime;
}

/* Of entry 'index' of a directory's version 'at'. */
static int entry_attr(struct fs *fs, struct dir *d, const struct history *h,
		      const struct dirstate *s, uint32_t at, struct tree *t,
		      uint32_t index, struct waiter *w, struct attr *ret)
{
	struct attr a = { .type = t->entry[index].type, .size = DIR_SIZE };
	uint32_t epoch;
	int r = inode_since(&fs->in, d, s, at, t, index, w, &epoch);

	if (r)
		return r;
	if (a.type != FT_DIR && a.type != FT_GITLINK) {
		r = fetch_size(fs->fetcher, d->root->source, t, index, w,
			       &a.size);
		if (r)
			return r;
	}
	a.fileid = entry_id(fs, d, t, index);
	set_times(h, epoch, &a);
	*ret = a;
	return 0;
}

static int top_attr(struct fs *fs, struct attr *ret)
{
	struct timespec t = roots_changed(fs->roots);

	*ret = (struct attr){
		.fileid = TOP_ID,
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
		.size = composite_target(n->hist->root->name, &e->commit, text),
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
	return entry_attr(n->fs, n->dir, n->hist, s, at, n->tree, n->index, w,
			  ret);
}

int fs_getattr(struct node *n, struct waiter *w, struct attr *ret)
{
	switch (n->kind) {
	case NODE_TOP:
		return top_attr(n->fs, ret);
	case NODE_PIN:
		return pin_attr(n, ret);
	case NODE_DIR:
		return dir_attr(n, w, ret);
	case NODE_FILE:
		return file_attr(n, w, ret);
	}
	return -EINVAL;
}

void fs_space(struct fs *fs, struct fs_space *ret)
{
	*ret = (struct fs_space){
		.bytes = flights_cost(fetcher_flights(fs->fetcher)),
		.entries = roots_sources(fs->roots),
	};
}

/* ---- lookup ---- */

static int lookup_top(struct fs *fs, const char *name, size_t len,
		      struct waiter *w, struct node *ret)
{
	CLEANUP_HISTORY struct history *h = NULL;
	struct composite_name cn;
	struct dir *d;
	int r = composite_parse(fs->roots, name, len, &cn);

	if (!r)
		r = fetch_history(fs->fetcher, cn.source,
				  cn.has_ref ? cn.ref : NULL, w, &h);
	if (r)
		return r;
	if (cn.pin) {
		uint32_t now = h->n - 1;

		node_pin(fs, TAKE(h), now, ret);
		return 0;
	}
	if (h->gone)
		return -ENOENT;
	r = inode_root(&fs->in, h->root, &d);
	if (!r)
		node_dir(fs, d, TAKE(h), ret);
	return r;
}

static int lookup_parent(struct node *n, struct node *ret)
{
	struct dir *d = is_gitlink(n) ? n->dir : n->dir->parent;

	if (d)
		node_dir(n->fs, ref_dir(d), ref_history(n->hist), ret);
	else
		node_top(n->fs, ret);
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
		return r;
	if (t->entry[i].type != FT_DIR) {
		if (where_steps(NODE_FILE, n->dir->depth, &width) < 0)
			return -ENAMETOOLONG;
		node_file(fs, ref_dir(n->dir), ref_history(n->hist), TAKE(t),
			  i, ret);
		return 0;
	}
	if (where_steps(NODE_DIR, n->dir->depth + 1u, &width) < 0)
		return -ENAMETOOLONG;
	r = inode_child(&fs->in, n->dir, name, len, &d);
	if (!r)
		node_dir(fs, d, ref_history(n->hist), ret);
	return r;
}

static void node_copy(const struct node *n, struct node *ret)
{
	*ret = *n;
	if (n->dir)
		ref_dir(n->dir);
	if (n->hist)
		ref_history(n->hist);
	if (n->tree)
		tree_ref(n->tree);
}

int fs_lookup(struct node *n, const char *name, size_t len, struct waiter *w,
	      struct node *ret)
{
	if (!is_dir(n))
		return -ENOTDIR;
	if (len > FS_NAME_MAX)
		return -ENAMETOOLONG;
	if (!len || (len == 1 && *name == '.')) {
		if (!len)
			return -ENOENT;
		node_copy(n, ret);
		return 0;
	}
	if (len == 2 && !memcmp(name, "..", 2)) {
		if (n->kind != NODE_TOP)
			return lookup_parent(n, ret);
		node_top(n->fs, ret);
		return 0;
	}
	if (n->kind == NODE_TOP)
		return lookup_top(n->fs, name, len, w, ret);
	if (is_gitlink(n))
		return -ENOENT;
	return lookup_entry(n, name, len, w, ret);
}

/* ---- contents ---- */

static int get_blob(struct node *n, struct waiter *w, struct blob **ret)
{
	struct oid oid = tree_oid(n->tree, n->index);
	int r = fetch_blob(n->fs->fetcher, n->dir->root->source, &oid, w, ret);

	return r == -ENOENT ? -EIO : r;
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
	ret->len = composite_target(n->hist->root->name,
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
	if (!r)
		*ret = (struct slice){ &b->v, b->data, b->len };
	return r;
}

int fs_read(struct node *n, uint64_t off, size_t len, struct waiter *w,
	    struct slice *ret, bool *eof)
{
	struct blob *b;
	int r;

	if (is_dir(n))
		return -EISDIR;
	if (n->kind == NODE_PIN || n->tree->entry[n->index].type == FT_SYMLINK)
		return -EINVAL;
	r = get_blob(n, w, &b);
	if (r)
		return r;
	if (off > b->len)
		off = b->len;
	if (len > b->len - off)
		len = b->len - off;
	*eof = off + len == b->len;
	*ret = (struct slice){ &b->v, (const char *)b->data + off, len };
	return 0;
}

/* ---- listings ---- */

enum { COOKIE_DOT = 1, COOKIE_DOTDOT, COOKIE_FIRST };

/* A listing on its way out. */
struct listing {
	fs_emit *emit;
	void *arg;
	bool plus;
	bool full;              /* 'emit' refused one */
};

static void list_one(struct listing *l, const char *name, size_t len,
		     uint64_t fileid, uint64_t cookie, const struct attr *attr,
		     const struct where *where)
{
	struct fs_dirent e = {
		.name = name,
		.len = len,
		.fileid = fileid,
		.cookie = cookie,
		.attr = attr,
		.where = where,
	};

	if (!l->full)
		l->full = !l->emit(l->arg, &e);
}

static void list_node(struct listing *l, const char *name, size_t len,
		      uint64_t cookie, struct node *n)
{
	struct where where;
	struct attr attr;

	fs_where(n, &where);
	if (l->plus && !fs_getattr(n, NULL, &attr))
		list_one(l, name, len, n->fileid, cookie, &attr, &where);
	else
		list_one(l, name, len, n->fileid, cookie, NULL, NULL);
}

static void list_dots(struct listing *l, struct node *n, uint64_t cookie)
{
	CLEANUP_NODE struct node up = { 0 };

	if (cookie < COOKIE_DOT)
		list_node(l, ".", 1, COOKIE_DOT, n);
	if (cookie < COOKIE_DOTDOT && !fs_lookup(n, "..", 2, NULL, &up))
		list_node(l, "..", 2, COOKIE_DOTDOT, &up);
}

/* What a source shows is not asked for a listing's sake: an entry whose
 * root is not known goes without attributes, and with a fileid of its
 * own, since READDIR must send one. */
static void list_top(struct listing *l, struct node *n, uint64_t cookie)
{
	struct fs *fs = n->fs;
	uint32_t count = composite_entries(fs->roots);

	for (uint64_t i = cookie < COOKIE_FIRST ? 0 : cookie - COOKIE_FIRST + 1;
	     i < count && !l->full; i++) {
		CLEANUP_NODE struct node child = { 0 };
		char name[FS_NAME_MAX + 1];
		bool pin;
		const struct source *s =
			composite_entry(fs->roots, (uint32_t)i, name, &pin);
		uint64_t root = root_id(fs->roots, s, NULL);

		if (!lookup_top(fs, name, strlen(name), NULL, &child))
			list_node(l, name, strlen(name), COOKIE_FIRST + i,
				  &child);
		else
			list_one(l, name, strlen(name), pin ? root :
				 inode_dir_id(&fs->in, root, "", 0),
				 COOKIE_FIRST + i, NULL, NULL);
	}
}

static uint64_t tree_verf(const struct oid *oid)
{
	uint64_t v;

	memcpy(&v, oid->id, sizeof v);
	return v ? v : 1;
}

/* A listing that began in an older version is ended in it; one that is not
 * remembered any more goes on at the same place of the present one. */
static uint32_t version_of(const struct dirstate *s, uint64_t verf)
{
	for (uint32_t i = 0; verf && i < s->n; i++)
		if (s->version[i].tree.len &&
		    tree_verf(&s->version[i].tree) == verf)
			return i;
	return inode_shown(s);
}

/* What all entries of one listing have in common. */
struct listing_dir {
	struct node *n;
	const struct dirstate *state;
	struct tree *tree;
	uint32_t at;            /* the version that has 'tree' */
	struct waiter *w;
	/* Places of a file and of a directory in it, but for the last step;
	 * kind 0: too deep to have one. */
	struct where file, dir;
};

static void list_bases(struct listing_dir *ld)
{
	struct dir *d = ld->n->dir;

	if (where_path(NODE_FILE, d, d->depth, &ld->file))
		ld->file.kind = 0;
	if (where_path(NODE_DIR, d, d->depth + 1u, &ld->dir))
		ld->dir.kind = 0;
}

/* False: too deep. */
static bool entry_where(const struct listing_dir *ld, uint32_t i,
			uint64_t fileid, struct where *ret)
{
	bool is_tree = ld->tree->entry[i].type == FT_DIR;
	uint32_t hash = entry_hash(ld->n->fs, ld->tree, i);

	*ret = is_tree ? ld->dir : ld->file;
	if (!ret->kind)
		return false;
	if (is_tree) {
		put_step(ret, ret->depth - 1u, hash);
		ret->dir = fileid;
	} else {
		ret->name = hash;
		ret->fileid = fileid;
	}
	return true;
}

/* The first entry's attributes are waited for, so that every reply gets on;
 * after it, a reply ends where the next ones would have to be. */
static int list_entries(struct listing *l, struct listing_dir *ld,
			uint64_t cookie)
{
	struct node *n = ld->n;
	struct tree *t = ld->tree;
	uint64_t first = cookie < COOKIE_FIRST ? 0 : cookie - COOKIE_FIRST + 1;
	struct attr attr;
	int r = 0;

	if (l->plus && first < t->n)
		r = entry_attr(n->fs, n->dir, n->hist, ld->state, ld->at, t,
			       (uint32_t)first, ld->w, &attr);
	if (r == -EINPROGRESS)
		return r;
	list_dots(l, n, cookie);
	for (uint64_t at = first; at < t->n && !l->full; at++) {
		uint32_t i = (uint32_t)at;
		uint64_t id = entry_id(n->fs, n->dir, t, i);
		bool has_place = false;
		struct where where;

		if (l->plus && at > first)
			r = entry_attr(n->fs, n->dir, n->hist, ld->state,
				       ld->at, t, i, NULL, &attr);
		if (r == -EINPROGRESS) {
			l->full = true;
			break;
		}
		if (l->plus)
			has_place = entry_where(ld, i, id, &where);
		list_one(l, tree_name(t, i), t->entry[i].len, id,
			 COOKIE_FIRST + at, l->plus && !r ? &attr : NULL,
			 has_place ? &where : NULL);
	}
	return 0;
}

static int list_dir(struct listing *l, struct node *n, uint64_t cookie,
		    uint64_t *verf, struct waiter *w)
{
	CLEANUP_DIRSTATE struct dirstate *s = NULL;
	CLEANUP_TREE struct tree *t = NULL;
	struct fs *fs = n->fs;
	int r = inode_state(&fs->in, n->dir, n->hist, w, &s);

	if (r)
		return r;
	uint32_t at = version_of(s, cookie ? *verf : 0);

	r = inode_tree(&fs->in, n->dir, &s->version[at], w, &t);
	if (r == -ENOENT && at != inode_shown(s)) {     /* collected */
		at = inode_shown(s);
		r = inode_tree(&fs->in, n->dir, &s->version[at], w, &t);
	}
	if (r)
		return r == -ENOENT ? -EIO : r;

	struct listing_dir ld = { n, s, t, at, w };

	if (l->plus)
		list_bases(&ld);
	*verf = tree_verf(&t->oid);
	return list_entries(l, &ld, cookie);
}

int fs_readdir(struct node *n, uint64_t cookie, uint64_t *verf, bool plus,
	       struct waiter *w, fs_emit *emit, void *arg, bool *eof)
{
	struct listing l = { .emit = emit, .arg = arg, .plus = plus };
	int r = 0;

	if (!is_dir(n))
		return -ENOTDIR;
	if (n->kind == NODE_DIR) {
		r = list_dir(&l, n, cookie, verf, w);
	} else {
		*verf = 1;
		list_dots(&l, n, cookie);
		if (n->kind == NODE_TOP)
			list_top(&l, n, cookie);
	}
	if (!r)
		*eof = !l.full;
	return r;
}
