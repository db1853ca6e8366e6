/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The calls of fs.h: names in "/", contents, listings, sources that are far,
 * setting up. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "test/must.h"
#include "test/scene.h"
#include "test/suite.h"

/* ---- names in "/" ---- */

START_TEST(names_of_roots)
{
	CLEANUP_NODE struct node top = { 0 };
	CLEANUP_SIGHT struct sight pin = { 0 }, pinned = { 0 };
	char target[128], path[160], hex[OID_HEX + 1];
	struct oid tree = TREE("f=1"), commit = move_to(tree);

	fake_ref(fake, "v1/x%", &tree);
	check_list_at("", " . .. a a@@");
	check_text("a/f", "1");
	check_text("a@v1%2Fx%25/f", "1");
	check_walk_fails("b", -ENOENT);
	check_walk_fails("a@", -ENOENT);
	check_walk_fails("a@v2", -ENOENT);
	check_walk_fails("a@@@", -ENOENT);
	check_walk_fails("@@", -ENOENT);

	oid_hex(&commit, hex);
	snprintf(target, sizeof target, "a@%s", hex);
	pin = sight_at("a@@");
	ck_assert_str_eq(pin.text, target);
	ck_assert_int_eq(pin.attr.type, FT_SYMLINK);
	ck_assert_uint_eq(pin.attr.size, strlen(target));
	snprintf(path, sizeof path, "%s/f", target);
	pinned = sight_at(path);
	ck_assert(same_time(pinned.attr.mtime, pinned.attr.ctime));
	ck_assert_uint_ne(pinned.attr.fileid, attr_at("a/f").fileid);

	move_to(TREE("f=2"));
	ck_assert_uint_ne(attr_at("a@@").fileid, pin.attr.fileid);
	check_text(path, "1");
	restart(ROOM);
	check_again(&pin);
	check_again(&pinned);
	top = node_at("");
	check_list(&top, " . .. a a@@");
}
END_TEST

START_TEST(dots)
{
	CLEANUP_NODE struct node top = { 0 }, a = { 0 }, d = { 0 }, up = { 0 };
	CLEANUP_NODE struct node self = { 0 }, f = { 0 };

	move_to(TREE("d/f=1"));
	top = node_at("");
	a = node_at("a");
	d = node_at("a/d");
	f = node_at("a/d/f");
	ck_assert_int_eq(fs_lookup(&d, "..", 2, NULL, &up), 0);
	ck_assert_uint_eq(up.fileid, a.fileid);
	node_clear(&up);
	ck_assert_int_eq(fs_lookup(&a, "..", 2, NULL, &up), 0);
	ck_assert_uint_eq(up.fileid, top.fileid);
	ck_assert_int_eq(up.kind, NODE_LEVEL);
	ck_assert_int_eq(fs_lookup(&top, "..", 2, NULL, &self), 0);
	ck_assert_int_eq(self.kind, NODE_LEVEL);
	ck_assert_int_eq(fs_lookup(&d, ".", 1, NULL, &self), 0);
	ck_assert_uint_eq(self.fileid, d.fileid);
	ck_assert_int_eq(fs_lookup(&f, ".", 1, NULL, &up), -ENOTDIR);
	ck_assert_int_eq(fs_lookup(&d, "", 0, NULL, &up), -ENOENT);
	ck_assert_int_eq(fs_lookup(&d, "a/b", 3, NULL, &up), -ENOENT);
}
END_TEST

START_TEST(name_lengths)
{
	CLEANUP_NODE struct node a = { 0 };
	struct node n;
	char name[256];

	move_to(TREE("d/f=1"));
	a = node_at("a");
	memset(name, 'x', sizeof name);
	ck_assert_int_eq(ASK(fs_lookup(&a, name, 255, W, &n)), -ENOENT);
	ck_assert_int_eq(ASK(fs_lookup(&a, name, 256, W, &n)), -ENAMETOOLONG);
	fs_top(fs, &n);
	ck_assert_int_eq(ASK(fs_lookup(&n, name, 255, W, &a)), -ENOENT);
	ck_assert_int_eq(ASK(fs_lookup(&n, name, 256, W, &a)), -ENAMETOOLONG);
	ck_assert_int_eq(ASK(fs_lookup(&n, "a\0b", 3, W, &a)), -ENOENT);
}
END_TEST

