/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Levels above repositories: any owner, any repository, by a pattern; what
 * is there when somebody asks for it, what is listed, what a restart or
 * another configuration leaves, and what ten thousand of them cost. */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cache/fs.h"
#include "common/cleanup.h"
#include "test/call.h"
#include "test/harness.h"
#include "test/must.h"
#include "test/scratch.h"

enum {
	PATIENCE = 10000,
	CLIENTS = 8,
	MANY = 10000,           /* repositories, with time */
	SOME = 600,             /* without */
	TRIES = 5000,
	MEBI = 1 << 20,
	DESCRIPTORS = 1024,     /* more are not looked for */
	KIND_ROOT = 0,          /* of fs_stats() */
	KIND_LEVEL = 5,
};

static struct harness h;
static struct source source[3];
static struct raw conn;
static struct fh top;
static char *base;              /* all repositories are below */
static char *seed;              /* and one that has what the others show */

/* ---- repositories ---- */

static char *path_of(const char *fmt, const char *name)
{
	char *path;

	ck_assert_int_ge(asprintf(&path, fmt, base, name), 0);
	return path;
}

static void make_dir(const char *repo, const char *sub)
{
	CLEANUP_FREE char *path = NULL;

	ck_assert_int_ge(asprintf(&path, "%s%s", repo, sub), 0);
	ck_assert_msg(!mkdir(path, 0755), "%s", path);
}

static void share(const char *repo, const char *file)
{
	CLEANUP_FREE char *old = NULL, *new = NULL;

	ck_assert_int_ge(asprintf(&old, "%s/%s", seed, file), 0);
	ck_assert_int_ge(asprintf(&new, "%s/%s", repo, file), 0);
	ck_assert_msg(!link(old, new), "%s", new);
}

/* A repository that shows what the seed shows, made in no time: its files
 * are the seed's. */
static void make_repo(const char *name)
{
	CLEANUP_FREE char *repo = path_of("%s/%s", name);

	make_dir(repo, "");
	make_dir(repo, "/refs");
	make_dir(repo, "/objects");
	make_dir(repo, "/objects/pack");
	share(repo, "HEAD");
	share(repo, "config");
	share(repo, "packed-refs");
	share(repo, "objects/pack/pack-all.pack");
	share(repo, "objects/pack/pack-all.idx");
}

static void make_seed(void)
{
	seed = scratch_dir();
	git_do(seed, "init -q --template= --initial-branch=main --bare");
	git_do(seed, "fast-import --quiet <<'END'\n"
	       "commit refs/heads/main\n"
	       "committer C <c@example.org> 1600000000 +0000\ndata 0\n"
	       "M 644 inline file\ndata 6\nfirst\n"
	       "M 644 inline sub/deep/file\ndata 5\ndeep\n"
	       "M 644 inline cold/file\ndata 5\ncold\n"
	       "commit refs/heads/dev/new\n"
	       "committer C <c@example.org> 1600001000 +0000\ndata 0\n"
	       "from refs/heads/main\n"
	       "M 644 inline file\ndata 7\nsecond\n"
	       "END");
	git_do(seed, "tag v1 main && git -C '%s' pack-refs --all", seed);
	git_do(seed, "repack -adq");
	shell("cd '%s/objects/pack' && for f in *; do "
	      "mv \"$f\" pack-all.\"${f##*.}\"; done", seed);
}

static void make_base(void)
{
	make_seed();
	base = scratch_dir();
	shell("mkdir -p '%s/git/ann' '%s/git/bob' '%s/deep/org/group' "
	      "'%s/many' '%s/git/ann/plain.git'",
	      base, base, base, base, base);
	shell("echo no repository >'%s/git/ann/file.git'", base);
	make_repo("git/ann/tools.git");
	make_repo("git/ann/notes.git");
	make_repo("git/bob/tools.git");
	make_repo("deep/org/group/repo");
	make_repo("solo");
}

/* ---- the server ---- */

static void connect_(void)
{
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
}

static void restart(void)
{
	raw_close(&conn);
	harness_restart(&h);
	connect_();
}

static void serve(void)
{
	source[0] = (struct source){ .name = "team" };
	source[0].pattern = path_of("%s/%s/{owner}/{repo}.git", "git");
	source[1] = (struct source){ .name = "deep" };
	source[1].pattern = path_of("%s/%s/{a}/{b}/{c}", "deep");
	source[2] = (struct source){ .name = "one/two/solo" };
	source[2].path = path_of("%s/%s", "solo");
	h = (struct harness){ .source = source, .nsource = 3, .ref_ttl = 20 };
	harness_start(&h);
	connect_();
}

static void setup(void)
{
	make_base();
	serve();
}

