/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* metrics.h - how things stand, as Prometheus reads it (text format 0.0.4).
 *
 * Names and units are as its conventions have them: seconds, bytes, _total
 * for what only grows.  A label has few values: no path and no client, and
 * METRICS_SHOWN repositories.
 *
 * Threads: as standing.h.
 */
#ifndef NFSD_ADMIN_METRICS_H
#define NFSD_ADMIN_METRICS_H

#include <stdint.h>

struct evbuffer;
struct standing;

enum { METRICS_SHOWN = 1000 };

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* 'start': when the server started, in seconds since 1970. */
void metrics_write(struct evbuffer *, const struct standing *,
		   int64_t start);

#endif
