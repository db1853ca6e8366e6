/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* RPC over TCP and the MOUNT program, byte by byte. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"

enum { MEBI = 1 << 20, LARGE = MEBI, OUTSTANDING = 200 };

static struct harness h;
static struct source source = { .name = "src" };
static struct raw conn;
static struct fh top, root, file, large;
static struct oid large_oid;

static void setup(void)
{
	struct fake *f = fake_new();
	CLEANUP_FREE char *text = malloc(LARGE);

	memset(text, 'l', LARGE);
	large_oid = fake_object(f, OBJ_BLOB, text, LARGE);
	const struct fake_entry sub[] = {
		{ "100644", "inner", fake_blob(f, "inner\n") },
	};
	const struct fake_entry dir[] = {
		{ "40000", "sub", fake_tree(f, 1, sub) },
	};
	const struct fake_entry all[] = {
		{ "40000", "dir", fake_tree(f, 1, dir) },
		{ "100644", "file", fake_blob(f, "text\n") },
		{ "100644", "large", large_oid },
	};
	struct oid tree = fake_tree(f, 3, all);

	fake_ref(f, NULL, &tree);
	source.fake = f;
	h = (struct harness){ .source = &source, .nsource = 1,
			      .jukebox_ms = 60000 };
	harness_start(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
	ck_assert_uint_eq(call_walk(&conn, &top, "src", &root, NULL), N3_OK);
	ck_assert_uint_eq(call_find(&conn, &root, "file", &file, NULL), N3_OK);
	ck_assert_uint_eq(call_find(&conn, &root, "large", &large, NULL),
			  N3_OK);
}

static void teardown(void)
{
	raw_close(&conn);
	harness_stop(&h);
	fake_free(source.fake);
}

/* ---- replies other than success ---- */

static struct raw_reply ask(const struct wire *call, struct wire *reply)
{
	struct raw_reply r;

	raw_record(&conn, call);
	ck_assert(raw_receive(&conn, reply));
	r = raw_reply(reply);
	ck_assert_uint_eq(r.xid, conn.xid);
	return r;
}

/* What comes for a call of this procedure without arguments. */
static uint32_t accept_stat(uint32_t prog, uint32_t vers, uint32_t proc,
			    struct wire *reply)
{
	CLEANUP_WIRE struct wire call = { 0 };
	struct raw_reply r;

	raw_head(&call, ++conn.xid, prog, vers, proc);
	r = ask(&call, reply);
	ck_assert_uint_eq(r.stat, RAW_ACCEPTED);
	return r.why;
}

START_TEST(unknown_programs)
{
	static const uint32_t prog[] = {
		0, 100001, 100002, 100004, 100011, 100024, 100227, UINT32_MAX,
	};
	CLEANUP_WIRE struct wire reply = { 0 };

	for (size_t i = 0; i < sizeof prog / sizeof *prog; i++) {
		ck_assert_uint_eq(accept_stat(prog[i], 3, 0, &reply),
				  RAW_PROG_UNAVAIL);
		wire_end(&reply);
	}
}
END_TEST

START_TEST(other_versions_are_told_the_range)
{
	static const uint32_t vers[] = { 0, 1, 2, 4, 5, UINT32_MAX };
	static const uint32_t prog[] = { RAW_NFS, RAW_MOUNT };
	CLEANUP_WIRE struct wire reply = { 0 };

	for (size_t i = 0; i < 2 * sizeof vers / sizeof *vers; i++) {
		ck_assert_uint_eq(accept_stat(prog[i % 2], vers[i / 2], 0,
					      &reply), RAW_PROG_MISMATCH);
		ck_assert_uint_eq(wire_get32(&reply), 3);
		ck_assert_uint_eq(wire_get32(&reply), 3);
		wire_end(&reply);
	}
}
END_TEST

START_TEST(unknown_procedures)
{
	static const uint32_t unknown[][2] = {
		{ RAW_NFS, 22 }, { RAW_NFS, 23 }, { RAW_NFS, UINT32_MAX },
		{ RAW_NFS, 1u << 31 }, { RAW_MOUNT, 6 },
		{ RAW_MOUNT, UINT32_MAX },
	};
	CLEANUP_WIRE struct wire reply = { 0 };

	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		ck_assert_uint_eq(accept_stat(unknown[i][0], 3, unknown[i][1],
					      &reply), RAW_PROC_UNAVAIL);
		wire_end(&reply);
	}
}
END_TEST

