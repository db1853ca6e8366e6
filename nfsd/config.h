/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* config.h - what the server is told, on the command line and in the
 * configuration file (git-config(1) syntax).
 *
 * Knows what the words mean, not whether what they name is there, except
 * that a path is taken for what exists.
 *
 * Threads: any, one at a time per struct config.
 * Errors: -EINVAL the command line is wrong; -EBADMSG the file is; -ENOENT
 * there is no such file; -ENOMEM.
 */
#ifndef NFSD_CONFIG_H
#define NFSD_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "common/log.h"

enum { CONFIG_WHY = 512 };

enum config_mode {
	CONFIG_SERVE,
	CONFIG_CHECK,
	CONFIG_HELP,
	CONFIG_VERSION,
};

/* A repository to show as /name, which may have levels. */
struct config_source {
	char *name;
	char *url;              /* a path or URL, for backend_open() */
	char *location;         /* tells it from others: real path, or URL */
	char *ref;              /* NULL: its default branch */
	uint32_t refresh;       /* seconds; 0: the default */
};

/* Any repository of a kind, to show below /name. */
struct config_root {
	char *name;
	char *url;              /* a pattern, for fs_add_pattern() */
	char *type;             /* "local" or "git"; NULL: as the url says */
	uint32_t refresh;       /* as of a source */
};

struct config {
	enum config_mode mode;
	char **listen;
	size_t nlisten;
	char *state_dir, *cache_dir;
	size_t memory;          /* bytes */
	int64_t disk;           /* bytes */
	unsigned loops;         /* 0: the default */
	int prefetch;           /* jobs at a time */
	enum log_level log_level;
	struct config_source *source;
	size_t nsource;
	struct config_root *root;
	size_t nroot;
};

/* Read all there is.  *ret is to be given to config_free(), also after a
 * failure.  On error one line for a human in 'why'. */
int config_load(struct config *ret, int argc, char **argv,
		char why[CONFIG_WHY]);
void config_free(struct config *);

/* What --help says. */
extern const char config_help[];

#endif
