/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* hex.h - what digits stand for, hexadecimal ones above all. */
#ifndef COMMON_HEX_H
#define COMMON_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 0 to 15, or -1. */
int hex_value(char c);

/* The 'n' bytes, a multiple of 4, that 2 * n digits stand for.  False when one
 * is no digit; *ret is anything then. */
bool hex_read(const char *hex, size_t n, uint8_t *ret);

/* Eight decimal digits.  False when one is none. */
bool hex_read_decimal(const char digits[8], uint32_t *ret);

#endif
