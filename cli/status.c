/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* status: how things stand, at a glance. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/talk.h"
#include "cli/text.h"

enum {
	ROWS = 20,              /* of a kind, unless --all ... */
	FAILED_ROWS = 3,        /* ... and of failures */
	WATCH_S = 2,
	NAME_MIN = 24,          /* columns */
	BEFORE_SOURCE = 29,     /* columns between the name and its health */
	REST = BEFORE_SOURCE + 15,
	INDENT = 8,
};

/* Where to, and how much. */
struct screen {
	FILE *to;
	int64_t now;            /* the server's */
	bool all;
};

static size_t length(struct json_object *list)
{
	return list ? json_object_array_length(list) : 0;
}

static size_t shown(const struct screen *s, size_t n)
{
	return s->all || n <= ROWS ? n : ROWS;
}

static void more(const struct screen *s, size_t n, size_t shown)
{
	if (n > shown)
		fprintf(s->to, "  %sand %zu more; --all shows them%s\n",
			text_look(LOOK_DIM), n - shown, text_look(LOOK_PLAIN));
}

static void heading(const struct screen *s, const char *text)
{
	fprintf(s->to, "%s%s%s", text_look(LOOK_BOLD), text,
		text_look(LOOK_PLAIN));
}

/* "12 s", of a moment at 'key'; "-" when there was none. */
static const char *ago(const struct screen *s, struct json_object *o,
		       const char *key, char ret[TEXT_SIZE])
{
	int64_t then = json_i64_at(o, key);

	return then ? text_age(s->now - then, ret) : strcpy(ret, "-");
}

/* ---- repositories ---- */

/* Is it well?  The column's text. */
static const char *health(const struct screen *s, struct json_object *o,
			  enum text_look *look, char *room, size_t size)
{
	const char *trouble = json_text_at(o, "trouble");
	char age[TEXT_SIZE];

