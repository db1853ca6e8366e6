/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/store_in.h"

enum {
	SHARE = 4,              /* an object may take a 4th of the store */
	PIECE = 16 << 10,       /* bytes read at a time, onto the stack */
};

/* ---- writing ---- */

static int append(struct store *s, const struct record *r, const void *data)
{
	struct oid oid = store_oid(r);
	uint64_t at;
	int err;
	LOCK_SCOPE(&s->lock);

	err = store_make_room(s, store_length(r));
	if (err)
		return err;
	err = store_begin_segment(s, store_length(r));
	at = err ? 0 : s->current->size;
	if (!err)
		err = store_write_record(s->current_fd, r, data, (off_t)at);
	if (err) {
		s->bytes -= store_length(r);
		return err;
	}
	s->current->size += store_length(r);
	return store_write_slot(s, &oid, r->type, s->current->number,
				(uint32_t)at);
}

/* 0: too much is being written. */
static uint32_t take_number(struct store *s, uint64_t len)
{
	LOCK_SCOPE(&s->lock);
	if (s->coming + len > store_room(s) / 2 ||
	    store_make_room(s, len))
		return 0;
	s->coming += len;
	return s->next++;
}

/* A file of its own, which takes long, so that others go on meanwhile. */
static int write_alone(struct store *s, const struct record *r,
		       const void *data)
{
	struct oid oid = store_oid(r);
	uint32_t number = take_number(s, store_length(r));
	char name[STORE_NAME + 1];
	int err;

	if (!number)
		return -EBUSY;
	store_segment_name(number, name);

	CLEANUP_FD int fd = openat(s->dir_fd, name,
				   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
				   0600);

	err = fd < 0 ? -errno : store_write_record(fd, r, data, 0);
	LOCK_SCOPE(&s->lock);
	s->coming -= store_length(r);
	if (!err && !store_add_segment(&s->segments, number, store_length(r)))
		err = -ENOMEM;
	if (err) {
		s->bytes -= store_length(r);
		if (fd >= 0)
			unlinkat(s->dir_fd, name, 0);
		return err;
	}
	store_note_ages(s);
	return store_write_slot(s, &oid, r->type, number, 0);
}

int store_keep(struct store *s, const struct record *r, const void *data)
{
	bool alone = store_length(r) > s->segment_max / 2;
	int err = alone ? write_alone(s, r, data) : append(s, r, data);

	atomic_fetch_add(err ? &s->failed : &s->kept, 1);
	return err;
}

int store_put(struct store *s, const struct oid *oid, enum obj type,
	      const void *data, uint64_t size)
{
	struct record r = store_record(oid, (uint8_t)type, size);

	if (size > s->max / SHARE || store_weight(s, oid, type))
		return 0;
	return store_keep(s, &r, data);
}

int store_put_size(struct store *s, const struct oid *oid, uint64_t size)
{
	struct record r = store_record(oid, STORE_NO_BLOB, size);
	uint64_t known;

	return store_size(s, oid, &known) ? 0 : store_keep(s, &r, NULL);
}

/* ---- reading ---- */

static struct segment *segment_of(struct store *s, const struct found *f)
{
	for (struct list *l = s->segments.next; l != &s->segments; l = l->next)
		if (store_segment(l)->number == f->slot.segment)
			return store_segment(l);
	return NULL;
}

/* One that has a file of its own gets another number.  False: it has not. */
static bool renumber(struct store *s, const struct found *f)
{
	char old[STORE_NAME + 1], new[STORE_NAME + 1];
	struct oid oid = store_oid(&f->record);
	LOCK_SCOPE(&s->lock);
	struct segment *seg = segment_of(s, f);

	if (!seg)
		return true;            /* nor anything any more */
	if (f->slot.at || seg->size != store_length(&f->record))
		return false;
	if (seg == s->current)
		store_leave_current(s);
	store_segment_name(seg->number, old);
	store_segment_name(s->next, new);
	if (renameat(s->dir_fd, old, s->dir_fd, new))
		return true;
	seg->number = s->next++;
	list_del(&seg->link);
	list_add_tail(&s->segments, &seg->link);
	store_note_ages(s);
	store_write_slot(s, &oid, f->record.type, seg->number, 0);
	return true;
}

/* What was read from an old segment is used: make it young again. */
static void renew(struct store *s, const struct found *f)
{
	CLEANUP_FREE void *data = NULL;
	size_t len = (size_t)(store_length(&f->record) - sizeof f->record);

	if (f->slot.segment >= atomic_load(&s->half) || renumber(s, f))
		return;
	data = malloc(len ? len : 1);
	if (data && !store_read_at(f->fd, data, len,
			     f->slot.at + (off_t)sizeof f->record))
		store_keep(s, &f->record, data);
}

static int give(const struct found *f, const struct oid *oid, enum obj type,
		struct job *job)
{
	char piece[PIECE];
	uint64_t left = f->record.size;
	off_t at = f->slot.at + (off_t)sizeof f->record;
	int r = job->ops->start(job, oid, type, left);

	while (!r && left) {
		size_t n = left < PIECE ? (size_t)left : PIECE;

		if (store_read_at(f->fd, piece, n, at))
			return -EBADMSG;
		r = job->ops->data(job, piece, n);
		at += (off_t)n;
		left -= n;
	}
	return r ? r : job->ops->end(job);
}

static int take(struct store *s, const struct oid *oid, enum obj type,
		struct job *job, bool asked)
{
	struct found f;
	int r = store_find(s, oid, type, &f);

	if (r)
		return r;
	r = give(&f, oid, type, job);
	if (!r && asked)
		renew(s, &f);
	else if (r == -EBADMSG)
		store_forget(s, &f);
	close(f.fd);
	return r;
}

bool store_fetch(struct store *s, const struct oid *oid, enum obj type,
		 struct job *job)
{
	int r = take(s, oid, type, job, true);

	atomic_fetch_add(r ? &s->misses : &s->hits, 1);
	return !r;
}

bool store_peek(struct store *s, const struct oid *oid, enum obj type,
		struct job *job)
{
	return !take(s, oid, type, job, false);
}

uint64_t store_weight(struct store *s, const struct oid *oid, enum obj type)
{
	struct found f;

	if (store_find(s, oid, type, &f))
		return 0;
	close(f.fd);
	return store_length(&f.record);
}

bool store_has(struct store *s, const struct oid *oid, enum obj type)
{
	uint32_t at;

	return store_slot(s, oid, type, &at);
}

bool store_has_size(struct store *s, const struct oid *oid)
{
	uint32_t at;

	return store_slot(s, oid, OBJ_BLOB, &at) ||
	       store_slot(s, oid, STORE_NO_BLOB, &at);
}

bool store_size(struct store *s, const struct oid *oid, uint64_t *ret)
{
	struct found f;

	if (store_find(s, oid, OBJ_BLOB, &f) && store_find(s, oid, STORE_NO_BLOB, &f))
		return false;
	if (f.record.type == STORE_NO_BLOB)
		renew(s, &f);
	close(f.fd);
	*ret = f.record.size;
	return true;
}

void store_count(struct store *s, struct fs_stored *ret)
{
	*ret = (struct fs_stored){
		.hits = atomic_load(&s->hits),
		.misses = atomic_load(&s->misses),
		.kept = atomic_load(&s->kept),
		.bad = atomic_load(&s->bad),
		.failed = atomic_load(&s->failed),
		.budget = s->max,
	};
	LOCK_SCOPE(&s->lock);
	ret->bytes = s->bytes;
	ret->pinned = s->pinned;
}
