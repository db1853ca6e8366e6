/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* tally.h - how many calls there were, of which kind, and how long they
 * took: a loop's own, so that counting needs no lock and no atomic.
 *
 * A call that is answered at once leaves with all others of its batch, so
 * what it took, from arrival to departure, is what the batch took: a batch
 * reads the clock twice, however many calls it has, and a call costs a byte.
 * A call that had to wait is measured by itself.
 *
 * Threads: a loop's.
 */
#ifndef NFSD_TALLY_H
#define NFSD_TALLY_H

#include <stdint.h>

#include "common/clock.h"

enum {
	TALLY_SLOTS = 128,      /* procedures of all programs */
	TALLY_BUCKETS = 14,
	TALLY_BATCH = 256,
};

/* How it ended: answered at once; had to wait; told to come again. */
enum tally_result { TALLY_HIT, TALLY_MISS, TALLY_LATE, TALLY_RESULTS };

struct tally_cell {
	uint64_t ns;                            /* all together */
	uint64_t bucket[TALLY_BUCKETS + 1];     /* the last: all longer */
};

struct tally {
	struct tally_cell cell[TALLY_SLOTS][TALLY_RESULTS];
	uint64_t began;         /* clock_ticks() */
	unsigned n;
	uint8_t batch[TALLY_BATCH];     /* their slots */
};

/* The longest time that bucket 'i' counts: 4^i microseconds. */
static inline uint64_t tally_bound_ns(unsigned i)
{
	return UINT64_C(1000) << 2 * i;
}

static inline void tally_begin(struct tally *t)
{
	t->began = clock_ticks();
}

/* What was counted since the beginning has left. */
void tally_end(struct tally *);

static inline void tally_hit(struct tally *t, unsigned slot)
{
	if (t->n == TALLY_BATCH)
		tally_end(t);
	t->batch[t->n++] = (uint8_t)slot;
}

/* 'since': clock_ticks(), when it began to wait. */
void tally_wait(struct tally *, unsigned slot, enum tally_result,
		uint64_t since);

/* Add what 'from' has. */
void tally_add(struct tally *, const struct tally *from);

#endif
