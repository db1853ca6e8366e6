/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* keyed.h - a keyed 64-bit hash: SipHash-2-4, from libsodium.
 *
 * Nobody without the key can make two names collide or guess a code, so
 * it serves as file id, as the steps of a handle and as its MAC.
 *
 * Threads: any; a key never changes once made.
 */
#ifndef COMMON_KEYED_H
#define COMMON_KEYED_H

#include <stddef.h>
#include <stdint.h>

struct keyed {
	uint8_t k[16];
};

uint64_t keyed_hash(const struct keyed *, const void *data, size_t len);

/* A key of its own for each use, so that one never speaks for another.
 * 'use' is a small number, 'secret' 32 bytes. */
struct keyed keyed_derive(const uint8_t secret[32], uint64_t use);

#endif
