/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cache/composite_own.h"
#include "cache/pattern.h"
#include "common/cleanup.h"

enum { PART_MAX = 100 };        /* bytes of a name in a pattern */

/* ---- what may be ---- */

/* What programs look for everywhere, and what is no owner's name on any
 * host: not worth a question. */
static const char *const probes[] = {
	"autorun.inf", "desktop.ini", "Thumbs.db", "node_modules",
	"package.json", "pyvenv.cfg", "Network Trash Folder",
	"Temporary Items", "Icon\r", "CVS", "BUILD.bazel",
};

/* May it be a component of a pattern?  It goes into a URL or a path: so none
 * of it has a meaning there. */
static bool legal(const char *name)
{
	size_t len = strlen(name);

	if (!len || len > PART_MAX || *name == '.' || *name == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) &&
		    !strchr("._-+~", name[i]))
			return false;
	for (size_t i = 0; i < sizeof probes / sizeof *probes; i++)
		if (*probes[i] == *name && !strcmp(probes[i], name))
			return false;
	return true;
}

const char *composite_part(void *arg, unsigned n)
{
	const struct level_name *p = arg;
	const struct level *l = p->level;

	if (n == l->depth)
		return p->base;
	while (l->depth > n + 1)
		l = l->parent;
	return l->name;
}

bool composite_may_be(const struct level *l, const char *name)
{
	struct level_name place = { l, name };

	return l->pattern && legal(name) &&
	       pattern_permits((const char *const *)l->pattern->allow,
			       (const char *const *)l->pattern->deny,
			       composite_part, &place, l->depth + 1);
}

bool composite_is_valid(const char *name)
{
	size_t len = strlen(name);

	return len && len <= COMPOSITE_NAME_MAX &&
	       !(len <= 2 && !memcmp(name, "..", len)) &&
	       !(len == 4 && !strncasecmp(name, ".git", 4));
}

/* ---- what it stands for ---- */

int composite_expand(const struct level *l, const char *base, char **path,
		     char **location)
{
	struct level_name place = { l, base };
	CLEANUP_FREE char *url = NULL;
	int r = pattern_expand(l->pattern->url, composite_part, &place, &url);

	if (!r)
		r = composite_level_path(l, base, path);
	if (!r)
		*location = TAKE(url);
	return r;
}

int composite_stands_for(const struct level *l, const char *base,
			 const char *location, bool *ret)
{
	struct level_name place = { l, base };

	*ret = false;
	if (composite_holds_levels(l) || !composite_may_be(l, base))
		return 0;
	return pattern_makes(l->pattern->url, composite_part, &place,
			     location, ret);
}

/* The one spelling only: %2F and %25 for what must be so written. */
static bool read_ref(const char *s, size_t len, char *to)
{
	for (const char *end = s + len; s < end; s++) {
		if (*s == '/')
			return false;
		if (*s != '%') {
			*to++ = *s;
			continue;
		}
		if (end - s < 3 || s[1] != '2' || (s[2] != 'F' && s[2] != '5'))
			return false;
		*to++ = s[2] == 'F' ? '/' : '%';
		s += 2;
	}
	*to = '\0';
	return len > 0;
}

static int parse_child(struct composite *c, struct level *l,
		       struct composite_name *ret)
{
	struct child *child = composite_find(c, l, ret->base);

	if (child && child->level) {
		ret->what = COMPOSITE_LEVEL;
		ret->level = child->level;
		ret->level_id = child->level->id;
		return 0;
	}
	if (child && child->source) {
		ret->source = child->source;
		return 0;
	}
	if (!composite_may_be(l, ret->base))
		return -ENOENT;
	if (composite_holds_levels(l)) {
		CLEANUP_FREE char *path = NULL;

		if (composite_level_path(l, ret->base, &path))
			return -ENOMEM;
		ret->what = COMPOSITE_LEVEL;
		ret->level_id = composite_level_id(c, path);
	}
	return 0;
}

static void set_base(struct composite_name *ret, const char *name, size_t len)
{
	memcpy(ret->base, name, len);
	ret->base[len] = '\0';
}

int composite_parse(struct composite *c, struct level *l, const char *name,
		    size_t len, struct composite_name *ret)
{
	*ret = (struct composite_name){ .what = COMPOSITE_ROOT };
	if (memchr(name, 0, len))
		return -ENOENT;
	LOCK_SCOPE(&c->lock);
	set_base(ret, name, len);
	if (!parse_child(c, l, ret))
		return 0;
	/* A source's name may have an '@' of its own; so may a ref. */
	for (size_t at = 1; at + 1 < len; at++) {
		if (name[at] != '@')
			continue;
		*ret = (struct composite_name){ .what = COMPOSITE_ROOT };
		set_base(ret, name, at);
		if (parse_child(c, l, ret) || ret->what != COMPOSITE_ROOT)
			continue;
		if (at + 2 == len && name[at + 1] == '@') {
			ret->what = COMPOSITE_PIN;
			return 0;
		}
		if (read_ref(name + at + 1, len - at - 1, ret->ref))
			return 0;
	}
	return -ENOENT;
}

size_t composite_target(const char *base, const struct oid *commit,
			char text[FS_NAME_MAX + 1])
{
	char hex[OID_HEX + 1];
	int len;

	oid_hex(commit, hex);
	len = snprintf(text, FS_NAME_MAX + 1, "%s%s%s", base,
		       commit->len ? "@" : "", hex);
	return (size_t)len;
}
