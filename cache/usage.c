/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* How much of what people see is here: a walk that asks no source. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/chore.h"
#include "cache/node.h"
#include "cache/store.h"
#include "common/cleanup.h"

/* Objects that have been met: a hash table of their names. */
struct met {
	struct oid *oid;
	size_t n, room;         /* a power of 2 */
};

static struct oid *met_slot(struct oid *table, size_t room,
			    const struct oid *oid)
{
	size_t at;

	memcpy(&at, oid->id, sizeof at);
	while (table[at & (room - 1)].len &&
	       !oid_eq(&table[at & (room - 1)], oid))
		at++;
	return &table[at & (room - 1)];
}

/* 1: the first time; 0: before; -ENOMEM. */
static int meet(struct met *m, const struct oid *oid)
{
	struct oid *slot;

	if (2 * m->n >= m->room) {
		size_t room = m->room ? 2 * m->room : 1024;
		struct oid *more = calloc(room, sizeof *more);

		if (!more)
			return -ENOMEM;
		for (size_t i = 0; i < m->room; i++)
			if (m->oid[i].len)
				*met_slot(more, room, &m->oid[i]) = m->oid[i];
		free(m->oid);
		m->oid = more;
		m->room = room;
	}
	slot = met_slot(m->oid, m->room, oid);
	if (slot->len)
		return 0;
	*slot = *oid;
	m->n++;
	return 1;
}

struct survey {
	struct fs *fs;
	struct source *source;  /* whose objects are looked for */
	struct fs_usage *usage;
	struct met met;
	struct oid *todo;       /* trees */
	size_t ntodo, room;
};

static void weigh(struct survey *v, enum kind kind, const struct oid *oid,
		  struct fs_use *use)
{
	enum obj type = kind == KIND_TREE ? OBJ_TREE : OBJ_BLOB;
	struct value *held = fetch_held(v->fs->fetcher, v->source, kind, oid);
	uint64_t disk = v->fs->store && source_is_far(v->source) ?
		store_weight(v->fs->store, oid, type) : 0;

	use->disk += disk;
	use->memory += held ? held->cost : 0;
	if (held || disk)
		use->objects++;
	else
		use->missing++;
	value_unref(held);
}

static int add_tree(struct survey *v, const struct oid *oid)
{
	if (v->ntodo == v->room) {
		size_t room = v->room ? 2 * v->room : 256;
		struct oid *more = realloc(v->todo, room * sizeof *more);

		if (!more)
			return -ENOMEM;
		v->todo = more;
		v->room = room;
	}
	v->todo[v->ntodo++] = *oid;
	return 0;
}

/* A tree and the files in it; the trees in it are to be looked at later. */
static int survey_tree(struct survey *v, const struct oid *oid,
		       struct fs_use *use)
{
	CLEANUP_TREE struct tree *t = NULL;
	int r = meet(&v->met, oid);

	if (r <= 0)
		return r;
	weigh(v, KIND_TREE, oid, use);
	t = fetch_near_tree(v->fs->fetcher, v->source, oid);
	for (uint32_t i = 0; t && i < t->n && r >= 0; i++) {
		struct oid child = tree_oid(t, i);

		if (t->entry[i].type == FT_DIR)
			r = add_tree(v, &child);
		else if (t->entry[i].type != FT_GITLINK &&
			 (r = meet(&v->met, &child)) > 0)
			weigh(v, KIND_BLOB, &child, use);
	}
	return r < 0 ? r : 0;
}

static int survey_below(struct survey *v, const struct oid *oid,
			struct fs_use *use)
{
	int r = add_tree(v, oid);

	while (!r && v->ntodo) {
		struct oid next = v->todo[--v->ntodo];

		r = survey_tree(v, &next, use);
	}
	v->ntodo = 0;
	return r;
}

/* Takes over 'path', which may be NULL. */
static int tell(struct survey *v, const struct fs_use *use, char *path)
{
	struct fs_usage *u = v->usage;

	if (!path)
		return -ENOMEM;
	if (u->n == u->room) {
		size_t room = u->room ? 2 * u->room : 64;
		struct fs_use *more = realloc(u->use, room * sizeof *more);

		if (!more) {
			free(path);
			return -ENOMEM;
		}
		u->use = more;
		u->room = room;
	}
	u->use[u->n] = *use;
	u->use[u->n++].path = path;
	return 0;
}

