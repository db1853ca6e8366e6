/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* address.h - where a server is, and whether it answers. */
#ifndef CLI_ADDRESS_H
#define CLI_ADDRESS_H

#include <stdbool.h>

struct address {
	char host[256];         /* without brackets */
	char port[8];
	bool v6;
};

/* HOST:PORT or [HOST]:PORT.  One that listens everywhere is asked here.
 * -EINVAL. */
int address_parse(const char *text, struct address *ret);
bool address_eq(const struct address *, const struct address *);

/* Does it answer a call, in a few seconds?  One that is dead, or stands still,
 * does not. */
bool address_answers(const struct address *);
/* The port at which NFS is, as this machine's port mapper tells; 0: it knows
 * none; -ECONNREFUSED: nobody answers there. */
int address_mapped(void);

#endif
