/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* status: how things stand, at a glance. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/talk.h"
#include "cli/text.h"

enum {
	ROWS = 20,              /* of a kind, unless --all */
	WATCH_S = 2,
	NAME_MIN = 24,          /* columns */
	BEFORE_SOURCE = 29,     /* columns between the name and its health */
	REST = BEFORE_SOURCE + 15,
};

static size_t shown(size_t n, bool all)
{
	return all || n <= ROWS ? n : ROWS;
}

static void more(size_t n, size_t shown)
{
	if (n > shown)
		printf("  %sand %zu more; --all shows them%s\n",
		       text_look(LOOK_DIM), n - shown, text_look(LOOK_PLAIN));
}

static void heading(const char *text)
{
	printf("%s%s%s", text_look(LOOK_BOLD), text, text_look(LOOK_PLAIN));
}

/* "12 s", of a moment at 'key'; "-" when there was none. */
static const char *ago(struct json_object *o, const char *key, int64_t now,
		       char ret[TEXT_SIZE])
{
	int64_t then = json_i64_at(o, key);

	return then ? text_age(now - then, ret) : strcpy(ret, "-");
}

/* ---- repositories ---- */

/* Is it well?  The column's text. */
static const char *health(struct json_object *o, int64_t now,
			  enum text_look *look, char *room, size_t size)
{
	const char *trouble = json_text_at(o, "trouble");
	char age[TEXT_SIZE];

	if (trouble) {
		*look = LOOK_BAD;
		snprintf(room, size, "%s, %s ago", trouble,
			 ago(o, "troubled", now, age));
		return room;
	}
	if (!json_text_at(o, "commit")) {
		*look = LOOK_DIM;
		return "not used yet";
	}
	*look = LOOK_GOOD;
	return json_flag_at(o, "fixed") ? "fixed" :
	       json_flag_at(o, "far") ? "well" : "local";
}

/* The end of a long name tells more than its beginning. */
static void put_name(const char *name, int width)
{
	int len = (int)strlen(name);

	if (len <= width)
		printf("%-*s", width, name);
	else
		printf("...%s", name + len - width + 3);
}

/* How wide names are: as the longest, if that leaves room for the rest. */
static int name_width(struct json_object *list, size_t rows)
{
	int most = text_columns() - REST, width = NAME_MIN;

	for (size_t i = 0; i < rows; i++) {
		int len = (int)strlen(json_text_at(
			json_object_array_get_idx(list, i), "name"));

		width = len > width ? len : width;
	}
	return width < most ? width : most > NAME_MIN ? most : NAME_MIN;
}

static void put_repository(struct json_object *o, int64_t now, int width)
{
	const char *commit = json_text_at(o, "commit"), *text;
	char moved[TEXT_SIZE], asked[TEXT_SIZE], room[256];
	enum text_look look;
	bool fits;

	text = health(o, now, &look, room, sizeof room);
	fits = width + BEFORE_SOURCE + (int)strlen(text) <= text_columns();
	put_name(json_text_at(o, "name"), width);
	printf(" %-10.10s %7s %7s  %s%s%s%s\n", commit ? commit : "-",
	       ago(o, "moved", now, moved), ago(o, "asked", now, asked),
	       fits ? "" : "...\n    ", text_look(look), text,
	       text_look(LOOK_PLAIN));
}

static void put_repositories(struct json_object *status, int64_t now, bool all)
{
	struct json_object *list =
		json_at(status, "repositories", json_type_array);
	size_t n = list ? json_object_array_length(list) : 0;
	size_t rows = shown(n, all);
	int width = name_width(list, rows);

	printf("\n%s%-*s %-10s %7s %7s  %s%s\n", text_look(LOOK_BOLD), width,
	       "REPOSITORY", "COMMIT", "MOVED", "ASKED", "SOURCE",
	       text_look(LOOK_PLAIN));
	if (!n)
		printf("  %snone so far%s\n",
		       text_look(LOOK_DIM), text_look(LOOK_PLAIN));
	for (size_t i = 0; i < rows; i++)
		put_repository(json_object_array_get_idx(list, i), now, width);
	more((size_t)json_i64_at(status, "repositories_all"), rows);
}

