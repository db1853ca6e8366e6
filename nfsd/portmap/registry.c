/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/lock.h"
#include "nfsd/portmap/registry.h"

struct registry {
	pthread_mutex_t lock;
	size_t n;
	struct mapping map[REGISTRY_MAX];
};

const char *const netid_name[NETIDS] = {
	[NETID_TCP] = "tcp",
	[NETID_UDP] = "udp",
	[NETID_TCP6] = "tcp6",
	[NETID_UDP6] = "udp6",
};

int registry_new(struct registry **ret)
{
	struct registry *r = calloc(1, sizeof *r);

	if (!r)
		return -ENOMEM;
	pthread_mutex_init(&r->lock, NULL);
	*ret = r;
	return 0;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static bool is_of(const struct mapping *m, uint32_t program, uint32_t version,
		  enum netid netid)
{
	return m->program == program && m->version == version &&
	       m->netid == netid;
}

int registry_set(struct registry *r, const struct mapping *m)
{
	LOCK_SCOPE(&r->lock);
	for (size_t i = 0; i < r->n; i++)
		if (is_of(&r->map[i], m->program, m->version, m->netid) &&
		    r->map[i].ours == m->ours)
			return r->map[i].port == m->port ? 0 : -EEXIST;
	if (r->n == REGISTRY_MAX)
		return -ENOSPC;
	r->map[r->n++] = *m;
	return 0;
}

bool registry_unset(struct registry *r, uint32_t program, uint32_t version,
		    enum netid netid)
{
	size_t kept = 0, before;

	LOCK_SCOPE(&r->lock);
	before = r->n;
	for (size_t i = 0; i < r->n; i++) {
		const struct mapping *m = &r->map[i];

		if (m->ours || !is_of(m, program, version,
				      netid == NETIDS ? m->netid : netid))
			r->map[kept++] = *m;
	}
	r->n = kept;
	return kept < before;
}

uint16_t registry_port(struct registry *r, uint32_t program, uint32_t version,
		       enum netid netid)
{
	const struct mapping *best = NULL;
	bool exact = false;

	LOCK_SCOPE(&r->lock);
	for (size_t i = 0; i < r->n; i++) {
		const struct mapping *m = &r->map[i];
		bool same = m->version == version;

		if (m->program != program || m->netid != netid)
			continue;
		if (!best || same > exact ||
		    (same == exact && m->ours > best->ours)) {
			best = m;
			exact = same;
		}
	}
	return best ? best->port : 0;
}

size_t registry_list(struct registry *r, struct mapping ret[REGISTRY_MAX])
{
	size_t n = 0;

	LOCK_SCOPE(&r->lock);
	for (size_t i = 0; i < r->n; i++) {
		const struct mapping *m = &r->map[i];
		bool hidden = false;

		for (size_t j = 0; !m->ours && j < r->n; j++)
			hidden |= r->map[j].ours &&
				  is_of(&r->map[j], m->program, m->version,
					m->netid);
		if (!hidden)
			ret[n++] = *m;
	}
	return n;
}
