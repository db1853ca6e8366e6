/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* composite.h - the names in "/": what each stands for, and their list.
 *
 *	NAME            a source
 *	NAME@REF        one of its refs or commits
 *	NAME@@          a link to the pinned name of what NAME shows now
 *
 * In a REF '/' is written %2F and '%' is written %25, in this one way: two
 * names for one directory would confuse clients.  NAME and NAME@@ are
 * listed, NAME@REF only answers when asked for: a walk over "/" should not
 * meet every tree somebody once looked at.
 *
 * Threads: any.
 */
#ifndef CACHE_COMPOSITE_H
#define CACHE_COMPOSITE_H

#include "cache/fs.h"
#include "cache/root.h"

/* Room for '@' and the longest object id. */
enum { COMPOSITE_NAME_MAX = FS_NAME_MAX - 1 - OID_HEX };

struct composite_name {
	const struct source *source;
	bool pin;               /* NAME@@ */
	bool has_ref;
	char ref[FS_NAME_MAX + 1];
};

/* Whether a source may be called so. */
bool composite_valid(const char *name);

/* -ENOENT */
int composite_parse(const struct roots *, const char *name, size_t len,
		    struct composite_name *ret);

/* The list: entry 2 i is source i, entry 2 i + 1 its link.  'name' gets
 * the name, NUL terminated. */
uint32_t composite_entries(const struct roots *);
const struct source *composite_entry(const struct roots *, uint32_t i,
				     char name[FS_NAME_MAX + 1], bool *pin);

/* Where NAME@@ points: 'text' gets NAME@COMMIT, or NAME when there is no
 * commit yet.  Returns its length. */
size_t composite_target(const char *name, const struct oid *commit,
			char text[FS_NAME_MAX + 1]);

#endif
