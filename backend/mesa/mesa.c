/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Repositories in a Mesa depot.
 *
 * Its API goes by path: so a directory's listing is where the paths of what
 * is in it are learnt, and what nobody has listed comes with a hint.  It
 * tells ids, so a listing is believed when the tree made of it hashes to
 * the name it is wanted by, and bytes when they do.  One link is its word
 * alone: which tree a commit has.  And it leaves out submodules, so that a
 * directory with one cannot be checked, nor shown.  Where git's protocol is
 * spoken as well, both come by that.
 */
#include "config.h"

#include "backend/backend.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backend/mesa/words.h"
#include "backend/rest/json.h"
#include "backend/rest/listing.h"
#include "backend/rest/rest.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/url.h"

enum {
	PLACES = 1 << 12,       /* objects whose paths we remember */
	PAGES_MAX = 10000,      /* of one listing */
	SYNC_MS = 2000,         /* to wait for a mirror, doubling */
	SYNC_MAX = 60000,
	TEXT_MAX = 8 << 20,     /* bytes of an answer, ... */
	DOCUMENT_MAX = 192 << 20,       /* ... of one with a file in it, ... */
	BLOB_MAX = 128 << 20,   /* ... of a file whose length is not told */
	PIECE = 64 << 10,
	MODE_DIR = 040000, MODE_FILE = 0100644, MODE_EXEC = 0100755,
	MODE_LINK = 0120000,
};

static const char default_api[] = "https://depot.mesa.dev/api/v1";
static const char mirror[] = "github";  /* the organisation, and its names */

static const char *const headers[] = { NULL };
static const struct rest_manners manners = { headers, 0 };

/* Where an object has been seen. */
struct place {
	struct oid oid, commit;
	bool link;              /* a symbolic link */
	char path[];            /* "" for the root */
};

struct mesa {
	struct backend base;    /* below: the same repository by git, or NULL */
	struct rest *rest;
	char *path;             /* "/ORGANISATION/NAME" */
	bool is_place;          /* of repositories: only list() */
	bool is_mirror;
	pthread_mutex_t lock;   /* covers the rest */
	struct place **place;   /* by the object's id; NULL: none yet */
};

enum verb { RESOLVE, FETCH, LIST };

struct asked {
	struct work work;
	struct job below;       /* the same job, for git */
	struct mesa *m;
	struct job *job;
	enum verb verb;
	bool by_rest;           /* has been tried */
};

static struct mesa *to_mesa(struct backend *b)
{
	return (struct mesa *)b;
}

static void end(struct asked *a, int err)
{
	struct job *job = a->job;

	free(a);
	job->ops->done(job, err);
}

/* ---- where objects are ---- */

static size_t slot(const struct oid *oid)
{
	size_t n;

	memcpy(&n, oid->id, sizeof n);
	return n % PLACES;
}

static void note_place(struct mesa *m, const struct oid *oid,
		       const struct oid *commit, const char *path, bool link)
{
	struct place *p = malloc(sizeof *p + strlen(path) + 1), *old = NULL;

	if (!p)
		return;
	*p = (struct place){ .oid = *oid, .commit = *commit, .link = link };
	strcpy(p->path, path);
	lock_take(&m->lock);
	if (!m->place)
		m->place = calloc(PLACES, sizeof(struct place *));
	if (m->place) {
		old = m->place[slot(oid)];
		m->place[slot(oid)] = p;
	} else {
		old = p;
	}
	lock_drop(&m->lock);
	free(old);
}

/* The caller frees it; NULL: not known. */
static struct place *find_place(struct mesa *m, const struct oid *oid)
{
	struct place *p, *copy;
	size_t size;

	LOCK_SCOPE(&m->lock);
	p = m->place ? m->place[slot(oid)] : NULL;
	if (!p || !oid_eq(&p->oid, oid))
		return NULL;
	size = sizeof *p + strlen(p->path) + 1;
	copy = malloc(size);
	if (copy)
		memcpy(copy, p, size);
	return copy;
}

/* ---- the API ---- */

