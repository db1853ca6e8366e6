/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/local/locate.h"

#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/local/format.h"
#include "backend/local/view.h"
#include "common/cleanup.h"

static int refuse(char why[BACKEND_WHY], int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(char why[BACKEND_WHY], int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, BACKEND_WHY, fmt, ap);
	va_end(ap);
	return err;
}

static int refuse_memory(char why[BACKEND_WHY])
{
	return refuse(why, -ENOMEM, "out of memory");
}

static int refuse_path(char why[BACKEND_WHY], int err, const char *path)
{
	if (err == -ENOENT)
		return refuse(why, err, "%.150s does not exist: check the "
			      "spelling", path);
	if (err == -EACCES)
		return refuse(why, err, "%.150s may not be read by this user: "
			      "change its permissions, or run gitnfsd as one "
			      "who may", path);
	return refuse(why, err, "%.150s cannot be opened (%s): name the "
		      "directory of a repository", path, strerror(-err));
}

static bool is_repository(const char *path)
{
	return !git_repository_open_ext(NULL, path,
					GIT_REPOSITORY_OPEN_NO_SEARCH, NULL);
}

/* Why there is no repository at 'path', an absolute one that exists. */
static int refuse_directory(char why[BACKEND_WHY], const char *path)
{
	CLEANUP_FREE char *dot_git = NULL;
	char *above, *slash;
	struct stat st;

	if (asprintf(&dot_git, "%s/.git", path) < 0) {
		dot_git = NULL;
		return refuse_memory(why);
	}
	if (stat(path, &st))
		return refuse_path(why, -errno, path);
	if (!S_ISDIR(st.st_mode))
		return refuse_path(why, -ENOTDIR, path);
	if (faccessat(AT_FDCWD, path, R_OK | X_OK, AT_EACCESS))
		return refuse_path(why, -errno, path);
	if (faccessat(AT_FDCWD, dot_git, R_OK, AT_EACCESS) && errno == EACCES)
		return refuse_path(why, -EACCES, dot_git);
	above = dot_git;
	above[strlen(path)] = '\0';
	while ((slash = strrchr(above, '/')) && slash != above) {
		*slash = '\0';
		if (is_repository(above))
			return refuse(why, -EINVAL, "%.80s is inside a "
				      "repository: name its top, %.120s", path,
				      above);
	}
	return refuse(why, -EINVAL, "%.150s is not a git repository: name the "
		      "directory that holds .git, or a bare repository", path);
}

/* What must work later works now. */
static int try(const char *git_dir, char why[BACKEND_WHY])
{
	const git_error *e;
	struct view *v;
	int r = view_open(&v, git_dir);

	if (r) {
		e = git_error_last();
		return refuse(why, r, "%.80s cannot be opened (%.80s): see "
			      "what 'git status' says there", git_dir,
			      e ? e->message : strerror(-r));
	}
	r = format_check(git_repository_commondir(v->repo), why);
	view_close(v);
	return r;
}

int locate_repository(char **git_dir, const char *path,
		      char why[BACKEND_WHY])
{
	CLEANUP_FREE char *absolute = realpath(path, NULL);
	CLEANUP_FREE char *found = NULL;
	git_buf buf = GIT_BUF_INIT;
	int r;

	if (!absolute)
		return refuse_path(why, -errno, path);
	if (!is_repository(absolute))
		return refuse_directory(why, absolute);
	/* Looks no further than there, then. */
	if (!git_repository_discover(&buf, absolute, 1, NULL))
		found = strdup(buf.ptr);
	git_buf_dispose(&buf);
	if (!found)
		return refuse_memory(why);
	r = try(found, why);
	if (!r)
		*git_dir = TAKE(found);
	return r;
}
