/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/stored.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "test/scratch.h"

char *dir;

void set_up(void)
{
	CLEANUP_FREE char *above = scratch_dir();

	ck_assert_int_gt(asprintf(&dir, "%s/store", above), 0);
}

void tear_down(void)
{
	free(dir);
}

struct store *open_sized(uint64_t max)
{
	char why[STORE_WHY] = "";
	struct store *s;

	ck_assert_msg(!store_open(&s, dir, max, why), "%s", why);
	return s;
}

struct fs_stored count(struct store *s)
{
	struct fs_stored c;

	store_count(s, &c);
	return c;
}

/* ---- objects: of a number, with contents that follow from it ---- */

void fill(unsigned n, char *data, size_t len)
{
	uint32_t x = n + 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		data[i] = (char)(x >> 24);
	}
}

struct oid name_of(enum obj type, const void *data, size_t len)
{
	struct oid_hash *h;
	struct oid oid;

	must(!oid_hash_start(&h, OID_SHA1, type, len));
	must(!oid_hash_data(h, data, len));
	must(!oid_hash_end(h, &oid));
	return oid;
}

struct oid blob(unsigned n, size_t len)
{
	CLEANUP_FREE char *data = malloc(len + 1);

	must(data);
	fill(n, data, len);
	return name_of(OBJ_BLOB, data, len);
}

int put(struct store *s, unsigned n, size_t len)
{
	CLEANUP_FREE char *data = malloc(len + 1);
	struct oid oid;

	must(data);
	fill(n, data, len);
	oid = name_of(OBJ_BLOB, data, len);
	return store_put(s, &oid, OBJ_BLOB, data, len);
}

static int take_start(struct job *job, const struct oid *oid, enum obj type,
		      uint64_t size)
{
	struct taker *t = container_of(job, struct taker, job);

	t->oid = *oid;
	t->size = size;
	t->have = 0;
	if (t->refuse)
		return t->refuse;
	ck_assert_int_eq(oid_hash_start(&t->hash, oid->len, type, size), 0);
	return 0;
}

static int take_data(struct job *job, const void *data, size_t len)
{
	struct taker *t = container_of(job, struct taker, job);

	t->have += len;
	return oid_hash_data(t->hash, data, len);
}

static int take_end(struct job *job)
{
	struct taker *t = container_of(job, struct taker, job);
	struct oid oid;
	int r = oid_hash_end(TAKE(t->hash), &oid);

	if (r || t->have != t->size || !oid_eq(&oid, &t->oid))
		return -EBADMSG;
	t->taken++;
	return 0;
}

const struct job_ops taker_ops = {
	.start = take_start, .data = take_data, .end = take_end,
};

bool fetch(struct store *s, const struct oid *oid, enum obj type)
{
	struct taker t = { .job.ops = &taker_ops };
	bool there = store_fetch(s, oid, type, &t.job);

	oid_hash_free(t.hash);
	ck_assert_uint_eq(t.taken, there);
	return there;
}

bool get(struct store *s, unsigned n, size_t len)
{
	struct oid oid = blob(n, len);

	return fetch(s, &oid, OBJ_BLOB);
}

uint64_t disk_use(unsigned *files)
{
	DIR *d = opendir(dir);
	uint64_t sum = 0;
	struct dirent *e;
	struct stat st;

	ck_assert_ptr_nonnull(d);
	*files = 0;
	while ((e = readdir(d))) {
		if (strlen(e->d_name) != 8)
			continue;
		ck_assert_int_eq(fstatat(dirfd(d), e->d_name, &st, 0), 0);
		sum += (uint64_t)st.st_size;
		++*files;
	}
	closedir(d);
	return sum;
}
