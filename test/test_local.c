/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The local backend against repositories that git itself makes.  Each test
 * runs in a directory of its own and finds everything by relative paths. */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/backend.h"
#include "common/clock.h"
#include "test/git.h"
#include "test/scratch.h"
#include "test/suite.h"


/* ---- git ---- */

/* The first line that a command prints: an object name, mostly. */
struct text {
	char s[256];
};

static struct text first_line(char *all)
{
	struct text text = { "" };

	ck_assert_msg(*all, "printed nothing");
	snprintf(text.s, sizeof text.s, "%.*s", (int)strcspn(all, "\n"), all);
	free(all);
	return text;
}
#define LINE_OF(...) first_line(output(__VA_ARGS__))

/* A repository 'r' with a file and a directory, one commit on main. */
static void make_repository(void)
{
	shell("git init -q -b main r && cd r && mkdir sub && "
	      "echo hello > file && echo deep > sub/file && "
	      "git add . && git commit -q -m one");
}

static void commit(const char *repo, const char *what)
{
	shell("cd %s && echo %s > file && git add file && "
	      "git commit -q -m %s", repo, what, what);
}

/* ---- asking the backend ---- */

enum { WANT_MAX = 128 };

/* A job and all that came of it. */
struct run {
	struct job job;
	struct oid want[WANT_MAX];

	/* What data() shall say, once it has got that many bytes; size() lets
	 * the deadline pass. */
	uint64_t stop_after;
	int stop_err;           /* 0: let the deadline pass instead */

	struct oid current;
	struct oid_hash *hash;
	uint64_t left, got;
	size_t largest;         /* piece of data */
	unsigned objects;       /* complete, and of the right name */
	unsigned sizes, answers, done, wrong;
	uint64_t size[WANT_MAX];
	struct oid commit;
	int err;
};

static int run_start(struct job *job, const struct oid *oid, enum obj type,
		     uint64_t size)
{
	struct run *r = (struct run *)job;

	oid_hash_free(r->hash);
	r->wrong += type != job->type || r->done;
	r->current = *oid;
	r->left = size;
	return oid_hash_start(&r->hash, oid->len, type, size);
}

static int run_data(struct job *job, const void *data, size_t len)
{
	struct run *r = (struct run *)job;

	r->wrong += len == 0 || len > r->left;
	r->left -= len;
	r->got += len;
	if (len > r->largest)
		r->largest = len;
	if (r->stop_after && r->got >= r->stop_after) {
		if (r->stop_err)
			return r->stop_err;
		clock_advance(1000000);
	}
	return oid_hash_data(r->hash, data, len);
}

static int run_end(struct job *job)
{
	struct run *r = (struct run *)job;
	struct oid_hash *h = r->hash;
	struct oid oid;
	int err;

	r->hash = NULL;
	r->wrong += r->left != 0;
	err = oid_hash_end(h, &oid);
	if (!err && !oid_eq(&oid, &r->current))
		err = -EBADMSG;
	r->objects += !err;
	return err;
}

static void run_size(struct job *job, size_t i, uint64_t size)
{
	struct run *r = (struct run *)job;

	r->size[i] = size;
	r->sizes++;
	if (r->stop_after)
		clock_advance(1000000);
}

static void run_ref_is(struct job *job, const struct oid *oid)
{
	struct run *r = (struct run *)job;

	r->commit = *oid;
	r->answers++;
}

static void run_done(struct job *job, int err)
{
	struct run *r = (struct run *)job;

	oid_hash_free(r->hash);
	r->hash = NULL;
	r->err = err;
	r->done++;
}

static const struct job_ops run_ops = {
	.start = run_start, .data = run_data, .end = run_end,
	.size = run_size, .ref_is = run_ref_is, .done = run_done,
};

static void run_init(struct run *r, enum obj type)
{
	memset(r, 0, sizeof *r);
	r->job.ops = &run_ops;
	r->job.deadline = UINT64_MAX;
	r->job.want = r->want;
	r->job.type = type;
}

static void want(struct run *r, const struct oid *oid)
{
	ck_assert_uint_lt(r->job.nwant, WANT_MAX);
	r->want[r->job.nwant++] = *oid;
}

static struct backend *open_backend(const char *url)
{
	char why[BACKEND_WHY] = "";
	struct backend *b;
	int r = backend_open(&b, url, why);

	ck_assert_msg(r == 0, "%s: %s", url, why);
	return b;
}

/* This is a backend that answers before its verb returns. */
static int fetch(struct backend *b, struct run *r)
{
	b->ops->fetch(b, &r->job);
	ck_assert_uint_eq(r->done, 1);
	ck_assert_uint_eq(r->wrong, 0);
	return r->err;
}

static int fetch_id(struct backend *b, enum obj type, const struct oid *oid)
{
	struct run r;

	run_init(&r, type);
	want(&r, oid);
	fetch(b, &r);
	ck_assert_uint_eq(r.objects, r.err == 0);
	return r.err;
}

static int resolve(struct backend *b, const char *ref, struct oid *ret)
{
	struct run r;

	run_init(&r, OBJ_COMMIT);
	r.job.ref = ref;
	b->ops->resolve(b, &r.job);
	ck_assert_uint_eq(r.done, 1);
	ck_assert_uint_eq(r.answers, r.err == 0);
	*ret = r.commit;
	return r.err;
}

