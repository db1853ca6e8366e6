/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>

#include "common/large.h"
#include "nfsd/memo.h"

enum {
	/* A thing has a place in one set; each in turn makes room there. */
	SETS = 2048,
	WAYS = 4,
	ROOTS = 64,
	ASKED = 1024,
	LINE = 64,              /* bytes that come into a CPU together */
	NAME_KEPT = 99,         /* longer names are seldom */
};

struct memo_name {
	uint64_t serial;
	uint64_t dir, node;     /* fileids; no node: 0 */
	uint32_t at;            /* where the node is remembered, if it is */
	uint8_t len;
	char name[NAME_KEPT];
};
_Static_assert(sizeof(struct memo_name) == 2 * LINE, "none is wasted");

/* What a root shows, as of a batch. */
struct shown {
	uint64_t root, serial, batch;
};

/* A tag tells without a look at the thing itself whether it may be the one:
 * most of what a miss or a hit touches is then of use. */
struct memo {
	const struct service *service;
	uint64_t batch;
	/* What rests on no proof goes here. */
	_Alignas(LINE) struct memo_node other;
	struct shown shown[ROOTS];
	uint64_t asked[ASKED];
	uint8_t turn[SETS];
	uint32_t node_tag[SETS * WAYS], name_tag[SETS * WAYS];
	_Alignas(LINE) struct memo_node node[SETS * WAYS];
	_Alignas(LINE) struct memo_name name[SETS * WAYS];
};

struct memo *memo_new(const struct service *service)
{
	struct memo *m = large_alloc(sizeof *m);

	if (!m)
		return NULL;
	m->service = service;
	m->batch = 1;
	return m;
}

void memo_free(struct memo *m)
{
	large_free(m, sizeof *m);
}

void memo_batch(struct memo *m)
{
	m->batch++;
}

/* Whether 'root' still shows what has that serial. */
static int holds(struct memo *m, uint64_t root, uint64_t serial,
		 struct waiter *w)
{
	struct shown *s = &m->shown[root % ROOTS];

	if (s->batch != m->batch || s->root != root) {
		int r = fs_serial(m->service->fs, root, w, &s->serial);

		if (r)
			return r == -EINPROGRESS ? r : -ENODATA;
		s->root = root;
		s->batch = m->batch;
	}
	return s->serial == serial ? 0 : -ENODATA;
}

/* A handle ends in its code, which is as good as random. */
static uint64_t mix_fh(const uint8_t *fh, size_t len)
{
	uint64_t h;

	memcpy(&h, fh + len - sizeof h, sizeof h);
	return h;
}

/* Not keyed: names made to collide would slow down who made them, to what
 * it costs to do without. */
