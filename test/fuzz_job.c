/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/fuzz_job.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/list.h"
#include "test/fuzz.h"

enum { LARGEST = 1 << 24 };     /* bytes: more is not wanted */

static struct fuzz_job *of(struct job *job)
{
	struct fuzz_job *j = container_of(job, struct fuzz_job, job);

	FUZZ_MUST(!j->done);
	return j;
}

static int start(struct job *job, const struct oid *oid, enum obj type,
		 uint64_t size)
{
	struct fuzz_job *j = of(job);

	FUZZ_MUST(oid->len == OID_SHA1 || oid->len == OID_SHA256);
	FUZZ_MUST(type >= OBJ_COMMIT && type <= OBJ_TAG);
	oid_hash_free(TAKE(j->hash));
	j->refused |= size > LARGEST;
	if (size > LARGEST)
		return -EFBIG;
	j->oid = *oid;
	j->type = type;
	j->left = size;
	return oid_hash_start(&j->hash, oid->len, type, size);
}

static int data(struct job *job, const void *bytes, size_t len)
{
	struct fuzz_job *j = of(job);

	FUZZ_MUST(j->hash && len <= j->left);
	j->left -= len;
	j->tree_bytes += j->type == OBJ_TREE ? len : 0;
	return oid_hash_data(j->hash, bytes, len);
}

static int end(struct job *job)
{
	struct fuzz_job *j = of(job);
	struct oid is;

	FUZZ_MUST(j->hash && !j->left);
	FUZZ_MUST(!oid_hash_end(TAKE(j->hash), &is));
	FUZZ_MUST(!j->judge_trees || j->type == OBJ_BLOB ||
		  oid_eq(&is, &j->oid));
	if (!oid_eq(&is, &j->oid))
		return -EBADMSG;
	j->objects++;
	return 0;
}

static void size(struct job *job, size_t i, uint64_t bytes)
{
	(void)bytes;
	FUZZ_MUST(i < of(job)->job.nwant);
}

static void ref_is(struct job *job, const struct oid *commit)
{
	of(job);
	FUZZ_MUST(!commit->len || commit->len == OID_SHA1 ||
		  commit->len == OID_SHA256);
}

static void size_of(struct job *job, const struct oid *oid, uint64_t bytes)
{
	of(job);
	FUZZ_MUST(oid->len && bytes <= INT64_MAX);
}

static void commit_is(struct job *job, const struct oid *oid,
		      const struct oid *tree, int64_t time)
{
	(void)time;
	FUZZ_MUST(oid_eq(oid, &of(job)->want[0]) && tree->len);
}

static int name(struct job *job, const char *text)
{
	of(job);
	return strlen(text) > 255 ? -ENAMETOOLONG : 0;
}

static void done(struct job *job, int err)
{
	struct fuzz_job *j = of(job);

	FUZZ_MUST(err <= 0);
	j->done = true;
	j->err = err;
}

static const struct job_ops ops = {
	.start = start,
	.data = data,
	.end = end,
	.size = size,
	.ref_is = ref_is,
	.size_of = size_of,
	.commit_is = commit_is,
	.name = name,
	.done = done,
};

void fuzz_job_init(struct fuzz_job *j)
{
	*j = (struct fuzz_job){ .job = { .ops = &ops, .want = j->want } };
}

void fuzz_job_end(struct fuzz_job *j)
{
	FUZZ_MUST(j->done);
	oid_hash_free(TAKE(j->hash));
}
