/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* root.h - roots, and what each has shown.
 *
 * A root is one ref of a source: the top of one tree, "repository@ref".
 * Its history is the list of commits it has been seen at, with the time each
 * was seen: what directories held before a move, and since when everything
 * is as it is now.
 *
 * The list is bounded.  When it is full the second oldest commit is merged
 * into the one after it: the times of the few files it touched move forward
 * to that one's.  Those of all that has not changed since the first commit
 * stay.  (Of what has changed and changed back, the merged commit may have
 * been the only witness: its times are then the first commit's again.)
 *
 * Threads: roots_reader and roots_start() before any other, roots_stop()
 * after; the rest any.
 * A history is immutable; root_publish() is called by one thread per root
 * at a time (the flight that resolves it).
 * Errors: -ENOMEM; root_publish() and roots_change() also what
 * state_append() says, and root_publish() -ENOSPC when there are too many
 * roots, -ESTALE when its source has gone.
 */
#ifndef CACHE_ROOT_H
#define CACHE_ROOT_H

#include <stdbool.h>
#include <time.h>

#include "cache/composite.h"
#include "cache/state.h"
#include "common/keyed.h"
#include "common/oid.h"
#include "common/value.h"

enum { HISTORY_MAX = 64 };

/* Made when first resolved, and never freed: its id is in somebody's
 * handle. */
struct root {
	uint64_t id;
	/* NULL: not served this time.  One that has gone stays until there is
	 * another, so that nobody meets NULL here twice: ask root_is_served().
	 */
	_Atomic(struct source *) source;
	const char *name, *location;    /* of the source */
	const char *ref;        /* NULL: the source's own */
	bool pinned;            /* ref is a commit id: never moves */
};

static inline bool root_is_served(const struct root *r)
{
	struct source *s = r->source;

	return s && !s->gone;
}

struct epoch {
	struct oid commit;      /* length 0: no commit yet */
	struct oid tree;
	struct timespec mtime;  /* of the commit, but after the one before */
	struct timespec ctime;  /* when it was seen first; strictly growing.
				 * Not shown of a pinned root. */
};

struct history {
	struct value v;
	const struct root *root;
	uint64_t serial;        /* another number for another content */
	uint32_t n;             /* at least 1 */
	struct epoch epoch[];   /* oldest first */
};

static inline struct history *history_of(struct value *v)
{
	return (struct history *)v;     /* 'v' is the first member */
}

static inline struct history *history_ref(struct history *h)
{
	return history_of(value_ref(&h->v));
}

static inline const struct epoch *history_now(const struct history *h)
{
	return &h->epoch[h->n - 1];
}

static inline void history_unrefp(struct history **h)
{
	if (*h)
		value_unref(&(*h)->v);
}
#define CLEANUP_HISTORY __attribute__((cleanup(history_unrefp)))

struct roots;

/* Both must outlive it. */
struct roots *roots_new(const struct keyed *ids, struct composite *);
/* Histories may lie in it: none is good after that.  NULL is allowed. */
void roots_free(struct roots *);

/* What reads the journal into the table, 'arg' being the struct roots; use
 * after the composite has been configured. */
extern const struct state_reader roots_reader;
/* The journal has been read and will be written to. */
int roots_start(struct roots *, struct state *);

/* The last that the journal has to know. */
void roots_stop(struct roots *);

/* Show these places and no others; see fs_change(). */
int roots_change(struct roots *, struct fs_place *, size_t n, uint64_t hash);

/* The id of a root, whether it exists or not; 'name' and 'location' as of
 * its source.  0: out of memory. */
uint64_t root_id(const struct roots *, const char *name,
		 const char *location, const char *ref);
/* NULL: never given out. */
const struct root *root_find(struct roots *, uint64_t id);
/* A new reference to what it showed last, or NULL. */
struct history *root_history(struct roots *, const struct root *);

/* Some of them, as many as are given room for; they never go away.  Returns
 * how many were found. */
size_t roots_list(struct roots *, const struct root **ret, size_t room);
/* How many there are. */
size_t roots_known(struct roots *);

/* A ref was resolved: remember its root and the move, durably, and return
 * its history.  'time' is the commit's; without a commit yet, 'commit' has
 * length 0 and 'tree' is the empty tree.  A source that has no place in
 * the composite yet is given one; if another has it by now, that one takes
 * the place of *source, which is freed. */
int root_publish(struct roots *, struct source **source, const char *ref,
		 const struct oid *commit, const struct oid *tree,
		 int64_t time, struct history **ret);

/* Make a level of an open-ended one, durably. */
int roots_add_level(struct roots *, const char *path, struct level **ret);

#endif
