/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* transport.h - how commands of git's protocol version 2 get to a server
 * and its answers back.
 *
 * Threads: any, several asking at a time; a reply belongs to one.
 * Errors: -ENOENT there is no such repository; -EACCES; -EAGAIN not now;
 * -E2BIG the request is too large; -EIO the server is in trouble;
 * -ECONNRESET the answer was cut; -ETIMEDOUT, -EHOSTUNREACH and kin;
 * -EBADMSG nonsense; -EPROTONOSUPPORT not git's protocol version 2;
 * -EPROTO no trusted connection; -EPERM a host that may not be asked; -ENOMEM.
 */
#ifndef BACKEND_GIT_TRANSPORT_H
#define BACKEND_GIT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/backend.h"

struct transport;

/* Embed them. */
struct reply {
	const struct transport_ops *ops;
};

struct transport_ops {
	/* Send a command, or ask with a 'request' of NULL for the server's
	 * capabilities, and wait for the answer to begin.  On error, 'why'
	 * may say for a human what is wrong and what to do about it. */
	int (*ask)(struct transport *, const void *request, size_t len,
		   uint64_t deadline, struct reply **ret,
		   char why[BACKEND_WHY]);
	/* Up to 'len' bytes; 0 at the end.  After a whole answer it may
	 * wait for more in vain. */
	ssize_t (*read)(struct reply *, void *buf, size_t len,
			uint64_t deadline);
	/* 'whole': the answer has been read to its end. */
	void (*end)(struct reply *, bool whole);
	/* After -EAGAIN: when to ask again, in clock_ms(). */
	uint64_t (*rests_until)(struct transport *);
	void (*close)(struct transport *);
};

struct transport {
	const struct transport_ops *ops;
};

#endif
