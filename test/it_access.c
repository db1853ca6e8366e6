/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Who may see what: by address, by port, by uid, by secret; with the right
 * answers for those who may not, whatever handles they got hold of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/fs.h"
#include "common/cleanup.h"
#include "nfsd/access.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"
#include "test/scratch.h"

enum {
	TOO_WEAK = 5, PROCS = 22, MEBI = 1 << 20,
	ROOT = 0, ANN = 1000, BOB = 1001,
	PORT_MIN = 900, PORT_MAX = 1023,
	PORTMAP = 100000,
};

static struct harness h;
static struct fake *f;
static struct oid file_oid;

/* ---- servers ---- */

static struct rule *rule(void)
{
	struct rule *r;

	ck_assert(!rule_new(&r, "test"));
	return r;
}

static struct rule *network(const char *text)
{
	struct rule *r = rule();

	ck_assert(!rule_add_network(r, text));
	return r;
}

static struct rule *uids(const char *text)
{
	struct rule *r = rule();

	ck_assert(!rule_add_uid(r, text));
	return r;
}

static struct rule *secret(const char *text)
{
	CLEANUP_FREE char *dir = scratch_dir(), *path = NULL;
	struct rule *r = rule();
	FILE *to;

	ck_assert_int_ge(asprintf(&path, "%s/secret", dir), 0);
	to = fopen(path, "w");
	ck_assert_ptr_nonnull(to);
	fprintf(to, "%s\n", text);
	fclose(to);
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_assert_int_eq(rule_read_secret(r, path), 0);
	return r;
}

static void make_fake(void)
{
	f = fake_new();
	file_oid = fake_blob(f, "text\n");
	const struct fake_entry in[] = { { "100644", "file", file_oid } };
	struct oid dir = fake_tree(f, 1, in);
	const struct fake_entry all[] = {
		{ "40000", "dir", dir }, { "100644", "file", file_oid },
	};
	struct oid tree = fake_tree(f, 2, all);

	fake_ref(f, NULL, &tree);
	fake_ref(f, "other", &dir);
}

/* "/public", and "/private" for those whom 'r' admits. */
static struct source sources[2];

static void serve_two(const struct rule *r)
{
	sources[0] = (struct source){ .name = "public", .fake = f };
	sources[1] = (struct source){ .name = "private", .fake = f,
				      .rule = r };
	h = (struct harness){ .source = sources, .nsource = 2,
			      .ref_ttl = 3600000 };
	harness_start(&h);
}

/* One for those whom 'r' admits. */
static void serve_to(const struct rule *r)
{
	sources[0] = (struct source){ .name = "public", .fake = f };
	h = (struct harness){ .source = sources, .nsource = 1, .rule = r };
	harness_start(&h);
}

static struct raw at(const char *address)
{
	struct raw r;

	ck_assert(raw_open_from(&r, h.port, address, 0));
	return r;
}

static void setup(void)
{
	make_fake();
	raw_be(ANN);
}

static void teardown(void)
{
	harness_stop(&h);
	fake_free(f);
}

/* ---- answers ---- */

/* Call a procedure with these handles and enough behind for whatever else
 * it wants.  Whether it was told that its credentials are too weak. */
static bool too_weak(struct raw *r, uint32_t prog, uint32_t proc,
		     const struct fh *fh, const struct fh *second)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	struct raw_reply head;

	raw_head(&call, ++r->xid, prog, 3, proc);
	if (fh)
		call_put_fh(&call, fh);
	if (proc == CALL_RENAME)
		wire_put_opaque(&call, "name", 4);
	if (second)
		call_put_fh(&call, second);
	for (int i = 0; i < 32; i++)
		wire_put32(&call, 0);
	raw_record(r, &call);
	ck_assert(raw_receive(r, &reply));
	head = raw_reply(&reply);
	ck_assert_uint_eq(head.xid, r->xid);
	if (head.stat != RAW_DENIED)
		return false;
	ck_assert_uint_eq(head.why, RAW_AUTH_ERROR);
	ck_assert_uint_eq(wire_get32(&reply), TOO_WEAK);
	wire_end(&reply);
	return true;
}

