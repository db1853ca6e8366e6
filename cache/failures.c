/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cache/failures.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"

/* They stand in the order in which they came. */
static void drop(struct failures *all, size_t i)
{
	all->n--;
	memmove(&all->is[i], &all->is[i + 1],
		(all->n - i) * sizeof all->is[0]);
}

static size_t find(const struct failures *all, const char *name, bool inside)
{
	size_t i = 0;

	while (i < all->n && (all->is[i].inside != inside ||
			      strncmp(all->is[i].name, name, FS_NAME_MAX)))
		i++;
	return i;
}

static size_t least(const struct failures *all)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->is[i].absent)
			return i;
	return 0;
}

void failures_note(struct failures *all, const struct fs_failure *f)
{
	size_t i;

	LOCK_SCOPE(&all->lock);
	i = find(all, f->name, f->inside);
	if (i < all->n)
		drop(all, i);
	else if (all->n == FAILURES)
		drop(all, least(all));
	all->is[all->n++] = *f;
}

void failures_forget(struct failures *all, const char *name)
{
	size_t i;

	LOCK_SCOPE(&all->lock);
	i = find(all, name, false);
	if (i < all->n)
		drop(all, i);
}

size_t failures_list(struct failures *all, struct fs_failure *ret, size_t room)
{
	int64_t late = clock_wall().tv_sec - FAILURES_S;
	size_t n = 0;

	LOCK_SCOPE(&all->lock);
	for (size_t i = all->n; i-- && n < room && all->is[i].when > late;)
		ret[n++] = all->is[i];
	return n;
}
