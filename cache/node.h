/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* node.h - the inside of a file system and of its nodes, shared by the files
 * that implement fs.h: fs.c (setting up), node.c (one node: attributes,
 * lookup, contents), where.c (places and handles), readdir.c (listings),
 * shown.c (what people are told), kept.c (what stays on the disk).
 *
 * Ownership: the constructors take over the references they are given.
 * Threads, errors: as fs.h.
 */
#ifndef CACHE_NODE_H
#define CACHE_NODE_H

#include <pthread.h>

#include "cache/fs.h"
#include "cache/inode.h"
#include "cache/prefetch.h"

struct fs {
	struct fs_options opt;
	char *state_dir, *cache_dir;
	struct keyed ids, names;
	struct composite *composite;
	struct roots *roots;
	struct state *state;
	struct store *store;    /* or NULL */
	struct fetcher *fetcher;
	struct inodes in;
	struct prefetch *prefetch;
	pthread_mutex_t chore_lock;     /* covers the rest */
	struct list chores;     /* of the disk: the first is being done */
};

/* ---- nodes ---- */

void node_level(struct fs *, struct level *, struct node *ret);
void node_dir(struct fs *, struct dir *, struct history *, struct node *ret);
void node_file(struct fs *, struct dir *, struct history *, struct tree *,
	       uint32_t index, struct node *ret);
void node_pin(struct fs *, struct history *, uint32_t epoch,
	      struct node *ret);

/* A gitlink is a file in its directory's eyes and a directory in all
 * others'. */
bool node_is_gitlink(const struct node *);
bool node_is_dir(const struct node *);

/* ---- entries of a directory ---- */

uint64_t entry_id(const struct fs *, const struct dir *, const struct tree *,
		  uint32_t index);
uint32_t entry_hash(const struct fs *, const struct tree *, uint32_t index);

struct entry {
	struct dir *dir;
	const struct history *hist;
	const struct dirstate *state;
	uint32_t at;            /* the version of it that has 'tree' */
	uint32_t index;         /* in the tree */
	struct tree *tree;
	uint64_t fileid;
	/* What would cost a round trip is not waited for, see
	 * fetch_listed_size(). */
	bool listed;
	/* Of this entry among others, when they are at hand. */
	const struct sizes *sizes;
};

int entry_attr(struct fs *, const struct entry *, struct waiter *,
	       struct attr *ret);

/* What a root that is known shows.  -ESTALE: it is not served. */
int node_history(struct fs *, const struct root *, struct waiter *,
		 struct history **ret);
/* What a source shows, under its own name. */
int node_source(struct fs *, struct source *, bool pin, struct waiter *,
		struct node *ret);

/* ---- names; the caller frees them, NULL: out of memory ---- */

/* As it is spelt in the file system: "linux@v6.8". */
char *node_root_name(const struct root *);
/* The path of the same in the commit it is shown from. */
char *node_fixed_path(const struct node *);

/* ---- places ---- */

/* The place of 'd', or, with a depth one greater, of a child of it: all but
 * the last step and the child's id.  -ENAMETOOLONG: too deep. */
int where_path(uint8_t kind, const struct dir *d, unsigned depth,
	       struct where *ret);
/* Step 'i', which must be zero so far, from a name's hash. */
void where_put_step(struct where *, unsigned i, uint32_t hash);

#endif
