/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Another program in the place of the one that serves, again and again, while
 * clients read; and sockets that somebody else has opened. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "test/call.h"
#include "test/daemon.h"
#include "test/harness.h"
#include "test/scratch.h"

enum { READERS = 3, UPGRADES = 5, MANY = 100, PATIENCE_MS = 60000 };

static struct daemon d;
static char *repo;

static void set_up(void)
{
	repo = scratch_dir();
	shell("set -e; cd '%s'; git init -q -b main; echo content >file; "
	      "git add file; git commit -qm one", repo);
}

static void tear_down(void)
{
	free(TAKE(repo));
}

static void await_log(const char *text)
{
	for (int i = 0; i < PATIENCE_MS && !daemon_logged(&d, text); i++)
		usleep(1000);
	ck_assert_msg(daemon_logged(&d, text), "%s", text);
}

/* Clients see no error, the port and the process stay, and so do the control
 * socket, that for HTTP and the handles. */
START_TEST(clients_see_no_error)
{
	CLEANUP_RAW struct raw raw = { 0 };
	struct reading r[READERS];
	struct fh top, fh;
	uint16_t port;

	daemon_configure(&d, "[source \"one\"]\n\turl = %s\n"
			 "[http]\n\tlisten = 127.0.0.1:0\n", repo);
	daemon_start(&d);
	port = d.port;
	raw_open(&raw, port);
	raw.patient = true;
	ck_assert_uint_eq(call_mnt(&raw, "/", &top), N3_OK);
	ck_assert_uint_eq(call_walk(&raw, &top, "one/file", &fh, NULL), N3_OK);
	for (int i = 0; i < READERS; i++) {
		r[i] = (struct reading){
			.port = port, .mount = "/one", .path = "/file",
			.content = "content\n",
		};
		reading_start(&r[i]);
	}
	for (int i = 0; i < (harness_slow() ? MANY : UPGRADES); i++) {
		CLEANUP_FREE char *answer = NULL;

		for (int k = 0; k < READERS; k++)
			reading_await(&r[k], 2);
		ck_assert(!kill(d.pid, SIGUSR2));
		/* Whoever is there answers. */
		answer = daemon_ask(&d, "{\"command\":\"ping\"}");
		daemon_await_ready(&d);
		ck_assert_uint_eq(d.port, port);
		ck_assert_uint_eq(call_getattr(&raw, &fh, NULL), N3_OK);
	}
	for (int i = 0; i < READERS; i++)
		reading_stop(&r[i]);
	ck_assert(!daemon_logged(&d, "is not used"));
	ck_assert_int_eq(daemon_stop(&d), 0);
}
END_TEST

/* One that could not serve does not get to. */
START_TEST(who_could_not_serve_does_not)
{
	CLEANUP_FREE char *answer = NULL;

	daemon_configure(&d, "[source \"one\"]\n\turl = %s\n", repo);
	daemon_start(&d);
	daemon_configure(&d, "[source \"one\"]\n\turl = %s\n\tref = none\n",
			 repo);
	ck_assert(!kill(d.pid, SIGUSR2));
	await_log("no handover");
	ck_assert(daemon_logged(&d, "gitnfs.conf:3: source.one.ref"));
	answer = daemon_ask(&d, "{\"command\":\"ping\"}");
	ck_assert_msg(strstr(answer, "\"ok\":true"), "%s", answer);
	/* With the mistake corrected it does. */
	daemon_configure(&d, "[source \"two\"]\n\turl = %s\n", repo);
	ck_assert(!kill(d.pid, SIGUSR2));
	daemon_await_ready(&d);
	await_log("name=two");
	ck_assert_int_eq(daemon_stop(&d), 0);
}
END_TEST

/* A host that takes connections and says nothing: bound, not accepted. */
static int silent_host(uint16_t *port)
{
	struct sockaddr_in at = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t len = sizeof at;
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(s, 0);
	ck_assert(!bind(s, (struct sockaddr *)&at, len) && !listen(s, 9));
	ck_assert(!getsockname(s, (struct sockaddr *)&at, &len));
	*port = ntohs(at.sin_port);
	return s;
}

/* A call that waits for somebody is answered, though not with what it asked
 * for, and what works for it does not hold up the handover. */
