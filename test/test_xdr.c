/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* XDR by hand against XDR by rpcgen; the edges of what is read and written;
 * and which errors a procedure may answer. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nfsd/attr.h"
#include "nfsd/status.h"
#include "nfsd/xdr.h"
#include "test/suite.h"

enum { ROOM = 256 };

/* ---- reading and writing ---- */

START_TEST(what_is_written_is_read)
{
	uint8_t data[32];
	struct writer w = { .p = data, .end = data + sizeof data };
	struct reader r = { .p = data, .end = data + sizeof data };
	const uint8_t *text;
	size_t len;

	memset(data, 0xff, sizeof data);
	put32(&w, 0x01020304);
	put64(&w, 0x05060708090a0b0c);
	put_opaque(&w, "abcde", 5);
	put_opaque(&w, NULL, 0);
	ck_assert(!w.bad);
	ck_assert_uint_eq((size_t)(w.p - data), 28);
	ck_assert_mem_eq(data, "\1\2\3\4\5\6\7\10\11\12\13\14"
			 "\0\0\0\5abcde\0\0\0\0\0\0\0", 28);
	ck_assert_uint_eq(get32(&r), 0x01020304);
	ck_assert_uint_eq(get64(&r), 0x05060708090a0b0c);
	text = get_opaque(&r, 5, &len);
	ck_assert_uint_eq(len, 5);
	ck_assert_mem_eq(text, "abcde", 5);
	ck_assert_ptr_nonnull(get_opaque(&r, 5, &len));
	ck_assert_uint_eq(len, 0);
	ck_assert(!r.bad);
	ck_assert_ptr_eq(r.p, data + 28);
}
END_TEST

START_TEST(reading_ends_at_the_edge)
{
	static const struct {
		uint32_t len;
		size_t max, sent;
		bool good;
	} opaque[] = {
		{ 0, 0, 0, true }, { 1, 0, 4, false }, { 4, 4, 4, true },
		{ 5, 8, 8, true }, { 5, 8, 7, false }, { 5, 4, 8, false },
		{ UINT32_MAX, SIZE_MAX / 2, 8, false },
		{ UINT32_MAX - 3, 64, 64, false },
		{ 0x80000000, 64, 64, false },
	};

	for (size_t i = 0; i < sizeof opaque / sizeof *opaque; i++) {
		/* As large as it may be, for a sanitizer to see the edge. */
		size_t size = 4 + opaque[i].sent, len = 99;
		uint8_t *data = calloc(1, size);
		struct reader r = { .p = data, .end = data + size };

		store32(data, opaque[i].len);
		ck_assert((get_opaque(&r, opaque[i].max, &len) != NULL) ==
			  opaque[i].good);
		ck_assert(r.bad != opaque[i].good);
		ck_assert_uint_eq(len, opaque[i].good ? opaque[i].len : 0);
		if (r.bad) {
			ck_assert_uint_eq(get32(&r), 0);
			ck_assert_uint_eq(get64(&r), 0);
		}
		free(data);
	}
}
END_TEST

START_TEST(writing_ends_at_the_edge)
{
	for (size_t size = 0; size < 32; size++) {
		uint8_t *data = malloc(size + 1);
		struct writer w = { .p = data, .end = data + size };

		data[size] = 0x55;
		put32(&w, 1);
		put64(&w, 2);
		put_opaque(&w, "0123456789", 10);
		ck_assert(w.bad == (size < 28));
		put32(&w, 3);
		ck_assert(w.bad == (size < 32));
		ck_assert_uint_le((size_t)(w.p - data), size);
		ck_assert_uint_eq(data[size], 0x55);
		free(data);
	}
}
END_TEST

/* ---- attributes ---- */

static const struct service service = {
	.fsid = 0x1111222233334444,
	.uid = 1000,
	.gid = 1001,
};

static const struct attr full = {
	.fileid = 0x123456789abcdef0,
	.size = 5368709121,
	.mtime = { 1700000000, 123456789 },
	.ctime = { 1800000000, 987654321 },
	.type = FT_EXEC,
};