static void resolves_to(struct backend *b, const char *ref, struct oid oid)
{
	char want_hex[OID_HEX + 1], got_hex[OID_HEX + 1];
	struct oid got;
	int r = resolve(b, ref, &got);

	ck_assert_msg(r == 0, "%s: %s", ref ? ref : "HEAD", strerror(-r));
	oid_hex(&oid, want_hex);
	oid_hex(&got, got_hex);
	ck_assert_str_eq(got_hex, want_hex);
}

static void resolves_not(struct backend *b, const char *ref)
{
	struct oid got;

	ck_assert_msg(resolve(b, ref, &got) == -ENOENT, "%s", ref);
}

/* Fetch every object that git lists in 'repo'; at least 'least' of them. */
static void fetch_all(struct backend *b, const char *repo, unsigned least)
{
	static const struct { const char *name; enum obj type; } types[] = {
		{ "commit", OBJ_COMMIT }, { "tree", OBJ_TREE },
		{ "blob", OBJ_BLOB }, { "tag", OBJ_TAG },
	};
	unsigned n = 0;
	char *line, hex[64], type[16];
	FILE *f;

	ck_assert_int_ge(asprintf(&line, "git -C %s cat-file --batch-check "
				  "--batch-all-objects", repo), 0);
	f = popen(line, "r");
	ck_assert_ptr_nonnull(f);
	while (fscanf(f, "%63s %15s %*s", hex, type) == 2) {
		struct oid oid;

		ck_assert_int_eq(oid_parse(hex, strlen(hex), &oid), 0);
		for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
			if (strcmp(type, types[i].name))
				continue;
			ck_assert_msg(!fetch_id(b, types[i].type, &oid),
				      "%s %s", type, hex);
			n++;
		}
	}
	ck_assert_int_eq(pclose(f), 0);
	ck_assert_uint_ge(n, least);
	free(line);
}

/* ---- a directory for each test ---- */

static void setup(void)
{
	char *dir = scratch_dir();

	setenv("HOME", dir, 1);
	ck_assert_int_eq(chdir(dir), 0);
	free(dir);
}

/* ---- where objects can be ---- */

START_TEST(loose_then_packed)
{
	struct backend *b;

	make_repository();
	commit("r", "two");
	shell("git -C r tag -a -m annotated v1");
	b = open_backend("r");
	fetch_all(b, "r", 9);
	shell("git -C r gc -q --prune=now && "
	      "! test -d r/.git/objects/ce");
	fetch_all(b, "r", 9);
	backend_close(b);
	b = open_backend("r");
	fetch_all(b, "r", 9);
	backend_close(b);
}
END_TEST

START_TEST(bare)
{
	struct backend *b;

	make_repository();
	shell("git clone -q --bare r bare.git");
	b = open_backend("bare.git");
	resolves_to(b, NULL, git_id("r", "main"));
	fetch_all(b, "bare.git", 5);
	backend_close(b);
}
END_TEST

/* HEAD is its own, all else is shared. */
START_TEST(linked_worktree)
{
	struct backend *b;

	make_repository();
	shell("git -C r config extensions.worktreeConfig true && "
	      "git -C r worktree add -q -b side ../w");
	commit("w", "two");
	b = open_backend("w");
	resolves_to(b, NULL, git_id("r", "side"));
	resolves_to(b, "main", git_id("r", "main"));
	fetch_all(b, "r", 8);
	shell("git -C w checkout -q --detach main");
	resolves_to(b, NULL, git_id("r", "main"));
	backend_close(b);
}
END_TEST

START_TEST(alternates)
{
	struct backend *b;

	make_repository();
	shell("git clone -q -s r one && git clone -q -s one two && "
	      "! ls two/.git/objects/?? 2> /dev/null");
	b = open_backend("two");
	resolves_to(b, NULL, git_id("r", "main"));
	fetch_all(b, "two", 5);
	shell("git -C r gc -q --prune=now");
	fetch_all(b, "two", 5);
	backend_close(b);
}
END_TEST

START_TEST(partial_clone_lacks_and_says_so)
{
	struct oid blob;
	struct backend *b;

	make_repository();
	blob = git_id("r", "main:file");
	shell("git -C r config uploadpack.allowFilter true && "
	      "git clone -q --bare --filter=blob:none \"file://$PWD/r\" p");
	b = open_backend("p");
	resolves_to(b, "main", git_id("r", "main"));
	ck_assert_int_eq(fetch_id(b, OBJ_BLOB, &blob), -ENOENT);
	backend_close(b);
}
END_TEST

/* ---- refs ---- */

