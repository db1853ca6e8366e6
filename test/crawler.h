/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* crawler.h - a program that goes through a tree and reads it, as the Linux
 * client has the server see it: each directory is listed by READDIRPLUS, what
 * came without handle or attributes is looked up, when it is its turn, and
 * each file is read from its start to its end.  With one reader it is
 * "grep -r", with several "find | xargs -P".
 *
 * Threads: crawler_run() starts and ends its own.
 * Errors: what goes wrong fails the test.
 */
#ifndef TEST_CRAWLER_H
#define TEST_CRAWLER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crawler {
	/* Set before: */
	uint16_t port;
	const char *path;       /* where to start, from the export */
	unsigned readers;       /* 0: nothing is read, and unless ... */
	bool stat;              /* ... this, not even looked up */
	/* For each file and link, on any reader's thread; or NULL. */
	void (*each)(void *arg, const char *path, const void *data,
		     size_t len);
	void *arg;

	/* Found: */
	unsigned dirs, files, links;
	uint64_t bytes;
};

void crawler_run(struct crawler *);

/* One path of a file: looked up, and read.  Returns its size. */
uint64_t crawler_file(uint16_t port, const char *path);
/* One directory: its names, by READDIR or by READDIRPLUS. */
unsigned crawler_list(uint16_t port, const char *path, bool plus);

#endif
