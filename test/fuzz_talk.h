/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* fuzz_talk.h - a connection to the server in this program, without a
 * listener: bytes go in at one end, and replies come out.
 *
 * Threads: one.  Errors: what goes wrong ends the program.
 */
#ifndef TEST_FUZZ_TALK_H
#define TEST_FUZZ_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "nfsd/access.h"

enum {
	TALK_MAX = 1 << 20,             /* bytes that one input becomes */
	TALK_REPLIES_MAX = 80 << 20,
};

/* With room for TALK_MAX; what is too much is left out. */
struct talk {
	uint8_t *p;
	size_t len;
};

void talk_put(struct talk *, const void *data, size_t len);
void talk_word(struct talk *, uint32_t);
void talk_opaque(struct talk *, const void *data, size_t len);
/* A record, in fragments of up to 'size' bytes. */
void talk_record(struct talk *to, const struct talk *record, size_t size);

/* The world's; made at the first call. */
struct rpc *talk_rpc(void);

/* Send, up to 'piece' bytes at a time, and let the server run until it has
 * answered all and hung up.  Returns the length of what it has sent, which
 * is *ret. */
size_t talk_converse(const struct talk *, size_t piece, const struct client *,
		     const uint8_t **ret);

#endif
