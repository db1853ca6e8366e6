/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/http/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend/http/ledger.h"
#include "backend/http/route.h"
#include "backend/inquiry.h"
#include "backend/wait.h"
#include "common/cleanup.h"
#include "common/fd.h"
#include "common/list.h"
#include "common/thread.h"

enum {
	CONNECT_MS = 10000,
	REDIRECTS = 5,
	RING = 256 << 10,       /* bytes of an answer that nobody read yet */
	PIECE = 64 << 10,       /* bytes that curl hands us at most */
	HOST_CONNECTIONS = 16,
	IDLE_CONNECTIONS = 32,
	POLL_MS = 60000,
	FIELDS_MAX = 32 << 10,  /* bytes of an answer's head that we keep */
	HEADS_MAX = 256 << 10,  /* bytes of all that may come: of redirections,
				 * of answers to come, and behind the body */
};

/* What the thread shall do with a request. */
enum { START = 1, RESUME = 2, CLOSE = 4 };

struct http {
	CURL *curl;
	struct curl_slist *headers;
	bool added;             /* the thread's: it is under way */
	/* The thread's, once it has been started: */
	struct route route;
	bool redirects;         /* follow them */
	unsigned hops;
	bool own;               /* no request to a source */
	struct inquiry *inquiry;        /* or NULL */
	size_t heads;           /* bytes of heads that have come */
	uint64_t came;          /* bytes of the answer */
	bool refused;           /* an address that may not be asked */
	char why[BACKEND_WHY];  /* what we say; */
	char curl_why[CURL_ERROR_SIZE]; /* what curl says */

	struct list link;       /* covered by thread.lock */
	unsigned todo;          /* this too */

	pthread_mutex_t lock;   /* covers the rest */
	pthread_cond_t news;
	bool moved;             /* it is not the first hop, or not at home */
	bool answered, ended, paused;
	int err;
	struct http_head head;
	char *type, *url, *fields;
	size_t fields_len;      /* the thread's, until 'answered' */
	size_t start, len;      /* of what is in the ring */
	char ring[RING];
};

static struct {
	pthread_mutex_t lock;   /* covers the rest, but 'multi' */
	unsigned users;
	pthread_t thread;
	struct list todo;
	bool stopping;          /* until all of it is gone */
	pthread_cond_t gone;
	int wake[2];            /* a pipe: there is something to do */
	CURLM *multi;           /* the thread's */
} thread = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.gone = PTHREAD_COND_INITIALIZER,
};

/* ---- where it goes ---- */

/* May it be at this address?  If not, say so for why. */
static bool permits(struct http *x, const struct sockaddr *a)
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (x->route.proxy || route_permits(&x->route, a))
		return true;
	x->refused = true;
	inet_ntop(a->sa_family, a->sa_family == AF_INET ?
		  (const void *)&((const struct sockaddr_in *)a)->sin_addr :
		  (const void *)&((const struct sockaddr_in6 *)a)->sin6_addr,
		  text, sizeof text);
	snprintf(x->why, sizeof x->why, "%.100s is at %s, which is not public; "
		 "if it is meant, add it to allow-address", x->route.host,
		 text);
	return false;
}

static curl_socket_t open_socket(void *arg, curlsocktype purpose,
				 struct curl_sockaddr *a)
{
	int fd;

	(void)purpose;
	if (!permits(arg, &a->addr))
		return CURL_SOCKET_BAD;
	fd = fd_socket(a->family, a->socktype, a->protocol);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

#if LIBCURL_VERSION_NUM >= 0x075000
/* A connection that others have made may be where we may not go. */
static int before_request(void *arg, char *address, char *local, int port,
			  int local_port)
{
	struct sockaddr_storage a;

	(void)local, (void)port, (void)local_port;
	return !address_parse(address, &a) ||
	       permits(arg, (struct sockaddr *)&a) ? CURL_PREREQFUNC_OK :
						     CURL_PREREQFUNC_ABORT;
}
#endif

static void set_address_check(struct http *x)
{
	CURL *c = x->curl;

	curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, x);
#if LIBCURL_VERSION_NUM >= 0x075000
	curl_easy_setopt(c, CURLOPT_PREREQFUNCTION, before_request);
	curl_easy_setopt(c, CURLOPT_PREREQDATA, x);
#else
	/* Then we can only make our own. */
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, (long)x->route.ruled);
	curl_easy_setopt(c, CURLOPT_FORBID_REUSE, (long)x->route.ruled);
