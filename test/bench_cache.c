/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* bench_cache [-m MEBIBYTES] [-n COPIES] [-r] REPOSITORY - what the cache
 * costs: memory per entry and in all, time per entry, cold and warm.
 *
 * Walks a repository as a client does: lists each directory with
 * attributes and handles, finds each entry again by its handle and asks
 * for its attributes; with -r it reads every file, too.  With -n the
 * repository is served under that many names, of which none knows that
 * the others show the same.  Prints one line per walk. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "cache/fs.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/value.h"
#include "test/asker.h"

enum { PAGE = 512 };

static struct asker asker = ASKER_INIT;

static void must(int r, const char *what)
{
	if (!r)
		return;
	fprintf(stderr, "bench_cache: %s: %s\n", what, strerror(-r));
	exit(1);
}

/* ---- the walk ---- */

struct entry {
	struct where where;
	struct attr attr;
	uint64_t cookie;
	bool known;
	uint8_t len;
	char name[FS_NAME_MAX];
};

struct page {
	struct entry entry[PAGE];
	unsigned n;
};

static struct {
	uint64_t entries, bytes;
	bool read;
} walked;

static bool take(void *arg, const struct fs_dirent *e)
{
	struct page *p = arg;
	struct entry *to = &p->entry[p->n];

	if (p->n == PAGE)
		return false;
	p->n++;
	to->cookie = e->cookie;
	to->len = (uint8_t)e->len;
	memcpy(to->name, e->name, e->len);
	to->known = e->attr && e->where;
	if (to->known) {
		to->attr = *e->attr;
		to->where = *e->where;
	}
	return true;
}

static void walk(struct fs *fs, struct node *dir);

static void visit(struct fs *fs, struct node *dir, const struct entry *e)
{
	CLEANUP_NODE struct node n = { 0 };
	struct attr attr;
	struct slice data;
	bool eof;
	int r;

	r = ASK_BY(&asker, e->known ?
		   fs_resolve(fs, &e->where, &asker.w, &n) :
		   fs_lookup(dir, e->name, e->len, &asker.w, &n));
	must(r, "handle");
	r = ASK_BY(&asker, fs_getattr(&n, &asker.w, &attr));
	must(r, "attributes");
	walked.entries++;
	if (attr.type == FT_DIR)
		walk(fs, &n);
	if (!walked.read || (attr.type != FT_FILE && attr.type != FT_EXEC))
		return;
	r = ASK_BY(&asker, fs_read(&n, 0, SIZE_MAX, &asker.w, &data, &eof));
	must(r, "read");
	walked.bytes += data.len;
	value_unref(data.owner);
}

static void walk(struct fs *fs, struct node *dir)
{
	struct page *page = malloc(sizeof *page);
	uint64_t cookie = 0, verf = 0, v;
	bool eof = false;
	int r;

	if (!page)
		must(-ENOMEM, "walk");
	while (!eof) {
		do {
			page->n = 0;
			v = verf;
			r = fs_readdir(dir, cookie, &v, true, &asker.w, take,
				       page, &eof);
		} while (asker_waited(&asker, r));
		must(r, "listing");
		verf = v;
		for (unsigned i = 0; i < page->n; i++) {
			const struct entry *e = &page->entry[i];

			cookie = e->cookie;
			if (cookie > 2)         /* not "." and ".." */
				visit(fs, dir, e);
		}
	}
	free(page);
}

/* ---- what it cost ---- */

/* Of memory of its own, not of mapped files, in KiB. */
static long resident(const char *field)
{
	char line[256];
	FILE *in = fopen("/proc/self/status", "r");
	long kib = -1;

	while (in && fgets(line, sizeof line, in))
		if (!strncmp(line, field, strlen(field)))
			kib = atol(line + strlen(field));
	if (in)
		fclose(in);
	return kib;
}

static void measure(struct fs *fs, unsigned copies, const char *name)
{
	uint64_t start = clock_ms(), ms;
	struct fs_space space;
	long before = resident("RssAnon:");

	walked.entries = walked.bytes = 0;
	for (unsigned i = 0; i < copies; i++) {
		CLEANUP_NODE struct node top = { 0 }, root = { 0 };
		char copy[32];
		int r;

		snprintf(copy, sizeof copy, "copy%u", i);
		fs_top(fs, &top);
		r = ASK_BY(&asker, fs_lookup(&top, copy, strlen(copy),
					     &asker.w, &root));
		must(r, copy);
		walk(fs, &root);
	}
	ms = clock_ms() - start;
	fs_space(fs, &space);
	printf("%-5s %9" PRIu64 " entries  %6" PRIu64 " MiB read  %7.2f us "
	       "per entry  cache %7.1f MiB, %6.1f bytes per entry  "
	       "resident %ld MiB (+%ld), peak %ld MiB\n", name, walked.entries,
	       walked.bytes >> 20, 1000.0 * (double)ms /
	       (double)walked.entries, (double)space.bytes / (1 << 20),
	       (double)space.bytes / (double)walked.entries,
	       resident("RssAnon:") >> 10, (resident("RssAnon:") - before) >> 10,
	       resident("VmHWM:") >> 10);
	fflush(stdout);
}

static void add(struct fs *fs, const char *path, unsigned number)
{
	char why[FS_WHY], name[32];
	struct backend *b;
	int r = backend_open(&b, path, why);

	snprintf(name, sizeof name, "copy%u", number);
	if (!r)
		r = fs_add(fs, name, path, NULL, b, why);
	must(r, why);
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/gitnfs-bench-XXXXXX", why[FS_WHY];
	CLEANUP_FREE char *state = NULL, *cache = NULL, *clean = NULL;
	struct fs_options opt = { .memory = 256 << 20 };
	unsigned copies = 1;
	struct fs *fs;

	for (int c; (c = getopt(argc, argv, "m:n:r")) != -1;) {
		if (c == 'm')
			opt.memory = (size_t)atol(optarg) << 20;
		else if (c == 'n')
			copies = (unsigned)atoi(optarg);
		else if (c == 'r')
			walked.read = true;
		else
			return 2;
	}
	if (optind + 1 != argc || !mkdtemp(dir) ||
	    asprintf(&state, "%s/state", dir) < 0 ||
	    asprintf(&cache, "%s/cache", dir) < 0 ||
	    asprintf(&clean, "rm -rf %s", dir) < 0) {
		fprintf(stderr, "usage: bench_cache [-m MEBIBYTES] [-n COPIES] "
			"[-r] REPOSITORY\n");
		return 2;
	}
	opt.state_dir = state;
	opt.cache_dir = cache;
	must(fs_new(&fs, &opt, why), why);
	for (unsigned i = 0; i < copies; i++)
		add(fs, argv[optind], i);
	must(fs_start(fs, why), why);
	printf("budget %zu MiB, %u repositories%s\n", opt.memory >> 20, copies,
	       walked.read ? ", every file read" : "");
	measure(fs, copies, "cold");
	measure(fs, copies, "warm");
	fs_free(fs);
	return system(clean) != 0;
}