START_TEST(gitlinks_are_empty_directories)
{
	CLEANUP_NODE struct node sub = { 0 }, up = { 0 };
	CLEANUP_SIGHT struct sight s = { 0 };
	struct node none;
	struct slice slice;
	bool eof;

	move_to(TREE("d/sub&=1", "f=1"));
	sub = node_at("a/d/sub");
	ck_assert_int_eq(attr_of(&sub).type, FT_GITLINK);
	check_list(&sub, " . ..");
	ck_assert_int_eq(fs_lookup(&sub, "..", 2, NULL, &up), 0);
	ck_assert_uint_eq(up.fileid, attr_at("a/d").fileid);
	ck_assert_int_eq(fs_lookup(&sub, "x", 1, NULL, &none), -ENOENT);
	ck_assert_int_eq(fs_read(&sub, 0, 1, NULL, &slice, &eof), -EISDIR);
	ck_assert_int_eq(fs_readlink(&sub, NULL, &slice), -EINVAL);
	s = sight_at("a/d/sub");
	node_clear(&sub);
	node_clear(&up);
	restart(ROOM);
	check_again(&s);
	/* Another commit in the submodule: the same directory, changed. */
	move_to(TREE("d/sub&=2", "f=1"));
	ck_assert_uint_eq(attr_at("a/d/sub").fileid, s.attr.fileid);
	ck_assert(!same_times(attr_at("a/d/sub"), s.attr));
}
END_TEST

/* ---- contents ---- */

static void check_read(struct node *n, uint64_t off, size_t len,
		       const char *expect, bool expect_eof)
{
	struct slice s;
	bool eof;

	ck_assert_int_eq(ASK(fs_read(n, off, len, W, &s, &eof)), 0);
	ck_assert_uint_eq(s.len, strlen(expect));
	ck_assert_int_eq(memcmp(s.data, expect, s.len), 0);
	ck_assert_int_eq(eof, expect_eof);
	value_unref(s.owner);
}

START_TEST(reads)
{
	/* In memory, and in a file. */
	for (size_t memory = ROOM; memory; memory = memory == 1 ? 0 : 1) {
		CLEANUP_NODE struct node f = { 0 }, e = { 0 }, l = { 0 };
		CLEANUP_NODE struct node d = { 0 };
		struct slice s;
		bool eof;

		restart(memory);
		move_to(TREE("d/f=0123456789", "e=", "l@=0123456789"));
		f = node_at("a/d/f");
		check_read(&f, 0, 10, "0123456789", true);
		check_read(&f, 0, 9, "012345678", false);
		check_read(&f, 3, 4, "3456", false);
		check_read(&f, 9, 1, "9", true);
		check_read(&f, 9, 100, "9", true);
		check_read(&f, 10, 1, "", true);
		check_read(&f, 5, 0, "", false);
		check_read(&f, 10, 0, "", true);
		check_read(&f, UINT64_MAX, SIZE_MAX, "", true);
		check_read(&f, 1, SIZE_MAX, "123456789", true);
		ck_assert_uint_eq(attr_of(&f).size, 10);
		e = node_at("a/e");
		check_read(&e, 0, 10, "", true);
		check_read(&e, 0, 0, "", true);
		ck_assert_uint_eq(attr_of(&e).size, 0);
		l = node_at("a/l");
		ck_assert_int_eq(ASK(fs_read(&l, 0, 1, W, &s, &eof)), -EINVAL);
		ck_assert_int_eq(ASK(fs_readlink(&f, W, &s)), -EINVAL);
		d = node_at("a/d");
		ck_assert_int_eq(ASK(fs_read(&d, 0, 1, W, &s, &eof)), -EISDIR);
		ck_assert_int_eq(ASK(fs_readlink(&d, W, &s)), -EINVAL);
		ck_assert_uint_eq(attr_of(&l).size, 10);
	}
}
END_TEST

/* ---- listings ---- */

