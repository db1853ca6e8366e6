/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "nfsd/config/config_place.h"

static const char github_url[] = "https://github.com/{owner}/{repo}.git";
static const char mesa_api[] = "https://depot.mesa.dev/api/v1";
static const char placeholder[] = "{org}";

static bool is(const struct config_place *p, const char *type)
{
	return p->type && !strcmp(p->type, type);
}

const char *config_service_url(const struct config_place *p)
{
	return is(p, "github") ? github_url : NULL;
}

/* Where people's repositories mostly are. */
static const struct {
	const char *name, *type, *url;
} usual[] = {
	{ "github", "github", github_url },
	{ "gitlab", NULL, "https://gitlab.com/{group}/{repo}.git" },
	{ "codeberg", NULL, "https://codeberg.org/{owner}/{repo}.git" },
};

int config_service_default(struct config *c)
{
	for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
		struct config_place *p = config_place_add(
			&c->roots, usual[i].name, strlen(usual[i].name));

		if (!p)
			return -ENOMEM;
		p->type = usual[i].type ? strdup(usual[i].type) : NULL;
		p->url = strdup(usual[i].url);
		if (!p->url || (usual[i].type && !p->type))
			return -ENOMEM;
	}
	return 0;
}

/* 'text' with an organisation in its place. */
static char *fill(const void *arg, const char *text)
{
	const char *org = arg;
	char *filled;
	size_t len;
	FILE *out = open_memstream(&filled, &len);

	if (!out)
		return NULL;
	for (const char *at; (at = strstr(text, placeholder));
	     text = at + sizeof placeholder - 1)
		fprintf(out, "%.*s%s", (int)(at - text), text, org);
	fputs(text, out);
	return fclose(out) ? NULL : filled;
}

/* The organisation that mirrors GitHub has repositories of owners. */
static int set_urls(struct config_place *p, const char *org)
{
	const char *api = p->api_url ? p->api_url : mesa_api;
	size_t len = strlen(api);
	char *url;

	while (len && api[len - 1] == '/')
		len--;
	if (asprintf(&url, "%.*s/%s/%s", (int)len, api, org,
		     strcmp(org, "github") ? "{repo}" :
					     "{owner}/{repo}") < 0)
		return -ENOMEM;
	p->git_url = p->url;
	p->url = url;
	return 0;
}

static int add_org(const struct config_place *p, const char *org,
		   struct config_places *ret)
{
	CLEANUP_FREE char *name = NULL;
	struct config_place *one;
	int r;

	if (asprintf(&name, "%s/%s", p->name, org) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	one = config_place_add(ret, name, strlen(name));
	if (!one)
		return -ENOMEM;
	one->file = strdup(p->file);
	one->section = strdup(p->section);
	if (!one->file || !one->section)
		return -ENOMEM;
	r = config_copy(config_place_settings, one, p, fill, org);
	return r ? r : set_urls(one, org);
}

int config_service_expand(const struct config_place *p,
			  struct config_places *ret)
{
	int r = 0;

	for (size_t i = 0; !r && i < p->org.n; i++)
		r = add_org(p, p->org.item[i], ret);
	return r;
}
