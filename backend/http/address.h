/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* address.h - which addresses may be asked.  Asked of the one that is
 * connected to, since a name may lead anywhere, and elsewhere the next time.
 *
 *	LOCAL	this machine (127.0.0.0/8, ::1, 0.0.0.0/8, ::), the local link
 *		(169.254.0.0/16, fe80::/10), groups and what is reserved
 *	PRIVATE	10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10,
 *		198.18.0.0/15, fc00::/7, fec0::/10
 *	PUBLIC	all others
 *
 * An IPv4 address in an IPv6 one (mapped, NAT64, 6to4) is what it is.
 *
 * Threads: any.
 */
#ifndef BACKEND_HTTP_ADDRESS_H
#define BACKEND_HTTP_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

enum address_kind { ADDRESS_PUBLIC, ADDRESS_PRIVATE, ADDRESS_LOCAL };

enum address_kind address_kind(const struct sockaddr *);

/* Is it of one of these networks, "10.0.0.0/8 ::1", or they "any"?  The
 * list may be NULL. */
bool address_listed(const char *list, const struct sockaddr *);

/* An address in figures, perhaps in brackets. */
bool address_parse(const char *text, struct sockaddr_storage *ret);

#endif