static void teardown(void)
{
	raw_close(&conn);
	harness_stop(&h);
	free((char *)(uintptr_t)source[0].pattern);
	free((char *)(uintptr_t)source[1].pattern);
	free((char *)(uintptr_t)source[2].path);
	free(base);
	free(seed);
}

/* ---- the client ---- */

struct seen {
	struct fh fh;
	struct fattr attr;
};

/* "" is the top. */
static uint32_t walk(const char *path, struct seen *ret)
{
	return call_walk(&conn, &top, *path ? path : ".", &ret->fh,
			 &ret->attr);
}

static uint32_t status_of(const char *path)
{
	struct seen s;

	return walk(path, &s);
}

static struct seen see(const char *path)
{
	struct seen s;

	ck_assert_msg(walk(path, &s) == N3_OK, "%s", path);
	ck_assert(s.attr.sent);
	return s;
}

static bool same(const struct seen *a, const struct seen *b)
{
	return fh_eq(&a->fh, &b->fh) && fattr_eq(&a->attr, &b->attr);
}

static uint32_t getattr(const struct fh *fh, struct fattr *ret)
{
	return call_getattr(&conn, fh, ret);
}

static struct fattr attr_of(const char *path)
{
	return see(path).attr;
}

static void holds(const struct fh *fh, const char *text)
{
	CLEANUP_WIRE struct wire data = { 0 };

	ck_assert_uint_eq(call_read_all(&conn, fh, 4096, &data), N3_OK);
	ck_assert_uint_eq(data.len, strlen(text));
	ck_assert(!memcmp(data.p, text, data.len));
}

