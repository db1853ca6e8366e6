/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/inode.h"
#include "common/cleanup.h"

enum { AHEAD = 8 };     /* trees sent for at a time */

/* ---- ids ---- */

/* Each kind of id hashes a record that starts with its own tag. */
enum tag { TAG_DIR = 1, TAG_FILE, TAG_PIN };

struct record {
	uint64_t above;         /* the parent's id, or the root's */
	uint32_t tag;
	uint32_t type;
	struct oid oid;
	char name[FS_NAME_MAX];
} __attribute__((packed));

/* 0 is no id, 1 is the top's; the highest bit stays clear for those who
 * keep inode numbers in signed variables. */
static uint64_t id_of(const struct inodes *in, const struct record *r,
		      size_t len)
{
	uint64_t id = keyed_hash(in->ids, r, offsetof(struct record, name) +
				 len) & INT64_MAX;

	return id > 1 ? id : id + 2;
}

uint64_t inode_dir_id(const struct inodes *in, uint64_t parent,
		      const char *name, size_t len)
{
	struct record r = { .above = parent, .tag = TAG_DIR };

	memcpy(r.name, name, len);
	return id_of(in, &r, len);
}

uint64_t inode_file_id(const struct inodes *in, uint64_t dir,
		       const struct tree *t, uint32_t i)
{
	struct record r = {
		.above = dir,
		.tag = TAG_FILE,
		.type = t->entry[i].type,
	};

	if (r.type != FT_GITLINK)
		r.oid = tree_oid(t, i);
	memcpy(r.name, tree_name(t, i), t->entry[i].len);
	return id_of(in, &r, t->entry[i].len);
}

uint64_t inode_pin_id(const struct inodes *in, uint64_t root,
		      const struct oid *commit)
{
	struct record r = { .above = root, .tag = TAG_PIN, .oid = *commit };

	return id_of(in, &r, 0);
}

/* ---- directories ---- */

