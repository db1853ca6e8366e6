/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Repositories on this disk, through libgit2.
 *
 * libgit2 is only asked for bytes: its own checks and caches are off,
 * since the cache above checks and keeps every object itself.  Other
 * processes move refs, repack and prune while we read; what libgit2 keeps
 * in memory about a repository is therefore dropped every HANDLE_AGE, and
 * whenever something that ought to be there cannot be read.
 */
#include "config.h"

#include "backend/backend.h"

#include <ctype.h>
#include <errno.h>
#include <git2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/cat.h"
#include "common/cleanup.h"
#include "common/clock.h"

enum {
	HANDLES = 8,            /* kept open, while not in use */
	HANDLE_AGE = 30000,     /* ms: how long a deleted pack may be held */
	WHOLE_MAX = 8 << 20,    /* bytes: larger blobs are read in chunks */
	CHUNK = 64 << 10,       /* bytes */
	TAGS_MAX = 64,          /* tags of tags of tags */
	ABBREV_MIN = 7,         /* digits */
};

_Static_assert((int)OBJ_COMMIT == (int)GIT_OBJECT_COMMIT &&
	       (int)OBJ_TREE == (int)GIT_OBJECT_TREE &&
	       (int)OBJ_BLOB == (int)GIT_OBJECT_BLOB &&
	       (int)OBJ_TAG == (int)GIT_OBJECT_TAG, "the same numbers");

/* A libgit2 view of the repository, for one thread at a time. */
struct handle {
	git_repository *repo;
	git_odb *odb;
	uint64_t born;          /* ms */
};

struct local {
	struct backend base;
	char *path;             /* absolute */
	char *git_dir_option;   /* "--git-dir=...", for the git program */
	pthread_mutex_t lock;   /* covers the rest */
	struct handle idle[HANDLES];
	unsigned nidle;
};

static struct local *to_local(struct backend *b)
{
	return (struct local *)b;
}

static bool late(const struct job *job)
{
	return clock_ms() >= job->deadline;
}

/* ---- libgit2 ---- */

static pthread_mutex_t library = PTHREAD_MUTEX_INITIALIZER;
static unsigned library_users;

static int library_get(void)
{
	/* They change nothing about how objects and refs are read. */
	static const char *harmless[] = {
		"partialclone", "preciousobjects", "relativeworktrees",
		"worktreeconfig",
		/* Does, but libgit2 would not say it as clearly as we. */
		"objectformat",
	};

	LOCK_SCOPE(&library);
	if (git_libgit2_init() < 0)
		return -ENOMEM;
	if (library_users++)
		return 0;
	/* Reading objects runs nothing, so it matters not whose they are. */
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
	git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, harmless,
			 sizeof harmless / sizeof *harmless);
	return 0;
}

static void library_put(void)
{
	LOCK_SCOPE(&library);
	library_users--;
	git_libgit2_shutdown();
}

static int to_errno(int git_err)
{
	const git_error *e;

	if (git_err == GIT_ENOTFOUND)
		return -ENOENT;
	e = git_error_last();
	return e && e->klass == GIT_ERROR_NOMEMORY ? -ENOMEM : -EIO;
}

static void ref_freep(git_reference **ref)
{
	git_reference_free(*ref);
}
#define CLEANUP_REF __attribute__((cleanup(ref_freep)))

/* ---- handles ---- */

static void handle_close(struct handle *h)
{
	git_odb_free(h->odb);
	git_repository_free(h->repo);
}

static int handle_open(const char *path, struct handle *ret)
{
	struct handle h = { .born = clock_ms() };
	int r = git_repository_open_ext(&h.repo, path,
					GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);

	if (!r)
		r = git_repository_odb(&h.odb, h.repo);
	if (r) {
		handle_close(&h);
		return to_errno(r);
	}
	*ret = h;
	return 0;
}

/* Move up to HANDLES idle handles to 'ret': with 'all' each, else those
 * too old to be used again. */
static unsigned retire(struct local *l, bool all, struct handle *ret)
{
	uint64_t now = clock_ms();
	unsigned kept = 0, gone = 0;

	LOCK_SCOPE(&l->lock);
	for (unsigned i = 0; i < l->nidle; i++) {
		if (all || now - l->idle[i].born >= HANDLE_AGE)
			ret[gone++] = l->idle[i];
		else
			l->idle[kept++] = l->idle[i];
	}
	l->nidle = kept;
	return gone;
}

static void close_idle(struct local *l, bool all)
{
	struct handle old[HANDLES];
	unsigned n = retire(l, all, old);

	while (n > 0)
		handle_close(&old[--n]);
}

static bool pop_idle(struct local *l, struct handle *ret)
{
	LOCK_SCOPE(&l->lock);
	if (!l->nidle)
		return false;
	*ret = l->idle[--l->nidle];
	return true;
}

