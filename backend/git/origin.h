/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* origin.h - a repository elsewhere, as far as we know it; and one request
 * to it, with patience.
 *
 * Patience: a request may take as long as one of those who wait for it has
 * time, or, of a pack, as enough keeps coming; silence ends it.
 *
 * Threads: any; a request belongs to one.
 * Errors: those of the transport.
 */
#ifndef BACKEND_GIT_ORIGIN_H
#define BACKEND_GIT_ORIGIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend/backend.h"
#include "backend/git/pkt.h"
#include "backend/git/protocol.h"
#include "backend/git/refs.h"
#include "backend/git/stream.h"
#include "backend/git/transport.h"
#include "common/oid.h"

struct origin {
	struct transport *transport;
	char *spool_dir;
	struct refs refs;
	pthread_mutex_t lock;   /* covers the rest */
	bool known;             /* the next */
	struct caps caps;
	unsigned simplest;      /* filters that it does not take */
	/* Does it give trees and blobs by their names? */
	enum { BY_ID_UNKNOWN, BY_ID_YES, BY_ID_NO } by_id;
	struct oid tip;         /* a commit that it gave us, or of length 0 */
	int err;                /* what went wrong last, or 0; and why */
	char why[BACKEND_WHY];
};

/* Takes over the transport, also on failure. */
int origin_new(struct origin **ret, struct transport *,
	       const char *spool_dir);
void origin_free(struct origin *);              /* NULL is allowed */

/* Who waits: until when is it worth while, in clock_ms()? */
struct patience {
	uint64_t (*until)(struct patience *);
};

/* Has a request been made to it before? */
bool origin_known(struct origin *);
int origin_caps(struct origin *, struct patience *, struct caps *ret);
/* What is known of why something went wrong, if it was the same error. */
void origin_why(struct origin *, int err, char why[BACKEND_WHY]);

struct request {
	struct stream stream;
	struct patience *patience;
	struct reply *reply;
	uint64_t bytes;
	bool pack;              /* it has come to that */
	uint64_t mark;          /* clock_ms() when enough had come */
	struct pkt_reader pkts;
};

/* 'message' NULL: ask for the capabilities. */
int request_start(struct origin *, const struct pkt_buf *message,
		  struct patience *, struct request **ret);
void request_end(struct request *, bool whole);
/* -ETIMEDOUT when it takes too long. */
int request_check(const struct request *);

/* After a request failed with 'err': wait a while and return 0 when it is
 * worth another try, else the error.  '*tries' starts at 0.  Where that may be
 * because it has changed, the next one asks for its capabilities again. */
int origin_pause(struct origin *, struct patience *, int err,
		 unsigned *tries);

#endif