static void sleep_ms(uint64_t ms)
{
	struct timespec t = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};

	while (nanosleep(&t, &t) && errno == EINTR)
		;
}

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

	if (asprintf(&path, "%s%s", a->m->path, rest) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	q.path = path;
	for (;;) {
		int r = max ? rest_get(a->m->rest, &q, max, ret) :
			      rest_start(a->m->rest, &q, ret);

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
		sleep_ms(pause);
		pause *= 2;
	}
}

static int ask_json(struct asked *a, const char *rest, size_t max,
		    struct json_object **ret)
{
	struct rest_reply reply;
	int r = ask(a, rest, NULL, max, &reply);

	if (r)
		return r;
	r = json_read(reply.text, reply.len, ret);
	rest_end(&reply);
	return r;
}

/* ---- resolve ---- */

/* An empty one has a branch to be born, and no commit. */
static int resolve_default(struct asked *a, struct oid *ret)
{
	CLEANUP_JSON struct json_object *j = NULL;
	int r = ask_json(a, "", TEXT_MAX, &j);

	if (r)
		return r;
	*ret = json_oid(j, words.head);
	return json_text(j, words.head) && !ret->len ? -EBADMSG : 0;
}

/* The first commit of its log. */
static int resolve_name(struct asked *a, const char *ref, struct oid *ret)
{
	CLEANUP_JSON struct json_object *j = NULL;
	CLEANUP_FREE char *name = url_encode(ref, strlen(ref)), *rest = NULL;
	struct json_object *list;
	int r;

	if (!name || asprintf(&rest, "/%s?%s=%s&limit=1", words.commits,
			      words.version, name) < 0) {
		rest = NULL;
		return -ENOMEM;
	}
	r = ask_json(a, rest, TEXT_MAX, &j);
	if (r)
		return r;
	list = json_member(j, "commits");
	if (!json_object_is_type(list, json_type_array))
		return -EBADMSG;
	if (!json_object_array_length(list))
		return -ENOENT;
	*ret = json_oid(json_object_array_get_idx(list, 0), words.id);
	return ret->len ? 0 : -EBADMSG;
}

static int rest_resolve(struct asked *a)
{
	const char *ref = a->job->ref;
	struct oid commit;
	int r = ref ? resolve_name(a, ref, &commit) :
		      resolve_default(a, &commit);

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
	return json_true(j, words.executable) ? MODE_EXEC : MODE_FILE;
}

/* What is not understood is left out: then the hash will be another one. */
static int read_entry(void *arg, struct json_object *j)
{
	struct reading *rd = arg;
	struct job *job = rd->asked->job;
	const char *path = json_text(j, "path");
	const char *name = path ? below(rd->dir, path) : NULL;
	struct oid oid = json_oid(j, words.id);
	int64_t size = json_size(j, "size");
	uint32_t mode = mode_of(j);

	rd->any = true;
	if (!name || !*name || !oid.len || !mode)
		return 0;
	note_place(rd->asked->m, &oid, rd->commit, path, mode == MODE_LINK);
	if (mode != MODE_DIR && size >= 0 && job->ops->size_of)
		job->ops->size_of(job, &oid, (uint64_t)size);
	return listing_add(rd->listing, name, mode, &oid);
}

