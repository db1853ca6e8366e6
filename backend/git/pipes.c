/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/git/pipes.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/git/pkt.h"
#include "backend/http/circuit.h"
#include "backend/inquiry.h"
#include "backend/program.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/list.h"

enum {
	ARGS_MAX = 16,
	END_MS = 2000,          /* what a program may take to end */
	IDLE_MS = 60000,        /* how long one is kept ... */
	IDLE_MAX = 8,           /* ... with so many others */
	SSH_FAILED = 255,       /* its exit status: no connection */
};

/* A running program, and what it answers. */
struct channel {
	struct reply base;
	struct list link;               /* idle */
	struct pipes *pipes;
	struct program program;
	bool ended;             /* it is gone */
	bool has_first;         /* the first byte that came is kept here */
	char first;
	uint64_t since;         /* clock_ms(): idle */
	/* To read the advertisement, which comes before the answers. */
	struct stream stream;
	uint64_t deadline;
	struct inquiry *inquiry;        /* or NULL */
	uint64_t came;          /* bytes of the answer to it */
};

struct pipes {
	struct transport base;
	char *arg[ARGS_MAX];    /* then NULL */
	char *host;             /* or NULL: this machine; ... */
	struct circuit *circuit;        /* ... and this one, too */
};

/* Those that may be asked again, of all repositories: the oldest first.  A
 * host counts how many we have. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list idle = { &idle, &idle };
static unsigned nidle;

/* ---- channels ---- */

static void channel_end(struct channel *c)
{
	if (!c)
		return;
	if (!c->ended)
		program_end(&c->program, clock_ms() + END_MS);
	inquiry_end(c->inquiry, c->came, 0, -ECONNRESET);
	free(c);
}

static struct channel *take_idle(const struct pipes *p)
{
	LOCK_SCOPE(&lock);
	for (struct list *l = idle.next; l != &idle; l = l->next) {
		struct channel *c = container_of(l, struct channel, link);

		if (c->pipes != p)
			continue;
		list_del(l);
		nidle--;
		return c;
	}
	return NULL;
}

/* Returns one that has to go for it, or NULL. */
static struct channel *keep_idle(struct channel *c)
{
	struct channel *oldest;

	c->since = clock_ms();
	LOCK_SCOPE(&lock);
	list_add_tail(&idle, &c->link);
	nidle++;
	oldest = container_of(idle.next, struct channel, link);
	if (nidle <= IDLE_MAX && c->since - oldest->since <= IDLE_MS)
		return NULL;
	list_del(&oldest->link);
	nidle--;
	return oldest;
}

/* It ended without a word, which it cannot have for us: what does its
 * exit status say? */
static int why_silent(struct channel *c, char *why)
{
	const char *host = c->pipes->host;
	int status = program_end(&c->program, clock_ms() + END_MS);

	c->ended = true;
	if (!host)
		return status > 0 ? -ENOENT : -ECONNRESET;
	if (status != SSH_FAILED) {
		snprintf(why, BACKEND_WHY, "git-upload-pack on %.100s ended "
			 "with status %d: no such repository, or no git",
			 host, status);
		return status > 0 ? -ENOENT : -ECONNRESET;
	}
	snprintf(why, BACKEND_WHY, "ssh cannot log in to %.80s without asking: "
		 "try \"ssh -o BatchMode=yes %.80s\" as the user that runs "
		 "gitnfsd", host, host);
	return -EHOSTUNREACH;
}

/* Wait for it to say something. */
static int channel_hear(struct channel *c, uint64_t deadline, char *why)
{
	ssize_t n = program_read(&c->program, &c->first, 1, deadline);

	if (n == 0)
		return why_silent(c, why);
	if (n == -ETIMEDOUT && c->pipes->host)
		snprintf(why, BACKEND_WHY, "%.100s does not answer in time",
			 c->pipes->host);
	c->has_first = n > 0;
	return n < 0 ? (int)n : 0;
}

static ssize_t pipes_read(struct reply *r, void *buf, size_t len,
			  uint64_t deadline)
{
	struct channel *c = (struct channel *)r;
	ssize_t n;

	if (c->has_first && len) {
		*(char *)buf = c->first;
		c->has_first = false;
		n = 1;
	} else {
		n = c->ended ? 0 : program_read(&c->program, buf, len,
						deadline);
	}
	c->came += n > 0 ? (uint64_t)n : 0;
	return n;
}

