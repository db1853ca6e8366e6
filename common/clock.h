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

/* Tests: from now on both clocks stand still until moved by this. */
void clock_freeze(void);
void clock_advance(uint64_t ms);
void clock_thaw(void);

#endif
