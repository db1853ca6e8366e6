/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <getopt.h>
#include <git2.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "nfsd/config.h"
#include "nfsd/server.h"

enum {
	MEMORY_DEFAULT = 256 << 20,
	DISK_UNSET = -1,
	REFRESH_MAX = 1000000,  /* seconds */
	LOOPS_MAX = 1024,
	PREFETCH_DEFAULT = 8,
	PREFETCH_MAX = 1024,
	PREFETCH_UNSET = -1,
	LOG_LEVEL_UNSET = -1,
};

static const int64_t DISK_DEFAULT = INT64_C(10) << 30;

const char config_help[] =
"usage: gitnfsd [OPTIONS] [SOURCE...]\n"
"Show git repositories as a read-only file system over NFSv3.\n"
"\n"
"  SOURCE                  [NAME=]PATH or [NAME=]URL, optionally followed by\n"
"                          @REF; shown as /NAME (default: the last component\n"
"                          of the path without .git)\n"
"\n"
"  -c, --config FILE       configuration file (git-config syntax)\n"
"  -l, --listen ADDR:PORT  default 127.0.0.1:2049; repeatable; port 0: any\n"
"      --state-dir DIR     key, journal, recorded commits\n"
"      --cache-dir DIR     downloaded objects\n"
"      --cache-memory SIZE what may be kept in memory (default 256m)\n"
"      --cache-disk SIZE   what may be kept on disk (default 10g; 0: nothing)\n"
"      --prefetch N        requests at a time for what may be wanted next\n"
"                          (default 8; 0: none)\n"
"      --loops N           threads that answer (default: processors, up to 4)\n"
"      --log-level LEVEL   error, warning, info or debug (default info)\n"
"      --check-config      check configuration and sources, and exit\n"
"      --version           tell the version, and exit\n"
"      --help              this text\n"
"\n"
"gitnfsd(8) and gitnfs.conf(5) tell more.\n";

/* Always 'err', for "return fail(...)". */
static int __attribute__((format(printf, 3, 4)))
fail(char why[CONFIG_WHY], int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, CONFIG_WHY, fmt, ap);
	va_end(ap);
	return err;
}

static int no_memory(char why[CONFIG_WHY])
{
	return fail(why, -ENOMEM, "out of memory");
}

/* ---- values: what they are set to first, they keep ---- */

/* Where a value comes from, for what is said about a wrong one. */
struct origin {
	const char *file;       /* NULL: the command line */
	const char *key;        /* "--listen"; "server.listen" */
	char *why;
};

static int wrong(const struct origin *o, const char *value, const char *wanted)
{
	if (o->file)
		return fail(o->why, -EBADMSG, "%s: %s = \"%s\": %s", o->file,
			    o->key, value, wanted);
	return fail(o->why, -EINVAL, "%s \"%s\": %s", o->key, value, wanted);
}

static int add_listen(struct config *c, const struct origin *o,
		      const char *value)
{
	struct sockaddr_storage addr;
	socklen_t len;
	char **more;

	if (server_parse_address(value, &addr, &len))
		return wrong(o, value, "give an address and a port in figures, "
			     "as in 127.0.0.1:2049 or [::1]:2049");
	more = realloc(c->listen, (c->nlisten + 1) * sizeof *more);
	if (!more)
		return no_memory(o->why);
	c->listen = more;
	more[c->nlisten] = strdup(value);
	if (!more[c->nlisten])
		return no_memory(o->why);
	c->nlisten++;
	return 0;
}

static int set_loops(struct config *c, const struct origin *o,
		     const char *value)
{
	int32_t n;

	if (git_config_parse_int32(&n, value) || n < 1 || n > LOOPS_MAX)
		return wrong(o, value, "give a number from 1 to 1024");
	if (!c->loops)
		c->loops = (unsigned)n;
	return 0;
}

static int set_prefetch(struct config *c, const struct origin *o,
			const char *value)
{
	int32_t n;

	if (git_config_parse_int32(&n, value) || n < 0 || n > PREFETCH_MAX)
		return wrong(o, value, "give a number from 0 to 1024");
	if (c->prefetch == PREFETCH_UNSET)
		c->prefetch = n;
	return 0;
}

