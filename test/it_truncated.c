/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What is mapped is cut short: a pack, or a large file that was spooled.  That
 * is no end of the server, and nobody is shown zeros.
 *
 * The linker puts mkostemp() here in place of the C library's (--wrap), so
 * that the spool, which has no name, can be got at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/bus.h"
#include "common/cleanup.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"
#include "test/scratch.h"

enum {
	FILES = 40, FEW = 3, SIZE = 200000, PATIENCE = 10000,
	MEMORY = 8 << 20, LARGE = MEMORY / 4, SOME = 65536, LITTLE = 100,
};

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

/* ---- a spooled file ---- */

int __real_mkostemp(char *, int);
int __wrap_mkostemp(char *, int);

static int spool = -1;

int __wrap_mkostemp(char *path, int flags)
{
	int fd = __real_mkostemp(path, flags);

	if (spool >= 0)
		close(spool);
	spool = dup(fd);
	return fd;
}

/* The status of a READ in the second half; what it gives is right. */
static uint32_t read_some(const struct fh *file, const char *text,
			  uint32_t len)
{
	CLEANUP_WIRE struct wire data = { 0 };
	uint32_t s;

	do
		s = call_read(&conn, file, LARGE / 2, len, &data, NULL, NULL);
	while (s == N3_JUKEBOX);
	if (s == N3_OK) {
		ck_assert_uint_eq(data.len, len);
		ck_assert_mem_eq(data.p, text + LARGE / 2, len);
	}
	return s;
}

/* Its disk fails: an error, and then it is fetched again. */
static void fail_under(const struct fh *file, const char *text, uint32_t len)
{
	ck_assert_uint_eq(read_some(file, text, len), N3_OK);
	ck_assert_int_ge(spool, 0);
	ck_assert(!ftruncate(spool, LARGE / 4));
	ck_assert_uint_eq(read_some(file, text, len), N3_IO);
	ck_assert_uint_eq(read_some(file, text, len), N3_OK);
}

START_TEST(a_spooled_file)
{
	static char text[LARGE + 1];
	struct fake *f = source.fake = fake_new();
	struct fake_entry entry = { "100644", "large", { 0 } };
	struct fh top, file;
	struct oid tree;

	for (int i = 0; i < LARGE; i++)
		text[i] = (char)('a' + i % 23);
	entry.oid = fake_blob(f, text);
	tree = fake_tree(f, 1, &entry);
	fake_ref(f, NULL, &tree);
	bus_guard();
	h = (struct harness){ .source = &source, .nsource = 1,
			      .memory = MEMORY };
	harness_start(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/src", &top), N3_OK);
	ck_assert_uint_eq(call_find(&conn, &top, "large", &file, NULL),
			  N3_OK);
	fail_under(&file, text, SOME);
	fail_under(&file, text, LITTLE);
	raw_close(&conn);
	harness_stop(&h);
	fake_free(f);
	close(spool);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, a_spooled_file);
	tcase_add_test(c, a_mapped_pack);
}

int main(void)
{
	return harness_main("truncated", 120, add, NULL);
}
