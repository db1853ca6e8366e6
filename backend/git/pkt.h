/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* pkt.h - git's packets: four hexadecimal digits that tell the length, and
 * a payload (gitprotocol-common(5), "pkt-line Format").
 *
 * Knows nothing of what they mean.
 *
 * Threads: one at a time.
 * Errors: -EBADMSG that is no packet; -ECONNRESET it ends in the midst of
 * one; those of the stream.
 */
#ifndef BACKEND_GIT_PKT_H
#define BACKEND_GIT_PKT_H

#include <stddef.h>

#include "backend/git/stream.h"

enum { PKT_MAX = 65520 };       /* bytes, with the length */

enum pkt {
	PKT_EOF,                /* the stream ended between two */
	PKT_FLUSH,              /* the end of a message */
	PKT_DELIM,              /* between its sections */
	PKT_RESPONSE_END,
	PKT_DATA,
};

struct pkt_reader {
	struct stream *from;
	size_t pos, len;        /* what is read and not yet asked for */
	char buf[2 * PKT_MAX];
};

void pkt_reader_init(struct pkt_reader *, struct stream *);

/* The kind of the next packet.  The payload stays until the next call. */
int pkt_read(struct pkt_reader *, const char **data, size_t *len);

/* The same, for lines: without the newline that may end it, and with a NUL
 * behind it. */
int pkt_read_line(struct pkt_reader *, const char **line, size_t *len);

/* A message in the making.  Zero-initialised; free 'data'. */
struct pkt_buf {
	char *data;
	size_t len, size;
	int err;                /* some of it is missing: -ENOMEM, -EMSGSIZE */
};

/* One line; a newline is added. */
void pkt_line(struct pkt_buf *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void pkt_delim(struct pkt_buf *);
void pkt_flush(struct pkt_buf *);

#endif
