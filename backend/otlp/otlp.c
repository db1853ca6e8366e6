/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/otlp.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/http/http.h"
#include "backend/otlp/otlp_json.h"
#include "backend/wait.h"
#include "common/cleanup.h"
#include "common/json.h"
#include "common/thread.h"

enum {
	BATCH = 256,            /* spans in one request */
	SLICE_MS = 50,          /* between looks whether it is to end */
	MS = 1000000,           /* ns */
};

static const char usual_path[] = "/v1/traces";

/* Spans may still come a moment after the end: what they meet stays. */
static struct {
	pthread_mutex_t lock;   /* covers the rest, but what is the thread's */
	pthread_cond_t news;
	bool running;
	uint64_t stop_at;       /* clock_ms(); UINT64_MAX: not yet */
	struct otlp_span *span; /* OTLP_ROOM */
	size_t n;
	uint64_t dropped;
	pthread_t thread;
	/* The thread's: */
	char *url;
	void (*trouble)(const char *url, const char *why, uint64_t dropped);
	bool failing;
	uint64_t lost;          /* since it does */
} out = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* ---- any thread ---- */

static void hear(const struct span *s)
{
	struct timespec now = clock_wall();

	LOCK_SCOPE(&out.lock);
	if (!out.running)
		return;
	if (out.n == OTLP_ROOM) {
		out.dropped++;
		return;
	}
	otlp_span_keep(s, (uint64_t)now.tv_sec * 1000 * MS +
		       (uint64_t)now.tv_nsec, &out.span[out.n++]);
	if (out.n == 1 || out.n == BATCH)
		pthread_cond_signal(&out.news);
}

/* ---- its own ---- */

/* Is there still time?  The end may come meanwhile. */
static bool may_wait(uint64_t deadline)
{
	LOCK_SCOPE(&out.lock);
	return clock_ms() < (deadline < out.stop_at ? deadline : out.stop_at);
}

static int wait_for_head(struct http *x, uint64_t deadline,
			 struct http_head *ret)
{
	int r;

	do
		r = http_head(x, clock_ms() + SLICE_MS, ret);
	while (r == -ETIMEDOUT && may_wait(deadline));
	return r;
}

/* To its end, so that the connection can be used again. */
static int read_away(struct http *x, uint64_t deadline)
{
	char buf[1024];
	ssize_t n;

	do
		n = http_read(x, buf, sizeof buf, clock_ms() + SLICE_MS);
	while (n > 0 || (n == -ETIMEDOUT && may_wait(deadline)));
	return (int)n;
}

static int post(const char *text, char why[BACKEND_WHY])
{
	const uint64_t deadline = clock_ms() + OTLP_SEND_MS;
	static const char *const headers[] = {
		"Content-Type: application/json", "Expect:", NULL,
	};
	struct http_head head;
	struct http *x;
	int r = http_start(&(struct http_ask){
		.url = out.url, .headers = headers, .body = text,
		.len = strlen(text), .named_by = NAMED_BY_SOURCE,
		.own = true,
	}, &x);

	snprintf(why, BACKEND_WHY, "%s", strerror(-r));
	if (r)
		return r;
	r = wait_for_head(x, deadline, &head);
	if (!r && (head.status < 200 || head.status >= 300)) {
		snprintf(why, BACKEND_WHY, "it answers HTTP %ld",
			 head.status);
		r = -EIO;
	} else if (r) {
		http_why(x, why);
		if (!*why)
			snprintf(why, BACKEND_WHY, "%s", strerror(-r));
	}
	if (!r)
		r = read_away(x, deadline);
	http_close(x);
	return r;
}

static void note(int err, const char *why, size_t n, uint64_t dropped)
{
	out.lost += dropped;
	if (err) {
		out.lost += n;
		if (!out.failing && out.trouble)
			out.trouble(out.url, why, out.lost);
		out.failing = true;
	} else if (out.failing || out.lost) {
		if (out.trouble)
			out.trouble(out.url, NULL, out.lost);
		out.failing = false;
		out.lost = 0;
	}
}

