/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* mount and umount; and what mount(8) runs for the type "gitnfs". */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/address.h"
#include "cli/attach.h"
#include "cli/cli.h"
#include "cli/mounts.h"
#include "cli/serve.h"
#include "cli/source.h"
#include "cli/talk.h"
#include "common/cleanup.h"

/* Where the server listens, by what it says; the caller frees it. */
static char *address_of_server(const struct cli *cli,
			       struct json_object *status)
{
	struct json_object *server =
		json_at(status, "server", json_type_object);
	struct json_object *listen =
		server ? json_at(server, "listen", json_type_array) : NULL;
	struct json_object *first =
		listen ? json_object_array_get_idx(listen, 0) : NULL;

	if (!first)
		cli_say(cli, "the server does not say where it listens");
	return first ? strdup(json_object_get_string(first)) : NULL;
}

/* ---- mount ---- */

struct want {
	bool pinned;
	const char *server;     /* ADDRESS:PORT, or NULL: ours */
	const char *options;    /* for the system */
};

/* What is there already. */
static int look_at(const struct cli *cli, const char *dir, const char *path,
		   const char *address, bool *done)
{
	struct address is, wanted;
	struct mounts all;
	const struct mounted *m;
	int status = END_WELL, r = mounts_read(&all);

	if (r) {
		cli_say(cli, "cannot tell what is mounted: %s", strerror(-r));
		return END_FAILED;
	}
	m = mounts_at(&all, dir);
	if (!m || strncmp(m->type, "nfs", 3)) {
		;       /* whatever it is, this goes on top */
	} else if (!mounts_is_ours(m, &is)) {
		cli_say(cli, "%s is mounted from %s; unmount it first, or "
			"choose another directory", dir, m->source);
		status = END_FAILED;
	} else if (!strcmp(mounts_export(m), path) &&
		   !address_parse(address, &wanted) &&
		   address_eq(&is, &wanted)) {
		cli_say(cli, "%s is mounted already", dir);
		*done = true;
	} else if (!address_answers(&is)) {
		cli_say(cli, "%s was mounted from a server that is gone: "
			"unmounting it", dir);
		status = attach_unmount(cli, dir, true);
	} else {
		cli_say(cli, "%s shows %s of another server or path; "
			"\"gitnfs umount %s\" first", dir, mounts_export(m),
			dir);
		status = END_FAILED;
	}
	mounts_free(&all);
	return status;
}

static int mount_at(const struct cli *cli, const char *dir, const char *path,
		    const char *address, const struct want *w)
{
	bool done = false, made;
	int status = look_at(cli, dir, path, address, &done);

	if (status || done)
		return status;
	made = !mkdir(dir, 0755);
	if (!made && errno != EEXIST) {
		cli_say(cli, "%s: %s", dir, strerror(errno));
		return END_FAILED;
	}
	status = attach_mount(cli, &(struct attach){
		.address = address,
		.path = path,
		.dir = dir,
		.pinned = w->pinned,
		.options = w->options,
	});
	if (status && made)
		rmdir(dir);
	return status;
}

/* Has gitnfs started the server there? */
static bool is_ours(const struct cli *cli, const char *address)
{
	CLEANUP_FREE char *ours = serve_address(cli);

	return ours && address && !strcmp(ours, address);
}

/* Have it show what it did not. */
static int tell_server(const struct cli *cli, const char *address,
		       const struct source *s)
{
	if (is_ours(cli, address))
		return serve_reload(cli);
	cli_say(cli, "the server on %s does not show %s, and was not started "
		"by gitnfs; add \"[source \"%s\"] url = %s\" to its "
		"configuration, then: gitnfs reload", cli->state_dir, s->url,
		s->added, s->url);
	return END_FAILED;
}

