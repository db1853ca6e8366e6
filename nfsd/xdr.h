/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* xdr.h - XDR (RFC 4506) by hand, for headers and the hot procedures.
 *
 * A reader and a writer are a window on bytes that somebody else owns.
 * Both remember the first step over the edge: from then on a reader yields
 * zeros, a writer drops what it is given, and 'bad' says so, to be asked
 * once at the end.  Neither ever touches a byte outside its window.
 *
 * Knows no protocol.
 *
 * Threads: one at a time per reader or writer.
 */
#ifndef NFSD_XDR_H
#define NFSD_XDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct reader {
	const uint8_t *p, *end;
	bool bad;
};

struct writer {
	uint8_t *p, *end;
	bool bad;
};

enum { XDR_UNIT = 4 };

/* The zero bytes that follow 'len' bytes of an opaque. */
static inline size_t xdr_pad(size_t len)
{
	return -len & 3;
}

static inline uint32_t load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t load64(const uint8_t *p)
{
	return (uint64_t)load32(p) << 32 | load32(p + 4);
}

static inline void store32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline void store64(uint8_t *p, uint64_t v)
{
	store32(p, (uint32_t)(v >> 32));
	store32(p + 4, (uint32_t)v);
}

/* ---- reading ---- */

/* The next 'len' bytes, or NULL. */
static inline const uint8_t *get_bytes(struct reader *r, size_t len)
{
	const uint8_t *p = r->p;

	if ((size_t)(r->end - p) < len) {
		r->p = r->end;
		r->bad = true;
		return NULL;
	}
	r->p += len;
	return p;
}

static inline uint32_t get32(struct reader *r)
{
	const uint8_t *p = get_bytes(r, 4);

	return p ? load32(p) : 0;
}

static inline uint64_t get64(struct reader *r)
{
	const uint8_t *p = get_bytes(r, 8);

	return p ? load64(p) : 0;
}

/* An opaque of at most 'max' bytes, in place.  *ret_len is 0 when bad. */
static inline const uint8_t *get_opaque(struct reader *r, size_t max,
					size_t *ret_len)
{
	size_t len = get32(r);
	const uint8_t *p = NULL;

	if (len > max) {
		r->p = r->end;
		r->bad = true;
	} else {
		p = get_bytes(r, len + xdr_pad(len));
	}
	*ret_len = p ? len : 0;
	return p;
}

/* ---- writing ---- */

/* Room for 'len' bytes, to be filled by the caller, or NULL. */
static inline uint8_t *put_room(struct writer *w, size_t len)
{
	uint8_t *p = w->p;

	if ((size_t)(w->end - p) < len) {
		w->end = p;
		w->bad = true;
		return NULL;
	}
	w->p += len;
	return p;
}

static inline void put32(struct writer *w, uint32_t v)
{
	uint8_t *p = put_room(w, 4);

	if (p)
		store32(p, v);
}

static inline void put64(struct writer *w, uint64_t v)
{
	uint8_t *p = put_room(w, 8);

	if (p)
		store64(p, v);
}

static inline void put_bytes(struct writer *w, const void *data, size_t len)
{
	uint8_t *p = put_room(w, len);

	if (p)
		memcpy(p, data, len);
}

static inline void put_opaque(struct writer *w, const void *data, size_t len)
{
	uint8_t *p = put_room(w, 4 + len + xdr_pad(len));

	if (!p)
		return;
	store32(p, (uint32_t)len);
	if (len)
		memcpy(p + 4, data, len);
	memset(p + 4 + len, 0, xdr_pad(len));
}

#endif
