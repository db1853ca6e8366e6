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

/* A call of RFC 5531 without credentials, of which only the last byte of each
 * number is not 0, and its answer: six numbers, and 'len' bytes of result. */
enum { HEAD = 4 + 40, ANSWER = 4 + 24 };

static bool exchange(int fd, const struct addrinfo *to, const uint8_t *rpc,
		     size_t rpc_len, uint8_t *answer, size_t len)
{
	return !fcntl(fd, F_SETFL, O_NONBLOCK) &&
	       (!connect(fd, to->ai_addr, to->ai_addrlen) ||
		errno == EINPROGRESS) &&
	       ready(fd, POLLOUT) &&
	       send(fd, rpc, rpc_len, 0) == (ssize_t)rpc_len &&
	       ready(fd, POLLIN) &&
	       recv(fd, answer, ANSWER + len, 0) == (ssize_t)(ANSWER + len);
}

static bool ask(const struct address *a, const uint8_t *rpc, size_t rpc_len,
		uint8_t *answer, size_t len)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all;
	bool found = false;

	if (getaddrinfo(a->host, a->port, &hints, &all))
		return false;
	for (struct addrinfo *i = all; i && !found; i = i->ai_next) {
		CLEANUP_FD int fd = socket(i->ai_family, i->ai_socktype, 0);

		found = fd >= 0 && exchange(fd, i, rpc, rpc_len, answer, len);
	}
	freeaddrinfo(all);
	return found;
}

bool address_answers(const struct address *a)
{
	/* Program 100003, version 3, NULL */
	static const uint8_t null[HEAD] = {
		[0] = 0x80, [3] = 40, [7] = 1, [15] = 2,
		[17] = 1, 0x86, 0xa3, [23] = 3,
	};
	uint8_t answer[ANSWER];

	return ask(a, null, sizeof null, answer, 0);
}

int address_mapped(void)
{
	/* RFC 1833: program 100000, version 2, GETPORT; of program 100003,
	 * version 3, over TCP */
	static const uint8_t getport[HEAD + 16] = {
		[0] = 0x80, [3] = 56, [7] = 1, [15] = 2,
		[17] = 1, 0x86, 0xa0, [23] = 2, [27] = 3,
		[HEAD + 1] = 1, 0x86, 0xa3, [HEAD + 7] = 3, [HEAD + 11] = 6,
	};
	const struct address mapper = { "127.0.0.1", "111", false };
	uint8_t answer[ANSWER + 4];

	if (!ask(&mapper, getport, sizeof getport, answer, 4))
		return -ECONNREFUSED;
	return answer[ANSWER + 2] << 8 | answer[ANSWER + 3];
}
