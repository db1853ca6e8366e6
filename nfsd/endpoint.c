/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "nfsd/endpoint.h"

int endpoint_parse(const char *text, struct sockaddr_storage *ret)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	CLEANUP_FREE char *copy = strdup(text);
	char *colon, *host = copy, *end;
	struct addrinfo *found;
	unsigned long port;

	if (!copy)
		return -ENOMEM;
	colon = strrchr(copy, ':');
	if (!colon || colon == copy || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > UINT16_MAX)
		return -EINVAL;
	*colon = '\0';
	if (*host == '[') {
		if (colon[-1] != ']')
			return -EINVAL;
		colon[-1] = '\0';
		host++;
	} else if (strchr(host, ':')) {
		return -EINVAL;
	}
	if (getaddrinfo(host, colon + 1, &hints, &found))
		return -EINVAL;
	memset(ret, 0, sizeof *ret);
	memcpy(ret, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return 0;
}

socklen_t endpoint_len(const struct sockaddr_storage *a)
{
	switch (a->ss_family) {
	case AF_INET:
		return sizeof(struct sockaddr_in);
	case AF_INET6:
		return sizeof(struct sockaddr_in6);
	}
	return sizeof *a;
}

int endpoint_text(const struct sockaddr_storage *a, char ret[ENDPOINT_SIZE])
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getnameinfo((const struct sockaddr *)a, endpoint_len(a), host,
			sizeof host, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV))
		return -EINVAL;
	snprintf(ret, ENDPOINT_SIZE, a->ss_family == AF_INET6 ?
		 "[%s]:%s" : "%s:%s", host, port);
	return 0;
}

static struct sockaddr_in6 inet6(const struct sockaddr_storage *a)
{
	struct sockaddr_in6 in6;

	memcpy(&in6, a, sizeof in6);
	return in6;
}

static struct sockaddr_in inet4(const struct sockaddr_storage *a)
{
	struct sockaddr_in in;

	memcpy(&in, a, sizeof in);
	return in;
}

int endpoint_host(const struct sockaddr_storage *a, char ret[INET6_ADDRSTRLEN])
{
	const struct sockaddr_in6 in6 = inet6(a);
	const struct sockaddr_in in = inet4(a);

	switch (a->ss_family) {
	case AF_INET:
		inet_ntop(AF_INET, &in.sin_addr, ret, INET6_ADDRSTRLEN);
		return 0;
	case AF_INET6:
		inet_ntop(AF_INET6, &in6.sin6_addr, ret, INET6_ADDRSTRLEN);
		return 0;
	}
	return -EINVAL;
}

uint16_t endpoint_port(const struct sockaddr_storage *a)
{
	switch (a->ss_family) {
	case AF_INET:
		return ntohs(inet4(a).sin_port);
	case AF_INET6:
		return ntohs(inet6(a).sin6_port);
	}
	return 0;
}

void endpoint_set_port(struct sockaddr_storage *a, uint16_t port)
{
	struct sockaddr_in6 in6 = inet6(a);
	struct sockaddr_in in = inet4(a);

	if (a->ss_family == AF_INET) {
		in.sin_port = htons(port);
		memcpy(a, &in, sizeof in);
	} else if (a->ss_family == AF_INET6) {
		in6.sin6_port = htons(port);
		memcpy(a, &in6, sizeof in6);
	}
}

bool endpoint_eq(const struct sockaddr_storage *a,
		const struct sockaddr_storage *b)
{
	const struct sockaddr_in6 a6 = inet6(a), b6 = inet6(b);

	if (a->ss_family != b->ss_family || endpoint_port(a) != endpoint_port(b))
		return false;
	if (a->ss_family == AF_INET)
		return inet4(a).sin_addr.s_addr == inet4(b).sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&a6.sin6_addr, &b6.sin6_addr) &&
	       a6.sin6_scope_id == b6.sin6_scope_id;
}
