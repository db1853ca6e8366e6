/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <event2/buffer.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "nfsd/admin/metrics.h"
#include "nfsd/admin/standing.h"

enum { NS = 1000000000 };

static void head(struct evbuffer *to, const char *name, const char *type,
		 const char *help)
{
	evbuffer_add_printf(to, "# HELP gitnfs_%s %s\n# TYPE gitnfs_%s %s\n",
			    name, help, name, type);
}

static void one(struct evbuffer *to, const char *name, const char *type,
		const char *help, uint64_t value)
{
	head(to, name, type, help);
	evbuffer_add_printf(to, "gitnfs_%s %" PRIu64 "\n", name, value);
}

/* A label's value: backslashes, quotes and newlines are escaped. */
static void label(struct evbuffer *to, const char *key, const char *value)
{
	evbuffer_add_printf(to, "%s=\"", key);
	for (; *value; value++)
		switch (*value) {
		case '\\':
		case '"':
			evbuffer_add_printf(to, "\\%c", *value);
			break;
		case '\n':
			evbuffer_add_printf(to, "\\n");
			break;
		default:
			evbuffer_add(to, value, 1);
		}
	evbuffer_add(to, "\"", 1);
}

/* ---- calls ---- */

static uint64_t count_of(const struct tally_cell *c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i <= TALLY_BUCKETS; i++)
		n += c->bucket[i];
	return n;
}

static void put_cell(struct evbuffer *to, const char *labels,
		     const struct tally_cell *c)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < TALLY_BUCKETS; i++) {
		n += c->bucket[i];
		evbuffer_add_printf(to, "gitnfs_rpc_seconds_bucket{%s,"
				    "le=\"%.9g\"} %" PRIu64 "\n", labels,
				    (double)tally_bound_ns(i) / NS, n);
	}
	n += c->bucket[TALLY_BUCKETS];
	evbuffer_add_printf(to, "gitnfs_rpc_seconds_bucket{%s,le=\"+Inf\"} %"
			    PRIu64 "\ngitnfs_rpc_seconds_sum{%s} %.9f\n"
			    "gitnfs_rpc_seconds_count{%s} %" PRIu64 "\n",
			    labels, n, labels, (double)c->ns / NS, labels, n);
}

/* "MOUNT NULL" says to people what labels say twice. */
static const char *name_of(const struct proc *proc)
{
	const char *blank = strrchr(proc->name, ' ');

	return blank ? blank + 1 : proc->name;
}

/* Those that there were: most clients use a third of the procedures. */
static void put_calls(struct evbuffer *to, const struct tally *t)
{
	static const char *const result[] = {
		[TALLY_HIT] = "hit", [TALLY_MISS] = "miss",
		[TALLY_LATE] = "later",
	};
	const struct program *program;
	const struct proc *proc;

	head(to, "rpc_seconds", "histogram", "From a call's arrival to its "
	     "answer: of what was there, what had to be waited for, and what "
	     "is to be asked for again.");
	for (unsigned s = 0; s < TALLY_SLOTS &&
	     (proc = rpc_slot(s, &program)); s++)
		for (int r = 0; proc->name && r < TALLY_RESULTS; r++) {
			const struct tally_cell *c = &t->cell[s][r];
			char labels[128];

			if (!count_of(c))
				continue;
			snprintf(labels, sizeof labels, "program=\"%s\","
				 "procedure=\"%s\",result=\"%s\"",
				 program->name ? program->name : "other",
				 name_of(proc), result[r]);
			put_cell(to, labels, c);
		}
}

/* ---- caches ---- */

struct of_kind {
	const char *name, *type, *help;
	size_t at;              /* in struct fs_count */
};

#define KIND(name, type, field, help) \
	{ name, type, help, offsetof(struct fs_count, field) }

