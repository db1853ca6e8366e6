/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include "common/bus.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

enum {
	LINES_MAX = 10,
	PAGE_MIN = 4096,        /* none is smaller */
};

static uintptr_t page_size;
static atomic_uint lines;
static _Thread_local sigjmp_buf *volatile on_error;     /* of bus_touch() */

/* With nothing but system calls, as a signal handler may. */
static void on_bus(int sig, siginfo_t *info, void *context)
{
	static const char line[] = "level=error msg=\"a file was cut short "
		"while it was mapped\" what=\"a pack, or the store on a full "
		"disk\"\n";
	uintptr_t page = (uintptr_t)info->si_addr & ~(page_size - 1);
	int before = errno;

	(void)context;
	if (on_error)
		siglongjmp(*on_error, 1);
	/* Anything else, or no way to help: what would have happened. */
	if (info->si_code != BUS_ADRERR ||
	    mmap((void *)page, page_size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
		signal(sig, SIG_DFL);
		return;
	}
	if (atomic_fetch_add(&lines, 1) < LINES_MAX &&
	    write(STDERR_FILENO, line, sizeof line - 1) < 0)
		errno = 0;
	errno = before;
}

void bus_guard(void)
{
	struct sigaction act = { .sa_flags = SA_SIGINFO };

	page_size = (uintptr_t)sysconf(_SC_PAGESIZE);
	act.sa_sigaction = on_bus;
	sigemptyset(&act.sa_mask);
	sigaction(SIGBUS, &act, NULL);
}

/* Copy it, or, to NULL, look at the first byte and at the first of each page
 * that follows.  A function of its own: what it changes is nothing to who
 * is jumped back to. */
static void __attribute__((noinline)) get(char *to, const volatile char *p,
					  size_t len)
{
	size_t step = to ? 1 : PAGE_MIN - ((uintptr_t)p & (PAGE_MIN - 1));

	for (size_t i = 0; i < len; i += step, step = to ? 1 : PAGE_MIN) {
		char c = p[i];

		if (to)
			to[i] = c;
	}
}

static int get_guarded(void *to, const void *data, size_t len)
{
	sigjmp_buf env;

	if (sigsetjmp(env, 1)) {        /* out of a handler, with its mask */
		on_error = NULL;
		return -EIO;
	}
	on_error = &env;
	get(to, data, len);
	on_error = NULL;
	return 0;
}

int bus_touch(const void *data, size_t len)
{
	return get_guarded(NULL, data, len);
}

int bus_copy(void *to, const void *data, size_t len)
{
	return get_guarded(to, data, len);
}