static int set_log_level(struct config *c, const struct origin *o,
			 const char *value)
{
	enum log_level level;

	if (log_level_parse(value, &level))
		return wrong(o, value,
			     "give one of error, warning, info, debug");
	if ((int)c->log_level == LOG_LEVEL_UNSET)
		c->log_level = level;
	return 0;
}

static int set_memory(struct config *c, const struct origin *o,
		      const char *value)
{
	int64_t n;

	if (git_config_parse_int64(&n, value) || n < 1 ||
	    (uint64_t)n > SIZE_MAX)
		return wrong(o, value, "give a number of bytes, perhaps with "
			     "k, m or g behind it");
	if (!c->memory)
		c->memory = (size_t)n;
	return 0;
}

static int set_disk(struct config *c, const struct origin *o,
		    const char *value)
{
	int64_t n;

	if (git_config_parse_int64(&n, value) || n < 0)
		return wrong(o, value, "give a number of bytes, perhaps with "
			     "k, m or g behind it; 0 for nothing");
	if (c->disk == DISK_UNSET)
		c->disk = n;
	return 0;
}

static int read_refresh(uint32_t *refresh, const struct origin *o,
			const char *value)
{
	int32_t n;

	if (git_config_parse_int32(&n, value) || n < 1 || n > REFRESH_MAX)
		return wrong(o, value, "give a number of seconds");
	*refresh = (uint32_t)n;
	return 0;
}

static int set_dir(char **dir, const struct origin *o, const char *value)
{
	if (!*value)
		return wrong(o, value, "give the path of a directory");
	if (*dir)
		return 0;
	*dir = strdup(value);
	return *dir ? 0 : no_memory(o->why);
}

/* ---- sources and roots ---- */

static void clear_source(struct config_source *s)
{
	free(s->name);
	free(s->url);
	free(s->location);
	free(s->ref);
}

static void clear_root(struct config_root *root)
{
	free(root->name);
	free(root->url);
	free(root->type);
}

static struct config_source *find_source(const struct config *c,
					 const char *name)
{
	for (size_t i = 0; i < c->nsource; i++)
		if (!strcmp(c->source[i].name, name))
			return &c->source[i];
	return NULL;
}

/* Takes over what is in '*s', also on failure. */
static int add_source(struct config *c, struct config_source *s,
		      char why[CONFIG_WHY])
{
	struct config_source *more =
		realloc(c->source, (c->nsource + 1) * sizeof *more);

	if (!more) {
		clear_source(s);
		return no_memory(why);
	}
	c->source = more;
	more[c->nsource++] = *s;
	return 0;
}

static struct config_root *find_root(const struct config *c,
				     const char *name)
{
	for (size_t i = 0; i < c->nroot; i++)
		if (!strcmp(c->root[i].name, name))
			return &c->root[i];
	return NULL;
}

/* Takes over what is in '*root', also on failure. */
static int add_root(struct config *c, struct config_root *root,
		    char why[CONFIG_WHY])
{
	struct config_root *more =
		realloc(c->root, (c->nroot + 1) * sizeof *more);

	if (!more) {
		clear_root(root);
		return no_memory(why);
	}
	c->root = more;
	more[c->nroot++] = *root;
	return 0;
}

