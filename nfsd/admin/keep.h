/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* keep.h - the commands about what is kept here: "pins", "unpin", "gc", "du".
 *
 * Threads: admin's.
 */
#ifndef NFSD_ADMIN_KEEP_H
#define NFSD_ADMIN_KEEP_H

struct control_call;

void keep_pins(struct control_call *);
void keep_unpin(struct control_call *);
void keep_gc(struct control_call *);
void keep_du(struct control_call *);

#endif