static void pause_(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static void wait_for(const char *path, uint32_t status)
{
	for (int i = 0; i < PATIENCE; i++) {
		if (status_of(path) == status)
			return;
		pause_();
	}
	ck_abort_msg("%s does not become %u", path, status);
}

/* The names that a directory lists, without "." and "..", with a space
 * after each. */
static const char *listing(const char *path)
{
	CLEANUP_PAGE struct page page = { 0 };
	static char text[MEBI];
	struct seen dir = see(path);
	char *to = text;

	ck_assert_uint_eq(call_readdir(&conn, &dir.fh, 0, 0, MEBI, &page),
			  N3_OK);
	ck_assert(page.eof);
	ck_assert_uint_ge(page.n, 2);
	for (size_t i = 2; i < page.n; i++) {
		memcpy(to, page.entry[i].name, page.entry[i].len);
		to += page.entry[i].len;
		*to++ = ' ';
	}
	*to = '\0';
	return text;
}

static uint64_t sources(void)
{
	struct fs_space space;

	fs_space(h.fs, &space);
	return space.entries;
}

static struct fs_count count(unsigned kind)
{
	struct fs_stats stats;

	fs_stats(h.fs, &stats);
	return stats.kind[kind];
}

static unsigned long journal_lines(void)
{
	CLEANUP_FREE char *path = NULL;
	unsigned long n = 0;
	FILE *f;

	ck_assert_int_ge(asprintf(&path, "%s/state/journal", h.dir), 0);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	for (int c; (c = getc(f)) != EOF;)
		n += c == '\n';
	fclose(f);
	return n;
}

/* ---- names ---- */

START_TEST(any_owner_any_repository)
{
	CLEANUP_FREE char *main_id = git(seed, "rev-parse main");
	CLEANUP_WIRE struct wire text = { 0 };
	CLEANUP_FREE char *pinned = NULL, *target = NULL;
	struct seen link, a, b;

	ck_assert_str_eq(listing(""), "team deep one ");
	ck_assert_str_eq(listing("team"), "");
	ck_assert_uint_eq(attr_of("team/ann").type, DIR);
	ck_assert_str_eq(listing("team"), "");
	a = see("team/ann/tools/file");
	holds(&a.fh, "first\n");
	ck_assert_str_eq(listing("team"), "ann ");
	ck_assert_str_eq(listing("team/ann"), "tools tools@@ ");
	ck_assert_str_eq(listing("team/ann/tools"), "cold file sub ");

	b = see("team/ann/tools@v1/file");
	holds(&b.fh, "first\n");
	ck_assert(!fh_eq(&a.fh, &b.fh));
	b = see("team/ann/tools@dev%2Fnew/file");
	holds(&b.fh, "second\n");
	/* The first thing asked of a repository may be one of its refs. */
	b = see("team/bob/tools@dev%2Fnew/file");
	holds(&b.fh, "second\n");
	ck_assert_str_eq(listing("team"), "ann bob ");

	link = see("team/ann/tools@@");
	ck_assert_uint_eq(link.attr.type, LNK);
	ck_assert_int_ge(asprintf(&target, "tools@%s", main_id), 0);
	ck_assert_uint_eq(call_readlink(&conn, &link.fh, &text, NULL), N3_OK);
	ck_assert_uint_eq(text.len, strlen(target));
	ck_assert(!memcmp(text.p, target, text.len));
	ck_assert_int_ge(asprintf(&pinned, "team/ann/%s", target), 0);
	a = see(pinned);
	ck_assert_uint_eq(a.attr.mtime, 1600000000ull * 1000000000);
	ck_assert_uint_eq(a.attr.ctime, a.attr.mtime);

	ck_assert_uint_eq(status_of("team/ann@v1"), N3_NOENT);
	ck_assert_uint_eq(status_of("team/ann@@"), N3_NOENT);
	ck_assert_uint_eq(status_of("team/ann/tools@nothing"), N3_NOENT);
	ck_assert_uint_eq(status_of("team/ann/tools@dev/new"), N3_NOENT);
	ck_assert_uint_eq(status_of("one/two/solo/file"), N3_OK);
	ck_assert_uint_eq(status_of("one/two/other"), N3_NOENT);
	ck_assert_uint_eq(status_of("one/other"), N3_NOENT);
	ck_assert_str_eq(listing("one"), "two ");
	ck_assert_str_eq(listing("one/two"), "solo solo@@ ");
}
END_TEST

START_TEST(levels_of_levels)
{
	struct seen file = see("deep/org/group/repo/file");

	holds(&file.fh, "first\n");
	ck_assert_str_eq(listing("deep"), "org ");
	ck_assert_str_eq(listing("deep/org"), "group ");
	ck_assert_str_eq(listing("deep/org/group"), "repo repo@@ ");
	ck_assert_uint_eq(status_of("deep/org/group/none"), N3_NOENT);
	ck_assert_uint_eq(status_of("deep/org/repo/group"), N3_NOENT);
	ck_assert_uint_eq(status_of("deep/group/org/repo"), N3_NOENT);
}
END_TEST

/* From anywhere, ".." leads to where one came from, and at last to "/". */
START_TEST(the_way_up)
{
	static const char *const down[] = {
		"", "deep", "deep/org", "deep/org/group",
		"deep/org/group/repo", "deep/org/group/repo/sub",
		"deep/org/group/repo/sub/deep",
	};
	size_t i = sizeof down / sizeof *down - 1;
	struct seen at = see(down[i]);

	while (i--) {
		struct seen up, want = see(down[i]);

		ck_assert_uint_eq(call_find(&conn, &at.fh, "..", &up.fh,
					    &up.attr), N3_OK);
		ck_assert_msg(same(&up, &want), "%s", down[i]);
		ck_assert_uint_eq(call_find(&conn, &up.fh, ".", &at.fh,
					    &at.attr), N3_OK);
		ck_assert_msg(same(&at, &want), "%s", down[i]);
	}
	ck_assert(fh_eq(&at.fh, &top));
	ck_assert_uint_eq(call_find(&conn, &top, "..", &at.fh, NULL), N3_OK);
	ck_assert(fh_eq(&at.fh, &top));
}
END_TEST

/* What READDIRPLUS and READDIR say of each entry is what LOOKUP says. */
static void listing_agrees(const char *path)
{
	CLEANUP_PAGE struct page plus = { 0 }, plain = { 0 };
	struct seen dir = see(path);

	ck_assert_uint_eq(call_readdirplus(&conn, &dir.fh, 0, 0, MEBI, MEBI,
					   &plus), N3_OK);
	ck_assert_uint_eq(call_readdir(&conn, &dir.fh, 0, 0, MEBI, &plain),
			  N3_OK);
	ck_assert_uint_eq(plus.n, plain.n);
	for (size_t i = 0; i < plus.n; i++) {
		const struct entry *e = &plus.entry[i];
		struct seen s;

		ck_assert_uint_eq(call_lookup(&conn, &dir.fh, e->name, e->len,
					      &s.fh, &s.attr, NULL), N3_OK);
		ck_assert_uint_eq(e->cookie, plain.entry[i].cookie);
		ck_assert_uint_eq(e->fileid, s.attr.fileid);
		ck_assert_uint_eq(plain.entry[i].fileid, s.attr.fileid);
		if (e->attr.sent)
			ck_assert(fattr_eq(&e->attr, &s.attr));
		if (e->fh.len)
			ck_assert(fh_eq(&e->fh, &s.fh));
	}
}

static void listings_agree(void)
{
	static const char *const level[] = {
		"", "team", "team/ann", "team/bob", "team/none", "deep",
		"deep/org", "deep/org/group", "one", "one/two",
	};

	for (size_t i = 0; i < sizeof level / sizeof *level; i++)
		listing_agrees(level[i]);
}

START_TEST(listings_say_what_lookups_say)
{
	see("team/ann/tools");
	see("team/ann/notes@@");
	see("team/bob/tools");
	see("deep/org/group/repo");
	see("one/two/solo");
	/* As they stand, and all anew. */
	listings_agree();
	restart();
	listings_agree();
}
END_TEST

/* ---- what is no repository ---- */

START_TEST(what_is_not_there_leaves_nothing)
{
	static const char *const none[] = {
		"team/ann/none", "team/ann/none@v1", "team/ann/none@@",
		"team/ann/plain", "team/ann/file", "team/ann/tools@none",
		"team/ann/tools@0123456789abcdef0123456789abcdef01234567",
		"team/ann/tools.git", "nothing", "nothing/at/all",
	};
	unsigned long lines;
	uint64_t before, memory;
	char name[64];

	see("team/ann");
	lines = journal_lines();
	before = sources();
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		ck_assert_msg(status_of(none[i]) == N3_NOENT, "%s", none[i]);
	ck_assert_uint_eq(sources(), before);
	ck_assert_uint_eq(journal_lines(), lines);
	ck_assert_str_eq(listing("team"), "");
	ck_assert_str_eq(listing("team/ann"), "");

	memory = harness_memory();
	for (int i = 0; i < TRIES; i++) {
		snprintf(name, sizeof name, "team/ann/none%d", i);
		must(status_of(name) == N3_NOENT);
	}
	ck_assert_uint_eq(sources(), before);
	ck_assert_uint_eq(journal_lines(), lines);
	ck_assert_str_eq(listing("team/ann"), "");
	ck_assert_uint_lt(harness_memory(), memory + 8 * MEBI + 1);
	restart();
	ck_assert_uint_eq(sources(), before);
	ck_assert_uint_eq(status_of("team/ann/tools"), N3_OK);
}
END_TEST

static uint32_t find_bytes(const char *dir, const char *name, size_t len)
{
	struct seen d = see(dir);

	return call_lookup(&conn, &d.fh, name, len, NULL, NULL, NULL);
}

/* Nobody is asked about these. */
START_TEST(odd_names)
{
	static const char *const odd[] = {
		".DS_Store", "._x", ".git", ".gitmodules", "-x", "\n", "\x7f",
		"a\tb", "a b", "\xc3\xa9", "\xff", "?", "#", "a:b", "a\\b",
		"{repo}", "%2F", "autorun.inf", "node_modules", "@", "@@",
		"@v1", ".@@",
	};
	static const char *const level[] = { "team", "team/ann", "deep/org" };
	char longest[257];
	uint64_t roots, levels;

	memset(longest, 'x', sizeof longest);
	for (size_t l = 0; l < sizeof level / sizeof *level; l++) {
		see(level[l]);
		roots = count(KIND_ROOT).misses;
		levels = count(KIND_LEVEL).misses;
		for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
			ck_assert_msg(find_bytes(level[l], odd[i],
						 strlen(odd[i])) == N3_NOENT,
				      "%s/%s", level[l], odd[i]);
		ck_assert_uint_eq(find_bytes(level[l], "", 0), N3_NOENT);
		ck_assert_uint_eq(find_bytes(level[l], "a\0b", 3), N3_NOENT);
		ck_assert_uint_eq(find_bytes(level[l], "../ann", 6), N3_NOENT);
		ck_assert_uint_eq(find_bytes(level[l], longest, 101), N3_NOENT);
		ck_assert_uint_eq(find_bytes(level[l], longest, 255), N3_NOENT);
		ck_assert_uint_eq(find_bytes(level[l], longest, 256),
				  N3_NAMETOOLONG);
		ck_assert_uint_eq(count(KIND_ROOT).misses, roots);
		ck_assert_uint_eq(count(KIND_LEVEL).misses, levels);
		ck_assert_str_eq(listing(level[l]), "");
	}
	/* The counters do count. */
	ck_assert_uint_eq(status_of("team/ann/none"), N3_NOENT);
	ck_assert_uint_eq(count(KIND_ROOT).misses, roots + 1);
}
END_TEST

START_TEST(one_that_comes_later)
{
	struct timespec from, to;

	ck_assert_uint_eq(status_of("team/ann/later"), N3_NOENT);
	make_repo("git/ann/later.git");
	clock_gettime(CLOCK_MONOTONIC, &from);
	wait_for("team/ann/later/file", N3_OK);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ck_assert_int_le(to.tv_sec - from.tv_sec, 3);
	ck_assert_str_eq(listing("team/ann"), "later later@@ ");
}
END_TEST

/* Its name is none; those who are inside see what the server still has,
 * and an error instead of the rest: not that it is gone for good, since when
 * it is back all is as it was. */
START_TEST(one_that_goes)
{
	struct seen root = see("team/ann/tools"), file, cold, again;
	uint32_t status;
	struct fattr a;

	file = see("team/ann/tools/file");
	cold = see("team/ann/tools/cold");
	holds(&file.fh, "first\n");
	shell("mv '%s/git/ann/tools.git' '%s/away'", base, base);
	wait_for("team/ann/tools", N3_NOENT);
	for (int round = 0; round < 2; round++) {
		ck_assert_uint_eq(status_of("team/ann/tools"), N3_NOENT);
		ck_assert_uint_eq(status_of("team/ann/tools/file"), N3_NOENT);
		ck_assert_uint_eq(status_of("team/ann/tools@@"), N3_NOENT);
		ck_assert(!strncmp(listing("team/ann"), "tools tools@@ ", 14));
		ck_assert_uint_eq(getattr(&root.fh, &a), N3_OK);
		ck_assert(fattr_eq(&a, &root.attr));
		status = call_find(&conn, &cold.fh, "file", NULL, NULL);
		ck_assert_msg(status == N3_IO || (!round && status == N3_OK),
			      "%u", status);
		status = getattr(&file.fh, &a);
		ck_assert_uint_eq(status, round ? N3_IO : N3_OK);
		ck_assert_uint_eq(status_of("team/ann/notes"), N3_OK);
		if (!round)
			restart();
	}
	shell("mv '%s/away' '%s/git/ann/tools.git'", base, base);
	wait_for("team/ann/tools/cold/file", N3_OK);
	again = see("team/ann/tools");
	ck_assert(same(&again, &root));
	again = see("team/ann/tools/file");
	ck_assert(same(&again, &file));
	holds(&file.fh, "first\n");
}
END_TEST

/* ---- restarts ---- */

static const char *const everything[] = {
	"", "team", "team/ann", "team/none", "team/ann/tools",
	"team/ann/tools/file", "team/ann/tools/sub/deep",
	"team/ann/tools@@", "team/ann/tools@dev%2Fnew",
	"team/ann/tools@dev%2Fnew/file", "team/bob", "team/bob/tools@v1",
	"deep", "deep/org", "deep/empty", "deep/empty/too", "deep/org/group",
	"deep/org/group/repo/sub", "one", "one/two", "one/two/solo",
};

enum { EVERYTHING = sizeof everything / sizeof *everything };

/* By handle and by name; 'but_levels': whose times are another matter, and
 * which alone have both the same. */
static void all_as_before(const struct seen *before, bool but_levels)
{
	for (size_t i = 0; i < EVERYTHING; i++) {
		struct fattr a;
		struct seen s;

		ck_assert_msg(getattr(&before[i].fh, &a) == N3_OK, "%s",
			      everything[i]);
		s = see(everything[i]);
		ck_assert_msg(fh_eq(&s.fh, &before[i].fh), "%s",
			      everything[i]);
		if (but_levels && before[i].attr.mtime == before[i].attr.ctime)
			continue;
		ck_assert_msg(fattr_eq(&a, &before[i].attr), "%s",
			      everything[i]);
		ck_assert_msg(fattr_eq(&s.attr, &before[i].attr), "%s",
			      everything[i]);
	}
}

static void see_everything(struct seen *ret)
{
	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < EVERYTHING; i++)
			ret[i] = see(everything[i]);
}

