/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* hex.h - what a hexadecimal digit stands for. */
#ifndef COMMON_HEX_H
#define COMMON_HEX_H

#include <stdint.h>

extern const uint8_t hex_plus_1[256];   /* 0: no digit */

/* 0 to 15, or -1. */
static inline int hex_value(char c)
{
	return hex_plus_1[(unsigned char)c] - 1;
}

#endif
