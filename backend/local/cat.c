/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/local/cat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/clock.h"

int cat_start(struct cat *ret, const char *git_dir, const struct oid *blob)
{
	/* Nothing that would send git elsewhere; and it shall never go to the
	 * network for an object that a partial clone lacks. */
	static const char *const env[] = {
		"GIT_*", "GIT_ALLOW_PROTOCOL=none", NULL,
	};
	CLEANUP_FREE char *where = NULL;
	char hex[OID_HEX + 1];
	struct program git;
	int r;

	oid_hex(blob, hex);
	if (asprintf(&where, "--git-dir=%s", git_dir) < 0) {
		where = NULL;
		return -ENOMEM;
	}
	const char *const argv[] = {
		"git", "--no-replace-objects", where, "cat-file", "blob", hex,
		NULL,
	};
	r = program_start(&git, argv, env);
	if (r)
		return r;
	program_close_input(&git);
	*ret = (struct cat){ .git = git };
	return 0;
}

ssize_t cat_read(struct cat *c, void *buf, size_t len, uint64_t deadline)
{
	ssize_t n = program_read(&c->git, buf, len, deadline);

	c->ended = n == 0;
	return n;
}

int cat_end(struct cat *c)
{
	/* What is not at its end has no time left. */
	uint64_t deadline = c->ended ? UINT64_MAX : clock_ms();

	return program_end(&c->git, deadline) == 0 && c->ended ? 0 : -EIO;
}
