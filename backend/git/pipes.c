/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "config.h"

#include "backend/git/pipes.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/git/pkt.h"
#include "backend/program.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/list.h"

enum {
	ARGS_MAX = 16,
	END_MS = 2000,          /* what a program may take to end */
	IDLE_MS = 60000,        /* how long one is kept */
	SSH_FAILED = 255,       /* its exit status: no connection */
};

/* A running program, and what it answers. */
struct channel {
	struct reply base;
	struct pipes *pipes;
	struct program program;
	bool spoke, ended;      /* something has come; it is gone */
	uint64_t since;         /* clock_ms(): idle */
	/* To read the advertisement, which comes before the answers. */
	struct stream stream;
	uint64_t deadline;
};

struct pipes {
	struct transport base;
	char *arg[ARGS_MAX];    /* then NULL */
	pthread_mutex_t lock;   /* covers the rest */
	struct channel *idle;   /* or NULL */
};

/* ---- channels ---- */

static void channel_end(struct channel *c)
{
	if (!c)
		return;
	if (!c->ended)
		program_end(&c->program, clock_ms() + END_MS);
	free(c);
}

static struct channel *take_idle(struct pipes *p)
{
	LOCK_SCOPE(&p->lock);
	return TAKE(p->idle);
}

/* Returns one that has to go for it, or NULL. */
static struct channel *keep_idle(struct pipes *p, struct channel *c)
{
	struct channel *gone;

	c->since = clock_ms();
	LOCK_SCOPE(&p->lock);
	gone = p->idle;
	p->idle = c;
	return gone;
}

/* It ended without a word, which it cannot have for us: what does its
 * exit status say? */
static int why_silent(struct channel *c)
{
	int status = program_end(&c->program, clock_ms() + END_MS);

	c->ended = true;
	return status == SSH_FAILED ? -EHOSTUNREACH :
	       status > 0 ? -ENOENT : -ECONNRESET;
}

static ssize_t pipes_read(struct reply *r, void *buf, size_t len,
			  uint64_t deadline)
{
	struct channel *c = (struct channel *)r;
	ssize_t n = c->ended ? 0 : program_read(&c->program, buf, len,
						deadline);

	if (n == 0 && !c->spoke && !c->ended)
		return why_silent(c);
	c->spoke |= n > 0;
	return n;
}

static ssize_t stream_read(struct stream *s, void *buf, size_t len)
{
	struct channel *c = container_of(s, struct channel, stream);

	return pipes_read(&c->base, buf, len, c->deadline);
}

static const struct transport_ops pipes_ops;

static int channel_start(struct pipes *p, struct channel **ret)
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
		free(c);
		return r == -ENOENT ? -EIO : r; /* no ssh, or no git */
	}
	*ret = c;
	return 0;
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
		     uint64_t deadline, struct reply **ret)
{
	struct pipes *p = (struct pipes *)t;
	struct channel *c = take_idle(p);
	int r = 0;

	if (c && (!request || clock_ms() - c->since > IDLE_MS)) {
		channel_end(c);
		c = NULL;
	}
	if (!c) {
		r = channel_start(p, &c);
		if (r)
			return r;
		if (request)
			r = channel_greet(c, deadline);
	}
	if (!r && request)
		r = program_write(&c->program, request, len, deadline);
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

	channel_end(whole && !c->ended ? keep_idle(c->pipes, c) : c);
}

static uint64_t pipes_rests_until(struct transport *t)
{
	(void)t;
	return 0;
}

static void pipes_close(struct transport *t)
{
	struct pipes *p = (struct pipes *)t;

	channel_end(p->idle);
	for (int i = 0; i < ARGS_MAX; i++)
		free(p->arg[i]);
	pthread_mutex_destroy(&p->lock);
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

	if (p) {
		p->base.ops = &pipes_ops;
		pthread_mutex_init(&p->lock, NULL);
	}
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
	r = channel_start((struct pipes *)t, &c);
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

/* The parts of an address; all are cut out of 'url'. */
struct address {
	char *host;             /* with the user */
	char *port, *path;      /* the former may be NULL */
};

static const char *split(char *url, struct address *ret)
{
	static const char scheme[] = "ssh://";
	struct address a = { .port = NULL };
	bool full = !strncmp(url, scheme, sizeof scheme - 1);
	char *user, *end;

	for (const char *c = url; *c; c++) {
		if (iscntrl((unsigned char)*c))
			return "a URL has no control characters";
	}
	a.host = full ? url + sizeof scheme - 1 : url;
	end = a.host + strcspn(a.host, full ? "/" : ":");
	if (!*end || end == a.host)
		return "write ssh://HOST/PATH or HOST:PATH";
	a.path = end + !full;
	if (full && !strncmp(a.path, "/~", 2))
		a.path++;
	if (full && a.path == end) {    /* keep its '/': move the host */
		memmove(a.host - 1, a.host, (size_t)(end - a.host));
		a.host--;
		end--;
	}
	*end = '\0';
	user = strchr(a.host, '@');
	if (user && memchr(a.host, ':', (size_t)(user - a.host)))
		return "no password in a URL, please: ssh has keys";
	end = strrchr(a.host, ':');
	if (end && !strchr(end, ']')) {
		*end = '\0';
		a.port = end + 1;
		if (!*a.port || a.port[strspn(a.port, "0123456789")])
			return "a port is a number";
	}
	/* They would be taken for options. */
	if (a.host[0] == '-' || !*a.host || a.path[0] == '-' || !*a.path)
		return "write ssh://HOST/PATH or HOST:PATH";
	*ret = a;
	return NULL;
}

int pipes_open_ssh(struct transport **ret, const char *url,
		   char why[BACKEND_WHY])
{
	CLEANUP_FREE char *copy = strdup(url), *command = NULL;
	char *arg[ARGS_MAX] = {
		(char *)"ssh", (char *)"-o", (char *)"BatchMode=yes",
		(char *)"-o", (char *)"ConnectTimeout=10",
		(char *)"-o", (char *)"SendEnv=GIT_PROTOCOL",
	};
	struct address a;
	const char *wrong;
	int n = 7;

	if (copy) {
		wrong = split(copy, &a);
		if (wrong) {
			snprintf(why, BACKEND_WHY, "%s", wrong);
			return -EINVAL;
		}
		command = quote("git-upload-pack", a.path);
	}
	if (!command) {
		snprintf(why, BACKEND_WHY, "out of memory");
		return -ENOMEM;
	}
	if (a.port) {
		arg[n++] = (char *)"-p";
		arg[n++] = a.port;
	}
	arg[n++] = a.host;
	arg[n] = command;
	return pipes_new(ret, arg, why);
}
