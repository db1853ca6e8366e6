/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The journal of the state directory, with any lines in it: what can be read
 * is, the rest is passed over, and what is written behind it is there the
 * next time.
 *
 * The low bit of the first byte: also start a file system on it, and look
 * around.  The rest: the journal, in which "SRC" and "TOP" are what the ids
 * of the root and the top are there.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/state.h"
#include "common/cleanup.h"
#include "test/fake.h"
#include "test/fuzz.h"
#include "test/fuzz_world.h"

static char state[4200], cache[4200], journal[4300];

static void write_journal(struct fuzz f)
{
	FILE *out = fopen(journal, "wb");

	FUZZ_MUST(out);
	fwrite(f.data, 1, f.len, out);
	FUZZ_MUST(!fclose(out));
}

/* ---- the lines ---- */

struct facts {
	unsigned n;
	uint64_t last;          /* id of a level */
};

static int on_level(void *arg, const struct state_level *l)
{
	struct facts *facts = arg;

	FUZZ_MUST(l->path);
	facts->n++;
	facts->last = l->id;
	return 0;
}

static int on_root(void *arg, const struct state_root *r)
{
	struct facts *facts = arg;

	FUZZ_MUST(r->name && r->location);
	facts->n++;
	return 0;
}

static int on_move(void *arg, const struct state_move *m)
{
	struct facts *facts = arg;

	FUZZ_MUST(m->mtime.tv_nsec >= 0 && m->mtime.tv_nsec < 1000000000);
	FUZZ_MUST(m->ctime.tv_nsec >= 0 && m->ctime.tv_nsec < 1000000000);
	facts->n++;
	return 0;
}

static int on_top(void *arg, const struct state_top *t)
{
	struct facts *facts = arg;

	FUZZ_MUST(t->time.tv_nsec >= 0 && t->time.tv_nsec < 1000000000);
	facts->n++;
	return 0;
}

static struct state *open_state(struct facts *ret)
{
	static const struct state_reader reader = {
		on_level, on_root, on_move, on_top,
	};
	char why[STATE_WHY] = "";
	struct state *s;

	*ret = (struct facts){ 0 };
	FUZZ_MUST(!state_open(&s, state, why));
	FUZZ_MUST(!state_read(s, &reader, ret, why));
	return s;
}

static void try_lines(void)
{
	const struct state_level level = { 0x1234567890abcdef, "a b%\n" };
	struct facts facts, again;
	struct state *s = open_state(&facts);

	FUZZ_MUST(!state_append(s, &(struct state_facts){ .level = &level }));
	state_close(s);
	s = open_state(&again);
	FUZZ_MUST(again.n == facts.n + 1 && again.last == level.id);
	state_close(s);
}

/* ---- the file system ---- */

static void look_at(struct node *in, const char *name)
{
	CLEANUP_NODE struct node node = { 0 };
	struct attr attr;

	world_find(in, name, &node);
	FUZZ_MUST(!fs_getattr(&node, NULL, &attr));
	FUZZ_MUST(attr.mtime.tv_nsec >= 0 && attr.mtime.tv_nsec < 1000000000);
	FUZZ_MUST(attr.ctime.tv_nsec >= 0 && attr.ctime.tv_nsec < 1000000000);
}

static void try_fs(struct fake *f)
{
	const struct fs_options opt = {
		.state_dir = state,
		.cache_dir = cache,
		.memory = 16 << 20,
		.threads = 1,
		.ref_ttl = UINT32_MAX,
	};
	CLEANUP_NODE struct node top = { 0 }, root = { 0 };
	char why[FS_WHY] = "";
	struct fs *fs;

	FUZZ_MUST(!fs_new(&fs, &opt, why));
	FUZZ_MUST(!fs_add(fs, "src", "/src", NULL, fake_backend(f), why));
	FUZZ_MUST(!fs_start(fs, why));
	fs_top(fs, &top);
	world_find(&top, "src", &root);
	look_at(&top, "src");
	look_at(&top, "src@other");
	look_at(&root, "file");
	look_at(&root, "many");
	node_clear(&root);
	node_clear(&top);
	fs_free(fs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fake *fake;
	struct fuzz f = { data, size };
	bool whole = fuzz_byte(&f) & 1;

	if (!fake) {
		fake = world_fake();
		snprintf(state, sizeof state, "%s/state", world_dir());
		snprintf(cache, sizeof cache, "%s/cache", world_dir());
		snprintf(journal, sizeof journal, "%s/journal", state);
		world_key(state);
	}
	write_journal(f);
	if (whole)
		try_fs(fake);
	else
		try_lines();
	return 0;
}
