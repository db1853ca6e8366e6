/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What a store makes of a process that is killed, bits that flip, files cut
 * short or removed, and a full disk. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "test/git.h"
#include "test/scratch.h"
#include "test/stored.h"
#include "test/suite.h"

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

static void add_tests(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, killed);
	tcase_add_test(c, flipped);
	tcase_add_test(c, flipped_size);
	tcase_add_test(c, flipped_index);
	tcase_add_test(c, cut_short);
	tcase_add_test(c, removed);
	tcase_add_test(c, not_ours);
	tcase_add_test(c, full);
}

int main(void)
{
	return suite_run("store_damage", 60, add_tests, NULL);
}
