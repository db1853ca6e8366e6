/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The MOUNT version 3 procedures, RFC 1813 appendix I.  MNT may have to
 * wait and is written by hand; nobody is remembered, so the rest has
 * little to tell. */
#include <errno.h>

#include "common/log.h"
#include "nfsd/fh.h"
#include "nfsd/mount3.h"        /* rpcgen */
#include "nfsd/rpc.h"
#include "nfsd/status.h"

static uint32_t status_of(const struct proc *proc, int err)
{
	(void)proc;
	return mount_status(err);
}

static int null(struct request *rq, struct waiter *w)
{
	(void)rq;
	(void)w;
	return 0;
}

/* From "/" to the directory at 'path'. */
static int walk(struct fs *fs, const char *path, size_t len,
		struct waiter *w, struct node *ret)
{
	CLEANUP_NODE struct node node = { 0 };
	const char *end = path + len;
	struct attr attr;
	int r;

	fs_top(fs, &node);
	while (path < end) {
		struct node next = { 0 };
		const char *name = path;

		while (path < end && *path != '/')
			path++;
		if (path > name) {
			r = fs_lookup(&node, name, (size_t)(path - name), w,
				      &next);
			if (r)
				return r;
			node_clear(&node);
			node = next;
		}
		if (path < end)
			path++;
	}
	r = fs_getattr(&node, w, &attr);
	if (r)
		return r;
	if (attr.type != FT_DIR && attr.type != FT_GITLINK)
		return -ENOTDIR;
	*ret = node;
	node = (struct node){ 0 };
	return 0;
}

static int mnt(struct request *rq, struct waiter *w)
{
	CLEANUP_NODE struct node node = { 0 };
	const char *path;
	struct fh fh;
	size_t len;
	int r;

	path = (const char *)get_opaque(&rq->in, MNTPATHLEN, &len);
	if (rq->in.bad)
		return -EBADMSG;
	r = walk(rq->service->fs, path, len, w, &node);
	if (r == -EINPROGRESS)
		return r;
	log_debug("mount", "path=%.*s error=%s", (int)len, path,
		  r ? strerror(-r) : "");
	put32(&rq->out, mount_status(r));
	if (r)
		return 0;
	fh_of(rq->service, &node, &fh);
	put_opaque(&rq->out, fh.data, fh.len);
	put32(&rq->out, 2);
	put32(&rq->out, AUTH_SYS);
	put32(&rq->out, AUTH_NONE);
	return 0;
}

static void dump(struct request *rq, const void *arg, void *res)
{
	mountlist *ret = res;

	(void)rq;
	(void)arg;
	ret->first = NULL;
}

static void umnt(struct request *rq, const void *arg, void *res)
{
	(void)rq;
	(void)arg;
	(void)res;
}

/* The whole tree, to everybody. */
static void export(struct request *rq, const void *arg, void *res)
{
	static char slash[] = "/";
	static exportnode all = { .dir = { 1, slash } };
	exports *ret = res;

	(void)rq;
	(void)arg;
	ret->first = &all;
}

static bool_t xdr_nothing(XDR *xdrs, void *nothing)
{
	(void)xdrs;
	(void)nothing;
	return TRUE;
}

static const struct proc procs[] = {
	[MOUNTPROC3_NULL] = { .name = "MOUNT NULL", .run = null },
	[MOUNTPROC3_MNT] = { .name = "MNT", .run = mnt },
	[MOUNTPROC3_DUMP] = {
		.name = "DUMP",
		.answer = dump,
		.xdr_arg = xdr_nothing,
		.xdr_res = (rpc_xdr *)xdr_mountlist,
		.res_size = sizeof(mountlist),
	},
	[MOUNTPROC3_UMNT] = {
		.name = "UMNT",
		.answer = umnt,
		.xdr_arg = (rpc_xdr *)xdr_dirpath,
		.xdr_res = xdr_nothing,
		.arg_size = sizeof(dirpath),
	},
	[MOUNTPROC3_UMNTALL] = { .name = "UMNTALL", .run = null },
	[MOUNTPROC3_EXPORT] = {
		.name = "EXPORT",
		.answer = export,
		.xdr_arg = xdr_nothing,
		.xdr_res = (rpc_xdr *)xdr_exports,
		.res_size = sizeof(exports),
	},
};

const struct program mount3_program = {
	.number = MOUNT_PROGRAM,
	.version = MOUNT_V3,
	.nproc = sizeof procs / sizeof *procs,
	.proc = procs,
	.status = status_of,
};