static bool push_idle(struct local *l, const struct handle *h)
{
	LOCK_SCOPE(&l->lock);
	if (l->nidle == HANDLES)
		return false;
	l->idle[l->nidle++] = *h;
	return true;
}

static int handle_take(struct local *l, struct handle *ret)
{
	close_idle(l, false);
	return pop_idle(l, ret) ? 0 : handle_open(l->path, ret);
}

static void handle_give(struct local *l, struct handle *h)
{
	if (!push_idle(l, h))
		handle_close(h);
}

static int handle_renew(struct local *l, struct handle *h)
{
	struct handle fresh;
	int r = handle_open(l->path, &fresh);

	if (r)
		return r;
	handle_close(h);
	*h = fresh;
	return 0;
}

/* ---- objects ---- */

static int header(struct local *l, struct handle *h, const git_oid *id,
		  size_t *size, git_object_t *type)
{
	int r = git_odb_read_header(size, type, h->odb, id);

	/* Other than "not there", for which libgit2 has looked twice: it
	 * may be a pack deleted since we met it. */
	if (r && r != GIT_ENOTFOUND && !handle_renew(l, h))
		r = git_odb_read_header(size, type, h->odb, id);
	return r ? to_errno(r) : 0;
}

static int send_whole(struct handle *h, struct job *job,
		      const struct oid *want, const git_oid *id)
{
	git_odb_object *o;
	int r = git_odb_read(&o, h->odb, id);

	if (r)
		return to_errno(r);
	r = job_object(job, want, job->type, git_odb_object_data(o),
		       git_odb_object_size(o));
	git_odb_object_free(o);
	return r;
}

static int send_stream(struct job *job, const struct oid *want,
		       git_odb_stream *stream, size_t size)
{
	char buf[CHUNK];
	int r = job->ops->start(job, want, job->type, size);

	while (!r && size > 0) {
		int n;

		if (late(job))
			return -ETIMEDOUT;
		n = git_odb_stream_read(stream, buf,
					size < CHUNK ? size : CHUNK);
		if (n <= 0)
			return -EIO;
		r = job->ops->data(job, buf, (size_t)n);
		size -= (size_t)n;
	}
	return r ? r : job->ops->end(job);
}

/* All of git's output, which must be exactly 'size' bytes. */
static int pass_output(struct cat *c, struct job *job, size_t size)
{
	char buf[CHUNK];

	for (;;) {
		ssize_t n = cat_read(c, buf, sizeof buf, job->deadline);
		int r;

		if (n < 0)
			return (int)n;
		if ((size_t)n > size || (n == 0 && size > 0))
			return -EIO;
		if (n == 0)
			return 0;
		r = job->ops->data(job, buf, (size_t)n);
		if (r)
			return r;
		size -= (size_t)n;
	}
}

static int send_output(struct job *job, const struct oid *want,
		       struct cat *c, size_t size)
{
	int r = job->ops->start(job, want, job->type, size);
	int status;

	if (!r)
		r = pass_output(c, job, size);
	status = cat_end(c);
	if (!r)
		r = status;
	return r ? r : job->ops->end(job);
}

/* ---- fetch and stat ---- */

static int send_large(struct local *l, struct handle *h, struct job *job,
		      const struct oid *want, const git_oid *id, size_t size)
{
	git_odb_stream *stream;
	git_object_t type;
	size_t loose_size;
	struct cat cat;
	int r;

	/* libgit2 can read loose objects in parts, but not packed ones. */
	if (!git_odb_open_rstream(&stream, &loose_size, &type, h->odb, id)) {
		r = send_stream(job, want, stream, loose_size);
		git_odb_stream_free(stream);
		return r;
	}
	r = cat_start(&cat, l->git_dir_option, want);
	if (r == -ENOENT)       /* git is not installed */
		return send_whole(h, job, want, id);
	return r ? r : send_output(job, want, &cat, size);
}

static int fetch_one(struct local *l, struct handle *h, struct job *job,
		     const struct oid *want)
{
	git_object_t type;
	git_oid id;
	size_t size;
	int r;

	if (late(job))
		return -ETIMEDOUT;
	if (want->len != OID_SHA1)
		return -ENOENT;
	git_oid_fromraw(&id, want->id);
	r = header(l, h, &id, &size, &type);
	if (r)
		return r;
	if ((int)type != (int)job->type)
		return -EBADMSG;
	if (job->type == OBJ_BLOB && size > WHOLE_MAX)
		return send_large(l, h, job, want, &id, size);
	return send_whole(h, job, want, &id);
}

