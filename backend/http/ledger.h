/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* ledger.h - what each host has been asked and has answered, for people.
 *
 * Bounds: LEDGER_HOSTS hosts; all that come later are one, called "other".
 *
 * Threads: any.
 */
#ifndef BACKEND_HTTP_LEDGER_H
#define BACKEND_HTTP_LEDGER_H

#include <stddef.h>

#include "backend/backend.h"

enum { LEDGER_HOSTS = 64 };

/* It has answered; 'fields' are the lines of the answer's head. */
void ledger_answer(const char *host, long status, const char *fields);
/* It has not. */
void ledger_failure(const char *host);

/* Returns how many there are, of whom 'room' were written. */
size_t ledger_list(struct backend_host *ret, size_t room);

#endif
