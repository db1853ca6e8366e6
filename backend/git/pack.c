/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "config.h"

#include "backend/git/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "common/cleanup.h"

enum {
	CHUNK = 64 << 10,       /* bytes */
	WHOLE_MAX = 4 << 20,    /* bytes: larger objects are not held whole */
	DEPTH_MAX = 4095,       /* deltas on deltas; git makes no more */
	HEAD = 12,              /* bytes before the first entry */
	VERSION_MIN = 2, VERSION_MAX = 3,
	OFS_DELTA = 6, REF_DELTA = 7,   /* besides enum obj */
};

struct entry {
	uint64_t offset;        /* of its zlib stream in the pack */
	uint64_t start;         /* of itself */
	uint64_t size;          /* inflated: of a delta, not of its object */
	struct oid oid;         /* of length 0: not known yet */
	uint8_t type;           /* enum obj or one of the above */
	uint32_t base;          /* of a delta whose oid is known: its entry */
};

/* A delta by what it is made against. */
struct by_offset {
	uint32_t base, delta;   /* entries */
};

struct by_name {
	struct oid base;
	uint32_t delta;
};

struct pack {
	const struct pack_options *opt;
	struct stream *from;
	struct pack_sink *sink;

	/* What has come: in[0, pos) is used, in[0, kept) hashed and filed. */
	uint8_t *in;
	size_t pos, len, kept;
	uint64_t before;        /* in[0] is this byte of the pack */
	EVP_MD_CTX *sum;
	int file;

	z_stream z;
	uint8_t *out;           /* CHUNK: objects that are not held whole */
	uint8_t *back;          /* CHUNK: read back from the file */
	uint64_t inflated;

	struct entry *entry;
	uint32_t entries, entry_room;
	struct by_offset *by_offset;
	uint32_t offsets, offset_room;
	struct by_name *by_name;
	uint32_t names, name_room;
};

/* ---- what comes ---- */