static void send_spans(const struct otlp_span *s, size_t n, uint64_t dropped)
{
	CLEANUP_JSON struct json_object *o = otlp_json(s, n);
	const char *text = o ? json_object_to_json_string_ext(o,
				JSON_C_TO_STRING_PLAIN |
				JSON_C_TO_STRING_NOSLASHESCAPE) : NULL;
	char why[BACKEND_WHY] = "out of memory";
	int r = text ? post(text, why) : -ENOMEM;

	note(r, why, n, dropped);
}

/* Wait for some, and take them.  False: it ends. */
static bool take(struct otlp_span ret[BATCH], size_t *ret_n,
		 uint64_t *dropped)
{
	uint64_t until = UINT64_MAX;

	LOCK_SCOPE(&out.lock);
	while (out.stop_at == UINT64_MAX && out.n < BATCH &&
	       clock_ms() < until) {
		if (out.n && until == UINT64_MAX)
			until = clock_ms() + OTLP_WAIT_MS;
		wait_until(&out.news, &out.lock, until);
	}
	*ret_n = out.n < BATCH ? out.n : BATCH;
	memcpy(ret, out.span, *ret_n * sizeof *ret);
	out.n -= *ret_n;
	memmove(out.span, out.span + *ret_n, out.n * sizeof *out.span);
	*dropped = out.dropped;
	out.dropped = 0;
	return *ret_n ? clock_ms() < out.stop_at : out.stop_at == UINT64_MAX;
}

static void *run(void *arg)
{
	CLEANUP_FREE struct otlp_span *batch = arg;
	uint64_t dropped;
	size_t n;

#ifdef __APPLE__
	pthread_setname_np("telemetry");
#else
	pthread_setname_np(pthread_self(), "telemetry");
#endif
	while (take(batch, &n, &dropped))
		if (n)
			send_spans(batch, n, dropped);
	return NULL;
}

/* ---- from without ---- */

/* Is it a URL that can be told? */
static int check_url(const char *url)
{
	const char *rest = !strncmp(url, "http://", 7) ? url + 7 :
			   !strncmp(url, "https://", 8) ? url + 8 : "";

	return *rest && *rest != '/' && !strpbrk(url, " \t\r\n@") ?
	       0 : -EINVAL;
}

/* Without a path of its own it is the usual one. */
static char *full_url(const char *url)
{
	const char *path = strchr(strstr(url, "://") + 3, '/');
	char *full;

	if (path && path[1])
		return strdup(url);
	return asprintf(&full, "%.*s%s", path ? (int)(path - url) :
			(int)strlen(url), url, usual_path) < 0 ? NULL : full;
}

static void clear(void)
{
	free(TAKE(out.url));
	free(TAKE(out.span));
}

static int start_thread(void)
{
	struct otlp_span *batch = malloc(BATCH * sizeof *batch);
	int r;

	if (!batch)
		return -ENOMEM;
	r = thread_start(&out.thread, run, batch);
	if (r)
		free(batch);
	return r;
}

static int set_up(const struct otlp_options *opt)
{
	out.url = full_url(opt->url);
	out.span = calloc(OTLP_ROOM, sizeof *out.span);
	out.trouble = opt->trouble;
	out.stop_at = UINT64_MAX;
	out.failing = false;
	out.n = 0;
	out.lost = out.dropped = 0;
	return out.url && out.span ? 0 : -ENOMEM;
}

static void set_running(bool running)
{
	LOCK_SCOPE(&out.lock);
	out.running = running;
}

int otlp_start(const struct otlp_options *opt)
{
	int r = check_url(opt->url);

	if (r)
		return r;
	if (out.url)
		return -EBUSY;
	r = http_up();
	if (r)
		return r;
	wait_init(&out.news);
	r = set_up(opt);
	if (!r)
		r = start_thread();
	if (r) {
		clear();
		pthread_cond_destroy(&out.news);
		http_down();
		return r;
	}
	set_running(true);
	span_listen(SPAN_EXPORT, hear);
	return 0;
}

static void tell_to_stop(void)
{
	LOCK_SCOPE(&out.lock);
	out.running = false;
	out.stop_at = clock_ms() + OTLP_STOP_MS;
	pthread_cond_signal(&out.news);
}

void otlp_stop(void)
{
	if (!out.url)
		return;
	span_listen(SPAN_EXPORT, NULL);
	tell_to_stop();
	pthread_join(out.thread, NULL);
	clear();
	pthread_cond_destroy(&out.news);
	http_down();
}
