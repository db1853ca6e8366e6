/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The 22 procedures of NFS 3, each with its answers and its failures.
 * Listings have it_readdir. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"

enum { MEBI = 1 << 20, RTMAX = MEBI, NAME = 255 };

static struct harness h;
static struct source source[] = { { .name = "src" }, { .name = "other" } };
static struct raw conn;
static struct fh top, root, dir, file, exec, empty, link_, sub, pin, big;
static char longname[NAME + 1];

static struct fh find(const struct fh *in, const char *name)
{
	struct fh fh;

	ck_assert_msg(call_find(&conn, in, name, &fh, NULL) == N3_OK,
		      "%s", name);
	return fh;
}

static void setup(void)
{
	static char text[2 * MEBI + 1];
	struct fake *f = fake_new();
	struct oid module = fake_blob(f, "only its name is used");

	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)(i * 7 + i / 4096);
	memset(longname, 'n', NAME);
	const struct fake_entry in_dir[] = {
		{ "100644", "inner", fake_blob(f, "inner\n") },
	};
	const struct fake_entry all[] = {
		{ "100644", "big", fake_object(f, OBJ_BLOB, text,
					       sizeof text) },
		{ "40000", "dir", fake_tree(f, 1, in_dir) },
		{ "100644", "empty", fake_blob(f, "") },
		{ "100755", "exec", fake_blob(f, "#!/bin/sh\n") },
		{ "100644", "file", fake_blob(f, "0123456789") },
		{ "120000", "link", fake_blob(f, "dir/inner") },
		{ "100644", longname, fake_blob(f, "long\n") },
		{ "160000", "sub", module },
	};
	struct oid tree = fake_tree(f, 8, all);

	fake_ref(f, NULL, &tree);
	source[0].fake = source[1].fake = f;
	h = (struct harness){ .source = source, .nsource = 2 };
	harness_start(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
	root = find(&top, "src");
	pin = find(&top, "src@@");
	dir = find(&root, "dir");
	file = find(&root, "file");
	exec = find(&root, "exec");
	empty = find(&root, "empty");
	link_ = find(&root, "link");
	sub = find(&root, "sub");
	big = find(&root, "big");
}

static void teardown(void)
{
	raw_close(&conn);
	harness_stop(&h);
	fake_free(source[0].fake);
}

/* ---- GETATTR, LOOKUP, ACCESS, READLINK ---- */

START_TEST(attributes)
{
	const struct {
		const struct fh *fh;
		uint32_t type, mode;
		uint64_t size;
	} want[] = {
		{ &top, DIR, 0755, 0 }, { &root, DIR, 0755, 0 },
		{ &dir, DIR, 0755, 0 }, { &sub, DIR, 0755, 0 },
		{ &file, REG, 0644, 10 }, { &exec, REG, 0755, 10 },
		{ &empty, REG, 0644, 0 }, { &big, REG, 0644, 2 * MEBI + 1 },
		{ &link_, LNK, 0777, 9 }, { &pin, LNK, 0777, 44 },
	};
	uint64_t fsid = 0;

	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		struct fattr a;

		ck_assert_uint_eq(call_getattr(&conn, want[i].fh, &a), N3_OK);
		ck_assert_uint_eq(a.type, want[i].type);
		ck_assert_uint_eq(a.mode, want[i].mode);
		ck_assert_uint_ge(a.nlink, 1);
		if (a.type != DIR)
			ck_assert_uint_eq(a.size, want[i].size);
		ck_assert_uint_ge(a.used, a.type == REG ? a.size : 0);
		ck_assert_uint_ge(a.mtime, 1000000000);
		ck_assert_uint_ge(a.ctime, a.mtime);
		if (i)
			ck_assert_uint_eq(a.fsid, fsid);
		fsid = a.fsid;
	}
}
END_TEST

