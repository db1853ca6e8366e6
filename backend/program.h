/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* program.h - a program that is written to and read from through pipes.
 *
 * Its standard error goes nowhere; our signal mask is not inherited.
 *
 * Threads: one at a time.  The caller blocks or ignores SIGPIPE.
 * Errors: -ENOENT there is no such program; -ETIMEDOUT; -EPIPE it does not
 * listen; -EMFILE, -EAGAIN, -ENOMEM and kin, no process could be made.
 */
#ifndef BACKEND_PROGRAM_H
#define BACKEND_PROGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct program {
	pid_t pid;
	int in, out;            /* our ends; 'in' is -1 once closed */
};

/* 'env' changes our environment: "NAME=VALUE" is added, "START*" takes out
 * what begins so; then NULL. */
int program_start(struct program *ret, const char *const argv[],
		  const char *const env[]);

/* All of it, waiting until 'deadline' (clock_ms()) at most. */
int program_write(struct program *, const void *data, size_t len,
		  uint64_t deadline);
void program_close_input(struct program *);

/* Some of what it writes, as soon as there is any; 0 at the end. */
ssize_t program_read(struct program *, void *buf, size_t len,
		     uint64_t deadline);

/* Wait for its end, and see to it after 'deadline'.  Its exit status, or
 * -EIO when it was killed. */
int program_end(struct program *, uint64_t deadline);

#endif
