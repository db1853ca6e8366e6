/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Which hosts are asked, at which addresses, and what is said when one is
 * not, or does not answer. */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/http/address.h"
#include "backend/http/circuit.h"
#include "backend/http/http.h"
#include "backend/http/route.h"
#include "common/clock.h"
#include "test/githost.h"
#include "test/job.h"
#include "test/suite.h"

enum { PATIENCE = 60000 };      /* ms */

static int port;

/* ---- addresses ---- */

START_TEST(kinds)
{
	static const struct {
		const char *address;
		enum address_kind kind;
	} all[] = {
		{ "127.0.0.1", ADDRESS_LOCAL }, { "127.255.0.9", ADDRESS_LOCAL },
		{ "0.0.0.0", ADDRESS_LOCAL }, { "0.1.2.3", ADDRESS_LOCAL },
		{ "169.254.169.254", ADDRESS_LOCAL },
		{ "224.0.0.1", ADDRESS_LOCAL }, { "240.0.0.1", ADDRESS_LOCAL },
		{ "255.255.255.255", ADDRESS_LOCAL }, { "::", ADDRESS_LOCAL },
		{ "::1", ADDRESS_LOCAL }, { "fe80::1", ADDRESS_LOCAL },
		{ "febf::1", ADDRESS_LOCAL }, { "ff02::1", ADDRESS_LOCAL },
		{ "::127.0.0.1", ADDRESS_LOCAL },
		{ "::ffff:127.0.0.1", ADDRESS_LOCAL },
		{ "::ffff:169.254.1.1", ADDRESS_LOCAL },
		{ "64:ff9b::7f00:1", ADDRESS_LOCAL },
		{ "2002:7f00:1::", ADDRESS_LOCAL },
		{ "10.1.2.3", ADDRESS_PRIVATE }, { "172.16.0.1", ADDRESS_PRIVATE },
		{ "172.31.255.255", ADDRESS_PRIVATE },
		{ "192.168.0.1", ADDRESS_PRIVATE },
		{ "100.64.0.1", ADDRESS_PRIVATE }, { "100.127.9.9", ADDRESS_PRIVATE },
		{ "198.18.0.1", ADDRESS_PRIVATE }, { "198.19.0.1", ADDRESS_PRIVATE },
		{ "fc00::1", ADDRESS_PRIVATE }, { "fdff::1", ADDRESS_PRIVATE },
		{ "fec0::1", ADDRESS_PRIVATE },
		{ "64:ff9b:1::808:808", ADDRESS_PRIVATE },
		{ "::ffff:10.0.0.1", ADDRESS_PRIVATE },
		{ "64:ff9b::a00:1", ADDRESS_PRIVATE },
		{ "2002:c0a8:1::1", ADDRESS_PRIVATE },
		{ "1.1.1.1", ADDRESS_PUBLIC }, { "126.255.255.255", ADDRESS_PUBLIC },
		{ "128.0.0.1", ADDRESS_PUBLIC }, { "172.32.0.1", ADDRESS_PUBLIC },
		{ "172.15.255.255", ADDRESS_PUBLIC }, { "11.0.0.1", ADDRESS_PUBLIC },
		{ "100.128.0.1", ADDRESS_PUBLIC }, { "198.20.0.1", ADDRESS_PUBLIC },
		{ "169.253.0.1", ADDRESS_PUBLIC }, { "192.169.0.1", ADDRESS_PUBLIC },
		{ "223.255.255.255", ADDRESS_PUBLIC },
		{ "2001:4860::1", ADDRESS_PUBLIC }, { "[2606::1]", ADDRESS_PUBLIC },
		{ "::ffff:8.8.8.8", ADDRESS_PUBLIC },
		{ "64:ff9b::808:808", ADDRESS_PUBLIC },
		{ "64:ff9b:2::1", ADDRESS_PUBLIC },
	};
	struct sockaddr_storage a;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		ck_assert_msg(address_parse(all[i].address, &a), "%s",
			      all[i].address);
		ck_assert_msg(address_kind((struct sockaddr *)&a) ==
			      all[i].kind, "%s", all[i].address);
	}
	ck_assert(!address_parse("localhost", &a));
	ck_assert(!address_parse("1.2.3", &a));
	ck_assert(!address_parse("", &a));
	a.ss_family = AF_UNIX;
	ck_assert(address_kind((struct sockaddr *)&a) == ADDRESS_LOCAL);
}
END_TEST

static bool listed(const char *list, const char *address)
{
	struct sockaddr_storage a;

	ck_assert(address_parse(address, &a));
	return address_listed(list, (struct sockaddr *)&a);
}

