/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/composite_own.h"
#include "cache/pattern.h"
#include "common/cleanup.h"
#include "common/clock.h"

/* ---- its backend ---- */

static char *fill_option(void *arg, const char *text)
{
	struct level_name *p = arg;
	char *filled;

	return pattern_fill(p->level->pattern->url, text, composite_part, p,
			    &filled) ? NULL : filled;
}

/* What is below an open-ended level is opened as that says. */
static int open_there(const struct level *l, const char *base,
		      const char *location, struct backend **ret,
		      char why[BACKEND_WHY])
{
	const struct pattern *p = l->pattern;
	struct backend_options opt;
	struct level_name place = { l, base };
	int r;

	if (!p)
		return backend_open(ret, location, why);
	if (backend_options_map(&p->options, fill_option, &place,
				&opt)) {
		snprintf(why, BACKEND_WHY, "out of memory");
		return -ENOMEM;
	}
	r = backend_open_with(ret, location, &opt, why);
	backend_options_clear(&opt);
	return r;
}

int level_open(const struct level *l, struct backend **ret,
	       char why[BACKEND_WHY])
{
	CLEANUP_FREE char *path = NULL, *url = NULL;
	int r = composite_expand(l, "", &path, &url);

	return r ? r : open_there(l, "", url, ret, why);
}

static void close_backend(void *backend)
{
	backend_close(backend);
}

int source_open(struct source *s, char why[BACKEND_WHY])
{
	struct backend *b, *old = atomic_load(&s->backend);
	int r;

	if (old && !atomic_exchange(&s->outdated, false))
		return 0;
	r = open_there(s->level, s->base, s->location, &b, why);
	if (r) {
		atomic_store(&s->outdated, old != NULL);        /* still */
		return r;
	}
	/* Two may open it at once; one is enough. */
	if (!atomic_compare_exchange_strong(&s->backend, &old, b)) {
		backend_close(b);
		return 0;
	}
	LOCK_SCOPE(&s->composite->lock);
	composite_bury(s->composite, old, close_backend);
	return 0;
}

void source_replace(struct source *s, struct backend *b)
{
	composite_bury(s->composite, atomic_exchange(&s->backend, b),
		       close_backend);
}

bool source_answered(struct source *s, int err)
{
	if (err)
		atomic_store(&s->troubled, clock_wall().tv_sec);
	/* Written seldom: those who read it share the line. */
	return atomic_load(&s->trouble) != err &&
	       atomic_exchange(&s->trouble, err) != err;
}

void source_asked(struct source *s)
{
	atomic_store(&s->asked, clock_wall().tv_sec);
	source_answered(s, 0);
}

void source_why(struct source *s, int err, char why[BACKEND_WHY])
{
	struct backend *b = atomic_load(&s->backend);

	*why = '\0';
	if (b && b->ops->why)
		b->ops->why(b, err, why);
}

bool source_goes_by_path(struct source *s)
{
	struct backend *b = atomic_load(&s->backend);

	return !b || b->ops->by_path;
}

bool source_is_far(struct source *s)
{
	struct backend *b = atomic_load(&s->backend);

	return !b || b->ops->far;
}

/* ---- its place ---- */

static void heed_pattern(struct source *s)
{
	const struct pattern *p = s->level->pattern;

	if (!p)
		return;
	s->refresh = p->refresh;
	s->rule = p->rule;
}

/* What it was made by may be another one by now. */
static int make_current(struct source *s)
{
	bool possible = true;
	int r = 0;

	if (s->gone || s->level->gone)
		return -ESTALE;
	if (s->pattern != s->level->pattern) {
		r = composite_stands_for(s->level, s->base, s->location,
					 &possible);
		s->pattern = s->level->pattern;
		s->outdated = true;
	}
	heed_pattern(s);
	return r || possible ? r : -ESTALE;
}

struct source *composite_new_source(struct composite *c, struct level *l,
				    const char *name, const char *location,
				    const char *ref)
{
	size_t n = strlen(name) + 1, m = strlen(location) + 1;
	struct source *s = calloc(1, sizeof *s + n + m);
	const char *slash;

	if (!s)
		return NULL;
	s->composite = c;
	s->number = c->number++;
	s->level = l;
	s->name = memcpy(s->text, name, n);
	s->location = memcpy(s->text + n, location, m);
	s->ref = ref ? strdup(ref) : NULL;
	if (ref && !s->ref) {
		source_free(s);
		return NULL;
	}
	slash = strrchr(s->name, '/');
	s->base = slash ? slash + 1 : s->name;
	s->pattern = l->pattern;
	heed_pattern(s);
	return s;
}

