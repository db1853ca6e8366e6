/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <stdlib.h>

#include "nfsd/memo.h"

enum {
	/* Sets of two, in which the newer pushes out the older. */
	NODE_SETS = 4096,
	NAME_SETS = 4096,
	WAYS = 2,
	ROOTS = 64,
	NAME_MAX_KEPT = 47,     /* longer names are seldom */
};

struct name {
	uint64_t serial;
	uint8_t dir_len, len;
	uint8_t fh_len;         /* 0: there is no such name */
	uint8_t dir[FH_MAX], fh[FH_MAX];
	char name[NAME_MAX_KEPT];
};

/* What a root shows, as of a batch. */
struct shown {
	uint64_t root, serial, batch;
};

struct memo {
	const struct service *service;
	uint64_t batch;
	struct memo_node last;          /* what has no proof goes here */
	struct shown shown[ROOTS];
	struct memo_node node[NODE_SETS][WAYS];
	struct name name[NAME_SETS][WAYS];
};

struct memo *memo_new(const struct service *service)
{
	struct memo *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->service = service;
	m->batch = 1;
	return m;
}

void memo_free(struct memo *m)
{
	free(m);
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
static uint64_t fh_mix(const uint8_t *fh, size_t len)
{
	uint64_t v;

	memcpy(&v, fh + len - sizeof v, sizeof v);
	return v;
}

static struct memo_node *node_set(struct memo *m, const uint8_t *fh,
				  size_t len)
{
	return m->node[fh_mix(fh, len) % NODE_SETS];
}

/* Not keyed: names made to collide would slow down who made them, to what
 * it costs to do without. */
static struct name *name_set(struct memo *m, const uint8_t *dir, size_t len,
			     const char *name, size_t name_len)
{
	uint64_t h = fh_mix(dir, len), v;

	for (; name_len >= sizeof v; name_len -= sizeof v) {
		memcpy(&v, name, sizeof v);
		name += sizeof v;
		h = (h ^ v) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	v = name_len;
	memcpy(&v, name, name_len);
	h = (h ^ v) * 0xd6e8feb86659fd93u;
	return m->name[(h >> 32) % NAME_SETS];
}

int memo_find(struct memo *m, struct fh_arg fh, struct waiter *w,
	      const struct memo_node **ret)
{
	if (fh.len < FH_MIN || fh.len > FH_MAX)
		return -ENODATA;

	const struct memo_node *set = node_set(m, fh.data, fh.len);

	for (int i = 0; i < WAYS; i++) {
		if (set[i].fh.len != fh.len ||
		    memcmp(set[i].fh.data, fh.data, fh.len))
			continue;
		*ret = &set[i];
		return holds(m, set[i].proof.root, set[i].proof.serial, w);
	}
	return -ENODATA;
}

int memo_find_name(struct memo *m, const struct memo_node *dir,
		   const char *name, size_t len,
		   const struct memo_node **ret)
{
	const struct name *set = name_set(m, dir->fh.data, dir->fh.len,
					  name, len);

	for (int i = 0; i < WAYS; i++) {
		const struct name *e = &set[i];

		/* A name is in its directory's root, which has been looked
		 * at. */
		if (e->len != len || e->dir_len != dir->fh.len ||
		    e->serial != dir->proof.serial ||
		    memcmp(e->dir, dir->fh.data, e->dir_len) ||
		    memcmp(e->name, name, len))
			continue;
		*ret = NULL;
		return e->fh_len ? memo_find(m, (struct fh_arg)
					     { e->fh, e->fh_len }, NULL, ret) :
		       0;
	}
	return -ENODATA;
}

const struct memo_node *memo_keep(struct memo *m, struct fh_arg fh,
				  const struct node *node,
				  const struct attr *attr)
{
	struct writer out = { m->last.attr, m->last.attr + ATTR_SIZE, false };
	fattr3 a = attr_of(m->service, attr);

	put_fattr3(&out, &a);
	m->last.type = attr->type;
	if (!fs_proof(node, &m->last.proof))
		return &m->last;
	m->last.fh.len = (uint8_t)fh.len;
	memcpy(m->last.fh.data, fh.data, fh.len);

	struct memo_node *set = node_set(m, fh.data, fh.len);

	if (set[0].fh.len != fh.len ||
	    memcmp(set[0].fh.data, fh.data, fh.len))
		set[1] = set[0];
	set[0] = m->last;
	return &set[0];
}

void memo_keep_name(struct memo *m, struct fh_arg dir,
		    const struct fs_proof *proof, const char *name,
		    size_t len, const struct fh *fh)
{
	if (len > NAME_MAX_KEPT)
		return;

	struct name *set = name_set(m, dir.data, dir.len, name, len);

	set[1] = set[0];
	set[0] = (struct name){
		.serial = proof->serial,
		.dir_len = (uint8_t)dir.len,
		.len = (uint8_t)len,
		.fh_len = fh ? fh->len : 0,
	};
	memcpy(set[0].dir, dir.data, dir.len);
	memcpy(set[0].name, name, len);
	if (fh)
		memcpy(set[0].fh, fh->data, fh->len);
}