static void add_up(struct fs_use *to, const struct fs_use *from)
{
	to->objects += from->objects;
	to->disk += from->disk;
	to->memory += from->memory;
	to->missing += from->missing;
}

/* Each directory in 'oid', and then all of it. */
static int survey_each(struct survey *v, const struct oid *oid,
		       const char *path)
{
	CLEANUP_TREE struct tree *t =
		fetch_near_tree(v->fs->fetcher, v->source, oid);
	struct fs_use all = { .path = NULL };
	int r = survey_tree(v, oid, &all);

	v->ntodo = 0;
	for (uint32_t i = 0; t && i < t->n && !r; i++) {
		struct oid child = tree_oid(t, i);
		struct fs_use use = { .path = NULL };
		char *name;

		if (t->entry[i].type != FT_DIR)
			continue;
		r = survey_below(v, &child, &use);
		add_up(&all, &use);
		if (!r)
			r = tell(v, &use, asprintf(&name, "%s/%.*s", path,
						   t->entry[i].len,
						   tree_name(t, i)) < 0 ?
				 NULL : name);
	}
	return r ? r : tell(v, &all, strdup(path));
}

/* Down to what 'path' names in a tree. */
static int survey_path(struct survey *v, struct oid oid, const char *below,
		       const char *path)
{
	struct fs_use use = { .path = NULL };
	uint32_t i;

	while (*(below += strspn(below, "/"))) {
		size_t len = strcspn(below, "/");
		CLEANUP_TREE struct tree *t =
			fetch_near_tree(v->fs->fetcher, v->source, &oid);

		if (!t || tree_find(t, tree_name_hash(&v->fs->names, below,
						      len),
				    below, len, &i))
			return -ENOENT;
		oid = tree_oid(t, i);
		below += len;
		if (t->entry[i].type == FT_DIR)
			continue;
		if (*below)
			return -ENOENT;
		weigh(v, KIND_BLOB, &oid, &use);
		return tell(v, &use, strdup(path));
	}
	return survey_each(v, &oid, path);
}

/* The rest of 'path' when it is at 'name' or below, or NULL. */
static const char *rest_of(const char *path, const char *name)
{
	size_t len = strlen(name);

	return !strncmp(path, name, len) && (!path[len] || path[len] == '/') ?
	       path + len : NULL;
}

static int survey_root(struct survey *v, const struct root *root,
		       const char *path)
{
	CLEANUP_HISTORY struct history *h = root_history(v->fs->roots, root);
	CLEANUP_FREE char *name = node_root_name(root);
	struct fs_use use = { .path = NULL };
	const char *rest;
	int r;

	if (!name)
		return -ENOMEM;
	if (!h || !root_is_served(root))
		return 0;
	v->source = root->source;
	rest = rest_of(path, name);
	if (*path && rest)
		return survey_path(v, history_now(h)->tree, rest, path);
	if (*path && !rest_of(name, path))
		return 0;
	r = survey_below(v, &history_now(h)->tree, &use);
	return r ? r : tell(v, &use, TAKE(name));
}

static int by_name(const void *a, const void *b)
{
	const struct root *const *x = a, *const *y = b;
	int r = strcmp((*x)->name, (*y)->name);

	return r ? r : strcmp((*x)->ref ? (*x)->ref : "",
			      (*y)->ref ? (*y)->ref : "");
}

static int run_usage(struct chore *c)
{
	struct fs *fs = c->fs;
	size_t n = roots_known(fs->roots);
	CLEANUP_FREE const struct root **root = calloc(n + 1, sizeof *root);
	struct survey v = { .fs = fs, .usage = c->usage };
	int r = root ? 0 : -ENOMEM;

	if (root)
		n = roots_list(fs->roots, root, n);
	if (root)
		qsort(root, n, sizeof *root, by_name);
	for (size_t i = 0; !r && i < n; i++)
		r = survey_root(&v, root[i], c->path);
	free(v.met.oid);
	free(v.todo);
	return !r && *c->path && !c->usage->n ? -ENOENT : r;
}

int fs_usage(struct fs *fs, const char *path, struct fs_usage *ret,
	     struct waiter *w)
{
	struct chore *c = chore_new(fs, run_usage, path, w);

	*ret = (struct fs_usage){ .use = NULL };
	if (c)
		c->usage = ret;
	return chore_submit(c);
}

void fs_usage_clear(struct fs_usage *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->use[i].path);
	free(u->use);
	*u = (struct fs_usage){ .use = NULL };
}
