/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/backend.h"
#include "backend/http/ledger.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/url.h"

/* What libgit2 does not support, git may. */
static int open_path(struct backend **ret, const char *path,
		     char why[BACKEND_WHY])
{
	int r = backend_local.open(ret, path, NULL, why);
	CLEANUP_FREE char *absolute = NULL;
	char other[BACKEND_WHY];

	if (r != -ENOTSUP)
		return r;
	absolute = realpath(path, NULL);
	return absolute && !backend_git.open(ret, absolute, NULL, other) ?
		0 : r;
}

/* file:///path and file://localhost/path; 'rest' is what follows "//". */
static int open_file_url(struct backend **ret, const char *rest,
			 char why[BACKEND_WHY])
{
	static const char here[] = "localhost";
	CLEANUP_FREE char *path = NULL;

	if (!strncmp(rest, here, sizeof here - 1))
		rest += sizeof here - 1;
	if (*rest != '/') {
		snprintf(why, BACKEND_WHY, "a file URL names a path on this "
			 "machine: write file:///PATH");
		return -EINVAL;
	}
	path = strdup(rest);
	if (!path) {
		snprintf(why, BACKEND_WHY, "out of memory");
		return -ENOMEM;
	}
	if (!url_decode(path)) {
		snprintf(why, BACKEND_WHY, "'%%' in a file URL starts two "
			 "hexadecimal digits: write %%25 for itself");
		return -EINVAL;
	}
	return open_path(ret, path, why);
}

/* git's HOST:PATH, unless there is a file of that name. */
static bool is_remote_path(const char *url)
{
	return url[strcspn(url, ":/")] == ':' && access(url, F_OK) != 0;
}

static bool is_scheme(const char *url, size_t len)
{
	static const char *const ours[] = { "https", "http", "ssh" };

	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
		if (strlen(ours[i]) == len && !memcmp(url, ours[i], len))
			return true;
	}
	return false;
}

/* Those that no URL tells from others. */
static const struct backend_ops *const services[] = {
	&backend_github, &backend_mesa,
};

static const struct backend_ops *service_of(const struct backend_options *opt)
{
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (opt && opt->type && !strcmp(opt->type, services[i]->name))
			return services[i];
	return NULL;
}

int backend_open_with(struct backend **ret, const char *url,
		      const struct backend_options *opt,
		      char why[BACKEND_WHY])
{
	const char *colon = strstr(url, "://");
	size_t scheme = colon ? (size_t)(colon - url) : 0;
	const struct backend_ops *service = service_of(opt);

	if (service)
		return service->open(ret, url, opt, why);
	if (scheme == 4 && !memcmp(url, "file", 4))
		return open_file_url(ret, colon + 3, why);
	if (!colon && !is_remote_path(url))
		return open_path(ret, url, why);
	if (!colon || is_scheme(url, scheme))
		return backend_git.open(ret, url, opt, why);
	/* Not the URL itself: it may hold a password. */
	snprintf(why, BACKEND_WHY, "there are no %.*s repositories: name one "
		 "by a path, https:// or ssh://",
		 (int)(scheme < 32 ? scheme : 32), url);
	return -EPROTONOSUPPORT;
}

bool backend_lists(const struct backend_options *opt)
{
	const struct backend_ops *service = service_of(opt);

	return service && service->list;
}

int backend_open(struct backend **ret, const char *url,
		 char why[BACKEND_WHY])
{
	return backend_open_with(ret, url, NULL, why);
}

void backend_close(struct backend *b)
{
	while (b) {
		struct backend *below = b->below;

		b->ops->close(b);
		b = below;
	}
}

/* All texts there are. */
static const size_t texts[] = {
	offsetof(struct backend_options, type),
	offsetof(struct backend_options, api_url),
	offsetof(struct backend_options, git_url),
	offsetof(struct backend_options, user),
	offsetof(struct backend_options, token_file),
	offsetof(struct backend_options, ca_file),
	offsetof(struct backend_options, spool_dir),
	offsetof(struct backend_options, allow_address),
};

static char **text_of(const struct backend_options *o, size_t i)
{
	return (char **)((char *)o + texts[i]);
}

int backend_options_map(const struct backend_options *from,
			char *(*change)(void *arg, const char *text),
			void *arg, struct backend_options *ret)
{
	struct backend_options to = {
		.anonymous = from && from->anonymous,
		.named_by = from ? from->named_by : NAMED_BY_SOURCE,
	};

	for (size_t i = 0; from && i < sizeof texts / sizeof *texts; i++) {
		const char *text = *text_of(from, i);

		if (!text)
			continue;
		*text_of(&to, i) = change(arg, text);
		if (!*text_of(&to, i)) {
			backend_options_clear(&to);
			return -ENOMEM;
		}
	}
	*ret = to;
	return 0;
}

static char *same(void *arg, const char *text)
{
	(void)arg;
	return strdup(text);
}

int backend_options_copy(const struct backend_options *from,
			 struct backend_options *ret)
{
	return backend_options_map(from, same, NULL, ret);
}

void backend_options_clear(struct backend_options *o)
{
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		free(*text_of(o, i));
	*o = (struct backend_options){ .user = NULL };
}

int job_object(struct job *job, const struct oid *oid, enum obj type,
	       const void *data, size_t len)
{
	int r = job->ops->start(job, oid, type, len);

	if (!r && len > 0)
		r = job->ops->data(job, data, len);
	return r ? r : job->ops->end(job);
}

size_t backend_hosts(struct backend_host *ret, size_t room)
{
	return ledger_list(ret, room);
}
