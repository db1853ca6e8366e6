/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* ahead.h - a scene whose trees are made of numbers, and clients of it.
 * Whatever is to be fetched before anybody asks has been when nothing is
 * queued or under way any more.
 *
 * Threads: any may look, each with an asker of its own.
 * Errors: what goes wrong fails the test.
 */
#ifndef TEST_AHEAD_H
#define TEST_AHEAD_H

#include "test/scene.h"

enum {
	WAIT_S = 20,
	/* As in flight.h's enum kind. */
	TREES = 1, BLOBS = 2, SIZES = 3,
	JOBS = 8,               /* as in prefetch.c */
};

extern size_t memory;
extern unsigned jobs;

struct asker asker_new(void);

/* ---- a server's life ---- */

void begin(void);
void setup(void);
/* A moment; only to be gentle while waiting for what must come. */
void pause_(void);
/* All that was to be fetched has been. */
struct fs_stats quiet(void);

/* ---- trees: directories called d000, d001 and files f000, f001 ---- */

enum { MOST = 1200 };

struct oid file(size_t size);
/* Of these directories, and so many new files of that size, their ids in
 * 'files'; size 0: only the first one is new, where the tree matters. */
struct oid directory(unsigned ndir, const struct oid *dirs, unsigned nfile,
		     size_t size, struct oid *files);
void show(struct oid tree);

/* ---- what clients do ---- */

int try_walk(struct asker *a, const char *path, struct node *ret);
struct node at(const char *path);
int try_list(struct asker *a, struct node *n, bool plus, unsigned *ret);
/* How many entries, but "." and "..". */
unsigned list(const char *path);
/* As NFS clients do, who learn the size by LOOKUP. */
int try_read(struct asker *a, struct node *n);
void read_at(const char *path);
void read_files(const char *in, unsigned from, unsigned to);
unsigned fetched(unsigned n, const struct oid *oid);

enum { DIRS = 20 };

extern struct oid child[DIRS], grandchild;

/* A root with directories, each with one of its own. */
void family(void);

#endif
