/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "nfsd/config/config_place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/url.h"
#include "nfsd/config/config_line.h"

/* ---- lists of them ---- */

struct config_place *config_place_find(const struct config_places *ps,
				       const char *name)
{
	/* In a file it is mostly the last one. */
	for (size_t i = ps->n; i--;)
		if (!strcmp(ps->place[i].name, name))
			return &ps->place[i];
	return NULL;
}

static void clear(struct config_place *p)
{
	config_clear(config_place_settings, p);
	free(p->name);
	free(p->file);
	free(p->section);
	free(p->location);
	free(p->git_url);
}

void config_places_clear(struct config_places *ps)
{
	for (size_t i = 0; i < ps->n; i++)
		clear(&ps->place[i]);
	free(ps->place);
	*ps = (struct config_places){ 0 };
}

/* Takes over what is in '*p', also on failure. */
static struct config_place *append(struct config_places *ps,
				   struct config_place *p)
{
	struct config_place *more =
		realloc(ps->place, (ps->n + 1) * sizeof *more);

	if (!more) {
		clear(p);
		return NULL;
	}
	ps->place = more;
	more[ps->n] = *p;
	return &more[ps->n++];
}

struct config_place *config_place_add(struct config_places *ps,
				      const char *name, size_t len)
{
	struct config_place p = { .name = strndup(name, len) };

	config_unset(config_place_settings, &p);
	return p.name ? append(ps, &p) : NULL;
}

/* ---- URLs ---- */

/* Behind the host of git's HOST:PATH, whose colon is before any slash; NULL:
 * it is none, or there is a file of that name. */
static const char *behind_host(const char *url)
{
	size_t len = strcspn(url, ":/");

	return url[len] == ':' && strncmp(url + len, "://", 3) &&
	       access(url, F_OK) ? url + len + 1 : NULL;
}

/* The path in a file:// URL, or what is neither a URL nor HOST:PATH; else
 * NULL. */
static const char *path_in(const char *url)
{
	if (!strncmp(url, "file://", 7))
		return url + 7;
	return strstr(url, "://") || behind_host(url) ? NULL : url;
}

static bool exists(const char *url)
{
	const char *path = path_in(url);

	return path && !access(path, F_OK);
}

static char *location_of(const char *url)
{
	const char *path = path_in(url);
	char *real = path ? realpath(path, NULL) : NULL;

	return real ? real : strdup(url);
}

/* Cut "URL@REF" in two, in place; NULL: there is no "@REF".  What exists as
 * it stands is not cut, and what is left of the cut exists where we can
 * tell: '@' may be part of either. */
static char *cut_ref(char *url)
{
	bool local = path_in(url);
	char *start = url, *at;

	if (exists(url))
		return NULL;
	if (!local) {
		/* Behind the host, which may have a user before it. */
		start = behind_host(url) ? (char *)behind_host(url) :
					   strchr(strstr(url, "://") + 3, '/');
		if (!start)
			return NULL;
	}
	for (at = url + strlen(url); at-- > start;) {
		if (*at != '@')
			continue;
		*at = '\0';
		if (!local || exists(url))
			return at + 1;
		*at = '@';
	}
	return NULL;
}

/* The last component of a path, without slashes behind it: *ret_len bytes
 * from what is returned. */
static const char *last_component(const char *path, size_t len,
				  size_t *ret_len)
{
	size_t start;

	while (len && path[len - 1] == '/')
		len--;
	start = len;
	while (start && path[start - 1] != '/')
		start--;
	*ret_len = len - start;
	return path + start;
}

static bool is_name(const char *p, size_t len, const char *name)
{
	return len == strlen(name) && !memcmp(p, name, len);
}

