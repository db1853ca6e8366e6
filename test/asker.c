/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/asker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/cleanup.h"

enum { WAIT_S = 60 };

static void fail(const char *what)
{
	fprintf(stderr, "asker: %s\n", what);
	abort();
}

void asker_rouse(struct waiter *w)
{
	struct asker *a = container_of(w, struct asker, w);

	LOCK_SCOPE(&a->lock);
	a->woken = true;
	pthread_cond_signal(&a->roused);
}

static void wait_until_woken(struct asker *a)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += WAIT_S;
	LOCK_SCOPE(&a->lock);
	while (!a->woken)
		if (pthread_cond_timedwait(&a->roused, &a->lock, &end))
			fail("no answer");
	a->woken = false;
}

bool asker_waited(struct asker *a, int r)
{
	if (r == -EINPROGRESS) {
		wait_until_woken(a);
		if (a->waits == ASKER_WAITS)
			fail("asked again and again");
		a->pin[a->waits++] = TAKE(a->w.value);
		return true;
	}
	a->last_waits = a->waits;
	while (a->waits)
		value_unref(a->pin[--a->waits]);
	return false;
}
