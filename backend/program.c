/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/wait.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/fd.h"

extern char **environ;

static void close_pipe(int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

/* Does 'env' say something else about what 'var' is about? */
static bool replaced(const char *var, const char *const env[])
{
	size_t name = strcspn(var, "=") + 1;

	for (; *env; env++) {
		size_t len = strlen(*env);

		if (len > 0 && (*env)[len - 1] == '*')
			len--;
		else
			len = name;
		if (!strncmp(var, *env, len))
			return true;
	}
	return false;
}

static const char **environment(const char *const add[])
{
	size_t n = 0, more = 0;
	const char **env;

	while (environ && environ[n])
		n++;
	while (add[more])
		more++;
	env = calloc(n + more + 1, sizeof *env);
	if (!env)
		return NULL;
	n = 0;
	for (char **e = environ; e && *e; e++) {
		if (!replaced(*e, add))
			env[n++] = *e;
	}
	for (; *add; add++) {
		if (strchr(*add, '='))
			env[n++] = *add;
	}
	return env;
}

static int spawn(const char *const argv[], const char *const add[], int in,
		 int out, pid_t *ret)
{
	CLEANUP_FREE const char **env = environment(add);
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, pipes;
	int r;

	if (!env)
		return -ENOMEM;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, in, 0);
	posix_spawn_file_actions_adddup2(&files, out, 1);
	posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
	sigemptyset(&none);
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &pipes);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK |
				 POSIX_SPAWN_SETSIGDEF);
	r = posix_spawnp(ret, argv[0], &files, &attr, (char *const *)argv,
			 (char *const *)env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return r == EACCES ? -ENOENT : -r;      /* none in PATH for us */
}

int program_start(struct program *ret, const char *const argv[],
		  const char *const env[])
{
	int in[2], out[2], r;
	pid_t pid;

	r = fd_pipe(in);
	if (r)
		return r;
	r = fd_pipe(out);
	if (r) {
		close_pipe(in);
		return r;
	}
	r = spawn(argv, env, in[0], out[1], &pid);
	if (r) {
		close_pipe(in);
		close_pipe(out);
		return r;
	}
	close(in[0]);
	close(out[1]);
	fcntl(in[1], F_SETFL, O_NONBLOCK);
	*ret = (struct program){ .pid = pid, .in = in[1], .out = out[0] };
	return 0;
}

/* 1: it is ready; 0: not yet. */
static int wait_for(int fd, short events, uint64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	uint64_t now = clock_ms(), left;
	int r;

	if (now >= deadline)
		return -ETIMEDOUT;
	left = deadline - now;
	r = poll(&p, 1, left < INT_MAX ? (int)left : INT_MAX);
	return r >= 0 ? r : errno == EINTR ? 0 : -EIO;
}

int program_write(struct program *p, const void *data, size_t len,
		  uint64_t deadline)
{
	while (len > 0) {
		int r = wait_for(p->in, POLLOUT, deadline);
		ssize_t n;

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		n = write(p->in, data, len);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (n > 0) {
			data = (const char *)data + n;
			len -= (size_t)n;
		}
	}
	return 0;
}

void program_close_input(struct program *p)
{
	if (p->in >= 0)
		close(p->in);
	p->in = -1;
}

ssize_t program_read(struct program *p, void *buf, size_t len,
		     uint64_t deadline)
{
	for (;;) {
		int r = wait_for(p->out, POLLIN, deadline);
		ssize_t n;

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		n = read(p->out, buf, len);
		if (n >= 0)
			return n;
		if (errno != EINTR)
			return -EIO;
	}
}

static pid_t reap(pid_t pid, int *status, uint64_t deadline)
{
	enum { PAUSE_MAX = 64 };        /* ms */
	pid_t r;

	for (unsigned ms = 1; !(r = waitpid(pid, status, WNOHANG)) &&
			      clock_ms() < deadline; ms *= 2) {
		if (ms > PAUSE_MAX)
			ms = PAUSE_MAX;
		wait_ms(ms);
	}
	if (r)
		return r;
	kill(pid, SIGKILL);
	do
		r = waitpid(pid, status, 0);
	while (r < 0 && errno == EINTR);
	return r;
}

int program_end(struct program *p, uint64_t deadline)
{
	char buf[4096];
	ssize_t n;
	int status;
	pid_t r;

	program_close_input(p);
	do      /* mostly it ends when nobody can write any more */
		n = program_read(p, buf, sizeof buf, deadline);
	while (n > 0);
	close(p->out);
	r = reap(p->pid, &status, n < 0 ? 0 : deadline);
	return r == p->pid && WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}
