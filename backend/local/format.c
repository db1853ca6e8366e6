/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/local/format.h"

#include <errno.h>
#include <git2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/cleanup.h"

enum { NAME_VALUE = 100 };      /* bytes, for one to be shown */

/* They change nothing for those who only read refs and objects; of another
 * name, or with another value, they may. */
static const struct extension {
	const char *name;
	const char *value;      /* NULL: any */
} extensions[FORMAT_EXTENSIONS] = {
	{ "noop", NULL },
	{ "objectformat", "sha1" },
	{ "partialclone", NULL },
	{ "preciousobjects", NULL },
	{ "refstorage", "files" },
	{ "relativeworktrees", NULL },
	{ "worktreeconfig", NULL },
};

void format_extensions(const char *names[FORMAT_EXTENSIONS])
{
	for (size_t i = 0; i < FORMAT_EXTENSIONS; i++)
		names[i] = extensions[i].name;
}

static bool is_known(const char *name, const char *value)
{
	for (size_t i = 0; i < FORMAT_EXTENSIONS; i++) {
		const struct extension *e = &extensions[i];

		if (!strcmp(name, e->name))
			return !e->value || !strcasecmp(value, e->value);
	}
	return false;
}

/* git_config_foreach(): stop at an extension that we do not know. */
static int check_entry(const git_config_entry *e, void *arg)
{
	static const char section[] = "extensions.";
	const char *name = e->name + sizeof section - 1;
	const char *value = e->value ? e->value : "";
	char *unknown = arg;

	if (strncmp(e->name, section, sizeof section - 1) ||
	    is_known(name, value))
		return 0;
	snprintf(unknown, NAME_VALUE, "%.40s=%.40s", name, value);
	return -1;
}

int format_check(const char *dir, char why[BACKEND_WHY])
{
	CLEANUP_FREE char *path = NULL;
	char unknown[NAME_VALUE] = "";
	git_config *config;
	int32_t version = 0;

	if (asprintf(&path, "%sconfig", dir) < 0) {
		path = NULL;
		snprintf(why, BACKEND_WHY, "out of memory");
		return -ENOMEM;
	}
	if (access(path, F_OK))         /* git can do without */
		return 0;
	if (git_config_open_ondisk(&config, path)) {
		snprintf(why, BACKEND_WHY, "%.150s cannot be read: see what "
			 "'git config -f' says of it", path);
		return -EIO;
	}
	git_config_get_int32(&version, config, "core.repositoryformatversion");
	if (version == 1)
		git_config_foreach(config, check_entry, unknown);
	git_config_free(config);
	if (version <= 1 && !*unknown)
		return 0;
	if (version > 1)
		snprintf(why, BACKEND_WHY, "%.150s is of repository format "
			 "%d, which gitnfsd cannot read: clone it and name "
			 "the clone", dir, (int)version);
	else
		snprintf(why, BACKEND_WHY, "%.100s has the extension %s, "
			 "which gitnfsd cannot read", dir, unknown);
	return -ENOTSUP;
}
