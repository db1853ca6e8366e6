/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Calls that wait for a source: who asks it, who is told, who is not kept
 * waiting, and what happens when it is slow, wrong or gone. */
#include <errno.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "nfsd/access.h"
#include "nfsd/conn.h"
#include "nfsd/server.h"
#include "nfsd/tally.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"

enum {
	CONNS = 10, EACH = 10, PATIENCE = 10000,
	SOON_MS = 100,          /* until JUKEBOX, where that is the point */
	DEEP = 90,              /* directories above a file */
};

static struct harness h;
static struct source source = { .name = "src" };
static struct fake *f;
static struct raw conn;
static struct fh top, root, warm, cold, dir;
static struct oid cold_oid, dir_oid, tree_oid;
static const char cold_text[] = "what has to be fetched\n";

static void connect_(void)
{
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
}

/* As a client does that is told to come back. */
static struct fh find(const struct fh *in, const char *name)
{
	struct fh fh;
	uint32_t s;

	do
		s = call_find(&conn, in, name, &fh, NULL);
	while (s == N3_JUKEBOX);
	ck_assert_uint_eq(s, N3_OK);
	return fh;
}

static void begin(uint32_t jukebox_ms)
{
	f = source.fake = fake_new();
	cold_oid = fake_blob(f, cold_text);
	const struct fake_entry in[] = {
		{ "100644", "inner", fake_blob(f, "inner\n") },
	};
	dir_oid = fake_tree(f, 1, in);
	const struct fake_entry all[] = {
		{ "100644", "cold", cold_oid },
		{ "40000", "dir", dir_oid },
		{ "100644", "warm", fake_blob(f, "warm\n") },
	};

	tree_oid = fake_tree(f, 3, all);
	fake_ref(f, NULL, &tree_oid);
	h = (struct harness){ .source = &source, .nsource = 1,
			      .jukebox_ms = jukebox_ms };
	harness_start(&h);
	connect_();
	root = find(&top, "src");
	warm = find(&root, "warm");
	while (call_read(&conn, &warm, 0, 9, NULL, NULL, NULL) == N3_JUKEBOX)
		;
	cold = find(&root, "cold");
	dir = find(&root, "dir");
	ck_assert_uint_eq(fake_fetches(f, &cold_oid), 0);
}

static void setup(void)
{
	begin(60000);
}

static void setup_impatient(void)
{
	begin(SOON_MS);
}

static void teardown(void)
{
	raw_close(&conn);
	harness_stop(&h);
	fake_free(f);
}

static void restart(void)
{
	raw_close(&conn);
	harness_restart(&h);
	connect_();
}

static void pause_(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	nanosleep(&moment, NULL);
}

static void begin_read(struct wire *call, const struct fh *fh, uint32_t xid)
{
	raw_head(call, xid, RAW_NFS, 3, CALL_READ);
	call_put_fh(call, fh);
	wire_put64(call, 0);
	wire_put32(call, 4096);
}

static void ask(struct raw *r, const struct fh *fh, uint32_t xid)
{
	CLEANUP_WIRE struct wire call = { 0 };

	begin_read(&call, fh, xid);
	raw_record(r, &call);
}

/* The status of the next answer; the right bytes when it is OK. */
static uint32_t answer(struct raw *r, uint32_t *xid)
{
	CLEANUP_WIRE struct wire reply = { 0 };
	struct raw_reply head;
	uint32_t status;
	const uint8_t *text;
	size_t len;

	ck_assert(raw_receive(r, &reply));
	head = raw_reply(&reply);
	*xid = head.xid;
	ck_assert_uint_eq(head.stat, RAW_ACCEPTED);
	ck_assert_uint_eq(head.why, RAW_SUCCESS);
	status = wire_get32(&reply);
	call_get_post_op(&reply, NULL);
	if (status == N3_OK) {
		wire_get32(&reply);
		ck_assert(wire_get_bool(&reply));
		text = wire_get_opaque(&reply, 4096, &len);
		ck_assert_uint_eq(len, strlen(cold_text));
		ck_assert_mem_eq(text, cold_text, len);
	}
	wire_end(&reply);
	return status;
}

