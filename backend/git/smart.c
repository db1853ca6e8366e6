/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/git/smart.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "backend/http/circuit.h"
#include "backend/http/cred.h"
#include "backend/http/http.h"
#include "backend/http/limit.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"

enum {
	GZIP_MIN = 1024,        /* bytes of a request worth compressing */
	DRAIN_MS = 1000,        /* what reading the rest of an answer ... */
	DRAIN_MAX = 64 << 10,   /* ... may cost, to keep the connection */
	REST = 2,               /* seconds, after "not now", when it does not
				 * say */
	REST_TOLD = 10000,      /* ms; more is a limit to be told of */
	CREDENTIALS = 3,        /* that we try for one request */
	TEXT_MAX = 128,         /* bytes of what a host says in an error */
};

static const char refs_suffix[] = "/info/refs?service=git-upload-pack";

struct smart {
	struct transport base;
	char *scheme, *host;    /* the latter with a port if there is one */
	char *url;              /* without user, and '/' at the end */
	char *ca_file, *allow_address;
	enum named_by named_by;
	bool has_token;
	struct cred *cred;
	struct circuit *circuit;
	pthread_mutex_t lock;   /* covers the rest */
	char *moved;            /* where 'url' redirects, or NULL */
};

struct answer_body {
	struct reply base;
	struct http *http;
};

/* ---- requests ---- */

/* Deflated in gzip's wrapping, or NULL: out of memory. */
static void *gzip(const void *data, size_t len, size_t *ret_len)
{
	enum { GZIP = 15 + 16, MEMORY = 8 };
	z_stream z = { .next_in = (void *)data, .avail_in = (uInt)len };
	size_t room;
	void *out;

	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP, MEMORY,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return NULL;
	room = deflateBound(&z, len);
	out = malloc(room);
	z.next_out = out;
	z.avail_out = (uInt)room;
	if (out && deflate(&z, Z_FINISH) != Z_STREAM_END) {
		free(out);
		out = NULL;
	}
	*ret_len = z.total_out;
	deflateEnd(&z);
	return out;
}

static char *copy_moved(struct smart *s)
{
	LOCK_SCOPE(&s->lock);
	return strdup(s->moved ? s->moved : s->url);
}

/* Is that URL on the host of ours? */
static bool at_home(const struct smart *s, const char *url)
{
	size_t scheme = strlen(s->scheme), host = strlen(s->host);

	return !strncasecmp(url, s->scheme, scheme) &&
	       !strncmp(url + scheme, "://", 3) &&
	       !strncasecmp(url + scheme + 3, s->host, host) &&
	       url[scheme + 3 + host] == '/';
}

static int start_get(const struct smart *s, const struct cred_pair *cred,
		     struct http **ret)
{
	static const char *const headers[] = {
		"Git-Protocol: version=2", "Pragma: no-cache", NULL,
	};
	CLEANUP_FREE char *url = NULL;

