/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The file system of fs.h over a scripted source: what directories hold and
 * have held, since when, and how everything is found again by its place.
 *
 * Time stands still unless a test moves it, and there is one demand thread:
 * what is asked later is done later. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/fs.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/oid.h"
#include "common/waiter.h"
#include "test/fake.h"
#include "test/must.h"
#include "test/scratch.h"

enum {
	ROOM = 64 << 20,        /* more memory than any test needs */
	TTL = 1000,             /* ms, of refs */
	FORGET = 10000,         /* ms: longer than any failure is remembered */
	WAIT_S = 20,
	RUNS_MAX = 1024,        /* as many as nfsd allows one call */
	DEPTH_FILE = 96, DEPTH_DIR = 144,
};

static struct fake *fake;
static struct fs *fs;
static char *dir;

/* ---- an asker, as a call of nfsd is one ---- */

/* It keeps what it was woken with until it has its answer.  Each thread has
 * its own. */
static void rouse(struct waiter *);

static _Thread_local struct asker {
	struct waiter w;
	pthread_mutex_t lock;
	pthread_cond_t roused;
	bool woken;
	struct value *pin[RUNS_MAX];
	unsigned waits;
} asker = {
	.w.wake = rouse,
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.roused = PTHREAD_COND_INITIALIZER,
};

static void rouse(struct waiter *w)
{
	struct asker *a = container_of(w, struct asker, w);

	LOCK_SCOPE(&a->lock);
	a->woken = true;
	pthread_cond_signal(&a->roused);
}

static void wait_until_woken(void)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += WAIT_S;

	LOCK_SCOPE(&asker.lock);
	while (!asker.woken)
		must(!pthread_cond_timedwait(&asker.roused, &asker.lock, &end));
	asker.woken = false;
	must(asker.waits < RUNS_MAX);
	asker.pin[asker.waits++] = asker.w.value;
}

static _Thread_local unsigned last_waits;       /* of the last question */

static int answered(int r)
{
	for (unsigned i = 0; i < asker.waits; i++)
		value_unref(asker.pin[i]);
	last_waits = asker.waits;
	asker.waits = 0;
	return r;
}

/* A call of fs.h, with 'W' for its waiter, asked until it is answered. */
#define W (&asker.w)
#define ASK(call) __extension__({ \
	int r_; \
	while ((r_ = (call)) == -EINPROGRESS) \
		wait_until_woken(); \
	answered(r_); \
})

/* ---- a server's life ---- */

static void start_threads(size_t memory, unsigned threads)
{
	CLEANUP_FREE char *state = NULL, *cache = NULL;
	struct fs_options opt = { .memory = memory, .threads = threads,
				  .ref_ttl = TTL };
	char why[FS_WHY] = "";

	ck_assert_int_gt(asprintf(&state, "%s/state", dir), 0);
	ck_assert_int_gt(asprintf(&cache, "%s/cache", dir), 0);
	opt.state_dir = state;
	opt.cache_dir = cache;
	ck_assert_msg(!fs_new(&fs, &opt, why), "%s", why);
	ck_assert_msg(!fs_add(fs, "a", "/where/a", NULL, fake_backend(fake),
			      why), "%s", why);
	ck_assert_msg(!fs_start(fs, why), "%s", why);
}

static void start(size_t memory)
{
	start_threads(memory, 1);
}

/* All memory is lost. */
static void restart(size_t memory)
{
	fs_free(fs);
	start(memory);
}

static void setup(void)
{
	log_set_level(LOG_ERROR);
	clock_freeze();
	dir = scratch_dir();
	fake = fake_new();
	start(ROOM);
}

static void teardown(void)
{
	fs_free(fs);
	fake_free(fake);
	free(dir);
	clock_thaw();
}

/* ---- trees, from lists of files ---- */

/* "d/name=text", in git's order; the name followed by '*' for an
 * executable, '@' for a symlink, '&' for a gitlink. */
static struct oid tree_of(size_t n, const char *const *item, size_t skip)
{
	struct fake_entry *e = calloc(n, sizeof *e);
	struct oid tree;
	size_t k = 0;

