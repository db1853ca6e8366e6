/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Another configuration while clients read: what comes, what goes, what
 * stays, and what is refused as a whole. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "test/call.h"
#include "test/daemon.h"
#include "test/harness.h"
#include "test/scratch.h"

enum { READERS = 2, TURNS = 20, PATIENCE_MS = 60000 };

static struct daemon d;
static char *base;              /* bare repositories: one.git, two.git */

static void make_repo(const char *name, const char *content)
{
	shell("set -e; git init -q -b main '%s/%s'; cd '%s/%s'; "
	      "echo '%s' >file; git add file; git commit -qm one; "
	      "git branch other", base, name, base, name, content);
}

static void set_up(void)
{
	base = scratch_dir();
	make_repo("one", "first");
	make_repo("two", "second");
	shell("cd '%s/two' && git checkout -q other && echo other >file && "
	      "git commit -qam other && git checkout -q main", base);
}

static void tear_down(void)
{
	free(TAKE(base));
}

static void connect_to(struct raw *raw, struct fh *top)
{
	raw_open(raw, d.port);
	ck_assert_uint_eq(call_mnt(raw, "/", top), N3_OK);
}

/* One that went well. */
static void reload(const char *wanted)
{
	CLEANUP_FREE char *answer = daemon_ask(&d, "{\"command\":\"reload\"}");

	ck_assert_msg(strstr(answer, "\"ok\":true") &&
		      strstr(answer, wanted), "%s", answer);
}

static void refused(const char *wanted)
{
	CLEANUP_FREE char *answer = daemon_ask(&d, "{\"command\":\"reload\"}");

	ck_assert_msg(strstr(answer, "\"ok\":false") &&
		      strstr(answer, wanted), "%s", answer);
}

static bool is_listed(struct raw *raw, const struct fh *top, const char *name)
{
	CLEANUP_PAGE struct page page = { 0 };
	bool found = false;

	ck_assert_uint_eq(call_readdir(raw, top, 0, 0, 8192, &page), N3_OK);
	for (size_t i = 0; i < page.n; i++)
		found |= page.entry[i].len == strlen(name) &&
			 !memcmp(page.entry[i].name, name, strlen(name));
	return found;
}

static uint64_t mtime_of(struct raw *raw, const struct fh *fh)
{
	struct fattr a;

	ck_assert_uint_eq(call_getattr(raw, fh, &a), N3_OK);
	return a.mtime;
}

static void has(struct raw *raw, const struct fh *fh, const char *content)
{
	CLEANUP_WIRE struct wire data = { 0 };

	ck_assert_uint_eq(call_read_all(raw, fh, 4096, &data), N3_OK);
	ck_assert_uint_eq(data.len, strlen(content));
	ck_assert_mem_eq(data.p, content, data.len);
}

START_TEST(sources_come_and_go)
{
	CLEANUP_RAW struct raw raw = { 0 };
	struct fh top, one, two, fh;
	uint64_t before;

	daemon_configure(&d, "[source \"one\"]\n\turl = %s/one\n", base);
	daemon_start(&d);
	connect_to(&raw, &top);
	ck_assert_uint_eq(call_walk(&raw, &top, "one/file", &one, NULL), N3_OK);
	ck_assert_uint_eq(call_find(&raw, &top, "two", &fh, NULL), N3_NOENT);
	before = mtime_of(&raw, &top);

	/* One comes: listed, and the times of "/" tell. */
	daemon_configure(&d, "[source \"one\"]\n\turl = %s/one\n"
			 "[source \"two\"]\n\turl = %s/two\n", base, base);
	reload("\"added\":1,\"removed\":0,\"changed\":0");
	ck_assert_uint_gt(mtime_of(&raw, &top), before);
	ck_assert(is_listed(&raw, &top, "two"));
	ck_assert_uint_eq(call_walk(&raw, &top, "two/file", &two, NULL), N3_OK);
	has(&raw, &two, "second\n");
	before = mtime_of(&raw, &top);

	/* The same again is nothing new. */
	reload("\"added\":0,\"removed\":0,\"changed\":0");
	ck_assert_uint_eq(mtime_of(&raw, &top), before);

	/* One goes: no name, and handles are stale, also on this connection
	 * and to what was read a moment ago. */
	daemon_configure(&d, "[source \"two\"]\n\turl = %s/two\n", base);
	reload("\"added\":0,\"removed\":1,\"changed\":0");
	ck_assert_uint_gt(mtime_of(&raw, &top), before);
	ck_assert(!is_listed(&raw, &top, "one"));
	ck_assert(!is_listed(&raw, &top, "one@@"));
	ck_assert_uint_eq(call_find(&raw, &top, "one", &fh, NULL), N3_NOENT);
	ck_assert_uint_eq(call_getattr(&raw, &one, NULL), N3_STALE);
	ck_assert_uint_eq(call_read(&raw, &one, 0, 10, NULL, NULL, NULL),
			  N3_STALE);
	has(&raw, &two, "second\n");

	/* And is back, with its handles. */
	daemon_configure(&d, "[source \"one\"]\n\turl = %s/one\n"
			 "[source \"two\"]\n\turl = %s/two\n"
			 "\tref = other\n", base, base);
	reload("\"added\":1,\"removed\":0,\"changed\":1");
	has(&raw, &one, "first\n");
	ck_assert_uint_eq(call_walk(&raw, &top, "one/file", &fh, NULL), N3_OK);
	ck_assert(fh_eq(&fh, &one));
	/* Another branch is a move: old handles read on. */
	has(&raw, &two, "second\n");
	ck_assert_uint_eq(call_walk(&raw, &top, "two/file", &fh, NULL), N3_OK);
	has(&raw, &fh, "other\n");
	ck_assert_int_eq(daemon_stop(&d), 0);
}
END_TEST

