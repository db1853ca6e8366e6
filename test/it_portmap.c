/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The port mapper, over TCP and in datagrams, and the lock manager. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "nfsd/portmap/registry.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"
#include "test/port.h"

enum {
	PMAP = 100000, NLM = 100021,
	SET = 1, UNSET = 2, GETPORT = 3, GETADDR = 3, DUMP = 4,
	TCP = 6, UDP = 17,
	GRANTED = 0, ROFS = 6, STALE_FH = 7,
	FOREIGN = 400100,       /* a program of somebody else's */
};

static struct harness h;
static struct source source = { .name = "src" };
static struct raw nfs, pmap;
static struct fh top, file;

static void setup(void)
{
	struct fake *f = fake_new();
	const struct fake_entry all[] = {
		{ "100644", "file", fake_blob(f, "text\n") },
	};
	struct oid tree = fake_tree(f, 1, all);

	fake_ref(f, NULL, &tree);
	source.fake = f;
	h = (struct harness){ .source = &source, .nsource = 1,
			      .portmap_port = port_free() };
	harness_start(&h);
	raw_open(&nfs, h.port);
	raw_open(&pmap, h.portmap_port);
	ck_assert_uint_eq(call_mnt(&nfs, "/", &top), N3_OK);
	ck_assert_uint_eq(call_walk(&nfs, &top, "src/file", &file, NULL),
			  N3_OK);
}

static void teardown(void)
{
	raw_close(&nfs);
	raw_close(&pmap);
	harness_stop(&h);
	fake_free(source.fake);
}

/* ---- calls ---- */

static uint32_t mapping2(struct raw *raw, uint32_t proc, uint32_t prog,
			 uint32_t vers, uint32_t prot, uint32_t port)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	uint32_t ret;

	raw_head(&call, ++raw->xid, PMAP, 2, proc);
	wire_put32(&call, prog);
	wire_put32(&call, vers);
	wire_put32(&call, prot);
	wire_put32(&call, port);
	raw_call(raw, &call, &reply);
	ret = wire_get32(&reply);
	wire_end(&reply);
	return ret;
}

static void put_binding(struct wire *call, uint32_t prog, uint32_t vers,
			const char *netid, const char *addr)
{
	wire_put32(call, prog);
	wire_put32(call, vers);
	wire_put_opaque(call, netid, strlen(netid));
	wire_put_opaque(call, addr, strlen(addr));
	wire_put_opaque(call, "me", 2);
}

/* The address that RPCBIND tells; lives until the next call. */
static const char *getaddr(struct raw *raw, uint32_t rpcbvers, uint32_t prog,
			   uint32_t vers, const char *netid)
{
	static char ret[64];
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	const uint8_t *text;
	size_t len;

	raw_head(&call, ++raw->xid, PMAP, rpcbvers, GETADDR);
	put_binding(&call, prog, vers, netid, "");
	raw_call(raw, &call, &reply);
	text = wire_get_opaque(&reply, sizeof ret - 1, &len);
	snprintf(ret, sizeof ret, "%.*s", (int)len, (const char *)text);
	wire_end(&reply);
	return ret;
}

static bool binding3(struct raw *raw, uint32_t proc, uint32_t prog,
		     uint32_t vers, const char *netid, const char *addr)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	bool ret;

	raw_head(&call, ++raw->xid, PMAP, 4, proc);
	put_binding(&call, prog, vers, netid, addr);
	raw_call(raw, &call, &reply);
	ret = wire_get_bool(&reply);
	wire_end(&reply);
	return ret;
}

static char *uaddr(uint16_t port)
{
	static char ret[32];

	snprintf(ret, sizeof ret, "127.0.0.1.%u.%u", port >> 8, port & 0xff);
	return ret;
}

/* ---- what it tells ---- */