	for (size_t i = 0; i < n; k++) {
		const char *name = item[i] + skip;
		size_t len = strcspn(name, "/*@&="), last = i + 1;

		e[k].name = strndup(name, len);
		switch (name[len]) {
		case '/':
			while (last < n && !strncmp(item[last] + skip, name,
						    len + 1))
				last++;
			e[k].mode = "40000";
			e[k].oid = tree_of(last - i, item + i, skip + len + 1);
			break;
		case '&':
			e[k].mode = "160000";
			e[k].oid = fake_blob(fake, strchr(name, '='));
			break;
		default:
			e[k].mode = name[len] == '*' ? "100755" :
				    name[len] == '@' ? "120000" : "100644";
			e[k].oid = fake_blob(fake, strchr(name, '=') + 1);
		}
		i = last;
	}
	tree = fake_tree(fake, k, e);
	for (size_t i = 0; i < k; i++)
		free((char *)e[i].name);
	free(e);
	return tree;
}
#define TREE(...) tree_of( \
	sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(const char *), \
	(const char *[]){ __VA_ARGS__ }, 0)

/* ---- looking ---- */

static int walk(const char *path, struct node *ret)
{
	fs_top(fs, ret);
	while (*path) {
		struct node next = { 0 };
		size_t len = strcspn(path, "/");
		int r = ASK(fs_lookup(ret, path, len, W, &next));

		node_clear(ret);
		if (r)
			return r;
		*ret = next;
		path += len + (path[len] == '/');
	}
	return 0;
}

static struct node node_at(const char *path)
{
	struct node n = { 0 };
	int r = walk(path, &n);

	ck_assert_msg(!r, "%s: %s", path, strerror(-r));
	return n;
}

static void check_walk_fails(const char *path, int err)
{
	struct node n = { 0 };
	int r = walk(path, &n);

	ck_assert_msg(r == err, "%s: %d, not %d", path, r, err);
	node_clear(&n);
}

static struct attr attr_of(struct node *n)
{
	struct attr a;
	int r = ASK(fs_getattr(n, W, &a));

	ck_assert_msg(!r, "%s", strerror(-r));
	must(a.fileid == n->fileid);
	return a;
}

static struct attr attr_at(const char *path)
{
	CLEANUP_NODE struct node n = node_at(path);

	return attr_of(&n);
}

/* What a file or link holds, NUL terminated, or NULL. */
static int try_text(struct node *n, char **ret)
{
	struct slice s;
	bool eof = true;
	int r = ASK(fs_read(n, 0, 1 << 20, W, &s, &eof));

	if (r == -EINVAL)
		r = ASK(fs_readlink(n, W, &s));
	if (r)
		return r;
	must(eof);
	*ret = strndup(s.len ? s.data : "", s.len);
	value_unref(s.owner);
	return 0;
}

static char *text_of(struct node *n)
{
	char *text = NULL;
	int r = try_text(n, &text);

	must(!r || r == -EISDIR);
	return text;
}

