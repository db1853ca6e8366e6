/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* bus.h - a mapped file that is cut short under us, or whose disk is full or
 * fails, is no end of the server.
 *
 * libgit2 reads packs where they are mapped, and the store's index is a
 * mapped file.  Who touches a page that has nothing behind it any more would
 * be killed.  Instead the page is replaced by zeros: what is made of them is
 * not what its name says, so it is refused as any damaged object is.
 *
 * Zeros must not stand in for what has been compared with its name before,
 * and is shown from where it is mapped.  That is touched here first, and
 * nowhere else but by the system, to which such a page is an error.
 *
 * Threads: bus_guard() by one, before there are others; the rest any.
 * Errors: -EIO.
 */
#ifndef COMMON_BUS_H
#define COMMON_BUS_H

#include <stddef.h>

/* From now on, for the whole process. */
void bus_guard(void);

/* Have these bytes of a mapped file in memory.  -EIO: they cannot be had. */
int bus_touch(const void *data, size_t len);
/* The same, and copy them. */
int bus_copy(void *to, const void *data, size_t len);

#endif