#endif
}

/* What tells who we are goes home only. */
static int forget_credentials(struct http *x)
{
	static const char *const secret[] = { "Authorization:", "Cookie:" };
	struct curl_slist *kept = NULL;

	curl_easy_setopt(x->curl, CURLOPT_USERNAME, NULL);
	curl_easy_setopt(x->curl, CURLOPT_PASSWORD, NULL);
	curl_easy_setopt(x->curl, CURLOPT_XOAUTH2_BEARER, NULL);
	for (struct curl_slist *h = x->headers; h; h = h->next) {
		struct curl_slist *more;
		bool is_secret = false;

		for (size_t i = 0; i < sizeof secret / sizeof *secret; i++)
			is_secret |= !strncasecmp(h->data, secret[i],
						  strlen(secret[i]));
		if (is_secret)
			continue;
		more = curl_slist_append(kept, h->data);
		if (!more) {
			curl_slist_free_all(kept);
			return -ENOMEM;
		}
		kept = more;
	}
	curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, kept);
	curl_slist_free_all(x->headers);
	x->headers = kept;
	return 0;
}

static int set_hop(struct http *x, const char *url)
{
	int r = route_hop(&x->route, url);
	CURL *c = x->curl;

	if (r == -EPERM)
		snprintf(x->why, sizeof x->why, "%.100s is not public; if it "
			 "is meant, add it to allow-address", x->route.host);
	if (!r && !x->route.at_home)
		r = forget_credentials(x);
	if (r)
		return r;
	if (curl_easy_setopt(c, CURLOPT_URL, url))
		return -ENOMEM;
	/* Where curl shall not choose, tell it. */
	curl_easy_setopt(c, CURLOPT_PROXY, x->route.proxy);
	curl_easy_setopt(c, CURLOPT_NOPROXY, !x->route.ruled ? NULL :
			 x->route.proxy ? "" : "*");
	/* Share a connection that is being made.  Without TLS that would be
	 * to wait for the answer to somebody else. */
	curl_easy_setopt(c, CURLOPT_PIPEWAIT, (long)x->route.tls);
	set_address_check(x);
	return 0;
}

/* ---- on the thread ---- */

static void note_head(struct http *x)
{
	curl_off_t retry_after = 0;
	const char *type = NULL, *url = NULL;
	long status = 0;

	curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(x->curl, CURLINFO_CONTENT_TYPE, &type);
	curl_easy_getinfo(x->curl, CURLINFO_EFFECTIVE_URL, &url);
	curl_easy_getinfo(x->curl, CURLINFO_RETRY_AFTER, &retry_after);
	/* Set by this thread alone. */
	if (x->answered)
		return;
	if (!x->own)
		ledger_answer(x->route.host, status,
			      x->fields ? x->fields : "");
	LOCK_SCOPE(&x->lock);
	x->type = strdup(type ? type : "");
	x->url = strdup(url ? url : "");
	if (!x->fields)
		x->fields = strdup("");
	if (!x->type || !x->url || !x->fields)
		x->err = -ENOMEM;
	x->head = (struct http_head){
		.status = status,
		.type = x->type,
		.url = x->url,
		.fields = x->fields,
		.retry_after = retry_after > 0 ? (uint64_t)retry_after : 0,
	};
	x->answered = true;
	pthread_cond_signal(&x->news);
}

/* A line of a head; that of a redirection is followed by another. */
static size_t on_field(char *line, size_t one, size_t len, void *arg)
{
	struct http *x = arg;
	char *more;

	(void)one;
	x->heads += len;
	if (x->heads > HEADS_MAX)
		return 0;
	if (x->answered)                /* behind the body */
		return len;
	if (len > 5 && !memcmp(line, "HTTP/", 5))
		x->fields_len = 0;
	if (x->fields_len + len > FIELDS_MAX)
		return len;
	more = realloc(x->fields, x->fields_len + len + 1);
	if (!more)
		return 0;
	x->fields = more;
	memcpy(more + x->fields_len, line, len);
	x->fields_len += len;
	more[x->fields_len] = '\0';
	return len;
}

/* Is this the answer of one who sends us elsewhere? */
static bool is_redirect(struct http *x)
{
	long status = 0;

	curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
	return x->redirects && (status == 301 || status == 302 ||
				status == 303 || status == 307 ||
				status == 308);
}

