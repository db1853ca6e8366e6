/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* delta.h - an object made of another and a delta (gitformat-pack(5)).
 *
 * A delta is trusted with nothing.
 *
 * Threads: any.
 * Errors: -EBADMSG not a delta, or not one of that base; -EFBIG; -ENOMEM.
 */
#ifndef BACKEND_GIT_DELTA_H
#define BACKEND_GIT_DELTA_H

#include <stddef.h>
#include <stdint.h>

/* At most 'max' bytes; the caller frees them. */
int delta_apply(const void *delta, size_t len, const char *base,
		size_t base_size, uint64_t max, char **ret, size_t *ret_size);

#endif
