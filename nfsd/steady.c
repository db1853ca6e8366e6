/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "nfsd/steady.h"

#ifdef ATTR_CHECK
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { REMEMBERED = 4096 };

static int compare(nfstime3 a, nfstime3 b)
{
	if (a.seconds != b.seconds)
		return a.seconds < b.seconds ? -1 : 1;
	return a.nseconds < b.nseconds ? -1 : a.nseconds > b.nseconds;
}

/* What is wrong with showing 'now' after 'before'; NULL: nothing. */
static const char *change(const fattr3 *before, const fattr3 *now)
{
	int mtime = compare(before->mtime, now->mtime);
	int ctime = compare(before->ctime, now->ctime);

	if (before->type != now->type || before->mode != now->mode)
		return "type or mode";
	if (before->size != now->size || before->used != now->used)
		return "size";
	if (before->uid != now->uid || before->gid != now->gid ||
	    before->nlink != now->nlink)
		return "owner or links";
	if (mtime > 0)
		return "mtime, back";
	if (ctime > 0)
		return "ctime, back";
	if (mtime && !ctime)
		return "mtime without ctime";
	return NULL;
}

void steady_check(const fattr3 *a)
{
	static _Thread_local struct {
		bool used;
		fattr3 attr;
	} last[REMEMBERED];
	fattr3 *before = &last[a->fileid % REMEMBERED].attr;
	bool *used = &last[a->fileid % REMEMBERED].used;
	const char *wrong = NULL;

	if (*used && before->fileid == a->fileid && before->fsid == a->fsid)
		wrong = change(before, a);
	if (wrong) {
		fprintf(stderr, "attributes of %#jx flap: %s; size %ju, %ju; "
			"mtime %u.%09u, %u.%09u; ctime %u.%09u, %u.%09u\n",
			(uintmax_t)a->fileid, wrong,
			(uintmax_t)before->size, (uintmax_t)a->size,
			before->mtime.seconds, before->mtime.nseconds,
			a->mtime.seconds, a->mtime.nseconds,
			before->ctime.seconds, before->ctime.nseconds,
			a->ctime.seconds, a->ctime.nseconds);
		abort();
	}
	*used = true;
	*before = *a;
}
#endif
