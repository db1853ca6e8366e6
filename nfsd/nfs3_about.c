/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What a call is about, for people.  Nothing is fetched to tell. */
#include <stdio.h>
#include <string.h>

#include "nfsd/fh.h"
#include "nfsd/nfs3_proc.h"

/* Does a name follow the handle that these begin with? */
static bool has_name(const struct proc *proc)
{
	switch (proc - nfs3_program.proc) {
	case NFSPROC3_LOOKUP:
	case NFSPROC3_CREATE:
	case NFSPROC3_MKDIR:
	case NFSPROC3_SYMLINK:
	case NFSPROC3_MKNOD:
	case NFSPROC3_REMOVE:
	case NFSPROC3_RMDIR:
	case NFSPROC3_RENAME:
		return true;
	}
	return false;
}

void nfs3_about(const struct request *rq, char *ret, size_t room)
{
	CLEANUP_NODE struct node node = { 0 };
	struct reader in = rq->args;
	struct fh_arg fh;
	const uint8_t *name;
	size_t used, len;

	*ret = '\0';
	if (rq->proc == &nfs3_program.proc[NFSPROC3_NULL])
		return;
	fh = get_fh(&in);
	if (in.bad || fh_node(rq->service, fh.data, fh.len, NULL, &node))
		return;
	used = fs_path(&node, ret, room);
	if (!has_name(rq->proc))
		return;
	name = get_opaque(&in, NFS3_LONGEST, &len);
	if (in.bad || used >= room)
		return;
	/* The top is "/" already. */
	snprintf(ret + used, room - used, "%s%.*s", used == 1 ? "" : "/",
		 (int)len, (const char *)name);
}
