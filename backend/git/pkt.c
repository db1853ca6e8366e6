/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/git/pkt.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"

enum { HEAD = 4 };

/* ---- reading ---- */

void pkt_reader_init(struct pkt_reader *r, struct stream *from)
{
	r->from = from;
	r->pos = r->len = 0;
}

/* Have 'want' bytes at hand: 1, or 0 when the stream ends before. */
static int fill(struct pkt_reader *r, size_t want)
{
	while (r->len - r->pos < want) {
		ssize_t n = r->from->read(r->from, r->buf + r->len,
					  sizeof r->buf - r->len);

		if (n <= 0)
			return (int)n;
		r->len += (size_t)n;
	}
	return 1;
}

/* Have room for a whole packet behind 'pos'.  Only between two: the length
 * stays before what it is the length of. */
static void make_room(struct pkt_reader *r)
{
	if (r->pos <= PKT_MAX)
		return;
	memmove(r->buf, r->buf + r->pos, r->len - r->pos);
	r->len -= r->pos;
	r->pos = 0;
}

/* The length that a packet starts with, or -EBADMSG. */
static int length(const char digits[HEAD])
{
	int len = 0;

	for (int i = 0; i < HEAD; i++) {
		int v = hex_value(digits[i]);

		if (v < 0)
			return -EBADMSG;
		len = len << 4 | v;
	}
	return len <= PKT_MAX ? len : -EBADMSG;
}

int pkt_read(struct pkt_reader *r, const char **data, size_t *len)
{
	static const enum pkt special[] = { PKT_FLUSH, PKT_DELIM,
					    PKT_RESPONSE_END };
	int n, got;

	make_room(r);
	got = fill(r, HEAD);
	if (got < 0)
		return got;
	if (!got)
		return r->pos == r->len ? (int)PKT_EOF : -ECONNRESET;
	n = length(r->buf + r->pos);
	if (n < 0)
		return n;
	r->pos += HEAD;
	if (n < 3)
		return (int)special[n];
	if (n < HEAD)
		return -EBADMSG;
	got = fill(r, (size_t)n - HEAD);
	if (got <= 0)
		return got ? got : -ECONNRESET;
	*data = r->buf + r->pos;
	*len = (size_t)n - HEAD;
	r->pos += *len;
	return PKT_DATA;
}

int pkt_read_line(struct pkt_reader *r, const char **line, size_t *len)
{
	const char *data;
	size_t n;
	int kind = pkt_read(r, &data, &n);
	char *moved;

	if (kind != PKT_DATA)
		return kind;
	if (n > 0 && data[n - 1] == '\n')
		n--;
	/* Over the length, which has been read, to have room for a NUL. */
	moved = r->buf + (data - r->buf) - 1;
	memmove(moved, data, n);
	moved[n] = '\0';
	*line = moved;
	*len = n;
	return PKT_DATA;
}

/* ---- writing ---- */

/* Room for 'len' more bytes, or NULL. */
static char *room(struct pkt_buf *b, size_t len)
{
	if (b->err)
		return NULL;
	if (b->size - b->len < len) {
		size_t size = 2 * b->size + len;
		char *data = realloc(b->data, size);

		if (!data) {
			b->err = -ENOMEM;
			return NULL;
		}
		b->data = data;
		b->size = size;
	}
	return b->data + b->len;
}

static void add(struct pkt_buf *b, const char *data, size_t len)
{
	char *to = room(b, len);

	if (!to)
		return;
	memcpy(to, data, len);
	b->len += len;
}

void pkt_line(struct pkt_buf *b, const char *fmt, ...)
{
	char line[4096], head[HEAD + 1];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof line) {
		b->err = -EMSGSIZE;
		return;
	}
	line[n++] = '\n';
	snprintf(head, sizeof head, "%04x", (unsigned)(n + HEAD) & 0xffff);
	add(b, head, HEAD);
	add(b, line, (size_t)n);
}

void pkt_delim(struct pkt_buf *b)
{
	add(b, "0001", HEAD);
}

void pkt_flush(struct pkt_buf *b)
{
	add(b, "0000", HEAD);
}
