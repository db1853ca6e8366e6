/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Roots, their histories and times, before and after a restart. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cache/root.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "test/scratch.h"
#include "test/suite.h"

enum {
	T0 = 1700000000,        /* the time of commits */
	CLOSED = 16,
};

static const struct keyed ids = { "ids for tests" };
static const struct keyed other_ids = { "other ids" };

/* A server's life: from open to close. */
static char *dir;
static struct state *state;
static struct composite *composite;
static struct roots *rs;

static void setup(void)
{
	dir = scratch_dir();
	clock_freeze();
}

/* They go at the end: histories that a test still has lie in them. */
static struct {
	struct roots *rs;
	struct composite *composite;
} closed[CLOSED];
static unsigned nclosed;

static void close_roots(void)
{
	if (rs)
		roots_stop(rs);
	state_close(state);
	ck_assert_uint_lt(nclosed, CLOSED);
	closed[nclosed].rs = rs;
	closed[nclosed++].composite = composite;
	rs = NULL;
	composite = NULL;
	state = NULL;
}

static void teardown(void)
{
	close_roots();
	while (nclosed--) {
		roots_free(closed[nclosed].rs);
		composite_free(closed[nclosed].composite);
	}
	clock_thaw();
	free(dir);
}

struct spec {
	const char *name, *location, *ref;
};

static const struct spec two[] = {
	{ "linux", "/srv/linux", NULL }, { "git", "/srv/git", NULL },
};

static void open_with(const struct keyed *key, size_t n,
		      const struct spec *spec)
{
	char why[STATE_WHY];

	ck_assert_int_eq(state_open(&state, dir, why), 0);
	composite = composite_new(key);
	ck_assert_ptr_nonnull(composite);
	rs = roots_new(key, composite);
	ck_assert_ptr_nonnull(rs);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(composite_add(composite, spec[i].name,
					       spec[i].location, spec[i].ref,
					       NULL), 0);
	ck_assert_int_eq(state_read(state, &roots_reader, rs, why), 0);
	ck_assert_int_eq(roots_start(rs, state), 0);
}

static void open_two(void)
{
	open_with(&ids, 2, two);
}

static void reopen_two(void)
{
	close_roots();
	open_two();
}

static struct source *source(const char *name)
{
	struct composite_name cn;

	if (composite_parse(composite, composite_top(composite), name,
			    strlen(name), &cn))
		return NULL;
	return cn.source;
}

static int publish(const char *name, const char *ref,
		   const struct oid *commit, const struct oid *tree,
		   int64_t time, struct history **ret)
{
	struct source *s = source(name);

	return root_publish(rs, &s, ref, commit, tree, time, ret);
}

static uint64_t id_of(const char *name, const char *ref)
{
	struct source *s = source(name);

	return root_id(rs, s->name, s->location, ref);
}

/* When "/" changed last. */
static struct timespec changed_at(void)
{
	return level_changed(composite, composite_top(composite));
}

static struct oid oid(unsigned n)
{
	struct oid o = { .len = OID_SHA1 };

	memcpy(o.id, &n, sizeof n);
	return o;
}

/* The ref was seen at commit 'n', made at 'time', with tree 'n' + 1000. */
static struct history *show_at(const char *name, const char *ref, unsigned n,
			       int64_t time)
{
	struct oid commit = oid(n), tree = oid(n + 1000);
	struct history *h = NULL;

	ck_assert_int_eq(publish(name, ref, &commit, &tree,
				      time, &h), 0);
	ck_assert_ptr_nonnull(h);
	return h;
}

static void show(const char *name, const char *ref, unsigned n)
{
	struct history *h = show_at(name, ref, n, T0 + n);

	value_unref(&h->v);
}

static struct history *known(const char *name, const char *ref)
{
	const struct root *root = root_find(rs, id_of(name, ref));

	return root ? root_history(rs, root) : NULL;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec :
				      a.tv_nsec > b.tv_nsec;
}

