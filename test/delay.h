/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* delay.h - a host on loopback as if it were far away: a proxy for TCP that
 * hands on all that comes half a round trip later, as much as there is.
 *
 * Threads: one of its own; the functions from one.
 * Errors: what goes wrong fails the test.
 */
#ifndef TEST_DELAY_H
#define TEST_DELAY_H

#include <stdbool.h>
#include <stdint.h>

struct delay;

struct delay_count {
	unsigned connections;
	unsigned refused;       /* connections, while it was off */
	uint64_t up, down;      /* bytes to the host, and from it */
};

/* To this port of 127.0.0.1. */
struct delay *delay_start(int port, unsigned round_trip_ms);
int delay_port(const struct delay *);
/* Nobody is there, until somebody is again. */
void delay_off(struct delay *, bool off);
struct delay_count delay_count(struct delay *);
void delay_stop(struct delay *);

#endif
