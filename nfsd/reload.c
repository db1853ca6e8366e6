/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "nfsd/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/fs.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "nfsd/access.h"
#include "nfsd/config/config_place.h"
#include "nfsd/config/config_value.h"
#include "nfsd/server.h"

/* ---- what needs a restart ---- */

static void note_restart(struct reload *ret, const char *key)
{
	size_t len = strlen(ret->restart);

	if (!strstr(ret->restart, key))
		snprintf(ret->restart + len, sizeof ret->restart - len,
			 "%s%s", len ? " " : "", key);
}

/* The new configuration has those as they are. */
static void keep_fixed(struct config *old, struct config *new,
		       struct reload *ret)
{
	for (const struct config_setting *s = config_settings; s->key; s++) {
		bool listen = !strcmp(s->key, "server.listen");

		if (s->live)
			continue;
		/* Where it listens when nobody says may have been inherited. */
		if (!config_same(s, old, new) &&
		    !(listen && old->usual_listen && new->usual_listen))
			note_restart(ret, s->key);
		config_swap(s, old, new);
	}
	new->usual_listen = old->usual_listen;
}

/* ---- limits ---- */

static void keep(const char *key, struct config *old, struct config *new,
		 struct reload *ret)
{
	note_restart(ret, key);
	config_swap(config_setting_find(config_settings, key), old, new);
}

static void set_limits(struct fs *fs, struct config *old, struct config *new,
		       struct reload *ret)
{
	if (new->memory != old->memory)
		fs_set_memory(fs, (size_t)new->memory);
	if (new->disk != old->disk && fs_set_disk(fs, (uint64_t)new->disk))
		keep("cache.disk", old, new, ret);
	if (new->prefetch != old->prefetch &&
	    fs_set_prefetch(fs, (unsigned)new->prefetch))
		keep("cache.prefetch", old, new, ret);
}

/* What was set by hand since stays, if the file says what it said. */
static void set_log(const struct config *old, const struct config *new)
{
	enum log_format f = LOG_TEXT;

	if (new->log_level != old->log_level)
		log_set_level((enum log_level)new->log_level);
	if (!new->log_format || !log_format_parse(new->log_format, &f))
		log_set_format(f);
}

static int move_log(const struct config *old, const struct config *new,
		    char why[CONFIG_WHY])
{
	const struct config_setting *s =
		config_setting_find(config_settings, "server.log-to");
	int r = config_same(s, old, new) ? 0 : log_set_target(new->log_to);

	return r ? config_fail(why, r, "cannot log to %s: %s; choose another "
			       "place", new->log_to, strerror(-r)) : 0;
}

/* ---- the change ---- */

struct change {
	struct reloading *rl;
	struct config_rules rules;
	struct places_change *places;
	char *why;
	int err;
};

static void use_rules(struct server *s, const struct config_rules *rules)
{
	server_set_rules(s, (const struct rule *const *)rules->place,
			 rules->nplace);
}

/* Those of listeners stay where they are: every connection has one. */
static void swap_listeners(struct config_rules *a, struct config_rules *b)
{
	for (size_t i = 0; i < a->nlisten; i++)
		rule_swap(a->listen[i], b->listen[i]);
}

/* No call is under way that could see half of it. */
static void change(void *arg)
{
	struct change *ch = arg;
	struct reloading *rl = ch->rl;

	swap_listeners(rl->rules, &ch->rules);
	use_rules(rl->server, &ch->rules);
	ch->err = places_change(rl->fs, ch->places, ch->why);
	/* Without memory not all may be there, but what is has the new
	 * numbers. */
	if (!ch->err || ch->err == -ENOMEM)
		return;
	swap_listeners(rl->rules, &ch->rules);
	use_rules(rl->server, rl->rules);
}

static int apply(struct change *ch)
{
	struct config_rules *now = ch->rl->rules, was = *now;
	int r = server_still(ch->rl->server, change, ch);

	if (!r)
		r = ch->err;
	if (r && r != -ENOMEM)
		return r;
	if (r && !ch->err)              /* it was not called */
		return r;
	now->place = ch->rules.place;
	now->nplace = ch->rules.nplace;
	ch->rules.place = was.place;
	ch->rules.nplace = was.nplace;
	return r;
}

static int load(struct reloading *rl, struct config *new, struct change *ch,
		struct reload *ret)
{
	char ignored[CONFIG_WHY];
	int r = config_load(new, rl->argc, rl->argv, ch->why);

	if (r)
		return r;
	keep_fixed(rl->config, new, ret);
	r = config_rules_make(new, &ch->rules, ch->why);
	if (!r)
		r = places_prepare(rl->config, new, &ch->places, ch->why);
	if (!r)
		r = move_log(rl->config, new, ch->why);
	if (!r) {
		r = apply(ch);
		if (r)
			move_log(new, rl->config, ignored);
	}
	if (r)                          /* what is fixed goes back */
		keep_fixed(new, rl->config, &(struct reload){ .restart = "" });
	return r;
}

int reload(struct reloading *rl, struct reload *ret, char why[CONFIG_WHY])
{
	struct change ch = { .rl = rl, .why = why };
	struct config new, was;
	int r;

	*ret = (struct reload){ .restart = "" };
	r = load(rl, &new, &ch, ret);
	if (!r) {
		places_count(rl->config, &new, &ret->places);
		set_limits(rl->fs, rl->config, &new, ret);
		set_log(rl->config, &new);
		was = *rl->config;
		*rl->config = new;
		new = was;
		config_rules_warn(rl->rules, rl->config);
		places_warn(rl->config);
	}
	places_change_free(ch.places);
	config_rules_free(&ch.rules);
	config_free(&new);
	return r;
}