/* From every cookie on, and in every size of piece. */
START_TEST(listings_go_on_where_they_were)
{
	CLEANUP_NODE struct node n = { 0 };

	move_to(TREE("a=1", "b/x=1", "c*=1", "d@=1", "e&=1", "f=1"));
	n = node_at("a");
	check_list(&n, " . .. a b c d e f");
	for (unsigned piece = 1; piece < 10; piece++) {
		char text[64] = "";
		uint64_t cookie = 0, verf = 0;
		bool eof = false;

		for (unsigned i = 0; !eof; i++) {
			struct listing l;

			must(i < 10);
			must(!list_some(&n, cookie, &verf, piece, i % 2, &l,
					&eof));
			strcat(text, l.text);
			cookie = l.cookie;
			free(l.text);
		}
		ck_assert_str_eq(text, " . .. a b c d e f");
	}
	struct listing l;
	uint64_t verf = 0;
	bool eof = false;

	ck_assert_int_eq(list_some(&n, UINT64_MAX, &verf, 9, false, &l, &eof),
			 0);
	ck_assert(eof && !*l.text);
	free(l.text);
}
END_TEST

START_TEST(listing_ends_in_the_version_it_began_in)
{
	CLEANUP_NODE struct node n = { 0 };
	struct where where;
	struct listing l;
	uint64_t verf = 0, cookie;
	bool eof;

	move_to(TREE("b=1", "d=1", "f=1", "h=1"));
	n = node_at("a");
	fs_where(&n, &where);
	ck_assert_int_eq(list_some(&n, 0, &verf, 4, true, &l, &eof), 0);
	ck_assert_str_eq(l.text, " . .. b d");
	ck_assert(!eof);
	cookie = l.cookie;
	free(l.text);
	move_to(TREE("a=1", "b=1", "c=1", "d=1", "e=1", "f=2"));
	for (int round = 0; round < 2; round++) {
		node_clear(&n);
		n = resolved(&where);
		ck_assert_int_eq(list_some(&n, cookie, &verf, 9, true, &l,
					   &eof), 0);
		ck_assert_str_eq(l.text, " f h");
		ck_assert(eof);
		ck_assert_uint_eq(l.attrs, 0);  /* what are they now? */
		free(l.text);
		check_list(&n, " . .. a b c d e f");
		restart(ROOM);
	}
	/* Of a version nobody remembers: no error, and no entry twice. */
	verf = 12345;
	node_clear(&n);
	n = resolved(&where);
	ck_assert_int_eq(list_some(&n, cookie, &verf, 9, true, &l, &eof), 0);
	ck_assert_str_eq(l.text, " c d e f");
	ck_assert_uint_eq(l.attrs, 4);
	free(l.text);
}
END_TEST

/* All that READDIRPLUS says is what LOOKUP and GETATTR say. */
static bool compare(void *arg, const struct fs_dirent *e)
{
	struct listing *l = arg;
	CLEANUP_FREE char *name = strndup(e->name, e->len);

	l->room++;
	fprintf(l->out, "%s%c", name, 0);
	fwrite(&e->fileid, 1, sizeof e->fileid, l->out);
	must(e->attr && e->where);
	fwrite(e->attr, 1, sizeof *e->attr, l->out);
	fwrite(e->where, 1, sizeof *e->where, l->out);
	return true;
}

static void check_listing_tells_the_truth(struct node *n)
{
	struct listing l = { 0 };
	uint64_t verf = 0;
	bool eof;
	int r;

	l.out = open_memstream(&l.text, &l.len);
	do {
		rewind(l.out);
		l.room = 0;
		r = fs_readdir(n, 0, &verf, true, W, compare, &l, &eof);
	} while (asker_waited(&asker, r));
	ck_assert_int_eq(r, 0);
	fclose(l.out);
	ck_assert(eof);
	for (char *p = l.text; l.room; l.room--) {
		CLEANUP_NODE struct node child = { 0 };
		struct where where, listed;
		struct attr attr, got;
		size_t len = strlen(p);
		uint64_t fileid;

		must(!ASK(fs_lookup(n, p, len, W, &child)));
		p += len + 1;
		memcpy(&fileid, p, sizeof fileid);
		p += sizeof fileid;
		memcpy(&attr, p, sizeof attr);
		p += sizeof attr;
		memcpy(&listed, p, sizeof listed);
		p += sizeof listed;
		fs_where(&child, &where);
		got = attr_of(&child);
		must(fileid == child.fileid);
		must(same_attr(&attr, &got));
		must(!memcmp(&where, &listed, sizeof where));
	}
	free(l.text);
}