START_TEST(lookup)
{
	struct fattr attr, dir_attr, direct;
	struct fh fh;

	ck_assert_uint_eq(call_lookup(&conn, &root, "file", 4, &fh, &attr,
				      &dir_attr), N3_OK);
	ck_assert(fh_eq(&fh, &file));
	ck_assert_uint_eq(call_getattr(&conn, &file, &direct), N3_OK);
	ck_assert(fattr_eq(&attr, &direct));
	ck_assert_uint_eq(call_getattr(&conn, &root, &direct), N3_OK);
	ck_assert(fattr_eq(&dir_attr, &direct));

	ck_assert_uint_eq(call_lookup(&conn, &root, "nosuch", 6, NULL, NULL,
				      &dir_attr), N3_NOENT);
	ck_assert(fattr_eq(&dir_attr, &direct));
	ck_assert_uint_eq(call_find(&conn, &root, "FILE", NULL, NULL),
			  N3_NOENT);
	ck_assert_uint_eq(call_find(&conn, &root, "fil", NULL, NULL),
			  N3_NOENT);
	ck_assert_uint_eq(call_find(&conn, &root, "file ", NULL, NULL),
			  N3_NOENT);
	ck_assert_uint_eq(call_find(&conn, &root, ".git", NULL, NULL),
			  N3_NOENT);
	ck_assert_uint_eq(call_find(&conn, &top, "nosuch", NULL, NULL),
			  N3_NOENT);
	ck_assert_uint_eq(call_find(&conn, &top, "src@nosuch", NULL, NULL),
			  N3_NOENT);
	ck_assert_uint_eq(call_find(&conn, &sub, "any", NULL, NULL),
			  N3_NOENT);
}
END_TEST

START_TEST(lookup_in_what_is_no_directory)
{
	const struct fh *const not[] = { &file, &exec, &empty, &link_, &pin };
	static const char *const name[] = { "x", ".", ".." };

	for (size_t i = 0; i < sizeof not / sizeof *not; i++)
		for (size_t j = 0; j < 3; j++)
			ck_assert_uint_eq(call_find(&conn, not[i], name[j],
						    NULL, NULL), N3_NOTDIR);
}
END_TEST

START_TEST(dot_and_dot_dot)
{
	struct fh fh;

	ck_assert_uint_eq(call_find(&conn, &dir, ".", &fh, NULL), N3_OK);
	ck_assert(fh_eq(&fh, &dir));
	ck_assert_uint_eq(call_find(&conn, &dir, "..", &fh, NULL), N3_OK);
	ck_assert(fh_eq(&fh, &root));
	ck_assert_uint_eq(call_find(&conn, &root, "..", &fh, NULL), N3_OK);
	ck_assert(fh_eq(&fh, &top));
	ck_assert_uint_eq(call_find(&conn, &sub, "..", &fh, NULL), N3_OK);
	ck_assert(fh_eq(&fh, &root));
	ck_assert_uint_eq(call_find(&conn, &sub, ".", &fh, NULL), N3_OK);
	ck_assert(fh_eq(&fh, &sub));
	ck_assert_uint_eq(call_find(&conn, &top, ".", &fh, NULL), N3_OK);
	ck_assert(fh_eq(&fh, &top));
	ck_assert_uint_eq(call_find(&conn, &top, "..", &fh, NULL), N3_OK);
	ck_assert(fh_eq(&fh, &top));
}
END_TEST

START_TEST(odd_names)
{
	static const struct {
		const char *name;
		size_t len;
	} none[] = {
		{ "", 0 }, { "/", 1 }, { "dir/inner", 9 }, { "/file", 5 },
		{ "file/", 5 }, { "file\0", 5 }, { "file\0x", 6 },
		{ "\0", 1 }, { "\xff", 1 },
	};
	static const struct fh *const in[] = { &top, &root, &dir };
	char name[NAME + 2];

	for (size_t i = 0; i < 3 * sizeof none / sizeof *none; i++) {
		uint32_t s = call_lookup(&conn, in[i % 3], none[i / 3].name,
					 none[i / 3].len, NULL, NULL, NULL);

		ck_assert_msg(s == N3_NOENT || s == N3_ACCES, "%zu: %u",
			      i / 3, s);
	}
	memset(name, 'n', sizeof name);
	for (size_t i = 0; i < 3; i++) {
		ck_assert_uint_eq(call_lookup(&conn, in[i], name, NAME, NULL,
					      NULL, NULL),
				  in[i] == &root ? N3_OK : N3_NOENT);
		ck_assert_uint_eq(call_lookup(&conn, in[i], name, NAME + 1,
					      NULL, NULL, NULL),
				  N3_NAMETOOLONG);
	}
}
END_TEST