/* By any number of milliseconds, also backwards. */
static void move_clock(int64_t ms)
{
	clock_advance((uint64_t)ms);
}

/* What always holds, of any history. */
static void check_history(const struct history *h)
{
	ck_assert_uint_ge(h->n, 1);
	ck_assert_uint_le(h->n, HISTORY_MAX);
	ck_assert_uint_ge(h->v.cost, h->n * sizeof *h->epoch);
	for (uint32_t i = 0; i < h->n; i++) {
		const struct epoch *e = &h->epoch[i];

		ck_assert(e->mtime.tv_nsec >= 0 && e->ctime.tv_nsec >= 0);
		ck_assert(e->mtime.tv_nsec < 1000000000);
		ck_assert(e->ctime.tv_nsec < 1000000000);
		if (i) {
			ck_assert(later(e->mtime, e[-1].mtime));
			ck_assert(later(e->ctime, e[-1].ctime));
		}
	}
}

static void check_same(const struct history *a, const struct history *b)
{
	ck_assert_uint_eq(a->n, b->n);
	for (uint32_t i = 0; i < a->n; i++) {
		const struct epoch *e = &a->epoch[i], *f = &b->epoch[i];

		ck_assert(oid_eq(&e->commit, &f->commit));
		ck_assert(oid_eq(&e->tree, &f->tree));
		ck_assert(same_time(e->mtime, f->mtime));
		ck_assert(same_time(e->ctime, f->ctime));
	}
}

START_TEST(ids_tell_roots_apart)
{
	static const struct spec many[] = {
		{ "a", "bc", NULL }, { "ab", "c", NULL }, { "abc", "", NULL },
	};
	static const char *const ref[] = { NULL, "a", "b", "ab" };
	uint64_t id[12];
	unsigned n = 0;

	open_with(&ids, 3, many);
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned j = 0; j < 4; j++) {
			id[n] = id_of(many[i].name, ref[j]);
			ck_assert_uint_ne(id[n], 0);
			ck_assert_ptr_null(root_find(rs, id[n]));
			for (unsigned k = 0; k < n; k++)
				ck_assert_uint_ne(id[n], id[k]);
			n++;
		}
	}
}
END_TEST

/* ---- moves ---- */

START_TEST(first_sight)
{
	CLEANUP_HISTORY struct history *h = NULL, *again = NULL;
	struct timespec now = clock_wall();
	struct oid commit = oid(1), tree = oid(1001);
	const struct root *root;

	open_two();
	h = show_at("linux", "v6.8", 1, T0);
	check_history(h);
	ck_assert_uint_eq(h->n, 1);
	ck_assert(oid_eq(&h->epoch[0].commit, &commit));
	ck_assert(oid_eq(&h->epoch[0].tree, &tree));
	ck_assert(same_time(h->epoch[0].mtime, (struct timespec){ T0, 0 }));
	ck_assert(same_time(h->epoch[0].ctime, now));

	root = root_find(rs, id_of("linux", "v6.8"));
	ck_assert_ptr_nonnull(root);
	ck_assert_ptr_eq(h->root, root);
	ck_assert_str_eq(root->name, "linux");
	ck_assert_str_eq(root->ref, "v6.8");
	ck_assert_ptr_eq(root->source, source("linux"));
	again = root_history(rs, root);
	ck_assert_ptr_eq(again, h);
}
END_TEST

START_TEST(same_commit_is_no_move)
{
	CLEANUP_HISTORY struct history *h = NULL, *again = NULL;
	size_t lines;

	open_two();
	h = show_at("linux", NULL, 1, T0);
	lines = state_lines(state);
	move_clock(5000);
	again = show_at("linux", NULL, 1, T0);
	ck_assert_ptr_eq(again, h);
	ck_assert_uint_eq(state_lines(state), lines);
}
END_TEST

