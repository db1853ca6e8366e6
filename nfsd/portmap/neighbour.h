/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* neighbour.h - calls to other programs of this machine, by TCP.
 *
 * Knows no program.
 *
 * Threads: any that may block, for a second or so.
 * Errors: those of connect(2) and recv(2); -EMSGSIZE; -EPROTO: it is
 * answered, but not with results.
 */
#ifndef NFSD_PORTMAP_NEIGHBOUR_H
#define NFSD_PORTMAP_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

struct reader;

enum { NEIGHBOUR_REPLY = 16 << 10 };

/* A call without arguments, by nobody.  *ret: the results, in 'data'. */
int neighbour_call(uint16_t port, uint32_t program, uint32_t version,
		   uint32_t proc, uint8_t data[NEIGHBOUR_REPLY],
		   struct reader *ret);
/* Does somebody answer there, as this program? */
bool neighbour_serves(uint16_t port, uint32_t program, uint32_t version);

#endif