START_TEST(null_procedures)
{
	CLEANUP_WIRE struct wire reply = { 0 };

	ck_assert_uint_eq(accept_stat(RAW_NFS, 3, 0, &reply), RAW_SUCCESS);
	wire_end(&reply);
	ck_assert_uint_eq(accept_stat(RAW_MOUNT, 3, 0, &reply), RAW_SUCCESS);
	wire_end(&reply);
}
END_TEST

/* The whole arguments of each procedure of NFS. */
static void arguments(struct wire *w, uint32_t proc)
{
	static const uint8_t verf[8];

	call_put_fh(w, proc == CALL_READ ? &file : &root);
	switch (proc) {
	case CALL_SETATTR:
		for (int i = 0; i < 7; i++)
			wire_put32(w, 0);
		break;
	case CALL_LOOKUP:
	case CALL_REMOVE:
	case CALL_RMDIR:
		wire_put_opaque(w, "file", 4);
		break;
	case CALL_ACCESS:
		wire_put32(w, 0x3f);
		break;
	case CALL_READ:
	case CALL_COMMIT:
		wire_put64(w, 0);
		wire_put32(w, 5);
		break;
	case CALL_WRITE:
		wire_put64(w, 0);
		wire_put32(w, 4);
		wire_put32(w, 2);
		wire_put_opaque(w, "data", 4);
		break;
	case CALL_CREATE:
		wire_put_opaque(w, "new", 3);
		wire_put32(w, 2);       /* EXCLUSIVE */
		wire_put_bytes(w, verf, 8);
		break;
	case CALL_MKDIR:
	case CALL_SYMLINK:
	case CALL_MKNOD:
		wire_put_opaque(w, "new", 3);
		if (proc == CALL_MKNOD)
			wire_put32(w, 7);       /* FIFO */
		for (int i = 0; i < 6; i++)
			wire_put32(w, 0);
		if (proc == CALL_SYMLINK)
			wire_put_opaque(w, "target", 6);
		break;
	case CALL_RENAME:
		wire_put_opaque(w, "file", 4);
		/* fall through */
	case CALL_LINK:
		call_put_fh(w, &root);
		wire_put_opaque(w, "new", 3);
		break;
	case CALL_READDIR:
	case CALL_READDIRPLUS:
		wire_put64(w, 0);
		wire_put_bytes(w, verf, 8);
		wire_put32(w, 4096);
		if (proc == CALL_READDIRPLUS)
			wire_put32(w, 4096);
		break;
	}
}

START_TEST(cut_arguments_are_garbage)
{
	for (uint32_t proc = CALL_GETATTR; proc <= CALL_COMMIT; proc++) {
		CLEANUP_WIRE struct wire all = { 0 };

		arguments(&all, proc);
		for (size_t len = 0; len < all.len; len += 4) {
			CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
			struct raw_reply r;

			call_begin(&call, &conn, proc);
			wire_put_bytes(&call, all.p, len);
			r = ask(&call, &reply);
			ck_assert_uint_eq(r.stat, RAW_ACCEPTED);
			ck_assert_msg(r.why == RAW_GARBAGE_ARGS,
				      "procedure %u cut to %zu of %zu: %u",
				      proc, len, all.len, r.why);
			wire_end(&reply);
		}
		CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
		call_begin(&call, &conn, proc);
		wire_put_bytes(&call, all.p, all.len);
		ck_assert_uint_eq(ask(&call, &reply).why, RAW_SUCCESS);
	}
}
END_TEST

