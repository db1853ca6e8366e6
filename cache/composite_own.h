/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* composite_own.h - the inside of composite.h, shared by the files that
 * implement it: composite.c (levels, their children and times),
 * composite_name.c (what names stand for), composite_config.c (what is
 * configured), composite_change.c (another configuration while it is in use)
 * and composite_source.c (sources, which come and go).
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

/* Where a child is, found without looking at others. */
struct child_place {
	uint64_t hash;          /* of its level and name */
	struct child *child;
};

struct composite {
	const struct keyed *ids;
	uint64_t hash;
	struct timespec base;   /* when the configuration changed last */
	bool started;
	struct level *top;
	pthread_mutex_t lock;   /* covers what follows */
	struct child_place *place;      /* by hash, or the next that is free */
	size_t places;          /* a power of two, half of them used */
	size_t nfindable;
	void *by_id;            /* struct level; tsearch(3) */
	struct list levels;     /* all, in order of making */
	uint32_t nlevels, nsources, nknown;
	bool denied;            /* a name, since the start */
	uint64_t number;        /* the next source's */
	struct list remains;    /* of what was: see composite_bury() */
};

enum {
	LEVELS_MAX = 1 << 16,   /* whoever may ask for names makes them */
	SOURCES_MAX = 1 << 18,
};

/* ---- composite_name.c ---- */

/* A name in a level. */
struct level_name {
	const struct level *level;
	const char *base;
};

/* What the pattern's placeholder 'n' stands for there: struct level_name. */
const char *composite_part(void *name, unsigned n);
/* May a source or level be configured so? */
bool composite_is_valid(const char *name);
/* May there be a level or a repository of that name? */
bool composite_may_be(const struct level *, const char *name);
/* May a name below a level stand for that place? */
int composite_stands_for(const struct level *, const char *base,
			 const char *location, bool *ret);

/* ---- composite.c ---- */

/* NULL: none. */
struct child *composite_find(struct composite *, const struct level *in,
			     const char *name);
/* Make it findable; a level of a pattern is listed only when it has something
 * to show. */
int composite_add_child(struct composite *, struct level *in, struct level *,
			struct source *);
/* A name that is only known to be there. */
int composite_add_known(struct composite *, struct level *in,
			const char *name);
/* List it in its level. */
int composite_append(struct level *in, struct child *);
/* Not findable any more.  Its place in the list of its level, if it has one, is
 * the caller's to empty; it stays, since places are cookies. */
void composite_drop_child(struct composite *, struct child *);

int composite_new_level(struct composite *, struct level *parent,
			const char *name, struct level **ret);
/* Does a level of this one hold further levels, or repositories? */
bool composite_holds_levels(const struct level *);
/* The level that holds the last component of 'path', made when missing;
 * *base gets that component. */
int composite_make_levels(struct composite *, const char *path,
			  bool configured, struct level **ret,
			  const char **base);
void composite_drop_level(struct composite *, struct level *);
/* Its times are later than they were. */
void composite_advance(struct level *, struct timespec);

/* It is not used for anything new, but somebody may hold it: free it with the
 * composite. */
void composite_bury(struct composite *, void *what, void (*free_it)(void *));

/* ---- composite_config.c ---- */

int composite_copy_pattern(const struct fs_pattern *, struct pattern **ret);
void composite_free_pattern(void *);            /* NULL is allowed */
/* What was added as 'name': one of the two, or -ENOENT. */
int composite_configured(struct composite *, const char *name,
			 struct source **source, struct level **pattern);
/* Take over the backend, or the pattern, only when they succeed. */
int composite_put_source(struct composite *, const char *name,
			 const char *location, const char *ref,
			 struct backend *);
int composite_put_pattern(struct composite *, const char *name,
			  struct pattern *);

/* ---- composite_source.c ---- */

/* NULL: out of memory. */
struct source *composite_new_source(struct composite *, struct level *,
				    const char *name, const char *location,
				    const char *ref);

#endif