static void same_as_generated(const post_op_attr *attr)
{
	uint8_t by_hand[ROOM], generated[ROOM];
	struct writer w = { .p = by_hand, .end = by_hand + ROOM };
	post_op_attr copy = *attr;
	XDR xdrs;

	xdrmem_create(&xdrs, (char *)generated, ROOM, XDR_ENCODE);
	ck_assert(xdr_post_op_attr(&xdrs, &copy));
	put_post_op_attr(&w, attr);
	ck_assert_uint_eq((size_t)(w.p - by_hand), xdr_getpos(&xdrs));
	ck_assert_mem_eq(by_hand, generated, xdr_getpos(&xdrs));
}

START_TEST(attributes_by_hand)
{
	post_op_attr attr = { .attributes_follow = FALSE };

	same_as_generated(&attr);
	attr.attributes_follow = TRUE;
	attr.post_op_attr_u.attributes = attr_of(&service, &full);
	same_as_generated(&attr);
}
END_TEST

START_TEST(attributes_as_shown)
{
	static const struct {
		enum ftype type;
		ftype3 shown;
		uint32_t mode;
		bool dir;
	} kind[] = {
		{ FT_DIR, NF3DIR, 0755, true },
		{ FT_FILE, NF3REG, 0644, false },
		{ FT_EXEC, NF3REG, 0755, false },
		{ FT_SYMLINK, NF3LNK, 0777, false },
		{ FT_GITLINK, NF3DIR, 0755, true },
	};

	for (size_t i = 0; i < sizeof kind / sizeof *kind; i++) {
		struct attr in = full;
		fattr3 a;

		in.type = kind[i].type;
		in.fileid += i;         /* or it would be the same, changed */
		a = attr_of(&service, &in);
		ck_assert_int_eq(a.type, kind[i].shown);
		ck_assert_uint_eq(a.mode, kind[i].mode);
		ck_assert_uint_eq(a.nlink, 1);
		ck_assert_uint_eq(a.uid, 1000);
		ck_assert_uint_eq(a.gid, 1001);
		ck_assert_uint_eq(a.size, kind[i].dir ? 4096 : full.size);
		ck_assert_uint_eq(a.used % 512, 0);
		ck_assert(a.used >= a.size && a.used < a.size + 512);
		ck_assert_uint_eq(a.fsid, service.fsid);
		ck_assert_uint_eq(a.fileid, in.fileid);
		ck_assert_uint_eq(a.mtime.seconds, 1700000000);
		ck_assert_uint_eq(a.atime.nseconds, 123456789);
		ck_assert_uint_eq(a.ctime.nseconds, 987654321);
	}
}
END_TEST

/* Commits may say they are from anywhere in time. */
START_TEST(times_beyond_the_protocol)
{
	struct attr in = full;

	in.mtime = (struct timespec){ -1, 5 };
	in.ctime = (struct timespec){ (time_t)UINT32_MAX + 1, 5 };
	ck_assert_uint_eq(attr_of(&service, &in).mtime.seconds, 0);
	ck_assert_uint_eq(attr_of(&service, &in).mtime.nseconds, 0);
	ck_assert_uint_eq(attr_of(&service, &in).ctime.seconds, UINT32_MAX);
}
END_TEST

/* ---- errors ---- */

static const int errors[] = {
	-ENOENT, -EACCES, -EPERM, -ENOTDIR, -EISDIR, -EINVAL, -ENAMETOOLONG,
	-EROFS, -ESTALE, -EBADF, -EAGAIN, -ENOMEM, -EIO, -EBADMSG, -EFBIG,
	-ETIMEDOUT, -EHOSTUNREACH, -ECONNREFUSED, -ENOSPC, -EMFILE,
};

/* The lists of RFC 1813 for what only reads, but for the four that all
 * may answer. */
