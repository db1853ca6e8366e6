/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "cache/pattern.h"
#include "common/cleanup.h"
#include "common/url.h"

enum { RULE_WORD_MAX = 256 };

/* The end of the placeholder that starts at 's', or NULL. */
static const char *placeholder_end(const char *s)
{
	const char *end = *s == '{' ? strchr(s, '}') : NULL;

	return end && end > s + 1 ? end + 1 : NULL;
}

/* Where in 'url' the placeholder is that is at the start of 'text'. */
static const char *find_placeholder(const char *url, const char *text)
{
	size_t len = (size_t)(placeholder_end(text) - text);

	for (const char *p = url; *p; p++)
		if (placeholder_end(p) == p + len && !memcmp(p, text, len))
			return p;
	return NULL;
}

/* Which of the url's different placeholders this one is, from 0. */
static unsigned placeholder_number(const char *url, const char *at)
{
	const char *first = find_placeholder(url, at);
	unsigned n = 0;

	for (const char *p = url; p < first; p++)
		n += placeholder_end(p) && find_placeholder(url, p) == p;
	return n;
}

unsigned pattern_parts(const char *url)
{
	unsigned n = 0;

	for (const char *p = url; *p; p++)
		n += placeholder_end(p) && find_placeholder(url, p) == p;
	return n <= PATTERN_PARTS_MAX ? n : 0;
}

/* A name; in a URL, encoded.  False: out of memory. */
static bool put_part(const char *name, bool is_url, FILE *out)
{
	CLEANUP_FREE char *text = is_url ? url_encode(name, strlen(name)) :
					   strdup(name);

	if (text)
		fputs(text, out);
	return text;
}

int pattern_fill(const char *url, const char *text,
		 pattern_part *part, void *arg, char **ret)
{
	CLEANUP_FREE char *filled = NULL;
	size_t len;
	FILE *out = open_memstream(&filled, &len);
	bool is_url = strstr(text, "://"), failed = false;

	if (!out)
		return -ENOMEM;
	for (const char *p = text; *p;) {
		const char *at = placeholder_end(p) ?
			find_placeholder(url, p) : NULL;
		size_t plain = at ? 0 : 1 + strcspn(p + 1, "{");

		fwrite(p, 1, plain, out);
		p += plain;
		if (!at)
			continue;
		failed |= !put_part(part(arg, placeholder_number(url, at)),
				    is_url, out);
		p = placeholder_end(p);
	}
	if (fclose(out) || failed)
		return -ENOMEM;
	*ret = TAKE(filled);
	return 0;
}

int pattern_expand(const char *url, pattern_part *part, void *arg, char **ret)
{
	return pattern_fill(url, url, part, arg, ret);
}

int pattern_makes(const char *url, pattern_part *part, void *arg,
		  const char *text, bool *ret)
{
	bool is_url = strstr(url, "://"), same = true;
	unsigned seen = 0;

	for (const char *p = url; same && *p;) {
		CLEANUP_FREE char *encoded = NULL;
		const char *end = placeholder_end(p), *name;
		size_t len;

		if (!end) {
			same = *p++ == *text++;
			continue;
		}
		name = part(arg, find_placeholder(url, p) == p ?
			    seen++ : placeholder_number(url, p));
		if (is_url)
			name = encoded = url_encode(name, strlen(name));
		if (!name)
			return -ENOMEM;
		len = strlen(name);
		same = !strncmp(text, name, len);
		text += len;
		p = end;
	}
	*ret = same && !*text;
	return 0;
}

/* The directory that a path has before its first placeholder is there. */
static int check_directory(const char *url, char why[BACKEND_WHY])
{
	CLEANUP_FREE char *dir = strndup(url, (size_t)(strchr(url, '{') - url));
	char *slash = dir ? strrchr(dir, '/') : NULL;
	struct stat st;

	if (!dir)
		return -ENOMEM;
	if (!slash || !strncmp(url, "file://", 7))
		return 0;
	slash[slash == dir] = '\0';
	if (!stat(dir, &st) && S_ISDIR(st.st_mode))
		return 0;
	snprintf(why, BACKEND_WHY, "%.200s is no directory: check the spelling",
		 dir);
	return -ENOTDIR;
}

