/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The state directory, its key and its journal. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/state.h"
#include "common/cleanup.h"
#include "test/scratch.h"
#include "test/suite.h"

static char *dir;

static void setup(void)
{
	dir = scratch_dir();
}

static void teardown(void)
{
	free(dir);
}

/* ---- files ---- */

static char *path(const char *file)
{
	char *p;

	ck_assert_int_gt(asprintf(&p, "%s/%s", dir, file), 0);
	return p;
}

static void put_file(const char *file, const void *data, size_t len)
{
	CLEANUP_FREE char *name = path(file);
	FILE *out = fopen(name, "w");

	ck_assert_ptr_nonnull(out);
	ck_assert_uint_eq(fwrite(data, 1, len, out), len);
	ck_assert_int_eq(fclose(out), 0);
}

static char *get_file(const char *file, size_t *len)
{
	CLEANUP_FREE char *name = path(file);
	FILE *in = fopen(name, "r");
	char *data;

	ck_assert_ptr_nonnull(in);
	fseek(in, 0, SEEK_END);
	*len = (size_t)ftell(in);
	rewind(in);
	data = calloc(1, *len + 1);
	ck_assert_uint_eq(fread(data, 1, *len, in), *len);
	fclose(in);
	return data;
}

static mode_t mode_of(const char *file)
{
	CLEANUP_FREE char *name = path(file);
	struct stat st;

	ck_assert_int_eq(stat(name, &st), 0);
	return st.st_mode & 07777;
}

/* ---- states ---- */

static struct state *open_in(const char *name)
{
	char why[STATE_WHY] = "";
	struct state *s = NULL;
	int r = state_open(&s, name, why);

	ck_assert_msg(!r, "%s", why);
	return s;
}

/* It fails with 'err' and one line that has 'text' in it. */
static void check_fails(const char *name, int err, const char *text)
{
	char why[STATE_WHY] = "";
	struct state *s = NULL;

	ck_assert_int_eq(state_open(&s, name, why), err);
	ck_assert_ptr_null(s);
	ck_assert_msg(strstr(why, text) != NULL, "\"%s\"", why);
	ck_assert_msg(strstr(why, name) != NULL, "\"%s\"", why);
	ck_assert_ptr_null(strchr(why, '\n'));
}

/* What the journal says, in a form of the test's own. */
struct record {
	FILE *out;
	char *text;
	size_t len;
	int err;                /* to give up with, at a "top" */
};

static int on_level(void *arg, const struct state_level *l)
{
	struct record *rec = arg;

	fprintf(rec->out, "level %llx [%s]\n", (unsigned long long)l->id,
		l->path);
	return 0;
}

static int on_root(void *arg, const struct state_root *r)
{
	struct record *rec = arg;

	fprintf(rec->out, "root %llx [%s] [%s] %s[%s]\n",
		(unsigned long long)r->id, r->name, r->location,
		r->ref ? "" : "default", r->ref ? r->ref : "");
	return 0;
}

static int on_move(void *arg, const struct state_move *m)
{
	struct record *rec = arg;
	char commit[OID_HEX + 1], tree[OID_HEX + 1];

	oid_hex(&m->commit, commit);
	oid_hex(&m->tree, tree);
	fprintf(rec->out, "move %llx [%s] [%s] %lld %ld %lld %ld\n",
		(unsigned long long)m->id, commit, tree,
		(long long)m->mtime.tv_sec, m->mtime.tv_nsec,
		(long long)m->ctime.tv_sec, m->ctime.tv_nsec);
	return 0;
}

static int on_top(void *arg, const struct state_top *t)
{
	struct record *rec = arg;

	fprintf(rec->out, "top %llx %lld %ld\n", (unsigned long long)t->hash,
		(long long)t->time.tv_sec, t->time.tv_nsec);
	return rec->err;
}

static const struct state_reader reader = {
	.level = on_level,
	.root = on_root,
	.move = on_move,
	.top = on_top,
};

