/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/http/netrc.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"

enum { NETRC_MAX = 64 << 10 };  /* bytes; what is behind them is not read */

#define BLANKS " \t\r\n"

/* The next word, perhaps in quotes, cut out in place; NULL: the end. */
static char *take_word(char **at)
{
	char *p = *at + strspn(*at, BLANKS), *start = p, *to = p;
	bool quoted = *p == '"';

	if (!*p)
		return NULL;
	p += quoted;
	while (*p && (quoted ? *p != '"' : !strchr(BLANKS, *p))) {
		p += quoted && *p == '\\' && p[1];
		*to++ = *p++;
	}
	*at = p + (*p != '\0');
	*to = '\0';
	return start;
}

/* Lines up to an empty one. */
static void skip_macro(char **at)
{
	char *end = **at == '\n' ? *at : strstr(*at, "\n\n");

	*at = end ? end : *at + strlen(*at);
}

/* Words that 'text' keeps. */
static bool search(char *text, const char *host, const char *login,
		   const char **ret_login, const char **ret_password)
{
	const char *who = NULL, *password = NULL;
	bool here = false;
	char *word;

	while (text += strspn(text, BLANKS), *text) {
		if (*text == '#') {
			text += strcspn(text, "\n");
			continue;
		}
		word = take_word(&text);
		if (!strcmp(word, "machine") || !strcmp(word, "default")) {
			if (here && password && who)
				break;
			here = *word == 'd' || ((word = take_word(&text)) &&
						!strcasecmp(word, host));
			who = password = NULL;
		} else if (!strcmp(word, "login")) {
			who = take_word(&text);
		} else if (!strcmp(word, "password")) {
			password = take_word(&text);
		} else if (!strcmp(word, "macdef")) {
			take_word(&text);
			skip_macro(&text);
		}
		if (who && login && strcmp(who, login))
			here = false;
	}
	*ret_login = who;
	*ret_password = password;
	return here && who && password;
}

static int copy(const char *login, const char *password, char **ret_login,
		char **ret_password)
{
	CLEANUP_FREE char *l = strdup(login);
	char *p = strdup(password);

	if (!l || !p) {
		free(p);
		return -ENOMEM;
	}
	*ret_login = TAKE(l);
	*ret_password = p;
	return 0;
}

int netrc_find(const char *host, const char *login, char **ret_login,
	       char **ret_password)
{
	CLEANUP_FREE char *name = NULL;
	const char *home = getenv("HOME"), *who, *password;
	char *text = calloc(1, NETRC_MAX + 1);
	int r = text ? -ENOENT : -ENOMEM;
	FILE *f = NULL;

	if (home && asprintf(&name, "%s/.netrc", home) < 0)
		name = NULL;
	if (text && name)
		f = fopen(name, "re");
	if (f) {
		setvbuf(f, NULL, _IONBF, 0);    /* no copy left in a buffer */
		if (fread(text, 1, NETRC_MAX, f) &&
		    search(text, host, login, &who, &password)) {
			r = copy(who, password, ret_login, ret_password);
		}
		fclose(f);
	}
	if (text)
		sodium_memzero(text, NETRC_MAX);
	free(text);
	return r;
}
