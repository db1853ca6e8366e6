/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* A file of 5 GiB: its exact size, its bytes on both sides of 4 GiB, and
 * that the memory it takes to serve it does not grow with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "common/cleanup.h"
#include "test/call.h"
#include "test/harness.h"
#include "test/suite.h"

#define GIBI (1ull << 30)
#define SIZE (5 * GIBI)         /* as test/oddrepo.sh makes it */
#define STEP (16ull << 20)

enum { MEBI = 1 << 20, MEMORY = 300 * MEBI, PATIENCE = 600 };

static struct harness h;
static struct raw conn;
static struct fh file;

/* READ, however long it takes until the file is there. */
static void read_at(uint64_t off, uint32_t count, struct wire *data, bool *eof)
{
	const struct timespec moment = { .tv_nsec = 100000000 };
	uint32_t s = N3_JUKEBOX;

	for (int i = 0; s == N3_JUKEBOX && i < PATIENCE; i++) {
		s = call_read(&conn, &file, off, count, data, eof, NULL);
		if (s == N3_JUKEBOX)
			nanosleep(&moment, NULL);
	}
	ck_assert_uint_eq(s, N3_OK);
}

/* Every STEP bytes there is a number of eight bytes, all else is zero. */
static void check(uint64_t off, uint32_t count)
{
	CLEANUP_WIRE struct wire data = { 0 };
	uint64_t left = SIZE - off;
	bool eof;

	read_at(off, count, &data, &eof);
	ck_assert_uint_eq(data.len, count < left ? count : left);
	ck_assert(eof == (off + data.len == SIZE));
	for (size_t i = 0; i < data.len; i++) {
		uint64_t at = off + i, in = at % STEP;
		uint8_t want = in < 8 ? (uint8_t)(at / STEP >> 8 * (7 - in)) :
					0;

		if (data.p[i] != want)
			ck_abort_msg("wrong byte at %llu",
				     (unsigned long long)at);
	}
}

START_TEST(five_gibibytes)
{
	const struct source source = { .name = "big",
				       .path = harness_repo("big") };
	uint64_t before = harness_memory();
	struct fattr attr;
	struct fh top;

	h = (struct harness){ .source = &source, .nsource = 1,
			      .jukebox_ms = 2000 };
	harness_start(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
	ck_assert_uint_eq(call_walk(&conn, &top, "big/big", &file, &attr),
			  N3_OK);
	ck_assert_uint_eq(attr.size, SIZE);

	check(0, MEBI);
	for (uint64_t off = 0; off < SIZE; off += 40 * STEP) {
		check(off, 4096);
		check(off + 3, 100);
		check(off + STEP - 5, 20);
	}
	check(4 * GIBI - 1, 3);
	check(4 * GIBI - MEBI / 2, MEBI);
	check(4 * GIBI, MEBI);
	check(SIZE - MEBI, MEBI);
	check(SIZE - 1, 1);
	check(SIZE - 1, 2);
	check(SIZE, 1);
	ck_assert_uint_lt(harness_memory(), before + MEMORY);
	raw_close(&conn);
	harness_stop(&h);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, five_gibibytes);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	struct statvfs space;

	if (!harness_slow())
		return suite_skip("it takes half a minute; GITNFS_SLOW=1 "
				  "runs it");
	if (statvfs(tmp ? tmp : "/tmp", &space) ||
	    (uint64_t)space.f_bavail * space.f_frsize < SIZE + GIBI)
		return suite_skip("it needs 6 GiB where temporary files go");
	return harness_main("big", 600, add, NULL);
}