static int append(struct state *s, const struct state_root *root,
		  const struct state_move *move, const struct state_top *top)
{
	return state_append(s, &(struct state_facts){
		.root = root,
		.move = move,
		.top = top,
	});
}

static char *read_journal(struct state *s)
{
	char why[STATE_WHY] = "";
	struct record rec = { .err = 0 };
	int r;

	rec.out = open_memstream(&rec.text, &rec.len);
	r = state_read(s, &reader, &rec, why);
	fclose(rec.out);
	ck_assert_msg(!r, "%s", why);
	return rec.text;
}

/* Open, read and compare. */
static struct state *open_expecting(const char *text)
{
	struct state *s = open_in(dir);
	CLEANUP_FREE char *got = read_journal(s);

	ck_assert_str_eq(got, text);
	return s;
}

static void check_journal(const char *text)
{
	state_close(open_expecting(text));
}

static void append_top(struct state *s, uint64_t n)
{
	struct state_top t = { n, { .tv_sec = 7 } };

	ck_assert_int_eq(append(s, NULL, NULL, &t), 0);
}

/* ---- the key ---- */

START_TEST(key_is_made_once)
{
	struct state *s;
	uint8_t secret[STATE_SECRET], zero[STATE_SECRET] = { 0 };

	umask(0);
	s = open_in(dir);
	memcpy(secret, state_secret(s), sizeof secret);
	ck_assert_mem_ne(secret, zero, sizeof secret);
	ck_assert_uint_eq(mode_of("key"), 0600);
	state_close(s);
	for (int i = 0; i < 2; i++) {
		s = open_in(dir);
		ck_assert_mem_eq(secret, state_secret(s), sizeof secret);
		state_close(s);
	}
	state_close(NULL);
}
END_TEST

START_TEST(key_is_another_elsewhere)
{
	CLEANUP_FREE char *other = scratch_dir();
	struct state *s = open_in(dir), *t = open_in(other);

	ck_assert_mem_ne(state_secret(s), state_secret(t), STATE_SECRET);
	state_close(s);
	state_close(t);
}
END_TEST

/* Left by a crash, or laid there by somebody. */
START_TEST(key_is_nobodys_who_left_one_half_made)
{
	CLEANUP_FREE char *name = path("key.new");

	put_file("key.new", "0123", 4);
	ck_assert_int_eq(chmod(name, 0666), 0);
	state_close(open_in(dir));
	ck_assert_uint_eq(mode_of("key"), 0600);
}
END_TEST

START_TEST(damaged_key_is_not_replaced)
{
	static const char good[] = "00112233445566778899aabbccddeeff"
				   "00112233445566778899aabbccddeeff";
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
		{ "", 0 }, { "\n", 1 }, { "hello\n", 6 }, { good, 63 },
		{ "0011223344556677889 aabbccddeeff"
		  "00112233445566778899aabbccddeeff\n", 65 },
		{ "00112233445566778899aabbccddeeff"
		  "00112233445566778899aabbccddeeff00\n", 67 },
		{ "\0000112233445566778899aabbccddeeff"
		  "00112233445566778899aabbccddeef\n", 64 },
	};
	struct state *s;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		CLEANUP_FREE char *after = NULL;
		size_t len;

		put_file("key", bad[i].text, bad[i].len);
		check_fails(dir, -EINVAL, "restore it, or remove it");
		after = get_file("key", &len);
		ck_assert_uint_eq(len, bad[i].len);
		ck_assert_mem_eq(after, bad[i].text, len);
	}
	put_file("key", good, 64);      /* an editor took the newline */
	s = open_in(dir);
	ck_assert_uint_eq(state_secret(s)[31], 0xff);
	state_close(s);
}
END_TEST

/* ---- the directory ---- */

START_TEST(directory_is_made_with_its_parents)
{
	CLEANUP_FREE char *deep = path("a/b/c");
	struct state *s = open_in(deep);

	state_close(s);
	ck_assert_uint_eq(mode_of("a/b/c"), 0700);
	ck_assert_uint_eq(mode_of("a/b/c/key"), 0600);
}
END_TEST

