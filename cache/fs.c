/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#ifdef HAVE_MALLOC_H
#include <malloc.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/backend.h"
#include "cache/composite.h"
#include "cache/node.h"
#include "cache/pattern.h"
#include "cache/state.h"
#include "cache/store.h"
#include "common/cleanup.h"
#include "common/dirs.h"

_Static_assert((int)FS_WHY >= (int)BACKEND_WHY &&
	       (int)FS_WHY >= (int)STORE_WHY, "one buffer fits all");

enum {
	DEFAULT_THREADS = 8,
	DEFAULT_REF_TTL = 500,  /* ms */
	HOLES_SHARE = 6,
};

/* Uses of the secret; nfsd has one of its own for signing handles. */
enum { USE_IDS = 1, USE_NAMES };

static int make_cache_dir(const char *path, char *why)
{
	int r = dirs_make(path);
	struct stat st;

	if (r > 0)
		return 0;
	if (!r && stat(path, &st))
		r = -errno;
	else if (!r && !S_ISDIR(st.st_mode))
		r = -ENOTDIR;
	else if (!r && access(path, W_OK | X_OK))
		r = -errno;
	if (r)
		snprintf(why, FS_WHY, "%s: cannot be the cache directory: %s; "
			 "give another one with --cache-dir", path,
			 strerror(-r));
	return r;
}

/* What is evicted shall go back to the system: file contents come and go
 * in all sizes and on many threads, and would leave several times the
 * budget in holes. */
static void tune_malloc(void)
{
#ifdef M_ARENA_MAX
	mallopt(M_ARENA_MAX, 2);
	mallopt(M_MMAP_THRESHOLD, 32 << 10);
#endif
}

static int open_store(struct fs *fs, char *why)
{
	CLEANUP_FREE char *dir = NULL;

	if (asprintf(&dir, "%s/store", fs->cache_dir) < 0) {
		dir = NULL;
		return -ENOMEM;
	}
	return store_open(&fs->store, dir, fs->opt.disk, why);
}

int fs_new(struct fs **ret, const struct fs_options *opt, char why[FS_WHY])
{
	struct fs *fs = calloc(1, sizeof *fs);
	int r = -ENOMEM;

	tune_malloc();
	snprintf(why, FS_WHY, "out of memory");
	if (!fs)
		return -ENOMEM;
	fs->opt = *opt;
	pthread_mutex_init(&fs->chore_lock, NULL);
	list_init(&fs->chores);
	if (!fs->opt.threads)
		fs->opt.threads = DEFAULT_THREADS;
	if (!fs->opt.ref_ttl)
		fs->opt.ref_ttl = DEFAULT_REF_TTL;
	fs->state_dir = strdup(opt->state_dir);
	fs->cache_dir = strdup(opt->cache_dir);
	fs->composite = composite_new(&fs->ids);
	if (fs->composite)
		fs->roots = roots_new(&fs->ids, fs->composite);
	if (fs->state_dir && fs->cache_dir && fs->roots)
		r = make_cache_dir(opt->cache_dir, why);
	if (!r)
		r = state_open(&fs->state, opt->state_dir, why);
	if (!r && opt->disk)
		r = open_store(fs, why);
	if (r) {
		fs_free(fs);
		return r;
	}
	fs->ids = keyed_derive(fs_secret(fs), USE_IDS);
	fs->names = keyed_derive(fs_secret(fs), USE_NAMES);
	*ret = fs;
	return 0;
}

static void say_why(int err, const char *name, char why[FS_WHY])
{
	if (err == -EINVAL)
		snprintf(why, FS_WHY, "\"%s\" cannot be a name in the file "
			 "system: each part of it is 1 to %d bytes, and "
			 "neither \".\" nor \"..\"; give another", name,
			 COMPOSITE_NAME_MAX);
	else if (err == -EEXIST)
		snprintf(why, FS_WHY, "\"%s\" is there twice; give one of "
			 "them another name", name);
	else if (err)
		snprintf(why, FS_WHY, "%s", strerror(-err));
}

int fs_add(struct fs *fs, const char *name, const char *location,
	   const char *ref, struct backend *backend, char why[FS_WHY])
{
	int r = composite_add(fs->composite, name, location, ref, backend);

	say_why(r, name, why);
	return r;
}

