/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* moves.h - a server of a repository that moves, and what a client sees.
 *
 * Tests with a number run twice: as it is, and with a restart of the server
 * between the move and the look.
 *
 * Threads: the test's.  Errors: what goes wrong fails the test.
 */
#ifndef TEST_MOVES_H
#define TEST_MOVES_H

#include "cache/fs.h"
#include "test/call.h"
#include "test/harness.h"

enum { PATIENCE = 10000 };       /* looks, with a pause between */

extern struct harness h;
extern struct source source;
extern struct raw conn;
extern struct fh top;
extern char *repo;
extern unsigned now;            /* when the next commit is made */

/* ---- the repository ---- */

/* Commit to a branch: 'changes' as git-fast-import(1) reads them. */
void commit_to(const char *branch, const char *changes);
void commit(const char *changes);
char *head(void);

/* ---- the client ---- */

void restart(void);
void setup(void);
void teardown(void);

/* What a path shows. */
struct seen {
	struct fh fh;
	struct fattr attr;
};

struct seen see(const char *path);
uint32_t status_of(const char *path);
struct fattr attrs_of(const struct fh *fh);
/* The same thing, for a client. */
bool same(struct seen a, struct seen b);
void unchanged(struct seen before, struct seen after);
void holds(struct seen s, const char *text);
char *link_text(const char *path);
void pause_(void);
/* Whether the link to what src shows tells this commit. */
bool shows(const char *link, const char *commit_);
void until_shows(const char *link, const char *commit_);
/* Have the server see the branch main as it is; with 'i' by a new one. */
void moved(int i);
void later(struct seen before, struct seen after);

#endif
