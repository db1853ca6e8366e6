/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/url.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/hex.h"

static const char digits[] = "0123456789ABCDEF";

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

char *url_encode(const char *text, size_t len)
{
	char *ret = malloc(3 * len + 1), *to = ret;

	if (!ret)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (is_plain(text[i])) {
			*to++ = text[i];
			continue;
		}
		*to++ = '%';
		*to++ = digits[byte >> 4];
		*to++ = digits[byte & 15];
	}
	*to = '\0';
	return ret;
}

bool url_decode(char *text)
{
	char *to = text;

	for (; *text; text++) {
		int high, low;

		if (*text != '%') {
			*to++ = *text;
			continue;
		}
		high = hex_value(text[1]);
		low = high < 0 ? -1 : hex_value(text[2]);
		if (low < 0 || !(high | low))
			return false;
		*to++ = (char)(high << 4 | low);
		text += 2;
	}
	*to = '\0';
	return true;
}

static bool is_web(const char *text, const char *colon)
{
	size_t len = (size_t)(colon - text);

	return (len >= 5 && !strncasecmp(colon - 5, "https", 5)) ||
	       (len >= 4 && !strncasecmp(colon - 4, "http", 4));
}

/* The '@' that ends a secret in the authority at 'host', where *from gets its
 * beginning; or NULL.  'web': who has no password may be a token. */
static char *secret_end(char *host, bool web, char **from)
{
	char *end = host + strcspn(host, "/?# \t\n\"'"), *at = end;

	while (at > host && at[-1] != '@')
		at--;
	if (at == host)
		return NULL;
	at--;
	*from = memchr(host, ':', (size_t)(at - host));
	if (*from)
		++*from;
	else if (web)
		*from = host;
	return *from ? at : NULL;
}

char *url_redact(const char *text)
{
	static const char stars[] = "***";
	size_t room = strlen(text) + 1, n = 0;
	char *ret, *from, *secret, *end;
	bool web;

	/* A secret may be shorter than what it becomes. */
	for (const char *p = text; (p = strstr(p, "://")); p += 3)
		n++;
	ret = malloc(room + n * sizeof stars);
	if (!ret)
		return NULL;
	strcpy(ret, text);
	for (from = ret; (from = strstr(from, "://"));) {
		web = is_web(ret, from);
		from += 3;
		end = secret_end(from, web, &secret);
		if (!end)
			continue;
		from = secret + sizeof stars - 1;
		memmove(from, end, strlen(end) + 1);
		memcpy(secret, stars, sizeof stars - 1);
	}
	return ret;
}