START_TEST(ports_of_ours)
{
	struct raw *const raw[] = { &pmap, &nfs };

	for (size_t i = 0; i < 2; i++) {
		struct raw *r = raw[i];

		ck_assert_uint_eq(mapping2(r, GETPORT, RAW_NFS, 3, TCP, 0),
				  h.port);
		ck_assert_uint_eq(mapping2(r, GETPORT, RAW_MOUNT, 3, TCP, 0),
				  h.port);
		ck_assert_uint_eq(mapping2(r, GETPORT, NLM, 4, TCP, 0),
				  h.port);
		ck_assert_uint_eq(mapping2(r, GETPORT, PMAP, 2, TCP, 0),
				  h.portmap_port);
		ck_assert_uint_eq(mapping2(r, GETPORT, PMAP, 2, UDP, 0),
				  h.portmap_port);
		/* Who asks for another version is told there which it is. */
		ck_assert_uint_eq(mapping2(r, GETPORT, RAW_NFS, 4, TCP, 0),
				  h.port);
		ck_assert_uint_eq(mapping2(r, GETPORT, RAW_MOUNT, 1, TCP, 0),
				  h.port);
		/* But nothing is served by UDP or by IPv6. */
		ck_assert_uint_eq(mapping2(r, GETPORT, RAW_NFS, 3, UDP, 0), 0);
		ck_assert_uint_eq(mapping2(r, GETPORT, RAW_NFS, 3, 99, 0), 0);
		ck_assert_uint_eq(mapping2(r, GETPORT, 100024, 1, TCP, 0), 0);
		for (uint32_t v = 3; v <= 4; v++) {
			ck_assert_str_eq(getaddr(r, v, RAW_NFS, 3, "tcp"),
					 uaddr(h.port));
			ck_assert_str_eq(getaddr(r, v, RAW_NFS, 3, ""),
					 uaddr(h.port));
			ck_assert_str_eq(getaddr(r, v, RAW_NFS, 3, "udp"), "");
			ck_assert_str_eq(getaddr(r, v, RAW_NFS, 3, "tcp6"),
					 "");
			ck_assert_str_eq(getaddr(r, v, RAW_NFS, 3, "tc"), "");
			ck_assert_str_eq(getaddr(r, v, 100024, 1, "tcp"), "");
		}
	}
}
END_TEST

START_TEST(everything_is_listed)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 }, call4 = { 0 };
	uint32_t n = 0, ours = 0;

	raw_head(&call, ++pmap.xid, PMAP, 2, DUMP);
	raw_call(&pmap, &call, &reply);
	while (wire_get_bool(&reply)) {
		uint32_t prog = wire_get32(&reply), vers = wire_get32(&reply);
		uint32_t prot = wire_get32(&reply), port = wire_get32(&reply);

		n++;
		ck_assert(prot == TCP || (prot == UDP && prog == PMAP));
		ck_assert_uint_eq(port, prog == PMAP ? h.portmap_port :
						       h.port);
		ours += prog == RAW_NFS && vers == 3;
		ours += prog == RAW_MOUNT && vers == 3;
		ours += prog == NLM && vers == 4;
	}
	wire_end(&reply);
	ck_assert_uint_eq(ours, 3);
	ck_assert_uint_eq(n, 3 + 2 * 3);

	raw_head(&call4, ++pmap.xid, PMAP, 4, DUMP);
	raw_call(&pmap, &call4, &reply);
	for (ours = 0; wire_get_bool(&reply); n--) {
		uint32_t prog = wire_get32(&reply);
		const char *addr;
		size_t len;

		wire_get32(&reply);
		wire_get_opaque(&reply, 4, &len);
		addr = (const char *)wire_get_opaque(&reply, 64, &len);
		ours += prog == RAW_NFS && len == strlen(uaddr(h.port)) &&
			!memcmp(addr, uaddr(h.port), len);
		wire_get_opaque(&reply, 64, &len);
	}
	wire_end(&reply);
	ck_assert_uint_eq(ours, 1);
	ck_assert_uint_eq(n, 0);
}
END_TEST