/* Nor is a lock to be had there. */
static bool grants_lock(struct raw *r, const struct fh *fh)
{
	enum { NLM = 100021, NLM_LOCK = 2, GRANTED = 0 };
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };

	raw_head(&call, ++r->xid, NLM, 4, NLM_LOCK);
	wire_put_opaque(&call, "cookie!", 7);
	wire_put64(&call, 0);           /* neither waiting nor exclusive */
	wire_put_opaque(&call, "client", 6);
	call_put_fh(&call, fh);
	wire_put_opaque(&call, "owner", 5);
	for (int i = 0; i < 7; i++)
		wire_put32(&call, 0);
	raw_record(r, &call);
	ck_assert(raw_receive(r, &reply));
	if (raw_reply(&reply).stat != RAW_ACCEPTED)
		return false;
	wire_get64(&reply);             /* the cookie, with its length */
	wire_get32(&reply);
	return wire_get32(&reply) == GRANTED;
}

/* Every procedure refuses this handle, also as the second of two. */
static void all_refuse(struct raw *r, const struct fh *fh,
		       const struct fh *good)
{
	for (uint32_t proc = 1; proc < PROCS; proc++)
		ck_assert_msg(too_weak(r, RAW_NFS, proc, fh, NULL), "%u",
			      proc);
	ck_assert(!grants_lock(r, fh));
	if (!good)
		return;
	ck_assert(!too_weak(r, RAW_NFS, CALL_RENAME, good, good));
	ck_assert(too_weak(r, RAW_NFS, CALL_RENAME, good, fh));
	ck_assert(too_weak(r, RAW_NFS, CALL_LINK, good, fh));
}

static void none_refuses(struct raw *r, const struct fh *fh)
{
	for (uint32_t proc = 1; proc < PROCS; proc++)
		ck_assert_msg(!too_weak(r, RAW_NFS, proc, fh, NULL), "%u",
			      proc);
	ck_assert(grants_lock(r, fh));
}

static bool page_has(const struct page *page, const char *name)
{
	for (size_t i = 0; i < page->n; i++)
		if (page->entry[i].len == strlen(name) &&
		    !memcmp(page->entry[i].name, name, strlen(name)))
			return true;
	return false;
}

static bool lists(struct raw *r, const struct fh *dir, const char *name)
{
	CLEANUP_PAGE struct page page = { 0 };
	bool found;

	ck_assert_uint_eq(call_readdir(r, dir, 0, 0, MEBI, &page), N3_OK);
	ck_assert(page.eof);
	found = page_has(&page, name);
	ck_assert_uint_eq(call_readdirplus(r, dir, 0, 0, MEBI, MEBI, &page),
			  N3_OK);
	ck_assert(page.eof);
	ck_assert(page_has(&page, name) == found);
	return found;
}

/* Everything that shows what is in /private, as somebody who may. */
enum { SEEN = 6 };
static struct fh top, seen[SEEN];

static void look_around(struct raw *r)
{
	static const char *const path[SEEN] = {
		"private", "private/dir", "private/file", "private/dir/file",
		"private@other", "private@@",
	};

	ck_assert_uint_eq(call_mnt(r, "/", &top), N3_OK);
	for (int i = 0; i < SEEN; i++) {
		ck_assert_uint_eq(call_walk(r, &top, path[i], &seen[i], NULL),
				  N3_OK);
		none_refuses(r, &seen[i]);
	}
	ck_assert_uint_eq(call_mnt(r, "/private/dir", &seen[1]), N3_OK);
	ck_assert(lists(r, &top, "private"));
	ck_assert(lists(r, &top, "private@@"));
}