/* Hash and file what has been used. */
static int settle(struct pack *p)
{
	if (!EVP_DigestUpdate(p->sum, p->in + p->kept, p->pos - p->kept))
		return -ENOMEM;
	while (p->kept < p->pos) {
		ssize_t n = write(p->file, p->in + p->kept, p->pos - p->kept);

		if (n < 0 && errno != EINTR)
			return -errno;
		p->kept += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Have 'want' bytes at hand, of at most CHUNK. */
static int need(struct pack *p, size_t want)
{
	while (p->len - p->pos < want) {
		ssize_t n;
		int r = settle(p);

		if (r)
			return r;
		memmove(p->in, p->in + p->pos, p->len - p->pos);
		p->before += p->pos;
		p->len -= p->pos;
		p->pos = p->kept = 0;
		n = p->from->read(p->from, p->in + p->len, CHUNK - p->len);
		if (n <= 0)
			return n ? (int)n : -EBADMSG;
		p->len += (size_t)n;
	}
	return 0;
}

static uint64_t here(const struct pack *p)
{
	return p->before + p->pos;
}

/* ---- inflating ---- */

/* A zlib stream: as it comes, or from the file. */
struct inflating {
	bool filed;
	uint64_t offset;        /* in the file: of what is read next */
	bool ended;
};

static int feed(struct pack *p, struct inflating *s)
{
	ssize_t n;
	int r;

	if (!s->filed) {
		r = need(p, 1);
		p->z.next_in = p->in + p->pos;
		p->z.avail_in = r ? 0 : (uInt)(p->len - p->pos);
		return r;
	}
	do
		n = pread(p->file, p->back, CHUNK, (off_t)s->offset);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? -errno : -EBADMSG;
	s->offset += (uint64_t)n;
	p->z.next_in = p->back;
	p->z.avail_in = (uInt)n;
	return 0;
}

static void inflate_start(struct pack *p, struct inflating *s, bool filed,
			  uint64_t offset)
{
	*s = (struct inflating){ .filed = filed, .offset = offset };
	inflateReset(&p->z);
	p->z.avail_in = 0;
}

/* Up to 'room' bytes; 0 at the end. */
static ssize_t inflate_some(struct pack *p, struct inflating *s, void *out,
			    size_t room)
{
	z_stream *z = &p->z;
	size_t n;

	if (room > CHUNK)
		room = CHUNK;
	z->next_out = out;
	z->avail_out = (uInt)room;
	while (!s->ended && z->avail_out == room) {
		int r = z->avail_in ? 0 : feed(p, s);

		if (r)
			return r;
		r = inflate(z, Z_NO_FLUSH);
		if (r == Z_MEM_ERROR)
			return -ENOMEM;
		if (r != Z_OK && r != Z_STREAM_END)
			return -EBADMSG;
		s->ended = r == Z_STREAM_END;
		if (!s->filed)
			p->pos = p->len - z->avail_in;
	}
	n = room - z->avail_out;
	p->inflated += n;
	return p->inflated <= p->opt->inflated ? (ssize_t)n : -EFBIG;
}

/* That nothing more comes. */
static int inflate_end(struct pack *p, struct inflating *s)
{
	char more;
	ssize_t n = inflate_some(p, s, &more, 1);

	return n ? n < 0 ? (int)n : -EBADMSG : 0;
}

/* Just 'size' bytes. */
static int inflate_whole(struct pack *p, struct inflating *s, char *out,
			 size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = inflate_some(p, s, out + done, size - done);

		if (n <= 0)
			return n ? (int)n : -EBADMSG;
		done += (size_t)n;
		if (done < size && (n = p->sink->check(p->sink)))
			return (int)n;
	}
	return inflate_end(p, s);
}

/* Just 'size' bytes, piece by piece: to 'hash', to the sink, or nowhere.
 * 1: the sink wants no more of it. */
static int inflate_pieces(struct pack *p, struct inflating *s, uint64_t size,
			  struct oid_hash *hash, bool sink)
{
	while (size > 0) {
		ssize_t n = inflate_some(p, s, p->out, CHUNK);
		int r;

		if (n <= 0)
			return n ? (int)n : -EBADMSG;
		if ((uint64_t)n > size)
			return -EBADMSG;
		size -= (uint64_t)n;
		r = hash ? oid_hash_data(hash, p->out, (size_t)n) : 0;
		if (!r)
			r = p->sink->check(p->sink);
		if (r)
			return r;
		if (sink && p->sink->data(p->sink, p->out, (size_t)n))
			return 1;
	}
	return inflate_end(p, s);
}

/* ---- objects ---- */

/* Double the room of an array that is full. */
static int grow(void **array, uint32_t n, uint32_t *room, size_t each)
{
	uint32_t more = *room ? 2 * *room : 64;
	void *p;

	if (n < *room)
		return 0;
	p = reallocarray(*array, more, each);
	if (!p)
		return -ENOMEM;
	*array = p;
	*room = more;
	return 0;
}

static int name_of(const struct pack *p, enum obj type, const void *data,
		   size_t size, struct oid *ret)
{
	struct oid_hash *h;
	int r = oid_hash_start(&h, p->opt->oid_len, type, size);

	if (r)
		return r;
	r = oid_hash_data(h, data, size);
	if (r) {
		oid_hash_free(h);
		return r;
	}
	return oid_hash_end(h, ret);
}

static void hand_on(struct pack *p, const struct oid *oid, enum obj type,
		    const char *data, size_t size)
{
	struct pack_sink *sink = p->sink;

	if (sink->start(sink, oid, type, size))
		return;
	if (size > 0 && sink->data(sink, data, size))
		return;
	sink->end(sink);
}

static int take_small(struct pack *p, struct entry *e)
{
	CLEANUP_FREE char *data = malloc(e->size + 1);
	struct inflating s;
	int r;

	if (!data)
		return -ENOMEM;
	inflate_start(p, &s, false, 0);
	r = inflate_whole(p, &s, data, e->size);
	if (!r)
		r = name_of(p, e->type, data, e->size, &e->oid);
	if (!r)
		hand_on(p, &e->oid, e->type, data, e->size);
	return r;
}

/* Its name is known when all of it has passed; then it is read again. */
static int take_large(struct pack *p, struct entry *e)
{
	struct oid_hash *hash;
	struct inflating s;
	int r = oid_hash_start(&hash, p->opt->oid_len, e->type, e->size);

	if (r)
		return r;
	inflate_start(p, &s, false, 0);
	r = inflate_pieces(p, &s, e->size, hash, false);
	if (!r)
		r = settle(p);
	if (r) {
		oid_hash_free(hash);
		return r;
	}
	r = oid_hash_end(hash, &e->oid);
	if (r || p->sink->start(p->sink, &e->oid, e->type, e->size))
		return r;
	inflate_start(p, &s, true, e->offset);
	r = inflate_pieces(p, &s, e->size, NULL, true);
	if (!r)
		p->sink->end(p->sink);
	return r < 0 ? r : 0;
}

static int skip_delta(struct pack *p, const struct entry *e)
{
	struct inflating s;

	inflate_start(p, &s, false, 0);
	return inflate_pieces(p, &s, e->size, NULL, false);
}

/* ---- entries ---- */

static int read_byte(struct pack *p, uint8_t *ret)
{
	int r = need(p, 1);

	if (!r)
		*ret = p->in[p->pos++];
	return r;
}

static int read_type_and_size(struct pack *p, struct entry *e)
{
	unsigned shift = 4;
	uint8_t b;
	int r = read_byte(p, &b);

	if (r)
		return r;
	e->type = b >> 4 & 7;
	e->size = b & 15;
	while (b & 128) {
		r = read_byte(p, &b);
		if (r)
			return r;
		if (shift > 63 || (uint64_t)(b & 127) << shift >> shift !=
				  (uint64_t)(b & 127))
			return -EBADMSG;
		e->size |= (uint64_t)(b & 127) << shift;
		shift += 7;
	}
	return 0;
}

/* The entry that starts there. */
static int find_entry(const struct pack *p, uint64_t start, uint32_t *ret)
{
	uint32_t low = 0, high = p->entries;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (p->entry[mid].start < start)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == p->entries || p->entry[low].start != start)
		return -EBADMSG;
	*ret = low;
	return 0;
}