static const struct of_kind of_kinds[] = {
	KIND("cache_hits_total", "counter", hits,
	     "Asked for and in memory."),
	KIND("cache_misses_total", "counter", misses,
	     "Asked for and not in memory."),
	KIND("cache_joined_total", "counter", joined,
	     "Asked for while on its way already."),
	KIND("cache_failed_total", "counter", failed,
	     "Could not be had."),
	KIND("cache_evicted_total", "counter", evicted,
	     "Made room for something else."),
	KIND("cache_entries", "gauge", kept, "In memory now."),
	KIND("cache_bytes", "gauge", bytes, "Memory that takes."),
	KIND("prefetch_total", "counter", ahead,
	     "Fetched before anybody asked."),
	KIND("prefetch_used_total", "counter", used,
	     "Of that, asked for later."),
	KIND("prefetch_wasted_total", "counter", wasted,
	     "Of that, evicted before anybody asked."),
	KIND("prefetch_wasted_bytes_total", "counter", wasted_bytes,
	     "Bytes evicted before anybody asked."),
};

static void put_kinds(struct evbuffer *to, const struct fs_stats *s)
{
	for (size_t i = 0; i < sizeof of_kinds / sizeof *of_kinds; i++) {
		const struct of_kind *k = &of_kinds[i];

		head(to, k->name, k->type, k->help);
		for (int n = 0; n < FS_KINDS; n++) {
			uint64_t value;

			memcpy(&value, (const char *)&s->kind[n] + k->at,
			       sizeof value);
			evbuffer_add_printf(to, "gitnfs_%s{kind=\"%s\"} %"
					    PRIu64 "\n", k->name,
					    fs_kind_name[n], value);
		}
	}
}

static void put_caches(struct evbuffer *to, const struct fs_stats *s)
{
	const struct fs_stored *d = &s->stored;

	put_kinds(to, s);
	one(to, "memory_bytes", "gauge", "Of the budget, in use.", s->bytes);
	one(to, "memory_budget_bytes", "gauge", "What may be in use.",
	    s->budget);
	one(to, "store_hits_total", "counter",
	    "Asked of the disk and there.", d->hits);
	one(to, "store_misses_total", "counter",
	    "Asked of the disk and not there.", d->misses);
	one(to, "store_written_total", "counter", "Objects written.", d->kept);
	one(to, "store_failed_total", "counter",
	    "Objects that could not be written.", d->failed);
	one(to, "store_bad_total", "counter",
	    "Objects that had changed on the disk, and were dropped.", d->bad);
	one(to, "store_bytes", "gauge", "Objects on disk.", d->bytes);
	one(to, "store_pinned_bytes", "gauge", "Of those, pinned.", d->pinned);
	one(to, "store_budget_bytes", "gauge", "What may be there.",
	    d->budget);
	one(to, "prefetch_running", "gauge", "Requests ahead of anybody "
	    "asking, now.", s->running);
	one(to, "prefetch_throttled_total", "counter", "Directories left "
	    "alone since too much had been useless.", s->throttled);
}

/* ---- sources ---- */

/* What hosts say of how much they will take, where they do. */
static void put_budget(struct evbuffer *to, const struct standing *s,
		       const char *name, const char *help, size_t at)
{
	head(to, name, "gauge", help);
	for (size_t i = 0; i < s->nhost; i++) {
		int64_t value;

		memcpy(&value, (const char *)&s->host[i] + at, sizeof value);
		if (!s->host[i].limited || value < 0)
			continue;
		evbuffer_add_printf(to, "gitnfs_%s{", name);
		label(to, "host", s->host[i].name);
		evbuffer_add_printf(to, "} %" PRId64 "\n", value);
	}
}

static void put_hosts(struct evbuffer *to, const struct standing *s)
{
	head(to, "source_requests_total", "counter",
	     "HTTP requests to hosts, by the status of the answer.");
	for (size_t i = 0; i < s->nhost; i++) {
		const struct fs_host *h = &s->host[i];

		for (int k = 0; k < FS_STATUSES && h->status[k].n; k++) {
			char room[STANDING_CODE];

			evbuffer_add_printf(to,
					    "gitnfs_source_requests_total{");
			label(to, "host", h->name);
			evbuffer_add_printf(to, ",code=\"%s\"} %" PRIu64 "\n",
					    standing_code(h->status[k].status,
							  room),
					    h->status[k].n);
		}
	}
	head(to, "source_failures_total", "counter",
	     "HTTP requests that got no answer.");
	for (size_t i = 0; i < s->nhost; i++) {
		evbuffer_add_printf(to, "gitnfs_source_failures_total{");
		label(to, "host", s->host[i].name);
		evbuffer_add_printf(to, "} %" PRIu64 "\n", s->host[i].failed);
	}
	put_budget(to, s, "source_requests_left", "Requests that a host says "
		   "it will take until it counts anew.",
		   offsetof(struct fs_host, left));
	put_budget(to, s, "source_requests_limit", "Requests that a host says "
		   "it takes between counting anew.",
		   offsetof(struct fs_host, limit));
	put_budget(to, s, "source_requests_reset_timestamp_seconds",
		   "When it will count anew, since 1970.",
		   offsetof(struct fs_host, reset));
}

