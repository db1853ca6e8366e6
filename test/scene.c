/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test/scene.h"

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "test/must.h"
#include "test/scratch.h"

struct fake *fake;
struct fs *fs;
char *dir;
_Thread_local struct asker asker = ASKER_INIT;

/* ---- a server's life ---- */

void start_with(struct fs_options opt)
{
	CLEANUP_FREE char *state = NULL, *cache = NULL;
	char why[FS_WHY] = "";

	ck_assert_int_gt(asprintf(&state, "%s/state", dir), 0);
	ck_assert_int_gt(asprintf(&cache, "%s/cache", dir), 0);
	opt.state_dir = state;
	opt.cache_dir = cache;
	opt.ref_ttl = TTL;
	ck_assert_msg(!fs_new(&fs, &opt, why), "%s", why);
	ck_assert_msg(!fs_add(fs, "a", "/where/a", NULL, fake_backend(fake),
			      why), "%s", why);
	ck_assert_msg(!fs_start(fs, why), "%s", why);
}

void start_threads(size_t memory, unsigned threads)
{
	start_with((struct fs_options){ .memory = memory,
					.threads = threads });
}

void start(size_t memory)
{
	start_threads(memory, 1);
}

void restart(size_t memory)
{
	fs_free(fs);
	start(memory);
}

void scene_begin(void)
{
	log_set_level(LOG_ERROR);
	clock_freeze();
	dir = scratch_dir();
	fake = fake_new();
}

void scene_end(void)
{
	fs_free(fs);
	fs = NULL;
	fake_free(fake);
	free(dir);
	clock_thaw();
}

static void setup(void)
{
	scene_begin();
	start(ROOM);
}

void scene_add(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, setup, scene_end);
}

/* ---- trees, from lists of files ---- */

struct oid tree_of(size_t n, const char *const *item, size_t skip)
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

/* ---- looking ---- */

int walk(const char *path, struct node *ret)
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

struct node node_at(const char *path)
{
	struct node n = { 0 };
	int r = walk(path, &n);

	ck_assert_msg(!r, "%s: %s", path, strerror(-r));
	return n;
}

void check_walk_fails(const char *path, int err)
{
	struct node n = { 0 };
	int r = walk(path, &n);

	ck_assert_msg(r == err, "%s: %d, not %d", path, r, err);
	node_clear(&n);
}

struct attr attr_of(struct node *n)
{
	struct attr a;
	int r = ASK(fs_getattr(n, W, &a));

	ck_assert_msg(!r, "%s", strerror(-r));
	must(a.fileid == n->fileid);
	return a;
}

struct attr attr_at(const char *path)
{
	CLEANUP_NODE struct node n = node_at(path);

	return attr_of(&n);
}

int try_text(struct node *n, char **ret)
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

void check_text(const char *path, const char *expect)
{
	CLEANUP_NODE struct node n = node_at(path);
	CLEANUP_FREE char *text = text_of(&n);

	ck_assert_str_eq(text, expect);
}

bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool same_attr(const struct attr *a, const struct attr *b)
{
	return a->fileid == b->fileid && a->size == b->size &&
	       a->type == b->type && same_time(a->mtime, b->mtime) &&
	       same_time(a->ctime, b->ctime);
}

bool same_times(struct attr a, struct attr b)
{
	return same_time(a.mtime, b.mtime) && same_time(a.ctime, b.ctime);
}

/* ---- what was seen must be found again ---- */

static struct sight see(struct node *n)
{
	struct sight s = { .attr = attr_of(n), .text = text_of(n) };

	fs_where(n, &s.where);
	return s;
}

struct sight sight_at(const char *path)
{
	CLEANUP_NODE struct node n = node_at(path);

	return see(&n);
}

void sight_clear(struct sight *s)
{
	free(s->text);
}

struct node resolved(const struct where *where)
{
	struct node n = { 0 };
	int r = ASK(fs_resolve(fs, where, W, &n));

	ck_assert_msg(!r, "%s", strerror(-r));
	return n;
}

void check_resolve_fails(const struct where *where, int err)
{
	struct node n = { 0 };
	int r = ASK(fs_resolve(fs, where, W, &n));

	ck_assert_msg(r == err, "%d, not %d", r, err);
	node_clear(&n);
}

void check_again(const struct sight *was)
{
	CLEANUP_NODE struct node n = resolved(&was->where);
	CLEANUP_SIGHT struct sight now = see(&n);

	must(!memcmp(&was->where, &now.where, sizeof now.where));
	must(same_attr(&was->attr, &now.attr));
	must(!was->text == !now.text);
	must(!now.text || !strcmp(was->text, now.text));
}

/* ---- listings ---- */

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

int list_some(struct node *n, uint64_t cookie, uint64_t *verf,
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
	} while (asker_waited(&asker, r));
	fputc(0, l->out);
	fclose(l->out);
	return r;
}

void check_list(struct node *n, const char *expect)
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

void check_list_at(const char *path, const char *expect)
{
	CLEANUP_NODE struct node n = node_at(path);

	check_list(&n, expect);
}

/* ---- moves ---- */

void settle(void)
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

void look_again(void)
{
	struct node n = { 0 };

	clock_advance(TTL);
	walk("a", &n);                  /* shows the old, asks for the new */
	node_clear(&n);
	settle();
}

struct oid move_to(struct oid tree)
{
	struct oid commit = fake_ref(fake, NULL, &tree);

	look_again();
	return commit;
}
