/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include "nfsd/bus.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

enum { LINES_MAX = 10 };

static uintptr_t page_size;
static atomic_uint lines;

/* With nothing but system calls, as a signal handler may. */
static void on_bus(int sig, siginfo_t *info, void *context)
{
	static const char line[] = "level=error msg=\"a file was cut short "
		"while it was mapped\" what=\"a pack, or the store on a full "
		"disk\"\n";
	uintptr_t page = (uintptr_t)info->si_addr & ~(page_size - 1);
	int before = errno;

	(void)context;
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