static uint64_t mix_name(uint64_t dir, const char *name, size_t len)
{
	uint64_t h = dir ^ len, v;

	for (; len >= sizeof v; len -= sizeof v, name += sizeof v) {
		memcpy(&v, name, sizeof v);
		h = (h ^ v) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	v = 0;
	memcpy(&v, name, len);
	h = (h ^ v) * 0xd6e8feb86659fd93u;
	return h ^ h >> 32;
}

static uint32_t set_of(uint64_t mixed)
{
	return (uint32_t)(mixed % SETS) * WAYS;
}

/* Never 0, which is the tag of what is not there. */
static uint32_t tag_of(uint64_t mixed)
{
	return (uint32_t)(mixed >> 32) | 1;
}

static bool has_fh(const struct memo_node *n, struct fh_arg fh)
{
	return n->fh_len == fh.len && !memcmp(n->fh, fh.data, fh.len);
}

static const struct memo_node *recall(const struct memo *m, struct fh_arg fh)
{
	if (fh.len < FH_MIN || fh.len > FH_MAX)
		return NULL;

	uint64_t mixed = mix_fh(fh.data, fh.len);
	uint32_t set = set_of(mixed), tag = tag_of(mixed);

	for (uint32_t i = set; i < set + WAYS; i++)
		if (m->node_tag[i] == tag && has_fh(&m->node[i], fh))
			return &m->node[i];
	return NULL;
}

void memo_ahead(const struct memo *m, struct fh_arg fh)
{
	uint64_t mixed = mix_fh(fh.data, fh.len);
	uint32_t set = set_of(mixed), tag = tag_of(mixed);

	for (uint32_t i = set; i < set + WAYS; i++)
		for (size_t at = 0; m->node_tag[i] == tag &&
		     at < sizeof *m->node; at += LINE)
			__builtin_prefetch((const char *)&m->node[i] + at);
}

int memo_find(struct memo *m, struct fh_arg fh, struct waiter *w,
	      const struct memo_node **ret)
{
	const struct memo_node *n = recall(m, fh);

	if (!n)
		return -ENODATA;
	*ret = n;
	return holds(m, n->proof.root, n->proof.serial, w);
}

int memo_find_name(struct memo *m, const struct memo_node *dir,
		   const char *name, size_t len,
		   const struct memo_node **ret)
{
	uint64_t mixed = mix_name(dir->fileid, name, len);
	uint32_t set = set_of(mixed), tag = tag_of(mixed);

	for (uint32_t i = set; i < set + WAYS; i++) {
		const struct memo_name *e = &m->name[i];
		const struct memo_node *n = &m->node[e->at];

		/* A name is in its directory's root, which has been looked
		 * at. */
		if (m->name_tag[i] != tag || e->len != len ||
		    e->dir != dir->fileid || e->serial != dir->proof.serial ||
		    memcmp(e->name, name, len))
			continue;
		if (e->node && (n->fileid != e->node ||
				n->proof.serial != e->serial))
			continue;
		*ret = e->node ? n : NULL;
		return 0;
	}
	return -ENODATA;
}

bool memo_asked(struct memo *m, uint64_t what)
{
	uint64_t *last = &m->asked[what % ASKED];
	bool again = *last == what;

	*last = what;
	return again;
}

static uint32_t room_in(struct memo *m, uint64_t mixed)
{
	uint32_t set = set_of(mixed);

	return set + m->turn[set / WAYS]++ % WAYS;
}

const struct memo_node *memo_keep(struct memo *m, struct fh_arg fh,
				  const struct node *node,
				  const struct attr *attr)
{
	struct memo_node *n = &m->other;
	struct writer out = { n->attr, n->attr + ATTR_SIZE, false };
	fattr3 a = attr_of(m->service, attr);
	uint64_t mixed = mix_fh(fh.data, fh.len);
	const struct memo_node *old = recall(m, fh);
	uint32_t i = old ? (uint32_t)(old - m->node) : room_in(m, mixed);

	put_fattr3(&out, &a);
	n->type = (uint8_t)attr->type;
	n->fileid = attr->fileid;
	n->fh_len = (uint8_t)fh.len;
	memcpy(n->fh, fh.data, fh.len);
	if (!fs_proof(node, &n->proof)) {
		n->proof = (struct fs_proof){ 0 };
		return n;
	}
	m->node[i] = *n;
	m->node_tag[i] = tag_of(mixed);
	return &m->node[i];
}

void memo_keep_name(struct memo *m, struct fh_arg dir_fh, const char *name,
		    size_t len, struct fh_arg found_fh)
{
	const struct memo_node *dir = recall(m, dir_fh);
	const struct memo_node *found = recall(m, found_fh);

	/* ".." may lead out of the root. */
	if (!dir || !found != !found_fh.len || len > NAME_KEPT ||
	    (found && found->proof.serial != dir->proof.serial))
		return;

	uint64_t mixed = mix_name(dir->fileid, name, len);
	uint32_t i = room_in(m, mixed);
	struct memo_name *e = &m->name[i];

	e->serial = dir->proof.serial;
	e->dir = dir->fileid;
	e->node = found ? found->fileid : 0;
	e->at = found ? (uint32_t)(found - m->node) : 0;
	e->len = (uint8_t)len;
	memcpy(e->name, name, len);
	m->name_tag[i] = tag_of(mixed);
}
