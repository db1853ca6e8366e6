/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* reload.h - the configuration, read again while calls are answered: all of
 * it is looked at first, and then it is another one at once, or nothing has
 * changed.
 *
 * Threads: the main one.  May block for a moment.
 * Errors: as config.h, config_rules.h and places.h; -ENOMEM.
 */
#ifndef NFSD_RELOAD_H
#define NFSD_RELOAD_H

#include "nfsd/config/config.h"
#include "nfsd/config/config_rules.h"
#include "nfsd/places.h"

struct fs;
struct server;

/* What a server runs with.  The values that need a restart stay where they
 * are in memory; others may go. */
struct reloading {
	int argc;
	char **argv;
	struct config *config;
	struct config_rules *rules;
	struct fs *fs;
	struct server *server;
};

struct reload {
	struct places_count places;
	/* The keys that have another value now, which waits for a restart,
	 * with blanks between; "": none. */
	char restart[256];
};

/* On error a line for a human in 'why'. */
int reload(struct reloading *, struct reload *ret, char why[CONFIG_WHY]);

#endif
