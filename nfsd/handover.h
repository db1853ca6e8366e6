/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* handover.h - listening sockets that outlive a program: those that we were
 * given, by systemd, by launchd or by the program that we were before, and
 * those that we give to the one that takes our place.
 *
 * They wait in the kernel for whoever has them, and who connects meanwhile
 * waits there too.  Ours go by the variable GITNFS_SOCKETS ("nfs=7 http=9"),
 * systemd's as sd_listen_fds(3) tells.
 *
 * Of the environment, and so one for the whole program.
 *
 * Threads: the main one; handover_exec() also from a signal's handler.
 * Errors: -EMFILE, -ENOSPC, -ENOMEM; those of execve(2).
 */
#ifndef NFSD_HANDOVER_H
#define NFSD_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

/* What a socket is for. */
enum handover_role {
	HANDOVER_ANY,           /* whoever gave it did not say */
	HANDOVER_NFS,
	HANDOVER_PORTMAP,
	HANDOVER_HTTP,
	HANDOVER_CONTROL,
};

/* ---- what we were given ---- */

/* At the start, before any file is opened. */
void handover_receive(void);

/* The addresses of the given sockets that NFS can be served at, "" of none
 * but that one: a list that ends in NULL, or NULL when there are none.  The
 * caller frees both. */
char **handover_addresses(const char *but);

/* One that is bound there (port 0: wherever) and of that type, which is the
 * caller's from then on; -1: there is none. */
int handover_take(enum handover_role, int type, const struct sockaddr *,
		  socklen_t);
/* Close those that nobody took, with a word about each. */
void handover_close(void);

/* ---- what we give ---- */

/* A copy of this descriptor goes on. */
int handover_keep(enum handover_role, int fd);
/* None of them does. */
void handover_drop(void);
/* Prepare to become the program of this name, which argv[0] is, with what has
 * been kept; then do so, which returns only when it fails. */
int handover_prepare(char **argv);
bool handover_is_ready(void);
int handover_exec(void);

#endif
