/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/composite.h"
#include "cache/node.h"

struct page {
	struct value v;
	size_t len;
	uint8_t data[];
};

/* Every field is in it; the first eight bytes, by which the table finds its
 * place, have those that vary mixed in. */
static struct key key_of(const struct fs_page *p)
{
	struct key key = {
		.scope = p->serial,
		.part = p->cookie,
		.kind = KIND_PAGE,
	};
	const struct {
		uint64_t place, verf;
		uint32_t room, names, plus, zero;       /* no padding */
	} rest = {
		.place = p->dir ^ p->cookie * 0x9e3779b97f4a7c15u,
		.verf = p->verf,
		.room = p->room,
		.names = p->names,
		.plus = p->plus,
	};

	_Static_assert(sizeof rest <= sizeof key.oid.id, "it fits");
	memcpy(key.oid.id, &rest, sizeof rest);
	return key;
}

static void page_free(struct value *v)
{
	free(v);
}

/* What is fetched ahead of who goes on from a listing must be known to be
 * wanted, whether the listing was made anew or not. */
static void listed_again(struct fs *fs, const struct fs_page *p)
{
	CLEANUP_HISTORY struct history *h = NULL;
	CLEANUP_DIRSTATE struct dirstate *s = NULL;
	CLEANUP_TREE struct tree *t = NULL;
	CLEANUP_DIR struct dir *d = NULL;

	if (!inode_peek(&fs->in, p->root, p->dir, &d) && d->root->source &&
	    source_is_far(d->root->source) &&
	    !fetch_known_history(fs->fetcher, p->root, &h) &&
	    !inode_state(&fs->in, d, h, NULL, &s) &&
	    !inode_tree(&fs->in, d, &s->version[inode_shown(s)], NULL, &t))
		prefetch_listed(fs->prefetch, d, t);
}

int fs_find_page(struct fs *fs, const struct fs_page *p, struct slice *ret)
{
	struct key key = key_of(p);
	struct page *page;
	struct value *v;

	if (flight_peek(fetcher_flights(fs->fetcher), &key, &v))
		return -ENOENT;
	if (!p->cookie)
		listed_again(fs, p);
	page = (struct page *)v;        /* 'v' is the first member */
	*ret = (struct slice){ v, page->data, page->len };
	return 0;
}

void fs_keep_page(struct fs *fs, const struct fs_page *p, const void *data,
		  size_t len)
{
	struct key key = key_of(p);
	struct page *page = malloc(sizeof *page + len);

	if (!page)
		return;
	page->v.refs = 1;
	page->v.cost = sizeof *page + len;
	page->v.free = page_free;
	page->len = len;
	memcpy(page->data, data, len);
	value_unref(flight_add(fetcher_flights(fs->fetcher), &key, &page->v));
}
