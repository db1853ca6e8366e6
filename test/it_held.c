/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* A source that never answers: what is in memory is answered as fast as
 * ever, nothing grows, who waits is told to come back, and does get it when
 * the source has recovered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"

enum {
	FILES = 256, CONNS = 2, /* each asks for every file: all park */
	SAMPLES = 2000,
	GROWTH = 16 << 20,      /* bytes, calls and their records included */
	TRIES = 8,              /* as other programs run, too */
};

static struct harness h;
static struct source source = { .name = "src" };
static struct fake *f;
static struct raw conn, other[CONNS];
static struct fh top, root, warm, cold[FILES];
static struct oid cold_oid[FILES];

static struct fh find(const struct fh *in, const char *name)
{
	struct fh fh;

	ck_assert_uint_eq(call_find(&conn, in, name, &fh, NULL), N3_OK);
	return fh;
}

static void setup(void)
{
	struct fake_entry e[FILES + 1];
	char name[FILES][8], text[32];
	struct oid tree;

	f = source.fake = fake_new();
	for (unsigned i = 0; i < FILES; i++) {
		sprintf(text, "cold file %u\n", i);
		sprintf(name[i], "f%03u", i);
		cold_oid[i] = fake_blob(f, text);
		e[i] = (struct fake_entry){ "100644", name[i], cold_oid[i] };
	}
	e[FILES] = (struct fake_entry){ "100644", "warm",
					fake_blob(f, "warm\n") };
	tree = fake_tree(f, FILES + 1, e);
	fake_ref(f, NULL, &tree);
	/* A ref, too, is asked for once and never again. */
	h = (struct harness){ .source = &source, .nsource = 1,
			      .jukebox_ms = 3000, .ref_ttl = 3600000 };
	harness_start(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
	root = find(&top, "src");
	warm = find(&root, "warm");
	ck_assert_uint_eq(call_read(&conn, &warm, 0, 9, NULL, NULL, NULL),
			  N3_OK);
	for (unsigned i = 0; i < FILES; i++) {
		sprintf(text, "f%03u", i);
		cold[i] = find(&root, text);
	}
}

static void teardown(void)
{
	raw_close(&conn);
	harness_stop(&h);
	fake_free(f);
}

/* ---- what is measured ---- */

static void hit(unsigned what)
{
	CLEANUP_PAGE struct page page = { 0 };
	uint32_t s = 0;

	switch (what) {
	case 0:
		s = call_getattr(&conn, &warm, NULL);
		break;
	case 1:
		s = call_find(&conn, &root, "warm", NULL, NULL);
		break;
	case 2:
		s = call_read(&conn, &warm, 0, 9, NULL, NULL, NULL);
		break;
	case 3:
		s = call_readdirplus(&conn, &root, 0, 0, 65536, 65536, &page);
	}
	ck_assert_uint_eq(s, N3_OK);
}

static int long_cmp(const void *a, const void *b)
{
	const long *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* In ns. */
static long median(unsigned what)
{
	static long took[SAMPLES];

	for (int i = 0; i < SAMPLES; i++) {
		struct timespec a, b;

		clock_gettime(CLOCK_MONOTONIC, &a);
		hit(what);
		clock_gettime(CLOCK_MONOTONIC, &b);
		took[i] = (b.tv_sec - a.tv_sec) * 1000000000 +
			  b.tv_nsec - a.tv_nsec;
	}
	qsort(took, SAMPLES, sizeof *took, long_cmp);
	return took[SAMPLES / 2];
}

/* ---- those who wait ---- */

static void ask(struct raw *r, uint32_t xid)
{
	CLEANUP_WIRE struct wire call = { 0 };

	raw_head(&call, xid, RAW_NFS, 3, CALL_READ);
	call_put_fh(&call, &cold[xid]);
	wire_put64(&call, 0);
	wire_put32(&call, 4096);
	raw_record(r, &call);
}

static uint32_t answer(struct raw *r)
{
	CLEANUP_WIRE struct wire reply = { 0 };

	ck_assert(raw_receive(r, &reply));
	ck_assert_uint_eq(raw_reply(&reply).why, RAW_SUCCESS);
	return wire_get32(&reply);
}

START_TEST(nothing_is_answered_by_the_source)
{
	static const char *const name[] = { "GETATTR", "LOOKUP", "READ",
					    "READDIRPLUS" };
	uint64_t memory;
	long before[4];

	for (unsigned i = 0; i < 4; i++)
		before[i] = median(i);
	for (unsigned i = 0; i < FILES; i++)
		fake_hold(f, &cold_oid[i]);
	for (unsigned i = 0; i < CONNS; i++)
		raw_open(&other[i], h.port);
	memory = harness_memory();
	for (unsigned i = 0; i < CONNS; i++)
		for (uint32_t j = 0; j < FILES; j++)
			ask(&other[i], j);
	fake_wait_held(f, FILES);
	for (unsigned i = 0; i < 4; i++) {
		long now = median(i);

		for (int n = 1; n < TRIES && now > 2 * before[i]; n++)
			now = median(i);
		printf("%s: median %ld ns, %ld ns with %d calls waiting\n",
		       name[i], before[i], now, FILES * CONNS);
		ck_assert_int_le(now, 2 * before[i]);
	}
	ck_assert_uint_le(harness_memory(), memory + GROWTH);

	/* Their time comes; what they wait for does not. */
	for (unsigned i = 0; i < CONNS; i++)
		for (unsigned j = 0; j < FILES; j++)
			ck_assert_uint_eq(answer(&other[i]), N3_JUKEBOX);
	for (unsigned i = 0; i < FILES; i++)
		fake_release(f, &cold_oid[i]);
	for (unsigned i = 0; i < CONNS; i++) {
		for (uint32_t j = 0; j < FILES; j++)
			ask(&other[i], j);
		for (uint32_t j = 0; j < FILES; j++)
			ck_assert_uint_eq(answer(&other[i]), N3_OK);
		raw_close(&other[i]);
	}
	for (unsigned i = 0; i < FILES; i++)
		ck_assert_uint_eq(fake_fetches(f, &cold_oid[i]), 1);
}
END_TEST

static void tests(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, nothing_is_answered_by_the_source);
}

int main(void)
{
	return harness_main("held", 60, tests, NULL);
}