/* The path in a file:// URL, or what is no URL at all; else NULL. */
static const char *path_in(const char *url)
{
	if (!strncmp(url, "file://", 7))
		return url + 7;
	return strstr(url, "://") ? NULL : url;
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
		start = strchr(strstr(url, "://") + 3, '/');
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
static char *default_name(const struct config_source *s)
{
	const char *path = path_in(s->url) ? path_in(s->url) : s->url, *p;
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

/* A SOURCE of the command line. */
static int parse_source(struct config *c, const char *arg,
			char why[CONFIG_WHY])
{
	const char *equal = strchr(arg, '='), *slash = strchr(arg, '/');
	struct config_source s = { 0 };
	const char *url = arg, *ref;
	int r;

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

	if (!s.location || (ref && !s.ref))
		r = no_memory(why);
	else if (!*s.url || (s.ref && !*s.ref))
		r = fail(why, -EINVAL, "source \"%s\": give [NAME=]PATH or "
			 "[NAME=]URL, optionally followed by @REF", arg);
	else if (!s.name || !*s.name)
		r = fail(why, -EINVAL, "source \"%s\": nothing to name it by; "
			 "give NAME=PATH", arg);
	else
		return add_source(c, &s, why);
	clear_source(&s);
	return r;
}

/* ---- the command line ---- */

enum {
	OPT_STATE_DIR = 256,
	OPT_CACHE_DIR,
	OPT_CACHE_MEMORY,
	OPT_CACHE_DISK,
	OPT_PREFETCH,
	OPT_LOOPS,
	OPT_LOG_LEVEL,
	OPT_CHECK,
	OPT_VERSION,
	OPT_HELP,
};

static const struct option options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "listen", required_argument, NULL, 'l' },
	{ "state-dir", required_argument, NULL, OPT_STATE_DIR },
	{ "cache-dir", required_argument, NULL, OPT_CACHE_DIR },
	{ "cache-memory", required_argument, NULL, OPT_CACHE_MEMORY },
	{ "cache-disk", required_argument, NULL, OPT_CACHE_DISK },
	{ "prefetch", required_argument, NULL, OPT_PREFETCH },
	{ "loops", required_argument, NULL, OPT_LOOPS },
	{ "log-level", required_argument, NULL, OPT_LOG_LEVEL },
	{ "check-config", no_argument, NULL, OPT_CHECK },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static int set_option(struct config *c, int opt, const char *value, char *why)
{
	struct origin o = { .why = why };

	switch (opt) {
	case 'l':
		o.key = "--listen";
		return add_listen(c, &o, value);
	case OPT_STATE_DIR:
		o.key = "--state-dir";
		return set_dir(&c->state_dir, &o, value);
	case OPT_CACHE_DIR:
		o.key = "--cache-dir";
		return set_dir(&c->cache_dir, &o, value);
	case OPT_CACHE_MEMORY:
		o.key = "--cache-memory";
		return set_memory(c, &o, value);
	case OPT_CACHE_DISK:
		o.key = "--cache-disk";
		return set_disk(c, &o, value);
	case OPT_PREFETCH:
		o.key = "--prefetch";
		return set_prefetch(c, &o, value);
	case OPT_LOOPS:
		o.key = "--loops";
		return set_loops(c, &o, value);
	case OPT_LOG_LEVEL:
		o.key = "--log-level";
		return set_log_level(c, &o, value);
	case OPT_CHECK:
		c->mode = CONFIG_CHECK;
		return 0;
	case OPT_VERSION:
		c->mode = CONFIG_VERSION;
		return 0;
	case OPT_HELP:
		c->mode = CONFIG_HELP;
		return 0;
	}
	return 0;
}

static int parse_args(struct config *c, int argc, char **argv,
		      const char **ret_file, char why[CONFIG_WHY])
{
	int opt, r = 0;

	/* From the start again, as each system wants to be told. */
#ifdef __GLIBC__
	optind = 0;
#else
	optreset = 1;
	optind = 1;
#endif
	opterr = 0;
	while (!r && (opt = getopt_long(argc, argv, ":c:l:", options,
					NULL)) != -1) {
		if (opt == '?')
			return fail(why, -EINVAL, "wrong option \"%s\"; "
				    "gitnfsd --help lists them",
				    argv[optind - 1]);
		if (opt == ':')
			return fail(why, -EINVAL, "option \"%s\" needs a "
				    "value; see gitnfsd --help",
				    argv[optind - 1]);
		if (opt == 'c')
			*ret_file = optarg;
		else
			r = set_option(c, opt, optarg, why);
	}
	while (!r && optind < argc)
		r = parse_source(c, argv[optind++], why);
	return r;
}

/* ---- the file ---- */

struct reading {
	struct config *config;
	struct config here;     /* what only the file says */
	const char *file;
	char *why;
};

/* A path, with "~/" understood.  git has its own word for "wrong". */
static int expand(const struct origin *o, const char *value, char **ret)
{
	git_buf buf = { 0 };

	if (git_config_parse_path(&buf, value))
		return wrong(o, value, "cannot tell whose home that is");
	*ret = strdup(buf.ptr);
	git_buf_dispose(&buf);
	return *ret ? 0 : no_memory(o->why);
}

static int read_source(struct reading *rd, const struct origin *o,
		       const char *name, size_t len, const char *key,
		       const char *value)
{
	struct config_source *s, new = { .name = strndup(name, len) };
	int r;

	if (!new.name)
		return no_memory(rd->why);
	s = find_source(&rd->here, new.name);
	if (s) {
		free(new.name);
	} else {
		r = add_source(&rd->here, &new, rd->why);
		if (r)
			return r;
		s = &rd->here.source[rd->here.nsource - 1];
	}
	if (!strcmp(key, "url")) {
		free(TAKE(s->url));
		return expand(o, value, &s->url);
	}
	if (!strcmp(key, "refresh"))
		return read_refresh(&s->refresh, o, value);
	free(s->ref);
	s->ref = strdup(value);
	return s->ref ? 0 : no_memory(rd->why);
}

static int read_root(struct reading *rd, const struct origin *o,
		     const char *name, size_t len, const char *key,
		     const char *value)
{
	struct config_root *root, new = { .name = strndup(name, len) };
	int r;

	if (!new.name)
		return no_memory(rd->why);
	root = find_root(&rd->here, new.name);
	if (root) {
		free(new.name);
	} else {
		r = add_root(&rd->here, &new, rd->why);
		if (r)
			return r;
		root = &rd->here.root[rd->here.nroot - 1];
	}
	if (!strcmp(key, "url")) {
		free(TAKE(root->url));
		return expand(o, value, &root->url);
	}
	if (!strcmp(key, "refresh"))
		return read_refresh(&root->refresh, o, value);
	free(root->type);
	root->type = strdup(value);
	return root->type ? 0 : no_memory(rd->why);
}

static int read_dir(char **dir, const struct origin *o, const char *value)
{
	CLEANUP_FREE char *path = NULL;
	int r = expand(o, value, &path);

	return r ? r : set_dir(dir, o, path);
}

static int read_entry(const git_config_entry *e, void *arg)
{
	struct reading *rd = arg;
	struct config *c = rd->config;
	const struct origin o = { rd->file, e->name, rd->why };
	const char *key = strrchr(e->name, '.') + 1;
	const char *name = strchr(e->name, '.') + 1;

	if (!strncmp(e->name, "include.", 8) ||
	    !strncmp(e->name, "includeif.", 10))
		return 0;       /* done by libgit2 */
	if (!e->value)
		return fail(rd->why, -EBADMSG, "%s: %s has no value",
			    rd->file, e->name);
	if (!strcmp(e->name, "server.listen"))
		return add_listen(&rd->here, &o, e->value);
	if (!strcmp(e->name, "server.loops"))
		return set_loops(c, &o, e->value);
	if (!strcmp(e->name, "server.log-level"))
		return set_log_level(c, &o, e->value);
	if (!strcmp(e->name, "state.dir"))
		return read_dir(&c->state_dir, &o, e->value);
	if (!strcmp(e->name, "cache.dir"))
		return read_dir(&c->cache_dir, &o, e->value);
	if (!strcmp(e->name, "cache.memory"))
		return set_memory(c, &o, e->value);
	if (!strcmp(e->name, "cache.disk"))
		return set_disk(c, &o, e->value);
	if (!strcmp(e->name, "cache.prefetch"))
		return set_prefetch(c, &o, e->value);
	if (!strncmp(e->name, "source.", 7) && key > name &&
	    (!strcmp(key, "url") || !strcmp(key, "ref") ||
	     !strcmp(key, "refresh")))
		return read_source(rd, &o, name, (size_t)(key - 1 - name), key,
				   e->value);
	if (!strncmp(e->name, "root.", 5) && key > name &&
	    (!strcmp(key, "url") || !strcmp(key, "type") ||
	     !strcmp(key, "refresh")))
		return read_root(rd, &o, name, (size_t)(key - 1 - name), key,
				 e->value);
	return fail(rd->why, -EBADMSG, "%s: %s is not known; gitnfs.conf(5) "
		    "lists what is", rd->file, e->name);
}

/* Is 'name' 'above' or below it? */
static bool is_within(const char *name, const char *above)
{
	size_t len = strlen(above);

	return !strncmp(name, above, len) &&
	       (name[len] == '/' || name[len] == '\0');
}

/* What there is that leaves no place for 'name'; NULL: nothing. */
static const char *in_the_way(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nsource; i++)
		if (is_within(name, c->source[i].name) ||
		    is_within(c->source[i].name, name))
			return c->source[i].name;
	for (size_t i = 0; i < c->nroot; i++)
		if (is_within(name, c->root[i].name) ||
		    is_within(c->root[i].name, name))
			return c->root[i].name;
	return NULL;
}

