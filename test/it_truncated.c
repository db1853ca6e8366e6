/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* A pack is cut short while it is mapped: that is no end of the server. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "nfsd/bus.h"
#include "test/call.h"
#include "test/harness.h"
#include "test/scratch.h"

enum { FILES = 40, FEW = 3, SIZE = 200000, PATIENCE = 10000 };

static struct harness h;
static struct source source = { .name = "src" };
static struct raw conn;
static struct fh fh[FILES];
static char *content[FILES];

/* What is read is right, or an error. */
static unsigned read_files(int n)
{
	unsigned good = 0;

	for (int i = 0; i < n; i++) {
		CLEANUP_WIRE struct wire data = { 0 };
		uint32_t s = call_read_all(&conn, &fh[i], 65536, &data);

		ck_assert_msg(s == N3_OK || s == N3_IO || s == N3_JUKEBOX,
			      "status %u", s);
		if (s != N3_OK)
			continue;
		ck_assert_uint_eq(data.len, SIZE);
		ck_assert_mem_eq(data.p, content[i], SIZE);
		good++;
	}
	return good;
}

START_TEST(a_mapped_pack)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	char *dir = scratch_dir();
	struct fh top;

	source.path = dir;
	shell("git init -q -b main '%s' && cd '%s' && for i in $(seq 0 %d);"
	      " do head -c %d /dev/urandom >f$i; done && git add -A &&"
	      " git commit -q -m x && git repack -qad && cp .git/objects/"
	      "pack/*.pack saved", dir, dir, FILES - 1, SIZE);
	bus_guard();
	h = (struct harness){ .source = &source, .nsource = 1 };
	harness_start(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/src", &top), N3_OK);
	for (int i = 0; i < FILES; i++) {
		char name[16];

		snprintf(name, sizeof name, "f%d", i);
		ck_assert_uint_eq(call_find(&conn, &top, name, &fh[i], NULL),
				  N3_OK);
		content[i] = git_bytes(NULL, dir, "cat-file blob HEAD:%s",
				       name);
	}
	/* So that it is open and mapped, and most of it not read yet. */
	ck_assert_uint_eq(read_files(FEW), FEW);
	shell("cd '%s' && chmod u+w .git/objects/pack/*.pack && truncate -s %d "
	      ".git/objects/pack/*.pack", dir, FILES * SIZE / 3);
	ck_assert_uint_lt(read_files(FILES), FILES);
	ck_assert_uint_eq(call_getattr(&conn, &top, NULL), N3_OK);
	shell("cd '%s' && cat saved >$(ls .git/objects/pack/*.pack)", dir);
	for (int i = 0; i < PATIENCE && read_files(FILES) < FILES; i++)
		nanosleep(&moment, NULL);
	ck_assert_uint_eq(read_files(FILES), FILES);
	raw_close(&conn);
	harness_stop(&h);
	for (int i = 0; i < FILES; i++)
		free(content[i]);
	free(dir);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, a_mapped_pack);
}

int main(void)
{
	return harness_main("truncated", 120, add, NULL);
}