/* Have a server run, and show them. */
static int have_shown(const struct cli *cli, struct source *source, int n,
		      char **ret_address)
{
	CLEANUP_JSON struct json_object *result = NULL;
	const struct source *added = NULL;
	int status = END_WELL;

	if (!talk_is_up(cli->state_dir))
		status = serve_start(cli);
	if (!status)
		status = talk_once(cli, talk_request("status"), &result);
	if (status)
		return status;
	*ret_address = address_of_server(cli, result);
	if (!*ret_address)
		return END_FAILED;
	for (int i = 0; !status && i < n; i++) {
		status = source_place(cli, &source[i], result);
		if (source[i].added)
			added = &source[i];
	}
	return status || !added ? status :
				  tell_server(cli, *ret_address, added);
}

/* Of a server somewhere: it can be told nothing. */
static int only_paths(const struct cli *cli, const struct source *source,
		      int n)
{
	for (int i = 0; i < n; i++)
		if (!source[i].path) {
			cli_say(cli, "with a server named, say which of its "
				"paths to mount, as github/torvalds/linux; "
				"%s is none", source[i].url);
			return END_USAGE;
		}
	return END_WELL;
}

/* What was added may have been a slip of the fingers. */
static void drop_added(const struct cli *cli, const struct source *source,
		       int n, const char *address)
{
	bool any = false;

	for (int i = 0; i < n; i++) {
		if (!source[i].fresh)
			continue;
		serve_drop(cli, source[i].added);
		any = true;
	}
	if (any && is_ours(cli, address))
		serve_reload(cli);
}

/* One source is shown itself, several by their names. */
static int mount_these(const struct cli *cli, struct source *source, int n,
		       const char *dir, const struct want *w)
{
	CLEANUP_FREE char *address = w->server ? strdup(w->server) : NULL;
	const char *path;
	int status = w->server ? only_paths(cli, source, n) :
				 have_shown(cli, source, n, &address);

	if (!status) {
		path = n == 1 ? source->path : "/";
		status = mount_at(cli, dir, path, address, w);
		if (status && !w->server)
			talk_explain(cli, path, false);
	}
	if (status)
		drop_added(cli, source, n, address);
	return status;
}

static int mount_sources(const struct cli *cli, int n, char **name,
			 const char *dir, const struct want *w)
{
	struct source *source = calloc((size_t)n + 1, sizeof *source);
	int status = source ? END_WELL : END_FAILED;

	for (int i = 0; !status && i < n; i++)
		status = source_parse(cli, name[i], &source[i]);
	if (!status)
		status = mount_these(cli, source, n, dir, w);
	for (int i = 0; source && i < n; i++)
		source_clear(&source[i]);
	free(source);
	return status;
}

int cli_mount(struct cli *cli, int argc, char **argv)
{
	CLEANUP_FREE char *dir = NULL;
	bool pinned = false, follow = false;
	char *server = NULL, *more = NULL;
	const struct cli_option options[] = {
		{ "pinned", &pinned, NULL },
		{ "follow", &follow, NULL },
		{ "server", NULL, &server },
		{ "options", NULL, &more },
		{ NULL, NULL, NULL },
	};
	int status = cli_options(cli, options, &argc, argv);

	if (status)
		return status;
	if (argc < 2)
		return cli_usage(cli, "say where to mount");
	if (pinned && follow)
		return cli_usage(cli, "--pinned or --follow, not both");
	dir = mounts_path(argv[argc - 1]);
	if (!dir) {
		cli_say(cli, "%s: %s", argv[argc - 1], strerror(errno));
		return END_FAILED;
	}
	const struct want w = { pinned, server, more ? more : "" };

	return mount_sources(cli, argc - 2, argv + 1, dir, &w);
}

/* ---- umount ---- */