static int check_place(const struct reading *rd, const char *section,
		       const char *name)
{
	const char *other = in_the_way(rd->config, name);

	if (!other)
		return 0;
	return fail(rd->why, -EBADMSG, "%s: %s.%s.url: \"%s\" is shown "
		    "already; give one of them another name", rd->file,
		    section, name, other);
}

static int merge_source(struct reading *rd, struct config_source *s)
{
	struct config_source taken;
	int r;

	if (!s->url || !*s->url)
		return fail(rd->why, -EBADMSG, "%s: source \"%s\" needs a url",
			    rd->file, s->name);
	if (find_source(rd->config, s->name))
		return 0;
	r = check_place(rd, "source", s->name);
	if (r)
		return r;
	s->location = location_of(s->url);
	if (!s->location)
		return no_memory(rd->why);
	taken = *s;
	*s = (struct config_source){ 0 };
	return add_source(rd->config, &taken, rd->why);
}

static bool has_placeholder(const char *url)
{
	const char *open = strchr(url, '{');

	return open && open[1] && open[1] != '}' && strchr(open, '}');
}

/* The same wherever the server is started. */
static int make_absolute(char **url, char why[CONFIG_WHY])
{
	CLEANUP_FREE char *here = NULL;
	char *path;

	/* git's HOST:PATH is for others to refuse. */
	if (**url == '/' || path_in(*url) != *url ||
	    (*url)[strcspn(*url, ":/")] == ':')
		return 0;
	here = realpath(".", NULL);
	if (!here || asprintf(&path, "%s/%s", here, *url) < 0)
		return no_memory(why);
	free(*url);
	*url = path;
	return 0;
}

