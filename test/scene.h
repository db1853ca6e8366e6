/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* scene.h - a file system of fs.h over a scripted source, "a", and ways to
 * look at it.
 *
 * Time stands still unless a test moves it, and there is one demand thread:
 * what is asked later is done later.
 *
 * Threads: any may look; the rest is the test's.
 * Errors: what goes wrong fails the test.
 */
#ifndef TEST_SCENE_H
#define TEST_SCENE_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cache/fs.h"
#include "test/asker.h"
#include "test/fake.h"

enum {
	ROOM = 64 << 20,        /* more memory than any test needs */
	TTL = 1000,             /* ms, of refs */
	FORGET = 10000,         /* ms: longer than any failure is remembered */
};

extern struct fake *fake;
extern struct fs *fs;
extern char *dir;               /* a directory of the test's own */

/* Each test of this case has a scene of its own. */
void scene_add(TCase *);
/* The fixture below that, for who starts what it needs itself. */
void scene_begin(void);
void scene_end(void);

/* ---- a server's life ---- */

/* Directories and the time to live are not the caller's. */
void start_with(struct fs_options);
void start_threads(size_t memory, unsigned threads);
void start(size_t memory);
/* All memory is lost. */
void restart(size_t memory);

/* ---- what the source shows ---- */

/* "d/name=text", in git's order; the name followed by '*' for an executable,
 * '@' for a symlink, '&' for a gitlink.  'skip': of each, what is above. */
struct oid tree_of(size_t n, const char *const *item, size_t skip);
#define TREE(...) tree_of( \
	sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(const char *), \
	(const char *[]){ __VA_ARGS__ }, 0)

/* Its default branch has moved there, and the file system has seen it. */
struct oid move_to(struct oid tree);
/* The time of what is known of the branch is over. */
void look_again(void);
/* One thread takes work in order: when a question asked now is answered, each
 * refresh begun before is two steps further on, of three. */
void settle(void);

/* ---- looking ---- */

extern _Thread_local struct asker asker;
/* A call of fs.h, with 'W' for its waiter, asked until it is answered. */
#define W (&asker.w)
#define ASK(call) ASK_BY(&asker, call)

int walk(const char *path, struct node *ret);
struct node node_at(const char *path);
void check_walk_fails(const char *path, int err);
struct attr attr_of(struct node *);
struct attr attr_at(const char *path);
/* What a file or link holds, NUL terminated; the caller frees it. */
int try_text(struct node *, char **ret);
void check_text(const char *path, const char *expect);
bool same_time(struct timespec, struct timespec);
bool same_times(struct attr, struct attr);
bool same_attr(const struct attr *, const struct attr *);

/* What was seen must be found again. */
struct sight {
	struct where where;
	struct attr attr;
	char *text;             /* or NULL */
};
struct sight sight_at(const char *path);
void sight_clear(struct sight *);
#define CLEANUP_SIGHT __attribute__((cleanup(sight_clear)))
void check_again(const struct sight *was);
struct node resolved(const struct where *);
void check_resolve_fails(const struct where *, int err);

struct listing {
	char *text;             /* " name name ..."; the caller frees it */
	size_t len;
	FILE *out;
	unsigned room;          /* entries to take */
	uint64_t cookie;        /* of the last */
	unsigned attrs;         /* how many of them had any */
};
/* At most 'room' entries behind 'cookie'. */
int list_some(struct node *, uint64_t cookie, uint64_t *verf, unsigned room,
	      bool plus, struct listing *, bool *eof);
void check_list(struct node *, const char *expect);
void check_list_at(const char *path, const char *expect);

#endif
