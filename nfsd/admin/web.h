/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* web.h - what is told and taken over HTTP, if anything:
 *
 *	GET /metrics	for Prometheus
 *	GET /healthz	200 as long as somebody is there to say so
 *	GET /readyz	200 when calls are answered, 503 when sources fail all
 *	POST /refresh/ROOT/OWNER/REPO	a push: look at it now
 *
 * Bounds: a request of WEB_BODY bytes, WEB_IDLE_S seconds of silence; who
 * comes while the loop has WEB_EVENTS waits.
 *
 * Threads: admin's.
 * Errors: as server.h.
 */
#ifndef NFSD_ADMIN_WEB_H
#define NFSD_ADMIN_WEB_H

#include "nfsd/admin/admin.h"

enum {
	WEB_BODY = 4 << 20, WEB_HEAD = 64 << 10, WEB_IDLE_S = 30,
	WEB_EVENTS = 256,
};

struct web;

int web_new(struct web **ret, struct admin *, char why[ADMIN_WHY]);
void web_free(struct web *);                    /* NULL is allowed */
/* Keep its listener for the program that takes our place.  As
 * handover_keep(). */
int web_hand_over(const struct web *);

#endif