static void check_text(const char *path, const char *expect)
{
	CLEANUP_NODE struct node n = node_at(path);
	CLEANUP_FREE char *text = text_of(&n);

	ck_assert_str_eq(text, expect);
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_attr(const struct attr *a, const struct attr *b)
{
	return a->fileid == b->fileid && a->size == b->size &&
	       a->type == b->type && same_time(a->mtime, b->mtime) &&
	       same_time(a->ctime, b->ctime);
}

static bool same_times(struct attr a, struct attr b)
{
	return same_time(a.mtime, b.mtime) && same_time(a.ctime, b.ctime);
}

/* ---- what was seen must be found again ---- */

struct sight {
	struct where where;
	struct attr attr;
	char *text;
};

static struct sight see(struct node *n)
{
	struct sight s = { .attr = attr_of(n), .text = text_of(n) };

	fs_where(n, &s.where);
	return s;
}

static struct sight sight_at(const char *path)
{
	CLEANUP_NODE struct node n = node_at(path);

	return see(&n);
}

static void sight_clear(struct sight *s)
{
	free(s->text);
}
#define CLEANUP_SIGHT __attribute__((cleanup(sight_clear)))

static struct node resolved(const struct where *where)
{
	struct node n = { 0 };
	int r = ASK(fs_resolve(fs, where, W, &n));

	ck_assert_msg(!r, "%s", strerror(-r));
	return n;
}

static void check_resolve_fails(const struct where *where, int err)
{
	struct node n = { 0 };
	int r = ASK(fs_resolve(fs, where, W, &n));

	ck_assert_msg(r == err, "%d, not %d", r, err);
	node_clear(&n);
}

static void check_again(const struct sight *was)
{
	CLEANUP_NODE struct node n = resolved(&was->where);
	CLEANUP_SIGHT struct sight now = see(&n);

	must(!memcmp(&was->where, &now.where, sizeof now.where));
	must(same_attr(&was->attr, &now.attr));
	must(!was->text == !now.text);
	must(!now.text || !strcmp(was->text, now.text));
}

/* ---- listings ---- */

struct listing {
	char *text;             /* " name name ..." */
	size_t len;
	FILE *out;
	unsigned room;          /* entries to take */
	uint64_t cookie;        /* of the last */
	unsigned attrs;         /* how many of them had any */
};

static bool take(void *arg, const struct fs_dirent *e)
{
	struct listing *l = arg;

	if (!l->room)
		return false;
	l->room--;
	must(e->cookie > l->cookie && e->cookie >> 32 == 0);
	must(e->fileid);
	must(!e->attr || e->attr->fileid == e->fileid);
	l->cookie = e->cookie;
	l->attrs += e->attr != NULL;
	fprintf(l->out, " %.*s", (int)e->len, e->name);
	return true;
}

static int list_some(struct node *n, uint64_t cookie, uint64_t *verf,
		     unsigned room, bool plus, struct listing *l, bool *eof)
{
	int r;

	*l = (struct listing){ .cookie = cookie };
	l->out = open_memstream(&l->text, &l->len);
	do {
		l->room = room;
		l->cookie = cookie;
		l->attrs = 0;
		rewind(l->out);
		r = fs_readdir(n, cookie, verf, plus, W, take, l, eof);
		if (r == -EINPROGRESS)
			wait_until_woken();
	} while (r == -EINPROGRESS);
	fputc(0, l->out);
	fclose(l->out);
	return answered(r);
}

static void check_list(struct node *n, const char *expect)
{
	for (int plus = 0; plus < 2; plus++) {
		struct listing l;
		uint64_t verf = 0;
		bool eof = false;

		ck_assert_int_eq(list_some(n, 0, &verf, UINT32_MAX, plus, &l,
					   &eof), 0);
		ck_assert_str_eq(l.text, expect);
		ck_assert(eof);
		free(l.text);
	}
}

static void check_list_at(const char *path, const char *expect)
{
	CLEANUP_NODE struct node n = node_at(path);

	check_list(&n, expect);
}

/* ---- moves ---- */

/* One thread takes work in order: when a question asked now is answered,
 * each refresh begun before is two steps further on, of three. */
static void settle(void)
{
	static unsigned n;

	for (int i = 0; i < 3; i++) {
		struct node none = { 0 };
		char name[32];

		snprintf(name, sizeof name, "a@none-%u", n++);
		must(walk(name, &none));
		node_clear(&none);
	}
}

static void look_again(void)
{
	struct node n = { 0 };

	clock_advance(TTL);
	walk("a", &n);                  /* shows the old, asks for the new */
	node_clear(&n);
	settle();
}

static struct oid move_to(struct oid tree)
{
	struct oid commit = fake_ref(fake, NULL, &tree);

	look_again();
	return commit;
}

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
	ck_assert_uint_le(last_waits, (MOVES / 8 + 1) * (DEEP + 1));
	ck_assert_int_eq(ASK(fs_getattr(&n, W, &attr)), 0);
	ck_assert_uint_le(last_waits, MOVES / 8 + 1);
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
		if (last_waits > *most)
			*most = last_waits;
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
	ck_assert_uint_lt(most, RUNS_MAX);
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
		if (r == -EINPROGRESS)
			wait_until_woken();
	} while (r == -EINPROGRESS);
	ck_assert_int_eq(answered(r), 0);
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

/* ---- trouble ---- */

