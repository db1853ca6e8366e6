/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What a client sends, through all of the server but the listener: records,
 * RPC headers, the arguments of all procedures of all programs.
 *
 * The first byte of an input says how it goes into the connection: its low
 * bit, as the bytes they are, or as calls that are put together from what
 * follows (see make_call()), since neither the code of a handle nor a length
 * in front is guessed soon; the rest, in how small fragments and pieces.
 */
#include <string.h>

#include "nfsd/xdr.h"
#include "test/fuzz.h"
#include "test/fuzz_talk.h"
#include "test/fuzz_world.h"

enum {
	NFS = 100003, MOUNT = 100005,
	NFS_PROCS = 22, MOUNT_PROCS = 6, PROGRAMS = 8,
	CALLS_MAX = 64,
	XID = 0x1000,
};

/* ---- from input to bytes ---- */

struct call {
	uint32_t prog, proc;
	bool made, answered;
	bool odd;               /* may be no call at all: it is hung up on */
};

static uint8_t out_room[TALK_MAX];

static void put_some(struct talk *b, struct fuzz *f, size_t len)
{
	const uint8_t *p = fuzz_bytes(f, &len);

	talk_put(b, p, len);
}

/* Arguments: one piece after the other, until a zero. */
static void make_args(struct talk *b, struct fuzz *f)
{
	const struct fh *fh;
	const uint8_t *p;
	size_t len;

	for (;;) {
		switch (fuzz_byte(f) % 8) {
		case 0:
			return;
		case 1:
			fh = &world()->fh[fuzz_byte(f) % WORLD_HANDLES];
			talk_opaque(b, fh->data, fh->len);
			break;
		case 2:
			len = fuzz_byte(f);
			p = fuzz_bytes(f, &len);
			talk_opaque(b, p, len);
			break;
		case 3:
			len = fuzz_byte(f);
			put_some(b, f, len);
			break;
		case 4:
			put_some(b, f, 4);
			break;
		case 5:
			put_some(b, f, 8);
			break;
		case 6:
			talk_word(b, fuzz_byte(f));
			break;
		case 7:
			talk_word(b, 0);
			talk_word(b, fuzz_byte(f));
			break;
		}
	}
}

/* One byte each for the procedure, and for what is odd about the header. */
static void make_call(struct talk *b, struct fuzz *f, struct call *c,
		      uint32_t xid)
{
	uint8_t what = fuzz_byte(f) % (NFS_PROCS + MOUNT_PROCS + PROGRAMS);
	uint8_t odd = fuzz_byte(f);
	static const uint32_t other[PROGRAMS] = {
		100000, 100021, 100024, 100227, 0, 1, UINT32_MAX, NFS,
	};

	c->made = true;
	if (what < NFS_PROCS) {
		c->prog = NFS;
		c->proc = what;
	} else if (what < NFS_PROCS + MOUNT_PROCS) {
		c->prog = MOUNT;
		c->proc = what - NFS_PROCS;
	} else {
		c->prog = other[what - NFS_PROCS - MOUNT_PROCS];
		c->proc = fuzz_byte(f);
	}
	talk_word(b, xid);
	talk_word(b, odd & 1 ? fuzz_byte(f) : 0);    /* CALL */
	talk_word(b, odd & 2 ? fuzz_byte(f) : 2);    /* RPC version */
	talk_word(b, c->prog);
	talk_word(b, odd & 4 ? fuzz_byte(f) : 3);
	talk_word(b, c->proc);
	c->odd = odd & 8;
	if (c->odd) {
		make_args(b, f);                /* credentials, verifier */
	} else {
		talk_word(b, 1);
		talk_word(b, 20);
		for (int i = 0; i < 5; i++)
			talk_word(b, 0);
		talk_word(b, 0);
		talk_word(b, 0);
	}
	make_args(b, f);
	/* As much again as the largest procedure has, to be told apart. */
	if (odd & 16)
		for (int i = 0; i < 40; i++)
			talk_word(b, 0);
}

static void make_calls(struct talk *to, struct fuzz *f, size_t fragment,
		       struct call call[CALLS_MAX])
{
	static uint8_t room[TALK_MAX];

	for (uint32_t i = 0; i < CALLS_MAX && f->len; i++) {
		struct talk record = { room, 0 };

		make_call(&record, f, &call[i], XID + i);
		talk_record(to, &record, fragment);
	}
}

/* ---- what comes back ---- */

static bool is_status(uint32_t s)
{
	static const uint32_t status[] = {
		0, 1, 2, 5, 6, 13, 17, 18, 19, 20, 21, 22, 27, 28, 30, 31, 63,
		66, 69, 70, 71, 10001, 10002, 10003, 10004, 10005, 10006,
		10007, 10008,
	};

	for (size_t i = 0; i < sizeof status / sizeof *status; i++)
		if (status[i] == s)
			return true;
	return false;
}

static void check_reply(const uint8_t *p, size_t len,
			struct call call[CALLS_MAX])
{
	struct reader r = { .p = p, .end = p + len };
	uint32_t xid = get32(&r), stat, accept;
	struct call *c;

	FUZZ_MUST(len >= 20 && len % 4 == 0);
	FUZZ_MUST(get32(&r) == 1);
	stat = get32(&r);
	FUZZ_MUST(stat <= 1);
	if (stat) {             /* RPC_MISMATCH with 2, 2; AUTH_ERROR */
		FUZZ_MUST(len == (get32(&r) ? 20 : 24));
		return;
	}
	get64(&r);              /* verifier */
	accept = get32(&r);
	FUZZ_MUST(accept <= 5);
	FUZZ_MUST(accept == 0 || len == (accept == 2 ? 32 : 24));
	if (!call || accept)
		return;
	FUZZ_MUST(xid >= XID && xid < XID + CALLS_MAX);
	c = &call[xid - XID];
	FUZZ_MUST(c->made && !c->answered);
	c->answered = true;
	if (c->prog != NFS || !c->proc)
		return;
	stat = get32(&r);
	FUZZ_MUST(!r.bad && is_status(stat));
}

static bool may_hang_up(const struct call *call)
{
	for (size_t i = 0; call && i < CALLS_MAX; i++)
		if (call[i].odd)
			return true;
	return !call;
}

/* Whole records of one fragment each, and nothing besides; what was still to
 * be sent when it hung up is lost. */
static void check_replies(const uint8_t *p, size_t len, struct call *call)
{
	while (len) {
		uint32_t mark, n;

		if (len < 4 && may_hang_up(call))
			return;
		FUZZ_MUST(len >= 4);
		mark = load32(p);
		n = mark & 0x7fffffff;
		FUZZ_MUST(mark >> 31);
		if (n > len - 4 && may_hang_up(call))
			return;
		FUZZ_MUST(n <= len - 4);
		check_reply(p + 4, n, call);
		p += 4 + n;
		len -= 4 + n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t fragments[] = { TALK_MAX, 1, 4, 100 };
	static const struct client client = {
		.known = true, .low = 1, .port = 2000,
	};
	struct call call[CALLS_MAX] = { { 0 } };
	struct fuzz f = { data, size };
	uint8_t how = fuzz_byte(&f);
	struct talk t = { out_room, 0 };
	bool calls = how & 1;
	const uint8_t *replies;
	size_t got;

	if (calls)
		make_calls(&t, &f, fragments[how >> 1 & 3], call);
	else
		put_some(&t, &f, f.len);
	got = talk_converse(&t, how & 8 ? 7 : TALK_MAX, &client, &replies);
	check_replies(replies, got, calls ? call : NULL);
	return 0;
}
