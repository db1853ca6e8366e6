/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* pack_in.h - the inside of pack.h, shared by the files that implement it:
 * pack.c (entries, one after the other), pack_stream.c (the bytes that come,
 * and what they inflate to), pack_late.c (deltas whose base was not at hand).
 *
 * Threads, errors: as pack.h.
 */
#ifndef BACKEND_GIT_PACK_IN_H
#define BACKEND_GIT_PACK_IN_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <zlib.h>

#include "backend/git/pack.h"
#include "common/list.h"

enum {
	CHUNK = 64 << 10,       /* bytes */
	WHOLE_MAX = 4 << 20,    /* bytes: larger objects are not held whole */
	DEPTH_MAX = 4095,       /* deltas on deltas; git makes no more */
	RECENT_SHARE = 4,       /* of the memory, for what came last */
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
	uint8_t obj;            /* enum obj, when the oid is known */
	uint16_t depth;         /* deltas below it, then */
	uint32_t base;          /* of a delta, then: its entry */
	struct kept *kept;      /* its contents, or NULL */
};

/* An object that a delta may soon be made against. */
struct kept {
	struct list link;       /* pack.recent */
	uint32_t entry;
	size_t size;
	char *data;
};

/* A delta whose object is not known yet, by what it is made against. */
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

	struct list recent;     /* struct kept, oldest first */
	size_t recent_bytes;

	struct entry *entry;
	uint32_t entries, entry_room;
	struct by_offset *by_offset;
	uint32_t offsets, offset_room;
	struct by_name *by_name;
	uint32_t names, name_room;
};

/* ---- pack_stream.c ---- */

int pack_open(struct pack *);
void pack_close(struct pack *);

/* Hash and file what has been used. */
int pack_settle(struct pack *);
/* Have 'want' bytes at hand, of at most CHUNK. */
int pack_need(struct pack *, size_t want);
/* The place in the pack of the next byte. */
uint64_t pack_here(const struct pack *);

/* A zlib stream: as it comes, or from the file. */
struct inflating {
	bool filed;
	uint64_t offset;        /* in the file: of what is read next */
	bool ended;
};

void pack_inflate_start(struct pack *, struct inflating *, bool filed,
			uint64_t offset);
/* Just 'size' bytes. */
int pack_inflate_whole(struct pack *, struct inflating *, char *out,
		       size_t size);
/* Just 'size' bytes, piece by piece: to 'hash', to the sink, or nowhere.
 * 1: the sink wants no more of it. */
int pack_inflate_pieces(struct pack *, struct inflating *, uint64_t size,
			struct oid_hash *hash, bool sink);
/* The contents of an entry, from the file. */
int pack_load(struct pack *, uint32_t entry, char **ret);

/* ---- pack.c ---- */

static inline bool pack_is_delta(const struct entry *e)
{
	return e->type == OFS_DELTA || e->type == REF_DELTA;
}

/* Bytes that an object may have which comes as a delta. */
static inline uint64_t pack_room(const struct pack *p)
{
	uint64_t left = p->opt->inflated - p->inflated;

	return p->opt->delta < left ? p->opt->delta : left;
}

/* What a delta against entry 'base' has made: name it, and hand it on. */
int pack_made(struct pack *, struct entry *, uint32_t base, const char *data,
	      size_t size);
/* Of the recent ones hold no more than so many bytes. */
void pack_forget(struct pack *, size_t most);

/* ---- pack_late.c ---- */

/* Those that are left, when all has come. */
int pack_resolve(struct pack *);

#endif
