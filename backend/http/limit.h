/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* limit.h - how often a service may be asked: what it says of that, and what
 * is known beforehand.
 *
 * Threads: any.  Times are clock_ms().
 */
#ifndef BACKEND_HTTP_LIMIT_H
#define BACKEND_HTTP_LIMIT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct limit {
	unsigned interval;      /* ms between requests, in the long run */
	pthread_mutex_t lock;   /* covers the rest */
	bool counts;            /* it tells how many are left: */
	uint64_t left;          /* requests, ... */
	uint64_t reset;         /* ... until then, by its own clock */
	uint64_t reset_ms;      /* the same by ours */
	uint64_t busy_until;    /* it said: later, please */
	uint64_t busy_ms;       /* for how long, when it does not say */
	uint64_t paced;         /* when all so far would have been made, one
				 * in an interval */
	uint64_t told;          /* people, of the limit that ends then */
};

/* 'per_minute': no more than so many in any minute; 0: as many as it likes. */
void limit_init(struct limit *, unsigned per_minute);
void limit_clear(struct limit *);

/* May one more be made?  0: yes, and it is counted; else when. */
uint64_t limit_book(struct limit *);
/* Until when it wants none; in the past: it does. */
uint64_t limit_until(struct limit *);

/* It told how many are left until 'reset', which is in so many seconds. */
void limit_left(struct limit *, uint64_t left, uint64_t reset,
		uint64_t seconds);
/* It refused one for asking too much; 0: it does not say for how long. */
void limit_busy(struct limit *, uint64_t seconds);
/* It answered. */
void limit_welcome(struct limit *);

/* Is the limit that ends then to be told?  Once for each. */
bool limit_news(struct limit *, uint64_t until);

#endif
