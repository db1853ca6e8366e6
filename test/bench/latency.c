/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/bench/latency.h"

#include <string.h>

enum { STEPS = 64, STEP_BITS = 6, BINS = 59 * STEPS };

static uint64_t bin[BINS];

void count_latency(uint64_t ns)
{
	int shift = ns < STEPS ? 0 : 63 - __builtin_clzll(ns) - STEP_BITS;

	bin[shift * STEPS + (int)(ns >> shift)]++;
}

double percentile(double part)
{
	uint64_t of = 0, seen = 0;

	for (int i = 0; i < BINS; i++)
		of += bin[i];

	for (int i = 0; i < BINS; i++) {
		int shift = i < 2 * STEPS ? 0 : i / STEPS - 1;

		seen += bin[i];
		if (seen && (double)seen >= part * (double)of)
			return (double)((uint64_t)(i - shift * STEPS) <<
					shift) / 1e3;
	}
	return 0;
}

void forget_latencies(void)
{
	memset(bin, 0, sizeof bin);
}
