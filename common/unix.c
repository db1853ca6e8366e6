/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/unix.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

/* The directory by a shorter name, which Linux has. */
static int shorten(const char *path, char *ret, size_t room, int *ret_dir)
{
	const char *slash = strrchr(path, '/');
	CLEANUP_FREE char *above =
		slash ? strndup(path, (size_t)(slash - path) + 1) : NULL;
	int dir, len;

	if (!above)
		return -ENAMETOOLONG;
	dir = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	len = snprintf(ret, room, "/proc/self/fd/%d/%s", dir, slash + 1);
	if (len < 0 || (size_t)len >= room || access("/proc/self/fd", F_OK)) {
		close(dir);
		return -ENAMETOOLONG;
	}
	*ret_dir = dir;
	return 0;
}

int unix_address(const char *path, struct unix_address *ret)
{
	struct unix_address a = { .addr.sun_family = AF_UNIX, .dir = -1 };
	int r = 0;

	if (strlen(path) < sizeof a.addr.sun_path)
		strcpy(a.addr.sun_path, path);
	else
		r = shorten(path, a.addr.sun_path, sizeof a.addr.sun_path,
			    &a.dir);
	if (r)
		return r;
	a.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
			    strlen(a.addr.sun_path) + 1);
	*ret = a;
	return 0;
}

void unix_address_clear(struct unix_address *a)
{
	if (a->dir >= 0)
		close(a->dir);
	a->dir = -1;
}