START_TEST(overlong_arguments_are_garbage)
{
	static const uint8_t zero[2048];
	static const struct {
		uint32_t prog, proc, len;
		size_t sent;
	} bad[] = {
		{ RAW_NFS, CALL_GETATTR, 65, 68 },
		{ RAW_NFS, CALL_GETATTR, UINT32_MAX, 0 },
		{ RAW_NFS, CALL_GETATTR, UINT32_MAX - 3, 64 },
		{ RAW_NFS, CALL_GETATTR, 1u << 31, 64 },
		{ RAW_NFS, CALL_GETATTR, 64, 60 },
		{ RAW_MOUNT, 1, 1025, 1028 },
		{ RAW_MOUNT, 1, UINT32_MAX, 16 },
		{ RAW_MOUNT, 3, 1025, 1028 },
		{ RAW_MOUNT, 1, 16, 12 },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
		struct raw_reply r;

		raw_head(&call, ++conn.xid, bad[i].prog, 3, bad[i].proc);
		wire_put32(&call, bad[i].len);
		wire_put_bytes(&call, zero, bad[i].sent);
		r = ask(&call, &reply);
		ck_assert_uint_eq(r.stat, RAW_ACCEPTED);
		ck_assert_uint_eq(r.why, RAW_GARBAGE_ARGS);
	}
	/* A name may be as long as a record: that is no garbage. */
	ck_assert_uint_eq(call_lookup(&conn, &root, (const char *)zero, 2000,
				      NULL, NULL, NULL), N3_NAMETOOLONG);
}
END_TEST

START_TEST(other_rpc_versions)
{
	static const uint32_t vers[] = { 0, 1, 3, UINT32_MAX };

	for (size_t i = 0; i < sizeof vers / sizeof *vers; i++) {
		CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
		struct raw_reply r;
		uint32_t v = htonl(vers[i]);

		raw_head(&call, ++conn.xid, RAW_NFS, 3, 0);
		memcpy(call.p + 8, &v, sizeof v);
		r = ask(&call, &reply);
		ck_assert_uint_eq(r.stat, RAW_DENIED);
		ck_assert_uint_eq(r.why, RAW_RPC_MISMATCH);
		ck_assert_uint_eq(wire_get32(&reply), 2);
		ck_assert_uint_eq(wire_get32(&reply), 2);
		wire_end(&reply);
	}
}
END_TEST

/* ---- credentials ---- */

enum { BADCRED = 1, REJECTEDCRED = 2, TOOWEAK = 5 };

/* The auth_stat of a GETATTR with these credentials; 0: it was accepted. */
static uint32_t auth_stat(uint32_t flavor, const void *cred, size_t len)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	struct raw_reply r;
	uint32_t stat;

	raw_head_auth(&call, ++conn.xid, RAW_NFS, 3, CALL_GETATTR, flavor,
		      cred, len);
	call_put_fh(&call, &root);
	r = ask(&call, &reply);
	if (r.stat == RAW_ACCEPTED) {
		ck_assert_uint_eq(r.why, RAW_SUCCESS);
		return 0;
	}
	ck_assert_uint_eq(r.why, RAW_AUTH_ERROR);
	stat = wire_get32(&reply);
	wire_end(&reply);
	return stat;
}

static uint32_t auth_sys(size_t machine, uint32_t ngids, size_t gids_sent,
			 size_t excess)
{
	static const uint8_t zero[512];
	CLEANUP_WIRE struct wire sys = { 0 };

	wire_put32(&sys, 12345);
	wire_put_opaque(&sys, zero, machine);
	wire_put32(&sys, 0);
	wire_put32(&sys, 0);
	wire_put32(&sys, ngids);
	wire_put_bytes(&sys, zero, 4 * gids_sent);
	wire_put_bytes(&sys, zero, excess);
	return auth_stat(1, sys.p, sys.len);
}

START_TEST(auth_none_and_auth_sys)
{
	ck_assert_uint_eq(auth_stat(0, "", 0), 0);
	ck_assert_uint_eq(auth_sys(0, 0, 0, 0), 0);
	ck_assert_uint_eq(auth_sys(255, 16, 16, 0), 0);
}
END_TEST