START_TEST(old_tree_may_be_collected)
{
	CLEANUP_SIGHT struct sight old = { 0 }, same = { 0 };
	struct oid first = TREE("d/f=1", "d/g=1", "x=1");
	struct oid first_d = TREE("f=1", "g=1");
	struct attr since;

	move_to(first);
	old = sight_at("a/d/f");
	same = sight_at("a/d/g");
	move_to(TREE("d/f=2", "d/g=1", "x=1"));
	since = attr_at("a");
	restart(ROOM);
	check_again(&old);
	check_again(&same);
	restart(ROOM);
	fake_fail(fake, &first_d, -ENOENT, UINT32_MAX);
	check_resolve_fails(&old.where, -ESTALE);
	check_text("a/d/g", "1");
	ck_assert(same_times(attr_at("a/d/g"), since));
	ck_assert(!same_times(attr_at("a/x"), since));
	restart(ROOM);
	fake_fail(fake, &first, -ENOENT, UINT32_MAX);
	check_text("a/x", "1");
	ck_assert(same_times(attr_at("a/x"), since));
	ck_assert(same_times(attr_at("a/d"), since));
	check_list_at("a", " . .. d x");
	check_list_at("a/d", " . .. f g");
}
END_TEST

START_TEST(shown_tree_may_not)
{
	struct oid root = TREE("d/f=1", "x=1"), d = TREE("f=1");
	CLEANUP_NODE struct node n = { 0 };
	struct listing l;
	uint64_t verf = 0;
	bool eof;

	fake_fail(fake, &d, -ENOENT, UINT32_MAX);
	move_to(root);
	check_walk_fails("a/d/f", -EIO);
	check_text("a/x", "1");
	n = node_at("a/d");
	ck_assert_int_eq(list_some(&n, 0, &verf, 9, false, &l, &eof), -EIO);
	free(l.text);
	clock_advance(FORGET);
	fake_fail(fake, &d, 0, 0);
	check_text("a/d/f", "1");
}
END_TEST

START_TEST(trouble_ends_in_definite_errors)
{
	static const int err[] = { -ETIMEDOUT, -EACCES, -EAGAIN, -EIO,
				   -EHOSTUNREACH, -EBADMSG };
	struct oid tree = TREE("d/f=1", "x=1");
	struct oid blob = fake_blob(fake, "1"), d = TREE("f=1");

	fake_ref(fake, NULL, &tree);
	for (unsigned i = 0; i < sizeof err / sizeof *err; i++) {
		/* None says that clients should ask again. */
		int is = err[i] == -EAGAIN ? -EBUSY : err[i];

		fake_down(fake, err[i]);
		check_walk_fails("a", is);
		check_walk_fails("a", is);
		clock_advance(FORGET);
	}
	fake_down(fake, 0);
	fake_fail(fake, &tree, -ETIMEDOUT, 1);
	check_walk_fails("a/d", -ETIMEDOUT);
	clock_advance(FORGET);
	fake_corrupt(fake, &d, true);
	check_walk_fails("a/d/f", -EBADMSG);
	fake_corrupt(fake, &d, false);
	check_walk_fails("a/d/f", -EBADMSG);    /* remembered */
	clock_advance(FORGET);
	fake_corrupt(fake, &blob, true);
	{
		CLEANUP_NODE struct node f = node_at("a/d/f");
		char *text;

		ck_assert_int_eq(try_text(&f, &text), -EBADMSG);
		fake_corrupt(fake, &blob, false);
		clock_advance(FORGET);
		ck_assert_int_eq(try_text(&f, &text), 0);
		free(text);
	}
}
END_TEST

/* A source out of reach goes on showing what is known. */
START_TEST(known_things_stay_when_the_source_is_down)
{
	CLEANUP_SIGHT struct sight f = { 0 };

	move_to(TREE("d/f=1", "x=1"));
	f = sight_at("a/d/f");
	fake_down(fake, -EHOSTUNREACH);
	for (int i = 0; i < 3; i++) {
		look_again();
		check_again(&f);
	}
	restart(ROOM);
	check_walk_fails("a/d", -EHOSTUNREACH);
	fake_down(fake, 0);
	clock_advance(FORGET);
	check_again(&f);
}
END_TEST

START_TEST(ref_that_is_gone)
{
	CLEANUP_SIGHT struct sight f = { 0 }, d = { 0 };
	CLEANUP_NODE struct node n = { 0 };

	move_to(TREE("d/f=1", "x=1"));
	f = sight_at("a/d/f");
	d = sight_at("a/d");
	fake_down(fake, -ENOENT);
	look_again();
	check_walk_fails("a", -ENOENT);
	check_again(&f);
	check_again(&d);
	n = resolved(&d.where);
	check_list(&n, " . .. f");
	fake_down(fake, 0);
	clock_advance(FORGET);
	check_text("a/d/f", "1");
	check_again(&f);
}
END_TEST

