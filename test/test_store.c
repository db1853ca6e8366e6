/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/store.h"
#include "common/cleanup.h"
#include "common/list.h"
#include "test/git.h"
#include "test/scratch.h"
#include "test/suite.h"

enum { MIB = 1 << 20 };

static char *dir;

static void set_up(void)
{
	CLEANUP_FREE char *above = scratch_dir();

	ck_assert_int_gt(asprintf(&dir, "%s/store", above), 0);
}

static void tear_down(void)
{
	free(dir);
}

static struct store *open_sized(uint64_t max)
{
	char why[STORE_WHY] = "";
	struct store *s;

	ck_assert_msg(!store_open(&s, dir, max, why), "%s", why);
	return s;
}

static struct fs_stored count(struct store *s)
{
	struct fs_stored c;

	store_count(s, &c);
	return c;
}

/* These also where libcheck may not be called. */
#define must(ok) ((ok) ? (void)0 : abort())

/* ---- objects: of a number, with contents that follow from it ---- */

static void fill(unsigned n, char *data, size_t len)
{
	uint32_t x = n + 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		data[i] = (char)(x >> 24);
	}
}

static struct oid name_of(enum obj type, const void *data, size_t len)
{
	struct oid_hash *h;
	struct oid oid;

	must(!oid_hash_start(&h, OID_SHA1, type, len));
	must(!oid_hash_data(h, data, len));
	must(!oid_hash_end(h, &oid));
	return oid;
}

static struct oid blob(unsigned n, size_t len)
{
	CLEANUP_FREE char *data = malloc(len + 1);

	must(data);
	fill(n, data, len);
	return name_of(OBJ_BLOB, data, len);
}

static int put(struct store *s, unsigned n, size_t len)
{
	CLEANUP_FREE char *data = malloc(len + 1);
	struct oid oid;

	must(data);
	fill(n, data, len);
	oid = name_of(OBJ_BLOB, data, len);
	return store_put(s, &oid, OBJ_BLOB, data, len);
}

/* One who compares what comes with its name, as the cache does. */
struct taker {
	struct job job;
	struct oid_hash *hash;
	struct oid oid;
	uint64_t size, have;
	unsigned taken;
	int refuse;             /* what start() says */
};

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

static const struct job_ops taker_ops = {
	.start = take_start, .data = take_data, .end = take_end,
};

/* Whether it came; then it came right. */
static bool fetch(struct store *s, const struct oid *oid, enum obj type)
{
	struct taker t = { .job.ops = &taker_ops };
	bool there = store_fetch(s, oid, type, &t.job);

	oid_hash_free(t.hash);
	ck_assert_uint_eq(t.taken, there);
	return there;
}

static bool get(struct store *s, unsigned n, size_t len)
{
	struct oid oid = blob(n, len);

	return fetch(s, &oid, OBJ_BLOB);
}

/* ---- what is put is there ---- */

START_TEST(round_trip)
{
	static const size_t len[] = { 0, 1, 100, 65536, 65537, 200000 };
	struct store *s = open_sized(64 * MIB);
	struct oid tree = name_of(OBJ_TREE, "a tree", 6), other;
	uint64_t size;

	for (unsigned i = 0; i < sizeof len / sizeof *len; i++) {
		ck_assert(!get(s, i, len[i]));
		ck_assert_int_eq(put(s, i, len[i]), 0);
		ck_assert(get(s, i, len[i]));
	}
	ck_assert_int_eq(store_put(s, &tree, OBJ_TREE, "a tree", 6), 0);
	ck_assert(fetch(s, &tree, OBJ_TREE));
	ck_assert(!fetch(s, &tree, OBJ_BLOB));
	ck_assert(!store_size(s, &tree, &size));
	/* A name of the other algorithm that begins alike. */
	other = tree;
	other.len = OID_SHA256;
	ck_assert(!fetch(s, &other, OBJ_TREE));
	ck_assert_uint_eq(count(s).kept, 7);
	ck_assert_uint_eq(count(s).hits, 7);
	/* What is there is not written again. */
	ck_assert_int_eq(put(s, 2, len[2]), 0);
	ck_assert_uint_eq(count(s).kept, 7);
	store_close(s);
}
END_TEST

