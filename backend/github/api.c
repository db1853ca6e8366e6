/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What is asked of GitHub's API. */
#include "backend/github/github.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend/github/commit.h"
#include "backend/rest/listing.h"
#include "common/cleanup.h"
#include "common/url.h"

enum {
	TREES_MAX = 8,          /* listings for one job: more by git */
	TEXT_MAX = 1 << 20,     /* bytes of an answer, ... */
	LISTING_MAX = 96 << 20, /* ... of a listing */
	PAGES_MAX = 100,        /* of repositories */
};

static const char as_json[] = "application/vnd.github+json";

/* ---- what is remembered ---- */

static void note_root(struct github *g, const struct oid *tree)
{
	LOCK_SCOPE(&g->both.lock);
	g->root[g->next_root++ % ROOTS] = *tree;
}

static bool is_root(struct github *g, const struct oid *tree)
{
	LOCK_SCOPE(&g->both.lock);
	for (int i = 0; i < ROOTS; i++)
		if (oid_eq(&g->root[i], tree))
			return true;
	return false;
}

static struct seen *find_seen(struct github *g, const char *path)
{
	for (int i = 0; i < SEEN; i++)
		if (g->seen[i].path && !strcmp(g->seen[i].path, path))
			return &g->seen[i];
	return NULL;
}

static bool recall(struct github *g, const char *path, struct seen *ret)
{
	LOCK_SCOPE(&g->both.lock);
	const struct seen *s = find_seen(g, path);

	if (s)
		*ret = *s;
	return s;
}

static void remember(struct github *g, const char *path, const char *etag,
		     const struct oid *commit)
{
	LOCK_SCOPE(&g->both.lock);
	struct seen *s = find_seen(g, path);

	if (!s) {
		s = &g->seen[g->next_seen++ % SEEN];
		free(s->path);
		s->path = strdup(path);
	}
	snprintf(s->etag, sizeof s->etag, "%s", etag);
	s->commit = *commit;
}

/* ---- the API ---- */

/* A path of the repository, where it is now. */
static char *path_of(struct github *g, const char *rest)
{
	char *path;

	LOCK_SCOPE(&g->both.lock);
	return asprintf(&path, "%s%s", g->moved ? g->moved : g->path,
			rest) < 0 ? NULL : path;
}

/* It was renamed, and redirects: each redirection would count.  Where it is
 * sent to another host, which is not told who asks, it is asked at home again,
 * so that it can come back. */
static void note_moved(struct github *g, const char *url, const char *rest)
{
	size_t len = strlen(url), tail = strlen(rest);
	char *moved;

	if (len <= tail || strcmp(url + len - tail, rest))
		return;
	moved = strndup(url, len - tail);
	if (!moved)
		return;
	LOCK_SCOPE(&g->both.lock);
	free(g->moved);
	g->moved = moved;
}

static bool same_path(const char *url, const char *path)
{
	size_t len = strlen(url), tail = strlen(path);

	return len >= tail && !strcmp(url + len - tail, path);
}

static int ask_since(struct asked *a, const char *rest, const char *accept,
		     const char *etag, size_t max, struct rest_reply *ret)
{
	CLEANUP_FREE char *path = path_of(to_github(a->both), rest);
	struct rest_ask q = {
		.path = path,
		.accept = accept,
		.etag = etag,
		.deadline = a->job->deadline,
		.bytes = !max,
	};
	int r;

	if (!path)
		return -ENOMEM;
	r = max ? rest_get(a->both->rest, &q, max, ret) :
		  rest_start(a->both->rest, &q, ret);
	if (!r && !same_path(ret->url, path))
		note_moved(to_github(a->both), ret->url, rest);
	return r;
}

static int ask(struct asked *a, const char *rest, const char *accept,
	       size_t max, struct rest_reply *ret)
{
	return ask_since(a, rest, accept, NULL, max, ret);
}

/* ---- resolve ---- */

/* The commit of 'name', which is an id, HEAD, "heads/..." or "tags/...". */
static int resolve_as(struct asked *a, const char *name, struct oid *ret)
{
	CLEANUP_FREE char *encoded = url_encode(name, strlen(name));
	CLEANUP_FREE char *rest = NULL;
	struct seen seen = { .etag = "" };
	struct rest_reply reply;
	bool known;
	int r;

	if (!encoded || asprintf(&rest, "/commits/%s", encoded) < 0) {
		rest = NULL;
		return -ENOMEM;
	}
	known = recall(to_github(a->both), rest, &seen);
	r = ask_since(a, rest, "application/vnd.github.sha",
		      known ? seen.etag : NULL, TEXT_MAX, &reply);
	if (r)
		return r;
	if (reply.status == 304 && known) {
		*ret = seen.commit;
	} else if (reply.status == 409) {       /* it is empty */
		*ret = (struct oid){ 0 };
	} else if (reply.status == 422) {       /* no such name */
		r = -ENOENT;
	} else if (reply.status != 200 ||
		   oid_parse(reply.text, reply.len, ret)) {
		r = -EBADMSG;
	} else if (*reply.etag) {
		remember(to_github(a->both), rest, reply.etag, ret);
	}
	rest_end(&reply);
	return r;
}