START_TEST(access_bits)
{
	enum { READ = 1, LOOKUP = 2, EXECUTE = 0x20, ALL = 0x3f };
	const struct {
		const struct fh *fh;
		uint32_t may;
	} want[] = {
		{ &top, READ | LOOKUP }, { &root, READ | LOOKUP },
		{ &dir, READ | LOOKUP }, { &sub, READ | LOOKUP },
		{ &file, READ }, { &exec, READ | EXECUTE }, { &empty, READ },
	};

	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		uint32_t may;

		ck_assert_uint_eq(call_access(&conn, want[i].fh, ALL, &may,
					      NULL), N3_OK);
		/* EXECUTE of a directory may be said or not. */
		if (want[i].may & LOOKUP)
			may &= ~(uint32_t)EXECUTE;
		ck_assert_uint_eq(may, want[i].may);
		for (uint32_t bit = 1; bit < ALL; bit <<= 1)
			ck_assert_uint_eq(call_access(&conn, want[i].fh, bit,
						      NULL, NULL), N3_OK);
	}
}
END_TEST

START_TEST(readlink_)
{
	CLEANUP_WIRE struct wire text = { 0 };
	const struct fh *const not[] = { &top, &root, &dir, &file, &sub };

	ck_assert_uint_eq(call_readlink(&conn, &link_, &text, NULL), N3_OK);
	ck_assert_uint_eq(text.len, 9);
	ck_assert_mem_eq(text.p, "dir/inner", 9);
	ck_assert_uint_eq(call_readlink(&conn, &pin, &text, NULL), N3_OK);
	ck_assert_uint_eq(text.len, 44);
	ck_assert_mem_eq(text.p, "src@", 4);
	for (size_t i = 0; i < sizeof not / sizeof *not; i++)
		ck_assert_uint_eq(call_readlink(&conn, not[i], NULL, NULL),
				  N3_INVAL);
}
END_TEST

/* ---- READ ---- */

static void reads(const struct fh *fh, uint64_t off, uint32_t count)
{
	CLEANUP_WIRE struct wire data = { 0 };
	struct fattr attr;
	uint64_t size, want;
	bool eof;

	ck_assert_uint_eq(call_read(&conn, fh, off, count, &data, &eof, &attr),
			  N3_OK);
	ck_assert(attr.sent);
	size = attr.size;
	want = off < size ? size - off : 0;
	if (want > count)
		want = count;
	if (want > RTMAX)
		ck_assert_uint_eq(data.len, RTMAX);
	else
		ck_assert_uint_eq(data.len, want);
	ck_assert_msg(eof == (off >= size || off + data.len >= size),
		      "eof at %llu + %u of %llu", (unsigned long long)off,
		      count, (unsigned long long)size);
	for (size_t i = 0; fh == &big && i < data.len; i++)
		if (data.p[i] != (uint8_t)((off + i) * 7 + (off + i) / 4096))
			ck_abort_msg("wrong byte at %llu",
				     (unsigned long long)off + i);
	if (fh == &file && data.len)
		ck_assert_mem_eq(data.p, &"0123456789"[off], data.len);
}

