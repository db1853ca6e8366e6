/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* All 22 procedures of RFC 1813 x what they can be asked of: that each
 * answers what the tables here say, that this is an error the RFC lets it
 * answer, and that every reply has exactly the bytes the RFC gives it.
 * Shapes and tables are written from the RFC and share nothing with the
 * server.  The log of this test is the table of conformance. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"

enum { PROCS = 22, JUKEBOX_MS = 100 };
enum { GARBAGE = 1, ALLOWED_MAX = 24 };         /* no nfsstat3 is 1 here */

#define COMMON N3_STALE, N3_BADHANDLE, N3_SERVERFAULT, N3_JUKEBOX
enum { EXIST = 17, XDEV = 18, FBIG = 27, NOSPC = 28, MLINK = 31,
       NOTEMPTY = 66, DQUOT = 69, NOT_SYNC = 10002, BADTYPE = 10007,
       NXIO = 6 };

/* Arguments: h handle, H a directory's; n name, N "x"; s sattr3; o offset or
 * cookie; c count; v cookie verifier; d data; t text; a digit: that word.
 * Results: f handle, F post_op_fh3, a fattr3, p post_op_attr, w wcc_data,
 * o opaque, 4 and 8 so many bytes, L and P the entries of a listing. */
static const struct shape {
	const char *name, *args, *ok, *fail;
	uint32_t allowed[ALLOWED_MAX];
} shape[PROCS] = {
	{ "NULL", "", "", "", { 0 } },
	{ "GETATTR", "h", "a", "", { N3_IO, COMMON } },
	{ "SETATTR", "hs0", "w", "w",
	  { N3_PERM, N3_IO, N3_ACCES, N3_INVAL, NOSPC, N3_ROFS, DQUOT,
	    NOT_SYNC, COMMON } },
	{ "LOOKUP", "hn", "fpp", "p",
	  { N3_IO, N3_NOENT, N3_ACCES, N3_NOTDIR, N3_NAMETOOLONG, COMMON } },
	{ "ACCESS", "hc", "p4", "p", { N3_IO, COMMON } },
	{ "READLINK", "h", "po", "p",
	  { N3_IO, N3_INVAL, N3_ACCES, N3_NOTSUPP, COMMON } },
	{ "READ", "hoc", "p44o", "p",
	  { N3_IO, NXIO, N3_ACCES, N3_INVAL, COMMON } },
	{ "WRITE", "hoc0d", "w448", "w",
	  { N3_IO, N3_ACCES, FBIG, DQUOT, NOSPC, N3_ROFS, N3_INVAL,
	    COMMON } },
	{ "CREATE", "hn0s", "Fpw", "w",
	  { N3_IO, N3_ACCES, EXIST, N3_NOTDIR, NOSPC, N3_ROFS,
	    N3_NAMETOOLONG, DQUOT, N3_NOTSUPP, COMMON } },
	{ "MKDIR", "hns", "Fpw", "w",
	  { N3_IO, N3_ACCES, EXIST, N3_NOTDIR, NOSPC, N3_ROFS,
	    N3_NAMETOOLONG, DQUOT, N3_NOTSUPP, COMMON } },
	{ "SYMLINK", "hnst", "Fpw", "w",
	  { N3_IO, N3_ACCES, EXIST, N3_NOTDIR, NOSPC, N3_ROFS,
	    N3_NAMETOOLONG, DQUOT, N3_NOTSUPP, COMMON } },
	{ "MKNOD", "hn7s", "Fpw", "w",
	  { N3_IO, N3_ACCES, EXIST, N3_NOTDIR, NOSPC, N3_ROFS,
	    N3_NAMETOOLONG, DQUOT, N3_NOTSUPP, BADTYPE, COMMON } },
	{ "REMOVE", "hn", "w", "w",
	  { N3_NOENT, N3_IO, N3_ACCES, N3_NOTDIR, N3_NAMETOOLONG, N3_ROFS,
	    COMMON } },
	{ "RMDIR", "hn", "w", "w",
	  { N3_NOENT, N3_IO, N3_ACCES, N3_INVAL, EXIST, N3_NOTDIR,
	    N3_NAMETOOLONG, N3_ROFS, NOTEMPTY, N3_NOTSUPP, COMMON } },
	{ "RENAME", "hnHN", "ww", "ww",
	  { N3_NOENT, N3_IO, N3_ACCES, EXIST, XDEV, N3_NOTDIR, N3_ISDIR,
	    N3_INVAL, NOSPC, N3_ROFS, MLINK, N3_NAMETOOLONG, NOTEMPTY, DQUOT,
	    N3_NOTSUPP, COMMON } },
	{ "LINK", "hHn", "pw", "pw",
	  { N3_IO, N3_ACCES, EXIST, XDEV, N3_NOTDIR, N3_INVAL, NOSPC,
	    N3_ROFS, MLINK, N3_NAMETOOLONG, DQUOT, N3_NOTSUPP, COMMON } },
	{ "READDIR", "hovc", "p8L4", "p",
	  { N3_IO, N3_ACCES, N3_NOTDIR, N3_BAD_COOKIE, N3_TOOSMALL,
	    COMMON } },
	{ "READDIRPLUS", "hovcc", "p8P4", "p",
	  { N3_IO, N3_ACCES, N3_NOTDIR, N3_BAD_COOKIE, N3_TOOSMALL,
	    N3_NOTSUPP, COMMON } },
	{ "FSSTAT", "h", "p8888884", "p", { N3_IO, COMMON } },
	{ "FSINFO", "h", "p44444448444", "p", { COMMON } },
	{ "PATHCONF", "h", "p444444", "p", { COMMON } },
	{ "COMMIT", "hoc", "w8", "w", { N3_IO, COMMON } },
};