/* The address of a path's content at a commit. */
static int content_of(const struct oid *commit, const char *path,
		      const char *more, char **ret)
{
	CLEANUP_FREE char *encoded = url_encode(path, strlen(path));
	char hex[OID_HEX + 1];

	oid_hex(commit, hex);
	return !encoded || asprintf(ret, "/content?%s=%s%s%s%s", words.version,
				    hex, *path ? "&path=" : "", encoded,
				    more) < 0 ? -ENOMEM : 0;
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
	r = content_of(rd->commit, rd->dir, more, &rest);
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
	*tree = json_oid(j, words.id);
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

/* Hand it on while it comes, and see whether it is the right one. */
static int pass_on(struct asked *a, const struct oid *oid,
		   struct rest_reply *reply)
{
	CLEANUP_FREE char *buf = malloc(PIECE);
	uint64_t left = (uint64_t)reply->length;
	struct job *job = a->job;
	struct oid_hash *h;
	struct oid is;
	int r, other;

	if (!buf || oid_hash_start(&h, oid->len, OBJ_BLOB, left))
		return -ENOMEM;
	r = job->ops->start(job, oid, OBJ_BLOB, left);
	while (!r && left) {
		ssize_t n = rest_read(reply, buf, left < PIECE ? left : PIECE,
				      job->deadline);

		if (n <= 0) {
			r = n ? (int)n : -ECONNRESET;
			break;
		}
		r = oid_hash_data(h, buf, (size_t)n);
		if (!r)
			r = job->ops->data(job, buf, (size_t)n);
		left -= (size_t)n;
	}
	other = oid_hash_end(h, &is);
	if (r || other)
		return r ? r : other;
	return oid_eq(&is, oid) ? job->ops->end(job) : -EBADMSG;
}

static int blob_raw(struct asked *a, const struct oid *oid, const char *rest)
{
	static const char bytes[] = "application/octet-stream";
	struct rest_reply reply;
	int r = ask(a, rest, bytes, 0, &reply);

	if (!r && reply.length < 0) {
		rest_end(&reply);
		r = ask(a, rest, bytes, BLOB_MAX, &reply);
		if (!r)
			r = job_object(a->job, oid, OBJ_BLOB, reply.text,
				       reply.len);
	} else if (!r) {
		r = pass_on(a, oid, &reply);
	} else {
		return r;
	}
	rest_end(&reply);
	return r;
}

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
	int r = ask_json(a, rest, DOCUMENT_MAX, &j);

	if (r)
		return r;
	is = json_oid(j, words.id);
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
	int r = content_of(commit, path, "", &rest);

	if (r) {
		rest = NULL;
		return r;
	}
	r = link ? -EBADMSG : blob_raw(a, oid, rest);
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
	CLEANUP_FREE struct place *p = find_place(a->m, oid);
	int r = -ENOENT;

	if (p)
		r = fetch_at(a, oid, &p->commit, p->path, p->link);
	for (size_t n = 0; r == -ENOENT && !i && job->path && n < job->nat; n++)
		r = fetch_at(a, oid, &job->at[n], job->path, false);
	return r;
}

/* "2026-02-01T10:00:00.000Z", or with "+01:00" at its end. */
static int read_date(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) :
				 NULL;
	int hours, minutes = 0;

	if (!end)
		return -EBADMSG;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	*ret = timegm(&tm);
	if (*end == '+' || *end == '-') {
		if (sscanf(end + 1, "%2d:%2d", &hours, &minutes) < 1)
			return -EBADMSG;
		*ret -= (*end == '-' ? -60 : 60) * (hours * 60 + minutes);
	}
	return 0;
}

/* A commit as far as it is told. */
static int fetch_commit(struct asked *a, const struct oid *oid)
{
	CLEANUP_JSON struct json_object *j = NULL;
	char rest[64 + OID_HEX], hex[OID_HEX + 1];
	struct oid tree = { 0 };
	int64_t t = 0;
	int r;

	oid_hex(oid, hex);
	snprintf(rest, sizeof rest, "/%s/%s", words.commits, hex);
	r = ask_json(a, rest, TEXT_MAX, &j);
	if (!r)
		r = read_date(json_text(json_member(j, "committer"), "date"),
			      &t);
	if (r)
		return r;
	r = list_dir(a, oid, "", NULL, &tree);
	/* It can be named though it cannot be checked. */
	if ((r && r != -EBADMSG) || !tree.len)
		return r ? r : -EBADMSG;
	note_place(a->m, &tree, oid, "", false);
	if (!a->job->ops->commit_is)
		return -ENOTSUP;
	a->job->ops->commit_is(a->job, oid, &tree, t);
	return 0;
}

static int rest_fetch(struct asked *a)
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

static int read_repository(void *arg, struct json_object *j)
{
	struct asked *a = arg;
	const char *name = json_text(j, "name");

	return name ? a->job->ops->name(a->job, name) : 0;
}

