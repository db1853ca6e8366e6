/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Clients that behave badly, in ones and in thousands: memory and descriptors
 * stay bounded, and everybody else is served. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nfsd/conn.h"
#include "nfsd/server.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"
#include "test/must.h"

enum {
	MEBI = 1 << 20,
	LARGE = MEBI,
	MANY = 10000,           /* connections, with GITNFS_SLOW=1 */
	LESS_MANY = 2000,       /* else: what a busy machine has time for */
	FILES = MANY + 1000,    /* open, at each end */
	FEW = 50,
	FRAGMENTS = 1000000,
	CHURN = 600,
	RECORD = 96 << 10,      /* the longest there may be */
	HALVES = 800,           /* half records: more than 32 MiB a loop */
	DEAF = 40,              /* who take no replies: more than 128 MiB */
	SAMPLES = 30,
	GLUTTONS = 32, EACH = 320, SOME = 16 << 10,
	WAITING = CONNS_WAITERS_MAX / CONN_CALLS_MAX,   /* each with all it may */
};

static struct harness h;
static struct source source = { .name = "src" };
static struct fake *f;
static struct raw conn;
static struct fh top, root, file, large, cold;
static struct oid cold_oid;

static void setup(void)
{
	static char text[LARGE + 1];
	struct oid tree;

	memset(text, 'x', LARGE);
	f = source.fake = fake_new();
	cold_oid = fake_blob(f, "cold\n");
	const struct fake_entry all[] = {
		{ "100644", "cold", cold_oid },
		{ "100644", "file", fake_blob(f, "text\n") },
		{ "100644", "large", fake_blob(f, text) },
	};
	tree = fake_tree(f, 3, all);
	fake_ref(f, NULL, &tree);
	h = (struct harness){ .source = &source, .nsource = 1, .loops = 1,
			      .ref_ttl = 3600000, .jukebox_ms = 60000 };
}

static void start(void)
{
	harness_start(&h);
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
	ck_assert_uint_eq(call_find(&conn, &top, "src", &root, NULL), N3_OK);
	ck_assert_uint_eq(call_find(&conn, &root, "file", &file, NULL),
			  N3_OK);
	ck_assert_uint_eq(call_find(&conn, &root, "large", &large, NULL),
			  N3_OK);
	ck_assert_uint_eq(call_read(&conn, &large, 0, LARGE, NULL, NULL,
				    NULL), N3_OK);
}

static void teardown(void)
{
	raw_close(&conn);
	harness_stop(&h);
	fake_free(f);
}

/* Somebody else is served. */
static void all_is_well(void)
{
	CLEANUP_RAW struct raw other = { 0 };
	CLEANUP_WIRE struct wire data = { 0 };

	raw_open(&other, h.port);
	ck_assert_uint_eq(call_getattr(&other, &file, NULL), N3_OK);
	ck_assert_uint_eq(call_read(&other, &file, 0, 99, &data, NULL, NULL),
			  N3_OK);
	ck_assert_uint_eq(data.len, 5);
}

static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < FILES; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* The server has closed it, or will in a moment. */
static bool is_closed(struct raw *r)
{
	struct pollfd ready = { .fd = r->fd, .events = POLLIN };
	char byte;

	return poll(&ready, 1, 20000) == 1 && recv(r->fd, &byte, 1, 0) <= 0;
}

