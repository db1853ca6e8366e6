/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BITS4 = 32, BITS6 = 128, PREFIX4 = 96, WORD_MAX = 64 };

/* All are IPv6; an IPv4 address is one of ::ffff:0:0/96. */
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool to_ipv6(const struct sockaddr *a, uint8_t ret[16])
{
	if (a->sa_family == AF_INET) {
		memcpy(ret, mapped, sizeof mapped);
		memcpy(ret + sizeof mapped,
		       &((const struct sockaddr_in *)a)->sin_addr, 4);
		return true;
	}
	if (a->sa_family != AF_INET6)
		return false;
	memcpy(ret, &((const struct sockaddr_in6 *)a)->sin6_addr, 16);
	return true;
}

static bool is_within(const uint8_t address[16], const uint8_t net[16],
		      unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	return !memcmp(address, net, bytes) &&
	       (!rest || !((address[bytes] ^ net[bytes]) >> (8 - rest)));
}

struct network {
	uint8_t net[16];
	unsigned bits;
	enum address_kind kind;
};

#define IPV4(a, b) { [10] = 0xff, 0xff, a, b }
#define IPV6(a, b) { a, b }

/* The first that fits. */
static const struct network known[] = {
	{ IPV4(0, 0), PREFIX4 + 8, ADDRESS_LOCAL },
	{ IPV4(127, 0), PREFIX4 + 8, ADDRESS_LOCAL },
	{ IPV4(169, 254), PREFIX4 + 16, ADDRESS_LOCAL },
	{ IPV4(224, 0), PREFIX4 + 3, ADDRESS_LOCAL },   /* and 240.0.0.0/4 */
	{ IPV4(10, 0), PREFIX4 + 8, ADDRESS_PRIVATE },
	{ IPV4(172, 16), PREFIX4 + 12, ADDRESS_PRIVATE },
	{ IPV4(192, 168), PREFIX4 + 16, ADDRESS_PRIVATE },
	{ IPV4(100, 64), PREFIX4 + 10, ADDRESS_PRIVATE },
	{ IPV4(198, 18), PREFIX4 + 15, ADDRESS_PRIVATE },
	{ IPV4(0, 0), PREFIX4, ADDRESS_PUBLIC },
	{ IPV6(0, 0), 96, ADDRESS_LOCAL },      /* ::, ::1, and no others */
	{ IPV6(0xfe, 0x80), 10, ADDRESS_LOCAL },
	{ IPV6(0xff, 0), 8, ADDRESS_LOCAL },
	{ IPV6(0xfc, 0), 7, ADDRESS_PRIVATE },
	{ IPV6(0xfe, 0xc0), 10, ADDRESS_PRIVATE },
	{ { 0, 0x64, 0xff, 0x9b, 0, 1 }, 48, ADDRESS_PRIVATE }, /* RFC 8215 */
};

static const uint8_t nat64[12] = { 0, 0x64, 0xff, 0x9b };
static const uint8_t six_to_four[2] = { 0x20, 0x02 };

/* The IPv4 address that this one is translated to, if it is. */
static void translate(uint8_t address[16])
{
	uint8_t ipv4[4];

	if (!memcmp(address, nat64, sizeof nat64))
		memcpy(ipv4, address + 12, 4);
	else if (!memcmp(address, six_to_four, sizeof six_to_four))
		memcpy(ipv4, address + 2, 4);
	else
		return;
	memcpy(address, mapped, sizeof mapped);
	memcpy(address + sizeof mapped, ipv4, 4);
}

enum address_kind address_kind(const struct sockaddr *a)
{
	uint8_t address[16];

	if (!to_ipv6(a, address))
		return ADDRESS_LOCAL;
	translate(address);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (is_within(address, known[i].net, known[i].bits))
			return known[i].kind;
	return ADDRESS_PUBLIC;
}

/* ---- lists ---- */

bool address_parse(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_storage a = { .ss_family = AF_INET };
	char word[WORD_MAX];
	size_t len = strlen(text);

	if (len > 2 && *text == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	/* An interface behind it is no part of it. */
	len = strcspn(text, "%") < len ? strcspn(text, "%") : len;
	if (len >= sizeof word)
		return false;
	memcpy(word, text, len);
	word[len] = '\0';
	if (inet_pton(AF_INET, word,
		      &((struct sockaddr_in *)&a)->sin_addr) != 1) {
		a.ss_family = AF_INET6;
		if (inet_pton(AF_INET6, word,
			      &((struct sockaddr_in6 *)&a)->sin6_addr) != 1)
			return false;
	}
	*ret = a;
	return true;
}

/* "ADDRESS" or "ADDRESS/BITS". */
static bool parse_network(const char *text, size_t len, struct network *ret)
{
	char word[WORD_MAX], *slash, *end = NULL;
	struct network n = { .bits = BITS6 };
	struct sockaddr_storage a;
	unsigned long bits;

	if (len >= sizeof word)
		return false;
	memcpy(word, text, len);
	word[len] = '\0';
	slash = strchr(word, '/');
	if (slash)
		*slash = '\0';
	if (*word == '[' || strchr(word, '%') || !address_parse(word, &a) ||
	    !to_ipv6((struct sockaddr *)&a, n.net))
		return false;
	if (slash) {
		unsigned most = a.ss_family == AF_INET ? BITS4 : BITS6;

		bits = strtoul(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end || bits > most)
			return false;
		n.bits = (unsigned)bits + BITS6 - most;
	}
	*ret = n;
	return true;
}

static bool is_any(const char *word, size_t len)
{
	return len == 3 && !memcmp(word, "any", 3);
}

bool address_listed(const char *list, const struct sockaddr *a)
{
	uint8_t address[16];
	struct network n;

	if (!list || !to_ipv6(a, address))
		return false;
	while (*(list += strspn(list, " "))) {
		size_t len = strcspn(list, " ");

		if (is_any(list, len) ||
		    (parse_network(list, len, &n) &&
		     is_within(address, n.net, n.bits)))
			return true;
		list += len;
	}
	return false;
}
