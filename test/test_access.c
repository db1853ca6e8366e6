/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Rules: what they are written like, and whom they admit. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "nfsd/access.h"
#include "test/suite.h"

static struct client client(const char *address, uint16_t port)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	v4.sin_port = v6.sin6_port = htons(port);
	if (inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		return client_at((struct sockaddr *)&v4, sizeof v4, NULL);
	ck_assert_int_eq(inet_pton(AF_INET6, address, &v6.sin6_addr), 1);
	return client_at((struct sockaddr *)&v6, sizeof v6, NULL);
}

static bool admits_uid(const struct rule *r, const char *address,
		       uint16_t port, bool has_uid, uint32_t uid)
{
	const struct client at = client(address, port);
	const struct caller c = { &at, has_uid, uid };
	bool ret = rule_admits(r, &c);

	ck_assert(rule_lets_in(r, &c, true) == ret);
	ck_assert(rule_would_let_in(r, &c) == ret);
	return ret;
}

static bool admits(const struct rule *r, const char *address)
{
	return admits_uid(r, address, 700, true, 1000);
}

static struct rule *networks(const char *a, const char *b)
{
	struct rule *r;

	ck_assert(!rule_new(&r, "server"));
	ck_assert(!rule_add_network(r, a));
	if (b)
		ck_assert(!rule_add_network(r, b));
	return r;
}

