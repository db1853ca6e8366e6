/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* source.h - what somebody names to be mounted, and its path in the file
 * system.
 *
 * Errors: an exit status, having said what is wrong.
 */
#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

#include <stdbool.h>

struct cli;
struct json_object;

struct source {
	char *url;              /* or absolute path; NULL: 'path' says it */
	char *ref;              /* "" without */
	char *path;             /* "/github/torvalds/linux@v6.8" */
	char *added;            /* the name it was given; NULL: the server shows
				 * it anyway */
	bool fresh;             /* ... just now */
};

/* What is meant by 'text'. */
int source_parse(const struct cli *, const char *text, struct source *ret);
void source_clear(struct source *);

/* Where the server shows it, by what that says of itself; where it does not,
 * it gets a name in the configuration of servers of ours. */
int source_place(const struct cli *, struct source *,
		 struct json_object *status);

#endif