/* One that is bad spoils only what needs it. */
START_TEST(unknown_size_is_one_files_trouble)
{
	struct oid bad = fake_blob(fake, "bad");

	fs_free(fs);
	fake_no_stat(fake);
	start(ROOM);
	for (int round = 0; round < 2; round++) {
		CLEANUP_NODE struct node b = { 0 };
		struct attr attr;

		if (round)
			fake_corrupt(fake, &bad, true);
		else
			fake_fail(fake, &bad, -ENOENT, UINT32_MAX);
		move_to(TREE("a=1", "b=bad", "c=333"));
		ck_assert_uint_eq(attr_at("a/a").size, 1);
		ck_assert_uint_eq(attr_at("a/c").size, 3);
		b = node_at("a/b");
		ck_assert_int_lt(ASK(fs_getattr(&b, W, &attr)), 0);
		fake_corrupt(fake, &bad, false);
		fake_fail(fake, &bad, 0, 0);
		clock_advance(FORGET);
		ck_assert_uint_eq(attr_at("a/b").size, 3);
		restart(ROOM);
	}
}
END_TEST

/* ---- the n-th job fails ---- */

/* All a client does: whatever fails, it ends in an errno. */
static int scenario(struct where *file)
{
	CLEANUP_NODE struct node d = { 0 }, f = { 0 }, l = { 0 };
	CLEANUP_FREE char *text = NULL, *link = NULL;
	struct attr attr;
	struct listing list;
	uint64_t verf = 0;
	bool eof;
	int r = walk("a/d/e", &d);

	if (!r)
		r = ASK(fs_getattr(&d, W, &attr));
	if (r)
		return r;
	r = list_some(&d, 0, &verf, 99, true, &list, &eof);
	if (!r) {
		must(!strcmp(list.text, " . .. f l"));
		must(list.attrs >= 2);
	}
	free(list.text);
	if (!r)
		r = ASK(fs_resolve(fs, file, W, &f));
	if (!r)
		r = ASK(fs_getattr(&f, W, &attr));
	if (!r)
		r = try_text(&f, &text);
	if (r)
		return r;
	must(!strcmp(text, "old"));
	must(attr.size == 3);
	r = walk("a/d/e/l", &l);
	if (!r)
		r = try_text(&l, &link);
	must(r || !strcmp(link, "there"));
	return r;
}

static void fail_every_job(size_t memory)
{
	CLEANUP_SIGHT struct sight f = { 0 };
	unsigned failed = 0;

	move_to(TREE("d/e/f=old", "x=1"));
	f = sight_at("a/d/e/f");
	move_to(TREE("d/e/f=newer", "d/e/l@=there", "x=1"));
	for (unsigned n = 1;; n++) {
		int r;

		restart(memory);
		fake_fail_nth(fake, n, -EIO);
		r = scenario(&f.where);
		if (!fake_fail_nth(fake, 0, 0)) {
			ck_assert_int_eq(r, 0);
			break;
		}
		ck_assert_msg(!r || r == -EIO, "job %u: %d", n, r);
		failed += r != 0;
		/* And it was not for ever. */
		clock_advance(FORGET);
		ck_assert_int_eq(scenario(&f.where), 0);
	}
	ck_assert_uint_ge(failed, 5);
}

START_TEST(every_job_fails_once)
{
	fail_every_job(ROOM);
}
END_TEST

START_TEST(every_job_fails_once_in_no_memory)
{
	fail_every_job(1);
}
END_TEST

START_TEST(every_job_fails_once_without_stat)
{
	fs_free(fs);
	fake_no_stat(fake);
	start(ROOM);
	fail_every_job(ROOM);
}
END_TEST

/* ---- memory ---- */

START_TEST(memory_is_bounded)
{
	enum { MEMORY = 256 << 10 };
	struct fs_space space;
	char item[200][32];
	const char *items[200];

	for (unsigned i = 0; i < 200; i++) {
		snprintf(item[i], sizeof item[i], "d%03u/e/f=%u", i, i);
		items[i] = item[i];
	}
	restart(MEMORY);
	move_to(tree_of(200, items, 0));
	for (unsigned i = 0; i < 200; i++) {
		char path[32], text[8];

		snprintf(path, sizeof path, "a/d%03u/e/f", i);
		snprintf(text, sizeof text, "%u", i);
		must(attr_at(path).size == strlen(text));
		check_text(path, text);
		fs_space(fs, &space);
		must(space.bytes < MEMORY + MEMORY / 16);
	}
}
END_TEST

