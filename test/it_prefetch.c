/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Prefetch as NFS clients cause and notice it, and what the server tells of
 * itself. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "cache/fs.h"
#include "common/cleanup.h"
#include "nfsd/admin/census.h"
#include "nfsd/server.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"

enum {
	DIRS = 12, FILES = 40, JOBS = 8,
	TREES = 1, BLOBS = 2,   /* as in flight.h */
	PATIENCE = 20000,
};

static struct harness h;
static struct source source = { .name = "src" };
static struct fake *f;
static struct raw conn;
static struct fh top, root;
static struct oid child[DIRS], leaf, file[FILES];

static void fill(void)
{
	struct fake_entry in[FILES], all[DIRS];
	char name[FILES][8], dir[DIRS][8];

	f = source.fake = fake_new();
	leaf = fake_tree(f, 1, &(struct fake_entry){ "100644", "x",
						     fake_blob(f, "leaf") });
	for (unsigned i = 0; i < FILES; i++) {
		char text[32];

		sprintf(name[i], "f%02u", i);
		sprintf(text, "file %u\n", i);
		file[i] = fake_blob(f, text);
		in[i] = (struct fake_entry){ "100644", name[i], file[i] };
	}
	for (unsigned i = 0; i < DIRS; i++) {
		char text[32];

		sprintf(dir[i], "d%02u", i);
		sprintf(text, "of directory %u\n", i);
		const struct fake_entry two[] = {
			{ "40000", "below", leaf },
			{ "100644", "own", fake_blob(f, text) },
		};
		child[i] = i ? fake_tree(f, 2, two) : fake_tree(f, FILES, in);
		all[i] = (struct fake_entry){ "40000", dir[i], child[i] };
	}
	struct oid tree = fake_tree(f, DIRS, all);

	fake_ref(f, NULL, &tree);
}