/* What they did that they should not. */
static void put_trouble(struct evbuffer *to, const struct fs_trouble *t)
{
	const struct {
		const char *kind;
		uint64_t n;
	} trouble[] = {
		{ "unsound", t->unsound }, { "gone", t->gone },
		{ "refused", t->refused }, { "limited", t->limited },
		{ "other", t->other },
	};

	head(to, "source_trouble_total", "counter", "Answers that made no "
	     "sense, did not come, were refused, or not now.");
	for (size_t i = 0; i < sizeof trouble / sizeof *trouble; i++)
		evbuffer_add_printf(to, "gitnfs_source_trouble_total{kind="
				    "\"%s\"} %" PRIu64 "\n", trouble[i].kind,
				    trouble[i].n);
}

/* By repository where somebody asked for it, as many as there is room for;
 * but each counts. */
static void put_repositories(struct evbuffer *to, const struct standing *s)
{
	int64_t now = clock_wall().tv_sec;

	one(to, "repositories", "gauge", "Repositories and refs of them that "
	    "are shown.", s->all);
	one(to, "sources_asked", "gauge", "Repositories whose source was "
	    "asked.", s->sources.asked);
	one(to, "sources_failing", "gauge", "Of those, which failed when they "
	    "were asked last.", s->sources.failing);
	head(to, "repository_staleness_seconds", "gauge",
	     "Since the source last told a ref of it.");
	for (size_t i = 0; i < s->nshown; i++) {
		const struct fs_shown *r = &s->shown[i];

		if (!r->asked || r->fixed)
			continue;
		evbuffer_add_printf(to,
				    "gitnfs_repository_staleness_seconds{");
		label(to, "repository", r->name);
		evbuffer_add_printf(to, "} %" PRId64 "\n",
				    now > r->asked ? now - r->asked : 0);
	}
	head(to, "repository_up", "gauge",
	     "1: its source answered when it was last asked; 0: it did not.");
	for (size_t i = 0; i < s->nshown; i++) {
		const struct fs_shown *r = &s->shown[i];

		if (!r->asked && !r->troubled)
			continue;
		evbuffer_add_printf(to, "gitnfs_repository_up{");
		label(to, "repository", r->name);
		evbuffer_add_printf(to, "} %d\n", !r->trouble);
	}
}

void metrics_write(struct evbuffer *to, const struct standing *s,
		   int64_t start)
{
	head(to, "build_info", "gauge", "1, of this version.");
	evbuffer_add_printf(to, "gitnfs_build_info{version=\"%s\"} 1\n",
			    PACKAGE_VERSION);
	one(to, "start_time_seconds", "gauge",
	    "When the server started, since 1970.", (uint64_t)start);
	put_calls(to, &s->tally);
	one(to, "parked_calls", "gauge", "Calls that wait for a source.",
	    s->census.ncall);
	head(to, "parked_oldest_seconds", "gauge",
	     "How long the oldest of them has waited.");
	evbuffer_add_printf(to, "gitnfs_parked_oldest_seconds %.3f\n",
			    s->census.ncall ?
			    (double)s->census.call[0].age_ms / 1000 : 0);
	one(to, "turned_away_calls_total", "counter",
	    "Calls told to come again at once, as too many waited.",
	    s->census.turned_away);
	one(to, "clients", "gauge", "Connections.", s->census.nclient);
	put_caches(to, &s->fs);
	put_hosts(to, s);
	put_trouble(to, &s->fs.trouble);
	put_repositories(to, s);
}
