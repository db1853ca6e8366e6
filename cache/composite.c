/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <ctype.h>
#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cache/composite_own.h"
#include "cache/pattern.h"
#include "common/cleanup.h"
#include "common/clock.h"

enum {
	TOP_ID = 1,
	LEVELS_MAX = 1 << 16,   /* whoever may ask for names makes them */
	SOURCES_MAX = 1 << 18,
	KNOWN_MAX = 1 << 18,    /* names that services list */
	DEPTH_MAX = 16,         /* levels above a repository */
	PART_MAX = 100,         /* bytes of a name in a pattern */
	DENIED_MS = 1000,       /* for which one may be believed not to be */
};

/* ---- names ---- */

/* What programs look for everywhere, and what is no owner's name on any
 * host: not worth a question. */
static const char *const probes[] = {
	"autorun.inf", "desktop.ini", "Thumbs.db", "node_modules",
	"package.json", "pyvenv.cfg", "Network Trash Folder",
	"Temporary Items", "Icon\r", "CVS", "BUILD.bazel",
};

/* May it be a component of a pattern?  It goes into a URL or a path: so none
 * of it has a meaning there. */
static bool legal(const char *name, size_t len)
{
	if (!len || len > PART_MAX || *name == '.' || *name == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) &&
		    !strchr("._-+~", name[i]))
			return false;
	for (size_t i = 0; i < sizeof probes / sizeof *probes; i++)
		if (strlen(probes[i]) == len && !memcmp(probes[i], name, len))
			return false;
	return true;
}

/* A name in a level. */
struct place {
	const struct level *level;
	const char *base;
};

/* What the pattern's placeholder 'n' stands for there. */
static const char *part(void *arg, unsigned n)
{
	const struct place *p = arg;
	const struct level *l = p->level;

	if (n == l->depth)
		return p->base;
	while (l->depth > n + 1)
		l = l->parent;
	return l->name;
}

bool composite_may_be(const struct level *l, const char *name)
{
	struct place place = { l, name };

	return l->pattern && legal(name, strlen(name)) &&
	       pattern_permits((const char *const *)l->pattern->allow,
			       (const char *const *)l->pattern->deny,
			       part, &place, l->depth + 1);
}

