/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/http/ledger.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"
#include "common/clock.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct backend_host host[LEDGER_HOSTS];
static size_t nhost;

/* The lock is held. */
static struct backend_host *find(const char *name)
{
	struct backend_host *h;

	for (size_t i = 0; i < nhost; i++)
		if (!strcmp(host[i].name, name))
			return &host[i];
	if (nhost == LEDGER_HOSTS)
		return &host[nhost - 1];
	h = &host[nhost++];
	snprintf(h->name, sizeof h->name, "%s",
		 nhost == LEDGER_HOSTS ? "other" : name);
	return h;
}

/* Of a field that may be spelt in two ways.  -1: it is not there. */
static int64_t number(const char *fields, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = fields; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		/* With "x-" or without. */
		if (!strncasecmp(line, "x-", 2))
			line += 2;
		if (!strncasecmp(line, name, len) && line[len] == ':')
			return strtoll(line + len + 1, NULL, 10);
	}
	return -1;
}

static void count(struct backend_host *h, long status)
{
	size_t i = 0;

	while (i < BACKEND_STATUSES - 1 && h->status[i].n &&
	       h->status[i].status != status)
		i++;
	/* The last is for all that had no place. */
	h->status[i].status = i == BACKEND_STATUSES - 1 ? 0 : status;
	h->status[i].n++;
}

void ledger_answer(const char *name, long status, const char *fields)
{
	int64_t limit = number(fields, "ratelimit-limit");
	int64_t left = number(fields, "ratelimit-remaining");
	int64_t reset = number(fields, "ratelimit-reset");

	LOCK_SCOPE(&lock);
	struct backend_host *h = find(name);

	count(h, status);
	if (left < 0)
		return;
	h->limited = true;
	h->left = left;
	h->limit = limit;
	/* Some say when, some how long that is. */
	h->reset = reset > 0 && reset < 1000000000 ?
		reset + clock_wall().tv_sec : reset;
}

void ledger_failure(const char *name)
{
	LOCK_SCOPE(&lock);
	find(name)->failed++;
}

size_t ledger_list(struct backend_host *ret, size_t room)
{
	LOCK_SCOPE(&lock);
	memcpy(ret, host, (nhost < room ? nhost : room) * sizeof *ret);
	return nhost;
}