/* Accepted, with this accept_stat. */
static void expect(struct raw *raw, const struct wire *call, uint32_t why)
{
	CLEANUP_WIRE struct wire reply = { 0 };
	struct raw_reply r;

	raw_record(raw, call);
	ck_assert(raw_receive(raw, &reply));
	r = raw_reply(&reply);
	ck_assert_uint_eq(r.stat, RAW_ACCEPTED);
	ck_assert_uint_eq(r.why, why);
	if (why == RAW_PROG_MISMATCH) {
		ck_assert_uint_eq(wire_get32(&reply), 2);
		ck_assert_uint_eq(wire_get32(&reply), 4);
	}
	wire_end(&reply);
}

START_TEST(what_it_is_not)
{
	static const struct {
		uint32_t prog, vers, proc, why;
	} call[] = {
		{ PMAP, 2, 0, RAW_SUCCESS },
		{ PMAP, 3, 0, RAW_SUCCESS },
		{ PMAP, 4, 0, RAW_SUCCESS },
		{ PMAP, 1, 0, RAW_PROG_MISMATCH },
		{ PMAP, 5, 0, RAW_PROG_MISMATCH },
		/* CALLIT and kin, which amplify and launder. */
		{ PMAP, 2, 5, RAW_PROC_UNAVAIL },
		{ PMAP, 3, 5, RAW_PROC_UNAVAIL },
		{ PMAP, 4, 5, RAW_PROC_UNAVAIL },
		{ PMAP, 4, 10, RAW_PROC_UNAVAIL },
		{ PMAP, 2, GETPORT, RAW_GARBAGE_ARGS },
		{ PMAP, 2, SET, RAW_GARBAGE_ARGS },
		{ PMAP, 3, GETADDR, RAW_GARBAGE_ARGS },
		{ PMAP, 4, UNSET, RAW_GARBAGE_ARGS },
		/* The port mapper's port is for that alone. */
		{ RAW_NFS, 3, 0, RAW_PROG_UNAVAIL },
		{ RAW_MOUNT, 3, 1, RAW_PROG_UNAVAIL },
		{ NLM, 4, 0, RAW_PROG_UNAVAIL },
	};

	for (size_t i = 0; i < sizeof call / sizeof *call; i++) {
		CLEANUP_WIRE struct wire w = { 0 };

		raw_head(&w, ++pmap.xid, call[i].prog, call[i].vers,
			 call[i].proc);
		expect(&pmap, &w, call[i].why);
	}
}
END_TEST

/* ---- others on this machine ---- */

START_TEST(strangers_set_nothing)
{
	ck_assert(!mapping2(&pmap, SET, FOREIGN, 1, TCP, 999));
	ck_assert(!binding3(&pmap, SET, FOREIGN, 1, "tcp", "0.0.0.0.3.4"));
	ck_assert(!mapping2(&pmap, UNSET, RAW_NFS, 3, 0, 0));
	ck_assert_uint_eq(mapping2(&pmap, GETPORT, FOREIGN, 1, TCP, 0), 0);
	ck_assert_uint_eq(mapping2(&pmap, GETPORT, RAW_NFS, 3, TCP, 0),
			  h.port);
}
END_TEST

/* From a reserved port, as root's programs call. */
static bool open_reserved(struct raw *raw)
{
	for (uint16_t port = 1023; port > 900; port--)
		if (raw_open_from(raw, h.portmap_port, "127.0.0.1", port))
			return true;
	return false;
}