START_TEST(listings_tell_the_truth)
{
	static const char *const path[] = { "", "a", "a/d", "a/d/e" };

	move_to(TREE("a=1", "b@=1", "d/e/f=1", "d/g=1", "h&=1"));
	move_to(TREE("a=1", "b@=2", "d/e/f=2", "d/g=1", "h&=1"));
	for (int round = 0; round < 3; round++) {
		attr_at("a");           /* or "/" lists it without any */
		for (unsigned i = 0; i < 4; i++) {
			CLEANUP_NODE struct node n = node_at(path[i]);

			check_listing_tells_the_truth(&n);
		}
		restart(round ? 1 : ROOM);
	}
}
END_TEST

/* ---- elsewhere ---- */

/* From now on a job is said to cost a round trip. */
static void go_far(uint32_t refresh)
{
	fs_free(fs);
	fake_far(fake);
	start(ROOM);
	if (refresh)
		ck_assert_int_eq(fs_refresh(fs, "a", refresh), 0);
	ck_assert_int_eq(fs_refresh(fs, "b", 1), -ENOENT);
}

static unsigned looks(uint64_t later)
{
	unsigned before = fake_resolves(fake);
	struct node n = { 0 };

	clock_advance(later);
	must(!walk("a", &n));
	node_clear(&n);
	settle();
	return fake_resolves(fake) - before - 3;
}

/* Half a minute, a tenth more or less; or as one likes. */
START_TEST(far_refs_are_believed_longer)
{
	struct oid tree = TREE("f=1");

	fake_ref(fake, NULL, &tree);
	go_far(0);
	ck_assert_uint_eq(looks(0), 1);
	ck_assert_uint_eq(fake_onces(fake), 0);
	for (unsigned i = 1; i <= 20; i++) {
		ck_assert_uint_eq(looks(26000), 0);
		ck_assert_uint_eq(looks(7001), 1);
		ck_assert_uint_eq(fake_onces(fake), i);
	}
	go_far(1000000);
	ck_assert_uint_eq(looks(0), 1);
	ck_assert_uint_eq(looks(899000), 0);
	ck_assert_uint_eq(looks(201001), 1);
}
END_TEST

/* Where sizes cost blobs: not all of a directory for one file, but no
 * request for each either. */
START_TEST(sizes_cost_some_blobs)
{
	enum { FILES = 300, LEN = 100000 };
	static char text[LEN];
	char name[FILES][16] = { "" }, path[32];
	struct fake_entry e[FILES], top = { .mode = "40000", .name = "d" };
	unsigned jobs, blobs = 0;
	struct oid tree;

	for (unsigned i = 0; i < FILES; i++) {
		snprintf(name[i], sizeof name[i], "f%03u", i);
		memcpy(text, name[i], sizeof name[i]);
		e[i] = (struct fake_entry){ "100644", name[i],
			fake_object(fake, OBJ_BLOB, text, LEN) };
	}
	top.oid = fake_tree(fake, FILES, e);
	tree = fake_tree(fake, 1, &top);
	fake_ref(fake, NULL, &tree);
	fake_no_stat(fake);
	go_far(0);
	must(attr_at("a/d/f299").size == LEN);
	for (unsigned i = 0; i < FILES; i++)
		blobs += fake_fetches(fake, &e[i].oid);
	ck_assert_uint_gt(blobs, 1);
	ck_assert_uint_le(blobs, 64);
	jobs = fake_jobs(fake);
	for (unsigned i = 0; i < FILES; i++) {
		snprintf(path, sizeof path, "a/d/f%03u", i);
		must(attr_at(path).size == LEN);
		ck_assert_uint_le(fake_fetches(fake, &e[i].oid), 1);
	}
	/* 16 MiB, of 100,000 bytes each. */
	ck_assert_uint_eq(fake_jobs(fake) - jobs, 2);
}
END_TEST