int fs_check_pattern(const struct fs_pattern *p, char why[FS_WHY])
{
	snprintf(why, FS_WHY, "out of memory");
	return pattern_check(p->url, p->options, why);
}

/* What the composite keeps of a pattern, with options as each repository
 * is opened with them. */
static void complete(const struct fs *fs, const struct fs_pattern *from,
		     struct backend_options *opt, struct fs_pattern *ret)
{
	*opt = from->options ? *from->options :
			       (struct backend_options){ .type = NULL };
	if (!opt->spool_dir)
		opt->spool_dir = fs->cache_dir;
	opt->named_by = pattern_any_host(from->url) ? NAMED_BY_ANYBODY :
						      NAMED_BY_PATTERN;
	*ret = *from;
	ret->options = opt;
}

int fs_add_pattern(struct fs *fs, const char *name,
		   const struct fs_pattern *p, char why[FS_WHY])
{
	struct backend_options opt;
	struct fs_pattern whole;
	int r = fs_check_pattern(p, why);

	if (r)
		return r;
	complete(fs, p, &opt, &whole);
	r = composite_add_pattern(fs->composite, name, &whole);
	say_why(r, name, why);
	return r;
}

int fs_refresh(struct fs *fs, const char *name, uint32_t ms)
{
	return composite_set_refresh(fs->composite, name, ms);
}

int fs_restrict(struct fs *fs, const char *name, unsigned rule)
{
	return composite_restrict(fs->composite, name, rule);
}

/* What would be shown, for nobody: is it possible? */
static int rehearse(const struct keyed *ids, const struct fs_place *p,
		    size_t n, size_t *wrong, uint64_t *hash, char why[FS_WHY])
{
	struct composite *c = composite_new(ids);
	int r = c ? 0 : -ENOMEM;

	snprintf(why, FS_WHY, "out of memory");
	*wrong = n;
	for (size_t i = 0; !r && i < n; i++) {
		r = p[i].pattern ? fs_check_pattern(p[i].pattern, why) : 0;
		if (!r) {
			r = p[i].pattern ?
				composite_add_pattern(c, p[i].name,
						      p[i].pattern) :
				composite_add(c, p[i].name, p[i].location,
					      p[i].ref, NULL);
			say_why(r, p[i].name, why);
		}
		if (r)
			*wrong = i;
	}
	if (!r)
		*hash = composite_hash(c);
	composite_free(c);
	return r;
}

int fs_check(const struct fs_place *p, size_t n, size_t *wrong,
	     char why[FS_WHY])
{
	static const struct keyed any;
	uint64_t hash;

	return rehearse(&any, p, n, wrong, &hash, why);
}

static int change(struct fs *fs, struct fs_place *p, size_t n, uint64_t hash,
		  char why[FS_WHY])
{
	CLEANUP_FREE struct fs_place *all = calloc(n + 1, sizeof *all);
	CLEANUP_FREE struct fs_pattern *pattern = calloc(n + 1,
							 sizeof *pattern);
	CLEANUP_FREE struct backend_options *opt = calloc(n + 1, sizeof *opt);
	int r = all && pattern && opt ? 0 : -ENOMEM;

	for (size_t i = 0; !r && i < n; i++) {
		all[i] = p[i];
		if (!p[i].pattern)
			continue;
		complete(fs, p[i].pattern, &opt[i], &pattern[i]);
		all[i].pattern = &pattern[i];
	}
	if (!r) {
		r = roots_change(fs->roots, all, n, hash);
		/* Those that were not taken over. */
		for (size_t i = 0; i < n; i++)
			p[i].backend = all[i].backend;
	}
	if (r == -ENOMEM)
		snprintf(why, FS_WHY, "out of memory");
	else if (r)
		snprintf(why, FS_WHY, "%s: cannot write: %s", fs->state_dir,
			 strerror(-r));
	return r;
}

