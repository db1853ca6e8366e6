/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Every type of root through the whole server, as people run it, with git as
 * the judge: one table of what works where.  The examples in the manual are
 * tried, too.  With --requests: how many requests to read all of a
 * repository of 2,000 files. */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "test/call.h"
#include "test/crawler.h"
#include "test/githost.h"
#include "test/suite.h"

enum {
	PATIENCE_S = 180,
	LINE = 4096,
	NAME_MOST = 255,
	FILES = 2000,           /* of the large repository */
	LISTED_MAX = 1 << 20,   /* bytes of a listing */
};

static int api_port, git_port;

/* ---- the server ---- */

static struct {
	pid_t pid;
	uint16_t port;
	FILE *out;
	struct raw conn;
	struct fh top;
} server;

/* 'config' is the text of its file; 'name' keeps its files apart from those
 * of others. */
static void server_start(const char *name, const char *config)
{
	const char *program = getenv("GITNFSD");
	char line[256], *colon, conf[64], state[64], cache[64], log[64];
	int p[2];
	FILE *f;

	snprintf(conf, sizeof conf, "%s.conf", name);
	snprintf(state, sizeof state, "%s.state", name);
	snprintf(cache, sizeof cache, "%s.cache", name);
	snprintf(log, sizeof log, "%s.log", name);
	f = fopen(conf, "w");

	ck_assert(f && fputs(config, f) >= 0 && !fclose(f));
	ck_assert(!pipe(p));
	server.pid = fork();
	ck_assert_int_ge(server.pid, 0);
	if (!server.pid) {
		dup2(p[1], 1);
		close(p[0]);
		if (!freopen(log, "a", stderr))
			_exit(126);
		execl(program, program, "--config", conf,
		      "--listen", "127.0.0.1:0", "--state-dir", state,
		      "--cache-dir", cache, "--cache-disk", "64m",
		      "--portmap", "off", NULL);
		_exit(127);
	}
	close(p[1]);
	server.out = fdopen(p[0], "r");
	ck_assert_msg(server.out && fgets(line, sizeof line, server.out),
		      "gitnfsd does not start:\n%s\n%s", config,
		      output("tail -3 %s", log));
	colon = strrchr(line, ':');
	ck_assert_msg(colon && !strncmp(line, "ready", 5), "%s", line);
	server.port = (uint16_t)atoi(colon + 1);
	raw_open(&server.conn, server.port);
	ck_assert_uint_eq(call_mnt(&server.conn, "/", &server.top), N3_OK);
}

static void server_stop(void)
{
	int status;

	raw_close(&server.conn);
	kill(server.pid, SIGTERM);
	ck_assert_int_eq(waitpid(server.pid, &status, 0), server.pid);
	ck_assert_int_eq(status, 0);
	fclose(server.out);
}

static void forget_all(void)
{
	shell("rm -f count-* off");
	githost_mark();
}

/* ---- a client that is patient, as the kernel's is ---- */

static bool again(uint32_t status, time_t start)
{
	enum { PAUSE_US = 100000 };

	if (status != N3_JUKEBOX || time(NULL) > start + PATIENCE_S)
		return false;
	usleep(PAUSE_US);
	return true;
}

static uint32_t find(const char *path, struct fh *fh, struct fattr *attr)
{
	time_t start = time(NULL);
	uint32_t s;

	do
		s = call_walk(&server.conn, &server.top, path, fh, attr);
	while (again(s, start));
	return s;
}

static uint32_t read_file(const struct fh *fh, struct wire *data)
{
	time_t start = time(NULL);
	uint32_t s;

	do
		s = call_read_all(&server.conn, fh, 65536, data);
	while (again(s, start));
	return s;
}

static uint32_t read_link(const struct fh *fh, struct wire *text)
{
	time_t start = time(NULL);
	uint32_t s;

	do
		s = call_readlink(&server.conn, fh, text, NULL);
	while (again(s, start));
	return s;
}

