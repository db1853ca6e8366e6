/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Trees that git itself would not make: what cannot be shown is left out
 * or an error, and everything beside it is as it should be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "test/call.h"
#include "test/harness.h"

enum { MEBI = 1 << 20, LINK = 70000, FAR = 250 };

static struct harness h;
static struct source source = { .name = "bad" };
static struct raw conn;
static struct fh top;

static void setup(void)
{
	source.path = harness_repo("hostile");
	h = (struct harness){ .source = &source, .nsource = 1 };
	harness_start(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
}

static void teardown(void)
{
	raw_close(&conn);
	harness_stop(&h);
}

static struct fh branch(const char *name)
{
	CLEANUP_FREE char *full = NULL;
	struct fh fh;

	ck_assert_int_ge(asprintf(&full, "bad@%s", name), 0);
	ck_assert_msg(call_find(&conn, &top, full, &fh, NULL) == N3_OK, "%s",
		      full);
	return fh;
}

static void lists(const struct fh *dir, size_t n, const char *const name[])
{
	CLEANUP_PAGE struct page page = { 0 };

	for (int plus = 0; plus < 2; plus++) {
		ck_assert_uint_eq(plus ?
				  call_readdirplus(&conn, dir, 0, 0, MEBI,
						   MEBI, &page) :
				  call_readdir(&conn, dir, 0, 0, MEBI, &page),
				  N3_OK);
		ck_assert(page.eof);
		ck_assert_uint_eq(page.n, n + 2);
		for (size_t i = 0; i < n; i++) {
			const struct entry *e = &page.entry[i + 2];
			struct fattr a;

			ck_assert_uint_eq(e->len, strlen(name[i]));
			ck_assert_mem_eq(e->name, name[i], e->len);
			if (!e->attr.sent)
				continue;
			ck_assert_uint_eq(call_find(&conn, dir, name[i], NULL,
						    &a), N3_OK);
			ck_assert(fattr_eq(&e->attr, &a));
		}
	}
}

static void holds(const struct fh *dir, const char *name, const char *text)
{
	CLEANUP_WIRE struct wire data = { 0 };
	struct fh fh;

	ck_assert_uint_eq(call_walk(&conn, dir, name, &fh, NULL), N3_OK);
	ck_assert_uint_eq(call_read_all(&conn, &fh, MEBI, &data), N3_OK);
	ck_assert_uint_eq(data.len, strlen(text));
	ck_assert_mem_eq(data.p, text, data.len);
}

START_TEST(names_that_must_not_be)
{
	static const char *const shown[] = { "good" };
	static const char *const hidden[] = {
		"", ".git", ".GIT", "a/b", "/", "../up", "a",
	};
	struct fh dir = branch("names"), fh;

	lists(&dir, 1, shown);
	holds(&dir, "good", "hostile\n");
	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		ck_assert_uint_eq(call_find(&conn, &dir, hidden[i], NULL,
					    NULL), N3_NOENT);
	/* The only "." and ".." there are. */
	ck_assert_uint_eq(call_find(&conn, &dir, ".", &fh, NULL), N3_OK);
	ck_assert(fh_eq(&fh, &dir));
	ck_assert_uint_eq(call_find(&conn, &dir, "..", &fh, NULL), N3_OK);
	ck_assert(fh_eq(&fh, &top));
}
END_TEST

START_TEST(names_that_are_there_twice)
{
	static const char *const shown[] = { "both", "mixed", "single" };
	struct fh dir = branch("doubles");

	lists(&dir, 3, shown);
	for (size_t i = 0; i < 3; i++)
		holds(&dir, shown[i], "hostile\n");
}
END_TEST

START_TEST(names_out_of_order)
{
	static const char *const shown[] = { "a", "b", "m", "y", "z" };
	struct fh dir = branch("unsorted");

	lists(&dir, 5, shown);
	for (size_t i = 0; i < 5; i++)
		holds(&dir, shown[i], "hostile\n");
}
END_TEST

START_TEST(modes_that_are_none)
{
	CLEANUP_PAGE struct page page = { 0 };
	struct fh dir = branch("modes");

	ck_assert_uint_eq(call_readdirplus(&conn, &dir, 0, 0, MEBI, MEBI,
					   &page), N3_OK);
	for (size_t i = 2; i < page.n; i++) {
		struct entry *e = &page.entry[i];
		struct fattr a;

		ck_assert_uint_eq(call_lookup(&conn, &dir, e->name, e->len,
					      &e->fh, &a, NULL), N3_OK);
		ck_assert(a.type == REG || a.type == DIR || a.type == LNK);
		/* Never more rights than git has words for. */
		ck_assert(a.mode == 0644 || a.mode == 0755 || a.mode == 0777);
		if (a.type == REG) {
			ck_assert_uint_ne(a.mode, 0777);
			ck_assert_uint_eq(a.size, 8);
		}
	}
	holds(&dir, "m100600", "hostile\n");
	holds(&dir, "m100777", "hostile\n");
	holds(&dir, "m040000/inside", "hostile\n");
}
END_TEST

START_TEST(modes_that_are_no_numbers)
{
	static const char *const mode[] = {
		"777777777777", "8", "-1", "+1", "100644x", "",
	};

	for (size_t i = 0; i < sizeof mode / sizeof *mode; i++) {
		CLEANUP_FREE char *name = NULL;
		struct fh fh;

		ck_assert_int_ge(asprintf(&name, "bad@mode-%s", mode[i]), 0);
		if (call_find(&conn, &top, name, &fh, NULL) == N3_OK)
			ck_assert_uint_eq(call_find(&conn, &fh, "x", NULL,
						    NULL), N3_IO);
	}
}
END_TEST

START_TEST(what_is_not_there)
{
	static const char *const name[] = {
		"blob-as-tree", "no-dir", "no-file", "no-link",
		"tree-as-blob",
	};
	CLEANUP_PAGE struct page page = { 0 };
	struct fh dir = branch("missing"), fh;

	holds(&dir, "good", "hostile\n");
	for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
		struct fattr a;
		uint32_t s = call_find(&conn, &dir, name[i], &fh, &a);

		if (s == N3_OK && a.sent && a.type == DIR) {
			ck_assert_uint_eq(call_readdir(&conn, &fh, 0, 0, MEBI,
						       &page), N3_IO);
			ck_assert_uint_eq(call_find(&conn, &fh, "x", NULL,
						    NULL), N3_IO);
		} else if (s == N3_OK) {
			ck_assert_uint_eq(call_read(&conn, &fh, 0, 9, NULL,
						    NULL, NULL), N3_IO);
		} else {
			ck_assert_uint_eq(s, N3_IO);
		}
	}
	/* One that is broken does not break the listing. */
	for (int plus = 0; plus < 2; plus++) {
		ck_assert_uint_eq(plus ?
				  call_readdirplus(&conn, &dir, 0, 0, MEBI,
						   MEBI, &page) :
				  call_readdir(&conn, &dir, 0, 0, MEBI, &page),
				  N3_OK);
		ck_assert_uint_eq(page.n, 2 + 6);
		ck_assert(page.eof);
	}
}
END_TEST

