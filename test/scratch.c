/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/scratch.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static char *top;

void scratch_start(void)
{
	const char *tmp = getenv("TMPDIR");

	if (asprintf(&top, "%s/gitnfs-test.XXXXXX", tmp ? tmp : "/tmp") < 0 ||
	    !mkdtemp(top)) {
		perror("a directory for the tests");
		exit(99);
	}
}

static int remove_one(const char *path, const struct stat *st, int flag,
		      struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	remove(path);
	return 0;
}

void scratch_stop(void)
{
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(top);
}

char *scratch_dir(void)
{
	char *dir;

	ck_assert_int_gt(asprintf(&dir, "%s/XXXXXX", top), 0);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	return dir;
}
