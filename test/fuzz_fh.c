/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* File handles: any bytes, first as they are, then signed with the right key,
 * as if it had been stolen.  What is taken for a handle has to be the only
 * handle of its place, and to be looked for without harm. */
#include <errno.h>
#include <string.h>

#include "nfsd/xdr.h"
#include "test/fuzz.h"
#include "test/fuzz_world.h"

static void try(struct world *w, const uint8_t *data, size_t len)
{
	CLEANUP_NODE struct node node = { 0 };
	struct where where, again;
	struct fh fh;
	int r;

	r = fh_decode(&w->service.fh_key, data, len, &where);
	FUZZ_MUST(r == 0 || r == -EBADF);
	if (r)
		return;
	fh_encode(&w->service.fh_key, &where, &fh);
	FUZZ_MUST(fh.len == len && !memcmp(fh.data, data, len));
	fs_rule(w->service.fs, &where);
	r = fs_resolve(w->service.fs, &where, NULL, &node);
	FUZZ_MUST(r <= 0);
	if (r)
		return;
	/* It is what was asked for, whatever the steps there said. */
	fs_where(&node, &again);
	FUZZ_MUST(again.kind == where.kind && again.root == where.root &&
		  again.dir == where.dir && again.fileid == where.fileid);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = world();
	uint8_t signed_[FH_MAX];
	struct fuzz f = { data, size };
	uint8_t which = fuzz_byte(&f), xor[FH_MAX];
	const struct fh *good = &w->fh[which % WORLD_HANDLES];
	size_t len = f.len;

	try(w, f.data, f.len);
	if (len <= FH_MAX - 8) {
		memcpy(signed_, f.data, len);
		store64(signed_ + len, keyed_hash(&w->service.fh_key, signed_,
						  len));
		try(w, signed_, len + 8);
	}
	/* A good one with some bits turned, signed again. */
	memset(xor, 0, sizeof xor);
	memcpy(xor, f.data, len < sizeof xor ? len : sizeof xor);
	len = good->len - 8u;
	for (size_t i = 0; i < len; i++)
		signed_[i] = good->data[i] ^ xor[i];
	store64(signed_ + len, keyed_hash(&w->service.fh_key, signed_, len));
	try(w, signed_, len + 8);
	return 0;
}