	if (asprintf(&url, "%s%s", s->url, refs_suffix) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	return http_start(&(struct http_ask){
		.url = url, .headers = headers, .user = cred->user,
		.password = cred->password, .ca_file = s->ca_file,
		.redirects = true, .home = s->url, .named_by = s->named_by,
		.allow_address = s->allow_address,
	}, ret);
}

static int start_post(struct smart *s, const struct cred_pair *cred,
		      const void *body, size_t len, struct http **ret)
{
	const char *headers[] = {
		"Git-Protocol: version=2",
		"Content-Type: application/x-git-upload-pack-request",
		"Accept: application/x-git-upload-pack-result",
		"Expect:", NULL, NULL,
	};
	CLEANUP_FREE char *base = copy_moved(s), *url = NULL;
	CLEANUP_FREE void *packed = NULL;

	if (!base || asprintf(&url, "%s/git-upload-pack", base) < 0) {
		url = NULL;
		return -ENOMEM;
	}
	if (len >= GZIP_MIN) {
		packed = gzip(body, len, &len);
		if (!packed)
			return -ENOMEM;
		headers[4] = "Content-Encoding: gzip";
	}
	return http_start(&(struct http_ask){
		.url = url, .headers = headers,
		.body = packed ? packed : body, .len = len,
		.user = cred->user, .password = cred->password,
		.ca_file = s->ca_file, .home = s->url,
		.named_by = s->named_by, .allow_address = s->allow_address,
	}, ret);
}

/* ---- answers ---- */

/* Let the connection be used again. */
static void drain(struct http *x)
{
	uint64_t deadline = clock_ms() + DRAIN_MS;
	char buf[4096];
	size_t all = 0;
	ssize_t n;

	do {
		n = http_read(x, buf, sizeof buf, deadline);
		all += n > 0 ? (size_t)n : 0;
	} while (n > 0 && all < DRAIN_MAX);
}

static bool is_type(const char *type, const char *expected)
{
	size_t len = strlen(expected);

	return !strncasecmp(type, expected, len) &&
	       (!type[len] || type[len] == ';' || type[len] == ' ');
}

static int to_errno(const struct http_head *head)
{
	switch (head->status) {
	case 200:
		return 0;
	case 401:
		return -EACCES;
	case 403:       /* some hosts' "too much", when it says how long */
		return head->retry_after ? -EAGAIN : -EACCES;
	case 404:
	case 410:
		return -ENOENT;
	case 408:
	case 429:
	case 503:
		return -EAGAIN;
	case 413:
		return -E2BIG;
	default:
		return head->status >= 500 ? -EIO : -EBADMSG;
	}
}

/* Where the refs were found is where the commands go. */
static int note_moved(struct smart *s, const char *url)
{
	size_t len = strlen(url), suffix = sizeof refs_suffix - 1;
	char *moved;

	if (len < suffix || strcmp(url + len - suffix, refs_suffix))
		return -EBADMSG;
	moved = strndup(url, len - suffix);
	if (!moved)
		return -ENOMEM;
	LOCK_SCOPE(&s->lock);
	free(s->moved);
	s->moved = moved;
	return 0;
}

/* It wants no requests for a while: people are told of what is longer than
 * we wait, once. */
static void rest(struct smart *s, const struct http_head *head)
{
	struct limit *l = circuit_limit(s->circuit);
	char text[CLOCK_TEXT];
	uint64_t until;

	limit_busy(l, head->retry_after ? head->retry_after : REST);
	until = limit_until(l);
	if (until <= clock_ms() + REST_TOLD || !limit_news(l, until))
		return;
	clock_text(until, text);
	log_warning("rate limited", "service=%s://%s until=%s do=%s what is "
		    "here will do till then", s->scheme, s->host, text,
		    s->has_token ? "wait:" : "add a token-file:");
}

/* What the head of an answer says about the rest. */
static int judge(struct smart *s, bool get, const struct http_head *head)
{
	int r = to_errno(head);

	if (r == -EAGAIN)
		rest(s, head);
	if (r)
		return r;
	/* A server of files, or a page for people. */
	if (get && !is_type(head->type,
			    "application/x-git-upload-pack-advertisement"))
		return -EPROTONOSUPPORT;
	if (!get && !is_type(head->type,
			     "application/x-git-upload-pack-result"))
		return -EBADMSG;
	return get ? note_moved(s, head->url) : 0;
}

/* ---- what went wrong, for a human ---- */

/* What the host itself says, if it is one line of text. */
static void read_text(struct http *x, const struct http_head *head,
		      char text[TEXT_MAX])
{
	uint64_t deadline = clock_ms() + DRAIN_MS;
	size_t len = 0;
	ssize_t n = 1;

	while (is_type(head->type, "text/plain") && n > 0 &&
	       len < TEXT_MAX - 1) {
		n = http_read(x, text + len, TEXT_MAX - 1 - len, deadline);
		len += n > 0 ? (size_t)n : 0;
	}
	text[len] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

static void explain_limit(const struct smart *s, const char *text, char *why)
{
	char until[CLOCK_TEXT];

	clock_text(limit_until(circuit_limit(s->circuit)), until);
	snprintf(why, BACKEND_WHY, "%.80s: rate limited until %s%s%s%.80s",
		 s->host, until, s->has_token ? "" : ", add a token-file",
		 *text ? ": " : "", text);
}

static void explain_status(const struct smart *s, struct http *x, int err,
			   const struct http_head *head, char *why)
{
	char text[TEXT_MAX];

	read_text(x, head, text);
	if (head->status == 200)
		snprintf(why, BACKEND_WHY, "%.100s answers with %.40s: the "
			 "URL is none of a repository, or its server has "
			 "nothing but files (git's old dumb protocol)",
			 s->host, *head->type ? head->type : "no type");
	else if (err == -EAGAIN)
		explain_limit(s, text, why);
	else if (head->status >= 300 && head->status < 400)
		snprintf(why, BACKEND_WHY, "%.100s redirects a request that it "
			 "took before (HTTP %ld): use the URL that it leads to",
			 s->host, head->status);
	else
		snprintf(why, BACKEND_WHY, "%.100s answers HTTP %ld%s%.100s",
			 s->host, head->status, *text ? ": " : "", text);
}

/* No answer. */
static void explain_silence(const struct smart *s, struct http *x, int err,
			    char *why)
{
	char text[BACKEND_WHY];
	const char *advice = "";

	http_why(x, text);
	if (err == -EPERM) {
		snprintf(why, BACKEND_WHY, "%s", text);
		return;
	}
	if (err == -EPROTO)
		advice = "; a certificate of an authority of your own can be "
			 "trusted with ca-file";
	else if (err == -EHOSTUNREACH)
		advice = "; check its name, and this machine's name servers";
	else if (err == -ETIMEDOUT || err == -ECONNREFUSED)
		advice = "; check that it runs, and what is between us";
	snprintf(why, BACKEND_WHY, "%.80s: %.100s%s", s->host,
		 *text ? text : strerror(-err), advice);
}

/* May it be asked now? */
static int enter(struct smart *s, char *why)
{
	int r;

	if (limit_book(circuit_limit(s->circuit))) {
		explain_limit(s, "", why);
		return -EAGAIN;
	}
	r = circuit_enter(s->circuit);
	if (r)
		snprintf(why, BACKEND_WHY, "%.100s was down a moment ago; it "
			 "is tried again before long", s->host);
	return r;
}

/* ---- asking ---- */

/* One request, as somebody.  Sets *refused when others might do. */
static int ask_as(struct smart *s, const struct cred_pair *cred,
		  const void *body, size_t len, uint64_t deadline,
		  struct http **ret, bool *refused, char *why)
{
	struct http_head head;
	struct http *x;
	int r = enter(s, why);

	if (r)
		return r;
	r = body ? start_post(s, cred, body, len, &x) :
		   start_get(s, cred, &x);
	if (r) {
		circuit_leave(s->circuit, r);
		return r;
	}
	r = http_head(x, deadline, &head);
	circuit_leave(s->circuit, http_moved(x) ? 0 : r);
	if (r) {
		explain_silence(s, x, r, why);
	} else {
		*refused = head.status == 401 && at_home(s, head.url);
		r = judge(s, !body, &head);
		if (r)
			explain_status(s, x, r, &head, why);
		if (r)
			drain(x);
	}
	if (r)
		http_close(x);
	else
		*ret = x;
	return r;
}

static int no_credentials(const struct smart *s, const char *file, char *why)
{
	if (s->named_by == NAMED_BY_ANYBODY)
		snprintf(why, BACKEND_WHY, "%.100s wants to know who asks, and "
			 "we tell only hosts that the configuration names",
			 s->host);
	else if (file)
		snprintf(why, BACKEND_WHY, "%.100s does not accept the token "
			 "in %.100s, or it cannot be read", s->host, file);
	else
		snprintf(why, BACKEND_WHY, "%.100s wants to know who asks: "
			 "name a token-file, or have git's credential helper "
			 "know", s->host);
	return -EACCES;
}

static int ask_with_credentials(struct smart *s, const void *body,
				size_t len, uint64_t deadline,
				struct http **ret, char *why)
{
	for (int tries = 0;; tries++) {
		struct cred_pair cred;
		bool refused = false;
		int r = cred_get(s->cred, &cred);

		if (r)
			return no_credentials(s, cred_file(s->cred), why);
		r = ask_as(s, &cred, body, len, deadline, ret, &refused, why);
		if (!r)
			cred_accepted(s->cred, &cred);
		else if (!refused)
			;
		else if (s->named_by == NAMED_BY_ANYBODY ||
			 tries == CREDENTIALS || cred_refused(s->cred, &cred))
			r = no_credentials(s, cred_file(s->cred), why);
		else
			r = 0;
		cred_pair_clear(&cred);
		if (r || !refused)
			return r;
	}
}

static const struct transport_ops smart_ops;

static int smart_ask(struct transport *t, const void *request, size_t len,
		     uint64_t deadline, struct reply **ret,
		     char why[BACKEND_WHY])
{
	struct smart *s = (struct smart *)t;
	struct answer_body *a = malloc(sizeof *a);
	int r;

	if (!a)
		return -ENOMEM;
	r = ask_with_credentials(s, request, len, deadline, &a->http, why);
	if (r) {
		free(a);
		return r;
	}
	a->base.ops = &smart_ops;
	*ret = &a->base;
	return 0;
}

static ssize_t smart_read(struct reply *r, void *buf, size_t len,
			  uint64_t deadline)
{
	return http_read(((struct answer_body *)r)->http, buf, len, deadline);
}

static void smart_end(struct reply *r, bool whole)
{
	struct answer_body *a = (struct answer_body *)r;

	if (whole)
		drain(a->http);
	http_close(a->http);
	free(a);
}

static uint64_t smart_rests_until(struct transport *t)
{
	return limit_until(circuit_limit(((struct smart *)t)->circuit));
}

/* ---- opening ---- */

static void smart_free(struct smart *s)
{
	cred_free(s->cred);
	circuit_put(s->circuit);
	pthread_mutex_destroy(&s->lock);
	free(s->scheme);
	free(s->host);
	free(s->url);
	free(s->ca_file);
	free(s->allow_address);
	free(s->moved);
	free(s);
}

static void smart_close(struct transport *t)
{
	smart_free((struct smart *)t);
	http_down();
}

static const struct transport_ops smart_ops = {
	.ask = smart_ask,
	.read = smart_read,
	.end = smart_end,
	.rests_until = smart_rests_until,
	.close = smart_close,
};

/* The parts of http(s)://[USER@]HOST[:PORT]/PATH, as lengths. */
struct parts {
	const char *user, *host, *path;
	size_t scheme, user_len, host_len, path_len;
};

static const char *split(const char *url, struct parts *ret)
{
	const char *at, *rest = strstr(url, "://");
	struct parts p = { .scheme = (size_t)(rest - url) };

	for (const char *c = url; *c; c++) {
		if (iscntrl((unsigned char)*c) || isspace((unsigned char)*c))
			return "a URL has neither blanks nor control "
			       "characters: write %20";
	}
	rest += 3;
	p.host = rest;
	p.host_len = strcspn(rest, "/?#");
	at = memchr(p.host, '@', p.host_len);
	if (at) {
		p.user = p.host;
		p.user_len = (size_t)(at - p.host);
		p.host_len -= p.user_len + 1;
		p.host = at + 1;
		if (memchr(p.user, ':', p.user_len))
			return "no password in a URL, please, for all to see: "
			       "put it in a token-file";
	}
	p.path = p.host + p.host_len;
	p.path_len = strlen(p.path);
	if (!p.host_len)
		return "a URL names a host: https://HOST/PATH";
	if (strpbrk(p.path, "?#"))
		return "the URL of a repository ends with its path";
	while (p.path_len && p.path[p.path_len - 1] == '/')
		p.path_len--;
	*ret = p;
	return NULL;
}

static int fill(struct smart *s, const char *url, const struct parts *p,
		const struct backend_options *opt)
{
	CLEANUP_FREE char *user = p->user ?
		strndup(p->user, p->user_len) : NULL;
	CLEANUP_FREE char *path = NULL, *origin = NULL, *as = NULL;
	int r;

	s->scheme = strndup(url, p->scheme);
	s->host = strndup(p->host, p->host_len);
	path = strndup(p->path, p->path_len);
	if (opt->ca_file)
		s->ca_file = strdup(opt->ca_file);
	if (opt->allow_address)
		s->allow_address = strdup(opt->allow_address);
	if ((p->user && !user) || !s->scheme || !s->host || !path ||
	    (opt->ca_file && !s->ca_file) ||
	    (opt->allow_address && !s->allow_address))
		return -ENOMEM;
	s->named_by = opt->named_by;
	if (asprintf(&origin, "%s://%s", s->scheme, s->host) < 0) {
		origin = NULL;
		return -ENOMEM;
	}
	if (asprintf(&s->url, "%s%s", origin, path) < 0) {
		s->url = NULL;
		return -ENOMEM;
	}
	r = cred_new(&s->cred, s->scheme, s->host, path + (*path == '/'),
		     user ? user : opt->user, opt->token_file);
	if (r)
		return r;
	if (opt->anonymous || opt->named_by == NAMED_BY_ANYBODY)
		cred_be_anonymous(s->cred);
	if (asprintf(&as, "%s %s", user ? user : opt->user ? opt->user : "",
		     opt->token_file ? opt->token_file : "") < 0) {
		as = NULL;
		return -ENOMEM;
	}
	s->has_token = opt->token_file;
	return circuit_get(origin, as, 0, &s->circuit);
}

int smart_open(struct transport **ret, const char *url,
	       const struct backend_options *opt, char why[BACKEND_WHY])
{
	struct parts p;
	const char *wrong = split(url, &p);
	struct smart *s;
	int r;

	if (wrong) {
		snprintf(why, BACKEND_WHY, "%s", wrong);
		return -EINVAL;
	}
	s = calloc(1, sizeof *s);
	if (!s) {
		snprintf(why, BACKEND_WHY, "out of memory");
		return -ENOMEM;
	}
	s->base.ops = &smart_ops;
	pthread_mutex_init(&s->lock, NULL);
	r = fill(s, url, &p, opt);
	if (!r)
		r = http_up();
	if (r) {
		snprintf(why, BACKEND_WHY, "%s", strerror(-r));
		smart_free(s);
		return r;
	}
	*ret = &s->base;
	return 0;
}