START_TEST(malformed_auth_sys)
{
	ck_assert_uint_eq(auth_stat(1, "", 0), BADCRED);
	ck_assert_uint_eq(auth_sys(256, 0, 0, 0), BADCRED);
	ck_assert_uint_eq(auth_sys(4, 17, 17, 0), BADCRED);
	ck_assert_uint_eq(auth_sys(4, 16, 15, 0), BADCRED);
	ck_assert_uint_eq(auth_sys(4, UINT32_MAX, 4, 0), BADCRED);
	ck_assert_uint_eq(auth_sys(4, 1, 1, 4), BADCRED);
	ck_assert_uint_eq(auth_sys(4, 1, 1, 1), BADCRED);
}
END_TEST

START_TEST(other_flavors)
{
	static const uint32_t flavor[] = { 2, 3, 6, 7, 300000, UINT32_MAX };

	for (size_t i = 0; i < sizeof flavor / sizeof *flavor; i++) {
		uint32_t stat = auth_stat(flavor[i], "abcd", 4);

		ck_assert_msg(stat == TOOWEAK || stat == REJECTEDCRED,
			      "flavor %u: %u", flavor[i], stat);
	}
	ck_assert_uint_eq(auth_stat(0, "", 0), 0);
}
END_TEST

/* ---- records ---- */

static void getattr_record(struct wire *w, uint32_t xid)
{
	CLEANUP_WIRE struct wire call = { 0 };

	raw_head(&call, xid, RAW_NFS, 3, CALL_GETATTR);
	call_put_fh(&call, &root);
	wire_put32(w, RAW_LAST | (uint32_t)call.len);
	wire_put_bytes(w, call.p, call.len);
}

static void answered(uint32_t xid)
{
	CLEANUP_WIRE struct wire reply = { 0 };
	struct raw_reply r;

	ck_assert(raw_receive(&conn, &reply));
	r = raw_reply(&reply);
	ck_assert_uint_eq(r.xid, xid);
	ck_assert_uint_eq(r.why, RAW_SUCCESS);
	ck_assert_uint_eq(wire_get32(&reply), N3_OK);
	call_get_fattr(&reply, NULL);
	wire_end(&reply);
}

START_TEST(fragments_of_one_byte)
{
	CLEANUP_WIRE struct wire whole = { 0 }, cut = { 0 };

	getattr_record(&whole, 7);
	for (size_t i = 4; i < whole.len; i++) {
		bool last = i + 1 == whole.len;

		wire_put32(&cut, (last ? RAW_LAST : 0) | 1);
		wire_put_bytes(&cut, whole.p + i, 1);
	}
	raw_send(&conn, cut.p, cut.len);
	answered(7);
}
END_TEST

START_TEST(empty_fragments)
{
	CLEANUP_WIRE struct wire whole = { 0 }, cut = { 0 };

	getattr_record(&whole, 8);
	for (size_t i = 4; i < whole.len; i += 4) {
		wire_put32(&cut, 0);
		wire_put32(&cut, 4);
		wire_put_bytes(&cut, whole.p + i, 4);
	}
	wire_put32(&cut, RAW_LAST);
	raw_send(&conn, cut.p, cut.len);
	answered(8);
}
END_TEST

START_TEST(segments_of_one_byte)
{
	CLEANUP_WIRE struct wire whole = { 0 };

	getattr_record(&whole, 9);
	getattr_record(&whole, 10);
	for (size_t i = 0; i < whole.len; i++)
		raw_send(&conn, whole.p + i, 1);
	answered(9);
	answered(10);
}
END_TEST

static void closes(void)
{
	CLEANUP_WIRE struct wire reply = { 0 };

	ck_assert(!raw_receive(&conn, &reply));
	raw_close(&conn);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_getattr(&conn, &root, NULL), N3_OK);
}

START_TEST(a_record_over_the_limit_closes)
{
	static const uint32_t len[] = {
		64 << 20, 0x7fffffff, 0xffffffff, RAW_LAST | 64 << 20,
	};

	for (size_t i = 0; i < sizeof len / sizeof *len; i++) {
		uint32_t head = htonl(len[i]);

		raw_send(&conn, &head, sizeof head);
		closes();
	}
}
END_TEST

