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
	KEPT = 256,             /* circuits that nobody uses */
};

/* A host is there for everybody, or for nobody. */
struct host {
	struct list link;
	unsigned users;
	unsigned failures;
	uint64_t open_ms;
	uint64_t down_until;    /* clock_ms() */
	bool probing;           /* one is trying */
	char name[];
};

/* But it counts what it is asked by each. */
struct circuit {
	struct list link;
	struct host *host;
	unsigned users;
	struct limit limit;
	char as[];
};

/* Few of both, asked for seldom.  Who opens a host's next repository is to
 * know what has been found out with the last, so those without users are
 * kept; they come in the order in which they were left. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list hosts = { &hosts, &hosts };
static struct list circuits = { &circuits, &circuits };
static unsigned unused;         /* circuits */

static int get_host(const char *name, struct host **ret)
{
	size_t len = strlen(name) + 1;
	struct host *h;

	for (struct list *n = hosts.next; n != &hosts; n = n->next) {
		h = container_of(n, struct host, link);
		if (!strcmp(h->name, name)) {
			h->users++;
			*ret = h;
			return 0;
		}
	}
	h = calloc(1, sizeof *h + len);
	if (!h)
		return -ENOMEM;
	memcpy(h->name, name, len);
	h->users = 1;
	list_add_tail(&hosts, &h->link);
	*ret = h;
	return 0;
}

static void put_host(struct host *h)
{
	if (--h->users)
		return;
	list_del(&h->link);
	free(h);
}

static void circuit_free(struct circuit *c)
{
	put_host(c->host);
	list_del(&c->link);
	limit_clear(&c->limit);
	free(c);
}

static void forget_oldest(void)
{
	struct list *n = circuits.next;

	while (container_of(n, struct circuit, link)->users)
		n = n->next;
	circuit_free(container_of(n, struct circuit, link));
	unused--;
}

static struct circuit *find(const char *host, const char *as)
{
	for (struct list *n = circuits.next; n != &circuits; n = n->next) {
		struct circuit *c = container_of(n, struct circuit, link);

		if (!strcmp(c->host->name, host) && !strcmp(c->as, as))
			return c;
	}
	return NULL;
}

int circuit_get(const char *host, const char *as, unsigned per_minute,
		struct circuit **ret)
{
	size_t len = strlen(as) + 1;
	struct circuit *c;
	int r;

	LOCK_SCOPE(&lock);
	c = find(host, as);
	if (!c) {
		c = calloc(1, sizeof *c + len);
		r = c ? get_host(host, &c->host) : -ENOMEM;
		if (r) {
			free(c);
			return r;
		}
		memcpy(c->as, as, len);
		limit_init(&c->limit, per_minute);
		list_add_tail(&circuits, &c->link);
		unused++;
	}
	unused -= !c->users++;
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
	list_add_tail(&circuits, &c->link);
	if (++unused > KEPT)
		forget_oldest();
}

int circuit_enter(struct circuit *c)
{
	uint64_t now = clock_ms();
	struct host *h = c->host;

	LOCK_SCOPE(&lock);
	if (h->failures < FAILURES)
		return 0;
	if (now < h->down_until || h->probing)
		return -EHOSTDOWN;
	h->probing = true;
	return 0;
}

/* Was there nobody to answer? */
static bool is_silence(int err)
{
	switch (err) {
	case -ECONNREFUSED: case -ECONNRESET: case -EHOSTUNREACH:
	case -ETIMEDOUT: case -EIO:
		return true;
	default:
		return false;
	}
}

void circuit_leave(struct circuit *c, int err)
{
	uint64_t now = clock_ms();
	struct host *h = c->host;

	LOCK_SCOPE(&lock);
	h->probing = false;
	if (!is_silence(err)) {
		h->failures = 0;
		h->open_ms = 0;
		return;
	}
	h->failures++;
	/* Those who were under way already say nothing new. */
	if (h->failures < FAILURES || now < h->down_until)
		return;
	h->open_ms = h->open_ms ? 2 * h->open_ms : OPEN_MS;
	if (h->open_ms > OPEN_MAX)
		h->open_ms = OPEN_MAX;
	h->down_until = now + h->open_ms;
}

struct limit *circuit_limit(struct circuit *c)
{
	return &c->limit;
}
