/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* levels.h - a server of any owner's any repository, by a pattern, and a
 * client of it.
 *
 * Threads: the test's.  Errors: what goes wrong fails the test.
 */
#ifndef TEST_LEVELS_H
#define TEST_LEVELS_H

#include "cache/fs.h"
#include "test/call.h"
#include "test/harness.h"

enum {
	MEBI = 1 << 20,
	KIND_ROOT = 0,          /* of fs_stats() */
	KIND_LEVEL = 5,
};

extern struct harness h;
extern struct source source[3];
extern struct raw conn;
extern struct fh top;
extern char *base;              /* all repositories are below */
extern char *seed;              /* and one that has what the others show */

/* ---- repositories ---- */

char *path_of(const char *fmt, const char *name);
/* A repository that shows what the seed shows, made in no time: its files
 * are the seed's. */
void make_repo(const char *name);

/* ---- the server ---- */

void connect_(void);
void restart(void);
void setup(void);
void teardown(void);

/* ---- the client ---- */

struct seen {
	struct fh fh;
	struct fattr attr;
};

uint32_t status_of(const char *path);
struct seen see(const char *path);
bool same(const struct seen *a, const struct seen *b);
uint32_t getattr(const struct fh *fh, struct fattr *ret);
struct fattr attrs_of(const char *path);
void holds(const struct fh *fh, const char *text);
void wait_for(const char *path, uint32_t status);
/* The names that a directory lists, without "." and "..", with a space
 * after each. */
const char *listing(const char *path);
uint64_t sources(void);
struct fs_count count(unsigned kind);
unsigned long journal_lines(void);
/* What READDIRPLUS and READDIR say of each entry is what LOOKUP says. */
void listing_agrees(const char *path);
void make_numbered(unsigned from, unsigned n);

#endif