/* A hundred calls for the one file. */
static void crowd(struct raw r[CONNS])
{
	for (int i = 0; i < CONNS; i++) {
		raw_open(&r[i], h.port);
		for (uint32_t j = 0; j < EACH; j++)
			ask(&r[i], &cold, j);
	}
	fake_wait_held(f, 1);
}

static void crowd_answered(struct raw r[CONNS], uint32_t status)
{
	for (int i = 0; i < CONNS; i++) {
		unsigned seen = 0;

		for (int j = 0; j < EACH; j++) {
			uint32_t xid;

			ck_assert_uint_eq(answer(&r[i], &xid), status);
			ck_assert_uint_lt(xid, EACH);
			ck_assert_uint_eq(seen & 1u << xid, 0);
			seen |= 1u << xid;
		}
		raw_close(&r[i]);
	}
}

/* What a retry comes to in the end. */
static void until_read(uint32_t status)
{
	uint32_t s = 0;

	for (int i = 0; i < PATIENCE; i++) {
		CLEANUP_WIRE struct wire data = { 0 };

		s = call_read(&conn, &cold, 0, 4096, &data, NULL, NULL);
		if (s == N3_OK)
			ck_assert_mem_eq(data.p, cold_text,
					 strlen(cold_text));
		if (s == status)
			return;
		pause_();
	}
	ck_assert_uint_eq(s, status);
}

/* ---- one flight ---- */

START_TEST(a_hundred_reads_are_one_fetch)
{
	struct raw r[CONNS];

	fake_hold(f, &cold_oid);
	crowd(r);
	/* Meanwhile, a hit is answered, also on a busy connection. */
	for (int i = 0; i < 100; i++)
		ck_assert_uint_eq(call_read(&conn, &warm, 0, 5, NULL, NULL,
					    NULL), N3_OK);
	for (int i = 0; i < CONNS; i++)
		ck_assert_uint_eq(call_read(&r[i], &warm, 0, 5, NULL, NULL,
					    NULL), N3_OK);
	fake_release(f, &cold_oid);
	crowd_answered(r, N3_OK);
	ck_assert_uint_eq(fake_fetches(f, &cold_oid), 1);
}
END_TEST

START_TEST(a_failure_reaches_all)
{
	struct raw r[CONNS];

	fake_hold(f, &cold_oid);
	fake_fail(f, &cold_oid, -EIO, 1);
	crowd(r);
	fake_release(f, &cold_oid);
	crowd_answered(r, N3_IO);
	ck_assert_uint_eq(fake_fetches(f, &cold_oid), 1);
	until_read(N3_OK);
}
END_TEST

START_TEST(a_cold_directory)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };

	fake_hold(f, &dir_oid);
	call_begin(&call, &conn, CALL_LOOKUP);
	call_put_fh(&call, &dir);
	wire_put_opaque(&call, "inner", 5);
	raw_record(&conn, &call);
	fake_wait_held(f, 1);
	fake_release(f, &dir_oid);
	ck_assert(raw_receive(&conn, &reply));
	ck_assert_uint_eq(raw_reply(&reply).xid, conn.xid);
	ck_assert_uint_eq(wire_get32(&reply), N3_OK);
	ck_assert_uint_eq(fake_fetches(f, &dir_oid), 1);
}
END_TEST

/* Of a call that waits no more is kept than what it says: neither what comes
 * behind its arguments, nor a name that nothing can have. */
