/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* fs.h - the repositories, seen as a file system.  The only header of
 * cache/ that nfsd/ includes.
 *
 * Every function that takes a waiter either answers at once (0 or a
 * negative errno) or returns -EINPROGRESS, having parked the waiter.  When
 * it wakes, call the function again with the same arguments; keep the
 * value it was woken with until you have replied, so that each round finds
 * what the last one waited for.  With a NULL waiter nothing is parked, and
 * -EINPROGRESS means: not known yet.  None of them blocks.
 *
 * Ownership: a struct node lives with its caller (on the stack) and holds
 * references; give it to node_clear() when done, also after a failure.
 *
 * Threads: any, one at a time per node.  fs_new() to fs_start() and
 * fs_free() from one thread.
 *
 * Errors, beyond each function's own: -ESTALE the thing is gone for good;
 * -EAGAIN, -ETIMEDOUT, -EHOSTUNREACH and kin: the source is the trouble;
 * -EIO, -EBADMSG: its data is; -ENOMEM.
 */
#ifndef CACHE_FS_H
#define CACHE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "common/oid.h"

struct backend;
struct backend_options;
struct dir;
struct fs;
struct history;
struct keyed;
struct level;
struct node;
struct source;
struct tree;
struct value;
struct waiter;

enum {
	FS_WHY = 256,
	FS_NAME_MAX = 255,
	FS_STEPS_MAX = 36,
	FS_COMMIT = 65,         /* a commit's name in hex and a NUL */
};

/* ---- setting up ---- */

struct fs_options {
	const char *state_dir;  /* made when missing; one server at a time */
	const char *cache_dir;  /* made when missing; the same */
	size_t memory;          /* bytes, for everything kept in memory */
	uint64_t disk;          /* bytes, for objects from elsewhere; 0: none
				 * are kept */
	unsigned threads;       /* of the demand pool; 0: the default, 8 */
	uint32_t ref_ttl;       /* ms a ref on this disk is believed; 0: the
				 * default */
	unsigned prefetch;      /* jobs at a time ahead of anybody asking;
				 * 0: none */
};

/* On error, one line for a human in 'why'. */
int fs_new(struct fs **ret, const struct fs_options *, char why[FS_WHY]);

/* Show a repository as /NAME, which may have levels, at 'ref' (NULL: its
 * default branch).  Takes over the backend, also on failure.  'location'
 * tells one repository from another: an absolute path or URL.  -EEXIST,
 * -EINVAL (not a possible name). */
int fs_add(struct fs *, const char *name, const char *location,
	   const char *ref, struct backend *, char why[FS_WHY]);

/* Any repository of a kind. */
struct fs_pattern {
	const char *url;        /* a path or URL with a {placeholder} for each
				 * level of names and, last, the repository's */
	const struct backend_options *options;  /* for each; or NULL */
	/* Which names there may be, see pattern.h.  NULL at the end. */
	const char *const *allow, *const *deny;
};

/* Show them below /NAME.  All is copied.  -EEXIST, -EINVAL, and what
 * backend_open() says. */
int fs_add_pattern(struct fs *, const char *name, const struct fs_pattern *,
		   char why[FS_WHY]);
/* Could it be? */
int fs_check_pattern(const struct fs_pattern *, char why[FS_WHY]);

/* How old may be what /NAME shows, or whatever is below, in ms, instead of
 * half a second on this disk and half a minute elsewhere?  -ENOENT. */
int fs_refresh(struct fs *, const char *name, uint32_t ms);

/* Who may see /NAME and all that is below is not decided here: 'rule' is the
 * caller's number for it, told again by fs_rule() and its kin.  0, which is
 * what there is without: the same for all.  -ENOENT. */
int fs_restrict(struct fs *, const char *name, unsigned rule);

/* One of all places that are shown. */
struct fs_place {
	const char *name;
	/* A repository, as fs_add() has it, the backend taken over; */
	const char *location, *ref;
	struct backend *backend;
	/* or a pattern, as fs_add_pattern() has it. */
	const struct fs_pattern *pattern;
	/* It is shown already, and nothing of this is new: a repository needs
	 * no backend. */
	bool same;
	uint32_t refresh;       /* as fs_refresh() has it; 0: as usual */
	unsigned rule;          /* as fs_restrict() has it */
};

