/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* errand.h - the inside of fetch.h, shared by the files that implement it:
 * fetch.c (asking), errand.c (what all errands have in common),
 * errand_root.c, errand_sizes.c, errand_ahead.c, errand_names.c (what some
 * do).
 *
 * Ownership: an errand ends itself, after which nobody may look at it; so
 * does every function that is said to end it.
 * Threads: an errand belongs to one at a time; errand_new() any.
 * Errors: as backend.h.
 */
#ifndef CACHE_ERRAND_H
#define CACHE_ERRAND_H

#include "cache/composite.h"
#include "cache/failures.h"
#include "cache/fetch.h"
#include "common/pool.h"

enum {
	STALL_MS = 60000,       /* an errand without progress ends */
	ABSENT_TTL = 1000,      /* ms that "there is none" is believed */
	TROUBLE_TTL = 500,      /* ms that any other failure is */
	WALKS = 16,
};

/* KIND_LEVEL: part of a key */
enum { ERRAND_LEVEL, ERRAND_NAMES };

struct fetcher {
	struct fetch_options opt;
	struct flights *flights;
	struct pool *pool;
	struct spool spool;
	pthread_mutex_t lock;   /* covers the rest */
	pthread_cond_t none;    /* left */
	unsigned errands;
	/* Trees all below which were asked for lately. */
	struct {
		struct oid oid;
		uint64_t since; /* clock_ms() */
	} walked[WALKS];
	unsigned last;          /* of these */
	struct fs_trouble trouble;
	struct failures failures;       /* has a lock of its own */
};

/* One flight's work: born at the miss, dies when the flight lands. */
struct errand {
	struct work work;
	struct job job;
	struct fetcher *f;
	struct key key;
	struct source *source;  /* NULL: to be made, of the next two */
	struct level *level;
	char *base;
	char *path;             /* where it is, for who goes by that, ... */
	const struct root *root;        /* ... in one of its commits: */
	struct oid *at;
	struct backend *place;  /* lists the names in 'level' */
	bool made;              /* not attached yet: ours */
	struct intake in;
	bool stored;            /* what comes is out of the store */
	bool landed;            /* the wanted object did come */
	int err;                /* or why not */
	char *why;              /* the same, where it could not even be asked */

	/* Before anybody asked: several flights, of the objects in 'want'. */
	const struct ahead *ahead;      /* or NULL */
	bool *got;              /* which of them have landed */
	size_t cursor;          /* near the last of these */
	size_t objects;         /* that have come ... */
	uint64_t bytes;         /* ... and their bytes */

	/* KIND_ROOT */
	char *ref;
	bool pinned;            /* 'ref' is a full id ... */
	bool peeled;            /* ... but perhaps not a commit's */
	uint64_t age;           /* ms: how old the answer about it is */
	bool again;             /* what is known will not do */
	struct oid commit, tree;
	int64_t time;           /* of the commit, seconds */
	enum { START, RESOLVE, COMMIT } step;   /* which job was last */

	/* KIND_SIZES */
	struct tree *of;
	struct sizes *sizes;
	struct sizes *known;    /* from before, or NULL */
	uint32_t asked;         /* the entry that somebody waits for ... */
	bool listing;           /* ... and goes without when it is not here */
	bool told;              /* sizes, by the source */
	uint32_t *entry;        /* of each in 'want' */

	struct oid *want;
	size_t nwant;
};

/* What an asker knows and the key does not say. */
struct hint {
	struct source *source;
	struct level *level;    /* no source yet: where, ... */
	const char *base;       /* ... and by which name */
	const char *ref;
	const struct spot *spot;        /* or NULL */
	struct tree *tree;
	struct sizes *sizes;    /* of it, as far as they were known */
	uint32_t index;         /* in it */
	bool listing;           /* it is for a listing */
	bool again;             /* what is known will not do */
	bool first;             /* set: of those who asked for it */
};

/* ---- any ---- */

struct errand *errand_new(struct fetcher *, struct source *,
			  const struct key *);
/* Ends it. */
void errand_free(struct errand *);
/* Carries it out, and ends it. */
void errand_run(struct work *);
/* The flight ends without what it was for: ends it. */
void errand_fail(struct errand *, int err);
/* Tell people. */
void errand_complain(const struct errand *, int err);

/* Where what is far is kept; NULL: nowhere. */
struct store *errand_store(const struct errand *);
enum obj errand_type(const struct errand *);
/* A source that is not there yet is made, one that was not needed yet is
 * opened. */
int errand_open(struct errand *);
/* Have e->job want these. */
void errand_job(struct errand *, const struct oid *want, size_t n, enum obj);
/* Is it in the store?  Then it is handed on, as by a backend. */
bool errand_from_store(struct errand *, const struct oid *, enum obj);
/* One object, from near or far; then errand_done(). */
void errand_fetch(struct errand *, const struct oid *, enum obj);
/* The job has ended: goes on, or ends it. */
void errand_done(struct job *, int err);

/* ---- roots, sizes ---- */

/* From job to job. */
void errand_root_run(struct errand *);

void errand_sizes_run(struct errand *);
void errand_sizes_done(struct errand *, int err);

/* ---- names ---- */

void errand_names_run(struct errand *);

/* ---- before anybody asks ---- */

void errand_ahead_run(struct errand *);
/* Ends it. */
void errand_ahead_done(struct errand *, int err);

#endif
