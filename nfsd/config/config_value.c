/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "nfsd/config/config_value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <git2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/url.h"
#include "nfsd/access.h"
#include "nfsd/endpoint.h"
#include "nfsd/config/config_line.h"

/* ---- what is said about a wrong one ---- */

int config_fail(char why[CONFIG_WHY], int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, CONFIG_WHY, fmt, ap);
	va_end(ap);
	return err;
}

int config_no_memory(char why[CONFIG_WHY])
{
	return config_fail(why, -ENOMEM, "out of memory");
}

int config_wrong(const struct config_origin *o, const char *value,
		 const char *wanted)
{
	CLEANUP_FREE char *where = NULL, *shown = url_redact(value);

	if (!shown)
		return config_no_memory(o->why);
	if (!o->file)
		return config_fail(o->why, -EINVAL, "%s \"%s\": %s", o->key,
				   shown, wanted);
	where = config_line(o->file, o->key, o->nth);
	return config_fail(o->why, -EBADMSG, "%s: %s = \"%s\": %s",
			   where ? where : o->file, o->key, shown, wanted);
}

/* ---- what there is ---- */

static bool is_address(const char *text)
{
	struct sockaddr_storage addr;

	return !endpoint_parse(text, &addr);
}

static bool is_log_format(const char *text)
{
	enum log_format f;

	return !log_format_parse(text, &f);
}

static bool is_something(const char *text)
{
	return *text;
}

static const char allow_wanted[] =
	"give a network or an address in figures, as in 10.0.0.0/8 or ::1, "
	"or any";
static const char uid_wanted[] = "give a uid or a range, as in 1000-1999";
static const char file_wanted[] = "give the path of a file";
static const char bool_wanted[] = "give true or false";

static bool is_web_url(const char *text)
{
	const char *rest = !strncmp(text, "http://", 7) ? text + 7 :
			   !strncmp(text, "https://", 8) ? text + 8 : "";

	return *rest && *rest != '/' && !strpbrk(text, " \t") &&
	       !memchr(rest, '@', strcspn(rest, "/"));
}

static bool is_service_url(const char *text)
{
	return is_web_url(text) && !strpbrk(text, "?#");
}

static bool is_type(const char *text)
{
	static const char *const word[] = { "local", "git", "github", "mesa" };

	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		if (!strcmp(text, word[i]))
			return true;
	return false;
}

/* A word for each of a name's first parts. */
static bool is_names(const char *text)
{
	size_t len = strlen(text);

	return len && *text != '/' && text[len - 1] != '/' &&
	       !strstr(text, "//") && !strpbrk(text, " \t");
}

static bool is_portmap(const char *text)
{
	static const char *const word[] = { "auto", "register", "serve",
					    "off" };

	for (size_t i = 0; i < sizeof word / sizeof *word; i++)
		if (!strcmp(text, word[i]))
			return true;
	return false;
}

/* Of an organisation: it goes into paths and URLs. */
static bool is_name(const char *text)
{
	return *text && *text != '.' && *text != '-' &&
	       text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			   "abcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0';
}

#define AT(field) .at = offsetof(struct config, field)