/* Could all of these be shown together?  *wrong: the number of the one that is
 * in the way, or 'n'; -EINVAL, -EEXIST, -ENOMEM. */
int fs_check(const struct fs_place *, size_t n, size_t *wrong,
	     char why[FS_WHY]);

/* Show these places and no others, all at once, while calls are answered.
 * What stays keeps its handles, and all that is known of it; what goes has
 * none, until it is back.  All are looked at first: on error nothing has
 * changed, 'why' has a line for a human, and *wrong is the number of the one
 * that is, or 'n'.  Only when memory is short, some may be left as they were.
 * Any thread, after fs_start(); one at a time. */
int fs_change(struct fs *, struct fs_place *, size_t n, size_t *wrong,
	      char why[FS_WHY]);

/* Other limits, in use.  -ENOTSUP: not while it runs, which is so for those
 * on disk and of prefetch that are 0 or begin as 0. */
void fs_set_memory(struct fs *, size_t bytes);
int fs_set_disk(struct fs *, uint64_t bytes);
int fs_set_prefetch(struct fs *, unsigned jobs);

/* No more fs_add*(): begin to answer. */
int fs_start(struct fs *, char why[FS_WHY]);

/* Wait for what is under way and free.  No node may be left.  NULL is
 * allowed. */
void fs_free(struct fs *);

/* 32 secret bytes, the same at every start: what handles are signed with. */
const uint8_t *fs_secret(const struct fs *);

/* ---- what happens ---- */

enum { FS_KINDS = 7 };

/* Of one kind of thing that is kept in memory, since the start. */
struct fs_count {
	uint64_t hits, misses;  /* asked for: was there, was not and was then
				 * fetched or made */
	uint64_t joined;        /* was not, but was on its way */
	uint64_t failed;        /* was not got */
	uint64_t evicted;
	uint64_t kept, bytes;   /* now */
	/* Begun, or brought along, before anybody asked: of those, asked for
	 * later; evicted before anybody did; waiting now. */
	uint64_t ahead, used, wasted, waiting;
	uint64_t used_bytes, wasted_bytes, waiting_bytes;
};

/* Of the objects on this disk that came from elsewhere. */
struct fs_stored {
	uint64_t hits, misses;
	uint64_t kept;          /* written */
	uint64_t failed;        /* could not be */
	uint64_t bad;           /* not what was written: forgotten */
	uint64_t bytes, budget;
	uint64_t pinned;        /* bytes, of these */
};

/* How often sources did not do as they should. */
struct fs_trouble {
	uint64_t unsound;       /* answers, packs and objects that are not what
				 * they are called, or nothing at all */
	uint64_t gone;          /* no answer, or not all of it */
	uint64_t refused;       /* to us, or by us */
	uint64_t limited;       /* not now */
	uint64_t other;
};

struct fs_stats {
	struct fs_stored stored;
	struct fs_trouble trouble;
	struct fs_count kind[FS_KINDS];
	uint64_t bytes, budget; /* of memory: in use now, at most */
	uint64_t jobs;          /* prefetch: asked of the sources */
	uint64_t dropped;       /* directories, the queue being full */
	uint64_t throttled;     /* directories, too much having been useless */
	uint64_t running, queued;       /* now */
};

extern const char *const fs_kind_name[FS_KINDS];

void fs_stats(struct fs *, struct fs_stats *ret);

/* Of all sources: how many were asked, and how many of these failed when they
 * were asked last. */
struct fs_sources {
	uint64_t asked, failing;
};

void fs_sources(struct fs *, struct fs_sources *ret);

/* A repository as it is shown: NAME, or NAME@REF if somebody asked for
 * that. */
