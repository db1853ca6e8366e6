/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The git backend where it is sent elsewhere, and what it tells whom:
 * redirects and credentials. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/faulty.h"
#include "test/githost.h"
#include "test/suite.h"

/* ---- redirects ---- */

START_TEST(redirects)
{
	struct backend *b = open_faulty("get-redirect=moved", "r");
	struct oid commit = id_of("r", "main");

	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	ck_assert_uint_eq(githost_count("^GET /get-redirect"), 1);
	ck_assert_uint_eq(githost_count("^GET /moved"), 1);
	ck_assert_uint_eq(githost_count("^POST /moved"), 1);
	backend_close(b);
	/* Not for commands. */
	b = open_faulty("post-redirect=moved", "r");
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR),
			 -EBADMSG);
	ck_assert_uint_eq(githost_count("^(GET|POST) /moved"), 0);
	backend_close(b);
	/* In circles. */
	b = open_faulty("circle", "r");
	ck_assert_int_eq(resolve(b, NULL, &commit), -EBADMSG);
	backend_close(b);
}
END_TEST

/* Where a repository leads astray, the host is there for the others. */
START_TEST(redirects_and_circuits)
{
	static const struct {
		const char *fault;
		int err;
	} all[] = {
		{ "circle", -EBADMSG },
		{ "redirect=r,host=127.0.0.2", -ECONNREFUSED },
		{ "redirect=r,host=[::1]", -EPERM },
	};
	static const struct backend_options opt = {
		.allow_address = "127.0.0.2",
	};
	struct oid oid;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct backend *b = open_with("127.0.0.1", all[i].fault, "r",
					      &opt);

		ck_assert_int_eq(resolve(b, NULL, &oid), all[i].err);
		ck_assert_int_eq(resolve(b, NULL, &oid), all[i].err);
		backend_close(b);
		b = open_faulty("none", "r");
		ck_assert_int_eq(resolve(b, NULL, &oid), 0);
		backend_close(b);
	}
}
END_TEST

/* It is found where it has gone to since it was met. */
START_TEST(renamed)
{
	struct oid commit = id_of("r", "main"), got;
	struct backend *b;

	shell("ln -s r repos/old.git; ln -s r repos/new.git");
	b = open_faulty("none", "old.git");
	ck_assert_int_eq(resolve(b, NULL, &got), 0);
	shell("echo old new >moved");
	ck_assert_int_eq(resolve(b, NULL, &got), 0);
	ck_assert(oid_eq(&got, &commit));
	/* And back. */
	shell("echo new old >moved");
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	backend_close(b);
	shell("rm moved repos/old.git repos/new.git");
}
END_TEST

/* ---- credentials ---- */

#define BASIC "bWU6czNjcmV0"            /* me:s3cret */

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(token_file)
{
	static const struct backend_options opt = {
		.user = "me", .token_file = "token",
	};
	struct oid commit = id_of("r", "main");
	struct backend *b;

	write_file("token", "s3cret\nmore\n");
	b = open_with("127.0.0.1", "auth=" BASIC, "r", &opt);
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	ck_assert_uint_eq(githost_count("authorization= "), 0);
	ck_assert_uint_eq(githost_count("authorization=Basic " BASIC), 2);
	backend_close(b);

	/* A wrong one is read again. */
	write_file("token", "old\n");
	b = open_with("127.0.0.1", "auth=" BASIC, "r", &opt);
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR),
			 -EACCES);
	write_file("token", "s3cret\n");
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	unlink("token");
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	backend_close(b);
	b = open_with("127.0.0.1", "auth=" BASIC, "r", &opt);
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR),
			 -EACCES);
	backend_close(b);
}
END_TEST

START_TEST(never_to_another_host)
{
	static const struct backend_options opt = {
		.user = "me", .token_file = "token",
		.allow_address = "127.0.0.1 ::1",
	};
	struct oid commit = id_of("r", "main");
	struct backend *b;

	write_file("token", "s3cret\n");
	b = open_with("127.0.0.1", "get-redirect=elsewhere,host=localhost",
		      "r", &opt);
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	ck_assert_uint_eq(githost_count("/elsewhere/"), 2);
	ck_assert_uint_eq(githost_count("/elsewhere/.*authorization= "), 2);
	backend_close(b);
	/* Not even when it asks. */
	b = open_with("127.0.0.1", "get-redirect=auth=" BASIC
		      ",host=localhost", "r", &opt);
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR),
			 -EACCES);
	ck_assert_uint_eq(githost_count("^GET /auth=.*authorization= "), 1);
	backend_close(b);
}
END_TEST

