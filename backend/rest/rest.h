/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* rest.h - requests to a service that speaks HTTP and JSON: as whom, how
 * often, and what a status means.
 *
 * How often: a service tells how many requests are left until when, or to
 * come back later.  Both are obeyed before it has to say so again: who would
 * ask too much waits as long as it has time, and then fails.  That is logged
 * once, with what to do about it.
 *
 * One struct rest serves all repositories of a service that are asked for as
 * the same user.
 *
 * Threads: any; a reply belongs to one.
 * Errors: -ENOENT 404 and kin; -EACCES 401, 403, 451; -EAGAIN not now;
 * -EIO the service is in trouble; -EBADMSG nonsense; -EFBIG; those of
 * http.h; -EHOSTDOWN; -ENOMEM.
 */
#ifndef BACKEND_REST_REST_H
#define BACKEND_REST_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/backend.h"
#include "common/pool.h"

struct rest;

/* What a service expects of those who ask. */
struct rest_manners {
	const char *const *headers;     /* of every request; ends in NULL */
	unsigned per_minute;    /* no more requests; 0: it does not say */
};

/* 'url' is https://HOST[:PORT][/PATH].  The manners must stay. */
int rest_open(struct rest **ret, const char *url,
	      const struct rest_manners *, const struct backend_options *,
	      char why[BACKEND_WHY]);
void rest_close(struct rest *);                 /* NULL is allowed */

/* Run it on a thread that may wait for this service.  'ahead': nobody waits
 * for it, and who does is not kept waiting by it. */
void rest_submit(struct rest *, struct work *, bool ahead);

/* Does it know us? */
bool rest_has_token(const struct rest *);
/* May it not be asked at present? */
bool rest_is_limited(struct rest *);
/* After an error: what it was and what to do about it, or "". */
void rest_why(struct rest *, int err, char why[BACKEND_WHY]);

struct rest_ask {
	const char *path;       /* below 'url', or a whole URL there */
	const char *accept;     /* NULL: JSON */
	const char *etag;       /* of the answer we have, or NULL */
	uint64_t deadline;      /* clock_ms() */
	bool bytes;             /* as they are: the length is told */
};

struct rest_reply {
	struct http *http;
	int status;             /* 200, 202, 304, 409 and 422; others are errors */
	int64_t length;         /* -1: not known */
	char etag[256];         /* or empty */
	char next[1024];        /* the URL of the next page, or empty */
	char *url;              /* after redirects; "": none of the service */
	char *text;             /* rest_get(): all of it, ... */
	size_t len;             /* ... a NUL behind it */
};

/* Ask, as often as makes sense, until an answer begins. */
int rest_start(struct rest *, const struct rest_ask *,
	       struct rest_reply *ret);
ssize_t rest_read(struct rest_reply *, void *buf, size_t len,
		  uint64_t deadline);
void rest_end(struct rest_reply *);

/* And read it, up to 'max' bytes. */
int rest_get(struct rest *, const struct rest_ask *, size_t max,
	     struct rest_reply *ret);

#endif
