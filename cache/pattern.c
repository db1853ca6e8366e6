/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/pattern.h"
#include "common/cleanup.h"

/* The end of the placeholder that starts at 's', or NULL. */
static const char *placeholder_end(const char *s)
{
	const char *end = *s == '{' ? strchr(s, '}') : NULL;

	return end && end > s + 1 ? end + 1 : NULL;
}

/* Which of the url's different placeholders this one is, from 0. */
static unsigned placeholder_number(const char *url, const char *at)
{
	size_t len = (size_t)(placeholder_end(at) - at);
	unsigned n = 0;

	for (const char *p = url; p < at; p++) {
		const char *end = placeholder_end(p);

		if (!end)
			continue;
		if ((size_t)(end - p) == len && !memcmp(p, at, len))
			break;
		n += placeholder_number(url, p) == n;
		p = end - 1;
	}
	return n;
}

unsigned pattern_parts(const char *url)
{
	unsigned n = 0;

	for (const char *p = url; *p; p++)
		if (placeholder_end(p) && placeholder_number(url, p) == n)
			n++;
	return n <= PATTERN_PARTS_MAX ? n : 0;
}

int pattern_expand(const char *url, const char *(*part)(void *arg, unsigned n),
		   void *arg, char **ret)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	const char *end;

	if (!out)
		return -ENOMEM;
	for (const char *p = url; *p; p++) {
		end = placeholder_end(p);
		if (!end) {
			fputc(*p, out);
			continue;
		}
		fputs(part(arg, placeholder_number(url, p)), out);
		p = end - 1;
	}
	if (fclose(out))
		return -ENOMEM;
	*ret = TAKE(text);
	return 0;
}

/* The directory that a path has before its first placeholder is there. */
static int check_directory(const char *url, char why[BACKEND_WHY])
{
	CLEANUP_FREE char *dir = strndup(url, (size_t)(strchr(url, '{') - url));
	char *slash = dir ? strrchr(dir, '/') : NULL;
	struct stat st;

	if (!dir)
		return -ENOMEM;
	if (!slash || !strncmp(url, "file://", 7))
		return 0;
	slash[slash == dir] = '\0';
	if (!stat(dir, &st) && S_ISDIR(st.st_mode))
		return 0;
	snprintf(why, BACKEND_WHY, "%.200s is no directory: check the spelling",
		 dir);
	return -ENOTDIR;
}

static const char *any_name(void *arg, unsigned n)
{
	(void)arg, (void)n;
	return "x";
}

int pattern_check(const char *url, const struct backend_options *opt,
		  char why[BACKEND_WHY])
{
	CLEANUP_FREE char *one = NULL;
	bool local = !strstr(url, "://") || !strncmp(url, "file://", 7);
	struct backend *b;
	int r;

	if (!pattern_parts(url)) {
		snprintf(why, BACKEND_WHY, "\"%.150s\" needs 1 to %d "
			 "{placeholders}, the last for a repository's name",
			 url, PATTERN_PARTS_MAX);
		return -EINVAL;
	}
	r = pattern_expand(url, any_name, NULL, &one);
	if (r)
		return r;
	r = backend_open_with(&b, one, opt, why);
	if (!r)
		backend_close(b);
	else if (local && r != -EPROTONOSUPPORT)
		r = check_directory(url, why);
	return r;
}