/* The same for somebody who may not, with all those handles. */
static void sees_nothing(struct raw *r)
{
	static const char *const name[] = {
		"private", "private@other", "private@@", "private@nosuch",
	};
	unsigned jobs, resolves;
	struct fh own, good;

	ck_assert_uint_eq(call_mnt(r, "/", &own), N3_OK);
	ck_assert(fh_eq(&own, &top));
	ck_assert_uint_eq(call_find(r, &top, "public", &good, NULL), N3_OK);
	none_refuses(r, &good);
	none_refuses(r, &top);
	jobs = fake_jobs(f);
	resolves = fake_resolves(f);
	for (int i = 0; i < SEEN; i++)
		all_refuse(r, &seen[i], &good);
	for (size_t i = 0; i < sizeof name / sizeof *name; i++)
		ck_assert_uint_eq(call_find(r, &top, name[i], NULL, NULL),
				  N3_ACCES);
	ck_assert_uint_eq(call_mnt(r, "/private", &own), N3_ACCES);
	ck_assert_uint_eq(call_mnt(r, "/private/dir", &own), N3_ACCES);
	ck_assert_uint_eq(call_mnt(r, "/public/../private", &own), N3_ACCES);
	ck_assert(!lists(r, &top, "private"));
	ck_assert(!lists(r, &top, "private@@"));
	ck_assert(lists(r, &top, "public"));
	ck_assert_uint_eq(call_find(r, &top, "nosuch", NULL, NULL), N3_NOENT);
	/* What may not be seen is not asked for, either. */
	ck_assert_uint_eq(fake_jobs(f), jobs);
	ck_assert_uint_eq(fake_resolves(f), resolves);
}

/* ---- the tests ---- */

START_TEST(a_listener_admits_networks)
{
	struct rule *r = network("127.0.0.2/31");
	CLEANUP_RAW struct raw in = { 0 }, out = { 0 };
	struct fh fh;

	serve_to(r);
	in = at("127.0.0.3");
	out = at("127.0.0.4");
	ck_assert_uint_eq(call_mnt(&in, "/public", &fh), N3_OK);
	none_refuses(&in, &fh);
	ck_assert_uint_eq(call_mnt(&out, "/public", &fh), N3_ACCES);
	ck_assert_uint_eq(call_mnt(&out, "/nosuch", &fh), N3_ACCES);
	all_refuse(&out, &fh, NULL);
	/* Is it alive?  That much may be known. */
	ck_assert(!too_weak(&out, RAW_NFS, 0, NULL, NULL));
	ck_assert(!too_weak(&out, RAW_MOUNT, 0, NULL, NULL));
	ck_assert(!too_weak(&out, PORTMAP, 0, NULL, NULL));
	/* Where what is, by TCP as in datagrams, which are not answered. */
	for (uint32_t proc = 1; proc < 5; proc++)
		ck_assert(too_weak(&out, PORTMAP, proc, NULL, NULL));
	ck_assert(!too_weak(&in, PORTMAP, 4, NULL, NULL));
	/* Who else has mounted, what there is to mount. */
	for (uint32_t proc = 2; proc < 6; proc++)
		ck_assert(too_weak(&out, RAW_MOUNT, proc, NULL, NULL));
	rule_free(r);
}
END_TEST

START_TEST(a_source_admits_networks)
{
	struct rule *r = network("127.0.0.2");
	CLEANUP_RAW struct raw in = { 0 }, out = { 0 };

	serve_two(r);
	in = at("127.0.0.2");
	out = at("127.0.0.1");
	look_around(&in);
	sees_nothing(&out);
	look_around(&in);
	/* A handle says what it is of, also to a server that knows nothing
	 * else yet. */
	raw_close(&in);
	raw_close(&out);
	harness_restart(&h);
	out = at("127.0.0.1");
	for (int i = 0; i < SEEN; i++)
		all_refuse(&out, &seen[i], NULL);
	rule_free(r);
}
END_TEST

START_TEST(a_source_admits_uids)
{
	struct rule *r = uids("1001-1003");
	CLEANUP_RAW struct raw conn = { 0 };

	/* On one connection, as of a machine with several users. */
	serve_two(r);
	conn = at("127.0.0.1");
	for (int i = 0; i < 3; i++) {
		raw_be(BOB);
		look_around(&conn);
		raw_be(ANN);
		sees_nothing(&conn);
		raw_be(ROOT);
		sees_nothing(&conn);
	}
	rule_free(r);
}
END_TEST

