/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* config_rules.h - what a configuration says about access, as rules; and
 * whether it shows to a network what it should not.
 *
 * A repository that is read with a token or a key is private.  To show one to
 * whoever reaches an address beyond this machine takes a word of the
 * operator: "allow" or "secret-file", at the listener or at the place.
 *
 * Threads: any, one at a time per struct config_rules.
 * Errors: -EBADMSG it is wrong or unsafe, with a line in 'why'; -ENOMEM.
 */
#ifndef NFSD_CONFIG_CONFIG_RULES_H
#define NFSD_CONFIG_CONFIG_RULES_H

#include <stddef.h>

#include "nfsd/access.h"
#include "nfsd/config/config.h"

struct config_rules {
	struct rule **listen;   /* of each address in config.listen; never
				 * NULL */
	size_t nlisten;
	struct rule **place;    /* by the numbers that places have, less 1 */
	size_t nplace;
};

/* *ret is to be given to config_rules_free(), also after a failure. */
int config_rules_make(struct config *, struct config_rules *ret,
		      char why[CONFIG_WHY]);
void config_rules_free(struct config_rules *);

/* Say in the log what is not as safe as it may look. */
void config_rules_warn(const struct config_rules *, const struct config *);

#endif