START_TEST(roots_programs_may)
{
	CLEANUP_RAW struct raw root = { .fd = -1 };
	const char *const bad[] = { "", "0.0.0.0", "1", "1.2.3.4.0.0",
				    "1.2.3.4.256.1", "1.2.3.4.-1.1",
				    "1.2.3.4.1.x", "....." };

	if (geteuid() || !open_reserved(&root))
		return;
	ck_assert(mapping2(&root, SET, FOREIGN, 1, TCP, 999));
	ck_assert(mapping2(&root, SET, FOREIGN, 1, TCP, 999));
	ck_assert(!mapping2(&root, SET, FOREIGN, 1, TCP, 998));
	ck_assert(binding3(&root, SET, FOREIGN, 2, "udp6", "::.1.2"));
	ck_assert(!binding3(&root, SET, FOREIGN, 2, "local", "/run/it"));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert(!binding3(&root, SET, FOREIGN, 3, "tcp", bad[i]));
	ck_assert_uint_eq(mapping2(&pmap, GETPORT, FOREIGN, 1, TCP, 0), 999);
	ck_assert_str_eq(getaddr(&pmap, 4, FOREIGN, 2, "udp6"), "::.1.2");

	/* Ours cannot be replaced, but the kernel's lock manager must not
	 * be told so. */
	ck_assert(!mapping2(&root, UNSET, NLM, 4, 0, 0));
	ck_assert(mapping2(&root, SET, NLM, 4, TCP, 777));
	ck_assert_uint_eq(mapping2(&root, GETPORT, NLM, 4, TCP, 0), h.port);

	ck_assert(mapping2(&root, UNSET, FOREIGN, 1, 0, 0));
	ck_assert(!mapping2(&root, UNSET, FOREIGN, 1, 0, 0));
	ck_assert(binding3(&root, UNSET, FOREIGN, 2, "", ""));
	ck_assert_uint_eq(mapping2(&root, GETPORT, FOREIGN, 2, TCP, 0), 0);

	/* There is an end to it. */
	for (uint32_t i = 0; i < REGISTRY_MAX; i++)
		mapping2(&root, SET, FOREIGN + i, 1, TCP, 1000 + i);
	ck_assert(!mapping2(&root, SET, FOREIGN - 1, 1, TCP, 1000));
	ck_assert_uint_eq(mapping2(&root, GETPORT, RAW_NFS, 3, TCP, 0),
			  h.port);
}
END_TEST

enum { ALIVE = 1001, DEAD = 1002 };

static bool alive(uint16_t port, uint32_t program, uint32_t version)
{
	return port == ALIVE && program == FOREIGN && version == 1;
}

/* A registry at which others have set what another one has kept. */
static struct registry *kept(const char *dir)
{
	struct registry *r;

	ck_assert(!registry_new(&r));
	ck_assert(!registry_keep(r, dir, alive));
	return r;
}

START_TEST(others_are_still_there)
{
	static const struct mapping set[] = {
		{ FOREIGN, 1, NETID_TCP, ALIVE, false },
		{ FOREIGN, 1, NETID_UDP6, 1003, false },
		{ FOREIGN, 2, NETID_TCP, DEAD, false },
		{ FOREIGN, 2, NETID_UDP, 1004, false },
		{ FOREIGN, 3, NETID_UDP, 1005, false },
		{ RAW_NFS, 3, NETID_TCP, 2049, true },
		{ FOREIGN, 4, NETID_TCP, ALIVE, false },
	};
	struct mapping all[REGISTRY_MAX];
	CLEANUP_FREE char *path = NULL;
	struct registry *r = kept(h.dir);
	FILE *f;

	ck_assert_uint_eq(registry_list(r, all), 0);
	for (size_t i = 0; i < sizeof set / sizeof *set; i++)
		ck_assert(!registry_set(r, &set[i]));
	registry_unset(r, FOREIGN, 4, NETID_TCP);
	registry_free(r);

	r = kept(h.dir);
	ck_assert_uint_eq(registry_list(r, all), 2);
	ck_assert_uint_eq(registry_port(r, FOREIGN, 1, NETID_TCP), ALIVE);
	ck_assert_uint_eq(registry_port(r, FOREIGN, 1, NETID_UDP6), 1003);
	registry_unset(r, FOREIGN, 1, NETIDS);
	registry_free(r);

	/* What is no line of it, and a directory that is not there. */
	r = kept(h.dir);
	ck_assert_uint_eq(registry_list(r, all), 0);
	registry_free(r);
	ck_assert_int_ge(asprintf(&path, "%s/portmap", h.dir), 0);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs("4 1 tcp\n\n400100 1 sctp 1001\nx\n400100 1 tcp 1001\n"
	      "400100 1 udp 10", f);
	fclose(f);
	r = kept(h.dir);
	ck_assert_uint_eq(registry_list(r, all), 2);
	registry_free(r);
	r = kept("/nowhere");
	ck_assert(!registry_set(r, &set[0]));
	ck_assert_uint_eq(registry_port(r, FOREIGN, 1, NETID_TCP), ALIVE);
	registry_free(r);
}
END_TEST

