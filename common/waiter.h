/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* waiter.h - one parked asker. */
#ifndef COMMON_WAITER_H
#define COMMON_WAITER_H

#include "common/list.h"
#include "common/span.h"
#include "common/value.h"

/* Embed it; it must stay put until woken.
 *
 * wake() is called exactly once per -EINPROGRESS, on the thread that ended
 * the wait, with no lock held.  It must only hand the asker to its own
 * thread and return.  The asker then owns 'value', a reference or NULL.
 * 'err' tells why there is none, or no newer one; it is for the log.  The
 * asker asks again whatever it says, and is told the outcome then.
 */
struct waiter {
	struct list link;
	void (*wake)(struct waiter *);
	struct value *value;
	int err;
	/* While spans are exported: for whom what it waits for was begun. */
	struct span_id begun_for;
};

#endif
