/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* both.h - repositories that can be asked in two ways: by the API of the
 * service that has them, and by git's protocol.
 *
 * An API lists what git cannot: directories with the sizes of files.  git has
 * what an API cannot: commits as they are hashed, and many files in a
 * request.  Each stands in for the other when that is refused, limited or
 * down, so a job fails only when both do.  What this knows is who goes first
 * and what happens then; what an API is asked, its backend knows.
 *
 * Threads: the verbs as backend.h has it; those of struct both_api are called
 * on threads that may wait.
 * Errors: as rest.h and backend.h.
 */
#ifndef BACKEND_REST_BOTH_H
#define BACKEND_REST_BOTH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "backend/backend.h"
#include "backend/rest/json.h"
#include "backend/rest/rest.h"

enum verb { RESOLVE, FETCH, STAT, LIST };

struct both;

/* A job on its way. */
struct asked {
	struct both *both;
	struct job *job;
	enum verb verb;

	struct work work;
	struct job below;       /* the same job, for git */
	bool by_api, by_git;    /* has been tried */
	int err;                /* of the first */
	enum obj type;          /* of the object that comes now */
};

/* What a service is. */
struct both_api {
	/* A job, by the API. */
	int (*resolve)(struct asked *);
	int (*fetch)(struct asked *);
	int (*list)(struct asked *);
	/* 'what' of the repository, up to 'max' bytes; 0: only begin. */
	int (*ask)(struct asked *, const char *what, const char *accept,
		   size_t max, struct rest_reply *ret);
	/* Which goes first, when both might? */
	bool (*is_first)(struct both *, const struct job *, enum verb);
	/* A commit has this tree; NULL: of no interest. */
	void (*tree_is)(struct both *, const struct oid *tree);
	bool git_may_lack;      /* what is there for the API */
};

/* The start of a backend. */
struct both {
	struct backend base;    /* below: git, or NULL */
	const struct both_api *api;
	struct rest *rest;
	bool is_place;          /* of repositories: only list() */
	pthread_mutex_t lock;   /* covers the rest, and what the backend says */
	uint64_t git_refused;   /* until then: clock_ms() */
};

static inline struct both *both_of(struct backend *b)
{
	return (struct both *)b;
}

void both_init(struct both *, const struct backend_ops *,
	       const struct both_api *);
/* What open() has begun; base.below goes by itself. */
void both_clear(struct both *);

/* The verbs. */
void both_resolve(struct backend *, struct job *);
void both_fetch(struct backend *, struct job *);
void both_stat(struct backend *, struct job *);
void both_list(struct backend *, struct job *);
void both_why(struct backend *, int err, char why[BACKEND_WHY]);

/* ---- for an API ---- */

/* What it answers, as JSON; *status may be NULL. */
int both_json(struct asked *, const char *what, const char *accept,
	      size_t max, struct json_object **ret, int *status);
/* A file's bytes, as they come when their number is told.  -EBADMSG: others
 * than those of that name. */
int both_blob(struct asked *, const struct oid *, const char *what,
	      const char *accept);
/* Hand on the name in one entry of a list of repositories; arg: struct
 * asked. */
int both_name(void *arg, struct json_object *);

#endif