/* ---- what there is ---- */

/* COLD: what of it is not there is on its way, and takes longer than a
 * client is let wait; BROKEN: it cannot be had. */
enum kind {
	LEVEL, DIRECTORY, FILE_, SYMLINK, GITLINK, PIN,
	BAD, GONE,
	COLD_DIR, COLD_FILE, COLD_LINK, COLD_SIZE,
	BROKEN_DIR, BROKEN_FILE, BROKEN_LINK, BROKEN_SIZE,
	KINDS,
};

static const char *const kind_name[KINDS] = {
	"level", "dir", "file", "symlink", "gitlink", "NAME@@", "forged",
	"gone", "dir, cold", "file, cold", "link, cold", "size, cold",
	"dir, broken", "file, broken", "link, broken", "size, broken",
};

static struct harness h;
static struct source source[6];
static struct raw conn;
static struct fh fh[KINDS];
static struct held {
	struct fake *fake;
	struct oid oid;
} held[6];
static size_t nheld;

/* "x" is in no directory. */
static struct oid contents(struct fake *f, const char *mark, struct oid *sub,
			   struct oid *blob, struct oid *link)
{
	char text[64];
	struct oid commit = { .len = OID_SHA1 };

	memset(commit.id, 0x11, OID_SHA1);
	snprintf(text, sizeof text, "blob %s\n", mark);
	*blob = fake_blob(f, text);
	snprintf(text, sizeof text, "link-%s", mark);
	*link = fake_blob(f, text);
	const struct fake_entry in_sub[] = { { "100644", "inner", *blob } };

	*sub = fake_tree(f, 1, in_sub);
	const struct fake_entry all[] = {
		{ "100644", "file", *blob },
		{ "160000", "gitlink", commit },
		{ "120000", "link", *link },
		{ "40000", "sub", *sub },
	};

	return fake_tree(f, 4, all);
}

static void walk(const char *path, struct fh *ret)
{
	uint32_t status;

	/* This machine may have other things to do. */
	do {
		status = call_walk(&conn, &fh[LEVEL], path, ret, NULL);
	} while (status == N3_JUKEBOX);
	ck_assert_uint_eq(status, N3_OK);
}

