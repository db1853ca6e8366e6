/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cache/store.h"
#include "common/cleanup.h"
#include "common/keyed.h"
#include "common/list.h"

enum {
	SEGMENTS = 64,          /* that a full store has, about */
	SEGMENT_MAX = 128 << 20,        /* bytes */
	SHARE = 4,              /* an object may take a 4th of the store */
	BUCKETS = 1 << 17,      /* of the index */
	SLOTS = 32,             /* of a bucket */
	PIECE = 64 << 10,       /* bytes read at a time */
	NAME_LEN = 8,           /* of a segment's file */
	MAGIC = 0x67736f31,     /* another one for another form */
	NO_BLOB = 0,            /* the type of a size without a blob */
};

static const char marker[] = "gitnfs-store", index_name[] = "index";

/* Before each object's bytes, so that it need not be believed where it was
 * found. */
struct record {
	uint32_t magic;
	uint8_t type, oid_len, unused[2];
	uint64_t size;          /* of the object */
	uint8_t id[OID_MAX];
	uint64_t sum;           /* of what is before */
};

/* Segment 0: there is nothing in it. */
struct slot {
	uint32_t tag, type, segment, at;
};

struct segment {
	struct list link;       /* store.segments */
	uint32_t number;
	uint64_t size;
};

struct store {
	int dir_fd, lock_fd, index_fd;
	uint64_t max, segment_max;
	atomic_uint oldest;     /* segment; what is before it is gone */
	atomic_uint half;       /* what is before it is in the older half */
	atomic_uint_fast64_t hits, misses, kept, bad, failed;
	/* Covers writing, which is into the kernel's memory for the most
	 * part, and the rest. */
	pthread_mutex_t lock;
	struct list segments;   /* by number */
	uint64_t bytes;         /* in all of them, and being written */
	uint64_t coming;        /* of those, in files of their own */
	uint32_t next;          /* segment */
	struct segment *current;        /* the last; NULL: to be begun */
	int current_fd;
};

/* A record that was found. */
struct found {
	struct record record;
	struct slot slot;
	off_t slot_at;          /* in the index */
	int fd;                 /* of the segment */
};

/* ---- records ---- */

static uint64_t sum(const struct record *r)
{
	/* Against accidents: whoever can write here can also sign. */
	static const struct keyed key;

	return keyed_hash(&key, r, offsetof(struct record, sum));
}

static struct record record_of(const struct oid *oid, uint8_t type,
			       uint64_t size)
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

/* Bytes that it takes with what follows it. */
static uint64_t length(const struct record *r)
{
	return sizeof *r + (r->type == NO_BLOB ? 0 : r->size);
}

static bool is_of(const struct record *r, const struct oid *oid, uint32_t type)
{
	return r->type == type && r->oid_len == oid->len &&
	       !memcmp(r->id, oid->id, sizeof r->id);
}

/* 0, or an error also when there is less. */
static int read_at(int fd, void *data, size_t len, off_t at)
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

static int write_at(int fd, const void *data, uint64_t len, off_t at)
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

static int write_record(int fd, const struct record *r, const void *data,
			off_t at)
{
	int err = write_at(fd, r, sizeof *r, at);

	return err ? err : write_at(fd, data, length(r) - sizeof *r,
				    at + (off_t)sizeof *r);
}

/* ---- segments; the lock is held ---- */

static void segment_name(uint32_t number, char name[NAME_LEN + 1])
{
	snprintf(name, NAME_LEN + 1, "%08" PRIx32, number);
}

static struct segment *segment_at(struct list *l)
{
	return container_of(l, struct segment, link);
}

/* What has come or gone shifts the ages. */
static void note_ages(struct store *s)
{
	uint64_t newer = 0;
	uint32_t half = 0;
	struct list *l = s->segments.prev;

	for (; l != &s->segments && newer <= s->max / 2; l = l->prev) {
		newer += segment_at(l)->size;
		half = segment_at(l)->number;
	}
	atomic_store(&s->half, newer > s->max / 2 ? half : 0);
	atomic_store(&s->oldest, list_empty(&s->segments) ? s->next :
		     segment_at(s->segments.next)->number);
}