START_TEST(all_lives_through_restarts)
{
	struct seen before[EVERYTHING];
	uint64_t n;

	see_everything(before);
	n = sources();
	for (int i = 0; i < 3; i++) {
		restart();
		all_as_before(before, false);
		ck_assert_str_eq(listing("team"), "ann bob ");
		ck_assert_str_eq(listing("deep"), "org ");
		ck_assert_str_eq(listing("team/ann"), "tools tools@@ ");
		ck_assert_uint_eq(sources(), n);
	}
}
END_TEST

/* Say again what it says last, until most of it is superfluous. */
static void bloat_journal(void)
{
	shell("cd '%s/state' && for i in $(seq 400); do grep '^top' journal | "
	      "tail -n 1; done >more && cat more >>journal && rm more",
	      h.dir);
}

START_TEST(the_journal_is_compacted)
{
	struct seen before[EVERYTHING];
	unsigned long lines;

	see_everything(before);
	lines = journal_lines();
	raw_close(&conn);
	bloat_journal();
	ck_assert_uint_ge(journal_lines(), lines + 400);
	harness_restart(&h);
	connect_();
	ck_assert_uint_le(journal_lines(), lines);
	all_as_before(before, false);
	restart();
	all_as_before(before, false);
}
END_TEST

START_TEST(a_root_goes_and_comes_back)
{
	struct seen before[EVERYTHING];
	struct fattr a;

	see_everything(before);
	/* Without "team", "deep" first: compacted meanwhile, or not. */
	h.source = &source[1];
	h.nsource = 2;
	for (int i = 0; i <= _i; i++) {
		if (_i)
			bloat_journal();
		restart();
	}
	for (size_t i = 0; i < EVERYTHING; i++) {
		bool gone = !strncmp(everything[i], "team", 4);

		ck_assert_msg(getattr(&before[i].fh, &a) ==
			      (gone ? N3_STALE : N3_OK), "%s", everything[i]);
		ck_assert_msg(status_of(everything[i]) ==
			      (gone ? N3_NOENT : N3_OK), "%s", everything[i]);
	}
	ck_assert_str_eq(listing(""), "deep one ");
	h.source = source;
	h.nsource = 3;
	restart();
	all_as_before(before, true);
	ck_assert_str_eq(listing("team"), "ann bob ");
	/* The list of roots is another one than before. */
	ck_assert_uint_gt(attr_of("").ctime, before[0].attr.ctime);
}
END_TEST