/* How many names there are, but for "." and ".."; -1: an error. */
static int count_names(const struct fh *dir, const char *look_for, bool *found)
{
	uint64_t cookie = 0, verf = 0;
	time_t start = time(NULL);
	int n = 0;

	for (bool eof = false; !eof;) {
		CLEANUP_PAGE struct page p = { .n = 0 };
		uint32_t s = call_readdir(&server.conn, dir, cookie, verf,
					  8192, &p);

		if (again(s, start))
			continue;
		if (s != N3_OK)
			return -1;
		for (size_t i = 0; i < p.n; i++) {
			const struct entry *e = &p.entry[i];

			cookie = e->cookie;
			n += e->name[0] != '.' || e->len > 2 ||
			     (e->len == 2 && e->name[1] != '.');
			if (look_for && e->len == strlen(look_for) &&
			    !memcmp(e->name, look_for, e->len))
				*found = true;
		}
		verf = p.verf;
		eof = p.eof;
	}
	return n;
}

static bool lists(const char *path, const char *name)
{
	struct fh fh;
	bool found = false;

	return find(path, &fh, NULL) == N3_OK &&
	       count_names(&fh, name, &found) >= 0 && found;
}

/* ---- git as the judge ---- */

static bool is_blob(const struct wire *data, const char *hex)
{
	struct oid_hash *h;
	struct oid is, want;

	ck_assert(!oid_parse(hex, 40, &want));
	ck_assert(!oid_hash_start(&h, want.len, OBJ_BLOB, data->len));
	ck_assert(!data->len || !oid_hash_data(h, data->p, data->len));
	ck_assert(!oid_hash_end(h, &is));
	return oid_eq(&is, &want);
}

/* One entry of "git ls-tree": is it shown as that? */
static bool entry_is(const char *path, const char *mode, const char *hex)
{
	CLEANUP_WIRE struct wire data = { .p = NULL };
	struct fattr attr;
	struct fh fh;

	if (find(path, &fh, &attr) != N3_OK)
		return false;
	if (!strcmp(mode, "040000"))
		return attr.type == DIR;
	if (!strcmp(mode, "160000"))
		return attr.type == DIR && !count_names(&fh, NULL, NULL);
	if (!strcmp(mode, "120000"))
		return attr.type == LNK && read_link(&fh, &data) == N3_OK &&
		       attr.size == data.len && is_blob(&data, hex);
	return attr.type == REG &&
	       (attr.mode & 0111) == (strcmp(mode, "100755") ? 0 : 0111) &&
	       read_file(&fh, &data) == N3_OK && attr.size == data.len &&
	       is_blob(&data, hex);
}

static bool too_long(const char *path)
{
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len > NAME_MOST)
			return true;
		path += len + (path[len] == '/');
	}
	return false;
}

struct tree {
	char *text;             /* of "git ls-tree -rtz" */
	size_t len;
};

static struct tree tree_of(const char *repo, const char *revision)
{
	struct tree t = { .text = malloc(LISTED_MAX) };
	char line[LINE];
	FILE *f;

	snprintf(line, sizeof line, "git -C 'repos/%s.git' ls-tree -rtz '%s'",
		 repo, revision);
	f = popen(line, "r");
	ck_assert(t.text && f);
	t.len = fread(t.text, 1, LISTED_MAX - 1, f);
	ck_assert(!pclose(f) && t.len < LISTED_MAX - 1);
	t.text[t.len] = '\0';
	return t;
}

/* How many names git has in a directory. */
static int names_in(const struct tree *t, const char *dir)
{
	size_t len = strlen(dir);
	int n = 0;

	for (const char *e = t->text; e < t->text + t->len;
	     e += strlen(e) + 1) {
		const char *path = strchr(e, '\t') + 1;

		if (len && (strncmp(path, dir, len) || path[len] != '/'))
			continue;
		path += len + (len > 0);
		n += !strchr(path, '/') && !too_long(path);
	}
	return n;
}

/* Is all of it shown at 'at', and nothing else?  *what: the first that is
 * not. */
static bool shows(const char *at, const char *repo, const char *revision,
		  char what[LINE])
{
	struct tree t = tree_of(repo, revision);
	bool good = true;
	struct fh fh;

	snprintf(what, LINE, "%s", at);
	if (find(at, &fh, NULL) != N3_OK ||
	    count_names(&fh, NULL, NULL) != names_in(&t, ""))
		good = false;
	for (const char *e = t.text; good && e < t.text + t.len;
	     e += strlen(e) + 1) {
		const char *path = strchr(e, '\t') + 1;
		char mode[7] = "", hex[41] = "";

		if (too_long(path))
			continue;
		sscanf(e, "%6s %*s %40s", mode, hex);
		snprintf(what, LINE, "%.1000s/%.3000s", at, path);
		good = entry_is(what, mode, hex);
		if (good && !strcmp(mode, "040000"))
			good = find(what, &fh, NULL) == N3_OK &&
			       count_names(&fh, NULL, NULL) ==
			       names_in(&t, path);
	}
	free(t.text);
	return good;
}

