/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* unix.h - the address of a socket in the file system, also where its path
 * is longer than such an address holds.
 *
 * Threads: any.
 * Errors: -ENAMETOOLONG, and what open(2) says.
 */
#ifndef COMMON_UNIX_H
#define COMMON_UNIX_H

#include <sys/socket.h>
#include <sys/un.h>

struct unix_address {
	struct sockaddr_un addr;
	socklen_t len;
	int dir;                /* to be open while it is used, or -1 */
};

int unix_address(const char *path, struct unix_address *ret);
void unix_address_clear(struct unix_address *);

#endif
