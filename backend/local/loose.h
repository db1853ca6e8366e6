/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* loose.h - loose objects, a piece at a time: one zlib stream per file,
 * the object's header and then its bytes.
 *
 * In place of libgit2's reader, which holds the whole object in memory,
 * and never comes back from one that is cut short.  Whoever reads must count
 * the bytes.
 *
 * Threads: any; a struct loose belongs to one at a time.
 * Errors: -ENOENT no such loose object; -EIO there is, but it is damaged or
 * cannot be read; -ENOMEM.
 */
#ifndef BACKEND_LOCAL_LOOSE_H
#define BACKEND_LOCAL_LOOSE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend/local/stores.h"
#include "common/oid.h"

struct loose;

/* Open it and read its header. */
int loose_open(struct loose **ret, const struct stores *, const struct oid *);
void loose_close(struct loose *);               /* NULL is allowed */

enum obj loose_type(const struct loose *);
uint64_t loose_size(const struct loose *);

/* The next 'len' bytes, or all that are left; 0 at the end, when the check
 * sum was right. */
ssize_t loose_read(struct loose *, void *buf, size_t len);

#endif
