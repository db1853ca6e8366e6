/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The port mapper's three versions: calls in datagrams and over a connection,
 * from who may change things and from who may not.
 *
 * The first byte: bit 0, datagrams; 1, from a port of root's on this machine;
 * 2, the datagrams are the rest of the input, as it is; 3 and 4, in how small
 * fragments.  Then calls, see make_call().
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "nfsd/portmap/registry.h"
#include "nfsd/rpc.h"
#include "test/fuzz.h"
#include "test/fuzz_talk.h"
#include "test/fuzz_world.h"

enum { CALLS_MAX = 64, XID = 0x2000, NAMES = 4, PROGRAM_MAX = 200000 };

struct call {
	uint32_t version, proc;
};

/* ---- calls ---- */

static void put_text(struct talk *t, struct fuzz *f)
{
	static const char *const text[] = {
		"", "tcp", "udp", "tcp6", "udp6", "local", "superuser",
		"0.0.0.0.8.1", "127.0.0.1.0.111", "::.8.1", "::1.255.255",
		"1.2", "1.256", ".", "..", "1.2.3.4.5.6.7",
	};
	const char *s = text[fuzz_byte(f) % (sizeof text / sizeof *text)];

	talk_opaque(t, s, strlen(s));
}

static void make_args(struct talk *t, struct fuzz *f)
{
	static const uint32_t programs[] = { 100000, 100003, 100005, 100021,
					     100024, 6, 17, 111 };
	const uint8_t *p;
	size_t len;

	for (;;) {
		switch (fuzz_byte(f) % 7) {
		case 0:
			return;
		case 1:
			talk_word(t, programs[fuzz_byte(f) % 8]);
			break;
		case 2:
			talk_word(t, fuzz_byte(f));
			break;
		case 3:
			put_text(t, f);
			break;
		case 4:
			len = fuzz_byte(f);
			p = fuzz_bytes(f, &len);
			talk_opaque(t, p, len);
			break;
		case 5:
			len = 4;
			p = fuzz_bytes(f, &len);
			talk_put(t, p, len);
			break;
		case 6:                 /* as much as there is */
			len = fuzz_byte(f) * 256u;
			p = fuzz_bytes(f, &len);
			talk_opaque(t, p, len);
			break;
		}
	}
}

/* A byte for the version, one for the procedure, and its arguments. */
static void make_call(struct talk *t, struct fuzz *f, struct call *c,
		      uint32_t xid)
{
	uint8_t version = fuzz_byte(f);

	c->version = version < 250 ? 2 + version % 3 : version;
	c->proc = fuzz_byte(f) % 16;
	talk_word(t, xid);
	talk_word(t, 0);
	talk_word(t, 2);
	talk_word(t, REGISTRY_PORTMAP);
	talk_word(t, c->version);
	talk_word(t, c->proc);
	for (int i = 0; i < 4; i++)
		talk_word(t, 0);
	make_args(t, f);
}

/* ---- answers ---- */

static void check_list(struct reader *r, uint32_t version)
{
	size_t len, n = 0;

	while (get32(r)) {
		FUZZ_MUST(n++ < REGISTRY_MAX);
		get32(r);
		get32(r);
		if (version == 2) {
			uint32_t protocol = get32(r);

			FUZZ_MUST(protocol == IPPROTO_TCP ||
				  protocol == IPPROTO_UDP);
			FUZZ_MUST(get32(r) <= UINT16_MAX);
			continue;
		}
		for (int i = 0; i < 3; i++)
			get_opaque(r, 128, &len);
	}
}

static void check_results(struct reader *r, const struct call *c)
{
	size_t len;

	switch (c->proc) {
	case 0:
		break;
	case 1:
	case 2:
		FUZZ_MUST(get32(r) <= 1);
		break;
	case 3:
		if (c->version == 2)
			FUZZ_MUST(get32(r) <= UINT16_MAX);
		else
			get_opaque(r, 128, &len);
		break;
	case 4:
		check_list(r, c->version);
		break;
	default:
		FUZZ_MUST(!"a procedure that is not there");
	}
	FUZZ_MUST(!r->bad && r->p == r->end);
}

