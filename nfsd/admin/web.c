/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/json.h"
#include "common/log.h"
#include "nfsd/endpoint.h"
#include "nfsd/handover.h"
#include "nfsd/admin/metrics.h"
#include "nfsd/admin/refresh.h"
#include "nfsd/admin/standing.h"
#include "nfsd/admin/web.h"
#include "nfsd/admin/webhook.h"

enum { BACKLOG = 64, SECRET_MAX = 4096, PAUSE_MS = 100 };

struct web {
	struct admin *admin;
	struct evhttp *http;
	int64_t start;          /* seconds since 1970 */
	struct evconnlistener *listener;        /* owned by 'http' */
	char address[ENDPOINT_SIZE];
};

/* ---- answers ---- */

static void answer(struct evhttp_request *rq, int status, const char *type,
		   struct evbuffer *body)
{
	struct evkeyvalq *out = evhttp_request_get_output_headers(rq);

	evhttp_add_header(out, "Content-Type", type);
	evhttp_add_header(out, "Cache-Control", "no-store");
	evhttp_send_reply(rq, status, NULL, body);
}

static void say(struct evhttp_request *rq, int status, const char *text)
{
	struct evbuffer *body = evbuffer_new();

	if (body)
		evbuffer_add_printf(body, "%s\n", text);
	answer(rq, status, "text/plain; charset=utf-8", body);
	if (body)
		evbuffer_free(body);
}

static bool is_get(struct evhttp_request *rq)
{
	enum evhttp_cmd_type cmd = evhttp_request_get_command(rq);

	if (cmd == EVHTTP_REQ_GET || cmd == EVHTTP_REQ_HEAD)
		return true;
	evhttp_add_header(evhttp_request_get_output_headers(rq), "Allow",
			  "GET, HEAD");
	say(rq, 405, "only to be read");
	return false;
}

/* ---- GET ---- */

static void on_metrics(struct evhttp_request *rq, void *arg)
{
	CLEANUP_STANDING struct standing *s = NULL;
	struct web *web = arg;
	struct evbuffer *body;

	if (!is_get(rq))
		return;
	body = evbuffer_new();
	if (!body || standing_take(web->admin->fs, web->admin->server,
				   METRICS_SHOWN, &s)) {
		say(rq, 500, "out of memory");
	} else {
		metrics_write(body, s, web->start);
		answer(rq, 200, METRICS_TYPE, body);
	}
	if (body)
		evbuffer_free(body);
}

static void on_health(struct evhttp_request *rq, void *arg)
{
	(void)arg;
	if (is_get(rq))
		say(rq, 200, "ok");
}

/* Every loop answers; and of the sources that were asked, one at least. */
static void on_ready(struct evhttp_request *rq, void *arg)
{
	CLEANUP_STANDING struct standing *s = NULL;
	struct web *web = arg;

	if (!is_get(rq))
		return;
	if (standing_take(web->admin->fs, web->admin->server, 0, &s))
		say(rq, 503, "out of memory");
	else if (s->sources.asked && s->sources.failing == s->sources.asked)
		say(rq, 503, "no source answers; \"gitnfs status\" tells why");
	else
		say(rq, 200, "ready");
}

/* ---- POST /refresh/... ---- */

/* The first line of its file; the caller wipes and frees it. */
static char *read_secret(const char *file)
{
	FILE *f = file ? fopen(file, "re") : NULL;
	char *line = malloc(SECRET_MAX);

	if (!f || !line || !fgets(line, SECRET_MAX, f)) {
		free(TAKE(line));
	} else {
		line[strcspn(line, "\r\n")] = '\0';
	}
	if (f)
		fclose(f);
	return line;
}

/* Who tells need not wait for what comes of it. */
static void over(void *arg, struct json_object *result)
{
	CLEANUP_FREE char *path = arg;

	log_info("told of a push", "path=%s looked_at=%zu", path,
		 json_object_array_length(result));
	json_object_put(result);
}

static void refresh(struct web *web, struct evhttp_request *rq,
		    const char *path)
{
	char *copy = strdup(path);

	if (!copy || refresh_start(web->admin, copy, over, copy)) {
		free(copy);
		say(rq, 500, "out of memory");
		return;
	}
	say(rq, 202, "it is being looked at");
}

static bool is_genuine(struct evhttp_request *rq, const char *secret)
{
	struct evkeyvalq *in = evhttp_request_get_input_headers(rq);
	struct evbuffer *body = evhttp_request_get_input_buffer(rq);
	const char *gitea = evhttp_find_header(in, "X-Gitea-Signature");
	struct webhook m = {
		.hub_signature = evhttp_find_header(in, "X-Hub-Signature-256"),
		.gitea_signature = gitea ? gitea :
			evhttp_find_header(in, "X-Forgejo-Signature"),
		.gitlab_token = evhttp_find_header(in, "X-Gitlab-Token"),
		.authorization = evhttp_find_header(in, "Authorization"),
		.len = evbuffer_get_length(body),
	};

	m.body = m.len ? evbuffer_pullup(body, -1) : (void *)"";
	return m.body && webhook_is_genuine(&m, secret);
}

