/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The NFS version 3 procedures, RFC 1813.  Those that are asked often, and
 * all that may have to wait, read and write XDR by hand; the rest is
 * generated, and answers from what is in memory. */
#include <errno.h>
#include <limits.h>

#include "common/log.h"
#include "nfsd/attr.h"
#include "nfsd/fh.h"
#include "nfsd/memo.h"
#include "nfsd/nfs3_proc.h"
#include "nfsd/status.h"

enum {
	WRITE_MAX = 32768,      /* so that no client sends much for nothing */
	BLOCK_SIZE = 4096,
	LISTING_SIZE = 65536,   /* what clients had best ask for */
};

_Static_assert((int)NFS3_LONGEST == (int)RPC_RECORD_MAX,
	       "what the RFC leaves unbounded may fill a record");

static enum nfsproc3 number_of(const struct proc *proc)
{
	return (enum nfsproc3)(proc - nfs3_program.proc);
}

static uint32_t status_of(const struct proc *proc, int err)
{
	return nfs_status(number_of(proc), err);
}

nfsstat3 nfs3_status(const struct request *rq, int err)
{
	nfsstat3 status = nfs_status(number_of(rq->proc), err);
	char about[RPC_ABOUT];

	if (status == NFS3ERR_IO || status == NFS3ERR_SERVERFAULT) {
		nfs3_about(rq, about, sizeof about);
		log_warning("call failed", "proc=%s path=%s error=%s",
			    rq->proc->name, about, strerror(-err));
	}
	return status;
}

static int fh_to_node(const struct request *rq, struct fh_arg fh,
		      struct waiter *w, struct node *ret)
{
	return fh_node(rq->service, fh.data, fh.len, w, ret);
}

/* What every failure but GETATTR's consists of. */
static void put_failure(struct request *rq, int err, struct node *node)
{
	post_op_attr attr = attr_known(rq->service, node);

	put32(&rq->out, nfs3_status(rq, err));
	put_post_op_attr(&rq->out, &attr);
}

static void put_attr(struct request *rq, const struct memo_node *node)
{
	put32(&rq->out, TRUE);
	put_bytes(&rq->out, node->attr, sizeof node->attr);
}

static void put_known_attr(struct request *rq, struct node *node)
{
	post_op_attr attr = attr_known(rq->service, node);

	put_post_op_attr(&rq->out, &attr);
}

/* ---- by hand ---- */

static int null(struct request *rq, struct waiter *w)
{
	(void)rq;
	(void)w;
	return 0;
}

/* The attributes of what 'fh' names. */
static int find(struct request *rq, struct fh_arg fh, struct waiter *w,
		const struct memo_node **ret)
{
	CLEANUP_NODE struct node node = { 0 };
	struct attr attr;
	int r = memo_find(rq->memo, fh, w, ret);

	if (r != -ENODATA)
		return r;
	r = fh_to_node(rq, fh, w, &node);
	if (!r)
		r = fs_getattr(&node, w, &attr);
	if (!r)
		*ret = memo_keep(rq->memo, fh, &node, &attr);
	return r;
}

static int getattr(struct request *rq, struct waiter *w)
{
	struct fh_arg fh = get_fh(&rq->in);
	const struct memo_node *found;
	int r;

	if (rq->in.bad)
		return -EBADMSG;
	r = find(rq, fh, w, &found);
	if (r == -EINPROGRESS)
		return r;
	put32(&rq->out, nfs3_status(rq, r));
	if (!r)
		put_bytes(&rq->out, found->attr, sizeof found->attr);
	return 0;
}

/* Asked before anything is asked of a source. */
static bool may_enter(const struct request *rq, const struct node *dir,
		      const char *name, size_t len)
{
	const struct service *s = rq->service;

	return !s->nrule ||
	       rule_lets_in(service_rule(s, fs_rule_below(dir, name, len)),
			    &rq->caller, false);
}

