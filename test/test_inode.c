/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What directories hold and have held, since when, and how everything is found
 * again by its place. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "test/scene.h"
#include "test/suite.h"

enum { DEPTH_FILE = 96, DEPTH_DIR = 144 };

/* ---- since when ---- */

static const char *const history_paths[] = {
	"a", "a/a", "a/b", "a/d", "a/d/f", "a/d/g", "a/r", "a/x",
};

START_TEST(times_tell_since_when)
{
	struct attr at[6];
	struct oid tree[] = {
		TREE("a=1", "b=1", "d/f=1", "d/g=1", "r=1", "x=1"),
		TREE("a=1", "b=2", "d/f=1", "d/g=1", "r=1", "x=1"),
		TREE("a=1", "b=2", "d/f=2", "d/g=1", "r=2", "x=1"),
		TREE("b=2", "d/f=2", "d/g=1", "r=1", "x*=1"),
		TREE("b=2", "d/f=2", "d/g=1", "r=1", "x*=1"),
		TREE("a=1", "b=2", "d/f=2", "d/g=1", "r=1", "x*=1"),
	};
	static const unsigned since[] = { 5, 5, 1, 2, 2, 0, 3, 3 };

	for (unsigned i = 0; i < 6; i++) {
		move_to(tree[i]);
		at[i] = attr_at("a");
		ck_assert_int_eq(at[i].mtime.tv_sec, 1500000000 + 60 * (i -
				 (i == 4)));
	}
	ck_assert(same_times(at[3], at[4]));    /* a commit without a change */
	for (int round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 8; i++)
			ck_assert_msg(same_times(attr_at(history_paths[i]),
						 at[since[i]]), "round %d, %s",
				      round, history_paths[i]);
		restart(round ? 1 : ROOM);
	}
}
END_TEST

/* As a checkout that somebody keeps up to date: the old file, for those who
 * have it, stays what it was. */
START_TEST(changed_files_are_replaced)
{
	CLEANUP_SIGHT struct sight f = { 0 }, g = { 0 }, x = { 0 }, l = { 0 };
	CLEANUP_SIGHT struct sight f2 = { 0 };

	move_to(TREE("d/f=old", "d/g=same", "l@=there", "x=1"));
	f = sight_at("a/d/f");
	g = sight_at("a/d/g");
	x = sight_at("a/x");
	l = sight_at("a/l");
	move_to(TREE("d/f=newer", "d/g=same", "l@=here", "x*=1"));
	ck_assert_uint_eq(attr_at("a/d/g").fileid, g.attr.fileid);
	ck_assert_uint_ne(attr_at("a/d/f").fileid, f.attr.fileid);
	ck_assert_uint_ne(attr_at("a/x").fileid, x.attr.fileid);
	ck_assert_uint_ne(attr_at("a/l").fileid, l.attr.fileid);
	f2 = sight_at("a/d/f");
	ck_assert_str_eq(f2.text, "newer");
	ck_assert_int_eq(attr_at("a/x").type, FT_EXEC);
	for (int round = 0; round < 4; round++) {
		check_again(&f);
		check_again(&g);
		check_again(&x);
		check_again(&l);
		check_again(&f2);
		if (round == 1)
			move_to(TREE("d/g=same"));
		else
			restart(round ? 1 : ROOM);
	}
}
END_TEST

START_TEST(directories_keep_their_handles)
{
	struct oid first = TREE("d/e/f=1"), second = TREE("d/e/f=2", "d/g=1");
	CLEANUP_NODE struct node d = { 0 };
	struct where where;
	struct attr before, now;

	move_to(first);
	d = node_at("a/d");
	fs_where(&d, &where);
	before = attr_of(&d);
	move_to(second);
	check_list(&d, " . .. e");              /* one call, one commit */
	node_clear(&d);
	d = resolved(&where);
	check_list(&d, " . .. e g");
	now = attr_of(&d);
	ck_assert_uint_eq(now.fileid, before.fileid);
	ck_assert(!same_times(now, before));
}
END_TEST

