/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* call.h - the procedures of NFS 3 and MOUNT 3 for the tests: one function
 * each, which returns the status and hands out all that came with it.
 *
 * Every reply is read to its last byte, also that of a failure; one that is
 * too short or too long by a byte fails the test.  Outputs may be NULL.
 *
 * Threads: as raw.h.  Errors: as raw.h; a status is no error.
 */
#ifndef TEST_CALL_H
#define TEST_CALL_H

#include "test/raw.h"

enum {
	N3_OK = 0, N3_PERM = 1, N3_NOENT = 2, N3_IO = 5, N3_ACCES = 13,
	N3_NOTDIR = 20, N3_ISDIR = 21, N3_INVAL = 22, N3_ROFS = 30,
	N3_NAMETOOLONG = 63, N3_STALE = 70, N3_BADHANDLE = 10001,
	N3_BAD_COOKIE = 10003, N3_NOTSUPP = 10004, N3_TOOSMALL = 10005,
	N3_SERVERFAULT = 10006, N3_JUKEBOX = 10008,
};

enum {
	CALL_NULL, CALL_GETATTR, CALL_SETATTR, CALL_LOOKUP, CALL_ACCESS,
	CALL_READLINK, CALL_READ, CALL_WRITE, CALL_CREATE, CALL_MKDIR,
	CALL_SYMLINK, CALL_MKNOD, CALL_REMOVE, CALL_RMDIR, CALL_RENAME,
	CALL_LINK, CALL_READDIR, CALL_READDIRPLUS, CALL_FSSTAT, CALL_FSINFO,
	CALL_PATHCONF, CALL_COMMIT,
};

enum { REG = 1, DIR = 2, LNK = 5 };     /* ftype3 */

struct fh {
	size_t len;
	uint8_t data[64];
};

struct fattr {
	bool sent;              /* or was left out */
	uint32_t type, mode, nlink, uid, gid;
	uint64_t size, used, fsid, fileid;
	uint64_t atime, mtime, ctime;   /* ns */
	uint8_t xdr[84];
};

bool fh_eq(const struct fh *, const struct fh *);
/* Byte for byte. */
bool fattr_eq(const struct fattr *, const struct fattr *);

/* ---- pieces, for what is written by hand ---- */

void call_begin(struct wire *, struct raw *, uint32_t proc);
void call_put_fh(struct wire *, const struct fh *);
void call_get_fattr(struct wire *, struct fattr *);
void call_get_post_op(struct wire *, struct fattr *);
void call_get_wcc(struct wire *, struct fattr *after);

/* ---- MOUNT ---- */

uint32_t call_mnt(struct raw *, const char *path, struct fh *);

/* ---- NFS ---- */

uint32_t call_getattr(struct raw *, const struct fh *, struct fattr *);
uint32_t call_lookup(struct raw *, const struct fh *dir, const char *name,
		     size_t len, struct fh *, struct fattr *,
		     struct fattr *dir_attr);
uint32_t call_access(struct raw *, const struct fh *, uint32_t want,
		     uint32_t *may, struct fattr *);
uint32_t call_readlink(struct raw *, const struct fh *, struct wire *text,
		       struct fattr *);
uint32_t call_read(struct raw *, const struct fh *, uint64_t off,
		   uint32_t count, struct wire *data, bool *eof,
		   struct fattr *);

/* Any name of an entry of a path, slash by slash. */
uint32_t call_walk(struct raw *, const struct fh *from, const char *path,
		   struct fh *, struct fattr *);
/* As LOOKUP, with a name that ends in NUL. */
uint32_t call_find(struct raw *, const struct fh *dir, const char *name,
		   struct fh *, struct fattr *);
/* The whole file, by READs of 'count'. */
uint32_t call_read_all(struct raw *, const struct fh *, uint32_t count,
		       struct wire *data);

/* ---- listings ---- */

struct entry {
	const char *name;       /* points into the page's wire */
	size_t len;
	uint64_t fileid, cookie;
	struct fattr attr;      /* READDIRPLUS only */
	struct fh fh;           /* len 0: left out */
	size_t size;            /* bytes this entry takes in a reply */
	size_t dirsize;         /* of which fileid, name and cookie */
};

/* Zero-initialised; a page that is used again is emptied first. */
struct page {
	struct wire reply;
	struct entry *entry;
	size_t n, cap;
	bool eof;
	uint64_t verf;
	size_t size;            /* bytes of the resok structure */
	struct fattr dir;
};

void page_free(struct page *);
#define CLEANUP_PAGE __attribute__((cleanup(page_free)))

uint32_t call_readdir(struct raw *, const struct fh *, uint64_t cookie,
		      uint64_t verf, uint32_t count, struct page *);
uint32_t call_readdirplus(struct raw *, const struct fh *, uint64_t cookie,
			  uint64_t verf, uint32_t dircount, uint32_t maxcount,
			  struct page *);

/* ---- the file system ---- */

struct fsstat {
	uint64_t tbytes, fbytes, abytes, tfiles, ffiles, afiles;
	uint32_t invarsec;
};

struct fsinfo {
	uint32_t rtmax, rtpref, rtmult, wtmax, wtpref, wtmult, dtpref;
	uint64_t maxfilesize;
	uint32_t delta_s, delta_ns, properties;
};

struct pathconf {
	uint32_t linkmax, name_max;
	bool no_trunc, chown_restricted, case_insensitive, case_preserving;
};

uint32_t call_fsstat(struct raw *, const struct fh *, struct fsstat *,
		     struct fattr *);
uint32_t call_fsinfo(struct raw *, const struct fh *, struct fsinfo *,
		     struct fattr *);
uint32_t call_pathconf(struct raw *, const struct fh *, struct pathconf *,
		       struct fattr *);

#endif