struct fs_shown {
	uint64_t id;            /* for fs_renew(); 0: nobody asked for it yet */
	char *name;             /* "github/torvalds/linux@v6.8" */
	char *url;
	char commit[FS_COMMIT]; /* in hex; "": not known yet */
	int64_t committed;      /* seconds, as the next: the commit's time, */
	int64_t moved;          /* when it was seen first, */
	int64_t asked;          /* when the source last told a ref, */
	int64_t troubled;       /* when it last failed; each 0: never */
	int trouble;            /* negative errno: it still does */
	bool far;               /* asking costs a round trip */
	bool fixed;             /* a commit by its name: never moves */
};

/* Up to 'max' of them, by name; *ret_all gets how many there are.  The
 * caller gives them to fs_shown_free(). */
int fs_shown(struct fs *, size_t max, struct fs_shown **ret, size_t *ret_n,
	     size_t *ret_all);
void fs_shown_free(struct fs_shown *, size_t n);

/* A [root], where any repository is shown that there is.  Both texts stay as
 * long as the file system. */
struct fs_root {
	const char *name;       /* "github" */
	const char *url;        /* with placeholders for what is below */
};
/* Returns how many were written. */
size_t fs_roots(struct fs *, struct fs_root *ret, size_t room);

/* What could not be had lately: a repository, or something inside one. */
struct fs_failure {
	char name[FS_NAME_MAX + 1];
	char why[FS_NAME_MAX + 1];      /* "" if there is no more to say */
	int err;                /* negative errno */
	int64_t when;           /* seconds */
	bool inside;
	bool absent;            /* a name that was tried below a [root]: there
				 * is none, or none for us, who have no token */
};
/* The youngest first, each name once; until its repository answers again.
 * Returns how many were written. */
size_t fs_failures(struct fs *, struct fs_failure *ret, size_t room);

/* Have the source of one asked now what it is, however fresh that is.
 * -EINPROGRESS: the waiter is parked, once, and wakes when the source has
 * answered, its 'err' telling how, or with -EALREADY when it had been asked
 * before, and this has to be asked again; 0: it never moves.  -ENOENT: there is
 * none of that id. */
int fs_renew(struct fs *, uint64_t id, struct waiter *);

/* ---- what is kept ---- */

/* What shall stay on this disk, whatever comes: a pin is a path, and what is
 * at it in the commit that it showed then. */
struct fs_pin {
	char *path;             /* "github/torvalds/linux/mm" */
	char commit[FS_COMMIT];
	int64_t since;          /* seconds */
	uint64_t objects, bytes;
};

/* By path; the caller gives them to fs_pins_free(). */
int fs_pins(struct fs *, struct fs_pin **ret, size_t *ret_n);
void fs_pins_free(struct fs_pin *, size_t n);
/* The bytes that all pins together may take. */
uint64_t fs_pin_limit(struct fs *);

/* Begin one, called 'path', of what is at 'node', for fs_pin_add() to add all
 * that is there, and fs_pin_end() to end.  'fixed' gets the path of the same
 * in its commit, which does not move.  -EEXIST: that repository is on this
 * disk anyway; -ENOTSUP: nothing is kept on it; -ENOENT: it has no commit;
 * -ENOSPC: there are too many. */
int fs_pin_begin(struct node *, const char *path, unsigned *ret,
		 char **fixed);

/* These wait for the disk: -EINPROGRESS, the waiter is parked, once, and
 * its 'err' will tell how it went; or an error at once. */

/* Add what one node is, which has just been read, but nothing below it.
 * -EDQUOT: pins may not take more.  0: there is nothing to add; -EAGAIN: it
 * is not in memory any more, read it again. */
int fs_pin_add(struct node *, unsigned pin, struct waiter *);
/* Whole or not: then what has come may go again.  One of the same path goes
 * when this one is whole. */
int fs_pin_end(struct fs *, unsigned pin, bool whole, struct waiter *);
/* -ENOENT. */
int fs_unpin(struct fs *, const char *path, struct waiter *);
/* Keep no more than 'to' bytes on the disk, but all that is pinned. */
int fs_collect(struct fs *, uint64_t to, struct waiter *);

