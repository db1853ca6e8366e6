/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* fetch.h - what is not in memory is brought there: from a miss in the
 * table of flights, over a job for a backend, to a checked, parsed value.
 *
 * Every object is compared with its name before anybody sees it.  What
 * costs a round trip is looked for in the store first, and kept there when
 * it has come and those who waited for it have been woken.  A blob
 * too large for the memory budget is spooled into an unlinked file in the
 * cache directory and mapped.
 *
 * Ownership: what the fetch_* functions return is a new reference.
 * Threads: any.  fetcher_new() and fetcher_free() from one.
 * Errors: as fs.h says of functions that take a waiter, plus those of
 * backend.h; -ENOENT there is no such ref or object.
 */
#ifndef CACHE_FETCH_H
#define CACHE_FETCH_H

#include <stdbool.h>

#include "cache/dcache.h"
#include "cache/flight.h"
#include "cache/intake.h"
#include "cache/root.h"
#include "cache/store.h"

struct fetcher;

struct fetch_options {
	size_t memory;          /* bytes, for all values */
	unsigned threads;       /* of the demand pool */
	uint32_t ref_ttl;       /* ms that a moving ref is believed, when it
				 * is near and its source says no other */
	const char *spool_dir;
	struct store *store;    /* of what comes from far; NULL: none */
	const struct keyed *names;      /* for tree_parse() */
	struct roots *roots;
	struct composite *composite;
};

/* What the options point to must outlive it.  -ENOMEM, -EAGAIN. */
int fetcher_new(struct fetcher **ret, const struct fetch_options *);
/* Waits for what is under way.  NULL is allowed. */
void fetcher_free(struct fetcher *);

/* Another limit from now on. */
void fetcher_set_memory(struct fetcher *, size_t bytes);

/* What the sources did wrong since the start. */
void fetcher_trouble(struct fetcher *, struct fs_trouble *ret);
size_t fetcher_failures(struct fetcher *, struct fs_failure *ret, size_t room);
/* The table itself, for values that are made and not fetched. */
struct flights *fetcher_flights(struct fetcher *);
/* Its threads, for what else may block. */
struct pool *fetcher_pool(struct fetcher *);
/* An object that is in memory, whoever asked for it; NULL: it is not. */
struct value *fetch_held(struct fetcher *, const struct source *, enum kind,
			 const struct oid *);
/* A tree that is in memory or on this disk; NULL: it is not.  May block. */
struct tree *fetch_near_tree(struct fetcher *, const struct source *,
			     const struct oid *);

/* A root by what it is called, whether it is known yet or not. */
struct root_name {
	uint64_t id;
	struct source *source;  /* NULL: to be made ... */
	struct level *level;      /* ... in this level */
	const char *base;       /* ... by this name */
	const char *ref;        /* NULL: the source's own */
};

/* What it shows. */
int fetch_history(struct fetcher *, const struct root_name *,
		  struct waiter *, struct history **ret);
/* Whoever asks next has its source asked. */
void fetch_forget_history(struct fetcher *, uint64_t root);

/* Have its source asked what it is now.  As flight_renew(). */
int fetch_again(struct fetcher *, const struct root_name *, struct waiter *);
/* The same, if it can be told at once and need not be looked at again. */
int fetch_known_history(struct fetcher *, uint64_t root, struct history **ret);
/* 0 when the level exists, durably. */
int fetch_level(struct fetcher *, struct level *parent,
		const char *base, uint64_t id, struct waiter *);
/* The names of the repositories in a level, as far as its service tells: 0
 * when they are in the composite, or cannot be had. */
int fetch_names(struct fetcher *, struct level *, struct waiter *);

/* Where an object is, for services that go by path.  NULL where one is asked
 * for: it is not known. */
struct spot {
	const struct dir *dir;
	const char *name;       /* in it; NULL: the directory itself */
	size_t len;
};

int fetch_tree(struct fetcher *, struct source *, const struct spot *,
	       const struct oid *, struct waiter *, struct tree **ret);
/* *first: nobody has asked for it before, that we know of. */
int fetch_blob(struct fetcher *, struct source *, const struct spot *,
	       const struct oid *,
	       struct waiter *, bool *first, struct blob **ret);
/* One that is in memory and has been asked for before; else -EINPROGRESS. */
int fetch_known_blob(struct fetcher *, const struct source *,
		     const struct oid *, struct blob **ret);
/* It is of no use any more. */
void fetch_drop_blob(struct fetcher *, const struct source *,
		     const struct oid *, const struct blob *);
/* Of the blob that entry 'index' names.  -EIO: it cannot be learnt. */
int fetch_size(struct fetcher *, struct source *, struct tree *,
	       uint32_t index, struct waiter *, uint64_t *ret);
/* The same.  *first: nobody has asked for it, or one near it, before. */
int fetch_asked_size(struct fetcher *, struct source *, struct tree *,
		     uint32_t index, struct waiter *, bool *first,
		     uint64_t *ret);

/* As fetch_size(), for a listing: of a repository elsewhere only what is
 * known here is waited for.  -EIO also when it would have to be asked for. */
int fetch_listed_size(struct fetcher *, struct source *, struct tree *,
		      uint32_t index, struct waiter *, uint64_t *ret);

struct ahead_news {
	struct tree *tree;      /* TREE: the first that came, or NULL */
	size_t objects;         /* that came ... */
	uint64_t bytes;         /* ... and how much that was */
	bool unsized;           /* SIZES: it does not tell them */
};

/* Those that are in memory, of this entry and those around it, or NULL. */
struct sizes *fetch_known_sizes(struct fetcher *, const struct source *,
				const struct tree *, uint32_t index);

/* What to fetch before anybody asks for it. */
struct ahead {
	struct source *source;
	enum kind kind;         /* TREE, BLOB or SIZES */
	const struct oid *want; /* TREE, BLOB; SIZES, if no tree: of these, */
	size_t n;               /* if the source tells them and there is a */
				/* disk to keep them on */
	/* TREE: if one of them is not here, ask for all trees below this
	 * one, which has them all.  NULL: only for them. */
	const struct oid *above;
	struct tree *tree;      /* SIZES: of its first part, or NULL */
	/* It is over, well or not; on any thread.  The struct ahead must stay
	 * until then. */
	void (*over)(const struct ahead *, const struct ahead_news *);
};

/* Fetch what of it is neither there nor on its way.  As much of that as its
 * backend does not queue is done on this thread.  False: nothing to do, and
 * over() is not called. */
bool fetch_ahead(struct fetcher *, const struct ahead *);

/* Is an object from elsewhere on this disk? */
bool fetch_is_kept(struct fetcher *, struct source *, enum obj,
		   const struct oid *);
bool fetch_size_is_kept(struct fetcher *, struct source *, const struct oid *);

#endif
