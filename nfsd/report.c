/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "cache/fs.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "nfsd/report.h"
#include "nfsd/server.h"

enum { PARKED_MAX = 100 };      /* lines */

/* Each line has a site of its own: these were asked for. */
#define tell(what, ...) \
	log_line(&(struct log_site){ 0 }, LOG_INFO, what, __VA_ARGS__)

static void report_kind(const char *name, const struct fs_count *c)
{
	tell(name, "hits=%" PRIu64 " misses=%" PRIu64 " joined=%" PRIu64
	     " failed=%" PRIu64 " evicted=%" PRIu64 " kept=%" PRIu64
	     " bytes=%" PRIu64 " ahead=%" PRIu64 " used=%" PRIu64
	     " used_bytes=%" PRIu64 " wasted=%" PRIu64 " wasted_bytes=%" PRIu64
	     " waiting=%" PRIu64 " waiting_bytes=%" PRIu64,
	     c->hits, c->misses, c->joined, c->failed, c->evicted, c->kept,
	     c->bytes, c->ahead, c->used, c->used_bytes, c->wasted,
	     c->wasted_bytes, c->waiting, c->waiting_bytes);
}

static void report_parked(struct server *server)
{
	CLEANUP_FREE struct server_call *call = NULL;
	size_t n;
	int r = server_parked(server, &call, &n);

	if (r) {
		tell("parked", "error=%s", strerror(-r));
		return;
	}
	tell("parked", "calls=%zu", n);
	for (size_t i = 0; i < n && i < PARKED_MAX; i++)
		tell("parked call", "proc=%s age_ms=%" PRIu64 " xid=%#" PRIx32
		     " client=%s", call[i].proc, call[i].age_ms, call[i].xid,
		     call[i].client);
	if (n > PARKED_MAX)
		tell("parked call", "more=%zu", n - PARKED_MAX);
}

void report(struct fs *fs, struct server *server)
{
	struct fs_stats s;

	fs_stats(fs, &s);
	for (int i = 0; i < FS_KINDS; i++)
		report_kind(fs_kind_name[i], &s.kind[i]);
	tell("memory", "bytes=%" PRIu64 " budget=%" PRIu64, s.bytes, s.budget);
	tell("store", "hits=%" PRIu64 " misses=%" PRIu64 " kept=%" PRIu64
	     " failed=%" PRIu64 " bad=%" PRIu64 " bytes=%" PRIu64
	     " budget=%" PRIu64, s.stored.hits, s.stored.misses,
	     s.stored.kept, s.stored.failed, s.stored.bad, s.stored.bytes,
	     s.stored.budget);
	tell("prefetch", "jobs=%" PRIu64 " running=%" PRIu64
	     " queued=%" PRIu64 " dropped=%" PRIu64 " throttled=%" PRIu64,
	     s.jobs, s.running, s.queued, s.dropped, s.throttled);
	report_parked(server);
}