START_TEST(removed_directory_shows_what_it_last_held)
{
	CLEANUP_SIGHT struct sight d = { 0 }, e = { 0 }, f = { 0 };

	move_to(TREE("d/e/f=1", "d/e/g=1", "x=1"));
	move_to(TREE("d/e/f=2", "d/h=1", "x=1"));
	d = sight_at("a/d");
	e = sight_at("a/d/e");
	f = sight_at("a/d/e/f");
	for (int round = 0; round < 4; round++) {
		CLEANUP_NODE struct node n = { 0 }, up = { 0 }, in = { 0 };

		if (round % 2)
			restart(ROOM);
		else
			move_to(round ? TREE("d=a file now", "x=1") :
					TREE("x=1"));
		if (round < 2)
			check_walk_fails("a/d", -ENOENT);
		else
			check_text("a/d", "a file now");
		check_again(&d);
		check_again(&e);
		check_again(&f);
		n = resolved(&e.where);
		check_list(&n, " . .. f");
		ck_assert_int_eq(ASK(fs_lookup(&n, "f", 1, W, &in)), 0);
		ck_assert_uint_eq(in.fileid, f.attr.fileid);
		ck_assert_int_eq(ASK(fs_lookup(&n, "..", 2, W, &up)), 0);
		ck_assert_uint_eq(up.fileid, d.attr.fileid);
		check_list(&up, " . .. e h");
	}
	/* It comes back. */
	move_to(TREE("d/e/f=2", "d/h=1", "x=1"));
	ck_assert_uint_eq(attr_at("a/d").fileid, d.attr.fileid);
	ck_assert(!same_times(attr_at("a/d"), d.attr));
	ck_assert_uint_eq(attr_at("a/d/e/f").fileid, f.attr.fileid);
}
END_TEST

/* The first and the last 63 of many moves. */
START_TEST(long_histories)
{
	CLEANUP_SIGHT struct sight first = { 0 }, second = { 0 }, old = { 0 };
	CLEANUP_SIGHT struct sight deep = { 0 };
	struct attr since;

	for (unsigned i = 0; i < 80; i++) {
		char text[32];

		snprintf(text, sizeof text, "e/e/e/e/e/f=%u", i);
		move_to(TREE(text, "d/f=1", "x=1"));
		if (i == 0)
			first = sight_at("a/e/e/e/e/e/f");
		if (i == 1)
			second = sight_at("a/e/e/e/e/e/f");
		if (i == 20)
			old = sight_at("a/e/e/e/e/e/f");
		if (i == 0)
			since = attr_at("a/x");
	}
	deep = sight_at("a/e/e/e/e/e/f");
	for (int round = 0; round < 3; round++) {
		check_again(&first);
		check_again(&old);
		check_again(&deep);
		check_resolve_fails(&second.where, -ESTALE);
		ck_assert(same_times(attr_at("a/x"), since));
		ck_assert(same_times(attr_at("a/d/f"), since));
		ck_assert_str_eq(deep.text, "79");
		restart(round ? 1 : ROOM);
	}
}
END_TEST

/* After a restart, the oldest file of a deep directory where something moves
 * all the time: by fewer waits than directories times moves. */
START_TEST(long_and_deep_history)
{
	enum { DEEP = 24, MOVES = 64 };
	CLEANUP_SIGHT struct sight s = { 0 };
	CLEANUP_NODE struct node n = { 0 };
	char hot[96], old[96], path[64], *end = path;
	struct attr attr;

	for (unsigned i = 0; i < DEEP; i++)
		end += sprintf(end, "d/");
	snprintf(old, sizeof old, "%sold=1", path);
	for (unsigned i = 0; i < MOVES; i++) {
		snprintf(hot, sizeof hot, "%shot=%u", path, i);
		move_to(TREE(hot, old));
	}
	snprintf(hot, sizeof hot, "a/%sold", path);
	s = sight_at(hot);
	restart(ROOM);
	n = resolved(&s.where);
	ck_assert_uint_le(asker.last_waits, (MOVES / 8 + 1) * (DEEP + 1));
	ck_assert_int_eq(ASK(fs_getattr(&n, W, &attr)), 0);
	ck_assert_uint_le(asker.last_waits, MOVES / 8 + 1);
	ck_assert(same_attr(&attr, &s.attr));
	ck_assert_int_eq(attr.mtime.tv_sec, 1500000000);
}
END_TEST

/* ---- places ---- */

