/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/keyed.h"

#include <sodium.h>

_Static_assert(sizeof ((struct keyed *)0)->k == crypto_shorthash_KEYBYTES &&
	       crypto_shorthash_BYTES == 8, "SipHash: 128-bit key, 64 bits");
_Static_assert(crypto_kdf_KEYBYTES == 32, "the size of a secret");

uint64_t keyed_hash(const struct keyed *key, const void *data, size_t len)
{
	uint8_t out[crypto_shorthash_BYTES];
	uint64_t h = 0;

	crypto_shorthash(out, data, len, key->k);
	/* The same number on every machine: servers may share a key. */
	for (size_t i = sizeof out; i > 0; i--)
		h = h << 8 | out[i - 1];
	return h;
}

struct keyed keyed_derive(const uint8_t secret[32], uint64_t use)
{
	static const char context[crypto_kdf_CONTEXTBYTES] =
		{ 'g', 'i', 't', 'n', 'f', 's', 'k', 'd' };
	struct keyed key;

	/* Fails only for a key length out of range. */
	(void)crypto_kdf_derive_from_key(key.k, sizeof key.k, use, context,
					 secret);
	return key;
}
