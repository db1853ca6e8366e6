/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/fuzz_talk.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nfsd/conn.h"
#include "nfsd/loop.h"
#include "nfsd/rpc.h"
#include "test/fuzz.h"
#include "test/fuzz_world.h"

enum { PATIENCE_MS = 10000 };

static struct loop *loop;
static struct rpc *rpc;
static struct conns *conns;

struct rpc *talk_rpc(void)
{
	if (rpc)
		return rpc;
	FUZZ_MUST(!loop_new(&loop));
	FUZZ_MUST(!rpc_new(&rpc, loop, &world()->service, PATIENCE_MS));
	FUZZ_MUST(!conns_new(&conns, loop, rpc, 4));
	return rpc;
}

/* ---- bytes ---- */

void talk_put(struct talk *t, const void *data, size_t len)
{
	if (len > TALK_MAX - t->len)
		len = TALK_MAX - t->len;
	memcpy(t->p + t->len, data, len);
	t->len += len;
}

void talk_word(struct talk *t, uint32_t v)
{
	uint8_t p[4];

	store32(p, v);
	talk_put(t, p, sizeof p);
}

void talk_opaque(struct talk *t, const void *data, size_t len)
{
	static const uint8_t zero[4];

	talk_word(t, (uint32_t)len);
	talk_put(t, data, len);
	talk_put(t, zero, xdr_pad(len));
}

void talk_record(struct talk *to, const struct talk *record, size_t size)
{
	size_t at = 0;

	do {
		size_t n = record->len - at < size ? record->len - at : size;
		bool last = at + n == record->len;

		talk_word(to, (uint32_t)n | (last ? 1u << 31 : 0));
		talk_put(to, record->p + at, n);
		at += n;
	} while (at < record->len);
}

/* ---- the connection ---- */

size_t talk_converse(const struct talk *t, size_t piece,
		     const struct client *client, const uint8_t **ret)
{
	static uint8_t *reply;
	size_t sent = 0, got = 0;
	int fd[2];

	talk_rpc();
	if (!reply)
		reply = malloc(TALK_REPLIES_MAX);
	FUZZ_MUST(reply);
	FUZZ_MUST(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	for (int i = 0; i < 2; i++)
		FUZZ_MUST(!fcntl(fd[i], F_SETFL, O_NONBLOCK));
	conns_adopt(conns, fd[1], client);
	for (;;) {
		size_t len = t->len - sent < piece ? t->len - sent : piece;
		ssize_t n = len ? send(fd[0], t->p + sent, len, MSG_NOSIGNAL) :
				  0;
		bool gone = n < 0 && errno != EAGAIN;

		if (n > 0)
			sent += (size_t)n;
		if (sent == t->len || gone)
			shutdown(fd[0], SHUT_WR);
		while ((n = read(fd[0], reply + got,
				 TALK_REPLIES_MAX - got)) > 0)
			got += (size_t)n;
		FUZZ_MUST(got < TALK_REPLIES_MAX);
		if (!n || errno != EAGAIN)
			break;
		event_base_loop(loop_base(loop), sent < t->len ?
				EVLOOP_NONBLOCK : EVLOOP_ONCE);
	}
	close(fd[0]);
	/* It has hung up, which it does as the last of its doings. */
	event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
	*ret = reply;
	return got;
}
