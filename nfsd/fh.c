/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>

#include "nfsd/access.h"
#include "nfsd/fh.h"
#include "nfsd/xdr.h"

enum { FH_VERSION = 1, FH_MAC = 8, FH_KEY_USE = 0x6668 };

_Static_assert(4 + 8 + 8 + FS_STEPS_MAX + FH_MAC <= FH_MAX,
	       "the deepest directory fits");

struct keyed fh_key(const struct fs *fs)
{
	return keyed_derive(fs_secret(fs), FH_KEY_USE);
}

void fh_encode(const struct keyed *key, const struct where *at,
	       struct fh *ret)
{
	struct writer w = { .p = ret->data, .end = ret->data + FH_MAX };
	uint8_t width, *p;
	int steps = where_steps(at->kind, at->depth, &width);
	size_t n = steps > 0 ? (size_t)steps : 0;

	put32(&w, (uint32_t)FH_VERSION << 24 | (uint32_t)at->kind << 16 |
	      (uint32_t)at->depth << 8 | at->width);
	put64(&w, at->root);
	put64(&w, at->dir);
	p = put_room(&w, n + xdr_pad(n));
	if (p) {
		memcpy(p, at->step, n);
		memset(p + n, 0, xdr_pad(n));
	}
	if (at->kind == NODE_FILE)
		put32(&w, at->name);
	if (at->kind == NODE_FILE || at->kind == NODE_PIN)
		put64(&w, at->fileid);
	put64(&w, keyed_hash(key, ret->data, (size_t)(w.p - ret->data)));
	ret->len = (uint8_t)(w.p - ret->data);
}

/* Whether all bits of 'p' from bit 'used' on are zero. */
static bool rest_is_zero(const uint8_t *p, size_t len, size_t used)
{
	if (used % 8 && (uint8_t)(p[used / 8] << used % 8))
		return false;
	for (size_t i = (used + 7) / 8; i < len; i++)
		if (p[i])
			return false;
	return true;
}

int fh_decode(const struct keyed *key, const void *data, size_t len,
	      struct where *ret)
{
	struct where at = { 0 };
	struct reader r;
	uint8_t version, width;
	const uint8_t *p;
	size_t padded;
	uint32_t head;
	int n;

	if (len < FH_MAC || len > FH_MAX)
		return -EBADF;
	r = (struct reader){
		.p = data,
		.end = (const uint8_t *)data + len - FH_MAC,
	};
	if (keyed_hash(key, data, len - FH_MAC) != load64(r.end))
		return -EBADF;

	/* The MAC says that we wrote it; what follows, that it is what
	 * this version writes. */
	head = get32(&r);
	version = (uint8_t)(head >> 24);
	at.kind = (uint8_t)(head >> 16);
	at.depth = (uint8_t)(head >> 8);
	at.width = (uint8_t)head;
	at.root = get64(&r);
	at.dir = get64(&r);
	if (r.bad || version != FH_VERSION ||
	    at.kind < NODE_LEVEL || at.kind > NODE_PIN)
		return -EBADF;
	n = where_steps(at.kind, at.depth, &width);
	if (n < 0 || n > FS_STEPS_MAX || at.width != width)
		return -EBADF;
	padded = (size_t)n + xdr_pad((size_t)n);
	p = get_bytes(&r, padded);
	if (!p || !rest_is_zero(p, padded, (size_t)at.depth * width))
		return -EBADF;
	memcpy(at.step, p, (size_t)n);
	if (at.kind == NODE_FILE)
		at.name = get32(&r);
	if (at.kind == NODE_FILE || at.kind == NODE_PIN)
		at.fileid = get64(&r);
	if (r.bad || r.p != r.end)
		return -EBADF;
	if ((at.kind == NODE_LEVEL || at.kind == NODE_PIN) && at.dir)
		return -EBADF;
	*ret = at;
	return 0;
}

bool fh_admits(const struct service *service, const struct caller *caller,
	       const void *data, size_t len)
{
	struct where at;

	return !service->nrule ||
	       fh_decode(&service->fh_key, data, len, &at) ||
	       rule_admits(service_rule(service, fs_rule(service->fs, &at)),
			   caller);
}

void fh_of(const struct service *service, const struct node *node,
	   struct fh *ret)
{
	struct where at;

	fs_where(node, &at);
	fh_encode(&service->fh_key, &at, ret);
}

int fh_node(const struct service *service, const void *data, size_t len,
	    struct waiter *w, struct node *ret)
{
	struct where at;
	int r;

	r = fh_decode(&service->fh_key, data, len, &at);
	if (r)
		return r;
	return fs_resolve(service->fs, &at, w, ret);
}
