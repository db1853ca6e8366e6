/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cli/address.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "common/cleanup.h"

enum { PATIENCE_MS = 5000 };

int address_parse(const char *text, struct address *ret)
{
	const char *colon = strrchr(text, ':'), *host = text;
	size_t len = colon ? (size_t)(colon - text) : 0;
	struct address a = { .v6 = *text == '[' };

	if (a.v6 && len > 2) {
		host++;
		len -= 2;
	}
	if (!colon || !len || strlen(colon + 1) >= sizeof a.port ||
	    len >= sizeof a.host)
		return -EINVAL;
	memcpy(a.host, host, len);
	strcpy(a.port, colon + 1);
	if (!strcmp(a.host, "0.0.0.0"))
		strcpy(a.host, "127.0.0.1");
	if (a.v6 && !strcmp(a.host, "::"))
		strcpy(a.host, "::1");
	*ret = a;
	return 0;
}

bool address_eq(const struct address *a, const struct address *b)
{
	return !strcmp(a->host, b->host) && !strcmp(a->port, b->port);
}

/* Wait for something of 'fd' that does not block then. */
static bool ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, PATIENCE_MS) > 0;
}

static bool call(int fd, const struct addrinfo *to)
{
	/* NULL of NFS: RFC 5531 */
	static const uint8_t null[] = {
		0x80, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2,
		0, 1, 0x86, 0xa3, 0, 0, 0, 3, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	};
	uint8_t answer[28];

	return !fcntl(fd, F_SETFL, O_NONBLOCK) &&
	       (!connect(fd, to->ai_addr, to->ai_addrlen) ||
		errno == EINPROGRESS) &&
	       ready(fd, POLLOUT) &&
	       send(fd, null, sizeof null, 0) == sizeof null &&
	       ready(fd, POLLIN) &&
	       recv(fd, answer, sizeof answer, 0) == sizeof answer;
}

bool address_answers(const struct address *a)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all;
	bool found = false;

	if (getaddrinfo(a->host, a->port, &hints, &all))
		return false;
	for (struct addrinfo *i = all; i && !found; i = i->ai_next) {
		CLEANUP_FD int fd = socket(i->ai_family, i->ai_socktype, 0);

		found = fd >= 0 && call(fd, i);
	}
	freeaddrinfo(all);
	return found;
}