START_TEST(what_is_a_network)
{
	static const char *const good[] = {
		"any", "0.0.0.0/0", "10.0.0.0/8", "10.1.2.3", "10.1.2.3/32",
		"255.255.255.255", "::/0", "::1", "::1/128", "fd00::/8",
		"fd00:1:2:3::/64", "fd00:1:2:3:8000::/65",
		"::ffff:10.0.0.0/104",
	};
	static const char *const bad[] = {
		"", "/", "/8", "10", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/x",
		"10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/ 8", " 10.0.0.0",
		"10.0.0.1/8", "10.0.0.0/0", "::1/64", "::/129", "localhost",
		"10.0.0.0/255.0.0.0", "fd00::1/", "[::1]", "any/8", "Any",
		"010.0.0.0/8", "10.0.0.0/4294967304",
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ck_assert_msg(rule_is_network(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!rule_is_network(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(who_is_in_a_network)
{
	static const struct {
		const char *network, *in[3], *out[4];
	} table[] = {
		{ "any", { "1.2.3.4", "::1", "fd00::1" }, { NULL } },
		{ "0.0.0.0/0", { "1.2.3.4", "::ffff:1.2.3.4" }, { "::1" } },
		{ "::/0", { "::1", "1.2.3.4" }, { NULL } },
		{ "10.0.0.0/8", { "10.0.0.0", "10.255.255.255" },
		  { "9.255.255.255", "11.0.0.0", "::10.0.0.0", "::1" } },
		{ "10.1.2.3", { "10.1.2.3", "::ffff:10.1.2.3" },
		  { "10.1.2.2", "10.1.2.4", "::1" } },
		{ "10.128.0.0/9", { "10.128.0.0", "10.255.1.1" },
		  { "10.127.255.255" } },
		{ "::1", { "::1" }, { "::", "::2", "127.0.0.1" } },
		{ "fd00::/8", { "fd00::1", "fdff::" }, { "fc00::1", "::1" } },
		{ "fd00:0:0:1::/64", { "fd00:0:0:1::", "fd00:0:0:1:8000::" },
		  { "fd00:0:0:2::", "fd00::" } },
		{ "fd00:0:0:1:8000::/65", { "fd00:0:0:1:8000::" },
		  { "fd00:0:0:1::", "fd00:0:0:1:7fff::" } },
		{ "fd00::8/125", { "fd00::8", "fd00::f" },
		  { "fd00::7", "fd00::10" } },
	};

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct rule *r = networks(table[i].network, NULL);

		for (int j = 0; j < 3 && table[i].in[j]; j++)
			ck_assert_msg(admits(r, table[i].in[j]), "%s: %s",
				      table[i].network, table[i].in[j]);
		for (int j = 0; j < 4 && table[i].out[j]; j++)
			ck_assert_msg(!admits(r, table[i].out[j]), "%s: %s",
				      table[i].network, table[i].out[j]);
		ck_assert(rule_restricts(r));
		rule_free(r);
	}
}
END_TEST

START_TEST(of_several_one_is_enough)
{
	struct rule *r = networks("10.0.0.0/8", "::1");

	ck_assert(admits(r, "10.0.0.1"));
	ck_assert(admits(r, "::1"));
	ck_assert(!admits(r, "127.0.0.1"));
	rule_free(r);
}
END_TEST

START_TEST(no_rule_admits_everybody)
{
	const struct caller unknown = { &(struct client){ 0 }, false, 0 };
	struct rule *r = networks("any", NULL);

	ck_assert(admits(NULL, "1.2.3.4"));
	ck_assert(!rule_restricts(NULL));
	ck_assert(!rule_trusts_anybody(NULL));
	/* Who has no address is nowhere. */
	ck_assert(rule_admits(NULL, &unknown));
	ck_assert(!rule_admits(r, &unknown));
	rule_free(r);
}
END_TEST

START_TEST(uids)
{
	static const char *const bad[] = {
		"", "-", "1-", "-1", "2-1", "1000-x", "x", "1 ", "4294967296",
		"1-4294967296", "1-2-3", "+1",
	};
	struct rule *r;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!rule_is_uid(bad[i]), "%s", bad[i]);
	ck_assert(!rule_new(&r, "server"));
	ck_assert_int_eq(rule_add_uid(r, "x"), -EINVAL);
	ck_assert(!rule_add_uid(r, "5"));
	ck_assert(!rule_add_uid(r, "1000-1002"));
	ck_assert(!rule_add_uid(r, "4294967295"));
	ck_assert(admits_uid(r, "::1", 1, true, 5));
	ck_assert(admits_uid(r, "::1", 1, true, 1000));
	ck_assert(admits_uid(r, "::1", 1, true, 1002));
	ck_assert(admits_uid(r, "::1", 1, true, UINT32_MAX));
	ck_assert(!admits_uid(r, "::1", 1, true, 1003));
	ck_assert(!admits_uid(r, "::1", 1, true, 0));
	ck_assert(!admits_uid(r, "::1", 1, false, 5));
	ck_assert(!admits_uid(r, "::1", 1, false, UINT32_MAX));
	/* Nobody on a network is kept out by what anybody may claim. */
	ck_assert(!rule_restricts(r));
	ck_assert(rule_trusts_anybody(r));
	rule_set_reserved_port(r, true);
	ck_assert(!rule_trusts_anybody(r));
	rule_free(r);
}
END_TEST

START_TEST(ports)
{
	struct rule *r;

	ck_assert(!rule_new(&r, "server"));
	rule_set_reserved_port(r, true);
	ck_assert(admits_uid(r, "::1", 1, false, 0));
	ck_assert(admits_uid(r, "::1", 1023, false, 0));
	ck_assert(!admits_uid(r, "::1", 1024, false, 0));
	ck_assert(!admits_uid(r, "::1", 0, false, 0));
	rule_free(r);
}
END_TEST

START_TEST(loopback)
{
	static const char *const in[] = { "127.0.0.1", "127.255.255.255",
					  "::1" };
	static const char *const out[] = { "126.255.255.255", "128.0.0.0",
					   "::2", "::", "fd00::1", "0.0.0.0",
					   "1::1" };

	for (size_t i = 0; i < sizeof in / sizeof *in; i++) {
		struct client c = client(in[i], 1);

		ck_assert_msg(client_is_local(&c), "%s", in[i]);
	}
	for (size_t i = 0; i < sizeof out / sizeof *out; i++) {
		struct client c = client(out[i], 1);

		ck_assert_msg(!client_is_local(&c), "%s", out[i]);
	}
}
END_TEST

static char file[] = "/tmp/gitnfs-secret-XXXXXX";

static int read_secret(struct rule *r, const char *text)
{
	FILE *to = fopen(file, "w");

	ck_assert_ptr_nonnull(to);
	fputs(text, to);
	fclose(to);
	return rule_read_secret(r, file);
}

static bool takes(const struct rule *r, const char *path, const char *rest)
{
	size_t len = strlen(path);
	const char *p = path;
	bool ret = rule_takes_secret(r, &p, &len);

	ck_assert_uint_eq(len, strlen(ret ? rest : path));
	ck_assert_mem_eq(p, ret ? rest : path, len);
	return ret;
}

START_TEST(secrets)
{
	const struct client at = client("::1", 1);
	const struct caller c = { &at, false, 0 };
	char longest[300];
	struct rule *r;
	int fd = mkstemp(file);

	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert(!rule_new(&r, "server"));
	ck_assert(!takes(r, "/", ""));
	ck_assert_int_eq(rule_read_secret(r, "no/such/file"), -ENOENT);
	ck_assert_int_eq(read_secret(r, ""), -EINVAL);
	ck_assert_int_eq(read_secret(r, "short"), -EINVAL);
	ck_assert_int_eq(read_secret(r, "0123456789abcde/"), -EINVAL);
	ck_assert_int_eq(read_secret(r, "0123456789abcde f"), -EINVAL);
	memset(longest, 'x', sizeof longest);
	longest[256] = '\0';
	ck_assert_int_eq(read_secret(r, longest), -EINVAL);
	longest[255] = '\0';
	ck_assert_int_eq(read_secret(r, longest), 0);
	ck_assert_int_eq(read_secret(r, "0123456789abcdef\r\nmore\n"), 0);
	ck_assert(rule_restricts(r));
	ck_assert(rule_admits(r, &c));
	ck_assert(!rule_lets_in(r, &c, false));
	ck_assert(rule_lets_in(r, &c, true));
	ck_assert(!rule_would_let_in(r, &c));
	ck_assert(takes(r, "0123456789abcdef", ""));
	ck_assert(takes(r, "/0123456789abcdef", ""));
	ck_assert(takes(r, "//0123456789abcdef/a/b", "/a/b"));
	ck_assert(!takes(r, "", ""));
	ck_assert(!takes(r, "/", ""));
	ck_assert(!takes(r, "/0123456789abcde", ""));
	ck_assert(!takes(r, "/0123456789abcdeg", ""));
	ck_assert(!takes(r, "/0123456789abcdefg", ""));
	ck_assert(!takes(r, "/a/0123456789abcdef", ""));
	ck_assert_int_eq(chmod(file, 0640), 0);
	ck_assert_int_eq(rule_read_secret(r, file), -EPERM);
	unlink(file);
	rule_free(r);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, what_is_a_network);
	tcase_add_test(c, who_is_in_a_network);
	tcase_add_test(c, of_several_one_is_enough);
	tcase_add_test(c, no_rule_admits_everybody);
	tcase_add_test(c, uids);
	tcase_add_test(c, ports);
	tcase_add_test(c, loopback);
	tcase_add_test(c, secrets);
}

int main(void)
{
	log_set_level(LOG_ERROR);
	return suite_run("access", 60, add, NULL);
}