static void local_fetch(struct backend *b, struct job *job)
{
	struct local *l = to_local(b);
	struct handle h;
	int err = late(job) ? -ETIMEDOUT : handle_take(l, &h);

	if (err) {
		job->ops->done(job, err);
		return;
	}
	for (size_t i = 0; i < job->nwant; i++) {
		int r = fetch_one(l, &h, job, &job->want[i]);

		if (!err)
			err = r;
	}
	handle_give(l, &h);
	job->ops->done(job, err);
}

static int stat_one(struct local *l, struct handle *h, struct job *job,
		    size_t i)
{
	git_object_t type;
	git_oid id;
	size_t size;

	if (late(job))
		return -ETIMEDOUT;
	if (job->want[i].len != OID_SHA1)
		return 0;
	git_oid_fromraw(&id, job->want[i].id);
	if (!header(l, h, &id, &size, &type) && type == GIT_OBJECT_BLOB)
		job->ops->size(job, i, size);
	return 0;
}

static void local_stat(struct backend *b, struct job *job)
{
	struct local *l = to_local(b);
	struct handle h;
	int err = late(job) ? -ETIMEDOUT : handle_take(l, &h);

	if (err) {
		job->ops->done(job, err);
		return;
	}
	for (size_t i = 0; !err && i < job->nwant; i++)
		err = stat_one(l, &h, job, i);
	handle_give(l, &h);
	job->ops->done(job, err);
}

/* ---- resolve ---- */

/* The commit that 'id' is, or is a tag of. */
static int peel(struct local *l, struct handle *h, git_oid id,
		struct oid *ret)
{
	for (int i = 0; i < TAGS_MAX; i++) {
		git_object_t type;
		git_tag *tag;
		size_t size;
		int r = header(l, h, &id, &size, &type);

		if (r)
			return r;
		if (type == GIT_OBJECT_COMMIT) {
			*ret = (struct oid){ .len = OID_SHA1 };
			memcpy(ret->id, id.id, OID_SHA1);
			return 0;
		}
		if (type != GIT_OBJECT_TAG)
			return -ENOENT;
		r = git_tag_lookup(&tag, h->repo, &id);
		if (r)
			return to_errno(r);
		id = *git_tag_target_id(tag);
		git_tag_free(tag);
	}
	return -EBADMSG;
}

static int peel_ref(struct local *l, struct handle *h,
		    const git_reference *ref, struct oid *ret)
{
	const git_oid *id = git_reference_target(ref);

	return id ? peel(l, h, *id, ret) : -ENOENT;
}

static int resolve_head(struct local *l, struct handle *h, struct oid *ret)
{
	CLEANUP_REF git_reference *ref = NULL;
	int r = git_repository_head(&ref, h->repo);

	if (r == GIT_EUNBORNBRANCH) {
		*ret = (struct oid){ .len = 0 };
		return 0;
	}
	return r ? to_errno(r) : peel_ref(l, h, ref, ret);
}

static int resolve_abbreviated(struct local *l, struct handle *h,
			       const char *name, size_t len, struct oid *ret)
{
	git_oid id;
	int r;

	for (size_t i = 0; i < len; i++) {
		if (!isxdigit((unsigned char)name[i]))
			return -ENOENT;
	}
	if (len < ABBREV_MIN || len > GIT_OID_HEXSZ ||
	    git_oid_fromstrn(&id, name, len))
		return -ENOENT;
	r = git_odb_exists_prefix(&id, h->odb, &id, len);
	if (r == GIT_EAMBIGUOUS)
		return -ENOENT;
	return r ? to_errno(r) : peel(l, h, id, ret);
}

/* As git looks names up: a full id is that and nothing else, a ref comes
 * before an abbreviated id. */
static int resolve_name(struct local *l, struct handle *h, const char *name,
			struct oid *ret)
{
	CLEANUP_REF git_reference *ref = NULL;
	size_t len = strlen(name);
	struct oid oid;
	git_oid id;
	int r;

	if (!len)       /* which libgit2 takes for HEAD */
		return -ENOENT;
	if (!oid_parse(name, len, &oid) && oid.len == OID_SHA1) {
		git_oid_fromraw(&id, oid.id);
		return peel(l, h, id, ret);
	}
	r = git_reference_dwim(&ref, h->repo, name);
	if (!r)
		return peel_ref(l, h, ref, ret);
	if (r != GIT_ENOTFOUND && r != GIT_EINVALIDSPEC)
		return to_errno(r);
	return resolve_abbreviated(l, h, name, len, ret);
}

static void local_resolve(struct backend *b, struct job *job)
{
	struct local *l = to_local(b);
	struct handle h;
	struct oid commit;
	int err = late(job) ? -ETIMEDOUT : handle_take(l, &h);

	if (err) {
		job->ops->done(job, err);
		return;
	}
	err = job->ref ? resolve_name(l, &h, job->ref, &commit) :
		resolve_head(l, &h, &commit);
	handle_give(l, &h);
	if (!err)
		job->ops->ref_is(job, &commit);
	job->ops->done(job, err);
}

