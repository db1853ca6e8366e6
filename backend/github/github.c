/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Repositories at GitHub.
 *
 * Its REST API has what git's protocol lacks: one answer lists all
 * directories of a commit, with the sizes of files.  But it tells no commit
 * as git hashes it, gives one file per request, and few requests to those it
 * does not know.  So the API is asked for listings, and by who has a token
 * for refs, where it says "as before" for nothing; git's protocol for all
 * else.  Each stands in for the other: git while the API is not to be asked
 * now, the API where a network lets only that through.
 */
#include "config.h"

#include "backend/backend.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/github/commit.h"
#include "backend/rest/json.h"
#include "backend/rest/listing.h"
#include "backend/rest/rest.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/url.h"

enum {
	SEEN = 4,               /* refs whose last answer we remember */
	ROOTS = 8,              /* commits whose trees we do */
	TREES_MAX = 8,          /* listings for one job: more by git */
	GIT_PAUSE_MS = 60000,   /* it refused: not to be asked for so long */
	TEXT_MAX = 1 << 20,     /* bytes of an answer, ... */
	LISTING_MAX = 96 << 20, /* ... of a listing, ... */
	BLOB_MAX = 128 << 20,   /* ... of a file whose length is not told */
	PIECE = 64 << 10,
	PAGES_MAX = 100,        /* of repositories */
};

static const char default_api[] = "https://api.github.com";

static const char *const headers[] = {
	"X-GitHub-Api-Version: 2022-11-28", NULL,
};
static const struct rest_manners manners = { headers, 900 };
static const char as_json[] = "application/vnd.github+json";

/* What a ref was when we asked last. */
struct seen {
	char *path;
	char etag[256];
	struct oid commit;
};

struct github {
	struct backend base;
	struct rest *rest;
	char *path;             /* "/repos/OWNER/NAME" */
	char *owner;            /* encoded */
	bool place;             /* of repositories: only list() */
	pthread_mutex_t lock;   /* covers the rest */
	char *moved;            /* where 'path' redirects, or NULL */
	struct seen seen[SEEN];
	unsigned next_seen;
	struct oid root[ROOTS];
	unsigned next_root;
	uint64_t git_refused;   /* until then: clock_ms() */
};

enum verb { RESOLVE, FETCH, STAT, LIST };

/* A job on its way: through one of the two, and perhaps then the other. */
struct asked {
	struct work work;
	struct job below;       /* the same job, for git */
	struct github *g;
	struct job *job;
	enum verb verb;
	bool by_rest, by_git;   /* has been tried */
	int err;                /* of the first */
	enum obj type;          /* of the object that comes now */
};

static struct github *to_github(struct backend *b)
{
	return (struct github *)b;
}

static void end(struct asked *a, int err)
{
	struct job *job = a->job;

	free(a);
	job->ops->done(job, err);
}

/* ---- what is remembered ---- */

static void note_root(struct github *g, const struct oid *tree)
{
	LOCK_SCOPE(&g->lock);
	g->root[g->next_root++ % ROOTS] = *tree;
}

static bool is_root(struct github *g, const struct oid *tree)
{
	LOCK_SCOPE(&g->lock);
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
	LOCK_SCOPE(&g->lock);
	const struct seen *s = find_seen(g, path);

	if (s)
		*ret = *s;
	return s;
}

static void remember(struct github *g, const char *path, const char *etag,
		     const struct oid *commit)
{
	LOCK_SCOPE(&g->lock);
	struct seen *s = find_seen(g, path);

	if (!s) {
		s = &g->seen[g->next_seen++ % SEEN];
		free(s->path);
		s->path = strdup(path);
	}
	snprintf(s->etag, sizeof s->etag, "%s", etag);
	s->commit = *commit;
}

static bool git_refused(struct github *g)
{
	LOCK_SCOPE(&g->lock);
	return clock_ms() < g->git_refused;
}

static void note_git(struct github *g, bool refused)
{
	LOCK_SCOPE(&g->lock);
	g->git_refused = refused ? clock_ms() + GIT_PAUSE_MS : 0;
}

/* ---- the API ---- */

