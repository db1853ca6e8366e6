/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* dcache.h - directory contents: tree objects, parsed once.
 *
 * A git tree never changes, so a parsed one answers for ever: lookups, also
 * negative ones, without asking anybody; listings, in byte order of the
 * names, with an entry's position as its cookie.  It knows object ids and
 * names, not paths, commits or where objects come from.
 *
 * Entries that a file system must not show are left out and counted: names
 * that are empty, ".", "..", ".git" in any case (a client's git would run
 * what it finds there), hold a '/', or are longer than 255 bytes; and all
 * but the first of one name.
 *
 * Threads: any; a tree is immutable.
 * Errors: -EBADMSG (not a tree object), -ENOMEM.
 */
#ifndef CACHE_DCACHE_H
#define CACHE_DCACHE_H

#include "cache/fs.h"
#include "common/keyed.h"
#include "common/oid.h"
#include "common/value.h"

struct tree_entry {
	uint32_t name;          /* offset in 'raw'; the object id follows */
	uint8_t len;            /* of the name, 1 to 255 */
	uint8_t type;           /* enum ftype */
};

struct tree {
	struct value v;
	struct oid oid;
	uint32_t n;
	uint32_t dropped;       /* entries left out */
	uint32_t len;           /* of 'raw' */
	struct tree_entry *entry;       /* in byte order of the names */
	struct tree_hash *by_hash;      /* in order of the names' hashes */
	char *raw;              /* the tree object */
	atomic_bool listed;     /* by some client; all else never changes */
};

struct tree_hash {
	uint32_t hash, index;
};

/* The hash that finds a name; its leading bits are a step of a handle. */
uint32_t tree_name_hash(const struct keyed *, const char *name, size_t len);

/* 'raw' is from malloc and taken over, also on failure. */
int tree_parse(const struct keyed *, const struct oid *, char *raw,
	       size_t len, struct tree **ret);

static inline struct tree *tree_of(struct value *v)
{
	return (struct tree *)v;        /* 'v' is the first member */
}

static inline struct tree *tree_ref(struct tree *t)
{
	return tree_of(value_ref(&t->v));
}

static inline void tree_unref(struct tree *t)
{
	if (t)
		value_unref(&t->v);
}

static inline void tree_unrefp(struct tree **t)
{
	tree_unref(*t);
}
#define CLEANUP_TREE __attribute__((cleanup(tree_unrefp)))

static inline const char *tree_name(const struct tree *t, uint32_t i)
{
	return t->raw + t->entry[i].name;
}

struct oid tree_oid(const struct tree *, uint32_t i);

/* 0 and the entry of that name, or -ENOENT.  'hash' is its name hash. */
int tree_find(const struct tree *, uint32_t hash, const char *name,
	      size_t len, uint32_t *ret);

/* The first place in by_hash whose hash is not below 'hash'. */
uint32_t tree_lower(const struct tree *, uint32_t hash);

/* The sizes of a tree's blobs are learnt apart from it, a part at a time:
 * a tree does not tell them, and a huge directory should not wait for all
 * of its sizes when one is asked. */
enum { SIZES_PART = 1024 };

struct sizes {
	struct value v;
	uint64_t retry;         /* clock_ms() from which to ask for unknown
				 * ones again */
	uint32_t n;             /* entries part * SIZES_PART and following */
	uint64_t size[];        /* bytes; or one of these: */
};
#define SIZE_UNKNOWN UINT64_MAX                 /* asked for in vain */
#define SIZE_UNASKED (UINT64_MAX - 1)

static inline bool size_is_known(uint64_t size)
{
	return size < SIZE_UNASKED;
}

struct sizes *sizes_new(const struct tree *, uint32_t part);

#endif