START_TEST(who_waits_takes_little)
{
	enum { CLIENTS = 5, CALLS = CONN_CALLS_MAX - 1, MUCH = 90 << 10 };
	static uint8_t much[MUCH];
	struct raw r[CLIENTS];
	uint64_t before;

	fake_hold(f, &tree_oid);
	restart();
	before = harness_memory();
	for (int i = 0; i < CLIENTS; i++) {
		CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };

		raw_open(&r[i], h.port);
		for (uint32_t j = 0; j < CALLS; j++) {
			call.len = 0;
			if (j % 2) {
				begin_read(&call, &cold, j);
				wire_put_bytes(&call, much, MUCH);
			} else {
				raw_head(&call, j, RAW_NFS, 3, CALL_LOOKUP);
				call_put_fh(&call, &dir);
				wire_put_opaque(&call, much, MUCH);
			}
			raw_record(&r[i], &call);
		}
		call.len = 0;
		raw_head(&call, CALLS, RAW_NFS, 3, CALL_NULL);
		raw_record(&r[i], &call);
		do
			ck_assert(raw_receive(&r[i], &reply));
		while (raw_reply(&reply).xid != CALLS);
	}
	ck_assert_uint_lt(harness_memory(), before + (16 << 20));
	fake_release(f, &tree_oid);
	for (int i = 0; i < CLIENTS; i++)
		raw_close(&r[i]);
	until_read(N3_OK);
}
END_TEST

static void forbid(void *rule)
{
	struct rule *nobody;

	ck_assert_int_eq(rule_new(&nobody, "source.src"), 0);
	ck_assert_int_eq(rule_add_uid(nobody, "7"), 0);
	rule_swap(rule, nobody);
	rule_free(nobody);
}

/* Who may not any more when the answer is there gets none. */
START_TEST(rules_hold_for_who_waits)
{
	CLEANUP_WIRE struct wire reply = { 0 };
	struct raw_reply head;
	struct rule *rule;

	ck_assert_int_eq(rule_new(&rule, "source.src"), 0);
	source.rule = rule;
	restart();
	fake_hold(f, &cold_oid);
	ask(&conn, &cold, 1);
	fake_wait_held(f, 1);
	ck_assert_int_eq(server_still(h.server, forbid, rule), 0);
	fake_release(f, &cold_oid);
	ck_assert(raw_receive(&conn, &reply));
	head = raw_reply(&reply);
	ck_assert_uint_eq(head.stat, RAW_DENIED);
	ck_assert_uint_eq(head.why, RAW_AUTH_ERROR);
	rule_free(rule);
}
END_TEST

static atomic_int refused;      /* which allocation of libevent's, from 1 */

static void *refuse_one(size_t n)
{
	return refused > 0 && !--refused ? NULL : malloc(n);
}

/* All whole replies until the server closes the connection. */
static void replies_are(struct raw *r, const char *text, size_t len)
{
	CLEANUP_WIRE struct wire all = { 0 }, reply = { 0 };
	uint8_t part[4096];
	ssize_t n;

	while ((n = recv(r->fd, part, sizeof part, 0)) > 0)
		wire_put_bytes(&all, part, (size_t)n);
	ck_assert_int_eq(n, 0);
	while (all.len - all.at > 4) {
		size_t left = wire_get32(&all) & ~RAW_LAST;

		if (left > all.len - all.at)
			break;
		reply.len = reply.at = 0;
		wire_put_bytes(&reply, wire_get_bytes(&all, left), left);
		ck_assert_uint_lt(raw_reply(&reply).xid, EACH);
		ck_assert_uint_eq(wire_get32(&reply), N3_OK);
		call_get_post_op(&reply, NULL);
		ck_assert_uint_eq(wire_get32(&reply), len);
		ck_assert(wire_get_bool(&reply));
		ck_assert_uint_eq(wire_get32(&reply), len);
		ck_assert_mem_eq(wire_get_bytes(&reply, len), text, len);
		wire_end(&reply);
	}
}

/* When a reply cannot be kept until it is sent, what comes behind it is not
 * sent in its place. */