START_TEST(moves_are_remembered)
{
	CLEANUP_HISTORY struct history *first = NULL, *h = NULL;

	open_two();
	first = show_at("linux", NULL, 1, T0);
	for (unsigned i = 2; i <= 5; i++) {
		struct history *next;

		move_clock(1500);
		next = show_at("linux", NULL, i, T0 + 10 * i);
		if (h) {
			ck_assert_uint_gt(next->serial, h->serial);
			value_unref(&h->v);
		}
		h = next;
	}
	check_history(h);
	ck_assert_uint_eq(h->n, 5);
	ck_assert_uint_eq(first->n, 1);         /* immutable */
	for (uint32_t i = 0; i < 5; i++) {
		struct oid commit = oid(i + 1);

		ck_assert(oid_eq(&h->epoch[i].commit, &commit));
		ck_assert_int_eq(h->epoch[i].mtime.tv_sec,
				 i ? T0 + 10 * (i + 1) : T0);
	}
	ck_assert(same_time(history_now(h)->ctime, clock_wall()));
}
END_TEST

/* The clock stands still, or goes back; commits are of the past. */
START_TEST(times_only_grow)
{
	CLEANUP_HISTORY struct history *h = NULL;
	struct timespec last = { 0, 0 };

	open_two();
	for (unsigned i = 1; i <= 20; i++) {
		struct history *next;

		move_clock(i % 3 ? 0 : -86400000);
		next = show_at("linux", NULL, i % 2 + 1, T0 - 1000 * i);
		ck_assert(later(history_now(next)->ctime, last));
		last = history_now(next)->ctime;
		if (h)
			value_unref(&h->v);
		h = next;
	}
	check_history(h);
	ck_assert_uint_eq(h->n, 20);
	ck_assert(same_time(h->epoch[1].mtime,
			    (struct timespec){ T0 - 1000, 1 }));
}
END_TEST

START_TEST(nanoseconds_carry)
{
	CLEANUP_HISTORY struct history *next = NULL;

	open_two();
	show("linux", NULL, 1);

	/* A move that only a billion others could have brought about. */
	struct state_move m = {
		.id = id_of("linux", NULL),
		.commit = oid(2), .tree = oid(2),
		.mtime = { T0 + 5, 999999999 },
		.ctime = { clock_wall().tv_sec, 999999999 },
	};

	ck_assert_int_eq(state_append(state, &(struct state_facts){ .move = &m }), 0);
	reopen_two();
	next = show_at("linux", NULL, 3, T0);
	check_history(next);
	ck_assert(same_time(history_now(next)->mtime,
			    (struct timespec){ T0 + 6, 0 }));
	ck_assert(same_time(history_now(next)->ctime,
			    (struct timespec){ m.ctime.tv_sec + 1, 0 }));
}
END_TEST

/* nfstime3 has 32 unsigned bits; git knows of no bounds. */
START_TEST(commit_times_beyond_all_bounds)
{
	static const int64_t odd[] = { INT64_MIN, -1, 0, UINT32_MAX,
				       (int64_t)UINT32_MAX + 1, INT64_MAX };
	static const char *const ref[] = { "a", "b", "c", "d", "e", "f" };

	open_two();
	for (unsigned i = 0; i < 6; i++) {
		CLEANUP_HISTORY struct history *h = show_at("git", ref[i], i,
							    odd[i]);

		ck_assert_int_eq(h->epoch[0].mtime.tv_sec,
				 i < 3 ? 0 : UINT32_MAX);
	}
}
END_TEST