/* The name to show a source by when none is given; NULL: there is none. */
static char *default_name(const struct config_place *s)
{
	const char *path = path_in(s->url) ? path_in(s->url) :
			   behind_host(s->url) ? behind_host(s->url) : s->url;
	const char *p;
	size_t len;

	p = last_component(path, strlen(path), &len);
	if (is_name(p, len, ".git"))    /* name it by the working tree */
		p = last_component(path, (size_t)(p - path), &len);
	if (!len || is_name(p, len, ".") || is_name(p, len, "..")) {
		path = s->location;
		p = last_component(path, strlen(path), &len);
		if (is_name(p, len, ".git"))
			p = last_component(path, (size_t)(p - path), &len);
	}
	if (len > 4 && is_name(p + len - 4, 4, ".git"))
		len -= 4;
	return len ? strndup(p, len) : NULL;
}

/* ---- the command line ---- */

int config_place_parse(struct config *c, const char *arg,
		       char why[CONFIG_WHY])
{
	const char *equal = strchr(arg, '='), *slash = strchr(arg, '/');
	CLEANUP_FREE char *shown = url_redact(arg);
	struct config_place s = { 0 };
	const char *url = arg, *ref;
	int r;

	config_unset(config_place_settings, &s);
	if (equal && (!slash || equal < slash) && !exists(arg)) {
		s.name = strndup(arg, (size_t)(equal - arg));
		url = equal + 1;
	}
	s.url = strdup(url);
	ref = s.url ? cut_ref(s.url) : NULL;
	if (ref)
		s.ref = strdup(ref);
	s.location = s.url ? location_of(s.url) : NULL;
	if (s.location && !s.name)
		s.name = default_name(&s);

	if (!s.location || (ref && !s.ref) || !shown)
		r = config_no_memory(why);
	else if (!*s.url || (s.ref && !*s.ref))
		r = config_fail(why, -EINVAL, "source \"%s\": give "
				"[NAME=]PATH or [NAME=]URL, optionally "
				"followed by @REF", shown);
	else if (!s.name || !*s.name)
		r = config_fail(why, -EINVAL, "source \"%s\": nothing to name "
				"it by; give NAME=PATH", shown);
	else
		return append(&c->sources, &s) ? 0 : config_no_memory(why);
	clear(&s);
	return r;
}

/* ---- the file ---- */

struct merging {
	struct config *to;
	const char *file;
	char *why;
	const char *section;    /* "source" or "root" */
};

static char *line_of(const struct config_place *p, const char *key,
		     unsigned nth)
{
	CLEANUP_FREE char *name = NULL;

	if (asprintf(&name, "%s.%s", p->section, key) < 0) {
		name = NULL;
		return NULL;
	}
	return config_line(p->file, name, nth);
}

int config_place_blame(const struct config_place *p, const char *key, int err,
		       char why[CONFIG_WHY])
{
	CLEANUP_FREE char *line = NULL, *what = NULL;

	if (!err || !p->file)
		return err;
	if (key)
		line = line_of(p, key, CONFIG_LAST);
	if (!line || !strcmp(line, p->file)) {  /* it may be a default */
		free(line);
		line = line_of(p, "", 0);
	}
	what = strdup(why);
	if (line && what)
		config_fail(why, err, "%.200s: %.80s%s%s%s%s", line,
			    key ? p->section : "", key ? "." : "",
			    key ? key : "", key ? ": " : "", what);
	return err;
}

/* Said when all of the file has been read. */
static int wrong(const struct merging *m, const struct config_place *p,
		 const char *key, const char *value, const char *wanted)
{
	CLEANUP_FREE char *name = NULL;

	if (asprintf(&name, "%s.%s", p->section, key) < 0) {
		name = NULL;
		return config_no_memory(m->why);
	}
	return config_wrong(&(struct config_origin){
		.file = m->file, .key = name, .nth = CONFIG_LAST,
		.why = m->why,
	}, value, wanted);
}

/* Is it 'above' or below that? */
static bool is_within(const char *name, const char *above)
{
	size_t len = strlen(above);

	return !strncmp(name, above, len) &&
	       (name[len] == '/' || name[len] == '\0');
}