START_TEST(no_reply_ends_as_another)
{
	enum { LONG = 3000, ALLOCATIONS = 2 * EACH };
	static char text[LONG + 1];
	struct oid blob, tree;
	struct fh fh;

	for (int i = 0; i < LONG; i++)
		text[i] = (char)('a' + i % 26);
	blob = fake_blob(f, text);
	const struct fake_entry e = { "100644", "long", blob };

	tree = fake_tree(f, 1, &e);
	fake_ref(f, NULL, &tree);
	event_set_mem_functions(refuse_one, realloc, free);
	for (int n = 1; n <= ALLOCATIONS; n++) {
		struct raw r;

		restart();
		root = find(&top, "src");
		fh = find(&root, "long");
		fake_hold(f, &blob);
		raw_open(&r, h.port);
		for (uint32_t i = 0; i < EACH; i++)
			ask(&r, &fh, i);
		/* All of them have been run. */
		ck_assert_uint_eq(call_getattr(&r, &fh, NULL), N3_OK);
		shutdown(r.fd, SHUT_WR);
		refused = n;
		fake_release(f, &blob);
		replies_are(&r, text, LONG);
		ck_assert_int_eq(refused, 0);
		raw_close(&r);
	}
}
END_TEST

/* ---- not for ever ---- */

START_TEST(long_waits_are_told_to_come_back)
{
	fake_hold(f, &cold_oid);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(call_read(&conn, &cold, 0, 9, NULL, NULL,
					    NULL), N3_JUKEBOX);
	/* What is known is never put off. */
	ck_assert_uint_eq(call_getattr(&conn, &cold, NULL), N3_OK);
	ck_assert_uint_eq(fake_fetches(f, &cold_oid), 1);
	fake_release(f, &cold_oid);
	until_read(N3_OK);
	ck_assert_uint_eq(fake_fetches(f, &cold_oid), 1);
}
END_TEST

START_TEST(all_of_a_crowd_are_told)
{
	struct raw r[CONNS];

	fake_hold(f, &cold_oid);
	crowd(r);
	crowd_answered(r, N3_JUKEBOX);
	fake_release(f, &cold_oid);
	until_read(N3_OK);
	ck_assert_uint_eq(fake_fetches(f, &cold_oid), 1);
}
END_TEST

/* Each loop by itself. */
static void add_late(void *arg, struct rpc *rpc, struct conns *conns)
{
	const struct tally *t = rpc_tally(rpc);
	atomic_ullong *ns = arg;

	(void)conns;
	for (unsigned i = 0; i < TALLY_SLOTS; i++)
		*ns += t->cell[i][TALLY_LATE].ns;
}

/* What all those took together that were told to come back. */
static uint64_t late_ns(void)
{
	atomic_ullong ns = 0;

	ck_assert_int_eq(server_visit(h.server, add_late, &ns), 0);
	return ns;
}

/* One that has left so many waiters behind waits for nothing any more. */
START_TEST(who_waits_for_too_much_is_told_at_once)
{
	enum { MANY = CONN_WAITERS_MAX + 200 };
	CLEANUP_RAW struct raw r = { 0 };
	uint64_t begun = clock_ms();
	uint32_t xid;

	fake_hold(f, &cold_oid);
	raw_open(&r, h.port);
	for (uint32_t i = 0; i < MANY; i++)
		ask(&r, &cold, i);
	for (uint32_t i = 0; i < MANY; i++)
		ck_assert_uint_eq(answer(&r, &xid), N3_JUKEBOX);
	ck_assert_uint_le(late_ns() / 1000000 / MANY, clock_ms() - begun + 1);
	fake_release(f, &cold_oid);
	until_read(N3_OK);
}
END_TEST

