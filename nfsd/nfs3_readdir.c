/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* READDIR and READDIRPLUS: entries go straight into the reply, for as long
 * as they fit in what the client has room for. */
#include <errno.h>

#include "nfsd/attr.h"
#include "nfsd/fh.h"
#include "nfsd/memo.h"
#include "nfsd/nfs3_proc.h"

enum {
	/* What ends a list: no further entry; eof. */
	LIST_END = 4 + 4,
	/* Entry follows; fileid; length of the name; cookie. */
	ENTRY_FIXED = 4 + 8 + 4 + 8,
};

_Static_assert((int)RPC_RESULTS_MAX >= 4 + NFS3_IO_MAX,
	       "there is room for the status and all that may be asked for");

/* What a client asks for. */
struct ask {
	struct fh_arg fh;
	uint64_t cookie, verf;
	uint32_t names;         /* bytes for names; READDIRPLUS */
	uint32_t room;          /* bytes for the results, without the status */
};

struct listing {
	struct request *rq;
	bool plus;
	bool partial;           /* not all that could be told is known yet */
	uint32_t dircount;      /* bytes left of it */
	bool any;               /* an entry is in the reply */
};

static struct ask get_ask(struct reader *in)
{
	struct ask ask = { .fh = get_fh(in) };

	ask.cookie = get64(in);
	ask.verf = get64(in);
	return ask;
}

/* An entry's attributes and handle, as far as they are known. */
static void put_plus(struct listing *l, const struct fs_dirent *e)
{
	struct writer *out = &l->rq->out;
	struct fh fh;

	/* What ".." is may change without its directory. */
	l->partial |= !e->attr || !e->where || e->where->kind == NODE_LEVEL;
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

/* ---- replies that were made before ---- */

/* Which reply it is.  0; -ENODATA: none that could be kept; or
 * -EINPROGRESS. */
static int page_of(struct listing *l, const struct ask *ask,
		   struct waiter *w, struct fs_page *ret)
{
	const struct memo_node *dir;
	int r = memo_find(l->rq->memo, ask->fh, w, &dir);

	if (r)
		return r;
	if (dir->type != FT_DIR || ask->cookie > UINT32_MAX)
		return -ENODATA;
	*ret = (struct fs_page){
		.root = dir->proof.root,
		.serial = dir->proof.serial,
		.dir = dir->fileid,
		/* That of no cookie says nothing. */
		.verf = ask->cookie ? ask->verf : 0,
		.cookie = (uint32_t)ask->cookie,
		.room = ask->room,
		.names = ask->names,
		.plus = l->plus,
	};
	return 0;
}

/* Keep what is asked for twice: most listings are asked for once. */
static void keep_page(struct request *rq, const struct fs_page *page,
		      const uint8_t *from)
{
	uint64_t what = page->dir ^ page->serial << 48 ^
			(uint64_t)page->cookie << 16 ^ page->room ^
			page->names ^ page->plus;

	if (memo_asked(rq->memo, what))
		fs_keep_page(rq->service->fs, page, from,
			     (size_t)(rq->out.p - from));
}

/* ---- making one ---- */

static int list(struct listing *l, const struct ask *ask, struct waiter *w)
{
	CLEANUP_NODE struct node dir = { 0 };
	struct request *rq = l->rq;
	struct writer start = rq->out;
	struct writer *out = &rq->out;
	post_op_attr attr = { .attributes_follow = FALSE };
	uint64_t verf = ask->verf;
	size_t room = ask->room;
	struct fs_page page;
	struct attr known;
	uint8_t *verf_at;
	bool eof;
	int r;

	r = page_of(l, ask, w, &page);
	if (r == -EINPROGRESS)
		return r;
	if (!r && !fs_find_page(rq->service->fs, &page, &rq->tail))
		return 0;
	r = fh_node(rq->service, ask->fh.data, ask->fh.len, w, &dir);
	if (r == -EINPROGRESS)
		return r;
	attr = attr_known(rq->service, &dir);
	if (r) {
		put_failure(rq, nfs3_status(rq, r), &attr);
		return 0;
	}
	if (fs_getattr(&dir, NULL, &known))
		l->partial = true;
	else
		memo_keep(rq->memo, ask->fh, &dir, &known);
	if (room > NFS3_IO_MAX)
		room = NFS3_IO_MAX;
	if (room < LIST_END)
		room = LIST_END;
	put32(out, NFS3_OK);
	out->end = out->p + room - LIST_END;
	put_post_op_attr(out, &attr);
	verf_at = put_room(out, 8);
	r = fs_readdir(&dir, ask->cookie, &verf, l->plus, w, put_entry, l,
		       &eof);
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
	if (!l->partial && !page_of(l, ask, NULL, &page))
		keep_page(rq, &page, start.p);
	return 0;
}

int nfs3_readdir(struct request *rq, struct waiter *w)
{
	struct listing l = { .rq = rq };
	struct ask ask = get_ask(&rq->in);

	ask.room = get32(&rq->in);
	return rq->in.bad ? -EBADMSG : list(&l, &ask, w);
}

int nfs3_readdirplus(struct request *rq, struct waiter *w)
{
	struct listing l = { .rq = rq, .plus = true };
	struct ask ask = get_ask(&rq->in);

	l.dircount = ask.names = get32(&rq->in);
	ask.room = get32(&rq->in);
	return rq->in.bad ? -EBADMSG : list(&l, &ask, w);
}