START_TEST(fragments_over_the_limit_close)
{
	enum { PART = 32768 };
	static uint8_t part[4 + PART];
	uint32_t head = htonl(PART);

	memcpy(part, &head, sizeof head);
	for (int i = 0; i < 64 * MEBI / PART; i++)
		raw_send(&conn, part, sizeof part);
	closes();
}
END_TEST

/* Fragments without bytes must not be for ever either. */
START_TEST(a_header_that_is_none_closes)
{
	static const size_t len[] = { 0, 1, 4, 8, 20, 24, 36 };

	for (size_t i = 0; i < sizeof len / sizeof *len; i++) {
		CLEANUP_WIRE struct wire whole = { 0 }, cut = { 0 };

		getattr_record(&whole, 11);
		wire_put32(&cut, RAW_LAST | (uint32_t)len[i]);
		wire_put_bytes(&cut, whole.p + 4, len[i]);
		raw_send(&conn, cut.p, cut.len);
		closes();
	}
}
END_TEST

START_TEST(a_reply_is_ignored)
{
	CLEANUP_WIRE struct wire whole = { 0 };
	uint32_t one = htonl(1);

	getattr_record(&whole, 12);
	memcpy(whole.p + 8, &one, sizeof one);
	getattr_record(&whole, 13);
	raw_send(&conn, whole.p, whole.len);
	answered(13);
}
END_TEST

START_TEST(half_a_record_harms_nobody)
{
	CLEANUP_WIRE struct wire whole = { 0 };

	getattr_record(&whole, 14);
	for (size_t i = 1; i < whole.len; i += 7) {
		CLEANUP_RAW struct raw r;

		raw_open(&r, h.port);
		raw_send(&r, whole.p, i);
	}
	ck_assert_uint_eq(call_getattr(&conn, &root, NULL), N3_OK);
}
END_TEST

/* ---- many calls ---- */

/* Receive 'n' answers and see that each xid from 'first' came once. */
static void each_once(uint32_t first, uint32_t n)
{
	CLEANUP_FREE bool *seen = calloc(n, sizeof *seen);

	for (uint32_t i = 0; i < n; i++) {
		CLEANUP_WIRE struct wire reply = { 0 };
		struct raw_reply r;

		ck_assert(raw_receive(&conn, &reply));
		r = raw_reply(&reply);
		ck_assert_uint_eq(r.why, RAW_SUCCESS);
		ck_assert_uint_lt(r.xid - first, n);
		ck_assert(!seen[r.xid - first]);
		seen[r.xid - first] = true;
		ck_assert_uint_eq(wire_get32(&reply), N3_OK);
	}
}

START_TEST(many_calls_in_one_segment)
{
	CLEANUP_WIRE struct wire calls = { 0 };

	for (uint32_t i = 0; i < 500; i++)
		getattr_record(&calls, 1000 + i);
	raw_send(&conn, calls.p, calls.len);
	each_once(1000, 500);
}
END_TEST

static void read_records(struct wire *w, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		CLEANUP_WIRE struct wire call = { 0 };

		raw_head(&call, first + i, RAW_NFS, 3, CALL_READ);
		call_put_fh(&call, &large);
		wire_put64(&call, i);
		wire_put32(&call, 100);
		wire_put32(w, RAW_LAST | (uint32_t)call.len);
		wire_put_bytes(w, call.p, call.len);
	}
}

START_TEST(outstanding_calls_are_answered_by_xid)
{
	CLEANUP_WIRE struct wire calls = { 0 };

	fake_hold(source.fake, &large_oid);
	read_records(&calls, 2000, OUTSTANDING);
	getattr_record(&calls, 1);
	raw_send(&conn, calls.p, calls.len);
	answered(1);    /* past all those that wait */
	fake_wait_held(source.fake, 1);
	fake_release(source.fake, &large_oid);
	each_once(2000, OUTSTANDING);
	ck_assert_uint_eq(fake_fetches(source.fake, &large_oid), 1);
}
END_TEST