/* ---- threads ---- */

enum { WALKERS = 3, MOVES = 30 };

static atomic_bool stop;

/* Both files of one directory, which any one commit changes together. */
static void look_once(const char *path)
{
	CLEANUP_NODE struct node d = { 0 }, f = { 0 }, g = { 0 };
	CLEANUP_NODE struct node found = { 0 };
	CLEANUP_FREE char *f_text = NULL, *g_text = NULL;
	struct where where;
	struct attr attr, again;

	must(!walk(path, &d));
	must(!ASK(fs_lookup(&d, "f", 1, W, &f)));
	must(!ASK(fs_lookup(&d, "g", 1, W, &g)));
	must(!try_text(&f, &f_text) && !try_text(&g, &g_text));
	must(!strcmp(f_text, g_text));
	attr = attr_of(&f);
	must(attr.size == strlen(f_text));
	fs_where(&f, &where);
	found = resolved(&where);
	again = attr_of(&found);
	must(same_attr(&attr, &again));
}

static void *look_on(void *arg)
{
	unsigned seed = *(unsigned *)arg;

	while (!atomic_load(&stop)) {
		char path[32];

		snprintf(path, sizeof path, "a/d%d/e", rand_r(&seed) % 4);
		look_once(path);
	}
	return NULL;
}

START_TEST(many_look_while_it_moves)
{
	pthread_t walker[WALKERS];
	unsigned seed[WALKERS];

	fs_free(fs);
	start_threads(20 << 10, 3);
	for (unsigned i = 0; i < MOVES; i++) {
		char item[8][32];
		const char *items[8];
		struct oid tree;

		for (unsigned k = 0; k < 8; k++) {
			snprintf(item[k], sizeof item[k], "d%u/e/%c=%u", k / 2,
				 "fg"[k % 2], i / (1 + k / 2));
			items[k] = item[k];
		}
		tree = tree_of(8, items, 0);
		fake_ref(fake, NULL, &tree);
		clock_advance(TTL);
		for (unsigned k = 0; !i && k < WALKERS; k++) {
			seed[k] = k;
			must(!pthread_create(&walker[k], NULL, look_on,
					     &seed[k]));
		}
		for (int k = 0; k < 8; k++)
			look_once("a/d0/e");
	}
	atomic_store(&stop, true);
	for (unsigned k = 0; k < WALKERS; k++)
		pthread_join(walker[k], NULL);
	restart(ROOM);
	check_text("a/d0/e/f", "29");
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

static Suite *suite(void)
{
	Suite *s = suite_create("inode");
	TCase *c = tcase_create("inode");

	tcase_set_timeout(c, 60);
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, setup, teardown);
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
	tcase_add_test(c, names_of_roots);
	tcase_add_test(c, dots);
	tcase_add_test(c, name_lengths);
	tcase_add_test(c, gitlinks_are_empty_directories);
	tcase_add_test(c, reads);
	tcase_add_test(c, listings_go_on_where_they_were);
	tcase_add_test(c, listing_ends_in_the_version_it_began_in);
	tcase_add_test(c, listings_tell_the_truth);
	tcase_add_test(c, old_tree_may_be_collected);
	tcase_add_test(c, shown_tree_may_not);
	tcase_add_test(c, trouble_ends_in_definite_errors);
	tcase_add_test(c, known_things_stay_when_the_source_is_down);
	tcase_add_test(c, ref_that_is_gone);
	tcase_add_test(c, unknown_size_is_one_files_trouble);
	tcase_add_test(c, every_job_fails_once);
	tcase_add_test(c, every_job_fails_once_in_no_memory);
	tcase_add_test(c, every_job_fails_once_without_stat);
	tcase_add_test(c, memory_is_bounded);
	tcase_add_test(c, many_look_while_it_moves);
	tcase_add_test(c, far_refs_are_believed_longer);
	tcase_add_test(c, sizes_cost_some_blobs);
	tcase_add_test(c, setting_up_may_fail);
	tcase_add_test(c, secret_and_id_stay);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(suite());
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
