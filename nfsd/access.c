/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "nfsd/access.h"
#include "nfsd/xdr.h"

enum { RESERVED_PORT = 1024, V4_BITS = 32, V6_BITS = 128 };

/* ::ffff:0:0/96 */
static const uint64_t V4_MAPPED = UINT64_C(0xffff) << 32;

struct network {
	uint64_t high, low;             /* masked */
	uint64_t high_mask, low_mask;
};

struct uids {
	uint32_t first, last;
};

struct rule {
	char *section;
	struct network *network;        /* none: any */
	size_t nnetwork;
	struct uids *uid;               /* none: any */
	size_t nuid;
	bool reserved_port;
	char *secret;                   /* or NULL */
};

/* ---- making one ---- */

int rule_new(struct rule **ret, const char *section)
{
	struct rule *r = calloc(1, sizeof *r);

	if (!r)
		return -ENOMEM;
	r->section = strdup(section);
	if (!r->section) {
		free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

void rule_free(struct rule *r)
{
	if (!r)
		return;
	free(r->section);
	free(r->network);
	free(r->uid);
	free(r->secret);
	free(r);
}

static int parse_address(const char *text, uint64_t *high, uint64_t *low,
			 unsigned *bits)
{
	uint8_t raw[16];

	if (inet_pton(AF_INET, text, raw) == 1) {
		*high = 0;
		*low = V4_MAPPED | load32(raw);
		*bits = V4_BITS;
	} else if (inet_pton(AF_INET6, text, raw) == 1) {
		*high = load64(raw);
		*low = load64(raw + 8);
		*bits = V6_BITS;
	} else {
		return -EINVAL;
	}
	return 0;
}

/* A number in figures and nothing else, up to 'end'. */
static int parse_number(const char *text, const char *end, uint32_t max,
			uint32_t *ret)
{
	uint64_t n = 0;

	if (text == end)
		return -EINVAL;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		n = 10 * n + (uint64_t)(*text - '0');
		if (n > max)
			return -EINVAL;
	}
	*ret = (uint32_t)n;
	return 0;
}

/* The upper 'n' of 64 bits. */
static uint64_t mask_of(unsigned n)
{
	return !n ? 0 : n >= 64 ? UINT64_MAX : UINT64_MAX << (64 - n);
}

static int parse_network(const char *text, struct network *ret)
{
	const char *slash = strchr(text, '/');
	CLEANUP_FREE char *host = slash ? strndup(text,
						  (size_t)(slash - text)) :
					  strdup(text);
	unsigned bits;
	uint32_t prefix;
	uint64_t high, low;

	if (!host)
		return -ENOMEM;
	if (!strcmp(text, "any")) {
		*ret = (struct network){ 0 };
		return 0;
	}
	if (parse_address(host, &high, &low, &bits))
		return -EINVAL;
	prefix = bits;
	if (slash && parse_number(slash + 1, text + strlen(text), bits,
				  &prefix))
		return -EINVAL;
	prefix += V6_BITS - bits;
	*ret = (struct network){
		.high_mask = mask_of(prefix),
		.low_mask = prefix > 64 ? mask_of(prefix - 64) : 0,
	};
	/* Bits behind the prefix are a slip of the pen, and which of the two
	 * was meant is anybody's guess. */
	if ((high & ~ret->high_mask) || (low & ~ret->low_mask))
		return -EINVAL;
	ret->high = high;
	ret->low = low;
	return 0;
}

bool rule_is_network(const char *text)
{
	struct network ignored;

	return !parse_network(text, &ignored);
}

int rule_add_network(struct rule *r, const char *text)
{
	struct network *more, new;
	int err = parse_network(text, &new);

	if (err)
		return err;
	more = realloc(r->network, (r->nnetwork + 1) * sizeof *more);
	if (!more)
		return -ENOMEM;
	r->network = more;
	more[r->nnetwork++] = new;
	return 0;
}

static int parse_uids(const char *text, struct uids *ret)
{
	const char *end = text + strlen(text), *dash = strchr(text, '-');

	if (parse_number(text, dash ? dash : end, UINT32_MAX, &ret->first))
		return -EINVAL;
	ret->last = ret->first;
	if (!dash)
		return 0;
	return parse_number(dash + 1, end, UINT32_MAX, &ret->last) ||
	       ret->last < ret->first ? -EINVAL : 0;
}

bool rule_is_uid(const char *text)
{
	struct uids ignored;

	return !parse_uids(text, &ignored);
}

int rule_add_uid(struct rule *r, const char *text)
{
	struct uids *more, new;

	if (parse_uids(text, &new))
		return -EINVAL;
	more = realloc(r->uid, (r->nuid + 1) * sizeof *more);
	if (!more)
		return -ENOMEM;
	r->uid = more;
	more[r->nuid++] = new;
	return 0;
}

void rule_set_reserved_port(struct rule *r, bool needed)
{
	r->reserved_port = needed;
}

int rule_read_secret(struct rule *r, const char *file)
{
	char line[RULE_SECRET_MAX + 2];
	CLEANUP_FD int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n;
	size_t len;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return -EPERM;
	n = read(fd, line, sizeof line - 1);
	if (n < 0)
		return -errno;
	line[n] = '\0';
	len = strcspn(line, "\r\n");
	line[len] = '\0';
	if (len < RULE_SECRET_MIN || len > RULE_SECRET_MAX)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)line[i]) &&
		    !strchr("-_.", line[i]))
			return -EINVAL;
	free(r->secret);
	r->secret = strdup(line);
	return r->secret ? 0 : -ENOMEM;
}