static int list_page(struct asked *a, char **cursor)
{
	CLEANUP_JSON struct json_object *j = NULL;
	CLEANUP_FREE char *rest = NULL;
	CLEANUP_FREE char *encoded = encode_cursor(*cursor);
	struct rest_reply reply;
	const char *next;
	int r;

	if (!encoded || asprintf(&rest, "/%s?limit=100%s%s",
				 words.repositories,
				 *cursor ? "&cursor=" : "", encoded) < 0) {
		rest = NULL;
		return -ENOMEM;
	}
	r = ask(a, rest, NULL, TEXT_MAX, &reply);
	if (r)
		return r;
	r = json_read_list(reply.text, reply.len, "repos", read_repository, a,
			   &j);
	rest_end(&reply);
	if (r)
		return r;
	next = json_true(j, "has_more") ? json_text(j, "next_cursor") : NULL;
	if (next && *cursor && !strcmp(*cursor, next))
		next = NULL;
	free(*cursor);
	*cursor = next ? strdup(next) : NULL;
	return 0;
}

static int rest_list(struct asked *a)
{
	CLEANUP_FREE char *cursor = NULL;
	int pages = 0, r;

	do
		r = list_page(a, &cursor);
	while (!r && cursor && ++pages < PAGES_MAX);
	return r;
}

/* ---- git, where it is spoken ---- */

static int relay_start(struct job *below, const struct oid *oid,
		       enum obj type, uint64_t size)
{
	struct asked *a = container_of(below, struct asked, below);

	return a->job->ops->start(a->job, oid, type, size);
}

static int relay_data(struct job *below, const void *data, size_t len)
{
	struct asked *a = container_of(below, struct asked, below);
	int r = a->job->ops->data(a->job, data, len);

	below->deadline = a->job->deadline;
	return r;
}

static int relay_end(struct job *below)
{
	struct asked *a = container_of(below, struct asked, below);

	return a->job->ops->end(a->job);
}

static void relay_done(struct job *below, int err)
{
	struct asked *a = container_of(below, struct asked, below);

	if (err && !a->by_rest) {
		a->by_rest = true;
		rest_submit(a->m->rest, &a->work, a->job->ahead);
	} else {
		end(a, err);
	}
}

static const struct job_ops relay_ops = {
	.start = relay_start,
	.data = relay_data,
	.end = relay_end,
	.done = relay_done,
};

static void go_git(struct asked *a)
{
	struct backend *git = a->m->base.below;

	a->below = *a->job;
	a->below.ops = &relay_ops;
	a->below.reach = REACH_WANTED;
	git->ops->fetch(git, &a->below);
}

static void run_rest(struct work *w)
{
	struct asked *a = container_of(w, struct asked, work);
	int r = a->verb == RESOLVE ? rest_resolve(a) :
		a->verb == LIST ? rest_list(a) : rest_fetch(a);
	/* What it leaves out, or cannot say where it is. */
	bool git = (r == -EBADMSG || r == -ENOENT) && a->verb == FETCH &&
		   a->m->base.below && a->job->type != OBJ_COMMIT;

	if (git)
		go_git(a);
	else
		end(a, r);
}

static void begin(struct backend *b, struct job *job, enum verb verb)
{
	struct mesa *m = to_mesa(b);
	struct asked *a;

	if (verb == FETCH && !job->nwant) {
		job->ops->done(job, 0);
		return;
	}
	if (m->is_place != (verb == LIST)) {
		job->ops->done(job, verb == LIST ? -ENOTDIR : -ENOENT);
		return;
	}
	a = calloc(1, sizeof *a);
	if (!a) {
		job->ops->done(job, -ENOMEM);
		return;
	}
	a->work.run = run_rest;
	a->m = m;
	a->job = job;
	a->verb = verb;
	if (verb == FETCH && job->type == OBJ_COMMIT && m->base.below) {
		go_git(a);
	} else {
		a->by_rest = true;
		rest_submit(m->rest, &a->work, job->ahead);
	}
}

