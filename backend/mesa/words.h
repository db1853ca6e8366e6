/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* words.h - what the depot's API calls things, in the generation that we
 * speak.  Others call them otherwise, and that is most of the difference.
 */
#ifndef BACKEND_MESA_WORDS_H
#define BACKEND_MESA_WORDS_H

static const struct {
	const char *repositories, *commits;     /* in paths */
	const char *version;    /* which one: a parameter */
	const char *id;         /* an object's */
	const char *head;       /* the default branch's commit */
	const char *executable; /* a file is */
} words = {
	.repositories = "repos",
	.commits = "commits",
	.version = "ref",
	.id = "sha",
	.head = "head_sha",
	.executable = "executable",
};

#endif
