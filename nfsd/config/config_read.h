/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* config_read.h - where a configuration comes from.
 *
 * Threads: as for config.h.
 * Errors: as for config.h, with a line in 'why'.
 */
#ifndef NFSD_CONFIG_CONFIG_READ_H
#define NFSD_CONFIG_CONFIG_READ_H

#include "nfsd/config/config.h"

/* The command line.  *ret_file is the file it names, if it does. */
int config_read_args(struct config *, int argc, char **argv,
		     const char **ret_file, char why[CONFIG_WHY]);

/* A file: what the command line has not said. */
int config_read_file(struct config *, const char *file,
		     char why[CONFIG_WHY]);

#endif
