/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* value.h - an immutable, reference-counted thing that costs memory.
 *
 * Base of everything the cache keeps: parsed trees, file contents, sizes,
 * resolved refs.  Embed it as the first member.  Once published (returned
 * from a flight, or passed to flight_done) a value never changes, so any
 * thread holding a reference may read it without a lock.
 */
#ifndef COMMON_VALUE_H
#define COMMON_VALUE_H

#include <stdatomic.h>
#include <stddef.h>

#include "common/lock.h"

struct value {
	atomic_uint refs;
	size_t cost;                    /* bytes charged to the cache budget */
	void (*free)(struct value *);   /* called by the last unref */
};

static inline struct value *value_ref(struct value *v)
{
	atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	return v;
}

/* Drop a reference; NULL is allowed.  May free, so never under a lock. */
static inline void value_unref(struct value *v)
{
	lock_none();
	if (v && atomic_fetch_sub_explicit(&v->refs, 1,
					   memory_order_acq_rel) == 1)
		v->free(v);
}

static inline void value_unrefp(struct value **v)
{
	value_unref(*v);
}
#define CLEANUP_VALUE __attribute__((cleanup(value_unrefp)))

#endif
