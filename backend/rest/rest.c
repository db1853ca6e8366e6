/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/rest/rest.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "backend/http/circuit.h"
#include "backend/http/cred.h"
#include "backend/http/http.h"
#include "backend/http/limit.h"
#include "backend/rest/crew.h"
#include "backend/wait.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"

enum {
	THREADS = 8,            /* requests at a time, of one service, ... */
	THREADS_AHEAD = 2,      /* ... and before anybody asked */
	HEADERS = 12,
	CREDENTIALS = 3,        /* that we try for one request */
	TRIES = 3,              /* after the first */
	PAUSE_MS = 100,         /* before the second, then doubling */
	SILENCE_MS = 30000,     /* and no longer */
	WAIT_MAX = 10000,       /* ms that we wait while we are limited */
	EXCUSE_MAX = 16 << 10,  /* bytes of what comes with a refusal */
};

struct rest {
	struct list link;       /* all.list */
	unsigned users;         /* all.lock */
	char *url, *token_file, *ca_file, *allow_address;
	enum named_by named_by;
	bool anonymous;
	char *origin;           /* https://HOST[:PORT] */
	const struct rest_manners *manners;
	struct cred *cred;
	struct circuit *circuit;
	struct crew *crew, *behind;     /* the latter: for nobody yet */

	struct limit *limit;    /* the circuit's */
	pthread_mutex_t lock;   /* covers the rest */
	int err;                /* what went wrong last, or 0; and why */
	char trouble[BACKEND_WHY];
};

static struct {
	pthread_mutex_t lock;
	struct list list;
} all = { PTHREAD_MUTEX_INITIALIZER, { &all.list, &all.list } };

/* ---- how often ---- */

bool rest_is_limited(struct rest *s)
{
	return clock_ms() < limit_until(s->limit);
}

static const char *hint(const struct rest *s)
{
	return rest_has_token(s) ? "" : ", add a token-file";
}

static void tell(struct rest *s, uint64_t until)
{
	char text[CLOCK_TEXT];

	if (until <= clock_ms() || !limit_news(s->limit, until))
		return;
	clock_text(until, text);
	log_warning("rate limited", "service=%s until=%s do=%s what is here, "
		    "and git, will do till then", s->url, text,
		    rest_has_token(s) ? "wait:" : "add a token-file:");
}

/* 'status' 0: there was no answer. */
static void note_trouble(struct rest *s, int err, struct http *x, long status)
{
	char why[BACKEND_WHY] = "";

	if (status)
		snprintf(why, sizeof why, "%.150s answers HTTP %ld", s->url,
			 status);
	else
		http_why(x, why);
	LOCK_SCOPE(&s->lock);
	s->err = err;
	memcpy(s->trouble, why, sizeof why);
}

static void copy_trouble(struct rest *s, int err, char why[BACKEND_WHY])
{
	LOCK_SCOPE(&s->lock);
	if (s->err == err)
		memcpy(why, s->trouble, BACKEND_WHY);
}

void rest_why(struct rest *s, int err, char why[BACKEND_WHY])
{
	uint64_t until = limit_until(s->limit);
	char text[CLOCK_TEXT];

	*why = '\0';
	if (err == -EAGAIN && until > clock_ms()) {
		clock_text(until, text);
		snprintf(why, BACKEND_WHY, "%.150s: rate limited until %s%s",
			 s->url, text, hint(s));
	} else if (err == -EACCES && s->token_file) {
		snprintf(why, BACKEND_WHY, "%.80s refuses what is in %.120s: "
			 "is it there, and still good?", s->origin,
			 s->token_file);
	} else if (err == -EACCES) {
		snprintf(why, BACKEND_WHY, "%.150s wants to know who asks: "
			 "add a token-file", s->origin);
	} else if (err != -ENOENT) {
		copy_trouble(s, err, why);
	}
}

/* Wait for our turn. */
static int wait_turn(struct rest *s, uint64_t deadline)
{
	for (;;) {
		uint64_t at = limit_book(s->limit), now = clock_ms();

		if (!at)
			return 0;
		tell(s, limit_until(s->limit));
		if (at > deadline || at > now + WAIT_MAX)
			return -EAGAIN;
		wait_ms(at > now ? at - now : 1);
	}
}