static struct segment *add_segment(struct store *s, uint32_t number,
				   uint64_t size)
{
	struct segment *seg = malloc(sizeof *seg);
	struct list *before = s->segments.prev;

	if (!seg)
		return NULL;
	seg->number = number;
	seg->size = size;
	while (before != &s->segments && segment_at(before)->number > number)
		before = before->prev;
	list_add_tail(before->next, &seg->link);
	return seg;
}

static void leave_current(struct store *s)
{
	if (s->current_fd >= 0)
		close(s->current_fd);
	s->current_fd = -1;
	s->current = NULL;
}

static void remove_oldest(struct store *s)
{
	struct segment *seg = segment_at(s->segments.next);
	char name[NAME_LEN + 1];

	if (seg == s->current)
		leave_current(s);
	segment_name(seg->number, name);
	unlinkat(s->dir_fd, name, 0);
	s->bytes -= seg->size;
	list_del(&seg->link);
	free(seg);
}

/* For 'len' bytes more.  They count from now on. */
static void make_room(struct store *s, uint64_t len)
{
	bool removed = false;

	while (s->bytes + len > s->max && !list_empty(&s->segments)) {
		remove_oldest(s);
		removed = true;
	}
	s->bytes += len;
	if (removed)
		note_ages(s);
}

/* One to append to. */
static int begin_segment(struct store *s, uint64_t len)
{
	char name[NAME_LEN + 1];

	if (s->current && s->current->size + len <= s->segment_max)
		return 0;
	leave_current(s);
	segment_name(s->next, name);
	s->current_fd = openat(s->dir_fd, name,
			       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (s->current_fd < 0)
		return -errno;
	s->current = add_segment(s, s->next, 0);
	if (!s->current) {
		leave_current(s);
		unlinkat(s->dir_fd, name, 0);
		return -ENOMEM;
	}
	s->next++;
	note_ages(s);
	return 0;
}

/* ---- the index ---- */

static uint32_t part_of(const struct oid *oid, int i)
{
	uint32_t n;

	memcpy(&n, oid->id + i * sizeof n, sizeof n);
	return n;
}

static off_t bucket_of(const struct oid *oid)
{
	return (off_t)(part_of(oid, 0) % BUCKETS * SLOTS *
		       sizeof(struct slot));
}

static int read_bucket(struct store *s, const struct oid *oid,
		       struct slot ret[SLOTS])
{
	return read_at(s->index_fd, ret, SLOTS * sizeof *ret, bucket_of(oid));
}

static bool is_empty(struct store *s, const struct slot *slot)
{
	return slot->segment < atomic_load(&s->oldest) || !slot->segment;
}

/* With the lock held.  Where all is full the oldest has to go. */
static int write_slot(struct store *s, const struct oid *oid, uint32_t type,
		      uint32_t segment, uint32_t at)
{
	const struct slot new = { part_of(oid, 1), type, segment, at };
	struct slot slot[SLOTS];
	int r = read_bucket(s, oid, slot), to = 0;

	if (r)
		return r;
	for (int i = 0; i < SLOTS; i++) {
		bool same = slot[i].tag == new.tag && slot[i].type == type;

		if (same || (is_empty(s, &slot[i]) ? 0 : slot[i].segment) <
		    (is_empty(s, &slot[to]) ? 0 : slot[to].segment))
			to = i;
		if (same)
			break;
	}
	return write_at(s->index_fd, &new, sizeof new,
			bucket_of(oid) + to * (off_t)sizeof new);
}

/* What it says is wrong. */
static void forget(struct store *s, const struct found *f)
{
	const struct slot none = { 0 };
	struct slot now;
	LOCK_SCOPE(&s->lock);

	if (!read_at(s->index_fd, &now, sizeof now, f->slot_at) &&
	    !memcmp(&now, &f->slot, sizeof now))
		write_at(s->index_fd, &none, sizeof none, f->slot_at);
	atomic_fetch_add(&s->bad, 1);
}

static int open_segment(struct store *s, uint32_t number)
{
	char name[NAME_LEN + 1];
	int fd;

	segment_name(number, name);
	fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* 0, and a file to close. */
static int find(struct store *s, const struct oid *oid, uint32_t type,
		struct found *ret)
{
	struct slot slot[SLOTS];
	struct found f;
	int r = read_bucket(s, oid, slot);

	for (int i = 0; !r && i < SLOTS; i++) {
		if (is_empty(s, &slot[i]) || slot[i].type != type ||
		    slot[i].tag != part_of(oid, 1))
			continue;
		f.slot = slot[i];
		f.slot_at = bucket_of(oid) + i * (off_t)sizeof *slot;
		f.fd = open_segment(s, f.slot.segment);
		if (f.fd < 0)
			continue;
		if (!read_at(f.fd, &f.record, sizeof f.record, f.slot.at) &&
		    f.record.magic == MAGIC && f.record.sum == sum(&f.record) &&
		    is_of(&f.record, oid, type)) {
			*ret = f;
			return 0;
		}
		close(f.fd);
		forget(s, &f);
	}
	return -ENOENT;
}

static bool is_there(struct store *s, const struct oid *oid, uint32_t type)
{
	struct found f;

	if (find(s, oid, type, &f))
		return false;
	close(f.fd);
	return true;
}

/* ---- writing ---- */

static struct oid oid_of(const struct record *r)
{
	struct oid oid = { .len = r->oid_len };

	memcpy(oid.id, r->id, sizeof oid.id);
	return oid;
}

static int append(struct store *s, const struct record *r, const void *data)
{
	struct oid oid = oid_of(r);
	uint64_t at;
	int err;
	LOCK_SCOPE(&s->lock);

	make_room(s, length(r));
	err = begin_segment(s, length(r));
	at = err ? 0 : s->current->size;
	if (!err)
		err = write_record(s->current_fd, r, data, (off_t)at);
	if (err) {
		s->bytes -= length(r);
		return err;
	}
	s->current->size += length(r);
	return write_slot(s, &oid, r->type, s->current->number, (uint32_t)at);
}

/* 0: too much is being written. */
static uint32_t take_number(struct store *s, uint64_t len)
{
	LOCK_SCOPE(&s->lock);
	if (s->coming + len > s->max / 2)
		return 0;
	make_room(s, len);
	s->coming += len;
	return s->next++;
}

/* A file of its own, which takes long, so that others go on meanwhile. */
static int write_alone(struct store *s, const struct record *r,
		       const void *data)
{
	struct oid oid = oid_of(r);
	uint32_t number = take_number(s, length(r));
	char name[NAME_LEN + 1];
	int err;

	if (!number)
		return -EBUSY;
	segment_name(number, name);

	CLEANUP_FD int fd = openat(s->dir_fd, name,
				   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
				   0600);

	err = fd < 0 ? -errno : write_record(fd, r, data, 0);
	LOCK_SCOPE(&s->lock);
	s->coming -= length(r);
	if (!err && !add_segment(s, number, length(r)))
		err = -ENOMEM;
	if (err) {
		s->bytes -= length(r);
		if (fd >= 0)
			unlinkat(s->dir_fd, name, 0);
		return err;
	}
	note_ages(s);
	return write_slot(s, &oid, r->type, number, 0);
}

static int keep(struct store *s, const struct record *r, const void *data)
{
	int err = length(r) > s->segment_max / 2 ? write_alone(s, r, data) :
						   append(s, r, data);

	atomic_fetch_add(err ? &s->failed : &s->kept, 1);
	return err;
}

int store_put(struct store *s, const struct oid *oid, enum obj type,
	      const void *data, uint64_t size)
{
	struct record r = record_of(oid, (uint8_t)type, size);

	if (size > s->max / SHARE || is_there(s, oid, type))
		return 0;
	return keep(s, &r, data);
}

int store_put_size(struct store *s, const struct oid *oid, uint64_t size)
{
	struct record r = record_of(oid, NO_BLOB, size);
	uint64_t known;

	return store_size(s, oid, &known) ? 0 : keep(s, &r, NULL);
}

/* ---- reading ---- */

static struct segment *segment_of(struct store *s, const struct found *f)
{
	for (struct list *l = s->segments.next; l != &s->segments; l = l->next)
		if (segment_at(l)->number == f->slot.segment)
			return segment_at(l);
	return NULL;
}

/* One that has a file of its own gets another number.  False: it has not. */
static bool renumber(struct store *s, const struct found *f)
{
	char old[NAME_LEN + 1], new[NAME_LEN + 1];
	struct oid oid = oid_of(&f->record);
	LOCK_SCOPE(&s->lock);
	struct segment *seg = segment_of(s, f);

	if (!seg)
		return true;            /* nor anything any more */
	if (f->slot.at || seg->size != length(&f->record))
		return false;
	if (seg == s->current)
		leave_current(s);
	segment_name(seg->number, old);
	segment_name(s->next, new);
	if (renameat(s->dir_fd, old, s->dir_fd, new))
		return true;
	seg->number = s->next++;
	list_del(&seg->link);
	list_add_tail(&s->segments, &seg->link);
	note_ages(s);
	write_slot(s, &oid, f->record.type, seg->number, 0);
	return true;
}

/* What was read from an old segment is used: make it young again. */
static void renew(struct store *s, const struct found *f)
{
	CLEANUP_FREE void *data = NULL;
	size_t len = (size_t)(length(&f->record) - sizeof f->record);

	if (f->slot.segment >= atomic_load(&s->half) || renumber(s, f))
		return;
	data = malloc(len ? len : 1);
	if (data && !read_at(f->fd, data, len,
			     f->slot.at + (off_t)sizeof f->record))
		keep(s, &f->record, data);
}

static int give(const struct found *f, const struct oid *oid, enum obj type,
		struct job *job)
{
	CLEANUP_FREE char *piece = malloc(PIECE);
	uint64_t left = f->record.size;
	off_t at = f->slot.at + (off_t)sizeof f->record;
	int r = piece ? job->ops->start(job, oid, type, left) : -ENOMEM;

	while (!r && left) {
		size_t n = left < PIECE ? (size_t)left : PIECE;

		if (read_at(f->fd, piece, n, at))
			return -EBADMSG;
		r = job->ops->data(job, piece, n);
		at += (off_t)n;
		left -= n;
	}
	return r ? r : job->ops->end(job);
}

bool store_fetch(struct store *s, const struct oid *oid, enum obj type,
		 struct job *job)
{
	struct found f;
	int r = find(s, oid, type, &f);

	if (!r) {
		r = give(&f, oid, type, job);
		if (!r)
			renew(s, &f);
		else if (r == -EBADMSG)
			forget(s, &f);
		close(f.fd);
	}
	atomic_fetch_add(r ? &s->misses : &s->hits, 1);
	return !r;
}

bool store_has(struct store *s, const struct oid *oid, enum obj type)
{
	return is_there(s, oid, type);
}

bool store_size(struct store *s, const struct oid *oid, uint64_t *ret)
{
	struct found f;

	if (find(s, oid, OBJ_BLOB, &f) && find(s, oid, NO_BLOB, &f))
		return false;
	if (f.record.type == NO_BLOB)
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
}

/* ---- the directory ---- */

static int __attribute__((format(printf, 4, 5)))
fail(char why[STORE_WHY], const char *dir, int err, const char *fmt, ...)
{
	char what[STORE_WHY / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	snprintf(why, STORE_WHY, "%.*s: %s", STORE_WHY / 2 - 4, dir, what);
	return err;
}

static bool is_segment(const char *name, uint32_t *number)
{
	if (strlen(name) != NAME_LEN ||
	    strspn(name, "0123456789abcdef") != NAME_LEN)
		return false;
	*number = (uint32_t)strtoul(name, NULL, 16);
	return *number;
}

/* Call it for each name until it says no. */
static int each_name(struct store *s, int (*fn)(struct store *, const char *))
{
	int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!d) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			r = fn(s, e->d_name);
	closedir(d);
	return r;
}

static int refuse(struct store *s, const char *name)
{
	(void)s;
	(void)name;
	return -ENOTEMPTY;
}

static int note_segment(struct store *s, const char *name)
{
	struct stat st;
	uint32_t number;

	if (!is_segment(name, &number) ||
	    fstatat(s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(st.st_mode))
		return 0;
	if (!add_segment(s, number, (uint64_t)st.st_size))
		return -ENOMEM;
	s->bytes += (uint64_t)st.st_size;
	if (number >= s->next)
		s->next = number + 1;
	return 0;
}

/* A directory is ours when it has the marker; one without anything is ours
 * to take. */
static int take_dir(struct store *s, const char *dir, char *why)
{
	int r;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return fail(why, dir, -errno, "cannot be made: %s",
			    strerror(errno));
	s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return fail(why, dir, -errno, "%s", strerror(errno));
	s->lock_fd = openat(s->dir_fd, marker, O_RDWR | O_CLOEXEC);
	if (s->lock_fd < 0 && errno == ENOENT) {
		r = each_name(s, refuse);
		if (r == -ENOTEMPTY)
			return fail(why, dir, r, "has something else in it; "
				    "give another --cache-dir");
		if (r)
			return fail(why, dir, r, "%s", strerror(-r));
		s->lock_fd = openat(s->dir_fd, marker,
				    O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
	if (s->lock_fd < 0)
		return fail(why, dir, -errno, "%s: %s", marker,
			    strerror(errno));
	if (!flock(s->lock_fd, LOCK_EX | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)
		return fail(why, dir, -errno, "cannot be locked: %s",
			    strerror(errno));
	return fail(why, dir, -EBUSY, "in use by another gitnfsd; stop it, or "
		    "give this one its own --cache-dir");
}

static int open_index(struct store *s)
{
	const off_t size = (off_t)BUCKETS * SLOTS * sizeof(struct slot);
	struct stat st;

	s->index_fd = openat(s->dir_fd, index_name,
			     O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->index_fd < 0 || fstat(s->index_fd, &st))
		return -errno;
	if (st.st_size == size)
		return 0;
	return ftruncate(s->index_fd, 0) || ftruncate(s->index_fd, size) ?
	       -errno : 0;
}

/* Go on where the last server left off. */
static void open_last(struct store *s)
{
	char name[NAME_LEN + 1];

	if (list_empty(&s->segments))
		return;
	s->current = segment_at(s->segments.prev);
	segment_name(s->current->number, name);
	s->current_fd = openat(s->dir_fd, name, O_RDWR | O_CLOEXEC);
	if (s->current_fd < 0)
		s->current = NULL;
}

static int open_store(struct store *s, const char *dir, char *why)
{
	int r = take_dir(s, dir, why);

	if (r)
		return r;
	r = open_index(s);
	if (!r)
		r = each_name(s, note_segment);
	if (r)
		return fail(why, dir, r, "cannot be used: %s", strerror(-r));
	open_last(s);
	make_room(s, 0);
	note_ages(s);
	return 0;
}

int store_open(struct store **ret, const char *dir, uint64_t max,
	       char why[STORE_WHY])
{
	struct store *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return fail(why, dir, -ENOMEM, "out of memory");
	s->dir_fd = s->lock_fd = s->index_fd = s->current_fd = -1;
	s->max = max;
	s->segment_max = max / SEGMENTS < SEGMENT_MAX ? max / SEGMENTS :
							SEGMENT_MAX;
	s->next = 1;
	list_init(&s->segments);
	pthread_mutex_init(&s->lock, NULL);
	r = open_store(s, dir, why);
	if (r)
		store_close(s);
	else
		*ret = s;
	return r;
}

void store_close(struct store *s)
{
	struct list *l;

	if (!s)
		return;
	leave_current(s);
	while ((l = list_pop(&s->segments)))
		free(segment_at(l));
	if (s->index_fd >= 0)
		close(s->index_fd);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