static void dir_free(struct value *v)
{
	struct dir *d = dir_of(v);

	if (d->state)
		value_unref(&d->state->v);
	if (d->parent)
		value_unref(&d->parent->v);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

static struct key key_of(uint64_t root, uint64_t id)
{
	struct key key = { .scope = root, .kind = KIND_DIR };

	memcpy(key.oid.id, &id, sizeof id);
	return key;
}

/* Takes over 'parent'. */
static int dir_new(const struct inodes *in, const struct root *root,
		   struct dir *parent, uint64_t id, const char *name,
		   size_t len, struct dir **ret)
{
	struct key key = key_of(root->id, id);
	struct dir *d = malloc(sizeof *d + len);

	if (!d) {
		dir_unrefp(&parent);
		return -ENOMEM;
	}
	*d = (struct dir){
		.v = {
			.refs = 1,
			.cost = sizeof *d + len + sizeof(struct dirstate) +
				sizeof(struct version),
			.free = dir_free,
		},
		.root = root,
		.parent = parent,
		.id = id,
		.hash = len ? tree_name_hash(in->names, name, len) : 0,
		.depth = parent ? (uint16_t)(parent->depth + 1) : 0,
		.len = (uint8_t)len,
	};
	memcpy(d->name, name, len);
	pthread_mutex_init(&d->lock, NULL);
	*ret = dir_of(flight_add(fetcher_flights(in->fetcher), &key, &d->v));
	return 0;
}

int inode_peek(const struct inodes *in, uint64_t root, uint64_t id,
	       struct dir **ret)
{
	struct key key = key_of(root, id);
	struct value *v;

	if (flight_get(fetcher_flights(in->fetcher), &key, NULL, NULL, &v))
		return -ENOENT;
	*ret = dir_of(v);
	return 0;
}

int inode_root(const struct inodes *in, const struct root *root,
	       struct dir **ret)
{
	uint64_t id = inode_dir_id(in, root->id, "", 0);

	if (!inode_peek(in, root->id, id, ret))
		return 0;
	return dir_new(in, root, NULL, id, "", 0, ret);
}

int inode_child(const struct inodes *in, struct dir *parent, const char *name,
		size_t len, struct dir **ret)
{
	uint64_t id = inode_dir_id(in, parent->id, name, len);

	if (!inode_peek(in, parent->root->id, id, ret))
		return 0;
	value_ref(&parent->v);
	return dir_new(in, parent->root, parent, id, name, len, ret);
}

char *inode_path(const struct dir *dir, const char *name, size_t len)
{
	size_t size = len + 1;
	char *path, *at;

	for (const struct dir *d = dir; d->parent; d = d->parent)
		size += d->len + 1u;
	path = malloc(size);
	if (!path)
		return NULL;
	at = path + size - 1;
	*at = '\0';
	if (name)
		at = memcpy(at - len, name, len);
	for (const struct dir *d = dir; d->parent; d = d->parent) {
		if (*at)
			*--at = '/';
		at = memcpy(at - d->len, d->name, d->len);
	}
	memmove(path, at, strlen(at) + 1);
	return path;
}

/* ---- what they hold ---- */

static void dirstate_free(struct value *v)
{
	free(v);
}

static struct dirstate *dirstate_new(uint32_t max, uint64_t serial)
{
	struct dirstate *s = malloc(sizeof *s + max * sizeof *s->version);

	if (!s)
		return NULL;
	s->v.refs = 1;
	s->v.cost = 0;                  /* charged with its directory */
	s->v.free = dirstate_free;
	s->serial = serial;
	s->n = 0;
	return s;
}

/* Most directories change seldom: give back what was not needed. */
static struct dirstate *dirstate_trim(struct dirstate *s)
{
	struct dirstate *less = realloc(s, sizeof *s +
					s->n * sizeof *s->version);

	return less ? less : s;
}

/* One more, older than those before. */
static void add_version(struct dirstate *s, const struct oid *tree,
			uint32_t epoch)
{
	if (s->n && oid_eq(&s->version[s->n - 1].tree, tree))
		s->version[s->n - 1].epoch = epoch;
	else
		s->version[s->n++] = (struct version){ *tree, epoch };
}

static int state_of_root(const struct history *h, struct dirstate **ret)
{
	struct dirstate *s = dirstate_new(h->n, h->serial);

	if (!s)
		return -ENOMEM;
	for (uint32_t i = h->n; i--;)
		add_version(s, &h->epoch[i].tree, i);
	*ret = dirstate_trim(s);
	return 0;
}

int inode_tree(const struct inodes *in, const struct dir *d,
	       const struct version *v, struct waiter *w, struct tree **ret)
{
	if (!v->tree.len)
		return -ENOENT;
	if (!root_is_served(d->root))
		return -ESTALE;
	return fetch_tree(in->fetcher, d->root->source,
			  &(struct spot){ .dir = d }, &v->tree, w, ret);
}

static void forget_waiter(struct waiter *w)
{
	value_unref(w->value);
	free(w);
}

/* Send for a version's tree, for nobody. */
static void send_for_tree(const struct inodes *in, const struct dir *d,
			  const struct version *v)
{
	struct waiter *nobody = malloc(sizeof *nobody);
	CLEANUP_TREE struct tree *t = NULL;

	if (!nobody)
		return;
	nobody->wake = forget_waiter;
	if (inode_tree(in, d, v, nobody, &t) != -EINPROGRESS)
		free(nobody);
}

/* The tree of version 'at', on the way to older ones.  When it has to be
 * waited for, some of those are sent for too and the last is waited for: or
 * a long history and a deep path would make too many waits. */
static int tree_at(const struct inodes *in, const struct dir *d,
		   const struct dirstate *s, uint32_t at, struct waiter *w,
		   struct tree **ret)
{
	const struct version *first = &s->version[at], *last = first;
	CLEANUP_TREE struct tree *t = NULL;
	int r = inode_tree(in, d, first, NULL, ret);

	if (r != -EINPROGRESS || !w)
		return r;
	for (int sent = 1; ++at < s->n && sent < AHEAD;) {
		CLEANUP_TREE struct tree *here = NULL;

		if (inode_tree(in, d, &s->version[at], NULL, &here) !=
		    -EINPROGRESS)
			continue;
		send_for_tree(in, d, last);
		last = &s->version[at];
		sent++;
	}
	r = inode_tree(in, d, last, w, &t);
	return r == -EINPROGRESS ? r : inode_tree(in, d, first, w, ret);
}

static int state_of_child(const struct inodes *in, const struct dir *d,
			  const struct dirstate *above, struct waiter *w,
			  struct dirstate **ret)
{
	CLEANUP_DIRSTATE struct dirstate *s =
		dirstate_new(above->n, above->serial);

	if (!s)
		return -ENOMEM;
	for (uint32_t i = 0; i < above->n; i++) {
		CLEANUP_TREE struct tree *t = NULL;
		struct oid oid = { 0 };
		uint32_t at;
		int r = tree_at(in, d->parent, above, i, w, &t);

		if (r && r != -ENOENT)
			return r;
		/* The one shown must be there; an old one may have been
		 * collected as garbage. */
		if (r && above->version[i].tree.len && i == inode_shown(above))
			return -EIO;
		if (t && !tree_find(t, d->hash, d->name, d->len, &at) &&
		    t->entry[at].type == FT_DIR)
			oid = tree_oid(t, at);
		add_version(s, &oid, above->version[i].epoch);
	}
	if (s->n == 1 && !s->version[0].tree.len)
		return -ESTALE;
	*ret = dirstate_trim(TAKE(s));
	return 0;
}

int inode_state(const struct inodes *in, struct dir *d,
		const struct history *h, struct waiter *w,
		struct dirstate **ret)
{
	struct dirstate *s, *old;
	int r;

	lock_take(&d->lock);
	s = d->state && d->state->serial == h->serial ? d->state : NULL;
	if (s)
		value_ref(&s->v);
	lock_drop(&d->lock);
	if (s) {
		*ret = s;
		return 0;
	}
	if (d->parent) {
		CLEANUP_DIRSTATE struct dirstate *above = NULL;

		r = inode_state(in, d->parent, h, w, &above);
		if (!r)
			r = state_of_child(in, d, above, w, &s);
	} else {
		r = state_of_root(h, &s);
	}
	if (r)
		return r;
	lock_take(&d->lock);
	old = d->state;
	if (old && old->serial > s->serial)
		old = NULL;                     /* somebody knows better */
	else
		d->state = (struct dirstate *)value_ref(&s->v);
	lock_drop(&d->lock);
	if (old)
		value_unref(&old->v);
	*ret = s;
	return 0;
}

uint32_t inode_shown(const struct dirstate *s)
{
	return s->version[0].tree.len || s->n == 1 ? 0 : 1;
}

int inode_since(const struct inodes *in, const struct dir *d,
		const struct dirstate *s, uint32_t at, const struct tree *tree,
		uint32_t index, struct waiter *w, uint32_t *ret)
{
	const char *name = tree_name(tree, index);
	size_t len = tree->entry[index].len;
	struct oid oid = tree_oid(tree, index);
	uint32_t since = s->version[at].epoch, hash = 0;

	if (at + 1 < s->n)
		hash = tree_name_hash(in->names, name, len);
	while (++at < s->n) {
		CLEANUP_TREE struct tree *t = NULL;
		uint32_t i;
		int r = tree_at(in, d, s, at, w, &t);

		if (r == -ENOENT)
			break;
		if (r)
			return r;
		struct oid was;

		if (tree_find(t, hash, name, len, &i) ||
		    t->entry[i].type != tree->entry[index].type)
			break;
		was = tree_oid(t, i);
		if (!oid_eq(&was, &oid))
			break;
		since = s->version[at].epoch;
	}
	*ret = since;
	return 0;
}
