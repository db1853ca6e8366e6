/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* crawl.h - who goes through a repository elsewhere, and which objects he
 * will want next, in the order in which he will.
 *
 * A crawl is a place in a tree of directories that moves ahead of somebody
 * who reads file after file: through the rest of his directory, then, when
 * there is reason to believe that he reads more than that, through those
 * below and beside it.  It moves in chunks, each a few times larger than the
 * one before, up to a bound on its bytes; the next is due when the reader
 * has come to where the last one began.  So at most two are ahead of him, and
 * what turns out useless is no more than a few times what was of use.
 *
 * What is on this disk is brought to memory when it is near, and passed over
 * where it is not.  It fetches nothing itself, and it knows no clients.
 *
 * Threads: crawl_list() and crawl_asked() any, they do not block; a crawl
 * that is due belongs to the caller until crawl_rest().
 * Errors: -ENOMEM.
 */
#ifndef CACHE_CRAWL_H
#define CACHE_CRAWL_H

#include "cache/fetch.h"
#include "cache/inode.h"

enum {
	CRAWL_OBJECTS = 2048,   /* in a chunk */
	CRAWL_TREES = 256,      /* asked for at a time */
};

struct crawls;
struct crawl;

/* At most so many bytes in a chunk, as far as can be foreseen. */
int crawls_new(struct crawls **ret, struct fetcher *, const struct inodes *,
	       size_t bytes);
void crawls_free(struct crawls *);              /* NULL is allowed */

/* A client lists this directory, which holds 'tree'.  True: he walks, and
 * all trees below '*above' will be wanted. */
bool crawl_list(struct crawls *, const struct dir *, const struct tree *,
		struct oid *above);

/* What is wanted of the files. */
enum crawl_of { CRAWL_CONTENTS, CRAWL_SIZES, CRAWL_OFS };

/* A client reads the file at 'index', or asks for its size, and is the first
 * to.  Returns the crawl that is due, or NULL. */
struct crawl *crawl_asked(struct crawls *, struct dir *, struct tree *tree,
			  uint32_t index, enum crawl_of);

/* What comes next.  Trees are those without which it cannot tell: it is
 * to be asked again. */
struct crawl_chunk {
	struct source *source;
	enum kind kind;         /* BLOB, TREE or SIZES */
	struct oid *want;       /* from malloc: the caller's */
	size_t n;               /* CRAWL_OBJECTS or CRAWL_TREES at most */
	struct oid above;       /* TREE: as in struct ahead */
	uint64_t crawl;         /* whose it is */
};

/* False: nothing. */
bool crawl_next(struct crawls *, struct crawl *, struct crawl_chunk *ret);
/* It is due no longer. */
void crawl_rest(struct crawls *, struct crawl *);
/* So many objects of it have come, of so many bytes. */
void crawl_came(struct crawls *, uint64_t crawl, size_t n, uint64_t bytes);
/* Its source does not tell sizes: only contents will do. */
void crawl_unsized(struct crawls *, uint64_t crawl);

#endif
