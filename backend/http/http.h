/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* http.h - HTTP requests, through libcurl: one thread for all of them, so
 * that connections are shared, while those who ask read the answers at
 * their own pace.
 *
 * Knows nothing of git.  What it keeps of an answer is bounded: a server is
 * not read faster than its reader reads.  TLS certificates are checked;
 * proxies come from the environment.  Which addresses may be asked depends on
 * who named the host (route.h); behind a proxy that is the proxy's business,
 * but for addresses in figures.
 *
 * Threads: any; a request belongs to one at a time.  No request may be left
 * at the last http_down().
 * Errors: -ENOMEM, -EAGAIN (no thread could be made); -EHOSTUNREACH,
 * -ECONNREFUSED, -ETIMEDOUT, there is nobody; -EPROTO no trusted TLS
 * connection; -EPERM an address that may not be asked; -ECONNRESET the answer
 * was cut; -EBADMSG it is no HTTP, or redirects to where we do not go; -EIO.
 */
#ifndef BACKEND_HTTP_HTTP_H
#define BACKEND_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/backend.h"

struct http;

/* All is copied. */
struct http_ask {
	const char *url;
	const char *const *headers;     /* "NAME: VALUE", then NULL */
	const void *body;               /* POST this; NULL: GET */
	size_t len;
	const char *user, *password;    /* or NULL */
	const char *bearer;             /* a token, instead of these */
	const char *ca_file;            /* PEM; NULL: the system's */
	bool redirects;                 /* follow them, without a body */
	/* The URL that was configured: only its origin gets user, password
	 * and Authorization headers.  NULL: 'url'. */
	const char *home;
	enum named_by named_by;         /* that one's host */
	const char *allow_address;      /* as of struct backend_options */
	bool packed;                    /* take what is compressed, too */
	bool own;                       /* it is no request to a source:
					 * nobody is told of it */
};

struct http_head {
	long status;
	uint64_t retry_after;   /* seconds; 0: it does not say */
	const char *type;       /* its Content-Type, or "" */
	const char *url;        /* after redirects */
	const char *fields;     /* "NAME: VALUE\r\n" each; all three until the
				 * close */
};

/* Have the thread run.  One down for each successful up. */
int http_up(void);
void http_down(void);

int http_start(const struct http_ask *, struct http **ret);

/* Wait for the head of the answer. */
int http_head(struct http *, uint64_t deadline, struct http_head *ret);

/* The value of a field, or NULL: not there, or longer than 'size'. */
const char *http_field(const struct http_head *, const char *name,
		       char *value, size_t size);

/* Wait for some of the body; 0 at its end. */
ssize_t http_read(struct http *, void *buf, size_t len, uint64_t deadline);

/* Has the host that was configured sent us on, now or before?  Then it is
 * there, though where it sent us nobody may be. */
bool http_moved(struct http *);

/* After an error: what it was, for a human; it may be empty. */
void http_why(struct http *, char why[BACKEND_WHY]);

/* Whether or not the answer has ended. */
void http_close(struct http *);

#endif