/* ---- datagrams ---- */

struct udp {
	int fd;
	struct sockaddr_in to;
};

static void udp_open(struct udp *u, struct in_addr from, struct in_addr to)
{
	const struct sockaddr_in own = { .sin_family = AF_INET,
					 .sin_addr = from };

	u->to = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr = to };
	u->to.sin_port = htons(h.portmap_port);
	u->fd = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert(!bind(u->fd, (const struct sockaddr *)&own, sizeof own));
}

static void udp_send(struct udp *u, const struct wire *call)
{
	ck_assert_int_eq(sendto(u->fd, call->p, call->len, 0,
				(struct sockaddr *)&u->to, sizeof u->to),
			 (ssize_t)call->len);
}

/* False: nothing has come in so many milliseconds. */
static bool udp_receive(struct udp *u, int wait_ms, struct wire *ret)
{
	struct pollfd p = { .fd = u->fd, .events = POLLIN };
	uint8_t data[65536];
	ssize_t n;

	if (poll(&p, 1, wait_ms) <= 0)
		return false;
	n = recv(u->fd, data, sizeof data, 0);
	ck_assert_int_ge(n, 0);
	ret->len = ret->at = 0;
	wire_put_bytes(ret, data, (size_t)n);
	return true;
}

static const struct in_addr loopback = { .s_addr = 0 };

static void udp_local(struct udp *u)
{
	struct in_addr a = loopback;

	a.s_addr = htonl(INADDR_LOOPBACK);
	udp_open(u, a, a);
}

static void getport_call(struct wire *call, uint32_t xid)
{
	raw_head_auth(call, xid, PMAP, 2, GETPORT, 0, NULL, 0);
	wire_put32(call, RAW_NFS);
	wire_put32(call, 3);
	wire_put32(call, TCP);
	wire_put32(call, 0);
}

static void expect_port(struct udp *u, uint32_t xid)
{
	CLEANUP_WIRE struct wire reply = { 0 };
	struct raw_reply r;

	ck_assert(udp_receive(u, 20000, &reply));
	r = raw_reply(&reply);
	ck_assert_uint_eq(r.xid, xid);
	ck_assert_uint_eq(r.why, RAW_SUCCESS);
	ck_assert_uint_eq(wire_get32(&reply), h.port);
	wire_end(&reply);
}

START_TEST(datagrams)
{
	CLEANUP_WIRE struct wire call = { 0 }, dump = { 0 }, other = { 0 };
	CLEANUP_WIRE struct wire reply = { 0 }, set = { 0 };
	struct udp u;
	size_t whole;

	udp_local(&u);
	getport_call(&call, 1);
	udp_send(&u, &call);
	expect_port(&u, 1);

	/* To this machine also what is longer than its question. */
	raw_head_auth(&dump, 2, PMAP, 2, DUMP, 0, NULL, 0);
	udp_send(&u, &dump);
	ck_assert(udp_receive(&u, 20000, &reply));
	ck_assert_uint_eq(raw_reply(&reply).why, RAW_SUCCESS);
	ck_assert_uint_gt(reply.len, dump.len);

	raw_head_auth(&other, 3, RAW_MOUNT, 3, 1, 0, NULL, 0);
	udp_send(&u, &other);
	ck_assert(udp_receive(&u, 20000, &reply));
	ck_assert_uint_eq(raw_reply(&reply).why, RAW_PROG_UNAVAIL);

	/* No datagram sets anything. */
	raw_head_auth(&set, 4, PMAP, 2, SET, 0, NULL, 0);
	for (int i = 0; i < 4; i++)
		wire_put32(&set, 1);
	udp_send(&u, &set);
	ck_assert(udp_receive(&u, 20000, &reply));
	ck_assert_uint_eq(raw_reply(&reply).why, RAW_SUCCESS);
	ck_assert(!wire_get_bool(&reply));

	/* What is no call gets no answer; the next one does. */
	whole = call.len;
	for (size_t len = 0; len < whole; len++) {
		call.len = len;
		udp_send(&u, &call);
	}
	call.len = whole;
	udp_send(&u, &call);
	do {
		ck_assert(udp_receive(&u, 20000, &reply));
	} while (raw_reply(&reply).why == RAW_GARBAGE_ARGS);
	ck_assert_uint_eq(wire_get32(&reply), h.port);
	close(u.fd);
}
END_TEST