/* ---- listings that grow ---- */

static void make_numbered(unsigned from, unsigned n)
{
	char name[64];

	for (unsigned i = from; i < from + n; i++) {
		snprintf(name, sizeof name, "git/ann/r%u.git", i);
		make_repo(name);
	}
}

/* Listed in the order in which they were made; a client that is in the
 * middle of the list when it grows gets all the rest. */
START_TEST(a_listing_grows)
{
	struct seen level = see("team/ann");
	uint64_t cookie = 0, verf = 0;
	unsigned made = 0, got = 0;
	bool eof = false;
	char name[64];

	make_numbered(0, 60);
	while (!eof) {
		CLEANUP_PAGE struct page page = { 0 };

		for (unsigned i = 0; i < 6 && made < 60; i++) {
			snprintf(name, sizeof name, "team/ann/r%u", made++);
			see(name);
		}
		ck_assert_uint_eq(call_readdir(&conn, &level.fh, cookie, verf,
					       330, &page), N3_OK);
		for (size_t i = 0; i < page.n; i++) {
			const struct entry *e = &page.entry[i];

			ck_assert_uint_gt(e->cookie, cookie);
			cookie = e->cookie;
			if (*e->name == '.')
				continue;
			snprintf(name, sizeof name, "r%u%s", got / 2,
				 got % 2 ? "@@" : "");
			got++;
			ck_assert_uint_eq(e->len, strlen(name));
			ck_assert(!memcmp(e->name, name, e->len));
		}
		verf = page.verf;
		eof = page.eof;
	}
	ck_assert_uint_eq(made, 60);
	ck_assert_uint_eq(got, 120);
}
END_TEST