/* One that alone is more than there is memory for lands between two tries. */
START_TEST(a_large_file_is_there_when_asked_again)
{
	enum { LARGE = 48 << 20, LITTLE = 1 << 20 };
	CLEANUP_FREE char *text = calloc(1, LARGE);
	CLEANUP_WIRE struct wire data = { 0 };
	struct oid blob = fake_object(f, OBJ_BLOB, text, LARGE);
	const struct fake_entry e = { "100644", "large", blob };
	struct oid tree = fake_tree(f, 1, &e);
	struct fh large;
	uint32_t s;

	fake_ref(f, NULL, &tree);
	h.memory = LITTLE;
	restart();
	root = find(&top, "src");
	large = find(&root, "large");
	fake_hold(f, &blob);
	ck_assert_uint_eq(call_read(&conn, &large, 0, 9, NULL, NULL, NULL),
			  N3_JUKEBOX);
	fake_release(f, &blob);
	do
		s = call_read(&conn, &large, LARGE - 9, 9, &data, NULL, NULL);
	while (s == N3_JUKEBOX);
	ck_assert_uint_eq(s, N3_OK);
	ck_assert_uint_eq(data.len, 9);
	ck_assert_uint_eq(fake_fetches(f, &blob), 1);
}
END_TEST

START_TEST(who_leaves_is_forgotten)
{
	for (int round = 0; round < 3; round++) {
		struct raw r[CONNS];

		fake_hold(f, &cold_oid);
		if (round)
			restart();
		crowd(r);
		for (int i = 0; i < CONNS; i++)
			raw_close(&r[i]);
		ck_assert_uint_eq(call_getattr(&conn, &cold, NULL), N3_OK);
		fake_release(f, &cold_oid);
		until_read(N3_OK);
	}
}
END_TEST

static void stops_at_once(int result)
{
	struct timespec begun, ended;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	ck_assert_int_eq(harness_stop_server(&h), result);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	ck_assert_int_lt((ended.tv_sec - begun.tv_sec) * 1000 +
			 (ended.tv_nsec - begun.tv_nsec) / 1000000, 1000);
}

/* The source holds on to its waiters: what they are part of stays, until
 * the process ends. */
START_TEST(the_server_stops_while_calls_wait)
{
	struct raw r[CONNS];

	fake_hold(f, &cold_oid);
	crowd(r);
	stops_at_once(-EBUSY);
	for (int i = 0; i < CONNS; i++) {
		CLEANUP_WIRE struct wire reply = { 0 };

		for (int j = 0; j < EACH; j++) {
			uint32_t xid;

			ck_assert_uint_eq(answer(&r[i], &xid), N3_JUKEBOX);
		}
		ck_assert(!raw_receive(&r[i], &reply));
		raw_close(&r[i]);
	}
	raw_close(&conn);
}
END_TEST

START_TEST(the_server_stops_with_idle_clients)
{
	struct raw r[CONNS];

	for (int i = 0; i < CONNS; i++) {
		raw_open(&r[i], h.port);
		ck_assert_uint_eq(call_getattr(&r[i], &root, NULL), N3_OK);
	}
	stops_at_once(0);
	for (int i = 0; i < CONNS; i++) {
		CLEANUP_WIRE struct wire reply = { 0 };

		ck_assert(!raw_receive(&r[i], &reply));
		raw_close(&r[i]);
	}
	raw_close(&conn);
}
END_TEST

/* ---- truth ---- */

START_TEST(wrong_bytes_are_never_shown)
{
	fake_corrupt(f, &cold_oid, true);
	for (int i = 0; i < 5; i++)
		ck_assert_uint_eq(call_read(&conn, &cold, 0, 4096, NULL, NULL,
					    NULL), N3_IO);
	fake_corrupt(f, &cold_oid, false);
	until_read(N3_OK);
}
END_TEST

START_TEST(a_wrong_directory_is_never_shown)
{
	CLEANUP_PAGE struct page page = { 0 };
	uint32_t s = 0;

	fake_corrupt(f, &dir_oid, true);
	ck_assert_uint_eq(call_find(&conn, &dir, "inner", NULL, NULL), N3_IO);
	ck_assert_uint_eq(call_find(&conn, &dir, "nosuch", NULL, NULL), N3_IO);
	ck_assert_uint_eq(call_readdir(&conn, &dir, 0, 0, 4096, &page), N3_IO);
	ck_assert_uint_eq(call_find(&conn, &root, "warm", NULL, NULL), N3_OK);
	fake_corrupt(f, &dir_oid, false);
	for (int i = 0; i < PATIENCE; i++) {
		s = call_find(&conn, &dir, "inner", NULL, NULL);
		if (s == N3_OK)
			break;
		pause_();
	}
	ck_assert_uint_eq(s, N3_OK);
}
END_TEST

