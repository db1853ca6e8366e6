/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* raw.h - ONC RPC over TCP, byte by byte: what no client library would
 * send, and a reading of the answers that shares no code with the server.
 *
 * It knows RFC 5531 and RFC 4506; programs are the business of call.h.
 *
 * Threads: a connection belongs to one at a time.
 * Errors: what cannot be read as the RFCs say fails the test.
 */
#ifndef TEST_RAW_H
#define TEST_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- XDR ---- */

/* Bytes written at the end and read from 'at'.  Zero-initialised. */
struct wire {
	uint8_t *p;
	size_t len, cap, at;
};

void wire_free(struct wire *);
#define CLEANUP_WIRE __attribute__((cleanup(wire_free)))

void wire_put32(struct wire *, uint32_t);
void wire_put64(struct wire *, uint64_t);
void wire_put_bytes(struct wire *, const void *, size_t);
/* With its length before and padding behind. */
void wire_put_opaque(struct wire *, const void *, size_t);

uint32_t wire_get32(struct wire *);
uint64_t wire_get64(struct wire *);
bool wire_get_bool(struct wire *);
/* Both point into the wire.  The padding must be zero. */
const uint8_t *wire_get_bytes(struct wire *, size_t);
const uint8_t *wire_get_opaque(struct wire *, size_t max, size_t *len);
/* Everything has been read. */
void wire_end(struct wire *);

/* ---- RPC ---- */

enum {
	RAW_NFS = 100003, RAW_MOUNT = 100005,
	RAW_ACCEPTED = 0, RAW_DENIED = 1,
	RAW_SUCCESS = 0, RAW_PROG_UNAVAIL = 1, RAW_PROG_MISMATCH = 2,
	RAW_PROC_UNAVAIL = 3, RAW_GARBAGE_ARGS = 4,
	RAW_RPC_MISMATCH = 0, RAW_AUTH_ERROR = 1,
	RAW_LAST = 1u << 31,            /* in a fragment's header */
};

struct raw {
	int fd;
	uint16_t port;
	uint32_t xid;           /* of the last call */
	bool patient;           /* the server may go and come back: connect
				 * and call again */
};

void raw_open(struct raw *, uint16_t port);
/* From this address, and 'own_port' unless it is 0.  False: not allowed, or
 * taken. */
bool raw_open_from(struct raw *, uint16_t port, const char *address,
		   uint16_t own_port);
void raw_close(struct raw *);
#define CLEANUP_RAW __attribute__((cleanup(raw_close)))

/* Who raw_head() says to be from now on, in this thread, instead of 1000. */
void raw_be(uint32_t uid);
/* Begin a call: its header with AUTH_SYS.  The arguments follow. */
void raw_head(struct wire *, uint32_t xid, uint32_t prog, uint32_t vers,
	      uint32_t proc);
void raw_head_auth(struct wire *, uint32_t xid, uint32_t prog, uint32_t vers,
		   uint32_t proc, uint32_t flavor, const void *cred,
		   size_t len);

/* The bytes as they are. */
void raw_send(struct raw *, const void *, size_t);
/* As a record of one fragment. */
void raw_record(struct raw *, const struct wire *);

/* The next record, into a wire that is emptied first.  False: the server
 * closed the connection.  A minute without either fails the
 * test. */
bool raw_receive(struct raw *, struct wire *ret);

/* Read a reply's header up to the results: its xid, reply_stat and
 * accept_stat or reject_stat. */
struct raw_reply {
	uint32_t xid, stat, why;
};
struct raw_reply raw_reply(struct wire *);

/* Send a call made by raw_head(..., ++raw->xid, ...), receive its reply and
 * have it stand at its results.  Anything but SUCCESS fails the test. */
void raw_call(struct raw *, const struct wire *call, struct wire *reply);

#endif