START_TEST(no_commit_yet)
{
	CLEANUP_HISTORY struct history *h = NULL, *again = NULL, *next = NULL;
	struct oid nothing = { .len = 0 }, tree = oid_empty_tree(OID_SHA1);

	open_two();
	move_clock(1000);
	ck_assert_int_eq(publish("git", NULL, &nothing, &tree,
				      0, &h), 0);
	ck_assert_uint_eq(h->n, 1);
	ck_assert(same_time(h->epoch[0].mtime, clock_wall()));
	reopen_two();
	ck_assert_int_eq(publish("git", NULL, &nothing, &tree,
				      0, &again), 0);
	check_same(h, again);
	/* The first commit is older than the moment nothing was seen. */
	next = show_at("git", NULL, 1, T0);
	check_history(next);
	ck_assert_uint_eq(next->n, 2);
}
END_TEST

START_TEST(pinned_names_have_the_commits_time)
{
	static const char *const pin[] = {
		"0123456789abcdef0123456789abcdef01234567",
		"0123456789ABCDEF0123456789abcdef01234567",
		("0123456789abcdef0123456789abcdef"
		 "0123456789abcdef0123456789abcdef"),
	};
	static const char *const loose[] = {
		"0123456789abcdef0123456789abcdef0123456",
		"0123456789abcdef0123456789abcdef0123456g", "v1", "0123456",
	};

	open_two();
	for (size_t i = 0; i < sizeof pin / sizeof *pin; i++) {
		CLEANUP_HISTORY struct history *h =
			show_at("linux", pin[i], 1, T0);

		ck_assert(same_time(h->epoch[0].mtime,
				    (struct timespec){ T0, 0 }));
		ck_assert(h->root->pinned);
	}
	for (size_t i = 0; i < sizeof loose / sizeof *loose; i++) {
		CLEANUP_HISTORY struct history *h =
			show_at("linux", loose[i], 1, T0);

		ck_assert(same_time(h->epoch[0].ctime, clock_wall()));
		ck_assert(!h->root->pinned);
	}
}
END_TEST

/* The second oldest goes, the first stays. */
START_TEST(history_is_bounded)
{
	CLEANUP_HISTORY struct history *h = NULL, *full = NULL, *again = NULL;

	open_two();
	for (unsigned i = 0; i < HISTORY_MAX; i++)
		show("linux", NULL, i);
	full = known("linux", NULL);
	ck_assert_uint_eq(full->n, HISTORY_MAX);
	for (unsigned i = 0; i < 10; i++)
		show("linux", NULL, HISTORY_MAX + i);
	h = known("linux", NULL);
	check_history(h);
	ck_assert_uint_eq(h->n, HISTORY_MAX);
	for (uint32_t i = 0; i < HISTORY_MAX; i++) {
		struct oid commit = oid(i ? i + 10 : 0);

		ck_assert(oid_eq(&h->epoch[i].commit, &commit));
		if (i < HISTORY_MAX - 10) {
			const struct epoch *was = &full->epoch[i ? i + 10 : 0];

			ck_assert(same_time(h->epoch[i].ctime, was->ctime));
			ck_assert(same_time(h->epoch[i].mtime, was->mtime));
		}
	}
	reopen_two();
	again = known("linux", NULL);
	check_same(h, again);
}
END_TEST

/* ---- restart ---- */

START_TEST(all_is_the_same_after_a_restart)
{
	static const char *const ref[] = { NULL, "v1", "a/b c", "-", "%2F" };
	struct history *before[2][5];

	open_two();
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned j = 0; j < 5; j++) {
			for (unsigned k = 0; k < 3; k++) {
				move_clock(k * 7);
				show(two[i].name, ref[j], 10 * i + j + k);
			}
			before[i][j] = known(two[i].name, ref[j]);
		}
	}
	for (int round = 0; round < 2; round++) {
		reopen_two();
		for (unsigned i = 0; i < 2; i++) {
			for (unsigned j = 0; j < 5; j++) {
				CLEANUP_HISTORY struct history *h =
					known(two[i].name, ref[j]);

				ck_assert_ptr_nonnull(h);
				check_same(before[i][j], h);
				ck_assert_ptr_eq(h->root->source,
						 source(two[i].name));
			}
		}
	}
	for (unsigned i = 0; i < 2; i++)
		for (unsigned j = 0; j < 5; j++)
			value_unref(&before[i][j]->v);
}
END_TEST

