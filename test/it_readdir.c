/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* READDIR and READDIRPLUS: how much fits into a reply, to the byte; that a
 * listing has every name once, however it is cut into pages and whatever
 * happens between them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cache/fs.h"
#include "common/cleanup.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"
#include "test/must.h"

enum {
	MEBI = 1 << 20,
	/* A reply without entries: attributes, verifier, end, eof. */
	BASE = 4 + 84 + 8 + 4 + 4,
	MIXED = 40, WIDE = 3000, HUGE_ = 100000, GIANT = 1000000,
};

static struct harness h;
static struct source source = { .name = "src" };
static struct fake *f;
static struct raw conn;
static struct fh top, root, mixed, wide;

/* A directory of 'n' files whose names begin with 'stem'; the same contents
 * for all. */
static struct oid many(unsigned n, const char *stem)
{
	CLEANUP_FREE char *text = NULL;
	struct oid blob = fake_blob(f, "one of many\n");
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (unsigned i = 0; i < n; i++) {
		fprintf(out, "100644 %s%07u", stem, i);
		fputc(0, out);
		fwrite(blob.id, 1, blob.len, out);
	}
	fclose(out);
	return fake_object(f, OBJ_TREE, text, len);
}

/* One of every kind and with names of every length. */
static struct oid assorted(void)
{
	static const char *const mode[] = {
		"100644", "100755", "120000", "40000", "160000",
	};
	static char name[MIXED][MIXED + 1];
	struct fake_entry e[MIXED];
	struct oid blob = fake_blob(f, "target"), tree = many(1, "x");

	for (size_t i = 0; i < MIXED; i++) {
		/* The first letter sets the order, the rest the length. */
		memset(name[i], 'x', (i * 13) % MIXED + 1);
		name[i][0] = (char)('0' + i);
		e[i].mode = mode[i % 5];
		e[i].name = name[i];
		e[i].oid = i % 5 == 3 ? tree : blob;
	}
	return fake_tree(f, MIXED, e);
}

static void show(struct oid wide_tree)
{
	const struct fake_entry all[] = {
		{ "40000", "mixed", assorted() },
		{ "40000", "wide", wide_tree },
	};
	struct oid tree = fake_tree(f, 2, all);

	fake_ref(f, NULL, &tree);
}

static void find_all(void)
{
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
	ck_assert_uint_eq(call_find(&conn, &top, "src", &root, NULL), N3_OK);
	ck_assert_uint_eq(call_find(&conn, &root, "mixed", &mixed, NULL),
			  N3_OK);
	ck_assert_uint_eq(call_find(&conn, &root, "wide", &wide, NULL), N3_OK);
}

static void setup(void)
{
	f = source.fake = fake_new();
	show(many(WIDE, "w"));
	h = (struct harness){ .source = &source, .nsource = 1, .ref_ttl = 10 };
	harness_start(&h);
	find_all();
}

static void teardown(void)
{
	raw_close(&conn);
	harness_stop(&h);
	fake_free(f);
}

/* READDIR, or READDIRPLUS with no other limit than this. */
static uint32_t list(const struct fh *dir, bool plus, uint64_t cookie,
		     uint64_t verf, uint32_t count, struct page *p)
{
	if (plus)
		return call_readdirplus(&conn, dir, cookie, verf, MEBI, count,
					p);
	return call_readdir(&conn, dir, cookie, verf, count, p);
}

/* Where a listing is and what it has seen. */
struct scan {
	uint64_t cookie, verf;
	unsigned next;          /* number that the next name has to have */
	bool eof;
};