START_TEST(lists)
{
	ck_assert(listed("10.0.0.0/8 ::1", "10.9.8.7"));
	ck_assert(listed("10.0.0.0/8 ::1", "::1"));
	ck_assert(listed("10.0.0.0/8", "::ffff:10.0.0.1"));
	ck_assert(!listed("10.0.0.0/8 ::1", "11.0.0.1"));
	ck_assert(!listed("10.0.0.0/8 ::1", "::2"));
	ck_assert(listed("192.168.1.128/25", "192.168.1.129"));
	ck_assert(!listed("192.168.1.128/25", "192.168.1.127"));
	ck_assert(listed("fd00::/8", "fd12::1"));
	ck_assert(listed("any", "127.0.0.1") && listed("any", "fe80::1"));
	ck_assert(listed("0.0.0.0/0", "1.2.3.4"));
	ck_assert(!listed("0.0.0.0/0", "fe80::1"));
	ck_assert(!listed(NULL, "1.2.3.4") && !listed("", "1.2.3.4"));
	ck_assert(listed("1.2.3.4", "1.2.3.4") && listed("::/128", "::"));
	ck_assert(listed("1.2.3.4/0", "1.2.3.4") && !listed("x", "1.2.3.4"));
	ck_assert(!listed("1.2.3.4/33", "1.2.3.4"));
	ck_assert(!listed("1.2.3.4/", "1.2.3.4"));
	ck_assert(!listed("1.2.3.4/-1", "1.2.3.4"));
	ck_assert(!listed("anything", "1.2.3.4"));
}
END_TEST

/* ---- routes ---- */

/* May what 'named_by' has named at 'home' be at this address, on a hop to
 * 'url'? */
static bool goes(const char *home, enum named_by named_by, const char *list,
		 const char *url, const char *address)
{
	struct route r = { .home_host = NULL };
	struct sockaddr_storage a;
	bool ok;

	ck_assert(address_parse(address, &a));
	ck_assert_int_eq(route_start(&r, home, named_by, list), 0);
	ok = !route_hop(&r, url) && route_permits(&r, (struct sockaddr *)&a);
	route_clear(&r);
	return ok;
}

START_TEST(who_named_it)
{
	static const char h[] = "http://h/x", here[] = "http://127.0.0.1/x";

	ck_assert(goes(h, NAMED_BY_SOURCE, NULL, h, "127.0.0.1"));
	ck_assert(goes(h, NAMED_BY_SOURCE, NULL, h, "169.254.169.254"));
	ck_assert(goes(h, NAMED_BY_PATTERN, NULL, h, "1.1.1.1"));
	ck_assert(goes(h, NAMED_BY_PATTERN, NULL, h, "10.0.0.1"));
	ck_assert(!goes(h, NAMED_BY_PATTERN, NULL, h, "127.0.0.1"));
	ck_assert(!goes(h, NAMED_BY_PATTERN, NULL, h, "fe80::1"));
	ck_assert(goes(h, NAMED_BY_PATTERN, "fe80::/10", h, "fe80::1"));
	ck_assert(goes(here, NAMED_BY_PATTERN, NULL, here, "127.0.0.1"));
	ck_assert(goes("http://LOCALHOST:1/", NAMED_BY_PATTERN, NULL,
		       "http://localhost:1/", "::1"));
	ck_assert(goes(h, NAMED_BY_ANYBODY, NULL, h, "1.1.1.1"));
	ck_assert(!goes(h, NAMED_BY_ANYBODY, NULL, h, "10.0.0.1"));
	ck_assert(!goes(here, NAMED_BY_ANYBODY, NULL, here, "127.0.0.1"));
	ck_assert(goes(here, NAMED_BY_ANYBODY, "any", here, "127.0.0.1"));
	/* Where a redirect leads. */
	ck_assert(goes(h, NAMED_BY_SOURCE, NULL, "https://h:9/y", "127.0.0.1"));
	ck_assert(!goes(h, NAMED_BY_SOURCE, NULL, "http://o/", "127.0.0.1"));
	ck_assert(!goes(h, NAMED_BY_SOURCE, NULL, "http://o/", "10.0.0.1"));
	ck_assert(goes(h, NAMED_BY_SOURCE, NULL, "http://o/", "1.1.1.1"));
	ck_assert(!goes(h, NAMED_BY_SOURCE, NULL, "ftp://h/", "1.1.1.1"));
	ck_assert(!goes(h, NAMED_BY_SOURCE, NULL, "file:///h", "1.1.1.1"));
	ck_assert(!goes("https://h/", NAMED_BY_SOURCE, NULL, h, "1.1.1.1"));
}
END_TEST

