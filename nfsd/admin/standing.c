/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"
#include "nfsd/admin/standing.h"

int standing_take(struct fs *fs, struct server *server, size_t shown,
		  struct standing **ret)
{
	struct standing *s = calloc(1, sizeof *s);
	int r = s ? fs_shown(fs, shown, &s->shown, &s->nshown, &s->all) :
		    -ENOMEM;

	if (!r)
		r = census_take(server, &s->census, &s->tally);
	if (r) {
		standing_free(s);
		return r;
	}
	fs_stats(fs, &s->fs);
	fs_sources(fs, &s->sources);
	s->nhost = fs_hosts(s->host, STANDING_HOSTS);
	s->nroot = fs_roots(fs, s->root, STANDING_ROOTS);
	s->nfailure = fs_failures(fs, s->failure, STANDING_FAILURES);
	*ret = s;
	return 0;
}

void standing_free(struct standing *s)
{
	if (!s)
		return;
	fs_shown_free(s->shown, s->nshown);
	census_free(&s->census);
	free(s);
}

const char *standing_code(long status, char room[STANDING_CODE])
{
	if (!status)
		return "other";
	snprintf(room, STANDING_CODE, "%ld", status);
	return room;
}

/* ---- as JSON ---- */

static struct json_object *kind(const struct fs_count *c)
{
	struct json_object *o = json_object_new_object();

	json_u64(o, "hits", c->hits);
	json_u64(o, "misses", c->misses);
	json_u64(o, "joined", c->joined);
	json_u64(o, "failed", c->failed);
	json_u64(o, "evicted", c->evicted);
	json_u64(o, "kept", c->kept);
	json_u64(o, "bytes", c->bytes);
	json_u64(o, "ahead", c->ahead);
	json_u64(o, "used", c->used);
	json_u64(o, "used_bytes", c->used_bytes);
	json_u64(o, "wasted", c->wasted);
	json_u64(o, "wasted_bytes", c->wasted_bytes);
	json_u64(o, "waiting", c->waiting);
	json_u64(o, "waiting_bytes", c->waiting_bytes);
	return o;
}

static struct json_object *memory(const struct fs_stats *s)
{
	struct json_object *o = json_object_new_object();

	json_u64(o, "bytes", s->bytes);
	json_u64(o, "budget", s->budget);
	for (int i = 0; i < FS_KINDS; i++)
		json_put(o, fs_kind_name[i], kind(&s->kind[i]));
	return o;
}

static struct json_object *disk(const struct fs_stored *s)
{
	struct json_object *o = json_object_new_object();

	json_u64(o, "hits", s->hits);
	json_u64(o, "misses", s->misses);
	json_u64(o, "kept", s->kept);
	json_u64(o, "failed", s->failed);
	json_u64(o, "bad", s->bad);
	json_u64(o, "bytes", s->bytes);
	json_u64(o, "budget", s->budget);
	json_u64(o, "pinned", s->pinned);
	return o;
}

static struct json_object *prefetch(const struct fs_stats *s)
{
	struct json_object *o = json_object_new_object();

	json_u64(o, "jobs", s->jobs);
	json_u64(o, "running", s->running);
	json_u64(o, "queued", s->queued);
	json_u64(o, "dropped", s->dropped);
	json_u64(o, "throttled", s->throttled);
	return o;
}

static struct json_object *trouble(const struct fs_trouble *t)
{
	struct json_object *o = json_object_new_object();

	json_u64(o, "unsound", t->unsound);
	json_u64(o, "gone", t->gone);
	json_u64(o, "refused", t->refused);
	json_u64(o, "limited", t->limited);
	json_u64(o, "other", t->other);
	return o;
}

/* What went wrong, in a few words: errno's own, where they say it. */
static const char *in_words(int err)
{
	switch (err) {
	case -ENOENT:
		return "not found";
	case -EBADMSG:
		return "what it sends is not sound";
	case -EAGAIN:
	case -EBUSY:
		return "has had enough for now";
	case -EPROTO:
		return "does not answer as it should";
	case -EPROTONOSUPPORT:
		return "does not speak git's protocol, version 2";
	default:
		return strerror(-err);
	}
}