START_TEST(roots_come_and_go)
{
	CLEANUP_RAW struct raw raw = { 0 };
	struct fh top, one, fh;

	daemon_configure(&d, "[root \"git\"]\n\turl = %s/{repository}\n"
			 "[source \"a/b/two\"]\n\turl = %s/two\n", base, base);
	daemon_start(&d);
	connect_to(&raw, &top);
	ck_assert_uint_eq(call_walk(&raw, &top, "git/one/file", &one, NULL),
			  N3_OK);
	ck_assert_uint_eq(call_walk(&raw, &top, "git/two/file", &fh, NULL),
			  N3_OK);

	/* Other options: what is open is opened anew, and stays. */
	daemon_configure(&d, "[root \"git\"]\n\turl = %s/{repository}\n"
			 "\tdeny-repository = two\n\trefresh = 7\n"
			 "[source \"a/c\"]\n\turl = %s/two\n", base, base);
	reload("\"added\":1,\"removed\":1,\"changed\":1");
	has(&raw, &one, "first\n");
	ck_assert_uint_eq(call_getattr(&raw, &fh, NULL), N3_STALE);
	ck_assert_uint_eq(call_walk(&raw, &top, "git/two", &fh, NULL),
			  N3_NOENT);
	ck_assert_uint_eq(call_walk(&raw, &top, "a/b", &fh, NULL), N3_NOENT);
	ck_assert_uint_eq(call_walk(&raw, &top, "a/c/file", &fh, NULL), N3_OK);

	/* A root goes with all below, and is back. */
	daemon_configure(&d, "[source \"two\"]\n\turl = %s/two\n", base);
	reload("\"added\":1,\"removed\":2,\"changed\":0");
	ck_assert_uint_eq(call_getattr(&raw, &one, NULL), N3_STALE);
	ck_assert_uint_eq(call_find(&raw, &top, "git", &fh, NULL), N3_NOENT);
	ck_assert_uint_eq(call_find(&raw, &top, "a", &fh, NULL), N3_NOENT);
	daemon_configure(&d, "[root \"git\"]\n\turl = %s/{repository}\n", base);
	reload("\"added\":1,\"removed\":1,\"changed\":0");
	has(&raw, &one, "first\n");
	ck_assert_uint_eq(call_walk(&raw, &top, "git", &fh, NULL), N3_OK);
	ck_assert(is_listed(&raw, &fh, "one"));
	ck_assert_int_eq(daemon_stop(&d), 0);
}
END_TEST

START_TEST(a_mistake_changes_nothing)
{
	CLEANUP_RAW struct raw raw = { 0 };
	CLEANUP_FREE char *status = NULL;
	struct fh top, fh;

	daemon_configure(&d, "[source \"one\"]\n\turl = %s/one\n", base);
	daemon_start(&d);
	connect_to(&raw, &top);
	/* File, line and key. */
	daemon_configure(&d, "[source \"two\"]\n\turl = %s/two\n"
			 "[cache]\n\tmemory = much\n", base);
	refused("gitnfs.conf:4: cache.memory");
	daemon_configure(&d, "[source \"two\"]\n\turl = %s/two\n"
			 "[sauce \"x\"]\n\turl = y\n", base);
	refused("gitnfs.conf:4: sauce.x.url");
	daemon_configure(&d, "[source \"two\"]\n\turl = %s/two\n"
			 "[source \"no\"]\n\turl = %s/none\n", base, base);
	refused("gitnfs.conf:4: ");
	daemon_configure(&d, "[source \"two\"]\n\turl = %s/two\n"
			 "\tref = none\n", base);
	refused("gitnfs.conf:3: source.two.ref");
	daemon_configure(&d, "[source \"..\"]\n\turl = %s/two\n", base);
	refused("gitnfs.conf:2: ");
	daemon_configure(&d, "[source \"one\"]\n\turl = %s/one\n"
			 "[server]\n\tlog-to = /nowhere/log\n", base);
	refused("/nowhere/log");
	daemon_configure(&d, "[source \"..\"]\n\turl = %s/two\n"
			 "[server]\n\tlog-to = %s/elsewhere\n", base, base);
	refused("gitnfs.conf:2: ");
	/* Nothing of it was done. */
	ck_assert_uint_eq(call_find(&raw, &top, "two", &fh, NULL), N3_NOENT);
	ck_assert_uint_eq(call_walk(&raw, &top, "one/file", &fh, NULL), N3_OK);
	/* Nor of what needs a restart, but that is told. */
	daemon_configure(&d, "[source \"one\"]\n\turl = %s/one\n"
			 "[server]\n\tloops = 3\n[http]\n\tlisten = 127.0.0.1:1\n"
			 "[cache]\n\tmemory = 20m\n\tprefetch = 3\n", base);
	reload("\"restart\":[\"server.loops\",\"http.listen\"]");
	status = daemon_ask(&d, "{\"command\":\"status\"}");
	ck_assert_msg(strstr(status, "\"budget\":20971520"), "%s", status);
	ck_assert_int_eq(daemon_stop(&d), 0);
	shell("! test -s '%s/elsewhere'", base);
}
END_TEST

