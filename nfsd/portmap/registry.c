/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/lock.h"
#include "common/log.h"
#include "nfsd/portmap/registry.h"

struct registry {
	char *file, *new_file;  /* NULL: nothing is kept */

	pthread_mutex_t lock;   /* covers the rest, and the file */
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
	free(r->file);
	free(r->new_file);
	free(r);
}

static bool is_of(const struct mapping *m, uint32_t program, uint32_t version,
		  enum netid netid)
{
	return m->program == program && m->version == version &&
	       m->netid == netid;
}

/* ---- what others have set, in a file ---- */

/* Not synced: who has set it is gone, too, when the machine is. */
static int write_file(const struct registry *r)
{
	FILE *f = fopen(r->new_file, "we");
	int err = 0;

	if (!f)
		return -errno;
	for (size_t i = 0; i < r->n && err >= 0; i++) {
		const struct mapping *m = &r->map[i];

		if (!m->ours)
			err = fprintf(f, "%" PRIu32 " %" PRIu32 " %s %u\n",
				      m->program, m->version,
				      netid_name[m->netid], m->port);
	}
	if (fclose(f) || err < 0 || rename(r->new_file, r->file))
		return -errno;
	return 0;
}

/* With the lock held.  A few short lines, seldom: no loop's calls wait
 * longer for this than for a page of memory. */
static void keep(const struct registry *r)
{
	int err = r->new_file ? write_file(r) : 0;

	if (err)
		log_warning("what others have registered is lost at a restart",
			    "file=%s error=%s", r->file, strerror(-err));
}

static bool parse_line(const char *line, struct mapping *ret)
{
	struct mapping m = { 0 };
	char netid[8];

	if (sscanf(line, "%" SCNu32 " %" SCNu32 " %7s %" SCNu16, &m.program,
		   &m.version, netid, &m.port) != 4)
		return false;
	while (m.netid < NETIDS && strcmp(netid, netid_name[m.netid]))
		m.netid++;
	*ret = m;
	return m.netid < NETIDS;
}

static size_t read_file(const char *file, struct mapping ret[REGISTRY_MAX])
{
	FILE *f = fopen(file, "re");
	char line[64];
	size_t n = 0;

	if (!f)
		return 0;
	while (n < REGISTRY_MAX && fgets(line, sizeof line, f))
		n += parse_line(line, &ret[n]);
	fclose(f);
	return n;
}

int registry_keep(struct registry *r, const char *dir,
		  bool (*served)(uint16_t port, uint32_t program,
				 uint32_t version))
{
	struct mapping map[REGISTRY_MAX];
	size_t n;

	if (asprintf(&r->file, "%s/portmap", dir) < 0) {
		r->file = NULL;
		return -ENOMEM;
	}
	n = read_file(r->file, map);
	for (size_t i = 0; i < n; i++) {
		const struct mapping *m = &map[i];

		if (m->netid != NETID_TCP ||
		    !served(m->port, m->program, m->version))
			continue;
		for (size_t j = 0; j < n; j++)
			if (map[j].program == m->program &&
			    map[j].version == m->version)
				registry_set(r, &map[j]);
	}
	if (asprintf(&r->new_file, "%s.new", r->file) < 0) {
		r->new_file = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* ---- the whole ---- */

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
	if (!m->ours)
		keep(r);
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
	if (kept < before)
		keep(r);
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