/* A moment, in seconds, unless there was none. */
static void moment(struct json_object *o, const char *key, int64_t s)
{
	if (s)
		json_i64(o, key, s);
}

static struct json_object *repository(const struct fs_shown *s)
{
	struct json_object *o = json_object_new_object();

	json_text(o, "name", s->name);
	json_text(o, "url", s->url);
	if (*s->commit)
		json_text(o, "commit", s->commit);
	moment(o, "committed", s->committed);
	moment(o, "moved", s->moved);
	moment(o, "asked", s->asked);
	json_flag(o, "far", s->far);
	json_flag(o, "fixed", s->fixed);
	if (s->trouble)
		json_text(o, "trouble", in_words(s->trouble));
	moment(o, "troubled", s->troubled);
	return o;
}

static struct json_object *repositories(const struct standing *s)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < s->nshown; i++)
		json_append(list, repository(&s->shown[i]));
	return list;
}

static struct json_object *roots(const struct standing *s)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < s->nroot; i++) {
		struct json_object *o = json_object_new_object();

		json_text(o, "name", s->root[i].name);
		json_text(o, "url", s->root[i].url);
		json_append(list, o);
	}
	return list;
}

static struct json_object *failures(const struct standing *s)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < s->nfailure; i++) {
		const struct fs_failure *f = &s->failure[i];
		struct json_object *o = json_object_new_object();

		json_text(o, "name", f->name);
		json_flag(o, "inside", f->inside);
		json_flag(o, "absent", f->absent);
		json_text(o, "error", f->absent && f->err == -EACCES ?
			  "not found, or private" : in_words(f->err));
		json_text(o, "why", f->why);
		moment(o, "when", f->when);
		json_append(list, o);
	}
	return list;
}

static struct json_object *parked(const struct census *c)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < c->ncall; i++) {
		const struct census_call *call = &c->call[i];
		struct json_object *o = json_object_new_object();

		json_text(o, "procedure", call->proc);
		json_text(o, "path", call->about);
		json_text(o, "client", call->client);
		json_u64(o, "xid", call->xid);
		json_u64(o, "age_ms", call->age_ms);
		json_append(list, o);
	}
	return list;
}

static struct json_object *clients(const struct census *c)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < c->nclient; i++) {
		const struct census_client *client = &c->client[i];
		struct json_object *o = json_object_new_object();

		json_text(o, "address", client->address);
		json_u64(o, "calls", client->calls);
		json_u64(o, "parked", client->parked);
		json_u64(o, "age_ms", client->age_ms);
		json_append(list, o);
	}
	return list;
}

static struct json_object *hosts(const struct standing *s)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < s->nhost; i++) {
		const struct fs_host *h = &s->host[i];
		struct json_object *o = json_object_new_object();
		struct json_object *answers = json_object_new_object();

		json_text(o, "name", h->name);
		for (int k = 0; k < FS_STATUSES && h->status[k].n; k++) {
			char room[STANDING_CODE];

			json_u64(answers, standing_code(h->status[k].status,
							room),
				 h->status[k].n);
		}
		json_put(o, "answers", answers);
		json_u64(o, "failed", h->failed);
		if (h->limited) {
			json_i64(o, "left", h->left);
			if (h->limit >= 0)
				json_i64(o, "limit", h->limit);
			moment(o, "reset", h->reset);
		}
		json_append(list, o);
	}
	return list;
}

struct json_object *standing_json(const struct standing *s)
{
	struct json_object *o = json_object_new_object();

	json_i64(o, "time", clock_wall().tv_sec);
	json_put(o, "repositories", repositories(s));
	json_u64(o, "repositories_all", s->all);
	json_put(o, "roots", roots(s));
	json_put(o, "failures", failures(s));
	json_put(o, "hosts", hosts(s));
	json_put(o, "memory", memory(&s->fs));
	json_put(o, "disk", disk(&s->fs.stored));
	json_put(o, "prefetch", prefetch(&s->fs));
	json_put(o, "trouble", trouble(&s->fs.trouble));
	json_put(o, "clients", clients(&s->census));
	json_put(o, "parked", parked(&s->census));
	return o;
}
