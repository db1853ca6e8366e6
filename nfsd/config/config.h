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
#ifndef NFSD_CONFIG_CONFIG_H
#define NFSD_CONFIG_CONFIG_H

#include <stdbool.h>
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

/* What may be given several times; 'item' ends in NULL, or is NULL. */
struct config_list {
	char **item;
	size_t n;
};

/* Who may see something, and from where.  See access.h. */
struct config_access {
	struct config_list allow, uids;
	int64_t reserved_port;
	char *secret_file;
};

/* What is shown as /name: a repository (a source), or any of a kind below
 * it (a root).  What is NULL has not been said. */
struct config_place {
	char *name;             /* may have levels */
	/* For messages; NULL: the command line. */
	char *file, *section;   /* "root.NAME", as the file has it */
	char *url;              /* a path or URL; of a root, a pattern */
	char *type;             /* root: "local" or "git", as the url says; or a
				 * service: "github", "mesa" */
	char *api_url;          /* of a service */
	char *git_url;          /* of a service whose url is not git's */
	struct config_list org; /* root: of a service, to be shown */
	char *location;         /* source: tells it from others: real path,
				 * or URL */
	char *ref;              /* source: not its default branch */
	int64_t refresh;        /* seconds; CONFIG_UNSET */
	char *user, *token_file, *ca_file;
	char *allow_address;    /* networks, with blanks between */
	struct config_list allow, deny; /* root: of the names below */
	struct config_access access;
	/* By config_rules_make(): */
	unsigned rule;          /* its number, from 1; 0: none */
	bool exposed;           /* to whoever reaches some address, and
				 * nobody has said that it is meant so */
};

enum { CONFIG_UNSET = -1 };

struct config_places {
	struct config_place *place;
	size_t n;
};

/* Where a key is in it: see the table in config_value.c. */
struct config {
	enum config_mode mode;
	struct config_list listen;
	bool usual_listen;      /* nobody has said where */
	char *as_user;          /* to be, once the addresses are taken */
	struct config_access access;    /* of what listens */
	struct config_places listeners; /* what some have of their own */
	char *log_format, *log_to;      /* NULL: text; as log.h */
	char *http_listen;      /* NULL: nowhere */
	char *http_secret_file; /* of who may tell of a push; or NULL */
	char *collector_url;    /* of spans; NULL: nobody is told */
	char *state_dir, *cache_dir;
	char *portmap;          /* "auto" and so on; NULL: that */
	int64_t memory, disk;   /* bytes */
	int64_t loops;          /* 0: the default */
	int64_t prefetch;       /* jobs at a time */
	int64_t log_level;
	struct config_places sources, roots;
};

/* Read all there is.  *ret is to be given to config_free(), also after a
 * failure.  On error one line for a human in 'why'. */
int config_load(struct config *ret, int argc, char **argv,
		char why[CONFIG_WHY]);
void config_free(struct config *);

/* What --help says. */
extern const char config_help[];

#endif