static bool field_number(const struct http_head *head, const char *name,
			 uint64_t *ret)
{
	char text[32], *end;

	if (!http_field(head, name, text, sizeof text) || !isdigit(*text))
		return false;
	*ret = strtoull(text, &end, 10);
	return !*end;
}

/* How late it is there: clocks differ. */
static int64_t time_there(const struct http_head *head)
{
	char text[64];
	struct tm tm = { 0 };

	if (http_field(head, "date", text, sizeof text) &&
	    strptime(text, "%a, %d %b %Y %H:%M:%S", &tm))
		return timegm(&tm);
	return clock_wall().tv_sec;
}

/* What every answer may say of how many are left. */
static void note_left(struct rest *s, const struct http_head *head)
{
	uint64_t left, reset;
	int64_t there = time_there(head);

	if ((!field_number(head, "x-ratelimit-remaining", &left) &&
	     !field_number(head, "ratelimit-remaining", &left)) ||
	    (!field_number(head, "x-ratelimit-reset", &reset) &&
	     !field_number(head, "ratelimit-reset", &reset)))
		return;
	limit_left(s->limit, left, reset, (int64_t)reset > there ?
		   reset - (uint64_t)there : 0);
}

/* ---- one request ---- */

static char *url_of(const struct rest *s, const char *path)
{
	char *url;

	if (*path != '/')               /* a next page's */
		return strdup(path);
	return asprintf(&url, "%s%s", s->url, path) < 0 ? NULL : url;
}

/* Is that URL on the host of ours? */
static bool at_home(const struct rest *s, const char *url)
{
	size_t len = strlen(s->origin);

	return !strncasecmp(url, s->origin, len) &&
	       (url[len] == '/' || !url[len]);
}

static int send_ask(struct rest *s, const struct rest_ask *ask,
		    const struct cred_pair *cred, struct http **ret)
{
	CLEANUP_FREE char *url = url_of(s, ask->path);
	CLEANUP_FREE char *accept = NULL, *etag = NULL;
	const char *headers[HEADERS];
	size_t n = 0;

	if (asprintf(&accept, "Accept: %s",
		     ask->accept ? ask->accept : "application/json") < 0)
		accept = NULL;
	if (asprintf(&etag, "If-None-Match: %s",
		     ask->etag ? ask->etag : "") < 0)
		etag = NULL;
	if (!url || !accept || !etag)
		return -ENOMEM;
	if (!at_home(s, url))
		return -EBADMSG;
	headers[n++] = accept;
	if (ask->etag && *ask->etag)
		headers[n++] = etag;
	for (const char *const *h = s->manners->headers; *h && n < HEADERS - 1; h++)
		headers[n++] = *h;
	headers[n] = NULL;
	return http_start(&(struct http_ask){
		.url = url, .headers = headers, .bearer = cred->password,
		.ca_file = s->ca_file, .redirects = true, .home = s->url,
		.named_by = s->named_by, .allow_address = s->allow_address,
		.packed = !ask->bytes,
	}, ret);
}

static uint64_t silence(uint64_t deadline)
{
	uint64_t until = clock_ms() + SILENCE_MS;

	return until < deadline ? until : deadline;
}

/* Up to 'max' bytes, with a NUL behind them. */
static int read_all(struct http *x, size_t max, uint64_t deadline,
		    char **ret, size_t *ret_len)
{
	CLEANUP_FREE char *text = malloc(1);
	size_t len = 0, room = 1;
	ssize_t n;

	if (!text)
		return -ENOMEM;
	for (;;) {
		if (room - len < 32768) {
			char *more = realloc(text, room = 2 * room + 65536);

			if (!more)
				return -ENOMEM;
			text = more;
		}
		n = http_read(x, text + len, room - len - 1,
			      silence(deadline));
		if (n < 0)
			return (int)n;
		if (!n)
			break;
		len += (size_t)n;
		if (len > max)
			return -EFBIG;
	}
	text[len] = '\0';
	*ret = TAKE(text);
	*ret_len = len;
	return 0;
}

