/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/store_in.h"
#include "common/keyed.h"

enum { MAGIC = 0x67736f31 };     /* another one for another form */

/* ---- records ---- */

static uint64_t sum(const struct record *r)
{
	/* Against accidents: whoever can write here can also sign. */
	static const struct keyed key;

	return keyed_hash(&key, r, offsetof(struct record, sum));
}

struct record store_record(const struct oid *oid, uint8_t type, uint64_t size)
{
	struct record r = {
		.magic = MAGIC,
		.type = type,
		.oid_len = oid->len,
		.size = size,
	};

	memcpy(r.id, oid->id, sizeof r.id);
	r.sum = sum(&r);
	return r;
}

struct record store_record_elsewhere(const struct record *r)
{
	struct record e = *r;

	e.elsewhere = 1;
	e.sum = sum(&e);
	return e;
}

struct oid store_oid(const struct record *r)
{
	struct oid oid = { .len = r->oid_len };

	memcpy(oid.id, r->id, sizeof oid.id);
	return oid;
}

uint64_t store_length(const struct record *r)
{
	bool bytes = r->type != STORE_NO_BLOB && !r->elsewhere;

	return sizeof *r + (bytes ? r->size : 0);
}

bool store_is_record(const struct record *r)
{
	return r->magic == MAGIC && r->oid_len <= OID_MAX && r->sum == sum(r);
}

int store_read_at(int fd, void *data, size_t len, off_t at)
{
	for (char *p = data; len;) {
		ssize_t n = pread(fd, p, len, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -EIO;
		p += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int store_write_at(int fd, const void *data, uint64_t len, off_t at)
{
	for (const char *p = data; len;) {
		ssize_t n = pwrite(fd, p, len < INT32_MAX ? len : INT32_MAX,
				   at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : -ENOSPC;
		p += n;
		at += n;
		len -= (uint64_t)n;
	}
	return 0;
}

int store_write_record(int fd, const struct record *r, const void *data,
		       off_t at)
{
	int err = store_write_at(fd, r, sizeof *r, at);

	return err ? err : store_write_at(fd, data,
					  store_length(r) - sizeof *r,
					  at + (off_t)sizeof *r);
}

/* ---- segments ---- */

void store_segment_name(uint32_t number, char name[STORE_NAME + 1])
{
	snprintf(name, STORE_NAME + 1, "%08" PRIx32, number);
}

int store_open_segment(struct store *s, uint32_t number)
{
	char name[STORE_NAME + 1];
	int fd;

	store_segment_name(number, name);
	fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* What has been cut short ends there. */
int store_each(struct store *s, uint32_t number,
	       int (*fn)(void *arg, int fd, const struct record *, uint32_t at),
	       void *arg)
{
	CLEANUP_FD int fd = store_open_segment(s, number);
	struct record rec;
	uint64_t at = 0;
	int r = fd < 0 ? fd : 0;

	while (!r && at <= UINT32_MAX &&
	       !store_read_at(fd, &rec, sizeof rec, (off_t)at) &&
	       store_is_record(&rec)) {
		r = fn(arg, fd, &rec, (uint32_t)at);
		at += store_length(&rec);
	}
	return r;
}

/* What has come or gone shifts the ages. */
void store_note_ages(struct store *s)
{
	uint64_t newer = 0, all = store_room(s);
	uint32_t half = 0;
	struct list *l = s->segments.prev;

	for (; l != &s->segments && newer <= all / 2; l = l->prev) {
		newer += store_segment(l)->size;
		half = store_segment(l)->number;
	}
	atomic_store(&s->half, newer > all / 2 ? half : 0);
	atomic_store(&s->oldest, list_empty(&s->segments) ? s->next :
		     store_segment(s->segments.next)->number);
}

struct segment *store_add_segment(struct list *to, uint32_t number,
				  uint64_t size)
{
	struct segment *seg = malloc(sizeof *seg);
	struct list *before = to->prev;

	if (!seg)
		return NULL;
	seg->number = number;
	seg->size = size;
	while (before != to && store_segment(before)->number > number)
		before = before->prev;
	list_add_tail(before->next, &seg->link);
	return seg;
}

void store_leave_current(struct store *s)
{
	if (s->current_fd >= 0)
		close(s->current_fd);
	s->current_fd = -1;
	s->current = NULL;
}

void store_remove(struct store *s, struct segment *seg)
{
	char name[STORE_NAME + 1];

	if (seg == s->current)
		store_leave_current(s);
	store_segment_name(seg->number, name);
	unlinkat(s->dir_fd, name, 0);
	s->bytes -= seg->size;
	list_del(&seg->link);
	free(seg);
}

int store_make_room(struct store *s, uint64_t len)
{
	bool removed = false;

	while (s->bytes + len > s->max && !list_empty(&s->segments)) {
		store_remove(s, store_segment(s->segments.next));
		removed = true;
	}
	if (removed)
		store_note_ages(s);
	if (s->bytes + len > s->max)
		return -ENOSPC;
	s->bytes += len;
	return 0;
}

int store_begin_segment(struct store *s, uint64_t len)
{
	char name[STORE_NAME + 1];

	if (s->current && s->current->size + len <= s->segment_max)
		return 0;
	store_leave_current(s);
	store_segment_name(s->next, name);
	s->current_fd = openat(s->dir_fd, name,
			       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (s->current_fd < 0)
		return -errno;
	s->current = store_add_segment(&s->segments, s->next, 0);
	if (!s->current) {
		store_leave_current(s);
		unlinkat(s->dir_fd, name, 0);
		return -ENOMEM;
	}
	s->next++;
	store_note_ages(s);
	return 0;
}