/* A level's times move when it lists something new, and at no other time but
 * for a name that was not there. */
START_TEST(times_move_with_the_list)
{
	static const char *const first[] = {
		"team/ann/r0", "team/ann/r1@v1", "team/ann/r2@@",
		"team/ann/r3/file", "team/ann/r4@",
	};
	static const char *const quiet[] = {
		"team/ann/r0", "team/ann/r0@v1", "team/ann/r0@dev%2Fnew",
		"team/ann/r1", "team/ann/r1@@", "team/ann/.x", "team/new",
		"team/new/none", "deep/org", "team/ann/none",
	};
	CLEANUP_FREE char *id = git(seed, "rev-parse main");
	struct fattr ann, team, root, now;
	char name[128];

	make_numbered(0, 5);
	see("team/ann");
	for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
		size_t len = strlen(first[i]);

		ann = attr_of("team/ann");
		team = attr_of("team");
		root = attr_of("");
		snprintf(name, sizeof name, "%s%s", first[i],
			 first[i][len - 1] == '@' && i == 4 ? id : "");
		ck_assert_uint_eq(status_of(name), N3_OK);
		now = attr_of("team/ann");
		ck_assert_msg(now.mtime > ann.mtime, "%s", name);
		ck_assert_msg(now.ctime > ann.ctime, "%s", name);
		now = attr_of("team");
		ck_assert_msg((now.ctime > team.ctime) == !i, "%s", name);
		now = attr_of("");
		ck_assert(fattr_eq(&now, &root));
	}
	see("team/ann/r1");
	ann = attr_of("team/ann");
	team = attr_of("team");
	restart();
	now = attr_of("team/ann");
	ck_assert(fattr_eq(&now, &ann));
	now = attr_of("team");
	ck_assert(fattr_eq(&now, &team));
	for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++) {
		status_of(quiet[i]);
		now = attr_of("team/ann");
		ck_assert_msg(fattr_eq(&now, &ann), "%s", quiet[i]);
		now = attr_of("team");
		ck_assert_msg(fattr_eq(&now, &team), "%s", quiet[i]);
	}
	/* Some were not there, which clients believe as long as they stay. */
	restart();
	now = attr_of("team/ann");
	ck_assert(now.mtime > ann.mtime && now.ctime > ann.ctime);
}
END_TEST