/* One page of a directory made by many(). */
static void scan_page(struct scan *s, const struct fh *dir, const char *stem,
		      bool plus, uint32_t count)
{
	CLEANUP_PAGE struct page page = { 0 };

	must(list(dir, plus, s->cookie, s->verf, count, &page) == N3_OK);
	s->verf = page.verf;
	s->eof = page.eof;
	for (size_t i = 0; i < page.n; i++) {
		char want[32];
		size_t len;

		if (s->cookie == 0)
			len = (size_t)snprintf(want, sizeof want, ".");
		else if (s->next == 0 && page.entry[i].len == 2)
			len = (size_t)snprintf(want, sizeof want, "..");
		else
			len = (size_t)snprintf(want, sizeof want, "%s%07u",
					       stem, s->next++);
		must(page.entry[i].len == len);
		must(!memcmp(page.entry[i].name, want, len));
		must(page.entry[i].cookie > s->cookie);
		s->cookie = page.entry[i].cookie;
	}
}

/* ---- bytes ---- */

/* How many entries from 'from' fit into 'count' bytes. */
static size_t fits(const struct page *all, size_t from, uint32_t count)
{
	size_t size = BASE, n = 0;

	while (from + n < all->n) {
		size += all->entry[from + n].size;
		if (size > count)
			break;
		n++;
	}
	return n;
}

static void accounts(bool plus)
{
	CLEANUP_PAGE struct page all = { 0 }, page = { 0 };

	ck_assert_uint_eq(list(&mixed, plus, 0, 0, MEBI, &all), N3_OK);
	ck_assert(all.eof);
	ck_assert_uint_eq(all.n, MIXED + 2);
	for (size_t from = 0; from < all.n; from += 7) {
		uint64_t cookie = from ? all.entry[from - 1].cookie : 0;

		for (uint32_t count = 0; count < 4000; count++) {
			uint32_t status = list(&mixed, plus, cookie, all.verf,
					       count, &page);
			size_t want = fits(&all, from, count);

			must(status == (want ? N3_OK : N3_TOOSMALL));
			if (!want)
				continue;
			must(page.size <= count);
			must(page.n == want);
			must(page.eof == (from + want == all.n));
		}
	}
}

START_TEST(readdir_fills_count_to_the_byte)
{
	accounts(false);
}
END_TEST

START_TEST(readdirplus_fills_maxcount_to_the_byte)
{
	accounts(true);
}
END_TEST

/* dircount bounds names, ids and cookies.  Whether list marks are among
 * them, the RFC leaves open: between the two readings all is well. */
START_TEST(readdirplus_heeds_dircount)
{
	CLEANUP_PAGE struct page all = { 0 }, page = { 0 };

	ck_assert_uint_eq(list(&mixed, true, 0, 0, MEBI, &all), N3_OK);
	for (uint32_t dircount = 0; dircount < 2500; dircount++) {
		uint32_t status = call_readdirplus(&conn, &mixed, 0, 0,
						   dircount, MEBI, &page);
		size_t least = 0, most = 0, n;

		for (n = 0; n < all.n; n++) {
			most += all.entry[n].dirsize + 4;
			if (BASE + most > dircount)
				break;
		}
		if (status == N3_TOOSMALL) {
			must(n == 0);
			continue;
		}
		must(status == N3_OK);
		must(page.n >= n);
		for (n = 0; n < page.n; n++)
			least += page.entry[n].dirsize;
		must(page.n == 1 || least <= dircount);
	}
}
END_TEST

/* A reply of READDIRPLUS may end where attributes are not known yet: once
 * they are, there is no other end. */
START_TEST(no_limit_at_all)
{
	CLEANUP_PAGE struct page page = { 0 };
	struct scan s = { 0 };

	while (!s.eof)
		scan_page(&s, &wide, "w", true, MEBI);
	for (int plus = 0; plus < 2; plus++) {
		ck_assert_uint_eq(list(&wide, plus, 0, 0, UINT32_MAX, &page),
				  N3_OK);
		ck_assert_uint_eq(page.n, WIDE + 2);
		ck_assert(page.eof);
	}
	ck_assert_uint_eq(call_readdirplus(&conn, &wide, 0, 0, UINT32_MAX,
					   UINT32_MAX, &page), N3_OK);
	ck_assert_uint_eq(page.n, WIDE + 2);
}
END_TEST

