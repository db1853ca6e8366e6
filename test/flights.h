/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* flights.h - a table of flights whose fetcher is the test: it lands each
 * flight when it suits it.
 *
 * Threads: the test's.
 */
#ifndef TEST_FLIGHTS_H
#define TEST_FLIGHTS_H

#include "cache/flight.h"

enum { BUDGET = 64000, VALUE = 1000 };

extern struct flights *t;
extern struct key missed;       /* the last one */
extern void *hinted;
extern unsigned misses, meetings, alive;

void setup(void);
void setup_nothing(void);
/* Whatever a case did, nothing outlives the table. */
void teardown(void);

/* ---- values, keys, askers ---- */

struct thing {
	struct value v;
	struct value *holds;    /* as a directory its parent */
};

struct value *thing_new(size_t cost, struct value *holds);
struct key key(uint32_t n);

struct asker {
	struct waiter w;
	unsigned woken;
};

void woken(struct waiter *w);
struct asker asker(void);
int ask(uint32_t n, struct asker *a, struct value **ret);
void land(uint32_t n, struct value *v, int err, uint32_t ttl);
void show(uint32_t n, struct value *v);
/* Whether it is here; without becoming an asker. */
bool here(uint32_t n);

#endif
