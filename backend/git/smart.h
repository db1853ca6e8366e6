/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* smart.h - git's smart HTTP transport (gitprotocol-http(5)): where to ask,
 * as whom, and what the statuses mean.
 *
 * Credentials go to the host of the URL and nowhere else, wherever it
 * redirects us to.
 */
#ifndef BACKEND_GIT_SMART_H
#define BACKEND_GIT_SMART_H

#include "backend/backend.h"
#include "backend/git/transport.h"

/* On error, 'why' says what is wrong with the URL. */
int smart_open(struct transport **ret, const char *url,
	       const struct backend_options *, char why[BACKEND_WHY]);

#endif
