/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "nfsd/config/config.h"

#include <errno.h>
#include <git2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/dirs.h"
#include "nfsd/config/config_place.h"
#include "nfsd/config/config_read.h"
#include "nfsd/config/config_value.h"

/* What nobody has said. */
static int set_defaults(struct config *c, char why[CONFIG_WHY])
{
	const struct config_origin o = { .key = "--listen", .why = why };

	c->usual_listen = !c->listen.n;
	if (c->usual_listen &&
	    config_set(config_setting_find(config_settings, "server.listen"),
		       &o, "127.0.0.1:2049", c))
		return -ENOMEM;
	config_preset(config_settings, c);
	if (!c->state_dir)
		c->state_dir = dirs_default(DIRS_STATE);
	if (!c->cache_dir)
		c->cache_dir = dirs_default(DIRS_CACHE);
	if (!c->state_dir || !c->cache_dir)
		return config_fail(why, -EINVAL, "there is no HOME to keep "
				   "things in; give --state-dir and "
				   "--cache-dir");
	return 0;
}

/* The file that is read when none is named, or NULL. */
static int usual_file(char **ret, char why[CONFIG_WHY])
{
	CLEANUP_FREE char *dir = dirs_default(DIRS_CONFIG);
	CLEANUP_FREE char *file = NULL;

	if (dir && asprintf(&file, "%s/gitnfs.conf", dir) < 0) {
		file = NULL;
		return config_no_memory(why);
	}
	*ret = file && !access(file, F_OK) ? TAKE(file) : NULL;
	return 0;
}

static int load(struct config *c, int argc, char **argv, char *why)
{
	CLEANUP_FREE char *usual = NULL;
	const char *file = NULL;
	int r = config_read_args(c, argc, argv, &file, why);

	if (r || c->mode == CONFIG_HELP || c->mode == CONFIG_VERSION)
		return r;
	if (!file) {
		r = usual_file(&usual, why);
		file = usual;
	}
	if (!r && file)
		r = config_read_file(c, file, why);
	if (!r)
		r = set_defaults(c, why);
	/* Who names nothing gets what needs no naming. */
	if (!r && !c->sources.n && !c->roots.n && config_service_default(c))
		r = config_no_memory(why);
	return r;
}

int config_load(struct config *ret, int argc, char **argv,
		char why[CONFIG_WHY])
{
	static bool loaded;

	/* It stays: it reads the certificates of all authorities first, and
	 * repositories on this disk would have it do so again. */
	if (!loaded)
		git_libgit2_init();
	loaded = true;
	*ret = (struct config){ 0 };
	config_unset(config_settings, ret);
	return load(ret, argc, argv, why);
}

void config_free(struct config *c)
{
	config_clear(config_settings, c);
	config_places_clear(&c->sources);
	config_places_clear(&c->roots);
	config_places_clear(&c->listeners);
	*c = (struct config){ 0 };
}
