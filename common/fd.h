/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* fd.h - new descriptors that no program has which we start: another thread
 * may do so at any moment.
 *
 * Where the system has no call for it there is such a moment between two.
 *
 * Threads: any.
 * Errors: those of socket(2), accept(2) and pipe(2).
 */
#ifndef COMMON_FD_H
#define COMMON_FD_H

#include <sys/socket.h>

int fd_socket(int family, int type, int protocol);
/* It does not block, either. */
int fd_accept(int listener, struct sockaddr *, socklen_t *);
int fd_pipe(int fd[2]);

#endif
