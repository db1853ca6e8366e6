/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* bring.h - the commands that bring something here: "warm", and "pin", which
 * has it stay.
 *
 * Threads: admin's.
 */
#ifndef NFSD_ADMIN_BRING_H
#define NFSD_ADMIN_BRING_H

struct control_call;

void bring_warm(struct control_call *);
void bring_pin(struct control_call *);

#endif