START_TEST(a_call_that_waits_is_answered)
{
	CLEANUP_RAW struct raw raw = { 0 };
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	struct fh top, fh;
	uint16_t port;
	int host = silent_host(&port);

	daemon_configure(&d, "[source \"one\"]\n\turl = %s\n"
			 "[source \"far\"]\n"
			 "\turl = http://127.0.0.1:%u/r\n", repo, port);
	daemon_start(&d);
	raw_open(&raw, d.port);
	ck_assert_uint_eq(call_mnt(&raw, "/", &top), N3_OK);
	call_begin(&call, &raw, CALL_LOOKUP);
	call_put_fh(&call, &top);
	wire_put_opaque(&call, "far", 3);
	raw_record(&raw, &call);
	/* It waits. */
	for (int i = 0; i < PATIENCE_MS; i++) {
		CLEANUP_FREE char *status =
			daemon_ask(&d, "{\"command\":\"status\"}");

		if (strstr(status, "\"procedure\":\"LOOKUP\""))
			break;
		usleep(1000);
	}
	ck_assert(!kill(d.pid, SIGUSR2));
	ck_assert(raw_receive(&raw, &reply));
	ck_assert_uint_eq(raw_reply(&reply).stat, RAW_ACCEPTED);
	ck_assert_uint_eq(wire_get32(&reply), N3_JUKEBOX);
	ck_assert(!raw_receive(&raw, &reply));
	daemon_await_ready(&d);
	raw_close(&raw);
	raw_open(&raw, d.port);
	ck_assert_uint_eq(call_walk(&raw, &top, "one/file", &fh, NULL), N3_OK);
	ck_assert_int_eq(daemon_stop(&d), 0);
	close(host);
}
END_TEST

/* ---- systemd ---- */

/* As the manager does for a unit with two sockets, one of them unwanted. */
static int open_two(void)
{
	for (int fd = 3; fd < 5; fd++) {
		struct sockaddr_in at = {
			.sin_family = AF_INET,
			.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		};
		int s = socket(AF_INET, fd == 3 ? SOCK_STREAM : SOCK_DGRAM, 0);

		if (s < 0 || bind(s, (struct sockaddr *)&at, sizeof at) ||
		    (fd == 3 && listen(s, 9)) || (s != fd && dup2(s, fd) < 0))
			return -1;
		if (s != fd)
			close(s);
		fcntl(fd, F_SETFD, 0);
	}
	CLEANUP_FREE char *pid = NULL;

	if (asprintf(&pid, "%d", (int)getpid()) < 0)
		return -1;
	return setenv("LISTEN_PID", pid, 1) | setenv("LISTEN_FDS", "2", 1);
}

START_TEST(sockets_of_systemd)
{
	CLEANUP_RAW struct raw raw = { 0 };
	struct fh top;
	uint16_t port;

	d.unlisted = true;
	d.before = open_two;
	daemon_configure(&d, "[source \"one\"]\n\turl = %s\n", repo);
	daemon_start(&d);
	port = d.port;
	ck_assert_uint_ne(port, 2049);
	raw_open(&raw, port);
	ck_assert_uint_eq(call_mnt(&raw, "/one", &top), N3_OK);
	await_log("is not used");
	/* And on. */
	ck_assert(!kill(d.pid, SIGUSR2));
	daemon_await_ready(&d);
	ck_assert_uint_eq(d.port, port);
	ck_assert_int_eq(daemon_stop(&d), 0);
	d.unlisted = false;
	d.before = NULL;
}
END_TEST

/* Those for somebody else are left alone. */
static int for_another(void)
{
	return open_two() | setenv("LISTEN_PID", "1", 1);
}

START_TEST(sockets_for_another)
{
	d.before = for_another;
	daemon_configure(&d, "[source \"one\"]\n\turl = %s\n", repo);
	daemon_start(&d);
	ck_assert(!daemon_logged(&d, "is not used"));
	ck_assert_int_eq(daemon_stop(&d), 0);
	d.before = NULL;
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, clients_see_no_error);
	tcase_add_test(tc, who_could_not_serve_does_not);
	tcase_add_test(tc, a_call_that_waits_is_answered);
	tcase_add_test(tc, sockets_of_systemd);
	tcase_add_test(tc, sockets_for_another);
}

int main(void)
{
	return harness_main("it_upgrade", 300, add_tests, NULL);
}
