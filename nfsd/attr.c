/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <stdint.h>

#include "nfsd/attr.h"
#include "nfsd/steady.h"

enum { BLOCK = 512, DIR_SIZE = 4096 };

static const struct {
	ftype3 type;
	uint32_t mode;
} shown[] = {
	[FT_DIR] = { NF3DIR, 0755 },
	[FT_FILE] = { NF3REG, 0644 },
	[FT_EXEC] = { NF3REG, 0755 },
	[FT_SYMLINK] = { NF3LNK, 0777 },
	[FT_GITLINK] = { NF3DIR, 0755 },
};

/* NFS has seconds from 1970 to 2106. */
static nfstime3 time_of(struct timespec t)
{
	if (t.tv_sec < 0)
		return (nfstime3){ 0, 0 };
	if (t.tv_sec > UINT32_MAX)
		return (nfstime3){ UINT32_MAX, 0 };
	return (nfstime3){ (u_int)t.tv_sec, (u_int)t.tv_nsec };
}

fattr3 attr_of(const struct service *service, const struct attr *attr)
{
	bool is_dir = shown[attr->type].type == NF3DIR;
	uint64_t size = is_dir ? DIR_SIZE : attr->size;

	const fattr3 ret = {
		.type = shown[attr->type].type,
		.mode = shown[attr->type].mode,
		.nlink = 1,
		.uid = service->uid,
		.gid = service->gid,
		.size = size,
		.used = (size + BLOCK - 1) / BLOCK * BLOCK,
		.fsid = service->fsid,
		.fileid = attr->fileid,
		.atime = time_of(attr->mtime),
		.mtime = time_of(attr->mtime),
		.ctime = time_of(attr->ctime),
	};

	steady_check(&ret);
	return ret;
}

post_op_attr attr_known(const struct service *service, struct node *node)
{
	post_op_attr ret = { .attributes_follow = FALSE };
	struct attr attr;

	if (!node->fs || fs_getattr(node, NULL, &attr))
		return ret;
	ret.attributes_follow = TRUE;
	ret.post_op_attr_u.attributes = attr_of(service, &attr);
	return ret;
}
