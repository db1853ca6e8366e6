/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* latency.h - how long calls took: 64 steps to each power of two. */
#ifndef TEST_BENCH_LATENCY_H
#define TEST_BENCH_LATENCY_H

#include <stdint.h>

void count_latency(uint64_t ns);
/* That in which so great a part of them had ended, in microseconds. */
double percentile(double part);
void forget_latencies(void);

#endif
