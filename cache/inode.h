/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* inode.h - directories at their paths, and what they have held.
 *
 * A directory is a root and a path, and stays the same while commits come
 * and go; what it holds is a list of tree objects, newest first, each with
 * the commit since when it was so.  A pinned root has one.  Everything else
 * about a file (id, times, an old version of it) follows from the versions
 * of its directory, so files have no table.
 *
 * Directories live in the table of flights: shared, within the budget,
 * droppable whenever nobody uses them.  One holds its parent.
 *
 * Threads: any.
 * Errors: as fs.h says; -ESTALE there has never been such a directory in
 * what the root's history remembers.
 */
#ifndef CACHE_INODE_H
#define CACHE_INODE_H

#include <pthread.h>

#include "cache/fetch.h"

struct inodes {
	struct fetcher *fetcher;
	const struct keyed *ids, *names;
};

struct version {
	struct oid tree;        /* length 0: was no directory then */
	uint32_t epoch;         /* of the history: from then on */
};

struct dirstate {
	struct value v;
	uint64_t serial;        /* of the history it was made from */
	uint32_t n;             /* at least 1, one of them with a tree */
	struct version version[];       /* newest first, none equals the next */
};

struct dir {
	struct value v;
	const struct root *root;
	struct dir *parent;     /* a reference; NULL at the root */
	uint64_t id;            /* a hash of root and path; never 0 or 1 */
	uint32_t hash;          /* of the name */
	uint16_t depth;
	uint8_t len;
	pthread_mutex_t lock;   /* a leaf; covers what follows */
	struct dirstate *state; /* or NULL */
	char name[];            /* not NUL terminated */
};

static inline struct dir *dir_of(struct value *v)
{
	return (struct dir *)v;         /* 'v' is the first member */
}

static inline struct dir *dir_ref(struct dir *d)
{
	return dir_of(value_ref(&d->v));
}

static inline void dir_unrefp(struct dir **d)
{
	if (*d)
		value_unref(&(*d)->v);
}
#define CLEANUP_DIR __attribute__((cleanup(dir_unrefp)))

static inline void dirstate_unrefp(struct dirstate **s)
{
	if (*s)
		value_unref(&(*s)->v);
}
#define CLEANUP_DIRSTATE __attribute__((cleanup(dirstate_unrefp)))

/* ---- ids ---- */

uint64_t inode_dir_id(const struct inodes *, uint64_t parent,
		      const char *name, size_t len);
/* Of any entry but a directory; another content, another id, except for a
 * gitlink, which is a directory of its own. */
uint64_t inode_file_id(const struct inodes *, uint64_t dir,
		       const struct tree *, uint32_t index);
/* Of the link to a root's commit. */
uint64_t inode_pin_id(const struct inodes *, uint64_t root,
		      const struct oid *commit);

/* ---- directories ---- */

/* The top of a root.  -ENOMEM. */
int inode_root(const struct inodes *, const struct root *, struct dir **ret);
/* That child, whether there is one or not.  -ENOMEM. */
int inode_child(const struct inodes *, struct dir *parent, const char *name,
		size_t len, struct dir **ret);
/* The path of 'name' in it, or, without one, of itself: "" for the root.
 * The caller frees it; NULL: out of memory. */
char *inode_path(const struct dir *, const char *name, size_t len);
/* Only when in memory: -ENOENT. */
int inode_peek(const struct inodes *, uint64_t root, uint64_t id,
	       struct dir **ret);

/* What it holds and held, by this history. */
int inode_state(const struct inodes *, struct dir *, const struct history *,
		struct waiter *, struct dirstate **ret);
/* The version it shows: the newest, or, of a directory that is no more,
 * the last. */
uint32_t inode_shown(const struct dirstate *);
/* A version's tree.  -ENOENT: it has none, or nobody has it any more. */
int inode_tree(const struct inodes *, const struct dir *,
	       const struct version *, struct waiter *, struct tree **ret);

/* The epoch since when entry 'index' of 'tree', which is the tree of
 * version 'at', has been what it is. */
int inode_since(const struct inodes *, const struct dir *,
		const struct dirstate *, uint32_t at, const struct tree *tree,
		uint32_t index, struct waiter *, uint32_t *ret);

#endif