/* ---- all at once ---- */

struct client {
	pthread_t thread;
	pthread_barrier_t *start;
	struct fh level;
	const char *name;
	struct fh got;
	uint64_t fileid;
	uint32_t status;
};

static void *client(void *arg)
{
	struct client *c = arg;
	CLEANUP_RAW struct raw own;
	struct fattr a;

	raw_open(&own, h.port);
	pthread_barrier_wait(c->start);
	c->status = call_find(&own, &c->level, c->name, &c->got, &a);
	c->fileid = c->status ? 0 : a.fileid;
	return NULL;
}

/* All look up names of one directory, which nobody has looked up before. */
static void at_once(struct client all[CLIENTS], const char *level,
		    const char *const name[CLIENTS])
{
	struct seen in = see(level);
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, CLIENTS);
	for (int i = 0; i < CLIENTS; i++) {
		all[i] = (struct client){
			.start = &start,
			.level = in.fh,
			.name = name[i],
		};
		must(!pthread_create(&all[i].thread, NULL, client, &all[i]));
	}
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(all[i].thread, NULL);
	pthread_barrier_destroy(&start);
}

START_TEST(many_make_one)
{
	enum { ROUNDS = 40 };
	struct client all[CLIENTS];
	char name[32], path[64];

	make_numbered(0, ROUNDS);
	see("team/ann");
	for (unsigned i = 0; i < ROUNDS; i++) {
		const char *names[CLIENTS];
		uint64_t n = sources(), asked = count(KIND_ROOT).misses;
		unsigned long lines = journal_lines();

		snprintf(name, sizeof name, "r%u", i);
		for (int j = 0; j < CLIENTS; j++)
			names[j] = name;
		at_once(all, "team/ann", names);
		for (int j = 0; j < CLIENTS; j++) {
			ck_assert_uint_eq(all[j].status, N3_OK);
			ck_assert(fh_eq(&all[j].got, &all[0].got));
		}
		ck_assert_uint_eq(sources(), n + 1);
		/* Asked once; written down once. */
		ck_assert_uint_eq(count(KIND_ROOT).misses, asked + 1);
		ck_assert_uint_eq(journal_lines(), lines + 2);

		snprintf(name, sizeof name, "o%u", i);
		asked = count(KIND_LEVEL).misses;
		at_once(all, "team", names);
		for (int j = 0; j < CLIENTS; j++) {
			ck_assert_uint_eq(all[j].status, N3_OK);
			ck_assert(fh_eq(&all[j].got, &all[0].got));
		}
		ck_assert_uint_eq(count(KIND_LEVEL).misses, asked + 1);
		ck_assert_uint_eq(journal_lines(), lines + 3);
		snprintf(path, sizeof path, "team/%s", name);
		ck_assert_str_eq(listing(path), "");
	}
}
END_TEST

/* By different refs, and some that are not there: still one source. */
START_TEST(many_refs_make_one)
{
	enum { ROUNDS = 20 };
	struct client all[CLIENTS];

	make_numbered(0, ROUNDS);
	see("team/ann");
	for (unsigned i = 0; i < ROUNDS; i++) {
		static const char *const ref[CLIENTS] = {
			"", "@main", "@v1", "@dev%2Fnew", "@@", "@none",
			"@HEAD", "@main",
		};
		char name[CLIENTS][32];
		const char *names[CLIENTS];
		uint64_t n = sources();

		for (int j = 0; j < CLIENTS; j++) {
			snprintf(name[j], sizeof name[j], "r%u%s", i, ref[j]);
			names[j] = name[j];
		}
		at_once(all, "team/ann", names);
		for (int j = 0; j < CLIENTS; j++)
			ck_assert_msg(all[j].status ==
				      (j == 5 ? N3_NOENT : N3_OK), "%s: %u",
				      names[j], all[j].status);
		ck_assert(fh_eq(&all[1].got, &all[7].got));
		ck_assert_uint_eq(sources(), n + 1);
	}
	listing_agrees("team/ann");
}
END_TEST