/* How much of something is here.  An object that is in several of those told
 * of is counted with the first. */
struct fs_use {
	char *path;
	uint64_t objects;       /* here, on disk or in memory */
	uint64_t disk, memory;  /* bytes */
	uint64_t missing;       /* objects that are known not to be here */
};

struct fs_usage {
	struct fs_use *use;
	size_t n, room;
};

/* Of each repository that is at 'path' or below; of a directory in one, of
 * each in it, and of all of it.  The result is complete when the waiter
 * wakes, and the caller's to clear. */
int fs_usage(struct fs *, const char *path, struct fs_usage *ret,
	     struct waiter *);
void fs_usage_clear(struct fs_usage *);

/* What a host has been asked, and how many requests it will take: as struct
 * backend_host. */
enum { FS_STATUSES = 16 };
struct fs_host {
	char name[128];
	struct {
		long status;    /* 0: any other */
		uint64_t n;
	} status[FS_STATUSES];  /* n 0: no more */
	uint64_t failed;        /* it did not answer */
	bool limited;           /* the rest is known: */
	int64_t left, limit;    /* requests; -1: not told */
	int64_t reset;          /* seconds: when there are more */
};
/* Returns how many were written. */
size_t fs_hosts(struct fs_host *ret, size_t room);

/* ---- nodes ---- */

/* As git has them: an executable is a file with mode 0755, a gitlink (the
 * place of a submodule) an empty directory. */
enum ftype { FT_DIR, FT_FILE, FT_EXEC, FT_SYMLINK, FT_GITLINK };

struct attr {
	uint64_t fileid;        /* never 0 */
	uint64_t size;          /* bytes: exact */
	struct timespec mtime;  /* when the content was committed */
	struct timespec ctime;  /* when this server learnt of it; only grows */
	enum ftype type;
};

/* A run of bytes and the reference that keeps it alive (caller unrefs
 * 'owner', which may be NULL). */
struct slice {
	struct value *owner;
	const void *data;
	size_t len;
};

enum node_kind {
	NODE_LEVEL = 1,         /* "/" and other lists of sources */
	NODE_DIR,               /* a directory of a repository */
	NODE_FILE,              /* anything else a tree can hold */
	NODE_PIN,               /* NAME@@: the link to what NAME shows now */
};

/* A place in the file system.  The fields are cache/'s own business. */
struct node {
	struct fs *fs;
	enum node_kind kind;
	struct level *level;    /* LEVEL */
	struct dir *dir;        /* itself; of a file the one that holds it */
	struct history *hist;   /* PIN, DIR, FILE: what its root shows */
	struct tree *tree;      /* FILE: the tree that has the entry */
	uint32_t index;         /* FILE: and where */
	uint32_t epoch;         /* PIN: which commit of 'hist' */
	uint64_t fileid;
};

void node_clear(struct node *);
#define CLEANUP_NODE __attribute__((cleanup(node_clear)))

/* Where a node is: a path, hashed small enough for a file handle, so that
 * no table of handles is kept and one given out before a restart still
 * works.  A directory is found again by walking from its root, comparing
 * each name's hash with 'step'; its id, a hash of the whole path, tells the
 * right one.  A file is found in its directory by name hash and fileid. */
struct where {
	uint8_t kind;           /* enum node_kind */
	uint8_t depth;          /* directories below the root */
	uint8_t width;          /* bits per step: 16, 8, 4 or 2 */
	uint64_t root;          /* which repository@ref, or which level */
	uint64_t dir;           /* id of the directory; 0 for LEVEL and PIN */
	uint32_t name;          /* FILE: hash of its name */
	uint64_t fileid;        /* FILE, PIN */
	uint8_t step[FS_STEPS_MAX];     /* big endian, first step first */
};

/* The bytes of 'step' that a place of this kind and depth uses, or -1 when
 * it is too deep for a handle.  *width gets the bits per step. */
int where_steps(uint8_t kind, unsigned depth, uint8_t *width);

void fs_where(const struct node *, struct where *ret);
/* -ESTALE */
int fs_resolve(struct fs *, const struct where *, struct waiter *,
	       struct node *ret);

