/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* pin, unpin, gc, du: what is kept on the server's disk. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/talk.h"
#include "cli/text.h"

enum { BESIDE_PIN = 29, BESIDE_USE = 42 };        /* columns */

static const struct cli_option *with_json(bool *json,
					  struct cli_option ret[2])
{
	ret[0] = (struct cli_option){ "json", json, NULL };
	ret[1] = (struct cli_option){ NULL, NULL, NULL };
	return ret;
}

/* ---- pins ---- */

static void put_pins(struct json_object *o)
{
	struct json_object *list = json_at(o, "pins", json_type_array);
	size_t n = list ? json_object_array_length(list) : 0;
	char a[TEXT_SIZE], b[TEXT_SIZE], path[TEXT_PATH];
	int width = text_width(list, n, "path", 24, BESIDE_PIN);
	uint64_t bytes = 0;

	if (n)
		printf("%s%-*s %-10s %8s %7s%s\n", text_look(LOOK_BOLD),
		       width, "PINNED", "COMMIT", "DISK", "SINCE",
		       text_look(LOOK_PLAIN));
	else
		puts("nothing is pinned; \"gitnfs pin PATH\" keeps what is "
		     "there");
	for (size_t i = 0; i < n; i++) {
		struct json_object *pin = json_object_array_get_idx(list, i);

		bytes += json_u64_at(pin, "bytes");
		printf("%-*s %.10s %8s %7s\n", width,
		       text_path(json_text_at(pin, "path"), width, path),
		       json_text_at(pin, "commit"),
		       text_bytes(json_u64_at(pin, "bytes"), a),
		       text_age(json_i64_at(o, "time") -
				json_i64_at(pin, "since"), b));
	}
	printf("%s of the %s that may be pinned\n", text_bytes(bytes, a),
	       text_bytes(json_u64_at(o, "limit"), b));
}

int cli_pin(struct cli *cli, int argc, char **argv)
{
	CLEANUP_JSON struct json_object *result = NULL;
	struct cli_option options[2];
	bool json = false;
	int status = cli_options(cli, with_json(&json, options), &argc, argv);

	if (status)
		return status;
	if (argc > 1)
		return cli_warm(cli, argc, argv);
	status = talk_once(cli, talk_request("pins"), &result);
	if (status)
		return status;
	if (json)
		talk_put(result);
	else
		put_pins(result);
	return END_WELL;
}

int cli_unpin(struct cli *cli, int argc, char **argv)
{
	CLEANUP_JSON struct json_object *result = NULL;
	const struct cli_option options[] = { { NULL, NULL, NULL } };
	int status = cli_options(cli, options, &argc, argv);
	struct json_object *request;

	if (status)
		return status;
	if (argc != 2)
		return cli_usage(cli, "say what to unpin; \"%s pin\" lists "
				 "what is pinned", cli->name);
	request = talk_request("unpin");
	json_text(request, "path", argv[1]);
	return talk_once(cli, request, &result);
}

/* ---- gc ---- */

/* "800m", as in the configuration.  False: it is none. */
static bool parse_size(const char *text, uint64_t *ret)
{
	static const char unit[] = "kmgt";
	char *end;
	unsigned long long n;
	const char *u;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	u = *end ? strchr(unit, *end | 0x20) : NULL;
	if (errno || (*end && (!u || end[1])))
		return false;
	for (long i = u ? u - unit + 1 : 0; i; i--) {
		if (n > INT64_MAX >> 10)
			return false;
		n <<= 10;
	}
	*ret = n;
	return n <= INT64_MAX;
}

int cli_gc(struct cli *cli, int argc, char **argv)
{
	CLEANUP_JSON struct json_object *o = NULL;
	char *to = NULL, a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE], d[TEXT_SIZE];
	const struct cli_option options[] = {
		{ "to", NULL, &to },
		{ NULL, NULL, NULL },
	};
	int status = cli_options_only(cli, options, &argc, argv);
	struct json_object *request;
	uint64_t size = 0;

	if (status)
		return status;
	if (to && !parse_size(to, &size))
		return cli_usage(cli, "--to \"%s\": give bytes, perhaps with "
				 "k, m or g behind them", to);
	request = talk_request("gc");
	if (to)
		json_u64(request, "to", size);
	status = talk_once(cli, request, &o);
	if (status)
		return status;
	printf("%s freed; %s of %s in use, %s of these pinned\n",
	       text_bytes(json_u64_at(o, "freed"), a),
	       text_bytes(json_u64_at(o, "bytes"), b),
	       text_bytes(json_u64_at(o, "budget"), c),
	       text_bytes(json_u64_at(o, "pinned"), d));
	if (!to || json_u64_at(o, "bytes") <= size)
		return END_WELL;
	cli_say(cli, "more is pinned than that; \"%s pin\" lists it, \"%s "
		"unpin PATH\" lets it go", cli->name, cli->name);
	return END_TROUBLE;
}

/* ---- du ---- */

static void put_usage(struct json_object *list)
{
	size_t n = list ? json_object_array_length(list) : 0;
	char path[TEXT_PATH];

	if (!n) {
		puts("nothing is here yet: it comes when it is read, or with "
		     "\"gitnfs warm PATH\"");
		return;
	}
	printf("%s%8s %8s %10s %10s  %s%s\n", text_look(LOOK_BOLD), "DISK",
	       "MEMORY", "OBJECTS", "MISSING", "PATH", text_look(LOOK_PLAIN));
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE], d[TEXT_SIZE];

		printf("%8s %8s %10s %10s  %s\n",
		       text_bytes(json_u64_at(o, "disk"), a),
		       text_bytes(json_u64_at(o, "memory"), b),
		       text_count(json_u64_at(o, "objects"), c),
		       json_u64_at(o, "missing") ?
		       text_count(json_u64_at(o, "missing"), d) : "-",
		       text_path(json_text_at(o, "path"),
				 text_room(BESIDE_USE), path));
	}
}

int cli_du(struct cli *cli, int argc, char **argv)
{
	CLEANUP_JSON struct json_object *result = NULL;
	struct json_object *request;
	struct cli_option options[2];
	bool json = false;
	int status = cli_options(cli, with_json(&json, options), &argc, argv);

	if (status)
		return status;
	if (argc > 2)
		return cli_usage(cli, "one path at most");
	request = talk_request("du");
	if (argc == 2)
		json_text(request, "path", argv[1]);
	status = talk_once(cli, request, &result);
	if (status)
		return status;
	if (json)
		talk_put(result);
	else
		put_usage(json_at(result, "usage", json_type_array));
	return END_WELL;
}