START_TEST(read_boundaries)
{
	const struct {
		const struct fh *fh;
		uint64_t size;
	} what[] = {
		{ &empty, 0 }, { &file, 10 }, { &big, 2 * MEBI + 1 },
	};

	for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
		uint64_t size = what[i].size;
		const uint64_t off[] = {
			0, 1, 5, 4095, 4096, size - 1, size, size + 1,
			MEBI - 1, MEBI, MEBI + 1, 1ull << 31, 1ull << 32,
			INT64_MAX, 1ull << 63, UINT64_MAX - 1, UINT64_MAX,
		};
		const uint32_t count[] = {
			0, 1, 2, 3, 4, 5, 4096, (uint32_t)size - 1,
			(uint32_t)size, (uint32_t)size + 1, MEBI - 1, MEBI,
			MEBI + 1, INT32_MAX, 1u << 31, UINT32_MAX,
		};

		for (size_t j = 0; j < sizeof off / sizeof *off; j++)
			for (size_t k = 0; k < sizeof count / sizeof *count;
			     k++)
				reads(what[i].fh, off[j], count[k]);
	}
}
END_TEST

START_TEST(read_of_no_file)
{
	const struct fh *const not[] = { &top, &root, &dir, &sub, &link_,
					 &pin };

	for (size_t i = 0; i < sizeof not / sizeof *not; i++)
		ck_assert_uint_eq(call_read(&conn, not[i], 0, 10, NULL, NULL,
					    NULL), N3_INVAL);
}
END_TEST

START_TEST(listing_of_no_directory)
{
	const struct fh *const not[] = { &file, &exec, &empty, &link_, &pin };
	CLEANUP_PAGE struct page page = { 0 };

	for (size_t i = 0; i < sizeof not / sizeof *not; i++) {
		ck_assert_uint_eq(call_readdir(&conn, not[i], 0, 0, 4096,
					       &page), N3_NOTDIR);
		ck_assert_uint_eq(call_readdirplus(&conn, not[i], 0, 0, 4096,
						   4096, &page), N3_NOTDIR);
	}
}
END_TEST

/* ---- what would change something ---- */

enum result { WCC, TWO_WCC, POST_OP_WCC };

static void refused(struct wire *call, enum result result)
{
	CLEANUP_WIRE struct wire reply = { 0 };

	raw_call(&conn, call, &reply);
	ck_assert_uint_eq(wire_get32(&reply), N3_ROFS);
	if (result == POST_OP_WCC)
		call_get_post_op(&reply, NULL);
	else
		call_get_wcc(&reply, NULL);
	if (result != WCC)
		call_get_wcc(&reply, NULL);
	wire_end(&reply);
	wire_free(call);
}

static void name(struct wire *w, uint32_t proc, const char *text)
{
	call_begin(w, &conn, proc);
	call_put_fh(w, &root);
	wire_put_opaque(w, text, strlen(text));
}

/* sattr3 with all set, or nothing. */
static void sattr(struct wire *w, bool set)
{
	for (int i = 0; i < 3; i++) {   /* mode, uid, gid */
		wire_put32(w, set);
		if (set)
			wire_put32(w, 0600);
	}
	wire_put32(w, set);
	if (set)
		wire_put64(w, 3);
	wire_put32(w, set ? 2 : 0);
	if (set)
		wire_put64(w, 7);
	wire_put32(w, set ? 1 : 0);
}

START_TEST(setattr_is_refused)
{
	for (int i = 0; i < 4; i++) {
		struct wire call = { 0 };

		call_begin(&call, &conn, CALL_SETATTR);
		call_put_fh(&call, i & 1 ? &file : &dir);
		sattr(&call, i & 1);
		wire_put32(&call, i >> 1);
		if (i >> 1)
			wire_put64(&call, 12345);       /* guard */
		refused(&call, WCC);
	}
}
END_TEST

START_TEST(write_is_refused)
{
	static const size_t len[] = { 0, 1, 4096, 32768 };
	static const uint8_t data[32768];

	for (size_t i = 0; i < sizeof len / sizeof *len; i++) {
		struct wire call = { 0 };

		call_begin(&call, &conn, CALL_WRITE);
		call_put_fh(&call, &file);
		wire_put64(&call, 0);
		wire_put32(&call, (uint32_t)len[i]);
		wire_put32(&call, i % 3);
		wire_put_opaque(&call, data, len[i]);
		refused(&call, WCC);
	}
}
END_TEST