static int read_base_offset(struct pack *p, const struct entry *e)
{
	struct by_offset *o;
	uint64_t back;
	uint8_t b;
	int r = read_byte(p, &b);

	if (r)
		return r;
	for (back = b & 127; b & 128; back = (back + 1) << 7 | (b & 127)) {
		if (back >= e->start)   /* so it never overflows */
			return -EBADMSG;
		r = read_byte(p, &b);
		if (r)
			return r;
	}
	if (back > e->start)
		return -EBADMSG;
	r = grow((void **)&p->by_offset, p->offsets, &p->offset_room,
		 sizeof *p->by_offset);
	if (r)
		return r;
	o = &p->by_offset[p->offsets];
	o->delta = p->entries;
	r = find_entry(p, e->start - back, &o->base);
	p->offsets += !r;
	return r;
}

static int read_base_name(struct pack *p)
{
	struct by_name *n;
	int r = need(p, p->opt->oid_len);

	if (!r)
		r = grow((void **)&p->by_name, p->names, &p->name_room,
			 sizeof *p->by_name);
	if (r)
		return r;
	n = &p->by_name[p->names++];
	memset(n, 0, sizeof *n);
	n->delta = p->entries;
	n->base.len = p->opt->oid_len;
	memcpy(n->base.id, p->in + p->pos, p->opt->oid_len);
	p->pos += p->opt->oid_len;
	return 0;
}

static int read_entry(struct pack *p)
{
	struct entry e = { .start = here(p) };
	int r = read_type_and_size(p, &e);

	if (r)
		return r;
	switch (e.type) {
	case OBJ_COMMIT: case OBJ_TREE: case OBJ_BLOB: case OBJ_TAG:
		e.offset = here(p);
		r = e.size <= WHOLE_MAX ? take_small(p, &e) :
					  take_large(p, &e);
		break;
	case OFS_DELTA:
	case REF_DELTA:
		r = e.type == OFS_DELTA ? read_base_offset(p, &e) :
					  read_base_name(p);
		e.offset = here(p);
		if (!r)
			r = skip_delta(p, &e);
		break;
	default:
		r = -EBADMSG;
	}
	if (!r)
		r = grow((void **)&p->entry, p->entries, &p->entry_room,
			 sizeof *p->entry);
	if (!r)
		p->entry[p->entries++] = e;
	return r;
}

