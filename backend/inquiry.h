/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* inquiry.h - one request to a source, told to those who want to know of it
 * when it is over (span.h).  While nobody does there is none: NULL, which
 * all functions take.
 *
 * Threads: one at a time.
 */
#ifndef BACKEND_INQUIRY_H
#define BACKEND_INQUIRY_H

#include <stddef.h>
#include <stdint.h>

struct inquiry;

enum { INQUIRY_HEADER = 80 };

/* It begins now.  All is copied. */
struct inquiry *inquiry_new(const char *method, const char *host,
			    const char *what);

/* "traceparent: ..." when traces are exported, else "". */
void inquiry_header(const struct inquiry *, char ret[INQUIRY_HEADER]);

/* It is over, and freed.  'bytes' came; 'status' is HTTP's, or 0. */
void inquiry_end(struct inquiry *, uint64_t bytes, long status, int err);

#endif