static size_t on_data(char *data, size_t one, size_t len, void *arg)
{
	struct http *x = arg;
	size_t end, first;

	(void)one;
	if (is_redirect(x))
		return len;
	note_head(x);
	LOCK_SCOPE(&x->lock);
	if (len > RING - x->len) {
		x->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	x->came += len;
	end = (x->start + x->len) % RING;
	first = len < RING - end ? len : RING - end;
	memcpy(x->ring + end, data, first);
	memcpy(x->ring, data + first, len - first);
	x->len += len;
	pthread_cond_signal(&x->news);
	return len;
}

static int to_errno(CURLcode code)
{
	switch (code) {
	case CURLE_OK:
		return 0;
	case CURLE_OUT_OF_MEMORY:
		return -ENOMEM;
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
		return -EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
		return -ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return -ETIMEDOUT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return -EPROTO;
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return -ECONNRESET;
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_TOO_MANY_REDIRECTS:
	case CURLE_BAD_CONTENT_ENCODING:
		return -EBADMSG;
	default:
		return -EIO;
	}
}

static void end(struct http *x, int err)
{
	if (err && !x->answered && x->route.host && !x->own)
		ledger_failure(x->route.host);
	inquiry_end(TAKE(x->inquiry), x->came, x->head.status, err);
	LOCK_SCOPE(&x->lock);
	if (!x->err)
		x->err = err;
	x->ended = true;
	pthread_cond_signal(&x->news);
}

static void start(struct http *x)
{
	x->added = true;
	if (!curl_multi_add_handle(thread.multi, x->curl))
		return;
	x->added = false;
	end(x, -ENOMEM);
}

/* Go where we are sent: 1; 0: we are not. */
static int follow(struct http *x)
{
	const char *to = NULL;
	int r;

	curl_easy_getinfo(x->curl, CURLINFO_REDIRECT_URL, &to);
	if (!to || !is_redirect(x))
		return 0;
	r = x->hops++ < REDIRECTS ? set_hop(x, to) : -EBADMSG;
	if (r == -EBADMSG)
		snprintf(x->why, sizeof x->why, "redirected too often, or to "
			 "where nobody should go without TLS");
	if (r)
		return r;
	LOCK_SCOPE(&x->lock);
	x->moved = true;
	return 1;
}

static void finish(struct http *x, CURLcode code)
{
	int r = to_errno(code);

	curl_multi_remove_handle(thread.multi, x->curl);
	x->added = false;
	if (r && x->refused)
		r = -EPERM;
	if (r && x->heads > HEADS_MAX) {
		snprintf(x->why, sizeof x->why, "the answer's head does not "
			 "end within %d KiB", HEADS_MAX >> 10);
		r = -EBADMSG;
	}
	if (!r)
		r = follow(x);
	if (r > 0) {
		start(x);
		return;
	}
	if (!r)
		note_head(x);
	end(x, r);
}

static void http_free(struct http *x)
{
	/* Nobody wanted the rest. */
	inquiry_end(x->inquiry, x->came, x->head.status, 0);
	curl_easy_cleanup(x->curl);
	curl_slist_free_all(x->headers);
	route_clear(&x->route);
	free(x->type);
	free(x->url);
	free(x->fields);
	pthread_cond_destroy(&x->news);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

static void obey(struct http *x, unsigned todo)
{
	if (todo & CLOSE) {
		if (x->added)
			curl_multi_remove_handle(thread.multi, x->curl);
		http_free(x);
		return;
	}
	if (todo & START)
		start(x);
	if (todo & RESUME && x->added)
		curl_easy_pause(x->curl, CURLPAUSE_CONT);
}

/* The next request to do something with, and what; or NULL. */
static struct http *next_todo(unsigned *todo, bool *stopping)
{
	struct list *n;
	struct http *x;

	LOCK_SCOPE(&thread.lock);
	*stopping = thread.stopping;
	n = list_pop(&thread.todo);
	if (!n)
		return NULL;
	x = container_of(n, struct http, link);
	*todo = x->todo;
	x->todo = 0;
	return x;
}

static void sleep_until_woken(void)
{
	struct curl_waitfd wake = {
		.fd = thread.wake[0], .events = CURL_WAIT_POLLIN,
	};
	char buf[64];

	curl_multi_poll(thread.multi, &wake, 1, POLL_MS, NULL);
	while (read(thread.wake[0], buf, sizeof buf) > 0)
		;
}

static void *run(void *arg)
{
	(void)arg;
#ifdef __APPLE__
	pthread_setname_np("http");
#else
	pthread_setname_np(pthread_self(), "http");
#endif
	for (;;) {
		struct http *x;
		unsigned todo;
		bool stopping;
		CURLMsg *m;
		int left;

		while ((x = next_todo(&todo, &stopping)))
			obey(x, todo);
		if (stopping)
			return NULL;
		curl_multi_perform(thread.multi, &left);
		while ((m = curl_multi_info_read(thread.multi, &left))) {
			if (m->msg != CURLMSG_DONE)
				continue;
			curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE,
					  (char **)&x);
			finish(x, m->data.result);
		}
		sleep_until_woken();
	}
}

/* ---- the thread ---- */

static int open_pipe(int fd[2])
{
	int r = fd_pipe(fd);

	for (int i = 0; !r && i < 2; i++)
		fcntl(fd[i], F_SETFL, O_NONBLOCK);
	return r;
}

static void release(void)
{
	curl_multi_cleanup(thread.multi);
	close(thread.wake[0]);
	close(thread.wake[1]);
	curl_global_cleanup();
}

static int start_thread(void)
{
	int r;

	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return -ENOMEM;
	r = open_pipe(thread.wake);
	if (r) {
		curl_global_cleanup();
		return r;
	}
	list_init(&thread.todo);
	thread.multi = curl_multi_init();
	if (!thread.multi) {
		release();
		return -ENOMEM;
	}
	curl_multi_setopt(thread.multi, CURLMOPT_MAX_HOST_CONNECTIONS,
			  (long)HOST_CONNECTIONS);
	curl_multi_setopt(thread.multi, CURLMOPT_MAXCONNECTS,
			  (long)IDLE_CONNECTIONS);
	r = thread_start(&thread.thread, run, NULL);
	if (r)
		release();
	return r;
}

int http_up(void)
{
	int r;

	LOCK_SCOPE(&thread.lock);
	while (thread.stopping)
		pthread_cond_wait(&thread.gone, &thread.lock);
	r = thread.users ? 0 : start_thread();
	thread.users += !r;
	return r;
}

static void wake(void)
{
	while (write(thread.wake[1], "", 1) < 0 && errno == EINTR)
		;               /* a full pipe will do, too */
}

static bool last_user(void)
{
	LOCK_SCOPE(&thread.lock);
	thread.stopping = --thread.users == 0;
	return thread.stopping;
}

void http_down(void)
{
	if (!last_user())
		return;
	wake();
	pthread_join(thread.thread, NULL);
	release();

	LOCK_SCOPE(&thread.lock);
	thread.stopping = false;
	pthread_cond_broadcast(&thread.gone);
}

static void post(struct http *x, unsigned todo)
{
	LOCK_SCOPE(&thread.lock);
	if (!x->todo)
		list_add_tail(&thread.todo, &x->link);
	x->todo |= todo;
	wake();
}

/* ---- asking ---- */

static void set_protocols(CURL *c)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(c, CURLOPT_PROTOCOLS,
			 (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(c, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
}

static void set_credentials(CURL *c, const struct http_ask *ask)
{
	if (ask->bearer) {
		curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER);
		curl_easy_setopt(c, CURLOPT_XOAUTH2_BEARER, ask->bearer);
		return;
	}
	curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
	if (ask->password) {
		curl_easy_setopt(c, CURLOPT_USERNAME, ask->user);
		curl_easy_setopt(c, CURLOPT_PASSWORD, ask->password);
	}
}

static int add_header(struct http *x, const char *header)
{
	struct curl_slist *more = curl_slist_append(x->headers, header);

	if (!more)
		return -ENOMEM;
	x->headers = more;
	return 0;
}

/* For those who want to know.  It begins when all else is ready. */
static int begin_inquiry(struct http *x, const struct http_ask *ask)
{
	char header[INQUIRY_HEADER];
	int r = 0;

	if (!ask->own)
		x->inquiry = inquiry_new(ask->body ? "POST" : "GET",
					 x->route.host, ask->url);
	inquiry_header(x->inquiry, header);
	if (*header)
		r = add_header(x, header);
	curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, x->headers);
	return r;
}

static int set_options(struct http *x, const struct http_ask *ask)
{
	CURL *c = x->curl;
	int r;

	for (const char *const *h = ask->headers; *h; h++) {
		r = add_header(x, *h);
		if (r)
			return r;
	}
	curl_easy_setopt(c, CURLOPT_PRIVATE, x);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_USERAGENT,
			 PACKAGE_NAME "/" PACKAGE_VERSION);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION,
			 (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->curl_why);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)PIECE);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_field);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	if (ask->packed)
		curl_easy_setopt(c, CURLOPT_ACCEPT_ENCODING, "");
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
#if LIBCURL_VERSION_NUM >= 0x075700
	/* A name server that does not answer holds nobody else up. */
	curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
