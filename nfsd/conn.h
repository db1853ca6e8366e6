/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* conn.h - TCP connections that carry RPC records.
 *
 * Whatever has arrived is taken in one receive, all calls in it are run,
 * and all replies leave in one writev.  Calls that park are answered when
 * they can be, in any order.
 *
 * Bounds, for each connection: a record is at most RPC_RECORD_MAX bytes,
 * more is hung up on.  With CONN_CALLS_MAX calls parked or CONN_OUT_MAX
 * bytes queued nothing more is read until there are less.  A connection
 * without bytes of its own to keep has no input buffer.  After half a
 * millisecond, or 2 MiB of replies, it is the others' turn.  Who has more
 * then waits in line, and after each half millisecond everybody from whom
 * something has come goes first.
 *
 * And for all of a loop: with one connection too many, or with too many
 * bytes kept for all together, the one that has got nowhere for longest is
 * closed; clients connect again when they want something.  With
 * CONNS_WAITERS_MAX calls parked a connection may have one.
 *
 * Ownership: a connection lives as long as it is open or one of its calls
 * has a waiter out.
 *
 * Threads: conns_adopt() from any; the rest on the loop's own.
 * Errors: -ENOMEM.
 */
#ifndef NFSD_CONN_H
#define NFSD_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nfsd/rpc.h"

struct conn;
struct conns;

enum {
	CONN_CALLS_MAX = 256,
	CONN_OUT_MAX = 8 << 20,
	/* Waiters out, those of calls that were answered "later" among
	 * them.  Beyond it no call of this connection parks. */
	CONN_WAITERS_MAX = 1024,
	CONN_STOP_MS = 800,
	/* Of all connections of a loop together: bytes of records that are
	 * not complete, and bytes that were not taken. */
	CONNS_IN_MAX = 32 << 20,
	CONNS_OUT_MAX = 128 << 20,
	/* And waiters out: about a KiB each. */
	CONNS_WAITERS_MAX = 16 << 10,
};

/* The connections of one loop, up to 'max' of them. */
int conns_new(struct conns **ret, struct loop *, struct rpc *, size_t max);

/* Take over a connected socket. */
void conns_adopt(struct conns *, int fd, const struct client *);

/* Close one that does nothing, as no descriptor is left for another.  False:
 * there is none. */
bool conns_make_place(struct conns *);

/* Who is at the other end, and what came from there. */
struct conn_peer {
	int fd;
	uint64_t calls;         /* since it connected */
	uint64_t age_ms;        /* of the connection */
	unsigned parked;        /* calls */
};

/* Tell of each that is open. */
void conns_peers(struct conns *, void (*each)(void *arg,
					      const struct conn_peer *),
		 void *arg);

/* Calls that had to wait and might not, as too many did. */
uint64_t conns_turned_away(const struct conns *);

/* Read no more; answer what is under way, for up to CONN_STOP_MS; close;
 * then end the loop. */
void conns_stop(struct conns *);

/* After the loop has ended.  -EBUSY: there are waiters out, nothing was
 * freed and nothing may be.  NULL is allowed. */
int conns_free(struct conns *);

/* ---- for rpc.c ---- */

/* Where to make the next reply, record mark and all, in RPC_REPLY_MAX bytes
 * of room; and that it is made: 'len' bytes and then those of 'tail', which
 * is taken over, with padding. */
uint8_t *conn_room(struct conn *);
void conn_reply(struct conn *, size_t len, struct slice tail);

/* Nothing written here would reach anybody. */
bool conn_is_closed(const struct conn *);
/* Who is at the other end. */
const struct client *conn_client(const struct conn *);
/* -1: closed. */
int conn_fd(const struct conn *);

/* The stages of a call that parks: its first wait; its answer; the return
 * of its waiter for good, after which the connection may be gone. */
bool conn_may_park(const struct conn *);
/* It was one that may not: it is told to come again. */
void conn_turned_away(struct conn *);
void conn_parked(struct conn *);
void conn_answered(struct conn *);
void conn_released(struct conn *);

#endif
