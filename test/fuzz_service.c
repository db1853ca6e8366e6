/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/fuzz_service.h"

#include <errno.h>
#include <string.h>

#include "backend/rest/rest.h"
#include "common/clock.h"
#include "test/fuzz_job.h"

enum { JOBS = 8, PIECE = 777 };

struct rest { bool known; };

static struct rest rest;
static struct fuzz *answers;
static struct fuzz left;        /* of the answer that is being read */

void service_answer(struct fuzz *f, bool known)
{
	answers = f;
	rest.known = known;
}

/* ---- rest.h ---- */

int rest_open(struct rest **ret, const char *url,
	      const struct rest_manners *manners,
	      const struct backend_options *opt, char why[BACKEND_WHY])
{
	(void)url;
	(void)manners;
	(void)opt;
	(void)why;
	*ret = &rest;
	return 0;
}

void rest_close(struct rest *r)
{
	(void)r;
}

void rest_submit(struct rest *r, struct work *w, bool ahead)
{
	(void)r;
	(void)ahead;
	w->run(w);
}

bool rest_has_token(const struct rest *r)
{
	return r->known;
}

bool rest_is_limited(struct rest *r)
{
	(void)r;
	return false;
}

void rest_why(struct rest *r, int err, char why[BACKEND_WHY])
{
	(void)r;
	(void)err;
	*why = '\0';
}

/* Bits: 0 to 2, the status; 3, no length; 4, an ETag; 5, another page; 6, it
 * has moved; 7, the length is a lie. */
static int answer(const struct rest_ask *ask, size_t max,
		  struct rest_reply *ret)
{
	static const int status[] = { 200, 200, 200, 200, 304, 409, 422 };
	uint8_t how = fuzz_byte(answers), kind = how & 7;
	size_t len = (size_t)fuzz_byte(answers) << 8;
	const uint8_t *data;

	len |= fuzz_byte(answers);
	if (!len)
		return -ENOENT;
	data = fuzz_bytes(answers, &len);
	if (kind == 7)
		return len & 1 ? -EACCES : len & 2 ? -EIO : -EAGAIN;
	if (max && len > max)
		return -EFBIG;
	left = (struct fuzz){ data, len };
	*ret = (struct rest_reply){
		.status = status[kind],
		.length = how & 8 ? -1 : (int64_t)len + (how >> 7),
		.url = strdup(how & 64 ? "https://elsewhere.example/repos/x/y" :
			      ask->path),
		.text = malloc(len + 1),
		.len = len,
	};
	FUZZ_MUST(ret->url && ret->text);
	memcpy(ret->text, data, len);
	ret->text[len] = '\0';
	if (how & 16)
		strcpy(ret->etag, "\"tag\"");
	if (how & 32)
		strcpy(ret->next, "/orgs/owner/repos?page=2");
	return 0;
}

int rest_start(struct rest *r, const struct rest_ask *ask,
	       struct rest_reply *ret)
{
	(void)r;
	return answer(ask, 0, ret);
}

int rest_get(struct rest *r, const struct rest_ask *ask, size_t max,
	     struct rest_reply *ret)
{
	(void)r;
	FUZZ_MUST(max);
	return answer(ask, max, ret);
}

ssize_t rest_read(struct rest_reply *reply, void *buf, size_t len,
		  uint64_t deadline)
{
	const uint8_t *data;

	(void)reply;
	(void)deadline;
	if (len > PIECE)
		len = PIECE;
	data = fuzz_bytes(&left, &len);
	memcpy(buf, data, len);
	return (ssize_t)len;
}

void rest_end(struct rest_reply *reply)
{
	free(reply->url);
	free(reply->text);
	*reply = (struct rest_reply){ 0 };
}

/* ---- git, which is refused here ---- */

static void refused(struct backend *b, struct job *job)
{
	(void)b;
	job->ops->done(job, -EACCES);
}

static void close_git(struct backend *b)
{
	(void)b;
}

static int open_git(struct backend **ret, const char *url,
		    const struct backend_options *opt, char why[BACKEND_WHY])
{
	static struct backend git = { .ops = &backend_git };

	(void)url;
	(void)opt;
	(void)why;
	*ret = &git;
	return 0;
}

const struct backend_ops backend_git = {
	.name = "git",
	.far = true,
	.open = open_git,
	.close = close_git,
	.resolve = refused,
	.fetch = refused,
	.stat = refused,
};

/* ---- jobs ---- */

static struct oid take_oid(struct fuzz *f)
{
	struct oid oid = { .len = OID_SHA1 };
	size_t len = OID_SHA1;
	const uint8_t *data = fuzz_bytes(f, &len);

	memcpy(oid.id, data, len);
	return oid;
}

static void resolve(struct backend *b, struct fuzz_job *j, unsigned how)
{
	static const char *const refs[] = {
		NULL, "HEAD", "main", "refs/heads/a b", "v1",
		"0123456789012345678901234567890123456789",
	};

	j->job.ref = refs[how % 6];
	b->ops->resolve(b, &j->job);
}

static void fetch(struct backend *b, struct fuzz_job *j, unsigned how,
		  struct fuzz *f)
{
	static const enum obj type[] = { OBJ_TREE, OBJ_BLOB, OBJ_COMMIT,
					 OBJ_TREE };
	struct oid at;

	j->job.type = type[how & 3];
	j->job.reach = how & 4 ? REACH_TREES : REACH_WANTED;
	j->job.nwant = how & 8 ? 2 : 1;
	for (size_t i = 0; i < j->job.nwant; i++)
		j->want[i] = take_oid(f);
	at = j->want[0];
	if (how & 16) {         /* hints, for who goes by path */
		j->job.path = how & 32 ? "dir/file" : "";
		j->job.at = &at;
		j->job.nat = 1;
	}
	b->ops->fetch(b, &j->job);
}

void service_ask(struct backend *repository, struct backend *place,
		 struct fuzz *f)
{
	for (int i = 0; i < JOBS && f->len; i++) {
		size_t before = f->len;
		uint8_t how = fuzz_byte(f);
		struct fuzz_job j;

		fuzz_job_init(&j);
		j.judge_trees = true;
		/* Nothing is waited for. */
		j.job.deadline = clock_ms();
		switch (how & 3) {
		case 0:
			resolve(repository, &j, how >> 2);
			break;
		case 1:
		case 2:
			fetch(repository, &j, how >> 2, f);
			break;
		case 3:
			place->ops->list(place, &j.job);
			break;
		}
		fuzz_job_end(&j);
		/* A listing is longer than what it lists, so each is handed
		 * on once. */
		FUZZ_MUST(j.tree_bytes <= before - f->len);
	}
}