static uint32_t be32(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 |
	       (uint32_t)b[2] << 8 | b[3];
}

static int read_head(struct pack *p, uint32_t *count)
{
	uint32_t version;
	int r = need(p, HEAD);

	if (r)
		return r;
	version = be32(p->in + 4);
	if (memcmp(p->in, "PACK", 4) || version < VERSION_MIN ||
	    version > VERSION_MAX)
		return -EBADMSG;
	*count = be32(p->in + 8);
	p->pos += HEAD;
	return *count <= p->opt->objects ? 0 : -EFBIG;
}

/* The checksum, and nothing after it. */
static int read_trailer(struct pack *p)
{
	uint8_t sum[EVP_MAX_MD_SIZE], more;
	unsigned len;
	ssize_t n;
	int r = settle(p);

	if (!r)
		r = need(p, p->opt->oid_len);
	if (r)
		return r;
	if (!EVP_DigestFinal_ex(p->sum, sum, &len))
		return -ENOMEM;
	if (p->len - p->pos != len || memcmp(p->in + p->pos, sum, len))
		return -EBADMSG;
	n = p->from->read(p->from, &more, 1);
	return n ? n < 0 ? (int)n : -EBADMSG : 0;
}

static int read_entries(struct pack *p)
{
	uint32_t count;
	int r = read_head(p, &count);

	while (!r && p->entries < count) {
		r = p->sink->check(p->sink);
		if (!r)
			r = read_entry(p);
	}
	return r ? r : read_trailer(p);
}

/* ---- deltas ---- */

/* A length in a delta: seven bits at a time, the lowest first. */
static int delta_length(const uint8_t **at, const uint8_t *end, size_t *ret)
{
	const uint8_t *d = *at;
	unsigned shift = 0;
	size_t len = 0;

	do {
		if (d == end || shift > 56)
			return -EBADMSG;
		len |= (size_t)(*d & 127) << shift;
		shift += 7;
	} while (*d++ & 128);
	*at = d;
	*ret = len;
	return 0;
}

/* "Copy": bits tell which bytes of offset and size follow. */
static int delta_copy(const uint8_t **at, const uint8_t *end, size_t *offset,
		      size_t *size)
{
	const uint8_t *d = *at;
	uint8_t op = *d++;
	size_t v[2] = { 0, 0 };

	for (unsigned i = 0; i < 7; i++) {
		if (!(op & 1 << i))
			continue;
		if (d == end)
			return -EBADMSG;
		v[i / 4] |= (size_t)*d++ << 8 * (i % 4);
	}
	*at = d;
	*offset = v[0];
	*size = v[1] ? v[1] : 0x10000;
	return 0;
}

static int delta_apply(const uint8_t *d, const uint8_t *end,
		       const char *base, size_t base_size, char *out,
		       size_t size)
{
	while (d < end) {
		size_t offset, n;

		if (*d & 128) {
			int r = delta_copy(&d, end, &offset, &n);

			if (r)
				return r;
			if (offset > base_size || n > base_size - offset ||
			    n > size)
				return -EBADMSG;
			memcpy(out, base + offset, n);
		} else {
			n = *d++;
			if (!n || n > (size_t)(end - d) || n > size)
				return -EBADMSG;
			memcpy(out, d, n);
			d += n;
		}
		out += n;
		size -= n;
	}
	return size ? -EBADMSG : 0;
}

/* The contents of an entry, from the file. */
static int load(struct pack *p, uint32_t i, char **ret)
{
	const struct entry *e = &p->entry[i];
	CLEANUP_FREE char *data = NULL;
	struct inflating s;
	int r;

	if (e->size > p->opt->delta)
		return -EFBIG;
	data = malloc(e->size + 1);
	if (!data)
		return -ENOMEM;
	inflate_start(p, &s, true, e->offset);
	r = inflate_whole(p, &s, data, e->size);
	if (!r)
		*ret = TAKE(data);
	return r;
}