START_TEST(credentials_stay)
{
	static const struct {
		const char *url;
		bool at_home;
	} hops[] = {
		{ "https://h/y", true }, { "https://H:443/z", true },
		{ "https://h:444/y", false }, { "https://h/y", false },
	};
	struct route r = { .home_host = NULL };

	ck_assert_int_eq(route_start(&r, "https://h/x", NAMED_BY_SOURCE, NULL),
			 0);
	for (size_t i = 0; i < sizeof hops / sizeof *hops; i++) {
		ck_assert_int_eq(route_hop(&r, hops[i].url), 0);
		ck_assert_msg(r.at_home == hops[i].at_home, "%zu", i);
	}
	route_clear(&r);
}
END_TEST

static const char *proxy_for(const char *url, enum named_by named_by)
{
	static char text[64];
	struct route r = { .home_host = NULL };

	ck_assert_int_eq(route_start(&r, url, named_by, NULL), 0);
	if (route_hop(&r, url))
		strcpy(text, "refused");
	else
		snprintf(text, sizeof text, "%s", r.proxy ? r.proxy : "none");
	route_clear(&r);
	return text;
}

/* Behind a proxy it chooses the addresses; but some we know. */
START_TEST(proxies)
{
	setenv("http_proxy", "http://p:1", 1);
	setenv("no_proxy", ".in.org, own.net", 1);
	ck_assert_str_eq(proxy_for("http://h/", NAMED_BY_ANYBODY), "http://p:1");
	ck_assert_str_eq(proxy_for("https://h/", NAMED_BY_ANYBODY), "none");
	ck_assert_str_eq(proxy_for("http://a.in.org/", NAMED_BY_ANYBODY),
			 "none");
	ck_assert_str_eq(proxy_for("http://IN.ORG/", NAMED_BY_PATTERN), "none");
	ck_assert_str_eq(proxy_for("http://own.net/", NAMED_BY_PATTERN), "none");
	ck_assert_str_eq(proxy_for("http://down.net/", NAMED_BY_PATTERN),
			 "http://p:1");
	ck_assert_str_eq(proxy_for("http://10.0.0.1/", NAMED_BY_ANYBODY),
			 "refused");
	ck_assert_str_eq(proxy_for("http://2130706433/", NAMED_BY_ANYBODY),
			 "refused");
	ck_assert_str_eq(proxy_for("http://0x7f.1/", NAMED_BY_ANYBODY),
			 "refused");
	ck_assert_str_eq(proxy_for("http://x.localhost/", NAMED_BY_ANYBODY),
			 "refused");
	ck_assert_str_eq(proxy_for("http://10.0.0.1/", NAMED_BY_PATTERN),
			 "http://p:1");
	setenv("no_proxy", "*", 1);
	ck_assert_str_eq(proxy_for("http://h/", NAMED_BY_ANYBODY), "none");
	setenv("no_proxy", "", 1);
	setenv("ALL_PROXY", "socks5h://s:2", 1);
	ck_assert_str_eq(proxy_for("https://h/", NAMED_BY_ANYBODY),
			 "socks5h://s:2");
}
END_TEST

/* ---- the real thing ---- */

static struct backend *open_with(const char *host, const char *fault,
				 const struct backend_options *opt)
{
	char url[1024], why[BACKEND_WHY] = "";
	struct backend *b;

	snprintf(url, sizeof url, "http://%s:%d/%s/r", host, port, fault);
	ck_assert_msg(backend_open_with(&b, url, opt, why) == 0, "%s", why);
	githost_mark();
	return b;
}

/* How looking up the default branch ends, and why. */
static int result(const char *host, const char *fault,
		  const struct backend_options *opt, char why[BACKEND_WHY])
{
	struct backend *b = open_with(host, fault, opt);
	struct oid oid;
	int r = resolve(b, NULL, &oid);

	b->ops->why(b, r, why);
	backend_close(b);
	return r;
}

/* A name that leads to this machine. */
static const char name[] = "gitnfs.localhost";