/* Its handles would find other files. */
START_TEST(another_location_is_another_repository)
{
	static const struct spec moved = { "linux", "/srv/fork", NULL };
	CLEANUP_HISTORY struct history *before = NULL, *h = NULL;
	const struct root *root;
	uint64_t id;

	open_two();
	before = show_at("linux", NULL, 1, T0);
	show("linux", NULL, 2);
	id = id_of("linux", NULL);
	close_roots();

	open_with(&ids, 1, &moved);
	ck_assert_uint_ne(id_of("linux", NULL), id);
	h = known("linux", NULL);
	ck_assert_ptr_null(h);
	root = root_find(rs, id);
	ck_assert_ptr_nonnull(root);
	ck_assert_ptr_null(root->source);
	show("linux", NULL, 3);
	h = known("linux", NULL);
	ck_assert_uint_eq(h->n, 1);

	reopen_two();           /* and back again */
	value_unref(&h->v);
	h = known("linux", NULL);
	ck_assert_uint_eq(h->n, 2);
	ck_assert(same_time(h->epoch[0].ctime, before->epoch[0].ctime));
}
END_TEST

START_TEST(another_key_gives_nothing_away)
{
	CLEANUP_HISTORY struct history *h = NULL;
	uint64_t id;

	open_two();
	show("linux", NULL, 1);
	id = id_of("linux", NULL);
	close_roots();
	open_with(&other_ids, 2, two);
	ck_assert_ptr_null(root_find(rs, id));
	ck_assert_ptr_null(known("linux", NULL));
	show("linux", NULL, 2);
	h = known("linux", NULL);
	ck_assert_uint_eq(h->n, 1);
}
END_TEST

/* What cannot be written down is not shown: its handles would be lost. */
START_TEST(no_move_without_its_line)
{
	CLEANUP_HISTORY struct history *first = NULL, *h = NULL, *now = NULL;
	struct oid commit = oid(2), tree = oid(1002);
	struct rlimit old, full;
	uint64_t id;

	open_two();
	first = show_at("linux", NULL, 1, T0);
	id = id_of("linux", "v1");
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	full = (struct rlimit){ 1, old.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &full), 0);
	int r = publish("linux", NULL, &commit, &tree, T0, &h);
	int s = publish("linux", "v1", &commit, &tree, T0, &h);

	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	ck_assert_int_eq(r, -EFBIG);
	ck_assert_int_eq(s, -EFBIG);
	ck_assert_ptr_null(h);
	ck_assert_ptr_null(root_find(rs, id));
	now = known("linux", NULL);
	ck_assert_ptr_eq(now, first);
	show("linux", NULL, 2);
	show("linux", "v1", 2);
	reopen_two();
	ck_assert_ptr_nonnull(root_find(rs, id));
	h = known("linux", NULL);
	ck_assert_uint_eq(h->n, 2);
}
END_TEST

/* ---- the journal ---- */

START_TEST(journal_is_compacted)
{
	CLEANUP_HISTORY struct history *linux_ = NULL, *tag = NULL, *h = NULL;
	struct timespec changed;
	size_t lines;

	open_two();
	show("linux", "v1", 1);
	for (unsigned i = 0; i < 400; i++)
		show("linux", NULL, i);
	linux_ = known("linux", NULL);
	tag = known("linux", "v1");
	changed = changed_at();
	ck_assert_uint_ge(state_lines(state), 400);
	for (int round = 0; round < 3; round++) {
		reopen_two();
		lines = state_lines(state);
		/* Two roots, their moves, and what "/" lists. */
		ck_assert_uint_eq(lines, 2 + 1 + HISTORY_MAX + 1);
		h = known("linux", NULL);
		check_same(linux_, h);
		value_unref(&h->v);
		h = known("linux", "v1");
		check_same(tag, h);
		value_unref(&h->v);
		h = NULL;
		ck_assert(same_time(changed_at(), changed));
	}
	show("linux", NULL, 1000);
	reopen_two();
	h = known("linux", NULL);
	ck_assert_uint_eq(h->n, HISTORY_MAX);
	ck_assert(!same_time(history_now(h)->ctime,
			     history_now(linux_)->ctime));
}
END_TEST