/* 403 has many meanings. */
static bool is_about_rate(struct http *x, const struct http_head *head,
			  uint64_t deadline)
{
	CLEANUP_FREE char *text = NULL;
	uint64_t left = 1;
	size_t len;

	if (head->status == 429)
		return true;
	if (head->status != 403)
		return false;
	field_number(head, "x-ratelimit-remaining", &left);
	return head->retry_after || !left ||
	       (!read_all(x, EXCUSE_MAX, deadline, &text, &len) &&
		strcasestr(text, "rate limit"));
}

/* What the head of an answer says of the rest.  -EBUSY: it may be asked again
 * when it is our turn. */
static int judge(struct rest *s, struct http *x, const struct http_head *head,
		 uint64_t deadline)
{
	note_left(s, head);
	if (is_about_rate(x, head, deadline)) {
		limit_busy(s->limit, head->retry_after);
		return -EBUSY;
	}
	switch (head->status) {
	case 200: case 202: case 304: case 409: case 422:
		limit_welcome(s->limit);
		return 0;
	case 401: case 403: case 451:
		return -EACCES;
	case 404: case 406: case 410:
		return -ENOENT;
	case 408:
		return -EIO;
	case 503:
		if (head->retry_after) {
			limit_busy(s->limit, head->retry_after);
			return -EBUSY;
		}
		return -EIO;
	default:
		return head->status >= 500 ? -EIO : -EBADMSG;
	}
}

/* The URL in 'Link: <URL>; rel="next"', among others. */
static void find_next(const struct http_head *head, char *ret, size_t size)
{
	char links[4096];
	const char *at = http_field(head, "link", links, sizeof links);

	while (at && (at = strchr(at, '<'))) {
		const char *end = strchr(at, '>');
		const char *more = end ? strchr(end, '<') : NULL;
		const char *rel = end ? strstr(end, "rel=\"next\"") : NULL;
		size_t len = end ? (size_t)(end - at - 1) : 0;

		if (rel && (!more || rel < more)) {
			if (len < size) {
				memcpy(ret, at + 1, len);
				ret[len] = '\0';
			}
			return;
		}
		at = end;
	}
}

static int fill_reply(const struct rest *s, struct rest_reply *ret,
		      struct http *x, const struct http_head *head)
{
	uint64_t length;

	*ret = (struct rest_reply){
		.http = x,
		.status = (int)head->status,
		.length = -1,
		.url = strdup(at_home(s, head->url) ? head->url : ""),
	};
	if (!ret->url)
		return -ENOMEM;
	if (field_number(head, "content-length", &length) &&
	    length <= INT64_MAX)
		ret->length = (int64_t)length;
	http_field(head, "etag", ret->etag, sizeof ret->etag);
	find_next(head, ret->next, sizeof ret->next);
	return 0;
}

/* Once, as somebody.  Sets *refused when others might do. */
static int ask_as(struct rest *s, const struct cred_pair *cred,
		  const struct rest_ask *ask, struct rest_reply *ret,
		  bool *refused)
{
	struct http_head head;
	struct http *x;
	int r = wait_turn(s, ask->deadline);

	if (!r)
		r = circuit_enter(s->circuit);
	if (r)
		return r;
	r = send_ask(s, ask, cred, &x);
	if (r) {
		circuit_leave(s->circuit, r);
		return r;
	}
	r = http_head(x, silence(ask->deadline), &head);
	circuit_leave(s->circuit, http_moved(x) ? 0 : r);
	if (r) {
		note_trouble(s, r, x, 0);
	} else {
		*refused = head.status == 401 && at_home(s, head.url);
		r = judge(s, x, &head, silence(ask->deadline));
		if (r)
			note_trouble(s, r, x, head.status);
	}
	if (!r)
		r = fill_reply(s, ret, x, &head);
	if (r)
		http_close(x);
	return r;
}

static int ask_once(struct rest *s, const struct rest_ask *ask,
		    struct rest_reply *ret)
{
	for (int tries = 0;; tries++) {
		struct cred_pair cred;
		bool refused = false;
		int r = cred_get(s->cred, &cred);

		if (r)
			return r;
		r = ask_as(s, &cred, ask, ret, &refused);
		if (!r)
			cred_accepted(s->cred, &cred);
		else if (refused && tries < CREDENTIALS)
			r = cred_refused(s->cred, &cred);
		else
			refused = false;
		cred_pair_clear(&cred);
		if (r || !refused)
			return r;
	}
}

