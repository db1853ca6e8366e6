/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/http/route.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"

/* ---- URLs ---- */

/* As curl understands them, so that both mean the same host. */
static char *part(CURLU *u, CURLUPart what, unsigned flags)
{
	char *text = NULL, *copy;

	if (curl_url_get(u, what, &text, flags))
		return NULL;
	copy = strdup(text);
	curl_free(text);
	return copy;
}

static int split(const char *url, char **origin, char **host)
{
	CURLU *u = curl_url();
	CLEANUP_FREE char *scheme = NULL, *port = NULL;
	int r = 0;

	*origin = *host = NULL;
	if (!u)
		return -ENOMEM;
	if (curl_url_set(u, CURLUPART_URL, url, 0))
		r = -EBADMSG;
	if (!r) {
		scheme = part(u, CURLUPART_SCHEME, 0);
		port = part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT);
		*host = part(u, CURLUPART_HOST, 0);
		if (!scheme || !port || !*host ||
		    asprintf(origin, "%s://%s:%s", scheme, *host, port) < 0) {
			*origin = NULL;
			free(TAKE(*host));
			r = -EBADMSG;
		}
	}
	curl_url_cleanup(u);
	return r;
}

/* ---- proxies ---- */

/* Is a host one of no_proxy's?  "*", or names, which stand for what is below
 * them, too, with commas or blanks between. */
static bool is_direct(const char *host)
{
	const char *list = getenv("no_proxy");
	size_t len = strlen(host);

	if (!list)
		list = getenv("NO_PROXY");
	while (list && *(list += strspn(list, ", "))) {
		size_t n = strcspn(list, ", ");
		const char *name = list + (*list == '.');
		size_t name_len = n - (*list == '.');

		if (n == 1 && *list == '*')
			return true;
		if (name_len && name_len <= len &&
		    !strncasecmp(host + len - name_len, name, name_len) &&
		    (name_len == len || host[len - name_len - 1] == '.'))
			return true;
		list += n;
	}
	return false;
}

/* As curl would find it.  HTTP_PROXY is not asked: in a CGI program it is a
 * header of a request. */
static const char *proxy_of(bool tls, const char *host)
{
	static const char *const names[2][4] = {
		{ "http_proxy", "all_proxy", "ALL_PROXY" },
		{ "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" },
	};

	if (is_direct(host))
		return NULL;
	for (int i = 0; i < 4 && names[tls][i]; i++) {
		const char *proxy = getenv(names[tls][i]);

		if (proxy && *proxy)
			return proxy;
	}
	return NULL;
}

/* ---- hops ---- */

/* "localhost", or an address in figures: who wrote it knew where it is. */
static bool is_written_out(const char *host)
{
	struct sockaddr_storage a;

	return !strcasecmp(host, "localhost") || address_parse(host, &a);
}

static void set_limit(struct route *r)
{
	enum named_by by = !strcasecmp(r->host, r->home_host) ?
		r->named_by : NAMED_BY_ANYBODY;

	r->ruled = by != NAMED_BY_SOURCE;
	r->farthest = by == NAMED_BY_ANYBODY ? ADDRESS_PUBLIC :
		      is_written_out(r->host) ? ADDRESS_LOCAL :
						ADDRESS_PRIVATE;
}

/* What cannot be seen behind a proxy: where it goes from there. */
static bool permits_host(const struct route *r)
{
	size_t len = strlen(r->host), local = strlen(".localhost");
	struct sockaddr_storage a;

	if (address_parse(r->host, &a))
		return route_permits(r, (struct sockaddr *)&a);
	return r->farthest == ADDRESS_LOCAL ||
	       (strcasecmp(r->host, "localhost") &&
		(len < local ||
		 strcasecmp(r->host + len - local, ".localhost")));
}

int route_hop(struct route *r, const char *url)
{
	CLEANUP_FREE char *origin = NULL, *host = NULL;
	const char *proxy;
	int err = split(url, &origin, &host);

	if (err)
		return err;
	/* Never to another scheme than ours, nor from TLS to without. */
	if (strncmp(origin, "https:", 6) &&
	    (strncmp(origin, "http:", 5) || r->tls))
		return -EBADMSG;
	r->tls = !strncmp(origin, "https:", 6);
	r->at_home &= !strcasecmp(origin, r->home_origin);
	free(r->host);
	r->host = TAKE(host);
	set_limit(r);
	free(TAKE(r->proxy));
	proxy = r->ruled ? proxy_of(r->tls, r->host) : NULL;
	if (!proxy)
		return 0;
	if (!permits_host(r))
		return -EPERM;
	r->proxy = strdup(proxy);
	return r->proxy ? 0 : -ENOMEM;
}

bool route_permits(const struct route *r, const struct sockaddr *a)
{
	return !r->ruled || address_kind(a) <= r->farthest ||
	       address_listed(r->allow_address, a);
}

int route_start(struct route *r, const char *home, enum named_by named_by,
		const char *allow_address)
{
	int err = split(home, &r->home_origin, &r->home_host);

	if (err)
		return err;
	r->named_by = named_by;
	r->tls = !strncmp(r->home_origin, "https:", 6);
	r->at_home = true;
	if (!allow_address)
		return 0;
	r->allow_address = strdup(allow_address);
	return r->allow_address ? 0 : -ENOMEM;
}

void route_clear(struct route *r)
{
	free(r->home_origin);
	free(r->home_host);
	free(r->allow_address);
	free(r->host);
	free(r->proxy);
}
