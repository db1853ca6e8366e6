/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* registry.h - which program is served at which port of this machine: what
 * a port mapper tells.
 *
 * What this server serves itself is put in at the start and stays.  What
 * others on this machine have set beside it can be unset, and is found
 * only where there is nothing of ours: the Linux client's own lock manager
 * sets itself, under the number of the one we serve, when it is started.
 *
 * Knows no protocol and no caller.
 *
 * Threads: any; registry_new(), registry_keep() and registry_free() from one.
 * Errors: -EEXIST; -ENOSPC (REGISTRY_MAX); -ENOMEM.
 */
#ifndef NFSD_PORTMAP_REGISTRY_H
#define NFSD_PORTMAP_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	REGISTRY_MAX = 64,
	REGISTRY_PORTMAP = 100000,      /* the port mapper's own program */
};

/* Transports, by the names that RFC 1833 gives them. */
enum netid { NETID_TCP, NETID_UDP, NETID_TCP6, NETID_UDP6, NETIDS };
extern const char *const netid_name[NETIDS];

struct mapping {
	uint32_t program, version;
	enum netid netid;
	uint16_t port;
	bool ours;
};

struct registry;

int registry_new(struct registry **ret);
/* NULL is allowed. */
void registry_free(struct registry *);

/* Others set themselves once and never look again.  So from now on what they
 * have set is kept in the file "portmap" of 'dir', too; and what is there
 * already is set, where the program is 'served' at its port by TCP. */
int registry_keep(struct registry *, const char *dir,
		  bool (*served)(uint16_t port, uint32_t program,
				 uint32_t version));

int registry_set(struct registry *, const struct mapping *);
/* Of what others have set: 'netid' NETIDS means all of them.  Whether there
 * was any. */
bool registry_unset(struct registry *, uint32_t program, uint32_t version,
		    enum netid netid);

/* Of this version, or else of another: who is asked will tell which there
 * are.  0: there is none. */
uint16_t registry_port(struct registry *, uint32_t program, uint32_t version,
		       enum netid netid);

/* All that can be found, in the order in which it was set. */
size_t registry_list(struct registry *, struct mapping ret[REGISTRY_MAX]);

#endif