static bool is_passing(int err)
{
	switch (err) {
	case -ECONNRESET: case -ECONNREFUSED: case -EHOSTUNREACH:
	case -ETIMEDOUT: case -EIO: case -EBUSY:
		return true;
	default:
		return false;
	}
}

/* After a failure: wait a while and return 0 when it is worth another try,
 * else the error.  When it was busy, the next try waits for its turn. */
static int pause_after(int err, uint64_t deadline, unsigned *tries)
{
	uint64_t ms = (uint64_t)PAUSE_MS << *tries;

	ms -= ms * (clock_ms() % 512) / 1024;
	if (!is_passing(err) || *tries >= TRIES || clock_ms() + ms >= deadline)
		return err;
	++*tries;
	if (err != -EBUSY)
		wait_ms(ms);
	return 0;
}

int rest_start(struct rest *s, const struct rest_ask *ask,
	       struct rest_reply *ret)
{
	unsigned tries = 0;
	int r;

	do
		r = ask_once(s, ask, ret);
	while (r && !(r = pause_after(r, ask->deadline, &tries)));
	return r == -EBUSY ? -EAGAIN : r;
}

ssize_t rest_read(struct rest_reply *reply, void *buf, size_t len,
		  uint64_t deadline)
{
	return http_read(reply->http, buf, len, silence(deadline));
}

void rest_end(struct rest_reply *reply)
{
	if (reply->http)
		http_close(reply->http);
	free(reply->url);
	free(reply->text);
	*reply = (struct rest_reply){ .http = NULL };
}

int rest_get(struct rest *s, const struct rest_ask *ask, size_t max,
	     struct rest_reply *ret)
{
	unsigned tries = 0;
	int r;

	do {
		r = rest_start(s, ask, ret);
		if (r)
			return r;
		r = read_all(ret->http, max, ask->deadline, &ret->text,
			     &ret->len);
		if (r)
			rest_end(ret);
	} while (r && !(r = pause_after(r, ask->deadline, &tries)));
	return r;
}

/* ---- the service ---- */

void rest_submit(struct rest *s, struct work *w, bool ahead)
{
	crew_submit(ahead ? s->behind : s->crew, w);
}

bool rest_has_token(const struct rest *s)
{
	return s->token_file;
}

static void rest_free(struct rest *s)
{
	crew_free(s->crew);
	crew_free(s->behind);
	cred_free(s->cred);
	circuit_put(s->circuit);
	pthread_mutex_destroy(&s->lock);
	free(s->url);
	free(s->token_file);
	free(s->ca_file);
	free(s->allow_address);
	free(s->origin);
	free(s);
}

static bool same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static struct rest *find(const char *url, const struct backend_options *opt)
{
	for (struct list *n = all.list.next; n != &all.list; n = n->next) {
		struct rest *s = container_of(n, struct rest, link);

		if (s->anonymous == opt->anonymous && same(s->url, url) &&
		    same(s->token_file, opt->token_file) &&
		    same(s->ca_file, opt->ca_file) &&
		    same(s->allow_address, opt->allow_address) &&
		    s->named_by == opt->named_by)
			return s;
	}
	return NULL;
}

/* What is wrong with it, or NULL. */
static const char *check_url(const char *url)
{
	const char *rest = !strncmp(url, "https://", 8) ? url + 8 :
			   !strncmp(url, "http://", 7) ? url + 7 : NULL;

	for (const char *c = url; *c; c++)
		if (iscntrl((unsigned char)*c) || isspace((unsigned char)*c))
			return "a URL has neither blanks nor control "
			       "characters";
	if (!rest || !*rest || *rest == '/')
		return "give the service's URL: https://HOST/PATH";
	if (strpbrk(rest, "?#") || memchr(rest, '@', strcspn(rest, "/")))
		return "the URL of a service has a host and a path, no more: "
		       "put a token in a token-file";
	return NULL;
}