#endif
	if (ask->ca_file)
		curl_easy_setopt(c, CURLOPT_CAINFO, ask->ca_file);
	set_protocols(c);
	set_credentials(c, ask);
	x->redirects = ask->redirects && !ask->body;
	x->own = ask->own;
	r = route_start(&x->route, ask->home ? ask->home : ask->url,
			ask->named_by, ask->allow_address);
	if (!r)
		r = set_hop(x, ask->url);
	x->moved = !x->route.at_home;
	if (!r)
		r = begin_inquiry(x, ask);
	if (r || !ask->body)
		return r;
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE,
			 (curl_off_t)ask->len);
	return curl_easy_setopt(c, CURLOPT_COPYPOSTFIELDS, ask->body) ?
		-ENOMEM : 0;
}

int http_start(const struct http_ask *ask, struct http **ret)
{
	struct http *x = malloc(sizeof *x);
	int r;

	if (!x)
		return -ENOMEM;
	memset(x, 0, offsetof(struct http, ring));
	pthread_mutex_init(&x->lock, NULL);
	wait_init(&x->news);
	x->curl = curl_easy_init();
	r = x->curl ? set_options(x, ask) : -ENOMEM;
	if (r) {
		http_free(x);
		return r;
	}
	post(x, START);
	*ret = x;
	return 0;
}

