/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* protocol.h - git's protocol version 2 (gitprotocol-v2(5)): what to send,
 * and what the answers say.
 *
 * Knows nothing of how it travels.  Texts that a server sends along are
 * dropped.
 *
 * Threads: one at a time.
 * Errors: -EBADMSG not what the protocol allows; -EPROTONOSUPPORT another
 * version of it; those of the stream.
 */
#ifndef BACKEND_GIT_PROTOCOL_H
#define BACKEND_GIT_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/git/pkt.h"
#include "backend/git/stream.h"
#include "common/oid.h"

/* What a server can do, of what we would use. */
struct caps {
	uint8_t oid_len;
	bool unborn;            /* ls-refs tells of branches to be born */
	bool shallow, filter;   /* arguments of fetch */
	bool object_info;       /* the command */
};

int protocol_read_caps(struct pkt_reader *, struct caps *ret);

/* How an answer came out. */
enum answer {
	ANSWER_GOOD,
	ANSWER_EMPTY,           /* nothing: what was asked is too much */
	ANSWER_MISSING,         /* an object is not there */
	ANSWER_REFUSED,         /* for another reason */
};

/* ---- refs ---- */

struct ref_line {
	const char *name;
	const char *target;     /* of a symbolic ref, or NULL */
	struct oid oid;         /* of length 0: not born yet */
	struct oid peeled;      /* not a tag's; of length 0: the same */
};

/* Those that start with one of the prefixes, perhaps among others. */
void protocol_refs_start(struct pkt_buf *, const struct caps *);
void protocol_refs_prefix(struct pkt_buf *, const char *prefix);
void protocol_refs_end(struct pkt_buf *);

/* An enum answer, or an error. */
int protocol_read_refs(struct pkt_reader *, const struct caps *,
		       void (*each)(void *arg, const struct ref_line *),
		       void *arg);

/* ---- objects ---- */

/* 'shallow': no ancestors.  'filter' may be NULL. */
void protocol_fetch(struct pkt_buf *, const struct caps *,
		    const struct oid *want, size_t n, bool shallow,
		    const char *filter);

/* The pack in an answer, as a stream. */
struct sideband {
	struct stream stream;
	struct pkt_reader *from;
	const char *data;       /* not passed on yet */
	size_t len;
	size_t idle;            /* bytes that were none of the pack */
	bool ended;
};

/* Read up to the pack.  An enum answer, or an error; with ANSWER_MISSING
 * comes which, or an oid of length 0. */
int protocol_read_fetch(struct pkt_reader *, struct sideband *ret,
			struct oid *missing);

/* ---- sizes ---- */

void protocol_sizes(struct pkt_buf *, const struct caps *,
		    const struct oid *, size_t n);
int protocol_read_sizes(struct pkt_reader *, const struct caps *,
			void (*each)(void *arg, const struct oid *,
				     uint64_t size),
			void *arg);

#endif