START_TEST(sizes)
{
	struct store *s = open_sized(64 * MIB);
	struct oid with = blob(1, 1234), without = blob(2, 5678);
	uint64_t size = 0;

	ck_assert(!store_size(s, &with, &size));
	ck_assert_int_eq(put(s, 1, 1234), 0);
	ck_assert_int_eq(store_put_size(s, &without, 5678), 0);
	ck_assert(store_size(s, &with, &size));
	ck_assert_uint_eq(size, 1234);
	ck_assert(store_size(s, &without, &size));
	ck_assert_uint_eq(size, 5678);
	ck_assert(!fetch(s, &without, OBJ_BLOB));
	ck_assert_int_eq(store_put_size(s, &with, 1234), 0);
	ck_assert_int_eq(store_put_size(s, &without, 5678), 0);
	ck_assert_uint_eq(count(s).kept, 2);
	ck_assert_int_eq(put(s, 2, 5678), 0);
	ck_assert(fetch(s, &without, OBJ_BLOB));
	store_close(s);
}
END_TEST

START_TEST(reopened)
{
	struct store *s = open_sized(64 * MIB);
	uint64_t bytes;

	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(put(s, i, 1000 * i), 0);
	bytes = count(s).bytes;
	store_close(s);
	/* A smaller one that has room for it, and one that has less. */
	s = open_sized(16 * MIB);
	ck_assert_uint_eq(count(s).bytes, bytes);
	for (unsigned i = 0; i < 100; i++)
		ck_assert(get(s, i, 1000 * i));
	ck_assert_int_eq(put(s, 100, 10), 0);
	ck_assert(get(s, 100, 10));
	store_close(s);
	s = open_sized(MIB);
	ck_assert_uint_le(count(s).bytes, MIB);
	store_close(s);
}
END_TEST

