/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* view.h - what libgit2 and we know of one repository on this disk: where
 * its refs and objects are.  Refs are read from the disk each time; the
 * list of packs is remembered.
 *
 * Knows nothing of jobs and backends.
 *
 * Threads: a view belongs to one at a time.
 * Errors: -ENOENT no such repository or object; -EIO it cannot be read;
 * -ENOMEM.
 */
#ifndef BACKEND_LOCAL_VIEW_H
#define BACKEND_LOCAL_VIEW_H

#include <git2.h>
#include <stdint.h>

#include "backend/local/loose.h"
#include "backend/local/stores.h"
#include "common/oid.h"

struct view {
	git_repository *repo;   /* for refs */
	git_odb *packs;         /* without the loose objects */
	struct stores stores;
	uint64_t born;          /* ms */
};

/* Before the first view_open(), and after the last view_close(); counted. */
int view_library_get(void);
void view_library_put(void);

/* 'git_dir' is a .git directory, or what takes its place. */
int view_open(struct view **ret, const char *git_dir);
void view_close(struct view *);                 /* NULL is allowed */

/* Where an object is, and what.  loose_close(loose) when done. */
struct object {
	struct loose *loose;    /* NULL: it is in a pack */
	git_oid id;             /* and has this name there */
	enum obj type;
	uint64_t size;          /* bytes */
};

int view_find(struct view *, const struct oid *, struct object *ret);
int view_find_packed(struct view *, const struct oid *, struct object *ret);

/* A packed object, whole.  -EFBIG */
int view_read_packed(struct view *, const struct object *,
		     git_odb_object **ret);

/* The errno for what a function of libgit2 has just returned. */
int view_errno(int git_error_code);

#endif