/* Also of repositories that are not served this time. */
START_TEST(compaction_keeps_all_roots)
{
	CLEANUP_HISTORY struct history *git = NULL, *h = NULL;

	open_two();
	show("git", NULL, 1);
	show("git", "v2", 2);
	git = known("git", "v2");
	for (unsigned i = 0; i < 400; i++)
		show("linux", NULL, i);
	close_roots();
	open_with(&ids, 1, two);
	ck_assert_uint_lt(state_lines(state), 100);
	close_roots();
	open_two();
	h = known("git", "v2");
	ck_assert_ptr_nonnull(h);
	check_same(git, h);
}
END_TEST

START_TEST(small_journals_are_left_alone)
{
	open_two();
	for (unsigned i = 0; i < 20; i++)
		show("linux", NULL, i);
	for (unsigned i = 0; i < 5; i++) {
		reopen_two();
		ck_assert_uint_eq(state_lines(state), 1 + 1 + 20);
	}
}
END_TEST

/* ---- the time of "/" ---- */

START_TEST(top_time_of_a_first_start)
{
	open_two();
	ck_assert(same_time(changed_at(), clock_wall()));
	move_clock(1000);
	ck_assert(!same_time(changed_at(), clock_wall()));
}
END_TEST

START_TEST(top_time_follows_default_roots_only)
{
	CLEANUP_HISTORY struct history *h = NULL;
	struct timespec t, was;

	open_two();
	was = changed_at();
	move_clock(1000);
	show("linux", "v1", 1);
	show("linux", "0123456789abcdef0123456789abcdef01234567", 1);
	ck_assert(same_time(changed_at(), was));
	h = show_at("linux", NULL, 1, T0);
	t = changed_at();
	ck_assert(same_time(t, history_now(h)->ctime));
	ck_assert(later(t, was));
	move_clock(1000);
	show("linux", NULL, 1);
	ck_assert(same_time(changed_at(), t));
	/* Strictly, though the clock goes back. */
	for (unsigned i = 0; i < 5; i++) {
		move_clock(-10000);
		was = changed_at();
		show("linux", NULL, 2 + i);
		ck_assert(later(changed_at(), was));
	}
	/* One source's moves do not hide another's. */
	was = changed_at();
	show("git", NULL, 1);
	ck_assert(later(changed_at(), was));
}
END_TEST

START_TEST(top_time_survives_a_restart)
{
	struct timespec t = { 0, 0 };

	for (unsigned i = 0; i < 4; i++) {
		open_two();
		if (i)
			ck_assert(same_time(changed_at(), t));
		move_clock(1000);
		show(two[i % 2].name, i == 2 ? "v1" : NULL, i);
		move_clock(1000);
		t = changed_at();
		close_roots();
	}
	open_two();
	ck_assert(same_time(changed_at(), t));
}
END_TEST

