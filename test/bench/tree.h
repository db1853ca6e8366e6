/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* tree.h - what there is to be asked for, found out before the measuring.
 *
 * Errors: end the program.
 */
#ifndef TEST_BENCH_TREE_H
#define TEST_BENCH_TREE_H

#include "test/bench/wire.h"

struct object {
	struct fh fh, dir;
	char *name;
	size_t len;
	uint32_t type;
	uint64_t size, fileid;
};

extern struct object *object;
extern uint32_t objects;
extern uint32_t *file, files;   /* the objects that READ asks for */
extern struct fh *dir;          /* those that were listed */
extern uint32_t dirs;

/* 'path' is what to mount and, after a colon, where to go from there. */
struct fh start_at(int fd, int mount_port, const char *path);
/* At least 'least' objects, if there are so many, from 'at' down; READ asks
 * for files of at least 'size' bytes. */
void gather(int fd, struct fh at, unsigned least, unsigned size);
/* What a server that looks at nothing may be asked. */
void make_up(void);

#endif