int fs_change(struct fs *fs, struct fs_place *p, size_t n, size_t *wrong,
	      char why[FS_WHY])
{
	uint64_t hash;
	int r;

	r = rehearse(&fs->ids, p, n, wrong, &hash, why);
	if (!r)
		r = change(fs, p, n, hash, why);
	for (size_t i = 0; i < n; i++) {
		/* It may be another branch. */
		if (!r && !p[i].same && !p[i].pattern)
			fetch_forget_history(fs->fetcher,
					     root_id(fs->roots, p[i].name,
						     p[i].location, NULL));
		backend_close(TAKE(p[i].backend));
	}
	return r;
}

void fs_set_memory(struct fs *fs, size_t bytes)
{
	fs->opt.memory = bytes;
	fetcher_set_memory(fs->fetcher, bytes - bytes / HOLES_SHARE);
}

int fs_set_disk(struct fs *fs, uint64_t bytes)
{
	if (!fs->store || !bytes)
		return -ENOTSUP;
	store_set_max(fs->store, bytes);
	return 0;
}

int fs_set_prefetch(struct fs *fs, unsigned jobs)
{
	return fs->prefetch ? prefetch_limit(fs->prefetch, jobs) : -ENOTSUP;
}

int fs_start(struct fs *fs, char why[FS_WHY])
{
	struct fetch_options opt = {
		/* The rest is for what malloc() cannot give back. */
		.memory = fs->opt.memory - fs->opt.memory / HOLES_SHARE,
		.threads = fs->opt.threads,
		.ref_ttl = fs->opt.ref_ttl,
		.spool_dir = fs->cache_dir,
		.store = fs->store,
		.names = &fs->names,
		.roots = fs->roots,
		.composite = fs->composite,
	};
	int r = state_read(fs->state, &roots_reader, fs->roots, why);

	if (r)
		return r;
	r = roots_start(fs->roots, fs->state);
	if (r) {
		snprintf(why, FS_WHY, "%s: cannot write: %s",
			 fs->state_dir, strerror(-r));
		return r;
	}
	r = fetcher_new(&fs->fetcher, &opt);
	if (!r)
		fs->in = (struct inodes){ fs->fetcher, &fs->ids, &fs->names };
	if (!r)
		r = prefetch_new(&fs->prefetch, fs->fetcher, &fs->in,
				 fs->opt.prefetch, fs->opt.memory);
	if (r)
		snprintf(why, FS_WHY, "cannot start threads: %s", strerror(-r));
	return r;
}

void fs_free(struct fs *fs)
{
	if (!fs)
		return;
	prefetch_free(fs->prefetch);
	fetcher_free(fs->fetcher);
	if (fs->roots)
		roots_stop(fs->roots);
	roots_free(fs->roots);
	composite_free(fs->composite);
	state_close(fs->state);
	store_close(fs->store);
	pthread_mutex_destroy(&fs->chore_lock);
	free(fs->state_dir);
	free(fs->cache_dir);
	free(fs);
}

const uint8_t *fs_secret(const struct fs *fs)
{
	return state_secret(fs->state);
}

const char *const fs_kind_name[FS_KINDS] = {
	[KIND_ROOT] = "roots", [KIND_TREE] = "trees", [KIND_BLOB] = "blobs",
	[KIND_SIZES] = "sizes", [KIND_DIR] = "directories",
	[KIND_LEVEL] = "levels", [KIND_PAGE] = "listings",
};

void fs_stats(struct fs *fs, struct fs_stats *ret)
{
	struct flights *t = fetcher_flights(fs->fetcher);

	*ret = (struct fs_stats){
		.bytes = flights_cost(t),
		.budget = fs->opt.memory,
	};
	if (fs->store)
		store_count(fs->store, &ret->stored);
	fetcher_trouble(fs->fetcher, &ret->trouble);
	/* In this order: where it is idle, the counts are those at its end. */
	prefetch_count(fs->prefetch, ret);
	flights_count(t, ret->kind);
}

uint64_t fs_id(const struct fs *fs)
{
	return keyed_hash(&fs->ids, "fsid", 4);
}

void fs_space(struct fs *fs, struct fs_space *ret)
{
	*ret = (struct fs_space){
		.bytes = flights_cost(fetcher_flights(fs->fetcher)),
		.entries = composite_sources(fs->composite),
	};
}
