/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cache/intake.h"
#include "common/bus.h"
#include "common/cleanup.h"

enum {
	SPOOL_SHARE = 8,        /* blobs over memory / 8 go to a file, ... */
	SPOOL_DISCOUNT = 32,    /* ... and count for a 32nd of their size */
	COMMIT_MAX = 1 << 24,   /* bytes; trees may be larger */
	TREE_MAX = 1 << 30,
	COPY_BELOW = 4096,      /* of what is mapped: more than anybody copies */
};

void intake_drop(struct intake *in)
{
	oid_hash_free(TAKE(in->hash));
	free(TAKE(in->data));
	if (in->fd >= 0)
		close(in->fd);
	in->fd = -1;
}

static int spool_open(const struct spool *spool)
{
	CLEANUP_FREE char *path = strdup(spool->path);
	int fd = path ? mkostemp(path, O_CLOEXEC) : -1;

	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

int intake_start(struct intake *in, const struct spool *spool,
		 const struct oid *oid, enum obj type, uint64_t size)
{
	uint64_t max = type == OBJ_BLOB ? INT64_MAX :
		       type == OBJ_TREE ? TREE_MAX : COMMIT_MAX;
	int r;

	intake_drop(in);
	if (size > max || size > SIZE_MAX)
		return -EFBIG;
	in->oid = *oid;
	in->type = type;
	in->size = (size_t)size;
	in->have = 0;
	r = oid_hash_start(&in->hash, oid->len, type, size);
	if (r)
		return r;
	if (type == OBJ_BLOB && size > spool->memory / SPOOL_SHARE) {
		in->fd = spool_open(spool);
		return in->fd < 0 ? in->fd : 0;
	}
	in->data = malloc(in->size + 1);
	if (!in->data)
		return -ENOMEM;
	in->data[in->size] = '\0';
	return 0;
}

int intake_data(struct intake *in, const void *data, size_t len)
{
	if (!in->hash || len > in->size - in->have)
		return -EBADMSG;
	oid_hash_data(in->hash, data, len);
	if (in->fd < 0)
		memcpy(in->data + in->have, data, len);
	for (size_t done = 0; in->fd >= 0 && done < len;) {
		ssize_t n = write(in->fd, (const char *)data + done, len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += n < 0 ? 0 : (size_t)n;
	}
	in->have += len;
	return 0;
}

int intake_end(struct intake *in)
{
	struct oid oid;
	int r;

	if (!in->hash || in->have != in->size)
		return -EBADMSG;
	r = oid_hash_end(TAKE(in->hash), &oid);
	if (r)
		return r;
	return oid_eq(&oid, &in->oid) ? 0 : -EBADMSG;
}

/* ---- blobs ---- */

static void blob_free(struct value *v)
{
	struct blob *b = (struct blob *)v;

	if (b->mapped)
		munmap(b->data, b->len);
	else
		free(b->data);
	free(b);
}

/* What is in a file counts for a part, and never for so much that it would
 * have to go the moment it has come: who was told to come back would find
 * it gone, each time. */
static size_t spooled_cost(const struct spool *spool, size_t len)
{
	size_t cost = len / SPOOL_DISCOUNT, most = spool->memory / SPOOL_SHARE;

	return cost < most ? cost : most;
}

int intake_blob(struct intake *in, const struct spool *spool,
		struct blob **ret)
{
	struct blob *b = malloc(sizeof *b);

	if (!b)
		return -ENOMEM;
	*b = (struct blob){
		.v = {
			.refs = 1,
			.cost = sizeof *b + in->size,
			.free = blob_free,
		},
		.len = in->size,
		.mapped = in->fd >= 0,
	};
	if (b->mapped) {
		b->v.cost = sizeof *b + spooled_cost(spool, in->size);
		b->data = mmap(NULL, in->size, PROT_READ, MAP_SHARED, in->fd,
			       0);
		if (b->data == MAP_FAILED) {
			int r = -errno;

			free(b);
			return r;
		}
	} else {
		b->data = TAKE(in->data);
	}
	*ret = b;
	return 0;
}

struct piece {
	struct value v;
	char data[];
};

static void piece_free(struct value *v)
{
	free(v);
}

/* What is short is copied into replies, when it might be gone again. */
static int copy_of(struct slice from, struct slice *ret)
{
	struct piece *p = malloc(sizeof *p + from.len);
	int r;

	if (!p)
		return -ENOMEM;
	r = bus_copy(p->data, from.data, from.len);
	if (r) {
		free(p);
		return r;
	}
	p->v = (struct value){ .refs = 1, .free = piece_free };
	*ret = (struct slice){ &p->v, p->data, from.len };
	return 0;
}

int blob_slice(struct blob *b, uint64_t off, size_t len, struct slice *ret)
{
	struct slice s = { .owner = &b->v };
	int r;

	if (off > b->len)
		off = b->len;
	s.data = (const char *)b->data + off;
	s.len = len < b->len - off ? len : b->len - (size_t)off;
	if (b->mapped && s.len < COPY_BELOW) {
		r = copy_of(s, ret);
		if (!r)
			value_unref(&b->v);
		return r;
	}
	r = b->mapped ? bus_touch(s.data, s.len) : 0;
	if (!r)
		*ret = s;
	return r;
}

/* ---- trees and commits ---- */

int intake_tree(struct intake *in, const struct keyed *names,
		struct tree **ret)
{
	return tree_parse(names, &in->oid, TAKE(in->data), in->size, ret);
}

/* "tree HEX\n", some more lines, "committer NAME <MAIL> SECONDS ZONE\n". */
int intake_commit(const struct intake *in, struct oid *tree, int64_t *time)
{
	const char *p = in->data, *end = p + in->size, *line;
	size_t hex = 2u * in->oid.len;

	if (in->size < 6 + hex || memcmp(p, "tree ", 5) ||
	    p[5 + hex] != '\n' || oid_parse(p + 5, hex, tree))
		return -EBADMSG;
	*time = 0;
	for (line = p + 6 + hex; line < end && *line != '\n';) {
		const char *nl = memchr(line, '\n', (size_t)(end - line));
		const char *stop = nl ? nl : end, *gt;

		if (stop - line > 10 && !memcmp(line, "committer ", 10)) {
			for (gt = stop - 1; gt > line && *gt != '>'; gt--)
				;
			*time = strtoll(gt + 1, NULL, 10);
			break;
		}
		line = stop + 1;
	}
	return 0;
}