	if (trouble) {
		*look = LOOK_BAD;
		snprintf(room, size, "%s, %s ago", trouble,
			 ago(s, o, "troubled", age));
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

static void put_repository(const struct screen *s, struct json_object *o,
			   int width)
{
	const char *commit = json_text_at(o, "commit"), *text;
	char moved[TEXT_SIZE], asked[TEXT_SIZE], room[256], name[TEXT_PATH];
	enum text_look look;
	bool fits;

	text = health(s, o, &look, room, sizeof room);
	fits = (int)strlen(text) <= text_room(width + BEFORE_SOURCE);
	fprintf(s->to, "%-*s %-10.10s %7s %7s  %s%s%s%s\n", width,
		text_path(json_text_at(o, "name"), width, name),
		commit ? commit : "-", ago(s, o, "moved", moved),
		ago(s, o, "asked", asked), fits ? "" : "...\n    ",
		text_look(look), text, text_look(LOOK_PLAIN));
}

/* Any "github/{owner}/{repo}": by the placeholders of its URL. */
static void put_roots(const struct screen *s, struct json_object *list)
{
	char *text = NULL;
	size_t size = 0;
	FILE *words = open_memstream(&text, &size);

	for (size_t i = 0; words && i < length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *url = json_text_at(o, "url"), *at = url, *end;

		fprintf(words, "%s%s", i ? ", " : "", json_text_at(o, "name"));
		for (; (at = strchr(at, '{')) && (end = strchr(at, '}'));
		     at = end) {
			size_t len = (size_t)(end - at) + 1;

			/* One that is there twice is the same name. */
			if (memmem(url, (size_t)(at - url), at, len))
				continue;
			fprintf(words, "/%.*s", (int)len, at);
		}
	}
	if (!words || fclose(words) || !size) {
		free(text);
		return;
	}
	fprintf(s->to, "  %sand any ", text_look(LOOK_DIM));
	text_fold(s->to, text, 10, 10);
	fputs(text_look(LOOK_PLAIN), s->to);
	free(text);
}

static void put_repositories(const struct screen *s, struct json_object *status)
{
	struct json_object *list =
		json_at(status, "repositories", json_type_array);
	size_t rows = shown(s, length(list));
	int width = text_width(list, rows, "name", NAME_MIN, REST);

	fprintf(s->to, "\n%s%-*s %-10s %7s %7s  %s%s\n", text_look(LOOK_BOLD),
		width, "REPOSITORY", "COMMIT", "MOVED", "ASKED", "SOURCE",
		text_look(LOOK_PLAIN));
	for (size_t i = 0; i < rows; i++)
		put_repository(s, json_object_array_get_idx(list, i), width);
	if (!rows)
		fprintf(s->to, "  %snone asked for yet%s\n",
			text_look(LOOK_DIM), text_look(LOOK_PLAIN));
	more(s, (size_t)json_i64_at(status, "repositories_all"), rows);
	put_roots(s, json_at(status, "roots", json_type_array));
}

/* ---- what failed ---- */

static void put_failure(const struct screen *s, struct json_object *o)
{
	const char *why = json_text_at(o, "why");
	char age[TEXT_SIZE], name[TEXT_PATH];

	fprintf(s->to, "  %7s  %s%s: %s%s%s\n", ago(s, o, "when", age),
		json_flag_at(o, "inside") ? "in " : "",
		text_path(json_text_at(o, "name"), text_room(50), name),
		text_look(json_flag_at(o, "absent") ? LOOK_WARN : LOOK_BAD),
		json_text_at(o, "error"), text_look(LOOK_PLAIN));
	if (!why || !*why)
		return;
	fprintf(s->to, "%*s", INDENT + 3, "");
	text_fold(s->to, why, INDENT + 3, INDENT + 3);
}

static void put_failures(const struct screen *s, struct json_object *list)
{
	size_t n = length(list);
	size_t rows = s->all || n < FAILED_ROWS ? n : FAILED_ROWS;

	if (!n)
		return;
	heading(s, "\nFAILED ");
	fprintf(s->to, " %zu lately\n", n);
	for (size_t i = 0; i < rows; i++)
		put_failure(s, json_object_array_get_idx(list, i));
	more(s, n, rows);
}

/* ---- caches ---- */

static void put_use(const struct screen *s, const char *name,
		    struct json_object *o)
{
	char bytes[TEXT_SIZE], budget[TEXT_SIZE];

	heading(s, name);
	fprintf(s->to, " %s of %s", text_bytes(json_u64_at(o, "bytes"), bytes),
		text_bytes(json_u64_at(o, "budget"), budget));
}

static const char *hit_ratio(struct json_object *o, char ret[TEXT_SIZE])
{
	return text_ratio(json_u64_at(o, "hits"), json_u64_at(o, "misses"),
			  ret);
}

static void put_memory(const struct screen *s, struct json_object *memory)
{
	static const char *const kinds[] = { "directories", "trees", "sizes",
					     "blobs" };
	char ratio[TEXT_SIZE];

	put_use(s, "\nMEMORY ", memory);
	fputs(", hits: ", s->to);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		fprintf(s->to, "%s%s %s", i ? ", " : "", i ? kinds[i] : "dirs",
			hit_ratio(json_at(memory, kinds[i], json_type_object),
				  ratio));
	fputc('\n', s->to);
}

static void put_disk(const struct screen *s, struct json_object *disk)
{
	uint64_t pinned = json_u64_at(disk, "pinned");
	uint64_t bad = json_u64_at(disk, "bad");
	uint64_t failed = json_u64_at(disk, "failed");
	char n[TEXT_SIZE];

	put_use(s, "DISK   ", disk);
	fprintf(s->to, ", hits: %s", hit_ratio(disk, n));
	fprintf(s->to, ", %s written", text_count(json_u64_at(disk, "kept"),
						  n));
	if (pinned)
		fprintf(s->to, ", %s pinned", text_bytes(pinned, n));
	fputc('\n', s->to);
	if (bad)
		fprintf(s->to, "%*s%s%s were not as they should be, and "
			"fetched again%s\n", INDENT, "", text_look(LOOK_WARN),
			text_count(bad, n), text_look(LOOK_PLAIN));
	if (failed)
		fprintf(s->to, "%*s%s%s could not be written; the log tells "
			"why%s\n", INDENT, "", text_look(LOOK_BAD),
			text_count(failed, n), text_look(LOOK_PLAIN));
}

static void put_ahead(const struct screen *s, struct json_object *status)
{
	struct json_object *memory =
		json_at(status, "memory", json_type_object);
	struct json_object *p = json_at(status, "prefetch", json_type_object);
	uint64_t ahead = 0, used = 0, wasted = 0, bytes = 0;
	char a[TEXT_SIZE], b[TEXT_SIZE];

	json_object_object_foreach(memory, key, kind) {
		(void)key;
		if (!json_object_is_type(kind, json_type_object))
			continue;
		ahead += json_u64_at(kind, "ahead");
		used += json_u64_at(kind, "used");
		wasted += json_u64_at(kind, "wasted");
		bytes += json_u64_at(kind, "wasted_bytes");
	}
	heading(s, "AHEAD  ");
	fprintf(s->to, " %s fetched unasked", text_count(ahead, a));
	if (used + wasted)
		fprintf(s->to, ", %s of use, %s wasted",
			text_ratio(used, wasted, a), text_bytes(bytes, b));
	if (json_u64_at(p, "running"))
		fprintf(s->to, ", %s under way",
			text_count(json_u64_at(p, "running"), a));
	fputc('\n', s->to);
}

/* ---- hosts ---- */

static void put_budget(const struct screen *s, struct json_object *o)
{
	int64_t left = json_i64_at(o, "left"), reset = json_i64_at(o, "reset");
	char n[TEXT_SIZE], age[TEXT_SIZE], clock[TEXT_SIZE];
	time_t until = (time_t)reset;
	struct tm tm;

	text_age(reset - s->now, age);
	if (left) {
		fprintf(s->to, "%*s%s requests left for %s\n", INDENT, "",
			text_count((uint64_t)left, n), age);
	} else if (reset > s->now && localtime_r(&until, &tm)) {
		strftime(clock, sizeof clock, "%H:%M:%S", &tm);
		fprintf(s->to, "%*s%srate limited until %s%s, in %s: see "
			"gitnfs-backends(7)\n", INDENT, "",
			text_look(LOOK_BAD), clock, text_look(LOOK_PLAIN),
			age);
	}
}

static void put_host(const struct screen *s, struct json_object *o)
{
	struct json_object *answers = json_at(o, "answers", json_type_object);
	uint64_t good = 0, bad = 0, failed = json_u64_at(o, "failed");
	char n[TEXT_SIZE], name[TEXT_PATH];

	json_object_object_foreach(answers, status, count)
		*(*status < '4' ? &good : &bad) +=
			(uint64_t)json_object_get_int64(count);
	fprintf(s->to, "  %-28s %9s answers",
		text_path(json_text_at(o, "name"), text_room(52), name),
		text_count(good, n));
	if (bad)
		fprintf(s->to, ", %s%s errors%s", text_look(LOOK_WARN),
			text_count(bad, n), text_look(LOOK_PLAIN));
	if (failed)
		fprintf(s->to, ", %s%s silent%s", text_look(LOOK_BAD),
			text_count(failed, n), text_look(LOOK_PLAIN));
	fputc('\n', s->to);
	if (json_at(o, "left", json_type_int))
		put_budget(s, o);
}

static void put_hosts(const struct screen *s, struct json_object *list)
{
	size_t n = length(list), rows = shown(s, n);

	if (!n)
		return;
	heading(s, "\nHOSTS");
	fprintf(s->to, "   %zu\n", n);
	for (size_t i = 0; i < rows; i++)
		put_host(s, json_object_array_get_idx(list, i));
	more(s, n, rows);
}

/* ---- clients ---- */

static void put_clients(const struct screen *s, struct json_object *list)
{
	size_t n = length(list), rows = shown(s, n);

	heading(s, "\nCLIENTS");
	fprintf(s->to, " %zu\n", n);
	for (size_t i = 0; i < rows; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		char calls[TEXT_SIZE], age[TEXT_SIZE];

		fprintf(s->to, "  %-28s %12s calls in %s\n",
			json_text_at(o, "address"),
			text_count(json_u64_at(o, "calls"), calls),
			text_age(json_i64_at(o, "age_ms") / 1000, age));
	}
	more(s, n, rows);
}

static void put_parked(const struct screen *s, struct json_object *list)
{
	size_t n = length(list), rows = shown(s, n);

	heading(s, "WAITING");
	fprintf(s->to, " %zu%s\n", n, n ? " calls for their sources" : "");
	for (size_t i = 0; i < rows; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		char age[TEXT_SIZE], path[TEXT_PATH];

		fprintf(s->to, "  %7s  %-11s %s\n",
			text_age(json_i64_at(o, "age_ms") / 1000, age),
			json_text_at(o, "procedure"),
			text_path(json_text_at(o, "path"), text_room(23),
				  path));
	}
	more(s, n, rows);
}

/* ---- the screen ---- */

static void put_server(const struct screen *s, struct json_object *server)
{
	struct json_object *listen =
		json_at(server, "listen", json_type_array);
	char age[TEXT_SIZE];

	heading(s, "gitnfsd");
	fprintf(s->to, " %s, up %s, process %lld, at",
		json_text_at(server, "version"),
		text_age(json_i64_at(server, "uptime_ms") / 1000, age),
		(long long)json_i64_at(server, "pid"));
	for (size_t i = 0; i < length(listen); i++)
		fprintf(s->to, " %s", json_object_get_string(
				json_object_array_get_idx(listen, i)));
	fputc('\n', s->to);
}

static void put_status(FILE *to, struct json_object *o, bool all)
{
	const struct screen s = { to, json_i64_at(o, "time"), all };

	put_server(&s, json_at(o, "server", json_type_object));
	put_repositories(&s, o);
	put_failures(&s, json_at(o, "failures", json_type_array));
	put_memory(&s, json_at(o, "memory", json_type_object));
	put_disk(&s, json_at(o, "disk", json_type_object));
	put_ahead(&s, o);
	put_hosts(&s, json_at(o, "hosts", json_type_array));
	put_clients(&s, json_at(o, "clients", json_type_array));
	put_parked(&s, json_at(o, "parked", json_type_array));
}

/* In the place of the last, as far as the terminal is high. */
static void put_again(struct json_object *o, bool all)
{
	struct winsize ws = { .ws_row = 0 };
	char *text = NULL, *line, *end;
	size_t size;
	FILE *to = open_memstream(&text, &size);
	int left;

	if (!to)
		return;
	put_status(to, o, all);
	if (!fclose(to)) {
		ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws);
		left = ws.ws_row ? ws.ws_row : 24;
		fputs("\033[H", stdout);
		for (line = text; left-- > 0 && *line; line = end + 1) {
			end = strchr(line, '\n');
			printf("%.*s\033[K%s", (int)(end - line), line,
			       left ? "\n" : "");
		}
		fputs("\033[J", stdout);
	}
	free(text);
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
	int status = cli_options_only(cli, options, &argc, argv);

	if (status)
		return status;
	do {
		CLEANUP_JSON struct json_object *o = NULL;

		status = talk_once(cli, talk_request("status"), &o);
		if (status)
			return status;
		if (json && watch)
			puts(json_object_to_json_string_ext(o,
				JSON_C_TO_STRING_PLAIN));
		else if (json)
			talk_put(o);
		else if (watch && isatty(STDOUT_FILENO))
			put_again(o, all);
		else
			put_status(stdout, o, all);
	} while (watch && !fflush(stdout) && !sleep(WATCH_S));
	return status;
}