/* An address of this machine that is not loopback's. */
static bool own_address(struct in_addr *ret)
{
	struct ifaddrs *all;
	bool found = false;

	if (getifaddrs(&all))
		return false;
	for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET ||
		    !(i->ifa_flags & IFF_UP) || i->ifa_flags & IFF_LOOPBACK)
			continue;
		*ret = ((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr;
		found = true;
	}
	freeifaddrs(all);
	return found;
}

/* A forged sender gets no more than its forger has sent. */
START_TEST(nothing_is_amplified)
{
	CLEANUP_WIRE struct wire call = { 0 }, dump = { 0 }, reply = { 0 };
	struct in_addr own;
	struct udp u;

	if (!own_address(&own))
		return;
	harness_halt(&h);
	raw_close(&nfs);
	raw_close(&pmap);
	h.listen = "0.0.0.0:0";
	harness_resume(&h);
	udp_open(&u, own, own);
	raw_head_auth(&dump, 1, PMAP, 2, DUMP, 0, NULL, 0);
	udp_send(&u, &dump);
	/* Answered in order, if at all. */
	getport_call(&call, 2);
	udp_send(&u, &call);
	ck_assert(udp_receive(&u, 20000, &reply));
	ck_assert_uint_eq(raw_reply(&reply).xid, 2);
	ck_assert_uint_le(reply.len, call.len);
	close(u.fd);
	raw_open(&nfs, h.port);
	raw_open(&pmap, h.portmap_port);
}
END_TEST

/* Who asks at one of several addresses is answered from there, and told it. */
START_TEST(answers_come_from_where_the_question_went)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	const struct in_addr from = { htonl(INADDR_LOOPBACK) };
	const struct in_addr to = { htonl(INADDR_LOOPBACK + 1) };
	char told[64];
	const uint8_t *text;
	struct udp u;
	size_t len;

	harness_halt(&h);
	raw_close(&nfs);
	raw_close(&pmap);
	h.listen = "0.0.0.0:0";
	harness_resume(&h);
	raw_open(&nfs, h.port);
	raw_open(&pmap, h.portmap_port);
	udp_open(&u, from, to);
	/* Of others nothing is received. */
	ck_assert(!connect(u.fd, (const struct sockaddr *)&u.to, sizeof u.to));
	raw_head_auth(&call, 1, PMAP, 3, GETADDR, 0, NULL, 0);
	put_binding(&call, RAW_NFS, 3, "tcp", "");
	ck_assert_int_eq(send(u.fd, call.p, call.len, 0), (ssize_t)call.len);
	ck_assert(udp_receive(&u, 20000, &reply));
	ck_assert_uint_eq(raw_reply(&reply).why, RAW_SUCCESS);
	text = wire_get_opaque(&reply, sizeof told - 1, &len);
	snprintf(told, sizeof told, "%.*s", (int)len, (const char *)text);
	ck_assert_int_eq(strncmp(told, "127.0.0.2.", 10), 0);
	close(u.fd);
}
END_TEST

/* ---- locks ---- */

static void put_lock(struct wire *w, const struct fh *fh)
{
	wire_put_opaque(w, "client", 6);
	wire_put_opaque(w, fh->data, fh->len);
	wire_put_opaque(w, "owner", 5);
	wire_put32(w, 4711);
	wire_put64(w, 0);
	wire_put64(w, UINT64_MAX);
}

