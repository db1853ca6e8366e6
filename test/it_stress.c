/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Many clients at once, while the ref moves and the memory is too small to
 * hold what they want: every byte is right, every handle stays good.  Above
 * all something for the sanitizers to watch. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"
#include "test/must.h"

enum {
	CLIENTS = 4, ROUNDS = 1500, DIRS = 8, FILES = 16, VERSIONS = 8,
	FILE_SIZE = 5000, MEMORY = 100000,
};

static struct harness h;
static struct source source = { .name = "src" };
static struct fake *f;
static struct oid version[VERSIONS];

/* File 'i' of directory 'd' in version 'v': every fourth changes with it.
 * Its bytes tell where it belongs. */
static void contents(char text[FILE_SIZE + 1], int v, int d, int i)
{
	char line[32];
	int len = snprintf(line, sizeof line, "%d %d %d\n",
			   i % 4 ? 0 : v, d, i);

	for (int at = 0; at < FILE_SIZE; at += len)
		memcpy(text + at, line, (size_t)(FILE_SIZE - at < len ?
						 FILE_SIZE - at : len));
	text[FILE_SIZE] = '\0';
}

static struct oid make_version(int v)
{
	static char text[FILE_SIZE + 1];
	static char name[FILES][16], dir_name[DIRS][16];
	struct fake_entry file[FILES], dir[DIRS];

	for (int d = 0; d < DIRS; d++) {
		for (int i = 0; i < FILES; i++) {
			contents(text, v, d, i);
			snprintf(name[i], sizeof name[i], "f%02d", i);
			file[i] = (struct fake_entry){
				"100644", name[i], fake_blob(f, text),
			};
		}
		snprintf(dir_name[d], sizeof dir_name[d], "d%02d", d);
		dir[d] = (struct fake_entry){
			"40000", dir_name[d], fake_tree(f, FILES, file),
		};
	}
	return fake_tree(f, DIRS, dir);
}

/* Read through a handle and see whose bytes they are. */
static void read_one(struct raw *r, const struct fh *fh, int d, int i)
{
	CLEANUP_WIRE struct wire data = { 0 };
	static __thread char want[FILE_SIZE + 1];
	int v;

	must(call_read_all(r, fh, 4096, &data) == N3_OK);
	must(data.len == FILE_SIZE);
	v = atoi((char *)data.p);
	contents(want, v, d, i);
	must(!memcmp(data.p, want, FILE_SIZE));
}

static void list_one(struct raw *r, const struct fh *dir, unsigned seed)
{
	CLEANUP_PAGE struct page page = { 0 };
	uint64_t cookie = 0, verf = 0;
	unsigned names = 0;

	do {
		uint32_t size = 600 + seed % 3000;

		must((seed & 1 ?
		      call_readdir(r, dir, cookie, verf, size, &page) :
		      call_readdirplus(r, dir, cookie, verf, size, size,
				       &page)) == N3_OK);
		verf = page.verf;
		names += (unsigned)page.n;
		if (page.n)
			cookie = page.entry[page.n - 1].cookie;
	} while (!page.eof);
	must(names == FILES + 2);
}

static void *client(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	struct fh top, root, kept[DIRS];
	bool has[DIRS] = { false };
	struct raw r;

	raw_open(&r, h.port);
	must(call_mnt(&r, "/", &top) == N3_OK);
	must(call_find(&r, &top, "src", &root, NULL) == N3_OK);
	for (int n = 0; n < ROUNDS; n++) {
		int what = rand_r(&seed) % 8, d = rand_r(&seed) % DIRS;
		int i = rand_r(&seed) % FILES;
		struct fh dir, file;
		struct fattr a, b;
		char name[32];

		snprintf(name, sizeof name, "d%02d", d);
		must(call_find(&r, &root, name, &dir, NULL) == N3_OK);
		snprintf(name, sizeof name, "f%02d", i);
		must(call_find(&r, &dir, name, &file, &a) == N3_OK);
		must(a.size == FILE_SIZE);
		switch (what) {
		case 0:
			list_one(&r, &dir, (unsigned)n);
			break;
		case 1:         /* an old one, whatever has moved since */
			if (has[d])
				read_one(&r, &kept[d], d, 0);
			break;
		case 2:
			must(call_find(&r, &dir, "f00", &kept[d], NULL) ==
			     N3_OK);
			has[d] = true;
			break;
		case 3:
			must(call_find(&r, &dir, "nosuch", NULL, NULL) ==
			     N3_NOENT);
			break;
		case 4:
			must(call_getattr(&r, &file, &b) == N3_OK);
			must(a.fileid == b.fileid && a.size == b.size);
			break;
		case 5:
			must(call_find(&r, &top, "src@@", &file, NULL) ==
			     N3_OK);
			must(call_readlink(&r, &file, NULL, NULL) == N3_OK);
			break;
		default:
			read_one(&r, &file, d, i);
		}
	}
	raw_close(&r);
	return NULL;
}

START_TEST(clients_and_moves)
{
	pthread_t thread[CLIENTS];

	f = source.fake = fake_new();
	for (int v = 0; v < VERSIONS; v++)
		version[v] = make_version(v);
	fake_ref(f, NULL, &version[0]);
	h = (struct harness){ .source = &source, .nsource = 1, .ref_ttl = 1,
			      .memory = MEMORY, .threads = 4, .prefetch = 8 };
	harness_start(&h);
	for (uintptr_t i = 0; i < CLIENTS; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, client,
						(void *)(i + 1)), 0);
	/* There and back within what the server remembers of a ref. */
	for (int v = 1; v < VERSIONS; v++) {
		CLEANUP_RAW struct raw r;
		CLEANUP_WIRE struct wire old = { 0 }, new = { 0 };
		struct fh top, link;

		raw_open(&r, h.port);
		ck_assert_uint_eq(call_mnt(&r, "/", &top), N3_OK);
		ck_assert_uint_eq(call_find(&r, &top, "src@@", &link, NULL),
				  N3_OK);
		ck_assert_uint_eq(call_readlink(&r, &link, &old, NULL), N3_OK);
		fake_ref(f, NULL, &version[v]);
		do {
			must(call_find(&r, &top, "src@@", &link, NULL) ==
			     N3_OK);
			must(call_readlink(&r, &link, &new, NULL) == N3_OK);
		} while (!memcmp(old.p, new.p, old.len));
		for (int n = 0; n < 50; n++)
			must(call_getattr(&r, &link, NULL) == N3_OK);
	}
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(thread[i], NULL);
	harness_stop(&h);
	fake_free(f);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, clients_and_moves);
}

int main(void)
{
	return harness_main("stress", 300, add, NULL);
}
