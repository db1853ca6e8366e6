/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* webhook.h - is a message from who knows the secret?
 *
 * GitHub, Gitea and its kin sign the body (HMAC-SHA-256), GitLab sends the
 * secret itself; so may who calls by hand, as a bearer.
 *
 * Threads: any.
 */
#ifndef NFSD_ADMIN_WEBHOOK_H
#define NFSD_ADMIN_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>

/* What the message says, by the name of the header; NULL: nothing. */
struct webhook {
	const char *hub_signature;      /* X-Hub-Signature-256 */
	const char *gitea_signature;    /* X-Gitea-Signature and kin */
	const char *gitlab_token;       /* X-Gitlab-Token */
	const char *authorization;      /* Authorization */
	const void *body;
	size_t len;
};

bool webhook_is_genuine(const struct webhook *, const char *secret);

#endif
