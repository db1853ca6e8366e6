/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/mesa/place.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

enum { SLOTS = 1 << 12 };

struct places {
	pthread_mutex_t lock;   /* covers the rest */
	struct place **slot;    /* by the object's id; NULL: none yet */
};

struct places *places_new(void)
{
	struct places *ps = calloc(1, sizeof *ps);

	if (ps)
		pthread_mutex_init(&ps->lock, NULL);
	return ps;
}

void places_free(struct places *ps)
{
	if (!ps)
		return;
	for (size_t i = 0; ps->slot && i < SLOTS; i++)
		free(ps->slot[i]);
	free(ps->slot);
	pthread_mutex_destroy(&ps->lock);
	free(ps);
}

static size_t slot_of(const struct oid *oid)
{
	size_t n;

	memcpy(&n, oid->id, sizeof n);
	return n % SLOTS;
}

void places_note(struct places *ps, const struct oid *oid,
		 const struct oid *commit, const char *path, bool link)
{
	size_t len = strlen(path);
	struct place *p, *old;

	if (len > PLACE_PATH_MAX)
		return;
	old = p = malloc(sizeof *p + len + 1);
	if (!p)
		return;
	*p = (struct place){ .oid = *oid, .commit = *commit, .link = link };
	memcpy(p->path, path, len + 1);
	lock_take(&ps->lock);
	if (!ps->slot)
		ps->slot = calloc(SLOTS, sizeof *ps->slot);
	if (ps->slot) {
		old = ps->slot[slot_of(oid)];
		ps->slot[slot_of(oid)] = p;
	}
	lock_drop(&ps->lock);
	free(old);
}

struct place *places_find(struct places *ps, const struct oid *oid)
{
	struct place *p, *copy;
	size_t size;

	LOCK_SCOPE(&ps->lock);
	p = ps->slot ? ps->slot[slot_of(oid)] : NULL;
	if (!p || !oid_eq(&p->oid, oid))
		return NULL;
	size = sizeof *p + strlen(p->path) + 1;
	copy = malloc(size);
	if (copy)
		memcpy(copy, p, size);
	return copy;
}