START_TEST(directory_may_end_in_a_slash)
{
	CLEANUP_FREE char *deep = path("a//");

	state_close(open_in(deep));
	state_close(open_in(deep));
}
END_TEST

START_TEST(impossible_directories)
{
	CLEANUP_FREE char *below = path("file/state");
	CLEANUP_FREE char *file = path("file");
	CLEANUP_FREE char *key = path("key");
	CLEANUP_FREE char *closed = path("closed");
	CLEANUP_FREE char *closed_below = path("closed/state");

	put_file("file", "", 0);
	check_fails(below, -ENOTDIR, "state directory");
	check_fails(file, -ENOTDIR, "state directory");
	check_fails("", -ENOENT, "state directory");
	ck_assert_int_eq(mkdir(key, 0700), 0);
	check_fails(dir, -EISDIR, "key");
	if (!geteuid())
		return;                 /* root may do the rest */
	ck_assert_int_eq(mkdir(closed, 0500), 0);
	check_fails(closed, -EACCES, "lock");
	check_fails(closed_below, -EACCES, "state directory");
}
END_TEST

START_TEST(journal_that_is_none)
{
	CLEANUP_FREE char *name = path("journal");
	char why[STATE_WHY] = "";
	struct state *s = open_in(dir);

	ck_assert_int_eq(mkdir(name, 0700), 0);
	ck_assert_int_eq(state_read(s, &reader, NULL, why), -EISDIR);
	ck_assert_ptr_nonnull(strstr(why, name));
	state_close(s);
}
END_TEST

