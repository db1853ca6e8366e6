/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* report.h - how things stand, for the operator who asks: log lines with
 * what each cache has done so far, and the calls that wait, oldest first.
 * They are written whatever the log level is.
 *
 * Threads: as server.h.
 */
#ifndef NFSD_ADMIN_REPORT_H
#define NFSD_ADMIN_REPORT_H

struct fs;
struct server;

void report(struct fs *, struct server *);

#endif