START_TEST(an_empty_rest)
{
	CLEANUP_PAGE struct page all = { 0 }, page = { 0 };
	const struct entry *last;

	ck_assert_uint_eq(list(&mixed, false, 0, 0, MEBI, &all), N3_OK);
	last = &all.entry[all.n - 1];
	for (int plus = 0; plus < 2; plus++)
		for (uint64_t beyond = 0; beyond < 3; beyond++) {
			ck_assert_uint_eq(list(&mixed, plus,
					       last->cookie + beyond * 1000,
					       all.verf, BASE, &page), N3_OK);
			ck_assert_uint_eq(page.n, 0);
			ck_assert(page.eof);
		}
}
END_TEST

/* ---- cookies ---- */

static void same_entry(const struct entry *a, const struct entry *b)
{
	must(a->len == b->len);
	must(!memcmp(a->name, b->name, a->len));
	must(a->fileid == b->fileid);
	must(a->cookie == b->cookie);
}

START_TEST(any_cookie_resumes)
{
	CLEANUP_PAGE struct page all = { 0 }, page = { 0 };

	ck_assert_uint_eq(list(&mixed, false, 0, 0, MEBI, &all), N3_OK);
	for (size_t i = 0; i < all.n; i++) {
		ck_assert_uint_gt(all.entry[i].cookie, 0);
		ck_assert_uint_lt(all.entry[i].cookie, UINT32_MAX);
		/* A cookie of READDIRPLUS serves READDIR, and back. */
		for (int plus = 0; plus < 2; plus++) {
			ck_assert_uint_eq(list(&mixed, plus,
					       all.entry[i].cookie, all.verf,
					       MEBI, &page), N3_OK);
			ck_assert_uint_eq(page.n, all.n - i - 1);
			ck_assert_uint_eq(page.verf, all.verf);
			for (size_t j = 0; j < page.n; j++)
				same_entry(&all.entry[i + 1 + j],
					   &page.entry[j]);
		}
	}
}
END_TEST

START_TEST(any_verifier_will_do)
{
	static const uint64_t verf[] = { 0, 1, UINT64_MAX, 0x123456789abcdef };
	CLEANUP_PAGE struct page all = { 0 }, page = { 0 };

	ck_assert_uint_eq(list(&mixed, false, 0, 0, MEBI, &all), N3_OK);
	for (size_t i = 0; i < sizeof verf / sizeof *verf; i++) {
		ck_assert_uint_eq(list(&mixed, false, 0, verf[i], MEBI, &page),
				  N3_OK);
		ck_assert_uint_eq(page.n, all.n);
		ck_assert_uint_eq(list(&mixed, false, all.entry[9].cookie,
				       verf[i], MEBI, &page), N3_OK);
		ck_assert_uint_eq(page.n, all.n - 10);
	}
}
END_TEST

/* ---- whole listings ---- */

START_TEST(any_page_size)
{
	static const uint32_t size[] = {
		BASE + 4 + 8 + 4 + 8 + 8 + 4 + 84 + 4 + 4 + 64,
		512, 1000, 4096, 8192, 65536, MEBI,
	};

	for (int plus = 0; plus < 2; plus++)
		for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
			struct scan s = { 0 };

			while (!s.eof)
				scan_page(&s, &wide, "w", plus, size[i]);
			ck_assert_uint_eq(s.next, WIDE);
		}
}
END_TEST

START_TEST(readdir_and_readdirplus_in_turn)
{
	struct scan s = { 0 };

	for (int i = 0; !s.eof; i++)
		scan_page(&s, &wide, "w", i & 1, 1000 + 100 * (i % 7));
	ck_assert_uint_eq(s.next, WIDE);
}
END_TEST