START_TEST(refs_as_git_looks_them_up)
{
	struct backend *b;
	struct text hex;

	make_repository();
	shell("cd r && git branch topic/with/slash && git tag light && "
	      "git branch both");
	commit("r", "two");
	shell("cd r && git tag -a -m annotated v1 && "
	      "git tag -a -m nested v1-nested v1 2> /dev/null && "
	      "git tag both && git tag tree main^{tree} && "
	      "git tag -a -m blob blob main:file && "
	      "git update-ref refs/remotes/origin/far main~ && "
	      "git update-ref refs/notes/odd main~");
	b = open_backend("r");
	resolves_to(b, NULL, git_id("r", "HEAD"));
	resolves_to(b, "HEAD", git_id("r", "HEAD"));
	resolves_to(b, "main", git_id("r", "main"));
	resolves_to(b, "heads/main", git_id("r", "main"));
	resolves_to(b, "refs/heads/main", git_id("r", "main"));
	resolves_to(b, "topic/with/slash", git_id("r", "main~"));
	resolves_to(b, "light", git_id("r", "main~"));
	resolves_to(b, "v1", git_id("r", "main"));
	resolves_to(b, "v1-nested", git_id("r", "main"));
	resolves_to(b, "both", git_id("r", "refs/tags/both"));
	resolves_to(b, "heads/both", git_id("r", "main~"));
	resolves_to(b, "origin/far", git_id("r", "main~"));
	resolves_to(b, "refs/notes/odd", git_id("r", "main~"));

	hex = LINE_OF("git -C r rev-parse main~");
	resolves_to(b, hex.s, git_id("r", "main~"));
	hex.s[12] = '\0';
	resolves_to(b, hex.s, git_id("r", "main~"));
	hex.s[7] = '\0';
	resolves_to(b, hex.s, git_id("r", "main~"));
	hex.s[6] = '\0';
	resolves_not(b, hex.s);
	hex = LINE_OF("git -C r rev-parse v1-nested");
	resolves_to(b, hex.s, git_id("r", "main"));
	hex = LINE_OF("git -C r rev-parse main: | tr a-f A-F");
	resolves_not(b, hex.s);
	hex = LINE_OF("git -C r rev-parse main | tr a-f A-F");
	resolves_to(b, hex.s, git_id("r", "main"));

	/* A full id means itself, whatever somebody calls a branch. */
	hex = LINE_OF("git -C r rev-parse main");
	shell("git -C r update-ref refs/heads/%s main~", hex.s);
	resolves_to(b, hex.s, git_id("r", "main"));
	backend_close(b);
}
END_TEST

START_TEST(names_of_nothing)
{
	static const char *const names[] = {
		"", "nothing", "tree", "blob", "heads", "refs/heads", "/main",
		"main/", "../r", "main~", "main^", "main^{}", "main^{commit}",
		"@", "@{0}", "main@{0}", "main@{upstream}", ":/one", "main:",
		"main:file", ":file", "main..main", "--all", "-", "config",
		"0000000000000000000000000000000000000000",
		"0123456789abcdef0123456789abcdef01234567",
		("0123456789abcdef0123456789abcdef"
		 "0123456789abcdef0123456789abcdef"),
		"0000000", "xyzxyzxyz",
	};
	struct backend *b;

	make_repository();
	shell("cd r && git tag tree main^{tree} && "
	      "git tag -a -m blob blob main:file");
	b = open_backend("r");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		resolves_not(b, names[i]);
	backend_close(b);
}
END_TEST

START_TEST(unborn_head)
{
	struct backend *b;
	struct oid oid;

	shell("git init -q -b main r");
	b = open_backend("r");
	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	ck_assert_uint_eq(oid.len, 0);
	resolves_not(b, "main");
	commit("r", "one");
	resolves_to(b, NULL, git_id("r", "main"));
	backend_close(b);
}
END_TEST

START_TEST(moves_are_seen_at_once)
{
	struct backend *b;
	struct oid old;

	make_repository();
	old = git_id("r", "main");
	b = open_backend("r");
	resolves_to(b, "main", old);
	commit("r", "two");
	resolves_to(b, "main", git_id("r", "main"));
	shell("git -C r pack-refs --all");
	resolves_to(b, "main", git_id("r", "main"));
	commit("r", "three");
	resolves_to(b, "main", git_id("r", "main"));
	shell("cd r && git pack-refs --all && git branch side");
	resolves_to(b, "side", git_id("r", "main"));
	shell("git -C r reset -q --hard main~2");
	resolves_to(b, "main", old);
	resolves_to(b, NULL, old);
	shell("cd r && git checkout -q side && git branch -q -D main && "
	      "git pack-refs --all");
	resolves_not(b, "main");
	resolves_to(b, NULL, git_id("r", "side"));
	backend_close(b);
}
END_TEST

/* Without the means to ask it again.  What the files said long ago they will
 * go on to say. */
static void is_at_without_objects(struct backend *b, struct oid oid)
{
	clock_advance(60000);
	shell("mv r/.git/objects objects");
	resolves_to(b, NULL, oid);
	shell("mv objects r/.git/objects");
}

static void is_asked_again(struct backend *b, struct oid oid)
{
	struct oid got;

	clock_advance(60000);
	shell("mv r/.git/objects objects");
	ck_assert_int_lt(resolve(b, NULL, &got), 0);
	shell("mv objects r/.git/objects");
	resolves_to(b, NULL, oid);
}

START_TEST(default_branch_that_has_not_moved_costs_a_glance)
{
	struct backend *b;
	struct oid old;

	make_repository();
	clock_freeze();
	old = git_id("r", "main");
	b = open_backend("r");
	/* A moment after it was made the next move might look the same. */
	resolves_to(b, NULL, old);
	is_asked_again(b, old);
	is_at_without_objects(b, old);

	shell("git -C r pack-refs --all");
	is_asked_again(b, old);
	is_at_without_objects(b, old);

	commit("r", "two");
	is_asked_again(b, git_id("r", "main"));
	is_at_without_objects(b, git_id("r", "main"));

	shell("git -C r reset -q --hard main~1");
	resolves_to(b, NULL, old);
	shell("cd r && git checkout -q -b side && git commit -q --allow-empty "
	      "-m side");
	is_asked_again(b, git_id("r", "side"));
	is_at_without_objects(b, git_id("r", "side"));

	/* One that leads elsewhere has more files than are looked at. */
	shell("git -C r symbolic-ref refs/heads/alias refs/heads/main && "
	      "git -C r symbolic-ref HEAD refs/heads/alias");
	is_asked_again(b, old);
	is_asked_again(b, old);
	shell("git -C r update-ref refs/heads/main side");
	resolves_to(b, NULL, git_id("r", "side"));
	backend_close(b);
	clock_thaw();
}
END_TEST

