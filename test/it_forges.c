/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Every type of root through the whole server, as people run it, with git as
 * the judge: one table of what works where.  The examples in the manual are
 * tried, too. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/forges.h"
#include "test/githost.h"
#include "test/suite.h"

/* ---- the table ---- */

enum cell { NONE, PASS, FAIL, NO };

static const char *const columns[] = {
	"listing", "file", "symlink", "executable", "submodule", "all",
	"ref", "commit", "private", "renamed", "empty", "unknown",
	"limited", "down",
};
enum {
	LISTING, FILE_, SYMLINK, EXECUTABLE, SUBMODULE, ALL, REF, COMMIT,
	PRIVATE, RENAMED, EMPTY, UNKNOWN, LIMITED, DOWN, COLUMNS,
};

/* What each type can do, and the first thing that it could not; shared by
 * those who find out. */
static struct row {
	enum cell cell[COLUMNS];
	char trouble[256];
} *table;
static struct row *row;

static enum cell cell(bool good, const char *what)
{
	if (!good && !*row->trouble)
		snprintf(row->trouble, sizeof row->trouble, "%.200s", what);
	return good ? PASS : FAIL;
}

static enum cell whole(const char *at, const char *repo, const char *revision)
{
	char what[LINE];

	return at ? cell(shows(at, repo, revision, what), what) : NONE;
}

/* What is at 'path' in the repository "plain". */
static enum cell one(const struct root *r, const char *path, const char *mode)
{
	char *hex = output("git -C repos/octo/plain.git rev-parse main:%s",
			   path), below[256];
	enum cell c;

	snprintf(below, sizeof below, "plain/%s", path);
	c = cell(entry_is(path_at(r, below), mode, hex), below);
	free(hex);
	return c;
}

/* Host and API are gone: what was read stays, and what was not fails in
 * time with an error that is no "later". */
static enum cell down(const struct root *r)
{
	time_t start = time(NULL);
	enum cell c = one(r, "bin/run", "100755");
	struct fh fh;
	uint32_t s = find(path_at(r, "other"), &fh, NULL);

	return c == PASS ? cell(s != N3_OK && s != N3_JUKEBOX &&
				time(NULL) < start + PATIENCE_S,
				"down") : c;
}

/* What cannot be shown is an error, and not "later". */
static enum cell refused(const char *path, uint32_t error)
{
	struct fh fh;
	uint32_t s = find(path, &fh, NULL);
	char what[64];

	snprintf(what, sizeof what, "%.40s: %u", path, s);
	return cell(s == error, what) == PASS ? NO : FAIL;
}

/* All but what is to be seen when the hosts are down. */
static void fill(const struct root *r, enum cell *c)
{
	char *id = output("git -C repos/octo/plain.git rev-parse main~1");
	char at_id[64];
	struct fh fh;

	id[40] = '\0';
	snprintf(at_id, sizeof at_id, "plain@%s", id);
	free(id);
	c[FILE_] = one(r, "README", "100644");
	c[SYMLINK] = one(r, "link", "120000");
	c[EXECUTABLE] = one(r, "bin/run", "100755");
	c[SUBMODULE] = whole(r->subs, r->subs && strstr(r->subs, "odd") ?
			     "octo/odd" : "octo/hello", "main");
	if (r->not_subs)
		c[SUBMODULE] = refused(r->not_subs, N3_IO);
	c[ALL] = whole(r->odd ? r->odd : path_at(r, "plain"),
		       r->odd ? "octo/odd" : "octo/plain", "main");
	c[LISTING] = cell(lists(r->owner ? r->owner : r->at,
				r->owner ? "other" : "plain"), "listing");
	c[REF] = whole(path_at(r, "plain@feature%2Fx"), "octo/plain",
		       "feature/x");
	c[COMMIT] = whole(path_at(r, at_id), "octo/plain", "main~1");
	c[PRIVATE] = whole(r->private, r->private &&
			   strstr(r->private, "plain") ? "octo/plain" :
			   "octo/hello", "main");
	if (r->not_private)
		c[PRIVATE] = refused(r->not_private, N3_NOENT);
	c[RENAMED] = whole(r->renamed, "octo/hello", "main");
	c[EMPTY] = cell(find(path_at(r, "empty"), &fh, NULL) == N3_OK &&
			!count_names(&fh, NULL, NULL), "empty");
	c[UNKNOWN] = cell(find(path_at(r, "nosuch"), &fh, NULL) == N3_NOENT,
			  "unknown");
	c[LIMITED] = !r->limited ? NONE :
		cell(entry_is(r->limited, "040000", ""), r->limited);
}

static void print_table(void)
{
	static const char *const word[] = { "-", "pass", "FAIL", "no" };

	printf("%-18s", "");
	for (int i = 0; i < COLUMNS; i++)
		printf(" %*s", (int)strlen(columns[i]) + 1, columns[i]);
	putchar('\n');
	for (int r = 0; r < ROOTS; r++) {
		printf("%-18s", roots[r].title);
		for (int i = 0; i < COLUMNS; i++)
			printf(" %*s", (int)strlen(columns[i]) + 1,
			       word[table[r].cell[i]]);
		putchar('\n');
	}
	puts("no: refused, as it must be");
}

