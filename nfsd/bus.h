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
 * Threads: one, before there are others.
 */
#ifndef NFSD_BUS_H
#define NFSD_BUS_H

/* From now on, for the whole process. */
void bus_guard(void);

#endif
