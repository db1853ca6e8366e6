/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* otlp.h - spans, told to a collector of OpenTelemetry's: OTLP over HTTP, as
 * JSON.  It is here since it is told by what asks sources over HTTP, too.
 *
 * A thread of its own gathers them and sends some at a time.  What cannot be
 * sent is dropped, and the trouble told once until it is over: a collector
 * that is down, or slow, holds nobody up.
 *
 * Bounds: OTLP_ROOM spans that were not sent yet; what comes then is counted
 * and dropped.
 *
 * Threads: start and stop from one; spans come from any.
 * Errors: -EINVAL no URL of ours; -EBUSY it runs; -ENOMEM, -EAGAIN.
 */
#ifndef BACKEND_OTLP_H
#define BACKEND_OTLP_H

#include <stdint.h>

enum {
	OTLP_ROOM = 2048,
	OTLP_WAIT_MS = 500,     /* a span waits for company */
	OTLP_SEND_MS = 10000,   /* for the collector to take some */
	OTLP_STOP_MS = 400,     /* at the end */
};

struct otlp_options {
	const char *url;        /* http://HOST:4318; with a path, that */
	/* On its thread: it cannot be told any more, 'why'; or, with NULL, it
	 * is told again, after so many were dropped. */
	void (*trouble)(const char *url, const char *why, uint64_t dropped);
};

int otlp_start(const struct otlp_options *);
/* What is there is sent, if that takes a moment.  Without a start, nothing. */
void otlp_stop(void);

#endif
