/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* oid.h - the name of a git object: SHA-1 (20 bytes) or SHA-256 (32).
 *
 * An object's name is the hash of "TYPE SIZE\0" and its bytes, so whoever
 * has the bytes can check the name (gitformat-pack(5), "Object naming").
 *
 * Threads: any; a struct oid_hash belongs to one thread at a time.
 * Errors: -ENOMEM, -EINVAL (not a name).
 */
#ifndef COMMON_OID_H
#define COMMON_OID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { OID_SHA1 = 20, OID_SHA256 = 32, OID_MAX = 32, OID_HEX = 2 * OID_MAX };

struct oid {
	uint8_t len;            /* 20 or 32; 0: no object */
	uint8_t id[OID_MAX];    /* bytes beyond len are zero, so memcmp works */
};

enum obj { OBJ_COMMIT = 1, OBJ_TREE, OBJ_BLOB, OBJ_TAG };

static inline bool oid_eq(const struct oid *a, const struct oid *b)
{
	return !memcmp(a, b, sizeof *a);
}

/* 'hex' gets 2 * len digits and a NUL. */
void oid_hex(const struct oid *, char hex[OID_HEX + 1]);

/* Exactly 40 or 64 hexadecimal digits, of either case. */
int oid_parse(const char *hex, size_t len, struct oid *ret);

/* The tree without entries: every repository has it, stored or not. */
bool oid_is_empty_tree(const struct oid *);
struct oid oid_empty_tree(uint8_t len);

/* The name of an object, piece by piece.  'len' picks the algorithm. */
struct oid_hash;
int oid_hash_start(struct oid_hash **ret, uint8_t len, enum obj,
		   uint64_t size);
int oid_hash_data(struct oid_hash *, const void *, size_t);
/* Ends it: frees 'h' also on failure. */
int oid_hash_end(struct oid_hash *h, struct oid *ret);
void oid_hash_free(struct oid_hash *);          /* NULL is allowed */

#endif
