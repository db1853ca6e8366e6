/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include "common/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int fd_socket(int family, int type, int protocol)
{
#ifdef HAVE_ACCEPT4     /* came along with it */
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);
#else
	int fd = socket(family, type, protocol);

	if (fd >= 0)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
	return fd < 0 ? -errno : fd;
}

int fd_accept(int listener, struct sockaddr *addr, socklen_t *len)
{
#ifdef HAVE_ACCEPT4
	int fd = accept4(listener, addr, len, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
	int fd = accept(listener, addr, len);

	if (fd >= 0) {
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		fcntl(fd, F_SETFL, O_NONBLOCK);
	}
#endif
	return fd < 0 ? -errno : fd;
}

int fd_pipe(int fd[2])
{
#ifdef HAVE_PIPE2
	return pipe2(fd, O_CLOEXEC) ? -errno : 0;
#else
	if (pipe(fd))
		return -errno;
	fcntl(fd[0], F_SETFD, FD_CLOEXEC);
	fcntl(fd[1], F_SETFD, FD_CLOEXEC);
	return 0;
#endif
}
