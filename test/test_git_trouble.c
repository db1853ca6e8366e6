/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The git backend against a host that fails, hangs, floods, sends too little
 * or sends away. */
#include <errno.h>
#include <stdio.h>

#include "backend/http/circuit.h"
#include "common/clock.h"
#include "test/faulty.h"
#include "test/githost.h"
#include "test/suite.h"

/* ---- trouble ---- */

START_TEST(statuses)
{
	static const struct {
		const char *fault;
		int err;
	} all[] = {
		{ "status=404", -ENOENT }, { "status=410", -ENOENT },
		{ "status=401", -EACCES }, { "status=403", -EACCES },
		{ "status=500", -EIO }, { "status=502", -EIO },
		{ "status=400", -EBADMSG }, { "status=415", -EBADMSG },
		{ "post-status=500", -EIO }, { "post-status=404", -ENOENT },
		{ "post-status=403", -EACCES },
		{ "post-empty", -EBADMSG }, { "post-type=text:html", -EBADMSG },
		{ "post-cut=30", -ECONNRESET },
		{ "post-cut=30,post-clean", -ECONNRESET },
	};
	struct oid oid;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct backend *b = open_faulty(all[i].fault, "r");
		int err = resolve(b, "main", &oid);

		ck_assert_msg(err == all[i].err, "%s: %d", all[i].fault, err);
		backend_close(b);
	}
}
END_TEST

/* What goes wrong once is tried again. */
START_TEST(once_is_no_trouble)
{
	static const char *const fault[] = {
		"get-status=500@2", "post-status=502@2", "post-empty@1",
		"post-cut=50@2", "post-cut=50@2,post-clean@2", "post-flip=40@2",
		"post-status=429@1,post-after=1@1",
	};
	struct oid commit = id_of("r", "main");

	for (size_t i = 0; i < sizeof fault / sizeof *fault; i++) {
		struct backend *b = open_faulty(fault[i], "r");
		int err = fetch_one(b, &commit, OBJ_COMMIT, REACH_TREES);

		ck_assert_msg(!err, "%s: %d", fault[i], err);
		backend_close(b);
	}
}
END_TEST

/* Unless nobody waits to hear of it. */
START_TEST(one_try_will_do)
{
	struct backend *b = open_faulty("status=500", "r");
	struct run *r[2] = { run_new(b, 0), run_new(b, 0) };

	r[0]->job.once = true;
	run_resolve(r[0], "main", PATIENCE);
	ck_assert_int_eq(run_wait(r[0]), -EIO);
	ck_assert_uint_eq(githost_count("^GET"), 1);
	run_resolve(r[1], "main", PATIENCE);
	ck_assert_int_eq(run_wait(r[1]), -EIO);
	ck_assert_uint_gt(githost_count("^GET"), 2);
	run_free(r[0]);
	run_free(r[1]);
	backend_close(b);
}
END_TEST

START_TEST(cut_anywhere)
{
	struct oid blob = id_of("r", "main:deep/0/1/2/3/4/file");

	for (int at = 0; at < 70; at += 3) {
		struct backend *b;
		char fault[64];

		snprintf(fault, sizeof fault, "post-cut=%d@1%s", at,
			 at % 2 ? ",post-clean@1" : "");
		b = open_faulty(fault, "r");
		ck_assert_int_eq(fetch_one(b, &blob, OBJ_BLOB, REACH_NEAR), 0);
		backend_close(b);
	}
}
END_TEST

START_TEST(too_many_requests)
{
	struct backend *b = open_with("localhost",
				      "post-status=429,post-after=3600", "r",
				      NULL);
	struct oid oid;

	ck_assert_int_eq(resolve(b, "main", &oid), -EAGAIN);
	ck_assert_uint_eq(githost_count("^POST"), 1);
	/* Nothing that goes to this host is sent. */
	ck_assert_int_eq(resolve(b, "main", &oid), -EAGAIN);
	ck_assert_uint_eq(githost_count("^POST"), 1);
	backend_close(b);
}
END_TEST

/* Silence, a little and for ever, ends with the deadline; others do not
 * notice. */
START_TEST(hangs)
{
	static const char *const fault[] = {
		"hang", "post-hang", "post-stall=20", "post-chat",
	};
	struct oid commit = id_of("r", "main");
	struct backend *b[4], *other = open_faulty("", "r");
	struct run *r[4];

	for (int i = 0; i < 4; i++) {
		b[i] = open_faulty(fault[i], "r");
		r[i] = run_new(b[i], 1);
		r[i]->want[0] = commit;
		run_fetch(r[i], OBJ_COMMIT, REACH_NEAR, 3000);
	}
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(fetch_one(other, &commit, OBJ_COMMIT,
					   REACH_NEAR), 0);
	/* Unless all was so slow that it is time. */
	for (int i = 0; i < 4; i++)
		ck_assert_msg(!r[i]->done || clock_ms() >= r[i]->job.deadline,
			      "%s: %d", fault[i], r[i]->err);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(run_wait(r[i]), -ETIMEDOUT);
		run_free(r[i]);
		backend_close(b[i]);
	}
	backend_close(other);
}
END_TEST