/* Not all take HEAD for a name. */
static int resolve_default(struct asked *a, struct oid *ret)
{
	CLEANUP_JSON struct json_object *j = NULL;
	CLEANUP_FREE char *name = NULL;
	const char *branch;
	int r = resolve_as(a, "HEAD", ret), status;

	if (r != -ENOENT)
		return r;
	r = both_json(a, "", as_json, TEXT_MAX, &j, &status);
	if (r)
		return r;
	branch = status == 200 ? json_text(j, "default_branch") : NULL;
	if (!branch)
		return -EBADMSG;
	if (asprintf(&name, "heads/%s", branch) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	return resolve_as(a, name, ret);
}

/* As git itself would look it up. */
static int resolve_name(struct asked *a, const char *ref, struct oid *ret)
{
	static const char *const places[] = { "tags/%s", "heads/%s", "%s" };
	int r = -ENOENT;

	if (!strncmp(ref, "refs/", 5))
		return resolve_as(a, ref + 5, ret);
	for (int i = 0; r == -ENOENT && i < 3; i++) {
		CLEANUP_FREE char *name = NULL;

		if (asprintf(&name, places[i], ref) < 0) {
			name = NULL;
			return -ENOMEM;
		}
		r = resolve_as(a, name, ret);
	}
	return r;
}

static int api_resolve(struct asked *a)
{
	const char *ref = a->job->ref;
	struct oid commit;
	int r;

	if (!ref || !strcmp(ref, "HEAD"))
		r = resolve_default(a, &commit);
	else if (!oid_parse(ref, strlen(ref), &commit))
		r = resolve_as(a, ref, &commit);
	else
		r = resolve_name(a, ref, &commit);
	if (!r)
		a->job->ops->ref_is(a->job, &commit);
	return r;
}

/* ---- fetch: trees ---- */

struct reading {
	struct asked *asked;
	struct listing *listing;
};

static int read_entry(void *arg, struct json_object *j)
{
	const struct reading *rd = arg;
	struct job *job = rd->asked->job;
	const char *path = json_text(j, "path"), *mode = json_text(j, "mode");
	int64_t size = json_size(j, "size");
	struct oid oid = json_oid(j, "sha");
	const char *type = json_text(j, "type");
	char *rest;
	unsigned long bits;

	if (!path || !mode || !type || !oid.len)
		return -EBADMSG;
	bits = strtoul(mode, &rest, 8);
	if (*rest || bits > 0777777)
		return -EBADMSG;
	if (!strcmp(type, "blob") && size >= 0 && job->ops->size_of)
		job->ops->size_of(job, &oid, (uint64_t)size);
	return listing_add(rd->listing, path, (uint32_t)bits, &oid);
}

/* One request: a tree, with those below it or without.  0: it came. */
static int list_tree(struct asked *a, const struct oid *tree, bool recursive)
{
	CLEANUP_JSON struct json_object *j = NULL;
	struct reading rd = { .asked = a };
	char rest[64 + OID_HEX], hex[OID_HEX + 1];
	struct rest_reply reply;
	int r;

	oid_hex(tree, hex);
	snprintf(rest, sizeof rest, "/git/trees/%s%s", hex,
		 recursive ? "?recursive=1" : "");
	r = ask(a, rest, as_json, LISTING_MAX, &reply);
	if (r)
		return r;
	r = reply.status == 200 ? listing_new(&rd.listing) : -ENOENT;
	if (!r)
		r = json_read_list(reply.text, reply.len, "tree", read_entry,
				   &rd, &j);
	rest_end(&reply);
	if (!r && !listing_deliver(rd.listing, tree, a->job))
		r = json_true(j, "truncated") && recursive ? -EFBIG : -EBADMSG;
	listing_free(rd.listing);
	return r;
}

/* What is cut off in a recursive listing is asked for by itself when it is
 * wanted. */
static int api_trees(struct asked *a)
{
	for (size_t i = 0; i < a->job->nwant; i++) {
		const struct oid *tree = &a->job->want[i];
		int r = list_tree(a, tree, true);

		if (r == -EFBIG)
			r = list_tree(a, tree, false);
		if (r)
			return r;
	}
	return 0;
}

/* ---- fetch: blobs and commits, where git cannot be asked ---- */

static int api_blob(struct asked *a, const struct oid *oid)
{
	char rest[64 + OID_HEX], hex[OID_HEX + 1];

	oid_hex(oid, hex);
	snprintf(rest, sizeof rest, "/git/blobs/%s", hex);
	return both_blob(a, oid, rest, "application/vnd.github.raw+json");
}

static int api_commit(struct asked *a, const struct oid *oid)
{
	CLEANUP_JSON struct json_object *j = NULL;
	CLEANUP_FREE char *text = NULL;
	char rest[64 + OID_HEX], hex[OID_HEX + 1];
	struct oid tree;
	size_t len;
	int r, status;

	oid_hex(oid, hex);
	snprintf(rest, sizeof rest, "/git/commits/%s", hex);
	r = both_json(a, rest, as_json, TEXT_MAX, &j, &status);
	if (!r && status != 200)
		r = -ENOENT;
	if (!r)
		r = commit_rebuild(j, oid, &text, &len);
	if (r)
		return r;
	tree = json_oid(json_member(j, "tree"), "sha");
	note_root(to_github(a->both), &tree);
	return job_object(a->job, oid, OBJ_COMMIT, text, len);
}

static int api_fetch(struct asked *a)
{
	const struct job *job = a->job;
	int r = 0;

	if (job->type == OBJ_TREE)
		return api_trees(a);
	for (size_t i = 0; !r && i < job->nwant; i++)
		r = job->type == OBJ_BLOB ? api_blob(a, &job->want[i]) :
		    job->type == OBJ_COMMIT ? api_commit(a, &job->want[i]) :
		    -ENOTSUP;
	return r;
}

/* ---- list ---- */

static bool is_owner(struct asked *a, struct json_object *repo)
{
	const char *login = json_text(json_member(repo, "owner"), "login");

	return login && !strcasecmp(login, to_github(a->both)->owner);
}

/* A page of an array, 'own': of those that are the owner's; *next gets the
 * URL of the one behind it. */
static int list_page(struct asked *a, const char *url, bool own, char **next)
{
	struct rest_ask q = {
		.path = url,
		.accept = as_json,
		.deadline = a->job->deadline,
	};
	CLEANUP_JSON struct json_object *j = NULL;
	struct rest_reply reply;
	int r = rest_get(a->both->rest, &q, LISTING_MAX, &reply);

	if (r)
		return r;
	r = json_read(reply.text, reply.len, &j);
	if (!r && !json_object_is_type(j, json_type_array))
		r = -EBADMSG;
	*next = !r && *reply.next ? strdup(reply.next) : NULL;
	rest_end(&reply);
	for (size_t i = 0; !r && i < json_object_array_length(j); i++) {
		struct json_object *repo = json_object_array_get_idx(j, i);

		if (!own || is_owner(a, repo))
			r = both_name(a, repo);
	}
	return r;
}

/* 'url' is taken over. */
static int list_pages(struct asked *a, char *url, bool own)
{
	int r = 0;

	if (!url)
		return -ENOMEM;
	for (int i = 0; !r && url && i < PAGES_MAX; i++) {
		CLEANUP_FREE char *page = TAKE(url);

		r = list_page(a, page, own, &url);
	}
	free(url);
	return r;
}

static int list_of(struct asked *a, const char *kind)
{
	char *url;

	if (asprintf(&url, "/%s/%s/repos?per_page=100", kind,
		     to_github(a->both)->owner) < 0)
		return -ENOMEM;
	return list_pages(a, url, false);
}

/* Of a user only what is public is told, but for whoever asks. */
static int list_own(struct asked *a)
{
	static const char private[] =
		"/user/repos?visibility=private&affiliation=owner&per_page=100";
	int r = list_pages(a, strdup(private), true);

	return r == -EACCES || r == -ENOENT ? 0 : r;
}

static int api_list(struct asked *a)
{
	int r = list_of(a, "orgs");

	if (r == -ENOENT) {
		r = list_of(a, "users");
		if (!r)
			r = list_own(a);
	}
	return r;
}

/* ---- which of the two ---- */

/* Those it does not know get few answers. */
static bool api_first(struct both *b, const struct job *job, enum verb verb)
{
	if (verb == RESOLVE)
		return rest_has_token(b->rest);
	if (job->type != OBJ_TREE)
		return false;
	return rest_has_token(b->rest) ? job->nwant <= TREES_MAX :
	       job->nwant == 1 && is_root(to_github(b), &job->want[0]);
}

static void api_tree_is(struct both *b, const struct oid *tree)
{
	note_root(to_github(b), tree);
}

const struct both_api github_api = {
	.resolve = api_resolve,
	.fetch = api_fetch,
	.list = api_list,
	.ask = ask,
	.is_first = api_first,
	.tree_is = api_tree_is,
};