/* Rules of listeners and of places, for those who are there already. */
START_TEST(rules_hold_at_once)
{
	CLEANUP_RAW struct raw raw = { 0 };
	struct fh top, one, fh;

	daemon_configure(&d, "[source \"one\"]\n\turl = %s/one\n"
			 "[source \"two\"]\n\turl = %s/two\n", base, base);
	daemon_start(&d);
	connect_to(&raw, &top);
	ck_assert_uint_eq(call_walk(&raw, &top, "one/file", &one, NULL), N3_OK);
	daemon_configure(&d, "[source \"one\"]\n\turl = %s/one\n"
			 "\tuid = 7\n"
			 "[source \"two\"]\n\turl = %s/two\n", base, base);
	reload("\"added\":0,\"removed\":0,\"changed\":0");
	ck_assert_uint_eq(call_find(&raw, &top, "one", &fh, NULL), N3_ACCES);
	ck_assert(!is_listed(&raw, &top, "one"));
	ck_assert_uint_eq(call_walk(&raw, &top, "two/file", &fh, NULL), N3_OK);
	raw_be(7);
	ck_assert_uint_eq(call_getattr(&raw, &one, NULL), N3_OK);
	daemon_configure(&d, "[source \"one\"]\n\turl = %s/one\n"
			 "[server]\n\tuid = 8\n", base);
	reload("\"removed\":1");
	raw_be(8);
	ck_assert_uint_eq(call_getattr(&raw, &one, NULL), N3_OK);
	daemon_configure(&d, "[source \"one\"]\n\turl = %s/one\n", base);
	reload("\"changed\":0");
	raw_be(1000);
	ck_assert_uint_eq(call_getattr(&raw, &one, NULL), N3_OK);
	ck_assert_int_eq(daemon_stop(&d), 0);
}
END_TEST

static bool is_shown(const char *name)
{
	CLEANUP_FREE char *status =
		daemon_ask(&d, "{\"command\":\"status\"}");
	CLEANUP_FREE char *field = NULL;

	ck_assert_int_ge(asprintf(&field, "\"name\":\"%s\"", name), 0);
	return strstr(status, field);
}

/* Clients notice nothing. */
START_TEST(clients_notice_nothing)
{
	struct reading r[READERS];

	daemon_configure(&d, "[source \"one\"]\n\turl = %s/one\n", base);
	daemon_start(&d);
	for (int i = 0; i < READERS; i++) {
		r[i] = (struct reading){
			.port = d.port, .mount = "/one", .path = "/file",
			.content = "first\n",
		};
		reading_start(&r[i]);
	}
	for (int i = 0; i < (harness_slow() ? 10 * TURNS : TURNS); i++) {
		daemon_configure(&d, "[source \"one\"]\n\turl = %s/one\n"
				 "%s%s%s"
				 "[cache]\n\tmemory = %dm\n\tprefetch = %d\n"
				 "\tdisk = %dm\n", base,
				 i % 2 ? "\ttoken-file = /dev/null\n" : "",
				 i % 3 ? "[root \"git\"]\n\turl = /tmp/{y}\n" : "",
				 i % 5 ? "[source \"two\"]\n\turl = two\n" : "",
				 1 + i, i % 4, 10 + i);
		if (i % 5)
			refused("two");
		else
			reload("\"ok\":true");
		for (int k = 0; k < READERS; k++)
			reading_await(&r[k], 2);
	}
	for (int i = 0; i < READERS; i++)
		reading_stop(&r[i]);
	/* A signal does the same. */
	daemon_configure(&d, "[source \"gone\"]\n\turl = %s/one\n", base);
	kill(d.pid, SIGHUP);
	for (int i = 0; i < PATIENCE_MS && !is_shown("gone"); i++)
		usleep(1000);
	ck_assert(is_shown("gone") && !is_shown("one"));
	ck_assert_int_eq(daemon_stop(&d), 0);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, sources_come_and_go);
	tcase_add_test(tc, roots_come_and_go);
	tcase_add_test(tc, a_mistake_changes_nothing);
	tcase_add_test(tc, rules_hold_at_once);
	tcase_add_test(tc, clients_notice_nothing);
}

int main(void)
{
	return harness_main("it_reload", 300, add_tests, NULL);
}