static ssize_t stream_read(struct stream *s, void *buf, size_t len)
{
	struct channel *c = container_of(s, struct channel, stream);

	return pipes_read(&c->base, buf, len, c->deadline);
}

static const struct transport_ops pipes_ops;

static int channel_start(struct pipes *p, uint64_t deadline,
			 struct channel **ret, char *why)
{
	static const char *const env[] = { "GIT_PROTOCOL=version=2", NULL };
	struct channel *c = calloc(1, sizeof *c);
	int r;

	if (!c)
		return -ENOMEM;
	c->base.ops = &pipes_ops;
	c->pipes = p;
	c->stream.read = stream_read;
	r = program_start(&c->program, (const char *const *)p->arg, env);
	if (r) {
		snprintf(why, BACKEND_WHY, "%.100s cannot be started: %s",
			 p->arg[0], strerror(-r));
		free(c);
		return r == -ENOENT ? -EIO : r; /* no ssh, or no git */
	}
	r = channel_hear(c, deadline, why);
	if (r) {
		channel_end(c);
		return r;
	}
	*ret = c;
	return 0;
}

/* The same, unless the host was down a moment ago. */
static int channel_connect(struct pipes *p, uint64_t deadline,
			   struct channel **ret, char *why)
{
	int r;

	if (!p->circuit)
		return channel_start(p, deadline, ret, why);
	r = circuit_enter(p->circuit);
	if (r) {
		snprintf(why, BACKEND_WHY, "%.100s was down a moment ago; it "
			 "is tried again before long", p->host);
		return r;
	}
	r = channel_start(p, deadline, ret, why);
	circuit_leave(p->circuit, r == -EIO ? 0 : r);   /* that is ours */
	return r;
}

/* Read the advertisement, which is known already. */
static int channel_greet(struct channel *c, uint64_t deadline)
{
	CLEANUP_FREE struct pkt_reader *r = malloc(sizeof *r);
	const char *data;
	size_t len;
	int kind;

	if (!r)
		return -ENOMEM;
	c->deadline = deadline;
	pkt_reader_init(r, &c->stream);
	do
		kind = pkt_read(r, &data, &len);
	while (kind == PKT_DATA);
	return kind == PKT_FLUSH ? 0 : kind < 0 ? kind : -ECONNRESET;
}

/* ---- the transport ---- */

static int pipes_ask(struct transport *t, const void *request, size_t len,
		     uint64_t deadline, struct reply **ret,
		     char why[BACKEND_WHY])
{
	struct pipes *p = (struct pipes *)t;
	struct channel *c = take_idle(p);
	struct inquiry *q = inquiry_new(request ? "ASK" : "CONNECT",
					p->host ? p->host : "localhost",
					"git-upload-pack");
	int r = 0;

	if (c && (!request || clock_ms() - c->since > IDLE_MS)) {
		channel_end(c);
		c = NULL;
	}
	if (!c) {
		r = channel_connect(p, deadline, &c, why);
		if (r) {
			inquiry_end(q, 0, 0, r);
			return r;
		}
		if (request)
			r = channel_greet(c, deadline);
	}
	if (!r && request)
		r = program_write(&c->program, request, len, deadline);
	c->inquiry = q;
	c->came = 0;
	if (r) {
		channel_end(c);
		return r == -EPIPE ? -ECONNRESET : r;
	}
	*ret = &c->base;
	return 0;
}

static void pipes_end(struct reply *r, bool whole)
{
	struct channel *c = (struct channel *)r;

	if (whole)
		inquiry_end(TAKE(c->inquiry), c->came, 0, 0);
	channel_end(whole && !c->ended ? keep_idle(c) : c);
}

static uint64_t pipes_rests_until(struct transport *t)
{
	(void)t;
	return 0;
}

static void pipes_close(struct transport *t)
{
	struct pipes *p = (struct pipes *)t;

	for (struct channel *c; (c = take_idle(p));)
		channel_end(c);
	for (int i = 0; i < ARGS_MAX; i++)
		free(p->arg[i]);
	circuit_put(p->circuit);
	free(p->host);
	free(p);
}

static const struct transport_ops pipes_ops = {
	.ask = pipes_ask,
	.read = pipes_read,
	.end = pipes_end,
	.rests_until = pipes_rests_until,
	.close = pipes_close,
};