const struct config_setting config_settings[] = {
	{ "server.listen", "listen", CONFIG_LIST, AT(listen),
	  .check = is_address,
	  .wanted = "give an address and a port in figures, as in "
		    "127.0.0.1:2049 or [::1]:2049" },
	{ "server.user", "user", CONFIG_TEXT, AT(as_user),
	  .check = is_something, .wanted = "give the name of a user" },
	{ "server.allow", "allow", CONFIG_LIST, AT(access.allow), .live = true,
	  .check = rule_is_network, .wanted = allow_wanted },
	{ "server.uid", NULL, CONFIG_LIST, AT(access.uids), .live = true,
	  .check = rule_is_uid, .wanted = uid_wanted },
	{ "server.reserved-port", NULL, CONFIG_BOOL,
	  AT(access.reserved_port), .live = true, .preset = CONFIG_UNSET,
	  .wanted = bool_wanted },
	{ "server.secret-file", NULL, CONFIG_PATH, AT(access.secret_file),
	  .live = true,
	  .check = is_something, .wanted = file_wanted },
	{ "server.loops", "loops", CONFIG_NUMBER, AT(loops),
	  .min = 1, .max = 1024, .wanted = "give a number from 1 to 1024" },
	{ "server.portmap", "portmap", CONFIG_TEXT, AT(portmap),
	  .check = is_portmap,
	  .wanted = "give one of auto, register, serve, off" },
	{ "server.log-level", "log-level", CONFIG_LEVEL, AT(log_level),
	  .live = true,
	  .preset = LOG_INFO,
	  .wanted = "give one of error, warning, info, debug" },
	{ "server.log-format", "log-format", CONFIG_TEXT, AT(log_format),
	  .live = true,
	  .check = is_log_format, .wanted = "give one of text, json" },
	{ "server.log-to", "log-to", CONFIG_PATH, AT(log_to), .live = true,
	  .check = is_something,
	  .wanted = "give stderr, journal, or the path of a file" },
	{ "http.listen", "http-listen", CONFIG_TEXT, AT(http_listen),
	  .check = is_address,
	  .wanted = "give an address and a port in figures, as in "
		    "127.0.0.1:9049" },
	{ "http.secret-file", NULL, CONFIG_PATH, AT(http_secret_file),
	  .live = true,
	  .check = is_something, .wanted = "give the path of a file" },
	{ "telemetry.collector-url", NULL, CONFIG_TEXT, AT(collector_url),
	  .check = is_web_url,
	  .wanted = "give the URL of a collector, as in "
		    "http://localhost:4318" },
	{ "state.dir", "state-dir", CONFIG_PATH, AT(state_dir),
	  .check = is_something, .wanted = "give the path of a directory" },
	{ "cache.dir", "cache-dir", CONFIG_PATH, AT(cache_dir),
	  .check = is_something, .wanted = "give the path of a directory" },
	{ "cache.memory", "cache-memory", CONFIG_NUMBER, AT(memory),
	  .live = true,
	  .min = 1, .max = INT64_MAX, .preset = INT64_C(256) << 20,
	  .wanted = "give a number of bytes, perhaps with k, m or g behind "
		    "it" },
	{ "cache.disk", "cache-disk", CONFIG_NUMBER, AT(disk), .live = true,
	  .max = INT64_MAX, .preset = INT64_C(10) << 30,
	  .wanted = "give a number of bytes, perhaps with k, m or g behind "
		    "it; 0 for nothing" },
	{ "cache.prefetch", "prefetch", CONFIG_NUMBER, AT(prefetch),
	  .live = true,
	  .max = 1024, .preset = 8,
	  .wanted = "give a number from 0 to 1024" },
	{ .key = NULL },
};

#undef AT
#define AT(field) .at = offsetof(struct config_place, field)
enum { IN_ALL = IN_SOURCE | IN_ROOT | IN_LISTENER };

const struct config_setting config_place_settings[] = {
	{ "url", NULL, CONFIG_PATH, IN_SOURCE | IN_ROOT, AT(url) },
	{ "type", NULL, CONFIG_TEXT, IN_ROOT, AT(type),
	  .check = is_type, .wanted = "give one of local, git, github, mesa" },
	{ "api-url", NULL, CONFIG_TEXT, IN_ROOT, AT(api_url),
	  .check = is_service_url,
	  .wanted = "give https://HOST/PATH; a token goes into a token-file" },
	{ "org", NULL, CONFIG_LIST, IN_ROOT, AT(org), .check = is_name,
	  .wanted = "give the name of one organisation" },
	{ "ref", NULL, CONFIG_TEXT, IN_SOURCE, AT(ref) },
	{ "refresh", NULL, CONFIG_NUMBER, IN_SOURCE | IN_ROOT, AT(refresh),
	  .live = true,
	  .min = 1, .max = 1000000, .preset = CONFIG_UNSET,
	  .wanted = "give a number of seconds" },
	{ "user", NULL, CONFIG_TEXT, IN_SOURCE | IN_ROOT, AT(user),
	  .check = is_something, .wanted = "give a name" },
	{ "token-file", NULL, CONFIG_PATH, IN_SOURCE | IN_ROOT,
	  AT(token_file), .check = is_something, .wanted = file_wanted },
	{ "ca-file", NULL, CONFIG_PATH, IN_SOURCE | IN_ROOT, AT(ca_file),
	  .check = is_something, .wanted = file_wanted },
	{ "allow", NULL, CONFIG_LIST, IN_ALL, AT(access.allow), .live = true,
	  .check = rule_is_network, .wanted = allow_wanted },
	{ "uid", NULL, CONFIG_LIST, IN_ALL, AT(access.uids), .live = true,
	  .check = rule_is_uid, .wanted = uid_wanted },
	{ "reserved-port", NULL, CONFIG_BOOL, IN_ALL,
	  AT(access.reserved_port), .live = true, .preset = CONFIG_UNSET,
	  .wanted = bool_wanted },
	{ "secret-file", NULL, CONFIG_PATH, IN_ALL, AT(access.secret_file),
	  .live = true,
	  .check = is_something, .wanted = file_wanted },
	{ "allow-address", NULL, CONFIG_WORDS, IN_SOURCE | IN_ROOT,
	  AT(allow_address), .check = rule_is_network,
	  .wanted = allow_wanted },
	{ "allow-repository", NULL, CONFIG_LIST, IN_ROOT, AT(allow),
	  .check = is_names,
	  .wanted = "give patterns for the names below the root, as in "
		    "torvalds/lin*" },
	{ "deny-repository", NULL, CONFIG_LIST, IN_ROOT, AT(deny),
	  .check = is_names,
	  .wanted = "give patterns for the names below the root, as in "
		    "*/secret*" },
	{ .key = NULL },
};

