/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* composite.h - the directories above repositories: sources, and the levels
 * that hold them.
 *
 *	/               the top level: what was configured
 *	/NAME           a source: a repository, at its default ref
 *	/NAME@REF       one of its refs or commits
 *	/NAME@@         a link to the pinned name of what NAME shows now
 *	/ROOT/OWNER     an open-ended level: any owner ...
 *	/ROOT/OWNER/REPO  ... any repository, by a pattern for its URL
 *
 * In a REF '/' is written %2F and '%' is written %25, in this one way: two
 * names for one directory would confuse clients.  NAME and NAME@@ are
 * listed, NAME@REF only answers when asked for: a walk should not meet
 * every tree somebody once looked at.  An open-ended level lists what has
 * been used; any other possible name of it answers, too.
 *
 * A source of a pattern is made when somebody asks for it, and kept, with
 * its levels, once one of its refs has been resolved.
 *
 * Knows names and URLs; not commits.
 *
 * Threads: composite_add*() before any other; composite_change() while no
 * root is published; the rest any.  Levels and attached sources are never
 * freed before the composite, not even those that are gone: somebody may
 * hold them.
 * Errors: -ENOENT not a possible name; -ENOMEM, -ENOSPC too many.
 */
#ifndef CACHE_COMPOSITE_H
#define CACHE_COMPOSITE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "backend/backend.h"
#include "cache/fs.h"
#include "common/keyed.h"

/* Room for '@' and the longest object id. */
enum { COMPOSITE_NAME_MAX = FS_NAME_MAX - 1 - OID_HEX };

struct composite;
struct level;
struct pattern;

struct source {
	uint64_t number;        /* the scope of its objects' keys */
	struct level *level;
	const char *name;       /* with its levels: "github/torvalds/linux" */
	const char *base;       /* without: "linux" */
	const char *location;   /* absolute path or URL */
	_Atomic(char *) ref;    /* what NAME shows; NULL: the default branch */
	_Atomic uint32_t refresh;       /* ms a ref is believed; 0: as usual */
	_Atomic unsigned rule;  /* what fs_restrict() said */
	_Atomic(struct backend *) backend;      /* NULL: not opened yet */
	_Atomic bool outdated;  /* to be opened anew, as is said now */
	_Atomic bool gone;      /* from the configuration */
	struct composite *composite;
	const struct pattern *pattern;  /* that it was made by, until it has
					 * its place; or NULL */
	/* How asking it went, for people. */
	_Atomic int trouble;    /* negative errno, when it failed last */
	_Atomic int64_t asked, troubled;        /* seconds: when it last told
						 * a ref, when it last failed;
						 * 0: never */
	bool seen;              /* the levels' times tell of it; composite's
				 * lock */
	char text[];            /* name and location */
};

/* 'ids' must outlive it. */
struct composite *composite_new(const struct keyed *ids);
void composite_free(struct composite *);        /* NULL is allowed */

/* ---- configuration ---- */

/* One repository.  'name' may have levels: "kernel/linux".  Takes over
 * 'backend', also on failure.  -EEXIST, -EINVAL (not a possible name). */
int composite_add(struct composite *, const char *name, const char *location,
		  const char *ref, struct backend *backend);
/* Any repository of a kind.  -EEXIST, -EINVAL. */
int composite_add_pattern(struct composite *, const char *name,
			  const struct fs_pattern *);

/* How long a ref of one that was added is believed, in ms.  -ENOENT. */
int composite_set_refresh(struct composite *, const char *name, uint32_t ms);
/* The rule for one that was added and all that is below.  -ENOENT. */
int composite_restrict(struct composite *, const char *name, unsigned rule);

/* These, and no others, from now on and all at once; what has been opened of
 * them is taken over.  They must be possible.  'hash' is what composite_hash()
 * is then, 'changed' when that was; NULL: the list is the same.  After
 * -ENOMEM some have not become as they should. */
int composite_change(struct composite *, struct fs_place *, size_t n,
		     uint64_t hash, const struct timespec *changed);

/* A number for what was configured: another one, another list. */
uint64_t composite_hash(const struct composite *);
/* When that list changed last. */
void composite_start(struct composite *, struct timespec changed);

/* ---- sources ---- */

/* Open its backend.  May block.  On error a line in 'why'. */
int source_open(struct source *, char why[BACKEND_WHY]);
/* From now on ask that one, which is taken over.  With the composite's lock
 * held. */
void source_replace(struct source *, struct backend *);
/* It has answered something, with 'err' or well: its health.  True: that is
 * another one. */
bool source_answered(struct source *, int err);
/* It has told what a ref is. */
void source_asked(struct source *);
/* Why one of its jobs ended with 'err', or "". */
void source_why(struct source *, int err, char why[BACKEND_WHY]);
/* Would asking it cost a round trip? */
bool source_is_far(struct source *);
/* Might it want to be told where an object is? */
bool source_goes_by_path(struct source *);

