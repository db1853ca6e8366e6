/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cli/source.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/serve.h"
#include "common/cleanup.h"
#include "common/json.h"

enum { PARTS_MAX = 16, PATH_SIZE = 4096 };

/* ---- what is meant ---- */

/* Is it a directory of this machine? */
static bool is_here(const char *path)
{
	struct stat st;

	return !stat(path, &st) && S_ISDIR(st.st_mode);
}

/* Where the path of a URL begins, or that of HOST:PATH; NULL: it is neither. */
static char *far_path(char *source)
{
	char *scheme = strstr(source, "://"), *colon = strchr(source, ':');
	char *slash = strchr(scheme ? scheme + 3 : source, '/');

	if (scheme)
		return slash ? slash : source + strlen(source);
	return colon && (!slash || colon < slash) ? colon : NULL;
}

/* Cut a ref off; "" when there is none. */
static const char *cut_ref(char *source)
{
	char *far = far_path(source), *from = far ? far : source;

	if (is_here(source))
		return "";
	for (char *at = source + strlen(source); at-- > from;) {
		if (*at != '@')
			continue;
		*at = '\0';
		if (far || is_here(source))
			return at + 1;
		*at = '@';
	}
	return "";
}

int source_parse(const struct cli *cli, const char *text, struct source *ret)
{
	CLEANUP_FREE char *source = strdup(text);
	int len = 0;

	*ret = (struct source){ 0 };
	if (!source)
		return END_FAILED;
	ret->ref = strdup(cut_ref(source));
	if (is_here(source))
		ret->url = realpath(source, NULL);
	else if (far_path(source))
		ret->url = strdup(source);
	else if (*text != '/' && *text != '.')
		/* Then it is one that the server has a name for. */
		len = asprintf(&ret->path, "/%s", text);
	if (len < 0)
		ret->path = NULL;
	if (ret->ref && (ret->url || ret->path))
		return END_WELL;
	cli_say(cli, "%s: there is no such directory here", source);
	source_clear(ret);
	return END_FAILED;
}

void source_clear(struct source *s)
{
	free(s->url);
	free(s->ref);
	free(s->path);
	free(s->added);
	*s = (struct source){ 0 };
}

/* ---- where it is shown ---- */

/* Without slashes behind it; with 'git', without ".git" either, which hosts
 * do not insist on. */
static size_t bare_length(const char *url, bool git)
{
	size_t len = strlen(url);

	while (len > 1 && url[len - 1] == '/')
		len--;
	return git && len > 4 && !memcmp(url + len - 4, ".git", 4) ? len - 4 :
								     len;
}

static bool is_far(const char *url)
{
	return strstr(url, "://");
}

static bool is_same(const char *a, const char *b)
{
	size_t len = bare_length(a, is_far(a));

	return len == bare_length(b, is_far(b)) && !memcmp(a, b, len);
}

static size_t part_length(const char *at, const char *end)
{
	size_t len = 0;

	while (at + len < end && (isalnum((unsigned char)at[len]) ||
				  (at[len] && strchr("._-+~", at[len]))))
		len++;
	return len;
}

struct match {
	const char *p, *p_end;  /* what is left of the pattern ... */
	const char *u, *u_end;  /* ... and of the URL */
	struct {
		const char *key, *value;
		size_t key_len, len;
	} part[PARTS_MAX];
	size_t n;
};

/* A name for the placeholder at m->p, whose end is 'close'; the same as
 * before, if it was there before. */
static bool take_part(struct match *m, const char *close)
{
	size_t len = part_length(m->u, m->u_end);
	size_t key_len = (size_t)(close - m->p), i = 0;

	while (i < m->n && (m->part[i].key_len != key_len ||
			    memcmp(m->part[i].key, m->p, key_len)))
		i++;
	if (i < m->n)
		return m->part[i].len == len &&
		       !memcmp(m->part[i].value, m->u, len);
	if (!len || m->n == PARTS_MAX)
		return false;
	m->part[i].key = m->p;
	m->part[i].key_len = key_len;
	m->part[i].value = m->u;
	m->part[i].len = len;
	m->n++;
	return true;
}

static bool match_all(struct match *m)
{
	while (m->p < m->p_end && m->u < m->u_end) {
		const char *close = *m->p == '{' ? strchr(m->p, '}') : NULL;

		if (!close && *m->p++ != *m->u++)
			return false;
		if (!close)
			continue;
		if (!take_part(m, close))
			return false;
		m->u += part_length(m->u, m->u_end);
		m->p = close + 1;
	}
	return m->p == m->p_end && m->u == m->u_end;
}

/* Could a root with that pattern show it?  'path' gets where: below it, a name
 * for each different placeholder. */
static bool matches(const char *pattern, const char *url, const char *root,
		    char path[PATH_SIZE])
{
	bool git = is_far(url) && bare_length(pattern, true) !=
				  bare_length(pattern, false);
	struct match m = {
		.p = pattern, .p_end = pattern + bare_length(pattern, git),
		.u = url, .u_end = url + bare_length(url, git),
	};
	const char *tail = strrchr(pattern, '}');
	size_t len = tail && ++tail < m.p_end ? (size_t)(m.p_end - tail) : 0;
	int at;

	/* What is behind the last name might else be taken for its end. */
	if ((size_t)(m.u_end - m.u) < len ||
	    (len && memcmp(m.u_end - len, tail, len)))
		return false;
	m.p_end -= len;
	m.u_end -= len;
	if (!match_all(&m))
		return false;
	at = snprintf(path, PATH_SIZE, "%s", root);
	for (size_t i = 0; i < m.n && at < PATH_SIZE; i++)
		at += snprintf(path + at, (size_t)(PATH_SIZE - at), "/%.*s",
			       (int)m.part[i].len, m.part[i].value);
	return at < PATH_SIZE;
}

/* "github/torvalds/linux" */
static bool find_shown(struct json_object *status, const char *url,
		       char path[PATH_SIZE])
{
	struct json_object *shown =
		json_at(status, "repositories", json_type_array);
	struct json_object *roots = json_at(status, "roots", json_type_array);
	size_t n = shown ? json_object_array_length(shown) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(shown, i);
		const char *name = json_text_at(o, "name");

		if (strchr(name, '@') || !is_same(json_text_at(o, "url"), url))
			continue;
		snprintf(path, PATH_SIZE, "%s", name);
		return true;
	}
	n = roots ? json_object_array_length(roots) : 0;
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(roots, i);

		if (matches(json_text_at(o, "url"), url,
			    json_text_at(o, "name"), path))
			return true;
	}
	return false;
}

/* NAME@REF, spelt as in the file system. */
static char *with_ref(const char *name, const char *ref)
{
	char *text = malloc(strlen(name) + 3 * strlen(ref) + 3), *to = text;

	if (!text)
		return NULL;
	to += sprintf(to, "/%s%s", name, *ref ? "@" : "");
	for (; *ref; ref++)
		if (*ref == '/' || *ref == '%')
			to += sprintf(to, "%%%02X", *ref);
		else
			*to++ = *ref;
	*to = '\0';
	return text;
}

int source_place(const struct cli *cli, struct source *s,
		 struct json_object *status)
{
	char shown[PATH_SIZE];
	int r;

	if (s->path)
		return END_WELL;
	if (find_shown(status, s->url, shown)) {
		s->path = with_ref(shown, s->ref);
		return s->path ? END_WELL : END_FAILED;
	}
	r = serve_add(cli, s->url, &s->fresh, &s->added);
	if (r)
		return r;
	s->path = with_ref(s->added, s->ref);
	return s->path ? END_WELL : END_FAILED;
}