static int lookup_known(struct request *rq, struct fh_arg fh,
			const char *name, size_t len, struct waiter *w)
{
	const struct memo_node *dir, *found;
	int r = memo_find(rq->memo, fh, w, &dir);

	if (!r)
		r = memo_find_name(rq->memo, dir, name, len, &found);
	if (r)
		return r;
	put32(&rq->out, nfs3_status(rq, found ? 0 : -ENOENT));
	if (found) {
		put_opaque(&rq->out, found->fh, found->fh_len);
		put_attr(rq, found);
	}
	put_attr(rq, dir);
	return 0;
}

/* Remember what a name in 'dir' names; a handle of length 0: nothing. */
static void keep_name(struct request *rq, struct fh_arg dir_fh,
		      struct node *dir, const char *name, size_t len,
		      struct fh_arg found)
{
	struct attr attr;

	if (fs_getattr(dir, NULL, &attr))
		return;
	memo_keep(rq->memo, dir_fh, dir, &attr);
	memo_keep_name(rq->memo, dir_fh, name, len, found);
}

/* A name that nothing can have is not kept until its directory is there. */
static int too_long(struct request *rq, struct fh_arg fh, const char *name,
		    size_t len)
{
	CLEANUP_NODE struct node dir = { 0 }, nothing = { 0 };
	int r = fh_to_node(rq, fh, NULL, &dir);

	if (!r)
		r = fs_lookup(&dir, name, len, NULL, &nothing);
	put_failure(rq, r == -EINPROGRESS ? -ENAMETOOLONG : r, &dir);
	return 0;
}

static int lookup(struct request *rq, struct waiter *w)
{
	CLEANUP_NODE struct node dir = { 0 }, node = { 0 };
	struct fh_arg fh = get_fh(&rq->in), found_fh;
	const struct memo_node *known;
	struct attr attr;
	struct fh found;
	const char *name;
	size_t len;
	int r;

	name = (const char *)get_opaque(&rq->in, NFS3_LONGEST, &len);
	if (rq->in.bad)
		return -EBADMSG;
	if (len > FS_NAME_MAX)
		return too_long(rq, fh, name, len);
	r = lookup_known(rq, fh, name, len, w);
	if (r != -ENODATA)
		return r;
	r = fh_to_node(rq, fh, w, &dir);
	if (!r && !may_enter(rq, &dir, name, len))
		r = -EACCES;
	if (!r) {
		r = fs_lookup(&dir, name, len, w, &node);
		if (r == -ENOENT)
			keep_name(rq, fh, &dir, name, len,
				  (struct fh_arg){ 0 });
	}
	if (!r)
		r = fs_getattr(&node, w, &attr);
	if (r == -EINPROGRESS)
		return r;
	if (r) {
		put_failure(rq, r, &dir);
		return 0;
	}
	fh_of(rq->service, &node, &found);
	found_fh = (struct fh_arg){ found.data, found.len };
	known = memo_keep(rq->memo, found_fh, &node, &attr);
	put32(&rq->out, NFS3_OK);
	put_opaque(&rq->out, found.data, found.len);
	put_attr(rq, known);
	put_known_attr(rq, &dir);
	keep_name(rq, fh, &dir, name, len, found_fh);
	return 0;
}

static uint32_t permitted(enum ftype type)
{
	switch (type) {
	case FT_DIR:
	case FT_GITLINK:
		return ACCESS3_READ | ACCESS3_LOOKUP | ACCESS3_EXECUTE;
	case FT_EXEC:
		return ACCESS3_READ | ACCESS3_EXECUTE;
	case FT_FILE:
	case FT_SYMLINK:
		return ACCESS3_READ;
	}
	return 0;
}

static int access_(struct request *rq, struct waiter *w)
{
	struct fh_arg fh = get_fh(&rq->in);
	uint32_t asked = get32(&rq->in);
	const struct memo_node *found;
	int r;

	if (rq->in.bad)
		return -EBADMSG;
	r = find(rq, fh, w, &found);
	if (r == -EINPROGRESS)
		return r;
	put32(&rq->out, nfs3_status(rq, r));
	if (r) {
		put32(&rq->out, FALSE);
		return 0;
	}
	put_attr(rq, found);
	put32(&rq->out, asked & permitted(found->type));
	return 0;
}

