/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The MOUNT version 3 procedures, RFC 1813 appendix I.  MNT may have to
 * wait and is written by hand; nobody is remembered, so the rest has
 * little to tell. */
#include <errno.h>
#include <stdio.h>

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

/* From "/" to the directory at 'path'.  'given': the rule whose secret came
 * before it. */
static int walk(const struct request *rq, const struct rule *given,
		const char *path, size_t len, struct waiter *w,
		struct node *ret)
{
	CLEANUP_NODE struct node node = { 0 };
	const struct service *s = rq->service;
	const char *end = path + len;
	struct attr attr;
	int r;

	fs_top(s->fs, &node);
	while (path < end) {
		struct node next = { 0 };
		const char *name = path;

		while (path < end && *path != '/')
			path++;
		if (path > name) {
			size_t n = (size_t)(path - name);
			const struct rule *rule =
				service_rule(s, fs_rule_below(&node, name, n));

			r = rule_lets_in(rule, &rq->caller, rule == given) ?
			    fs_lookup(&node, name, n, w, &next) : -EACCES;
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

/* Secrets come first in a path: the listener's, then that of the root.  They
 * are told nobody: 'path' goes on behind them.  *own: whether the former was
 * there.  Returns the rule of the latter, or NULL. */
static const struct rule *take_secrets(const struct request *rq,
				       const char **path, size_t *len,
				       bool *own)
{
	const struct service *s = rq->service;

	*own = rule_takes_secret(rq->caller.client->rule, path, len);
	for (size_t i = 0; i < s->nrule; i++)
		if (rule_takes_secret(s->rule[i], path, len))
			return s->rule[i];
	return NULL;
}

static int enter(const struct request *rq, const char *path, size_t len,
		 struct waiter *w, struct node *ret)
{
	bool own;
	const struct rule *given = take_secrets(rq, &path, &len, &own);
	int r;

	if (!rule_lets_in(rq->caller.client->rule, &rq->caller, own))
		return -EACCES;
	r = walk(rq, given, path, len, w, ret);
	if (r != -EINPROGRESS)
		log_debug("mount", "path=%.*s error=%s", (int)len, path,
			  r ? strerror(-r) : "");
	return r;
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
	r = enter(rq, path, len, w, &node);
	if (r == -EINPROGRESS)
		return r;
	put32(&rq->out, mount_status(r));
	if (r)
		return 0;
	rpc_mounted(rq);
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

/* The whole tree, to whom the path "/" leads into it. */
static void export(struct request *rq, const void *arg, void *res)
{
	static char slash[] = "/";
	static exportnode all = { .dir = { 1, slash } };
	exports *ret = res;

	(void)arg;
	ret->first = rule_would_let_in(rq->caller.client->rule, &rq->caller) ?
		     &all : NULL;
}

static void about(const struct request *rq, char *ret, size_t room)
{
	struct reader in = rq->args;
	const char *path;
	size_t len;
	bool own;

	*ret = '\0';
	if (rq->proc != &mount3_program.proc[MOUNTPROC3_MNT] &&
	    rq->proc != &mount3_program.proc[MOUNTPROC3_UMNT])
		return;
	path = (const char *)get_opaque(&in, MNTPATHLEN, &len);
	if (in.bad)
		return;
	take_secrets(rq, &path, &len, &own);
	snprintf(ret, room, "%s%.*s", len && *path == '/' ? "" : "/",
		 (int)len, path);
}

static bool_t xdr_nothing(XDR *xdrs, void *nothing)
{
	(void)xdrs;
	(void)nothing;
	return TRUE;
}

static const struct proc procs[] = {
	[MOUNTPROC3_NULL] = {
		.name = "MOUNT NULL",
		.run = null,
		.open = true,
	},
	[MOUNTPROC3_MNT] = { .name = "MNT", .run = mnt, .open = true },
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
	.name = "mount",
	.number = MOUNT_PROGRAM,
	.version = MOUNT_V3,
	.nproc = sizeof procs / sizeof *procs,
	.proc = procs,
	.status = status_of,
	.about = about,
};
