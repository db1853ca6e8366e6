/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* READDIR and READDIRPLUS: entries go straight into the reply, for as long
 * as they fit in what the client has room for. */
#include <errno.h>

#include "nfsd/attr.h"
#include "nfsd/fh.h"
#include "nfsd/nfs3_proc.h"

enum {
	/* What ends a list: no further entry; eof. */
	LIST_END = 4 + 4,
	/* Entry follows; fileid; length of the name; cookie. */
	ENTRY_FIXED = 4 + 8 + 4 + 8,
};

_Static_assert((int)RPC_RESULTS_MAX >= 4 + NFS3_IO_MAX,
	       "there is room for the status and all that may be asked for");

struct listing {
	struct request *rq;
	bool plus;
	uint32_t dircount;      /* bytes left of it */
	bool any;               /* an entry is in the reply */
};

/* An entry's attributes and handle, as far as they are known. */
static void put_plus(struct listing *l, const struct fs_dirent *e)
{
	struct writer *out = &l->rq->out;
	struct fh fh;

	put32(out, e->attr != NULL);
	if (e->attr) {
		fattr3 a = attr_of(l->rq->service, e->attr);

		put_fattr3(out, &a);
	}
	put32(out, e->where != NULL);
	if (e->where) {
		fh_encode(&l->rq->service->fh_key, e->where, &fh);
		put_opaque(out, fh.data, fh.len);
	}
}

static bool put_entry(void *arg, const struct fs_dirent *e)
{
	struct listing *l = arg;
	struct writer *out = &l->rq->out, before = *out;
	/* RFC 1813 leaves open whether the word before the entry counts. */
	size_t dir_bytes = ENTRY_FIXED - 4 + e->len + xdr_pad(e->len);

	if (e->rule && !rule_would_let_in(service_rule(l->rq->service, e->rule),
					  &l->rq->caller))
		return true;
	if (l->plus && dir_bytes > l->dircount)
		return false;
	put32(out, TRUE);
	put64(out, e->fileid);
	put_opaque(out, e->name, e->len);
	put64(out, e->cookie);
	if (l->plus)
		put_plus(l, e);
	if (out->bad) {
		*out = before;
		return false;
	}
	if (l->plus)
		l->dircount -= (uint32_t)dir_bytes;
	l->any = true;
	return true;
}

static void put_failure(struct request *rq, nfsstat3 status,
			const post_op_attr *attr)
{
	put32(&rq->out, status);
	put_post_op_attr(&rq->out, attr);
}

/* 'room': bytes for the results, without the status. */
static int list(struct listing *l, struct fh_arg fh, uint64_t cookie,
		uint64_t verf, size_t room, struct waiter *w)
{
	CLEANUP_NODE struct node dir = { 0 };
	struct request *rq = l->rq;
	struct writer start = rq->out;
	struct writer *out = &rq->out;
	post_op_attr attr = { .attributes_follow = FALSE };
	uint8_t *verf_at;
	bool eof;
	int r;

	r = fh_node(rq->service, fh.data, fh.len, w, &dir);
	if (r == -EINPROGRESS)
		return r;
	attr = attr_known(rq->service, &dir);
	if (r) {
		put_failure(rq, nfs3_status(rq, r), &attr);
		return 0;
	}
	if (room > NFS3_IO_MAX)
		room = NFS3_IO_MAX;
	if (room < LIST_END)
		room = LIST_END;
	put32(out, NFS3_OK);
	out->end = out->p + room - LIST_END;
	put_post_op_attr(out, &attr);
	verf_at = put_room(out, 8);
	r = fs_readdir(&dir, cookie, &verf, l->plus, w, put_entry, l, &eof);
	if (r == -EINPROGRESS)
		return r;
	if (r || !verf_at || (!l->any && !eof)) {
		*out = start;
		put_failure(rq, r ? nfs3_status(rq, r) : NFS3ERR_TOOSMALL,
			    &attr);
		return 0;
	}
	store64(verf_at, verf);
	out->end = start.end;
	put32(out, FALSE);
	put32(out, eof);
	return 0;
}

int nfs3_readdir(struct request *rq, struct waiter *w)
{
	struct listing l = { .rq = rq };
	struct fh_arg fh = get_fh(&rq->in);
	uint64_t cookie = get64(&rq->in);
	uint64_t verf = get64(&rq->in);
	uint32_t count = get32(&rq->in);

	if (rq->in.bad)
		return -EBADMSG;
	return list(&l, fh, cookie, verf, count, w);
}

int nfs3_readdirplus(struct request *rq, struct waiter *w)
{
	struct listing l = { .rq = rq, .plus = true };
	struct fh_arg fh = get_fh(&rq->in);
	uint64_t cookie = get64(&rq->in);
	uint64_t verf = get64(&rq->in);
	uint32_t dircount = get32(&rq->in);
	uint32_t maxcount = get32(&rq->in);

	if (rq->in.bad)
		return -EBADMSG;
	l.dircount = dircount;
	return list(&l, fh, cookie, verf, maxcount, w);
}
