/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The git backend through pipes: over ssh, and to a repository on this disk. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/faulty.h"
#include "test/githost.h"
#include "test/suite.h"

/* ---- through pipes ---- */

static struct backend *open_url(const char *url)
{
	char why[BACKEND_WHY] = "";
	struct backend *b;

	ck_assert_msg(backend_open(&b, url, why) == 0, "%s: %s", url, why);
	return b;
}

/* Several commands, one after the other and at a time. */
static void reads_all(struct backend *b, const char *repo)
{
	enum { N = 40 };
	struct oid oid, expected = id_of(repo, "main"), all[N];
	struct run *r[N];
	size_t n;

	ck_assert_int_eq(resolve(b, "v1", &oid), 0);
	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	ck_assert(oid_eq(&oid, &expected));
	ck_assert_int_eq(fetch_one(b, &oid, OBJ_COMMIT, REACH_NEAR), 0);
	n = ids_below(repo, "main", "blob", all, N);
	for (size_t i = 0; i < n; i++) {
		r[i] = run_new(b, 1);
		r[i]->want[0] = all[i];
		run_fetch(r[i], OBJ_BLOB, i % 2 ? REACH_NEAR : REACH_ALL,
			  PATIENCE);
	}
	for (size_t i = 0; i < n; i++) {
		ck_assert_int_eq(run_wait(r[i]), 0);
		ck_assert(r[i]->came[0]);
		run_free(r[i]);
	}
	ck_assert_int_eq(resolve(b, "nosuch", &oid), -ENOENT);
	oid.id[3] ^= 1;
	ck_assert_int_eq(fetch_one(b, &oid, OBJ_COMMIT, REACH_NEAR), -ENOENT);
}

/* An ssh that runs the command here, and notes how it was called. */
static void make_ssh(void)
{
	char path[4096];

	shell("mkdir -p bin && cat >bin/ssh <<'END'\n"
	      "#!/bin/sh\n"
	      "printf '%%s|' \"$@\" >>ssh.log; echo >>ssh.log\n"
	      "for command; do :; done\n"
	      "case $* in\n"
	      "*down*) exit 255 ;;\n"
	      "*mute*) exec sleep 600 >&- ;;\n"
	      "*junk*) echo junk; exit ;;\n"
	      "esac\n"
	      "exec sh -c \"$command\"\n"
	      "END\nchmod +x bin/ssh");
	ck_assert_ptr_nonnull(getcwd(path, 1024));
	strcat(path, "/bin:");
	strncat(path, getenv("PATH"), 2048);
	setenv("PATH", path, 1);
}

START_TEST(ssh)
{
	char here[1024], url[2048];
	struct backend *b;
	struct oid oid;

	make_ssh();
	ck_assert_ptr_nonnull(getcwd(here, sizeof here));
	snprintf(url, sizeof url, "ssh://me@host:2222%s/repos/r", here);
	b = open_url(url);
	reads_all(b, "r");
	backend_close(b);
	b = open_url("me@host:repos/sha256");
	reads_all(b, "sha256");
	backend_close(b);
	shell("ln -s r \"repos/it's !\"");
	b = open_url("host:repos/it's !");
	reads_all(b, "r");
	backend_close(b);
	shell("grep -q 'BatchMode=yes|.*|-p|2222|me@host|git-upload-pack ./' "
	      "ssh.log && grep -q '|me@host|git-upload-pack .repos/sha256' "
	      "ssh.log");
	/* One program serves one command after the other. */
	shell("test $(wc -l <ssh.log) -lt 40");

	/* As git finds it. */
	shell(">ssh.log");
	snprintf(url, sizeof url, "ssh://me@[::1]:22%s/repos/r", here);
	b = open_url(url);
	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	backend_close(b);
	b = open_url("me@[fe80::1%eth0]:repos/r");
	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	backend_close(b);
	b = open_url("[host:99]:repos/r");
	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	backend_close(b);
	shell("grep -q '|-p|22|me@::1|git-upload-pack ./' ssh.log && "
	      "grep -q '=GIT_PROTOCOL|me@fe80::1%%eth0|' ssh.log && "
	      "grep -q '|-p|99|host|' ssh.log && >ssh.log");
	setenv("GIT_SSH_COMMAND", "ssh -i 'a key'", 1);
	b = open_url("ssh://host:7/~/repos/r");
	ck_assert_int_eq(resolve(b, NULL, &oid), -ENOENT);
	backend_close(b);
	b = open_url("host:repos/r");
	ck_assert_int_eq(resolve(b, NULL, &oid), 0);
	backend_close(b);
	unsetenv("GIT_SSH_COMMAND");
	shell("grep -q '^-i|a key|-o|.*|-p|7|host|git-upload-pack .~/' "
	      "ssh.log && >ssh.log && cp bin/ssh bin/plink");
	setenv("GIT_SSH", "plink", 1);
	b = open_url("ssh://host:7/~/repos/r");
	ck_assert_int_eq(resolve(b, NULL, &oid), -ENOENT);
	backend_close(b);
	unsetenv("GIT_SSH");
	shell("grep -q '^-batch|-P|7|host|' ssh.log");

	b = open_url("host:repos/absent");
	ck_assert_int_eq(resolve(b, NULL, &oid), -ENOENT);
	backend_close(b);
	b = open_url("down:repos/r");
	ck_assert_int_eq(resolve(b, NULL, &oid), -EHOSTUNREACH);
	because(b, -EHOSTUNREACH, "ssh -o BatchMode=yes down");
	/* By now we know. */
	shell(">ssh.log");
	ck_assert_int_eq(resolve(b, NULL, &oid), -EHOSTDOWN);
	backend_close(b);
	b = open_url("down:repos/other");
	ck_assert_int_eq(resolve(b, NULL, &oid), -EHOSTDOWN);
	backend_close(b);
	shell("! test -s ssh.log");
}
END_TEST

