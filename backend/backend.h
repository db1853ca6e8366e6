/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* backend.h - what the cache asks of a source of git objects.
 *
 * A backend turns "object X of this repository" into bytes.  It knows
 * nothing of files, inodes or NFS, and keeps no cache of its own.  A
 * backend may wrap another (a shared cache in front of an origin; the fault
 * injector of the tests): it answers what it can and passes the rest of
 * the job on.
 *
 * Threads: open and close from one thread, with no job outstanding.  The
 * verbs from any pool thread, several at a time.
 *
 * Errors, for all verbs: -ENOENT there is no such object, ref or
 * repository; -EACCES the credentials do not suffice; -EAGAIN rate limited,
 * try later; -ETIMEDOUT, -EHOSTUNREACH and kin, the origin cannot be
 * reached; -EBADMSG it answered nonsense; -EFBIG beyond a configured limit;
 * -EIO, -ENOMEM.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/oid.h"

enum { BACKEND_WHY = 256 };     /* size of a line that says what is wrong */

struct backend;
struct job;

/* Where the answers go.  They may come on any thread, one at a time per
 * job, and only between the verb's call and done(). */
struct job_ops {
	/* An object, in git's canonical form without the header: start,
	 * then data until 'size' bytes have passed, then end.  Another may
	 * follow.  More than was asked for is welcome: a pack may bring
	 * many.  The cache checks every hash, so a backend need not.  An
	 * errno from start or data says: skip this object, or give up. */
	int (*start)(struct job *, const struct oid *, enum obj,
		     uint64_t size);
	int (*data)(struct job *, const void *, size_t);
	int (*end)(struct job *);
	/* stat() only: the size of want[i], in bytes. */
	void (*size)(struct job *, size_t i, uint64_t size);
	/* resolve() only: the commit that the ref points at now.  An oid
	 * of length 0: the ref is there but has no commit yet. */
	void (*ref_is)(struct job *, const struct oid *commit);
	/* More that a backend happens to know.  Each may be NULL: */
	/* the size of a blob, of whatever job; */
	void (*size_of)(struct job *, const struct oid *, uint64_t size);
	/* fetch() of a commit that its source cannot give as git hashes it:
	 * what it says of it.  Nobody can check that. */
	void (*commit_is)(struct job *, const struct oid *,
			  const struct oid *tree, int64_t time);
	/* list() only: there is a repository of this name.  An errno says:
	 * no more, please. */
	int (*name)(struct job *, const char *name);
	/* The end: 0 or a negative errno.  Exactly once, and last. */
	void (*done)(struct job *, int err);
};

/* How much more than the wanted objects would be welcome: a hint, for
 * backends to which a request costs more than what it brings. */
enum reach {
	REACH_WANTED,           /* nothing */
	REACH_NEAR,             /* trees: a level or two below */
	REACH_TREES,            /* all trees below */
	REACH_ALL,              /* everything below: trees and blobs */
};

/* One request to a backend.  The caller owns it, and what it points to,
 * and keeps both valid until done(). */
struct job {
	const struct job_ops *ops;
	uint64_t deadline;      /* clock_ms(); after it, answer -ETIMEDOUT */
	/* fetch, stat */
	const struct oid *want;
	size_t nwant;
	enum obj type;          /* of all of them */
	enum reach reach;       /* fetch of commits and trees */
	bool ahead;             /* nobody waits for it: others go first */
	/* Hints for services that go by path: that of want[0], "" for the
	 * root, or NULL; and some commits, one of which has it there. */
	const char *path;
	const struct oid *at;
	size_t nat;
	/* resolve: a branch, a tag or a full or abbreviated commit id, as
	 * git itself would look it up; NULL: the default branch. */
	const char *ref;
	uint64_t since;         /* an answer of this clock_ms() or later will
				 * do as well; 0: only a new one */
	uint64_t age;           /* before ref_is() a backend may say how many
				 * ms old its answer is */
	bool once;              /* nobody waits, and it is asked again before
				 * long: one try will do */
};

/* Who wrote the host of a URL: so much it is trusted. */
enum named_by {
	NAMED_BY_SOURCE,        /* whoever configured this very repository */
	NAMED_BY_PATTERN,       /* whoever configured many at that host */
	NAMED_BY_ANYBODY,       /* whoever asks */
};

