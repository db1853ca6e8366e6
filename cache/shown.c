/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What people are told of what is shown: repositories, and paths. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/node.h"
#include "common/cleanup.h"
#include "common/url.h"

/* ---- names ---- */

/* NAME@REF, as it is spelt in the file system.  The caller frees it. */
static char *spell(const char *name, const char *ref)
{
	size_t room = strlen(name) + 1 + (ref ? 3 * strlen(ref) : 0) + 1;
	char *text = malloc(room), *to = text;

	if (!text)
		return NULL;
	to += sprintf(to, "%s%s", name, ref ? "@" : "");
	for (; ref && *ref; ref++)
		if (*ref == '/' || *ref == '%')
			to += sprintf(to, "%%%02X", *ref);
		else
			*to++ = *ref;
	*to = '\0';
	return text;
}

char *node_root_name(const struct root *root)
{
	return spell(root->name, root->ref);
}

/* A path that is written from its end. */
struct path {
	char *at;               /* its first byte so far */
	char text[4096];
};

static void prepend(struct path *p, const char *name, size_t len)
{
	size_t left = (size_t)(p->at - p->text);

	if (len + 1 > left)
		return;         /* longer than any path may be */
	p->at -= len;
	memcpy(p->at, name, len);
	*--p->at = '/';
}

static void prepend_root(struct path *p, const struct root *root,
			 const char *suffix)
{
	CLEANUP_FREE char *name = spell(root->name, root->ref);
	CLEANUP_FREE char *all = NULL;

	if (!name || asprintf(&all, "%s%s", name, suffix) < 0) {
		all = NULL;
		return;
	}
	prepend(p, all, strlen(all));
}

/* What is below the root. */
static void prepend_steps(struct path *p, const struct node *n)
{
	if (n->kind == NODE_FILE)
		prepend(p, tree_name(n->tree, n->index),
			n->tree->entry[n->index].len);
	for (const struct dir *d = n->dir; d->parent; d = d->parent)
		prepend(p, d->name, d->len);
}

static struct path *path_start(struct path *p)
{
	p->at = p->text + sizeof p->text - 1;
	*p->at = '\0';
	return p;
}

char *node_fixed_path(const struct node *n)
{
	char hex[OID_HEX + 1];
	CLEANUP_FREE char *name = NULL;
	struct path p;

	oid_hex(&history_now(n->hist)->commit, hex);
	name = spell(n->dir->root->name, hex);
	if (!name)
		return NULL;
	prepend_steps(path_start(&p), n);
	prepend(&p, name, strlen(name));
	return strdup(p.at);
}

size_t fs_path(const struct node *n, char *ret, size_t room)
{
	struct path p;
	size_t len;

	path_start(&p);
	switch (n->kind) {
	case NODE_LEVEL:
		prepend(&p, level_path(n->level), strlen(level_path(n->level)));
		break;
	case NODE_PIN:
		prepend_root(&p, n->hist->root, "@@");
		break;
	case NODE_FILE:
	case NODE_DIR:
		prepend_steps(&p, n);
		prepend_root(&p, n->dir->root, "");
	}
	len = strlen(p.at);
	snprintf(ret, room, "%s", p.at);
	return len;
}

/* ---- repositories ---- */

