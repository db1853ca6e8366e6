/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* composite_own.h - the inside of composite.h, shared by the files that
 * implement it: composite.c (names, listings) and composite_change.c (another
 * configuration while it is in use).
 *
 * Threads: with the composite's lock held.
 * Errors: as composite.h.
 */
#ifndef CACHE_COMPOSITE_OWN_H
#define CACHE_COMPOSITE_OWN_H

#include "cache/composite.h"

#include <pthread.h>

#include "common/list.h"

/* How the URLs of an open-ended level look, and how they are opened. */
struct pattern {
	char *url;
	struct backend_options options;
	char **allow, **deny;   /* as of struct fs_pattern */
	unsigned parts;         /* placeholders: levels and the repository */
	_Atomic uint32_t refresh;       /* of the sources that it makes */
	_Atomic unsigned rule;  /* of those and of its levels */
};

struct level {
	struct list link;       /* composite.levels */
	uint64_t id;
	struct level *parent;
	char *name;             /* one component; "" for the top */
	char *path;             /* "github/torvalds"; "" for the top */
	_Atomic(struct pattern *) pattern;      /* or NULL */
	bool owns_pattern;
	unsigned depth;         /* below the pattern's own level */
	/* Covered by the composite's lock: */
	bool listed;            /* by its parent, ... */
	bool seen;              /* ... whose times tell of it */
	bool gone;              /* no level any more, but somebody may hold
				 * it */
	struct child **child;   /* in order of making; NULL: gone */
	uint32_t n, room;
	struct timespec changed;
	uint64_t denied;        /* since when a name that may come was told
				 * not to be there, clock_ms(); or 0 */
};

/* A name in a level.  Neither of the two: one that is only known to be
 * there. */
struct child {
	const struct level *in;
	const char *name;       /* the level's, the source's or its own */
	char *own;              /* or NULL */
	struct level *level;
	struct source *source;
};

struct composite {
	const struct keyed *ids;
	uint64_t hash;
	struct timespec base;   /* when the configuration changed last */
	bool started;
	struct level *top;
	pthread_mutex_t lock;   /* covers what follows */
	void *by_name, *by_id;  /* struct child, struct level; tsearch(3) */
	struct list levels;     /* all, in order of making */
	uint32_t nlevels, nsources, nknown;
	uint64_t number;        /* the next source's */
	struct list remains;    /* of what was: see composite_bury() */
};

/* May there be a level or a repository of that name? */
bool composite_may_be(const struct level *, const char *name);
/* May a name below a level stand for that place? */
int composite_stands_for(const struct level *, const char *base,
			 const char *location, bool *ret);

int composite_copy_pattern(const struct fs_pattern *, struct pattern **ret);
void composite_free_pattern(void *);            /* NULL is allowed */

/* NULL: none. */
struct child *composite_find(struct composite *, const struct level *in,
			     const char *name);
/* What was added as 'name': one of the two, or -ENOENT. */
int composite_configured(struct composite *, const char *name,
			 struct source **source, struct level **pattern);
/* Take over the backend, or the pattern, only when they succeed. */
int composite_put_source(struct composite *, const char *name,
			 const char *location, const char *ref,
			 struct backend *);
int composite_put_pattern(struct composite *, const char *name,
			  struct pattern *);

/* Not findable any more.  Its place in the list of its level, if it has one, is
 * the caller's to empty; it stays, since places are cookies. */
void composite_drop_child(struct composite *, struct child *);
void composite_drop_level(struct composite *, struct level *);
/* Its times are later than they were. */
void composite_advance(struct level *, struct timespec);

/* It is not used for anything new, but somebody may hold it: free it with the
 * composite. */
void composite_bury(struct composite *, void *what, void (*free_it)(void *));

#endif