START_TEST(top_time_moves_with_the_list)
{
	static const struct spec lists[][2] = {
		{ { "a", "/a", NULL }, { "b", "/b", NULL } },
		{ { "a", "/a", NULL }, { "c", "/b", NULL } },
		{ { "a", "/a", NULL }, { "c", "/c", NULL } },
		{ { "a", "/a", NULL }, { "c", "/c", "v1" } },
		{ { "a", "/a", "v1" }, { "c", "/c", NULL } },
		{ { "a", "/a", NULL } },
		{ { "a", "/a", NULL }, { "b", "/b", NULL } },
	};
	struct timespec was = { 0, 0 };

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		size_t n = lists[i][1].name ? 2 : 1;
		struct timespec t;

		move_clock(i % 2 ? -60000 : 1000);
		open_with(&ids, n, lists[i]);
		ck_assert(later(changed_at(), was));
		move_clock(500);
		show(lists[i][n - 1].name, NULL, 1);
		t = changed_at();
		ck_assert(!later(was, t));
		close_roots();
		move_clock(1000);
		/* The order in which they are given is all the same. */
		if (n == 2)
			open_with(&ids, 2, (struct spec[]){ lists[i][1],
							    lists[i][0] });
		else
			open_with(&ids, n, lists[i]);
		ck_assert(same_time(changed_at(), t));
		was = t;
		close_roots();
	}
}
END_TEST

/* ---- levels ---- */

static void open_hub(void)
{
	char why[STATE_WHY];

	ck_assert_int_eq(state_open(&state, dir, why), 0);
	composite = composite_new(&ids);
	rs = roots_new(&ids, composite);
	ck_assert_int_eq(composite_add_pattern(composite, "hub",
					       &(struct fs_pattern){
						       .url = "h:{o}/{r}",
					       }), 0);
	ck_assert_int_eq(state_read(state, &roots_reader, rs, why), 0);
	ck_assert_int_eq(roots_start(rs, state), 0);
}

static struct level *level_at(const char *path)
{
	struct level *l;

	ck_assert_int_eq(composite_make_level(composite, path, &l), 0);
	return l;
}

/* Whether it lists a child of that name. */
static bool lists(const struct level *l, const char *name)
{
	char got[FS_NAME_MAX + 1];
	struct level *sub;
	struct source *s;
	bool pin;
	int r;

	for (uint64_t i = 0; (r = composite_entry(composite, l, i, got, &sub,
						  &s, &pin)) != -ENOENT; i++)
		if (!r && !strcmp(got, name))
			return true;
	return false;
}

/* Clients believe that a name is not there until its level's times move: also
 * when the server stops before they do. */
START_TEST(what_was_denied_before_a_restart)
{
	struct timespec was, now;

	open_hub();
	level_at("hub/o");
	was = level_changed(composite, level_at("hub/o"));
	close_roots();
	for (int i = 0; i < 4; i++) {
		move_clock(i == 2 ? -60000 : 1000);
		open_hub();
		now = level_changed(composite, level_at("hub/o"));
		ck_assert(i ? later(now, was) : same_time(now, was));
		composite_denied(composite, level_at("hub/o"));
		was = level_changed(composite, level_at("hub/o"));
		ck_assert(same_time(now, was));
		if (i == 1) {
			move_clock(1000);
			was = level_changed(composite, level_at("hub/o"));
			ck_assert(later(was, now));
		}
		close_roots();
	}
}
END_TEST

static const char *const first_refs[] = {
	NULL, "v1", "0123456789abcdef0123456789abcdef01234567",
};

/* A name that was new to a level shows in the level's times, under whichever
 * ref it was seen first, and after a restart as before. */