/* Whoever reads the log can tell which file it was. */
START_TEST(the_log_tells_the_path)
{
	struct fh dir = branch("missing");
	FILE *log = tmpfile();
	char text[4096];
	int real = dup(STDERR_FILENO);
	size_t len;

	ck_assert_ptr_nonnull(log);
	dup2(fileno(log), STDERR_FILENO);
	log_set_level(LOG_WARNING);
	ck_assert_uint_eq(call_find(&conn, &dir, "no-file", NULL, NULL),
			  N3_IO);
	log_set_level(LOG_ERROR);
	dup2(real, STDERR_FILENO);
	close(real);
	rewind(log);
	len = fread(text, 1, sizeof text - 1, log);
	text[len] = '\0';
	fclose(log);
	ck_assert_ptr_nonnull(strstr(text, "proc=LOOKUP "
				     "path=/bad@missing/no-file "));
}
END_TEST

START_TEST(trees_cut_short)
{
	static const int cut[] = { 1, 20, 23, 26, 30 };
	CLEANUP_PAGE struct page page = { 0 };

	for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
		char name[32];
		struct fh dir, bad;

		snprintf(name, sizeof name, "in-cut-%d", cut[i]);
		dir = branch(name);
		holds(&dir, "good", "hostile\n");
		ck_assert_uint_eq(call_find(&conn, &dir, "cut", &bad, NULL),
				  N3_OK);
		ck_assert_uint_eq(call_readdir(&conn, &bad, 0, 0, MEBI, &page),
				  N3_IO);
		ck_assert_uint_eq(call_find(&conn, &bad, "good", NULL, NULL),
				  N3_IO);
		/* At the very top, too. */
		snprintf(name, sizeof name, "bad@cut-%d", cut[i]);
		if (call_find(&conn, &top, name, &bad, NULL) == N3_OK)
			ck_assert_uint_eq(call_find(&conn, &bad, "good", NULL,
						    NULL), N3_IO);
	}
}
END_TEST

