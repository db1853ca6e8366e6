/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "nfsd/upgrade.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"

extern char **environ;

struct upgrade {
	pid_t pid;              /* 0: none */
	int said;               /* what it writes comes here */
	struct event *readable;
	char text[UPGRADE_WHY]; /* the end of it */
	size_t len;
	void (*done)(void *arg, const char *why);
	void *arg;
};

void upgrade_free(struct upgrade *u)
{
	if (!u)
		return;
	if (u->readable)
		event_free(u->readable);
	if (u->said >= 0)
		close(u->said);
	if (u->pid) {
		kill(u->pid, SIGKILL);
		while (waitpid(u->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(u);
}

/* Its last words. */
static const char *last_line(struct upgrade *u)
{
	char *line;

	while (u->len && u->text[u->len - 1] == '\n')
		u->len--;
	u->text[u->len] = '\0';
	line = strrchr(u->text, '\n');
	line = line ? line + 1 : u->text;
	if (!strncmp(line, "gitnfsd: ", 9))
		line += 9;
	return *line ? line : "it ends without a word";
}

static void end(struct upgrade *u)
{
	void (*done)(void *, const char *) = u->done;
	char why[UPGRADE_WHY];
	void *arg = u->arg;
	int status = -1;

	while (waitpid(u->pid, &status, 0) < 0 && errno == EINTR)
		;
	u->pid = 0;
	snprintf(why, sizeof why, "%s", last_line(u));
	upgrade_free(u);
	done(arg, WIFEXITED(status) && !WEXITSTATUS(status) ? NULL : why);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct upgrade *u = arg;
	char more[UPGRADE_WHY / 2];
	ssize_t n = read(fd, more, sizeof more);

	(void)what;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		end(u);
		return;
	}
	/* Of what is too long, the end. */
	if (u->len + (size_t)n >= sizeof u->text) {
		size_t over = u->len + (size_t)n - sizeof u->text + 1;

		memmove(u->text, u->text + over, u->len - over);
		u->len -= over;
	}
	memcpy(u->text + u->len, more, (size_t)n);
	u->len += (size_t)n;
}

/* With the signals that we have for ourselves as they were. */
static int start(struct upgrade *u, char **argv, int out)
{
	posix_spawn_file_actions_t file;
	posix_spawnattr_t attr;
	sigset_t none, pipe;
	int err;

	sigemptyset(&none);
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	posix_spawn_file_actions_init(&file);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &pipe);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSIGDEF);
	err = posix_spawn_file_actions_addopen(&file, STDOUT_FILENO,
					       "/dev/null", O_WRONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&file, out,
						       STDERR_FILENO);
	if (!err)
		err = posix_spawnp(&u->pid, argv[0], &file, &attr, argv,
				   environ);
	if (err)
		u->pid = 0;
	posix_spawn_file_actions_destroy(&file);
	posix_spawnattr_destroy(&attr);
	return -err;
}

/* "gitnfsd --check-config ..." */
static int start_check(struct upgrade *u, char **argv)
{
	CLEANUP_FREE char **more = NULL;
	size_t n = 0;
	int out[2], r;

	while (argv[n])
		n++;
	more = calloc(n + 2, sizeof *more);
	if (!more)
		return -ENOMEM;
	more[0] = argv[0];
	more[1] = (char *)(uintptr_t)"--check-config";
	memcpy(more + 2, argv + 1, (n - 1) * sizeof *more);
	r = fd_pipe(out);
	if (r)
		return r;
	u->said = out[0];
	evutil_make_socket_nonblocking(out[0]);
	r = start(u, more, out[1]);
	close(out[1]);
	return r;
}

int upgrade_ask(struct upgrade **ret, struct event_base *base, char **argv,
		void (*done)(void *arg, const char *why), void *arg)
{
	struct upgrade *u = calloc(1, sizeof *u);
	int r;

	if (!u)
		return -ENOMEM;
	u->said = -1;
	u->done = done;
	u->arg = arg;
	r = start_check(u, argv);
	if (!r) {
		u->readable = event_new(base, u->said, EV_READ | EV_PERSIST,
					on_readable, u);
		if (!u->readable || event_add(u->readable, NULL))
			r = -ENOMEM;
	}
	if (r)
		upgrade_free(u);
	else
		*ret = u;
	return r;
}
