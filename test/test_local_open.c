/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Repositories on this disk: what can be opened, and what is said of what
 * cannot. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "test/locally.h"
#include "test/scratch.h"
#include "test/suite.h"

/* ---- opening ---- */

/* The line that says why not must have this in it. */
static void refused(const char *url, int err, const char *with)
{
	char why[BACKEND_WHY] = "";
	struct backend *b = NULL;
	int r = backend_open(&b, url, why);

	ck_assert_msg(r == err, "%s: %d, %s", url, r, why);
	ck_assert_ptr_null(b);
	ck_assert_msg(strstr(why, with) != NULL, "%s: %s", url, why);
	ck_assert_ptr_null(strchr(why, '\n'));
}

static void accepted(const char *url)
{
	struct backend *b = open_backend(url);

	resolves_to(b, "main", git_id("r", "main"));
	backend_close(b);
}

START_TEST(locations)
{
	struct text here = LINE_OF("pwd");
	char url[sizeof here.s + 64];

	make_repository();
	accepted("r");
	accepted("./r/");
	accepted("r/.git");
	snprintf(url, sizeof url, "%s/r", here.s);
	accepted(url);
	snprintf(url, sizeof url, "file://%s/r", here.s);
	accepted(url);
	snprintf(url, sizeof url, "file://localhost%s/%%72", here.s);
	accepted(url);
	shell("ln -s r 'host:path' && ln -s r '100%%'");
	accepted("host:path");
	accepted("100%");

	/* Relative to where we were then. */
	struct backend *b = open_backend("r");
	ck_assert_int_eq(chdir("/"), 0);
	snprintf(url, sizeof url, "%s/r", here.s);
	resolves_to(b, "main", git_id(url, "main"));
	backend_close(b);
	backend_close(NULL);
}
END_TEST

START_TEST(refusals)
{
	make_repository();
	shell("mkdir plain && : > plain/file");
	refused("nowhere", -ENOENT, "does not exist");
	refused("", -ENOENT, "does not exist");
	refused("plain", -EINVAL, "not a git repository");
	refused("plain/file", -ENOTDIR, "name the directory");
	refused("r/file/x", -ENOTDIR, "name the directory");
	refused("r/sub", -EINVAL, LINE_OF("echo $PWD/r").s);
	refused("r/.git/objects", -EINVAL, LINE_OF("echo $PWD/r").s);
	refused("https://me:secret@host/x", -EINVAL, "token-file");
	refused("ftp://host/x", -EPROTONOSUPPORT, "ftp");
	refused("ssh://host", -EINVAL, "ssh://HOST/PATH");
	refused("ssh://-oProxyCommand=x/y", -EINVAL, "ssh://HOST/PATH");
	refused("-oProxyCommand=x:y", -EINVAL, "ssh://HOST/PATH");
	refused("file://elsewhere/x", -EINVAL, "file:///PATH");
	refused("file://localhostx/x", -EINVAL, "file:///PATH");
	refused("file:///%0", -EINVAL, "%25");
	refused("file:///%00", -EINVAL, "%25");
	shell("git -C r config core.repositoryformatversion 1 && "
	      "git -C r config extensions.fromthefuture true");
	refused("r", -ENOTSUP, "fromthefuture=true");
	shell("git config -f r/.git/config core.repositoryformatversion 2");
	refused("r", -ENOTSUP, "format 2");
	shell("echo '[core' > r/.git/config");
	refused("r", -EIO, "config");
}
END_TEST

START_TEST(secrets_are_not_repeated)
{
	char why[BACKEND_WHY] = "";
	struct backend *b;

	ck_assert_int_eq(backend_open(&b, "https://me:secret@host/x", why),
			 -EINVAL);
	ck_assert_ptr_null(strstr(why, "secret"));
	ck_assert_int_eq(backend_open(&b, "ssh://me:secret@host/x", why),
			 -EINVAL);
	ck_assert_ptr_null(strstr(why, "secret"));
	ck_assert_int_eq(backend_open(&b, "ftp://me:secret@host/x", why),
			 -EPROTONOSUPPORT);
	ck_assert_ptr_null(strstr(why, "secret"));
}
END_TEST

/* Root may read everything: become somebody who may not. */
START_TEST(permission_denied)
{
	make_repository();
	shell("chmod 755 . .. && chmod 0 r/.git");
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	refused("r", -EACCES, "permissions");
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	shell("chmod 700 r/.git && chmod 0 r");
	if (geteuid() == 0)
		ck_assert_int_eq(seteuid(65534), 0);
	refused("r", -EACCES, "permissions");
	refused("r/.git", -EACCES, "permissions");
	if (getuid() == 0)
		ck_assert_int_eq(seteuid(0), 0);
	shell("chmod 700 r");
}
END_TEST

static void add(TCase *c)
{
	tcase_add_unchecked_fixture(c, scratch_start, scratch_stop);
	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_test(c, locations);
	tcase_add_test(c, refusals);
	tcase_add_test(c, secrets_are_not_repeated);
	tcase_add_test(c, permission_denied);
}

int main(void)
{
	git_be_neutral();
	return suite_run("local_open", 120, add, NULL);
}