/* Each type of root has a process and a server: they wait for different
 * things at the same time.  work(root, gate) has a row of its own; when all
 * have shut their end of the gate, what between() does is done before it
 * opens. */
static void for_each_root(void (*work)(const struct root *, int gate[2]),
			  void (*between)(void))
{
	int up[2], back[2], status;
	pid_t pid[ROOTS];
	char c;

	/* Servers get neither. */
	ck_assert(!pipe2(up, O_CLOEXEC) && !pipe2(back, O_CLOEXEC));
	fflush(stdout);
	for (int r = 0; r < ROOTS; r++) {
		pid[r] = fork();
		ck_assert_int_ge(pid[r], 0);
		if (pid[r])
			continue;
		close(up[0]);
		close(back[1]);
		row = &table[r];
		work(&roots[r], (int[]){ up[1], back[0] });
		_exit(0);
	}
	close(up[1]);
	close(back[0]);
	ck_assert_int_eq(read(up[0], &c, 1), 0);
	between();
	close(back[1]);
	for (int r = 0; r < ROOTS; r++) {
		ck_assert_int_eq(waitpid(pid[r], &status, 0), pid[r]);
		ck_assert_msg(!status, "%s: see above", roots[r].title);
	}
	close(up[0]);
}

static void pass_gate(int gate[2])
{
	char c;

	close(gate[0]);
	ck_assert_int_eq(read(gate[1], &c, 1), 0);
}

static void try_root(const struct root *r, int gate[2])
{
	const char *name = start_root(r, "all");

	fill(r, row->cell);
	pass_gate(gate);
	row->cell[DOWN] = down(r);
	server_stop();
	if (*row->trouble)
		shell("echo '%s: %s'; tail -5 %s.log", r->title,
		      row->trouble, name);
}

static void end_of_hosts(void)
{
	shell("touch off");
}

START_TEST(what_works_where)
{
	enum { PLAIN_COMMITS = 2 };     /* that fill() looks at */
	unsigned failed = 0, asked;

	forget_all();
	for_each_root(try_root, end_of_hosts);
	shell("rm off");
	for (int r = 0; r < ROOTS; r++)
		for (int i = 0; i < COLUMNS; i++)
			failed += table[r].cell[i] == FAIL;
	print_table();
	fflush(stdout);
	ck_assert_uint_eq(failed, 0);
	ck_assert_msg(!githost_count("STRICT"), "%s",
		      output("grep STRICT log | tail -3"));
	/* Those without a token made do with two for each commit. */
	asked = githost_count("^GET /-/github/repos/octo/plain.* user=-");
	ck_assert_uint_gt(asked, 0);
	ck_assert_uint_le(asked, 2 * PLAIN_COMMITS);
}
END_TEST

static void restart_root(const struct root *r, int gate[2])
{
	char what[LINE];
	struct fh fh;

	start_root(r, "again");
	ck_assert_uint_eq(find(path_at(r, "plain/src"), &fh, NULL), N3_OK);
	server_stop();
	pass_gate(gate);
	start_root(r, "again");
	ck_assert_msg(shows(path_at(r, "plain"), "octo/plain", "main", what),
		      "%s: %s", r->title, what);
	server_stop();
}

static void nothing(void)
{
}

/* Everything that can be is there after a restart, also where a service goes
 * by path. */
START_TEST(after_a_restart)
{
	forget_all();
	for_each_root(restart_root, nothing);
}
END_TEST

/* Who is sent away for long is told so, and not to ask again; once it is
 * logged. */
START_TEST(limited_for_long)
{
	static const struct root hopeless = {
		.config = GIT("g", "status=429,after=3600", "")
			MESA("m", "status=429,after=3600/mesa", NO_GIT
			     "\torg = octo\n")
			"[root \"a\"]\n\ttype = github\n"
			"\tallow-address = 127.0.0.1\n"
			"\tapi-url = http://127.0.0.1:%1$d/limit=3/github\n"
			"\turl = http://127.0.0.1:%2$d/status=403/{owner}/"
			"{repo}.git\n" TOKEN,
	};
	static const char *const files[] = {
		"a/octo/plain/README", "a/octo/plain/src/f1",
		"a/octo/plain/src/f2", "a/octo/plain/bin/run",
	};
	char *config = config_of(&hopeless);
	CLEANUP_WIRE struct wire data = { .p = NULL };
	struct fh fh;

	forget_all();
	server_start("long", config);
	free(config);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_eq(find("g/octo/hello", &fh, NULL), N3_IO);
		ck_assert_uint_eq(find("m/octo/hello", &fh, NULL), N3_IO);
	}
	/* The last request brought the listing. */
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		ck_assert_uint_eq(find(files[i], &fh, NULL), N3_OK);
		ck_assert_uint_eq(read_file(&fh, &data), N3_IO);
	}
	shell("\"${GITNFSD%%d}\" -s long.state status >status;"
	      "grep 'rate limited until [0-9:]*, in [0-9]* min' status ||"
	      " { cat status; exit 1; }");
	server_stop();
	shell("test $(grep -c 'fetch failed.*source=a/' long.log) = 1 ||"
	      " { cat long.log; exit 1; }");
	shell("grep 'msg=\"rate limited\"' long.log >said;"
	      "test $(grep -c 'until=[0-9].*add a token-file' said) = 1 &&"
	      "test $(grep -c 'until=[0-9].*wait' said) = 2 ||"
	      " { cat long.log; exit 1; }");
}
END_TEST

