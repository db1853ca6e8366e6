/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/composite_own.h"
#include "cache/pattern.h"
#include "common/cleanup.h"

/* ---- patterns ---- */

static void free_list(char **list)
{
	for (char **item = list; item && *item; item++)
		free(*item);
	free(list);
}

void composite_free_pattern(void *pattern)
{
	struct pattern *p = pattern;

	if (!p)
		return;
	backend_options_clear(&p->options);
	free_list(p->allow);
	free_list(p->deny);
	free(p->url);
	free(p);
}

static int copy_list(const char *const *from, char ***ret)
{
	size_t n = 0;
	char **to;

	while (from && from[n])
		n++;
	to = calloc(n + 1, sizeof *to);
	for (size_t i = 0; to && i < n; i++) {
		to[i] = strdup(from[i]);
		if (!to[i]) {
			free_list(to);
			return -ENOMEM;
		}
	}
	*ret = to;
	return to ? 0 : -ENOMEM;
}

int composite_copy_pattern(const struct fs_pattern *from, struct pattern **ret)
{
	struct pattern *p = calloc(1, sizeof *p);

	if (!p)
		return -ENOMEM;
	p->parts = pattern_parts(from->url);
	p->url = strdup(from->url);
	if (!p->url || backend_options_copy(from->options, &p->options) ||
	    copy_list(from->allow, &p->allow) ||
	    copy_list(from->deny, &p->deny)) {
		composite_free_pattern(p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

/* ---- what is served ---- */

/* In whatever order. */
static void mix(struct composite *c, const char *name, const char *what)
{
	uint64_t part[2] = { composite_level_id(c, name),
			     composite_level_id(c, what) };

	c->hash += keyed_hash(c->ids, part, sizeof part);
}

int composite_put_source(struct composite *c, const char *name,
			 const char *location, const char *ref,
			 struct backend *backend)
{
	struct level *l;
	struct source *s;
	const char *base;
	int r = composite_make_levels(c, name, true, &l, &base);

	if (!r && (!composite_is_valid(base) || l->pattern))
		r = -EINVAL;
	if (!r && composite_find(c, l, base))
		r = -EEXIST;
	if (r)
		return r;
	s = composite_new_source(c, l, name, location, ref);
	r = s ? composite_add_child(c, l, NULL, s) : -ENOMEM;
	if (r) {
		source_free(s);
		return r;
	}
	atomic_store(&s->backend, backend);
	s->seen = true;                 /* from the start */
	mix(c, name, location);
	mix(c, name, ref ? ref : "");
	return 0;
}

int composite_add(struct composite *c, const char *name, const char *location,
		  const char *ref, struct backend *backend)
{
	int r;

	lock_take(&c->lock);
	r = composite_put_source(c, name, location, ref, backend);
	lock_drop(&c->lock);
	if (r)
		backend_close(backend);
	return r;
}

int composite_put_pattern(struct composite *c, const char *name,
			  struct pattern *p)
{
	struct level *above, *l;
	const char *base;
	int r = composite_make_levels(c, name, true, &above, &base);

	if (!r && (above->pattern || !composite_is_valid(base)))
		r = -EINVAL;
	if (!r && composite_find(c, above, base))
		r = -EEXIST;
	if (!r)
		r = composite_new_level(c, above, base, &l);
	if (r)
		return r;
	l->pattern = p;
	l->owns_pattern = true;
	mix(c, name, p->url);
	return 0;
}

int composite_add_pattern(struct composite *c, const char *name,
			  const struct fs_pattern *from)
{
	struct pattern *p;
	int r;

	if (!pattern_parts(from->url))
		return -EINVAL;
	r = composite_copy_pattern(from, &p);
	if (r)
		return r;
	lock_take(&c->lock);
	r = composite_put_pattern(c, name, p);
	lock_drop(&c->lock);
	if (r)
		composite_free_pattern(p);
	return r;
}

uint64_t composite_hash(const struct composite *c)
{
	return c->hash;
}

/* ---- what is said about it ---- */

/* NULL: nothing is there. */
static struct child *child_at(struct composite *c, const char *path)
{
	const struct level *l = c->top;
	struct child *child;

	for (;; path++) {
		size_t len = strcspn(path, "/");
		char name[FS_NAME_MAX + 1];

		if (len >= sizeof name)
			return NULL;
		memcpy(name, path, len);
		name[len] = '\0';
		child = composite_find(c, l, name);
		path += len;
		if (!*path || !child)
			return child;
		l = child->level;
		if (!l)
			return NULL;
	}
}

int composite_configured(struct composite *c, const char *name,
			 struct source **source, struct level **pattern)
{
	const struct child *child = child_at(c, name);

	*source = child ? child->source : NULL;
	*pattern = child && child->level && child->level->owns_pattern ?
		   child->level : NULL;
	return *source || *pattern ? 0 : -ENOENT;
}

int composite_set_refresh(struct composite *c, const char *name, uint32_t ms)
{
	struct level *pattern;
	struct source *source;
	LOCK_SCOPE(&c->lock);
	int r = composite_configured(c, name, &source, &pattern);

	if (!r)
		*(source ? &source->refresh : &pattern->pattern->refresh) = ms;
	return r;
}

int composite_restrict(struct composite *c, const char *name, unsigned rule)
{
	struct level *pattern;
	struct source *source;
	LOCK_SCOPE(&c->lock);
	int r = composite_configured(c, name, &source, &pattern);

	if (!r)
		*(source ? &source->rule : &pattern->pattern->rule) = rule;
	return r;
}