/* May a source or level be configured so? */
static bool valid(const char *name, size_t len)
{
	return len && len <= COMPOSITE_NAME_MAX &&
	       !(len <= 2 && !memcmp(name, "..", len)) &&
	       !(len == 4 && !strncasecmp(name, ".git", 4));
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

/* ---- the table of children; its lock is held ---- */

static int child_cmp(const void *a, const void *b)
{
	const struct child *x = a, *y = b;

	if (x->in != y->in)
		return x->in < y->in ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int level_cmp(const void *a, const void *b)
{
	const struct level *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

struct child *composite_find(struct composite *c, const struct level *in,
			     const char *name)
{
	struct child want = { .in = in, .name = name };
	struct child **at = tfind(&want, &c->by_name, child_cmp);

	return at ? *at : NULL;
}

/* List it in its level. */
static int append(struct level *in, struct child *child)
{
	if (in->n == in->room) {
		uint32_t room = in->room ? 2 * in->room : 4;
		struct child **more = realloc(in->child, room * sizeof *more);

		if (!more)
			return -ENOMEM;
		in->child = more;
		in->room = room;
	}
	in->child[in->n++] = child;
	return 0;
}

/* Make it findable; a level of a pattern is listed only when it has
 * something to show. */
static int add_child(struct composite *c, struct level *in,
		     struct level *level, struct source *source)
{
	struct child *child;
	bool listed = source || !in->pattern;

	if (source ? c->nsources == SOURCES_MAX : c->nlevels == LEVELS_MAX)
		return -ENOSPC;
	child = malloc(sizeof *child);
	if (!child)
		return -ENOMEM;
	*child = (struct child){
		.in = in,
		.name = level ? level->name : source->base,
		.level = level,
		.source = source,
	};
	if (!tsearch(child, &c->by_name, child_cmp)) {
		free(child);
		return -ENOMEM;
	}
	if (listed && append(in, child)) {
		tdelete(child, &c->by_name, child_cmp);
		free(child);
		return -ENOMEM;
	}
	if (level)
		level->listed = listed;
	else
		c->nsources++;
	return 0;
}

/* ---- levels ---- */

static uint64_t id_of(const struct composite *c, const char *path)
{
	uint64_t id = keyed_hash(c->ids, path, strlen(path)) & INT64_MAX;

	return !*path ? TOP_ID : id > TOP_ID ? id : id + 2;
}

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

static void level_free(void *level)
{
	struct level *l = level;

	if (!l)
		return;
	if (l->owns_pattern)
		composite_free_pattern(l->pattern);
	free(l->child);
	free(l->name);
	free(l->path);
	free(l);
}

int composite_level_path(const struct level *l, const char *base, char **path)
{
	int len = asprintf(path, "%s%s%s", l->path, *l->path ? "/" : "", base);

	return len < 0 ? -ENOMEM : 0;
}

/* The lock is held. */
static int new_level(struct composite *c, struct level *parent,
		     const char *name, struct level **ret)
{
	struct level *l = calloc(1, sizeof *l);
	int r = -ENOMEM;

	if (!l)
		return -ENOMEM;
	l->parent = parent;
	l->name = strdup(name);
	if (parent ? composite_level_path(parent, name, &l->path) :
		     !(l->path = strdup("")))
		l->path = NULL;
	if (!l->name || !l->path)
		goto fail;
	l->id = id_of(c, l->path);
	l->changed = c->base;
	if (parent && parent->pattern) {
		l->pattern = parent->pattern;
		l->depth = parent->depth + 1;
	}
	if (!tsearch(l, &c->by_id, level_cmp))
		goto fail;
	r = parent ? add_child(c, parent, l, NULL) : 0;
	if (r) {
		tdelete(l, &c->by_id, level_cmp);
		goto fail;
	}
	list_add_tail(&c->levels, &l->link);
	c->nlevels++;
	*ret = l;
	return 0;
fail:
	level_free(l);
	return r;
}

/* Does a level of this one hold repositories, or further levels? */
static bool holds_levels(const struct level *l)
{
	return l->pattern && l->depth + 1 < l->pattern->parts;
}

struct composite *composite_new(const struct keyed *ids)
{
	struct composite *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->ids = ids;
	list_init(&c->levels);
	list_init(&c->remains);
	pthread_mutex_init(&c->lock, NULL);
	if (new_level(c, NULL, "", &c->top)) {
		composite_free(c);
		return NULL;
	}
	return c;
}

void source_free(void *source)
{
	struct source *s = source;

	if (!s)
		return;
	backend_close(s->backend);
	free(s->name);
	free(s->location);
	free(s->ref);
	free(s);
}

struct remains {
	struct list link;
	void *what;
	void (*free)(void *);
};

/* Out of memory, it is lost. */
void composite_bury(struct composite *c, void *what, void (*free_it)(void *))
{
	struct remains *r = what ? malloc(sizeof *r) : NULL;

	if (!r)
		return;
	r->what = what;
	r->free = free_it;
	list_add_tail(&c->remains, &r->link);
}

void composite_drop_child(struct composite *c, struct child *child)
{
	if (child->source)
		c->nsources--;
	else if (child->own)
		c->nknown--;
	tdelete(child, &c->by_name, child_cmp);
	free(child->own);
	free(child);
}

void composite_drop_level(struct composite *c, struct level *l)
{
	tdelete(l, &c->by_id, level_cmp);
	list_del(&l->link);
	c->nlevels--;
	composite_bury(c, l, level_free);
}

void composite_free(struct composite *c)
{
	if (!c)
		return;
	while (c->by_name) {
		struct child *child = *(struct child **)c->by_name;

		tdelete(child, &c->by_name, child_cmp);
		source_free(child->source);
		free(child->own);
		free(child);
	}
	for (struct list *at; (at = list_pop(&c->levels));) {
		struct level *l = container_of(at, struct level, link);

		tdelete(l, &c->by_id, level_cmp);
		level_free(l);
	}
	for (struct list *at; (at = list_pop(&c->remains));) {
		struct remains *r = container_of(at, struct remains, link);

		r->free(r->what);
		free(r);
	}
	pthread_mutex_destroy(&c->lock);
	free(c);
}

struct level *composite_top(struct composite *c)
{
	return c->top;
}

uint64_t composite_level_id(const struct composite *c, const char *path)
{
	return id_of(c, path);
}

uint64_t level_id(const struct level *l)
{
	return l->id;
}

const char *level_path(const struct level *l)
{
	return l->path;
}

struct level *level_parent(const struct level *l)
{
	return l->parent;
}

unsigned level_rule(const struct level *l)
{
	return l->pattern ? l->pattern->rule : 0;
}

struct level *composite_level(struct composite *c, uint64_t id)
{
	struct level want = { .id = id };

	LOCK_SCOPE(&c->lock);
	struct level **l = tfind(&want, &c->by_id, level_cmp);

	return l ? *l : NULL;
}

static bool after(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec > b->tv_sec :
					a->tv_nsec > b->tv_nsec;
}

static void touch(struct level *l, struct timespec t)
{
	if (after(&t, &l->changed))
		l->changed = t;
}

void composite_advance(struct level *l, struct timespec t)
{
	if (!after(&t, &l->changed)) {
		t = l->changed;
		if (++t.tv_nsec == 1000000000) {
			t.tv_nsec = 0;
			t.tv_sec++;
		}
	}
	l->changed = t;
	l->denied = 0;
}

struct timespec level_changed(struct composite *c, struct level *l)
{
	LOCK_SCOPE(&c->lock);
	if (l->denied && clock_ms() - l->denied >= DENIED_MS)
		composite_advance(l, clock_wall());
	return l->changed;
}

void composite_denied(struct composite *c, struct level *l)
{
	LOCK_SCOPE(&c->lock);
	if (!l->denied)
		l->denied = clock_ms();
}

struct timespec composite_floor(struct composite *c, const struct source *s,
				const char *ref)
{
	struct timespec t = { 0 };

	LOCK_SCOPE(&c->lock);
	const struct child *there = composite_find(c, s->level, s->base);
	bool seen = there && there->source && there->source->seen;

	if (!ref || !seen)
		t = s->level->changed;
	for (struct level *l = s->level; l->depth && !l->seen; l = l->parent)
		if (after(&l->parent->changed, &t))
			t = l->parent->changed;
	return t;
}

void composite_touch(struct composite *c, struct source *s, const char *ref,
		     struct timespec t)
{
	LOCK_SCOPE(&c->lock);
	/* What the journal tells is in no order. */
	void (*move)(struct level *, struct timespec) =
		c->started ? composite_advance : touch;

	if (!ref || !s->seen)
		move(s->level, t);
	s->seen = true;
	for (struct level *l = s->level; l->depth && !l->seen; l = l->parent) {
		move(l->parent, t);
		l->seen = true;
	}
}

uint64_t composite_hash(const struct composite *c)
{
	return c->hash;
}

void composite_start(struct composite *c, struct timespec changed)
{
	LOCK_SCOPE(&c->lock);
	c->started = true;
	c->base = changed;
	for (struct list *at = c->levels.next; at != &c->levels; at = at->next)
		touch(container_of(at, struct level, link), changed);
}

/* ---- configuration ---- */

/* In whatever order. */
static void mix(struct composite *c, const char *name, const char *what)
{
	uint64_t part[2] = { id_of(c, name), id_of(c, what) };

	c->hash += keyed_hash(c->ids, part, sizeof part);
}

/* The level that holds the last component of 'path', made when missing;
 * *base gets that component. */
static int make_levels(struct composite *c, const char *path, bool configured,
		       struct level **ret, const char **base)
{
	struct level *l = c->top;
	unsigned depth = 0;

	for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
		CLEANUP_FREE char *name = strndup(path, (size_t)(slash - path));
		struct child *child;
		int r = 0;

		if (!name)
			return -ENOMEM;
		if (++depth > DEPTH_MAX)
			return -EINVAL;
		child = composite_find(c, l, name);
		if (child && !child->level)
			return -EEXIST;
		if (child)
			l = child->level;
		else if (configured ? l->pattern || !valid(name, strlen(name)) :
			 !holds_levels(l) || !composite_may_be(l, name))
			return -EINVAL;
		else
			r = new_level(c, l, name, &l);
		if (r)
			return r;
	}
	*ret = l;
	*base = path;
	return 0;
}

static struct source *new_source(struct composite *c, struct level *l,
				 const char *name, const char *location,
				 const char *ref)
{
	struct source *s = calloc(1, sizeof *s);
	const char *slash;

	if (!s)
		return NULL;
	s->composite = c;
	s->number = c->number++;
	s->level = l;
	s->name = strdup(name);
	s->location = strdup(location);
	s->ref = ref ? strdup(ref) : NULL;
	if (!s->name || !s->location || (ref && !s->ref)) {
		source_free(s);
		return NULL;
	}
	slash = strrchr(s->name, '/');
	s->base = slash ? slash + 1 : s->name;
	if (l->pattern) {
		s->refresh = l->pattern->refresh;
		s->rule = l->pattern->rule;
	}
	return s;
}

int composite_put_source(struct composite *c, const char *name,
			 const char *location, const char *ref,
			 struct backend *backend)
{
	struct level *l;
	struct source *s;
	const char *base;
	int r = make_levels(c, name, true, &l, &base);

	if (!r && (!valid(base, strlen(base)) || l->pattern))
		r = -EINVAL;
	if (!r && composite_find(c, l, base))
		r = -EEXIST;
	if (r)
		return r;
	s = new_source(c, l, name, location, ref);
	r = s ? add_child(c, l, NULL, s) : -ENOMEM;
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
	int r = make_levels(c, name, true, &above, &base);

	if (!r && (above->pattern || !valid(base, strlen(base))))
		r = -EINVAL;
	if (!r && composite_find(c, above, base))
		r = -EEXIST;
	if (!r)
		r = new_level(c, above, base, &l);
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

int composite_configured(struct composite *c, const char *name,
			 struct source **source, struct level **pattern)
{
	struct level *above;
	const char *base;
	int r = make_levels(c, name, true, &above, &base);
	struct child *child = r ? NULL : composite_find(c, above, base);

	*source = child ? child->source : NULL;
	*pattern = child && !child->source && child->level->owns_pattern ?
		   child->level : NULL;
	if (*source || *pattern)
		return 0;
	return r ? r : -ENOENT;
}

int composite_refresh(struct composite *c, const char *name, uint32_t ms)
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

/* ---- sources ---- */

static char *fill_option(void *arg, const char *text)
{
	struct place *p = arg;
	char *filled;

	return pattern_fill(p->level->pattern->url, text, part, p, &filled) ?
		NULL : filled;
}

/* What is below an open-ended level is opened as that says. */
static int open_there(const struct level *l, const char *base,
		      const char *location, struct backend **ret,
		      char why[BACKEND_WHY])
{
	const struct pattern *p = l->pattern;
	struct backend_options opt;
	struct place place = { l, base };
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
	if (r)
		return old ? 0 : r;
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

void source_answered(struct source *s, int err)
{
	if (err)
		atomic_store(&s->troubled, clock_wall().tv_sec);
	/* Written seldom: those who read it share the line. */
	if (atomic_load(&s->trouble) != err)
		atomic_store(&s->trouble, err);
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

int composite_expand(const struct level *l, const char *base, char **path,
		     char **location)
{
	struct place place = { l, base };
	CLEANUP_FREE char *url = NULL;
	int r = pattern_expand(l->pattern->url, part, &place, &url);

	if (!r)
		r = composite_level_path(l, base, path);
	if (!r)
		*location = TAKE(url);
	return r;
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
	s = new_source(c, l, path, location, NULL);
	if (!s)
		return -ENOMEM;
	*ret = s;
	return 0;
}

/* The lock is held.  Each level on the way up is listed from now on. */
static int attach(struct composite *c, struct source *s)
{
	struct child *known = composite_find(c, s->level, s->base);
	int r = 0;

	if (s->gone || s->level->gone)
		return -ESTALE;
	if (known && c->nsources < SOURCES_MAX) {
		known->source = s;
		c->nsources++;
		c->nknown--;
	} else {
		r = known ? -ENOSPC : add_child(c, s->level, NULL, s);
	}
	if (r)
		return r;
	for (struct level *l = s->level;
	     !l->listed && l->parent; l = l->parent) {
		r = append(l->parent, composite_find(c, l->parent, l->name));
		if (r)
			return r;
		l->listed = true;
	}
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
		r = attach(c, s);
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

int composite_make_level(struct composite *c, const char *path,
			 struct level **ret)
{
	CLEANUP_FREE char *slashed = NULL;
	const char *base;

	if (asprintf(&slashed, "%s/", path) < 0) {
		slashed = NULL;
		return -ENOMEM;
	}
	LOCK_SCOPE(&c->lock);
	return make_levels(c, slashed, false, ret, &base);
}

int composite_stands_for(const struct level *l, const char *base,
			 const char *location, bool *ret)
{
	CLEANUP_FREE char *path = NULL, *url = NULL;
	int r;

	*ret = false;
	if (holds_levels(l) || !composite_may_be(l, base))
		return 0;
	r = composite_expand(l, base, &path, &url);
	*ret = !r && !strcmp(url, location);
	return r == -ENOMEM ? r : 0;
}

static int recall(struct composite *c, const char *name, const char *location,
		  struct source **ret)
{
	struct source *s;
	struct child *child;
	struct level *l;
	const char *base;
	bool possible;
	int r = make_levels(c, name, false, &l, &base);

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
	s = new_source(c, l, name, location, NULL);
	if (!s)
		return -ENOMEM;
	r = attach(c, s);
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
	return l->pattern && !holds_levels(l) &&
	       backend_lists(&l->pattern->options);
}

/* The lock is held. */
static int add_known(struct composite *c, struct level *l, const char *name)
{
	struct child *child = calloc(1, sizeof *child);

	if (!child)
		return -ENOMEM;
	child->in = l;
	child->name = child->own = strdup(name);
	if (!child->own || !tsearch(child, &c->by_name, child_cmp))
		goto fail;
	if (append(l, child)) {
		tdelete(child, &c->by_name, child_cmp);
		goto fail;
	}
	c->nknown++;
	return 0;
fail:
	free(child->own);
	free(child);
	return -ENOMEM;
}

int composite_note(struct composite *c, struct level *l, const char *name)
{
	if (!composite_may_be(l, name))
		return 0;
	LOCK_SCOPE(&c->lock);
	if (l->gone || composite_find(c, l, name))
		return 0;
	return c->nknown < KNOWN_MAX ? add_known(c, l, name) : -ENOSPC;
}

/* ---- looking up, listing ---- */

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
	if (holds_levels(l)) {
		CLEANUP_FREE char *path = NULL;

		if (composite_level_path(l, ret->base, &path))
			return -ENOMEM;
		ret->what = COMPOSITE_LEVEL;
		ret->level_id = id_of(c, path);
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

int composite_entry(struct composite *c, const struct level *l, uint64_t i,
		    char name[FS_NAME_MAX + 1], struct level **level,
		    struct source **source, bool *pin)
{
	LOCK_SCOPE(&c->lock);
	if (i / 2 >= l->n)
		return -ENOENT;

	const struct child *child = l->child[i / 2];

	if (!child || (!child->source && i % 2))
		return -EAGAIN;
	*pin = i % 2;
	*level = child->level;
	*source = child->source;
	snprintf(name, FS_NAME_MAX + 1, "%s%s", child->name, *pin ? "@@" : "");
	return 0;
}

uint64_t composite_sources(struct composite *c)
{
	LOCK_SCOPE(&c->lock);
	return c->nsources;
}

size_t composite_list(struct composite *c, struct source **ret, size_t room)
{
	size_t n = 0;

	LOCK_SCOPE(&c->lock);
	for (struct list *at = c->levels.next; at != &c->levels;
	     at = at->next) {
		const struct level *l = container_of(at, struct level, link);

		for (uint32_t i = 0; i < l->n && n < room; i++)
			if (l->child[i] && l->child[i]->source)
				ret[n++] = l->child[i]->source;
	}
	return n;
}
