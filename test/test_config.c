/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What the server is told: command lines, files, and both together. */
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "nfsd/config/config.h"
#include "test/suite.h"

enum { ARGS_MAX = 16 };

static char dir[] = "/tmp/gitnfs-config-XXXXXX";
static struct config c;
static char why[CONFIG_WHY];

static void make_dir(const char *path)
{
	ck_assert(!mkdir(path, 0755) || errno == EEXIST);
}

/* Everything below a directory of the program's own, where the tests also
 * stand: no configuration of this machine is ever found. */
static void begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert(!chdir(dir));
	setenv("HOME", dir, 1);
	setenv("XDG_CONFIG_HOME", dir, 1);
	unsetenv("XDG_STATE_HOME");
	unsetenv("XDG_CACHE_HOME");
	make_dir("linux.git");
	make_dir("depot");
	make_dir("depot/.git");
	make_dir("with@sign");
	make_dir("a=b");
	make_dir("with:colon");
	make_dir(".git");
}

static void end(void)
{
	CLEANUP_FREE char *command = NULL;

	config_free(&c);
	ck_assert(!chdir("/"));
	ck_assert_int_gt(asprintf(&command, "rm -rf '%s'", dir), 0);
	ck_assert_int_eq(system(command), 0);
}

/* Load the command line "gitnfsd ARGS..."; NULL ends it. */
static int load(const char *arg, ...)
{
	char *argv[ARGS_MAX + 2] = { strdup("gitnfsd") };
	int argc = 1, r;
	va_list ap;

	va_start(ap, arg);
	for (; arg; arg = va_arg(ap, const char *)) {
		ck_assert_int_le(argc, ARGS_MAX);
		argv[argc++] = strdup(arg);
	}
	va_end(ap);
	config_free(&c);
	memset(why, 0, sizeof why);
	r = config_load(&c, argc, argv, why);
	/* getopt reorders, but keeps them all. */
	for (int i = 0; i < argc; i++)
		free(argv[i]);
	/* What is wrong is said in one line; otherwise nothing is. */
	ck_assert((r != 0) == (*why != 0));
	ck_assert_ptr_null(strchr(why, '\n'));
	return r;
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static int load_file(const char *text)
{
	write_file("conf", text);
	return load("-c", "conf", NULL);
}

#define says(word) \
	ck_assert_msg(strstr(why, word), "it says: %s", why)

static void source_is(size_t i, const char *name, const char *url,
		      const char *ref)
{
	ck_assert_uint_lt(i, c.sources.n);
	ck_assert_str_eq(c.sources.place[i].name, name);
	ck_assert_str_eq(c.sources.place[i].url, url);
	ck_assert_pstr_eq(c.sources.place[i].ref, ref);
}

/* ---- sources ---- */

START_TEST(sources)
{
	static const struct {
		const char *arg, *name, *url, *ref;
	} good[] = {
		{ "linux.git", "linux", "linux.git", NULL },
		{ "linux.git///", "linux", "linux.git///", NULL },
		{ "./linux.git", "linux", "./linux.git", NULL },
		{ "depot", "depot", "depot", NULL },
		{ "depot/.git", "depot", "depot/.git", NULL },
		{ "depot/.git/", "depot", "depot/.git/", NULL },
		{ "depot/.", "depot", "depot/.", NULL },
		{ "depot@main", "depot", "depot", "main" },
		{ "depot@feature/x@y", "depot", "depot", "feature/x@y" },
		{ "depot/@v1", "depot", "depot/", "v1" },
		{ "x=depot@main", "x", "depot", "main" },
		{ "x=depot", "x", "depot", NULL },
		{ "with@sign", "with@sign", "with@sign", NULL },
		{ "with@sign@v1", "with@sign", "with@sign", "v1" },
		{ "x=with@sign@v/1", "x", "with@sign", "v/1" },
		{ "a=b", "a=b", "a=b", NULL },
		{ "x=a=b", "x", "a=b", NULL },
		{ "missing", "missing", "missing", NULL },
		{ "/no/such/place.git", "place", "/no/such/place.git", NULL },
		{ "https://example.org/a/b.git", "b",
		  "https://example.org/a/b.git", NULL },
		{ "https://example.org/a/b.git@v1", "b",
		  "https://example.org/a/b.git", "v1" },
		{ "https://me@example.org/a/b", "b",
		  "https://me@example.org/a/b", NULL },
		{ "n=https://me@example.org/a/b@r/s", "n",
		  "https://me@example.org/a/b", "r/s" },
		{ "with:colon", "with:colon", "with:colon", NULL },
		{ "git@host:repo", "repo", "git@host:repo", NULL },
		{ "git@host:repo.git@v1", "repo", "git@host:repo.git", "v1" },
		{ "host:a/b.git", "b", "host:a/b.git", NULL },
		{ "host:a/b@r/s", "b", "host:a/b", "r/s" },
		{ "n=me@host:/srv/a@main", "n", "me@host:/srv/a", "main" },
		{ "./a:b@main", "a:b@main", "./a:b@main", NULL },
		{ "https://example.org/b?c=d", "b?c=d",
		  "https://example.org/b?c=d", NULL },
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		ck_assert_msg(!load(good[i].arg, NULL), "%s: %s", good[i].arg,
			      why);
		source_is(0, good[i].name, good[i].url, good[i].ref);
		ck_assert_uint_eq(c.sources.n, 1);
	}
}
END_TEST

START_TEST(wrong_sources)
{
	static const char *const bad[] = {
		"", "=", "=depot", "x=", "depot@", "x=depot@", "/",
		"https://example.org/a@",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_msg(load(bad[i], NULL) == -EINVAL, "\"%s\"", bad[i]);
		says("source");
	}
}
END_TEST

/* Names of what has none where it stands. */
START_TEST(names_from_where_we_are)
{
	const char *base = strrchr(dir, '/') + 1;
	CLEANUP_FREE char *url = NULL;

	ck_assert_int_eq(load(".", NULL), 0);
	source_is(0, base, ".", NULL);
	ck_assert_int_eq(load(".@main", NULL), 0);
	source_is(0, base, ".", "main");
	ck_assert_int_eq(load(".git", NULL), 0);
	source_is(0, base, ".git", NULL);
	ck_assert_int_eq(load("./.git/", NULL), 0);
	source_is(0, base, "./.git/", NULL);
	ck_assert_int_eq(load("depot/..", NULL), 0);
	source_is(0, base, "depot/..", NULL);
	ck_assert_int_gt(asprintf(&url, "file://%s/depot@v1", dir), 0);
	ck_assert_int_eq(load(url, NULL), 0);
	ck_assert_str_eq(c.sources.place[0].name, "depot");
	ck_assert_str_eq(c.sources.place[0].ref, "v1");
}
END_TEST

/* However it is reached, it is the same repository. */
START_TEST(locations)
{
	CLEANUP_FREE char *real = realpath("depot", NULL);
	CLEANUP_FREE char *url = NULL;

	ck_assert(!symlink("depot", "link") || errno == EEXIST);
	ck_assert_int_gt(asprintf(&url, "u=file://%s/depot", dir), 0);
	ck_assert_int_eq(load("depot", "link", "x=depot/../link/@v1", url,
			      "https://example.org/depot", "none", NULL), 0);
	ck_assert_str_eq(c.sources.place[0].location, real);
	ck_assert_str_eq(c.sources.place[1].location, real);
	ck_assert_str_eq(c.sources.place[1].name, "link");
	ck_assert_str_eq(c.sources.place[2].location, real);
	ck_assert_str_eq(c.sources.place[3].location, real);
	ck_assert_str_eq(c.sources.place[4].location,
			 "https://example.org/depot");
	ck_assert_str_eq(c.sources.place[5].location, "none");
}
END_TEST

static void root_is(size_t i, const char *name, const char *url)
{
	ck_assert_uint_lt(i, c.roots.n);
	ck_assert_str_eq(c.roots.place[i].name, name);
	ck_assert_str_eq(c.roots.place[i].url, url);
}

/* ---- options ---- */

START_TEST(defaults)
{
	ck_assert_int_eq(load("depot", NULL), 0);
	ck_assert_int_eq(c.mode, CONFIG_SERVE);
	ck_assert_uint_eq(c.listen.n, 1);
	ck_assert_str_eq(c.listen.item[0], "127.0.0.1:2049");
	ck_assert_uint_eq(c.memory, 256 << 20);
	ck_assert_int_eq(c.disk, INT64_C(10) << 30);
	ck_assert_int_eq(c.prefetch, 8);
	ck_assert_int_eq(c.loops, 0);
	ck_assert_int_eq(c.log_level, LOG_INFO);
	ck_assert_ptr_nonnull(strstr(c.state_dir, "/gitnfs"));
	ck_assert_ptr_nonnull(strstr(c.cache_dir, "/gitnfs"));
}
END_TEST

START_TEST(options)
{
	ck_assert_int_eq(load("-l", "127.0.0.1:0", "depot", "--listen=[::1]:99",
			      "--state-dir", "s", "--cache-dir=c",
			      "--cache-memory", "1g", "--loops", "3",
			      "--log-level=debug", "--check-config",
			      "linux.git", NULL), 0);
	ck_assert_int_eq(c.mode, CONFIG_CHECK);
	ck_assert_uint_eq(c.listen.n, 2);
	ck_assert_str_eq(c.listen.item[0], "127.0.0.1:0");
	ck_assert_str_eq(c.listen.item[1], "[::1]:99");
	ck_assert_str_eq(c.state_dir, "s");
	ck_assert_str_eq(c.cache_dir, "c");
	ck_assert_uint_eq(c.memory, 1 << 30);
	ck_assert_uint_eq(c.loops, 3);
	ck_assert_int_eq(c.log_level, LOG_DEBUG);
	ck_assert_uint_eq(c.sources.n, 2);
	ck_assert_int_eq(load("--cache-memory=65536", "depot", NULL), 0);
	ck_assert_uint_eq(c.memory, 65536);
	ck_assert_int_eq(load("--cache-disk=0", "depot", NULL), 0);
	ck_assert_int_eq(c.disk, 0);
	ck_assert_int_eq(load("--cache-disk", "1500m", "depot", NULL), 0);
	ck_assert_int_eq(c.disk, INT64_C(1500) << 20);
	ck_assert_int_eq(load("--prefetch=0", "depot", NULL), 0);
	ck_assert_int_eq(c.prefetch, 0);
	ck_assert_int_eq(load("--prefetch", "1024", "depot", NULL), 0);
	ck_assert_int_eq(c.prefetch, 1024);
	ck_assert_int_eq(load("--help", NULL), 0);
	ck_assert_int_eq(c.mode, CONFIG_HELP);
	ck_assert_int_eq(load("--version", NULL), 0);
	ck_assert_int_eq(c.mode, CONFIG_VERSION);
}
END_TEST

START_TEST(wrong_options)
{
	static const struct {
		const char *arg, *word;
	} bad[] = {
		{ "--nonsense", "--nonsense" }, { "-x", "-x" },
		{ "--help=me", "--help" }, { "-l", "-l" },
		{ "--listen", "--listen" }, { "--listen=", "--listen" },
		{ "--listen=here", "here" }, { "--listen=:1", ":1" },
		{ "--listen=127.0.0.1", "127.0.0.1" },
		{ "--listen=127.0.0.1:", "127.0.0.1:" },
		{ "--listen=127.0.0.1:65536", "65536" },
		{ "--listen=127.0.0.1: 1", "127.0.0.1: 1" },
		{ "--listen=::1:2049", "::1:2049" },
		{ "--listen=[::1]2049", "[::1]2049" },
		{ "--listen=[::1", "[::1" }, { "--listen=[]:1", "[]:1" },
		{ "--loops=0", "0" }, { "--loops=-1", "-1" },
		{ "--prefetch=-1", "-1" }, { "--prefetch=1025", "1025" },
		{ "--prefetch=all", "all" },
		{ "--loops=1025", "1025" }, { "--loops=two", "two" },
		{ "--cache-memory=0", "0" }, { "--cache-memory=-1m", "-1m" },
		{ "--cache-memory=1t", "1t" }, { "--cache-memory=", "\"\"" },
		{ "--cache-disk=-1", "-1" }, { "--cache-disk=all", "all" },
		{ "--log-level=loud", "loud" }, { "--state-dir=", "" },
		{ "--cache-dir=", "" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_msg(load(bad[i].arg, NULL) == -EINVAL, "%s",
			      bad[i].arg);
		says(bad[i].word);
		/* The first of two that are wrong is told. */
		ck_assert_int_eq(load("depot", "--loops=99999", bad[i].arg,
				      NULL), -EINVAL);
	}
}
END_TEST

/* ---- files ---- */

static const char whole[] =
"[server]\n"
"	listen = 127.0.0.1:1\n"
"	listen = [::1]:2\n"
"	loops = 2\n"
"	log-level = warning\n"
"[state]\n"
"	dir = ~/state\n"
"[cache]\n"
"	dir = /var/tmp/cache\n"
"	memory = 64m\n"
"	disk = 20g\n"
"	prefetch = 3\n"
"[source \"linux\"]\n"
"	url = linux.git\n"
"	ref = v6.1\n"
"	refresh = 90\n"
"[source \"My.Work\"]\n"
"	url = ~/depot\n";

START_TEST(a_whole_file)
{
	CLEANUP_FREE char *state = NULL, *depot = NULL;

	ck_assert_int_gt(asprintf(&state, "%s/state", dir), 0);
	ck_assert_int_gt(asprintf(&depot, "%s/depot", dir), 0);
	ck_assert_msg(!load_file(whole), "%s", why);
	ck_assert_uint_eq(c.listen.n, 2);
	ck_assert_str_eq(c.listen.item[0], "127.0.0.1:1");
	ck_assert_str_eq(c.listen.item[1], "[::1]:2");
	ck_assert_uint_eq(c.loops, 2);
	ck_assert_int_eq(c.log_level, LOG_WARNING);
	ck_assert_str_eq(c.state_dir, state);
	ck_assert_str_eq(c.cache_dir, "/var/tmp/cache");
	ck_assert_uint_eq(c.memory, 64 << 20);
	ck_assert_int_eq(c.disk, INT64_C(20) << 30);
	ck_assert_int_eq(c.prefetch, 3);
	ck_assert_uint_eq(c.sources.n, 2);
	ck_assert_uint_eq(c.sources.place[0].refresh, 90);
	ck_assert_int_eq(c.sources.place[1].refresh, CONFIG_UNSET);
	source_is(0, "linux", "linux.git", "v6.1");
	source_is(1, "My.Work", depot, NULL);
	ck_assert_str_eq(c.sources.place[1].location, c.sources.place[1].url);
}
END_TEST

static const char roots[] =
"[root \"srv\"]\n"
"	type = local\n"
"	url = /srv/git/{owner}/{repo}.git\n"
"[root \"mine\"]\n"
"	url = ~/src/{repo}\n"
"[root \"here/and/below\"]\n"
"	url = depot/{repo}\n"
"[root \"uri\"]\n"
"	url = file:///srv/{repo}\n"
"	type = local\n"
"[root \"hub\"]\n"
"	url = https://example.org/{owner}/{repo}\n"
"	type = git\n"
"[source \"here/and/there\"]\n"
"	url = depot\n"
"[source \"srv2\"]\n"
"	url = depot\n";

START_TEST(roots_of_any_repository)
{
	CLEANUP_FREE char *here = realpath(dir, NULL), *mine = NULL;
	CLEANUP_FREE char *depot = NULL;

	ck_assert_int_gt(asprintf(&mine, "%s/src/{repo}", dir), 0);
	ck_assert_int_gt(asprintf(&depot, "%s/depot/{repo}", here), 0);
	ck_assert_msg(!load_file(roots), "%s", why);
	ck_assert_uint_eq(c.roots.n, 5);
	root_is(0, "srv", "/srv/git/{owner}/{repo}.git");
	root_is(1, "mine", mine);
	root_is(2, "here/and/below", depot);
	root_is(3, "uri", "file:///srv/{repo}");
	root_is(4, "hub", "https://example.org/{owner}/{repo}");
	ck_assert_uint_eq(c.sources.n, 2);
	source_is(0, "here/and/there", "depot", NULL);
	/* Nothing but a root is enough to serve. */
	ck_assert_msg(!load_file("[root \"x\"]\n\turl = /{x}\n"), "%s", why);
	root_is(0, "x", "/{x}");
	/* A name of the command line takes the place of the file's. */
	write_file("conf", roots);
	ck_assert_msg(!load("-c", "conf", "srv=depot", NULL), "%s", why);
	source_is(0, "srv", "depot", NULL);
	ck_assert_uint_eq(c.roots.n, 4);
	root_is(0, "mine", mine);
	/* The later value of a key is used, as git does. */
	ck_assert_msg(!load_file("[root \"x\"]\n\turl = /{x}\n"
				 "\turl = /y/{x}\n"), "%s", why);
	root_is(0, "x", "/y/{x}");
}
END_TEST

START_TEST(the_command_line_wins)
{
	write_file("conf", whole);
	ck_assert_int_eq(load("--config=conf", "-l", "127.0.0.1:9",
			      "--loops=5", "--log-level=error", "--prefetch=0",
			      "--state-dir=s", "--cache-dir=c",
			      "--cache-memory=1m", "linux=depot", "other=depot",
			      NULL), 0);
	ck_assert_uint_eq(c.listen.n, 1);
	ck_assert_str_eq(c.listen.item[0], "127.0.0.1:9");
	ck_assert_uint_eq(c.loops, 5);
	ck_assert_int_eq(c.prefetch, 0);
	ck_assert_int_eq(c.log_level, LOG_ERROR);
	ck_assert_str_eq(c.state_dir, "s");
	ck_assert_str_eq(c.cache_dir, "c");
	ck_assert_uint_eq(c.memory, 1 << 20);
	ck_assert_uint_eq(c.sources.n, 3);
	source_is(0, "linux", "depot", NULL);
	source_is(1, "other", "depot", NULL);
	ck_assert_str_eq(c.sources.place[2].name, "My.Work");
}
END_TEST

static void service_is(size_t i, const char *name, const char *type,
		       const char *url)
{
	ck_assert_uint_lt(i, c.roots.n);
	ck_assert_str_eq(c.roots.place[i].name, name);
	ck_assert_pstr_eq(c.roots.place[i].type, type);
	ck_assert_str_eq(c.roots.place[i].url, url);
}

START_TEST(services)
{
	const struct config_place *p;

	/* Who names nothing gets these; who names anything gets that. */
	ck_assert_int_eq(load(NULL), 0);
	ck_assert_uint_eq(c.roots.n, 3);
	service_is(1, "gitlab", NULL,
		"https://gitlab.com/{group}/{repo}.git");
	service_is(2, "codeberg", NULL,
		"https://codeberg.org/{owner}/{repo}.git");
	service_is(0, "github", "github",
		"https://github.com/{owner}/{repo}.git");
	ck_assert_ptr_null(c.roots.place[0].token_file);
	ck_assert_int_eq(load_file("[server]\n\tloops = 2\n"), 0);
	ck_assert_uint_eq(c.roots.n, 3);
	ck_assert_int_eq(load("depot", NULL), 0);
	ck_assert_uint_eq(c.roots.n, 0);

	ck_assert_int_eq(load_file(
		"[root \"gh\"]\n\ttype = github\n"
		"[root \"ghe\"]\n\ttype = github\n"
		"\tapi-url = https://ghe.example.org/api/v3\n"
		"\turl = https://ghe.example.org/{owner}/{repo}.git\n"
		"\ttoken-file = t\n"
		"[root \"mesa\"]\n\ttype = mesa\n"
		"\torg = hooli\n\torg = github\n"
		"\ttoken-file = keys/{org}\n"
		"\turl = https://git.example.org/{org}/{repo}\n"), 0);
	ck_assert_uint_eq(c.roots.n, 4);
	service_is(0, "gh", "github", "https://github.com/{owner}/{repo}.git");
	ck_assert_ptr_null(c.roots.place[0].api_url);
	service_is(1, "ghe", "github",
		   "https://ghe.example.org/{owner}/{repo}.git");
	ck_assert_str_eq(c.roots.place[1].api_url,
			 "https://ghe.example.org/api/v3");
	service_is(2, "mesa/hooli", "mesa",
		"https://depot.mesa.dev/api/v1/hooli/{repo}");
	p = &c.roots.place[2];
	ck_assert_str_eq(p->token_file, "keys/hooli");
	ck_assert_str_eq(p->git_url, "https://git.example.org/hooli/{repo}");
	service_is(3, "mesa/github", "mesa",
		"https://depot.mesa.dev/api/v1/github/{owner}/{repo}");
	ck_assert_str_eq(c.roots.place[3].token_file, "keys/github");
}
END_TEST

START_TEST(wrong_files)
{
	static const struct {
		const char *text, *word;
	} bad[] = {
		{ "[nonsense]\n\tkey = x\n", "nonsense.key" },
		{ "[server]\n\tlisen = x\n", "server.lisen" },
		{ "[server \"x\"]\n\tloops = 2\n", "server.x.loops" },
		{ "[source]\n\turl = x\n", "source.url" },
		{ "[source \"x\"]\n\tpath = x\n", "source.x.path" },
		{ "[source \"x\"]\n\tref = main\n", "needs a url" },
		{ "[source \"x\"]\n\turl =\n", "needs a url" },
		{ "[source \"x\"]\n\turl\n", "source.x.url" },
		{ "[source \"x\"]\n\turl = ~nobody/x\n", "~nobody/x" },
		{ "[server]\n\tlisten = here\n", "here" },
		{ "[server]\n\tloops = many\n", "many" },
		{ "[server]\n\tlog-level = loud\n", "loud" },
		{ "[cache]\n\tmemory = lots\n", "lots" },
		{ "[cache]\n\tdisk = -1\n", "cache.disk" },
		{ "[source \"x\"]\n\turl = x\n\trefresh = 0\n",
		  "source.x.refresh" },
		{ "[root \"x\"]\n\turl = /{x}\n\trefresh = often\n",
		  "root.x.refresh" },
		{ "[cache]\n\tmemory\n", "cache.memory" },
		{ "[state]\n\tdir =\n", "state.dir" },
		{ "[root]\n\turl = /{x}\n", "root.url" },
		{ "[root \"x\"]\n\tpath = /{x}\n", "root.x.path" },
		{ "[root \"x\"]\n\ttype = local\n", "needs a url" },
		{ "[root \"x\"]\n\turl =\n", "needs a url" },
		{ "[root \"x\"]\n\turl\n", "root.x.url" },
		{ "[root \"x\"]\n\turl = /srv/git\n", "root.x.url" },
		{ "[root \"x\"]\n\turl = /srv/{}\n", "root.x.url" },
		{ "[root \"x\"]\n\turl = /srv/{x\n", "root.x.url" },
		{ "[root \"x\"]\n\turl = /srv/}x{\n", "root.x.url" },
		{ "[root \"x\"]\n\turl = /{x}\n\ttype = svn\n", "root.x.type" },
		{ "[root \"x\"]\n\turl = /{x}\n\ttype = git\n", "root.x.type" },
		{ "[root \"x\"]\n\turl = file:///{x}\n\ttype = git\n",
		  "root.x.type" },
		{ "[root \"x\"]\n\turl = https://h/{x}\n\ttype = local\n",
		  "root.x.type" },
		{ "[root \"x\"]\n\turl = ~nobody/{x}\n", "~nobody/{x}" },
		{ "[root \"x\"]\n\ttype = mesa\n", "root.x.org" },
		{ "[root \"x\"]\n\ttype = mesa\n\torg = a/b\n",
		  "root.x.org" },
		{ "[root \"x\"]\n\ttype = github\n\torg = a\n",
		  "root.x.org" },
		{ "[root \"x\"]\n\turl = /{x}\n\tapi-url = https://h\n",
		  "root.x.api-url" },
		{ "[root \"x\"]\n\ttype = github\n\tapi-url = api.h\n",
		  "root.x.api-url" },
		{ "[root \"x\"]\n\ttype = github\n"
		  "\turl = https://h/{a}/{b}/{c}\n", "root.x.url" },
		{ "[root \"x\"]\n\turl = https://h/{o}/{r.git\n",
		  "root.x.url" },
		{ "[root \"x\"]\n\turl = https://h/{o/{r}.git\n",
		  "root.x.url" },
		{ "[root \"x\"]\n\turl = https://h/{o}/r}.git\n",
		  "root.x.url" },
		{ "[root \"x\"]\n\ttype = github\n\turl = /{o}/{r}\n",
		  "root.x.type" },
		{ "[root \"x\"]\n\turl = /{x}\n[source \"x\"]\n\turl = depot\n",
		  "source.x.url: \"x\"" },
		{ "[source \"x\"]\n\turl = depot\n[root \"x\"]\n\turl = /{x}\n",
		  "source.x.url: \"x\"" },
		{ "[root \"x\"]\n\turl = /{x}\n[root \"x/y\"]\n\turl = /{y}\n",
		  "root.x/y.url: \"x\"" },
		{ "[root \"x\"]\n\turl = /{x}\n[source \"x/y/z\"]\n\turl = w\n",
		  "source.x/y/z.url: \"x\"" },
		{ "[source \"x/y\"]\n\turl = w\n[source \"x\"]\n\turl = w\n",
		  "source.x.url: \"x/y\"" },
		{ "[unfinished\n", "conf" },
		{ "key without section\n", "conf" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int r = load_file(bad[i].text);

		ck_assert_msg(r == -EBADMSG, "%s: %d", bad[i].text, r);
		says(bad[i].word);
		says("conf");
	}
	ck_assert_int_eq(load("-c", "none", "depot", NULL), -ENOENT);
	says("none");
	ck_assert_int_eq(load("-c", ".", "depot", NULL), -EBADMSG);
}
END_TEST

START_TEST(a_file_includes_another)
{
	write_file("more", "[source \"x\"]\n\turl = depot\n");
	ck_assert_msg(!load_file("[include]\n\tpath = more\n"), "%s", why);
	source_is(0, "x", "depot", NULL);
}
END_TEST

/* Who is wrong is told where. */
START_TEST(a_wrong_line_is_named)
{
	static const struct {
		const char *text, *where;
	} bad[] = {
		{ "[server]\n\tloops = many\n", "conf:2: server.loops" },
		{ "[server]\n\tlisten = [::1]:1\n\n\tlisten = x\n",
		  "conf:4: server.listen" },
		{ "[server] loops = 1\n[server]\n\tLoops = 0 # few\n",
		  "conf:3: server.loops" },
		{ "# loops = 0\n; x\n[server]\n\tloops=2;x\n[server]loops=0",
		  "conf:5: server.loops" },
		{ "[source \"a\\\"] b\"]\n\turl = \"x#\\\"\ty\" \\\n and\n"
		  "\trefresh = 0\n", "conf:4: source.a\"] b.refresh" },
		{ "[root \"x\"]\n\turl = /{x}\n[cache]\n\tdisk\n",
		  "conf:4: cache.disk" },
		{ "[root \"x\"]\n\turl = /{x}\n\ttype = svn\n",
		  "conf:3: root.x.type" },
		{ "[server]\n\n[root \"x\"]\n\n\ttype = git\n",
		  "conf:5: root \"x\" needs" },
		{ "[root \"x\"]\n\ttype = hub\n\tapi-url = https://h\n",
		  "conf:2: root.x.type" },
		{ "[root \"x\"]\n\n\ttype = mesa\n", "conf:3: root.x.org" },
		{ "[root \"x\"]\n\ttype = mesa\n\torg = a\n\torg = a\n",
		  "conf:2: root.x.url" },
		{ "[include]\n\tpath = more\n", "./more:2: source.y.nonsense" },
		{ "[source \"x\"]\n\turl = depot\n\ttoken-file =\n",
		  "conf:3: source.x.token-file" },
		{ "[source \"x\"]\n\turl = depot\n\ttype = git\n",
		  "conf:3: source.x.type" },
		{ "[source \"x\"]\n\turl = w\n\tallow-address = here\n",
		  "conf:3: source.x.allow-address" },
		{ "[source \"x\"]\n\turl = w\n\tallow-address = ::1/129\n",
		  "conf:3: source.x.allow-address" },
		{ "[source \"x\"]\n\turl = w\n\tallow-address = 1.2.3.4/33\n",
		  "conf:3: source.x.allow-address" },
		{ "[root \"x\"]\n\turl = /{x}\n\tdeny-repository = /a\n",
		  "conf:3: root.x.deny-repository" },
		{ "[root \"x\"]\n\turl = https://me:secret@h/x\n",
		  "\"https://me:***@h/x\"" },
	};

	write_file("more", "[source \"y\"]\n\tnonsense = depot\n");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		write_file("conf", bad[i].text);
		ck_assert_int_eq(load("-c", "./conf", NULL), -EBADMSG);
		says(bad[i].where);
	}
}
END_TEST

START_TEST(how_to_reach_them)
{
	CLEANUP_FREE char *token = NULL;

	ck_assert_int_gt(asprintf(&token, "%s/token", dir), 0);
	ck_assert_msg(!load_file("[source \"x\"]\n\turl = https://h/x\n"
				 "\tuser = me\n\ttoken-file = ~/token\n"
				 "\tca-file = /ca.pem\n"
				 "\tallow-address = 10.0.0.0/8\n"
				 "\tallow-address = ::1\n"
				 "[root \"r\"]\n\turl = https://h/{x}\n"
				 "\ttoken-file = t\n"
				 "\tallow-repository = a*\n"
				 "\tallow-repository = b/c\n"
				 "\tdeny-repository = */x\n"), "%s", why);
	ck_assert_str_eq(c.sources.place[0].user, "me");
	ck_assert_str_eq(c.sources.place[0].token_file, token);
	ck_assert_str_eq(c.sources.place[0].ca_file, "/ca.pem");
	ck_assert_str_eq(c.roots.place[0].token_file, "t");
	ck_assert_ptr_null(c.roots.place[0].user);
	ck_assert_ptr_null(c.roots.place[0].ca_file);
	ck_assert_str_eq(c.sources.place[0].allow_address, "10.0.0.0/8 ::1");
	ck_assert_ptr_null(c.roots.place[0].allow_address);
	ck_assert_uint_eq(c.roots.place[0].allow.n, 2);
	ck_assert_str_eq(c.roots.place[0].allow.item[1], "b/c");
	ck_assert_ptr_null(c.roots.place[0].allow.item[2]);
	ck_assert_str_eq(c.roots.place[0].deny.item[0], "*/x");
}
END_TEST

/* No line costs a look at all the others. */
START_TEST(very_many)
{
	enum { MANY = 5000 };
	CLEANUP_FREE char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ck_assert_ptr_nonnull(out);
	for (int i = 0; i < MANY; i++)
		fprintf(out, "[source \"s%d\"]\n\turl = https://h/%d\n"
			"\trefresh = 60\n", i, i);
	ck_assert(!fclose(out));
	ck_assert_msg(!load_file(text), "%s", why);
	ck_assert_uint_eq(c.sources.n, MANY);
	ck_assert_str_eq(c.sources.place[MANY - 1].url, "https://h/4999");
}
END_TEST

/* The usual file is used when it is there.  Root's is not ours to write, so
 * root is somebody else meanwhile. */
START_TEST(the_usual_file)
{
	enum { NOBODY = 65534 };
	bool root = !geteuid();

	if (root) {
		ck_assert(!chown(".", NOBODY, (gid_t)-1));
		ck_assert(!seteuid(NOBODY));
	}
	make_dir("gitnfs");
	write_file("gitnfs/gitnfs.conf", "[server]\n\tloops = 7\n");
	ck_assert_int_eq(load("depot", NULL), 0);
	ck_assert_uint_eq(c.loops, 7);
	/* Another takes its place. */
	ck_assert_int_eq(load("-c", "/dev/null", "depot", NULL), 0);
	ck_assert_int_eq(c.loops, 0);
	ck_assert(!unlink("gitnfs/gitnfs.conf"));
	ck_assert_int_eq(load("depot", NULL), 0);
	ck_assert_int_eq(c.loops, 0);
	if (root)
		ck_assert(!seteuid(0));
}
END_TEST

static void add(TCase *t)
{
	tcase_add_unchecked_fixture(t, begin, end);
	tcase_add_test(t, sources);
	tcase_add_test(t, wrong_sources);
	tcase_add_test(t, names_from_where_we_are);
	tcase_add_test(t, locations);
	tcase_add_test(t, defaults);
	tcase_add_test(t, options);
	tcase_add_test(t, wrong_options);
	tcase_add_test(t, a_whole_file);
	tcase_add_test(t, roots_of_any_repository);
	tcase_add_test(t, services);
	tcase_add_test(t, the_command_line_wins);
	tcase_add_test(t, wrong_files);
	tcase_add_test(t, a_file_includes_another);
	tcase_add_test(t, a_wrong_line_is_named);
	tcase_add_test(t, how_to_reach_them);
	tcase_add_test(t, very_many);
	tcase_add_test(t, the_usual_file);
}

int main(void)
{
	return suite_run("config", 60, add, NULL);
}
