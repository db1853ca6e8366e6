/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* store_in.h - the inside of store.h, shared by the files that implement it:
 * store.c (objects), store_index.c (where each is), store_segment.c (files of
 * records), store_dir.c (all of it from a directory), store_pin.c (what is
 * pinned, and what is nobody's any more).
 *
 * A segment's file is named after its number.  Those of pins have numbers of
 * their own, above all others: bit 31, the pin's number, and a count.  So
 * what has to make room never meets them, and what is in one tells by its
 * place whose it is.
 *
 * Threads, errors: as store.h.
 */
#ifndef CACHE_STORE_IN_H
#define CACHE_STORE_IN_H

#include <pthread.h>
#include <stdatomic.h>

#include "cache/store.h"
#include "common/cleanup.h"
#include "common/list.h"

enum {
	STORE_NAME = 8,         /* length of a segment's file's name */
	STORE_SLOTS = 32,       /* of a bucket of the index */
	STORE_INDEX = 64 << 20, /* its bytes; those unused take no room */
	STORE_NO_BLOB = 0,      /* the type of a size without a blob */
	STORE_PIN_BITS = 11,    /* of a pinned segment's number, above ... */
	STORE_COUNT_BITS = 20,
	STORE_PIN_SHARE = 4,    /* a 4th is not for pins */
};
#define STORE_PINNED (UINT32_C(1) << 31)

/* Before each object's bytes, so that it need not be believed where it was
 * found. */
struct record {
	uint32_t magic;
	uint8_t type, oid_len;
	uint8_t elsewhere;      /* no bytes follow: another pin has them */
	uint8_t unused;
	uint64_t size;          /* of the object */
	uint8_t id[OID_MAX];
	uint64_t sum;           /* of what is before */
};

/* Segment 0: there is nothing in it. */
struct slot {
	uint32_t tag, type, segment, at;
};

struct segment {
	struct list link;       /* store.segments or pin.segments */
	uint32_t number;
	uint64_t size;
};

struct store {
	int dir_fd, lock_fd, index_fd;
	_Atomic uint64_t max, segment_max;
	atomic_uint oldest;     /* segment; what is before it is gone */
	atomic_uint half;       /* what is before it is in the older half */
	atomic_uint_fast64_t hits, misses, kept, bad, failed;
	/* Covers writing, which is into the kernel's memory for the most
	 * part, and the rest. */
	pthread_mutex_t lock;
	struct list segments;   /* by number */
	struct list pins;       /* by number */
	uint64_t bytes;         /* in all of them, and being written */
	uint64_t coming;        /* of those, in files of their own */
	uint64_t pinned;        /* of those, in segments of pins */
	uint32_t next;          /* segment */
	struct segment *current;        /* the last; NULL: to be begun */
	int current_fd;
};

struct pin {
	struct list link;       /* store.pins */
	struct list segments;   /* by number */
	unsigned number;        /* from 1 */
	uint32_t next;          /* segment */
	struct segment *current;        /* being written, or NULL */
	int fd;                 /* of that */
	bool whole;             /* all is there: it is on the list */
	bool going;             /* its objects keep nobody else's */
	uint64_t objects, bytes;
	int64_t since;          /* seconds */
	char commit[FS_COMMIT];
	char path[];
};

/* A record that was found. */
struct found {
	struct record record;
	struct slot slot;
	off_t slot_at;          /* in the index */
	int fd;                 /* of the segment */
};

/* ---- store_segment.c ---- */

struct record store_record(const struct oid *, uint8_t type, uint64_t size);
/* The same, to say that another pin has what would follow. */
struct record store_record_elsewhere(const struct record *);
struct oid store_oid(const struct record *);
/* The bytes that it takes with what follows it. */
uint64_t store_length(const struct record *);
/* Is it one, as it was written? */
bool store_is_record(const struct record *);

/* 0, or an error also when there is less. */
int store_read_at(int fd, void *data, size_t len, off_t at);
int store_write_at(int fd, const void *data, uint64_t len, off_t at);
int store_write_record(int fd, const struct record *, const void *data,
		       off_t at);

void store_segment_name(uint32_t number, char name[STORE_NAME + 1]);
int store_open_segment(struct store *, uint32_t number);
/* Call it for each record of a segment, in their order, until it returns
 * something else than 0, which is returned. */
int store_each(struct store *, uint32_t number,
	       int (*fn)(void *arg, int fd, const struct record *, uint32_t at),
	       void *arg);

/* These with the lock held. */
void store_note_ages(struct store *);
struct segment *store_add_segment(struct list *, uint32_t number,
				  uint64_t size);
static inline struct segment *store_segment(struct list *l)
{
	return container_of(l, struct segment, link);
}
void store_leave_current(struct store *);
void store_remove(struct store *, struct segment *);
/* What pins leave for the rest. */
static inline uint64_t store_room(const struct store *s)
{
	return s->max > s->pinned ? s->max - s->pinned : 0;
}
/* For 'len' bytes more, which count from now on.  -ENOSPC: pins take all
 * that there is. */
int store_make_room(struct store *, uint64_t len);
/* One to append to. */
int store_begin_segment(struct store *, uint64_t len);

/* ---- store_index.c ---- */

/* 0, and a file to close. */
int store_find(struct store *, const struct oid *, uint32_t type,
	       struct found *ret);
/* What it says is wrong. */
void store_forget(struct store *, const struct found *);
/* These with the lock held.  Where all is full the oldest has to go. */
int store_write_slot(struct store *, const struct oid *, uint32_t type,
		     uint32_t segment, uint32_t at);
/* The segment it leads to, whatever is there, or 0; *at tells the place. */
uint32_t store_slot(struct store *, const struct oid *, uint32_t type,
		    uint32_t *at);

/* ---- store.c ---- */

/* Write it where what comes is written. */
int store_keep(struct store *, const struct record *, const void *data);

/* ---- store_pin.c ---- */

/* From the directory, before and after the segments have been met. */
int store_read_pins(struct store *);
int store_settle_pins(struct store *);
/* A segment of a pin has been met. */
int store_note_pinned(struct store *, uint32_t number, uint64_t size);
void store_free_pins(struct store *);

#endif
