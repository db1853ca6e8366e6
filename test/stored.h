/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* stored.h - a store in a directory of its own, and objects that have a number
 * from which their contents follow.
 *
 * Threads: the test's.  Errors: what goes wrong fails the test.
 */
#ifndef TEST_STORED_H
#define TEST_STORED_H

#include <stdlib.h>

#include "cache/store.h"
#include "common/list.h"

enum { MIB = 1 << 20 };

extern char *dir;

void set_up(void);
void tear_down(void);
struct store *open_sized(uint64_t max);
struct fs_stored count(struct store *s);

/* These also where libcheck may not be called. */
#define must(ok) ((ok) ? (void)0 : abort())

/* ---- objects: of a number, with contents that follow from it ---- */

void fill(unsigned n, char *data, size_t len);
struct oid name_of(enum obj type, const void *data, size_t len);
struct oid blob(unsigned n, size_t len);
int put(struct store *s, unsigned n, size_t len);

/* One who compares what comes with its name, as the cache does. */
struct taker {
	struct job job;
	struct oid_hash *hash;
	struct oid oid;
	uint64_t size, have;
	unsigned taken;
	int refuse;             /* what start() says */
};

extern const struct job_ops taker_ops;

/* Whether it came; then it came right. */
bool fetch(struct store *s, const struct oid *oid, enum obj type);
bool get(struct store *s, unsigned n, size_t len);
/* Bytes of all files but the index. */
uint64_t disk_use(unsigned *files);

#endif