/* ---- caches ---- */

static uint64_t u64_at(struct json_object *o, const char *key)
{
	return (uint64_t)json_i64_at(o, key);
}

static void put_use(const char *name, struct json_object *o)
{
	char bytes[TEXT_SIZE], budget[TEXT_SIZE];

	heading(name);
	printf(" %s of %s", text_bytes(u64_at(o, "bytes"), bytes),
	       text_bytes(u64_at(o, "budget"), budget));
}

static void put_memory(struct json_object *memory)
{
	static const char *const kinds[] = { "directories", "trees", "sizes",
					     "blobs" };
	char ratio[TEXT_SIZE];

	put_use("\nMEMORY ", memory);
	fputs(", hits: ", stdout);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct json_object *o =
			json_at(memory, kinds[i], json_type_object);

		printf("%s%s %s", i ? ", " : "", i ? kinds[i] : "dirs",
		       text_ratio(u64_at(o, "hits"), u64_at(o, "misses"),
				  ratio));
	}
	putchar('\n');
}

static void put_disk(struct json_object *disk)
{
	char kept[TEXT_SIZE], ratio[TEXT_SIZE];

	put_use("DISK   ", disk);
	if (u64_at(disk, "pinned"))
		printf(" (%s pinned)", text_bytes(u64_at(disk, "pinned"),
						  kept));
	printf(", hits: %s, %s objects written",
	       text_ratio(u64_at(disk, "hits"), u64_at(disk, "misses"), ratio),
	       text_count(u64_at(disk, "kept"), kept));
	if (u64_at(disk, "bad"))
		printf(", %s%s were bad%s", text_look(LOOK_WARN),
		       text_count(u64_at(disk, "bad"), kept),
		       text_look(LOOK_PLAIN));
	if (u64_at(disk, "failed"))
		printf(", %s%s could not be%s", text_look(LOOK_BAD),
		       text_count(u64_at(disk, "failed"), kept),
		       text_look(LOOK_PLAIN));
	putchar('\n');
}

static void put_ahead(struct json_object *status)
{
	struct json_object *memory =
		json_at(status, "memory", json_type_object);
	struct json_object *p = json_at(status, "prefetch", json_type_object);
	uint64_t ahead = 0, used = 0, wasted = 0, bytes = 0;
	char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE];

	json_object_object_foreach(memory, key, kind) {
		(void)key;
		if (!json_object_is_type(kind, json_type_object))
			continue;
		ahead += u64_at(kind, "ahead");
		used += u64_at(kind, "used");
		wasted += u64_at(kind, "wasted");
		bytes += u64_at(kind, "wasted_bytes");
	}
	heading("AHEAD  ");
	printf(" %s fetched before they were asked for", text_count(ahead, a));
	if (used + wasted)
		printf(": %s of use, %s wasted", text_ratio(used, wasted, b),
		       text_bytes(bytes, c));
	if (u64_at(p, "running"))
		printf("; %s at it", text_count(u64_at(p, "running"), a));
	putchar('\n');
}

/* ---- hosts ---- */

static void put_host(struct json_object *o, int64_t now)
{
	struct json_object *answers = json_at(o, "answers", json_type_object);
	uint64_t good = 0, bad = 0, failed = u64_at(o, "failed");
	int64_t left = json_i64_at(o, "left");
	char n[TEXT_SIZE], age[TEXT_SIZE];

	json_object_object_foreach(answers, status, count)
		*(*status < '4' ? &good : &bad) +=
			(uint64_t)json_object_get_int64(count);
	printf("  %-28s %8s answers", json_text_at(o, "name"),
	       text_count(good, n));
	if (bad)
		printf(", %s%s refused%s", text_look(LOOK_WARN),
		       text_count(bad, n), text_look(LOOK_PLAIN));
	if (failed)
		printf(", %s%s without%s", text_look(LOOK_BAD),
		       text_count(failed, n), text_look(LOOK_PLAIN));
	if (json_at(o, "left", json_type_int))
		printf(", %s%lld left for %s%s",
		       text_look(left ? LOOK_PLAIN : LOOK_BAD),
		       (long long)left,
		       text_age(json_i64_at(o, "reset") - now, age),
		       text_look(LOOK_PLAIN));
	putchar('\n');
}

