/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What git's protocol has a server answer: any bytes at all. */
#include <string.h>

#include "backend/git/protocol.h"
#include "common/cleanup.h"
#include "test/fuzz.h"

enum { AGAIN = 100 };   /* times, to have more than the reader's buffer */

/* The rest of the input, perhaps again and again, some bytes at a time. */
struct bytes {
	struct stream stream;
	struct fuzz all, rest;
	unsigned again;
	size_t piece;
};

static ssize_t bytes_read(struct stream *s, void *buf, size_t len)
{
	struct bytes *b = (struct bytes *)s;
	const uint8_t *data;

	if (!b->rest.len && b->again) {
		b->again--;
		b->rest = b->all;
	}
	if (len > b->piece)
		len = b->piece;
	data = fuzz_bytes(&b->rest, &len);
	memcpy(buf, data, len);
	return (ssize_t)len;
}

static void each_ref(void *arg, const struct ref_line *l)
{
	const struct caps *caps = arg;

	FUZZ_MUST(l->name && strlen(l->name) < PKT_MAX);
	FUZZ_MUST(!l->target || strlen(l->target) < PKT_MAX);
	FUZZ_MUST(l->oid.len == 0 || l->oid.len == caps->oid_len);
	FUZZ_MUST(l->peeled.len == 0 || l->peeled.len == caps->oid_len);
}

static void each_size(void *arg, const struct oid *oid, uint64_t size)
{
	const struct caps *caps = arg;

	(void)size;
	FUZZ_MUST(oid->len == caps->oid_len);
}

static void read_fetch(struct pkt_reader *r)
{
	struct sideband band;
	struct oid missing;
	char buf[4096];
	ssize_t n;

	if (protocol_read_fetch(r, &band, &missing) != ANSWER_GOOD)
		return;
	do {
		n = band.stream.read(&band.stream, buf, sizeof buf);
		FUZZ_MUST(n <= (ssize_t)sizeof buf);
	} while (n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pkt_reader r;
	struct fuzz f = { data, size };
	uint8_t what = fuzz_byte(&f);
	struct bytes b = { .stream.read = bytes_read };
	struct caps caps = {
		.oid_len = what & 16 ? OID_SHA256 : OID_SHA1,
	};

	b.piece = what & 32 ? 1 : what & 64 ? 7 : PKT_MAX;
	b.again = what & 128 ? AGAIN : 0;
	b.all = b.rest = f;
	pkt_reader_init(&r, &b.stream);
	switch (what & 3) {
	case 0:
		protocol_read_caps(&r, &caps);
		break;
	case 1:
		protocol_read_refs(&r, &caps, each_ref, &caps);
		break;
	case 2:
		read_fetch(&r);
		break;
	case 3:
		protocol_read_sizes(&r, &caps, each_size, &caps);
	}
	FUZZ_MUST(r.pos <= r.len && r.len <= sizeof r.buf);
	return 0;
}