/* ---- the roots ---- */

/* A type of root, and where the repositories are below it.  What is not for
 * it is NULL: Mesa renames nothing. */
struct root {
	const char *title;
	const char *config;     /* %1$d: the API's port, %2$d: git's; $PWD */
	const char *at;         /* the level that has them */
	const char *odd;        /* a repository with everything odd, ... */
	const char *subs;       /* ... or at least submodules */
	const char *owner;      /* lists what a service tells */
	const char *private, *renamed, *limited;        /* paths, and ... */
	const char *not_subs, *not_private;     /* ... what must not be
						 * shown */
};

#define GITHUB(faults, more) \
	"[root \"x\"]\n\ttype = github\n\tallow-address = 127.0.0.1\n" \
	"\tapi-url = http://127.0.0.1:%1$d/" faults "/github\n" \
	"\turl = http://127.0.0.1:%2$d/-/{owner}/{repo}.git\n" more
#define TOKEN "\ttoken-file = token\n"
#define MESA(name, api, more) \
	"[root \"" name "\"]\n\ttype = mesa\n\tallow-address = 127.0.0.1\n" \
	"\tapi-url = http://127.0.0.1:%1$d/" api "\n" \
	"\ttoken-file = keys/{org}\n" more
#define NO_GIT "\turl = http://127.0.0.1:%2$d/status=403/{org}/{repo}.git\n"
#define GIT(name, faults, more) \
	"[root \"" name "\"]\n\tallow-address = 127.0.0.1\n" \
	"\turl = http://127.0.0.1:%2$d/" faults "/{owner}/{repo}.git\n" more