START_TEST(the_list_of_sources)
{
	static const char *const must[] = { ".", "..", "src" };
	CLEANUP_PAGE struct page page = { 0 };

	for (int plus = 0; plus < 2; plus++) {
		ck_assert_uint_eq(list(&top, plus, 0, 0, MEBI, &page), N3_OK);
		ck_assert(page.eof);
		ck_assert_uint_ge(page.n, 3);
		for (size_t i = 0; i < 3; i++) {
			ck_assert_uint_eq(page.entry[i].len, strlen(must[i]));
			ck_assert_mem_eq(page.entry[i].name, must[i],
					 page.entry[i].len);
		}
		ck_assert_uint_eq(page.entry[0].fileid, page.entry[1].fileid);
	}
}
END_TEST

/* ---- what happens between pages ---- */

static struct fattr attr_of(const struct fh *fh)
{
	struct fattr a;

	ck_assert_uint_eq(call_getattr(&conn, fh, &a), N3_OK);
	return a;
}

/* Ask until the directory is seen to have changed. */
static void until_moved(const struct fh *dir, uint64_t ctime)
{
	const struct timespec moment = { .tv_nsec = 2000000 };

	for (int i = 0; i < 5000 && attr_of(dir).ctime == ctime; i++)
		nanosleep(&moment, NULL);
	ck_assert_uint_gt(attr_of(dir).ctime, ctime);
}

static void restart(void)
{
	raw_close(&conn);
	harness_restart(&h);
	raw_open(&conn, h.port);
}

START_TEST(a_restart_between_pages)
{
	for (int plus = 0; plus < 2; plus++) {
		struct scan s = { 0 };

		while (!s.eof) {
			scan_page(&s, &wide, "w", plus, 65536);
			restart();
		}
		ck_assert_uint_eq(s.next, WIDE);
	}
}
END_TEST

START_TEST(a_move_between_pages)
{
	for (int plus = 0; plus < 2; plus++) {
		struct scan s = { 0 }, fresh = { 0 };
		uint64_t before = attr_of(&wide).ctime;
		const char *stem = plus ? "v" : "w", *next = plus ? "u" : "v";

		scan_page(&s, &wide, stem, plus, 4096);
		show(many(WIDE / 2, next));
		until_moved(&wide, before);
		while (!s.eof)
			scan_page(&s, &wide, stem, plus, 4096);
		ck_assert_uint_eq(s.next, plus ? WIDE / 2 : WIDE);
		while (!fresh.eof)
			scan_page(&fresh, &wide, next, plus, 4096);
		ck_assert_uint_eq(fresh.next, WIDE / 2);
		ck_assert_uint_ne(fresh.verf, s.verf);
	}
}
END_TEST

START_TEST(a_move_and_a_restart_between_pages)
{
	struct scan s = { 0 }, fresh = { 0 };
	uint64_t before = attr_of(&wide).ctime;

	scan_page(&s, &wide, "w", false, 4096);
	show(many(10, "v"));
	until_moved(&wide, before);
	restart();
	while (!s.eof)
		scan_page(&s, &wide, "w", false, 4096);
	ck_assert_uint_eq(s.next, WIDE);
	while (!fresh.eof)
		scan_page(&fresh, &wide, "v", false, 4096);
	ck_assert_uint_eq(fresh.next, 10);
}
END_TEST

/* A directory that is gone still lists what it last held. */
START_TEST(a_removal_between_pages)
{
	struct scan s = { 0 };
	uint64_t before = attr_of(&root).ctime;
	const struct fake_entry all[] = { { "40000", "mixed", assorted() } };
	struct oid tree = fake_tree(f, 1, all);

	scan_page(&s, &wide, "w", false, 4096);
	fake_ref(f, NULL, &tree);
	until_moved(&root, before);
	ck_assert_uint_eq(call_find(&conn, &root, "wide", NULL, NULL),
			  N3_NOENT);
	while (!s.eof)
		scan_page(&s, &wide, "w", false, 4096);
	ck_assert_uint_eq(s.next, WIDE);
	s = (struct scan){ 0 };
	while (!s.eof)
		scan_page(&s, &wide, "w", true, 65536);
	ck_assert_uint_eq(s.next, WIDE);
}
END_TEST