START_TEST(only_listed_errors)
{
	static const struct {
		enum nfsproc3 proc;
		nfsstat3 listed[6];
	} p[] = {
		{ NFSPROC3_GETATTR, { NFS3ERR_IO } },
		{ NFSPROC3_LOOKUP, { NFS3ERR_IO, NFS3ERR_NOENT, NFS3ERR_ACCES,
				     NFS3ERR_NOTDIR, NFS3ERR_NAMETOOLONG } },
		{ NFSPROC3_ACCESS, { NFS3ERR_IO } },
		{ NFSPROC3_READLINK, { NFS3ERR_IO, NFS3ERR_INVAL,
				       NFS3ERR_ACCES } },
		{ NFSPROC3_READ, { NFS3ERR_IO, NFS3ERR_NXIO, NFS3ERR_ACCES,
				   NFS3ERR_INVAL } },
		{ NFSPROC3_READDIR, { NFS3ERR_IO, NFS3ERR_ACCES,
				      NFS3ERR_NOTDIR } },
		{ NFSPROC3_READDIRPLUS, { NFS3ERR_IO, NFS3ERR_ACCES,
					  NFS3ERR_NOTDIR } },
		{ NFSPROC3_FSSTAT, { NFS3ERR_IO } },
		{ NFSPROC3_FSINFO, { 0 } },
		{ NFSPROC3_PATHCONF, { 0 } },
		{ NFSPROC3_COMMIT, { NFS3ERR_IO } },
	};

	for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
		for (size_t e = 0; e < sizeof errors / sizeof *errors; e++) {
			nfsstat3 s = nfs_status(p[i].proc, errors[e]);
			bool ok = s == NFS3ERR_STALE ||
				  s == NFS3ERR_BADHANDLE ||
				  s == NFS3ERR_SERVERFAULT ||
				  s == NFS3ERR_JUKEBOX;

			for (int j = 0; j < 6 && p[i].listed[j]; j++)
				ok = ok || s == p[i].listed[j];
			ck_assert_msg(ok, "procedure %d, error %d: %d",
				      p[i].proc, errors[e], s);
		}
		ck_assert_int_eq(nfs_status(p[i].proc, 0), NFS3_OK);
	}
}
END_TEST

/* Linux repeats a JUKEBOX for ever. */
START_TEST(later_only_when_it_helps)
{
	for (size_t e = 0; e < sizeof errors / sizeof *errors; e++) {
		bool later = errors[e] == -EAGAIN || errors[e] == -ENOMEM;

		ck_assert(later == (nfs_status(NFSPROC3_READ, errors[e]) ==
				    NFS3ERR_JUKEBOX));
	}
}
END_TEST

START_TEST(well_known_errors)
{
	ck_assert_int_eq(nfs_status(NFSPROC3_READ, -EISDIR), NFS3ERR_INVAL);
	ck_assert_int_eq(nfs_status(NFSPROC3_LOOKUP, -ENOENT), NFS3ERR_NOENT);
	ck_assert_int_eq(nfs_status(NFSPROC3_READ, -EBADF),
			 NFS3ERR_BADHANDLE);
	ck_assert_int_eq(nfs_status(NFSPROC3_READ, -ESTALE), NFS3ERR_STALE);
	ck_assert_int_eq(nfs_status(NFSPROC3_WRITE, -EROFS), NFS3ERR_ROFS);
	ck_assert_int_eq(nfs_status(NFSPROC3_RENAME, -EROFS), NFS3ERR_ROFS);
	ck_assert_int_eq(mount_status(-ENOENT), MNT3ERR_NOENT);
	ck_assert_int_eq(mount_status(-ENOTDIR), MNT3ERR_NOTDIR);
	ck_assert_int_eq(mount_status(-ENAMETOOLONG), MNT3ERR_NAMETOOLONG);
	ck_assert_int_eq(mount_status(-EAGAIN), MNT3ERR_IO);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, what_is_written_is_read);
	tcase_add_test(c, reading_ends_at_the_edge);
	tcase_add_test(c, writing_ends_at_the_edge);
	tcase_add_test(c, attributes_by_hand);
	tcase_add_test(c, attributes_as_shown);
	tcase_add_test(c, times_beyond_the_protocol);
	tcase_add_test(c, only_listed_errors);
	tcase_add_test(c, later_only_when_it_helps);
	tcase_add_test(c, well_known_errors);
}

int main(void)
{
	return suite_run("xdr", 60, add, NULL);
}
