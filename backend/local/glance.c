/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/local/glance.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"

#ifdef __APPLE__
#define st_ctim st_ctimespec
#endif

/* The coarsest clock of a file system ticks every two. */
enum { SETTLED = 3 };           /* seconds */

static bool read_head(int dir, char branch[GLANCE_BRANCH])
{
	static const char start[] = "ref: ";
	enum { START = sizeof start - 1 };
	char text[START + GLANCE_BRANCH];
	CLEANUP_FD int fd = openat(dir, "HEAD", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	char *end = n <= START ? NULL : memchr(text, '\n', (size_t)n);

	if (!end || memcmp(text, start, START))
		return false;
	*end = '\0';
	strcpy(branch, text + START);
	return !strncmp(branch, "refs/", 5) && !strstr(branch, "..");
}

bool glance_take(const char *git_dir, char branch[GLANCE_BRANCH],
		 struct glance *ret)
{
	CLEANUP_FD int dir = open(git_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *const name[] = { "HEAD", branch, "packed-refs" };
	struct stat st;

	memset(ret, 0, sizeof *ret);
	if (dir < 0 || !read_head(dir, branch))
		return false;
	for (int i = 0; i < 3; i++) {
		if (fstatat(dir, name[i], &st, 0))
			continue;
		ret->file[i].ino = st.st_ino;
		ret->file[i].size = st.st_size;
		ret->file[i].changed = st.st_ctim;
	}
	return true;
}

bool glance_same(const struct glance *a, const struct glance *b)
{
	for (int i = 0; i < 3; i++)
		if (a->file[i].ino != b->file[i].ino ||
		    a->file[i].size != b->file[i].size ||
		    a->file[i].changed.tv_sec != b->file[i].changed.tv_sec ||
		    a->file[i].changed.tv_nsec != b->file[i].changed.tv_nsec)
			return false;
	return true;
}

bool glance_is_settled(const struct glance *g)
{
	time_t now = clock_wall().tv_sec;

	for (int i = 0; i < 3; i++)
		if (g->file[i].changed.tv_sec > now - SETTLED)
			return false;
	return true;
}
