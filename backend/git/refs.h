/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* refs.h - the refs of a repository that are looked at time and again.
 *
 * Who serves ten branches of it wants to know each of them every so often.
 * One request can ask for all: so what is asked for also brings what else was
 * asked for lately, and that is remembered until its turn comes.  A ref that
 * nobody has wanted for some requests is left out of the next.
 *
 * Threads: any.
 */
#ifndef BACKEND_GIT_REFS_H
#define BACKEND_GIT_REFS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/oid.h"

enum { REFS_MAX = 32 };

struct refs {
	pthread_mutex_t lock;           /* covers the rest */
	size_t n;
	struct ref {
		char *name;
		struct oid commit;
		uint64_t at;            /* clock_ms() when that was so */
		unsigned unwanted;      /* requests that brought it unasked */
	} ref[REFS_MAX];
};

void refs_init(struct refs *);
void refs_end(struct refs *);

/* What 'name' was at 'since' (clock_ms()) or later, and how many ms ago. */
bool refs_recall(struct refs *, const char *name, uint64_t since,
		 struct oid *ret, uint64_t *age);
/* Names that may come along: at most 'max', which the caller frees. */
size_t refs_company(struct refs *, char **ret, size_t max);
/* What a request that began at 'at' has told.  'wanted': somebody asked for
 * this one. */
void refs_note(struct refs *, const char *name, const struct oid *commit,
	       uint64_t at, bool wanted);
/* There is none of that name any more. */
void refs_drop(struct refs *, const char *name);

#endif
