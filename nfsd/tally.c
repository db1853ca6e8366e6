/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "nfsd/tally.h"

static unsigned bucket_of(uint64_t ns)
{
	unsigned i = 0;

	while (i < TALLY_BUCKETS && ns > tally_bound_ns(i))
		i++;
	return i;
}

void tally_end(struct tally *t)
{
	uint64_t ns = clock_ticks_ns(t->began, clock_ticks());
	unsigned b = bucket_of(ns);

	for (unsigned i = 0; i < t->n; i++) {
		struct tally_cell *c = &t->cell[t->batch[i]][TALLY_HIT];

		c->ns += ns;
		c->bucket[b]++;
	}
	t->n = 0;
}

void tally_wait(struct tally *t, unsigned slot, enum tally_result result,
		uint64_t since)
{
	uint64_t ns = clock_ticks_ns(since, clock_ticks());
	struct tally_cell *c = &t->cell[slot][result];

	c->ns += ns;
	c->bucket[bucket_of(ns)]++;
}

void tally_add(struct tally *t, const struct tally *from)
{
	for (unsigned s = 0; s < TALLY_SLOTS; s++)
		for (unsigned r = 0; r < TALLY_RESULTS; r++) {
			struct tally_cell *to = &t->cell[s][r];
			const struct tally_cell *c = &from->cell[s][r];

			to->ns += c->ns;
			for (unsigned b = 0; b <= TALLY_BUCKETS; b++)
				to->bucket[b] += c->bucket[b];
		}
}