/* One who does not want it for reasons of his own. */
START_TEST(not_taken)
{
	struct store *s = open_sized(MIB);
	struct taker t = { .job.ops = &taker_ops, .refuse = -ENOMEM };
	struct oid oid = blob(1, 100);

	ck_assert_int_eq(put(s, 1, 100), 0);
	ck_assert(!store_fetch(s, &oid, OBJ_BLOB, &t.job));
	ck_assert(get(s, 1, 100));
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

/* ---- the bound ---- */

/* Bytes of all files but the index. */
static uint64_t disk_use(unsigned *files)
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

START_TEST(bounded)
{
	enum { N = 4000, LEN = 1000 };
	struct store *s = open_sized(MIB);
	unsigned files, there = 0;

	for (unsigned i = 0; i < N; i++) {
		ck_assert_int_eq(put(s, i, LEN), 0);
		/* Read again and again; what else is read is young. */
		if (i >= 10)
			ck_assert(get(s, i % 10, LEN));
	}
	ck_assert_uint_le(count(s).bytes, MIB);
	ck_assert_uint_le(disk_use(&files), MIB);
	ck_assert_uint_le(files, 70);
	for (unsigned i = 0; i < N; i++)
		there += get(s, i, LEN);
	/* Nearly as many as there is room for, and the last ones. */
	ck_assert_uint_gt(there, MIB / (LEN + 64) * 9 / 10);
	for (unsigned i = N - 100; i < N; i++)
		ck_assert(get(s, i, LEN));
	ck_assert(!get(s, N / 2, LEN));
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

/* The same with files of their own. */
START_TEST(bounded_large)
{
	enum { N = 100, LEN = 50000 };
	struct store *s = open_sized(MIB);
	unsigned files;

	ck_assert_int_eq(put(s, N, MIB / 4 + 1), 0);
	ck_assert(!get(s, N, MIB / 4 + 1));
	for (unsigned i = 0; i < N; i++) {
		ck_assert_int_eq(put(s, i, LEN), 0);
		ck_assert(get(s, 0, LEN));
	}
	ck_assert(get(s, N - 1, LEN));
	ck_assert(!get(s, N / 2, LEN));
	ck_assert_uint_le(disk_use(&files), MIB);
	ck_assert_uint_gt(files, 15);
	store_close(s);
	/* One that others were appended to is not renamed with them. */
	s = open_sized(MIB);
	for (unsigned i = 0; i < 20; i++)
		ck_assert_int_eq(put(s, 1000 + i, 100), 0);
	for (unsigned i = 0; i < 10; i++) {
		ck_assert_int_eq(put(s, 2000 + i, LEN), 0);
		ck_assert(get(s, N - 1, LEN));
		ck_assert(get(s, 1000, 100));
	}
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

/* More objects than the index has places nearby. */
START_TEST(crowded)
{
	struct store *s = open_sized(MIB);
	struct oid oid = { .len = OID_SHA1 };
	uint64_t size;

	for (int i = 0; i < 100; i++) {
		oid.id[7] = (uint8_t)i;
		ck_assert_int_eq(store_put_size(s, &oid, 1000 + i), 0);
	}
	for (int i = 0; i < 100; i++) {
		oid.id[7] = (uint8_t)i;
		if (store_size(s, &oid, &size))
			ck_assert_uint_eq(size, 1000 + i);
		else
			ck_assert_int_lt(i, 99);
	}
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

/* ---- threads ---- */

struct worker {
	pthread_t thread;
	struct store *store;
	unsigned first, got;
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = w->first; i < w->first + 200; i++) {
		size_t len = i % 20 ? 500 : 30000;

		ck_assert_int_eq(put(w->store, i, len), 0);
		w->got += get(w->store, i, len);
		get(w->store, i - 50, (i - 50) % 20 ? 500 : 30000);
	}
	return NULL;
}

START_TEST(threads)
{
	struct store *s = open_sized(MIB);
	struct worker w[4];
	unsigned files;

	for (unsigned i = 0; i < 4; i++) {
		w[i] = (struct worker){ .store = s, .first = 100 + 100 * i };
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work,
						&w[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(w[i].thread, NULL);
		ck_assert_uint_gt(w[i].got, 150);
	}
	ck_assert_uint_le(count(s).bytes, MIB);
	ck_assert_uint_le(disk_use(&files), MIB);
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

/* ---- what can go wrong ---- */

/* Killed at any moment: all but the last object are there, and none is
 * wrong. */
START_TEST(killed)
{
	unsigned there = 0, acknowledged;
	char why[STORE_WHY];
	struct store *s;
	uint32_t told;
	int p[2], status;
	pid_t pid;

	for (unsigned round = 0; round < 5; round++) {
		ck_assert_int_eq(pipe(p), 0);
		pid = fork();
		if (!pid) {
			close(p[0]);
			must(!store_open(&s, dir, 64 * MIB, why));
			for (uint32_t i = 1000 * round;; i++) {
				put(s, i, i % 50 ? 3000 : 600000);
				if (write(p[1], &i, sizeof i) < 0)
					_exit(1);
			}
		}
		close(p[1]);
		acknowledged = 1000 * round;
		while (read(p[0], &told, sizeof told) == sizeof told) {
			acknowledged = told + 1;
			if (told == 1000 * round + 60 + 7 * round)
				kill(pid, SIGKILL);
		}
		close(p[0]);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFSIGNALED(status));
		s = open_sized(64 * MIB);
		for (uint32_t i = 1000 * round; i < acknowledged; i++) {
			ck_assert(get(s, i, i % 50 ? 3000 : 600000));
			there++;
		}
		ck_assert_uint_eq(count(s).bad, 0);
		store_close(s);
	}
	ck_assert_uint_gt(there, 300);
}
END_TEST

static char *path_of(const char *name)
{
	char *path;

	ck_assert_int_gt(asprintf(&path, "%s/%s", dir, name), 0);
	return path;
}

static long file_size(const char *name)
{
	CLEANUP_FREE char *path = path_of(name);
	struct stat st;

	return stat(path, &st) ? 0 : (long)st.st_size;
}

static void cut(const char *name, long size)
{
	CLEANUP_FREE char *path = path_of(name);

	ck_assert_int_eq(truncate(path, size), 0);
}

static int open_file(const char *name)
{
	CLEANUP_FREE char *path = path_of(name);
	int fd = open(path, O_RDWR);

	ck_assert_int_ge(fd, 0);
	return fd;
}

static void flip(int fd, long at, int bit)
{
	uint8_t byte;

	ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
	byte ^= (uint8_t)(1u << bit);
	ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
}

/* Every byte of a record, one after the other. */
START_TEST(flipped)
{
	enum { LEN = 100 };
	struct store *s = open_sized(64 * MIB);
	struct oid oid = blob(1, LEN);
	long at = 0, length = 1;
	uint64_t size;

	for (long i = 0; i < length; i++) {
		ck_assert_int_eq(put(s, 1, LEN), 0);
		if (!i)
			length = file_size("00000001");
		CLEANUP_FD int fd = open_file("00000001");

		flip(fd, at + i, i % 8);
		ck_assert(!get(s, 1, LEN));
		ck_assert(!store_size(s, &oid, &size));
		ck_assert_uint_eq(count(s).bad, i + 1);
		at += length;
	}
	ck_assert_int_gt(length, LEN);
	ck_assert_int_eq(put(s, 1, LEN), 0);
	ck_assert(get(s, 1, LEN));
	store_close(s);
}
END_TEST

START_TEST(flipped_size)
{
	struct store *s = open_sized(64 * MIB);
	struct oid oid = blob(1, 77);
	long at = 0, length = 1;
	uint64_t size;

	for (long i = 0; i < length; i++) {
		ck_assert_int_eq(store_put_size(s, &oid, 77), 0);
		if (!i)
			length = file_size("00000001");
		CLEANUP_FD int fd = open_file("00000001");

		flip(fd, at + i, i % 8);
		ck_assert(!store_size(s, &oid, &size));
		ck_assert_uint_eq(count(s).bad, i + 1);
		at += length;
	}
	store_close(s);
}
END_TEST

/* Every bit of every slot of the index that is used. */
START_TEST(flipped_index)
{
	enum { N = 5, SLOT = 16, PAGE = 4096 };
	struct store *s = open_sized(64 * MIB);
	unsigned slots = 0;
	char page[PAGE];
	uint64_t size;
	struct oid oid;

	for (unsigned n = 0; n < N; n++)
		ck_assert_int_eq(put(s, n, 10 * n), 0);
	CLEANUP_FD int fd = open_file("index");

	for (off_t at = 0; (at = lseek(fd, at, SEEK_DATA)) >= 0; at += PAGE) {
		at -= at % PAGE;
		ck_assert_int_eq(pread(fd, page, PAGE, at), PAGE);
		for (int i = 0; i < PAGE; i += SLOT) {
			if (!memcmp(page + i, (char[SLOT]){ 0 }, SLOT))
				continue;
			slots++;
			for (int bit = 0; bit < 8 * SLOT; bit++) {
				flip(fd, at + i + bit / 8, bit % 8);
				for (unsigned n = 0; n < N; n++) {
					oid = blob(n, 10 * n);
					get(s, n, 10 * n);
					if (store_size(s, &oid, &size))
						ck_assert_uint_eq(size, 10 * n);
				}
				ck_assert_int_eq(pwrite(fd, page + i, SLOT,
							at + i), SLOT);
			}
		}
	}
	ck_assert_uint_eq(slots, N);
	for (unsigned n = 0; n < N; n++)
		ck_assert(get(s, n, 10 * n));
	store_close(s);
}
END_TEST

/* Files cut short or gone, as after the power was. */
START_TEST(cut_short)
{
	struct store *s = open_sized(64 * MIB);
	long size;

	for (unsigned n = 0; n < 100; n++)
		ck_assert_int_eq(put(s, n, 1000), 0);
	size = file_size("00000001");
	cut("00000001", size / 2 + 100);
	ck_assert(get(s, 1, 1000));
	ck_assert(!get(s, 99, 1000));
	store_close(s);
	s = open_sized(64 * MIB);
	for (unsigned n = 0; n < 100; n++) {
		get(s, n, 1000);        /* and sees that it is not whole */
		ck_assert_int_eq(put(s, n, 1000), 0);
		ck_assert(get(s, n, 1000));
	}
	store_close(s);
	cut("index", 1000);
	s = open_sized(64 * MIB);
	ck_assert(!get(s, 1, 1000));
	ck_assert_int_eq(put(s, 1, 1000), 0);
	ck_assert(get(s, 1, 1000));
	cut("index", 0);
	ck_assert(!get(s, 1, 1000));
	put(s, 1, 1000);
	store_close(s);
	cut("00000001", 0);
	s = open_sized(64 * MIB);
	ck_assert(!get(s, 1, 1000));
	ck_assert_int_eq(put(s, 1, 1000), 0);
	ck_assert(get(s, 1, 1000));
	store_close(s);
}
END_TEST

START_TEST(removed)
{
	struct store *s = open_sized(64 * MIB);

	ck_assert_int_eq(put(s, 1, 1000), 0);
	store_close(s);
	shell("rm -rf '%s'", dir);
	s = open_sized(64 * MIB);
	ck_assert(!get(s, 1, 1000));
	ck_assert_int_eq(put(s, 1, 1000), 0);
	ck_assert(get(s, 1, 1000));
	/* While it is open it is no more than useless. */
	shell("rm -rf '%s'", dir);
	ck_assert(!get(s, 1, 1000));
	put(s, 2, 1000);
	put(s, 3, 2 * MIB);
	store_close(s);
}
END_TEST

START_TEST(not_ours)
{
	CLEANUP_FREE char *file = path_of("precious");
	CLEANUP_FREE char *number = path_of("00000001");
	char why[STORE_WHY] = "";
	struct store *s, *other;

	ck_assert_int_eq(mkdir(dir, 0755), 0);
	shell("echo precious >'%s'", file);
	shell("echo precious >'%s'", number);
	ck_assert_int_eq(store_open(&s, dir, MIB, why), -ENOTEMPTY);
	ck_assert_ptr_nonnull(strstr(why, dir));
	ck_assert_ptr_nonnull(strstr(why, "--cache-dir"));
	shell("test $(ls '%s' | wc -l) = 2", dir);
	ck_assert_int_eq(file_size("precious"), 9);
	unlink(file);
	unlink(number);
	/* What is empty may be taken, once. */
	s = open_sized(MIB);
	ck_assert_int_eq(store_open(&other, dir, MIB, why), -EBUSY);
	ck_assert_ptr_nonnull(strstr(why, "in use"));
	store_close(s);
	/* What somebody puts beside ours stays. */
	shell("echo precious >'%s'", file);
	s = open_sized(MIB);
	for (unsigned i = 0; i < 2000; i++)
		ck_assert_int_eq(put(s, i, 1000), 0);
	store_close(s);
	ck_assert_int_eq(file_size("precious"), 9);
	shell("rm -r '%s'", dir);
	shell("echo >'%s'", dir);
	ck_assert_int_lt(store_open(&s, dir, MIB, why), 0);
	ck_assert_ptr_nonnull(strstr(why, dir));
}
END_TEST

/* No byte more can be written: what is there stays. */
START_TEST(full)
{
	const struct rlimit limit = { 200000, RLIM_INFINITY };
	struct store *s = open_sized(64 * MIB);
	struct rlimit before;
	unsigned n = 0;
	int r;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
	/* A slot in the index may lie beyond that limit. */
	for (n = 0; n < 50; n++)
		ck_assert_int_eq(put(s, n, 1000), 0);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (n = 50; n < 500; n++) {
		r = put(s, n, 1000);
		ck_assert(r == 0 || r == -EFBIG);
		ck_assert(!r == get(s, n, 1000));
	}
	ck_assert_int_eq(put(s, n, 2 * MIB), -EFBIG);
	ck_assert(!get(s, n, 2 * MIB));
	ck_assert_uint_gt(count(s).failed, 300);
	ck_assert_uint_le(count(s).bytes, 200000);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
	for (unsigned i = 0; i < 50; i++)
		ck_assert(get(s, i, 1000));
	ck_assert_int_eq(put(s, 499, 1000), 0);
	ck_assert(get(s, 499, 1000));
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

/* ---- pins ---- */

static int add(struct store *s, unsigned pin, unsigned n, size_t len)
{
	CLEANUP_FREE char *data = malloc(len + 1);
	struct oid oid;

	must(data);
	fill(n, data, len);
	oid = name_of(OBJ_BLOB, data, len);
	return store_pin_add(s, pin, &oid, OBJ_BLOB, data, len);
}

/* A pin of the objects 'first' to 'last'. */
static void pin(struct store *s, const char *path, unsigned first,
		unsigned last, size_t len)
{
	unsigned number;

	ck_assert_int_eq(store_pin_begin(s, path, "c0ffee", &number), 0);
	for (unsigned i = first; i <= last; i++)
		ck_assert_int_eq(add(s, number, i, len), 0);
	ck_assert_int_eq(store_pin_end(s, number, true), 0);
}

static unsigned here(struct store *s, unsigned first, unsigned last,
		     size_t len)
{
	unsigned n = 0;

	for (unsigned i = first; i <= last; i++)
		n += get(s, i, len);
	return n;
}

/* More than there is room for. */
static void flood(struct store *s)
{
	static unsigned n = 100000;

	for (unsigned i = 0; i < 2000; i++)
		ck_assert_int_eq(put(s, n++, 1000), 0);
}

static struct fs_pin *list(struct store *s, size_t n)
{
	struct fs_pin *all;
	size_t got;

	ck_assert_int_eq(store_pins(s, &all, &got), 0);
	ck_assert_uint_eq(got, n);
	return all;
}

START_TEST(pinned)
{
	struct store *s = open_sized(MIB);
	struct fs_pin *all;
	unsigned files;

	for (unsigned i = 0; i < 200; i++)
		ck_assert_int_eq(put(s, i, 1000), 0);
	pin(s, "a/b % c\n", 100, 299, 1000);
	for (int round = 0; round < 3; round++) {
		flood(s);
		ck_assert_uint_eq(here(s, 100, 299, 1000), 200);
		ck_assert_uint_eq(here(s, 0, 99, 1000), 0);
		ck_assert_uint_le(count(s).bytes, MIB);
		ck_assert_uint_le(disk_use(&files), MIB);
		ck_assert_uint_ge(count(s).pinned, 200000);
		store_close(s);
		s = open_sized(MIB);
	}
	all = list(s, 1);
	ck_assert_str_eq(all->path, "a/b % c\n");
	ck_assert_str_eq(all->commit, "c0ffee");
	ck_assert_uint_eq(all->objects, 200);
	ck_assert_uint_eq(all->bytes, count(s).pinned);
	fs_pins_free(all, 1);
	/* Then it may go, but not at once. */
	ck_assert_int_eq(store_unpin(s, "a"), -ENOENT);
	ck_assert_int_eq(store_unpin(s, "a/b % c\n"), 0);
	ck_assert_int_eq(store_unpin(s, "a/b % c\n"), -ENOENT);
	fs_pins_free(list(s, 0), 0);
	ck_assert_uint_eq(count(s).pinned, 0);
	ck_assert_uint_eq(here(s, 100, 299, 1000), 200);
	flood(s);
	flood(s);
	ck_assert_uint_eq(here(s, 100, 299, 1000), 0);
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

/* Objects of two pins are there once, and stay with the one that is left,
 * whichever that is, and however much of it is shared. */
START_TEST(pins_share)
{
	static const unsigned from[] = { 0, 90, 190, 199, 200 };

	for (unsigned i = 0; i < 10; i++) {
		struct store *s = open_sized(MIB);
		unsigned first = from[i / 2];
		uint64_t one;

		pin(s, "one", 0, 199, 1000);
		one = count(s).pinned;
		pin(s, "two", first, 299, 1000);
		ck_assert_uint_lt(count(s).pinned, one + 100 * 1100 +
				  200 * 64);
		ck_assert_int_eq(store_unpin(s, i % 2 ? "one" : "two"), 0);
		for (int round = 0; round < 2; round++) {
			flood(s);
			ck_assert_uint_eq(i % 2 ? here(s, first, 299, 1000) :
					  here(s, 0, 199, 1000),
					  i % 2 ? 300 - first : 200);
			store_close(s);
			s = open_sized(MIB);
		}
		ck_assert_uint_eq(i % 2 ? here(s, 0, 199, 1000) :
				  here(s, first, 299, 1000), 200 - first);
		ck_assert_int_eq(store_unpin(s, i % 2 ? "two" : "one"), 0);
		ck_assert_uint_eq(count(s).pinned, 0);
		ck_assert_uint_eq(count(s).bad, 0);
		store_close(s);
		shell("rm -rf '%s'", dir);
	}
}
END_TEST

/* Where somebody has removed a file of a pin, the rest of it stays its. */
START_TEST(pins_share_what_is_left)
{
	struct store *s = open_sized(MIB);
	unsigned number;

	pin(s, "one", 0, 99, 1000);
	ck_assert_int_eq(store_pin_begin(s, "two", "c0ffee", &number), 0);
	for (unsigned i = 300; i < 350; i++)
		ck_assert_int_eq(add(s, number, i, 1000), 0);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(add(s, number, i, 1000), 0);
	ck_assert_int_eq(store_pin_end(s, number, true), 0);
	shell("rm '%s/%08x'", dir, 1u << 31 | number << 20);
	ck_assert_int_eq(store_unpin(s, "one"), 0);
	flood(s);
	ck_assert_uint_eq(here(s, 0, 99, 1000), 100);
	store_close(s);
}
END_TEST

/* Again: what is there then is what counts. */
START_TEST(pinned_again)
{
	struct store *s = open_sized(MIB);

	pin(s, "one", 0, 199, 1000);
	pin(s, "one", 50, 249, 1000);
	fs_pins_free(list(s, 1), 1);
	flood(s);
	flood(s);
	ck_assert_uint_eq(here(s, 50, 249, 1000), 200);
	ck_assert_uint_lt(here(s, 0, 49, 1000), 20);
	store_close(s);
}
END_TEST

START_TEST(pin_limit)
{
	struct store *s = open_sized(MIB);
	unsigned number, n = 0;
	int r = 0;

	ck_assert_int_eq(store_pin_begin(s, "much", "1", &number), 0);
	while (!r && n < 2000)
		r = add(s, number, n++, 1000);
	ck_assert_int_eq(r, -EDQUOT);
	ck_assert_uint_le(count(s).pinned, store_pin_limit(s));
	ck_assert_uint_gt(count(s).pinned, store_pin_limit(s) - 2000);
	/* There is still room for others, and given up it is all theirs. */
	flood(s);
	ck_assert(put(s, 5000, 1000) == 0 && get(s, 5000, 1000));
	ck_assert_int_eq(store_pin_end(s, number, false), 0);
	ck_assert_uint_eq(count(s).pinned, 0);
	ck_assert_uint_eq(here(s, 0, 99, 1000), 100);
	flood(s);
	flood(s);
	ck_assert_uint_eq(here(s, 0, 99, 1000), 0);
	store_close(s);
}
END_TEST

/* One that never ended is none. */
START_TEST(pin_unfinished)
{
	struct store *s = open_sized(MIB);
	unsigned number;

	ck_assert_int_eq(store_pin_begin(s, "half", "1", &number), 0);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_int_eq(add(s, number, i, 1000), 0);
	ck_assert_uint_eq(number, 1);
	store_close(s);
	s = open_sized(MIB);
	fs_pins_free(list(s, 0), 0);
	ck_assert_uint_eq(count(s).pinned, 0);
	ck_assert_uint_eq(here(s, 0, 99, 1000), 100);
	store_close(s);
	/* A smaller store than was pinned: that stays, others have to see. */
	s = open_sized(MIB);
	pin(s, "most", 0, 599, 1000);
	store_close(s);
	s = open_sized(MIB / 2);
	put(s, 5000, 1000);
	ck_assert_uint_eq(here(s, 0, 599, 1000), 600);
	ck_assert_int_eq(store_unpin(s, "most"), 0);
	ck_assert_int_eq(put(s, 5001, 1000), 0);
	ck_assert_uint_le(count(s).bytes, MIB / 2);
	store_close(s);
}
END_TEST

START_TEST(collected)
{
	struct store *s = open_sized(MIB);
	uint64_t before;

	for (unsigned i = 0; i < 400; i++)
		ck_assert_int_eq(put(s, i, 1000), 0);
	/* Then these are there twice. */
	pin(s, "some", 0, 299, 1000);
	before = count(s).bytes;
	ck_assert_int_eq(store_collect(s, MIB), 0);
	ck_assert_uint_lt(count(s).bytes, before - 250 * 1000);
	ck_assert_uint_eq(here(s, 0, 399, 1000), 400);
	/* Not below what is pinned. */
	ck_assert_int_eq(store_collect(s, 0), 0);
	ck_assert_uint_eq(count(s).bytes, count(s).pinned);
	ck_assert_uint_eq(here(s, 0, 299, 1000), 300);
	ck_assert_uint_eq(here(s, 300, 399, 1000), 0);
	ck_assert_int_eq(put(s, 300, 1000), 0);
	ck_assert(get(s, 300, 1000));
	/* Where something was there is something else now, which is no
	 * damage, also after a restart. */
	ck_assert_int_eq(store_unpin(s, "some"), 0);
	ck_assert_int_eq(store_collect(s, 0), 0);
	store_close(s);
	s = open_sized(MIB);
	for (unsigned i = 1000; i < 1400; i++)
		ck_assert_int_eq(put(s, i, 1000), 0);
	ck_assert_uint_eq(here(s, 0, 399, 1000), 0);
	ck_assert_uint_eq(count(s).bad, 0);
	store_close(s);
}
END_TEST

static void add_tests(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, round_trip);
	tcase_add_test(c, sizes);
	tcase_add_test(c, reopened);
	tcase_add_test(c, not_taken);
	tcase_add_test(c, bounded);
	tcase_add_test(c, bounded_large);
	tcase_add_test(c, crowded);
	tcase_add_test(c, threads);
	tcase_add_test(c, killed);
	tcase_add_test(c, flipped);
	tcase_add_test(c, flipped_size);
	tcase_add_test(c, flipped_index);
	tcase_add_test(c, cut_short);
	tcase_add_test(c, removed);
	tcase_add_test(c, not_ours);
	tcase_add_test(c, full);
	tcase_add_test(c, pinned);
	tcase_add_test(c, pins_share);
	tcase_add_test(c, pins_share_what_is_left);
	tcase_add_test(c, pinned_again);
	tcase_add_test(c, pin_limit);
	tcase_add_test(c, pin_unfinished);
	tcase_add_test(c, collected);
}

int main(void)
{
	return suite_run("store", 60, add_tests, NULL);
}