static bool is_open(struct raw *r)
{
	char byte;

	return recv(r->fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

/* ---- records ---- */

/* One byte to a fragment, and none in most of them. */
START_TEST(a_million_fragments)
{
	CLEANUP_WIRE struct wire call = { 0 }, sent = { 0 }, reply = { 0 };

	start();
	raw_head(&call, 77, RAW_NFS, 3, CALL_GETATTR);
	call_put_fh(&call, &file);
	for (unsigned i = 0; i < FRAGMENTS; i++) {
		size_t part = FRAGMENTS / call.len;

		if (i % part || i / part >= call.len) {
			wire_put32(&sent, 0);
			continue;
		}
		wire_put32(&sent, 1);
		wire_put_bytes(&sent, call.p + i / part, 1);
	}
	wire_put32(&sent, RAW_LAST);
	raw_send(&conn, sent.p, sent.len);
	ck_assert(raw_receive(&conn, &reply));
	ck_assert_uint_eq(raw_reply(&reply).xid, 77);
	all_is_well();
}
END_TEST

/* The beginnings of records, as long as they may be: those who sent first
 * go first, and those who have done nothing of the kind stay. */
START_TEST(half_records)
{
	static const uint8_t mark[4] = { 0x80, 1, 0x7f, 0xff };
	static uint8_t half[RECORD / 2 + 4096];
	static struct raw r[HALVES];
	uint64_t before;
	unsigned closed = 0;

	start();
	before = harness_memory();
	memcpy(half, mark, sizeof mark);
	for (unsigned i = 0; i < HALVES; i++) {
		raw_open(&r[i], h.port);
		raw_send(&r[i], half, sizeof half);
	}
	all_is_well();
	if (before)
		ck_assert_uint_le(harness_memory(), before + (48 << 20));
	ck_assert(is_closed(&r[0]));
	ck_assert(is_open(&r[HALVES - 1]));
	ck_assert(is_open(&conn));
	for (unsigned i = 0; i < HALVES; i++) {
		closed += !is_open(&r[i]);
		raw_close(&r[i]);
	}
	printf("%u of %u half records of %zu bytes dropped\n", closed, HALVES,
	       sizeof half);
	all_is_well();
}
END_TEST

/* A little of a record costs a little. */
START_TEST(slow_senders)
{
	static const uint8_t some[] = { 0x80, 0, 0, 200, 1, 2, 3 };
	static struct raw r[HALVES];
	uint64_t before;

	start();
	before = harness_memory();
	for (unsigned i = 0; i < HALVES; i++) {
		raw_open(&r[i], h.port);
		raw_send(&r[i], some, sizeof some);
	}
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < HALVES; i++)
			raw_send(&r[i], some, 1);
	all_is_well();
	if (before)
		ck_assert_uint_le(harness_memory(), before + (8 << 20));
	for (unsigned i = 0; i < HALVES; i++) {
		ck_assert(is_open(&r[i]));
		raw_close(&r[i]);
	}
}
END_TEST

/* ---- replies that nobody takes ---- */

static void ask_for_some(struct raw *r, unsigned times, uint32_t len)
{
	CLEANUP_WIRE struct wire all = { 0 };

	for (unsigned i = 0; i < times; i++) {
		CLEANUP_WIRE struct wire call = { 0 };

		raw_head(&call, i, RAW_NFS, 3, CALL_READ);
		call_put_fh(&call, &large);
		wire_put64(&call, 0);
		wire_put32(&call, len);
		wire_put32(&all, RAW_LAST | (uint32_t)call.len);
		wire_put_bytes(&all, call.p, call.len);
	}
	raw_send(r, all.p, all.len);
}

static void ask_for_much(struct raw *r, unsigned times)
{
	ask_for_some(r, times, LARGE);
}

START_TEST(who_takes_no_replies)
{
	static struct raw r[DEAF];
	int open, closed;
	uint64_t before;

	start();
	before = harness_memory();
	open = (int)descriptors();
	for (unsigned i = 0; i < DEAF; i++) {
		raw_open(&r[i], h.port);
		ask_for_much(&r[i], 100);
	}
	all_is_well();
	if (before)
		ck_assert_uint_le(harness_memory(), before + (32 << 20));
	ck_assert(is_open(&conn));
	/* The other ends of those that are: a deaf one does not hear it. */
	do {
		all_is_well();
		closed = open + 2 * DEAF - (int)descriptors();
	} while (closed <= 0);
	printf("%d of %d closed\n", closed, DEAF);
	ck_assert_int_lt(closed, DEAF);
	for (unsigned i = 0; i < DEAF; i++)
		raw_close(&r[i]);
	all_is_well();
}
END_TEST

/* ---- connections ---- */

/* Open them all, and see that those are served that were opened first. */
static int be_ten_thousand(void)
{
	static struct raw r[MANY];
	unsigned many = harness_slow() ? MANY : LESS_MANY;

	/* No faster than they are accepted, lest the system drops some. */
	for (unsigned i = 0; i < many; i++) {
		raw_open(&r[i], h.port);
		if (i % 64 == 0 && call_getattr(&r[i], &file, NULL) != N3_OK)
			return 1;
	}
	for (unsigned i = 0; i < many; i += 7)
		if (call_getattr(&r[i], &file, NULL) != N3_OK)
			return 1;
	return 0;
}

START_TEST(ten_thousand)
{
	unsigned before, after;
	struct rlimit limit;
	int status;
	pid_t pid;

	ck_assert(!getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	ck_assert(!setrlimit(RLIMIT_NOFILE, &limit));
	h.connections = FILES;
	start();
	if (limit.rlim_max < FILES) {
		printf("no ten thousand: the limit on open files is %lu\n",
		       (unsigned long)limit.rlim_max);
		return;
	}
	before = descriptors();
	pid = fork();
	if (!pid)
		_exit(be_ten_thousand());
	ck_assert_int_gt(pid, 0);
	for (int i = 0; i < 50; i++)
		all_is_well();
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	do {
		all_is_well();
		after = descriptors();
	} while (after > before);
}
END_TEST

/* The idle ones go, in their order; who does something stays. */
START_TEST(one_too_many)
{
	static struct raw r[2 * FEW];

	h.connections = FEW;
	start();
	for (unsigned i = 0; i < 2 * FEW; i++) {
		raw_open(&r[i], h.port);
		ck_assert_uint_eq(call_getattr(&r[i], &file, NULL), N3_OK);
		ck_assert_uint_eq(call_getattr(&conn, &file, NULL), N3_OK);
	}
	for (unsigned i = 0; i < FEW; i++)
		ck_assert(is_closed(&r[i]));
	for (unsigned i = FEW + 2; i < 2 * FEW; i++)
		ck_assert_uint_eq(call_getattr(&r[i], &file, NULL), N3_OK);
	for (unsigned i = 0; i < 2 * FEW; i++)
		raw_close(&r[i]);
}
END_TEST

/* Who comes takes the place of one that does nothing, on whatever loop. */
START_TEST(no_descriptor_left)
{
	static struct raw idle[FEW], r[FEW];
	static int taken_up[FILES];
	struct rlimit limit, less;
	unsigned n = 0;

	h.loops = 2;
	start();
	for (unsigned i = 0; i < FEW; i++) {
		raw_open(&idle[i], h.port);
		ck_assert_uint_eq(call_getattr(&idle[i], &file, NULL), N3_OK);
	}
	ck_assert(!getrlimit(RLIMIT_NOFILE, &limit));
	less = (struct rlimit){ .rlim_cur = descriptors() + FEW,
				.rlim_max = limit.rlim_max };
	ck_assert(!setrlimit(RLIMIT_NOFILE, &less));
	while (n < FILES && (taken_up[n] = dup(conn.fd)) >= 0)
		n++;
	ck_assert_uint_gt(n, FEW / 10);
	for (unsigned i = 0; i < FEW / 10; i++) {
		close(taken_up[--n]);           /* this end's */
		raw_open(&r[i], h.port);
		ck_assert_uint_eq(call_getattr(&r[i], &file, NULL), N3_OK);
	}
	while (n)
		close(taken_up[--n]);
	ck_assert(!setrlimit(RLIMIT_NOFILE, &limit));
	for (unsigned i = 0; i < FEW / 10; i++)
		raw_close(&r[i]);
	for (unsigned i = 0; i < FEW; i++)
		raw_close(&idle[i]);
}
END_TEST

START_TEST(churn)
{
	CLEANUP_WIRE struct wire call = { 0 };
	unsigned before;

	start();
	before = descriptors();
	raw_head(&call, 1, RAW_NFS, 3, CALL_GETATTR);
	call_put_fh(&call, &file);
	for (unsigned i = 0; i < (harness_slow() ? 5 : 1) * CHURN; i++) {
		struct raw r;
		struct linger rst = { .l_onoff = 1 };

		raw_open(&r, h.port);
		if (i % 3)              /* answered into the void */
			raw_record(&r, &call);
		if (i % 2)
			setsockopt(r.fd, SOL_SOCKET, SO_LINGER, &rst,
				   sizeof rst);
		raw_close(&r);
	}
	all_is_well();
	for (int i = 0; i < 1000 && descriptors() > before; i++)
		all_is_well();
	ck_assert_uint_le(descriptors(), before);
}
END_TEST

/* The same call again and again, in one go: each is answered as the first. */
START_TEST(replays)
{
	CLEANUP_WIRE struct wire call = { 0 }, first = { 0 }, again = { 0 };

	start();
	raw_head(&call, 9, RAW_NFS, 3, CALL_GETATTR);
	call_put_fh(&call, &file);
	raw_record(&conn, &call);
	ck_assert(raw_receive(&conn, &first));
	for (int i = 0; i < 500; i++)
		raw_record(&conn, &call);
	for (int i = 0; i < 500; i++) {
		ck_assert(raw_receive(&conn, &again));
		ck_assert_uint_eq(again.len, first.len);
		ck_assert_mem_eq(again.p, first.p, first.len);
	}
}
END_TEST

/* ---- fairness ---- */

static atomic_bool over;
static atomic_ulong taken;

/* Asks for as much as it gets, and gets it. */
static void *glutton(void *arg)
{
	static uint8_t sink[MEBI];
	struct raw *r = arg;

	while (!over) {
		ssize_t n = recv(r->fd, sink, sizeof sink, 0);

		if (n <= 0)
			break;
		taken += (unsigned long)n;
	}
	return NULL;
}

static void *feeder(void *arg)
{
	while (!over)
		ask_for_much(arg, 200);
	return NULL;
}

static int ulong_cmp(const void *a, const void *b)
{
	const unsigned long *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* One call has to wait for a bounded part of what others ask for, however
 * much that is. */
START_TEST(a_glutton)
{
	unsigned long meanwhile[SAMPLES];
	pthread_t eats, asks;
	struct raw r;

	start();
	raw_open(&r, h.port);
	ck_assert(!pthread_create(&eats, NULL, glutton, &r));
	ck_assert(!pthread_create(&asks, NULL, feeder, &r));
	while (taken < 64u * MEBI)
		sched_yield();
	for (unsigned i = 0; i < SAMPLES; i++) {
		unsigned long before = taken;

		while (taken == before)         /* it goes on */
			sched_yield();
		before = taken;
		ck_assert_uint_eq(call_getattr(&conn, &file, NULL), N3_OK);
		meanwhile[i] = taken - before;
	}
	over = true;
	shutdown(r.fd, SHUT_RDWR);
	pthread_join(eats, NULL);
	pthread_join(asks, NULL);
	raw_close(&r);
	qsort(meanwhile, SAMPLES, sizeof *meanwhile, ulong_cmp);
	printf("while one GETATTR waited the other took %lu KiB\n",
	       meanwhile[SAMPLES / 2] >> 10);
	ck_assert_uint_le(meanwhile[SAMPLES / 2], 40u * MEBI);
	all_is_well();
}
END_TEST

static atomic_bool held, go_on;

static void hold(void *arg, struct rpc *rpc, struct conns *conns)
{
	(void)arg, (void)rpc, (void)conns;
	held = true;
	while (!go_on)
		sched_yield();
}

static void *hold_loop(void *arg)
{
	(void)arg;
	return server_visit(h.server, hold, NULL) ? &h : NULL;
}

static void count_calls(void *arg, const struct conn_peer *p)
{
	*(uint64_t *)arg += p->calls;
}

static void visit_peers(void *arg, struct rpc *rpc, struct conns *conns)
{
	(void)rpc;
	conns_peers(conns, count_calls, arg);
}

/* How many calls of many gluttons, who came first, have been answered when
 * one is who came last. */
static uint64_t answered_before(void)
{
	static struct raw r[GLUTTONS];
	CLEANUP_WIRE struct wire reply = { 0 }, call = { 0 };
	uint64_t before = 0, after = 0;
	pthread_t holds;
	void *failed;

	for (unsigned i = 0; i < GLUTTONS; i++) {
		raw_open(&r[i], h.port);
		ck_assert_uint_eq(call_getattr(&r[i], &file, NULL), N3_OK);
	}
	ck_assert(!server_visit(h.server, visit_peers, &before));
	held = go_on = false;
	ck_assert(!pthread_create(&holds, NULL, hold_loop, NULL));
	while (!held)
		sched_yield();
	for (unsigned i = 0; i < GLUTTONS; i++)
		ask_for_some(&r[i], EACH, SOME);
	raw_head(&call, 1, RAW_NFS, 3, CALL_GETATTR);
	call_put_fh(&call, &file);
	raw_record(&conn, &call);
	go_on = true;
	ck_assert(raw_receive(&conn, &reply));
	ck_assert(!server_visit(h.server, visit_peers, &after));
	pthread_join(holds, &failed);
	ck_assert_ptr_null(failed);
	for (unsigned i = 0; i < GLUTTONS; i++)
		raw_close(&r[i]);
	return after - before;
}

/* And however many they are.  This thread may be late, but not always. */
START_TEST(many_gluttons)
{
	uint64_t least = UINT64_MAX;

	start();
	for (int i = 0; i < 5; i++) {
		uint64_t n = answered_before();

		least = n < least ? n : least;
	}
	printf("%d calls of others, of %d, went before one\n", (int)least,
	       GLUTTONS * EACH);
	ck_assert_uint_lt(least, GLUTTONS * EACH / 2);
}
END_TEST

/* ---- waiting ---- */

static void ask_for_cold(struct raw *r, unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		CLEANUP_WIRE struct wire call = { 0 };

		raw_head(&call, i, RAW_NFS, 3, CALL_READ);
		call_put_fh(&call, &cold);
		wire_put64(&call, 0);
		wire_put32(&call, LARGE);
		raw_record(r, &call);
	}
}

static uint32_t next_status(struct raw *r)
{
	CLEANUP_WIRE struct wire reply = { 0 };

	ck_assert(raw_receive(r, &reply));
	raw_reply(&reply);
	return wire_get32(&reply);
}

static void count_one(void *arg, const struct rpc_parked *p)
{
	(void)p;
	++*(unsigned *)arg;
}

static void visit(void *arg, struct rpc *rpc, struct conns *conns)
{
	(void)conns;
	rpc_parked(rpc, count_one, arg);
}

static unsigned count_waiting(void)
{
	unsigned n = 0;

	ck_assert(!server_visit(h.server, visit, &n));
	return n;
}

/* Then who has none waiting may have one, and the next is to come again. */
START_TEST(too_many_wait)
{
	static struct raw r[WAITING];

	start();
	ck_assert_uint_eq(call_find(&conn, &root, "cold", &cold, NULL),
			  N3_OK);
	fake_hold(f, &cold_oid);
	for (unsigned i = 0; i < WAITING; i++) {
		raw_open(&r[i], h.port);
		ask_for_cold(&r[i], CONN_CALLS_MAX);
		/* One more is not even read. */
		ask_for_cold(&r[i], 1);
	}
	while (count_waiting() < WAITING * CONN_CALLS_MAX)
		;
	ask_for_cold(&conn, 2);
	ck_assert_uint_eq(next_status(&conn), N3_JUKEBOX);
	all_is_well();
	fake_release(f, &cold_oid);
	ck_assert_uint_eq(next_status(&conn), N3_OK);
	for (unsigned i = 0; i < WAITING; i++) {
		for (unsigned k = 0; k <= CONN_CALLS_MAX; k++)
			ck_assert_uint_eq(next_status(&r[i]), N3_OK);
		raw_close(&r[i]);
	}
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, a_million_fragments);
	tcase_add_test(c, half_records);
	tcase_add_test(c, slow_senders);
	tcase_add_test(c, who_takes_no_replies);
	tcase_add_test(c, ten_thousand);
	tcase_add_test(c, one_too_many);
	tcase_add_test(c, no_descriptor_left);
	tcase_add_test(c, churn);
	tcase_add_test(c, replays);
	tcase_add_test(c, a_glutton);
	tcase_add_test(c, many_gluttons);
	tcase_add_test(c, too_many_wait);
}

int main(void)
{
	return harness_main("crowd", 120, add, NULL);
}
