/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* netrc.h - what ~/.netrc knows for a host, as curl(1) and git read it.
 * curl could do so itself, but would neither say whose password it sent nor
 * look for that of one login.
 *
 * Threads: any.
 * Errors: -ENOENT there is nothing; -ENOMEM.
 */
#ifndef BACKEND_HTTP_NETRC_H
#define BACKEND_HTTP_NETRC_H

/* 'host' is without a port.  'login' NULL: the first there is.  The caller
 * frees both. */
int netrc_find(const char *host, const char *login, char **ret_login,
	       char **ret_password);

#endif
