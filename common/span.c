/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/span.h"

#include <sodium.h>
#include <string.h>

#include "common/lock.h"

_Atomic(span_hear *) span_listeners[SPAN_LISTENERS];
_Thread_local struct span_id span_now;
_Thread_local struct span_links span_also;

void span_listen(enum span_listener l, span_hear *hear)
{
	atomic_store(&span_listeners[l], hear);
}

void span_tell(const struct span *s)
{
	lock_none();
	for (int i = 0; i < SPAN_LISTENERS; i++) {
		span_hear *hear = atomic_load(&span_listeners[i]);

		if (hear)
			hear(s);
	}
}

void span_link(struct span_links *l, const struct span_id *id)
{
	if (span_is_none(id->span) || l->n == SPAN_LINKS)
		return;
	for (unsigned i = 0; i < l->n; i++)
		if (!memcmp(&l->id[i], id, sizeof *id))
			return;
	l->id[l->n++] = *id;
}

struct span_id span_id_new(const struct span_id *in)
{
	struct span_id id;

	randombytes_buf(&id, sizeof id);
	/* All zero would say that there is none. */
	id.trace[0] |= 1;
	id.span[0] |= 1;
	if (!span_is_none(in->span))
		memcpy(id.trace, in->trace, sizeof id.trace);
	return id;
}
