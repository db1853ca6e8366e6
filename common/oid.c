/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/oid.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/hex.h"

struct oid_hash {
	EVP_MD_CTX *ctx;
	uint8_t len;
};

static const struct oid empty_sha1 = { OID_SHA1, {
	0x4b, 0x82, 0x5d, 0xc6, 0x42, 0xcb, 0x6e, 0xb9, 0xa0, 0x60,
	0xe5, 0x4b, 0xf8, 0xd6, 0x92, 0x88, 0xfb, 0xee, 0x49, 0x04,
} };

static const struct oid empty_sha256 = { OID_SHA256, {
	0x6e, 0xf1, 0x9b, 0x41, 0x22, 0x5c, 0x53, 0x69,
	0xf1, 0xc1, 0x04, 0xd4, 0x5d, 0x8d, 0x85, 0xef,
	0xa9, 0xb0, 0x57, 0xb5, 0x3b, 0x14, 0xb4, 0xb9,
	0xb9, 0x39, 0xdd, 0x74, 0xde, 0xcc, 0x53, 0x21,
} };

void oid_hex(const struct oid *oid, char hex[OID_HEX + 1])
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < oid->len; i++) {
		*hex++ = digit[oid->id[i] >> 4];
		*hex++ = digit[oid->id[i] & 15];
	}
	*hex = '\0';
}

int oid_parse(const char *hex, size_t len, struct oid *ret)
{
	struct oid oid = { .len = (uint8_t)(len / 2) };

	if ((len != 2 * OID_SHA1 && len != 2 * OID_SHA256) ||
	    !hex_read(hex, oid.len, oid.id))
		return -EINVAL;
	*ret = oid;
	return 0;
}

bool oid_is_empty_tree(const struct oid *oid)
{
	return oid_eq(oid, &empty_sha1) || oid_eq(oid, &empty_sha256);
}

struct oid oid_empty_tree(uint8_t len)
{
	return len == OID_SHA256 ? empty_sha256 : empty_sha1;
}

int oid_hash_start(struct oid_hash **ret, uint8_t len, enum obj type,
		   uint64_t size)
{
	static const char *const name[] = {
		[OBJ_COMMIT] = "commit", [OBJ_TREE] = "tree",
		[OBJ_BLOB] = "blob", [OBJ_TAG] = "tag",
	};
	char head[32];
	struct oid_hash *h;
	int n;

	if (len != OID_SHA1 && len != OID_SHA256)
		return -EINVAL;
	h = malloc(sizeof *h);
	if (!h)
		return -ENOMEM;
	h->len = len;
	h->ctx = EVP_MD_CTX_new();
	n = snprintf(head, sizeof head, "%s %" PRIu64, name[type], size);
	if (!h->ctx ||
	    !EVP_DigestInit_ex(h->ctx, len == OID_SHA1 ? EVP_sha1() :
			       EVP_sha256(), NULL) ||
	    !EVP_DigestUpdate(h->ctx, head, (size_t)n + 1)) {
		oid_hash_free(h);
		return -ENOMEM;
	}
	*ret = h;
	return 0;
}

int oid_hash_data(struct oid_hash *h, const void *data, size_t len)
{
	return EVP_DigestUpdate(h->ctx, data, len) ? 0 : -ENOMEM;
}

int oid_hash_end(struct oid_hash *h, struct oid *ret)
{
	struct oid oid = { .len = h->len };
	int ok = EVP_DigestFinal_ex(h->ctx, oid.id, NULL);

	oid_hash_free(h);
	if (!ok)
		return -ENOMEM;
	*ret = oid;
	return 0;
}

void oid_hash_free(struct oid_hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}