START_TEST(steps_fit_the_handle)
{
	static const struct {
		uint8_t kind;
		unsigned depth;
		int len;
		uint8_t width;
	} w[] = {
		{ NODE_LEVEL, 0, 0, 0 }, { NODE_PIN, 0, 0, 0 },
		{ NODE_LEVEL, 1, -1, 0 }, { NODE_PIN, 1, -1, 0 },
		{ NODE_DIR, 0, 0, 16 }, { NODE_DIR, 1, 2, 16 },
		{ NODE_DIR, 18, 36, 16 }, { NODE_DIR, 19, 19, 8 },
		{ NODE_DIR, 36, 36, 8 }, { NODE_DIR, 37, 19, 4 },
		{ NODE_DIR, 72, 36, 4 }, { NODE_DIR, 73, 19, 2 },
		{ NODE_DIR, 144, 36, 2 }, { NODE_DIR, 145, -1, 0 },
		{ NODE_DIR, 100000, -1, 0 },
		{ NODE_FILE, 0, 0, 16 }, { NODE_FILE, 12, 24, 16 },
		{ NODE_FILE, 13, 13, 8 }, { NODE_FILE, 24, 24, 8 },
		{ NODE_FILE, 25, 13, 4 }, { NODE_FILE, 48, 24, 4 },
		{ NODE_FILE, 49, 13, 2 }, { NODE_FILE, 96, 24, 2 },
		{ NODE_FILE, 97, -1, 0 },
	};

	for (size_t i = 0; i < sizeof w / sizeof *w; i++) {
		uint8_t width = 99;

		ck_assert_int_eq(where_steps(w[i].kind, w[i].depth, &width),
				 w[i].len);
		if (w[i].len >= 0)
			ck_assert_uint_eq(width, w[i].width);
		ck_assert_int_le(w[i].len, FS_STEPS_MAX);
	}
}
END_TEST

/* A chain of directories "d/d/d..." with files and other directories on the
 * way, from the deepest up; 'wide' more of each at every level. */
static struct oid chain(unsigned depth, unsigned wide)
{
	struct oid below = { 0 };

	for (unsigned level = depth + 1; level--;) {
		struct fake_entry e[64];
		char name[64][16], text[64];
		unsigned n = 0;

		snprintf(text, sizeof text, "at %u", level);
		e[n++] = (struct fake_entry){ "100644", "FILE",
					      fake_blob(fake, text) };
		for (unsigned i = 0; i < wide; i++) {
			snprintf(name[n], sizeof name[n], "a%02u", i);
			snprintf(text, sizeof text, "x=in %u, %u", level, i);
			e[n] = (struct fake_entry){ "40000", name[n],
						    TREE(text) };
			n++;
		}
		if (level < depth)
			e[n++] = (struct fake_entry){ "40000", "d", below };
		below = fake_tree(fake, n, e);
	}
	return below;
}

/* "a", with 'depth' times "/d", and 'last'. */
static char *chain_path(unsigned depth, const char *last)
{
	char *path = malloc(2 * depth + 16), *p = path;

	p += sprintf(p, "a");
	while (depth--)
		p += sprintf(p, "/d");
	strcpy(p, last);
	return path;
}

START_TEST(depth_has_a_limit)
{
	struct listing l;
	uint64_t verf = 0;
	bool eof = false;

	move_to(chain(DEPTH_DIR + 2, 0));
	for (unsigned depth = DEPTH_FILE - 1; depth <= DEPTH_FILE + 1;
	     depth++) {
		CLEANUP_FREE char *path = chain_path(depth, "/FILE");

		if (depth <= DEPTH_FILE) {
			CLEANUP_SIGHT struct sight s = sight_at(path);

			check_again(&s);
		} else {
			check_walk_fails(path, -ENAMETOOLONG);
		}
	}
	for (unsigned depth = DEPTH_DIR - 1; depth <= DEPTH_DIR + 1; depth++) {
		CLEANUP_FREE char *path = chain_path(depth, "");

		if (depth <= DEPTH_DIR) {
			CLEANUP_SIGHT struct sight s = sight_at(path);

			check_again(&s);
			restart(ROOM);
			check_again(&s);
		} else {
			check_walk_fails(path, -ENAMETOOLONG);
		}
	}
	/* The deepest is listed, though nothing in it has a place. */
	CLEANUP_FREE char *path = chain_path(DEPTH_DIR, "");
	CLEANUP_NODE struct node n = node_at(path);

	ck_assert_int_eq(list_some(&n, 0, &verf, UINT32_MAX, true, &l, &eof),
			 0);
	ck_assert_str_eq(l.text, " . .. FILE d");
	free(l.text);
}
END_TEST

/* Everything in a tree of this depth, by its place alone. */
static void check_chain(unsigned depth, unsigned wide, unsigned *most)
{
	unsigned n = 0, max = (depth + 1) * 4;
	struct sight *s = calloc(max, sizeof *s);

	move_to(chain(depth, wide));
	for (unsigned d = 0; d <= depth; d++) {
		static const char *const last[] = { "", "/FILE", "/a00",
						    "/a01/x" };

		for (unsigned i = 0; i < (wide ? 4 : 2); i++) {
			CLEANUP_FREE char *path = chain_path(d, last[i]);

			s[n++] = sight_at(path);
		}
	}
	for (unsigned i = 0; i < n; i++) {
		struct node found = { 0 };

		if (i % 7 == 0)
			restart(1);
		found = resolved(&s[i].where);
		if (asker.last_waits > *most)
			*most = asker.last_waits;
		node_clear(&found);
		check_again(&s[i]);
		sight_clear(&s[i]);
	}
	free(s);
}

