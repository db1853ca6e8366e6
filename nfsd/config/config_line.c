/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "nfsd/config/config_line.h"

#include <ctype.h>
#include <git2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

enum {
	WORD_MAX = 512,        /* bytes of a section or key; longer are cut */
	DEPTH = 10,             /* of files that include others */
};

struct search {
	const char *key;
	size_t len;             /* of 'key' when more may follow, or 0 */
	unsigned left;          /* to pass */
	bool last;              /* all are to be passed */
	char *found;            /* or NULL */
};

/* A place in a file, and the section it is in. */
struct reader {
	FILE *f;
	unsigned line;
	char section[WORD_MAX];        /* "source.name." */
};

static int next(struct reader *r)
{
	int c = getc(r->f);

	r->line += c == '\n';
	return c;
}

static void append(char *to, int c)
{
	size_t len = strlen(to);

	if (len + 1 < WORD_MAX) {
		to[len] = (char)c;
		to[len + 1] = '\0';
	}
}

/* [SECTION], [SECTION "SUBSECTION"]; the bracket has been read. */
static void read_section(struct reader *r)
{
	bool quoted = false;
	int c;

	*r->section = '\0';
	while ((c = next(r)) != EOF && c != '\n' && (quoted || c != ']')) {
		if (c == '"' && !quoted)
			append(r->section, '.');
		if (c == '"') {
			quoted = !quoted;
			continue;
		}
		if (c == '\\' && quoted)
			c = next(r);
		if (quoted)
			append(r->section, c);
		else if (!isspace(c))
			append(r->section, tolower(c));
	}
	append(r->section, '.');
}

/* To the end of a value, which may go on in the next line. */
static void read_value(struct reader *r, char value[WORD_MAX])
{
	bool quoted = false, comment = false;
	int c;

	*value = '\0';
	while ((c = next(r)) != EOF && c != '\n') {
		if (c == '"' && !comment) {
			quoted = !quoted;
			continue;
		}
		if ((c == '#' || c == ';') && !quoted)
			comment = true;
		if (c == '\\' && !comment && (c = next(r)) == '\n')
			continue;
		if (!comment && (*value || !isspace(c)))
			append(value, c);
	}
	for (size_t len = strlen(value);
	     len && isspace((unsigned char)value[len - 1]);)
		value[--len] = '\0';
}

static void skip_line(struct reader *r)
{
	int c;

	do
		c = next(r);
	while (c != EOF && c != '\n');
}

static void look_in(struct search *, const char *file, int depth);

/* A file that another includes, from where that is. */
static void look_below(struct search *s, const char *above, const char *path,
		       int depth)
{
	CLEANUP_FREE char *whole = NULL;
	const char *slash = strrchr(above, '/');
	git_buf buf = { 0 };

	if (depth == DEPTH || git_config_parse_path(&buf, path))
		return;
	if (asprintf(&whole, "%.*s%s",
		     slash && *buf.ptr != '/' ? (int)(slash + 1 - above) : 0,
		     above, buf.ptr) < 0)
		whole = NULL;
	else
		look_in(s, whole, depth + 1);
	git_buf_dispose(&buf);
}

static bool over(const struct search *s)
{
	return s->found && !s->last;
}

static void note(struct search *s, const char *key, const char *file,
		 unsigned line)
{
	if (s->len ? strncmp(key, s->key, s->len) : strcmp(key, s->key))
		return;
	if (!s->last && s->left-- > 0)
		return;
	free(s->found);
	if (asprintf(&s->found, "%s:%u", file, line) < 0)
		s->found = NULL;
}

/* KEY = VALUE, whose first letter is 'c'. */
static void read_variable(struct search *s, struct reader *r, int c,
			  const char *file, int depth)
{
	char key[WORD_MAX], value[WORD_MAX] = "";
	unsigned line = r->line;

	snprintf(key, sizeof key, "%s", r->section);
	for (; isalnum(c) || c == '-'; c = next(r))
		append(key, tolower(c));
	while (c == ' ' || c == '\t' || c == '\r')
		c = next(r);
	if (c == '=')
		read_value(r, value);
	else if (c != '\n' && c != EOF)
		skip_line(r);
	note(s, key, file, line);
	if (!strcmp(key, "include.path"))
		look_below(s, file, value, depth);
}

static void look_in(struct search *s, const char *file, int depth)
{
	struct reader r = { .f = fopen(file, "re"), .line = 1 };
	int c;

	if (!r.f)
		return;
	while (!over(s) && (c = next(&r)) != EOF) {
		if (c == '[')
			read_section(&r);
		else if (c == '#' || c == ';')
			skip_line(&r);
		else if (isalpha(c))
			read_variable(s, &r, c, file, depth);
	}
	fclose(r.f);
}

char *config_line(const char *file, const char *key, unsigned nth)
{
	size_t len = strlen(key);
	struct search s = {
		.key = key,
		.len = len && key[len - 1] == '.' ? len : 0,
		.left = nth,
		.last = nth == CONFIG_LAST,
	};

	look_in(&s, file, 0);
	return s.found ? s.found : strdup(file);
}