START_TEST(one_server_at_a_time)
{
	struct state *s = open_in(dir);
	pid_t pid;
	int status;

	check_fails(dir, -EBUSY, "another gitnfsd");
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		char why[STATE_WHY];
		struct state *t;

		_exit(state_open(&t, dir, why) == -EBUSY ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	check_fails(dir, -EBUSY, "--state-dir");
	state_close(s);
	state_close(open_in(dir));
}
END_TEST

/* A crash gives the directory free: the lock is the process's. */
START_TEST(dead_server_holds_nothing)
{
	int status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (!pid) {
		static struct state *volatile left;

		left = open_in(dir);
		raise(left ? SIGKILL : SIGTERM);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	state_close(open_in(dir));
}
END_TEST

/* ---- the journal ---- */

static const struct oid sha1 = { OID_SHA1, { 0xab, [19] = 0x01 } };
static const struct oid sha256 = { OID_SHA256, { 0xcd, [31] = 0x02 } };
static const struct oid none = { .len = 0 };

START_TEST(journal_comes_back)
{
	struct state_root r = { 0xfedcba9876543210, "linux", "/srv/linux.git",
				"v6.8" };
	struct state_move m = { 1, sha1, sha256, { 1700000000, 1 },
				{ 1700000001, 999999999 } };
	struct state_top t = { UINT64_MAX, { 4294967295, 0 } };
	struct state *s = open_expecting("");

	ck_assert_uint_eq(mode_of("journal"), 0600);
	ck_assert_int_eq(append(s, &r, NULL, NULL), 0);
	ck_assert_int_eq(append(s, NULL, &m, NULL), 0);
	ck_assert_int_eq(append(s, NULL, NULL, &t), 0);
	r.ref = NULL;
	m.commit = none;
	m.mtime = (struct timespec){ 0, 0 };
	ck_assert_int_eq(append(s, &r, &m, &t), 0);
	ck_assert_uint_eq(state_lines(s), 6);
	state_close(s);

	s = open_expecting(
		"root fedcba9876543210 [linux] [/srv/linux.git] [v6.8]\n"
		"move 1 [ab00000000000000000000000000000000000001] "
		"[cd0000000000000000000000000000000000000000000000000000000000"
		"0002] 1700000000 1 1700000001 999999999\n"
		"top ffffffffffffffff 4294967295 0\n"
		"root fedcba9876543210 [linux] [/srv/linux.git] default[]\n"
		"move 1 [] "
		"[cd0000000000000000000000000000000000000000000000000000000000"
		"0002] 0 0 1700000001 999999999\n"
		"top ffffffffffffffff 4294967295 0\n");
	ck_assert_uint_eq(state_lines(s), 6);
	state_close(s);
}
END_TEST

START_TEST(odd_names_come_back)
{
	static const char *const odd[] = {
		"a b", " ", "  ", "\n", "a\nroot", "\t", "%", "%20", "%%",
		"100%", "-", "--", "-x", "caf\xc3\xa9", "\xff\xfe\x80",
		"\x01\x7f", "\r", "root", "'\"\\`$",
	};
	CLEANUP_FREE char *expect = NULL;
	struct state *s = open_expecting("");
	char all[256], huge[5000];
	size_t len;
	FILE *out = open_memstream(&expect, &len);

	for (int c = 1; c < 256; c++)
		all[c - 1] = (char)c;
	all[255] = '\0';
	memset(huge, ' ', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	for (size_t i = 0; i < sizeof odd / sizeof *odd + 2; i++) {
		const char *name = i < sizeof odd / sizeof *odd ? odd[i] :
				   i & 1 ? all : huge;
		struct state_root r = { i, name, name, name };

		ck_assert_int_eq(append(s, &r, NULL, NULL), 0);
		on_root(&(struct record){ .out = out }, &r);
	}
	fclose(out);
	state_close(s);
	check_journal(expect);
}
END_TEST

START_TEST(torn_last_line_is_dropped)
{
	CLEANUP_FREE char *whole = NULL;
	struct state_root r = { 0xabc, "a name", "/loc", "main" };
	struct state *s = open_expecting("");
	size_t len, first;
	char *journal = path("journal");

	append_top(s, 1);
	free(get_file("journal", &first));
	ck_assert_int_eq(append(s, &r, NULL, NULL), 0);
	state_close(s);
	whole = get_file("journal", &len);
	ck_assert_uint_gt(len, first + 20);
	for (size_t cut = first; cut < len; cut++) {
		ck_assert_int_eq(truncate(journal, (off_t)cut), 0);
		s = open_expecting("top 1 7 0\n");
		ck_assert_uint_eq(state_lines(s), 1);
		append_top(s, 2);
		state_close(s);
		check_journal("top 1 7 0\ntop 2 7 0\n");
		put_file("journal", whole, len);
	}
	check_journal("top 1 7 0\nroot abc [a name] [/loc] [main]\n");
	free(journal);
}
END_TEST

START_TEST(garbage_lines_are_passed_over)
{
	static const char text[] =
		"top 0000000000000001 7.000000000\n"
		"\n"
		" \n"
		"bottom 0000000000000001 7.000000000\n"
		"top\n"
		"top 1 7.000000000\n"
		"top 0000000000000001\n"
		"top 0000000000000001 7\n"
		"top 0000000000000001 7.0\n"
		"top 0000000000000001 7.00000000x\n"
		"top 0000000000000001 7.-00000001\n"
		"top 0000000000000001 x.000000000\n"
		"top 000000000000000g 7.000000000\n"
		"top 0000000000000001 7.000000000 more\n"
		"top 0000000000000001 7.000000000 \n"
		"top 0000000000000001  7.000000000\n"
		"top 0000000000000001 7.0000000001\n"
		"top 0000000000000001 1234567890123456789.000000000\n"
		"top 0000000000000001 -.000000000\n"
		"topp 0000000000000001 7.000000000\n"
		"move 0000000000000001\n"
		"move 0000000000000001 - -\n"
		"root 0000000000000001\n"
		"root\n"
		"top 0000000000000001 7.000000000 a b c d e f g h i j k l\n"
		"root 0000000000000001 a b\n"
		"root 0000000000000001 a%2 b c\n"
		"root 0000000000000001 a b c%zz\n"
		"root 0000000000000001 a%00 b c\n"
		"root 0000000000000001 a% b c\n"
		"root 0000000000000001 a b c d\n"
		"root zz a b c\n"
		"move 0000000000000001 - - 1.000000000\n"
		"move 0000000000000001 abc - 1.000000000 1.000000000\n"
		"move 0000000000000001 - - 1.000000000 1.1\n"
		"move 0000000000000001 "
			"0123456789012345678901234567890123456789a - "
			"1.000000000 1.000000000\n"
		"move 0000000000000001 "
			"012345678901234567890123456789012345678 - "
			"1.000000000 1.000000000\n"
		"move 0000000000000001 -- - 1.000000000 1.000000000\n"
		"\0\0\0\0\n"
		"top\0 0000000000000001 7.000000000\n"
		"\xff\xfe\x80\n"
		"root 0000000000000002 a b -\n"
		"move 0000000000000002 - - 1.000000000 2.000000000\n"
		"top 0000000000000003 7.000000000\n";
	struct state *s;

	state_close(open_expecting(""));
	put_file("journal", text, sizeof text - 1);
	s = open_expecting("top 1 7 0\nroot 2 [a] [b] default[]\n"
			   "move 2 [] [] 1 0 2 0\ntop 3 7 0\n");
	ck_assert_uint_eq(state_lines(s), 44);
	state_close(s);
}
END_TEST

/* Longer than what is read at once, and across its end. */
START_TEST(lines_of_any_length_come_back)
{
	enum { LINES = 40, STEP = 7919 };
	CLEANUP_FREE char *name = calloc(1, LINES * STEP + 1);
	CLEANUP_FREE char *want = NULL;
	size_t len;
	FILE *out = open_memstream(&want, &len);
	struct state *s = open_expecting("");

	for (unsigned i = 0; i < LINES * STEP; i++)
		name[i] = (char)('a' + i % 26);
	for (unsigned i = 0; i < LINES; i++) {
		const char *tail = name + (LINES - 1 - i) * STEP;
		struct state_root r = { i, tail, "/loc", NULL };

		ck_assert_int_eq(append(s, &r, NULL, NULL), 0);
		append_top(s, i);
		fprintf(out, "root %x [%s] [/loc] default[]\ntop %x 7 0\n",
			i, tail, i);
	}
	fclose(out);
	state_close(s);
	s = open_expecting(want);
	ck_assert_uint_eq(state_lines(s), 2 * LINES);
	state_close(s);
}
END_TEST

START_TEST(reader_may_give_up)
{
	struct state *s = open_expecting("");
	struct record rec = { .err = -ENOMEM };
	char why[STATE_WHY] = "";

	append_top(s, 1);
	append_top(s, 2);
	state_close(s);
	s = open_in(dir);
	rec.out = open_memstream(&rec.text, &rec.len);
	ck_assert_int_eq(state_read(s, &reader, &rec, why), -ENOMEM);
	fclose(rec.out);
	ck_assert_str_eq(rec.text, "top 1 7 0\n");
	free(rec.text);
	ck_assert_ptr_nonnull(strstr(why, dir));
	state_close(s);
	check_journal("top 1 7 0\ntop 2 7 0\n");
}
END_TEST

/* A full disk, or as good as: no file may grow beyond 'len'. */
static void limit_files(rlim_t len)
{
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = len;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(full_disk_leaves_whole_lines)
{
	struct state_root r = { 5, "name", "/location", "ref" };
	struct state *s = open_expecting("");
	size_t len;

	append_top(s, 1);
	free(get_file("journal", &len));
	for (rlim_t room = 0; room < 20; room += 5) {
		int err;

		limit_files(len + room);
		err = append(s, &r, NULL, NULL);
		limit_files(RLIM_INFINITY);
		ck_assert_int_eq(err, -EFBIG);
		ck_assert_uint_eq(state_lines(s), 1);
	}
	append_top(s, 2);
	state_close(s);
	check_journal("top 1 7 0\ntop 2 7 0\n");
}
END_TEST

START_TEST(rewrite_replaces_all)
{
	struct state *s = open_expecting("");
	CLEANUP_FREE char *aside = path("journal.new");

	for (uint64_t i = 0; i < 10; i++)
		append_top(s, i);
	ck_assert_int_eq(state_rewrite_begin(s), 0);
	append_top(s, 100);
	append_top(s, 101);
	ck_assert_int_eq(state_rewrite_end(s, 0), 0);
	ck_assert_uint_eq(state_lines(s), 2);
	ck_assert_int_ne(access(aside, F_OK), 0);
	append_top(s, 102);
	ck_assert_uint_eq(state_lines(s), 3);
	ck_assert_uint_eq(mode_of("journal"), 0600);
	state_close(s);
	check_journal("top 64 7 0\ntop 65 7 0\ntop 66 7 0\n");
}
END_TEST

START_TEST(rewrite_may_fail)
{
	struct state *s = open_expecting("");

	append_top(s, 1);
	append_top(s, 2);
	ck_assert_int_eq(state_rewrite_begin(s), 0);
	append_top(s, 100);
	ck_assert_int_eq(state_rewrite_end(s, -ENOMEM), -ENOMEM);
	ck_assert_uint_eq(state_lines(s), 2);
	append_top(s, 3);
	ck_assert_uint_eq(state_lines(s), 3);
	state_close(s);
	check_journal("top 1 7 0\ntop 2 7 0\ntop 3 7 0\n");
}
END_TEST

/* It cannot be put in place of the journal. */
START_TEST(rewrite_may_fail_at_the_end)
{
	struct state *s = open_expecting("");
	CLEANUP_FREE char *aside = path("journal.new");

	append_top(s, 1);
	ck_assert_int_eq(state_rewrite_begin(s), 0);
	append_top(s, 100);
	ck_assert_int_eq(unlink(aside), 0);
	ck_assert_int_eq(state_rewrite_end(s, 0), -ENOENT);
	append_top(s, 2);
	ck_assert_uint_eq(state_lines(s), 2);
	ck_assert_int_eq(mkdir(aside, 0700), 0);
	ck_assert_int_eq(state_rewrite_begin(s), -EISDIR);
	ck_assert_uint_eq(state_lines(s), 2);
	append_top(s, 3);
	state_close(s);
	check_journal("top 1 7 0\ntop 2 7 0\ntop 3 7 0\n");
}
END_TEST

START_TEST(rewrite_cut_short_by_a_crash)
{
	struct state *s = open_expecting("");

	append_top(s, 1);
	ck_assert_int_eq(state_rewrite_begin(s), 0);
	append_top(s, 100);
	state_close(s);
	s = open_expecting("top 1 7 0\n");
	ck_assert_int_eq(state_rewrite_begin(s), 0);
	append_top(s, 2);
	ck_assert_int_eq(state_rewrite_end(s, 0), 0);
	state_close(s);
	check_journal("top 2 7 0\n");
}
END_TEST

static void add(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, key_is_made_once);
	tcase_add_test(c, key_is_another_elsewhere);
	tcase_add_test(c, key_is_nobodys_who_left_one_half_made);
	tcase_add_test(c, damaged_key_is_not_replaced);
	tcase_add_test(c, directory_is_made_with_its_parents);
	tcase_add_test(c, directory_may_end_in_a_slash);
	tcase_add_test(c, impossible_directories);
	tcase_add_test(c, journal_that_is_none);
	tcase_add_test(c, one_server_at_a_time);
	tcase_add_test(c, dead_server_holds_nothing);
	tcase_add_test(c, journal_comes_back);
	tcase_add_test(c, odd_names_come_back);
	tcase_add_test(c, torn_last_line_is_dropped);
	tcase_add_test(c, garbage_lines_are_passed_over);
	tcase_add_test(c, lines_of_any_length_come_back);
	tcase_add_test(c, reader_may_give_up);
	tcase_add_test(c, full_disk_leaves_whole_lines);
	tcase_add_test(c, rewrite_replaces_all);
	tcase_add_test(c, rewrite_may_fail);
	tcase_add_test(c, rewrite_may_fail_at_the_end);
	tcase_add_test(c, rewrite_cut_short_by_a_crash);
}

int main(void)
{
	return suite_run("state", 60, add, NULL);
}
