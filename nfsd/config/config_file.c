/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <git2.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "nfsd/config/config_line.h"
#include "nfsd/config/config_place.h"
#include "nfsd/config/config_read.h"
#include "nfsd/config/config_value.h"

struct reading {
	struct config here;     /* what the file says */
	const git_config *file;
	size_t entries;         /* read before this one */
	struct config_origin origin;
};

/* ---- messages ---- */

/* How many entries of a key there are among the first 'left'. */
struct count {
	const char *key;
	size_t left;
	unsigned n;
};

static int count_entry(const git_config_entry *e, void *arg)
{
	struct count *c = arg;

	if (!c->left--)
		return 1;
	c->n += !strcmp(e->name, c->key);
	return 0;
}

/* Which of its kind is this one? */
static unsigned number(const struct reading *rd, const char *key)
{
	struct count c = { .key = key, .left = rd->entries };

	git_config_foreach(rd->file, count_entry, &c);
	return c.n;
}

static int complain(const struct reading *rd, const char *key,
		    const char *what)
{
	CLEANUP_FREE char *where =
		config_line(rd->origin.file, key, number(rd, key));

	return config_fail(rd->origin.why, -EBADMSG, "%s: %s %s",
			   where ? where : rd->origin.file, key, what);
}

/* ---- entries ---- */

struct section {
	const char *name;       /* with a dot behind it */
	unsigned in;
	size_t places;          /* in struct config */
};

static const struct section sections[] = {
	{ "source.", IN_SOURCE, offsetof(struct config, sources) },
	{ "root.", IN_ROOT, offsetof(struct config, roots) },
	{ "listener.", IN_LISTENER, offsetof(struct config, listeners) },
};

/* Of SECTION.NAME.KEY, where the name may have dots. */
static int find_place(struct reading *rd, const struct section *in,
		      const char *name, const char *key, void **ret)
{
	struct config_places *ps = (void *)((char *)&rd->here + in->places);
	CLEANUP_FREE char *text = strndup(name, (size_t)(key - 1 - name));

	if (!text)
		return config_no_memory(rd->origin.why);
	*ret = config_place_find(ps, text);
	if (!*ret)
		*ret = config_place_add(ps, text, strlen(text));
	return *ret ? 0 : config_no_memory(rd->origin.why);
}

/* What an entry sets, and of what. */
static int find_setting(struct reading *rd, const char *name,
			const struct config_setting **ret, void **at)
{
	const char *dot = strrchr(name, '.'), *key = dot ? dot + 1 : name;

	*at = &rd->here;
	*ret = config_setting_find(config_settings, name);
	if (*ret)
		return 0;
	for (size_t i = 0; i < sizeof sections / sizeof *sections; i++) {
		const struct section *s = &sections[i];
		size_t len = strlen(s->name);

		if (strncmp(name, s->name, len) || key <= name + len)
			continue;
		*ret = config_setting_find(config_place_settings, key);
		if (*ret && (*ret)->in & s->in)
			return find_place(rd, s, name + len, key, at);
	}
	return complain(rd, name, "is not known; gitnfs.conf(5) lists what "
			"is");
}

static int read_entry(const git_config_entry *e, void *arg)
{
	struct reading *rd = arg;
	const struct config_setting *s;
	void *at;
	int r;

	if (!strncmp(e->name, "include.", 8) ||
	    !strncmp(e->name, "includeif.", 10)) {
		rd->entries++;
		return 0;       /* done by libgit2 */
	}
	if (!e->value)
		return complain(rd, e->name, "has no value");
	rd->origin.key = e->name;
	r = find_setting(rd, e->name, &s, &at);
	if (r)
		return r;
	rd->origin.nth = 0;
	r = config_set(s, &rd->origin, e->value, at);
	if (r == -EBADMSG) {            /* again, to say where */
		rd->origin.nth = number(rd, e->name);
		r = config_set(s, &rd->origin, e->value, at);
	}
	rd->entries++;
	return r;
}

int config_read_file(struct config *c, const char *file, char why[CONFIG_WHY])
{
	struct reading rd = { .origin.file = file, .origin.why = why };
	const git_error *e;
	git_config *cfg;
	int r;

	if (access(file, R_OK)) {
		r = -errno;
		return config_fail(why, r == -ENOENT ? r : -EBADMSG,
				   "configuration file %s: %s", file,
				   strerror(-r));
	}
	if (git_config_open_ondisk(&cfg, file)) {
		e = git_error_last();
		return config_fail(why, -EBADMSG, "%s: %s", file,
				   e ? e->message : "cannot be read");
	}
	rd.file = cfg;
	config_unset(config_settings, &rd.here);
	r = git_config_foreach(cfg, read_entry, &rd);
	git_config_free(cfg);
	if (!r)
		r = config_place_merge(c, &rd.here, file, why);
	if (!r)
		config_merge(config_settings, c, &rd.here);
	config_free(&rd.here);
	return r;
}