const struct config_setting *
config_setting_find(const struct config_setting table[], const char *key)
{
	for (; table->key; table++)
		if (!strcmp(table->key, key))
			return table;
	return NULL;
}

/* ---- setting them ---- */

union field {
	int64_t number;
	char *text;
	struct config_list list;
};

static union field *field(const struct config_setting *s, void *at)
{
	return (union field *)((char *)at + s->at);
}

static bool is_number(const struct config_setting *s)
{
	return s->kind == CONFIG_NUMBER || s->kind == CONFIG_LEVEL ||
	       s->kind == CONFIG_BOOL;
}

void config_unset(const struct config_setting table[], void *at)
{
	for (const struct config_setting *s = table; s->key; s++)
		if (is_number(s))
			field(s, at)->number = CONFIG_UNSET;
}

static int set_number(const struct config_setting *s,
		      const struct config_origin *o, const char *value,
		      int64_t *ret)
{
	int64_t n;

	if (git_config_parse_int64(&n, value) || n < s->min || n > s->max)
		return config_wrong(o, value, s->wanted);
	*ret = n;
	return 0;
}

static int set_level(const struct config_setting *s,
		     const struct config_origin *o, const char *value,
		     int64_t *ret)
{
	enum log_level level;

	if (log_level_parse(value, &level))
		return config_wrong(o, value, s->wanted);
	*ret = level;
	return 0;
}

static int set_bool(const struct config_setting *s,
		    const struct config_origin *o, const char *value,
		    int64_t *ret)
{
	int is;

	if (git_config_parse_bool(&is, value))
		return config_wrong(o, value, s->wanted);
	*ret = is;
	return 0;
}

/* A path, with "~/" understood.  git has its own word for "wrong".  On the
 * command line that is the shell's business. */
static int expand(const struct config_origin *o, const char *value, char **ret)
{
	git_buf buf = { 0 };

	if (!o->file) {
		*ret = strdup(value);
	} else if (git_config_parse_path(&buf, value)) {
		return config_wrong(o, value, "cannot tell whose home that is");
	} else {
		*ret = strdup(buf.ptr);
		git_buf_dispose(&buf);
	}
	return *ret ? 0 : config_no_memory(o->why);
}

static int set_text(const struct config_setting *s,
		    const struct config_origin *o, const char *value,
		    char **ret)
{
	char *text = NULL;
	int r = 0;

	if (s->kind == CONFIG_PATH)
		r = expand(o, value, &text);
	else if (!(text = strdup(value)))
		r = config_no_memory(o->why);
	if (r)
		return r;
	free(*ret);
	*ret = text;
	return 0;
}

static int add_text(const struct config_origin *o, const char *value,
		    struct config_list *l)
{
	char **more = realloc(l->item, (l->n + 2) * sizeof *more);

	if (!more)
		return config_no_memory(o->why);
	l->item = more;
	more[l->n] = strdup(value);
	more[l->n + 1] = NULL;
	if (!more[l->n])
		return config_no_memory(o->why);
	l->n++;
	return 0;
}

