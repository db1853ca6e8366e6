/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "config.h"

#include "backend/cat.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"

extern char **environ;

static int pipe_cloexec(int fd[2])
{
#if HAVE_PIPE2
	return pipe2(fd, O_CLOEXEC) ? -errno : 0;
#else
	if (pipe(fd))
		return -errno;
	fcntl(fd[0], F_SETFD, FD_CLOEXEC);
	fcntl(fd[1], F_SETFD, FD_CLOEXEC);
	return 0;
#endif
}

/* Ours without what would send git elsewhere; and it shall never go to the
 * network for an object that a partial clone lacks. */
static char **git_environment(void)
{
	static char no_network[] = "GIT_ALLOW_PROTOCOL=none";
	size_t n = 0;
	char **env;

	while (environ && environ[n])
		n++;
	env = calloc(n + 2, sizeof *env);
	if (!env)
		return NULL;
	n = 0;
	for (char **e = environ; e && *e; e++) {
		if (strncmp(*e, "GIT_", 4))
			env[n++] = *e;
	}
	env[n] = no_network;
	return env;
}

static int spawn(char *const argv[], int out, pid_t *ret)
{
	CLEANUP_FREE char **env = git_environment();
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, pipes;
	int r;

	if (!env)
		return -ENOMEM;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, out, 1);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
	/* Pool threads block every signal and servers ignore SIGPIPE: a
	 * child would inherit both. */
	sigemptyset(&none);
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &pipes);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSIGDEF);
	r = posix_spawnp(ret, argv[0], &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return r == EACCES ? -ENOENT : -r;      /* none in PATH for us */
}

static int start(struct cat *ret, const char *where, const char *what)
{
	char *const argv[] = {
		(char *)"git", (char *)"--no-replace-objects", (char *)where,
		(char *)"cat-file", (char *)"blob", (char *)what, NULL,
	};
	pid_t pid;
	int fd[2], r;

	r = pipe_cloexec(fd);
	if (r)
		return r;
	r = spawn(argv, fd[1], &pid);
	close(fd[1]);
	if (r) {
		close(fd[0]);
		return r;
	}
	*ret = (struct cat){ .pid = pid, .out = fd[0] };
	return 0;
}

int cat_start(struct cat *ret, const char *git_dir, const struct oid *blob)
{
	CLEANUP_FREE char *where = NULL;
	char hex[OID_HEX + 1];

	oid_hex(blob, hex);
	if (asprintf(&where, "--git-dir=%s", git_dir) < 0) {
		where = NULL;
		return -ENOMEM;
	}
	return start(ret, where, hex);
}

/* 1: there is something to read; 0: not yet. */
static int wait_for_output(struct cat *c, uint64_t deadline)
{
	struct pollfd p = { .fd = c->out, .events = POLLIN };
	uint64_t now = clock_ms(), left;
	int r;

	if (now >= deadline)
		return -ETIMEDOUT;
	left = deadline - now;
	r = poll(&p, 1, left < INT_MAX ? (int)left : INT_MAX);
	return r >= 0 ? r : errno == EINTR ? 0 : -EIO;
}

ssize_t cat_read(struct cat *c, void *buf, size_t len, uint64_t deadline)
{
	for (;;) {
		int r = wait_for_output(c, deadline);
		ssize_t n;

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		n = read(c->out, buf, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0) {
			close(c->out);
			c->out = -1;
		}
		return n >= 0 ? n : -EIO;
	}
}

int cat_end(struct cat *c)
{
	bool complete = c->out < 0;
	int status;
	pid_t r;

	if (!complete) {
		close(c->out);
		kill(c->pid, SIGKILL);
	}
	do
		r = waitpid(c->pid, &status, 0);
	while (r < 0 && errno == EINTR);
	return complete && r == c->pid && WIFEXITED(status) &&
		!WEXITSTATUS(status) ? 0 : -EIO;
}