int cli_umount(struct cli *cli, int argc, char **argv)
{
	const struct cli_option options[] = { { NULL, NULL, NULL } };
	CLEANUP_FREE char *dir = NULL;
	const struct mounted *m;
	struct address server;
	struct mounts all;
	int r, status = cli_options(cli, options, &argc, argv);

	if (status)
		return status;
	if (argc != 2)
		return cli_usage(cli, "say which directory to unmount");
	dir = mounts_path(argv[1]);
	r = dir ? mounts_read(&all) : -errno;
	if (r) {
		cli_say(cli, "%s: %s", argv[1], strerror(-r));
		return END_FAILED;
	}
	m = mounts_at(&all, dir);
	if (!m) {
		cli_say(cli, "nothing is mounted at %s", dir);
		status = END_WELL;
	} else if (!mounts_is_ours(m, &server)) {
		cli_say(cli, "%s is mounted from %s, not by gitnfs; see "
			"umount(8)", dir, m->source);
		status = END_FAILED;
	} else {
		bool dead = !address_answers(&server);

		if (dead)
			cli_say(cli, "the server of %s is gone", dir);
		status = attach_unmount(cli, dir, dead);
	}
	mounts_free(&all);
	return status;
}

/* ---- /sbin/mount.gitnfs SPEC DIR [-sfnv] [-t TYPE] [-o OPTIONS] ---- */

/* The exit statuses of mount(8). */
enum { HELPER_USAGE = 1, HELPER_FAILED = 32 };

/* What is for us is taken out of the list; what is for mount(8) alone, or for
 * systemd, is dropped; the rest is for the system. */
static char *helper_options(struct cli *cli, char *list, struct want *w)
{
	static const char *const known[] = {
		"defaults", "auto", "noauto", "user", "nouser", "users",
		"owner", "group", "_netdev", "nofail", "follow",
	};
	char *save = NULL, *rest = strdup(""), *more;

	for (char *o = strtok_r(list, ",", &save); o && rest;
	     o = strtok_r(NULL, ",", &save)) {
		bool drop = !strncasecmp(o, "x-", 2) ||
			    !strncmp(o, "comment=", 8);

		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			drop |= !strcmp(o, known[i]);
		if (!strcmp(o, "pinned")) {
			w->pinned = true;
		} else if (!strncmp(o, "server=", 7)) {
			w->server = o + 7;
		} else if (!strncmp(o, "state-dir=", 10)) {
			free(cli->state_dir);
			cli->state_dir = strdup(o + 10);
		} else if (!drop) {
			if (asprintf(&more, "%s%s%s", rest, *rest ? "," : "",
				     o) < 0)
				more = NULL;
			free(rest);
			rest = more;
		}
	}
	return rest;
}

int cli_helper(struct cli *cli, int argc, char **argv)
{
	CLEANUP_FREE char *list = strdup(""), *rest = NULL, *dir = NULL;
	char *spec = argc > 1 ? argv[1] : NULL;
	struct want w = { 0 };
	int opt;

	if (argc < 3)
		goto usage;
	optind = 3;
	while ((opt = getopt(argc, argv, "sfnvo:t:N:")) != -1) {
		if (opt == '?')
			goto usage;
		if (opt == 'f')
			return 0;
		if (opt == 'o') {
			free(list);
			list = strdup(optarg);
		}
	}
	rest = list ? helper_options(cli, list, &w) : NULL;
	w.options = rest;
	if (!cli->state_dir)
		cli->state_dir = strdup("/var/lib/gitnfs");
	dir = mounts_path(argv[2]);
	if (!rest || !dir || !cli->state_dir) {
		cli_say(cli, "%s: %s", argv[2], strerror(errno));
		return HELPER_FAILED;
	}
	/* "/" and "none" are the whole. */
	if (!strcmp(spec, "/") || !strcmp(spec, "none"))
		return mount_sources(cli, 0, NULL, dir, &w) ? HELPER_FAILED :
							      0;
	return mount_sources(cli, 1, &spec, dir, &w) ? HELPER_FAILED : 0;
usage:
	fprintf(stderr, "usage: %s SOURCE DIR [-o OPTIONS]\n", cli->name);
	return HELPER_USAGE;
}