/* ---- in use ---- */

/* A file too large for the memory there is now goes to disk, whatever there
 * was at the start. */
START_TEST(less_memory)
{
	enum { LEN = 4 << 20 };
	CLEANUP_FREE char *text = calloc(1, LEN);
	static const char *const path[] = { "a/f0", "a/f1" };
	struct fake_entry e[] = { { .name = "f0" }, { .name = "f1" } };
	struct fs_stats before, after;
	struct oid tree;

	must(text);
	for (int i = 0; i < 2; i++) {
		*text = (char)('0' + i);
		e[i].mode = "100644";
		e[i].oid = fake_object(fake, OBJ_BLOB, text, LEN);
	}
	tree = fake_tree(fake, 2, e);
	fake_ref(fake, NULL, &tree);
	for (int i = 0; i < 2; i++) {
		CLEANUP_NODE struct node n = node_at(path[i]);
		struct slice s;
		bool eof;

		fs_stats(fs, &before);
		must(!ASK(fs_read(&n, 0, 1, W, &s, &eof)));
		fs_stats(fs, &after);
		value_unref(s.owner);
		ck_assert_uint_eq(after.bytes - before.bytes > LEN, !i);
		fs_set_memory(fs, 16 << 20);
	}
}
END_TEST

static size_t uses(void)
{
	struct fs_usage u;
	size_t n;

	asker_waited(&asker, fs_usage(fs, "", &u, W));
	ck_assert_int_eq(asker.w.err, 0);
	n = u.n;
	fs_usage_clear(&u);
	return n;
}

/* What is shown no more is no more told of. */
START_TEST(usage_of_what_is_shown)
{
	char why[FS_WHY];
	size_t wrong;

	move_to(TREE("f=1"));
	ck_assert_uint_eq(uses(), 1);
	ck_assert_int_eq(fs_change(fs, NULL, 0, &wrong, why), 0);
	ck_assert_uint_eq(uses(), 0);
}
END_TEST

/* Who asked for a change keeps what he asked for: it can be asked for again. */
START_TEST(what_is_to_be_shown_stays_as_it_was)
{
	static const struct fs_pattern pattern = {
		.url = "/{owner}/{repo}.git",
	};
	struct fs_place place = { .name = "all", .pattern = &pattern };
	char why[FS_WHY];
	size_t wrong;

	for (int i = 0; i < 2; i++) {
		ck_assert_msg(!fs_change(fs, &place, 1, &wrong, why), "%s", why);
		ck_assert_ptr_eq(place.pattern, &pattern);
		ck_assert_str_eq(place.name, "all");
	}
}
END_TEST

/* The one that there is. */
static struct fs_shown shown(void)
{
	struct fs_shown *all, one;
	size_t n, of;

	ck_assert_int_eq(fs_shown(fs, 1, &all, &n, &of), 0);
	ck_assert_uint_eq(n, 1);
	one = *all;
	one.name = one.url = NULL;
	fs_shown_free(all, n);
	return one;
}

/* As who is told of a push does. */
static int renew(struct asker *by)
{
	int r;

	do {
		asker_waited(by, fs_renew(fs, shown().id, &by->w));
		r = by->w.err;
	} while (r == -EALREADY);
	return r;
}

static void *renew_too(void *by)
{
	ck_assert_int_eq(renew(by), 0);
	return NULL;
}

/* What is under way may have been answered before it moved. */
START_TEST(two_pushes)
{
	static struct asker other = ASKER_INIT;
	struct oid tree = TREE("f=1"), first, second;
	char hex[OID_HEX + 1];
	pthread_t thread;

	move_to(tree);
	tree = TREE("f=2");
	first = fake_ref(fake, NULL, &tree);
	fake_hold(fake, &first);
	ck_assert(!pthread_create(&thread, NULL, renew_too, &other));
	fake_wait_held(fake, 1);
	tree = TREE("f=3");
	second = fake_ref(fake, NULL, &tree);
	ck_assert_int_eq(fs_renew(fs, shown().id, W), -EINPROGRESS);
	fake_release(fake, &first);
	asker_waited(&asker, -EINPROGRESS);
	ck_assert_int_eq(asker.w.err, -EALREADY);
	ck_assert_int_eq(renew(&asker), 0);
	pthread_join(thread, NULL);
	oid_hex(&second, hex);
	ck_assert_str_eq(shown().commit, hex);
}
END_TEST

