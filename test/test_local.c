/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The local backend: objects wherever git may keep them, and what a job is
 * told. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "test/locally.h"
#include "test/scratch.h"
#include "test/suite.h"

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

static void add(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, loose_then_packed);
	tcase_add_test(c, bare);
	tcase_add_test(c, linked_worktree);
	tcase_add_test(c, alternates);
	tcase_add_test(c, partial_clone_lacks_and_says_so);
	tcase_add_test(c, missing_ones_do_not_keep_the_others);
	tcase_add_test(c, another_type_is_refused);
	tcase_add_test(c, stat_tells_what_it_finds);
	tcase_add_test(c, late_jobs_are_not_begun);
	tcase_add_test(c, jobs_end_when_it_is_late);
	tcase_add_test(c, callers_errors_come_back);
	tcase_add_test(c, damaged_loose_objects);
	tcase_add_test(c, damaged_loose_object_with_a_sound_twin);
	tcase_add_test(c, threads);
}

int main(void)
{
	git_be_neutral();
	return suite_run("local", 120, add, NULL);
}