START_TEST(a_name_may_lead_here)
{
	const struct backend_options pattern = {
		.named_by = NAMED_BY_PATTERN,
	}, allowed = {
		.named_by = NAMED_BY_PATTERN, .allow_address = "127.0.0.0/8 ::1",
	}, anybody = {
		.named_by = NAMED_BY_ANYBODY,
	};
	char why[BACKEND_WHY];

	ck_assert_int_eq(result(name, "", NULL, why), 0);
	ck_assert_int_eq(result(name, "", &allowed, why), 0);
	ck_assert_int_eq(result("127.0.0.1", "", &pattern, why), 0);
	ck_assert_int_eq(result("localhost", "", &pattern, why), 0);
	ck_assert_int_eq(result(name, "", &pattern, why), -EPERM);
	ck_assert_ptr_nonnull(strstr(why, "allow-address"));
	ck_assert_ptr_nonnull(strstr(why, name));
	ck_assert_int_eq(result("127.0.0.1", "", &anybody, why), -EPERM);
	ck_assert_ptr_nonnull(strstr(why, "127.0.0.1"));
	/* Nothing came of it. */
	ck_assert_uint_eq(githost_count("."), 0);
}
END_TEST

START_TEST(a_redirect_may_lead_here)
{
	static const char away[] =
		"get-redirect=elsewhere,host=gitnfs.localhost";
	const struct backend_options allowed = {
		.allow_address = "127.0.0.1 ::1",
	};
	char why[BACKEND_WHY];

	ck_assert_int_eq(result("127.0.0.1", "get-redirect=moved", NULL, why),
			 0);
	ck_assert_int_eq(result("127.0.0.1", away, &allowed, why), 0);
	ck_assert_int_eq(result("127.0.0.1", away, NULL, why), -EPERM);
	ck_assert_ptr_nonnull(strstr(why, "gitnfs.localhost"));
	ck_assert_uint_eq(githost_count("elsewhere/r"), 0);
}
END_TEST

/* ---- trouble ---- */

/* It ends so, and a line says why. */
static void ends(const char *host, const char *fault,
		 const struct backend_options *opt, int err, const char *text)
{
	char why[BACKEND_WHY] = "";
	int r = result(host, fault, opt, why);

	ck_assert_msg(r == err, "%s %s: %d, %s", host, fault, r, why);
	ck_assert_msg(strstr(why, text) != NULL, "%s: %s", fault, why);
	ck_assert_ptr_null(strpbrk(why, "\n\r\x1b"));
}

START_TEST(refusals_say_why)
{
	static const struct backend_options me = {
		.user = "me", .token_file = "token",
	};

	shell("echo s3cret >token");
	ends("127.0.0.1", "status=403,says=Blocked", NULL, -EACCES,
	     "HTTP 403: Blocked?[1m");
	ends("127.0.0.1", "status=403", NULL, -EACCES, "127.0.0.1");
	ends("127.0.0.1", "status=401", NULL, -EACCES, "token-file");
	ends("127.0.0.1", "status=401", &me, -EACCES, "the token in token");
	ends("127.0.0.1", "status=500,says=Oops", NULL, -EIO, "Oops");
	ends("127.0.0.1", "status=302", NULL, -EBADMSG, "302");
	ends("127.0.0.1", "type=text:html", NULL, -EPROTONOSUPPORT,
	     "text/html");
	ends("127.0.0.1", "v0", NULL, -EPROTONOSUPPORT, "version 2");
	ends("127.0.0.1", "circle", NULL, -EBADMSG, "too often");
	ends("127.0.0.1", "head=300", NULL, -EBADMSG, "head does not end");
}
END_TEST

START_TEST(nobody_there)
{
	char url[64], why[BACKEND_WHY] = "";
	struct backend *b;
	struct oid oid;

	ends("gitnfs.invalid", "", NULL, -EHOSTUNREACH, "check its name");
	snprintf(url, sizeof url, "http://127.0.0.1:1/r");
	ck_assert_int_eq(backend_open(&b, url, why), 0);
	ck_assert_int_eq(resolve(b, NULL, &oid), -ECONNREFUSED);
	b->ops->why(b, -ECONNREFUSED, why);
	ck_assert_ptr_nonnull(strstr(why, "127.0.0.1:1"));
	ck_assert_ptr_nonnull(strstr(why, "check that it runs"));
	/* What went wrong in another way has another reason. */
	b->ops->why(b, -EIO, why);
	ck_assert_str_eq(why, "");
	backend_close(b);
}
END_TEST

