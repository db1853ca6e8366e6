/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/git/pack_in.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

/* ---- what comes ---- */

/* Hash and file what has been used. */
int pack_settle(struct pack *p)
{
	if (!EVP_DigestUpdate(p->sum, p->in + p->kept, p->pos - p->kept))
		return -ENOMEM;
	while (p->kept < p->pos) {
		ssize_t n = write(p->file, p->in + p->kept, p->pos - p->kept);

		if (n < 0 && errno != EINTR)
			return -errno;
		p->kept += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Have 'want' bytes at hand, of at most CHUNK. */
int pack_need(struct pack *p, size_t want)
{
	while (p->len - p->pos < want) {
		ssize_t n;
		int r = pack_settle(p);

		if (r)
			return r;
		if (p->before + p->len > p->opt->inflated)
			return -EFBIG;
		memmove(p->in, p->in + p->pos, p->len - p->pos);
		p->before += p->pos;
		p->len -= p->pos;
		p->pos = p->kept = 0;
		n = p->from->read(p->from, p->in + p->len, CHUNK - p->len);
		if (n <= 0)
			return n ? (int)n : -EBADMSG;
		p->len += (size_t)n;
	}
	return 0;
}

uint64_t pack_here(const struct pack *p)
{
	return p->before + p->pos;
}

/* ---- inflating ---- */

static int feed(struct pack *p, struct inflating *s)
{
	ssize_t n;
	int r;

	if (!s->filed) {
		r = pack_need(p, 1);
		p->z.next_in = p->in + p->pos;
		p->z.avail_in = r ? 0 : (uInt)(p->len - p->pos);
		return r;
	}
	do
		n = pread(p->file, p->back, CHUNK, (off_t)s->offset);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n ? -errno : -EBADMSG;
	s->offset += (uint64_t)n;
	p->z.next_in = p->back;
	p->z.avail_in = (uInt)n;
	return 0;
}

void pack_inflate_start(struct pack *p, struct inflating *s, bool filed,
			  uint64_t offset)
{
	*s = (struct inflating){ .filed = filed, .offset = offset };
	inflateReset(&p->z);
	p->z.avail_in = 0;
}

/* Up to 'room' bytes; 0 at the end. */
static ssize_t inflate_some(struct pack *p, struct inflating *s, void *out,
			    size_t room)
{
	z_stream *z = &p->z;
	size_t n;

	if (room > CHUNK)
		room = CHUNK;
	z->next_out = out;
	z->avail_out = (uInt)room;
	while (!s->ended && z->avail_out == room) {
		int r = z->avail_in ? 0 : feed(p, s);

		if (r)
			return r;
		r = inflate(z, Z_NO_FLUSH);
		if (r == Z_MEM_ERROR)
			return -ENOMEM;
		if (r != Z_OK && r != Z_STREAM_END)
			return -EBADMSG;
		s->ended = r == Z_STREAM_END;
		if (!s->filed)
			p->pos = p->len - z->avail_in;
	}
	n = room - z->avail_out;
	p->inflated += n;
	return p->inflated <= p->opt->inflated ? (ssize_t)n : -EFBIG;
}

/* That nothing more comes. */
static int inflate_end(struct pack *p, struct inflating *s)
{
	char more;
	ssize_t n = inflate_some(p, s, &more, 1);

	return n ? n < 0 ? (int)n : -EBADMSG : 0;
}

/* Just 'size' bytes. */
int pack_inflate_whole(struct pack *p, struct inflating *s, char *out,
			 size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = inflate_some(p, s, out + done, size - done);

		if (n <= 0)
			return n ? (int)n : -EBADMSG;
		done += (size_t)n;
		if (done < size && (n = p->sink->check(p->sink)))
			return (int)n;
	}
	return inflate_end(p, s);
}

/* Just 'size' bytes, piece by piece: to 'hash', to the sink, or nowhere.
 * 1: the sink wants no more of it. */
int pack_inflate_pieces(struct pack *p, struct inflating *s, uint64_t size,
			  struct oid_hash *hash, bool sink)
{
	while (size > 0) {
		ssize_t n = inflate_some(p, s, p->out, CHUNK);
		int r;

		if (n <= 0)
			return n ? (int)n : -EBADMSG;
		if ((uint64_t)n > size)
			return -EBADMSG;
		size -= (uint64_t)n;
		r = hash ? oid_hash_data(hash, p->out, (size_t)n) : 0;
		if (!r)
			r = p->sink->check(p->sink);
		if (r)
			return r;
		if (sink && p->sink->data(p->sink, p->out, (size_t)n))
			return 1;
	}
	return inflate_end(p, s);
}

/* ---- all of it ---- */

/* The contents of an entry, from the file. */
int pack_load(struct pack *p, uint32_t i, char **ret)
{
	const struct entry *e = &p->entry[i];
	CLEANUP_FREE char *data = NULL;
	struct inflating s;
	int r;

	if (e->size > p->opt->delta)
		return -EFBIG;
	data = malloc(e->size + 1);
	if (!data)
		return -ENOMEM;
	pack_inflate_start(p, &s, true, e->offset);
	r = pack_inflate_whole(p, &s, data, e->size);
	if (!r)
		*ret = TAKE(data);
	return r;
}

static int open_file(const char *dir)
{
	CLEANUP_FREE char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/pack.XXXXXX", dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

int pack_open(struct pack *p)
{
	const EVP_MD *md = p->opt->oid_len == OID_SHA1 ? EVP_sha1() :
							 EVP_sha256();

	list_init(&p->recent);
	p->in = malloc(CHUNK);
	p->out = malloc(CHUNK);
	p->back = malloc(CHUNK);
	p->sum = EVP_MD_CTX_new();
	if (!p->in || !p->out || !p->back || !p->sum ||
	    !EVP_DigestInit_ex(p->sum, md, NULL) || inflateInit(&p->z) != Z_OK)
		return -ENOMEM;
	p->file = open_file(p->opt->dir);
	return p->file < 0 ? p->file : 0;
}

void pack_close(struct pack *p)
{
	inflateEnd(&p->z);
	if (p->file >= 0)
		close(p->file);
	EVP_MD_CTX_free(p->sum);
	free(p->in);
	free(p->out);
	free(p->back);
	pack_forget(p, 0);
	free(p->entry);
	free(p->by_offset);
	free(p->by_name);
}