int http_head(struct http *x, uint64_t deadline, struct http_head *ret)
{
	LOCK_SCOPE(&x->lock);
	while (!x->answered && !x->ended) {
		if (!wait_until(&x->news, &x->lock, deadline))
			return -ETIMEDOUT;
	}
	if (!x->answered || x->err == -ENOMEM)
		return x->err ? x->err : -EIO;
	*ret = x->head;
	return 0;
}

const char *http_field(const struct http_head *head, const char *name,
		       char *value, size_t size)
{
	size_t len = strlen(name);

	for (const char *line = head->fields; *line;) {
		const char *end = line + strcspn(line, "\r\n");

		if (!strncasecmp(line, name, len) && line[len] == ':') {
			const char *start = line + len + 1;

			start += strspn(start, " \t");
			if ((size_t)(end - start) >= size)
				return NULL;
			memcpy(value, start, (size_t)(end - start));
			value[end - start] = '\0';
			return value;
		}
		line = end + strspn(end, "\r\n");
	}
	return NULL;
}

/* Sets *resume when the transfer has to be set going again. */
static ssize_t take(struct http *x, char *buf, size_t len, uint64_t deadline,
		    bool *resume)
{
	size_t first;

	LOCK_SCOPE(&x->lock);
	while (!x->len && !x->ended) {
		if (!wait_until(&x->news, &x->lock, deadline))
			return -ETIMEDOUT;
	}
	if (!x->len)
		return x->err;
	if (len > x->len)
		len = x->len;
	first = len < RING - x->start ? len : RING - x->start;
	memcpy(buf, x->ring + x->start, first);
	memcpy(buf + first, x->ring, len - first);
	x->start = (x->start + len) % RING;
	x->len -= len;
	*resume = x->paused && x->len <= RING / 2;
	if (*resume)
		x->paused = false;
	return (ssize_t)len;
}

ssize_t http_read(struct http *x, void *buf, size_t len, uint64_t deadline)
{
	bool resume = false;
	ssize_t n = take(x, buf, len, deadline, &resume);

	if (resume)
		post(x, RESUME);
	return n;
}

bool http_moved(struct http *x)
{
	LOCK_SCOPE(&x->lock);
	return x->moved;
}

void http_why(struct http *x, char why[BACKEND_WHY])
{
	LOCK_SCOPE(&x->lock);
	/* Until the end the thread writes there. */
	snprintf(why, BACKEND_WHY, "%.*s", BACKEND_WHY - 1,
		 !x->ended ? "" : *x->why ? x->why : x->curl_why);
}

void http_close(struct http *x)
{
	post(x, CLOSE);
}