/* A path of the repository, where it is now. */
static char *path_of(struct github *g, const char *rest)
{
	char *path;

	LOCK_SCOPE(&g->lock);
	return asprintf(&path, "%s%s", g->moved ? g->moved : g->path,
			rest) < 0 ? NULL : path;
}

/* It was renamed, and redirects: each redirection would count. */
static void note_moved(struct github *g, const char *url, const char *rest)
{
	size_t len = strlen(url), tail = strlen(rest);
	char *moved;

	if (len <= tail || strcmp(url + len - tail, rest))
		return;
	moved = strndup(url, len - tail);
	if (!moved)
		return;
	LOCK_SCOPE(&g->lock);
	free(g->moved);
	g->moved = moved;
}

static bool same_path(const char *url, const char *path)
{
	size_t len = strlen(url), tail = strlen(path);

	return len >= tail && !strcmp(url + len - tail, path);
}

/* Ask for 'rest' of the repository, up to 'max' bytes; 0: only begin. */
static int ask(struct asked *a, const char *rest, const char *accept,
	       const char *etag, size_t max, struct rest_reply *ret)
{
	CLEANUP_FREE char *path = path_of(a->g, rest);
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
	r = max ? rest_get(a->g->rest, &q, max, ret) :
		  rest_start(a->g->rest, &q, ret);
	if (!r && !same_path(ret->url, path))
		note_moved(a->g, ret->url, rest);
	return r;
}

static int ask_json(struct asked *a, const char *rest,
		    struct json_object **ret, int *status)
{
	struct rest_reply reply;
	int r = ask(a, rest, as_json, NULL, TEXT_MAX, &reply);

	if (r)
		return r;
	*status = reply.status;
	r = json_read(reply.text, reply.len, ret);
	rest_end(&reply);
	return r;
}

/* ---- resolve ---- */

