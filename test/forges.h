/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* forges.h - every type of root, the server of one as people run it, a client
 * as patient as the kernel's, and git as the judge.
 *
 * Threads: the test's.  Errors: what goes wrong fails the test.
 */
#ifndef TEST_FORGES_H
#define TEST_FORGES_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "test/call.h"

enum {
	ROOTS = 8,              /* types of them */
	PATIENCE_S = 180,
	LINE = 4096,
};

extern int api_port, git_port;

/* The hosts, with repositories; false: they cannot be had here. */
bool forges_start(void);

/* ---- the server ---- */

struct served {
	pid_t pid;
	uint16_t port;
	FILE *out;
	struct raw conn;
	struct fh top;
};

extern struct served server;

/* 'config' is the text of its file; 'name' keeps its files apart from those
 * of others. */
void server_start(const char *name, const char *config);
void server_stop(void);
void forget_all(void);

/* ---- a client that is patient, as the kernel's is ---- */

uint32_t find(const char *path, struct fh *fh, struct fattr *attr);
uint32_t read_file(const struct fh *fh, struct wire *data);
/* How many names there are, but for "." and ".."; -1: an error. */
int count_names(const struct fh *dir, const char *look_for, bool *found);
bool lists(const char *path, const char *name);

/* ---- git as the judge ---- */

/* One entry of "git ls-tree": is it shown as that? */
bool entry_is(const char *path, const char *mode, const char *hex);

/* Is all of it shown at 'at', and nothing else?  *what: the first that is
 * not. */
bool shows(const char *at, const char *repo, const char *revision,
	   char what[LINE]);

/* ---- the roots ---- */

/* A type of root, and where the repositories are below it.  What is not for
 * it is NULL: Mesa renames nothing. */
struct root {
	const char *title;
	const char *config;     /* %1$d: the API's port, %2$d: git's; $PWD */
	const char *at;         /* the level that has them */
	const char *odd;        /* a repository with everything odd, ... */
	const char *subs;       /* ... or at least submodules */
	const char *owner;      /* lists what a service tells */
	const char *private, *renamed, *limited;        /* paths, and ... */
	const char *not_subs, *not_private;     /* ... what must not be
						 * shown */
};

#define GITHUB(faults, more) \
	"[root \"x\"]\n\ttype = github\n\tallow-address = 127.0.0.1\n" \
	"\tapi-url = http://127.0.0.1:%1$d/" faults "/github\n" \
	"\turl = http://127.0.0.1:%2$d/-/{owner}/{repo}.git\n" more
#define TOKEN "\ttoken-file = token\n"
#define MESA(name, api, more) \
	"[root \"" name "\"]\n\ttype = mesa\n\tallow-address = 127.0.0.1\n" \
	"\tapi-url = http://127.0.0.1:%1$d/" api "\n" \
	"\ttoken-file = keys/{org}\n" more
#define NO_GIT "\turl = http://127.0.0.1:%2$d/status=403/{org}/{repo}.git\n"
#define GIT(name, faults, more) \
	"[root \"" name "\"]\n\tallow-address = 127.0.0.1\n" \
	"\turl = http://127.0.0.1:%2$d/" faults "/{owner}/{repo}.git\n" more

extern const struct root roots[ROOTS];

char *config_of(const struct root *r);
char *path_at(const struct root *r, const char *below);
char *start_root(const struct root *r, const char *what_for);

#endif
