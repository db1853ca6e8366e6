/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* upgrade.h - whether the program that has our name now could take our place:
 * it is started to check our configuration.
 *
 * Threads: the loop's.
 * Errors: -EBUSY one is being asked; what posix_spawn(3) says; -EMFILE,
 * -ENOMEM.
 */
#ifndef NFSD_UPGRADE_H
#define NFSD_UPGRADE_H

struct event_base;
struct upgrade;

enum { UPGRADE_WHY = 512 };

/* 'done' is called from the loop, once: with NULL if it could, else with a
 * line that it said.  Then the struct is gone. */
int upgrade_ask(struct upgrade **ret, struct event_base *, char **argv,
		void (*done)(void *arg, const char *why), void *arg);
/* Not any more: 'done' is not called.  NULL is allowed. */
void upgrade_free(struct upgrade *);

#endif