/* It says nothing more, and stays. */
START_TEST(ssh_that_does_not_end)
{
	struct backend *b = open_url("mute:repos/r");
	struct run *r = run_new(b, 0);

	make_ssh();
	r->job.once = true;
	run_resolve(r, "main", PATIENCE);
	ck_assert_int_eq(run_wait(r), -ECONNRESET);
	run_free(r);
	backend_close(b);
}
END_TEST

/* Who has asked for what ends first may be gone while others, who went with
 * him, are tried again. */
START_TEST(few_programs_stay)
{
	enum { MANY = 12, FEW = 8 };
	struct backend *b[MANY];
	char url[64];
	struct oid oid;

	make_ssh();
	shell("printf '#!/bin/sh\\necho $$ >>pids\\nexec ssh \"$@\"\\n' "
	      ">bin/noted && chmod +x bin/noted");
	setenv("GIT_SSH", "noted", 1);
	for (int i = 0; i < MANY; i++) {
		shell("ln -s r repos/r%d", i);
		snprintf(url, sizeof url, "host:repos/r%d", i);
		b[i] = open_url(url);
		ck_assert_int_eq(resolve(b[i], NULL, &oid), 0);
	}
	shell("test $(for p in $(cat pids); do kill -0 $p 2>/dev/null && "
	      "echo; done | wc -l) -eq %d", FEW);
	/* The others start again. */
	for (int i = 0; i < MANY; i++) {
		ck_assert_int_eq(resolve(b[i], NULL, &oid), 0);
		backend_close(b[i]);
	}
	shell("! for p in $(cat pids); do kill -0 $p 2>/dev/null && echo; "
	      "done | grep -q .");
	unsetenv("GIT_SSH");
}
END_TEST

START_TEST(one_ends_before_the_others)
{
	struct backend *b = open_url("junk:repos/r");
	struct run *name = run_new(b, 0), *id = run_new(b, 0);

	make_ssh();
	run_resolve(name, "main", 60000);
	run_resolve(id, "1111111111111111111111111111111111111111", 60000);
	ck_assert_int_eq(run_wait(id), -EBADMSG);
	run_free(id);
	ck_assert_int_eq(run_wait(name), -EBADMSG);
	run_free(name);
	backend_close(b);
}
END_TEST

/* What libgit2 cannot read. */
START_TEST(on_this_disk)
{
	struct backend *b = open_url("repos/sha256");

	ck_assert_str_eq(b->ops->name, "git");
	reads_all(b, "sha256");
	backend_close(b);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, ssh);
	tcase_add_test(c, ssh_that_does_not_end);
	tcase_add_test(c, few_programs_stay);
	tcase_add_test(c, one_ends_before_the_others);
	tcase_add_test(c, on_this_disk);
}

int main(void)
{
	githost_init("git_pipes");
	make_repositories();
	port = githost_scripted();
	if (port < 0)
		return githost_skip("needs perl");
	return githost_exit(suite_run("git_pipes", 120, add, NULL));
}
