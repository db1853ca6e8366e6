/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* clock.h - what time it is, in one place, so that tests can say.
 *
 * Threads: any.
 */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Milliseconds on a clock that never goes back. */
uint64_t clock_ms(void);

/* The time of day, which may jump. */
struct timespec clock_wall(void);

/* The time of day, "14:32:00", that a moment of clock_ms() is; a past one is
 * now. */
enum { CLOCK_TEXT = 16 };
void clock_text(uint64_t at, char text[CLOCK_TEXT]);

/* A finer one, for how long something took on one machine: of whatever
 * unit, and cheap.  It does not stand still for tests. */
static inline uint64_t clock_ticks(void)
{
#if defined __x86_64__
	return __builtin_ia32_rdtsc();
#elif defined __aarch64__
	uint64_t ticks;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(ticks));
	return ticks;
#else
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
#endif
}

/* Nanoseconds from one to the other; 0 when that is before.  The first call
 * takes some milliseconds. */
uint64_t clock_ticks_ns(uint64_t from, uint64_t to);

/* Tests: from now on both clocks stand still until moved by this. */
void clock_freeze(void);
void clock_advance(uint64_t ms);
void clock_thaw(void);

#endif