START_TEST(create_is_refused)
{
	static const uint32_t type[] = { 1, 2, 3, 4, 5, 6, 7 };
	static const char *const new[] = { "new", "file" };

	for (uint32_t how = 0; how < 6; how++) {
		struct wire call = { 0 };

		name(&call, CALL_CREATE, new[how % 2]);
		wire_put32(&call, how / 2);
		if (how / 2 == 2)
			wire_put64(&call, 99);
		else
			sattr(&call, how % 2);
		refused(&call, WCC);
	}
	for (int i = 0; i < 2; i++) {
		struct wire call = { 0 };

		name(&call, CALL_MKDIR, new[i]);
		sattr(&call, i);
		refused(&call, WCC);
		name(&call, CALL_SYMLINK, new[i]);
		sattr(&call, i);
		wire_put_opaque(&call, "target", 6);
		refused(&call, WCC);
	}
	for (size_t i = 0; i < sizeof type / sizeof *type; i++) {
		struct wire call = { 0 };

		name(&call, CALL_MKNOD, "new");
		wire_put32(&call, type[i]);
		if (type[i] == 3 || type[i] == 4 || type[i] >= 6)
			sattr(&call, true);
		if (type[i] == 3 || type[i] == 4)
			wire_put64(&call, 0x100000001);
		refused(&call, WCC);
	}
}
END_TEST

START_TEST(removal_is_refused)
{
	static const char *const old[] = { "file", "dir", "nosuch", ".", ".." };

	for (size_t i = 0; i < sizeof old / sizeof *old; i++) {
		struct wire call = { 0 };

		name(&call, CALL_REMOVE, old[i]);
		refused(&call, WCC);
		name(&call, CALL_RMDIR, old[i]);
		refused(&call, WCC);
		name(&call, CALL_RENAME, old[i]);
		call_put_fh(&call, &dir);
		wire_put_opaque(&call, "new", 3);
		refused(&call, TWO_WCC);
		call_begin(&call, &conn, CALL_LINK);
		call_put_fh(&call, &file);
		call_put_fh(&call, &dir);
		wire_put_opaque(&call, old[i], strlen(old[i]));
		refused(&call, POST_OP_WCC);
	}
}
END_TEST

START_TEST(commit)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	uint32_t status;

	call_begin(&call, &conn, CALL_COMMIT);
	call_put_fh(&call, &file);
	wire_put64(&call, 0);
	wire_put32(&call, 0);
	raw_call(&conn, &call, &reply);
	status = wire_get32(&reply);
	ck_assert(status == N3_OK || status == N3_ROFS);
	call_get_wcc(&reply, NULL);
	if (status == N3_OK)
		wire_get64(&reply);
	wire_end(&reply);
}
END_TEST

/* ---- handles ---- */

START_TEST(every_bit_of_a_handle_counts)
{
	const struct fh *const all[] = { &top, &root, &dir, &file, &link_,
					 &sub, &pin, &big };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		for (size_t bit = 0; bit < 8 * all[i]->len; bit++) {
			struct fh fh = *all[i];
			uint32_t status;

			fh.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			status = call_getattr(&conn, &fh, NULL);
			ck_assert_msg(status == N3_BADHANDLE,
				      "handle %zu, bit %zu: %u", i, bit,
				      status);
		}
		ck_assert_uint_eq(call_getattr(&conn, all[i], NULL), N3_OK);
	}
}
END_TEST

