/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <netinet/in.h>
#include <rpc/rpc.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "nfsd/portmap/neighbour.h"
#include "nfsd/xdr.h"

enum {
	PATIENCE_S = 1,
	LAST_FRAGMENT = 1u << 31,
};

static int connect_local(uint16_t port)
{
	const struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = fd_socket(AF_INET, SOCK_STREAM, 0), r;

	if (fd < 0)
		return fd;
	/* On Linux this bounds connect(2) too; elsewhere a connection to
	 * this machine is made or refused at once. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	if (!connect(fd, (const struct sockaddr *)&addr, sizeof addr))
		return fd;
	r = -errno;
	close(fd);
	return r;
}

/* Receive one record into 'data'.  *ret: what follows its mark. */
static int receive(int fd, uint8_t *data, size_t room, struct reader *ret)
{
	size_t have = 0, want = 4;

	while (have < want) {
		ssize_t n = recv(fd, data + have, want - have, 0);

		if (n <= 0)
			return n ? -errno : -ECONNRESET;
		have += (size_t)n;
		if (have == 4)
			want = 4 + (load32(data) & ~(uint32_t)LAST_FRAGMENT);
		if (want > room)
			return -EMSGSIZE;
	}
	*ret = (struct reader){ .p = data + 4, .end = data + have };
	return 0;
}

int neighbour_call(uint16_t port, uint32_t program, uint32_t version,
		   uint32_t proc, uint8_t data[NEIGHBOUR_REPLY],
		   struct reader *ret)
{
	const uint32_t word[] = {
		LAST_FRAGMENT | 4 * 10, (uint32_t)getpid(), CALL,
		RPC_MSG_VERSION, program, version, proc, 0, 0, 0, 0,
	};
	struct writer out = { .p = data, .end = data + sizeof word };
	CLEANUP_FD int fd = connect_local(port);
	struct reader in;
	int r;

	if (fd < 0)
		return fd;
	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		put32(&out, word[i]);
	if (send(fd, data, sizeof word, 0) < 0)
		return -errno;
	r = receive(fd, data, NEIGHBOUR_REPLY, &in);
	if (r)
		return r;
	get32(&in);                     /* xid */
	if (get32(&in) != REPLY || get32(&in) != MSG_ACCEPTED)
		return -EPROTO;
	get_bytes(&in, 4 * 2);          /* verifier */
	if (get32(&in) != SUCCESS || in.bad)
		return -EPROTO;
	*ret = in;
	return 0;
}

bool neighbour_serves(uint16_t port, uint32_t program, uint32_t version)
{
	uint8_t data[NEIGHBOUR_REPLY];
	struct reader nothing;

	return !neighbour_call(port, program, version, 0, data, &nothing);
}