/* What is known is shown on, but who wanted it anew is told. */
START_TEST(refreshed_in_vain)
{
	for (int round = 0; round < 2; round++) {
		move_to(TREE("f=1"));
		check_text("a/f", "1");
		fake_down(fake, -EHOSTUNREACH);
		if (round)
			restart(ROOM);
		ck_assert_int_eq(renew(&asker), -EHOSTUNREACH);
		if (!round)
			check_text("a/f", "1");
		fake_down(fake, 0);
		ck_assert_int_eq(renew(&asker), 0);
	}
}
END_TEST

/* ---- setting up ---- */

START_TEST(setting_up_may_fail)
{
	CLEANUP_FREE char *file = NULL, *state = NULL;
	struct fs_options opt = { .memory = ROOM };
	struct fs *other = NULL;
	char why[FS_WHY] = "";

	ck_assert_int_gt(asprintf(&file, "%s/file", dir), 0);
	ck_assert_int_gt(asprintf(&state, "%s/other", dir), 0);
	fclose(fopen(file, "w"));
	opt.state_dir = file;
	opt.cache_dir = dir;
	ck_assert_int_eq(fs_new(&other, &opt, why), -ENOTDIR);
	ck_assert_ptr_nonnull(strstr(why, file));
	opt.state_dir = state;
	opt.cache_dir = file;
	ck_assert_int_eq(fs_new(&other, &opt, why), -ENOTDIR);
	ck_assert_ptr_nonnull(strstr(why, file));
	opt.cache_dir = "";
	ck_assert_int_lt(fs_new(&other, &opt, why), 0);
	ck_assert_ptr_null(other);

	opt.cache_dir = dir;
	ck_assert_msg(!fs_new(&other, &opt, why), "%s", why);
	ck_assert_int_eq(fs_add(other, "x", "/x", NULL, fake_backend(fake),
				why), 0);
	ck_assert_int_eq(fs_add(other, "x", "/y", NULL, fake_backend(fake),
				why), -EEXIST);
	ck_assert_int_eq(fs_add(other, ".git", "/y", NULL, fake_backend(fake),
				why), -EINVAL);
	ck_assert_int_eq(fs_add(other, "", "/y", NULL, fake_backend(fake),
				why), -EINVAL);
	fs_free(other);                 /* never started */
	fs_free(NULL);
}
END_TEST

START_TEST(secret_and_id_stay)
{
	uint8_t secret[32];
	uint64_t id = fs_id(fs);

	memcpy(secret, fs_secret(fs), sizeof secret);
	restart(ROOM);
	ck_assert_mem_eq(secret, fs_secret(fs), sizeof secret);
	ck_assert_uint_eq(fs_id(fs), id);
}
END_TEST

/* ---- all ---- */

static void add(TCase *c)
{
	scene_add(c);
	tcase_add_test(c, names_of_roots);
	tcase_add_test(c, dots);
	tcase_add_test(c, name_lengths);
	tcase_add_test(c, gitlinks_are_empty_directories);
	tcase_add_test(c, reads);
	tcase_add_test(c, listings_go_on_where_they_were);
	tcase_add_test(c, listing_ends_in_the_version_it_began_in);
	tcase_add_test(c, listings_tell_the_truth);
	tcase_add_test(c, far_refs_are_believed_longer);
	tcase_add_test(c, sizes_cost_some_blobs);
	tcase_add_test(c, less_memory);
	tcase_add_test(c, usage_of_what_is_shown);
	tcase_add_test(c, what_is_to_be_shown_stays_as_it_was);
	tcase_add_test(c, two_pushes);
	tcase_add_test(c, refreshed_in_vain);
	tcase_add_test(c, setting_up_may_fail);
	tcase_add_test(c, secret_and_id_stay);
}

int main(void)
{
	return suite_run("fs", 60, add, NULL);
}
