/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/daemon.h"

#include <fcntl.h>
#include <nfsc/libnfs.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "test/harness.h"
#include "test/scratch.h"

enum { PATIENCE_MS = 60000 };

/* ---- the server ---- */

static char *path_in(const struct daemon *d, const char *name)
{
	char *path;

	ck_assert_int_ge(asprintf(&path, "%s/%s", d->dir, name), 0);
	return path;
}

void daemon_configure(struct daemon *d, const char *fmt, ...)
{
	CLEANUP_FREE char *path = NULL, *aside = NULL;
	va_list ap;
	FILE *f;

	if (!d->dir)
		d->dir = scratch_dir();
	path = path_in(d, "gitnfs.conf");
	aside = path_in(d, "gitnfs.conf.new");
	f = fopen(aside, "w");
	ck_assert_ptr_nonnull(f);
	va_start(ap, fmt);
	vfprintf(f, fmt, ap);
	va_end(ap);
	ck_assert(!fclose(f));
	ck_assert(!rename(aside, path));
}

static void run(const struct daemon *d, int out)
{
	CLEANUP_FREE char *log = path_in(d, "log");
	CLEANUP_FREE char *state = path_in(d, "state");
	CLEANUP_FREE char *cache = path_in(d, "cache");
	CLEANUP_FREE char *file = path_in(d, "gitnfs.conf");
	int err = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (err < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(99);
	if (d->env)
		putenv((char *)(uintptr_t)d->env);
	if (d->before && d->before())
		_exit(98);
	execl("./gitnfsd", "./gitnfsd", "--config", file, "--portmap", "off",
	      "--state-dir", state, "--cache-dir", cache,
	      d->unlisted ? NULL : "--listen", "127.0.0.1:0", (char *)NULL);
	_exit(97);
}

static void show_log(const struct daemon *d)
{
	shell("tail -n 30 '%s/log' >&2", d->dir);
}

void daemon_await_ready(struct daemon *d)
{
	struct pollfd p = { .fd = d->out, .events = POLLIN };
	char line[256] = "";
	const char *colon;

	for (size_t n = 0; n < sizeof line - 1 && !strchr(line, '\n'); n++) {
		if (poll(&p, 1, PATIENCE_MS) == 1 &&
		    read(d->out, line + n, 1) == 1)
			continue;
		show_log(d);
		ck_abort_msg("it did not get ready");
	}
	colon = strrchr(line, ':');
	ck_assert_msg(!strncmp(line, "ready nfs=", 10) && colon, "%s", line);
	d->port = (uint16_t)atoi(colon + 1);
}

void daemon_start(struct daemon *d)
{
	int out[2];

	ck_assert(!pipe(out));
	fflush(NULL);
	d->pid = fork();
	ck_assert_int_ge(d->pid, 0);
	if (!d->pid) {
		close(out[0]);
		run(d, out[1]);
	}
	close(out[1]);
	d->out = out[0];
	daemon_await_ready(d);
}

int daemon_stop(struct daemon *d)
{
	int status = -1;

	kill(d->pid, SIGTERM);
	ck_assert_int_eq(waitpid(d->pid, &status, 0), d->pid);
	close(d->out);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		show_log(d);
	free(TAKE(d->dir));
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

char *daemon_ask(struct daemon *d, const char *request)
{
	CLEANUP_FREE char *path = path_in(d, "state/control");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct pollfd p = { .events = POLLIN };
	char *answer = NULL;
	size_t len;
	FILE *out = open_memstream(&answer, &len);
	ssize_t n;

	ck_assert_uint_lt(strlen(path), sizeof addr.sun_path);
	strcpy(addr.sun_path, path);
	p.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_ge(p.fd, 0);
	ck_assert(!connect(p.fd, (struct sockaddr *)&addr, sizeof addr));
	ck_assert_int_gt(dprintf(p.fd, "%s\n", request), 0);
	shutdown(p.fd, SHUT_WR);
	do {
		char text[4096];

		ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
		n = read(p.fd, text, sizeof text);
		if (n > 0)
			fwrite(text, 1, (size_t)n, out);
	} while (n > 0);
	close(p.fd);
	ck_assert(!fclose(out));
	return answer;
}

bool daemon_logged(struct daemon *d, const char *text)
{
	CLEANUP_FREE char *path = path_in(d, "log");
	CLEANUP_FREE char *line = NULL;
	FILE *f = fopen(path, "r");
	bool found = false;
	size_t room = 0;

	ck_assert_ptr_nonnull(f);
	while (!found && getline(&line, &room, f) >= 0)
		found = strstr(line, text);
	fclose(f);
	return found;
}

/* ---- who reads ---- */

static int note(struct reading *r, struct nfs_context *nfs, const char *what)
{
	snprintf(r->error, sizeof r->error, "round %u: %s: %s", r->rounds,
		 what, nfs_get_error(nfs));
	return -1;
}

static int read_file(struct reading *r, struct nfs_context *nfs)
{
	char content[4096];
	struct nfsfh *fh;
	int n;

	if (nfs_open(nfs, r->path, O_RDONLY, &fh))
		return note(r, nfs, "open");
	n = nfs_read(nfs, fh, sizeof content - 1, content);
	nfs_close(nfs, fh);
	if (n < 0)
		return note(r, nfs, "read");
	content[n] = '\0';
	return strcmp(content, r->content) ? note(r, nfs, "wrong content") : 0;
}

static int list(struct reading *r, struct nfs_context *nfs, const char *path)
{
	struct nfsdir *dir;
	unsigned n = 0;

	if (nfs_opendir(nfs, path, &dir))
		return note(r, nfs, "opendir");
	while (nfs_readdir(nfs, dir))
		n++;
	nfs_closedir(nfs, dir);
	return n ? 0 : note(r, nfs, "nothing listed");
}

static void *go_round(void *arg)
{
	struct reading *r = arg;
	struct nfs_context *nfs = nfs_init_context();
	char url[128];
	struct nfs_url *u;
	int err;

	snprintf(url, sizeof url, "nfs://127.0.0.1%s?nfsport=%u&mountport=%u"
		 "&version=3", r->mount, r->port, r->port);
	u = nfs_parse_url_dir(nfs, url);
	err = u ? nfs_mount(nfs, u->server, u->path) : -1;
	if (err)
		note(r, nfs, "mount");
	while (!err && !r->stop) {
		err = read_file(r, nfs);
		if (!err)
			err = list(r, nfs, "/");
		r->rounds++;
	}
	if (u)
		nfs_destroy_url(u);
	nfs_destroy_context(nfs);
	return NULL;
}

void reading_start(struct reading *r)
{
	*r->error = '\0';
	ck_assert(!pthread_create(&r->thread, NULL, go_round, r));
}

void reading_await(struct reading *r, unsigned rounds)
{
	unsigned from = r->rounds;

	for (int i = 0; i < PATIENCE_MS && r->rounds - from < rounds &&
	     !*r->error; i++)
		usleep(1000);
	ck_assert_msg(*r->error || r->rounds - from >= rounds, "it stands");
}

void reading_stop(struct reading *r)
{
	r->stop = true;
	pthread_join(r->thread, NULL);
	ck_assert_msg(!*r->error, "%s", r->error);
}
