/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* batch.h - the replies to a batch of calls, on their way into a socket.
 *
 * Replies are made where they leave from: one after the other in one
 * buffer, and between them what they refer to.  So a batch costs one system
 * call and no allocation, however many calls it answers.  What the socket
 * does not take is handed on, to be sent later.
 *
 * Knows no protocol and no connection.
 *
 * Ownership: a reference that is added belongs to the batch until its bytes
 * are sent, handed on or dropped.
 *
 * Threads: one at a time.
 * Errors: -ENOMEM, and what sendmsg(2) says.
 */
#ifndef NFSD_BATCH_H
#define NFSD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/fs.h"

struct batch;
struct evbuffer;

/* 'room': bytes that one reply may need, not counting its tail. */
struct batch *batch_new(size_t room);
void batch_free(struct batch *);        /* NULL is allowed */

/* Where the next reply is to be made; there is room for one whenever the
 * batch is not full. */
uint8_t *batch_room(struct batch *);

/* The reply there has 'len' bytes, and then those of 'tail', padded to a
 * multiple of 4.  Takes over the tail. */
void batch_add(struct batch *, size_t len, struct slice tail);

/* Time to send. */
bool batch_is_full(const struct batch *);
size_t batch_bytes(const struct batch *);

/* Send what there is, unless something else is queued in 'rest', and append
 * to 'rest' what could not be sent.  The batch is empty then, also on
 * failure.  'fd' -1: append all. */
int batch_send(struct batch *, int fd, struct evbuffer *rest);

#endif
