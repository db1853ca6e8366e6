/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Names as a Mac asks for them: in either spelling of Unicode, and those that
 * its programs look for everywhere; and attributes that do not flap. */
#include <signal.h>
#include <string.h>

#include "common/cleanup.h"
#include "nfsd/steady.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"
#include "test/scratch.h"

#define CAFE_NFC "caf\303\251"
#define CAFE_NFD "cafe\314\201"
#define NAIVE_NFC "na\303\257ve"
#define NAIVE_NFD "nai\314\210ve"
#define UE_NFC "\303\274"
#define UE_NFD "u\314\210"
/* One letter, two accents, of which one is composed: neither form. */
#define MIXED "\303\274\314\244"
#define MIXED_NFC "\341\271\263\314\210"
#define NO_UTF8 "\377\376\200"

static struct harness h;
static struct source source[2];
static struct raw conn;
static struct fh top, root;

static void setup(void)
{
	CLEANUP_FREE char *pattern = NULL, *dir = scratch_dir();
	struct fake *f = fake_new();
	const struct fake_entry sub[] = {
		{ "100644", "inner", fake_blob(f, "inner\n") },
	};
	const struct fake_entry all[] = {
		{ "100644", CAFE_NFC, fake_blob(f, "composed\n") },
		{ "40000", NAIVE_NFD, fake_tree(f, 1, sub) },
		{ "100644", UE_NFD, fake_blob(f, "both, decomposed\n") },
		{ "100644", UE_NFC, fake_blob(f, "both, composed\n") },
		{ "100644", MIXED_NFC, fake_blob(f, "two accents\n") },
		{ "100644", NO_UTF8, fake_blob(f, "bytes\n") },
	};
	struct oid tree = fake_tree(f, 6, all);

	fake_ref(f, NULL, &tree);
	ck_assert_int_ge(asprintf(&pattern, "%s/{owner}/{repo}.git", dir), 0);
	source[0] = (struct source){ .name = "src", .fake = f };
	source[1] = (struct source){ .name = "any", .pattern = pattern };
	h = (struct harness){ .source = source, .nsource = 2 };
	harness_start(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
	ck_assert_uint_eq(call_find(&conn, &top, "src", &root, NULL), N3_OK);
}

static void teardown(void)
{
	raw_close(&conn);
	harness_stop(&h);
	fake_free(source[0].fake);
}

/* The handle of a name; of length 0: there is none. */
static struct fh find(const struct fh *dir, const char *name)
{
	struct fh ret = { 0 };
	uint32_t status = call_find(&conn, dir, name, &ret, NULL);

	if (status != N3_OK)
		ck_assert_uint_eq(status, N3_NOENT);
	return ret;
}

START_TEST(either_spelling)
{
	struct fh a = find(&root, CAFE_NFC), b = find(&root, CAFE_NFD);
	struct fh c, d;

	ck_assert_uint_gt(a.len, 0);
	ck_assert(fh_eq(&a, &b));
	c = find(&root, NAIVE_NFD);
	d = find(&root, NAIVE_NFC);
	ck_assert_uint_gt(c.len, 0);
	ck_assert(fh_eq(&c, &d));
	ck_assert_uint_gt(find(&d, "inner").len, 0);
	a = find(&root, MIXED);
	b = find(&root, MIXED_NFC);
	ck_assert_uint_gt(a.len, 0);
	ck_assert(fh_eq(&a, &b));
}
END_TEST

/* Bytes go first, and nothing is guessed. */
START_TEST(what_is_there_is_what_is_meant)
{
	struct fh composed = find(&root, UE_NFC), apart = find(&root, UE_NFD);

	ck_assert_uint_gt(composed.len, 0);
	ck_assert_uint_gt(apart.len, 0);
	ck_assert(!fh_eq(&composed, &apart));
	ck_assert_uint_gt(find(&root, NO_UTF8).len, 0);
	ck_assert_uint_eq(find(&root, "\377\376").len, 0);
	ck_assert_uint_eq(find(&root, "cafe").len, 0);
	ck_assert_uint_eq(find(&root, "CAF\303\211").len, 0);
	ck_assert_uint_eq(find(&root, "\303\251").len, 0);
	/* Neither of the two, and both would do. */
	ck_assert_uint_eq(find(&root, "\357\275\225\314\210").len, 0);
}
END_TEST

/* Listings show what git has. */
START_TEST(listed_once)
{
	CLEANUP_PAGE struct page page = { 0 };
	unsigned cafe = 0;

	ck_assert_uint_eq(call_readdir(&conn, &root, 0, 0, 65536, &page),
			  N3_OK);
	for (size_t i = 0; i < page.n; i++)
		cafe += page.entry[i].len == strlen(CAFE_NFC) &&
			!memcmp(page.entry[i].name, CAFE_NFC,
				page.entry[i].len);
	ck_assert_uint_eq(cafe, 1);
	ck_assert_uint_eq(page.n, 2 + 6);
}
END_TEST

static const char *const probes[] = {
	".DS_Store", "._src", "._.", ".Spotlight-V100", ".Trashes", ".Trash",
	".hidden", ".localized", ".fseventsd", ".metadata_never_index",
	".metadata_never_index_unless_rootfs", ".com.apple.timemachine.donotpresent",
	".VolumeIcon.icns", ".apdisk", ".TemporaryItems", ".PKInstallSandboxManager",
	".DocumentRevisions-V100", ".git", ".hg", ".svn", ".jj", ".envrc",
	"Icon\r", "DCIM", "Network Trash Folder", "Temporary Items",
	"desktop.ini", "autorun.inf", "Desktop DB", "CVS",
};

/* Not where it could be an owner or a repository, nor in a directory. */
START_TEST(probes_ask_nobody)
{
	unsigned resolves, jobs;
	struct fh any = find(&top, "any"), owner = find(&any, "owner");

	ck_assert_uint_gt(owner.len, 0);
	find(&root, "warm");
	resolves = fake_resolves(source[0].fake);
	jobs = fake_jobs(source[0].fake);
	for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
		bool is_word = !strcmp(probes[i], "DCIM");

		ck_assert_uint_eq(find(&top, probes[i]).len, 0);
		ck_assert_uint_eq(find(&root, probes[i]).len, 0);
		ck_assert_uint_eq(find(&owner, probes[i]).len, 0);
		/* Somebody may be called that. */
		if (!is_word)
			ck_assert_msg(!find(&any, probes[i]).len, "%s",
				      probes[i]);
	}
	ck_assert_uint_eq(fake_jobs(source[0].fake), jobs);
	ck_assert_uint_le(fake_resolves(source[0].fake), resolves + 1);
}
END_TEST

