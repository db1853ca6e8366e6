/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/git/pack_in.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/git/delta.h"
#include "common/cleanup.h"

/* ---- names ---- */

/* Double the room of an array that is full. */
static int grow(void **array, uint32_t n, uint32_t *room, size_t each)
{
	uint32_t more = *room ? 2 * *room : 64;
	void *p;

	if (n < *room)
		return 0;
	p = more <= SIZE_MAX / each ? realloc(*array, more * each) : NULL;
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

static void hand_on(struct pack *p, const struct entry *e, const char *data,
		    size_t size)
{
	struct pack_sink *sink = p->sink;

	if (sink->start(sink, &e->oid, e->obj, size))
		return;
	if (size > 0 && sink->data(sink, data, size))
		return;
	sink->end(sink);
}

int pack_made(struct pack *p, struct entry *e, uint32_t base, const char *data,
	      size_t size)
{
	const struct entry *b = &p->entry[base];
	int r;

	if (b->depth == DEPTH_MAX)
		return -EBADMSG;
	e->base = base;
	e->depth = b->depth + 1;
	e->obj = b->obj;
	r = name_of(p, e->obj, data, size, &e->oid);
	if (!r)
		hand_on(p, e, data, size);
	return r;
}

/* ---- those that deltas are made against ---- */

void pack_forget(struct pack *p, size_t most)
{
	while (p->recent_bytes > most) {
		struct kept *k = container_of(list_pop(&p->recent),
					      struct kept, link);

		if (k->entry < p->entries)
			p->entry[k->entry].kept = NULL;
		p->recent_bytes -= k->size + sizeof *k;
		free(k->data);
		free(k);
	}
}

/* The object of the entry that is being read: a pack has deltas soon after
 * what they are made against.  Takes over 'data'. */
static void remember(struct pack *p, struct entry *e, char *data, size_t size)
{
	size_t most = p->opt->memory / RECENT_SHARE;
	struct kept *k = size + sizeof *k <= most ? malloc(sizeof *k) : NULL;

	if (!k) {
		free(data);
		return;
	}
	*k = (struct kept){ .entry = p->entries, .size = size, .data = data };
	e->kept = k;
	list_add_tail(&p->recent, &k->link);
	p->recent_bytes += size + sizeof *k;
	pack_forget(p, most);
}

/* ---- objects ---- */

static int take_small(struct pack *p, struct entry *e)
{
	CLEANUP_FREE char *data = malloc(e->size + 1);
	struct inflating s;
	int r;

	if (!data)
		return -ENOMEM;
	pack_inflate_start(p, &s, false, 0);
	r = pack_inflate_whole(p, &s, data, e->size);
	if (!r)
		r = name_of(p, e->obj, data, e->size, &e->oid);
	if (r)
		return r;
	hand_on(p, e, data, e->size);
	remember(p, e, TAKE(data), e->size);
	return 0;
}

/* Its name is known when all of it has passed; then it is read again. */
static int take_large(struct pack *p, struct entry *e)
{
	struct oid_hash *hash;
	struct inflating s;
	int r = oid_hash_start(&hash, p->opt->oid_len, e->type, e->size);

	if (r)
		return r;
	pack_inflate_start(p, &s, false, 0);
	r = pack_inflate_pieces(p, &s, e->size, hash, false);
	if (!r)
		r = pack_settle(p);
	if (r) {
		oid_hash_free(hash);
		return r;
	}
	r = oid_hash_end(hash, &e->oid);
	if (r || p->sink->start(p->sink, &e->oid, e->type, e->size))
		return r;
	pack_inflate_start(p, &s, true, e->offset);
	r = pack_inflate_pieces(p, &s, e->size, NULL, true);
	if (!r)
		p->sink->end(p->sink);
	return r < 0 ? r : 0;
}

static int skip_delta(struct pack *p, const struct entry *e)
{
	struct inflating s;

	pack_inflate_start(p, &s, false, 0);
	return pack_inflate_pieces(p, &s, e->size, NULL, false);
}

/* Its base is at hand. */
static int take_delta(struct pack *p, struct entry *e, uint32_t base)
{
	const struct kept *k = p->entry[base].kept;
	CLEANUP_FREE char *delta = malloc(e->size + 1), *data = NULL;
	struct inflating s;
	size_t size;
	int r;

	if (!delta)
		return -ENOMEM;
	pack_inflate_start(p, &s, false, 0);
	r = pack_inflate_whole(p, &s, delta, e->size);
	if (!r)
		r = delta_apply(delta, e->size, k->data, k->size,
				pack_room(p), &data, &size);
	if (r)
		return r;
	p->inflated += size;
	r = pack_made(p, e, base, data, size);
	if (!r)
		remember(p, e, TAKE(data), size);
	return r;
}

/* ---- entries ---- */

static int read_byte(struct pack *p, uint8_t *ret)
{
	int r = pack_need(p, 1);

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

static int read_base_offset(struct pack *p, const struct entry *e,
			    uint32_t *ret)
{
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
	return back > e->start ? -EBADMSG : find_entry(p, e->start - back, ret);
}

/* Against something before it: made at once if that is at hand. */
static int read_offset_delta(struct pack *p, struct entry *e)
{
	uint32_t base;
	int r = read_base_offset(p, e, &base);

	e->offset = pack_here(p);
	if (!r && e->size <= WHOLE_MAX && p->entry[base].kept)
		return take_delta(p, e, base);
	if (!r)
		r = grow((void **)&p->by_offset, p->offsets, &p->offset_room,
			 sizeof *p->by_offset);
	if (r)
		return r;
	p->by_offset[p->offsets++] = (struct by_offset){
		.base = base, .delta = p->entries,
	};
	return skip_delta(p, e);
}

/* Against what may come later. */
static int read_name_delta(struct pack *p, struct entry *e)
{
	struct by_name *n;
	int r = pack_need(p, p->opt->oid_len);

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
	e->offset = pack_here(p);
	return skip_delta(p, e);
}

static int read_entry(struct pack *p)
{
	struct entry e = { .start = pack_here(p) };
	int r = read_type_and_size(p, &e);

	if (r)
		return r;
	switch (e.type) {
	case OBJ_COMMIT: case OBJ_TREE: case OBJ_BLOB: case OBJ_TAG:
		e.obj = e.type;
		e.offset = pack_here(p);
		r = e.size <= WHOLE_MAX ? take_small(p, &e) :
					  take_large(p, &e);
		break;
	case OFS_DELTA:
		r = read_offset_delta(p, &e);
		break;
	case REF_DELTA:
		r = read_name_delta(p, &e);
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
	int r = pack_need(p, HEAD);

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
	int r = pack_settle(p);

	if (!r)
		r = pack_need(p, p->opt->oid_len);
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

/* ---- all of it ---- */

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
		r = pack_resolve(&p);
	pack_close(&p);
	return r;
}