static void find(const char *path, enum kind kind)
{
	walk(path, &fh[kind]);
}

/* A handle can be had where attributes cannot: from a listing. */
static void find_listed(const char *path, const char *name, enum kind kind)
{
	CLEANUP_PAGE struct page page = { 0 };
	struct fh dir;

	walk(path, &dir);
	ck_assert_uint_eq(call_readdirplus(&conn, &dir, 0, 0, 65536, 65536,
					   &page), N3_OK);
	for (size_t i = 0; i < page.n; i++)
		if (page.entry[i].len == strlen(name) &&
		    !memcmp(page.entry[i].name, name, page.entry[i].len))
			fh[kind] = page.entry[i].fh;
	ck_assert_uint_gt(fh[kind].len, 0);
}

/* A source whose objects are held, or fail; 'sizes' tells whether it tells
 * sizes without contents. */
static struct fake *trouble(const char *mark, bool broken, bool sizes)
{
	struct fake *f = fake_new();
	struct oid sub, blob, link, tree;

	if (!sizes) {
		fake_no_stat(f);
		fake_far(f);
	}
	tree = contents(f, mark, &sub, &blob, &link);
	fake_ref(f, NULL, &tree);
	const struct oid *const oid[] = { &sub, &blob, &link };

	for (size_t i = 0; i < 3; i++) {
		if (broken) {
			fake_fail(f, oid[i], -EIO, UINT32_MAX);
			continue;
		}
		fake_hold(f, oid[i]);
		held[nheld++] = (struct held){ f, *oid[i] };
	}
	return f;
}

static struct fake *fine(const char *mark)
{
	struct fake *f = fake_new();
	struct oid sub, blob, link, tree = contents(f, mark, &sub, &blob,
						    &link);

	fake_ref(f, NULL, &tree);
	return f;
}

static void setup(void)
{
	static const char *const name[] = { "src", "gone" };

	for (size_t i = 0; i < 2; i++)
		source[i] = (struct source){ .name = name[i],
					     .fake = fine(name[i]) };
	h = (struct harness){ .source = source, .nsource = 2,
			      .jukebox_ms = 60000 };
	harness_start(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &fh[LEVEL]), N3_OK);
	find("gone/file", GONE);
	find("src/sub", DIRECTORY);
	find("src/file", FILE_);
	find("src/link", SYMLINK);
	find("src/gitlink", GITLINK);
	find("src@@", PIN);
	fh[BAD] = fh[FILE_];
	fh[BAD].data[fh[BAD].len - 1] ^= 1;
}

static void teardown(void)
{
	raw_close(&conn);
	while (nheld--)
		fake_release(held[nheld].fake, &held[nheld].oid);
	nheld = 0;
	harness_stop(&h);
	for (size_t i = 0; i < h.nsource; i++)
		fake_free(source[i].fake);
}

/* ---- a call, and its reply to the last byte ---- */

struct given {
	const struct fh *fh;
	const char *name;
	size_t len;
	uint64_t offset;
	uint32_t count;
};

static void put_sattr(struct wire *w)
{
	for (int i = 0; i < 6; i++)
		wire_put32(w, 0);
}

static void put_args(struct wire *w, const char *args, const struct given *g)
{
	for (; *args; args++) {
		switch (*args) {
		case 'h': wire_put_opaque(w, g->fh->data, g->fh->len); break;
		case 'H': call_put_fh(w, &fh[DIRECTORY]); break;
		case 'n': wire_put_opaque(w, g->name, g->len); break;
		case 'N': wire_put_opaque(w, "x", 1); break;
		case 's': put_sattr(w); break;
		case 'o': wire_put64(w, g->offset); break;
		case 'c': wire_put32(w, g->count); break;
		case 'v': wire_put64(w, 0); break;
		case 'd': wire_put_opaque(w, "data", 4); break;
		case 't': wire_put_opaque(w, "text", 4); break;
		default: wire_put32(w, (uint32_t)(*args - '0')); break;
		}
	}
}

