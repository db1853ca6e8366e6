/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cli/mounts.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifndef __linux__
#include <sys/param.h>
#include <sys/mount.h>
#include <sys/ucred.h>
#endif

#include "common/cleanup.h"

static int add(struct mounts *all, const char *dir, const char *source,
	       const char *type, const char *options)
{
	struct mounted *more =
		realloc(all->mount, (all->n + 1) * sizeof *more), *m;

	if (!more)
		return -ENOMEM;
	all->mount = more;
	m = &more[all->n++];
	*m = (struct mounted){ strdup(dir), strdup(source), strdup(type),
			       strdup(options) };
	return m->dir && m->source && m->type && m->options ? 0 : -ENOMEM;
}

#ifdef __linux__
/* The kernel writes blanks and backslashes as \ooo.  In place. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++)
		if (*s == '\\' && s[1] && s[2] && s[3]) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
				       (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	*to = '\0';
}

/* proc(5): ID PARENT DEVICE ROOT DIR OPTIONS [TAG...] - TYPE SOURCE
 * OPTIONS */
static int add_line(struct mounts *all, char *line)
{
	char *field[5] = { 0 }, *rest = strstr(line, " - "), *save = NULL;
	char *type, *source, *options;

	if (!rest)
		return 0;
	*rest = '\0';
	for (int i = 0; i < 5; i++) {
		field[i] = strtok_r(i ? NULL : line, " ", &save);
		if (!field[i])
			return 0;
	}
	type = strtok_r(rest + 3, " \n", &save);
	source = strtok_r(NULL, " \n", &save);
	options = strtok_r(NULL, " \n", &save);
	if (!type || !source)
		return 0;
	unescape(field[4]);
	unescape(source);
	return add(all, field[4], source, type, options ? options : "");
}

static int read_all(struct mounts *all)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	CLEANUP_FREE char *line = NULL;
	size_t room = 0;
	int r = 0;

	if (!f)
		return -errno;
	while (!r && getline(&line, &room, f) > 0)
		r = add_line(all, line);
	fclose(f);
	return r;
}
#else
static int read_all(struct mounts *all)
{
	struct statfs *fs;
	int n = getmntinfo(&fs, MNT_NOWAIT), r = 0;

	if (n <= 0)
		return -errno;
	for (int i = 0; !r && i < n; i++)
		r = add(all, fs[i].f_mntonname, fs[i].f_mntfromname,
			fs[i].f_fstypename, "");
	return r;
}
#endif

int mounts_read(struct mounts *ret)
{
	struct mounts all = { 0 };
	int r = read_all(&all);

	if (r) {
		mounts_free(&all);
		return r;
	}
	*ret = all;
	return 0;
}

void mounts_free(struct mounts *all)
{
	for (size_t i = 0; i < all->n; i++) {
		free(all->mount[i].dir);
		free(all->mount[i].source);
		free(all->mount[i].type);
		free(all->mount[i].options);
	}
	free(all->mount);
	*all = (struct mounts){ 0 };
}

const struct mounted *mounts_at(const struct mounts *all, const char *dir)
{
	for (size_t i = all->n; i--;)
		if (!strcmp(all->mount[i].dir, dir))
			return &all->mount[i];
	return NULL;
}

/* What an option says, or what it says by default. */
static void take_option(const char *options, const char *key,
			const char *usual, char *ret, size_t size)
{
	const char *at = strstr(options, key);
	const char *value = at ? at + strlen(key) : usual;

	snprintf(ret, size, "%.*s", (int)strcspn(value, ","), value);
}

bool mounts_is_ours(const struct mounted *m, struct address *ret)
{
	if (strncmp(m->type, "nfs", 3) || strncmp(m->source, "gitnfs:", 7))
		return false;
	take_option(m->options, ",addr=", "127.0.0.1", ret->host,
		    sizeof ret->host);
	take_option(m->options, ",port=", "2049", ret->port, sizeof ret->port);
	ret->v6 = strchr(ret->host, ':');
	return true;
}

const char *mounts_export(const struct mounted *m)
{
	const char *colon = strchr(m->source, ':');

	return colon ? colon + 1 : "";
}

char *mounts_path(const char *dir)
{
	CLEANUP_FREE char *copy = strdup(dir), *parent = NULL;
	size_t len = copy ? strlen(copy) : 0;
	char *slash, *base, *path;

	if (!copy)
		return NULL;
	while (len > 1 && copy[len - 1] == '/')
		copy[--len] = '\0';
	slash = strrchr(copy, '/');
	base = slash ? slash + 1 : copy;
	/* Those that say little by their last component. */
	if (!*base || !strcmp(base, ".") || !strcmp(base, ".."))
		return realpath(copy, NULL);
	if (slash)
		*slash = '\0';
	parent = realpath(!slash ? "." : slash == copy ? "/" : copy, NULL);
	if (!parent)
		return NULL;
	if (asprintf(&path, "%s/%s", strcmp(parent, "/") ? parent : "",
		     base) < 0)
		return NULL;
	return path;
}
