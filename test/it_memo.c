/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What is asked again gets the answer it got: of more names and handles than
 * a loop remembers, so that every kind of remembering and forgetting occurs. */
#include <stdio.h>
#include <stdlib.h>

#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"
#include "test/must.h"

enum { FILES = 20000, MEBI = 1 << 20 };

static struct harness h;
static struct source source = { .name = "src" };
static struct raw conn;
static struct fh root;

static struct known {
	char name[16];
	struct fh fh;
	struct fattr attr;
} *known;

static void setup(void)
{
	struct fake *f = fake_new();
	struct fake_entry *entry = calloc(FILES, sizeof *entry);
	struct oid tree;
	struct fh top;

	known = calloc(FILES, sizeof *known);
	ck_assert(entry && known);
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(known[i].name, sizeof known[i].name, "%05u", i);
		entry[i] = (struct fake_entry){ "100644", known[i].name,
						fake_blob(f, known[i].name) };
	}
	tree = fake_tree(f, FILES, entry);
	free(entry);
	fake_ref(f, NULL, &tree);
	source.fake = f;
	h = (struct harness){ .source = &source, .nsource = 1, .loops = 1,
			      .memory = 64 * MEBI };
	harness_start(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
	ck_assert_uint_eq(call_find(&conn, &top, "src", &root, NULL), N3_OK);
}

static void teardown(void)
{
	raw_close(&conn);
	harness_stop(&h);
	fake_free(source.fake);
	free(known);
}

/* By a listing, which takes nothing from what is remembered. */
static void list(void)
{
	CLEANUP_PAGE struct page p = { 0 };
	uint64_t cookie = 0, verf = 0;
	unsigned n = 0;

	do {
		page_free(&p);
		p = (struct page){ 0 };
		must(call_readdirplus(&conn, &root, cookie, verf, MEBI, MEBI,
				      &p) == N3_OK);
		for (size_t i = 0; i < p.n; i++) {
			const struct entry *e = &p.entry[i];

			cookie = e->cookie;
			if (cookie < 3)         /* "." and ".." */
				continue;
			must(n < FILES && e->fh.len && e->attr.sent);
			known[n].fh = e->fh;
			known[n++].attr = e->attr;
		}
		verf = p.verf;
	} while (!p.eof);
	ck_assert_uint_eq(n, FILES);
}

static void look(const struct known *k)
{
	CLEANUP_WIRE struct wire data = { 0 };
	struct fattr a, of_dir, of_root;
	struct fh fh;

	must(call_getattr(&conn, &root, &of_root) == N3_OK);
	for (int twice = 0; twice < 2; twice++) {
		must(call_lookup(&conn, &root, k->name, strlen(k->name), &fh,
				 &a, &of_dir) == N3_OK);
		must(fh_eq(&fh, &k->fh));
		must(fattr_eq(&a, &k->attr));
		must(fattr_eq(&of_dir, &of_root));
	}
	must(call_getattr(&conn, &k->fh, &a) == N3_OK);
	must(fattr_eq(&a, &k->attr));
	must(call_access(&conn, &k->fh, 0x3f, NULL, &a) == N3_OK);
	must(fattr_eq(&a, &k->attr));
	must(call_read(&conn, &k->fh, 0, 100, &data, NULL, &a) == N3_OK);
	must(fattr_eq(&a, &k->attr));
	must(data.len == strlen(k->name));
	must(!memcmp(data.p, k->name, data.len));
}

static void look_in_vain(const char *name)
{
	char other[20];
	struct fattr a;

	snprintf(other, sizeof other, "%s-", name);
	for (int twice = 0; twice < 2; twice++) {
		must(call_lookup(&conn, &root, other, strlen(other), NULL,
				 NULL, &a) == N3_NOENT);
		must(a.sent);
	}
}

START_TEST(the_same_each_time)
{
	list();
	/* Near ones again and again, and all of them in the end. */
	for (unsigned i = 0; i < FILES; i++) {
		look(&known[i]);
		look(&known[i - i % 64 + (i * 7 + 1) % 64 % (i % 64 + 1)]);
		if (i % 8 == 0)
			look_in_vain(known[i].name);
	}
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, the_same_each_time);
}

int main(void)
{
	return harness_main("memo", 120, add, NULL);
}