void rule_swap(struct rule *a, struct rule *b)
{
	struct rule was = *a;

	*a = *b;
	*b = was;
}

bool rule_restricts(const struct rule *r)
{
	return r && (r->nnetwork || r->secret);
}

bool rule_trusts_anybody(const struct rule *r)
{
	return r && r->nuid && !r->reserved_port;
}

/* ---- asking ---- */

struct client client_at(const struct sockaddr *addr, socklen_t len,
			const struct rule *rule)
{
	struct client c = { .rule = rule };

	if (addr->sa_family == AF_INET &&
	    len >= (socklen_t)sizeof(struct sockaddr_in)) {
		const struct sockaddr_in *in = (const void *)addr;

		c.low = V4_MAPPED | ntohl(in->sin_addr.s_addr);
		c.port = ntohs(in->sin_port);
		c.known = true;
	} else if (addr->sa_family == AF_INET6 &&
		   len >= (socklen_t)sizeof(struct sockaddr_in6)) {
		const struct sockaddr_in6 *in6 = (const void *)addr;

		c.high = load64(in6->sin6_addr.s6_addr);
		c.low = load64(in6->sin6_addr.s6_addr + 8);
		c.port = ntohs(in6->sin6_port);
		c.known = true;
	}
	return c;
}

void client_text(const struct client *c, char ret[CLIENT_TEXT])
{
	uint8_t a[16];
	char text[INET6_ADDRSTRLEN] = "";
	bool v4 = !c->high && c->low >> 32 == 0xffff;

	for (int i = 0; i < 8; i++) {
		a[i] = (uint8_t)(c->high >> (56 - 8 * i));
		a[8 + i] = (uint8_t)(c->low >> (56 - 8 * i));
	}
	if (c->known)
		inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a + 12 : a, text,
			  sizeof text);
	snprintf(ret, CLIENT_TEXT, v4 ? "%s:%u" : "[%s]:%u", text, c->port);
}

bool client_is_local(const struct client *c)
{
	return c->known && !c->high &&
	       (c->low == 1 || c->low >> 24 == (V4_MAPPED | 127 << 24) >> 24);
}

static bool admits_address(const struct rule *r, const struct client *c)
{
	if (!r->nnetwork)
		return true;
	for (size_t i = 0; c->known && i < r->nnetwork; i++)
		if ((c->high & r->network[i].high_mask) == r->network[i].high &&
		    (c->low & r->network[i].low_mask) == r->network[i].low)
			return true;
	return false;
}

static bool admits_uid(const struct rule *r, const struct caller *caller)
{
	if (!r->nuid)
		return true;
	for (size_t i = 0; caller->has_uid && i < r->nuid; i++)
		if (caller->uid >= r->uid[i].first &&
		    caller->uid <= r->uid[i].last)
			return true;
	return false;
}

static const char *key_against(const struct rule *r,
			       const struct caller *caller)
{
	const struct client *c = caller->client;

	if (!admits_address(r, c))
		return "allow";
	if (r->reserved_port && (!c->port || c->port >= RESERVED_PORT))
		return "reserved-port";
	return admits_uid(r, caller) ? NULL : "uid";
}

/* One line that tells what to change, if it was not meant so. */
static void log_refusal(const struct rule *r, const struct caller *caller,
			const char *key)
{
	const struct client *c = caller->client;
	char text[INET6_ADDRSTRLEN] = "?", uid[12] = "none";
	struct in6_addr addr;
	uint32_t v4;

	store64(addr.s6_addr, c->high);
	store64(addr.s6_addr + 8, c->low);
	if (IN6_IS_ADDR_V4MAPPED(&addr)) {
		v4 = htonl((uint32_t)c->low);
		inet_ntop(AF_INET, &v4, text, sizeof text);
	} else if (c->known) {
		inet_ntop(AF_INET6, &addr, text, sizeof text);
	}
	if (caller->has_uid)
		snprintf(uid, sizeof uid, "%u", caller->uid);
	log_warning("refused", "client=%s port=%u uid=%s by=%s.%s "
		    "do=if it is to be admitted, say so there", text, c->port,
		    uid, r->section, key);
}

bool rule_admits(const struct rule *r, const struct caller *caller)
{
	const char *key = r ? key_against(r, caller) : NULL;

	if (key)
		log_refusal(r, caller, key);
	return !key;
}

bool rule_admits_address(const struct rule *r, const struct client *c)
{
	return !r || admits_address(r, c);
}

bool rule_lets_in(const struct rule *r, const struct caller *caller,
		  bool secret)
{
	if (!rule_admits(r, caller))
		return false;
	if (!r || !r->secret || secret)
		return true;
	log_refusal(r, caller, "secret-file");
	return false;
}

bool rule_would_let_in(const struct rule *r, const struct caller *caller)
{
	return !r || (!r->secret && !key_against(r, caller));
}

bool rule_takes_secret(const struct rule *r, const char **path, size_t *len)
{
	const char *p = *path, *end = p + *len, *start;
	unsigned char differ = 0;
	size_t want;

	if (!r || !r->secret)
		return false;
	want = strlen(r->secret);
	while (p < end && *p == '/')
		p++;
	for (start = p; p < end && *p != '/'; p++)
		;
	if ((size_t)(p - start) != want)
		return false;
	/* In the same time wherever they differ. */
	for (size_t i = 0; i < want; i++)
		differ |= (unsigned char)(start[i] ^ r->secret[i]);
	if (differ)
		return false;
	*path = p;
	*len = (size_t)(end - p);
	return true;
}