static void setup(void)
{
	fill();
	h = (struct harness){ .source = &source, .nsource = 1,
			      .jukebox_ms = 60000, .prefetch = JOBS,
			      .ref_ttl = 3600000, .memory = 512 << 20 };
	harness_start(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
	ck_assert_uint_eq(call_find(&conn, &top, "src", &root, NULL), N3_OK);
}

static void teardown(void)
{
	raw_close(&conn);
	harness_stop(&h);
	fake_free(f);
}

/* Only to be gentle while waiting for what must come. */
static void pause_(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	nanosleep(&moment, NULL);
}

static struct fs_stats quiet(void)
{
	struct fs_stats s;

	for (int i = 0; i < PATIENCE; i++) {
		fs_stats(h.fs, &s);
		if (!s.queued && !s.running)
			break;
		pause_();
	}
	ck_assert_uint_eq(s.queued + s.running, 0);
	return s;
}

static void list(const struct fh *dir, bool plus, size_t n)
{
	CLEANUP_PAGE struct page page = { 0 };

	ck_assert_uint_eq(plus ?
		call_readdirplus(&conn, dir, 0, 0, 8192, 32768, &page) :
		call_readdir(&conn, dir, 0, 0, 32768, &page), N3_OK);
	ck_assert_uint_eq(page.n, n + 2);
	ck_assert(page.eof);
}

/* By READDIR and by READDIRPLUS. */
START_TEST(a_listing_warms_what_is_below)
{
	list(&root, _i, DIRS);
	quiet();
	ck_assert_uint_eq(fake_fetches(f, &leaf), 0);
	fake_down(f, -EHOSTUNREACH);
	for (unsigned i = 0; i < DIRS; i++) {
		struct fattr attr;
		struct fh dir, own;
		char name[8];

		sprintf(name, "d%02u", i);
		ck_assert_uint_eq(fake_fetches(f, &child[i]), 1);
		ck_assert_uint_eq(call_find(&conn, &root, name, &dir, NULL),
				  N3_OK);
		list(&dir, true, i ? 2 : FILES);
		/* Sizes, too. */
		ck_assert_uint_eq(call_find(&conn, &dir, i ? "own" : "f00",
					    &own, &attr), N3_OK);
		ck_assert(attr.sent);
	}
	fake_down(f, 0);
}
END_TEST

/* There may be thousands. */
START_TEST(a_listing_of_sources_asks_none_of_them)
{
	unsigned asked;

	raw_close(&conn);
	harness_restart(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
	asked = fake_resolves(f) + fake_jobs(f);
	list(&top, false, 2);
	list(&top, true, 2);
	ck_assert_uint_eq(quiet().jobs, 0);
	ck_assert_uint_eq(fake_resolves(f) + fake_jobs(f), asked);
}
END_TEST

START_TEST(a_reader_is_overtaken)
{
	struct fs_stats s;
	struct fh dir, fh;
	char name[8];

	ck_assert_uint_eq(call_find(&conn, &root, "d00", &dir, NULL), N3_OK);
	for (unsigned i = 0; i < FILES; i++) {
		CLEANUP_WIRE struct wire data = { 0 };
		char text[32];

		sprintf(name, "f%02u", i);
		sprintf(text, "file %u\n", i);
		ck_assert_uint_eq(call_find(&conn, &dir, name, &fh, NULL),
				  N3_OK);
		ck_assert_uint_eq(call_read_all(&conn, &fh, 4096, &data),
				  N3_OK);
		ck_assert_uint_eq(data.len, strlen(text));
		ck_assert_mem_eq(data.p, text, data.len);
		quiet();
		/* The fifth to the last have come before. */
		if (i == 3)
			ck_assert_uint_eq(fake_fetches(f, &file[4]), 1);
	}
	s = quiet();
	ck_assert_uint_eq(s.kind[BLOBS].misses, 4);
	ck_assert_uint_eq(s.kind[BLOBS].used, FILES - 4);
	for (unsigned i = 0; i < FILES; i++)
		ck_assert_uint_eq(fake_fetches(f, &file[i]), 1);
}
END_TEST

/* Everything that is fetched ahead hangs. */
START_TEST(clients_do_not_notice)
{
	struct fs_stats s;
	struct fattr attr;
	struct fh dir;

	for (unsigned i = 0; i < JOBS; i++)
		fake_hold(f, &child[i]);
	list(&root, true, DIRS);
	fake_wait_held(f, JOBS);
	ck_assert_uint_eq(call_getattr(&conn, &root, &attr), N3_OK);
	list(&root, true, DIRS);
	list(&root, false, DIRS);
	for (unsigned i = JOBS; i < DIRS; i++) {
		char name[8];

		sprintf(name, "d%02u", i);
		ck_assert_uint_eq(call_find(&conn, &root, name, &dir, NULL),
				  N3_OK);
		list(&dir, true, 2);
	}
	for (unsigned i = 0; i < JOBS; i++)
		fake_release(f, &child[i]);
	s = quiet();
	ck_assert_uint_eq(s.kind[TREES].failed, 0);
	for (unsigned i = 0; i < DIRS; i++)
		ck_assert_uint_eq(fake_fetches(f, &child[i]), 1);
}
END_TEST

/* ---- what it costs ---- */

static struct oid huge(unsigned n, const struct oid *blob)
{
	struct fake_entry *e = calloc(n, sizeof *e);
	char (*name)[16] = calloc(n, sizeof *name);
	struct oid oid;

	ck_assert(e && name);
	for (unsigned i = 0; i < n; i++) {
		sprintf(name[i], "f%07u.c", i);
		e[i] = (struct fake_entry){ "100644", name[i], *blob };
	}
	oid = fake_tree(f, n, e);
	free(name);
	free(e);
	return oid;
}

/* The least time that LOOKUPs all over a directory took, in ns. */
static uint64_t lookups(const struct fh *dir, unsigned n)
{
	enum { ROUNDS = 8, CALLS = 500 };
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < ROUNDS; i++) {
		struct timespec begin, end;
		uint64_t took;

		clock_gettime(CLOCK_MONOTONIC, &begin);
		for (unsigned j = 0; j < CALLS; j++) {
			struct fh fh;
			char name[16];

			sprintf(name, "f%07u.c",
				(unsigned)(j * 2654435761u % n));
			ck_assert_uint_eq(call_find(&conn, dir, name, &fh,
						    NULL), N3_OK);
		}
		clock_gettime(CLOCK_MONOTONIC, &end);
		took = (uint64_t)(end.tv_sec - begin.tv_sec) * 1000000000 +
		       (uint64_t)end.tv_nsec - (uint64_t)begin.tv_nsec;
		least = took < least ? took : least;
	}
	return least / CALLS;
}

START_TEST(a_lookup_costs_the_same_among_a_million)
{
	enum { MANY = 1000000, FEW = 10, TRIES = 10 };
	struct oid blob = fake_blob(f, "one of many");
	const struct fake_entry both[] = {
		{ "40000", "few", huge(FEW, &blob) },
		{ "40000", "many", huge(MANY, &blob) },
	};
	struct oid tree = fake_tree(f, 2, both);
	uint64_t few = 0, many = 0;
	struct fh in_few, in_many;

	fake_ref(f, "huge", &tree);
	ck_assert_uint_eq(call_walk(&conn, &top, "src@huge/few", &in_few,
				    NULL), N3_OK);
	ck_assert_uint_eq(call_walk(&conn, &top, "src@huge/many", &in_many,
				    NULL), N3_OK);
	/* Other programs run, too, and fill the processor's caches. */
	for (int i = 0; i < TRIES; i++) {
		few = lookups(&in_few, FEW);
		many = lookups(&in_many, MANY);
		if (many < 3 * few)
			break;
	}
	ck_assert_msg(many < 3 * few, "%lu ns, not %lu", (unsigned long)many,
		      (unsigned long)few);
}
END_TEST

/* ---- what the server tells ---- */

static void ask_for_listing(struct raw *r, const struct fh *fh, uint32_t xid)
{
	CLEANUP_WIRE struct wire call = { 0 };

	raw_head(&call, xid, RAW_NFS, 3, CALL_READDIR);
	call_put_fh(&call, fh);
	wire_put64(&call, 0);
	wire_put64(&call, 0);
	wire_put32(&call, 4096);
	raw_record(r, &call);
}

static size_t parked(void)
{
	struct census c;
	size_t n;

	ck_assert_int_eq(census_take(h.server, &c, NULL), 0);
	n = c.ncall;
	census_free(&c);
	return n;
}

static void wait_parked(size_t n)
{
	for (int i = 0; i < PATIENCE; i++) {
		if (parked() == n)
			return;
		pause_();
	}
	ck_abort_msg("not that many are parked");
}

START_TEST(parked_calls_are_told_of_oldest_first)
{
	enum { CALLS = 6 };
	struct fh dir[CALLS];
	struct raw r[CALLS];
	struct census all;

	ck_assert_uint_eq(parked(), 0);
	for (unsigned i = 0; i < CALLS; i++) {
		char name[8];

		sprintf(name, "d%02u", i);
		ck_assert_uint_eq(call_find(&conn, &root, name, &dir[i],
					    NULL), N3_OK);
		fake_hold(f, &child[i]);
	}
	for (unsigned i = 0; i < CALLS; i++) {
		raw_open(&r[i], h.port);
		ask_for_listing(&r[i], &dir[i], 1000 + i);
		wait_parked(i + 1);
		pause_();       /* so that ages, in ms, differ */
		pause_();
	}
	ck_assert_int_eq(census_take(h.server, &all, NULL), 0);
	ck_assert_uint_eq(all.ncall, CALLS);
	/* Each has a connection, and there is that of the test. */
	ck_assert_uint_eq(all.nclient, CALLS + 1);
	for (unsigned i = 0; i < CALLS; i++) {
		struct sockaddr_in own;
		socklen_t len = sizeof own;
		const struct census_call *call = &all.call[i];
		char address[32], name[8];

		sprintf(name, "/d%02u", i);
		ck_assert_int_eq(getsockname(r[i].fd, (struct sockaddr *)&own,
					     &len), 0);
		sprintf(address, "127.0.0.1:%u", ntohs(own.sin_port));
		ck_assert_str_eq(call->proc, "READDIR");
		ck_assert_uint_eq(call->xid, 1000 + i);
		ck_assert_str_eq(call->client, address);
		ck_assert_ptr_nonnull(strstr(call->about, name));
		if (i)
			ck_assert_uint_le(call->age_ms, call[-1].age_ms);
	}
	census_free(&all);
	for (unsigned i = 0; i < CALLS; i++)
		fake_release(f, &child[i]);
	wait_parked(0);
	for (unsigned i = 0; i < CALLS; i++)
		raw_close(&r[i]);
}
END_TEST

static void tests(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, a_listing_warms_what_is_below, 0, 2);
	tcase_add_test(c, a_listing_of_sources_asks_none_of_them);
	tcase_add_test(c, a_reader_is_overtaken);
	tcase_add_test(c, clients_do_not_notice);
	tcase_add_test(c, a_lookup_costs_the_same_among_a_million);
	tcase_add_test(c, parked_calls_are_told_of_oldest_first);
}

int main(void)
{
	return harness_main("prefetch", 60, tests, NULL);
}
