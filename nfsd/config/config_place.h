/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* config_place.h - what is shown: repositories, and kinds of repositories,
 * each at its name.
 *
 * Threads: as for config.h.
 * Errors: -EINVAL, -EBADMSG, with a line in 'why'; -ENOMEM.
 */
#ifndef NFSD_CONFIG_CONFIG_PLACE_H
#define NFSD_CONFIG_CONFIG_PLACE_H

#include "nfsd/config/config_value.h"

struct config_place *config_place_find(const struct config_places *,
				       const char *name);
/* One more of that name, of which nothing else is known.  NULL: out of
 * memory. */
struct config_place *config_place_add(struct config_places *,
				      const char *name, size_t len);
void config_places_clear(struct config_places *);

/* Any repository of GitHub, GitLab and Codeberg, by those names.  -ENOMEM. */
int config_service_default(struct config *);
/* What the url of a service's root is when the file does not say.  NULL: it
 * is no service, or has none. */
const char *config_service_url(const struct config_place *);
/* A depot has a root for each organisation: add them to 'ret'.  -ENOMEM. */
int config_service_expand(const struct config_place *p,
			  struct config_places *ret);

/* Always 'err'; not 0, and it is said before what is in 'why' where in the
 * file, and by which key, that was asked for; NULL: by the name. */
int config_place_blame(const struct config_place *, const char *key, int err,
		       char why[CONFIG_WHY]);

/* A SOURCE of the command line. */
int config_place_parse(struct config *, const char *arg,
		       char why[CONFIG_WHY]);

/* Add what 'from' of a file has, but for what has a name that the command
 * line has taken.  Takes out of it what it uses. */
int config_place_merge(struct config *to, struct config *from,
		       const char *file, char why[CONFIG_WHY]);

#endif