/* ---- levels ---- */

struct level *composite_top(struct composite *);
uint64_t level_id(const struct level *);        /* the top's is 1 */
const char *level_path(const struct level *);   /* "github/torvalds" */
struct level *level_parent(const struct level *);       /* NULL: the top */
unsigned level_rule(const struct level *);
/* When it last listed something new, or a source in it moved; or a moment
 * after a name was denied, since clients believe that for as long as these
 * times stay. */
struct timespec level_changed(struct composite *, struct level *);
/* A name that may come was told not to be there. */
void composite_denied(struct composite *, struct level *);
/* Has any been, since the start?  *latest: when a level changed last. */
bool composite_has_denied(struct composite *, struct timespec *latest);
/* NULL: none of that id. */
struct level *composite_level(struct composite *, uint64_t id);
/* The id that a level of this path has or would have. */
uint64_t composite_level_id(const struct composite *, const char *path);

/* Might a service tell which repositories there are in it? */
bool level_may_list(const struct level *);
/* Is its service told who asks? */
bool level_has_token(const struct level *);
/* Open what could tell: its list().  May block. */
int level_open(const struct level *, struct backend **ret,
	       char why[BACKEND_WHY]);
/* There is a repository of that name: list it from now on.  One that is not
 * possible here is ignored.  -ENOSPC. */
int composite_note(struct composite *, struct level *, const char *name);

/* ---- names ---- */

struct composite_name {
	enum { COMPOSITE_LEVEL, COMPOSITE_ROOT, COMPOSITE_PIN } what;
	uint64_t level_id;      /* LEVEL */
	struct level *level;    /* LEVEL: NULL: to be made */
	struct source *source;  /* ROOT, PIN; NULL: to be made */
	char base[FS_NAME_MAX + 1];
	char ref[FS_NAME_MAX + 1];      /* ROOT: empty: the source's own */
};

/* What 'name' means in a level, by what is in memory. */
int composite_parse(struct composite *, struct level *, const char *name,
		    size_t len, struct composite_name *ret);

/* The path and the URL that a source 'base' of 'level' has or would have.
 * The caller frees both. */
int composite_expand(const struct level *level, const char *base,
		     char **path, char **location);

/* Make a source for a name of a pattern.  It is the caller's: attach it, or
 * free it. */
int composite_make(struct composite *, struct level *, const char *base,
		   struct source **ret);
void source_free(void *source);         /* NULL is allowed */
/* Give it its place, or free it if another has taken that first: returns
 * the one that has it.  -ESTALE: by now the configuration has none for it. */
int composite_attach(struct composite *, struct source *, struct source **ret);
bool composite_has(struct composite *, const struct source *);
/* Has it a place, or is there one for it?  NULL: for one more level. */
bool composite_has_room(struct composite *, const struct source *);

/* The path of a level 'base' of 'level'; the caller frees it. */
int composite_level_path(const struct level *level, const char *base,
			 char **path);
/* The level of that path, made when it is a possible one of a pattern. */
int composite_make_level(struct composite *, const char *path,
			 struct level **ret);

/* From the journal: the source that was called so and was there, made again
 * if a pattern says so; NULL when nothing here is.  -ENOMEM. */
int composite_recall(struct composite *, const char *name,
		     const char *location, struct source **ret);

/* A source has shown something new at 't': its level and, the first time,
 * those that list it from then on have changed.  'ref': only under one of
 * its refs' names. */
void composite_touch(struct composite *, struct source *, const char *ref,
		     struct timespec t);
/* What 't' has to be after, to be seen in all of them. */
struct timespec composite_floor(struct composite *, const struct source *,
				const char *ref);

/* The list: entry 2 i is child i, entry 2 i + 1 its link.  Places do not
 * change.  -ENOENT: past the end; -EAGAIN: nothing in this place.  'name'
 * gets the name, NUL terminated; *level or *source what it is, or neither:
 * a repository that nobody has used. */
int composite_entry(struct composite *, const struct level *, uint64_t i,
		    char name[FS_NAME_MAX + 1], struct level **level,
		    struct source **source, bool *pin);
/* Some of them, as many as are given room for; they never go away.  Returns
 * how many were found. */
size_t composite_list(struct composite *, struct source **ret, size_t room);
/* The levels with a pattern that were configured; how many were written. */
size_t composite_patterns(struct composite *, struct fs_root *ret, size_t room);
/* Sources in all levels. */
uint64_t composite_sources(struct composite *);
/* As fs_sources(). */
void composite_health(struct composite *, struct fs_sources *ret);

/* Where NAME@@ points: 'text' gets NAME@COMMIT, or NAME when there is no
 * commit yet.  Returns its length. */
size_t composite_target(const char *base, const struct oid *commit,
			char text[FS_NAME_MAX + 1]);

#endif