/* What there is that leaves no place for 'name'; NULL: nothing. */
static const char *in_the_way(const struct config_places *ps, const char *name)
{
	for (size_t i = 0; i < ps->n; i++)
		if (is_within(name, ps->place[i].name) ||
		    is_within(ps->place[i].name, name))
			return ps->place[i].name;
	return NULL;
}

static int check_place(const struct merging *m, const struct config_place *p)
{
	const char *other = in_the_way(&m->to->sources, p->name);

	if (!other)
		other = in_the_way(&m->to->roots, p->name);
	if (!other)
		return 0;
	config_fail(m->why, -EBADMSG, "%s.url: \"%s\" is shown already; give "
		    "one of them another name", p->section, other);
	return config_place_blame(p, NULL, -EBADMSG, m->why);
}

static bool is_service(const struct config_place *p)
{
	return p->type && (!strcmp(p->type, "github") ||
			   !strcmp(p->type, "mesa"));
}

/* Its url is where git is spoken, if anywhere. */
static bool is_depot(const struct config_place *p)
{
	return p->type && !strcmp(p->type, "mesa");
}

static int set_section(const struct merging *m, struct config_place *p)
{
	if (p->file)                    /* it is one of several */
		return 0;
	if (asprintf(&p->section, "%s.%s", m->section, p->name) < 0)
		p->section = NULL;
	p->file = strdup(m->file);
	return p->file && p->section ? 0 : config_no_memory(m->why);
}

static int set_url(const struct merging *m, struct config_place *p)
{
	const char *usual = config_service_url(p);
	int r = set_section(m, p);

	if (r)
		return r;
	if (!p->url && usual && !(p->url = strdup(usual)))
		return config_no_memory(m->why);
	if ((p->url && *p->url) || is_depot(p))
		return 0;
	config_fail(m->why, -EBADMSG, "%s \"%s\" needs a url", m->section,
		    p->name);
	return config_place_blame(p, NULL, -EBADMSG, m->why);
}

static int merge_source(const struct merging *m, struct config_place *p)
{
	p->location = location_of(p->url);
	if (!p->location)
		return config_no_memory(m->why);
	return 0;
}

/* {NAME}, once or more, and no other braces. */
static bool has_placeholders(const char *url)
{
	const char *at = url + strcspn(url, "{}");

	for (; *at == '{'; at += strcspn(at, "{}")) {
		size_t len = strcspn(++at, "{}/");

		if (!len || at[len] != '}')
			return false;
		at += len + 1;
	}
	return !*at && strchr(url, '{');
}

/* Does what has a placeholder end with OWNER/NAME, and begin without? */
static bool is_github(const char *url)
{
	const char *name = strrchr(url, '/'), *owner = name;

	while (owner > url && *--owner != '/')
		;
	return !memchr(url, '{', (size_t)(owner - url));
}

/* The same wherever the server is started. */
static int make_absolute(char **url, char why[CONFIG_WHY])
{
	CLEANUP_FREE char *here = NULL;
	char *path;

	/* git's HOST:PATH is for others to refuse. */
	if (**url == '/' || path_in(*url) != *url)
		return 0;
	here = realpath(".", NULL);
	if (!here || asprintf(&path, "%s/%s", here, *url) < 0)
		return config_no_memory(why);
	free(*url);
	*url = path;
	return 0;
}

static int check_type(const struct merging *m, const struct config_place *p)
{
	const char *type = path_in(p->url) ? "local" : "git";

	if (!p->type || !strcmp(p->type, type))
		return 0;
	if (is_service(p) && *type == 'g')
		return 0;
	return wrong(m, p, "type", p->type, *type == 'l' ?
		     "the url is a path: that is local" :
		     "the url is not on this disk: that is git");
}

/* What only a service has. */
static int check_service(const struct merging *m, const struct config_place *p)
{
	if (p->api_url && !is_service(p))
		return wrong(m, p, "api-url", p->api_url,
			     "only github and mesa have one: set the type");
	if (p->org.n && !is_depot(p))
		return wrong(m, p, "org", p->org.item[0],
			     "only a root of type mesa has organisations");
	return 0;
}