START_TEST(levels_change_with_what_they_list)
{
	struct timespec changed[3];
	struct level *hub, *owner;
	char name[16], path[32];

	open_hub();
	for (unsigned i = 0; i < 3; i++) {
		struct oid commit = oid(i), tree = oid(i + 1000);
		CLEANUP_HISTORY struct history *h = NULL;
		struct timespec was, hub_was;
		struct source *s;

		move_clock(1000);
		snprintf(name, sizeof name, "o%u", i);
		snprintf(path, sizeof path, "hub/o%u", i);
		hub = level_at("hub");
		ck_assert_int_eq(roots_add_level(rs, path, &owner), 0);
		was = level_changed(composite, owner);
		hub_was = level_changed(composite, hub);
		ck_assert(!lists(hub, name));
		ck_assert_int_eq(composite_make(composite, owner, "r", &s), 0);
		ck_assert_int_eq(root_publish(rs, &s, first_refs[i], &commit,
					      &tree, T0, &h), 0);
		ck_assert(lists(hub, name));
		ck_assert(lists(owner, "r"));
		ck_assert_msg(later(level_changed(composite, owner), was),
			      "%u", i);
		ck_assert_msg(later(level_changed(composite, hub), hub_was),
			      "%u", i);
		changed[i] = level_changed(composite, owner);
	}
	for (int round = 0; round < 2; round++) {
		close_roots();
		move_clock(1000);
		open_hub();
		hub = level_at("hub");
		for (unsigned i = 0; i < 3; i++) {
			snprintf(name, sizeof name, "o%u", i);
			snprintf(path, sizeof path, "hub/o%u", i);
			owner = level_at(path);
			ck_assert(lists(hub, name));
			ck_assert(lists(owner, "r"));
			ck_assert(same_time(level_changed(composite, owner),
					    changed[i]));
		}
	}
}
END_TEST

/* However many owners somebody makes up, there is an end, also in the
 * journal, and what is there already goes on. */
START_TEST(levels_are_bounded)
{
	struct oid commit = oid(1), tree = oid(1001);
	CLEANUP_HISTORY struct history *h = NULL;
	struct level *owner, *l;
	struct source *source;
	char path[32];
	unsigned n = 0;
	size_t lines;
	int r;

	open_hub();
	ck_assert_int_eq(roots_add_level(rs, "hub/o", &owner), 0);
	do {
		snprintf(path, sizeof path, "hub/x%u", n++);
		r = composite_make_level(composite, path, &l);
	} while (!r && n < 1000000);
	ck_assert_int_eq(r, -ENOSPC);
	ck_assert_uint_gt(n, 60000);
	lines = state_lines(state);
	ck_assert_int_eq(roots_add_level(rs, "hub/y", &l), -ENOSPC);
	ck_assert_int_eq(roots_add_level(rs, "hub/z", &l), -ENOSPC);
	ck_assert_uint_eq(state_lines(state), lines);
	ck_assert_int_eq(composite_make(composite, owner, "r", &source), 0);
	ck_assert_int_eq(root_publish(rs, &source, NULL, &commit, &tree, T0,
				      &h), 0);
	ck_assert(lists(owner, "r"));
}
END_TEST

static void add(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, ids_tell_roots_apart);
	tcase_add_test(c, first_sight);
	tcase_add_test(c, same_commit_is_no_move);
	tcase_add_test(c, moves_are_remembered);
	tcase_add_test(c, times_only_grow);
	tcase_add_test(c, nanoseconds_carry);
	tcase_add_test(c, commit_times_beyond_all_bounds);
	tcase_add_test(c, no_commit_yet);
	tcase_add_test(c, pinned_names_have_the_commits_time);
	tcase_add_test(c, history_is_bounded);
	tcase_add_test(c, all_is_the_same_after_a_restart);
	tcase_add_test(c, another_location_is_another_repository);
	tcase_add_test(c, another_key_gives_nothing_away);
	tcase_add_test(c, no_move_without_its_line);
	tcase_add_test(c, journal_is_compacted);
	tcase_add_test(c, compaction_keeps_all_roots);
	tcase_add_test(c, small_journals_are_left_alone);
	tcase_add_test(c, top_time_of_a_first_start);
	tcase_add_test(c, top_time_follows_default_roots_only);
	tcase_add_test(c, top_time_survives_a_restart);
	tcase_add_test(c, top_time_moves_with_the_list);
	tcase_add_test(c, levels_change_with_what_they_list);
	tcase_add_test(c, what_was_denied_before_a_restart);
	tcase_add_test(c, levels_are_bounded);
}

int main(void)
{
	return suite_run("root", 60, add, NULL);
}
