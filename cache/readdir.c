/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <string.h>

#include "cache/composite.h"
#include "cache/node.h"
#include "common/cleanup.h"

enum { COOKIE_DOT = 1, COOKIE_DOTDOT, COOKIE_FIRST };

/* A listing on its way out. */
struct listing {
	fs_emit *emit;
	void *arg;
	bool plus;
	bool full;              /* 'emit' refused one */
	unsigned rule;          /* of the entry at hand */
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
		.rule = l->rule,
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

/* The id of a repository that nobody has used. */
static uint64_t unused_id(const struct fs *fs, const struct level *l,
			  const char *base)
{
	CLEANUP_FREE char *path = NULL, *url = NULL;
	uint64_t id;

	if (composite_expand(l, base, &path, &url))
		return inode_dir_id(&fs->in, level_id(l), base, strlen(base));
	id = root_id(fs->roots, path, url, NULL);
	return inode_dir_id(&fs->in, id, "", 0);
}

/* What a source shows is not asked for a listing's sake: an entry whose
 * root is not known goes without attributes, and with a fileid of its
 * own, since READDIR must send one. */
static uint64_t unknown_id(const struct fs *fs, const struct source *s,
			   bool pin)
{
	uint64_t id = root_id(fs->roots, s->name, s->location, NULL);
	const struct root *root = pin ? root_find(fs->roots, id) : NULL;
	CLEANUP_HISTORY struct history *h =
		root ? root_history(fs->roots, root) : NULL;

	if (h)                          /* as before a restart */
		return inode_pin_id(&fs->in, id, &history_now(h)->commit);
	return pin ? id : inode_dir_id(&fs->in, id, "", 0);
}

static void list_level(struct listing *l, struct node *n, uint64_t cookie)
{
	struct fs *fs = n->fs;
	char name[FS_NAME_MAX + 1];
	struct source *s;
	struct level *sub;
	bool pin;
	int r;

	for (uint64_t i = cookie < COOKIE_FIRST ? 0 : cookie - COOKIE_FIRST + 1;
	     !l->full; i++) {
		CLEANUP_NODE struct node child = { 0 };

		r = composite_entry(fs->composite, n->level, i, name, &sub, &s,
				    &pin);
		if (r == -ENOENT)
			break;
		if (r)
			continue;
		l->rule = sub ? level_rule(sub) :
			  s ? s->rule : level_rule(n->level);
		if (sub)
			node_level(fs, sub, &child);
		else
			r = s ? node_source(fs, s, pin, NULL, &child) :
				-ENOENT;
		if (!r)
			list_node(l, name, strlen(name), COOKIE_FIRST + i,
				  &child);
		else
			list_one(l, name, strlen(name), s ?
				 unknown_id(fs, s, pin) :
				 unused_id(fs, n->level, name),
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

struct listing_dir {
	struct node *n;
	struct entry e;         /* the one at hand */
	struct sizes *sizes;    /* of those around it, or NULL */
	struct waiter *w;
	/* Places of a file and of a directory in it, but for the last step;
	 * kind 0: too deep to have one. */
	struct where file, dir;
};

static void list_bases(struct listing_dir *ld)
{
	const struct dir *d = ld->n->dir;

	if (where_path(NODE_FILE, d, d->depth, &ld->file))
		ld->file.kind = 0;
	if (where_path(NODE_DIR, d, d->depth + 1u, &ld->dir))
		ld->dir.kind = 0;
}

/* False: too deep. */
static bool entry_where(const struct listing_dir *ld, struct where *ret)
{
	bool is_tree = ld->e.tree->entry[ld->e.index].type == FT_DIR;
	uint32_t hash = entry_hash(ld->n->fs, ld->e.tree, ld->e.index);

	*ret = is_tree ? ld->dir : ld->file;
	if (!ret->kind)
		return false;
	if (is_tree) {
		where_put_step(ret, ret->depth - 1u, hash);
		ret->dir = ld->e.fileid;
	} else {
		ret->name = hash;
		ret->fileid = ld->e.fileid;
	}
	return true;
}

/* On to an entry.  The sizes that are in memory are taken out for all. */
static void go_to_entry(struct listing_dir *ld, uint32_t i, bool first)
{
	struct entry *e = &ld->e;

	e->index = i;
	e->fileid = entry_id(ld->n->fs, e->dir, e->tree, i);
	if (!first && i % SIZES_PART)
		return;
	if (ld->sizes)
		value_unref(&ld->sizes->v);
	ld->sizes = fetch_known_sizes(ld->n->fs->fetcher,
				      e->dir->root->source, e->tree, i);
	e->sizes = ld->sizes;
}

/* Attributes that are known here are waited for, which is what the client
 * would do next; those that would cost a round trip are left out. */
static int list_entries(struct listing *l, struct listing_dir *ld,
			uint64_t cookie)
{
	const struct entry *e = &ld->e;
	struct tree *t = e->tree;
	uint64_t first = cookie < COOKIE_FIRST ? 0 : cookie - COOKIE_FIRST + 1;
	/* What is listed from an older version may be another file by now:
	 * the client shall look. */
	bool plus = l->plus && e->at == inode_shown(e->state);

	list_dots(l, ld->n, cookie);
	for (uint64_t i = first; i < t->n && !l->full; i++) {
		bool has_attr = false, has_place = false;
		struct where where;
		struct attr attr;

		go_to_entry(ld, (uint32_t)i, i == first);
		if (plus) {
			int r = entry_attr(ld->n->fs, e, ld->w, &attr);

			if (r == -EINPROGRESS)
				return r;
			has_attr = !r;
			has_place = entry_where(ld, &where);
		}
		list_one(l, tree_name(t, e->index), t->entry[i].len, e->fileid,
			 COOKIE_FIRST + i, has_attr ? &attr : NULL,
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

	struct listing_dir ld = {
		.n = n,
		.e = {
			.dir = n->dir,
			.hist = n->hist,
			.state = s,
			.at = at,
			.tree = t,
			.listed = true,
		},
		.w = w,
	};

	if (l->plus)
		list_bases(&ld);
	*verf = tree_verf(&t->oid);
	if (!cookie)
		prefetch_listed(fs->prefetch, n->dir, t);
	r = list_entries(l, &ld, cookie);
	if (ld.sizes)
		value_unref(&ld.sizes->v);
	return r;
}

int fs_readdir(struct node *n, uint64_t cookie, uint64_t *verf, bool plus,
	       struct waiter *w, fs_emit *emit, void *arg, bool *eof)
{
	struct listing l = { .emit = emit, .arg = arg, .plus = plus };
	int r = 0;

	if (!node_is_dir(n))
		return -ENOTDIR;
	if (n->kind == NODE_DIR) {
		r = list_dir(&l, n, cookie, verf, w);
	} else {
		if (n->kind == NODE_LEVEL && !cookie && w &&
		    level_may_list(n->level))
			r = fetch_names(n->fs->fetcher, n->level, w);
		if (r)
			return r;
		*verf = 1;
		list_dots(&l, n, cookie);
		if (n->kind == NODE_LEVEL)
			list_level(&l, n, cookie);
	}
	if (!r)
		*eof = !l.full;
	return r;
}