static void read_entries(struct wire *w, bool plus)
{
	size_t len;

	while (wire_get_bool(w)) {
		wire_get64(w);
		wire_get_opaque(w, 255, &len);
		wire_get64(w);
		if (!plus)
			continue;
		call_get_post_op(w, NULL);
		if (wire_get_bool(w))
			wire_get_opaque(w, 64, &len);
	}
}

static void read_results(struct wire *w, const char *results)
{
	size_t len;

	for (; *results; results++) {
		switch (*results) {
		case 'f': wire_get_opaque(w, 64, &len); break;
		case 'F':
			if (wire_get_bool(w))
				wire_get_opaque(w, 64, &len);
			break;
		case 'a': call_get_fattr(w, NULL); break;
		case 'p': call_get_post_op(w, NULL); break;
		case 'w': call_get_wcc(w, NULL); break;
		case 'o': wire_get_opaque(w, 1 << 20, &len); break;
		case '4': wire_get32(w); break;
		case '8': wire_get64(w); break;
		case 'L': read_entries(w, false); break;
		case 'P': read_entries(w, true); break;
		}
	}
	wire_end(w);
}

static bool is_allowed(const struct shape *s, uint32_t status)
{
	for (size_t i = 0; i < ALLOWED_MAX && s->allowed[i]; i++)
		if (s->allowed[i] == status)
			return true;
	return status == N3_OK;
}

/* The status, checked against the RFC; or GARBAGE. */
static uint32_t ask(unsigned proc, const struct given *g)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	const struct shape *s = &shape[proc];
	struct raw_reply r;
	uint32_t status;

	call_begin(&call, &conn, proc);
	put_args(&call, s->args, g);
	raw_record(&conn, &call);
	ck_assert_msg(raw_receive(&conn, &reply), "%s: hung up", s->name);
	r = raw_reply(&reply);
	ck_assert_uint_eq(r.xid, conn.xid);
	ck_assert_uint_eq(r.stat, RAW_ACCEPTED);
	if (r.why == RAW_GARBAGE_ARGS) {
		wire_end(&reply);
		return GARBAGE;
	}
	ck_assert_uint_eq(r.why, RAW_SUCCESS);
	if (!proc)
		return wire_end(&reply), N3_OK;
	status = wire_get32(&reply);
	ck_assert_msg(is_allowed(s, status), "%s may not answer %u", s->name,
		      status);
	read_results(&reply, status == N3_OK ? s->ok : s->fail);
	return status;
}

static const char *status_name(uint32_t status)
{
	static const struct {
		uint32_t status;
		const char *name;
	} names[] = {
		{ N3_OK, "ok" }, { GARBAGE, "garbage" },
		{ N3_NOENT, "NOENT" }, { N3_IO, "IO" },
		{ N3_NOTDIR, "NOTDIR" }, { N3_INVAL, "INVAL" },
		{ N3_ROFS, "ROFS" }, { N3_NAMETOOLONG, "TOOLONG" },
		{ N3_STALE, "STALE" }, { N3_BADHANDLE, "BADHANDLE" },
		{ N3_TOOSMALL, "TOOSMALL" }, { N3_JUKEBOX, "JUKEBOX" },
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].status == status)
			return names[i].name;
	return "?";
}

/* ---- procedures x objects ---- */

