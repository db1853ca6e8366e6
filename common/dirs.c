/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/dirs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"

static const struct {
	const char *system;     /* for root */
	const char *variable;   /* else what this says */
	const char *below_home; /* or this */
} dirs[] = {
	[DIRS_STATE] = { "/var/lib/gitnfs", "XDG_STATE_HOME", ".local/state" },
	[DIRS_CACHE] = { "/var/cache/gitnfs", "XDG_CACHE_HOME", ".cache" },
	[DIRS_CONFIG] = { "/etc/gitnfs", "XDG_CONFIG_HOME", ".config" },
};

char *dirs_default(enum dirs_kind kind)
{
	const char *xdg = getenv(dirs[kind].variable), *home = getenv("HOME");
	char *ret = NULL;
	int n;

	if (!geteuid())
		return strdup(dirs[kind].system);
	if (xdg && *xdg == '/')
		n = asprintf(&ret, "%s/gitnfs", xdg);
	else if (home && *home)
		n = asprintf(&ret, "%s/%s/gitnfs", home, dirs[kind].below_home);
	else
		return NULL;
	return n < 0 ? NULL : ret;
}

int dirs_make(const char *path)
{
	CLEANUP_FREE char *above = strdup(path);
	int why = ENOENT;       /* there is none above */

	if (!above)
		return -ENOMEM;
	for (char *p = above; *p; p++) {
		if (*p != '/' || p == above)
			continue;
		*p = '\0';
		if (mkdir(above, 0755) && errno != EEXIST && why == ENOENT)
			why = errno;
		*p = '/';
	}
	if (!mkdir(path, 0700))
		return 1;
	if (errno == EEXIST)
		return 0;
	return errno == ENOENT ? -why : -errno;
}