bool pattern_any_host(const char *url)
{
	const char *host = strstr(url, "://"), *end;

	if (*url == '/' || !strncmp(url, "file://", 7))
		return false;
	host = host ? host + 3 : url;
	/* git's HOST:PATH, or a relative path, ends where that does. */
	end = host + strcspn(host, host == url ? "/:" : "/?#");
	if (host == url && *end != ':')
		return false;
	return memchr(host, '{', (size_t)(end - host));
}

/* Whoever may ask for a name would choose who gets what we know. */
static int check_host(const char *url, const struct backend_options *opt,
		      char why[BACKEND_WHY])
{
	if (!pattern_any_host(url))
		return 0;
	if (strncmp(url, "https://", 8) && strncmp(url, "http://", 7)) {
		snprintf(why, BACKEND_WHY, "where the host is a placeholder "
			 "only https:// is possible: ssh would show your keys "
			 "to whatever host is named");
		return -EINVAL;
	}
	if (opt && (opt->token_file || opt->user)) {
		snprintf(why, BACKEND_WHY, "where the host is a placeholder a "
			 "token would go to whatever host is named: write the "
			 "host out, or do without token-file and user");
		return -EINVAL;
	}
	return 0;
}

/* ---- which names ---- */

/* How far a rule, "OWNER" or "OWNER/REPOSITORY", goes with the first 'n'
 * parts of a name. */
enum match { MATCH_NOT, MATCH_SO_FAR, MATCH_WHOLE };

static enum match match(const char *rule, pattern_part *part, void *arg,
			unsigned n, int flags)
{
	for (unsigned i = 0; *rule; i++) {
		size_t len = strcspn(rule, "/");
		char word[RULE_WORD_MAX];

		if (i == n)
			return MATCH_SO_FAR;
		snprintf(word, sizeof word, "%.*s", (int)len, rule);
		if (len >= sizeof word || fnmatch(word, part(arg, i), flags))
			return MATCH_NOT;
		rule += len + (rule[len] == '/');
	}
	return MATCH_WHOLE;
}

/* A name without ".git", which hosts take for the same. */
struct bare {
	pattern_part *part;
	void *arg;
	unsigned last;
	char name[RULE_WORD_MAX];
};

static const char *bare_part(void *arg, unsigned n)
{
	struct bare *b = arg;
	const char *name = b->part(b->arg, n);
	size_t len = strlen(name);

	if (n != b->last || len <= 4 || strcasecmp(name + len - 4, ".git"))
		return name;
	snprintf(b->name, sizeof b->name, "%.*s", (int)len - 4, name);
	return b->name;
}

static bool denied(const char *rule, pattern_part *part, void *arg, unsigned n)
{
	struct bare b = { .part = part, .arg = arg, .last = n - 1 };

	/* To many hosts all spellings of a name are the same. */
	return match(rule, part, arg, n, FNM_CASEFOLD) == MATCH_WHOLE ||
	       match(rule, bare_part, &b, n, FNM_CASEFOLD) == MATCH_WHOLE;
}

bool pattern_permits(const char *const allow[], const char *const deny[],
		     pattern_part *part, void *arg, unsigned n)
{
	bool ok = !allow || !*allow;

	for (; allow && *allow && !ok; allow++)
		ok = match(*allow, part, arg, n, 0) != MATCH_NOT;
	for (; ok && deny && *deny; deny++)
		ok = !denied(*deny, part, arg, n);
	return ok;
}

/* ---- checking ---- */

static const char *any_name(void *arg, unsigned n)
{
	(void)arg, (void)n;
	return "x";
}

int pattern_check(const char *url, const struct backend_options *opt,
		  char why[BACKEND_WHY])
{
	CLEANUP_FREE char *one = NULL;
	bool local = !strstr(url, "://") || !strncmp(url, "file://", 7);
	struct backend *b;
	int r;

	if (!pattern_parts(url)) {
		snprintf(why, BACKEND_WHY, "\"%.150s\" needs 1 to %d "
			 "{placeholders}, the last for a repository's name",
			 url, PATTERN_PARTS_MAX);
		return -EINVAL;
	}
	r = check_host(url, opt, why);
	if (!r)
		r = pattern_expand(url, any_name, NULL, &one);
	if (r)
		return r;
	r = backend_open_with(&b, one, opt, why);
	if (!r)
		backend_close(b);
	else if (local && r != -EPROTONOSUPPORT)
		r = check_directory(url, why);
	return r;
}
