/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/rest/listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

enum {
	ENTRIES_MAX = 1 << 22,
	MODE_TREE = 040000,
};

struct entry {
	char *path;
	uint32_t dir;           /* bytes of it before the name's '/', or 0 */
	uint32_t name;          /* where the name begins */
	uint32_t mode;
	struct oid oid;
};

struct listing {
	size_t n, room;
	struct entry *entry;
};

int listing_new(struct listing **ret)
{
	*ret = calloc(1, sizeof **ret);
	return *ret ? 0 : -ENOMEM;
}

void listing_free(struct listing *l)
{
	if (!l)
		return;
	for (size_t i = 0; i < l->n; i++)
		free(l->entry[i].path);
	free(l->entry);
	free(l);
}

int listing_add(struct listing *l, const char *path, uint32_t mode,
		const struct oid *oid)
{
	const char *slash = strrchr(path, '/');
	struct entry e = {
		.dir = slash ? (uint32_t)(slash - path) : 0,
		.name = slash ? (uint32_t)(slash - path) + 1 : 0,
		.mode = mode,
		.oid = *oid,
	};

	if (l->n == ENTRIES_MAX)
		return -EFBIG;
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct entry *more = realloc(l->entry, room * sizeof *more);

		if (!more)
			return -ENOMEM;
		l->entry = more;
		l->room = room;
	}
	e.path = strdup(path);
	if (!e.path)
		return -ENOMEM;
	l->entry[l->n++] = e;
	return 0;
}

static int compare_dirs(const char *a, size_t alen, const char *b, size_t blen)
{
	int r = memcmp(a, b, alen < blen ? alen : blen);

	return r ? r : (alen > blen) - (alen < blen);
}

/* By directory, and there in git's order: a tree's name ends in '/'.  The same
 * path twice is side by side. */
static int compare(const void *x, const void *y)
{
	const struct entry *a = x, *b = y;
	const char *p = a->path + a->name, *q = b->path + b->name;
	int r = compare_dirs(a->path, a->dir, b->path, b->dir);
	unsigned char c, d;

	if (r)
		return r;
	while (*p && *p == *q) {
		p++;
		q++;
	}
	c = (unsigned char)(*p ? *p : a->mode == MODE_TREE ? '/' : 0);
	d = (unsigned char)(*q ? *q : b->mode == MODE_TREE ? '/' : 0);
	return c == d ? strcmp(a->path, b->path) : c > d ? 1 : -1;
}

/* The first entry whose directory is not before this one. */
static size_t first_in(const struct listing *l, const char *dir, size_t len)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const struct entry *e = &l->entry[mid];

		if (compare_dirs(e->path, e->dir, dir, len) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The tree of a directory in git's form. */
static int build(const struct listing *l, const char *dir, size_t len,
		 char **ret, size_t *ret_len)
{
	CLEANUP_FREE char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return -ENOMEM;
	for (size_t i = first_in(l, dir, len); i < l->n; i++) {
		const struct entry *e = &l->entry[i];

		if (compare_dirs(e->path, e->dir, dir, len))
			break;
		fprintf(out, "%o %s%c", e->mode, e->path + e->name, 0);
		fwrite(e->oid.id, 1, e->oid.len, out);
	}
	if (fclose(out))
		return -ENOMEM;
	*ret = TAKE(text);
	*ret_len = size;
	return 0;
}

static bool is(const struct oid *oid, const char *data, size_t len)
{
	struct oid name;
	struct oid_hash *h;

	if (oid_hash_start(&h, oid->len, OBJ_TREE, len))
		return false;
	if (len && oid_hash_data(h, data, len)) {
		oid_hash_free(h);
		return false;
	}
	return !oid_hash_end(h, &name) && oid_eq(&name, oid);
}

static bool deliver(const struct listing *l, const char *dir, size_t dir_len,
		    const struct oid *tree, struct job *job)
{
	CLEANUP_FREE char *data = NULL;
	size_t len;

	if (build(l, dir, dir_len, &data, &len) || !is(tree, data, len))
		return false;
	job_object(job, tree, OBJ_TREE, data, len);
	return true;
}

bool listing_deliver(struct listing *l, const struct oid *tree,
		     struct job *job)
{
	if (l->n)
		qsort(l->entry, l->n, sizeof *l->entry, compare);
	for (size_t i = 0; i < l->n; i++) {
		const struct entry *e = &l->entry[i];
		bool again = i && !strcmp(e->path, e[-1].path);

		/* One without entries need not be told of.  What is listed
		 * many times is not worth the time. */
		if (e->mode == MODE_TREE && *e->path && !again)
			deliver(l, e->path, strlen(e->path), &e->oid, job);
	}
	/* Last: who waits for it looks further at once. */
	return deliver(l, "", 0, tree, job);
}
