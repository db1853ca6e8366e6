/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cache/dcache.h"

enum { NEAR = 32 };             /* entries, of 8 bytes */

uint32_t tree_name_hash(const struct keyed *k, const char *name, size_t len)
{
	return keyed_hash(k, name, len) >> 32;
}

/* What git makes of a mode (its own rule, with all legacy modes). */
static enum ftype type_of(uint32_t mode)
{
	switch (mode & 0170000) {
	case 0100000:
		return mode & 0100 ? FT_EXEC : FT_FILE;
	case 0120000:
		return FT_SYMLINK;
	case 0040000:
		return FT_DIR;
	default:
		return FT_GITLINK;
	}
}

static bool showable(const char *name, size_t len)
{
	if (!len || len > FS_NAME_MAX || memchr(name, '/', len))
		return false;
	if (len <= 2 && !memcmp(name, "..", len))
		return false;
	return len != 4 || strncasecmp(name, ".git", 4);
}

static int name_cmp(const char *a, size_t alen, const char *b, size_t blen)
{
	int c = memcmp(a, b, alen < blen ? alen : blen);

	return c ? c : alen < blen ? -1 : alen > blen;
}

struct sortable {
	const char *name;
	struct tree_entry e;
};

static int sortable_cmp(const void *a, const void *b)
{
	const struct sortable *x = a, *y = b;
	int c = name_cmp(x->name, x->e.len, y->name, y->e.len);

	/* Equal names: the first in the object stays the first. */
	return c ? c : x->e.name < y->e.name ? -1 : x->e.name > y->e.name;
}

/* git sorts as if directories ended in '/'; most trees are in byte order all
 * the same, but not all, and a hostile one is in any. */
static int sort_entries(struct tree *t)
{
	uint32_t i;

	for (i = 1; i < t->n; i++)
		if (name_cmp(tree_name(t, i - 1), t->entry[i - 1].len,
			     tree_name(t, i), t->entry[i].len) >= 0)
			break;
	if (i >= t->n)
		return 0;

	struct sortable *s = malloc(t->n * sizeof *s);

	if (!s)
		return -ENOMEM;
	for (i = 0; i < t->n; i++)
		s[i] = (struct sortable){ tree_name(t, i), t->entry[i] };
	qsort(s, t->n, sizeof *s, sortable_cmp);

	uint32_t n = 0;

	for (i = 0; i < t->n; i++) {
		if (i && !name_cmp(s[i - 1].name, s[i - 1].e.len,
				   s[i].name, s[i].e.len))
			t->dropped++;
		else
			t->entry[n++] = s[i].e;
	}
	t->n = n;
	free(s);
	return 0;
}