/* ---- what was listed before ---- */

enum { LISTINGS = 6 };          /* of the kinds that are counted */

static uint64_t kept_listings_used(void)
{
	struct fs_stats s;

	fs_stats(h.fs, &s);
	ck_assert_str_eq(fs_kind_name[LISTINGS], "listings");
	return s.kind[LISTINGS].hits;
}

static void list_wide(bool plus, struct page *ret)
{
	ck_assert_uint_eq(plus ? call_readdirplus(&conn, &wide, 0, 0, 8192,
						  8192, ret) :
			  call_readdir(&conn, &wide, 0, 0, 8192, ret), N3_OK);
}

START_TEST(asked_again)
{
	CLEANUP_PAGE struct page first = { 0 }, after = { 0 };
	bool plus = _i;
	uint64_t before;

	list_wide(plus, &first);
	for (int i = 0; i < 4; i++) {
		CLEANUP_PAGE struct page again = { 0 };

		list_wide(plus, &again);
		ck_assert_uint_eq(again.n, first.n);
		ck_assert_uint_eq(again.verf, first.verf);
		for (size_t e = 0; e < first.n; e++) {
			const struct entry *a = &first.entry[e];
			const struct entry *b = &again.entry[e];

			must(a->len == b->len && a->cookie == b->cookie &&
			     !memcmp(a->name, b->name, a->len));
			must(a->fileid == b->fileid);
			must(!plus || (fh_eq(&a->fh, &b->fh) &&
				       fattr_eq(&a->attr, &b->attr)));
		}
	}
	ck_assert_uint_ge(kept_listings_used(), 1);

	/* It has moved: nothing of that is shown any more. */
	before = attr_of(&wide).ctime;
	show(many(WIDE, "n"));
	until_moved(&wide, before);
	list_wide(plus, &after);
	ck_assert_uint_ne(after.verf, first.verf);
	ck_assert_int_eq(after.entry[2].name[0], 'n');
}
END_TEST

/* ---- many ---- */

static void large(unsigned n)
{
	uint64_t before = attr_of(&wide).ctime;

	show(many(n, "h"));
	until_moved(&wide, before);
	for (int plus = 0; plus < 2; plus++) {
		struct scan s = { 0 };

		while (!s.eof)
			scan_page(&s, &wide, "h", plus, MEBI);
		ck_assert_uint_eq(s.next, n);
	}
	/* Found without a listing, too, and quickly. */
	for (unsigned i = 0; i < n; i += n / 1000) {
		char name[32];

		snprintf(name, sizeof name, "h%07u", i);
		must(call_find(&conn, &wide, name, NULL, NULL) == N3_OK);
	}
}

START_TEST(a_hundred_thousand_entries)
{
	large(HUGE_);
}
END_TEST

START_TEST(a_million_entries)
{
	large(GIANT);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, readdir_fills_count_to_the_byte);
	tcase_add_test(c, readdirplus_fills_maxcount_to_the_byte);
	tcase_add_test(c, readdirplus_heeds_dircount);
	tcase_add_test(c, no_limit_at_all);
	tcase_add_test(c, an_empty_rest);
	tcase_add_test(c, any_cookie_resumes);
	tcase_add_test(c, any_verifier_will_do);
	tcase_add_test(c, any_page_size);
	tcase_add_test(c, readdir_and_readdirplus_in_turn);
	tcase_add_test(c, the_list_of_sources);
	tcase_add_test(c, a_restart_between_pages);
	tcase_add_test(c, a_move_between_pages);
	tcase_add_test(c, a_move_and_a_restart_between_pages);
	tcase_add_test(c, a_removal_between_pages);
	tcase_add_loop_test(c, asked_again, 0, 2);
	tcase_add_test(c, a_hundred_thousand_entries);
	tcase_add_test(c, a_million_entries);
}

int main(void)
{
	return harness_main("readdir", 300, add, NULL);
}