START_TEST(a_listener_admits_uids)
{
	struct rule *r = uids("1001");
	CLEANUP_RAW struct raw conn = { 0 };
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	struct fh fh;

	serve_to(r);
	conn = at("127.0.0.1");
	raw_be(BOB);
	ck_assert_uint_eq(call_mnt(&conn, "/public", &fh), N3_OK);
	none_refuses(&conn, &fh);
	raw_be(ANN);
	all_refuse(&conn, &fh, NULL);
	ck_assert_uint_eq(call_mnt(&conn, "/public", &fh), N3_ACCES);
	/* Nobody is not anybody. */
	raw_head_auth(&call, 7, RAW_NFS, 3, CALL_GETATTR, 0, NULL, 0);
	call_put_fh(&call, &fh);
	raw_record(&conn, &call);
	ck_assert(raw_receive(&conn, &reply));
	ck_assert_uint_eq(raw_reply(&reply).stat, RAW_DENIED);
	rule_free(r);
}
END_TEST

START_TEST(a_port_below_1024)
{
	struct rule *r = rule();
	CLEANUP_RAW struct raw in = { 0 }, out = { 0 };
	struct fh fh;
	bool root = false;

	rule_set_reserved_port(r, true);
	serve_to(r);
	for (uint16_t port = PORT_MAX; !root && port > PORT_MIN; port--)
		root = raw_open_from(&in, h.port, "127.0.0.1", port);
	out = at("127.0.0.1");
	ck_assert_uint_eq(call_mnt(&out, "/public", &fh), N3_ACCES);
	if (root) {
		ck_assert_uint_eq(call_mnt(&in, "/public", &fh), N3_OK);
		none_refuses(&in, &fh);
		all_refuse(&out, &fh, NULL);
	} else {
		puts("not root: no port below 1024 to call from");
	}
	rule_free(r);
}
END_TEST

#define SECRET "a-secret-of-20-chars"
#define OTHER "b-secret-of-20-chars"

/* How many directories it is told of. */
static unsigned exports(struct raw *conn)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	unsigned n = 0;
	size_t len;

	raw_head(&call, ++conn->xid, RAW_MOUNT, 3, 5 /* EXPORT */);
	raw_call(conn, &call, &reply);
	for (; wire_get_bool(&reply); n++) {
		wire_get_opaque(&reply, 1024, &len);
		ck_assert(!wire_get_bool(&reply));      /* groups */
	}
	wire_end(&reply);
	return n;
}

START_TEST(a_listener_has_a_secret)
{
	struct rule *r = secret(SECRET);
	CLEANUP_RAW struct raw conn = { 0 };
	struct fh fh;

	serve_to(r);
	conn = at("127.0.0.1");
	ck_assert_uint_eq(call_mnt(&conn, "/", &fh), N3_ACCES);
	ck_assert_uint_eq(call_mnt(&conn, "/public", &fh), N3_ACCES);
	ck_assert_uint_eq(call_mnt(&conn, "/" OTHER "/public", &fh), N3_ACCES);
	ck_assert_uint_eq(call_mnt(&conn, "/" SECRET "x", &fh), N3_ACCES);
	ck_assert_uint_eq(call_mnt(&conn, "/public/" SECRET, &fh), N3_ACCES);
	ck_assert_uint_eq(call_mnt(&conn, "/" SECRET "/nosuch", &fh),
			  N3_NOENT);
	/* Nor is it told of "/", which leads nowhere. */
	ck_assert_uint_eq(exports(&conn), 0);
	ck_assert_uint_eq(call_mnt(&conn, "/" SECRET, &fh), N3_OK);
	ck_assert_uint_eq(call_mnt(&conn, "//" SECRET "//public", &fh), N3_OK);
	none_refuses(&conn, &fh);
	rule_free(r);
}
END_TEST

