/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/url.h"

#include <stdlib.h>
#include <string.h>

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

/* The '@' that ends a password in the authority at 'host', whose ':' goes to
 * *colon; or NULL. */
static char *password_end(char *host, char **colon)
{
	char *end = host + strcspn(host, "/?# \t\n\"'"), *at = end;

	while (at > host && at[-1] != '@')
		at--;
	if (at == host)
		return NULL;
	at--;
	*colon = memchr(host, ':', (size_t)(at - host));
	return *colon ? at : NULL;
}

char *url_redact(const char *text)
{
	static const char stars[] = "***";
	size_t room = strlen(text) + 1, n = 0;
	char *ret, *from, *colon, *end;

	/* A password may be shorter than what it becomes. */
	for (const char *p = text; (p = strstr(p, "://")); p += 3)
		n++;
	ret = malloc(room + n * sizeof stars);
	if (!ret)
		return NULL;
	strcpy(ret, text);
	for (from = ret; (from = strstr(from, "://"));) {
		from += 3;
		end = password_end(from, &colon);
		if (!end)
			continue;
		memmove(colon + sizeof stars, end, strlen(end) + 1);
		memcpy(colon + 1, stars, sizeof stars - 1);
		from = colon + sizeof stars;
	}
	return ret;
}
