/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* harness.h - the whole server inside the test program, on a free port of
 * 127.0.0.1, with directories of its own; git itself as the oracle.
 *
 * It knows no protocol: that is raw.h, call.h and libnfs.
 *
 * Threads: the test's.  Errors: what goes wrong fails the test.
 */
#ifndef TEST_HARNESS_H
#define TEST_HARNESS_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "test/git.h"

struct fake;
struct rule;

/* ---- the program ---- */

/* As suite_run(), with git's environment made neutral and directories by
 * scratch.h. */
int harness_main(const char *name, double timeout_s, ...)
	__attribute__((sentinel));

/* The repository test/oddrepo.sh makes of this kind, made on the first use:
 * in an unchecked fixture for all tests, in a test for itself. */
const char *harness_repo(const char *kind);

/* GITNFS_SLOW=1: more time than "make check" should take is fine. */
bool harness_slow(void);

/* The resident anonymous memory of this process, in bytes; 0 under a
 * sanitizer, which keeps what was freed. */
uint64_t harness_memory(void);

/* ---- the server ---- */

struct source {
	const char *name;       /* shown as /NAME */
	const char *path;       /* of a local repository */
	struct fake *fake;      /* or this */
	const char *ref;
	const char *pattern;    /* or any repository of this one */
	const struct rule *rule;        /* who may see it; NULL: all */
};

struct harness {
	/* Set before the start; 0: the default. */
	const struct source *source;
	size_t nsource;
	uint32_t jukebox_ms;
	uint32_t ref_ttl;
	size_t memory;
	unsigned loops, threads;
	size_t connections;
	uint64_t disk;          /* bytes of a store; 0: none */
	unsigned prefetch;      /* 0: none */
	const struct rule *rule;        /* whom to admit; NULL: all */
	const char *listen;     /* "127.0.0.1:0" */
	uint16_t portmap_port;  /* a port mapper there; 0: none */

	/* Set by it. */
	char *dir;              /* state and cache are below */
	struct fs *fs;
	struct server *server;
	const struct rule **root_rule;
	uint16_t port;
};

void harness_start(struct harness *);
/* Waits for what is under way. */
void harness_stop(struct harness *);
/* With the state and cache that it has, on another port. */
void harness_restart(struct harness *);
/* The two halves of that. */
void harness_halt(struct harness *);
void harness_resume(struct harness *);
/* Only the network, and as server_stop() returns. */
int harness_stop_server(struct harness *);

#endif
