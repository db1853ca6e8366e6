/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <inttypes.h>
#include <string.h>

#include "common/log.h"
#include "nfsd/admin/report.h"
#include "nfsd/admin/standing.h"

enum {
	PARKED_MAX = 100,       /* lines */
	SHOWN_MAX = 10000,      /* looked at */
};

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

static void report_parked(const struct census *c)
{
	tell("parked", "calls=%zu", c->ncall);
	for (size_t i = 0; i < c->ncall && i < PARKED_MAX; i++) {
		const struct census_call *call = &c->call[i];

		tell("parked call", "proc=%s age_ms=%" PRIu64 " xid=%#" PRIx32
		     " client=%s path=%s", call->proc, call->age_ms,
		     call->xid, call->client, call->about);
	}
	if (c->ncall > PARKED_MAX)
		tell("parked call", "more=%zu", c->ncall - PARKED_MAX);
}

static void report_shown(const struct standing *s)
{
	for (size_t i = 0; i < s->nshown; i++) {
		const struct fs_shown *shown = &s->shown[i];

		if (!shown->trouble)
			continue;
		tell("in trouble", "source=%s url=%s error=%s", shown->name,
		     shown->url, strerror(-shown->trouble));
	}
	tell("repositories", "shown=%zu in_trouble=%" PRIu64, s->all,
	     s->sources.failing);
}

static void report_all(const struct standing *all)
{
	const struct fs_stats *s = &all->fs;

	for (int i = 0; i < FS_KINDS; i++)
		report_kind(fs_kind_name[i], &s->kind[i]);
	tell("memory", "bytes=%" PRIu64 " budget=%" PRIu64, s->bytes,
	     s->budget);
	tell("store", "hits=%" PRIu64 " misses=%" PRIu64 " kept=%" PRIu64
	     " failed=%" PRIu64 " bad=%" PRIu64 " bytes=%" PRIu64
	     " budget=%" PRIu64, s->stored.hits, s->stored.misses,
	     s->stored.kept, s->stored.failed, s->stored.bad,
	     s->stored.bytes, s->stored.budget);
	tell("prefetch", "jobs=%" PRIu64 " running=%" PRIu64
	     " queued=%" PRIu64 " dropped=%" PRIu64 " throttled=%" PRIu64,
	     s->jobs, s->running, s->queued, s->dropped, s->throttled);
	tell("trouble", "unsound=%" PRIu64 " gone=%" PRIu64 " refused=%" PRIu64
	     " limited=%" PRIu64 " other=%" PRIu64, s->trouble.unsound,
	     s->trouble.gone, s->trouble.refused, s->trouble.limited,
	     s->trouble.other);
	report_shown(all);
	tell("clients", "connected=%zu", all->census.nclient);
	report_parked(&all->census);
}

void report(struct fs *fs, struct server *server)
{
	CLEANUP_STANDING struct standing *s = NULL;
	int r = standing_take(fs, server, SHOWN_MAX, &s);

	if (r) {
		tell("how things stand", "error=%s", strerror(-r));
		return;
	}
	report_all(s);
}