static void put_hosts(struct json_object *list, int64_t now, bool all)
{
	size_t n = list ? json_object_array_length(list) : 0;
	size_t rows = shown(n, all);

	if (!n)
		return;
	heading("\nHOSTS");
	printf("   %zu\n", n);
	for (size_t i = 0; i < rows; i++)
		put_host(json_object_array_get_idx(list, i), now);
	more(n, rows);
}

/* ---- clients ---- */

static void put_clients(struct json_object *list, bool all)
{
	size_t n = list ? json_object_array_length(list) : 0;
	size_t rows = shown(n, all);

	heading("\nCLIENTS");
	printf(" %zu\n", n);
	for (size_t i = 0; i < rows; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		char calls[TEXT_SIZE], age[TEXT_SIZE];

		printf("  %-28s %12s calls in %s\n", json_text_at(o, "address"),
		       text_count(u64_at(o, "calls"), calls),
		       text_age(json_i64_at(o, "age_ms") / 1000, age));
	}
	more(n, rows);
}

static void put_parked(struct json_object *list, bool all)
{
	size_t n = list ? json_object_array_length(list) : 0;
	size_t rows = shown(n, all);

	heading("WAITING");
	printf(" %zu%s\n", n, n ? " calls for their sources" : "");
	for (size_t i = 0; i < rows; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		char age[TEXT_SIZE];

		printf("  %7s  %-11s %s\n",
		       text_age(json_i64_at(o, "age_ms") / 1000, age),
		       json_text_at(o, "procedure"), json_text_at(o, "path"));
	}
	more(n, rows);
}

/* ---- the screen ---- */

static void put_server(struct json_object *server)
{
	struct json_object *listen =
		json_at(server, "listen", json_type_array);
	size_t n = listen ? json_object_array_length(listen) : 0;
	char age[TEXT_SIZE];

	heading("gitnfsd");
	printf(" %s, up %s, process %lld, at", json_text_at(server, "version"),
	       text_age(json_i64_at(server, "uptime_ms") / 1000, age),
	       (long long)json_i64_at(server, "pid"));
	for (size_t i = 0; i < n; i++)
		printf(" %s", json_object_get_string(
				json_object_array_get_idx(listen, i)));
	putchar('\n');
}

static void put_status(struct json_object *o, bool all)
{
	int64_t now = json_i64_at(o, "time");

	put_server(json_at(o, "server", json_type_object));
	put_repositories(o, now, all);
	put_memory(json_at(o, "memory", json_type_object));
	put_disk(json_at(o, "disk", json_type_object));
	put_ahead(o);
	put_hosts(json_at(o, "hosts", json_type_array), now, all);
	put_clients(json_at(o, "clients", json_type_array), all);
	put_parked(json_at(o, "parked", json_type_array), all);
}

int cli_status(struct cli *cli, int argc, char **argv)
{
	bool json = false, watch = false, all = false;
	const struct cli_option options[] = {
		{ "json", &json, NULL },
		{ "watch", &watch, NULL },
		{ "all", &all, NULL },
		{ NULL, NULL, NULL },
	};
	int status = cli_options(cli, options, &argc, argv);

	if (status)
		return status;
	if (argc > 1)
		return cli_usage(cli, "\"%s\" is too much", argv[1]);
	do {
		CLEANUP_JSON struct json_object *o = NULL;

		status = talk_once(cli, talk_request("status"), &o);
		if (status)
			return status;
		if (watch && !json && isatty(STDOUT_FILENO))
			fputs("\033[H\033[J", stdout);
		if (json)
			puts(json_object_to_json_string_ext(o, watch ?
				JSON_C_TO_STRING_PLAIN :
				JSON_C_TO_STRING_PRETTY |
				JSON_C_TO_STRING_NOSLASHESCAPE));
		else
			put_status(o, all);
		if (fflush(stdout))
			return END_FAILED;
	} while (watch && !sleep(WATCH_S));
	return status;
}
