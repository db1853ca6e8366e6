/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* daemon.h - gitnfsd itself, a process with a configuration file and
 * directories of its own; and a client that reads all the while: libnfs.
 *
 * Threads: the test's.  Errors: what goes wrong fails the test.
 */
#ifndef TEST_DAEMON_H
#define TEST_DAEMON_H

#include <check.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- the server ---- */

struct daemon {
	/* Set before the start; or NULL. */
	bool unlisted;          /* it is not told where to listen */
	const char *env;        /* one more variable */
	int (*before)(void);    /* runs in the new process before gitnfsd */

	/* Set by it. */
	char *dir;              /* state, cache, log and gitnfs.conf */
	pid_t pid;
	int out;                /* its standard output */
	uint16_t port;
};

/* A new directory, and gitnfs.conf in it. */
void daemon_configure(struct daemon *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* ... and wait until it serves. */
void daemon_start(struct daemon *);
/* A line on its standard output: it serves, perhaps again. */
void daemon_await_ready(struct daemon *);
/* Its exit status. */
int daemon_stop(struct daemon *);

/* The whole answer to a request on the control socket; the caller frees
 * it. */
char *daemon_ask(struct daemon *, const char *request);
bool daemon_logged(struct daemon *, const char *text);

/* ---- who reads ---- */

/* Mounts a repository and reads a file and the listing above, again and again,
 * and compares the former with 'content'. */
struct reading {
	uint16_t port;
	const char *mount, *path, *content;     /* "/linux", "/README" */

	pthread_t thread;
	_Atomic bool stop;
	_Atomic unsigned rounds;
	char error[256];        /* "": none so far */
};

void reading_start(struct reading *);
/* Until it has gone round that often from now on, or has failed. */
void reading_await(struct reading *, unsigned rounds);
/* Fails the test if it has met an error. */
void reading_stop(struct reading *);

#endif
