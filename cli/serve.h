/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* serve.h - a server for who has none.
 *
 * It is given a configuration of its own in the state directory: what the
 * user's says, or else some well-known hosts, and the repositories that
 * were named on the command line.  Its port is kept there too, so that what
 * is mounted finds it again after a restart.
 *
 * Errors: an exit status, having said what is wrong.
 */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include <stdbool.h>

struct cli;

/* A repository to show, by its URL or path: the name it has there.  *added is
 * set when it was not shown so far; the caller frees *ret_name. */
int serve_add(const struct cli *, const char *url, bool *added,
	      char **ret_name);

/* No more. */
void serve_drop(const struct cli *, const char *name);

/* Is that systemd's business? */
bool serve_is_service(const struct cli *);

/* Have a server run. */
int serve_start(const struct cli *);
/* Have it read what was added or dropped. */
int serve_reload(const struct cli *);
/* Have it gone. */
int serve_stop(const struct cli *);

/* Where the server of this state directory listened last: HOST:PORT, which
 * the caller frees; NULL: not known. */
char *serve_address(const struct cli *);

#endif
