/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/locally.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "test/scratch.h"

/* ---- git ---- */

struct text first_line(char *all)
{
	struct text text = { "" };

	ck_assert_msg(*all, "printed nothing");
	snprintf(text.s, sizeof text.s, "%.*s", (int)strcspn(all, "\n"), all);
	free(all);
	return text;
}

void make_repository(void)
{
	shell("git init -q -b main r && cd r && mkdir sub && "
	      "echo hello > file && echo deep > sub/file && "
	      "git add . && git commit -q -m one");
}

void commit(const char *repo, const char *what)
{
	shell("cd %s && echo %s > file && git add file && "
	      "git commit -q -m %s", repo, what, what);
}

/* ---- asking the backend ---- */

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

void run_init(struct run *r, enum obj type)
{
	memset(r, 0, sizeof *r);
	r->job.ops = &run_ops;
	r->job.deadline = UINT64_MAX;
	r->job.want = r->want;
	r->job.type = type;
}

void want(struct run *r, const struct oid *oid)
{
	ck_assert_uint_lt(r->job.nwant, WANT_MAX);
	r->want[r->job.nwant++] = *oid;
}

struct backend *open_backend(const char *url)
{
	char why[BACKEND_WHY] = "";
	struct backend *b;
	int r = backend_open(&b, url, why);

	ck_assert_msg(r == 0, "%s: %s", url, why);
	return b;
}

int fetch(struct backend *b, struct run *r)
{
	b->ops->fetch(b, &r->job);
	ck_assert_uint_eq(r->done, 1);
	ck_assert_uint_eq(r->wrong, 0);
	return r->err;
}

int fetch_id(struct backend *b, enum obj type, const struct oid *oid)
{
	struct run r;

	run_init(&r, type);
	want(&r, oid);
	fetch(b, &r);
	ck_assert_uint_eq(r.objects, r.err == 0);
	return r.err;
}

int resolve(struct backend *b, const char *ref, struct oid *ret)
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

void resolves_to(struct backend *b, const char *ref, struct oid oid)
{
	char want_hex[OID_HEX + 1], got_hex[OID_HEX + 1];
	struct oid got;
	int r = resolve(b, ref, &got);

	ck_assert_msg(r == 0, "%s: %s", ref ? ref : "HEAD", strerror(-r));
	oid_hex(&oid, want_hex);
	oid_hex(&got, got_hex);
	ck_assert_str_eq(got_hex, want_hex);
}

void resolves_not(struct backend *b, const char *ref)
{
	struct oid got;

	ck_assert_msg(resolve(b, ref, &got) == -ENOENT, "%s", ref);
}

void fetch_all(struct backend *b, const char *repo, unsigned least)
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

void setup(void)
{
	char *dir = scratch_dir();

	setenv("HOME", dir, 1);
	ck_assert_int_eq(chdir(dir), 0);
	free(dir);
}

unsigned open_files(void)
{
	DIR *d = opendir("/dev/fd");
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

const struct oid nothing = { OID_SHA1, { 0xde, 0xad } };

char *loose_path(const struct oid *oid)
{
	static char path[128];
	char hex[OID_HEX + 1];

	oid_hex(oid, hex);
	snprintf(path, sizeof path, "r/.git/objects/%.2s/%s", hex, hex + 2);
	return path;
}
