/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* spelling.h - one name, two spellings: Unicode has composed letters ("é",
 * NFC) and letters followed by their accents (NFD).  git compares bytes; a
 * Mac may ask for either, whichever of them is there.
 *
 * Knows no files.
 *
 * Threads: any.
 */
#ifndef CACHE_SPELLING_H
#define CACHE_SPELLING_H

#include "cache/dcache.h"

/* The entry that has the name in its other spelling, for when it is not
 * there as it is written.  -ENOENT: there is none, or one of each;
 * -ENOMEM. */
int spelling_find(const struct tree *, const struct keyed *names,
		  const char *name, size_t len, uint32_t *ret);

#endif
