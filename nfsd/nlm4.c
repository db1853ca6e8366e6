/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The lock manager, version 4: RFC 1813 appendix II.
 *
 * Shared locks on what nobody can write never conflict, so all are granted
 * and none is remembered: there is nothing to recover after a restart, of
 * the server or of a client, and no status monitor has to be told.
 * Exclusive ones would have to be remembered; they are for writers, and
 * refused.  The procedures that answer by calling back are not there. */
#include <errno.h>

#include "nfsd/fh.h"
#include "nfsd/nlm4.h"          /* rpcgen */
#include "nfsd/rpc.h"

static uint32_t status_of(const struct proc *proc, int err)
{
	(void)proc;
	(void)err;
	return NLM4_FAILED;
}

static int null(struct request *rq, struct waiter *w)
{
	(void)rq;
	(void)w;
	return 0;
}

/* A handle that would have to be waited for is taken for good. */
static nlm4_stats check(const struct request *rq, const nlm4_lock *lock)
{
	CLEANUP_NODE struct node node = { 0 };

	if (!fh_admits(rq->service, &rq->caller, lock->fh.nlm_opaque_val,
		       lock->fh.nlm_opaque_len))
		return NLM4_DENIED_NOLOCKS;
	switch (fh_node(rq->service, lock->fh.nlm_opaque_val,
			lock->fh.nlm_opaque_len, NULL, &node)) {
	case -EBADF:
	case -ESTALE:
		return NLM4_STALE_FH;
	}
	return NLM4_GRANTED;
}

/* Would it conflict with another?  There is none. */
static void test(struct request *rq, const void *arg, void *res)
{
	const nlm4_testargs *a = arg;
	nlm4_res *ret = res;

	ret->cookie = a->cookie;
	ret->stat = check(rq, &a->lock);
}

static void lock(struct request *rq, const void *arg, void *res)
{
	const nlm4_lockargs *a = arg;
	nlm4_res *ret = res;

	ret->cookie = a->cookie;
	ret->stat = check(rq, &a->lock);
	if (ret->stat == NLM4_GRANTED && a->exclusive)
		ret->stat = NLM4_ROFS;
}

/* What never waits need not be cancelled. */
static void cancel(struct request *rq, const void *arg, void *res)
{
	const nlm4_cancargs *a = arg;
	nlm4_res *ret = res;

	(void)rq;
	ret->cookie = a->cookie;
	ret->stat = NLM4_GRANTED;
}

static void unlock(struct request *rq, const void *arg, void *res)
{
	const nlm4_unlockargs *a = arg;
	nlm4_res *ret = res;

	(void)rq;
	ret->cookie = a->cookie;
	ret->stat = NLM4_GRANTED;
}

static void free_all(struct request *rq, const void *arg, void *res)
{
	(void)rq;
	(void)arg;
	(void)res;
}

static bool_t xdr_nothing(XDR *xdrs, void *nothing)
{
	(void)xdrs;
	(void)nothing;
	return TRUE;
}

#define GENERATED(fn, arg) { \
	.name = "NLM " #fn, \
	.answer = fn, \
	.xdr_arg = (rpc_xdr *)xdr_##arg, \
	.xdr_res = (rpc_xdr *)xdr_nlm4_res, \
	.arg_size = sizeof(arg), \
	.res_size = sizeof(nlm4_res), \
}

static const struct proc procs[] = {
	[NLMPROC4_NULL] = { .name = "NLM NULL", .run = null,
			   .open = true },
	[NLMPROC4_TEST] = GENERATED(test, nlm4_testargs),
	[NLMPROC4_LOCK] = GENERATED(lock, nlm4_lockargs),
	[NLMPROC4_CANCEL] = GENERATED(cancel, nlm4_cancargs),
	[NLMPROC4_UNLOCK] = GENERATED(unlock, nlm4_unlockargs),
	[NLMPROC4_NM_LOCK] = GENERATED(lock, nlm4_lockargs),
	[NLMPROC4_FREE_ALL] = {
		.name = "NLM free_all",
		.answer = free_all,
		.xdr_arg = (rpc_xdr *)xdr_nlm4_notify,
		.xdr_res = xdr_nothing,
		.arg_size = sizeof(nlm4_notify),
	},
};

const struct program nlm4_program = {
	.number = NLM_PROGRAM,
	.version = NLM_V4,
	.nproc = sizeof procs / sizeof *procs,
	.proc = procs,
	.status = status_of,
};
