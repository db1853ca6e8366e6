/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The pack reader: packs as they are, and packs made of what the input says,
 * so that checksums do not keep everything out.
 *
 * The first byte: 1, a pack but for its trailer; 2, a pack with it; else a
 * list of entries, see make_pack().
 */
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <zlib.h>

#include "backend/git/pack.h"
#include "common/cleanup.h"
#include "common/list.h"
#include "test/fuzz.h"

enum {
	PACK_MAX = 256 << 10,   /* bytes of a pack that is made here */
	INFLATED = 1 << 20,
	OBJECTS = 200,
	DELTA = 64 << 10,
	TRAILER = 20,
	HEADER = 12,
	ENTRIES = 255,
};

/* ---- making ---- */

struct making {
	uint8_t *data;
	size_t len;
	size_t entry[ENTRIES];  /* where they start */
	struct oid name[ENTRIES];
	unsigned n;
};

static void put(struct making *m, const void *data, size_t len)
{
	if (len > PACK_MAX - TRAILER - m->len)
		return;
	memcpy(m->data + m->len, data, len);
	m->len += len;
}

static void put_byte(struct making *m, unsigned byte)
{
	put(m, &(uint8_t){ (uint8_t)byte }, 1);
}

static void put_head(struct making *m, unsigned type, size_t size)
{
	unsigned byte = type << 4 | (size & 15);

	for (size >>= 4; size; size >>= 7) {
		put_byte(m, byte | 128);
		byte = size & 127;
	}
	put_byte(m, byte);
}

static void put_offset(struct making *m, size_t off)
{
	uint8_t text[10];
	size_t at = sizeof text;

	text[--at] = off & 127;
	while (off >>= 7)
		text[--at] = 128 | (--off & 127);
	put(m, text + at, sizeof text - at);
}

static void put_deflated(struct making *m, const void *data, size_t len)
{
	uLongf room = PACK_MAX - TRAILER - m->len;

	if (compress2(m->data + m->len, &room, data, len, 1) == Z_OK)
		m->len += room;
}

/* What its bytes would be called; of a delta, something else. */
static struct oid name_of(enum obj type, const void *data, size_t len)
{
	struct oid_hash *h = NULL;
	struct oid oid;

	FUZZ_MUST(!oid_hash_start(&h, OID_SHA1, type, len) &&
		  !oid_hash_data(h, data, len) && !oid_hash_end(h, &oid));
	return oid;
}

/* Entries: a byte with the type and whether it lies about its size; for
 * deltas one that tells the base; one with the length, and so many bytes.  A
 * length of 255: as many zeros as the next two bytes say. */
static void make_pack(struct making *m, struct fuzz *f, unsigned count)
{
	static uint8_t zeros[1 << 16];

	put(m, "PACK\0\0\0\2\0\0\0", HEADER - 1);
	put_byte(m, count);
	while (f->len && m->n < ENTRIES) {
		unsigned what = fuzz_byte(f), type = what & 7, base = 0;
		const uint8_t *data;
		size_t len;

		if (type == 6 || type == 7)
			base = fuzz_byte(f);
		len = fuzz_byte(f);
		if (len == 255) {
			len = (size_t)fuzz_byte(f) << 8 | fuzz_byte(f);
			data = zeros;
		} else {
			data = fuzz_bytes(f, &len);
		}
		m->entry[m->n] = m->len;
		m->name[m->n] = name_of(type && type < 5 ? type : OBJ_BLOB,
					data, len);
		put_head(m, type, len + (what >> 3 & 1) - (what >> 4 & 1));
		if (type == 6)
			put_offset(m, base <= m->n ?
				   m->len - m->entry[m->n - base] : base);
		if (type == 7)
			put(m, m->name[base % ENTRIES].id, OID_SHA1);
		put_deflated(m, data, len);
		m->n++;
		if (what & 32)          /* a lie: the count is right anyhow */
			m->data[HEADER - 1] = (uint8_t)m->n;
	}
}

static void put_trailer(struct making *m)
{
	FUZZ_MUST(EVP_Digest(m->data, m->len, m->data + m->len, NULL,
			     EVP_sha1(), NULL));
	m->len += TRAILER;
}

/* ---- reading ---- */

struct reading {
	struct stream stream;
	struct pack_sink sink;
	const uint8_t *data;
	size_t len;
	struct oid_hash *hash;  /* of the object that is coming */
	struct oid oid;
	uint64_t left, all;
	unsigned objects;
};

static ssize_t reading_read(struct stream *s, void *buf, size_t len)
{
	struct reading *r = container_of(s, struct reading, stream);

	if (len > r->len)
		len = r->len;
	memcpy(buf, r->data, len);
	r->data += len;
	r->len -= len;
	return (ssize_t)len;
}

static int reading_start(struct pack_sink *s, const struct oid *oid,
			 enum obj type, uint64_t size)
{
	struct reading *r = container_of(s, struct reading, sink);

	oid_hash_free(TAKE(r->hash));
	r->oid = *oid;
	r->left = size;
	r->objects++;
	FUZZ_MUST(type >= OBJ_COMMIT && type <= OBJ_TAG);
	FUZZ_MUST(r->objects <= OBJECTS);
	if (size % 7 == 1)
		return -ENOSPC; /* some are not wanted */
	return oid_hash_start(&r->hash, oid->len, type, size);
}

static int reading_data(struct pack_sink *s, const void *data, size_t len)
{
	struct reading *r = container_of(s, struct reading, sink);

	FUZZ_MUST(r->hash && len && len <= r->left);
	r->left -= len;
	r->all += len;
	FUZZ_MUST(r->all <= INFLATED);
	return oid_hash_data(r->hash, data, len);
}

/* What is handed on is what it is called. */
static void reading_end(struct pack_sink *s)
{
	struct reading *r = container_of(s, struct reading, sink);
	struct oid oid;

	FUZZ_MUST(r->hash && !r->left);
	FUZZ_MUST(!oid_hash_end(TAKE(r->hash), &oid) &&
		  oid_eq(&oid, &r->oid));
}

static int reading_check(struct pack_sink *s)
{
	(void)s;
	return 0;
}

static void read_pack(const uint8_t *data, size_t len)
{
	const char *dir = getenv("TMPDIR");
	const struct pack_options opt = {
		.oid_len = OID_SHA1,
		.dir = dir && *dir ? dir : "/tmp",
		.inflated = INFLATED,
		.objects = OBJECTS,
		.delta = DELTA,
		.memory = DELTA,
	};
	struct reading r = {
		.stream.read = reading_read,
		.sink = { reading_start, reading_data, reading_end,
			  reading_check },
		.data = data,
		.len = len,
	};

	pack_read(&r.stream, &opt, &r.sink);
	oid_hash_free(r.hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct making m;
	struct fuzz f = { data, size };
	unsigned how = fuzz_byte(&f);

	if (how == 2) {
		read_pack(f.data, f.len);
		return 0;
	}
	if (!m.data)
		m.data = malloc(PACK_MAX);
	FUZZ_MUST(m.data);
	m.len = m.n = 0;
	if (how == 1)
		put(&m, f.data, f.len);
	else
		make_pack(&m, &f, how);
	put_trailer(&m);
	read_pack(m.data, m.len);
	return 0;
}
