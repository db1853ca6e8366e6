/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/http/circuit.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/list.h"

enum {
	FAILURES = 4,           /* in a row: it is down */
	OPEN_MS = 2000,         /* for so long at first, ... */
	OPEN_MAX = 60000,       /* ... doubling until this */
	REST_MAX = 3600000,     /* ms that a host may send us away */
};

struct circuit {
	struct list link;
	unsigned users;
	unsigned failures;
	uint64_t open_ms;
	uint64_t down_until;    /* clock_ms() */
	bool probing;           /* one is trying */
	uint64_t rest;          /* clock_ms() */
	char host[];
};

/* Few hosts, asked for seldom. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list all = { &all, &all };

static struct circuit *find(const char *host)
{
	for (struct list *n = all.next; n != &all; n = n->next) {
		struct circuit *c = container_of(n, struct circuit, link);

		if (!strcmp(c->host, host))
			return c;
	}
	return NULL;
}

int circuit_get(const char *host, struct circuit **ret)
{
	size_t len = strlen(host) + 1;
	struct circuit *c;

	LOCK_SCOPE(&lock);
	c = find(host);
	if (!c) {
		c = calloc(1, sizeof *c + len);
		if (!c)
			return -ENOMEM;
		memcpy(c->host, host, len);
		list_add_tail(&all, &c->link);
	}
	c->users++;
	*ret = c;
	return 0;
}

void circuit_put(struct circuit *c)
{
	if (!c)
		return;
	LOCK_SCOPE(&lock);
	if (--c->users)
		return;
	list_del(&c->link);
	free(c);
}

int circuit_enter(struct circuit *c)
{
	uint64_t now = clock_ms();

	LOCK_SCOPE(&lock);
	if (now < c->rest)
		return -EAGAIN;
	if (c->failures < FAILURES)
		return 0;
	if (now < c->down_until || c->probing)
		return -EHOSTDOWN;
	c->probing = true;
	return 0;
}

void circuit_leave(struct circuit *c, bool reached)
{
	uint64_t now = clock_ms();

	LOCK_SCOPE(&lock);
	c->probing = false;
	if (reached) {
		c->failures = 0;
		c->open_ms = 0;
		return;
	}
	c->failures++;
	/* Those who were under way already say nothing new. */
	if (c->failures < FAILURES || now < c->down_until)
		return;
	c->open_ms = c->open_ms ? 2 * c->open_ms : OPEN_MS;
	if (c->open_ms > OPEN_MAX)
		c->open_ms = OPEN_MAX;
	c->down_until = now + c->open_ms;
}

void circuit_rest(struct circuit *c, uint64_t until)
{
	uint64_t latest = clock_ms() + REST_MAX;

	LOCK_SCOPE(&lock);
	c->rest = until < latest ? until : latest;
}

uint64_t circuit_rests_until(struct circuit *c)
{
	LOCK_SCOPE(&lock);
	return c->rest;
}