static int fill(struct rest *s, const char *url,
		const struct backend_options *opt)
{
	const char *host = strstr(url, "://") + 3;
	size_t to_host = (size_t)(host - url);
	CLEANUP_FREE char *scheme = strndup(url, to_host - 3);
	CLEANUP_FREE char *name = strndup(host, strcspn(host, "/"));
	CLEANUP_FREE char *as = NULL;
	const char *path = host + strcspn(host, "/");
	int r;

	s->url = strdup(url);
	s->anonymous = opt->anonymous;
	s->named_by = opt->named_by;
	s->allow_address = opt->allow_address ? strdup(opt->allow_address) :
						NULL;
	s->origin = strndup(url, to_host + strcspn(host, "/"));
	s->token_file = opt->token_file ? strdup(opt->token_file) : NULL;
	s->ca_file = opt->ca_file ? strdup(opt->ca_file) : NULL;
	if (!scheme || !name || !s->url || !s->origin ||
	    (opt->token_file && !s->token_file) ||
	    (opt->allow_address && !s->allow_address) ||
	    (opt->ca_file && !s->ca_file))
		return -ENOMEM;
	/* It counts what it is asked apart from git's requests. */
	if (asprintf(&as, "%s %s", s->url,
		     s->token_file ? s->token_file : "") < 0) {
		as = NULL;
		return -ENOMEM;
	}
	r = circuit_get(s->origin, as, s->manners->per_minute, &s->circuit);
	if (r)
		return r;
	s->limit = circuit_limit(s->circuit);
	r = cred_new(&s->cred, scheme, name, path + (*path == '/'), NULL,
		     opt->token_file);
	if (!r && opt->anonymous)
		cred_be_anonymous(s->cred);
	if (!r)
		r = crew_new(&s->crew, "rest", THREADS);
	if (!r)
		r = crew_new(&s->behind, "rest ahead", THREADS_AHEAD);
	return r ? r : http_up();
}

static int rest_new(struct rest **ret, const char *url,
		    const struct rest_manners *manners,
		    const struct backend_options *opt)
{
	struct rest *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return -ENOMEM;
	pthread_mutex_init(&s->lock, NULL);
	s->manners = manners;
	s->users = 1;
	r = fill(s, url, opt);
	if (r) {
		rest_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

static struct rest *find_and_use(const char *url,
				 const struct backend_options *opt)
{
	LOCK_SCOPE(&all.lock);
	struct rest *s = find(url, opt);

	if (s)
		s->users++;
	return s;
}

/* Into the list, or away when another is there already. */
static struct rest *enlist(struct rest *s)
{
	struct backend_options opt = {
		.token_file = s->token_file, .ca_file = s->ca_file,
		.anonymous = s->anonymous,
		.allow_address = s->allow_address,
		.named_by = s->named_by,
	};
	struct rest *first;

	lock_take(&all.lock);
	first = find(s->url, &opt);
	if (first)
		first->users++;
	else
		list_add_tail(&all.list, &s->link);
	lock_drop(&all.lock);
	if (!first)
		return s;
	http_down();
	rest_free(s);
	return first;
}

int rest_open(struct rest **ret, const char *url,
	      const struct rest_manners *manners,
	      const struct backend_options *opt,
	      char why[BACKEND_WHY])
{
	const char *wrong = check_url(url);
	size_t len = strlen(url);
	CLEANUP_FREE char *plain = NULL;
	struct rest *s;
	int r = 0;

	if (wrong) {
		snprintf(why, BACKEND_WHY, "%s", wrong);
		return -EINVAL;
	}
	while (url[len - 1] == '/')
		len--;
	plain = strndup(url, len);
	s = plain ? find_and_use(plain, opt) : NULL;
	if (!s) {
		r = plain ? rest_new(&s, plain, manners, opt) : -ENOMEM;
		if (r) {
			snprintf(why, BACKEND_WHY, "%s", strerror(-r));
			return r;
		}
		s = enlist(s);
	}
	*ret = s;
	return 0;
}

static bool last_user(struct rest *s)
{
	LOCK_SCOPE(&all.lock);
	if (--s->users)
		return false;
	list_del(&s->link);
	return true;
}

void rest_close(struct rest *s)
{
	if (!s || !last_user(s))
		return;
	crew_free(TAKE(s->behind));
	crew_free(TAKE(s->crew));       /* before the thread that they use */
	http_down();
	rest_free(s);
}