static int readlink_(struct request *rq, struct waiter *w)
{
	CLEANUP_NODE struct node node = { 0 };
	struct fh_arg fh = get_fh(&rq->in);
	struct slice text;
	int r;

	if (rq->in.bad)
		return -EBADMSG;
	r = fh_to_node(rq, fh, w, &node);
	if (!r)
		r = fs_readlink(&node, w, &text);
	if (r == -EINPROGRESS)
		return r;
	if (!r && text.len > NFS3_IO_MAX) {
		value_unref(text.owner);
		r = -EFBIG;
	}
	if (r) {
		put_failure(rq, r, &node);
		return 0;
	}
	put32(&rq->out, NFS3_OK);
	put_known_attr(rq, &node);
	put32(&rq->out, (uint32_t)text.len);
	rq->tail = text;
	return 0;
}

static void put_data(struct request *rq, struct slice data, bool eof)
{
	put32(&rq->out, (uint32_t)data.len);
	put32(&rq->out, eof);
	put32(&rq->out, (uint32_t)data.len);
	rq->tail = data;
}

static int read_known(struct request *rq, struct fh_arg fh, uint64_t offset,
		      uint32_t count, struct waiter *w)
{
	const struct memo_node *found;
	struct slice data;
	bool eof;
	int r = memo_find(rq->memo, fh, w, &found);

	if (r)
		return r;
	if (fs_peek(rq->service->fs, &found->proof, offset, count, &data,
		    &eof))
		return -ENODATA;
	put32(&rq->out, NFS3_OK);
	put_attr(rq, found);
	put_data(rq, data, eof);
	return 0;
}

static int read_(struct request *rq, struct waiter *w)
{
	CLEANUP_NODE struct node node = { 0 };
	struct fh_arg fh = get_fh(&rq->in);
	uint64_t offset = get64(&rq->in);
	uint32_t count = get32(&rq->in);
	struct slice data;
	struct attr attr;
	bool eof;
	int r;

	if (rq->in.bad)
		return -EBADMSG;
	if (count > NFS3_IO_MAX)
		count = NFS3_IO_MAX;
	r = read_known(rq, fh, offset, count, w);
	if (r != -ENODATA)
		return r;
	r = fh_to_node(rq, fh, w, &node);
	if (!r)
		r = fs_read(&node, offset, count, w, &data, &eof);
	if (r == -EINPROGRESS)
		return r;
	if (r) {
		put_failure(rq, r, &node);
		return 0;
	}
	put32(&rq->out, NFS3_OK);
	if (fs_getattr(&node, NULL, &attr))
		put32(&rq->out, FALSE);
	else
		put_attr(rq, memo_keep(rq->memo, fh, &node, &attr));
	put_data(rq, data, eof);
	return 0;
}

/* ---- generated: what tells about the file system ---- */

/* Attributes as far as they are in memory.  A handle that would have to be
 * waited for is taken for good: what is asked here does not depend on it. */
static nfsstat3 look_at(struct request *rq, const nfs_fh3 *fh,
			post_op_attr *ret)
{
	CLEANUP_NODE struct node node = { 0 };
	int r = fh_node(rq->service, fh->nfs_fh3_val, fh->nfs_fh3_len, NULL,
			&node);

	*ret = attr_known(rq->service, &node);
	return nfs3_status(rq, r == -EINPROGRESS ? 0 : r);
}

static void fsstat(struct request *rq, const void *arg, void *res)
{
	const FSSTAT3args *a = arg;
	FSSTAT3res *ret = res;
	FSSTAT3resok *ok = &ret->FSSTAT3res_u.ok;
	struct fs_space space;
	post_op_attr attr;

	ret->status = look_at(rq, &a->root, &attr);
	if (ret->status != NFS3_OK) {
		ret->FSSTAT3res_u.fail = attr;
		return;
	}
	fs_space(rq->service->fs, &space);
	ok->attributes = attr;
	ok->tbytes = space.bytes;
	ok->tfiles = space.entries;
}

