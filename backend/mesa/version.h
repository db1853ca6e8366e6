/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* version.h - which commits there are in a repository of a depot, and what
 * they are called in requests, in the words of its generation.
 *
 * Threads: those that may wait for the service.
 * Errors: as both.h; -ENOENT also: what a commit is called nobody has said.
 */
#ifndef BACKEND_MESA_VERSION_H
#define BACKEND_MESA_VERSION_H

#include "backend/mesa/mesa.h"

enum { VERSION_MAX = CHANGE_MAX + OID_HEX };

/* It is asked, if it has not told yet. */
int version_words(struct asked *, const struct words **ret);
const struct words *version_words_known(struct mesa *);  /* or NULL */
void version_note_words(struct mesa *, const struct words *);

/* What a commit is called in requests. */
int version_of(struct mesa *, const struct words *, const struct oid *commit,
	       char ret[VERSION_MAX]);

/* The commit that the default branch, or a ref, is at; of length 0: none
 * yet. */
int version_default(struct asked *, struct oid *ret);
int version_by_name(struct asked *, const char *ref, struct oid *ret);

/* When a commit was made, in seconds. */
int version_time(struct asked *, const struct oid *commit, int64_t *ret);

#endif