/* How to reach an origin, and as whom.  What a backend has no use for it
 * ignores.  All texts may be NULL, and are copied by who keeps them. */
struct backend_options {
	const char *type;       /* the backend's name; NULL: by the URL */
	const char *api_url;    /* of the service, when the URL is not it */
	const char *git_url;    /* where git's protocol is spoken, too */
	const char *user;       /* when the URL names none */
	const char *token_file; /* its first line is a password or token */
	const char *ca_file;    /* certificates to trust, PEM */
	bool anonymous;         /* everybody sees it: show it only what a
				 * stranger may, whatever ~/.netrc and git's
				 * helpers know */
	const char *spool_dir;  /* for files without a name; else TMPDIR */
	/* Networks that may be asked though they are not public, or though
	 * they are this machine's: "10.0.0.0/8 ::1". */
	const char *allow_address;
	enum named_by named_by;
};

struct backend_ops {
	const char *name;       /* as in the configuration: "local" */
	bool far;               /* a job costs a round trip */
	bool by_path;           /* it has use for job.path */

	/* On error write one line for a human into 'why': what is wrong and
	 * what to do about it. */
	int (*open)(struct backend **ret, const char *url,
		    const struct backend_options *, char why[BACKEND_WHY]);
	void (*close)(struct backend *);

	/* Each may block, or queue the job and return.  Either way done()
	 * ends it. */
	void (*resolve)(struct backend *, struct job *);
	void (*fetch)(struct backend *, struct job *);
	/* Learn the sizes of blobs without their contents; a size that is
	 * not told is unknown.  NULL, or -ENOTSUP: the cache fetches the
	 * blobs. */
	void (*stat)(struct backend *, struct job *);
	/* The names of the repositories in a place: this was opened with
	 * the URL that one there would have, had it an empty name.  NULL,
	 * or -ENOTSUP: nobody can tell. */
	void (*list)(struct backend *, struct job *);
	/* After a job ended with 'err': one line for a human, what was wrong
	 * and what to do about it, or "" when that is not known.  NULL: it
	 * never is. */
	void (*why)(struct backend *, int err, char why[BACKEND_WHY]);
};

struct backend {
	const struct backend_ops *ops;
	struct backend *below;  /* the wrapped one, or NULL; owned */
};

/* Open whatever 'url' names: a path or file:// URL of a repository on this
 * disk, the http(s)://, ssh:// or HOST:PATH of one elsewhere.  -EPROTONOSUPPORT when no
 * backend speaks its scheme. */
int backend_open(struct backend **ret, const char *url,
		 char why[BACKEND_WHY]);
/* The same, with options. */
int backend_open_with(struct backend **ret, const char *url,
		      const struct backend_options *, char why[BACKEND_WHY]);
void backend_close(struct backend *);           /* NULL is allowed */

/* Might those opened with these options list() anything? */
bool backend_lists(const struct backend_options *);

/* A copy of its own; 'from' may be NULL.  -ENOMEM. */
int backend_options_copy(const struct backend_options *from,
			 struct backend_options *ret);
/* With change(arg, text), which is freed, in place of each text.  'from' may
 * be NULL.  -ENOMEM when one of them is NULL. */
int backend_options_map(const struct backend_options *from,
			char *(*change)(void *arg, const char *text),
			void *arg, struct backend_options *ret);
void backend_options_clear(struct backend_options *);

/* For backends: a whole object at once. */
int job_object(struct job *, const struct oid *, enum obj, const void *data,
	       size_t len);

/* What a host has been asked over HTTP, by all backends, and how many
 * requests it says it will take. */
enum { BACKEND_STATUSES = 16 };
struct backend_host {
	char name[128];
	struct {
		long status;    /* 0: any other */
		uint64_t n;
	} status[BACKEND_STATUSES];     /* of the answers; n 0: no more */
	uint64_t failed;        /* it did not answer */
	bool limited;           /* the rest is known: */
	int64_t left, limit;    /* requests; -1: not told */
	int64_t reset;          /* seconds: when there are more */
};
/* Returns how many hosts there are, of whom 'room' were written. */
size_t backend_hosts(struct backend_host *ret, size_t room);

extern const struct backend_ops backend_git;
extern const struct backend_ops backend_github;
extern const struct backend_ops backend_local;
extern const struct backend_ops backend_mesa;

#endif