static int check_root(const struct reading *rd, const struct config_root *root)
{
	CLEANUP_FREE char *key = NULL;
	const char *type;

	if (!root->url || !*root->url)
		return fail(rd->why, -EBADMSG, "%s: root \"%s\" needs a url",
			    rd->file, root->name);
	if (asprintf(&key, "root.%s.url", root->name) < 0) {
		key = NULL;
		return no_memory(rd->why);
	}
	if (!has_placeholder(root->url))
		return wrong(&(struct origin){ rd->file, key, rd->why },
			     root->url, "give a pattern, as in "
			     "/srv/git/{repository}.git");
	if (!root->type)
		return 0;
	free(key);
	if (asprintf(&key, "root.%s.type", root->name) < 0) {
		key = NULL;
		return no_memory(rd->why);
	}
	const struct origin o = { rd->file, key, rd->why };

	if (strcmp(root->type, "local") && strcmp(root->type, "git"))
		return wrong(&o, root->type, "give one of local, git");
	type = path_in(root->url) ? "local" : "git";
	if (strcmp(root->type, type))
		return wrong(&o, root->type, *type == 'l' ?
			     "the url is a path: that is local" :
			     "the url is not on this disk: that is git");
	return 0;
}

static int merge_root(struct reading *rd, struct config_root *root)
{
	struct config_root taken;
	int r = check_root(rd, root);

	if (r || find_source(rd->config, root->name))
		return r;
	r = check_place(rd, "root", root->name);
	if (!r)
		r = make_absolute(&root->url, rd->why);
	if (r)
		return r;
	taken = *root;
	*root = (struct config_root){ 0 };
	return add_root(rd->config, &taken, rd->why);
}

/* Add the file's listeners, unless there are others, and its sources and
 * roots, but for those whose names the command line has taken. */
static int merge(struct reading *rd)
{
	struct config *c = rd->config, *here = &rd->here;
	int r = 0;

	if (!c->nlisten) {
		c->listen = TAKE(here->listen);
		c->nlisten = here->nlisten;
		here->nlisten = 0;
	}
	for (size_t i = 0; !r && i < here->nroot; i++)
		r = merge_root(rd, &here->root[i]);
	for (size_t i = 0; !r && i < here->nsource; i++)
		r = merge_source(rd, &here->source[i]);
	return r;
}