static const struct root roots[] = {
	{
		.title = "git",
		.config = GIT("x", "-", "")
			GIT("p", "auth=eC1hY2Nlc3MtdG9rZW46czNjcmV0LXQwa2Vu",
			    TOKEN)
			GIT("l", "status=429@1,after=1", "")
			"[root \"r\"]\n\tallow-address = 127.0.0.1\n"
			"\turl = http://127.0.0.1:%2$d/redirect=-/{owner}/"
			"{repo}.git\n",
		.at = "x/octo", .odd = "x/octo/odd", .subs = "x/octo/odd",
		.private = "p/octo/hello", .renamed = "r/octo/hello",
		.limited = "l/octo/hello",
	}, {
		.title = "github",
		.config = GITHUB("-", "")
			"[root \"l\"]\n\ttype = github\n"
			"\tallow-address = 127.0.0.1\n"
			"\tapi-url = http://127.0.0.1:%1$d/limit=0/github\n"
			"\turl = http://127.0.0.1:%2$d/-/{owner}/{repo}.git\n"
			"[root \"p\"]\n\ttype = github\n"
			"\tallow-address = 127.0.0.1\n"
			"\tapi-url = http://127.0.0.1:%1$d/-/github\n"
			"\turl = http://127.0.0.1:%2$d/"
			"auth=eC1hY2Nlc3MtdG9rZW46czNjcmV0LXQwa2Vu/"
			"{owner}/{repo}.git\n",
		.at = "x/octo", .odd = "x/octo/odd", .subs = "x/octo/odd",
		.not_private = "p/octo/secret",
		.renamed = "x/octo/old", .limited = "l/octo/hello",
	}, {
		.title = "github, token",
		.config = GITHUB("-", TOKEN)
			"[root \"l\"]\n\ttype = github\n"
			"\tallow-address = 127.0.0.1\n"
			"\tapi-url = http://127.0.0.1:%1$d/limit=1/github\n"
			"\turl = http://127.0.0.1:%2$d/-/{owner}/{repo}.git\n"
			TOKEN
			"[root \"p\"]\n\ttype = github\n"
			"\tallow-address = 127.0.0.1\n"
			"\tapi-url = http://127.0.0.1:%1$d/-/github\n"
			"\turl = http://127.0.0.1:%2$d/"
			"auth=eC1hY2Nlc3MtdG9rZW46czNjcmV0LXQwa2Vu/"
			"{owner}/{repo}.git\n" TOKEN,
		.at = "x/octo", .odd = "x/octo/odd", .subs = "x/octo/odd",
		.owner = "x/octo", .private = "p/octo/secret",
		.renamed = "x/octo/old", .limited = "l/octo/hello",
	}, {
		.title = "github, API only",
		.config = "[root \"x\"]\n\ttype = github\n"
			"\tallow-address = 127.0.0.1\n"
			"\tapi-url = http://127.0.0.1:%1$d/-/github\n"
			"\turl = http://127.0.0.1:%2$d/status=403/{owner}/"
			"{repo}.git\n" TOKEN
			"[root \"l\"]\n\ttype = github\n"
			"\tallow-address = 127.0.0.1\n"
			"\tapi-url = http://127.0.0.1:%1$d/limit=3,reset=2/"
			"github\n"
			"\turl = http://127.0.0.1:%2$d/status=403/{owner}/"
			"{repo}.git\n" TOKEN,
		.at = "x/octo", .subs = "x/octo/hello", .owner = "x/octo",
		.private = "x/octo/secret", .renamed = "x/octo/old",
		.limited = "l/octo/hello",
	}, {
		.title = "mesa",
		.config = MESA("x", "page=100/mesa", "\torg = octo\n")
			MESA("l", "status=429@1,after=1,n1/mesa",
			     "\torg = octo\n"),
		.at = "x/octo", .odd = "x/octo/odd", .subs = "x/octo/odd",
		.owner = "x/octo", .private = "x/octo/hello",
		.limited = "l/octo/hello",
	}, {
		.title = "mesa, newer",
		.config = MESA("x", "page=100/mesa-c", "\torg = octo\n")
			MESA("l", "status=429@1,after=1,n2/mesa-c",
			     "\torg = octo\n"),
		.at = "x/octo", .odd = "x/octo/odd", .subs = "x/octo/odd",
		.owner = "x/octo", .private = "x/octo/hello",
		.limited = "l/octo/hello",
	}, {
		.title = "mesa, API only",
		.config = MESA("x", "page=100/mesa", NO_GIT "\torg = octo\n")
			MESA("l", "status=429@1,after=1,n3/mesa",
			     NO_GIT "\torg = octo\n"),
		.at = "x/octo", .not_subs = "x/octo/hello/README",
		.owner = "x/octo", .private = "x/octo/plain",
		.limited = "l/octo/plain",
	}, {
		.title = "mesa, github",
		.config = MESA("x", "page=100/mesa", "\torg = github\n")
			MESA("l", "status=429@1,after=1,n4/mesa",
			     "\torg = github\n"),
		.at = "x/github/octo", .odd = "x/github/octo/odd",
		.subs = "x/github/octo/odd",
		.private = "x/github/octo/hello",
		.limited = "l/github/octo/hello",
	},
};
enum { ROOTS = sizeof roots / sizeof *roots };

