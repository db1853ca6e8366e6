/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/bench/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void die(const char *what)
{
	fprintf(stderr, "load: %s\n", what);
	exit(2);
}

void *grow(void *p, size_t n, size_t size)
{
	if (n & (n - 1))
		return p;
	p = realloc(p, (n ? 2 * n : 1) * size);
	if (!p)
		die("out of memory");
	return p;
}

struct writer begin_call(uint8_t *p, uint32_t xid, uint32_t program,
			 uint32_t proc)
{
	struct writer w = { p + 4, p + CALL_MAX, false };

	put32(&w, xid);
	put32(&w, 0);                   /* CALL */
	put32(&w, 2);
	put32(&w, program);
	put32(&w, V3);
	put32(&w, proc);
	put32(&w, 1);                   /* AUTH_SYS */
	put32(&w, 24);
	put32(&w, 0);
	put_opaque(&w, "load", 4);
	put32(&w, 0);
	put32(&w, 0);
	put32(&w, 0);
	put64(&w, 0);                   /* AUTH_NONE */
	return w;
}

size_t end_call(uint8_t *p, const struct writer *w)
{
	size_t len = (size_t)(w->p - p);

	if (w->bad)
		die("a call is too long");
	store32(p, LAST | (uint32_t)(len - 4));
	return len;
}

void put_fh(struct writer *w, const struct fh *fh)
{
	put_opaque(w, fh->data, fh->len);
}

void put_readdirplus(struct writer *w, const struct fh *fh, uint64_t cookie,
		     uint64_t verf)
{
	put_fh(w, fh);
	put64(w, cookie);
	put64(w, verf);
	put32(w, PAGE);
	put32(w, PAGE);
}

bool get_head(struct reader *r, uint32_t *ret_xid)
{
	uint32_t xid = get32(r);
	bool ok = get32(r) == 1 && get32(r) == 0;
	size_t len;

	get32(r);
	get_opaque(r, 400, &len);
	ok = !get32(r) && ok && !r->bad;
	if (ok)
		*ret_xid = xid;
	return ok;
}

struct fh get_fh(struct reader *r)
{
	struct fh fh = { .len = 0 };
	size_t len;
	const uint8_t *p = get_opaque(r, FH_MAX, &len);

	fh.len = (uint8_t)len;
	if (p)
		memcpy(fh.data, p, len);
	return fh;
}

const uint8_t *get_attr(struct reader *r)
{
	return get32(r) ? get_bytes(r, ATTR) : NULL;
}

uint32_t attr_type(const uint8_t *a) { return load32(a); }
uint64_t attr_size(const uint8_t *a) { return load64(a + 20); }
uint64_t attr_fileid(const uint8_t *a) { return load64(a + 52); }

bool get_entry(struct reader *r, struct entry *ret)
{
	if (!get32(r))
		return false;
	get64(r);
	ret->name = (const char *)get_opaque(r, NAME_MAX_, &ret->len);
	ret->cookie = get64(r);
	ret->attr = get_attr(r);
	ret->fh.len = 0;
	if (get32(r))
		ret->fh = get_fh(r);
	return !r->bad;
}

bool is_dot(const struct entry *e)
{
	return e->len && e->len <= 2 && !memcmp(e->name, "..", e->len);
}

int connect_to(int port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
		die(strerror(errno));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	return fd;
}
