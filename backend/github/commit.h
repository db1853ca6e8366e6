/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* commit.h - a commit, from what the REST API says is in it.
 *
 * The API tells less than a commit holds: above all no time zones.  So what
 * is possible is tried until the hash is the commit's name.
 *
 * Threads: any.
 * Errors: -EIO it holds what the API does not tell; -EBADMSG; -ENOMEM.
 */
#ifndef BACKEND_GITHUB_COMMIT_H
#define BACKEND_GITHUB_COMMIT_H

#include <stddef.h>

#include "backend/rest/json.h"
#include "common/oid.h"

/* The caller frees the text. */
int commit_rebuild(struct json_object *, const struct oid *, char **ret,
		   size_t *ret_len);

#endif