/* Whose token is no good is told so, wherever it shows. */
START_TEST(refused_token)
{
	static const struct root refused = {
		.config = "[root \"w\"]\n\ttype = github\n"
			"\tallow-address = 127.0.0.1\n"
			"\tapi-url = http://127.0.0.1:%1$d/-/github\n"
			"\turl = http://127.0.0.1:%2$d/"
			"auth=eC1hY2Nlc3MtdG9rZW46czNjcmV0LXQwa2Vu/"
			"{owner}/{repo}.git\n\ttoken-file = wrong\n",
	};
	char *config = config_of(&refused);
	struct fh fh;

	forget_all();
	shell("echo none >wrong");
	server_start("refused", config);
	free(config);
	ck_assert_uint_eq(find("w/octo/hello", &fh, NULL), N3_ACCES);
	ck_assert_uint_eq(find("w/octo", &fh, NULL), N3_OK);
	ck_assert_int_eq(count_names(&fh, NULL, NULL), 0);
	server_stop();
	shell("for what in 'fetch failed' 'cannot be listed'; do"
	      " grep -q \"$what.*why=.*refuses what is in\" refused.log ||"
	      " { cat refused.log; exit 1; }; done");
}
END_TEST

/* The examples of gitnfs-backends(7), at hosts of ours.  In a pattern each
 * placeholder is "g", and the last "r". */
static const char examples[] =
	"sed -n '/^\\.Bd/,/^\\.Ed/p' \"$srcdir\"/man/gitnfs-backends.7 | "
	"sed -e 's/\\\\(dq/\"/g; /^\\./d; /api-url/d' "
	"-e 's!url = https://[^/]*/!url = http://127.0.0.1:%1$d/-/!' "
	"-e 's!^\ttype = \\(.*\\)!&\\n\tapi-url = http://127.0.0.1:%2$d/-/\\1!' "
	"-e 's!~/.config/gitnfs/github-token!token!; "
	"s!~/.config/gitnfs/mesa!keys!' "
	"-e 's!^\\[root.*!&\\n\tallow-address = 127.0.0.1!'";

/* The repositories that they name, made here. */
static const char named[] =
	"set -e; sed -n -e 's/^\\[root \"\\(.*\\)\"\\]/\\1/' -e '/^[a-z]/h' "
	"-e '/{org}/d' -e '/^\turl = /{s!.*/-/!!;G;s/\\n/ /;p}' m.conf | "
	"while read -r url root; do"
	" path=$(echo \"$url\" | sed 's/{repo}/r/; s/{[a-z]*}/g/g');"
	" [ -e repos/$path ] || git clone -q --bare repos/octo/plain.git"
	"  repos/$path;"
	" echo $root/$(echo \"$url\" | sed 's/[^{]*{\\([a-z]*\\)}[^{]*/\\1\\//g;"
	" s/repo.$/r/; s/[a-z]*group\\|owner\\|workspace/g/g'); done;"
	" mkdir -p repos/hooli repos/g;"
	" for r in hooli/r g/r; do [ -e repos/$r.git ] ||"
	"  git clone -q --bare repos/octo/plain.git repos/$r.git; done;"
	" echo k-hooli >keys/hooli; echo k-hooli us hooli >>tokens;"
	" echo mesa/hooli/r; echo depot/hooli/r; echo mesa/github/g/r;"
	" echo github/g/r";

START_TEST(as_the_manual_says)
{
	char *config, *names;
	unsigned n = 0;

	forget_all();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	config = output(examples, git_port, api_port);
	shell("printf '%%s' '%s' >m.conf", config);
	names = output("%s", named);
#pragma GCC diagnostic pop
	server_start("m", config);
	for (char *name = strtok(names, "\n"); name;
	     name = strtok(NULL, "\n")) {
		char what[LINE];

		ck_assert_msg(shows(name, "octo/plain", "main", what),
			      "%s", what);
		n++;
	}
	ck_assert_uint_eq(n, 12);
	ck_assert_uint_eq(githost_count("STRICT"), 0);
	server_stop();
	free(names);
	free(config);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, what_works_where);
	tcase_add_test(c, after_a_restart);
	tcase_add_test(c, limited_for_long);
	tcase_add_test(c, refused_token);
	tcase_add_test(c, as_the_manual_says);
}

int main(void)
{
	if (!forges_start())
		return githost_skip("needs perl");
	table = mmap(NULL, sizeof *table * ROOTS, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (table == MAP_FAILED)
		return 99;
	return githost_exit(suite_run("forges", 1200, add, NULL));
}
