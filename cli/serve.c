/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cli/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/talk.h"
#include "common/cleanup.h"
#include "common/dirs.h"

enum {
	START_MS = 60000,       /* a large journal takes a while */
	LOG_MAX = 1 << 20,      /* bytes; then it is begun anew */
	STOP_US = 20000,
	STOP_TRIES = 500,
};

/* ---- what is kept in the state directory ---- */

static char *in_state(const struct cli *cli, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", cli->state_dir, name) < 0 ? NULL :
								     path;
}

char *serve_address(const struct cli *cli)
{
	CLEANUP_FREE char *path = in_state(cli, "listen");
	FILE *f = path ? fopen(path, "re") : NULL;
	char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (!f)
		return NULL;
	len = getline(&line, &room, f);
	fclose(f);
	if (len <= 0) {
		free(line);
		return NULL;
	}
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static void keep_address(const struct cli *cli, const char *address)
{
	CLEANUP_FREE char *path = in_state(cli, "listen");
	FILE *f = path ? fopen(path, "we") : NULL;

	if (!f)
		return;
	fprintf(f, "%s\n", address);
	fclose(f);
}

/* ---- its configuration ---- */

/* What gitnfsd shows when nothing is named; here beside what is. */
static const struct {
	const char *key, *value;
} hosts[] = {
	{ "root.github.type", "github" },
	{ "root.gitlab.url", "https://gitlab.com/{group}/{repo}.git" },
	{ "root.codeberg.url", "https://codeberg.org/{owner}/{repo}.git" },
};

/* The file that the user has written, or NULL. */
static char *usual_file(const struct cli *cli)
{
	CLEANUP_FREE char *dir = dirs_default(DIRS_CONFIG);
	CLEANUP_FREE char *file = NULL;

	if (cli->config)
		return realpath(cli->config, NULL);
	if (dir && asprintf(&file, "%s/gitnfs.conf", dir) < 0)
		file = NULL;
	return file && !access(file, F_OK) ? TAKE(file) : NULL;
}

static int open_config(const struct cli *cli, git_config **ret)
{
	CLEANUP_FREE char *path = in_state(cli, "gitnfs.conf");
	const git_error *e;
	int r = dirs_make(cli->state_dir);

	if (r < 0) {
		cli_say(cli, "%s: %s; give another one with --state-dir",
			cli->state_dir, strerror(-r));
		return END_FAILED;
	}
	if (path && access(path, F_OK)) {
		FILE *f = fopen(path, "we");

		if (f) {
			fputs("# Written by gitnfs, and read by the servers it "
			      "starts.\n", f);
			fclose(f);
		}
	}
	if (!path || git_config_open_ondisk(ret, path)) {
		e = git_error_last();
		cli_say(cli, "%s: %s", path ? path : "",
			e ? e->message : "cannot be read");
		return END_FAILED;
	}
	return END_WELL;
}

/* Have it say what it should today: the user's file, or the hosts. */
static int fill_config(const struct cli *cli)
{
	CLEANUP_FREE char *user = usual_file(cli);
	git_config *cfg;
	int r = 0, status = open_config(cli, &cfg);

	if (status)
		return status;
	git_config_delete_entry(cfg, "include.path");
	if (user)
		r = git_config_set_string(cfg, "include.path", user);
	for (size_t i = 0; !r && i < sizeof hosts / sizeof *hosts; i++)
		if (user)
			git_config_delete_entry(cfg, hosts[i].key);
		else
			r = git_config_set_string(cfg, hosts[i].key,
						  hosts[i].value);
	git_config_free(cfg);
	if (r)
		cli_say(cli, "%s/gitnfs.conf cannot be written",
			cli->state_dir);
	return r ? END_FAILED : END_WELL;
}

/* Does the configuration say where to listen? */
static bool listens(const struct cli *cli)
{
	git_config_entry *e;
	git_config *cfg;
	bool found;

	if (open_config(cli, &cfg))
		return false;
	found = !git_config_get_entry(&e, cfg, "server.listen");
	if (found)
		git_config_entry_free(e);
	git_config_free(cfg);
	return found;
}

/* ---- sources ---- */

/* "linux", of "/srv/git/linux.git/". */
static char *base_name(const char *url)
{
	size_t len = strlen(url), start;

	while (len && url[len - 1] == '/')
		len--;
	if (len > 4 && !strncmp(url + len - 4, ".git", 4))
		len -= url[len - 5] == '/' ? 5 : 4;
	start = len;
	while (start && url[start - 1] != '/' && url[start - 1] != ':')
		start--;
	return len > start ? strndup(url + start, len - start) : NULL;
}

/* The name that 'url' has there already, or the first free one like
 * 'base'. */
static char *choose_name(git_config *cfg, const char *base, const char *url,
			 bool *added)
{
	for (unsigned n = 1; n < 1000; n++) {
		CLEANUP_FREE char *name = NULL, *key = NULL;
		git_buf is = { 0 };
		bool same, taken;

		if (n == 1 ? !(name = strdup(base)) :
			     asprintf(&name, "%s-%u", base, n) < 0)
			return NULL;
		if (asprintf(&key, "source.%s.url", name) < 0)
			return NULL;
		taken = !git_config_get_string_buf(&is, cfg, key);
		same = taken && !strcmp(is.ptr, url);
		git_buf_dispose(&is);
		if (!taken && git_config_set_string(cfg, key, url))
			return NULL;
		*added |= !taken;
		if (!taken || same)
			return TAKE(name);
	}
	return NULL;
}

int serve_add(const struct cli *cli, const char *url, bool *added,
	      char **ret_name)
{
	CLEANUP_FREE char *base = base_name(url);
	git_config *cfg;
	int status;

	if (!base) {
		cli_say(cli, "\"%s\": nothing to name it by", url);
		return END_USAGE;
	}
	git_libgit2_init();
	status = open_config(cli, &cfg);
	if (!status) {
		*ret_name = choose_name(cfg, base, url, added);
		git_config_free(cfg);
		if (!*ret_name) {
			cli_say(cli, "%s/gitnfs.conf cannot be written",
				cli->state_dir);
			status = END_FAILED;
		}
	}
	git_libgit2_shutdown();
	return status;
}

void serve_drop(const struct cli *cli, const char *name)
{
	CLEANUP_FREE char *key = NULL;
	git_config *cfg;

	if (asprintf(&key, "source.%s.url", name) < 0) {
		key = NULL;
		return;
	}
	git_libgit2_init();
	if (!open_config(cli, &cfg)) {
		git_config_delete_entry(cfg, key);
		git_config_free(cfg);
	}
	git_libgit2_shutdown();
}

/* ---- the server ---- */

/* Beside us, where it was installed, or wherever PATH says. */
static char *find_server(const struct cli *cli)
{
	static const char *const beside[] = {
		"gitnfsd", "../sbin/gitnfsd", "../bin/gitnfsd",
	};
	const char *slash = strrchr(cli->self, '/');

	for (size_t i = 0; slash && i < sizeof beside / sizeof *beside; i++) {
		CLEANUP_FREE char *path = NULL;

		if (asprintf(&path, "%.*s/%s", (int)(slash - cli->self),
			     cli->self, beside[i]) < 0)
			path = NULL;
		if (path && !access(path, X_OK))
			return TAKE(path);
	}
	return strdup(access(SBINDIR "/gitnfsd", X_OK) ? "gitnfsd" :
		      SBINDIR "/gitnfsd");
}

static int open_log(const struct cli *cli)
{
	CLEANUP_FREE char *path = in_state(cli, "log");
	CLEANUP_FREE char *old = in_state(cli, "log.old");
	struct stat st;

	if (!path || !old)
		return -1;
	if (!stat(path, &st) && st.st_size > LOG_MAX)
		rename(path, old);
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

/* Where the state is another user's, root's server is to be that one, who
 * could not read it later otherwise. */
static const char *owner_of_state(const struct cli *cli)
{
	struct passwd *pw;
	struct stat st;

	if (geteuid() || stat(cli->state_dir, &st) || !st.st_uid)
		return NULL;
	pw = getpwuid(st.st_uid);
	return pw ? pw->pw_name : NULL;
}

/* In the child: to be gitnfsd, and nobody's. */
static void become(const struct cli *cli, const char *server,
		   const char *listen, int out)
{
	CLEANUP_FREE char *config = in_state(cli, "gitnfs.conf");
	CLEANUP_FREE char *usual = dirs_default(DIRS_STATE);
	CLEANUP_FREE char *cache = in_state(cli, "cache");
	const char *owner = owner_of_state(cli);
	const char *argv[14];
	int n = 0, null = open("/dev/null", O_RDONLY), log = open_log(cli);

	if (!config || !cache || null < 0 || log < 0)
		_exit(126);
	argv[n++] = "gitnfsd";
	argv[n++] = "--state-dir";
	argv[n++] = cli->state_dir;
	/* One that is not the usual one has a cache of its own. */
	if (!usual || strcmp(usual, cli->state_dir)) {
		argv[n++] = "--cache-dir";
		argv[n++] = cache;
	}
	argv[n++] = "--config";
	argv[n++] = config;
	if (listen) {
		argv[n++] = "--listen";
		argv[n++] = listen;
	}
	if (owner) {
		argv[n++] = "--user";
		argv[n++] = owner;
	}
	argv[n] = NULL;
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	if (chdir("/"))
		_exit(126);
	/* It changes none of them. */
	execvp(server, (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* The first line that it writes, for as long as it may take; NULL: none. */
static char *first_line(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char line[512];
	size_t len = 0;

	while (len < sizeof line - 1 && poll(&p, 1, START_MS) > 0) {
		ssize_t n = read(fd, line + len, 1);

		if (n <= 0)
			return NULL;
		if (line[len] == '\n') {
			line[len] = '\0';
			return strdup(line);
		}
		len++;
	}
	return NULL;
}

/* What its log says at its end. */
static void tell_why(const struct cli *cli, off_t from)
{
	CLEANUP_FREE char *path = in_state(cli, "log"), *line = NULL;
	char last[1024] = "";
	FILE *f = path ? fopen(path, "re") : NULL;
	size_t room = 0;

	if (f && !fseeko(f, from, SEEK_SET))
		while (getline(&line, &room, f) > 0)
			snprintf(last, sizeof last, "%s", line);
	if (f)
		fclose(f);
	last[strcspn(last, "\n")] = '\0';
	cli_say(cli, "the server did not start: %s", *last ? last :
		"it says nothing; is gitnfsd installed?");
}

/* *ret: what it said, or NULL. */
static int spawn(const struct cli *cli, const char *listen, char **ret)
{
	CLEANUP_FREE char *server = find_server(cli);
	int out[2], status;
	pid_t pid;

	if (!server || pipe(out))
		return -errno;
	pid = fork();
	if (!pid) {
		close(out[0]);
		become(cli, server, listen, out[1]);
	}
	close(out[1]);
	if (pid < 0) {
		close(out[0]);
		return -errno;
	}
	*ret = first_line(out[0]);
	close(out[0]);
	if (!*ret)
		waitpid(pid, &status, 0);
	return 0;
}

static off_t log_end(const struct cli *cli)
{
	CLEANUP_FREE char *path = in_state(cli, "log");
	struct stat st;

	return path && !stat(path, &st) && st.st_size <= LOG_MAX ?
	       st.st_size : 0;
}

static int start(const struct cli *cli)
{
	CLEANUP_FREE char *last = serve_address(cli), *line = NULL;
	bool told = listens(cli);
	const char *listen = told ? NULL : last ? last : "127.0.0.1:0";
	off_t from = log_end(cli);
	int r = spawn(cli, listen, &line);

	/* Somebody else has the port by now. */
	if (!r && !line && !told && last)
		r = spawn(cli, "127.0.0.1:0", &line);
	if (r) {
		cli_say(cli, "cannot start a server: %s", strerror(-r));
		return END_FAILED;
	}
	if (!line || strncmp(line, "ready nfs=", 10)) {
		tell_why(cli, from);
		return END_FAILED;
	}
	keep_address(cli, line + 10);
	cli_say(cli, "started a server; its log is %s/log", cli->state_dir);
	return END_WELL;
}

/* Root's own place, where the system has a service for it: a server of ours
 * would be in its way. */
bool serve_is_service(const struct cli *cli)
{
	CLEANUP_FREE char *usual = dirs_default(DIRS_STATE);

	return !geteuid() && usual && !strcmp(usual, cli->state_dir) &&
	       !access("/run/systemd/system", F_OK) &&
	       !system("systemctl cat gitnfsd.service >/dev/null 2>&1");
}

static int start_service(const struct cli *cli)
{
	cli_say(cli, "starting gitnfsd.service");
	if (!system("systemctl start gitnfsd.service"))
		return END_WELL;
	cli_say(cli, "\"journalctl -u gitnfsd\" tells why it does not start");
	return END_FAILED;
}

int serve_start(const struct cli *cli)
{
	int status;

	if (serve_is_service(cli))
		return start_service(cli);
	git_libgit2_init();
	status = fill_config(cli);
	if (!status)
		status = start(cli);
	git_libgit2_shutdown();
	return status;
}

int serve_reload(const struct cli *cli)
{
	CLEANUP_JSON struct json_object *result = NULL;
	int status;

	git_libgit2_init();
	status = fill_config(cli);
	git_libgit2_shutdown();
	return status ? status :
	       talk_once(cli, talk_request("reload"), &result);
}

int serve_stop(const struct cli *cli)
{
	CLEANUP_JSON struct json_object *result = NULL;
	int status = talk_once(cli, talk_request("ping"), &result);
	pid_t pid;

	if (status)
		return status;
	pid = (pid_t)json_i64_at(result, "pid");
	if (pid <= 1 || kill(pid, SIGTERM)) {
		cli_say(cli, "cannot stop it: %s", strerror(errno));
		return END_FAILED;
	}
	/* It is gone within a second, unless the machine is very busy. */
	for (int i = 0; i < STOP_TRIES; i++) {
		if (kill(pid, 0) && errno == ESRCH)
			return END_WELL;
		usleep(STOP_US);
	}
	cli_say(cli, "process %d does not stop", (int)pid);
	return END_FAILED;
}
