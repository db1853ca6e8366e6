/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "cache/spelling.h"
#include "common/cleanup.h"

static bool is_ascii(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] & 0x80)
			return false;
	return true;
}

/* Its entry in this spelling; -ENOENT also for what is no UTF-8. */
static int find_as(const struct tree *t, const struct keyed *names,
		   const char *name, size_t len, utf8proc_option_t form,
		   uint32_t *ret)
{
	CLEANUP_FREE utf8proc_uint8_t *other = NULL;
	utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)name,
					  (utf8proc_ssize_t)len, &other,
					  UTF8PROC_STABLE | form);
	const char *p = (const char *)other;

	if (n == UTF8PROC_ERROR_NOMEM)
		return -ENOMEM;
	if (n <= 0 || ((size_t)n == len && !memcmp(p, name, len)))
		return -ENOENT;
	return tree_find(t, tree_name_hash(names, p, (size_t)n), p, (size_t)n,
			 ret);
}

int spelling_find(const struct tree *t, const struct keyed *names,
		  const char *name, size_t len, uint32_t *ret)
{
	uint32_t composed, decomposed;
	int c, d;

	if (is_ascii(name, len))
		return -ENOENT;
	c = find_as(t, names, name, len, UTF8PROC_COMPOSE, &composed);
	d = find_as(t, names, name, len, UTF8PROC_DECOMPOSE, &decomposed);
	if (c == -ENOMEM || d == -ENOMEM)
		return -ENOMEM;
	if (!c == !d)
		return -ENOENT;
	*ret = c ? decomposed : composed;
	return 0;
}