void source_free(void *source)
{
	struct source *s = source;

	if (!s)
		return;
	backend_close(s->backend);
	free(s->ref);
	free(s);
}

int composite_make(struct composite *c, struct level *l,
		   const char *base, struct source **ret)
{
	CLEANUP_FREE char *path = NULL, *location = NULL;
	int r = composite_expand(l, base, &path, &location);
	struct source *s;

	if (r)
		return r;
	LOCK_SCOPE(&c->lock);
	s = composite_new_source(c, l, path, location, NULL);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

/* The lock is held.  'known': its name, if that is there, without a source.
 * Each level on the way up is listed from now on; the source comes last, as
 * after an error it is still the caller's. */
static int attach(struct composite *c, struct source *s, struct child *known)
{
	int r = make_current(s);

	if (!r && c->nsources == SOURCES_MAX)
		r = -ENOSPC;
	for (struct level *l = s->level; !r && !l->listed && l->parent;
	     l = l->parent) {
		r = composite_append(l->parent,
				     composite_find(c, l->parent, l->name));
		l->listed = !r;
	}
	if (r)
		return r;
	if (!known)
		return composite_add_child(c, s->level, NULL, s);
	known->source = s;
	c->nsources++;
	c->nknown--;
	return 0;
}

int composite_attach(struct composite *c, struct source *s,
		     struct source **ret)
{
	struct source *first = NULL;
	int r = 0;

	lock_take(&c->lock);
	struct child *there = composite_find(c, s->level, s->base);

	first = there ? there->source : NULL;
	if (!first)
		r = attach(c, s, there);
	lock_drop(&c->lock);
	if (r)
		return r;
	if (first && first != s && !s->gone)
		source_free(s);
	*ret = first ? first : s;
	return 0;
}

bool composite_has_room(struct composite *c, const struct source *s)
{
	LOCK_SCOPE(&c->lock);
	if (!s)
		return c->nlevels < LEVELS_MAX;
	const struct child *there = composite_find(c, s->level, s->base);

	return c->nsources < SOURCES_MAX || (there && there->source);
}

bool composite_has(struct composite *c, const struct source *s)
{
	LOCK_SCOPE(&c->lock);
	const struct child *there = composite_find(c, s->level, s->base);

	return s->gone || (there && there->source == s);
}

static int recall(struct composite *c, const char *name, const char *location,
		  struct source **ret)
{
	struct source *s;
	struct child *child;
	struct level *l;
	const char *base;
	bool possible;
	int r = composite_make_levels(c, name, false, &l, &base);

	if (r)
		return r;
	child = composite_find(c, l, base);
	if (child && (child->source || child->level)) {
		s = child->source;
		*ret = s && !strcmp(s->location, location) ? s : NULL;
		return 0;
	}
	r = composite_stands_for(l, base, location, &possible);
	if (r || !possible)
		return r;
	s = composite_new_source(c, l, name, location, NULL);
	if (!s)
		return -ENOMEM;
	r = attach(c, s, child);
	if (r)
		source_free(s);
	else
		*ret = s;
	return r;
}

int composite_recall(struct composite *c, const char *name,
		     const char *location, struct source **ret)
{
	struct source *s = NULL;
	int r;

	LOCK_SCOPE(&c->lock);
	r = recall(c, name, location, &s);
	if (r == -ENOMEM)
		return r;
	*ret = s;               /* a name that cannot be is not here */
	return 0;
}

/* ---- what a service lists ---- */

bool level_may_list(const struct level *l)
{
	return l->pattern && !composite_holds_levels(l) &&
	       backend_lists(&l->pattern->options);
}

bool level_has_token(const struct level *l)
{
	return l->pattern && l->pattern->options.token_file;
}

int composite_note(struct composite *c, struct level *l, const char *name)
{
	if (!composite_may_be(l, name))
		return 0;
	LOCK_SCOPE(&c->lock);
	if (l->gone || composite_find(c, l, name))
		return 0;
	return composite_add_known(c, l, name);
}