/* Of what is there; all else is BADHANDLE or STALE. */
static const uint32_t expected[PROCS][PIN + 1] = {
#define ALL(s) { s, s, s, s, s, s }
#define DIRS(s) { s, s, N3_NOTDIR, N3_NOTDIR, s, N3_NOTDIR }
	ALL(N3_OK),                             /* NULL */
	ALL(N3_OK),                             /* GETATTR */
	ALL(N3_ROFS),                           /* SETATTR */
	DIRS(N3_NOENT),                         /* LOOKUP */
	ALL(N3_OK),                             /* ACCESS */
	{ N3_INVAL, N3_INVAL, N3_INVAL, N3_OK, N3_INVAL, N3_OK },
	{ N3_INVAL, N3_INVAL, N3_OK, N3_INVAL, N3_INVAL, N3_INVAL },
	ALL(N3_ROFS), ALL(N3_ROFS), ALL(N3_ROFS), ALL(N3_ROFS), ALL(N3_ROFS),
	ALL(N3_ROFS), ALL(N3_ROFS), ALL(N3_ROFS), ALL(N3_ROFS),
	DIRS(N3_OK),                            /* READDIR */
	DIRS(N3_OK),                            /* READDIRPLUS */
	ALL(N3_OK), ALL(N3_OK), ALL(N3_OK),     /* FSSTAT FSINFO PATHCONF */
	ALL(N3_OK),                             /* COMMIT */
};

/* Which procedures have to wait for what is cold, one bit each. */
#define BIT(proc) (1u << CALL_##proc)
static const uint32_t waits[] = {
	BIT(LOOKUP) | BIT(READDIR) | BIT(READDIRPLUS),
	BIT(READ),
	BIT(READLINK),
	BIT(GETATTR) | BIT(ACCESS) | BIT(READ),
};

static uint32_t expect_of(unsigned proc, enum kind kind)
{
	static const enum kind like[] = { DIRECTORY, FILE_, SYMLINK, FILE_ };
	unsigned i;

	if (!proc)
		return N3_OK;
	if (kind == BAD)
		return N3_BADHANDLE;
	if (kind == GONE)
		return N3_STALE;
	if (kind < BAD)
		return expected[proc][kind];
	i = (kind - COLD_DIR) % 4;
	if (waits[i] & 1u << proc)
		return kind < BROKEN_DIR ? N3_JUKEBOX : N3_IO;
	return expected[proc][like[i]];
}

static void try_columns(enum kind first, enum kind last)
{
	printf("%-12s", "");
	for (unsigned kind = first; kind <= last; kind++)
		printf("%-13s", kind_name[kind]);
	putchar('\n');
	for (unsigned proc = 0; proc < PROCS; proc++) {
		printf("%-12s", shape[proc].name);
		for (unsigned kind = first; kind <= last; kind++) {
			const struct given g = {
				.fh = &fh[kind], .name = "x", .len = 1,
				.count = 4096,
			};
			uint32_t want = expect_of(proc, kind);
			uint32_t got = ask(proc, &g);

			ck_assert_msg(got == want, "%s of %s: %u, not %u",
				      shape[proc].name, kind_name[kind], got,
				      want);
			printf("%-13s", status_name(got));
		}
		putchar('\n');
	}
	putchar('\n');
}

START_TEST(what_is_there)
{
	raw_close(&conn);
	harness_halt(&h);
	h.nsource = 1;
	harness_resume(&h);
	h.nsource = 2;          /* to be freed */
	raw_open(&conn, h.port);
	try_columns(LEVEL, GONE);
}
END_TEST

/* Metadata that is known is never "later", nor an error. */
START_TEST(what_is_not_there_yet_or_never)
{
	raw_close(&conn);
	harness_halt(&h);
	source[2] = (struct source){ "cold", .fake = trouble("c", false,
							     true) };
	source[3] = (struct source){ "unsized", .fake = trouble("u", false,
								false) };
	source[4] = (struct source){ "broken", .fake = trouble("b", true,
							       true) };
	source[5] = (struct source){ "unsizable", .fake = trouble("z", true,
								  false) };
	h.nsource = 6;
	h.jukebox_ms = JUKEBOX_MS;
	harness_resume(&h);
	raw_open(&conn, h.port);
	find("cold/sub", COLD_DIR);
	find("cold/file", COLD_FILE);
	find("cold/link", COLD_LINK);
	find_listed("unsized", "file", COLD_SIZE);
	find("broken/sub", BROKEN_DIR);
	find("broken/file", BROKEN_FILE);
	find("broken/link", BROKEN_LINK);
	find_listed("unsizable", "file", BROKEN_SIZE);
	try_columns(COLD_DIR, BROKEN_SIZE);
}
END_TEST