static int fetch_as(const struct backend_options *opt)
{
	struct oid commit = id_of("r", "main");
	struct backend *b = open_with("127.0.0.1", "auth=" BASIC, "r", opt);
	int r = fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR);

	backend_close(b);
	return r;
}

START_TEST(netrc)
{
	static const struct backend_options
		me = { .user = "me" }, you = { .user = "you" },
		stranger = { .anonymous = true };
	struct oid commit = id_of("r", "main");
	struct backend *b;

	write_file("home/.netrc",
		   "machine 127.0.0.1 login me password s3cret\n");
	ck_assert_int_eq(fetch_as(NULL), 0);
	ck_assert_uint_eq(githost_count("authorization= "), 0);
	ck_assert_int_eq(fetch_as(&me), 0);
	/* What nobody may show to everybody. */
	ck_assert_int_eq(fetch_as(&stranger), -EACCES);
	ck_assert_uint_eq(githost_count("authorization= "), 1);
	ck_assert_int_eq(fetch_as(&you), -EACCES);
	ck_assert_uint_eq(githost_count("authorization= "), 1);

	write_file("home/.netrc",
		   "# machine 127.0.0.1 login me password none\n"
		   "machine elsewhere login me password none\n"
		   "macdef init\nmachine 127.0.0.1 login me password none\n"
		   "\n"
		   "machine 127.0.0.1\n\tlogin you\n\tpassword none\n"
		   "machine 127.0.0.1 password \"s3\\cret\" login me\n"
		   "default login me password none");
	ck_assert_int_eq(fetch_as(&me), 0);
	ck_assert_int_eq(fetch_as(NULL), -EACCES);
	ck_assert_int_eq(fetch_as(&you), -EACCES);

	/* A wrong one is read again. */
	write_file("home/.netrc", "default login me password old");
	b = open_faulty("auth=" BASIC, "r");
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR),
			 -EACCES);
	write_file("home/.netrc", "default login me password s3cret");
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	backend_close(b);
	write_file("home/.netrc", "machine 127.0.0.1 login");
	ck_assert_int_eq(fetch_as(NULL), -EACCES);
	unlink("home/.netrc");
}
END_TEST

/* What a helper is told, and that nothing secret is in its arguments. */
START_TEST(helpers)
{
	struct oid commit = id_of("r", "main");
	struct backend *b;
	char *told;

	write_file("gitconfig", "[credential]\n\thelper = \"!sh ./helper\"\n"
		   "\tuseHttpPath = true\n");
	write_file("helper",
		   "echo \"verb=$1\" >>told; cat >>told\n"
		   "tr '\\0' ' ' </proc/$PPID/cmdline >>arguments\n"
		   "[ $1 != get ] || { echo username=me; cat secret; }\n");
	setenv("GIT_CONFIG_GLOBAL", "gitconfig", 1);

	write_file("secret", "password=s3cret\n");
	b = open_faulty("auth=" BASIC, "r");
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT, REACH_NEAR), 0);
	ck_assert_uint_eq(githost_count("authorization= "), 1);
	backend_close(b);
	told = output("cat told");
	ck_assert_ptr_nonnull(strstr(told, "verb=get\n"));
	ck_assert_ptr_nonnull(strstr(told, "host=127.0.0.1:"));
	ck_assert_ptr_nonnull(strstr(told, "path=auth=" BASIC "/r\n"));
	ck_assert_ptr_nonnull(strstr(told, "verb=store\n"));
	ck_assert_ptr_null(strstr(told, "verb=erase\n"));
	free(told);

	/* Wrong ones are rejected, and it is not asked all the time. */
	unlink("told");
	write_file("secret", "password=old\n");
	b = open_faulty("auth=" BASIC, "r");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(fetch_one(b, &commit, OBJ_COMMIT,
					   REACH_NEAR), -EACCES);
	backend_close(b);
	told = output("grep verb told | sort | uniq -c | tr -s ' \\n' ' '");
	ck_assert_str_eq(told, " 1 verb=erase 2 verb=get ");
	free(told);
	shell("! grep -e s3cret -e password arguments");
	unsetenv("GIT_CONFIG_GLOBAL");
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, redirects);
	tcase_add_test(c, redirects_and_circuits);
	tcase_add_test(c, renamed);
	tcase_add_test(c, token_file);
	tcase_add_test(c, never_to_another_host);
	tcase_add_test(c, netrc);
	tcase_add_test(c, helpers);
}

int main(void)
{
	githost_init("git_trust");
	make_repositories();
	port = githost_scripted();
	if (port < 0)
		return githost_skip("needs perl");
	return githost_exit(suite_run("git_trust", 120, add, NULL));
}