START_TEST(handles_of_any_length)
{
	const struct fh *const all[] = { &top, &root, &dir, &file, &pin };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		for (size_t len = 0; len <= 64; len++) {
			struct fh fh = { .len = len };

			memcpy(fh.data, all[i]->data, all[i]->len);
			ck_assert_uint_eq(call_getattr(&conn, &fh, NULL),
					  len == all[i]->len ? N3_OK :
					  N3_BADHANDLE);
			memset(fh.data, (int)(len * 41), sizeof fh.data);
			ck_assert_uint_eq(call_getattr(&conn, &fh, NULL),
					  N3_BADHANDLE);
		}
}
END_TEST

START_TEST(one_file_one_handle)
{
	struct fh again = find(&root, "file"), other;

	ck_assert(fh_eq(&again, &file));
	other = find(&top, "other");
	ck_assert(!fh_eq(&other, &root));
	other = find(&other, "file");
	ck_assert(!fh_eq(&other, &file));
	ck_assert_uint_eq(call_walk(&conn, &dir, "../file", &again, NULL),
			  N3_OK);
	ck_assert(fh_eq(&again, &file));
}
END_TEST

/* Every procedure with a handle that is not ours. */
START_TEST(a_bad_handle_everywhere)
{
	struct fh bad = dir;
	struct fsstat stat;
	struct fsinfo info;
	struct pathconf conf;
	CLEANUP_PAGE struct page page = { 0 };

	bad.data[bad.len - 1] ^= 1;
	ck_assert_uint_eq(call_getattr(&conn, &bad, NULL), N3_BADHANDLE);
	ck_assert_uint_eq(call_find(&conn, &bad, "x", NULL, NULL),
			  N3_BADHANDLE);
	ck_assert_uint_eq(call_access(&conn, &bad, 1, NULL, NULL),
			  N3_BADHANDLE);
	ck_assert_uint_eq(call_readlink(&conn, &bad, NULL, NULL),
			  N3_BADHANDLE);
	ck_assert_uint_eq(call_read(&conn, &bad, 0, 1, NULL, NULL, NULL),
			  N3_BADHANDLE);
	ck_assert_uint_eq(call_readdir(&conn, &bad, 0, 0, 4096, &page),
			  N3_BADHANDLE);
	ck_assert_uint_eq(call_readdirplus(&conn, &bad, 0, 0, 4096, 4096,
					   &page), N3_BADHANDLE);
	ck_assert_uint_eq(call_fsstat(&conn, &bad, &stat, NULL),
			  N3_BADHANDLE);
	ck_assert_uint_eq(call_fsinfo(&conn, &bad, &info, NULL),
			  N3_BADHANDLE);
	ck_assert_uint_eq(call_pathconf(&conn, &bad, &conf, NULL),
			  N3_BADHANDLE);
}
END_TEST

START_TEST(handles_outlive_the_server)
{
	const struct fh *const all[] = { &top, &root, &dir, &file, &exec,
					 &empty, &link_, &sub, &pin, &big };
	struct fattr before[10], after;

	for (size_t i = 0; i < 10; i++)
		ck_assert_uint_eq(call_getattr(&conn, all[i], &before[i]),
				  N3_OK);
	raw_close(&conn);
	harness_restart(&h);
	raw_open(&conn, h.port);
	for (size_t i = 0; i < 10; i++) {
		ck_assert_uint_eq(call_getattr(&conn, all[i], &after), N3_OK);
		ck_assert(fattr_eq(&before[i], &after));
	}
	reads(&file, 3, 4);
}
END_TEST

/* Whose repository is no longer shown. */
START_TEST(a_handle_of_what_is_gone_is_stale)
{
	raw_close(&conn);
	h.source = &source[1];
	h.nsource = 1;
	harness_restart(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_getattr(&conn, &top, NULL), N3_OK);
	ck_assert_uint_eq(call_getattr(&conn, &root, NULL), N3_STALE);
	ck_assert_uint_eq(call_getattr(&conn, &file, NULL), N3_STALE);
	ck_assert_uint_eq(call_getattr(&conn, &pin, NULL), N3_STALE);
}
END_TEST

