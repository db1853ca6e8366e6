/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/git.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

void git_be_neutral(void)
{
	static const char *const gone[] = {
		"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE",
		"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
		"GIT_CONFIG", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS",
		"GIT_NAMESPACE", "GIT_CEILING_DIRECTORIES", "GIT_COMMON_DIR",
		"GIT_PREFIX",
	};
	static const char *const set[][2] = {
		{ "GIT_CONFIG_NOSYSTEM", "1" },
		{ "GIT_CONFIG_GLOBAL", "/dev/null" },
		{ "GIT_DEFAULT_HASH", "sha1" },
		{ "GIT_AUTHOR_NAME", "A U Thor" },
		{ "GIT_AUTHOR_EMAIL", "author@example.org" },
		{ "GIT_COMMITTER_NAME", "C O Mitter" },
		{ "GIT_COMMITTER_EMAIL", "committer@example.org" },
		{ "LC_ALL", "C" }, { "TZ", "UTC" },
	};

	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
		unsetenv(gone[i]);
	for (size_t i = 0; i < sizeof set / sizeof *set; i++)
		setenv(set[i][0], set[i][1], 1);
}

/* In a test or before there is one. */
static void must_work(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "failed: %s\n", what);
	exit(99);
}

static char *text(const char *fmt, va_list ap)
{
	char *s;

	must_work(vasprintf(&s, fmt, ap) >= 0, fmt);
	return s;
}

static char *output_of(const char *command, size_t *len)
{
	char *ret = NULL, part[65536];
	size_t n, ignored;
	FILE *from = popen(command, "r");
	FILE *to = open_memstream(&ret, len ? len : &ignored);

	must_work(from && to, command);
	while ((n = fread(part, 1, sizeof part, from)))
		fwrite(part, 1, n, to);
	fclose(to);
	must_work(!pclose(from), command);
	return ret;
}

char *output(const char *fmt, ...)
{
	CLEANUP_FREE char *command = NULL;
	va_list ap;

	va_start(ap, fmt);
	command = text(fmt, ap);
	va_end(ap);
	return output_of(command, NULL);
}

void shell(const char *fmt, ...)
{
	CLEANUP_FREE char *command = NULL;
	va_list ap;

	va_start(ap, fmt);
	command = text(fmt, ap);
	va_end(ap);
	must_work(!system(command), command);
}

static char *git_v(size_t *len, const char *repo, const char *fmt, va_list ap)
{
	CLEANUP_FREE char *args = text(fmt, ap), *command = NULL;

	must_work(asprintf(&command, "git -C '%s' %s", repo, args) >= 0, args);
	return output_of(command, len);
}

char *git_bytes(size_t *len, const char *repo, const char *fmt, ...)
{
	va_list ap;
	char *ret;

	va_start(ap, fmt);
	ret = git_v(len, repo, fmt, ap);
	va_end(ap);
	return ret;
}

char *git(const char *repo, const char *fmt, ...)
{
	size_t len;
	va_list ap;
	char *ret;

	va_start(ap, fmt);
	ret = git_v(&len, repo, fmt, ap);
	va_end(ap);
	if (len && ret[len - 1] == '\n')
		ret[len - 1] = 0;
	return ret;
}

void git_do(const char *repo, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	free(git_v(NULL, repo, fmt, ap));
	va_end(ap);
}

struct oid git_id(const char *repo, const char *revision)
{
	CLEANUP_FREE char *hex = git(repo, "rev-parse --verify '%s'", revision);
	struct oid oid;

	must_work(!oid_parse(hex, strlen(hex), &oid), revision);
	return oid;
}
