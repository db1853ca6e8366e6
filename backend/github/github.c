/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Repositories at GitHub.
 *
 * Its REST API has what git's protocol lacks: one answer lists all
 * directories of a commit, with the sizes of files.  But it tells no commit
 * as git hashes it, gives one file per request, and few requests to those it
 * does not know.  So the API is asked for listings, and by who has a token
 * for refs, where it says "as before" for nothing; git's protocol for all
 * else.
 */
#include "backend/github/github.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/url.h"

static const char default_api[] = "https://api.github.com";

static const char *const headers[] = {
	"X-GitHub-Api-Version: 2022-11-28", NULL,
};
static const struct rest_manners manners = { headers, 900 };

/* Who is not known there has better uses for the few requests. */
static void github_list(struct backend *b, struct job *job)
{
	if (rest_has_token(both_of(b)->rest))
		both_list(b, job);
	else
		job->ops->done(job, -ENOTSUP);
}

/* ---- opening ---- */

static void github_close(struct backend *b)
{
	struct github *g = to_github(both_of(b));

	both_clear(&g->both);
	for (int i = 0; i < SEEN; i++)
		free(g->seen[i].path);
	free(g->path);
	free(g->owner);
	free(g->moved);
	free(g);
}

/* A component of a URL, encoded as we do; 's' is spoilt. */
static char *recode(char *s)
{
	return url_decode(s) ? url_encode(s, strlen(s)) : NULL;
}

/* OWNER and NAME, the last two components of the URL; of a place, NAME is
 * empty. */
static int read_url(struct github *g, const char *url)
{
	CLEANUP_FREE char *copy = strdup(url), *name = NULL;
	size_t len = strlen(url);
	char *slash;

	if (!copy)
		return -ENOMEM;
	if (len > 4 && !strcmp(copy + len - 4, ".git"))
		copy[len - 4] = '\0';
	slash = strrchr(copy, '/');
	if (!slash)
		return -EINVAL;
	*slash = '\0';
	g->both.is_place = !slash[1];
	name = recode(slash + 1);
	slash = strrchr(copy, '/');
	if (!slash || !slash[1] || (slash > copy && slash[-1] == '/'))
		return -EINVAL;
	g->owner = recode(slash + 1);
	if (!name || !g->owner ||
	    asprintf(&g->path, "/repos/%s/%s", g->owner, name) < 0) {
		g->path = NULL;
		return -ENOMEM;
	}
	return 0;
}

static int github_open(struct backend **ret, const char *url,
		       const struct backend_options *opt,
		       char why[BACKEND_WHY])
{
	static const struct backend_options none = { .user = NULL };
	struct github *g = calloc(1, sizeof *g);
	int r;

	snprintf(why, BACKEND_WHY, "out of memory");
	if (!g)
		return -ENOMEM;
	if (!opt)
		opt = &none;
	both_init(&g->both, &backend_github, &github_api);
	r = read_url(g, url);
	if (r == -EINVAL)
		snprintf(why, BACKEND_WHY, "a repository at GitHub is "
			 "https://HOST/OWNER/NAME.git");
	if (!r)
		r = rest_open(&g->both.rest, opt->api_url ? opt->api_url :
			      default_api, &manners, opt, why);
	if (!r && !g->both.is_place)
		r = backend_git.open(&g->both.base.below, url, opt, why);
	if (r) {
		github_close(&g->both.base);
		return r;
	}
	*ret = &g->both.base;
	return 0;
}

const struct backend_ops backend_github = {
	.name = "github",
	.far = true,
	.open = github_open,
	.close = github_close,
	.resolve = both_resolve,
	.fetch = both_fetch,
	.stat = both_stat,
	.list = github_list,
	.why = both_why,
};
