/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>

#include "nfsd/status.h"

/* The errors that only some procedures may answer.  STALE, BADHANDLE,
 * JUKEBOX and SERVERFAULT are everybody's. */
enum {
	MAY_IO = 1 << 0,
	MAY_NOENT = 1 << 1,
	MAY_ACCES = 1 << 2,
	MAY_NOTDIR = 1 << 3,
	MAY_INVAL = 1 << 4,
	MAY_NAMETOOLONG = 1 << 5,
	MAY_ROFS = 1 << 6,
};

static const uint8_t allowed[] = {
	[NFSPROC3_GETATTR] = MAY_IO,
	[NFSPROC3_SETATTR] = MAY_IO | MAY_ACCES | MAY_INVAL | MAY_ROFS,
	[NFSPROC3_LOOKUP] = MAY_IO | MAY_NOENT | MAY_ACCES | MAY_NOTDIR |
			    MAY_NAMETOOLONG,
	[NFSPROC3_ACCESS] = MAY_IO,
	[NFSPROC3_READLINK] = MAY_IO | MAY_ACCES | MAY_INVAL,
	[NFSPROC3_READ] = MAY_IO | MAY_ACCES | MAY_INVAL,
	[NFSPROC3_WRITE] = MAY_IO | MAY_ACCES | MAY_INVAL | MAY_ROFS,
	[NFSPROC3_CREATE] = MAY_IO | MAY_ACCES | MAY_NOTDIR | MAY_ROFS,
	[NFSPROC3_MKDIR] = MAY_IO | MAY_ACCES | MAY_NOTDIR | MAY_ROFS,
	[NFSPROC3_SYMLINK] = MAY_IO | MAY_ACCES | MAY_NOTDIR | MAY_ROFS,
	[NFSPROC3_MKNOD] = MAY_IO | MAY_ACCES | MAY_NOTDIR | MAY_ROFS,
	[NFSPROC3_REMOVE] = MAY_IO | MAY_ACCES | MAY_NOTDIR | MAY_ROFS,
	[NFSPROC3_RMDIR] = MAY_IO | MAY_ACCES | MAY_NOTDIR | MAY_ROFS,
	[NFSPROC3_RENAME] = MAY_IO | MAY_ACCES | MAY_NOTDIR | MAY_ROFS,
	[NFSPROC3_LINK] = MAY_IO | MAY_ACCES | MAY_NOTDIR | MAY_ROFS,
	[NFSPROC3_READDIR] = MAY_IO | MAY_ACCES | MAY_NOTDIR,
	[NFSPROC3_READDIRPLUS] = MAY_IO | MAY_ACCES | MAY_NOTDIR,
	[NFSPROC3_FSSTAT] = MAY_IO,
	[NFSPROC3_FSINFO] = 0,
	[NFSPROC3_PATHCONF] = 0,
	[NFSPROC3_COMMIT] = MAY_IO,
};

nfsstat3 nfs_status(enum nfsproc3 proc, int err)
{
	nfsstat3 status;
	unsigned bit;

	assert(err <= 0 && err != -EINPROGRESS);
	switch (-err) {
	case 0:
		return NFS3_OK;
	case ENOENT:
		status = NFS3ERR_NOENT;
		bit = MAY_NOENT;
		break;
	case EACCES:
		status = NFS3ERR_ACCES;
		bit = MAY_ACCES;
		break;
	case ENOTDIR:
		status = NFS3ERR_NOTDIR;
		bit = MAY_NOTDIR;
		break;
	/* No procedure but RENAME may say ISDIR. */
	case EISDIR:
	case EINVAL:
		status = NFS3ERR_INVAL;
		bit = MAY_INVAL;
		break;
	case ENAMETOOLONG:
		status = NFS3ERR_NAMETOOLONG;
		bit = MAY_NAMETOOLONG;
		break;
	case EROFS:
		status = NFS3ERR_ROFS;
		bit = MAY_ROFS;
		break;
	case ESTALE:
		return NFS3ERR_STALE;
	case EBADF:
		return NFS3ERR_BADHANDLE;
	/* The client waits a while and asks again. */
	case EAGAIN:
	case ENOMEM:
		return NFS3ERR_JUKEBOX;
	/* An origin that cannot be reached is among these: Linux repeats a
	 * JUKEBOX for ever, and nothing but SIGKILL ends that. */
	default:
		status = NFS3ERR_IO;
		bit = MAY_IO;
		break;
	}
	if (allowed[proc] & bit)
		return status;
	return allowed[proc] & MAY_IO ? NFS3ERR_IO : NFS3ERR_SERVERFAULT;
}

mountstat3 mount_status(int err)
{
	assert(err <= 0 && err != -EINPROGRESS);
	switch (-err) {
	case 0:
		return MNT3_OK;
	case ENOENT:
		return MNT3ERR_NOENT;
	case EACCES:
		return MNT3ERR_ACCES;
	case ENOTDIR:
		return MNT3ERR_NOTDIR;
	case EINVAL:
		return MNT3ERR_INVAL;
	case ENAMETOOLONG:
		return MNT3ERR_NAMETOOLONG;
	/* MOUNT has no "later". */
	default:
		return MNT3ERR_IO;
	}
}
