/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/levels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "test/scratch.h"

struct harness h;
struct source source[3];
struct raw conn;
struct fh top;
char *base;
char *seed;

enum { PATIENCE = 10000 };

/* ---- repositories ---- */

char *path_of(const char *fmt, const char *name)
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

void make_repo(const char *name)
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

void connect_(void)
{
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
}

void restart(void)
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

void setup(void)
{
	make_base();
	serve();
}

void teardown(void)
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

/* "" is the top. */
static uint32_t walk(const char *path, struct seen *ret)
{
	return call_walk(&conn, &top, *path ? path : ".", &ret->fh,
			 &ret->attr);
}

uint32_t status_of(const char *path)
{
	struct seen s;

	return walk(path, &s);
}

struct seen see(const char *path)
{
	struct seen s;

	ck_assert_msg(walk(path, &s) == N3_OK, "%s", path);
	ck_assert(s.attr.sent);
	return s;
}

bool same(const struct seen *a, const struct seen *b)
{
	return fh_eq(&a->fh, &b->fh) && fattr_eq(&a->attr, &b->attr);
}

uint32_t getattr(const struct fh *fh, struct fattr *ret)
{
	return call_getattr(&conn, fh, ret);
}

struct fattr attrs_of(const char *path)
{
	return see(path).attr;
}

void holds(const struct fh *fh, const char *text)
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

void wait_for(const char *path, uint32_t status)
{
	for (int i = 0; i < PATIENCE; i++) {
		if (status_of(path) == status)
			return;
		pause_();
	}
	ck_abort_msg("%s does not become %u", path, status);
}

const char *listing(const char *path)
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

uint64_t sources(void)
{
	struct fs_space space;

	fs_space(h.fs, &space);
	return space.entries;
}

struct fs_count count(unsigned kind)
{
	struct fs_stats stats;

	fs_stats(h.fs, &stats);
	return stats.kind[kind];
}

unsigned long journal_lines(void)
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

void listing_agrees(const char *path)
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

void make_numbered(unsigned from, unsigned n)
{
	char name[64];

	for (unsigned i = from; i < from + n; i++) {
		snprintf(name, sizeof name, "git/ann/r%u.git", i);
		make_repo(name);
	}
}