START_TEST(a_source_has_a_secret)
{
	struct rule *r = secret(SECRET);
	CLEANUP_RAW struct raw conn = { 0 };
	struct fh fh, dir;

	serve_two(r);
	conn = at("127.0.0.1");
	ck_assert_uint_eq(call_mnt(&conn, "/", &fh), N3_OK);
	ck_assert_uint_eq(exports(&conn), 1);
	ck_assert(!lists(&conn, &fh, "private"));
	ck_assert_uint_eq(call_find(&conn, &fh, "private", NULL, NULL),
			  N3_ACCES);
	ck_assert_uint_eq(call_mnt(&conn, "/private", &fh), N3_ACCES);
	ck_assert_uint_eq(call_mnt(&conn, "/" OTHER "/private", &fh),
			  N3_NOENT);
	ck_assert_uint_eq(call_mnt(&conn, "/" SECRET "/private", &fh), N3_OK);
	none_refuses(&conn, &fh);
	ck_assert_uint_eq(call_find(&conn, &fh, "dir", &dir, NULL), N3_OK);
	none_refuses(&conn, &dir);
	/* It opens nothing else. */
	ck_assert_uint_eq(call_mnt(&conn, "/" SECRET, &fh), N3_OK);
	ck_assert_uint_eq(call_find(&conn, &fh, "private", NULL, NULL),
			  N3_ACCES);
	rule_free(r);
}
END_TEST

START_TEST(a_pattern_admits_networks)
{
	struct rule *r = network("127.0.0.2");
	CLEANUP_FREE char *dir = scratch_dir(), *pattern = NULL;
	CLEANUP_RAW struct raw in = { 0 }, out = { 0 };
	struct source source = { .name = "team", .rule = r };
	static const char *const path[] = {
		"team", "team/ann", "team/ann/tools", "team/ann/tools@@",
	};
	struct fh fh[4], own;

	shell("cp -r '%s' '%s/tools.git' && mkdir '%s/ann' &&"
	      " mv '%s/tools.git' '%s/ann'", harness_repo("bare"), dir, dir,
	      dir, dir);
	ck_assert_int_ge(asprintf(&pattern, "%s/{owner}/{repo}.git", dir), 0);
	source.pattern = pattern;
	h = (struct harness){ .source = &source, .nsource = 1 };
	harness_start(&h);
	in = at("127.0.0.2");
	out = at("127.0.0.1");
	ck_assert_uint_eq(call_mnt(&in, "/", &top), N3_OK);
	ck_assert_uint_eq(call_mnt(&out, "/", &own), N3_OK);
	for (int restarted = 0; restarted < 2; restarted++) {
		for (int i = 0; i < 4; i++) {
			ck_assert_uint_eq(call_walk(&in, &top, path[i], &fh[i],
						    NULL), N3_OK);
			none_refuses(&in, &fh[i]);
			all_refuse(&out, &fh[i], &top);
		}
		ck_assert(lists(&in, &top, "team"));
		ck_assert(!lists(&out, &top, "team"));
		ck_assert_uint_eq(call_find(&out, &top, "team", NULL, NULL),
				  N3_ACCES);
		ck_assert_uint_eq(call_mnt(&out, "/team/ann/tools", &own),
				  N3_ACCES);
		raw_close(&in);
		raw_close(&out);
		if (restarted)
			break;
		harness_restart(&h);
		in = at("127.0.0.2");
		out = at("127.0.0.1");
		for (int i = 0; i < 4; i++)
			all_refuse(&out, &fh[i], &top);
	}
	rule_free(r);
}
END_TEST

static void make(void)
{
	harness_repo("bare");
}

static void add(TCase *c)
{
	tcase_add_unchecked_fixture(c, make, NULL);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_listener_admits_networks);
	tcase_add_test(c, a_source_admits_networks);
	tcase_add_test(c, a_source_admits_uids);
	tcase_add_test(c, a_listener_admits_uids);
	tcase_add_test(c, a_port_below_1024);
	tcase_add_test(c, a_listener_has_a_secret);
	tcase_add_test(c, a_source_has_a_secret);
	tcase_add_test(c, a_pattern_admits_networks);
}

int main(void)
{
	return harness_main("access", 60, add, NULL);
}
