/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/fuzz_world.h"

#include <ftw.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/value.h"
#include "nfsd/portmap/registry.h"
#include "test/asker.h"
#include "test/fake.h"
#include "test/fuzz.h"

enum { MANY = 40, MEMORY = 64 << 20 };

/* ---- where it keeps things ---- */

static char dir[4096];

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_dir(void)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *world_dir(void)
{
	const char *tmp = getenv("TMPDIR");

	if (*dir)
		return dir;
	snprintf(dir, sizeof dir, "%s/gitnfs-fuzz-XXXXXX", tmp ? tmp : "/tmp");
	FUZZ_MUST(mkdtemp(dir));
	atexit(remove_dir);
	return dir;
}

/* ---- what is in it ---- */

static struct oid make_deep(struct fake *f, struct oid at)
{
	for (int i = 0; i < 24; i++) {
		const struct fake_entry e[] = { { "40000", "d", at } };

		at = fake_tree(f, 1, e);
	}
	return at;
}

struct fake *world_fake(void)
{
	struct fake *f = fake_new();
	static char name[MANY][16];
	static char large[100000];
	struct fake_entry e[MANY];
	struct oid file = fake_blob(f, "text\n");

	for (int i = 0; i < MANY; i++) {
		snprintf(name[i], sizeof name[i], "f%02d", i);
		e[i] = (struct fake_entry){ "100644", name[i], file };
	}
	memset(large, 'x', sizeof large - 1);

	struct oid many = fake_tree(f, MANY, e);
	struct oid other = fake_blob(f, "link");
	const struct fake_entry all[] = {
		{ "40000", "deep", make_deep(f, many) },
		{ "100755", "exec", fake_blob(f, "#!/bin/sh\n") },
		{ "100644", "file", file },
		{ "160000", "gitlink", file },
		{ "100644", "large", fake_blob(f, large) },
		{ "120000", "link", other },
		{ "40000", "many", many },
	};
	struct oid tree = fake_tree(f, sizeof all / sizeof *all, all);

	fake_ref(f, NULL, &tree);
	fake_ref(f, "other", &many);
	return f;
}

/* ---- making it ---- */

void world_find(struct node *in, const char *name, struct node *ret)
{
	static struct asker asker = ASKER_INIT;
	struct attr attr;

	FUZZ_MUST(!ASK_BY(&asker, fs_lookup(in, name, strlen(name), &asker.w,
					    ret)));
	FUZZ_MUST(!ASK_BY(&asker, fs_getattr(ret, &asker.w, &attr)));
}

static void keep_handles(struct world *w)
{
	static const char *const name[] = {
		"deep", "exec", "file", "gitlink", "large", "link", "many",
	};
	CLEANUP_NODE struct node top = { 0 }, root = { 0 }, pin = { 0 };
	CLEANUP_NODE struct node other = { 0 };
	struct where where;
	size_t n = 0;

	fs_top(w->service.fs, &top);
	world_find(&top, "src", &root);
	world_find(&top, "src@@", &pin);
	world_find(&top, "src@other", &other);
	fh_of(&w->service, &top, &w->fh[n++]);
	fh_of(&w->service, &root, &w->fh[n++]);
	fh_of(&w->service, &pin, &w->fh[n++]);
	fh_of(&w->service, &other, &w->fh[n++]);
	for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
		CLEANUP_NODE struct node node = { 0 };

		world_find(&root, name[i], &node);
		fh_of(&w->service, &node, &w->fh[n++]);
	}
	/* What has never been. */
	for (; n < WORLD_HANDLES; n++) {
		fs_where(&root, &where);
		if (n & 1)
			where.root ^= n;
		else
			where.dir ^= n;
		fh_encode(&w->service.fh_key, &where, &w->fh[n]);
	}
}

void world_key(const char *state)
{
	CLEANUP_FREE char *path = NULL;
	FILE *f;

	FUZZ_MUST(!mkdir(state, 0700));
	FUZZ_MUST(asprintf(&path, "%s/key", state) > 0);
	f = fopen(path, "w");
	FUZZ_MUST(f);
	for (int i = 0; i < 32; i++)
		fprintf(f, "%02x", i);
	fputc('\n', f);
	fclose(f);
}

struct world *world(void)
{
	static struct world w;
	char state[4200], cache[4200], why[FS_WHY] = "";
	const struct fs_options opt = {
		.state_dir = state,
		.cache_dir = cache,
		.memory = MEMORY,
		.threads = 2,
		.ref_ttl = UINT32_MAX,
	};
	struct fake *f;

	if (w.service.fs)
		return &w;
	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_ERROR);
	snprintf(state, sizeof state, "%s/state", world_dir());
	snprintf(cache, sizeof cache, "%s/cache", world_dir());
	world_key(state);
	f = world_fake();
	FUZZ_MUST(!fs_new(&w.service.fs, &opt, why));
	FUZZ_MUST(!fs_add(w.service.fs, "src", "/src", NULL, fake_backend(f),
			  why));
	FUZZ_MUST(!fs_start(w.service.fs, why));
	w.service.fh_key = fh_key(w.service.fs);
	w.service.fsid = fs_id(w.service.fs);
	FUZZ_MUST(!registry_new(&w.service.registry));
	FUZZ_MUST(!registry_set(w.service.registry, &(struct mapping){
		.program = 100003, .version = 3, .netid = NETID_TCP,
		.port = 2049, .ours = true,
	}));
	keep_handles(&w);
	return &w;
}