/* ---- the source is the trouble ---- */

START_TEST(what_is_known_outlives_the_source)
{
	CLEANUP_PAGE struct page page = { 0 };

	h.ref_ttl = 1;
	restart();
	ck_assert_uint_eq(call_read(&conn, &warm, 0, 9, NULL, NULL, NULL),
			  N3_OK);
	ck_assert_uint_eq(call_getattr(&conn, &cold, NULL), N3_OK);
	fake_down(f, -EHOSTUNREACH);
	for (int i = 0; i < 50; i++) {
		ck_assert_uint_eq(call_getattr(&conn, &root, NULL), N3_OK);
		ck_assert_uint_eq(call_find(&conn, &root, "warm", NULL, NULL),
				  N3_OK);
		ck_assert_uint_eq(call_read(&conn, &warm, 0, 9, NULL, NULL,
					    NULL), N3_OK);
		ck_assert_uint_eq(call_readdir(&conn, &root, 0, 0, 4096,
					       &page), N3_OK);
		pause_();
	}
	/* What is not known comes to a definite end, then or later. */
	ck_assert_uint_ne(call_read(&conn, &cold, 0, 9, NULL, NULL, NULL),
			  N3_OK);
	fake_down(f, 0);
	until_read(N3_OK);
}
END_TEST

