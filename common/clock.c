/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { MS_PER_S = 1000, NS_PER_MS = 1000000 };

/* The clocks that stand still.  Set before 'frozen' is. */
static atomic_bool frozen;
static _Atomic uint64_t frozen_ms, frozen_wall_ns;

static struct timespec now(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t;
}

static uint64_t to_ns(struct timespec t)
{
	return (uint64_t)t.tv_sec * MS_PER_S * NS_PER_MS +
	       (uint64_t)t.tv_nsec;
}

uint64_t clock_ms(void)
{
	if (atomic_load(&frozen))
		return atomic_load(&frozen_ms);
	return to_ns(now(CLOCK_MONOTONIC)) / NS_PER_MS;
}

struct timespec clock_wall(void)
{
	uint64_t ns;

	if (!atomic_load(&frozen))
		return now(CLOCK_REALTIME);
	ns = atomic_load(&frozen_wall_ns);
	return (struct timespec){
		.tv_sec = (time_t)(ns / MS_PER_S / NS_PER_MS),
		.tv_nsec = (long)(ns % ((uint64_t)MS_PER_S * NS_PER_MS)),
	};
}

void clock_text(uint64_t at, char text[CLOCK_TEXT])
{
	uint64_t ms = clock_ms();
	time_t t = clock_wall().tv_sec;
	struct tm tm;

	*text = '\0';
	if (at > ms)
		t += (time_t)((at - ms + MS_PER_S - 1) / MS_PER_S);
	if (localtime_r(&t, &tm))
		strftime(text, CLOCK_TEXT, "%H:%M:%S", &tm);
}

/* ---- ticks ---- */

enum { MEASURE_NS = 3000000, SHIFT = 24 };

static uint64_t ns_per_tick;            /* shifted */

/* What a tick takes, against the other clock.  What is not known exactly is
 * known to a thousandth. */
static void measure(void)
{
	uint64_t ns = to_ns(now(CLOCK_MONOTONIC)), ticks = clock_ticks(), took;

	do {
		took = to_ns(now(CLOCK_MONOTONIC)) - ns;
	} while (took < MEASURE_NS);
	ticks = clock_ticks() - ticks;
	ns_per_tick = (took << SHIFT) / (ticks ? ticks : 1);
}

uint64_t clock_ticks_ns(uint64_t from, uint64_t to)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	uint64_t ticks = to > from ? to - from : 0;

	pthread_once(&once, measure);
	/* In two parts, or it would overflow within the hour where ticks are
	 * slow. */
	return (ticks >> SHIFT) * ns_per_tick +
	       ((ticks & ((1u << SHIFT) - 1)) * ns_per_tick >> SHIFT);
}

void clock_freeze(void)
{
	uint64_t ms = clock_ms();

	atomic_store(&frozen_wall_ns, to_ns(clock_wall()));
	atomic_store(&frozen_ms, ms);
	atomic_store(&frozen, true);
}

void clock_advance(uint64_t ms)
{
	atomic_fetch_add(&frozen_wall_ns, ms * NS_PER_MS);
	atomic_fetch_add(&frozen_ms, ms);
}

void clock_thaw(void)
{
	atomic_store(&frozen, false);
}
