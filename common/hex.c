/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/hex.h"

#include <string.h>

int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Eight digits at a time, one in each byte of a word: a start reads millions
 * of them. */
#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The first in the lowest byte. */
static uint64_t load(const char *s)
{
	uint64_t x;

	memcpy(&x, s, sizeof x);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	x = __builtin_bswap64(x);
#endif
	return x;
}

/* The highest bit of each byte that is at least 'c'.  All are below 128. */
static uint64_t from(uint64_t x, char c)
{
	return x + EACH(128u - (unsigned char)c);
}

static uint64_t decimal(uint64_t x)
{
	return from(x, '0') & ~from(x, '9' + 1);
}

static bool are_digits(uint64_t x)
{
	uint64_t lower = x | EACH(0x20);
	uint64_t digit = decimal(x);
	uint64_t letter = from(lower, 'a') & ~from(lower, 'f' + 1);

	return !(x & EACH(0x80)) &&
	       ((digit | letter) & EACH(0x80)) == EACH(0x80);
}

bool hex_read(const char *hex, size_t n, uint8_t *ret)
{
	for (size_t i = 0; i < n; i += 4) {
		uint64_t x = load(hex + 2 * i);

		if (!are_digits(x))
			return false;
		/* Letters have this bit, and begin at 10 where it begins at
		 * 1. */
		x = (x & EACH(0x0f)) + 9 * (x >> 6 & EACH(1));
		x = x << 4 | x >> 8;
		ret[i] = (uint8_t)x;
		ret[i + 1] = (uint8_t)(x >> 16);
		ret[i + 2] = (uint8_t)(x >> 32);
		ret[i + 3] = (uint8_t)(x >> 48);
	}
	return true;
}

bool hex_read_decimal(const char s[8], uint32_t *ret)
{
	uint64_t x = load(s);

	if (x & EACH(0x80) || (decimal(x) & EACH(0x80)) != EACH(0x80))
		return false;
	/* Pairs of digits, then of pairs, then of fours: the first of a pair
	 * is the lower one. */
	x &= EACH(0x0f);
	x = (10 * x + (x >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
	x = (100 * x + (x >> 16)) & UINT64_C(0x0000ffff0000ffff);
	*ret = (uint32_t)(10000 * x + (x >> 32));
	return true;
}