/* Another server's, with another secret. */
START_TEST(a_strange_handle_is_bad)
{
	struct harness h2 = { .source = source, .nsource = 2 };
	CLEANUP_RAW struct raw r;

	harness_start(&h2);
	raw_open(&r, h2.port);
	ck_assert_uint_eq(call_getattr(&r, &top, NULL), N3_BADHANDLE);
	ck_assert_uint_eq(call_getattr(&r, &file, NULL), N3_BADHANDLE);
	raw_close(&r);
	harness_stop(&h2);
}
END_TEST

/* ---- FSSTAT, FSINFO, PATHCONF ---- */

START_TEST(the_file_system)
{
	const struct fh *const all[] = { &top, &root, &dir, &file, &link_,
					 &sub, &pin };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct fattr attr, direct;
		struct fsstat stat;
		struct fsinfo info;
		struct pathconf conf;

		ck_assert_uint_eq(call_getattr(&conn, all[i], &direct), N3_OK);
		ck_assert_uint_eq(call_fsstat(&conn, all[i], &stat, &attr),
				  N3_OK);
		ck_assert(fattr_eq(&attr, &direct));
		ck_assert_uint_gt(stat.tbytes, 0);
		ck_assert_uint_le(stat.tbytes, INT64_MAX);
		ck_assert_uint_eq(stat.fbytes, 0);
		ck_assert_uint_eq(stat.abytes, 0);
		ck_assert_uint_le(stat.tfiles, INT64_MAX);
		ck_assert_uint_eq(stat.ffiles, 0);
		ck_assert_uint_eq(stat.afiles, 0);

		ck_assert_uint_eq(call_fsinfo(&conn, all[i], &info, &attr),
				  N3_OK);
		ck_assert(fattr_eq(&attr, &direct));
		ck_assert_uint_eq(info.rtmax, RTMAX);
		ck_assert(info.rtpref && info.rtpref <= info.rtmax);
		ck_assert_uint_gt(info.rtmult, 0);
		ck_assert(info.wtmax && info.wtpref && info.wtmult);
		ck_assert_uint_ge(info.dtpref, 4096);
		ck_assert_uint_ge(info.maxfilesize, INT64_MAX);
		ck_assert(info.delta_s || info.delta_ns);
		ck_assert_uint_eq(info.properties, 0x0a);

		ck_assert_uint_eq(call_pathconf(&conn, all[i], &conf, &attr),
				  N3_OK);
		ck_assert(fattr_eq(&attr, &direct));
		ck_assert_uint_ge(conf.linkmax, 1);
		ck_assert_uint_eq(conf.name_max, NAME);
		ck_assert(conf.no_trunc && conf.chown_restricted);
		ck_assert(!conf.case_insensitive && conf.case_preserving);
	}
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, attributes);
	tcase_add_test(c, lookup);
	tcase_add_test(c, lookup_in_what_is_no_directory);
	tcase_add_test(c, dot_and_dot_dot);
	tcase_add_test(c, odd_names);
	tcase_add_test(c, access_bits);
	tcase_add_test(c, readlink_);
	tcase_add_test(c, read_boundaries);
	tcase_add_test(c, read_of_no_file);
	tcase_add_test(c, listing_of_no_directory);
	tcase_add_test(c, setattr_is_refused);
	tcase_add_test(c, write_is_refused);
	tcase_add_test(c, create_is_refused);
	tcase_add_test(c, removal_is_refused);
	tcase_add_test(c, commit);
	tcase_add_test(c, every_bit_of_a_handle_counts);
	tcase_add_test(c, handles_of_any_length);
	tcase_add_test(c, one_file_one_handle);
	tcase_add_test(c, a_bad_handle_everywhere);
	tcase_add_test(c, handles_outlive_the_server);
	tcase_add_test(c, a_handle_of_what_is_gone_is_stale);
	tcase_add_test(c, a_strange_handle_is_bad);
	tcase_add_test(c, the_file_system);
}

int main(void)
{
	return harness_main("nfs3", 60, add, NULL);
}
