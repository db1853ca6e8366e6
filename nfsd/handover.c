/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include "nfsd/handover.h"

#include <errno.h>
#include <event2/util.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef HAVE_LAUNCH_ACTIVATE_SOCKET
#include <launch.h>
#endif

#include "common/cleanup.h"
#include "common/log.h"
#include "nfsd/endpoint.h"

enum {
	SOCKETS_MAX = 64,
	SYSTEMD_FIRST = 3,      /* SD_LISTEN_FDS_START */
};

#define OURS "GITNFS_SOCKETS"

struct passed {
	int fd;                 /* -1: taken */
	enum handover_role role;
};

static const char *const role_name[] = {
	[HANDOVER_ANY] = "any", [HANDOVER_NFS] = "nfs",
	[HANDOVER_PORTMAP] = "portmap", [HANDOVER_HTTP] = "http",
	[HANDOVER_CONTROL] = "control",
};

static struct passed given[SOCKETS_MAX], kept[SOCKETS_MAX];
static size_t ngiven, nkept;
static char **arguments;

/* ---- what we were given ---- */

static void add_given(int fd, enum handover_role role)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof at;

	if (getsockname(fd, (struct sockaddr *)&at, &len)) {
		log_warning("no socket was passed", "descriptor=%d error=%s",
			    fd, strerror(errno));
		return;
	}
	if (ngiven == SOCKETS_MAX) {
		close(fd);
		return;
	}
	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_closeonexec(fd);
	given[ngiven++] = (struct passed){ .fd = fd, .role = role };
}

static enum handover_role role_of(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof role_name / sizeof *role_name; i++)
		if (strlen(role_name[i]) == len &&
		    !memcmp(role_name[i], name, len))
			return (enum handover_role)i;
	return HANDOVER_ANY;
}

/* "nfs=7 http=9" */
static void receive_ours(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "=");
		char *end;
		long fd;

		if (!text[len])
			return;
		fd = strtol(text + len + 1, &end, 10);
		if (fd > STDERR_FILENO && fd < INT_MAX)
			add_given((int)fd, role_of(text, len));
		text = end + (*end == ' ');
	}
}

static void receive_systemd(const char *number, const char *pid)
{
	long n = strtol(number, NULL, 10);

	if (!pid || strtol(pid, NULL, 10) != getpid())
		return;
	for (long i = 0; i < n && i < SOCKETS_MAX; i++)
		add_given(SYSTEMD_FIRST + (int)i, HANDOVER_ANY);
}

/* By the name that they have in contrib/launchd. */
static void receive_launchd(void)
{
#ifdef HAVE_LAUNCH_ACTIVATE_SOCKET
	int *fd;
	size_t n;

	if (launch_activate_socket("nfs", &fd, &n))
		return;
	for (size_t i = 0; i < n; i++)
		add_given(fd[i], HANDOVER_ANY);
	free(fd);
#endif
}

void handover_receive(void)
{
	const char *from_us = getenv(OURS), *number = getenv("LISTEN_FDS");

	if (from_us)
		receive_ours(from_us);
	else if (number)
		receive_systemd(number, getenv("LISTEN_PID"));
	else
		receive_launchd();
	/* Not for programs that we start. */
	unsetenv(OURS);
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
}

static int type_of(int fd)
{
	int type = 0;
	socklen_t len = sizeof type;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) ? 0 : type;
}

static bool get_address(int fd, struct sockaddr_storage *ret)
{
	socklen_t len = sizeof *ret;

	memset(ret, 0, sizeof *ret);
	return !getsockname(fd, (struct sockaddr *)ret, &len);
}

/* For people. */
static void describe(int fd, char ret[ENDPOINT_SIZE])
{
	struct sockaddr_storage at;

	if (!get_address(fd, &at) || endpoint_text(&at, ret))
		snprintf(ret, ENDPOINT_SIZE, "no address of IP");
}

char **handover_addresses(const char *but)
{
	char **list = calloc(ngiven + 1, sizeof *list);
	size_t n = 0;

	for (size_t i = 0; list && i < ngiven; i++) {
		const struct passed *p = &given[i];
		char text[ENDPOINT_SIZE];
		struct sockaddr_storage at;

		if (p->role > HANDOVER_NFS || type_of(p->fd) != SOCK_STREAM ||
		    !get_address(p->fd, &at) || endpoint_text(&at, text) ||
		    (but && !strcmp(but, text)))
			continue;
		list[n] = strdup(text);
		n += !!list[n];
	}
	if (list && !n)
		free(TAKE(list));
	return list;
}

static bool is_at(int fd, const struct sockaddr *wanted, socklen_t len)
{
	struct sockaddr_storage is, at = { 0 };

	memcpy(&at, wanted, len < sizeof at ? len : sizeof at);
	if (!get_address(fd, &is) || is.ss_family != at.ss_family)
		return false;
	if (at.ss_family == AF_UNIX)
		return !strcmp(((struct sockaddr_un *)&is)->sun_path,
			       ((struct sockaddr_un *)&at)->sun_path);
	if (!endpoint_port(&at))
		endpoint_set_port(&is, 0);
	return endpoint_eq(&is, &at);
}

int handover_take(enum handover_role role, int type,
		  const struct sockaddr *at, socklen_t len)
{
	for (size_t i = 0; i < ngiven; i++) {
		struct passed *p = &given[i];
		int fd = p->fd;

		if (fd < 0 || (p->role && p->role != role) ||
		    type_of(fd) != type || !is_at(fd, at, len))
			continue;
		p->fd = -1;
		return fd;
	}
	return -1;
}

void handover_close(void)
{
	for (size_t i = 0; i < ngiven; i++) {
		char text[ENDPOINT_SIZE];

		if (given[i].fd < 0)
			continue;
		describe(given[i].fd, text);
		log_warning("a socket that was passed is not used",
			    "address=%s do=name it as server.listen", text);
		close(given[i].fd);
	}
	ngiven = 0;
}

/* ---- what we give ---- */

int handover_keep(enum handover_role role, int fd)
{
	int copy;

	if (fd < 0)
		return 0;
	if (nkept == SOCKETS_MAX)
		return -ENOSPC;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (copy < 0)
		return -errno;
	kept[nkept++] = (struct passed){ .fd = copy, .role = role };
	return 0;
}

void handover_drop(void)
{
	while (nkept)
		close(kept[--nkept].fd);
	arguments = NULL;
}

bool handover_is_ready(void)
{
	return arguments;
}

int handover_prepare(char **argv)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < nkept; i++)
		fprintf(out, "%s%s=%d", i ? " " : "", role_name[kept[i].role],
			kept[i].fd);
	if (fclose(out) || setenv(OURS, text, 1))
		return -ENOMEM;
	arguments = argv;
	return 0;
}

int handover_exec(void)
{
	int err;

	for (size_t i = 0; i < nkept; i++)
		fcntl(kept[i].fd, F_SETFD, 0);
	execvp(arguments[0], arguments);
	err = -errno;
#ifdef __linux__
	/* Better the program that we are than none. */
	execv("/proc/self/exe", arguments);
#endif
	return err;
}
