/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Commands that ask one thing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/serve.h"
#include "cli/talk.h"
#include "cli/text.h"

enum { BESIDE_COMMIT = 40 };    /* columns for it, and for what is said */

static const struct cli_option none[] = { { NULL, NULL, NULL } };

int cli_refresh(struct cli *cli, int argc, char **argv)
{
	CLEANUP_JSON struct json_object *result = NULL;
	struct json_object *request;
	int status = cli_options(cli, none, &argc, argv);
	char name[TEXT_PATH];
	size_t n;
	int width;

	if (status)
		return status;
	if (argc > 2)
		return cli_usage(cli, "one path at most");
	request = talk_request("refresh");
	if (argc == 2)
		json_text(request, "path", argv[1]);
	status = talk_once(cli, request, &result);
	if (status)
		return status;
	n = json_object_array_length(result);
	if (!n)
		cli_say(cli, "nobody has asked for %s yet: it will be fresh",
			argc == 2 ? argv[1] : "anything");
	width = text_width(result, n, "name", 24, BESIDE_COMMIT);
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(result, i);
		const char *error = json_text_at(o, "error");
		const char *commit = json_text_at(o, "commit");

		if (error)
			status = END_TROUBLE;
		printf("%-*s %-12.12s %s%s%s\n", width,
		       text_path(json_text_at(o, "name"), width, name),
		       commit ? commit : "-", error ? text_look(LOOK_BAD) : "",
		       error ? error : json_flag_at(o, "moved") ? "moved" :
								  "as before",
		       error ? text_look(LOOK_PLAIN) : "");
	}
	return status;
}

int cli_reload(struct cli *cli, int argc, char **argv)
{
	CLEANUP_JSON struct json_object *result = NULL;
	struct json_object *restart;
	int status = cli_options_only(cli, none, &argc, argv);
	size_t n;

	if (!status)
		status = talk_once(cli, talk_request("reload"), &result);
	if (status)
		return status;
	printf("%" PRId64 " added, %" PRId64 " removed, %" PRId64
	       " changed\n", json_i64_at(result, "added"),
	       json_i64_at(result, "removed"), json_i64_at(result, "changed"));
	restart = json_at(result, "restart", json_type_array);
	n = restart ? json_object_array_length(restart) : 0;
	for (size_t i = 0; i < n; i++)
		cli_say(cli, "%s needs a restart: send gitnfsd SIGUSR2",
			json_object_get_string(
				json_object_array_get_idx(restart, i)));
	return 0;
}

int cli_log_level(struct cli *cli, int argc, char **argv)
{
	CLEANUP_JSON struct json_object *result = NULL;
	struct json_object *request;
	int status = cli_options(cli, none, &argc, argv);

	if (status)
		return status;
	if (argc != 2)
		return cli_usage(cli, "say how much to log: error, warning, "
				 "info or debug");
	request = talk_request("log-level");
	json_text(request, "level", argv[1]);
	return talk_once(cli, request, &result);
}

int cli_stop(struct cli *cli, int argc, char **argv)
{
	int status = cli_options_only(cli, none, &argc, argv);

	return status ? status : serve_stop(cli);
}
