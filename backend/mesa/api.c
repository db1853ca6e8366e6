/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What is asked of a depot's API. */
#include "backend/mesa/mesa.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/mesa/version.h"
#include "backend/rest/listing.h"
#include "backend/wait.h"
#include "common/cleanup.h"
#include "common/url.h"

enum {
	PAGES_MAX = 10000,      /* of one listing */
	SYNC_MS = 2000,         /* to wait for a mirror, doubling */
	SYNC_MAX = 60000,
	TEXT_MAX = 8 << 20,     /* bytes of an answer, ... */
	DOCUMENT_MAX = 192 << 20,       /* ... of one with a file in it */
	MODE_DIR = 040000, MODE_FILE = 0100644, MODE_EXEC = 0100755,
	MODE_LINK = 0120000,
};

static struct mesa *mesa_of(const struct asked *a)
{
	return to_mesa(a->both);
}

/* ---- requests ---- */

/* A repository that is being filled: wait for it, but not for long. */
static int ask(struct asked *a, const char *rest, const char *accept,
	       size_t max, struct rest_reply *ret)
{
	CLEANUP_FREE char *path = NULL;
	uint64_t pause = SYNC_MS;
	struct rest_ask q = {
		.accept = accept,
		.deadline = a->job->deadline,
		.bytes = !max,
	};

	if (asprintf(&path, "%s%s", mesa_of(a)->path, rest) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	q.path = path;
	for (;;) {
		int r = max ? rest_get(a->both->rest, &q, max, ret) :
			      rest_start(a->both->rest, &q, ret);

		if (r)
			return r;
		if (ret->status == 200)
			return 0;
		r = ret->status == 202 || ret->status == 409 ? -EAGAIN :
							       -EBADMSG;
		rest_end(ret);
		if (r == -EBADMSG || pause > SYNC_MAX ||
		    clock_ms() + pause >= q.deadline)
			return r;
		wait_ms(pause);
		pause *= 2;
	}
}

/* ---- resolve ---- */

static int api_resolve(struct asked *a)
{
	const char *ref = a->job->ref;
	struct oid commit;
	int r = ref ? version_by_name(a, ref, &commit) :
		      version_default(a, &commit);

	if (!r)
		a->job->ops->ref_is(a->job, &commit);
	return r;
}

/* ---- listings ---- */

static char *encode_cursor(const char *cursor)
{
	return url_encode(cursor ? cursor : "", cursor ? strlen(cursor) : 0);
}

struct reading {
	struct asked *asked;
	struct listing *listing;
	const struct oid *commit;
	const char *dir;        /* its path */
	bool any;               /* entries, in this page */
};

/* "src/main.c" in the directory "src" is "main.c". */
static const char *below(const char *dir, const char *path)
{
	size_t len = strlen(dir);

	if (!len)
		return path;
	return !strncmp(path, dir, len) && path[len] == '/' ? path + len + 1 :
							      NULL;
}

/* It says so, or has the mode of one, as a number or text; whoever takes it
 * for another one will see that by the hash. */
static bool is_executable(struct json_object *j)
{
	const char *text = json_text(j, "mode");
	int64_t mode = text ? atoll(text) : json_size(j, "mode");

	return json_true(j, "executable") || mode % 1000 == 755 ||
	       (mode > 0 && (mode & 0777) == 0755);
}

static uint32_t mode_of(struct json_object *j)
{
	const char *type = json_text(j, "type");

	if (!type)
		return 0;
	if (!strcmp(type, "dir"))
		return MODE_DIR;
	if (!strcmp(type, "symlink"))
		return MODE_LINK;
	if (strcmp(type, "file"))
		return 0;
	return is_executable(j) ? MODE_EXEC : MODE_FILE;
}

/* What is not understood is left out: then the hash will be another one. */
static int read_entry(void *arg, struct json_object *j)
{
	struct reading *rd = arg;
	struct job *job = rd->asked->job;
	const char *path = json_text(j, "path");
	const char *name = path ? below(rd->dir, path) : NULL;
	struct oid oid = json_oid(j, "sha");
	int64_t size = json_size(j, "size");
	uint32_t mode = mode_of(j);

	rd->any = true;
	if (!name || !*name || !oid.len || !mode)
		return 0;
	places_note(mesa_of(rd->asked)->places, &oid, rd->commit, path,
		    mode == MODE_LINK);
	if (mode != MODE_DIR && size >= 0 && job->ops->size_of)
		job->ops->size_of(job, &oid, (uint64_t)size);
	return listing_add(rd->listing, name, mode, &oid);
}

/* The address of a path's content at a commit. */
static int content_of(struct asked *a, const struct oid *commit,
		      const char *path, const char *more, char **ret)
{
	CLEANUP_FREE char *encoded = url_encode(path, strlen(path));
	char version[VERSION_MAX];
	const struct words *w;
	int r = version_words(a, &w);

	if (!r)
		r = version_of(mesa_of(a), w, commit, version);
	if (r)
		return r;
	if (!encoded || asprintf(ret, "/content?%s=%s%s%s%s", w->version,
				 version, *path ? "&path=" : "", encoded,
				 more) < 0)
		return -ENOMEM;
	return 0;
}

/* One page; *cursor of the next, or NULL.  'tree' gets what the directory
 * is said to be called. */
static int read_page(struct reading *rd, int depth, char **cursor,
		     struct oid *tree)
{
	CLEANUP_JSON struct json_object *j = NULL;
	CLEANUP_FREE char *encoded = encode_cursor(*cursor);
	CLEANUP_FREE char *more = NULL, *rest = NULL;
	struct rest_reply reply;
	const char *next;
	int r;

	if (!encoded || asprintf(&more, "&depth=%d%s%s", depth,
				 *cursor ? "&cursor=" : "", encoded) < 0) {
		more = NULL;
		return -ENOMEM;
	}
	r = content_of(rd->asked, rd->commit, rd->dir, more, &rest);
	if (r) {
		rest = NULL;
		return r;
	}
	r = ask(rd->asked, rest, NULL, TEXT_MAX, &reply);
	if (r)
		return r;
	rd->any = false;
	r = json_read_list(reply.text, reply.len, "entries", read_entry, rd,
			   &j);
	rest_end(&reply);
	if (r)
		return r;
	if (!json_text(j, "type") || strcmp(json_text(j, "type"), "dir"))
		return -ENOENT;                 /* at this path, now */
	*tree = json_oid(j, "sha");
	next = json_true(j, "has_more") ? json_text(j, "next_cursor") : NULL;
	/* A page that repeats itself goes nowhere. */
	if (next && (!rd->any || (*cursor && !strcmp(*cursor, next))))
		next = NULL;
	free(*cursor);
	*cursor = next ? strdup(next) : NULL;
	return next && !*cursor ? -ENOMEM : 0;
}

/* To its end, or until it is seen to be another one than 'want'. */
static int read_listing(struct reading *rd, int depth, const struct oid *want,
			struct oid *tree)
{
	CLEANUP_FREE char *cursor = NULL;
	int pages = 0, r = listing_new(&rd->listing);

	if (r)
		return r;
	do
		r = read_page(rd, depth, &cursor, tree);
	while (!r && cursor && ++pages < PAGES_MAX &&
	       !(want && tree->len && !oid_eq(tree, want)));
	return r;
}

/* 0: the tree came, or one that was right did; *is gets what it is said to
 * be called.  -EBADMSG: something is left out, or wrong. */
static int list_dir(struct asked *a, const struct oid *commit,
		    const char *path, const struct oid *want, struct oid *is)
{
	struct reading rd = { .asked = a, .commit = commit, .dir = path };
	int depth = a->job->reach == REACH_WANTED ? 1 : 2;
	struct oid tree = { 0 };
	int r = read_listing(&rd, depth, want, &tree);

	if (!r && want && tree.len && !oid_eq(&tree, want))
		r = -ENOENT;            /* another one is there */
	if (!r && !want && !tree.len)
		r = -EBADMSG;
	if (!r && !listing_deliver(rd.listing, want ? want : &tree, a->job))
		r = -EBADMSG;
	listing_free(rd.listing);
	if (r && r != -EBADMSG)
		return r;
	if (is)
		*is = tree;
	return r;
}

/* ---- files ---- */

/* As a document: a link's own text, where the bytes would be those of what
 * it points to. */
static int blob_document(struct asked *a, const struct oid *oid,
			 const char *rest)
{
	CLEANUP_JSON struct json_object *j = NULL;
	CLEANUP_FREE void *data = NULL;
	struct oid is;
	const char *content;
	size_t len;
	int r = both_json(a, rest, NULL, DOCUMENT_MAX, &j, NULL);

	if (r)
		return r;
	is = json_oid(j, "sha");
	if (is.len && !oid_eq(&is, oid))
		return -ENOENT;
	content = json_text(j, "content");
	r = json_base64(content ? content : "", &data, &len);
	return r ? r : job_object(a->job, oid, OBJ_BLOB, data, len);
}

static int blob_at(struct asked *a, const struct oid *oid,
		   const struct oid *commit, const char *path, bool link)
{
	CLEANUP_FREE char *rest = NULL;
	int r = content_of(a, commit, path, "", &rest);

	if (r) {
		rest = NULL;
		return r;
	}
	r = link ? -EBADMSG :
		   both_blob(a, oid, rest, "application/octet-stream");
	return r == -EBADMSG ? blob_document(a, oid, rest) : r;
}

/* ---- fetch ---- */

static int fetch_at(struct asked *a, const struct oid *oid,
		    const struct oid *commit, const char *path, bool link)
{
	if (a->job->type == OBJ_TREE)
		return list_dir(a, commit, path, oid, NULL);
	return blob_at(a, oid, commit, path, link);
}

/* Where it has been seen, else where it is said to be. */
static int fetch_one(struct asked *a, size_t i)
{
	const struct job *job = a->job;
	const struct oid *oid = &job->want[i];
	CLEANUP_FREE struct place *p = places_find(mesa_of(a)->places, oid);
	int r = -ENOENT;

	if (p)
		r = fetch_at(a, oid, &p->commit, p->path, p->link);
	for (size_t n = 0; r == -ENOENT && !i && job->path && n < job->nat; n++)
		r = fetch_at(a, oid, &job->at[n], job->path, false);
	return r;
}

/* A commit as far as it is told. */
static int fetch_commit(struct asked *a, const struct oid *oid)
{
	struct oid tree = { 0 };
	int64_t t = 0;
	int r = version_time(a, oid, &t);

	if (!r)
		r = list_dir(a, oid, "", NULL, &tree);
	/* It can be named though it cannot be checked. */
	if ((r && r != -EBADMSG) || !tree.len)
		return r ? r : -EBADMSG;
	places_note(mesa_of(a)->places, &tree, oid, "", false);
	if (!a->job->ops->commit_is)
		return -ENOTSUP;
	a->job->ops->commit_is(a->job, oid, &tree, t);
	return 0;
}

static int api_fetch(struct asked *a)
{
	const struct job *job = a->job;
	int r = 0;

	if (job->type == OBJ_COMMIT)
		return fetch_commit(a, &job->want[0]);
	if (job->type != OBJ_TREE && job->type != OBJ_BLOB)
		return -ENOTSUP;
	for (size_t i = 0; i < job->nwant; i++) {
		int one = fetch_one(a, i);

		r = r ? r : one;
		if (one && one != -ENOENT && one != -EBADMSG)
			break;
	}
	return r;
}

/* ---- list ---- */

static int list_page(struct asked *a, const char *list, char **cursor)
{
	CLEANUP_JSON struct json_object *j = NULL;
	CLEANUP_FREE char *rest = NULL;
	CLEANUP_FREE char *encoded = encode_cursor(*cursor);
	struct rest_reply reply;
	const char *next;
	int r;

	if (!encoded || asprintf(&rest, "/%s?limit=100%s%s", list,
				 *cursor ? "&cursor=" : "", encoded) < 0) {
		rest = NULL;
		return -ENOMEM;
	}
	r = ask(a, rest, NULL, TEXT_MAX, &reply);
	if (r)
		return r;
	r = json_read_list(reply.text, reply.len, "repos", both_name, a,
			   &j);
	rest_end(&reply);
	if (r)
		return r;
	next = json_true(j, "has_more") ? json_text(j, "next_cursor") : NULL;
	if (next && *cursor && !strcmp(*cursor, next))
		next = NULL;
	free(*cursor);
	*cursor = next ? strdup(next) : NULL;
	return next && !*cursor ? -ENOMEM : 0;
}

static int list_as(struct asked *a, const struct words *w)
{
	CLEANUP_FREE char *cursor = NULL;
	int pages = 0, r;

	do
		r = list_page(a, w->list, &cursor);
	while (!r && cursor && ++pages < PAGES_MAX);
	return r;
}

/* To some generations the list of others is a repository. */
static int api_list(struct asked *a)
{
	const struct words *w = version_words_known(mesa_of(a));
	int r = -ENOENT;

	if (w)
		return list_as(a, w);
	for (int i = 0; r == -ENOENT && i < GENERATIONS; i++) {
		if (i && !strcmp(words[i].list, words[i - 1].list))
			continue;
		r = list_as(a, &words[i]);
		if (!r)
			version_note_words(mesa_of(a), &words[i]);
	}
	return r;
}

/* ---- which of the two ---- */

/* Refs cost it one request, and listings have sizes; git has many files for
 * that, and commits that can be checked. */
static bool api_first(struct both *b, const struct job *job, enum verb verb)
{
	(void)b;
	return verb == RESOLVE || job->type == OBJ_TREE;
}

const struct both_api mesa_api = {
	.resolve = api_resolve,
	.fetch = api_fetch,
	.list = api_list,
	.ask = ask,
	.is_first = api_first,
	.git_may_lack = true,
};