/* ---- opening ---- */

static int pipes_new(struct transport **ret, char *const arg[],
		     char why[BACKEND_WHY])
{
	struct pipes *p = calloc(1, sizeof *p);

	if (p)
		p->base.ops = &pipes_ops;
	for (int i = 0; p && arg[i]; i++) {
		p->arg[i] = strdup(arg[i]);
		if (!p->arg[i]) {
			pipes_close(&p->base);
			p = NULL;
		}
	}
	if (!p) {
		snprintf(why, BACKEND_WHY, "out of memory");
		return -ENOMEM;
	}
	*ret = &p->base;
	return 0;
}

int pipes_open_local(struct transport **ret, const char *path,
		     char why[BACKEND_WHY])
{
	struct transport *t;
	struct channel *c;
	int r = pipes_new(&t, (char *[]){
		(char *)"git", (char *)"-c",
		(char *)"uploadpack.allowFilter=true", (char *)"upload-pack",
		(char *)"--", (char *)path, NULL,
	}, why);

	if (r)
		return r;
	r = channel_start((struct pipes *)t, clock_ms() + END_MS, &c, why);
	if (!r) {
		r = channel_greet(c, clock_ms() + END_MS);
		pipes_end(&c->base, !r);
	}
	if (r) {
		snprintf(why, BACKEND_WHY, "git cannot read it");
		pipes_close(t);
		return r;
	}
	*ret = t;
	return 0;
}

/* What a shell takes for just this text; the caller frees it. */
static char *quote(const char *command, const char *text)
{
	size_t len = 0;
	char *s = NULL;
	FILE *f = open_memstream(&s, &len);

	if (!f)
		return NULL;
	fprintf(f, "%s '", command);
	for (; *text; text++) {
		if (*text == '\'' || *text == '!')
			fprintf(f, "'\\%c'", *text);
		else
			fputc(*text, f);
	}
	fputc('\'', f);
	if (fclose(f)) {
		free(s);
		return NULL;
	}
	return s;
}

/* The parts of an address, each cut out of it. */
struct address {
	char *user, *host;      /* the former may be NULL; */
	char *port, *path;      /* so may the port */
};

static const char not_an_address[] =
	"write ssh://HOST/PATH or HOST:PATH; an IPv6 address in brackets";

/* HOST, HOST:PORT, [HOST] or [HOST]:PORT; or, where a colon ends the host
 * anyhow, [HOST:PORT]. */
static const char *split_host(char *text, struct address *a)
{
	char *end = text, *colon;

	a->host = text;
	if (*text == '[') {
		end = strchr(text, ']');
		if (!end)
			return not_an_address;
		a->host++;
		*end++ = '\0';
		colon = strchr(a->host, ':');
		if (*end && *end != ':')
			return not_an_address;
		if (!*end && colon && colon == strrchr(a->host, ':'))
			end = colon;
	} else {
		end += strcspn(text, ":");
	}
	if (*end != ':')
		return NULL;
	*end = '\0';
	a->port = end + 1;
	if (!*a->port || a->port[strspn(a->port, "0123456789")])
		return "a port is a number";
	return NULL;
}

/* Where the host ends and the path begins, in git's HOST:PATH. */
static char *host_end(char *url)
{
	char *at = strchr(url, '@'), *host = at ? at + 1 : url;
	char *bracket = *host == '[' ? strchr(host, ']') : NULL;

	return strchr(bracket ? bracket : url, ':');
}

static const char *split(char *url, struct address *ret)
{
	static const char scheme[] = "ssh://";
	struct address a = { .port = NULL };
	char *start = url, *end, *at;
	const char *wrong;

	for (const char *c = url; *c; c++) {
		if (iscntrl((unsigned char)*c))
			return "a URL has no control characters";
	}
	if (!strncmp(url, scheme, sizeof scheme - 1)) {
		/* One to the left, to have room for a NUL before the path. */
		start = url + sizeof scheme - 2;
		end = strchr(start + 1, '/');
		if (!end)
			return not_an_address;
		memmove(start, start + 1, (size_t)(end - start) - 1);
		a.path = end + (end[1] == '~');
		end--;
	} else {
		end = host_end(url);
		if (!end)
			return not_an_address;
		a.path = end + 1;
	}
	*end = '\0';
	at = strrchr(start, '@');
	if (at) {
		*at = '\0';
		a.user = start;
		start = at + 1;
		if (strchr(a.user, ':'))
			return "no password in a URL, please: ssh has keys";
	}
	wrong = split_host(start, &a);
	if (wrong)
		return wrong;
	/* They would be taken for options. */
	if (!*a.host || *a.host == '-' || (a.user && *a.user == '-') ||
	    !*a.path || *a.path == '-')
		return not_an_address;
	*ret = a;
	return NULL;
}