/* What the delta 'i' makes of its base. */
static int apply(struct pack *p, uint32_t i, const char *base,
		 size_t base_size, char **ret, size_t *ret_size)
{
	CLEANUP_FREE char *delta = NULL, *out = NULL;
	const uint8_t *d, *end;
	size_t expected, size;
	int r = load(p, i, &delta);

	if (r)
		return r;
	d = (const uint8_t *)delta;
	end = d + p->entry[i].size;
	if (delta_length(&d, end, &expected) ||
	    delta_length(&d, end, &size) || expected != base_size)
		return -EBADMSG;
	if (size > p->opt->delta || size > p->opt->inflated - p->inflated)
		return -EFBIG;
	p->inflated += size;
	out = malloc(size + 1);
	if (!out)
		return -ENOMEM;
	r = delta_apply(d, end, base, base_size, out, size);
	if (r)
		return r;
	*ret = TAKE(out);
	*ret_size = size;
	return 0;
}

static bool is_delta(const struct entry *e)
{
	return e->type == OFS_DELTA || e->type == REF_DELTA;
}

/* The object of an entry whose name is known, made again from the start. */
static int rebuild(struct pack *p, uint32_t i, char **ret, size_t *ret_size)
{
	CLEANUP_FREE char *data = NULL;
	uint32_t chain[DEPTH_MAX + 1];
	unsigned n = 0;
	size_t size;
	int r;

	for (; is_delta(&p->entry[i]); i = p->entry[i].base)
		chain[n++] = i;
	r = load(p, i, &data);
	size = p->entry[i].size;
	while (!r && n > 0) {
		char *next;

		r = apply(p, chain[--n], data, size, &next, &size);
		if (!r) {
			free(data);
			data = next;
		}
	}
	if (r)
		return r;
	*ret = TAKE(data);
	*ret_size = size;
	return 0;
}

/* An object with deltas against it, on the way down the tree of deltas. */
struct node {
	uint32_t entry;
	unsigned depth;
	char *data;             /* or NULL: has to be rebuilt */
	size_t size;
	uint32_t offset, offset_end;    /* its deltas: in by_offset ... */
	uint32_t name, name_end;        /* ... and in by_name */
};

struct walk {
	enum obj type;          /* of a base and all that is made from it */
	unsigned n;
	size_t held;            /* bytes, in all nodes */
	struct node node[DEPTH_MAX + 1];
};

static int compare_offset(const void *a, const void *b)
{
	const struct by_offset *x = a, *y = b;

	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return x->delta < y->delta ? -1 : x->delta > y->delta;
}

static int compare_name(const void *a, const void *b)
{
	const struct by_name *x = a, *y = b;
	int r = memcmp(&x->base, &y->base, sizeof x->base);

	if (r)
		return r;
	return x->delta < y->delta ? -1 : x->delta > y->delta;
}