static void mesa_resolve(struct backend *b, struct job *job)
{
	begin(b, job, RESOLVE);
}

static void mesa_fetch(struct backend *b, struct job *job)
{
	begin(b, job, FETCH);
}

/* Whose repositories are mirrored, it does not tell. */
static void mesa_list(struct backend *b, struct job *job)
{
	if (to_mesa(b)->is_mirror)
		job->ops->done(job, -ENOTSUP);
	else
		begin(b, job, LIST);
}

static void mesa_why(struct backend *b, int err, char why[BACKEND_WHY])
{
	rest_why(to_mesa(b)->rest, err, why);
	if (!*why && err == -EBADMSG)
		snprintf(why, BACKEND_WHY, "what is listed is not all there "
			 "is, as with submodules: add the url where git's "
			 "protocol is spoken");
}

/* ---- opening ---- */

static void mesa_close(struct backend *b)
{
	struct mesa *m = to_mesa(b);

	rest_close(m->rest);
	for (size_t i = 0; m->place && i < PLACES; i++)
		free(m->place[i]);
	free(m->place);
	pthread_mutex_destroy(&m->lock);
	free(m->path);
	free(m);
}

/* "/ORGANISATION/NAME", or of the mirror "/github/OWNER/NAME", which is
 * one name there. */
static int read_path(struct mesa *m, const char *path)
{
	CLEANUP_FREE char *org = NULL, *name = NULL, *plain = NULL;
	const char *slash = *path == '/' ? strchr(path + 1, '/') : NULL;

	if (!slash || slash == path + 1)
		return -EINVAL;
	plain = strndup(path + 1, (size_t)(slash - path - 1));
	if (!plain)
		return -ENOMEM;
	m->is_mirror = !strcmp(plain, mirror);
	if (m->is_mirror != !!strchr(slash + 1, '/'))
		return -EINVAL;
	m->is_place = !slash[1] || slash[strlen(slash) - 1] == '/';
	org = url_encode(plain, strlen(plain));
	free(plain);
	plain = strdup(slash + 1);
	if (plain && !url_decode(plain))
		return -EINVAL;
	if (plain && m->is_mirror) {
		char *text = json_to_base64(plain);

		free(plain);
		plain = text;
	}
	name = plain ? url_encode(plain, strlen(plain)) : NULL;
	if (!org || !name ||
	    asprintf(&m->path, "/%s%s%s", org, m->is_place ? "" : "/",
		     m->is_place ? "" : name) < 0) {
		m->path = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int mesa_open(struct backend **ret, const char *url,
		     const struct backend_options *opt,
		     char why[BACKEND_WHY])
{
	static const struct backend_options none = { .user = NULL };
	const char *api = opt && opt->api_url ? opt->api_url : default_api;
	size_t len = strlen(api);
	struct mesa *m = calloc(1, sizeof *m);
	int r = -EINVAL;

	snprintf(why, BACKEND_WHY, "out of memory");
	if (!m)
		return -ENOMEM;
	if (!opt)
		opt = &none;
	m->base.ops = &backend_mesa;
	pthread_mutex_init(&m->lock, NULL);
	while (len && api[len - 1] == '/')
		len--;
	if (!strncmp(url, api, len))
		r = read_path(m, url + len);
	if (r == -EINVAL)
		snprintf(why, BACKEND_WHY, "a repository in a depot is "
			 "API-URL/ORGANISATION/NAME");
	if (!r)
		r = rest_open(&m->rest, api, &manners, opt, why);
	if (!r && !m->is_place && opt->git_url)
		r = backend_git.open(&m->base.below, opt->git_url, opt, why);
	if (r) {
		mesa_close(&m->base);
		return r;
	}
	*ret = &m->base;
	return 0;
}

const struct backend_ops backend_mesa = {
	.name = "mesa",
	.far = true,
	.by_path = true,
	.open = mesa_open,
	.close = mesa_close,
	.resolve = mesa_resolve,
	.fetch = mesa_fetch,
	.list = mesa_list,
	.why = mesa_why,
};
