/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/local/stores.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

enum { DEPTH_MAX = 5 };         /* alternates of alternates, as in git */

static void close_filep(FILE **f)
{
	if (*f)
		fclose(*f);
}
#define CLEANUP_FILE __attribute__((cleanup(close_filep)))

static int add(struct stores *, char *path, int depth);

/* One line of an alternates file, without its end. */
static int add_line(struct stores *s, const char *objects, const char *line,
		    int depth)
{
	char *path;

	if (*line == '\0' || *line == '#' || s->n == STORES_MAX)
		return 0;
	if (*line == '/')
		path = strdup(line);
	else if (asprintf(&path, "%s/%s", objects, line) < 0)
		path = NULL;
	return path ? add(s, path, depth) : -ENOMEM;
}

/* Takes over 'path'. */
static int add(struct stores *s, char *path, int depth)
{
	CLEANUP_FREE char *list = NULL, *line = NULL;
	CLEANUP_FILE FILE *f = NULL;
	size_t size = 0;
	ssize_t len;
	int r = 0;

	s->path[s->n++] = path;
	if (depth == DEPTH_MAX)
		return 0;
	if (asprintf(&list, "%s/info/alternates", path) < 0) {
		list = NULL;
		return -ENOMEM;
	}
	f = fopen(list, "re");
	while (f && !r && (len = getline(&line, &size, f)) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		r = add_line(s, path, line, depth + 1);
	}
	return r;
}

int stores_load(struct stores *ret, const char *objects)
{
	struct stores s = { .n = 0 };
	char *path = strdup(objects);
	int r = path ? add(&s, path, 0) : -ENOMEM;

	if (r) {
		stores_clear(&s);
		return r;
	}
	*ret = s;
	return 0;
}

void stores_clear(struct stores *s)
{
	while (s->n > 0)
		free(s->path[--s->n]);
}