/* Then the server reads no more for a while, and goes on. */
START_TEST(more_outstanding_calls_than_there_is_room_for)
{
	enum { MANY = 2000 };
	CLEANUP_WIRE struct wire calls = { 0 };

	fake_hold(source.fake, &large_oid);
	read_records(&calls, 5000, MANY);
	raw_send(&conn, calls.p, calls.len);
	fake_wait_held(source.fake, 1);
	fake_release(source.fake, &large_oid);
	each_once(5000, MANY);
	ck_assert_uint_eq(call_getattr(&conn, &root, NULL), N3_OK);
}
END_TEST

/* One that asks and never reads may fill its socket, but not our memory,
 * nor keep others waiting. */
START_TEST(a_client_that_does_not_read)
{
	enum { CALLS = 2000 };
	CLEANUP_RAW struct raw deaf;
	CLEANUP_WIRE struct wire calls = { 0 }, data = { 0 };
	uint64_t before;

	ck_assert_uint_eq(call_read(&conn, &large, 0, 1, &data, NULL, NULL),
			  N3_OK);
	before = harness_memory();
	raw_open(&deaf, h.port);
	for (uint32_t i = 0; i < CALLS; i++) {
		CLEANUP_WIRE struct wire call = { 0 };

		raw_head(&call, i, RAW_NFS, 3, CALL_READDIRPLUS);
		call_put_fh(&call, &root);
		wire_put64(&call, 0);
		wire_put64(&call, 0);
		wire_put32(&call, MEBI);
		wire_put32(&call, MEBI);
		wire_put32(&calls, RAW_LAST | (uint32_t)call.len);
		wire_put_bytes(&calls, call.p, call.len);
	}
	/* Until no more has been taken while others were served. */
	for (size_t sent = 0, idle = 0; sent < 64 * MEBI && idle < 50;) {
		size_t at = sent % calls.len;
		ssize_t n = send(deaf.fd, calls.p + at, calls.len - at,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		idle = n > 0 ? 0 : idle + 1;
		ck_assert_uint_eq(call_read(&conn, &large, 0, LARGE, &data,
					    NULL, NULL), N3_OK);
	}
	ck_assert_uint_lt(harness_memory(), before + 64 * MEBI);
}
END_TEST

START_TEST(many_connections)
{
	enum { N = 300 };
	static struct raw r[N];

	for (int i = 0; i < N; i++)
		raw_open(&r[i], h.port);
	for (int i = 0; i < N; i++)
		ck_assert_uint_eq(call_getattr(&r[i], &root, NULL), N3_OK);
	for (int i = 0; i < N; i++)
		raw_close(&r[i]);
	ck_assert_uint_eq(call_getattr(&conn, &root, NULL), N3_OK);
}
END_TEST

/* ---- MOUNT ---- */

START_TEST(mount_any_directory)
{
	static const char *const path[] = {
		"/src", "/src/", "//src", "/src/dir", "/src/dir/sub",
		"/src//dir/./sub/", "/src/dir/..", "/src/dir/../dir/sub",
	};
	struct fh fh;
	struct fattr attr;

	ck_assert_uint_eq(call_mnt(&conn, "/", &fh), N3_OK);
	ck_assert(fh_eq(&fh, &top));
	for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
		ck_assert_msg(call_mnt(&conn, path[i], &fh) == N3_OK,
			      "%s", path[i]);
		ck_assert_uint_eq(call_getattr(&conn, &fh, &attr), N3_OK);
		ck_assert_uint_eq(attr.type, DIR);
	}
	ck_assert_uint_eq(call_mnt(&conn, "/src", &fh), N3_OK);
	ck_assert(fh_eq(&fh, &root));
}
END_TEST

