/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/git/delta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

/* A length in a delta: seven bits at a time, the lowest first. */
static int read_length(const uint8_t **at, const uint8_t *end, size_t *ret)
{
	const uint8_t *d = *at;
	unsigned shift = 0;
	size_t len = 0;

	do {
		if (d == end || shift > 56)
			return -EBADMSG;
		len |= (size_t)(*d & 127) << shift;
		shift += 7;
	} while (*d++ & 128);
	*at = d;
	*ret = len;
	return 0;
}

/* "Copy": bits tell which bytes of offset and size follow. */
static int read_copy(const uint8_t **at, const uint8_t *end, size_t *offset,
		      size_t *size)
{
	const uint8_t *d = *at;
	uint8_t op = *d++;
	size_t v[2] = { 0, 0 };

	for (unsigned i = 0; i < 7; i++) {
		if (!(op & 1 << i))
			continue;
		if (d == end)
			return -EBADMSG;
		v[i / 4] |= (size_t)*d++ << 8 * (i % 4);
	}
	*at = d;
	*offset = v[0];
	*size = v[1] ? v[1] : 0x10000;
	return 0;
}

static int fill(const uint8_t *d, const uint8_t *end, const char *base,
		size_t base_size, char *out, size_t size)
{
	while (d < end) {
		size_t offset, n;

		if (*d & 128) {
			int r = read_copy(&d, end, &offset, &n);

			if (r)
				return r;
			if (offset > base_size || n > base_size - offset ||
			    n > size)
				return -EBADMSG;
			memcpy(out, base + offset, n);
		} else {
			n = *d++;
			if (!n || n > (size_t)(end - d) || n > size)
				return -EBADMSG;
			memcpy(out, d, n);
			d += n;
		}
		out += n;
		size -= n;
	}
	return size ? -EBADMSG : 0;
}

int delta_apply(const void *delta, size_t len, const char *base,
		size_t base_size, uint64_t max, char **ret, size_t *ret_size)
{
	const uint8_t *d = delta, *end = d + len;
	CLEANUP_FREE char *out = NULL;
	size_t expected, size;
	int r;

	if (read_length(&d, end, &expected) || read_length(&d, end, &size) ||
	    expected != base_size)
		return -EBADMSG;
	if (size > max)
		return -EFBIG;
	out = malloc(size + 1);
	if (!out)
		return -ENOMEM;
	r = fill(d, end, base, base_size, out, size);
	if (r)
		return r;
	*ret = TAKE(out);
	*ret_size = size;
	return 0;
}