/* ---- open and close ---- */

static int refuse(char why[BACKEND_WHY], int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(char why[BACKEND_WHY], int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, BACKEND_WHY, fmt, ap);
	va_end(ap);
	return err;
}

static int refuse_path(char why[BACKEND_WHY], int err, const char *path)
{
	if (err == -ENOENT)
		return refuse(why, err, "%.150s does not exist: check the "
			      "spelling", path);
	if (err == -EACCES)
		return refuse(why, err, "%.150s may not be read by this user: "
			      "change its permissions, or run gitnfsd as one "
			      "who may", path);
	return refuse(why, err, "%.150s cannot be opened (%s): name the "
		      "directory of a repository", path, strerror(-err));
}

/* Why libgit2 found no repository at 'path', which exists. */
static int refuse_directory(char why[BACKEND_WHY], const char *path)
{
	CLEANUP_FREE char *dot_git = NULL;
	git_repository *repo;
	struct stat st;

	if (stat(path, &st))
		return refuse_path(why, -errno, path);
	if (!S_ISDIR(st.st_mode))
		return refuse_path(why, -ENOTDIR, path);
	if (asprintf(&dot_git, "%s/.git", path) < 0) {
		dot_git = NULL;
		return refuse(why, -ENOMEM, "out of memory");
	}
	if (access(path, R_OK | X_OK))
		return refuse_path(why, -errno, path);
	if (access(dot_git, R_OK) && errno == EACCES)
		return refuse_path(why, -EACCES, dot_git);
	if (!git_repository_open_ext(&repo, path, GIT_REPOSITORY_OPEN_CROSS_FS,
				     NULL)) {
		const char *top = git_repository_workdir(repo);

		refuse(why, 0, "%.80s is inside a repository: name its top, "
		       "%.120s", path, top ? top : git_repository_path(repo));
		git_repository_free(repo);
		return -EINVAL;
	}
	return refuse(why, -EINVAL, "%.150s is not a git repository: name the "
		      "directory that holds .git, or a bare repository", path);
}

/* libgit2 before 1.8 takes every repository for a SHA-1 one. */
static bool is_sha1(git_repository *repo)
{
	const char *format;
	git_config *config;
	bool sha1;

	if (git_repository_config_snapshot(&config, repo))
		return true;
	sha1 = git_config_get_string(&format, config,
				     "extensions.objectformat") ||
		!strcasecmp(format, "sha1");
	git_config_free(config);
	return sha1;
}

static int probe(struct local *l, const char *path, char why[BACKEND_WHY])
{
	const git_error *e;
	struct handle h;
	int r;

	l->path = realpath(path, NULL);
	if (!l->path)
		return refuse_path(why, -errno, path);
	r = handle_open(l->path, &h);
	if (r == -ENOENT)
		return refuse_directory(why, l->path);
	if (r) {
		e = git_error_last();
		return refuse(why, r, "%.80s cannot be opened (%.80s): see "
			      "what 'git status' says there", l->path,
			      e ? e->message : strerror(-r));
	}
	if (!is_sha1(h.repo)) {
		handle_close(&h);
		return refuse(why, -ENOTSUP, "%.120s names its objects by "
			      "SHA-256, which libgit2 cannot read: only SHA-1 "
			      "repositories can be served", l->path);
	}
	r = asprintf(&l->git_dir_option, "--git-dir=%s",
		     git_repository_path(h.repo));
	if (r < 0)
		l->git_dir_option = NULL;
	handle_give(l, &h);
	return r < 0 ? refuse(why, -ENOMEM, "out of memory") : 0;
}

static void local_close(struct backend *b)
{
	struct local *l = to_local(b);

	close_idle(l, true);
	library_put();
	pthread_mutex_destroy(&l->lock);
	free(l->git_dir_option);
	free(l->path);
	free(l);
}

static int local_open(struct backend **ret, const char *path,
		      char why[BACKEND_WHY])
{
	struct local *l = calloc(1, sizeof *l);
	int r;

	if (!l)
		return refuse(why, -ENOMEM, "out of memory");
	r = library_get();
	if (r) {
		free(l);
		return refuse(why, r, "libgit2 cannot start: out of memory");
	}
	l->base.ops = &backend_local;
	pthread_mutex_init(&l->lock, NULL);
	r = probe(l, path, why);
	if (r) {
		local_close(&l->base);
		return r;
	}
	*ret = &l->base;
	return 0;
}

const struct backend_ops backend_local = {
	.name = "local",
	.open = local_open,
	.close = local_close,
	.resolve = local_resolve,
	.fetch = local_fetch,
	.stat = local_stat,
};
