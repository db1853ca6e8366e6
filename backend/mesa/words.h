/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* words.h - what the API of a depot calls things.  There have been three
 * generations of it: most of the difference is in the words, and which one
 * a depot speaks is seen from what it says of a repository.
 *
 * Threads: any; it is all constant.
 */
#ifndef BACKEND_MESA_WORDS_H
#define BACKEND_MESA_WORDS_H

struct words {
	const char *head;       /* of a repository: what its default branch
				 * is at.  No other generation says that. */
	const char *version;    /* which one: a parameter of content */
	const char *list;       /* in paths: the repositories of an
				 * organisation, ... */
	const char *commit;     /* ... a commit of one, by its version, ... */
	const char *log;        /* ... commits by the name of a ref, or ... */
	const char *ref;        /* ... what a ref is at; one is NULL */
	const char *id;         /* of a commit, in what is said of it */
	/* A commit is known by the id of a change, which is that commit for
	 * the time being; NULL: by its own.  In what is said of a ref. */
	const char *change;
};

/* The oldest first. */
enum { GENERATIONS = 3 };
extern const struct words words[GENERATIONS];

#endif
