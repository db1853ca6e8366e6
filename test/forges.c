/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/forges.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test/githost.h"

enum {
	NAME_MOST = 255,
	LISTED_MAX = 1 << 20,   /* bytes of a listing */
};

int api_port, git_port;

/* ---- the server ---- */

struct served server;

void server_start(const char *name, const char *config)
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

void server_stop(void)
{
	int status;

	raw_close(&server.conn);
	kill(server.pid, SIGTERM);
	ck_assert_int_eq(waitpid(server.pid, &status, 0), server.pid);
	ck_assert_int_eq(status, 0);
	fclose(server.out);
}

void forget_all(void)
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

uint32_t find(const char *path, struct fh *fh, struct fattr *attr)
{
	time_t start = time(NULL);
	uint32_t s;

	do
		s = call_walk(&server.conn, &server.top, path, fh, attr);
	while (again(s, start));
	return s;
}

uint32_t read_file(const struct fh *fh, struct wire *data)
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

int count_names(const struct fh *dir, const char *look_for, bool *found)
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

bool lists(const char *path, const char *name)
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

bool entry_is(const char *path, const char *mode, const char *hex)
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

bool shows(const char *at, const char *repo, const char *revision,
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

const struct root roots[ROOTS] = {
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

char *config_of(const struct root *r)
{
	char *text;

	/* A warning would be about the numbered arguments only. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	ck_assert_int_ge(asprintf(&text, r->config, api_port, git_port), 0);
#pragma GCC diagnostic pop
	return text;
}

char *path_at(const struct root *r, const char *below)
{
	static char path[LINE];

	snprintf(path, sizeof path, "%.200s/%.1000s", r->at, below);
	return path;
}

char *start_root(const struct root *r, const char *what_for)
{
	static char name[32];
	char *config = config_of(r);

	snprintf(name, sizeof name, "%s%d", what_for, (int)(r - roots));
	server_start(name, config);
	free(config);
	return name;
}

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

bool forges_start(void)
{
	char program[LINE];

	if (!getenv("GITNFSD") && getcwd(program, sizeof program - 9))
		setenv("GITNFSD", strcat(program, "/gitnfsd"), 1);
	githost_init("forges");
	api_port = githost_forge();
	git_port = githost_scripted();
	if (api_port < 0)
		return false;
	make_repositories();
	return true;
}