static char *config_of(const struct root *r)
{
	char *text;

	/* A warning would be about the numbered arguments only. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	ck_assert_int_ge(asprintf(&text, r->config, api_port, git_port), 0);
#pragma GCC diagnostic pop
	return text;
}

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

static char *path_at(const struct root *r, const char *below)
{
	static char path[LINE];

	snprintf(path, sizeof path, "%.200s/%.1000s", r->at, below);
	return path;
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

static char *start_root(const struct root *r, const char *what_for)
{
	static char name[32];
	char *config = config_of(r);

	snprintf(name, sizeof name, "%s%d", what_for, (int)(r - roots));
	server_start(name, config);
	free(config);
	return name;
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

/* ---- how many requests ---- */

static void ignore(void *arg, const char *path, const void *data, size_t len)
{
	(void)arg, (void)path, (void)data, (void)len;
}

static void list_one(const char *path)
{
	crawler_list(server.port, path, true);
}

static void cat_one(const char *path)
{
	char file[LINE];

	snprintf(file, sizeof file, "%.1000s/d1/f1", path);
	crawler_file(server.port, file);
}

static void find_all(const char *path)
{
	struct crawler c = { .port = server.port, .path = path };

	crawler_run(&c);
}

static void read_all(const char *path)
{
	struct crawler c = { .port = server.port, .path = path, .readers = 1,
			     .each = ignore };

	crawler_run(&c);
	ck_assert_uint_eq(c.files, FILES);
}

START_TEST(requests)
{
	static const struct {
		const char *name;
		void (*work)(const char *path);
	} work[] = {
		{ "ls", list_one }, { "cat", cat_one }, { "find", find_all },
		{ "grep -r", read_all },
	};

	printf("%-18s %10s %10s %10s %10s   (API + git)\n", "requests for",
	       "ls", "cat", "find", "grep -r");
	for (int r = 0; r < ROOTS; r++) {
		printf("%-18s", roots[r].title);
		for (size_t i = 0; i < 4; i++) {
			char text[32];

			forget_all();
			start_root(&roots[r], work[i].name);
			work[i].work(path_at(&roots[r], "large"));
			server_stop();
			snprintf(text, sizeof text, "%u + %u",
				 githost_count("^GET /[^/]*/(github|mesa[^/]*)/"),
				 githost_count("authorization=|protocol=git"));
			printf(" %10s", text);
			fflush(stdout);
		}
		putchar('\n');
	}
}
END_TEST

/* ---- */

/* Everything odd, but for a directory of thousands of files. */
static void make_repositories(void)
{
	shell("set -e; mkdir -p repos/octo keys;"
	      "sh \"$srcdir\"/test/oddrepo.sh repos/octo/odd.git bare >/dev/null;"
	      "cd repos/octo/odd.git; git update-ref refs/heads/main $("
	      "git ls-tree -z main | grep -zv \"$(printf '\\twide$')\" |"
	      " git mktree -z | xargs git commit-tree -m narrow -p main);"
	      "cd ../../..;"
	      "echo s3cret-t0ken >token; touch git; echo k-octo >keys/octo;"
	      "echo k-github >keys/github;"
	      "printf 's3cret-t0ken me\\nk-octo you octo\\n"
	      "k-github she github\\n' >tokens;"
	      "echo octo/secret >private; echo octo/old octo/hello >moved;"
	      "cd repos/octo; git init -q --bare -b main empty.git;"
	      "git init -q -b main w; cd w;"
	      "mkdir -p src/deep/er bin; echo hello >README;"
	      "printf '#!/bin/sh\\n' >bin/run; chmod +x bin/run;"
	      "ln -s README link; : >empty; echo x >'a b'; echo y >100%%;"
	      "seq 20000 >src/long; for i in 1 2 3 4 5; do"
	      " echo $i >src/f$i; echo d$i >src/deep/g$i;"
	      " echo e$i >src/deep/er/h$i; done;"
	      "git add -A; git commit -qm one; git branch feature/x;"
	      "echo 2 >>README; git commit -qam two;"
	      "for r in plain other; do git clone -q --bare . ../$r.git; done;"
	      "git update-index --add --cacheinfo"
	      " 160000,1111111111111111111111111111111111111111,sub;"
	      "mkdir sub; git commit -qm sub;"
	      "for r in hello secret; do git clone -q --bare . ../$r.git; done;"
	      "for r in ../*.git; do git -C $r config uploadpack.allowFilter"
	      " true; done");
}

static void make_large(void)
{
	shell("set -e; cd repos/octo; git init -q -b main l; cd l;"
	      "for d in $(seq 40); do mkdir d$d; for f in $(seq %d); do"
	      " echo $d $f >d$d/f$f; done; done; git add -A;"
	      "git commit -qm large; git clone -q --bare . ../large.git;"
	      "git -C ../large.git config uploadpack.allowFilter true",
	      FILES / 40);
}

static void add(TCase *c)
{
	tcase_add_test(c, what_works_where);
	tcase_add_test(c, after_a_restart);
	tcase_add_test(c, limited_for_long);
	tcase_add_test(c, refused_token);
	tcase_add_test(c, as_the_manual_says);
}

static void add_requests(TCase *c)
{
	tcase_add_test(c, requests);
}

int main(int argc, char **argv)
{
	bool count = argc > 1 && !strcmp(argv[1], "--requests");
	char program[LINE];

	if (!getenv("GITNFSD") && getcwd(program, sizeof program - 9))
		setenv("GITNFSD", strcat(program, "/gitnfsd"), 1);
	githost_init("forges");
	api_port = githost_forge();
	git_port = githost_scripted();
	if (api_port < 0)
		return githost_skip("needs perl");
	make_repositories();
	table = mmap(NULL, sizeof *table * ROOTS, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (table == MAP_FAILED)
		return 99;
	if (count)
		make_large();
	return githost_exit(suite_run("forges", 1200,
				      count ? add_requests : add, NULL));
}