/* ---- very many ---- */

static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < DESCRIPTORS; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The usual time of a LOOKUP of one of the first 'n', which all have been
 * looked up before, in microseconds. */
static double lookup_us(const struct fh *level, unsigned n)
{
	enum { SAMPLES = 2000 };
	static double t[SAMPLES];
	char name[32];

	for (unsigned i = 0; i < SAMPLES; i++) {
		snprintf(name, sizeof name, "r%u", i * 7919 % n);
		t[i] = now_us();
		must(call_find(&conn, level, name, NULL, NULL) == N3_OK);
		t[i] = now_us() - t[i];
	}
	qsort(t, SAMPLES, sizeof *t, by_value);
	return t[SAMPLES / 2];
}

START_TEST(very_many)
{
	enum { FEW = 100 };
	unsigned n = harness_slow() ? MANY : SOME, fds;
	struct source all = { .name = "many" };
	CLEANUP_FREE char *pattern = path_of("%s/%s/{repo}", "many");
	CLEANUP_FREE struct fh *fh = calloc(n, sizeof *fh);
	double few_us = 0, many_us, use_us;
	clock_t start;
	struct seen level;
	uint64_t memory;
	char name[64];

	for (unsigned i = 0; i < n; i++) {
		snprintf(name, sizeof name, "many/r%u", i);
		make_repo(name);
	}
	all.pattern = pattern;
	h.source = &all;
	h.nsource = 1;
	/* No ref is looked at twice while the clock is watched. */
	h.ref_ttl = 3600000;
	restart();
	level = see("many");
	memory = harness_memory();
	fds = descriptors();
	use_us = now_us();
	for (unsigned i = 0; i < n; i++) {
		struct fh file;

		if (i == FEW)
			few_us = lookup_us(&level.fh, FEW);
		snprintf(name, sizeof name, "r%u", i);
		must(call_find(&conn, &level.fh, name, &fh[i], NULL) == N3_OK);
		must(call_find(&conn, &fh[i], "file", &file, NULL) == N3_OK);
	}
	use_us = now_us() - use_us;
	/* Other programs run, too. */
	for (int i = 0; !i || (i < 10 && many_us >= 3 * few_us + 20); i++)
		many_us = lookup_us(&level.fh, n);
	memory = harness_memory() - memory;
	fds = descriptors() - fds;
	ck_assert_uint_eq(sources(), n);

	raw_close(&conn);
	harness_halt(&h);
	start = clock();        /* CPU time: other programs run, too */
	harness_resume(&h);
	start = clock() - start;
	connect_();
	ck_assert_uint_eq(sources(), n);
	for (unsigned i = 0; i < n; i += n / 100) {
		struct fh again;

		snprintf(name, sizeof name, "r%u", i);
		must(getattr(&fh[i], NULL) == N3_OK);
		must(call_find(&conn, &level.fh, name, &again, NULL) == N3_OK);
		must(fh_eq(&again, &fh[i]));
	}
	printf("%u repositories: %.0f us for the first use of one; LOOKUP %.1f "
	       "us with %d of them, %.1f us with all; %" PRIu64 " KiB and %u "
	       "descriptors more; %.1f ms of CPU to start again\n", n,
	       use_us / n, few_us, FEW, many_us, memory >> 10, fds,
	       1e3 * (double)start / CLOCKS_PER_SEC);
	fflush(stdout);
	ck_assert_uint_lt(memory, 16 * MEBI + n * 4096ull);
	ck_assert_uint_lt(fds, 200);
	ck_assert(many_us < 3 * few_us + 20);
	if (harness_memory())   /* without a sanitizer */
		ck_assert(start < CLOCKS_PER_SEC / 10);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, any_owner_any_repository);
	tcase_add_test(c, levels_of_levels);
	tcase_add_test(c, the_way_up);
	tcase_add_test(c, listings_say_what_lookups_say);
	tcase_add_test(c, what_is_not_there_leaves_nothing);
	tcase_add_test(c, odd_names);
	tcase_add_test(c, one_that_comes_later);
	tcase_add_test(c, one_that_goes);
	tcase_add_test(c, all_lives_through_restarts);
	tcase_add_test(c, the_journal_is_compacted);
	tcase_add_loop_test(c, a_root_goes_and_comes_back, 0, 2);
	tcase_add_test(c, a_listing_grows);
	tcase_add_test(c, times_move_with_the_list);
	tcase_add_test(c, many_make_one);
	tcase_add_test(c, many_refs_make_one);
	tcase_add_test(c, very_many);
}

int main(void)
{
	return harness_main("levels", 300, add, NULL);
}