/* The commit of 'name', which is an id, HEAD, "heads/..." or "tags/...". */
static int resolve_as(struct asked *a, const char *name, struct oid *ret)
{
	CLEANUP_FREE char *encoded = url_encode(name, strlen(name)), *rest = NULL;
	struct seen seen = { .etag = "" };
	struct rest_reply reply;
	bool known;
	int r;

	if (!encoded || asprintf(&rest, "/commits/%s", encoded) < 0) {
		rest = NULL;
		return -ENOMEM;
	}
	known = recall(a->g, rest, &seen);
	r = ask(a, rest, "application/vnd.github.sha",
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
		remember(a->g, rest, reply.etag, ret);
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
	r = ask_json(a, "", &j, &status);
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

static int rest_resolve(struct asked *a)
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
	r = ask(a, rest, as_json, NULL, LISTING_MAX, &reply);
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
static int rest_trees(struct asked *a)
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

/* 'length' bytes, as they come. */
static int pass_on(struct asked *a, const struct oid *oid,
		   struct rest_reply *reply)
{
	CLEANUP_FREE char *buf = malloc(PIECE);
	uint64_t left = (uint64_t)reply->length;
	struct job *job = a->job;
	int r;

	if (!buf)
		return -ENOMEM;
	r = job->ops->start(job, oid, OBJ_BLOB, left);
	while (!r && left) {
		ssize_t n = rest_read(reply, buf, left < PIECE ? left : PIECE,
				      job->deadline);

		if (n <= 0)
			return n ? (int)n : -ECONNRESET;
		r = job->ops->data(job, buf, (size_t)n);
		left -= (size_t)n;
	}
	return r ? r : job->ops->end(job);
}

static int rest_blob(struct asked *a, const struct oid *oid)
{
	static const char raw[] = "application/vnd.github.raw+json";
	char rest[64 + OID_HEX], hex[OID_HEX + 1];
	struct rest_reply reply;
	int r;

	oid_hex(oid, hex);
	snprintf(rest, sizeof rest, "/git/blobs/%s", hex);
	r = ask(a, rest, raw, NULL, 0, &reply);
	if (r)
		return r;
	if (reply.status != 200) {
		r = -ENOENT;
	} else if (reply.length >= 0) {
		r = pass_on(a, oid, &reply);
	} else {
		rest_end(&reply);
		r = ask(a, rest, raw, NULL, BLOB_MAX, &reply);
		if (r)
			return r;
		r = job_object(a->job, oid, OBJ_BLOB, reply.text, reply.len);
	}
	rest_end(&reply);
	return r;
}

static int rest_commit(struct asked *a, const struct oid *oid)
{
	CLEANUP_JSON struct json_object *j = NULL;
	CLEANUP_FREE char *text = NULL;
	char rest[64 + OID_HEX], hex[OID_HEX + 1];
	struct oid tree;
	size_t len;
	int r, status;

	oid_hex(oid, hex);
	snprintf(rest, sizeof rest, "/git/commits/%s", hex);
	r = ask_json(a, rest, &j, &status);
	if (!r && status != 200)
		r = -ENOENT;
	if (!r)
		r = commit_rebuild(j, oid, &text, &len);
	if (r)
		return r;
	tree = json_oid(json_member(j, "tree"), "sha");
	note_root(a->g, &tree);
	return job_object(a->job, oid, OBJ_COMMIT, text, len);
}

static int rest_fetch(struct asked *a)
{
	const struct job *job = a->job;
	int r = 0;

	if (job->type == OBJ_TREE)
		return rest_trees(a);
	for (size_t i = 0; !r && i < job->nwant; i++)
		r = job->type == OBJ_BLOB ? rest_blob(a, &job->want[i]) :
		    job->type == OBJ_COMMIT ? rest_commit(a, &job->want[i]) :
		    -ENOTSUP;
	return r;
}

/* ---- list ---- */

static int read_repository(void *arg, struct json_object *j)
{
	struct asked *a = arg;
	const char *name = json_text(j, "name");

	return name ? a->job->ops->name(a->job, name) : 0;
}

/* A page of an array; *next gets the URL of the one behind it. */
static int list_page(struct asked *a, const char *url, char **next)
{
	struct rest_ask q = {
		.path = url,
		.accept = as_json,
		.deadline = a->job->deadline,
	};
	CLEANUP_JSON struct json_object *j = NULL;
	struct rest_reply reply;
	int r = rest_get(a->g->rest, &q, LISTING_MAX, &reply);

	if (r)
		return r;
	r = json_read(reply.text, reply.len, &j);
	if (!r && !json_object_is_type(j, json_type_array))
		r = -EBADMSG;
	*next = !r && *reply.next ? strdup(reply.next) : NULL;
	rest_end(&reply);
	for (size_t i = 0; !r && i < json_object_array_length(j); i++)
		r = read_repository(a, json_object_array_get_idx(j, i));
	return r;
}

static int list_of(struct asked *a, const char *kind)
{
	char *url;
	int r = 0;

	if (asprintf(&url, "/%s/%s/repos?per_page=100", kind,
		     a->g->owner) < 0)
		return -ENOMEM;
	for (int i = 0; !r && url && i < PAGES_MAX; i++) {
		CLEANUP_FREE char *page = TAKE(url);

		r = list_page(a, page, &url);
	}
	free(url);
	return r;
}

static int rest_list(struct asked *a)
{
	int r = list_of(a, "orgs");

	return r == -ENOENT ? list_of(a, "users") : r;
}

/* ---- which of the two ---- */

static void go_rest(struct asked *);

/* Was there nobody to answer? */
static bool is_silence(int err)
{
	switch (err) {
	case -ECONNREFUSED: case -EHOSTUNREACH: case -EHOSTDOWN:
	case -ETIMEDOUT: case -EPROTO: case -ECONNRESET:
		return true;
	default:
		return false;
	}
}

/* Is git not to be had here, while the API may be?  To those it does not
 * know, its host refuses what is not there at all. */
static bool is_refusal(int err)
{
	return is_silence(err) || err == -EACCES || err == -EBADMSG ||
	       err == -EPROTONOSUPPORT;
}

static int relay_start(struct job *below, const struct oid *oid,
		       enum obj type, uint64_t size)
{
	struct asked *a = container_of(below, struct asked, below);

	a->type = type;
	return a->job->ops->start(a->job, oid, type, size);
}

static int relay_data(struct job *below, const void *data, size_t len)
{
	struct asked *a = container_of(below, struct asked, below);
	const size_t start = strlen("tree ");
	struct oid tree;
	int r;

	if (a->type == OBJ_COMMIT && len > start + 40 &&
	    !memcmp(data, "tree ", start) &&
	    !oid_parse((const char *)data + start, 40, &tree))
		note_root(a->g, &tree);
	r = a->job->ops->data(a->job, data, len);
	below->deadline = a->job->deadline;
	return r;
}

static int relay_end(struct job *below)
{
	struct asked *a = container_of(below, struct asked, below);

	return a->job->ops->end(a->job);
}

static void relay_size(struct job *below, size_t i, uint64_t size)
{
	struct asked *a = container_of(below, struct asked, below);

	a->job->ops->size(a->job, i, size);
}

static void relay_ref_is(struct job *below, const struct oid *commit)
{
	struct asked *a = container_of(below, struct asked, below);

	a->job->ops->ref_is(a->job, commit);
}

static void relay_done(struct job *below, int err)
{
	struct asked *a = container_of(below, struct asked, below);

	if (is_refusal(err)) {
		note_git(a->g, true);
		if (a->verb == STAT)
			err = -ENOTSUP;
	} else {
		note_git(a->g, false);
	}
	if (err && a->verb != STAT && is_refusal(err) && !a->by_rest) {
		a->err = err;
		go_rest(a);
	} else {
		/* The API tells what is wrong. */
		end(a, err && a->err ? a->err : err);
	}
}

static const struct job_ops relay_ops = {
	.start = relay_start,
	.data = relay_data,
	.end = relay_end,
	.size = relay_size,
	.ref_is = relay_ref_is,
	.done = relay_done,
};

static void go_git(struct asked *a)
{
	struct backend *git = a->g->base.below;

	a->by_git = true;
	a->below = *a->job;
	a->below.ops = &relay_ops;
	/* Trees come from the API, with sizes. */
	if (a->job->type == OBJ_COMMIT)
		a->below.reach = REACH_WANTED;
	switch (a->verb) {
	case RESOLVE:
		git->ops->resolve(git, &a->below);
		break;
	case FETCH:
		git->ops->fetch(git, &a->below);
		break;
	case STAT:
		git->ops->stat(git, &a->below);
		break;
	case LIST:
		end(a, -ENOTSUP);
	}
}

static void run_rest(struct work *w)
{
	struct asked *a = container_of(w, struct asked, work);
	int r;

	switch (a->verb) {
	case RESOLVE:
		r = rest_resolve(a);
		break;
	case FETCH:
		r = rest_fetch(a);
		break;
	case LIST:
		r = rest_list(a);
		break;
	default:
		r = -ENOTSUP;
	}
	/* What is not there by one name may be by the other: a tree's names
	 * need not be text, and a private repository's git is asked as
	 * somebody else. */
	if (!r || a->by_git || a->verb == LIST || git_refused(a->g)) {
		end(a, a->by_git && is_silence(r) ? a->err : r);
		return;
	}
	a->err = r;
	go_git(a);
}

static void go_rest(struct asked *a)
{
	a->by_rest = true;
	rest_submit(a->g->rest, &a->work, a->job->ahead);
}

/* Which goes first? */
static bool rest_first(struct github *g, const struct job *job,
		       enum verb verb)
{
	bool token = rest_has_token(g->rest);

	if (verb == LIST)
		return true;
	if (verb == STAT)
		return false;
	if (git_refused(g))
		return true;
	if (rest_is_limited(g->rest))
		return false;
	if (verb == RESOLVE)
		return token;
	return job->type == OBJ_TREE &&
	       (token ? job->nwant <= TREES_MAX :
			job->nwant == 1 && is_root(g, &job->want[0]));
}

static void begin(struct backend *b, struct job *job, enum verb verb)
{
	struct github *g = to_github(b);
	struct asked *a;

	if ((verb == FETCH || verb == STAT) && !job->nwant) {
		job->ops->done(job, 0);
		return;
	}
	if (g->place != (verb == LIST)) {
		job->ops->done(job, verb == LIST ? -ENOTDIR : -ENOENT);
		return;
	}
	a = calloc(1, sizeof *a);
	if (!a) {
		job->ops->done(job, -ENOMEM);
		return;
	}
	a->work.run = run_rest;
	a->g = g;
	a->job = job;
	a->verb = verb;
	if (rest_first(g, job, verb))
		go_rest(a);
	else
		go_git(a);
}

static void github_resolve(struct backend *b, struct job *job)
{
	begin(b, job, RESOLVE);
}

static void github_fetch(struct backend *b, struct job *job)
{
	begin(b, job, FETCH);
}

static void github_stat(struct backend *b, struct job *job)
{
	begin(b, job, STAT);
}

/* Who is not known there has better uses for the few requests. */
static void github_list(struct backend *b, struct job *job)
{
	if (rest_has_token(to_github(b)->rest))
		begin(b, job, LIST);
	else
		job->ops->done(job, -ENOTSUP);
}

static void github_why(struct backend *b, int err, char why[BACKEND_WHY])
{
	struct backend *git = b->below;

	rest_why(to_github(b)->rest, err, why);
	if (!*why && git && git->ops->why)
		git->ops->why(git, err, why);
}

/* ---- opening ---- */

static void github_close(struct backend *b)
{
	struct github *g = to_github(b);

	rest_close(g->rest);
	for (int i = 0; i < SEEN; i++)
		free(g->seen[i].path);
	pthread_mutex_destroy(&g->lock);
	free(g->path);
	free(g->owner);
	free(g->moved);
	free(g);
}

/* A component of a URL, encoded as we do; 's' is spoilt. */
static char *recode(char *s)
{
	return url_decode(s) ? url_encode(s, strlen(s)) : NULL;
}

/* OWNER and NAME, the last two components of the URL; of a place, NAME is
 * empty. */
static int read_url(struct github *g, const char *url)
{
	CLEANUP_FREE char *copy = strdup(url), *name = NULL;
	size_t len = strlen(url);
	char *slash;

	if (!copy)
		return -ENOMEM;
	if (len > 4 && !strcmp(copy + len - 4, ".git"))
		copy[len - 4] = '\0';
	slash = strrchr(copy, '/');
	if (!slash)
		return -EINVAL;
	*slash = '\0';
	g->place = !slash[1];
	name = recode(slash + 1);
	slash = strrchr(copy, '/');
	if (!slash || !slash[1] || (slash > copy && slash[-1] == '/'))
		return -EINVAL;
	g->owner = recode(slash + 1);
	if (!name || !g->owner ||
	    asprintf(&g->path, "/repos/%s/%s", g->owner, name) < 0) {
		g->path = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int github_open(struct backend **ret, const char *url,
		       const struct backend_options *opt,
		       char why[BACKEND_WHY])
{
	static const struct backend_options none = { .user = NULL };
	struct github *g = calloc(1, sizeof *g);
	int r;

	snprintf(why, BACKEND_WHY, "out of memory");
	if (!g)
		return -ENOMEM;
	if (!opt)
		opt = &none;
	g->base.ops = &backend_github;
	pthread_mutex_init(&g->lock, NULL);
	r = read_url(g, url);
	if (r == -EINVAL)
		snprintf(why, BACKEND_WHY, "a repository at GitHub is "
			 "https://HOST/OWNER/NAME.git");
	if (!r)
		r = rest_open(&g->rest, opt->api_url ? opt->api_url :
			      default_api, &manners, opt, why);
	if (!r && !g->place)
		r = backend_git.open(&g->base.below, url, opt, why);
	if (r) {
		github_close(&g->base);
		return r;
	}
	*ret = &g->base;
	return 0;
}

const struct backend_ops backend_github = {
	.name = "github",
	.far = true,
	.open = github_open,
	.close = github_close,
	.resolve = github_resolve,
	.fetch = github_fetch,
	.stat = github_stat,
	.list = github_list,
	.why = github_why,
};
