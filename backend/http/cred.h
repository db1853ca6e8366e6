/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* cred.h - who we are to one host: a user and a password or token.
 *
 * From a token file, read again when the host refuses what it said; else from
 * ~/.netrc, likewise; else from git's credential helpers (gitcredentials(7)),
 * asked when the host refuses a request without.  They are sent to nobody else, and appear in
 * no argument, no message and no log.
 *
 * Threads: any.
 * Errors: -EACCES there are none, or none that suffice; -ENOMEM.
 */
#ifndef BACKEND_HTTP_CRED_H
#define BACKEND_HTTP_CRED_H

#include <stdint.h>

struct cred;

/* What to send now.  Both NULL: nothing. */
struct cred_pair {
	char *user, *password;
	unsigned number;        /* tells it from those before */
};

/* 'scheme' and 'host', with a port if there is one, are those of the URL,
 * as is 'path', without the leading '/'.  'user' and 'token_file' may be
 * NULL.  All are copied. */
int cred_new(struct cred **ret, const char *scheme, const char *host,
	     const char *path, const char *user, const char *token_file);
void cred_free(struct cred *);                  /* NULL is allowed */
/* Neither ~/.netrc nor helpers are to be asked.  Before any other use. */
void cred_be_anonymous(struct cred *);

/* The token file, or NULL. */
const char *cred_file(const struct cred *);

int cred_get(struct cred *, struct cred_pair *ret);
void cred_pair_clear(struct cred_pair *);

/* The host wants others than these.  0: cred_get() has some. */
int cred_refused(struct cred *, const struct cred_pair *);
void cred_accepted(struct cred *, const struct cred_pair *);

#endif
