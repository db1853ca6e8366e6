/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What the control socket understands.  doc/control.md tells of each. */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/log.h"
#include "nfsd/admin/admin.h"
#include "nfsd/admin/bring.h"
#include "nfsd/admin/control.h"
#include "nfsd/admin/keep.h"
#include "nfsd/admin/refresh.h"
#include "nfsd/admin/standing.h"
#include "nfsd/trace.h"

enum { SHOWN_MAX = 10000 };

static void ping(struct control_call *call)
{
	struct json_object *o = json_object_new_object();

	json_text(o, "version", PACKAGE_VERSION);
	json_i64(o, "pid", getpid());
	control_end(call, o);
}

/* Who reads it may be in another directory. */
static void put_dir(struct json_object *o, const char *key, const char *dir)
{
	char *path = realpath(dir, NULL);

	json_text(o, key, path ? path : dir);
	free(path);
}

static struct json_object *server_json(const struct admin *a)
{
	struct json_object *o = json_object_new_object();
	struct json_object *listen = json_object_new_array();

	json_text(o, "version", PACKAGE_VERSION);
	json_i64(o, "pid", getpid());
	json_i64(o, "uid", geteuid());
	json_u64(o, "uptime_ms", clock_ms() - a->started);
	put_dir(o, "state_dir", a->state_dir);
	put_dir(o, "cache_dir", a->reloading->config->cache_dir);
	json_u64(o, "watchers", trace_watchers(a->trace));
	for (size_t i = 0; i < server_listeners(a->server); i++)
		json_append(listen, json_object_new_string(
					server_address(a->server, i)));
	json_put(o, "listen", listen);
	return o;
}

static void status(struct control_call *call)
{
	struct admin *a = call->context;
	CLEANUP_STANDING struct standing *s = NULL;
	struct json_object *o;
	int r = standing_take(a->fs, a->server, SHOWN_MAX, &s);

	if (r) {
		control_fail(call, r, "%s", strerror(-r));
		return;
	}
	o = standing_json(s);
	json_put(o, "server", server_json(a));
	control_end(call, o);
}

/* "a b c" */
static struct json_object *words(const char *text)
{
	struct json_object *list = json_object_new_array();

	while (*text) {
		size_t len = strcspn(text, " ");

		json_append(list, json_object_new_string_len(text, (int)len));
		text += len + (text[len] == ' ');
	}
	return list;
}

static void reload_all(struct control_call *call)
{
	struct admin *a = call->context;
	char why[CONFIG_WHY];
	struct json_object *o;
	struct reload re;
	int r = admin_reload(a, &re, why);

	if (r) {
		control_fail(call, r, "%s", why);
		return;
	}
	o = json_object_new_object();
	json_u64(o, "added", re.places.added);
	json_u64(o, "removed", re.places.removed);
	json_u64(o, "changed", re.places.changed);
	json_put(o, "restart", words(re.restart));
	control_end(call, o);
}

static void set_log_level(struct control_call *call)
{
	const char *text = json_text_at(call->request, "level");
	enum log_level level;

	if (!text || log_level_parse(text, &level)) {
		control_fail(call, -EINVAL, "give one of error, warning, info, "
			     "debug as the level");
		return;
	}
	log_set_level(level);
	control_end(call, NULL);
}

const struct control_command admin_commands[] = {
	{ "ping", ping },
	{ "status", status },
	{ "refresh", refresh_begin },
	{ "reload", reload_all },
	{ "warm", bring_warm },
	{ "pin", bring_pin },
	{ "pins", keep_pins },
	{ "unpin", keep_unpin },
	{ "gc", keep_gc },
	{ "du", keep_du },
	{ "trace", trace_begin },
	{ "log-level", set_log_level },
	{ NULL, NULL },
};
