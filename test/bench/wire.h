/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* wire.h - calls of NFS and MOUNT as bytes, and what is in their replies.
 *
 * It reads no reply's record mark: that is who receives it.
 *
 * Errors: those that leave no sense in going on end the program.
 */
#ifndef TEST_BENCH_WIRE_H
#define TEST_BENCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nfsd/xdr.h"

enum {
	NFS = 100003, MOUNT = 100005, V3 = 3, MNT = 1,
	GETATTR = 1, LOOKUP = 3, ACCESS = 4, READ = 6, READDIRPLUS = 17,
	DIRECTORY = 2, REGULAR = 1,     /* ftype3 */
	FH_MAX = 64, NAME_MAX_ = 255, ATTR = 84,
	CALL_MAX = 512,                 /* bytes of a call */
	PAGE = 64 << 10,                /* of a listing */
	LAST = 1u << 31,
};

/* Exit status 2. */
void die(const char *what) __attribute__((noreturn));
/* Room for one more of 'n' things of this size, doubling. */
void *grow(void *p, size_t n, size_t size);

int connect_to(int port);

/* ---- calls ---- */

struct fh {
	uint8_t data[FH_MAX];
	uint8_t len;
};

/* The record mark is put in by end_call(), which returns the length. */
struct writer begin_call(uint8_t *p, uint32_t xid, uint32_t program,
			 uint32_t proc);
size_t end_call(uint8_t *p, const struct writer *);

void put_fh(struct writer *, const struct fh *);
void put_readdirplus(struct writer *, const struct fh *, uint64_t cookie,
		     uint64_t verf);

/* ---- replies ---- */

/* To the results; *ret_xid is untouched when there are none. */
bool get_head(struct reader *, uint32_t *ret_xid);
struct fh get_fh(struct reader *);

/* NULL: not sent. */
const uint8_t *get_attr(struct reader *);
uint32_t attr_type(const uint8_t *attr);
uint64_t attr_size(const uint8_t *attr);
uint64_t attr_fileid(const uint8_t *attr);

struct entry {
	const char *name;
	size_t len;
	uint64_t cookie;
	const uint8_t *attr;
	struct fh fh;
};

/* False at the end of the list. */
bool get_entry(struct reader *, struct entry *ret);
bool is_dot(const struct entry *);

#endif