static void fsinfo(struct request *rq, const void *arg, void *res)
{
	const FSINFO3args *a = arg;
	FSINFO3res *ret = res;
	post_op_attr attr;

	rpc_mounted(rq);        /* or nearly: now its locks are set up */
	ret->status = look_at(rq, &a->root, &attr);
	if (ret->status != NFS3_OK) {
		ret->FSINFO3res_u.fail = attr;
		return;
	}
	ret->FSINFO3res_u.ok = (FSINFO3resok){
		.attributes = attr,
		.rtmax = NFS3_IO_MAX,
		.rtpref = NFS3_IO_MAX,
		.rtmult = BLOCK_SIZE,
		.wtmax = WRITE_MAX,
		.wtpref = WRITE_MAX,
		.wtmult = BLOCK_SIZE,
		.dtpref = LISTING_SIZE,
		.maxfilesize = INT64_MAX,
		.time_delta = { 0, 1 },
		.properties = FSF3_SYMLINK | FSF3_HOMOGENEOUS,
	};
}

static void pathconf_(struct request *rq, const void *arg, void *res)
{
	const PATHCONF3args *a = arg;
	PATHCONF3res *ret = res;
	post_op_attr attr;

	ret->status = look_at(rq, &a->object, &attr);
	if (ret->status != NFS3_OK) {
		ret->PATHCONF3res_u.fail = attr;
		return;
	}
	ret->PATHCONF3res_u.ok = (PATHCONF3resok){
		.attributes = attr,
		.linkmax = 1,
		.name_max = FS_NAME_MAX,
		.no_trunc = TRUE,
		.chown_restricted = TRUE,
		.case_insensitive = FALSE,
		.case_preserving = TRUE,
	};
}

/* ---- generated: what would change something ---- */

static nfsstat3 refuse(struct request *rq, const nfs_fh3 *fh, wcc_data *ret)
{
	nfsstat3 status = look_at(rq, fh, &ret->after);

	return status == NFS3_OK ? nfs3_status(rq, -EROFS) : status;
}

static void setattr(struct request *rq, const void *arg, void *res)
{
	const SETATTR3args *a = arg;
	SETATTR3res *ret = res;

	ret->status = refuse(rq, &a->object, &ret->wcc);
}

static void write_(struct request *rq, const void *arg, void *res)
{
	const WRITE3args *a = arg;
	WRITE3res *ret = res;

	ret->status = refuse(rq, &a->file, &ret->WRITE3res_u.fail);
}

static void create(struct request *rq, const void *arg, void *res)
{
	const CREATE3args *a = arg;
	CREATE3res *ret = res;

	ret->status = refuse(rq, &a->where.dir, &ret->CREATE3res_u.fail);
}

static void mkdir_(struct request *rq, const void *arg, void *res)
{
	const MKDIR3args *a = arg;
	CREATE3res *ret = res;

	ret->status = refuse(rq, &a->where.dir, &ret->CREATE3res_u.fail);
}

static void symlink_(struct request *rq, const void *arg, void *res)
{
	const SYMLINK3args *a = arg;
	CREATE3res *ret = res;

	ret->status = refuse(rq, &a->where.dir, &ret->CREATE3res_u.fail);
}

static void mknod_(struct request *rq, const void *arg, void *res)
{
	const MKNOD3args *a = arg;
	CREATE3res *ret = res;

	ret->status = refuse(rq, &a->where.dir, &ret->CREATE3res_u.fail);
}

static void remove_(struct request *rq, const void *arg, void *res)
{
	const REMOVE3args *a = arg;
	REMOVE3res *ret = res;

	ret->status = refuse(rq, &a->object.dir, &ret->dir_wcc);
}

static void rename_(struct request *rq, const void *arg, void *res)
{
	const RENAME3args *a = arg;
	RENAME3res *ret = res;
	nfsstat3 to;

	ret->status = refuse(rq, &a->from.dir, &ret->from_wcc);
	to = refuse(rq, &a->to.dir, &ret->to_wcc);
	if (ret->status == NFS3ERR_ROFS)
		ret->status = to;
}