START_TEST(mount_nothing_else)
{
	char longname[300], longpath[1025];
	struct fh fh;

	memset(longname, 'n', sizeof longname);
	longname[0] = '/';
	longname[sizeof longname - 1] = 0;
	memset(longpath, '/', sizeof longpath);
	longpath[sizeof longpath - 1] = 0;
	ck_assert_uint_eq(call_mnt(&conn, "/nosuch", &fh), N3_NOENT);
	ck_assert_uint_eq(call_mnt(&conn, "/src/nosuch", &fh), N3_NOENT);
	ck_assert_uint_eq(call_mnt(&conn, "/src/nosuch/dir", &fh), N3_NOENT);
	ck_assert_uint_eq(call_mnt(&conn, "/src/file", &fh), N3_NOTDIR);
	ck_assert_uint_eq(call_mnt(&conn, "/src/file/dir", &fh), N3_NOTDIR);
	ck_assert_uint_eq(call_mnt(&conn, longname, &fh), N3_NAMETOOLONG);
	ck_assert_uint_eq(call_mnt(&conn, longpath, &fh), N3_OK);
	ck_assert(fh_eq(&fh, &top));
}
END_TEST

START_TEST(mount_lists)
{
	CLEANUP_WIRE struct wire reply = { 0 };
	bool found = false;

	/* DUMP: whatever it knows, well formed. */
	ck_assert_uint_eq(accept_stat(RAW_MOUNT, 3, 2, &reply), RAW_SUCCESS);
	while (wire_get_bool(&reply)) {
		size_t len;

		wire_get_opaque(&reply, 255, &len);
		wire_get_opaque(&reply, 1024, &len);
	}
	wire_end(&reply);

	/* EXPORT: "/" is among them, for anybody. */
	ck_assert_uint_eq(accept_stat(RAW_MOUNT, 3, 5, &reply), RAW_SUCCESS);
	while (wire_get_bool(&reply)) {
		size_t len, group;
		const uint8_t *path = wire_get_opaque(&reply, 1024, &len);

		if (len == 1 && *path == '/')
			found = true;
		while (wire_get_bool(&reply))
			wire_get_opaque(&reply, 255, &group);
	}
	wire_end(&reply);
	ck_assert(found);
}
END_TEST

START_TEST(unmount)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };

	raw_head(&call, ++conn.xid, RAW_MOUNT, 3, 3);
	wire_put_opaque(&call, "/src", 4);
	raw_call(&conn, &call, &reply);
	wire_end(&reply);
	ck_assert_uint_eq(accept_stat(RAW_MOUNT, 3, 4, &reply), RAW_SUCCESS);
	wire_end(&reply);
	ck_assert_uint_eq(call_getattr(&conn, &root, NULL), N3_OK);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, unknown_programs);
	tcase_add_test(c, other_versions_are_told_the_range);
	tcase_add_test(c, unknown_procedures);
	tcase_add_test(c, null_procedures);
	tcase_add_test(c, cut_arguments_are_garbage);
	tcase_add_test(c, overlong_arguments_are_garbage);
	tcase_add_test(c, other_rpc_versions);
	tcase_add_test(c, auth_none_and_auth_sys);
	tcase_add_test(c, malformed_auth_sys);
	tcase_add_test(c, other_flavors);
	tcase_add_test(c, fragments_of_one_byte);
	tcase_add_test(c, empty_fragments);
	tcase_add_test(c, segments_of_one_byte);
	tcase_add_test(c, a_record_over_the_limit_closes);
	tcase_add_test(c, fragments_over_the_limit_close);
	tcase_add_test(c, a_header_that_is_none_closes);
	tcase_add_test(c, a_reply_is_ignored);
	tcase_add_test(c, half_a_record_harms_nobody);
	tcase_add_test(c, many_calls_in_one_segment);
	tcase_add_test(c, outstanding_calls_are_answered_by_xid);
	tcase_add_test(c, more_outstanding_calls_than_there_is_room_for);
	tcase_add_test(c, a_client_that_does_not_read);
	tcase_add_test(c, many_connections);
	tcase_add_test(c, mount_any_directory);
	tcase_add_test(c, mount_nothing_else);
	tcase_add_test(c, mount_lists);
	tcase_add_test(c, unmount);
}

int main(void)
{
	return harness_main("rpc", 60, add, NULL);
}