/* Its refs are known from the last time, but not its objects. */
START_TEST(a_start_while_the_source_is_away)
{
	struct fattr before, after;

	ck_assert_uint_eq(call_getattr(&conn, &root, &before), N3_OK);
	fake_down(f, -EHOSTUNREACH);
	raw_close(&conn);
	harness_restart(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
	ck_assert_uint_eq(call_getattr(&conn, &top, NULL), N3_OK);
	call_getattr(&conn, &root, NULL);
	fake_down(f, 0);
	until_read(N3_OK);
	ck_assert_uint_eq(call_getattr(&conn, &root, &after), N3_OK);
	ck_assert(fattr_eq(&before, &after));
}
END_TEST

/* ---- sizes ---- */

/* A source that cannot tell a size without the contents: a listing may
 * leave attributes out, but what it says is true. */
START_TEST(sizes_that_have_to_be_fetched)
{
	CLEANUP_PAGE struct page page = { 0 };
	uint64_t cookie = 0, verf = 0;
	unsigned names = 0;

	fake_no_stat(f);
	restart();
	do {
		ck_assert_uint_eq(call_readdirplus(&conn, &root, cookie, verf,
						   4096, 8192, &page), N3_OK);
		for (size_t i = 0; i < page.n; i++) {
			const struct entry *e = &page.entry[i];
			struct fattr a;

			names++;
			cookie = e->cookie;
			if (!e->attr.sent || !e->fh.len)
				continue;
			ck_assert_uint_eq(call_getattr(&conn, &e->fh, &a),
					  N3_OK);
			ck_assert(fattr_eq(&e->attr, &a));
		}
		verf = page.verf;
	} while (!page.eof);
	ck_assert_uint_eq(names, 5);
}
END_TEST

/* ---- deep ---- */

START_TEST(a_deep_place_in_a_cold_server)
{
	struct oid t = fake_blob(f, "bottom\n");
	const struct fake_entry file = { "100644", "file", t };
	char path[2 * DEEP + 16] = "src";
	struct fh below, bottom;
	struct fattr before, after;

	t = fake_tree(f, 1, &file);
	for (int i = 0; i < DEEP; i++) {
		const struct fake_entry d = { "40000", "d", t };

		t = fake_tree(f, 1, &d);
		strcat(path, "/d");
	}
	fake_ref(f, NULL, &t);
	h.ref_ttl = 1;
	restart();
	/* One call, as many waits. */
	char mnt[sizeof path + 1] = "/";
	ck_assert_uint_eq(call_mnt(&conn, strcat(mnt, path), &below), N3_OK);
	ck_assert_uint_eq(call_find(&conn, &below, "file", &bottom, &before),
			  N3_OK);
	restart();
	ck_assert_uint_eq(call_getattr(&conn, &bottom, &after), N3_OK);
	ck_assert(fattr_eq(&before, &after));
	restart();
	ck_assert_uint_eq(call_find(&conn, &below, "file", NULL, NULL), N3_OK);
}
END_TEST

/* Two directories whose names' hashes begin alike are told apart; with so
 * many, some do. */
START_TEST(a_crowded_directory_in_a_cold_server)
{
	enum { MANY = 2000 };
	static char name[MANY][16];
	static struct fake_entry e[MANY];
	static struct fh fh[MANY];

	for (int i = 0; i < MANY; i++) {
		char text[16];

		snprintf(text, sizeof text, "%04d", i);
		const struct fake_entry in = { "100644", "f",
					       fake_blob(f, text) };

		snprintf(name[i], sizeof name[i], "d%04d", i);
		e[i] = (struct fake_entry){ "40000", name[i],
					    fake_tree(f, 1, &in) };
	}
	struct oid t = fake_tree(f, MANY, e);

	fake_ref(f, NULL, &t);
	h.ref_ttl = 1;
	restart();
	for (int i = 0; i < MANY; i++) {
		CLEANUP_FREE char *path = NULL;

		ck_assert_int_ge(asprintf(&path, "src/%s/f", name[i]), 0);
		ck_assert_uint_eq(call_walk(&conn, &top, path, &fh[i], NULL),
				  N3_OK);
	}
	restart();
	for (int i = MANY; i--;) {
		CLEANUP_WIRE struct wire data = { 0 };

		ck_assert_uint_eq(call_read(&conn, &fh[i], 0, 9, &data, NULL,
					    NULL), N3_OK);
		ck_assert_uint_eq(data.len, 4);
		ck_assert_mem_eq(data.p, name[i] + 1, 4);
	}
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_hundred_reads_are_one_fetch);
	tcase_add_test(c, a_failure_reaches_all);
	tcase_add_test(c, a_cold_directory);
	tcase_add_test(c, who_leaves_is_forgotten);
	tcase_add_test(c, wrong_bytes_are_never_shown);
	tcase_add_test(c, a_wrong_directory_is_never_shown);
	tcase_add_test(c, what_is_known_outlives_the_source);
	tcase_add_test(c, a_start_while_the_source_is_away);
	tcase_add_test(c, sizes_that_have_to_be_fetched);
	tcase_add_test(c, a_deep_place_in_a_cold_server);
	tcase_add_test(c, a_crowded_directory_in_a_cold_server);
	tcase_add_test(c, who_waits_takes_little);
	tcase_add_test(c, rules_hold_for_who_waits);
	tcase_add_test(c, no_reply_ends_as_another);
}

static void add_impatient(TCase *c)
{
	tcase_add_checked_fixture(c, setup_impatient, teardown);
	tcase_add_test(c, long_waits_are_told_to_come_back);
	tcase_add_test(c, all_of_a_crowd_are_told);
	tcase_add_test(c, who_waits_for_too_much_is_told_at_once);
	tcase_add_test(c, a_large_file_is_there_when_asked_again);
}

static void add_stopping(TCase *c)
{
	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, the_server_stops_while_calls_wait);
	tcase_add_test(c, the_server_stops_with_idle_clients);
}

int main(void)
{
	return harness_main("park", 60, add, add_impatient, add_stopping, NULL);
}
