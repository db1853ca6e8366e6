/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* port.h - a port for a server that must be told one.
 *
 * Not one that the system would give away: who asked it for any port, or
 * just connects, could have it before the server does.
 *
 * Threads: the test's.
 */
#ifndef TEST_PORT_H
#define TEST_PORT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static inline bool port_is_free(uint16_t port, int type)
{
	const struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, type, 0);
	int r = bind(fd, (const struct sockaddr *)&a, sizeof a);

	close(fd);
	return !r;
}

/* Free for TCP and UDP, another one each time and in each process. */
static inline uint16_t port_free(void)
{
	enum { FIRST = 20000, PORTS = 12000, EACH = 8 };
	static unsigned taken;

	for (unsigned i = 0; i < PORTS; i++) {
		unsigned n = (unsigned)getpid() * EACH + taken++;
		uint16_t port = (uint16_t)(FIRST + n % PORTS);

		if (port_is_free(port, SOCK_STREAM) &&
		    port_is_free(port, SOCK_DGRAM))
			return port;
	}
	abort();
}

#endif