/* ---- procedures x arguments ---- */

static char long_name[256];

static const struct row {
	unsigned proc;
	enum kind kind;
	const char *what, *name;
	size_t len;
	uint64_t offset;
	uint32_t count, status;
} rows[] = {
#define NAME(proc, name, len, status) \
	{ CALL_##proc, DIRECTORY, #len " bytes", name, len, 0, 0, status }
#define NAMES(proc, found, empty, too_long) \
	NAME(proc, "", 0, empty), NAME(proc, "x", 1, found), \
	NAME(proc, long_name, 255, found), \
	NAME(proc, long_name, 256, too_long), \
	{ CALL_##proc, DIRECTORY, "a slash", "a/b", 3, 0, 0, found }, \
	{ CALL_##proc, DIRECTORY, "a NUL", "a\0b", 3, 0, 0, found }
	NAMES(LOOKUP, N3_NOENT, N3_NOENT, N3_NAMETOOLONG),
	NAMES(CREATE, N3_ROFS, N3_ROFS, N3_ROFS),
	NAMES(MKDIR, N3_ROFS, N3_ROFS, N3_ROFS),
	NAMES(SYMLINK, N3_ROFS, N3_ROFS, N3_ROFS),
	NAMES(MKNOD, N3_ROFS, N3_ROFS, N3_ROFS),
	NAMES(REMOVE, N3_ROFS, N3_ROFS, N3_ROFS),
	NAMES(RMDIR, N3_ROFS, N3_ROFS, N3_ROFS),
	NAMES(RENAME, N3_ROFS, N3_ROFS, N3_ROFS),
	NAMES(LINK, N3_ROFS, N3_ROFS, N3_ROFS),
	{ CALL_LOOKUP, DIRECTORY, ".", ".", 1, 0, 0, N3_OK },
	{ CALL_LOOKUP, DIRECTORY, "..", "..", 2, 0, 0, N3_OK },
	{ CALL_LOOKUP, LEVEL, "..", "..", 2, 0, 0, N3_OK },
	{ CALL_LOOKUP, GITLINK, "..", "..", 2, 0, 0, N3_OK },
	{ CALL_LOOKUP, DIRECTORY, "there", "inner", 5, 0, 0, N3_OK },
	{ CALL_LOOKUP, LEVEL, "255 bytes", long_name, 255, 0, 0, N3_NOENT },
	{ CALL_LOOKUP, LEVEL, "256 bytes", long_name, 256, 0, 0,
	  N3_NAMETOOLONG },

#define NUMBERS(proc, kind, none, all) \
	{ CALL_##proc, kind, "count 0", "", 0, 0, 0, none }, \
	{ CALL_##proc, kind, "count 2^32-1", "", 0, 0, UINT32_MAX, all }, \
	{ CALL_##proc, kind, "from 2^32", "", 0, UINT64_C(1) << 32, 4096, \
	  all }, \
	{ CALL_##proc, kind, "from 2^63-1", "", 0, INT64_MAX, 4096, all }, \
	{ CALL_##proc, kind, "from 2^63", "", 0, UINT64_C(1) << 63, 4096, \
	  all }, \
	{ CALL_##proc, kind, "from 2^64-1", "", 0, UINT64_MAX, UINT32_MAX, \
	  all }
	NUMBERS(READ, FILE_, N3_OK, N3_OK),
	NUMBERS(WRITE, FILE_, N3_ROFS, N3_ROFS),
	NUMBERS(COMMIT, FILE_, N3_OK, N3_OK),
	NUMBERS(READDIR, DIRECTORY, N3_TOOSMALL, N3_OK),
	NUMBERS(READDIRPLUS, DIRECTORY, N3_TOOSMALL, N3_OK),
	NUMBERS(READDIR, LEVEL, N3_TOOSMALL, N3_OK),
	NUMBERS(READDIRPLUS, LEVEL, N3_TOOSMALL, N3_OK),
	{ CALL_ACCESS, FILE_, "no bit", "", 0, 0, 0, N3_OK },
	{ CALL_ACCESS, FILE_, "all bits", "", 0, 0, UINT32_MAX, N3_OK },
};

START_TEST(arguments_at_their_limits)
{
	memset(long_name, 'n', sizeof long_name);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *r = &rows[i];
		const struct given g = {
			.fh = &fh[r->kind], .name = r->name, .len = r->len,
			.offset = r->offset, .count = r->count,
		};
		uint32_t got = ask(r->proc, &g);

		ck_assert_msg(got == r->status, "%s of %s, %s: %u, not %u",
			      shape[r->proc].name, kind_name[r->kind],
			      r->what, got, r->status);
		printf("%-12s %-8s %-15s %s\n", shape[r->proc].name,
		       kind_name[r->kind], r->what, status_name(got));
	}
}
END_TEST

/* Of any length: of none is it ours, and 65 bytes are no handle. */
START_TEST(handles_of_every_length)
{
	struct {
		size_t len;
		uint8_t data[68];
	} any = { 0 };

	memset(any.data, 0xa5, sizeof any.data);
	memcpy(any.data, fh[FILE_].data, fh[FILE_].len);
	for (unsigned proc = 1; proc < PROCS; proc++) {
		for (any.len = 0; any.len <= 65; any.len++) {
			struct fh cut = { .len = any.len < 64 ? any.len : 64 };
			CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
			const struct given g = { .fh = &cut, .name = "x",
						 .len = 1, .count = 4096 };

			if (any.len == fh[FILE_].len)
				continue;
			memcpy(cut.data, any.data, cut.len);
			if (any.len < 65) {
				ck_assert_uint_eq(ask(proc, &g),
						  N3_BADHANDLE);
				continue;
			}
			call_begin(&call, &conn, proc);
			wire_put_opaque(&call, any.data, any.len);
			put_args(&call, shape[proc].args + 1, &g);
			raw_record(&conn, &call);
			ck_assert(raw_receive(&conn, &reply));
			ck_assert_uint_eq(raw_reply(&reply).why,
					  RAW_GARBAGE_ARGS);
		}
	}
}
END_TEST

/* Arguments that end too early, wherever. */
START_TEST(arguments_cut_short)
{
	const struct given g = { .fh = &fh[DIRECTORY], .name = "name",
				 .len = 4, .count = 4096 };

	for (unsigned proc = 1; proc < PROCS; proc++) {
		CLEANUP_WIRE struct wire call = { 0 };
		size_t head, whole;

		call_begin(&call, &conn, proc);
		head = call.len;
		put_args(&call, shape[proc].args, &g);
		whole = call.len;
		for (size_t len = head; len < whole; len++) {
			CLEANUP_WIRE struct wire reply = { 0 };

			call.len = len;
			raw_record(&conn, &call);
			ck_assert(raw_receive(&conn, &reply));
			ck_assert_msg(raw_reply(&reply).why ==
				      RAW_GARBAGE_ARGS, "%s with %zu of %zu",
				      shape[proc].name, len - head,
				      whole - head);
		}
	}
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, what_is_there);
	tcase_add_test(c, what_is_not_there_yet_or_never);
	tcase_add_test(c, arguments_at_their_limits);
	tcase_add_test(c, handles_of_every_length);
	tcase_add_test(c, arguments_cut_short);
}

int main(void)
{
	return harness_main("it_conformance", 60, add, NULL);
}