static int hash_cmp(const void *a, const void *b)
{
	const struct tree_hash *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* One step through the object: mode, name and id of the entry at *pos. */
static int next(const char *raw, size_t len, size_t oid_len, size_t *pos,
		uint32_t *mode, size_t *name, size_t *name_len)
{
	size_t p = *pos;

	*mode = 0;
	if (p < len && raw[p] == ' ')
		return -EBADMSG;
	while (p < len && raw[p] >= '0' && raw[p] <= '7') {
		*mode = *mode << 3 | (uint32_t)(raw[p++] - '0');
		if (*mode > 0777777)
			return -EBADMSG;
	}
	if (p == len || raw[p++] != ' ')
		return -EBADMSG;

	const char *nul = memchr(raw + p, 0, len - p);

	if (!nul)
		return -EBADMSG;
	*name = p;
	*name_len = (size_t)(nul - raw) - p;
	p += *name_len + 1;
	if (len - p < oid_len)
		return -EBADMSG;
	*pos = p + oid_len;
	return 0;
}

static void tree_free(struct value *v)
{
	struct tree *t = tree_of(v);

	free(t->entry);
	free(t->by_hash);
	free(t->raw);
	free(t);
}

int tree_parse(const struct keyed *key, const struct oid *oid, char *raw,
	       size_t len, struct tree **ret)
{
	struct tree *t = calloc(1, sizeof *t);
	size_t name, name_len, n = 0;
	uint32_t mode;
	int r = -ENOMEM;

	if (!t) {
		free(raw);
		return -ENOMEM;
	}
	t->v.refs = 1;
	t->v.free = tree_free;
	t->raw = raw;
	t->len = (uint32_t)len;
	t->oid = *oid;
	if (len > UINT32_MAX) {
		r = -EBADMSG;
		goto fail;
	}
	for (size_t pos = 0; pos < len; n++) {
		r = next(raw, len, oid->len, &pos, &mode, &name, &name_len);
		if (r)
			goto fail;
	}
	t->entry = malloc((n ? n : 1) * sizeof *t->entry);
	r = -ENOMEM;
	if (!t->entry)
		goto fail;
	for (size_t pos = 0; pos < len;) {
		next(raw, len, oid->len, &pos, &mode, &name, &name_len);
		if (!showable(raw + name, name_len)) {
			t->dropped++;
			continue;
		}
		t->entry[t->n++] = (struct tree_entry){
			.name = (uint32_t)name,
			.len = (uint8_t)name_len,
			.type = (uint8_t)type_of(mode),
		};
	}
	r = sort_entries(t);
	if (r)
		goto fail;
	t->by_hash = malloc((t->n ? t->n : 1) * sizeof *t->by_hash);
	r = -ENOMEM;
	if (!t->by_hash)
		goto fail;
	for (uint32_t i = 0; i < t->n; i++)
		t->by_hash[i] = (struct tree_hash){
			tree_name_hash(key, tree_name(t, i), t->entry[i].len),
			i };
	qsort(t->by_hash, t->n, sizeof *t->by_hash, hash_cmp);
	t->v.cost = sizeof *t + len + n * sizeof *t->entry +
		    t->n * sizeof *t->by_hash;
	*ret = t;
	return 0;
fail:
	tree_free(&t->v);
	return r;
}

struct oid tree_oid(const struct tree *t, uint32_t i)
{
	struct oid oid = { .len = t->oid.len };

	memcpy(oid.id, tree_name(t, i) + t->entry[i].len + 1, oid.len);
	return oid;
}

/* Hashes are spread evenly, so it is near where it would be if they were
 * perfectly so, in memory too: look there, then farther and farther from it,
 * until it is between two. */
uint32_t tree_lower(const struct tree *t, uint32_t hash)
{
	int64_t lo = 0, hi = t->n, step = NEAR;
	int64_t at = (int64_t)((uint64_t)hash * t->n >> 32);

	while (lo < hi) {
		if (at < lo || at >= hi)
			at = lo + (hi - lo) / 2;
		if (t->by_hash[at].hash < hash) {
			lo = at + 1;
			at += step;
		} else {
			hi = at;
			at -= step;
		}
		step *= 2;
	}
	return (uint32_t)lo;
}

int tree_find(const struct tree *t, uint32_t hash, const char *name,
	      size_t len, uint32_t *ret)
{
	for (uint32_t p = tree_lower(t, hash);
	     p < t->n && t->by_hash[p].hash == hash; p++) {
		uint32_t i = t->by_hash[p].index;

		if (t->entry[i].len == len &&
		    !memcmp(tree_name(t, i), name, len)) {
			*ret = i;
			return 0;
		}
	}
	return -ENOENT;
}

static void sizes_free(struct value *v)
{
	free(v);
}

struct sizes *sizes_new(const struct tree *t, uint32_t part)
{
	uint32_t first = part * SIZES_PART, n = t->n - first;
	struct sizes *s;

	if (n > SIZES_PART)
		n = SIZES_PART;
	s = malloc(sizeof *s + n * sizeof *s->size);
	if (!s)
		return NULL;
	s->v.refs = 1;
	s->v.cost = sizeof *s + n * sizeof *s->size;
	s->v.free = sizes_free;
	s->retry = 0;
	s->n = n;
	for (uint32_t i = 0; i < n; i++)
		s->size[i] = SIZE_UNKNOWN;
	return s;
}
