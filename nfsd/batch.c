/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/value.h"
#include "nfsd/batch.h"
#include "nfsd/xdr.h"

/* SIGPIPE is ignored anyway, but not in a debugger. */
#ifdef MSG_NOSIGNAL
#define NO_SIGNAL MSG_NOSIGNAL
#else
#define NO_SIGNAL 0
#endif

enum {
	PARTS = 256,            /* below IOV_MAX */
	PARTS_PER_REPLY = 3,    /* its own, its tail, the padding */
	BYTES_MAX = 4 << 20,    /* held back for the sake of a batch */
	/* Shorter tails are copied, which costs less than a part. */
	COPY_MAX = 512,
};

struct batch {
	size_t room, size;
	size_t used;            /* of buf */
	size_t bytes;           /* of all parts */
	unsigned n;
	struct iovec part[PARTS];
	struct value *owner[PARTS];     /* NULL: the part is in buf */
	uint8_t buf[];
};

struct batch *batch_new(size_t room)
{
	/* Enough for a second reply after the longest. */
	size_t size = 2 * room;
	struct batch *b = malloc(sizeof *b + size);

	if (!b)
		return NULL;
	b->room = room;
	b->size = size;
	b->used = b->bytes = 0;
	b->n = 0;
	return b;
}

void batch_free(struct batch *b)
{
	assert(!b || !b->n);
	free(b);
}

uint8_t *batch_room(struct batch *b)
{
	return b->buf + b->used;
}

static void add_part(struct batch *b, const void *data, size_t len,
		     struct value *owner)
{
	b->part[b->n] = (struct iovec){ (void *)(uintptr_t)data, len };
	b->owner[b->n++] = owner;
	b->bytes += len;
}

/* The next 'len' bytes of the buffer are made. */
static void add_own(struct batch *b, size_t len)
{
	uint8_t *p = b->buf + b->used;
	struct iovec *last = b->n ? &b->part[b->n - 1] : NULL;

	b->used += len;
	if (last && !b->owner[b->n - 1] &&
	    (uint8_t *)last->iov_base + last->iov_len == p) {
		last->iov_len += len;
		b->bytes += len;
	} else if (len) {
		add_part(b, p, len, NULL);
	}
}

void batch_add(struct batch *b, size_t len, struct slice tail)
{
	size_t pad = xdr_pad(tail.len);

	assert(len <= b->room && !batch_is_full(b));
	if (tail.len <= COPY_MAX && len + COPY_MAX + pad <= b->room) {
		uint8_t *p = b->buf + b->used + len;

		if (tail.len)
			memcpy(p, tail.data, tail.len);
		memset(p + tail.len, 0, pad);
		add_own(b, len + tail.len + pad);
		value_unref(tail.owner);
		return;
	}
	add_own(b, len);
	add_part(b, tail.data, tail.len, tail.owner);
	memset(b->buf + b->used, 0, pad);
	add_own(b, pad);
}

bool batch_is_full(const struct batch *b)
{
	return b->n > PARTS - PARTS_PER_REPLY || b->bytes >= BYTES_MAX ||
	       b->used + b->room + XDR_UNIT > b->size;
}

size_t batch_bytes(const struct batch *b)
{
	return b->bytes;
}

static void unref_sent(const void *data, size_t len, void *owner)
{
	(void)data;
	(void)len;
	value_unref(owner);
}

/* What is left of part 'i' after its first 'skip' bytes.  Takes over the
 * owner. */
static int hand_on(struct batch *b, unsigned i, size_t skip,
		   struct evbuffer *rest)
{
	const uint8_t *p = (uint8_t *)b->part[i].iov_base + skip;
	size_t len = b->part[i].iov_len - skip;

	if (!b->owner[i])
		return evbuffer_add(rest, p, len) ? -ENOMEM : 0;
	if (!evbuffer_add_reference(rest, p, len, unref_sent, b->owner[i]))
		return 0;
	value_unref(b->owner[i]);
	return -ENOMEM;
}

int batch_send(struct batch *b, int fd, struct evbuffer *rest)
{
	size_t sent = 0;
	int r = 0;

	if (b->n && fd >= 0 && !evbuffer_get_length(rest)) {
		const struct msghdr m = {
			.msg_iov = b->part,
			.msg_iovlen = b->n,
		};
		ssize_t n;

		do
			n = sendmsg(fd, &m, MSG_DONTWAIT | NO_SIGNAL);
		while (n < 0 && errno == EINTR);
		if (n >= 0)
			sent = (size_t)n;
		else if (errno != EAGAIN && errno != EWOULDBLOCK)
			r = -errno;
	}
	for (unsigned i = 0; i < b->n; i++) {
		size_t len = b->part[i].iov_len;
		size_t skip = sent < len ? sent : len;

		sent -= skip;
		if (!r && skip < len)
			r = hand_on(b, i, skip, rest);
		else
			value_unref(b->owner[i]);
	}
	b->used = b->bytes = 0;
	b->n = 0;
	return r;
}