static int read_file(struct config *c, const char *file, char why[CONFIG_WHY])
{
	struct reading rd = { .config = c, .file = file, .why = why };
	const git_error *e;
	git_config *cfg;
	int r;

	if (access(file, R_OK)) {
		r = -errno;
		return fail(why, r == -ENOENT ? r : -EBADMSG,
			    "configuration file %s: %s", file, strerror(-r));
	}
	if (git_config_open_ondisk(&cfg, file)) {
		e = git_error_last();
		return fail(why, -EBADMSG, "%s: %s", file,
			    e ? e->message : "cannot be read");
	}
	r = git_config_foreach(cfg, read_entry, &rd);
	git_config_free(cfg);
	if (!r)
		r = merge(&rd);
	config_free(&rd.here);
	return r;
}

/* ---- what nobody has said ---- */

/* The directory that an XDG variable names, or its default below HOME; for
 * root, one of the system's. */
static char *default_dir(const char *system, const char *variable,
			 const char *below_home)
{
	const char *xdg = getenv(variable), *home = getenv("HOME");
	char *ret = NULL;
	int n;

	if (!geteuid())
		return strdup(system);
	if (xdg && *xdg == '/')
		n = asprintf(&ret, "%s/gitnfs", xdg);
	else if (home && *home)
		n = asprintf(&ret, "%s/%s/gitnfs", home, below_home);
	else
		return NULL;
	return n < 0 ? NULL : ret;
}

static int set_defaults(struct config *c, char why[CONFIG_WHY])
{
	const struct origin o = { .key = "--listen", .why = why };

	if (!c->nlisten && add_listen(c, &o, "127.0.0.1:2049"))
		return -ENOMEM;
	if (!c->memory)
		c->memory = MEMORY_DEFAULT;
	if (c->disk == DISK_UNSET)
		c->disk = DISK_DEFAULT;
	if (c->prefetch == PREFETCH_UNSET)
		c->prefetch = PREFETCH_DEFAULT;
	if ((int)c->log_level == LOG_LEVEL_UNSET)
		c->log_level = LOG_INFO;
	if (!c->state_dir)
		c->state_dir = default_dir("/var/lib/gitnfs",
					   "XDG_STATE_HOME", ".local/state");
	if (!c->cache_dir)
		c->cache_dir = default_dir("/var/cache/gitnfs",
					   "XDG_CACHE_HOME", ".cache");
	if (!c->state_dir || !c->cache_dir)
		return fail(why, -EINVAL, "there is no HOME to keep things in; "
			    "give --state-dir and --cache-dir");
	return 0;
}

static int load(struct config *c, int argc, char **argv, char *why)
{
	CLEANUP_FREE char *dir = NULL, *usual = NULL;
	const char *file = NULL;
	int r = parse_args(c, argc, argv, &file, why);

	if (r || c->mode == CONFIG_HELP || c->mode == CONFIG_VERSION)
		return r;
	if (!file) {
		dir = default_dir("/etc/gitnfs", "XDG_CONFIG_HOME", ".config");
		if (dir && asprintf(&usual, "%s/gitnfs.conf", dir) < 0)
			return no_memory(why);
		if (usual && !access(usual, F_OK))
			file = usual;
	}
	if (file)
		r = read_file(c, file, why);
	if (!r)
		r = set_defaults(c, why);
	if (!r && !c->nsource && !c->nroot)
		r = fail(why, -EINVAL, "there is nothing to serve; name a "
			 "repository, as in: gitnfsd ~/src/linux");
	return r;
}

int config_load(struct config *ret, int argc, char **argv,
		char why[CONFIG_WHY])
{
	int r;

	*ret = (struct config){
		.log_level = (enum log_level)LOG_LEVEL_UNSET,
		.prefetch = PREFETCH_UNSET,
		.disk = DISK_UNSET,
	};
	git_libgit2_init();
	r = load(ret, argc, argv, why);
	git_libgit2_shutdown();
	return r;
}

void config_free(struct config *c)
{
	for (size_t i = 0; i < c->nlisten; i++)
		free(c->listen[i]);
	for (size_t i = 0; i < c->nsource; i++)
		clear_source(&c->source[i]);
	for (size_t i = 0; i < c->nroot; i++)
		clear_root(&c->root[i]);
	free(c->listen);
	free(c->source);
	free(c->root);
	free(c->state_dir);
	free(c->cache_dir);
	*c = (struct config){ 0 };
}
