/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/ahead.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "test/must.h"

size_t memory;
unsigned jobs;

struct asker asker_new(void)
{
	return (struct asker)ASKER_INIT;
}

/* ---- a server's life ---- */

void begin(void)
{
	start_with((struct fs_options){ .memory = memory, .threads = 1,
					.prefetch = jobs });
}

void setup(void)
{
	scene_begin();
	memory = ROOM;
	jobs = JOBS;
}

void pause_(void)
{
	const struct timespec moment = { .tv_nsec = 200000 };

	nanosleep(&moment, NULL);
}

struct fs_stats quiet(void)
{
	struct fs_stats s;

	for (int i = 0; i < WAIT_S * 5000; i++) {
		fs_stats(fs, &s);
		if (!s.queued && !s.running)
			return s;
		pause_();
	}
	ck_abort_msg("it never ends");
	return s;
}

/* ---- trees: directories called d000, d001 and files f000, f001 ---- */

static char names[MOST][2][8];

static const char *name(char kind, unsigned i)
{
	char *p = names[i][kind == 'f'];

	must(i < MOST);
	sprintf(p, "%c%03u", kind, i);
	return p;
}

static unsigned serial;

struct oid file(size_t size)
{
	char *text = malloc(size + 16);
	struct oid oid;

	memset(text, 'x', size + 16);
	sprintf(text, "%08u", serial++);
	oid = fake_object(fake, OBJ_BLOB, text, size > 9 ? size : 9);
	free(text);
	return oid;
}

struct oid directory(unsigned ndir, const struct oid *dirs, unsigned nfile,
		     size_t size, struct oid *files)
{
	struct fake_entry *e = calloc(ndir + nfile + 1, sizeof *e);
	struct oid oid;

	for (unsigned i = 0; i < ndir; i++)
		e[i] = (struct fake_entry){ "40000", name('d', i), dirs[i] };
	for (unsigned i = 0; i < nfile; i++) {
		e[ndir + i] = (struct fake_entry){ "100644", name('f', i),
						   size || !i ? file(size) :
						   e[ndir].oid };
		if (files)
			files[i] = e[ndir + i].oid;
	}
	oid = fake_tree(fake, ndir + nfile, e);
	free(e);
	return oid;
}

void show(struct oid tree)
{
	fake_ref(fake, NULL, &tree);
}

/* ---- what clients do ---- */

int try_walk(struct asker *a, const char *path, struct node *ret)
{
	fs_top(fs, ret);
	while (*path) {
		struct node next = { 0 };
		size_t len = strcspn(path, "/");
		int r = ASK_BY(a, fs_lookup(ret, path, len, &a->w, &next));

		node_clear(ret);
		if (r)
			return r;
		*ret = next;
		path += len + (path[len] == '/');
	}
	return 0;
}

struct node at(const char *path)
{
	struct asker a = asker_new();
	struct node n = { 0 };

	ck_assert_int_eq(try_walk(&a, path, &n), 0);
	return n;
}

static bool count_one(void *arg, const struct fs_dirent *e)
{
	unsigned *n = arg;

	(void)e;
	++*n;
	return true;
}

int try_list(struct asker *a, struct node *n, bool plus, unsigned *ret)
{
	uint64_t verf = 0;
	bool eof;

	return ASK_BY(a, (*ret = 0, fs_readdir(n, 0, &verf, plus, &a->w,
					    count_one, ret, &eof)));
}

unsigned list(const char *path)
{
	CLEANUP_NODE struct node n = at(path);
	struct asker a = asker_new();
	unsigned count;

	ck_assert_int_eq(try_list(&a, &n, false, &count), 0);
	return count - 2;
}

int try_read(struct asker *a, struct node *n)
{
	struct attr attr;
	struct slice s;
	bool eof;
	int r = ASK_BY(a, fs_getattr(n, &a->w, &attr));

	if (!r)
		r = ASK_BY(a, fs_read(n, 0, 1 << 20, &a->w, &s, &eof));
	if (!r)
		value_unref(s.owner);
	return r;
}

void read_at(const char *path)
{
	CLEANUP_NODE struct node n = at(path);
	struct asker a = asker_new();

	ck_assert_int_eq(try_read(&a, &n), 0);
}

void read_files(const char *in, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		CLEANUP_FREE char *path = NULL;

		ck_assert_int_gt(asprintf(&path, "%s/f%03u", in, i), 0);
		read_at(path);
		quiet();
	}
}

unsigned fetched(unsigned n, const struct oid *oid)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < n; i++) {
		unsigned once = fake_fetches(fake, &oid[i]);

		ck_assert_uint_le(once, 1);
		sum += once;
	}
	return sum;
}

struct oid child[DIRS], grandchild;

void family(void)
{
	grandchild = directory(0, NULL, 1, 10, NULL);
	for (unsigned i = 0; i < DIRS; i++)
		child[i] = directory(1, &grandchild, i + 1, 10, NULL);
	show(directory(DIRS, child, 3, 10, NULL));
}