static void on_refresh(struct web *web, struct evhttp_request *rq,
		       const char *path)
{
	CLEANUP_FREE char *secret = NULL;

	if (evhttp_request_get_command(rq) != EVHTTP_REQ_POST) {
		evhttp_add_header(evhttp_request_get_output_headers(rq),
				  "Allow", "POST");
		say(rq, 405, "POST it");
		return;
	}
	secret = read_secret(web->admin->http_secret_file);
	if (!secret || !*secret) {
		log_warning("refused a push", "path=%s error=no secret "
			    "do=name a file with one as http.secret-file", path);
		say(rq, 403, "there is no secret; see http.secret-file");
	} else if (!is_genuine(rq, secret)) {
		log_warning("refused a push", "path=%s error=wrong or no "
			    "signature do=give that host the same secret", path);
		say(rq, 403, "the secret is another, or none was used");
	} else {
		refresh(web, rq, path);
	}
	if (secret)
		sodium_memzero(secret, strlen(secret));
}

static void on_other(struct evhttp_request *rq, void *arg)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(rq);
	const char *coded = uri ? evhttp_uri_get_path(uri) : NULL;
	CLEANUP_FREE char *path = coded ?
		evhttp_uridecode(coded, 0, NULL) : NULL;

	if (path && !strncmp(path, "/refresh/", 9) && path[9])
		on_refresh(arg, rq, path + 9);
	else
		say(rq, 404, "there are /metrics, /healthz, /readyz and "
		    "/refresh/ROOT/OWNER/REPO");
}

/* ---- the listener ---- */

static void on_resume(evutil_socket_t fd, short what, void *listener)
{
	(void)fd;
	(void)what;
	evconnlistener_enable(listener);
}

/* Who comes now waits for a moment. */
static void pause_accepting(struct evconnlistener *listener)
{
	const struct timeval pause = { .tv_usec = PAUSE_MS * 1000 };

	if (!event_base_once(evconnlistener_get_base(listener), -1, EV_TIMEOUT,
			     on_resume, listener, &pause))
		evconnlistener_disable(listener);
}

static void on_no_accept(struct evconnlistener *listener, void *arg)
{
	int err = EVUTIL_SOCKET_ERROR();

	(void)arg;
	log_warning("cannot accept", "for=HTTP error=%s do=%s", strerror(err),
		    err == EMFILE || err == ENFILE ?
		    "raise the limit on open files" :
		    "it is tried again in a moment");
	pause_accepting(listener);
}

/* Called for every connection.  libevent does not tell how many there are, but
 * each has an event of this loop or two. */
static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
	struct web *web = arg;

	if (event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED) >
	    WEB_EVENTS)
		pause_accepting(web->listener);
	return NULL;            /* the usual */
}

static int use(struct web *web, int fd)
{
	struct evhttp_bound_socket *bound =
		evhttp_accept_socket_with_handle(web->http, fd);

	if (!bound)
		return -ENOMEM;
	web->listener = evhttp_bound_socket_get_listener(bound);
	evconnlistener_set_error_cb(web->listener, on_no_accept);
	return 0;
}

static int listen_at(struct web *web, const char *text)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof addr;
	const int on = 1;
	int fd, r = endpoint_parse(text, &addr);
	bool given;

	if (r)
		return r;
	fd = handover_take(HANDOVER_HTTP, SOCK_STREAM,
			   (struct sockaddr *)&addr, endpoint_len(&addr));
	given = fd >= 0;
	if (!given)
		fd = fd_socket(addr.ss_family, SOCK_STREAM, 0);
	if (fd < 0)
		return fd;
	evutil_make_socket_nonblocking(fd);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if ((!given && bind(fd, (struct sockaddr *)&addr,
			    endpoint_len(&addr))) ||
	    listen(fd, BACKLOG) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len))
		r = -errno;
	if (!r)
		r = endpoint_text(&addr, web->address);
	if (!r)
		r = use(web, fd);
	if (r)
		close(fd);
	return r;
}

static int set_up(struct web *web)
{
	web->http = evhttp_new(loop_base(web->admin->loop));
	if (!web->http)
		return -ENOMEM;
	evhttp_set_max_body_size(web->http, WEB_BODY);
	evhttp_set_max_headers_size(web->http, WEB_HEAD);
	evhttp_set_timeout(web->http, WEB_IDLE_S);
	evhttp_set_allowed_methods(web->http, EVHTTP_REQ_GET |
				   EVHTTP_REQ_HEAD | EVHTTP_REQ_POST);
	if (evhttp_set_cb(web->http, "/metrics", on_metrics, web) ||
	    evhttp_set_cb(web->http, "/healthz", on_health, web) ||
	    evhttp_set_cb(web->http, "/readyz", on_ready, web))
		return -ENOMEM;
	evhttp_set_gencb(web->http, on_other, web);
	evhttp_set_bevcb(web->http, on_connection, web);
	return listen_at(web, web->admin->http_listen);
}

int web_new(struct web **ret, struct admin *a, char why[ADMIN_WHY])
{
	struct web *web = calloc(1, sizeof *web);
	int r = -ENOMEM;

	if (web) {
		web->admin = a;
		web->start = clock_wall().tv_sec;
		r = set_up(web);
	}
	if (r) {
		snprintf(why, ADMIN_WHY, "cannot listen at %s for HTTP: %s; "
			 "choose another address or port with --http-listen",
			 a->http_listen, strerror(-r));
		web_free(web);
		return r;
	}
	log_info("started", "http=%s", web->address);
	*ret = web;
	return 0;
}

void web_free(struct web *web)
{
	if (!web)
		return;
	if (web->http)
		evhttp_free(web->http);
	free(web);
}

int web_hand_over(const struct web *web)
{
	return handover_keep(HANDOVER_HTTP,
			     evconnlistener_get_fd(web->listener));
}