static void link_(struct request *rq, const void *arg, void *res)
{
	const LINK3args *a = arg;
	LINK3res *ret = res;
	nfsstat3 dir;

	ret->status = look_at(rq, &a->file, &ret->attributes);
	dir = refuse(rq, &a->link.dir, &ret->dir_wcc);
	if (ret->status == NFS3_OK)
		ret->status = dir;
}

/* There is never anything that is not yet on the disk. */
static void commit(struct request *rq, const void *arg, void *res)
{
	const COMMIT3args *a = arg;
	COMMIT3res *ret = res;
	post_op_attr attr;

	ret->status = look_at(rq, &a->file, &attr);
	if (ret->status == NFS3_OK)
		ret->COMMIT3res_u.ok.wcc.after = attr;
	else
		ret->COMMIT3res_u.fail.after = attr;
}

/* ---- who may ---- */

/* What is wrong with a handle is for the procedure to say. */
static bool admits_fh(const struct request *rq, struct reader *args)
{
	struct fh_arg fh = get_fh(args);

	return args->bad ||
	       fh_admits(rq->service, &rq->caller, fh.data, fh.len);
}

static bool admits(const struct request *rq)
{
	struct reader args = rq->args;
	size_t len;

	if (!rq->service->nrule)
		return true;
	if (!admits_fh(rq, &args))
		return false;
	switch (number_of(rq->proc)) {
	case NFSPROC3_RENAME:
		get_opaque(&args, NFS3_LONGEST, &len);
		return admits_fh(rq, &args);
	case NFSPROC3_LINK:
		return admits_fh(rq, &args);
	default:
		return true;
	}
}

/* ---- the table ---- */

#define BY_HAND(number, fn, words) [NFSPROC3_##number] = { \
	.name = #number, \
	.run = (fn), \
	.fail_words = (words), \
	.later = true, \
}
#define GENERATED(number, fn, arg, res) [NFSPROC3_##number] = { \
	.name = #number, \
	.answer = (fn), \
	.xdr_arg = (rpc_xdr *)xdr_##arg, \
	.xdr_res = (rpc_xdr *)xdr_##res, \
	.arg_size = sizeof(arg), \
	.res_size = sizeof(res), \
}

static const struct proc procs[] = {
	[NFSPROC3_NULL] = { .name = "NULL", .run = null, .open = true },
	BY_HAND(GETATTR, getattr, 0),
	GENERATED(SETATTR, setattr, SETATTR3args, SETATTR3res),
	BY_HAND(LOOKUP, lookup, 1),
	BY_HAND(ACCESS, access_, 1),
	BY_HAND(READLINK, readlink_, 1),
	BY_HAND(READ, read_, 1),
	GENERATED(WRITE, write_, WRITE3args, WRITE3res),
	GENERATED(CREATE, create, CREATE3args, CREATE3res),
	GENERATED(MKDIR, mkdir_, MKDIR3args, CREATE3res),
	GENERATED(SYMLINK, symlink_, SYMLINK3args, CREATE3res),
	GENERATED(MKNOD, mknod_, MKNOD3args, CREATE3res),
	GENERATED(REMOVE, remove_, REMOVE3args, REMOVE3res),
	GENERATED(RMDIR, remove_, REMOVE3args, REMOVE3res),
	GENERATED(RENAME, rename_, RENAME3args, RENAME3res),
	GENERATED(LINK, link_, LINK3args, LINK3res),
	BY_HAND(READDIR, nfs3_readdir, 1),
	BY_HAND(READDIRPLUS, nfs3_readdirplus, 1),
	GENERATED(FSSTAT, fsstat, FSSTAT3args, FSSTAT3res),
	GENERATED(FSINFO, fsinfo, FSINFO3args, FSINFO3res),
	GENERATED(PATHCONF, pathconf_, PATHCONF3args, PATHCONF3res),
	GENERATED(COMMIT, commit, COMMIT3args, COMMIT3res),
};

const struct program nfs3_program = {
	.name = "nfs",
	.number = NFS_PROGRAM,
	.version = NFS_V3,
	.nproc = sizeof procs / sizeof *procs,
	.proc = procs,
	.status = status_of,
	.admits = admits,
	.about = nfs3_about,
};