/* ---- attributes ---- */

static const fattr3 shown = {
	.type = NF3REG, .mode = 0644, .nlink = 1, .size = 7, .fileid = 42,
	.mtime = { 1000, 5 }, .ctime = { 2000, 5 },
};

START_TEST(times_may_grow)
{
	fattr3 a = shown;

	steady_check(&a);
	steady_check(&a);
	a.ctime.nseconds++;
	steady_check(&a);
	a.mtime.seconds++;
	a.ctime.seconds++;
	steady_check(&a);
	a.fileid++;
	a.mtime.seconds = 0;
	steady_check(&a);
}
END_TEST

#ifdef ATTR_CHECK
START_TEST(what_flaps_aborts)
{
	fattr3 a = shown;

	steady_check(&a);
	switch (_i) {
	case 0: a.size++; break;
	case 1: a.mtime.seconds--; break;
	case 2: a.ctime.nseconds--; break;
	case 3: a.mode = 0755; break;
	case 4: a.type = NF3LNK; break;
	case 5: a.mtime.nseconds++; break;
	case 6: a.uid = 1; break;
	}
	steady_check(&a);
}
END_TEST
#endif

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, either_spelling);
	tcase_add_test(c, what_is_there_is_what_is_meant);
	tcase_add_test(c, listed_once);
	tcase_add_test(c, probes_ask_nobody);
}

static void add_steady(TCase *c)
{
	tcase_add_test(c, times_may_grow);
#ifdef ATTR_CHECK
	tcase_add_loop_test_raise_signal(c, what_flaps_aborts, SIGABRT, 0, 7);
#endif
}

int main(void)
{
	return harness_main("it_names", 60, add, add_steady, NULL);
}