/* The user's ssh, as git would find it. */
enum variant { OPENSSH, PUTTY, SIMPLE };

static enum variant variant_of(const char *program)
{
	const char *told = getenv("GIT_SSH_VARIANT");
	const char *slash = strrchr(program, '/');
	const char *name = told ? told : slash ? slash + 1 : program;

	if (!strcmp(name, "simple"))
		return SIMPLE;
	return strstr(name, "plink") || !strcmp(name, "putty") ? PUTTY :
								 OPENSSH;
}

static int open_ssh(struct transport **ret, const struct address *a,
		    char *host, char *command, char why[BACKEND_WHY])
{
	char *line = getenv("GIT_SSH_COMMAND"), *program = getenv("GIT_SSH");
	CLEANUP_FREE char *script = NULL, *origin = NULL;
	struct transport *t;
	char *arg[ARGS_MAX];
	enum variant variant;
	struct pipes *p;
	int n = 0, r;

	if (!program || !*program)
		program = (char *)"ssh";
	variant = variant_of(line && *line ? "ssh" : program);
	if (line && *line) {
		/* It is for a shell, which gets the rest behind it. */
		if (asprintf(&script, "%s \"$@\"", line) < 0) {
			script = NULL;
			snprintf(why, BACKEND_WHY, "out of memory");
			return -ENOMEM;
		}
		arg[n++] = (char *)"sh";
		arg[n++] = (char *)"-c";
		arg[n++] = script;
		arg[n++] = line;
	} else {
		arg[n++] = program;
	}
	if (variant == OPENSSH) {
		arg[n++] = (char *)"-o";
		arg[n++] = (char *)"BatchMode=yes";
		arg[n++] = (char *)"-o";
		arg[n++] = (char *)"ConnectTimeout=10";
		arg[n++] = (char *)"-o";
		arg[n++] = (char *)"SendEnv=GIT_PROTOCOL";
	} else if (variant == PUTTY) {
		arg[n++] = (char *)"-batch";
	}
	if (a->port && variant == SIMPLE) {
		snprintf(why, BACKEND_WHY, "GIT_SSH_VARIANT=simple knows no "
			 "ports");
		return -EINVAL;
	}
	if (a->port) {
		arg[n++] = (char *)(variant == OPENSSH ? "-p" : "-P");
		arg[n++] = a->port;
	}
	arg[n++] = host;
	arg[n++] = command;
	arg[n] = NULL;
	r = pipes_new(&t, arg, why);
	if (r)
		return r;
	p = (struct pipes *)t;
	p->host = strdup(host);
	if (asprintf(&origin, "ssh://%s:%s", host, a->port ? a->port : "") < 0)
		origin = NULL;
	if (!p->host || !origin || circuit_get(origin, "", 0, &p->circuit)) {
		pipes_close(t);
		snprintf(why, BACKEND_WHY, "out of memory");
		return -ENOMEM;
	}
	*ret = t;
	return 0;
}

int pipes_open_ssh(struct transport **ret, const char *url,
		   char why[BACKEND_WHY])
{
	CLEANUP_FREE char *copy = strdup(url), *command = NULL, *host = NULL;
	struct address a;
	const char *wrong;

	if (copy) {
		wrong = split(copy, &a);
		if (wrong) {
			snprintf(why, BACKEND_WHY, "%s", wrong);
			return -EINVAL;
		}
		command = quote("git-upload-pack", a.path);
		if (asprintf(&host, "%s%s%s", a.user ? a.user : "",
			     a.user ? "@" : "", a.host) < 0)
			host = NULL;
	}
	if (!command || !host) {
		snprintf(why, BACKEND_WHY, "out of memory");
		return -ENOMEM;
	}
	return open_ssh(ret, &a, host, command, why);
}
