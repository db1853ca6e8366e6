/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cache/store_in.h"

enum { BUCKETS = STORE_INDEX / (STORE_SLOTS * sizeof(struct slot)) };

static uint32_t part_of(const struct oid *oid, int i)
{
	uint32_t n;

	memcpy(&n, oid->id + i * sizeof n, sizeof n);
	return n;
}

static off_t bucket_of(const struct oid *oid)
{
	return (off_t)(part_of(oid, 0) % BUCKETS * STORE_SLOTS *
		       sizeof(struct slot));
}

static int read_bucket(struct store *s, const struct oid *oid,
		       struct slot ret[STORE_SLOTS])
{
	return store_read_at(s->index_fd, ret, STORE_SLOTS * sizeof *ret,
			     bucket_of(oid));
}

static bool is_empty(struct store *s, const struct slot *slot)
{
	return slot->segment < atomic_load(&s->oldest) || !slot->segment;
}

uint32_t store_slot(struct store *s, const struct oid *oid, uint32_t type,
		    uint32_t *at)
{
	struct slot slot[STORE_SLOTS];
	int r = read_bucket(s, oid, slot);

	for (int i = 0; !r && i < STORE_SLOTS; i++)
		if (!is_empty(s, &slot[i]) && slot[i].type == type &&
		    slot[i].tag == part_of(oid, 1)) {
			*at = slot[i].at;
			return slot[i].segment;
		}
	return 0;
}

int store_write_slot(struct store *s, const struct oid *oid, uint32_t type,
		     uint32_t segment, uint32_t at)
{
	const struct slot new = { part_of(oid, 1), type, segment, at };
	struct slot slot[STORE_SLOTS];
	int r = read_bucket(s, oid, slot), to = 0;

	if (r)
		return r;
	for (int i = 0; i < STORE_SLOTS; i++) {
		bool same = slot[i].tag == new.tag && slot[i].type == type;

		if (same || (is_empty(s, &slot[i]) ? 0 : slot[i].segment) <
		    (is_empty(s, &slot[to]) ? 0 : slot[to].segment))
			to = i;
		if (same)
			break;
	}
	return store_write_at(s->index_fd, &new, sizeof new,
			      bucket_of(oid) + to * (off_t)sizeof new);
}

void store_forget(struct store *s, const struct found *f)
{
	const struct slot none = { 0 };
	struct slot now;
	LOCK_SCOPE(&s->lock);

	if (!store_read_at(s->index_fd, &now, sizeof now, f->slot_at) &&
	    !memcmp(&now, &f->slot, sizeof now))
		store_write_at(s->index_fd, &none, sizeof none, f->slot_at);
	atomic_fetch_add(&s->bad, 1);
}

static bool is_of(const struct record *r, const struct oid *oid, uint32_t type)
{
	return r->type == type && !r->elsewhere && r->oid_len == oid->len &&
	       !memcmp(r->id, oid->id, sizeof r->id);
}

int store_find(struct store *s, const struct oid *oid, uint32_t type,
	       struct found *ret)
{
	struct slot slot[STORE_SLOTS];
	struct found f;
	int r = read_bucket(s, oid, slot);

	for (int i = 0; !r && i < STORE_SLOTS; i++) {
		if (is_empty(s, &slot[i]) || slot[i].type != type ||
		    slot[i].tag != part_of(oid, 1))
			continue;
		f.slot = slot[i];
		f.slot_at = bucket_of(oid) + i * (off_t)sizeof *slot;
		f.fd = store_open_segment(s, f.slot.segment);
		if (f.fd < 0)
			continue;
		if (!store_read_at(f.fd, &f.record, sizeof f.record,
				   f.slot.at) &&
		    store_is_record(&f.record) &&
		    is_of(&f.record, oid, type)) {
			*ret = f;
			return 0;
		}
		close(f.fd);
		store_forget(s, &f);
	}
	return -ENOENT;
}
