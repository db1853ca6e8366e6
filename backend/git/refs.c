/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/git/refs.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/lock.h"

enum { UNWANTED_MAX = 2 };

void refs_init(struct refs *rs)
{
	pthread_mutex_init(&rs->lock, NULL);
	rs->n = 0;
}

void refs_end(struct refs *rs)
{
	for (size_t i = 0; i < rs->n; i++)
		free(rs->ref[i].name);
	pthread_mutex_destroy(&rs->lock);
}

/* The lock is held. */
static struct ref *find(struct refs *rs, const char *name)
{
	for (size_t i = 0; i < rs->n; i++) {
		if (!strcmp(rs->ref[i].name, name))
			return &rs->ref[i];
	}
	return NULL;
}

/* The lock is held. */
static void drop(struct refs *rs, struct ref *ref)
{
	free(ref->name);
	*ref = rs->ref[--rs->n];
}

bool refs_recall(struct refs *rs, const char *name, uint64_t since,
		 struct oid *ret, uint64_t *age)
{
	LOCK_SCOPE(&rs->lock);
	struct ref *ref = find(rs, name);

	if (!ref || ref->at < since)
		return false;
	ref->unwanted = 0;
	*ret = ref->commit;
	*age = clock_ms() - ref->at;
	return true;
}

size_t refs_company(struct refs *rs, char **ret, size_t max)
{
	size_t n = 0;

	LOCK_SCOPE(&rs->lock);
	for (size_t i = rs->n; i-- > 0;) {
		if (rs->ref[i].unwanted++ >= UNWANTED_MAX)
			drop(rs, &rs->ref[i]);
		else if (n < max && (ret[n] = strdup(rs->ref[i].name)))
			n++;
	}
	return n;
}

/* The lock is held.  The oldest makes room. */
static struct ref *add(struct refs *rs, const char *name)
{
	char *copy = strdup(name);
	struct ref *ref = rs->ref;

	if (!copy)
		return NULL;
	if (rs->n < REFS_MAX) {
		ref = &rs->ref[rs->n++];
	} else {
		for (size_t i = 1; i < REFS_MAX; i++) {
			if (rs->ref[i].at < ref->at)
				ref = &rs->ref[i];
		}
		free(ref->name);
	}
	*ref = (struct ref){ .name = copy };
	return ref;
}

void refs_note(struct refs *rs, const char *name, const struct oid *commit,
	       uint64_t at, bool wanted)
{
	LOCK_SCOPE(&rs->lock);
	struct ref *ref = find(rs, name);

	if (!ref && wanted)
		ref = add(rs, name);
	/* Of two requests the later one knows better. */
	if (!ref || ref->at > at)
		return;
	ref->commit = *commit;
	ref->at = at;
	if (wanted)
		ref->unwanted = 0;
}

void refs_drop(struct refs *rs, const char *name)
{
	LOCK_SCOPE(&rs->lock);
	struct ref *ref = find(rs, name);

	if (ref)
		drop(rs, ref);
}
