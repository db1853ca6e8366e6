/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* rpc.h - ONC RPC calls (RFC 5531) and what answers them.
 *
 * A call is born on the loop whose connection read it, runs there, is
 * parked and run again there, and ends there when its reply is queued.
 * Only its waiter is touched by other threads, so procedures need no lock.
 *
 * Restart, don't resume: a procedure that finds something missing parks
 * and is run again from the top, arguments and all, when that has landed.
 * What each wait brought is kept until the reply is queued, so that every
 * run gets further than the last.  A call that is parked too long is
 * answered "ask again later"; its request then lives on, answered, until
 * its waiter wakes, for a waiter cannot be taken back.
 *
 * Knows no procedure, no file and no socket.
 *
 * Threads: a struct rpc belongs to its loop's thread.
 * Errors: -ENOMEM, and what each function adds.
 */
#ifndef NFSD_RPC_H
#define NFSD_RPC_H

#include <rpc/rpc.h>
#include <sys/socket.h>

#include "common/span.h"
#include "common/waiter.h"
#include "nfsd/access.h"
#include "nfsd/loop.h"
#include "nfsd/service.h"
#include "nfsd/xdr.h"

struct conn;
struct memo;
struct rpc;

enum {
	/* The deepest path takes one wait a directory; this is a bug. */
	RPC_RUNS_MAX = 1024,
	/* What one call may bring: the largest WRITE and its head. */
	RPC_RECORD_MAX = (64 + 32) << 10,
	/* What one may be answered, not counting request.tail. */
	RPC_RESULTS_MAX = (1 << 20) + 4,
	/* What comes before: record mark; accepted, SUCCESS. */
	RPC_HEAD = 4 + 6 * 4,
	RPC_REPLY_MAX = RPC_HEAD + RPC_RESULTS_MAX,
	RPC_ABOUT = 256,
	RPC_DATAGRAM_MAX = 8 << 10,     /* call or reply */
};

/* A call, as its procedure sees it. */
struct request {
	const struct service *service;
	struct caller caller;
	struct memo *memo;
	struct reader in;       /* the arguments */
	struct writer out;      /* the results, RPC_RESULTS_MAX of room */
	struct slice tail;      /* an opaque's bytes, sent after 'out' as they
				 * are and padded; owned */

	/* The rest is rpc.c's own. */
	struct rpc *rpc;
	struct conn *conn;      /* NULL: it came in a datagram */
	const struct sockaddr_storage *local;   /* to here */
	const struct program *program;
	const struct proc *proc;
	uint32_t xid;
	struct waiter waiter;
	struct task again;      /* posted by the waiter */
	struct list waiting;    /* rpc->waiting, oldest first; until answered */
	uint64_t born;          /* clock_ms() of the first wait */
	uint64_t since;         /* clock_ticks() of that, or of the call
				 * itself when somebody watches */
	uint8_t slot;           /* of its procedure in the tally */
	struct span_id span;    /* once parked, when spans are exported */
	struct span_id joined;  /* for whom what it waited for was begun, if
				 * that was another */
	struct reader args;     /* the arguments, from their start */
	uint8_t *copy;          /* which is this one, once parked */
	struct value **pin;     /* what each wait brought */
	unsigned npin, pin_room;
	unsigned runs;
	bool held;              /* it has parked: its connection counts it */
	bool parked;            /* its waiter is out */
	bool answered;
};

typedef bool_t rpc_xdr(XDR *, void *);

/* Where the call came to; AF_UNSPEC: nobody can tell any more. */
void rpc_local(const struct request *, struct sockaddr_storage *ret);
/* Who sent it may have forged where it came from. */
bool rpc_is_datagram(const struct request *);

/* The caller is mounting: tell who wants to know, if it is on this machine. */
void rpc_mounted(const struct request *);

/* What a procedure is, if it has a name: written by hand, or around code from rpcgen. */
struct proc {
	const char *name;

	/* By hand: read rq->in, write rq->out, return 0; or -EINPROGRESS,
	 * parked, to be run again from the start with what was read of
	 * rq->in by then; or -EBADMSG, the arguments cannot be decoded.
	 * With a NULL waiter nothing can be parked. */
	int (*run)(struct request *rq, struct waiter *w);

	/* Generated: never parks.  'res' may point into 'arg' or to what
	 * never goes away; nobody frees it. */
	void (*answer)(struct request *rq, const void *arg, void *res);
	rpc_xdr *xdr_arg, *xdr_res;
	uint16_t arg_size, res_size;

	/* A failure's results: the status and so many zero words. */
	uint8_t fail_words;
	bool later;             /* among which is "ask again later" */
	/* The listener's rule is not asked: there is nothing to hide, or the
	 * program asks itself. */
	bool open;
};

struct program {
	const char *name;       /* "nfs" */
	uint32_t number, version;
	uint32_t nproc;
	const struct proc *proc;        /* indexed by procedure number */
	/* The status that says 'err' (negative errno). */
	uint32_t (*status)(const struct proc *, int err);
	/* May it be, as far as the arguments tell, for this caller?  Asked
	 * before each run; NULL: it may. */
	bool (*admits)(const struct request *);
	/* What the call is about, for people: a path, as far as it is in
	 * memory, cut to the room there is.  NULL: nothing to tell. */
	void (*about)(const struct request *, char *ret, size_t room);
};

extern const struct program nfs3_program, mount3_program, nlm4_program,
	portmap2_program, portmap3_program, portmap4_program;

/* The calls of one loop.  'patience_ms': how long one may be parked. */
int rpc_new(struct rpc **ret, struct loop *, const struct service *,
	    unsigned patience_ms);
/* With no call under way.  NULL is allowed. */
void rpc_free(struct rpc *);

/* The calls that follow came together. */
void rpc_batch(struct rpc *);

/* What comes behind the next record: have what it will need come into the CPU
 * meanwhile. */
void rpc_ahead(struct rpc *, const uint8_t *record, size_t len);

/* Run the call in 'record', whose bytes are the caller's again on return.
 * -EBADMSG: no call can be made out, the connection is of no use. */
int rpc_record(struct rpc *, struct conn *, const uint8_t *record, size_t len);

/* A batch of calls that has begun with rpc_batch() is sent, or queued. */
void rpc_sent(struct rpc *);

/* The calls so far.  The slots are the procedures of all programs, one
 * after the other, some without a name, which are none; NULL: there is no
 * such slot. */
struct tally;
const struct tally *rpc_tally(const struct rpc *);
const struct proc *rpc_slot(unsigned slot, const struct program **program);

/* Tell it of each call from now on, or nobody (NULL). */
struct trace;
void rpc_trace(struct rpc *, struct trace *);

/* Answer the call in a datagram, which may be the port mapper's only and came
 * to 'local'.
 * Returns the length of the reply; 0: there is none. */
size_t rpc_datagram(struct rpc *, const struct client *,
		    const struct sockaddr_storage *local,
		    const uint8_t *datagram, size_t len,
		    uint8_t reply[RPC_DATAGRAM_MAX]);

struct rpc_parked {
	const char *proc;
	uint32_t xid;
	uint64_t since;         /* clock_ms() */
	int fd;                 /* of its connection; -1: closed */
	char about[RPC_ABOUT];  /* a path, or "" */
};

/* Tell of each call that waits, oldest first. */
void rpc_parked(struct rpc *, void (*each)(void *arg,
					   const struct rpc_parked *),
		void *arg);

/* Answer "later" to all that are parked. */
void rpc_give_up(struct rpc *);

#endif
