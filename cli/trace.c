/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* trace: calls as they are answered, requests to sources as they end. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/talk.h"
#include "cli/text.h"
#include "common/cleanup.h"

static const char *duration(int64_t us, char ret[TEXT_SIZE])
{
	if (us < 1000)
		snprintf(ret, TEXT_SIZE, "%lld us", (long long)us);
	else if (us < 10000000)
		snprintf(ret, TEXT_SIZE, "%.*f ms", us < 100000,
			 (double)us / 1e3);
	else
		snprintf(ret, TEXT_SIZE, "%.1f s", (double)us / 1e6);
	return ret;
}

enum { BEFORE = 36, ROOMY = 120 };      /* columns: the path; a wide terminal */

/* Where, and behind it who or what, which has less to say where there is
 * little room for both. */
static void put_rest(const char *where, const char *more)
{
	char path[TEXT_PATH];

	printf("%s  %s%s%s\n", text_path(where, text_room(BEFORE + 2 +
						(int)strlen(more)), path),
	       text_look(LOOK_DIM), more, text_look(LOOK_PLAIN));
}

static void put_call(struct json_object *call)
{
	const char *result = json_text_at(call, "result");
	const char *client = json_text_at(call, "client");
	const char *colon = strrchr(client, ':');
	bool narrow = text_room(0) < ROOMY;
	bool hit = result && !strcmp(result, "hit");
	char took[TEXT_SIZE], clock[16], who[64];
	time_t now = time(NULL);

	snprintf(who, sizeof who, "%.*s", narrow && colon ?
		 (int)(colon - client) : INT_MAX, client);

	strftime(clock, sizeof clock, "%H:%M:%S", localtime(&now));
	printf("%s%s%s %-11s %s%-5s %8s%s ", text_look(LOOK_DIM), clock,
	       text_look(LOOK_PLAIN), json_text_at(call, "procedure"),
	       text_look(hit ? LOOK_PLAIN : LOOK_WARN), result,
	       duration(json_i64_at(call, "us"), took), text_look(LOOK_PLAIN));
	put_rest(json_text_at(call, "path"), who);
}

/* Below the calls that waited for it, as these are told when it is over. */
static void put_request(struct json_object *rq)
{
	const char *error = json_text_at(rq, "error");
	const char *what = json_text_at(rq, "what");
	const char *host = json_text_at(rq, "host");
	char took[TEXT_SIZE], bytes[TEXT_SIZE], clock[16], status[16] = "-";
	CLEANUP_FREE char *where = NULL, *more = NULL;
	time_t now = time(NULL);

	strftime(clock, sizeof clock, "%H:%M:%S", localtime(&now));
	if (json_i64_at(rq, "status"))
		snprintf(status, sizeof status, "%lld",
			 (long long)json_i64_at(rq, "status"));
	printf("%s%s%s   > %-7s %s%-5s %8s%s ", text_look(LOOK_DIM), clock,
	       text_look(LOOK_PLAIN), json_text_at(rq, "method"),
	       text_look(error || *status > '3' ? LOOK_BAD : LOOK_PLAIN),
	       status, duration(json_i64_at(rq, "us"), took),
	       text_look(LOOK_PLAIN));
	if (asprintf(&where, strstr(what, host) ? "%s" : "%s at %s", what,
		     host) < 0)
		where = NULL;
	if (asprintf(&more, error ? "%s, %s" : "%s",
		     text_bytes(json_u64_at(rq, "bytes"), bytes), error) < 0)
		more = NULL;
	put_rest(where ? where : "", more ? more : "");
}

static void put_line(struct json_object *line, bool json)
{
	struct json_object *call = json_at(line, "call", json_type_object);
	struct json_object *rq = json_at(line, "request", json_type_object);

	if (json)
		puts(json_object_to_json_string_ext(line,
				JSON_C_TO_STRING_PLAIN |
				JSON_C_TO_STRING_NOSLASHESCAPE));
	else if (call)
		put_call(call);
	else if (rq)
		put_request(rq);
	else
		printf("... %lld were too many for this\n",
		       (long long)json_i64_at(line, "lost"));
}

int cli_trace(struct cli *cli, int argc, char **argv)
{
	bool json = false, misses = false;
	char *slow = NULL;
	const struct cli_option options[] = {
		{ "json", &json, NULL },
		{ "misses", &misses, NULL },
		{ "slow", NULL, &slow },
		{ NULL, NULL, NULL },
	};
	struct json_object *request, *line;
	struct talk *t = NULL;
	int r, status = cli_options_only(cli, options, &argc, argv);

	if (status)
		return status;
	if (slow && (!*slow || slow[strspn(slow, "0123456789")]))
		return cli_usage(cli, "--slow \"%s\": give milliseconds",
				 slow);
	request = talk_request("trace");
	json_flag(request, "misses", misses);
	json_i64(request, "slow_ms", slow ? atoll(slow) : 0);
	r = talk_open(&t, cli->state_dir);
	if (r)
		json_object_put(request);
	else
		r = talk_ask(t, request);
	while (!r && (r = talk_next(t, &line)) > 0) {
		put_line(line, json);
		json_object_put(line);
		/* Until nobody reads it any more. */
		if (fflush(stdout))
			break;
		r = 0;
	}
	status = r < 0 ? talk_failed(cli, t, r) : END_WELL;
	talk_close(t);
	return status;
}
