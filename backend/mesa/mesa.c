/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Repositories in a Mesa depot.
 *
 * Its API goes by path: so a directory's listing is where the paths of what
 * is in it are learnt, and what nobody has listed comes with a hint.  It
 * tells ids, so a listing is believed when the tree made of it hashes to
 * the name it is wanted by, and bytes when they do.  One link is its word
 * alone: which tree a commit has.  And it leaves out submodules, so that a
 * directory with one cannot be checked, nor shown.  Both come by git's
 * protocol, which depots speak, too, and so do files, many in a request.
 */
#include "backend/mesa/mesa.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/url.h"

static const char default_api[] = "https://depot.mesa.dev/api/v1";
static const char mirror[] = "github";  /* the organisation, and its names */

static const char *const headers[] = { NULL };
static const struct rest_manners manners = { headers, 0 };

/* Whose repositories are mirrored, it does not tell. */
static void mesa_list(struct backend *b, struct job *job)
{
	if (to_mesa(both_of(b))->is_mirror)
		job->ops->done(job, -ENOTSUP);
	else
		both_list(b, job);
}

static void mesa_why(struct backend *b, int err, char why[BACKEND_WHY])
{
	rest_why(both_of(b)->rest, err, why);
	if (*why)
		return;
	if (err == -EBADMSG)
		snprintf(why, BACKEND_WHY, "what is listed is not all there "
			 "is, as with submodules: set url to where git's "
			 "protocol is spoken");
	else
		both_why(b, err, why);
	if (!*why && err == -EAGAIN)
		snprintf(why, BACKEND_WHY, "the depot is still filling it: "
			 "ask again later");
}

/* ---- opening ---- */

static void mesa_close(struct backend *b)
{
	struct mesa *m = to_mesa(both_of(b));

	both_clear(&m->both);
	places_free(m->places);
	free(m->path);
	free(m);
}

/* "/ORGANISATION/NAME", or of the mirror "/github/OWNER/NAME", which is
 * one name there. */
static int read_path(struct mesa *m, const char *path)
{
	CLEANUP_FREE char *org = NULL, *name = NULL, *plain = NULL;
	const char *slash = *path == '/' ? strchr(path + 1, '/') : NULL;

	if (!slash || slash == path + 1)
		return -EINVAL;
	plain = strndup(path + 1, (size_t)(slash - path - 1));
	if (!plain)
		return -ENOMEM;
	m->is_mirror = !strcmp(plain, mirror);
	if (m->is_mirror != !!strchr(slash + 1, '/'))
		return -EINVAL;
	m->both.is_place = !slash[1] || slash[strlen(slash) - 1] == '/';
	org = url_encode(plain, strlen(plain));
	free(plain);
	plain = strdup(slash + 1);
	if (plain && !url_decode(plain))
		return -EINVAL;
	if (plain && m->is_mirror) {
		char *text = json_to_base64(plain);

		free(plain);
		plain = text;
	}
	name = plain ? url_encode(plain, strlen(plain)) : NULL;
	if (!org || !name ||
	    asprintf(&m->path, "/%s%s%s", org, m->both.is_place ? "" : "/",
		     m->both.is_place ? "" : name) < 0) {
		m->path = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* Depots speak git at the same host, ORGANISATION/NAME.git. */
static int open_git(struct mesa *m, const char *api,
		    const struct backend_options *opt, char why[BACKEND_WHY])
{
	CLEANUP_FREE char *url = NULL;
	const char *host = strstr(api, "://") + 3;
	int to_path = (int)(host - api) + (int)strcspn(host, "/");

	if (!opt->git_url && asprintf(&url, "%.*s%s.git", to_path, api,
				      m->path) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	return backend_git.open(&m->both.base.below,
				opt->git_url ? opt->git_url : url, opt, why);
}

static int mesa_open(struct backend **ret, const char *url,
		     const struct backend_options *opt,
		     char why[BACKEND_WHY])
{
	static const struct backend_options none = { .user = NULL };
	const char *api = opt && opt->api_url ? opt->api_url : default_api;
	size_t len = strlen(api);
	struct mesa *m = calloc(1, sizeof *m);
	int r = -EINVAL;

	snprintf(why, BACKEND_WHY, "out of memory");
	if (!m)
		return -ENOMEM;
	if (!opt)
		opt = &none;
	both_init(&m->both, &backend_mesa, &mesa_api);
	m->places = places_new();
	while (len && api[len - 1] == '/')
		len--;
	if (!strncmp(url, api, len))
		r = m->places ? read_path(m, url + len) : -ENOMEM;
	if (r == -EINVAL)
		snprintf(why, BACKEND_WHY, "a repository in a depot is "
			 "API-URL/ORGANISATION/NAME");
	if (!r)
		r = rest_open(&m->both.rest, api, &manners, opt, why);
	if (!r && !m->both.is_place)
		r = open_git(m, api, opt, why);
	if (r) {
		mesa_close(&m->both.base);
		return r;
	}
	*ret = &m->both.base;
	return 0;
}

const struct backend_ops backend_mesa = {
	.name = "mesa",
	.far = true,
	.by_path = true,
	.open = mesa_open,
	.close = mesa_close,
	.resolve = both_resolve,
	.fetch = both_fetch,
	.stat = both_stat,
	.list = mesa_list,
	.why = mesa_why,
};