START_TEST(new_objects_and_gc_are_seen_at_once)
{
	struct backend *b;

	make_repository();
	b = open_backend("r");
	for (int i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof name, "n%d", i);
		commit("r", name);
		fetch_all(b, "r", 5 + 3 * (unsigned)i);
		shell("git -C r gc -q --prune=now");
		fetch_all(b, "r", 5 + 3 * (unsigned)i);
	}
	backend_close(b);
}
END_TEST

static unsigned open_files(void)
{
	DIR *d = opendir("/dev/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static const struct oid nothing = { OID_SHA1, { 0xde, 0xad } };

/* Their indexes were read, as for each object that is not there, and they
 * were not, when they went. */
static void packs_vanish(const char *then)
{
	struct backend *b;

	make_repository();
	shell("git -C r repack -q -d");
	commit("r", "two");
	shell("git -C r repack -q -d && "
	      "test $(ls r/.git/objects/pack/*.pack | wc -l) -eq 2 && %s",
	      then);
	b = open_backend("r");
	ck_assert_int_eq(fetch_id(b, OBJ_BLOB, &nothing), -ENOENT);
	shell("git -C r repack -q -a -d && "
	      "test $(ls r/.git/objects/pack/*.pack | wc -l) -eq 1");
	fetch_all(b, "r", 8);
	backend_close(b);
}

START_TEST(packs_with_indexes_vanish)
{
	packs_vanish("true");
}
END_TEST

START_TEST(packs_with_one_index_vanish)
{
	packs_vanish("git -C r multi-pack-index write --no-progress");
}
END_TEST

START_TEST(deleted_packs_are_let_go)
{
	struct backend *b;
	unsigned before;

	make_repository();
	shell("git -C r repack -q -a -d");
	b = open_backend("r");
	before = open_files();
	fetch_all(b, "r", 5);
	ck_assert_uint_gt(open_files(), before);
	clock_freeze();
	clock_advance(60 * 1000);
	resolves_not(b, "nothing");
	clock_thaw();
	ck_assert_uint_eq(open_files(), before);
	backend_close(b);
}
END_TEST

START_TEST(repository_goes_and_comes_back)
{
	struct backend *b;
	struct oid oid, blob;

	make_repository();
	blob = git_id("r", "main:file");
	b = open_backend("r");
	resolves_to(b, "main", git_id("r", "main"));
	shell("mv r elsewhere");
	ck_assert_int_lt(resolve(b, NULL, &oid), 0);
	resolves_not(b, "main");
	ck_assert_int_lt(fetch_id(b, OBJ_BLOB, &blob), 0);
	clock_freeze();
	clock_advance(3600 * 1000);
	ck_assert_int_eq(resolve(b, NULL, &oid), -ENOENT);
	ck_assert_int_eq(fetch_id(b, OBJ_BLOB, &blob), -ENOENT);
	shell("mv elsewhere r");
	resolves_to(b, "main", git_id("r", "main"));
	ck_assert_int_eq(fetch_id(b, OBJ_BLOB, &blob), 0);
	clock_thaw();
	backend_close(b);
}
END_TEST

/* A name that is not there is one thing, damage another. */
START_TEST(refs_to_what_is_not_there)
{
	struct backend *b;
	struct oid got;

	make_repository();
	shell("cd r/.git/refs/heads && "
	      "printf '%%040d\\n' 1 >lost && cp lost main");
	shell("cd r && tag=$(printf 'object %%040d\\ntype commit\\ntag t\\n"
	      "tagger a <b> 1 +0000\\n\\nt\\n' 1 | "
	      "git hash-object -t tag -w --stdin --literally) && "
	      "echo $tag >.git/refs/tags/lost-tag");
	b = open_backend("r");
	ck_assert_int_eq(resolve(b, NULL, &got), -EIO);
	ck_assert_int_eq(resolve(b, "lost", &got), -EIO);
	ck_assert_int_eq(resolve(b, "lost-tag", &got), -EIO);
	resolves_not(b, "none");
	resolves_not(b, "0000000000000000000000000000000000000001");
	backend_close(b);
}
END_TEST

/* ---- what fetch and stat say ---- */

static const struct oid longer = { OID_SHA256, { 0xde, 0xad } };

START_TEST(missing_ones_do_not_keep_the_others)
{
	struct backend *b;
	struct oid file, deep;
	struct run r;

	make_repository();
	file = git_id("r", "main:file");
	deep = git_id("r", "main:sub/file");
	b = open_backend("r");
	run_init(&r, OBJ_BLOB);
	want(&r, &file), want(&r, &nothing);
	want(&r, &longer), want(&r, &deep);
	ck_assert_int_eq(fetch(b, &r), -ENOENT);
	ck_assert_uint_eq(r.objects, 2);

	run_init(&r, OBJ_BLOB);
	ck_assert_int_eq(fetch(b, &r), 0);
	backend_close(b);
}
END_TEST

START_TEST(another_type_is_refused)
{
	struct backend *b;
	struct oid tree;
	struct run r;

	make_repository();
	tree = git_id("r", "main^{tree}");
	b = open_backend("r");
	run_init(&r, OBJ_BLOB);
	want(&r, &tree);
	ck_assert_int_eq(fetch(b, &r), -EBADMSG);
	ck_assert_uint_eq(r.objects, 0);
	backend_close(b);
}
END_TEST

START_TEST(stat_tells_what_it_finds)
{
	struct backend *b;
	struct oid oid[4];
	struct run r;

	make_repository();
	shell("cd r && : > empty && git add empty && "
	      "git commit -q -m empty && git gc -q");
	commit("r", "four");
	oid[0] = git_id("r", "main:sub/file");
	oid[1] = git_id("r", "main:empty");
	oid[2] = git_id("r", "main^{tree}");
	oid[3] = git_id("r", "main:file");
	b = open_backend("r");
	run_init(&r, OBJ_BLOB);
	want(&r, &oid[0]), want(&r, &nothing), want(&r, &oid[1]);
	want(&r, &oid[2]), want(&r, &longer), want(&r, &oid[3]);
	r.size[2] = 77;
	b->ops->stat(b, &r.job);
	ck_assert(r.done == 1 && r.err == 0 && r.sizes == 3);
	ck_assert(r.size[0] == 5 && r.size[2] == 0 && r.size[5] == 5);
	backend_close(b);
}
END_TEST

START_TEST(late_jobs_are_not_begun)
{
	struct backend *b;
	struct oid file;
	struct run r;

	make_repository();
	file = git_id("r", "main:file");
	b = open_backend("r");
	run_init(&r, OBJ_BLOB);
	want(&r, &file);
	r.job.deadline = clock_ms();
	ck_assert_int_eq(fetch(b, &r), -ETIMEDOUT);
	b->ops->stat(b, &r.job);
	ck_assert(r.done == 2 && r.err == -ETIMEDOUT);
	r.err = 0;
	b->ops->resolve(b, &r.job);
	ck_assert(r.done == 3 && r.err == -ETIMEDOUT);
	ck_assert(!r.objects && !r.sizes && !r.answers);
	backend_close(b);
}
END_TEST

START_TEST(jobs_end_when_it_is_late)
{
	struct backend *b;
	struct oid file;
	struct run r;

	make_repository();
	file = git_id("r", "main:file");
	clock_freeze();
	b = open_backend("r");
	run_init(&r, OBJ_BLOB);
	want(&r, &file), want(&r, &file);
	r.job.deadline = clock_ms() + 1000;
	r.stop_after = 1;
	b->ops->stat(b, &r.job);
	ck_assert(r.done == 1 && r.err == -ETIMEDOUT && r.sizes == 1);

	shell("git -C r repack -q -a -d");
	run_init(&r, OBJ_BLOB);
	want(&r, &file), want(&r, &file);
	r.job.deadline = clock_ms() + 1000;
	r.stop_after = 1;
	ck_assert_int_eq(fetch(b, &r), -ETIMEDOUT);
	ck_assert_uint_le(r.got, 6);
	clock_thaw();
	backend_close(b);
}
END_TEST

START_TEST(callers_errors_come_back)
{
	struct backend *b;
	struct oid file;
	struct run r;

	make_repository();
	file = git_id("r", "main:file");
	b = open_backend("r");
	run_init(&r, OBJ_BLOB);
	want(&r, &file);
	r.stop_after = 1;
	r.stop_err = -ENOSPC;
	ck_assert_int_eq(fetch(b, &r), -ENOSPC);
	ck_assert_uint_eq(r.objects, 0);
	backend_close(b);
}
END_TEST

/* ---- damage ---- */

static char *loose_path(const struct oid *oid)
{
	static char path[128];
	char hex[OID_HEX + 1];

	oid_hex(oid, hex);
	snprintf(path, sizeof path, "r/.git/objects/%.2s/%s", hex, hex + 2);
	return path;
}

START_TEST(damaged_loose_objects)
{
	static const char *const damage[] = {
		": > %s",
		"printf 'x\\234garbage' > %s",
		"git -C r cat-file blob main:sub/file > %s",
		"truncate -s 9 %s",             /* in the header */
		"truncate -s -6 %s",            /* after it */
		"truncate -s -1 %s",            /* in the check sum */
		"printf x | dd of=%s bs=1 seek=17 conv=notrunc status=none",
		"chmod 0 %s && test $(id -u) != 0 || : > %s",
		"rm %s && mkdir %s",
	};
	struct oid file, deep;

	make_repository();
	file = git_id("r", "main:file");
	deep = git_id("r", "main:sub/file");
	shell("cp %s whole", loose_path(&file));
	for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
		struct backend *b = open_backend("r");
		const char *path = loose_path(&file);
		struct run r;

		shell("rm -rf %s && cp whole %s && chmod 600 %s", path, path,
		      path);
		run_init(&r, OBJ_BLOB);
		want(&r, &file), want(&r, &deep);
		ck_assert_int_eq(fetch(b, &r), 0);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
		shell(damage[i], path, path);
#pragma GCC diagnostic pop
		run_init(&r, OBJ_BLOB);
		want(&r, &file), want(&r, &deep);
		ck_assert_msg(fetch(b, &r) == -EIO, "%s", damage[i]);
		ck_assert_uint_eq(r.objects, 1);
		backend_close(b);
	}
}
END_TEST

START_TEST(damaged_loose_object_with_a_sound_twin)
{
	struct backend *b;
	struct oid file;

	make_repository();
	file = git_id("r", "main:file");
	shell("git -C r repack -q -a && chmod u+w %s && truncate -s -5 %s",
	      loose_path(&file), loose_path(&file));
	b = open_backend("r");
	ck_assert_int_eq(fetch_id(b, OBJ_BLOB, &file), 0);
	backend_close(b);
}
END_TEST

/* ---- large blobs ---- */

enum { BIG = 20 << 20, PIECE = 64 << 10 };

/* r with 20 MiB that do not compress, as main:big. */
static struct oid make_big(void)
{
	static const unsigned char seed[randombytes_SEEDBYTES];
	unsigned char *bytes = malloc(BIG);
	FILE *f;

	make_repository();
	f = fopen("r/big", "w");
	ck_assert(f && bytes);
	randombytes_buf_deterministic(bytes, BIG, seed);
	ck_assert_uint_eq(fwrite(bytes, 1, BIG, f), BIG);
	ck_assert_int_eq(fclose(f), 0);
	free(bytes);
	shell("cd r && git add big && git commit -q -m big");
	return git_id("r", "main:big");
}

/* Nothing is left of a git that was run: no process, no pipe. */
static int fetch_cleanly(struct backend *b, struct run *r)
{
	unsigned before = open_files();
	int err = fetch(b, r);

	/* Less, where it did not trust what was open. */
	ck_assert_uint_le(open_files(), before);
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
	return err;
}

static void big_run(struct run *r, const struct oid *big)
{
	run_init(r, OBJ_BLOB);
	want(r, big);
}

/* Keep the handle warm, so that files open for good are open. */
static struct backend *open_warm(const struct oid *big)
{
	struct backend *b = open_backend("r");
	struct run r;

	big_run(&r, big);
	ck_assert_int_eq(fetch(b, &r), 0);
	return b;
}

static void streams_big(const struct oid *big)
{
	struct backend *b = open_warm(big);
	struct run r;

	big_run(&r, big);
	ck_assert_int_eq(fetch_cleanly(b, &r), 0);
	ck_assert_uint_eq(r.objects, 1);
	ck_assert_uint_eq(r.got, BIG);
	ck_assert_uint_le(r.largest, PIECE);

	big_run(&r, big);
	r.stop_after = 1 << 20;
	r.stop_err = -ENOSPC;
	ck_assert_int_eq(fetch_cleanly(b, &r), -ENOSPC);
	ck_assert_uint_le(r.got, (1 << 20) + PIECE);

	clock_freeze();
	big_run(&r, big);
	r.stop_after = 1 << 20;
	r.job.deadline = clock_ms() + 1000;
	ck_assert_int_eq(fetch_cleanly(b, &r), -ETIMEDOUT);
	ck_assert_uint_le(r.got, (1 << 20) + PIECE);
	clock_thaw();
	backend_close(b);
}

START_TEST(large_loose_blob_is_streamed)
{
	struct oid big = make_big();
	struct backend *b;
	struct run r;

	streams_big(&big);
	b = open_backend("r");
	shell("chmod u+w %s && truncate -s 10M %s", loose_path(&big),
	      loose_path(&big));
	big_run(&r, &big);
	ck_assert_int_eq(fetch(b, &r), -EIO);
	ck_assert(r.objects == 0 && r.got > 0);
	backend_close(b);
}
END_TEST

START_TEST(large_packed_blob_is_streamed)
{
	struct oid big = make_big();

	shell("git -C r repack -q -a -d");
	streams_big(&big);
}
END_TEST

START_TEST(large_packed_blob_of_a_worktree)
{
	struct oid big = make_big();
	struct backend *b;
	struct run r;

	shell("git -C r repack -q -a -d && "
	      "git -C r worktree add -q ../w 2> /dev/null");
	b = open_backend("w");
	big_run(&r, &big);
	ck_assert_int_eq(fetch(b, &r), 0);
	ck_assert_uint_le(r.largest, PIECE);
	backend_close(b);
}
END_TEST

/* What somebody set for their own git is not for this one. */
START_TEST(environment_and_replacements_do_not_matter)
{
	struct oid big = make_big();
	struct backend *b;
	struct run r;

	shell("git -C r repack -q -a -d && "
	      "git -C r replace main:big main:file");
	setenv("GIT_DIR", "/nonexistent", 1);
	setenv("GIT_OBJECT_DIRECTORY", "/nonexistent", 1);
	setenv("GIT_TRACE", "1", 1);
	b = open_backend("r");
	big_run(&r, &big);
	ck_assert_int_eq(fetch(b, &r), 0);
	ck_assert_uint_le(r.largest, PIECE);
	backend_close(b);
}
END_TEST

START_TEST(large_packed_blob_without_git)
{
	struct oid big = make_big();
	struct backend *b;
	struct run r;

	shell("git -C r repack -q -a -d && mkdir empty");
	b = open_backend("r");
	setenv("PATH", "empty", 1);
	big_run(&r, &big);
	ck_assert_int_eq(fetch(b, &r), 0);
	ck_assert_uint_eq(r.largest, BIG);
	backend_close(b);
}
END_TEST

/* Those in bin/, from now on. */
static void own_programs_first(void)
{
	char *path;

	ck_assert_int_ge(asprintf(&path, "%s/bin:%s", LINE_OF("pwd").s,
				  getenv("PATH")), 0);
	setenv("PATH", path, 1);
	free(path);
}

/* A git that writes too little, too much, or all of it and then fails. */
START_TEST(git_that_fails)
{
	static const char *const script[] = {
		"exit 1", "echo short", "cat ../content; echo more",
		"cat ../content; exit 1", "cat ../content; kill -9 $$",
	};
	struct oid big = make_big();
	struct backend *b;
	struct run r;

	shell("git -C r repack -q -a -d && mkdir bin && mv r/big content");
	b = open_warm(&big);
	own_programs_first();
	for (size_t i = 0; i < sizeof script / sizeof *script; i++) {
		shell("printf '#!/bin/sh\\ncd %s/bin\\n%%s\\n' '%s' > bin/git &&"
		      " chmod +x bin/git", LINE_OF("pwd").s, script[i]);
		big_run(&r, &big);
		ck_assert_msg(fetch_cleanly(b, &r) == -EIO, "%s", script[i]);
		ck_assert_uint_eq(r.objects, 0);
	}
	backend_close(b);
}
END_TEST

/* A git that hangs is given up when the time has come. */
START_TEST(git_that_hangs)
{
	struct oid big = make_big();
	struct backend *b;
	struct run r;

	shell("git -C r repack -q -a -d && mkdir bin");
	b = open_warm(&big);
	shell("printf '#!/bin/sh\\nexec sleep 1000\\n' > bin/git && "
	      "chmod +x bin/git");
	own_programs_first();
	big_run(&r, &big);
	r.job.deadline = clock_ms() + 200;
	ck_assert_int_eq(fetch_cleanly(b, &r), -ETIMEDOUT);
	backend_close(b);
}
END_TEST

/* ---- threads ---- */

enum { THREADS = 8, COMMITS = 30 };

static struct {
	struct backend *backend;
	struct oid blob[COMMITS];
	atomic_uint known;              /* of them; and refs named n0, n1 ... */
	atomic_uint bad, asked;
	atomic_bool stop;
} shared;

static void ask(void (*verb)(struct backend *, struct job *), struct run *r)
{
	verb(shared.backend, &r->job);
	atomic_fetch_add(&shared.asked, 1);
	if (r->err || r->wrong || r->done != 1)
		atomic_fetch_add(&shared.bad, 1);
}

static void *asker(void *arg)
{
	const struct backend_ops *ops = shared.backend->ops;
	unsigned seed = (unsigned)(uintptr_t)arg;
	struct run *r = malloc(sizeof *r);

	while (!atomic_load(&shared.stop)) {
		unsigned i = (unsigned)rand_r(&seed) %
			atomic_load(&shared.known);
		char ref[16];

		run_init(r, OBJ_BLOB);
		r->want[r->job.nwant++] = shared.blob[i];
		ask(ops->fetch, r);
		run_init(r, OBJ_BLOB);
		r->want[r->job.nwant++] = shared.blob[i];
		ask(ops->stat, r);
		run_init(r, OBJ_COMMIT);
		snprintf(ref, sizeof ref, "n%u", i);
		r->job.ref = ref;
		ask(ops->resolve, r);
	}
	free(r);
	return NULL;
}

/* Eight ask while another process commits, tags, packs and prunes. */
START_TEST(threads)
{
	pthread_t t[THREADS];

	make_repository();
	shared.backend = open_backend("r");
	for (unsigned i = 0; i < COMMITS; i++) {
		char name[16];

		snprintf(name, sizeof name, "n%u", i);
		commit("r", name);
		shell("git -C r tag -a -m tag %s", name);
		shared.blob[i] = git_id("r", "main:file");
		atomic_store(&shared.known, i + 1);
		for (uintptr_t j = 0; i == 0 && j < THREADS; j++)
			ck_assert_int_eq(pthread_create(&t[j], NULL, asker,
							(void *)(j + 1)), 0);
		if (i % 5 == 4)
			shell("git -C r gc -q --prune=now");
		else if (i % 5 == 2)
			shell("git -C r repack -q -d");
	}
	atomic_store(&shared.stop, true);
	for (int j = 0; j < THREADS; j++)
		pthread_join(t[j], NULL);
	ck_assert_uint_eq(shared.bad, 0);
	ck_assert_uint_gt(shared.asked, COMMITS);
	backend_close(shared.backend);
}
END_TEST

/* ---- opening ---- */

/* The line that says why not must have this in it. */
static void refused(const char *url, int err, const char *with)
{
	char why[BACKEND_WHY] = "";
	struct backend *b = NULL;
	int r = backend_open(&b, url, why);

	ck_assert_msg(r == err, "%s: %d, %s", url, r, why);
	ck_assert_ptr_null(b);
	ck_assert_msg(strstr(why, with) != NULL, "%s: %s", url, why);
	ck_assert_ptr_null(strchr(why, '\n'));
}

static void accepted(const char *url)
{
	struct backend *b = open_backend(url);

	resolves_to(b, "main", git_id("r", "main"));
	backend_close(b);
}

START_TEST(locations)
{
	struct text here = LINE_OF("pwd");
	char url[sizeof here.s + 64];

	make_repository();
	accepted("r");
	accepted("./r/");
	accepted("r/.git");
	snprintf(url, sizeof url, "%s/r", here.s);
	accepted(url);
	snprintf(url, sizeof url, "file://%s/r", here.s);
	accepted(url);
	snprintf(url, sizeof url, "file://localhost%s/%%72", here.s);
	accepted(url);
	shell("ln -s r 'host:path' && ln -s r '100%%'");
	accepted("host:path");
	accepted("100%");

	/* Relative to where we were then. */
	struct backend *b = open_backend("r");
	ck_assert_int_eq(chdir("/"), 0);
	snprintf(url, sizeof url, "%s/r", here.s);
	resolves_to(b, "main", git_id(url, "main"));
	backend_close(b);
	backend_close(NULL);
}
END_TEST

START_TEST(refusals)
{
	make_repository();
	shell("mkdir plain && : > plain/file");
	refused("nowhere", -ENOENT, "does not exist");
	refused("", -ENOENT, "does not exist");
	refused("plain", -EINVAL, "not a git repository");
	refused("plain/file", -ENOTDIR, "name the directory");
	refused("r/file/x", -ENOTDIR, "name the directory");
	refused("r/sub", -EINVAL, LINE_OF("echo $PWD/r").s);
	refused("r/.git/objects", -EINVAL, LINE_OF("echo $PWD/r").s);
	refused("https://me:secret@host/x", -EINVAL, "token-file");
	refused("ftp://host/x", -EPROTONOSUPPORT, "ftp");
	refused("ssh://host", -EINVAL, "ssh://HOST/PATH");
	refused("ssh://-oProxyCommand=x/y", -EINVAL, "ssh://HOST/PATH");
	refused("-oProxyCommand=x:y", -EINVAL, "ssh://HOST/PATH");
	refused("file://elsewhere/x", -EINVAL, "file:///PATH");
	refused("file://localhostx/x", -EINVAL, "file:///PATH");
	refused("file:///%0", -EINVAL, "%25");
	refused("file:///%00", -EINVAL, "%25");
	shell("git -C r config core.repositoryformatversion 1 && "
	      "git -C r config extensions.fromthefuture true");
	refused("r", -ENOTSUP, "fromthefuture=true");
	shell("git config -f r/.git/config core.repositoryformatversion 2");
	refused("r", -ENOTSUP, "format 2");
	shell("echo '[core' > r/.git/config");
	refused("r", -EIO, "config");
}
END_TEST

START_TEST(secrets_are_not_repeated)
{
	char why[BACKEND_WHY] = "";
	struct backend *b;

	ck_assert_int_eq(backend_open(&b, "https://me:secret@host/x", why),
			 -EINVAL);
	ck_assert_ptr_null(strstr(why, "secret"));
	ck_assert_int_eq(backend_open(&b, "ssh://me:secret@host/x", why),
			 -EINVAL);
	ck_assert_ptr_null(strstr(why, "secret"));
	ck_assert_int_eq(backend_open(&b, "ftp://me:secret@host/x", why),
			 -EPROTONOSUPPORT);
	ck_assert_ptr_null(strstr(why, "secret"));
}
END_TEST

/* Root may read everything: become somebody who may not. */
START_TEST(permission_denied)
{
	make_repository();
	shell("chmod 755 . .. && chmod 0 r/.git");
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	refused("r", -EACCES, "permissions");
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	shell("chmod 700 r/.git && chmod 0 r");
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	refused("r", -EACCES, "permissions");
	refused("r/.git", -EACCES, "permissions");
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	shell("chmod 700 r");
}
END_TEST

/* git would not touch it; we only read. */
START_TEST(another_owner)
{
	struct oid big;
	struct backend *b;
	struct run r;

	if (getuid() != 0)
		return;
	big = make_big();
	shell("git -C r repack -q -a -d && chown -R 65534 r");
	b = open_backend("r");
	big_run(&r, &big);
	ck_assert_int_eq(fetch(b, &r), 0);
	ck_assert_uint_le(r.largest, PIECE);
	backend_close(b);
}
END_TEST

/* ---- main ---- */

static void add(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, loose_then_packed);
	tcase_add_test(c, bare);
	tcase_add_test(c, linked_worktree);
	tcase_add_test(c, alternates);
	tcase_add_test(c, partial_clone_lacks_and_says_so);
	tcase_add_test(c, refs_as_git_looks_them_up);
	tcase_add_test(c, names_of_nothing);
	tcase_add_test(c, unborn_head);
	tcase_add_test(c, moves_are_seen_at_once);
	tcase_add_test(c, default_branch_that_has_not_moved_costs_a_glance);
	tcase_add_test(c, new_objects_and_gc_are_seen_at_once);
	tcase_add_test(c, packs_with_indexes_vanish);
	tcase_add_test(c, packs_with_one_index_vanish);
	tcase_add_test(c, deleted_packs_are_let_go);
	tcase_add_test(c, repository_goes_and_comes_back);
	tcase_add_test(c, refs_to_what_is_not_there);
	tcase_add_test(c, missing_ones_do_not_keep_the_others);
	tcase_add_test(c, another_type_is_refused);
	tcase_add_test(c, stat_tells_what_it_finds);
	tcase_add_test(c, late_jobs_are_not_begun);
	tcase_add_test(c, jobs_end_when_it_is_late);
	tcase_add_test(c, callers_errors_come_back);
	tcase_add_test(c, damaged_loose_objects);
	tcase_add_test(c, damaged_loose_object_with_a_sound_twin);
	tcase_add_test(c, large_loose_blob_is_streamed);
	tcase_add_test(c, large_packed_blob_is_streamed);
	tcase_add_test(c, large_packed_blob_of_a_worktree);
	tcase_add_test(c, environment_and_replacements_do_not_matter);
	tcase_add_test(c, large_packed_blob_without_git);
	tcase_add_test(c, git_that_fails);
	tcase_add_test(c, git_that_hangs);
	tcase_add_test(c, threads);
	tcase_add_test(c, locations);
	tcase_add_test(c, refusals);
	tcase_add_test(c, secrets_are_not_repeated);
	tcase_add_test(c, permission_denied);
	tcase_add_test(c, another_owner);
}

int main(void)
{
	git_be_neutral();
	return suite_run("local", 120, add, NULL);
}
