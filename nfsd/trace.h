/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* trace.h - calls as they are answered, and requests to sources as they end,
 * for those who watch.  While nobody does it costs a comparison with NULL.
 *
 * Bounds: TRACE_ROOM calls that were not told yet, and 256 requests; what
 * comes then is counted and left out.
 *
 * Threads: trace_call() any, while it is set; the rest admin's.
 */
#ifndef NFSD_TRACE_H
#define NFSD_TRACE_H

#include <stdint.h>

#include "nfsd/access.h"
#include "nfsd/rpc.h"
#include "nfsd/tally.h"

enum { TRACE_ROOM = 4096 };

struct control_call;
struct trace;

/* Of a call. */
struct trace_record {
	const char *proc;
	struct caller caller;
	struct client client;   /* what caller points to may be gone */
	uint32_t xid;
	uint64_t ns;
	unsigned runs;
	enum tally_result result;
	char about[RPC_ABOUT];  /* a path, or "" */
};

/* Takes a copy. */
void trace_call(struct trace *, const struct trace_record *);

/* How many there are.  NULL: none. */
unsigned trace_watchers(const struct trace *);

/* The command. */
void trace_begin(struct control_call *);

#endif
