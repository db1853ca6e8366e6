/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* circuit.h - not to ask a host that is down; and what is known of how often
 * each may ask it.
 *
 * After some failures to reach a host in a row all who want it fail at once
 * for a while; then one may try, and the others when that went well.
 *
 * Bounds: what nobody uses any more is remembered, of the last some hundred.
 *
 * Threads: any.
 * Errors: -EHOSTDOWN it was down a moment ago; -ENOMEM.
 */
#ifndef BACKEND_HTTP_CIRCUIT_H
#define BACKEND_HTTP_CIRCUIT_H

#include "backend/http/limit.h"

struct circuit;

/* That of a host, "https://HOST:PORT", and of whoever we are to it (any text
 * that tells one from another); shared by all who ask for it.  A host is down
 * for all alike, but limits each alone: 'per_minute' is limit_init()'s. */
int circuit_get(const char *host, const char *as, unsigned per_minute,
		struct circuit **ret);
void circuit_put(struct circuit *);             /* NULL is allowed */

/* May it be asked now?  With 0 comes the duty to tell how it went. */
int circuit_enter(struct circuit *);

/* 0: it answered, with whatever; else why it did not.  Only what says that
 * nobody is there counts, not what is wrong with one request. */
void circuit_leave(struct circuit *, int err);

/* Goes with the circuit. */
struct limit *circuit_limit(struct circuit *);

#endif
