/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* xstate.c - lets user-mode Linux 6.1 run on processors with AMX.
 *
 * It moves its processes' floating point state in a buffer of fixed size.
 * Where the processor's is larger (AMX's registers take 8 KiB) the host
 * gives what fits but takes back all or nothing, and the machine dies at
 * its first process.  Loaded with LD_PRELOAD, this fills up what is short
 * with what the process has there.
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

long ptrace(enum __ptrace_request request, ...)
{
	static char state[1 << 16];
	struct iovec whole = { state, sizeof state };
	const struct iovec *part;
	void *addr, *data;
	pid_t pid;
	va_list ap;
	long word, ret;

	va_start(ap, request);
	pid = va_arg(ap, pid_t);
	addr = va_arg(ap, void *);
	data = va_arg(ap, void *);
	va_end(ap);

	if (request == PTRACE_PEEKTEXT || request == PTRACE_PEEKDATA ||
	    request == PTRACE_PEEKUSER) {
		ret = syscall(SYS_ptrace, request, pid, addr, &word);
		if (ret < 0)
			return ret;
		errno = 0;
		return word;
	}
	part = data;
	if (request == PTRACE_SETREGSET && addr == (void *)NT_X86_XSTATE &&
	    !syscall(SYS_ptrace, PTRACE_GETREGSET, pid, addr, &whole) &&
	    part->iov_len < whole.iov_len) {
		memcpy(state, part->iov_base, part->iov_len);
		data = &whole;
	}
	return syscall(SYS_ptrace, request, pid, addr, data);
}
