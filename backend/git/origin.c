/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/git/origin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "backend/wait.h"
#include "common/clock.h"

enum {
	SILENCE_MS = 30000,     /* so long nothing need come */
	ENOUGH = 16 << 10,      /* bytes that have to in SILENCE_MS */
	TRIES = 3,              /* after the first */
	PAUSE_MS = 100,         /* before the second, then doubling */
	REST_MAX = 10000,       /* ms that we wait when a host is busy */
};

/* ---- what we know ---- */

int origin_new(struct origin **ret, struct transport *transport,
	       const char *spool_dir)
{
	struct origin *o = calloc(1, sizeof *o);

	if (o)
		o->spool_dir = strdup(spool_dir);
	if (!o || !o->spool_dir) {
		free(o);
		transport->ops->close(transport);
		return -ENOMEM;
	}
	o->transport = transport;
	refs_init(&o->refs);
	pthread_mutex_init(&o->lock, NULL);
	*ret = o;
	return 0;
}

void origin_free(struct origin *o)
{
	if (!o)
		return;
	o->transport->ops->close(o->transport);
	refs_end(&o->refs);
	pthread_mutex_destroy(&o->lock);
	free(o->spool_dir);
	free(o);
}

bool origin_known(struct origin *o)
{
	LOCK_SCOPE(&o->lock);
	return o->known;
}

static void forget(struct origin *o)
{
	LOCK_SCOPE(&o->lock);
	o->known = false;
}

static bool recall(struct origin *o, struct caps *ret)
{
	LOCK_SCOPE(&o->lock);
	if (o->known)
		*ret = o->caps;
	return o->known;
}

static void note(struct origin *o, const struct caps *caps)
{
	LOCK_SCOPE(&o->lock);
	o->caps = *caps;
	o->known = true;
}

/* Note why something went wrong, if that is known. */
static void blame(struct origin *o, int err, const char *why)
{
	if (!*why)
		return;
	LOCK_SCOPE(&o->lock);
	o->err = err;
	snprintf(o->why, sizeof o->why, "%s", why);
}

void origin_why(struct origin *o, int err, char why[BACKEND_WHY])
{
	const char *usual = "";

	if (err == -EBADMSG)
		usual = "its answer makes no sense; \"git fsck\" there tells "
			"whether the repository is sound, or something "
			"between us changes what passes";
	else if (err == -ECONNRESET)
		usual = "its answer was cut; its log may tell why, or that of "
			"what is between us";
	else if (err == -ETIMEDOUT)
		usual = "no answer in time; check the host, and what is "
			"between us";
	LOCK_SCOPE(&o->lock);
	snprintf(why, BACKEND_WHY, "%s", o->err == err ? o->why : usual);
}

int origin_caps(struct origin *o, struct patience *p, struct caps *ret)
{
	struct request *q;
	int r;

	if (recall(o, ret))
		return 0;
	r = request_start(o, NULL, p, &q);
	if (r)
		return r;
	r = protocol_read_caps(&q->pkts, ret);
	request_end(q, !r);
	if (r == -EPROTONOSUPPORT)
		blame(o, r, "the host does not speak version 2 of "
			     "git's protocol (git 2.18 and later do), or a "
			     "proxy before it takes the header Git-Protocol "
			     "away");
	if (!r)
		note(o, ret);
	return r;
}

/* ---- requests ---- */

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t limit(const struct request *q)
{
	uint64_t until = q->patience->until(q->patience);

	return q->pack ? max(until, q->mark + SILENCE_MS) : until;
}

int request_check(const struct request *q)
{
	return clock_ms() < limit(q) ? 0 : -ETIMEDOUT;
}

static ssize_t request_read(struct stream *s, void *buf, size_t len)
{
	struct request *q = (struct request *)s;
	uint64_t deadline = min(limit(q), clock_ms() + SILENCE_MS);
	ssize_t n = q->reply->ops->read(q->reply, buf, len, deadline);

	if (n <= 0)
		return n;
	if (q->bytes / ENOUGH != (q->bytes + (uint64_t)n) / ENOUGH)
		q->mark = clock_ms();
	q->bytes += (uint64_t)n;
	return n;
}

int request_start(struct origin *o, const struct pkt_buf *message,
		  struct patience *p, struct request **ret)
{
	struct transport *t = o->transport;
	char why[BACKEND_WHY] = "";
	struct request *q;
	int r;

	if (message && message->err)
		return message->err;
	q = malloc(sizeof *q);
	if (!q)
		return -ENOMEM;
	q->stream.read = request_read;
	q->patience = p;
	q->bytes = q->mark = 0;
	q->pack = false;
	pkt_reader_init(&q->pkts, &q->stream);
	r = t->ops->ask(t, message ? message->data : NULL,
			message ? message->len : 0,
			min(p->until(p), clock_ms() + SILENCE_MS), &q->reply,
			why);
	if (r) {
		blame(o, r, why);
		free(q);
		return r;
	}
	*ret = q;
	return 0;
}

void request_end(struct request *q, bool whole)
{
	q->reply->ops->end(q->reply, whole);
	free(q);
}

/* ---- trying again ---- */

/* Is it not as it said, or no longer where it was? */
static bool is_news(int err)
{
	switch (err) {
	case -EBADMSG: case -ENOENT: case -EPROTONOSUPPORT:
	case -ECONNREFUSED: case -EHOSTUNREACH: case -ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

/* Between half of it and all, so that not all come back together. */
static uint64_t jitter(uint64_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ms - ms * ((uint64_t)t.tv_nsec / 1000 % 512) / 1024;
}

int origin_pause(struct origin *o, struct patience *p, int err,
		 unsigned *tries)
{
	uint64_t now = clock_ms(), pause, rest;

	if (is_news(err))
		forget(o);
	switch (err) {
	case -EAGAIN:
		rest = o->transport->ops->rests_until(o->transport);
		pause = rest > now ? rest - now : 0;
		if (pause > REST_MAX)
			return err;
		pause += jitter(PAUSE_MS);
		break;
	case -ECONNRESET: case -ECONNREFUSED: case -EHOSTUNREACH:
	case -ETIMEDOUT: case -EBADMSG: case -EIO:
		pause = jitter((uint64_t)PAUSE_MS << *tries);
		break;
	default:
		return err;
	}
	if (*tries >= TRIES || now + pause >= p->until(p))
		return err;
	++*tries;
	wait_ms(pause);
	return 0;
}
