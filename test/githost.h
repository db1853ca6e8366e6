/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* githost.h - git hosts on loopback: one that does as it is told
 * (test/httpd.pl), and git http-backend behind nginx.
 *
 * Everything is in one directory, the current one, and goes with it:
 * repositories in "repos", the log in "log".  While there is a file "off",
 * nginx answers nothing.
 *
 * Threads: the test's.  Errors: what goes wrong fails the test.
 */
#ifndef TEST_GITHOST_H
#define TEST_GITHOST_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>

#include "test/git.h"

/* Make the directory and go there, with git's environment made neutral. */
void githost_init(const char *name);
/* End the hosts and remove all.  Returns the status, for main(). */
int githost_exit(int status);
/* The same before anything is run, since something is lacking. */
int githost_skip(const char *why);

/* "git -C repos/REPO rev-parse". */
struct oid id_of(const char *repo, const char *revision);
/* The objects of a revision with everything below that match 'type', at
 * most 'max'; returns how many. */
size_t ids_below(const char *repo, const char *revision, const char *type,
		 struct oid *ret, size_t max);

/* Start them once; the port.  -1: what it needs is not installed. */
int githost_scripted(void);
int githost_forge(void);        /* the APIs of services: test/forge.pl */
int githost_nginx(void);
/* nginx takes connections, and then nothing happens; until it goes on. */
void githost_hold(bool);
/* That of nginx's TLS. */
int githost_tls_port(void);
/* That of a proxy, which notes "PROXY METHOD URI". */
int githost_proxy_port(void);

/* Lines in "log" since githost_mark() that match an extended regular
 * expression. */
void githost_mark(void);
unsigned githost_count(const char *regex);
/* Until there is one: nginx writes it when the answer is gone. */
void githost_wait(const char *regex);

#endif