enum { TEST = 1, LOCK = 2, CANCEL = 3, UNLOCK = 4, NM_LOCK = 22 };

static uint32_t nlm(uint32_t proc, bool exclusive, const struct fh *fh)
{
	CLEANUP_WIRE struct wire call = { 0 }, reply = { 0 };
	const uint8_t *cookie;
	uint32_t ret;
	size_t len;

	raw_head(&call, ++nfs.xid, NLM, 4, proc);
	wire_put_opaque(&call, "cookie!", 7);
	if (proc != UNLOCK && proc != TEST)
		wire_put32(&call, true);        /* it would wait */
	if (proc != UNLOCK)
		wire_put32(&call, exclusive);
	put_lock(&call, fh);
	if (proc == LOCK || proc == NM_LOCK) {
		wire_put32(&call, false);
		wire_put32(&call, 1);
	}
	raw_call(&nfs, &call, &reply);
	cookie = wire_get_opaque(&reply, 1024, &len);
	ck_assert_uint_eq(len, 7);
	ck_assert(!memcmp(cookie, "cookie!", 7));
	ret = wire_get32(&reply);
	wire_end(&reply);
	return ret;
}

START_TEST(locks)
{
	struct fh bad = file;

	bad.data[bad.len - 1] ^= 1;
	for (uint32_t proc = LOCK; proc <= NM_LOCK; proc += NM_LOCK - LOCK) {
		ck_assert_uint_eq(nlm(proc, false, &file), GRANTED);
		ck_assert_uint_eq(nlm(proc, true, &file), ROFS);
		ck_assert_uint_eq(nlm(proc, false, &bad), STALE_FH);
		ck_assert_uint_eq(nlm(proc, true, &bad), STALE_FH);
	}
	ck_assert_uint_eq(nlm(TEST, false, &file), GRANTED);
	ck_assert_uint_eq(nlm(TEST, true, &file), GRANTED);
	ck_assert_uint_eq(nlm(TEST, true, &bad), STALE_FH);
	ck_assert_uint_eq(nlm(CANCEL, false, &file), GRANTED);
	ck_assert_uint_eq(nlm(UNLOCK, false, &file), GRANTED);
	bad.len = 0;
	ck_assert_uint_eq(nlm(LOCK, false, &bad), STALE_FH);
}
END_TEST

START_TEST(lock_calls_that_are_not)
{
	/* GRANTED, the messages and their results, shares. */
	static const uint32_t missing[] = { 5, 6, 10, 11, 15, 16, 19, 20, 21,
					    24, UINT32_MAX };
	static const uint32_t args[] = { TEST, LOCK, CANCEL, UNLOCK, NM_LOCK,
					 23 };

	for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
		CLEANUP_WIRE struct wire w = { 0 };

		raw_head(&w, ++nfs.xid, NLM, 4, missing[i]);
		expect(&nfs, &w, RAW_PROC_UNAVAIL);
	}
	for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
		CLEANUP_WIRE struct wire w = { 0 };

		raw_head(&w, ++nfs.xid, NLM, 4, args[i]);
		wire_put32(&w, 1025);
		expect(&nfs, &w, RAW_GARBAGE_ARGS);
	}
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, ports_of_ours);
	tcase_add_test(tc, everything_is_listed);
	tcase_add_test(tc, what_it_is_not);
	tcase_add_test(tc, strangers_set_nothing);
	tcase_add_test(tc, roots_programs_may);
	tcase_add_test(tc, others_are_still_there);
	tcase_add_test(tc, datagrams);
#ifdef __linux__                /* has all of 127.0.0.0/8 */
	tcase_add_test(tc, answers_come_from_where_the_question_went);
#endif
	tcase_add_test(tc, nothing_is_amplified);
	tcase_add_test(tc, locks);
	tcase_add_test(tc, lock_calls_that_are_not);
}

int main(void)
{
	return harness_main("it_portmap", 60, add_tests, NULL);
}