static int add_word(const struct config_origin *o, const char *value,
		    char **words)
{
	char *more;

	if (asprintf(&more, "%s%s%s", *words ? *words : "", *words ? " " : "",
		     value) < 0)
		return config_no_memory(o->why);
	free(*words);
	*words = more;
	return 0;
}

int config_set(const struct config_setting *s, const struct config_origin *o,
	       const char *value, void *at)
{
	union field *f = field(s, at);

	if (s->check && !s->check(value))
		return config_wrong(o, value, s->wanted);
	switch (s->kind) {
	case CONFIG_NUMBER:
		return set_number(s, o, value, &f->number);
	case CONFIG_LEVEL:
		return set_level(s, o, value, &f->number);
	case CONFIG_BOOL:
		return set_bool(s, o, value, &f->number);
	case CONFIG_TEXT:
	case CONFIG_PATH:
		return set_text(s, o, value, &f->text);
	case CONFIG_WORDS:
		return add_word(o, value, &f->text);
	case CONFIG_LIST:
		return add_text(o, value, &f->list);
	}
	return 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

bool config_same(const struct config_setting *s, const void *a, const void *b)
{
	const union field *x = field(s, (void *)a), *y = field(s, (void *)b);

	if (is_number(s))
		return x->number == y->number;
	if (s->kind != CONFIG_LIST)
		return same_text(x->text, y->text);
	if (x->list.n != y->list.n)
		return false;
	for (size_t i = 0; i < x->list.n; i++)
		if (strcmp(x->list.item[i], y->list.item[i]))
			return false;
	return true;
}

void config_swap(const struct config_setting *s, void *a, void *b)
{
	union field *x = field(s, a), *y = field(s, b), was;

	if (is_number(s)) {
		was.number = x->number;
		x->number = y->number;
		y->number = was.number;
	} else if (s->kind != CONFIG_LIST) {
		was.text = x->text;
		x->text = y->text;
		y->text = was.text;
	} else {
		was.list = x->list;
		x->list = y->list;
		y->list = was.list;
	}
}

/* ---- all of a table ---- */

static void merge_list(struct config_list *to, struct config_list *from)
{
	if (to->n)
		return;
	*to = *from;
	*from = (struct config_list){ 0 };
}

void config_merge(const struct config_setting table[], void *to, void *from)
{
	for (const struct config_setting *s = table; s->key; s++) {
		union field *t = field(s, to), *f = field(s, from);

		if (s->kind == CONFIG_LIST)
			merge_list(&t->list, &f->list);
		else if (is_number(s) && t->number == CONFIG_UNSET)
			t->number = f->number;
		else if (!is_number(s) && !t->text)
			t->text = TAKE(f->text);
	}
}

static int copy_list(const struct config_list *from,
		     char *(*change)(const void *arg, const char *text),
		     const void *arg, struct config_list *to)
{
	if (!from->n)
		return 0;
	to->item = calloc(from->n + 1, sizeof *to->item);
	if (!to->item)
		return -ENOMEM;
	for (size_t i = 0; i < from->n; i++) {
		to->item[i] = change(arg, from->item[i]);
		if (!to->item[i])
			return -ENOMEM;
		to->n++;
	}
	return 0;
}

int config_copy(const struct config_setting table[], void *to,
		const void *from,
		char *(*change)(const void *arg, const char *text),
		const void *arg)
{
	int r = 0;

	for (const struct config_setting *s = table; !r && s->key; s++) {
		union field *t = field(s, to), *f = field(s, (void *)from);

		if (s->kind == CONFIG_LIST)
			r = copy_list(&f->list, change, arg, &t->list);
		else if (is_number(s))
			t->number = f->number;
		else if (f->text && !(t->text = change(arg, f->text)))
			r = -ENOMEM;
	}
	return r;
}

void config_preset(const struct config_setting table[], void *at)
{
	for (const struct config_setting *s = table; s->key; s++)
		if (is_number(s) && field(s, at)->number == CONFIG_UNSET)
			field(s, at)->number = s->preset;
}

void config_clear(const struct config_setting table[], void *at)
{
	for (const struct config_setting *s = table; s->key; s++) {
		union field *f = field(s, at);

		if (s->kind == CONFIG_LIST) {
			for (size_t i = 0; i < f->list.n; i++)
				free(f->list.item[i]);
			free(f->list.item);
			f->list = (struct config_list){ 0 };
		} else if (!is_number(s)) {
			free(TAKE(f->text));
		}
	}
}
