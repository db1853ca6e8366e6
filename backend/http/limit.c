/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/http/limit.h"

#include "common/cleanup.h"
#include "common/clock.h"

enum {
	MINUTE_MS = 60000,
	BUSY_MS = 60000,        /* to stay away, when it does not say, ... */
	BUSY_MAX = 3600000,     /* ... doubling until this */
	BURST = 3,              /* a 3rd of a minute's at once */
	SAME_MS = 2000,         /* two limits that end so near are one */
};

void limit_init(struct limit *l, unsigned per_minute)
{
	*l = (struct limit){ 0 };
	/* What comes at once is in the same minute as what follows. */
	if (per_minute)
		l->interval = MINUTE_MS / (per_minute - per_minute / BURST);
	pthread_mutex_init(&l->lock, NULL);
}

void limit_clear(struct limit *l)
{
	pthread_mutex_destroy(&l->lock);
}

/* The lock is held. */
static uint64_t wanted_at(const struct limit *l)
{
	uint64_t at = l->busy_until;

	return l->counts && !l->left && l->reset_ms > at ? l->reset_ms : at;
}

/* When what came at once has been made up for, nearly. */
static uint64_t paced_at(const struct limit *l)
{
	uint64_t burst = MINUTE_MS / (BURST - 1);

	return l->interval && l->paced > burst ? l->paced - burst : 0;
}

uint64_t limit_book(struct limit *l)
{
	uint64_t now = clock_ms(), at, paced;

	LOCK_SCOPE(&l->lock);
	if (l->counts && now >= l->reset_ms)
		l->counts = false;
	at = wanted_at(l);
	paced = paced_at(l);
	if (paced > at)
		at = paced;
	if (now < at)
		return at;
	l->paced = (l->paced > now ? l->paced : now) + l->interval;
	l->left -= l->counts;
	return 0;
}

uint64_t limit_until(struct limit *l)
{
	LOCK_SCOPE(&l->lock);
	return wanted_at(l);
}

void limit_left(struct limit *l, uint64_t left, uint64_t reset,
		uint64_t seconds)
{
	/* Its second may have begun just before ours. */
	uint64_t ms = seconds < BUSY_MAX / 1000 ? (seconds + 1) * 1000 :
						  BUSY_MAX;
	uint64_t until = clock_ms() + ms;

	LOCK_SCOPE(&l->lock);
	if (l->counts && l->reset == reset) {
		if (left < l->left)
			l->left = left;
		return;
	}
	l->counts = true;
	l->reset = reset;
	l->left = left;
	l->reset_ms = until;
}

void limit_busy(struct limit *l, uint64_t seconds)
{
	uint64_t now = clock_ms(), until;

	LOCK_SCOPE(&l->lock);
	if (!seconds && l->counts && !l->left)
		return;
	if (seconds)
		l->busy_ms = seconds < BUSY_MAX / 1000 ? seconds * 1000 :
							 BUSY_MAX;
	else if (now >= l->busy_until)          /* not those in flight yet */
		l->busy_ms = l->busy_ms ? 2 * l->busy_ms : BUSY_MS;
	if (l->busy_ms > BUSY_MAX)
		l->busy_ms = BUSY_MAX;
	until = now + l->busy_ms;
	if (until > l->busy_until)
		l->busy_until = until;
}

void limit_welcome(struct limit *l)
{
	LOCK_SCOPE(&l->lock);
	if (clock_ms() >= l->busy_until)
		l->busy_ms = 0;
}

bool limit_news(struct limit *l, uint64_t until)
{
	bool is;

	LOCK_SCOPE(&l->lock);
	is = until > l->told + SAME_MS;
	if (is)
		l->told = until;
	return is;
}