static int describe(struct fs *fs, struct source *s, const struct root *root,
		    const char *ref, struct fs_shown *ret)
{
	CLEANUP_HISTORY struct history *h =
		root ? root_history(fs->roots, root) : NULL;

	*ret = (struct fs_shown){
		.id = root ? root->id : 0,
		.name = spell(s->name, ref),
		.url = url_redact(s->location),
		.asked = atomic_load(&s->asked),
		.trouble = atomic_load(&s->trouble),
		.troubled = atomic_load(&s->troubled),
		.far = source_is_far(s),
		.fixed = root && root->pinned,
	};
	if (h) {
		oid_hex(&history_now(h)->commit, ret->commit);
		ret->committed = history_now(h)->mtime.tv_sec;
		ret->moved = history_now(h)->ctime.tv_sec;
	}
	return ret->name && ret->url ? 0 : -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
	const struct fs_shown *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* The sources under their own names, then what else was asked of them. */
static int collect(struct fs *fs, struct source *const *source, size_t nsource,
		   const struct root *const *root, size_t nroot, size_t max,
		   struct fs_shown *shown, size_t *ret_n)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; !r && i < nsource && n < max; i++) {
		struct source *s = source[i];
		uint64_t id = root_id(fs->roots, s->name, s->location, NULL);

		r = describe(fs, s, root_find(fs->roots, id), NULL,
			     &shown[n++]);
	}
	for (size_t i = 0; !r && i < nroot && n < max; i++)
		if (root_is_served(root[i]) && root[i]->ref)
			r = describe(fs, root[i]->source, root[i],
				     root[i]->ref, &shown[n++]);
	*ret_n = n;
	return r;
}

void fs_sources(struct fs *fs, struct fs_sources *ret)
{
	composite_health(fs->composite, ret);
}

int fs_shown(struct fs *fs, size_t max, struct fs_shown **ret, size_t *ret_n,
	     size_t *ret_all)
{
	size_t nsource = composite_sources(fs->composite);
	size_t nroot = roots_known(fs->roots), n = 0, all = nsource;
	CLEANUP_FREE struct source **source =
		malloc((nsource + 1) * sizeof *source);
	CLEANUP_FREE const struct root **root =
		malloc((nroot + 1) * sizeof *root);
	struct fs_shown *shown = NULL;
	int r = -ENOMEM;

	if (source && root) {
		nsource = composite_list(fs->composite, source, nsource);
		nroot = roots_list(fs->roots, root, nroot);
		for (size_t i = 0; i < nroot; i++)
			all += root_is_served(root[i]) && root[i]->ref;
		if (max > all)
			max = all;
		shown = calloc(max + 1, sizeof *shown);
	}
	if (shown)
		r = collect(fs, source, nsource, root, nroot, max, shown, &n);
	if (r) {
		fs_shown_free(shown, n);
		return r;
	}
	qsort(shown, n, sizeof *shown, by_name);
	*ret = shown;
	*ret_n = n;
	*ret_all = all;
	return 0;
}

void fs_shown_free(struct fs_shown *shown, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(shown[i].name);
		free(shown[i].url);
	}
	free(shown);
}

int fs_renew(struct fs *fs, uint64_t id, struct waiter *w)
{
	const struct root *root = root_find(fs->roots, id);

	if (!root || !root_is_served(root))
		return -ENOENT;
	if (root->pinned)
		return 0;
	return fetch_again(fs->fetcher, &(struct root_name){
		.id = root->id,
		.source = root->source,
		.ref = root->ref,
	}, w);
}

size_t fs_roots(struct fs *fs, struct fs_root *ret, size_t room)
{
	return composite_patterns(fs->composite, ret, room);
}

size_t fs_failures(struct fs *fs, struct fs_failure *ret, size_t room)
{
	return fetcher_failures(fs->fetcher, ret, room);
}

/* ---- hosts ---- */

_Static_assert((int)FS_STATUSES == (int)BACKEND_STATUSES, "the same");

size_t fs_hosts(struct fs_host *ret, size_t room)
{
	CLEANUP_FREE struct backend_host *all =
		calloc(room + 1, sizeof *all);
	size_t n = all ? backend_hosts(all, room) : 0;

	n = n < room ? n : room;
	for (size_t i = 0; i < n; i++) {
		const struct backend_host *h = &all[i];

		ret[i] = (struct fs_host){
			.failed = h->failed,
			.limited = h->limited,
			.left = h->left,
			.limit = h->limit,
			.reset = h->reset,
		};
		memcpy(ret[i].name, h->name, sizeof ret[i].name);
		for (int k = 0; k < FS_STATUSES; k++) {
			ret[i].status[k].status = h->status[k].status;
			ret[i].status[k].n = h->status[k].n;
		}
	}
	return n;
}
