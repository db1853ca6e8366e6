/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cache/composite.h"

bool composite_valid(const char *name)
{
	return *name && strlen(name) <= COMPOSITE_NAME_MAX &&
	       !strchr(name, '/') && strcmp(name, ".") &&
	       strcmp(name, "..") && strcasecmp(name, ".git");
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

int composite_parse(const struct roots *rs, const char *name, size_t len,
		    struct composite_name *ret)
{
	if (memchr(name, 0, len))
		return -ENOENT;
	ret->pin = ret->has_ref = false;
	ret->source = roots_source_find(rs, name, len);
	if (ret->source)
		return 0;
	/* A source's name may have an '@' of its own; so may a ref. */
	for (size_t at = 1; at + 1 < len; at++) {
		if (name[at] != '@')
			continue;
		ret->source = roots_source_find(rs, name, at);
		if (!ret->source)
			continue;
		ret->pin = at + 2 == len && name[at + 1] == '@';
		ret->has_ref = !ret->pin;
		if (ret->pin || read_ref(name + at + 1, len - at - 1, ret->ref))
			return 0;
	}
	return -ENOENT;
}

uint32_t composite_entries(const struct roots *rs)
{
	return 2 * roots_sources(rs);
}

const struct source *composite_entry(const struct roots *rs, uint32_t i,
				     char name[FS_NAME_MAX + 1], bool *pin)
{
	const struct source *s = roots_source(rs, i / 2);

	*pin = i % 2;
	snprintf(name, FS_NAME_MAX + 1, "%s%s", s->name, *pin ? "@@" : "");
	return s;
}

size_t composite_target(const char *name, const struct oid *commit,
			char text[FS_NAME_MAX + 1])
{
	char hex[OID_HEX + 1];
	int len;

	oid_hex(commit, hex);
	len = snprintf(text, FS_NAME_MAX + 1, "%s%s%s", name,
		       commit->len ? "@" : "", hex);
	return (size_t)len;
}
