/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* span.h - what took time, and on whose behalf: calls that waited, and requests
 * to sources, told to those who listen.  While nobody does it costs a look.
 *
 * Ids are those of W3C Trace Context.  On whose behalf a thread works is
 * 'span_now'; work that is given to another thread takes it along.
 *
 * Threads: any.
 */
#ifndef COMMON_SPAN_H
#define COMMON_SPAN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct span_id {
	uint8_t trace[16];
	uint8_t span[8];        /* all zero: none */
};

/* Those that profit, too. */
enum { SPAN_LINKS = 8 };
struct span_links {
	unsigned n;
	struct span_id id[SPAN_LINKS];
};

enum span_kind { SPAN_CALL, SPAN_REQUEST };

struct span {
	enum span_kind kind;
	struct span_id id;
	uint8_t parent[8];      /* all zero: none */
	const struct span_links *links;         /* NULL: none */
	uint64_t ns;            /* it took, until now */
	const char *name;       /* "READ", "GET" */
	const char *peer;       /* who asked, or who was asked */
	const char *what;       /* a path, a URL */
	/* CALL: */
	unsigned waits;
	bool late;              /* the client was told to come again */
	/* REQUEST: */
	uint64_t bytes;         /* of the answer */
	long status;            /* HTTP's; 0: none */
	int err;                /* negative errno, or 0 */
};

/* Each may be called from any thread, also a moment after it was replaced,
 * with no lock held.  What a span points to is valid during the call. */
typedef void span_hear(const struct span *);

/* Who listens: people, to requests; and who exports everything. */
enum span_listener { SPAN_WATCH, SPAN_EXPORT, SPAN_LISTENERS };

extern _Atomic(span_hear *) span_listeners[SPAN_LISTENERS];
extern _Thread_local struct span_id span_now;
/* On whose behalf a thread works besides, when that is done for many. */
extern _Thread_local struct span_links span_also;

static inline bool span_exported(void)
{
	return atomic_load_explicit(&span_listeners[SPAN_EXPORT],
				    memory_order_relaxed);
}

static inline bool span_wanted(void)
{
	return span_exported() ||
	       atomic_load_explicit(&span_listeners[SPAN_WATCH],
				    memory_order_relaxed);
}

static inline bool span_is_none(const uint8_t span[8])
{
	static const uint8_t none[8];

	return !__builtin_memcmp(span, none, sizeof none);
}

/* NULL: no more. */
void span_listen(enum span_listener, span_hear *);
void span_tell(const struct span *);

/* One more of them, unless there is none or it is among them, or no room. */
void span_link(struct span_links *, const struct span_id *);

/* A new one, of the same trace as 'in' unless there is none. */
struct span_id span_id_new(const struct span_id *in);

#endif
