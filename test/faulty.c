/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/faulty.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "test/githost.h"

int port;

/* ---- opening ---- */

struct backend *open_with(const char *host, const char *fault, const char *repo,
			  const struct backend_options *opt)
{
	char url[1024], why[BACKEND_WHY] = "";
	struct backend *b;

	snprintf(url, sizeof url, "http://%s:%d/%s/%s", host, port, fault,
		 repo);
	ck_assert_msg(backend_open_with(&b, url, opt, why) == 0, "%s", why);
	githost_mark();
	return b;
}

struct backend *open_faulty(const char *fault, const char *repo)
{
	return open_with("127.0.0.1", fault, repo, NULL);
}

void because(struct backend *b, int err, const char *text)
{
	char why[BACKEND_WHY];

	b->ops->why(b, err, why);
	ck_assert_msg(strstr(why, text) != NULL, "\"%s\" lacks \"%s\"", why,
		      text);
}

/* ---- names ---- */

void resolves_to(struct backend *b, const char *ref, const char *revision)
{
	struct oid expected = id_of("r", revision), got;

	ck_assert_msg(resolve(b, ref, &got) == 0, "%s", ref);
	ck_assert(oid_eq(&expected, &got));
}

void resolves_not(struct backend *b, const char *ref)
{
	struct oid got;

	ck_assert_msg(resolve(b, ref, &got) == -ENOENT, "%s", ref);
}

/* ---- objects ---- */

struct run *fetched(struct backend *b, struct oid oid, enum obj type,
		    enum reach reach)
{
	struct run *r = run_new(b, 1);

	r->want[0] = oid;
	run_fetch(r, type, reach, PATIENCE);
	ck_assert_int_eq(run_wait(r), 0);
	ck_assert(r->came[0]);
	return r;
}

void brings(struct backend *b, const char *revision, enum obj type,
	    enum reach reach, unsigned trees, unsigned blobs,
	    const char *filter)
{
	struct run *r;

	githost_mark();
	r = fetched(b, id_of("r", revision), type, reach);
	ck_assert_uint_eq(r->got[OBJ_COMMIT], type == OBJ_COMMIT);
	ck_assert_uint_eq(r->got[OBJ_TREE], trees);
	ck_assert_uint_eq(r->got[OBJ_BLOB], blobs);
	ck_assert_uint_eq(githost_count("^POST"), 1);
	ck_assert_uint_eq(githost_count(filter), 1);
	run_free(r);
}

/* ---- the program ---- */

void make_repositories(void)
{
	shell("cd repos && git init -q -b main r && cd r && "
	      "mkdir -p deep/0/1/2/3/4 && echo deep >deep/0/1/2/3/4/file && "
	      "for i in $(seq 0 39); do mkdir -p wide/$i && "
	      "  printf %%02d $i >wide/$i/file; done && "
	      "git add . && git commit -q -m one && "
	      "echo top >top && git add . && git commit -q -m two && "
	      "git tag -a -m v1 v1 main~1 && git -c advice.nestedTag=false tag -a -m vv1 vv1 v1 && "
	      "git tag light && git branch feature/x main~1 && "
	      "git tag both && git branch both main~1 && "
	      "git update-ref refs/remotes/up/HEAD main~1 && "
	      "git config uploadpack.allowFilter true");
	shell("cd repos && git init -q -b main --object-format=sha256 sha256 "
	      "&& cd sha256 && mkdir -p a/b && echo 1 >a/1 && echo 2 >a/b/2 "
	      "&& git add . && git commit -q -m one && git tag -a -m v1 v1 && "
	      "git config uploadpack.allowFilter true");
}