/* The first of by_offset whose base is not before 'base'. */
static uint32_t first_offset(const struct pack *p, uint32_t base)
{
	uint32_t low = 0, high = p->offsets;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (p->by_offset[mid].base < base)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* The first of by_name whose base is 'base' or, with 'after', behind it. */
static uint32_t first_name(const struct pack *p, const struct oid *base,
			   bool after)
{
	uint32_t low = 0, high = p->names;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int c = memcmp(&p->by_name[mid].base, base, sizeof *base);

		if (c < 0 || (after && c == 0))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool more_deltas(const struct node *n)
{
	return n->offset < n->offset_end || n->name < n->name_end;
}

static void drop(struct walk *w, struct node *n)
{
	if (n->data)
		w->held -= n->size;
	free(TAKE(n->data));
}

/* Keep 'data', or with it NULL have it rebuilt, if it has deltas. */
static void push(struct pack *p, struct walk *w, uint32_t entry,
		 unsigned depth, char *data, size_t size)
{
	const struct oid *oid = &p->entry[entry].oid;
	struct node n = {
		.entry = entry, .depth = depth, .data = data, .size = size,
		.offset = first_offset(p, entry),
		.offset_end = first_offset(p, entry + 1),
		.name = first_name(p, oid, false),
		.name_end = first_name(p, oid, true),
	};

	if (!more_deltas(&n)) {
		free(data);
		return;
	}
	if (data)
		w->held += size;
	w->node[w->n++] = n;
	/* Those at the bottom are needed last. */
	for (unsigned i = 0; w->held > p->opt->memory && i + 1 < w->n; i++)
		drop(w, &w->node[i]);
}

static void pop(struct walk *w)
{
	drop(w, &w->node[--w->n]);
}

/* One delta of the node on top; then it, or what it makes, is on top. */
static int step(struct pack *p, struct walk *w)
{
	struct node *n = &w->node[w->n - 1];
	unsigned depth = n->depth + 1;
	struct entry *e;
	uint32_t delta;
	size_t size;
	char *data;
	int r;

	delta = n->offset < n->offset_end ? p->by_offset[n->offset++].delta :
					    p->by_name[n->name++].delta;
	e = &p->entry[delta];
	if (e->oid.len) {       /* its base was there twice */
		if (!more_deltas(n))
			pop(w);
		return 0;
	}
	if (depth > DEPTH_MAX)
		return -EBADMSG;
	if (!n->data) {
		r = rebuild(p, n->entry, &n->data, &n->size);
		if (r)
			return r;
		w->held += n->size;
	}
	r = apply(p, delta, n->data, n->size, &data, &size);
	if (r)
		return r;
	r = name_of(p, w->type, data, size, &e->oid);
	if (r) {
		free(data);
		return r;
	}
	e->base = n->entry;
	hand_on(p, &e->oid, w->type, data, size);
	/* A chain needs no room: its links go before the next comes. */
	if (!more_deltas(n))
		pop(w);
	push(p, w, delta, depth, data, size);
	return 0;
}

static int walk_from(struct pack *p, struct walk *w, uint32_t entry)
{
	int r = 0;

	w->type = p->entry[entry].type;
	push(p, w, entry, 0, NULL, 0);
	while (!r && w->n > 0) {
		r = p->sink->check(p->sink);
		if (!r)
			r = step(p, w);
	}
	while (w->n > 0)
		pop(w);
	return r;
}

static int resolve_deltas(struct pack *p)
{
	CLEANUP_FREE struct walk *w = calloc(1, sizeof *w);
	int r = w ? 0 : -ENOMEM;

	if (p->offsets)
		qsort(p->by_offset, p->offsets, sizeof *p->by_offset,
		      compare_offset);
	if (p->names)
		qsort(p->by_name, p->names, sizeof *p->by_name, compare_name);
	for (uint32_t i = 0; !r && i < p->entries; i++) {
		if (!is_delta(&p->entry[i]))
			r = walk_from(p, w, i);
	}
	/* Those left are made against each other, or something absent. */
	for (uint32_t i = 0; !r && i < p->entries; i++) {
		if (!p->entry[i].oid.len)
			r = -EBADMSG;
	}
	return r;
}

/* ---- all of it ---- */

static int open_file(const char *dir)
{
	CLEANUP_FREE char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/pack.XXXXXX", dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

static int pack_open(struct pack *p)
{
	const EVP_MD *md = p->opt->oid_len == OID_SHA1 ? EVP_sha1() :
							 EVP_sha256();

	p->in = malloc(CHUNK);
	p->out = malloc(CHUNK);
	p->back = malloc(CHUNK);
	p->sum = EVP_MD_CTX_new();
	if (!p->in || !p->out || !p->back || !p->sum ||
	    !EVP_DigestInit_ex(p->sum, md, NULL) || inflateInit(&p->z) != Z_OK)
		return -ENOMEM;
	p->file = open_file(p->opt->dir);
	return p->file < 0 ? p->file : 0;
}

static void pack_close(struct pack *p)
{
	inflateEnd(&p->z);
	if (p->file >= 0)
		close(p->file);
	EVP_MD_CTX_free(p->sum);
	free(p->in);
	free(p->out);
	free(p->back);
	free(p->entry);
	free(p->by_offset);
	free(p->by_name);
}

int pack_read(struct stream *from, const struct pack_options *opt,
	      struct pack_sink *sink)
{
	struct pack p = {
		.opt = opt, .from = from, .sink = sink, .file = -1,
	};
	int r = pack_open(&p);

	if (!r)
		r = read_entries(&p);
	if (!r && p.offsets + p.names > 0)
		r = resolve_deltas(&p);
	pack_close(&p);
	return r;
}