static int merge_root(const struct merging *m, struct config_place *p)
{
	int r = check_service(m, p);

	if (r)
		return r;
	if (!has_placeholders(p->url))
		return wrong(m, p, "url", p->url, "give a pattern, as in "
			     "/srv/git/{repository}.git");
	r = check_type(m, p);
	if (!r && p->type && !strcmp(p->type, "github") && !is_github(p->url))
		return wrong(m, p, "url", p->url, "GitHub has owners with "
			     "repositories: only the last two parts can be "
			     "placeholders");
	return r ? r : make_absolute(&p->url, m->why);
}

/* By the command line. */
static bool is_taken(const struct config *c, const char *name)
{
	const struct config_place *p = config_place_find(&c->sources, name);

	return p && !p->file;
}

static int merge(const struct merging *m, struct config_places *from,
		 struct config_places *to,
		 int (*one)(const struct merging *, struct config_place *))
{
	for (size_t i = 0; i < from->n; i++) {
		struct config_place *p = &from->place[i];
		struct config_place taken;
		int r = set_url(m, p);

		if (!r)
			r = one(m, p);
		if (r)
			return r;
		if (is_taken(m->to, p->name))
			continue;
		r = check_place(m, p);
		if (r)
			return r;
		taken = *p;
		*p = (struct config_place){ 0 };
		if (!append(to, &taken))
			return config_no_memory(m->why);
	}
	return 0;
}

/* A listener's section also says that there is one.  Those that the command
 * line names are all there are, but they may have sections. */
static int merge_listeners(const struct merging *m, struct config *from)
{
	const struct config_setting *listen =
		config_setting_find(config_settings, "server.listen");
	struct config_places *ps = &from->listeners;
	int r = 0;

	for (size_t i = 0; !r && i < ps->n; i++) {
		struct config_place *p = &ps->place[i];

		r = set_section(m, p);
		if (!r && !listen->check(p->name)) {
			config_fail(m->why, -EBADMSG, "listener \"%s\": %s",
				    p->name, listen->wanted);
			r = config_place_blame(p, NULL, -EBADMSG, m->why);
		}
		if (!r)
			r = config_set(listen, &(struct config_origin){
				.why = m->why,
			}, p->name, from);
	}
	m->to->listeners = *ps;
	*ps = (struct config_places){ 0 };
	return r;
}

static int lacks_org(const struct merging *m, const struct config_place *p)
{
	config_fail(m->why, -EBADMSG, "%s.org: give at least one organisation, "
		    "or \"github\" for the mirror", p->section);
	return config_place_blame(p, NULL, -EBADMSG, m->why);
}

/* In place of each depot, what its organisations are. */
static int expand_depots(const struct merging *m, struct config_places *roots)
{
	struct config_places all = { 0 };
	int r = 0;

	for (size_t i = 0; !r && i < roots->n; i++) {
		struct config_place *p = &roots->place[i], taken;

		if (is_depot(p)) {
			r = set_url(m, p);
			if (!r && !p->org.n)
				r = lacks_org(m, p);
			if (!r)
				r = config_service_expand(p, &all);
			continue;
		}
		taken = *p;
		*p = (struct config_place){ 0 };
		if (!append(&all, &taken))
			r = -ENOMEM;
	}
	if (r == -ENOMEM)
		config_no_memory(m->why);
	config_places_clear(roots);
	*roots = all;
	return r;
}

int config_place_merge(struct config *to, struct config *from,
		       const char *file, char why[CONFIG_WHY])
{
	struct merging m = {
		.to = to, .file = file, .why = why, .section = "root",
	};
	int r = expand_depots(&m, &from->roots);

	if (!r)
		r = merge(&m, &from->roots, &to->roots, merge_root);
	m.section = "source";
	if (!r)
		r = merge(&m, &from->sources, &to->sources, merge_source);
	m.section = "listener";
	return r ? r : merge_listeners(&m, from);
}
