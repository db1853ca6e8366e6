/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/local/loose.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { HEAD_MAX = 32 };         /* bytes: "commit 18446744073709551615\0" */

struct loose {
	int fd;
	bool inflating;         /* 'z' is set up */
	bool ended;             /* the stream, with the right check sum */
	z_stream z;
	enum obj type;
	uint64_t size;          /* bytes, says the header */
	unsigned char in[16 << 10];
};

ssize_t loose_read(struct loose *l, void *buf, size_t len)
{
	l->z.next_out = buf;
	l->z.avail_out = (uInt)(len < UINT_MAX ? len : UINT_MAX);
	len = l->z.avail_out;
	while (l->z.avail_out > 0 && !l->ended) {
		int r;

		if (l->z.avail_in == 0) {
			ssize_t n = read(l->fd, l->in, sizeof l->in);

			if (n < 0 && errno == EINTR)
				continue;
			if (n <= 0)     /* the file ends before the stream */
				return -EIO;
			l->z.next_in = l->in;
			l->z.avail_in = (uInt)n;
		}
		r = inflate(&l->z, Z_NO_FLUSH);
		if (r != Z_OK && r != Z_STREAM_END)
			return r == Z_MEM_ERROR ? -ENOMEM : -EIO;
		l->ended = r == Z_STREAM_END;
	}
	return (ssize_t)(len - l->z.avail_out);
}

/* "TYPE SIZE" */
static int parse_head(struct loose *l, const char *head)
{
	static const struct { const char *name; enum obj type; } types[] = {
		{ "commit ", OBJ_COMMIT }, { "tree ", OBJ_TREE },
		{ "blob ", OBJ_BLOB }, { "tag ", OBJ_TAG },
	};
	char *end;

	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		size_t len = strlen(types[i].name);

		if (strncmp(head, types[i].name, len))
			continue;
		if (!isdigit((unsigned char)head[len]))
			return -EIO;
		errno = 0;
		l->size = strtoull(head + len, &end, 10);
		l->type = types[i].type;
		return *end || errno ? -EIO : 0;
	}
	return -EIO;
}

/* Byte by byte, so that none of the object's own is taken. */
static int read_head(struct loose *l)
{
	char head[HEAD_MAX];

	for (size_t i = 0; i < sizeof head; i++) {
		ssize_t n = loose_read(l, head + i, 1);

		if (n < 0)
			return (int)n;
		if (n == 0)
			return -EIO;
		if (!head[i])
			return parse_head(l, head);
	}
	return -EIO;
}

static int open_file(const struct stores *stores, const struct oid *oid)
{
	char hex[OID_HEX + 1], path[PATH_MAX];
	int err = -ENOENT;

	oid_hex(oid, hex);
	for (unsigned i = 0; i < stores->n; i++) {
		int n = snprintf(path, sizeof path, "%s/%.2s/%s",
				 stores->path[i], hex, hex + 2);
		int fd;

		if (n >= (int)sizeof path)
			continue;
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0)
			return fd;
		if (errno != ENOENT && errno != ENOTDIR)
			err = -EIO;
	}
	return err;
}

int loose_open(struct loose **ret, const struct stores *stores,
	       const struct oid *oid)
{
	int r, fd = open_file(stores, oid);
	struct loose *l;

	if (fd < 0)
		return fd;
	l = malloc(sizeof *l);
	if (!l) {
		close(fd);
		return -ENOMEM;
	}
	l->fd = fd;
	l->ended = false;
	memset(&l->z, 0, sizeof l->z);
	l->inflating = inflateInit(&l->z) == Z_OK;
	r = l->inflating ? read_head(l) : -ENOMEM;
	if (r) {
		loose_close(l);
		return r;
	}
	*ret = l;
	return 0;
}

void loose_close(struct loose *l)
{
	if (!l)
		return;
	if (l->inflating)
		inflateEnd(&l->z);
	close(l->fd);
	free(l);
}

enum obj loose_type(const struct loose *l)
{
	return l->type;
}

uint64_t loose_size(const struct loose *l)
{
	return l->size;
}