START_TEST(places_are_found_in_no_memory)
{
	unsigned most = 0;

	check_chain(60, 2, &most);
	ck_assert_uint_lt(most, ASKER_WAITS);
}
END_TEST

/* Steps of two bits fit every fourth directory: all of those are tried, each
 * by a wait. */
START_TEST(ambiguous_steps)
{
	restart(1);
	move_to(chain(DEPTH_FILE - 4, 12));
	for (unsigned depth = DEPTH_FILE - 8; depth <= DEPTH_FILE - 4;
	     depth++) {
		CLEANUP_FREE char *path = chain_path(depth, "/a11/x");
		CLEANUP_SIGHT struct sight s = sight_at(path);

		restart(ROOM);
		check_again(&s);
	}
}
END_TEST

/* What is broken beside the way keeps nobody from what is on it. */
START_TEST(ambiguous_steps_and_trouble)
{
	enum { DEPTH = 80, WIDE = 60 };
	CLEANUP_FREE char *path = chain_path(DEPTH, "/e");
	CLEANUP_SIGHT struct sight s = { 0 };
	struct fake_entry e[WIDE + 1];
	struct oid below = TREE("e/f=1");
	char name[WIDE][16];
	struct where w;

	for (unsigned i = 0; i < DEPTH - 1; i++)
		below = fake_tree(fake, 1, &(struct fake_entry){
					  "40000", "d", below });
	for (unsigned i = 0; i < WIDE; i++) {
		snprintf(name[i], sizeof name[i], "a%02u=1", i);
		e[i] = (struct fake_entry){ "40000", name[i], TREE(name[i]) };
	}
	e[WIDE] = (struct fake_entry){ "40000", "d", below };
	move_to(fake_tree(fake, WIDE + 1, e));
	s = sight_at(path);
	for (unsigned i = 0; i < WIDE; i++)
		fake_fail(fake, &e[i].oid, -EIO, 1000);
	restart(ROOM);
	check_again(&s);
	/* Only who has looked everywhere can tell that there is no such. */
	w = s.where;
	w.dir++;
	check_resolve_fails(&w, -EIO);
}
END_TEST

START_TEST(places_that_never_were)
{
	CLEANUP_SIGHT struct sight f = { 0 }, d = { 0 };
	struct where w;

	move_to(TREE("d/e/f=1", "d/e/g=1"));
	f = sight_at("a/d/e/f");
	d = sight_at("a/d/e");
	for (int round = 0; round < 2; round++) {
		w = f.where;
		w.root++;
		check_resolve_fails(&w, -ESTALE);
		w = f.where;
		w.dir++;
		check_resolve_fails(&w, -ESTALE);
		w = f.where;
		w.name++;
		check_resolve_fails(&w, -ESTALE);
		w = f.where;
		w.fileid++;
		check_resolve_fails(&w, -ESTALE);
		w = d.where;
		w.dir++;
		check_resolve_fails(&w, -ESTALE);
		restart(ROOM);
	}
	/* In memory a directory is found by its id, else by its steps. */
	w = d.where;
	w.step[0] ^= 0x80;
	check_resolve_fails(&w, -ESTALE);
	w = (struct where){ .kind = NODE_PIN, .root = f.where.root };
	check_resolve_fails(&w, -ESTALE);
}
END_TEST

/* ---- all ---- */

static void add(TCase *c)
{
	scene_add(c);
	tcase_add_test(c, times_tell_since_when);
	tcase_add_test(c, changed_files_are_replaced);
	tcase_add_test(c, directories_keep_their_handles);
	tcase_add_test(c, removed_directory_shows_what_it_last_held);
	tcase_add_test(c, long_histories);
	tcase_add_test(c, long_and_deep_history);
	tcase_add_test(c, steps_fit_the_handle);
	tcase_add_test(c, depth_has_a_limit);
	tcase_add_test(c, places_are_found_in_no_memory);
	tcase_add_test(c, ambiguous_steps);
	tcase_add_test(c, ambiguous_steps_and_trouble);
	tcase_add_test(c, places_that_never_were);
}

int main(void)
{
	return suite_run("inode", 60, add, NULL);
}
