/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* pipes.h - git upload-pack as a program: on another machine through ssh,
 * or on this one for a repository that only git itself can read.
 *
 * ssh is the user's own, with its keys and configuration; it must not have
 * to ask anything.  One program is kept for the next command; as many run as
 * are asked at a time.
 */
#ifndef BACKEND_GIT_PIPES_H
#define BACKEND_GIT_PIPES_H

#include "backend/backend.h"
#include "backend/git/transport.h"

/* ssh://[USER@]HOST[:PORT]/PATH or [USER@]HOST:PATH.  On error, 'why' says
 * what is wrong with it. */
int pipes_open_ssh(struct transport **ret, const char *url,
		   char why[BACKEND_WHY]);

/* An absolute path.  -ENOENT when git itself cannot read it either. */
int pipes_open_local(struct transport **ret, const char *path,
		     char why[BACKEND_WHY]);

#endif