/* Where a host has sent us before, its silence is none of that host's. */
START_TEST(nobody_elsewhere)
{
	static const char *const headers[] = { NULL };
	static const char *const home[] = {
		"http://127.0.0.1:1/r", "http://127.0.0.1:2/r",
	};
	uint64_t deadline = clock_ms() + 30000;
	struct http_head head;

	ck_assert_int_eq(http_up(), 0);
	for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
		struct http *x;

		ck_assert_int_eq(http_start(&(struct http_ask){
			.url = "http://127.0.0.1:1/r", .headers = headers,
			.home = home[elsewhere], .named_by = NAMED_BY_SOURCE,
		}, &x), 0);
		ck_assert_int_eq(http_head(x, deadline, &head),
				 -ECONNREFUSED);
		ck_assert_int_eq(http_moved(x), elsewhere);
		http_close(x);
	}
	http_down();
}
END_TEST

/* Who is sent away is not all who know the host. */
START_TEST(each_is_limited_alone)
{
	const struct backend_options me = {
		.user = "me", .token_file = "token",
	}, you = {
		.user = "you", .token_file = "token",
	};
	struct backend *limited, *other, *mine;
	char why[BACKEND_WHY];
	struct oid oid;

	shell("echo s3cret >token");
	limited = open_with("localhost", "status=429@1,after=3000", &me);
	ck_assert_int_eq(resolve(limited, NULL, &oid), -EAGAIN);
	limited->ops->why(limited, -EAGAIN, why);
	ck_assert_ptr_nonnull(strstr(why, "rate limited until"));
	other = open_with("localhost", "", &you);
	ck_assert_int_eq(resolve(other, NULL, &oid), 0);
	githost_mark();
	mine = open_with("localhost", "x", &me);
	ck_assert_int_eq(resolve(mine, NULL, &oid), -EAGAIN);
	ck_assert_uint_eq(githost_count("."), 0);
	backend_close(limited);
	backend_close(other);
	backend_close(mine);
}
END_TEST

/* One that hangs, asked for much, does not slow another. */
START_TEST(hung_hosts_hold_nobody)
{
	enum { HUNG = 40, SOON = 8000 };
	struct backend *hung[HUNG], *good;
	struct run *r[HUNG];
	uint64_t since;
	struct oid oid;

	for (int i = 0; i < HUNG; i++) {
		hung[i] = open_with("127.0.0.1", "hang", NULL);
		r[i] = run_new(hung[i], 1);
		run_resolve(r[i], NULL, SOON + 2000);
	}
	since = clock_ms();
	good = open_with("localhost", "", NULL);
	ck_assert_int_eq(resolve(good, NULL, &oid), 0);
	ck_assert_int_eq(fetch_one(good, &oid, OBJ_COMMIT, REACH_NEAR), 0);
	ck_assert_uint_lt(clock_ms() - since, SOON);
	for (int i = 0; i < HUNG; i++)
		ck_assert(!r[i]->done);
	backend_close(good);
	for (int i = 0; i < HUNG; i++) {
		ck_assert_int_eq(run_wait(r[i]), -ETIMEDOUT);
		run_free(r[i]);
		backend_close(hung[i]);
	}
}
END_TEST

/* ---- coming and going ---- */

static void *come_and_go(void *wrong)
{
	for (int i = 0; i < 200; i++) {
		char why[BACKEND_WHY];
		struct backend *b;

		if (backend_open(&b, "http://127.0.0.1:1/r", why))
			return wrong;
		backend_close(b);
	}
	return NULL;
}

/* The last one goes while the next one comes. */
START_TEST(none_and_one_again)
{
	pthread_t thread[4];
	void *wrong = thread;

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, come_and_go,
						wrong), 0);
	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(thread[i], &wrong), 0);
		ck_assert_ptr_null(wrong);
	}
}
END_TEST

static void make_repositories(void)
{
	shell("cd repos && git init -q -b main r && cd r && echo >file && "
	      "git add . && git commit -q -m one && "
	      "git config uploadpack.allowFilter true");
}

static void add(TCase *c)
{
	tcase_add_test(c, kinds);
	tcase_add_test(c, none_and_one_again);
	tcase_add_test(c, lists);
	tcase_add_test(c, who_named_it);
	tcase_add_test(c, credentials_stay);
	tcase_add_test(c, proxies);
	tcase_add_test(c, a_name_may_lead_here);
	tcase_add_test(c, a_redirect_may_lead_here);
	tcase_add_test(c, refusals_say_why);
	tcase_add_test(c, nobody_there);
	tcase_add_test(c, nobody_elsewhere);
	tcase_add_test(c, each_is_limited_alone);
	tcase_add_test(c, hung_hosts_hold_nobody);
}

int main(void)
{
	githost_init("hosts");
	make_repositories();
	port = githost_scripted();
	if (port < 0)
		return githost_skip("needs perl");
	return githost_exit(suite_run("hosts", 120, add, NULL));
}