/* NULL calls: anything may have been asked. */
static void check_reply(const uint8_t *p, size_t len, const struct call *calls)
{
	struct reader r = { .p = p, .end = p + len };
	uint32_t xid = get32(&r), accept;

	FUZZ_MUST(len >= 20 && len % 4 == 0);
	FUZZ_MUST(get32(&r) == 1);
	if (get32(&r)) {
		FUZZ_MUST(!calls);
		return;
	}
	get64(&r);
	accept = get32(&r);
	FUZZ_MUST(accept <= 4);
	if (accept || !calls)
		return;
	FUZZ_MUST(xid >= XID && xid < XID + CALLS_MAX);
	check_results(&r, &calls[xid - XID]);
}

/* ---- both ways ---- */

static void send_datagram(const struct client *client, const uint8_t *p,
			  size_t len, const struct call *calls)
{
	const struct sockaddr_in6 local = {
		.sin6_family = AF_INET6,
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	static uint8_t reply[RPC_DATAGRAM_MAX];
	struct sockaddr_storage at = { 0 };
	uint8_t *exact = malloc(len);
	size_t n;

	/* Its end is where a sanitizer sees it. */
	FUZZ_MUST(exact || !len);
	if (len)
		memcpy(exact, p, len);
	memcpy(&at, &local, sizeof local);
	n = rpc_datagram(talk_rpc(), client, &at, exact, len, reply);
	FUZZ_MUST(n <= sizeof reply);
	if (n)
		check_reply(reply, n, calls);
	free(exact);
}

static void send_records(const struct client *client, const struct talk *t,
			 const struct call *calls)
{
	const uint8_t *p;
	size_t len = talk_converse(t, TALK_MAX, client, &p);

	while (len) {
		uint32_t n;

		FUZZ_MUST(len >= 4 && load32(p) >> 31);
		n = load32(p) & 0x7fffffff;
		FUZZ_MUST(n <= len - 4);
		check_reply(p + 4, n, calls);
		p += 4 + n;
		len -= 4 + n;
	}
}

static void fill(struct registry *r)
{
	static const struct mapping ours[] = {
		{ 100000, 2, NETID_TCP, 111, true },
		{ 100000, 4, NETID_UDP6, 111, true },
		{ 100003, 3, NETID_TCP, 2049, true },
		{ 100003, 3, NETID_TCP6, 2049, true },
		{ 100021, 4, NETID_TCP, 2049, true },
	};

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		FUZZ_MUST(!registry_set(r, &ours[i]));
}

/* What is ours stays, whatever others have set. */
static void check_registry(struct registry *r)
{
	struct mapping all[REGISTRY_MAX];

	FUZZ_MUST(registry_port(r, 100003, 3, NETID_TCP) == 2049);
	FUZZ_MUST(registry_port(r, 100021, 4, NETID_TCP) == 2049);
	FUZZ_MUST(registry_list(r, all) >= 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t fragments[] = { TALK_MAX, 1, 4, 100 };
	static uint8_t room[TALK_MAX], call_room[TALK_MAX];
	struct call calls[CALLS_MAX] = { { 0 } };
	struct talk t = { room, 0 };
	struct fuzz f = { data, size };
	uint8_t how = fuzz_byte(&f);
	const struct client client = {
		.known = true, .low = 1, .port = how & 2 ? 700 : 7000,
	};
	struct service *service = &world()->service;
	struct registry *before = service->registry;

	FUZZ_MUST(!registry_new(&service->registry));
	fill(service->registry);
	for (uint32_t i = 0; i < CALLS_MAX && f.len && !(how & 4); i++) {
		struct talk call = { call_room, 0 };

		make_call(&call, &f, &calls[i], XID + i);
		if (how & 1)
			send_datagram(&client, call.p, call.len, calls);
		else
			talk_record(&t, &call, fragments[how >> 3 & 3]);
	}
	if (how & 4)
		send_datagram(&client, f.data, f.len, NULL);
	else if (t.len)
		send_records(&client, &t, calls);
	check_registry(service->registry);
	registry_free(service->registry);
	service->registry = before;
	return 0;
}