/* Much that comes is not yet progress. */
START_TEST(floods)
{
	static const struct {
		const char *fault;
		bool of_refs;
		int err;
	} all[] = {
		{ "get-flood", true, -ETIMEDOUT },
		{ "post-flood", true, -ETIMEDOUT },
		{ "post-flood", false, -EBADMSG },
	};
	struct oid commit = id_of("r", "main");

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct backend *b = open_faulty(all[i].fault, "r");
		struct run *r = run_new(b, 1);

		r->want[0] = commit;
		if (all[i].of_refs)
			run_resolve(r, "main", 1000);
		else
			run_fetch(r, OBJ_COMMIT, REACH_NEAR, 60000);
		ck_assert_int_eq(run_wait(r), all[i].err);
		run_free(r);
		backend_close(b);
	}
}
END_TEST

START_TEST(nobody_there)
{
	char why[BACKEND_WHY];
	struct backend *b;
	struct oid oid;
	uint64_t start;

	ck_assert_int_eq(backend_open(&b, "http://127.0.0.1:1/r", why), 0);
	ck_assert_int_eq(resolve(b, NULL, &oid), -ECONNREFUSED);
	/* By now we know. */
	start = clock_ms();
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(resolve(b, NULL, &oid), -EHOSTDOWN);
	ck_assert_uint_lt(clock_ms() - start, 1000);
	backend_close(b);
}
END_TEST

START_TEST(circuits)
{
	struct circuit *c, *same, *other;
	uint64_t open = 0;

	clock_freeze();
	ck_assert_int_eq(circuit_get("https://a", "", 0, &c), 0);
	ck_assert_int_eq(circuit_get("https://a", "", 0, &same), 0);
	ck_assert_int_eq(circuit_get("https://b", "", 0, &other), 0);
	ck_assert_ptr_eq(c, same);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(circuit_enter(c), 0);
		circuit_leave(c, -ETIMEDOUT);
	}
	ck_assert_int_eq(circuit_enter(c), 0);
	circuit_leave(same, 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(circuit_enter(c), 0);
		circuit_leave(c, -ETIMEDOUT);
	}
	/* Longer each time; one may try. */
	for (int i = 0; i < 10; i++) {
		uint64_t ms = 0;

		while (circuit_enter(c) == -EHOSTDOWN) {
			clock_advance(100);
			ms += 100;
			ck_assert_uint_le(ms, 60000);
		}
		ck_assert_uint_ge(ms, open);
		open = ms;
		ck_assert_int_eq(circuit_enter(same), -EHOSTDOWN);
		ck_assert_int_eq(circuit_enter(other), 0);
		circuit_leave(other, 0);
		circuit_leave(c, i == 9 ? 0 : -EIO);
	}
	ck_assert_uint_eq(open, 60000);
	ck_assert_int_eq(circuit_enter(c), 0);
	circuit_leave(c, -ETIMEDOUT);
	circuit_put(c);
	circuit_put(same);
	circuit_put(other);
	circuit_put(NULL);
	clock_thaw();
}
END_TEST

/* What a host says holds for all its repositories, also for the next. */
START_TEST(circuits_without_users)
{
	enum { MANY = 300 };
	struct circuit *c, *of[MANY];
	char name[32];

	clock_freeze();
	ck_assert_int_eq(circuit_get("https://a", "me", 60, &c), 0);
	limit_left(circuit_limit(c), 0, 1, 3600);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(circuit_enter(c), 0);
		circuit_leave(c, -ETIMEDOUT);
	}
	circuit_put(c);
	ck_assert_int_eq(circuit_get("https://a", "you", 60, &c), 0);
	ck_assert_uint_eq(limit_book(circuit_limit(c)), 0);
	ck_assert_int_eq(circuit_enter(c), -EHOSTDOWN);
	circuit_put(c);
	ck_assert_int_eq(circuit_get("https://a", "me", 60, &c), 0);
	ck_assert_uint_ne(limit_book(circuit_limit(c)), 0);
	/* Who is used is not forgotten, of the others the oldest are. */
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "https://h%d", i);
		ck_assert_int_eq(circuit_get(name, "", 0, of + i), 0);
		limit_busy(circuit_limit(of[i]), 3600);
	}
	for (int i = 0; i < MANY; i++)
		circuit_put(of[i]);
	ck_assert_uint_ne(limit_book(circuit_limit(c)), 0);
	circuit_put(c);
	ck_assert_int_eq(circuit_get(name, "", 0, &c), 0);
	ck_assert_uint_ne(limit_book(circuit_limit(c)), 0);
	circuit_put(c);
	ck_assert_int_eq(circuit_get("https://h0", "", 0, &c), 0);
	ck_assert_uint_eq(limit_book(circuit_limit(c)), 0);
	circuit_put(c);
	clock_thaw();
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, statuses);
	tcase_add_test(c, once_is_no_trouble);
	tcase_add_test(c, one_try_will_do);
	tcase_add_test(c, cut_anywhere);
	tcase_add_test(c, too_many_requests);
	tcase_add_test(c, hangs);
	tcase_add_test(c, floods);
	tcase_add_test(c, nobody_there);
	tcase_add_test(c, circuits);
	tcase_add_test(c, circuits_without_users);
}

int main(void)
{
	githost_init("git_trouble");
	make_repositories();
	port = githost_scripted();
	if (port < 0)
		return githost_skip("needs perl");
	return githost_exit(suite_run("git_trouble", 120, add, NULL));
}
