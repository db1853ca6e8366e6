/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* attach.h - to mount and unmount, by whatever way this system and this
 * user have.
 *
 * On Linux the mount(2) call is made without mount.nfs(8), whose package
 * need not be installed, and by root: through sudo(8) or pkexec(1), which is
 * said, where we are not.  On macOS any user may, by mount_nfs(8).
 */
#ifndef CLI_ATTACH_H
#define CLI_ATTACH_H

#include <stdbool.h>

struct cli;

struct attach {
	const char *address;    /* where the server listens: HOST:PORT */
	const char *path;       /* of the server: "/" */
	const char *dir;        /* absolute */
	bool pinned;            /* what is shown never moves */
	const char *options;    /* more for the system, or "" */
};

/* Both return an exit status, having said what is wrong. */
int attach_mount(const struct cli *, const struct attach *);
/* 'dead': nobody answers; do not wait for that. */
int attach_unmount(const struct cli *, const char *dir, bool dead);

#endif
