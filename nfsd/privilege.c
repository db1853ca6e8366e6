/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include "nfsd/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/dirs.h"

void privilege_raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	/* macOS names no limit and takes no more than this. */
	if (setrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = 10240;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

/* A directory below which everything is the user's: so is what an earlier
 * start may have left to root. */
static int give_dir(const char *path, uid_t uid, gid_t gid,
		    char why[PRIVILEGE_WHY])
{
	int r = dirs_make(path);
	struct stat st;

	if (r < 0)
		errno = -r;
	else if (r > 0 ? !chown(path, uid, gid) :
		 !stat(path, &st) && st.st_uid == uid)
		return 0;
	else if (!r)
		errno = EACCES;
	r = -errno;
	snprintf(why, PRIVILEGE_WHY, "%s: has to belong to the user that "
		 "--user names: %s; chown -R it, or give another one", path,
		 strerror(-r));
	return r;
}

static int become(const struct passwd *pw)
{
	if (initgroups(pw->pw_name, pw->pw_gid) || setgid(pw->pw_gid) ||
	    setuid(pw->pw_uid))
		return -errno;
	/* There must be no way back. */
	if (pw->pw_uid && (!setuid(0) || !seteuid(0)))
		return -EPERM;
	/* git and ssh look for their configuration there. */
	return setenv("HOME", pw->pw_dir, 1) ? -ENOMEM : 0;
}

int privilege_drop(const char *user, const char *const *dirs, size_t n,
		   char why[PRIVILEGE_WHY])
{
	const struct passwd *pw;
	int r = 0;

	errno = 0;
	pw = getpwnam(user);
	if (!pw) {
		snprintf(why, PRIVILEGE_WHY, "there is no user \"%s\"%s%s",
			 user, errno ? ": " : "", errno ? strerror(errno) : "");
		return errno ? -errno : -ENOENT;
	}
	if (geteuid() == pw->pw_uid && pw->pw_uid)
		return 0;
	if (geteuid()) {
		snprintf(why, PRIVILEGE_WHY, "only root can become \"%s\"; "
			 "start without --user", user);
		return -EPERM;
	}
	for (size_t i = 0; !r && i < n; i++)
		r = give_dir(dirs[i], pw->pw_uid, pw->pw_gid, why);
	if (r)
		return r;
	r = become(pw);
	if (r)
		snprintf(why, PRIVILEGE_WHY, "cannot become \"%s\": %s", user,
			 strerror(-r));
	return r;
}
