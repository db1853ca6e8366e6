/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* prefetch.h - what clients will probably ask for next, fetched before.
 *
 * A directory that is listed will probably be gone into: its child
 * directories are fetched, one level past what a client has listed and never
 * further, since what came this way was not listed by anybody.
 *
 * A directory of which file after file is read will probably be read to its
 * end: its next files are fetched, in listing order, in chunks that grow
 * and of which at most two are ahead of the reader.  When several children of
 * one directory are read so, those listed from then on are taken to be.
 *
 * It never delays a client: it has threads of its own, few jobs at a time,
 * and queues directories, not flights, so that a client never finds a flight
 * that waits its turn.  What it brings takes a share of the memory of its
 * own.  When more of that turns out useless than useful it pauses.
 * Failures are silent: who then asks fetches for himself.
 *
 * It does not know files, clients or times.
 *
 * Threads: any.  prefetch_new() and prefetch_free() from one.
 * Errors: -ENOMEM, -EAGAIN.
 */
#ifndef CACHE_PREFETCH_H
#define CACHE_PREFETCH_H

#include "cache/inode.h"

struct prefetch;

enum { PREFETCH_MAX = 1024 };   /* jobs at a time */

/* 'jobs': at a time; 0: nothing is ever fetched, and *ret is NULL, which
 * the rest takes for that.  'memory' is the budget of the fetcher, which
 * must outlive it. */
int prefetch_new(struct prefetch **ret, struct fetcher *,
		 const struct inodes *, unsigned jobs, size_t memory);
/* Forget what is queued; wait for the jobs under way. */
void prefetch_free(struct prefetch *);
/* Another number of jobs at a time; with 0 none are begun any more.
 * -ENOTSUP: more than PREFETCH_MAX. */
int prefetch_limit(struct prefetch *, unsigned jobs);

/* A client lists this directory, which holds 'tree'. */
void prefetch_listed(struct prefetch *, const struct dir *, struct tree *tree);

/* A client reads the file at 'index', and is the first to; whether it was
 * there. */
void prefetch_read(struct prefetch *, struct dir *, struct tree *tree,
		   uint32_t index, bool there);

/* A client asks for the size of the file at 'index', and is the first to ask
 * for any near it. */
void prefetch_sized(struct prefetch *, struct dir *, struct tree *tree,
		    uint32_t index);

void prefetch_count(struct prefetch *, struct fs_stats *);

#endif