START_TEST(odd_links)
{
	CLEANUP_WIRE struct wire text = { 0 };
	struct fh dir = branch("links"), fh;
	struct fattr a;

	ck_assert_uint_eq(call_find(&conn, &dir, "empty", &fh, &a), N3_OK);
	ck_assert_uint_eq(a.size, 0);
	ck_assert_uint_eq(call_readlink(&conn, &fh, &text, NULL), N3_OK);
	ck_assert_uint_eq(text.len, 0);
	ck_assert_uint_eq(call_find(&conn, &dir, "nul", &fh, &a), N3_OK);
	ck_assert_uint_eq(call_readlink(&conn, &fh, &text, NULL), N3_OK);
	ck_assert_uint_eq(text.len, 3);
	ck_assert_mem_eq(text.p, "a\0b", 3);
	ck_assert_uint_eq(call_find(&conn, &dir, "long", &fh, &a), N3_OK);
	ck_assert_uint_eq(a.size, LINK);
	ck_assert_uint_eq(call_readlink(&conn, &fh, &text, NULL), N3_OK);
	ck_assert_uint_eq(text.len, LINK);
}
END_TEST

/* As deep as a handle reaches, and there a definite answer. */
START_TEST(two_hundred_deep)
{
	struct fh at = branch("abyss");
	uint32_t s = N3_OK;
	int depth = 0;

	for (; depth < FAR; depth++) {
		struct fh next;

		s = call_find(&conn, &at, "d", &next, NULL);
		if (s != N3_OK)
			break;
		at = next;
	}
	ck_assert_int_ge(depth, 100);
	ck_assert_uint_eq(s, depth == 200 ? N3_NOENT : N3_NAMETOOLONG);
	for (; depth; depth--)
		ck_assert_uint_eq(call_find(&conn, &at, "..", &at, NULL),
				  N3_OK);
}
END_TEST

static void make(void)
{
	harness_repo("hostile");
}

static void add(TCase *c)
{
	tcase_add_unchecked_fixture(c, make, NULL);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, names_that_must_not_be);
	tcase_add_test(c, names_that_are_there_twice);
	tcase_add_test(c, names_out_of_order);
	tcase_add_test(c, modes_that_are_none);
	tcase_add_test(c, modes_that_are_no_numbers);
	tcase_add_test(c, what_is_not_there);
	tcase_add_test(c, the_log_tells_the_path);
	tcase_add_test(c, trees_cut_short);
	tcase_add_test(c, odd_links);
	tcase_add_test(c, two_hundred_deep);
}

int main(void)
{
	return harness_main("hostile", 60, add, NULL);
}
