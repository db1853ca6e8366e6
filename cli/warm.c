/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* warm, pin: bring a subtree here, and show how that goes. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/talk.h"
#include "cli/text.h"

enum { BAR = 20 };

/* How fast, over the whole of it and lately. */
struct pace {
	double start, last;     /* seconds */
	uint64_t bytes, done;   /* when that was */
	double byte_rate, done_rate;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Half of it the last moment's, half what was before. */
static void measure(struct pace *p, uint64_t bytes, uint64_t done)
{
	double t = now(), dt = t - p->last;

	if (dt < 0.1)
		return;
	p->byte_rate += ((double)(bytes - p->bytes) / dt - p->byte_rate) / 2;
	p->done_rate += ((double)(done - p->done) / dt - p->done_rate) / 2;
	p->last = t;
	p->bytes = bytes;
	p->done = done;
}

/* What has been found grows while it walks: so is the bar's end. */
static void draw(struct json_object *o, const struct pace *p)
{
	uint64_t done = json_u64_at(o, "done") + json_u64_at(o, "failed");
	uint64_t found = json_u64_at(o, "found");
	char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE], d[TEXT_SIZE];
	char e[TEXT_SIZE] = "?";
	int full = found ? (int)(BAR * done / found) : 0;

	if (p->done_rate >= 1)
		text_age((int64_t)((double)(found - done) / p->done_rate) + 1,
			 e);
	printf("\r%s[%.*s%*s]%s %s of %s, %s, %s/s, %s left\033[K",
	       text_look(LOOK_GOOD), full, "====================",
	       BAR - full, "", text_look(LOOK_PLAIN), text_count(done, a),
	       text_count(found, b), text_bytes(json_u64_at(o, "bytes"), c),
	       text_bytes((uint64_t)p->byte_rate, d), e);
	fflush(stdout);
}

static int put_result(const struct cli *cli, struct json_object *o,
		      const struct pace *p)
{
	uint64_t failed = json_u64_at(o, "failed");
	uint64_t done = json_u64_at(o, "done");
	uint64_t dirs = json_u64_at(o, "directories");
	char a[TEXT_SIZE], b[TEXT_SIZE], c[TEXT_SIZE], d[TEXT_SIZE];
	const char *error = json_text_at(o, "error");

	printf("%s files in %s directories, %s; %s objects fetched, "
	       "in %.1f s\n", text_count(done - dirs, a), text_count(dirs, b),
	       text_bytes(json_u64_at(o, "bytes"), c),
	       text_count(json_u64_at(o, "fetched"), d), now() - p->start);
	if (!failed)
		return END_WELL;
	cli_say(cli, "%s could not be had, the first of them %s: %s; try "
		"again: what is here is not fetched twice",
		text_count(failed, a), json_text_at(o, "at"),
		error ? error : "?");
	return END_TROUBLE;
}

static int follow(const struct cli *cli, struct talk *t)
{
	struct pace p = { .start = now() };
	bool terminal = isatty(STDOUT_FILENO);
	struct json_object *line = NULL, *at;
	int r;

	p.last = p.start;
	while ((r = talk_next(t, &line)) > 0) {
		at = json_at(line, "progress", json_type_object);
		if (at) {
			measure(&p, json_u64_at(at, "bytes"),
				json_u64_at(at, "done"));
			if (terminal)
				draw(at, &p);
		}
		json_object_put(line);
		line = NULL;
	}
	if (terminal)
		fputs("\r\033[K", stdout);
	if (r)
		return talk_failed(cli, t, r);
	r = put_result(cli, line, &p);
	json_object_put(line);
	return r;
}

/* argv[0] is what to do with it. */
int cli_warm(struct cli *cli, int argc, char **argv)
{
	const struct cli_option options[] = { { NULL, NULL, NULL } };
	int r, status = cli_options(cli, options, &argc, argv);
	struct json_object *request;
	struct talk *t = NULL;

	if (status)
		return status;
	if (argc != 2)
		return cli_usage(cli, "say which repository, or what in it");
	request = talk_request(argv[0]);
	json_text(request, "path", argv[1]);
	r = talk_open(&t, cli->state_dir);
	if (r)
		json_object_put(request);
	else
		r = talk_ask(t, request);
	status = r ? talk_failed(cli, t, r) : follow(cli, t);
	talk_close(t);
	if (!r && status)
		talk_explain(cli, argv[1], true);
	return status;
}