/* The rule for a place, and for what a directory has or would have under
 * that name; without waiting, and so before anything is asked of a source.
 * 0 where there is nothing. */
unsigned fs_rule(struct fs *, const struct where *);
unsigned fs_rule_below(const struct node *dir, const char *name, size_t len);

void fs_top(struct fs *, struct node *ret);

/* Its path, for people: as much of it as there is room for, NUL terminated.
 * Returns its length. */
size_t fs_path(const struct node *, char *ret, size_t room);

uint64_t fs_id(const struct fs *);      /* for the fsid attribute */

/* What an open file system could hold and does, for FSSTAT. */
struct fs_space {
	uint64_t bytes, entries;
};
void fs_space(struct fs *, struct fs_space *ret);

int fs_getattr(struct node *, struct waiter *, struct attr *ret);

/* What a node's answers rest on: as long as its root shows what has this
 * serial, its attributes, the names in it and its content are the same. */
struct fs_proof {
	uint64_t root, serial;
	const struct source *source;
	struct oid content;     /* of a file; else its length is 0 */
};

/* False for what is in no root. */
bool fs_proof(const struct node *, struct fs_proof *ret);

/* The serial of what a root shows now. */
int fs_serial(struct fs *, uint64_t root, struct waiter *, uint64_t *ret);

/* As fs_read(), of a file's content by its proof, if that is in memory and
 * has been read before.  Else -EINPROGRESS, whatever the reason. */
int fs_peek(struct fs *, const struct fs_proof *, uint64_t off, size_t len,
	    struct slice *ret, bool *eof);

/* -ENOENT, -ENOTDIR, -ENAMETOOLONG (over 255 bytes, or too deep for a
 * handle).  "." and ".." work.  'name' needs no NUL. */
int fs_lookup(struct node *dir, const char *name, size_t len,
	      struct waiter *, struct node *ret);

/* -EINVAL when it is no symlink.  Not NUL terminated. */
int fs_readlink(struct node *, struct waiter *, struct slice *ret);

/* Up to 'len' bytes from 'off'; short only at the end of the file, where
 * *eof is set.  -EISDIR for directories, -EINVAL for symlinks. */
int fs_read(struct node *, uint64_t off, size_t len, struct waiter *,
	    struct slice *ret, bool *eof);

struct fs_dirent {
	const char *name;       /* not NUL terminated */
	size_t len;
	uint64_t fileid;
	uint64_t cookie;        /* resumes after this entry; below 2^32 */
	unsigned rule;          /* who may see it; 0: who sees the directory */
	/* With 'plus' only, and NULL where they would cost a fetch. */
	const struct attr *attr;
	const struct where *where;
};

/* Entries after 'cookie' (0: from the start) in a fixed order, "." and ".."
 * first, until 'emit' returns false: the entry it refused is not passed and
 * *eof is false.  *verf is the version of the directory that 'cookie' came
 * from and becomes the one that the entries come from: a listing that
 * began before a change is ended in the old version.  'emit' must not call
 * back into fs.  With 'plus', entries may have been emitted before
 * -EINPROGRESS: start over.  -ENOTDIR. */
typedef bool fs_emit(void *arg, const struct fs_dirent *);
int fs_readdir(struct node *dir, uint64_t cookie, uint64_t *verf, bool plus,
	       struct waiter *, fs_emit *emit, void *arg, bool *eof);

/* Replies to listings of a directory in a root can be kept as they were
 * sent: asked again for the same, of a root that shows the same, they are
 * the same.  Bounded and dropped as everything is. */
struct fs_page {
	uint64_t root, serial;  /* as in fs_proof */
	uint64_t dir;           /* its fileid */
	uint64_t verf;
	uint32_t cookie;
	uint32_t room, names;   /* what the client has room for */
	bool plus;
};
/* -ENOENT */
int fs_find_page(struct fs *, const struct fs_page *, struct slice *ret);
void fs_keep_page(struct fs *, const struct fs_page *, const void *data,
		  size_t len);

#endif
