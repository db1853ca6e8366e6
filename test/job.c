/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/job.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

enum { PATIENCE = 60000 };      /* ms */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;

static int run_start(struct job *job, const struct oid *oid, enum obj type,
		     uint64_t size)
{
	struct run *r = (struct run *)job;

	oid_hash_free(r->hash);
	r->hash = NULL;
	r->wrong += r->done;
	r->oid = *oid;
	r->type = type;
	r->left = size;
	return oid_hash_start(&r->hash, oid->len, type, size);
}

static int run_data(struct job *job, const void *data, size_t len)
{
	struct run *r = (struct run *)job;

	r->wrong += r->done || len == 0 || len > r->left;
	r->left -= len;
	r->bytes += len;
	return oid_hash_data(r->hash, data, len);
}

static int run_end(struct job *job)
{
	struct run *r = (struct run *)job;
	struct oid oid;
	int err = oid_hash_end(r->hash, &oid);

	r->hash = NULL;
	r->wrong += r->done || err || r->left || !oid_eq(&oid, &r->oid);
	r->got[r->type]++;
	for (size_t i = 0; i < r->job.nwant; i++) {
		if (oid_eq(&r->want[i], &oid))
			r->came[i] = true;
	}
	return 0;
}

static void run_size(struct job *job, size_t i, uint64_t size)
{
	struct run *r = (struct run *)job;

	r->wrong += r->done || i >= r->job.nwant;
	r->size[i] = size;
	r->sizes++;
}

static void run_ref_is(struct job *job, const struct oid *commit)
{
	struct run *r = (struct run *)job;

	r->wrong += r->done || r->answered;
	r->answered = true;
	r->commit = *commit;
}

static void run_size_of(struct job *job, const struct oid *oid, uint64_t size)
{
	struct run *r = (struct run *)job;

	r->wrong += r->done || !oid->len || size == UINT64_MAX;
	r->told++;
}

static void run_commit_is(struct job *job, const struct oid *oid,
			  const struct oid *tree, int64_t t)
{
	struct run *r = (struct run *)job;

	r->wrong += r->done || !oid_eq(oid, &r->want[0]) || !tree->len;
	r->came[0] = true;
	r->tree = *tree;
	r->time = t;
}

static int run_name(struct job *job, const char *name)
{
	struct run *r = (struct run *)job;

	if (r->names == 64)
		return -EFBIG;
	snprintf(r->name[r->names++], sizeof r->name[0], "%s", name);
	return 0;
}

static void run_done(struct job *job, int err)
{
	struct run *r = (struct run *)job;

	pthread_mutex_lock(&lock);
	r->wrong += r->done;
	r->done = true;
	r->err = err;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
}

static const struct job_ops run_ops = {
	.start = run_start,
	.data = run_data,
	.end = run_end,
	.size = run_size,
	.ref_is = run_ref_is,
	.size_of = run_size_of,
	.commit_is = run_commit_is,
	.name = run_name,
	.done = run_done,
};

struct run *run_new(struct backend *b, size_t wants)
{
	struct run *r = calloc(1, sizeof *r);

	ck_assert_ptr_nonnull(r);
	r->backend = b;
	r->want = calloc(wants + 1, sizeof *r->want);
	r->came = calloc(wants + 1, sizeof *r->came);
	r->size = calloc(wants + 1, sizeof *r->size);
	ck_assert(r->want && r->came && r->size);
	r->job.ops = &run_ops;
	r->job.want = r->want;
	r->job.nwant = wants;
	return r;
}

void run_free(struct run *r)
{
	oid_hash_free(r->hash);
	free(r->want);
	free(r->came);
	free(r->size);
	free(r);
}

void run_fetch(struct run *r, enum obj type, enum reach reach, unsigned ms)
{
	r->job.type = type;
	r->job.reach = reach;
	r->job.deadline = clock_ms() + ms;
	r->backend->ops->fetch(r->backend, &r->job);
}

void run_stat(struct run *r, unsigned ms)
{
	r->job.type = OBJ_BLOB;
	r->job.deadline = clock_ms() + ms;
	r->backend->ops->stat(r->backend, &r->job);
}

void run_resolve(struct run *r, const char *ref, unsigned ms)
{
	r->job.ref = ref;
	r->job.deadline = clock_ms() + ms;
	r->backend->ops->resolve(r->backend, &r->job);
}

void run_list(struct run *r, unsigned ms)
{
	r->job.deadline = clock_ms() + ms;
	r->backend->ops->list(r->backend, &r->job);
}

int run_wait(struct run *r)
{
	pthread_mutex_lock(&lock);
	while (!r->done)
		pthread_cond_wait(&ended, &lock);
	pthread_mutex_unlock(&lock);
	ck_assert_uint_eq(r->wrong, 0);
	return r->err;
}

int resolve(struct backend *b, const char *ref, struct oid *ret)
{
	struct run *r = run_new(b, 0);
	int err;

	run_resolve(r, ref, PATIENCE);
	err = run_wait(r);
	ck_assert_int_eq(r->answered, !err);
	*ret = r->commit;
	run_free(r);
	return err;
}

int fetch_one(struct backend *b, const struct oid *oid, enum obj type,
	      enum reach reach)
{
	struct run *r = run_new(b, 1);
	int err;

	r->want[0] = *oid;
	run_fetch(r, type, reach, PATIENCE);
	err = run_wait(r);
	ck_assert_int_eq(r->came[0], !err);
	run_free(r);
	return err;
}
