/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/http/cred.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/http/netrc.h"
#include "backend/program.h"
#include "common/cleanup.h"
#include "common/clock.h"

enum {
	HELPER_MS = 15000,      /* what a credential helper may take */
	DENIED_MS = 10000,      /* how long it need not be asked again */
	TEXT_MAX = 16 << 10,    /* bytes of a token file or an answer */
};

struct cred {
	char *scheme, *host, *path, *user, *token_file;

	pthread_mutex_t lock;   /* covers the rest */
	struct cred_pair now;
	bool read;              /* the token file, or ~/.netrc, has been */
	bool anonymous;         /* neither that nor a helper is asked */
	bool helper;            /* 'now' is from a helper ... */
	bool approved;          /* ... that knows that they are good */
	uint64_t denied_until;  /* clock_ms(): there were none */
};

/* ---- secrets ---- */

static void wipe(char *s, size_t len)
{
	volatile char *p = s;

	while (len-- > 0)
		*p++ = 0;
}

static void free_secret(char *s)
{
	if (s)
		wipe(s, strlen(s));
	free(s);
}

void cred_pair_clear(struct cred_pair *p)
{
	free(p->user);
	free_secret(p->password);
	p->user = p->password = NULL;
}

static int pair_copy(const struct cred_pair *from, struct cred_pair *ret)
{
	struct cred_pair p = { .number = from->number };

	if (from->password) {
		p.user = strdup(from->user ? from->user : "");
		p.password = strdup(from->password);
		if (!p.user || !p.password) {
			cred_pair_clear(&p);
			return -ENOMEM;
		}
	}
	*ret = p;
	return 0;
}

static bool same_password(const struct cred_pair *a,
			  const struct cred_pair *b)
{
	return a->password && b->password && !strcmp(a->user, b->user) &&
	       !strcmp(a->password, b->password);
}

/* ---- the token file ---- */

static int read_token(const struct cred *c, struct cred_pair *ret)
{
	char line[TEXT_MAX];
	struct cred_pair p;
	FILE *f = fopen(c->token_file, "re");
	bool got;

	if (!f)
		return -EACCES;
	setvbuf(f, NULL, _IONBF, 0);    /* no copy left in a buffer */
	got = fgets(line, sizeof line, f);
	fclose(f);
	if (got)
		line[strcspn(line, "\r\n")] = '\0';
	if (!got || !*line)
		return -EACCES;
	/* Hosts that want no name take any. */
	p.user = strdup(c->user ? c->user : "x-access-token");
	p.password = strdup(line);
	wipe(line, sizeof line);
	if (!p.user || !p.password) {
		cred_pair_clear(&p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

/* ---- ~/.netrc ---- */

static int read_netrc(const struct cred *c, struct cred_pair *ret)
{
	CLEANUP_FREE char *host = strdup(c->host);
	char *end;

	if (!host)
		return -ENOMEM;
	/* Without the port, nor the brackets of an address. */
	end = strchr(host, *host == '[' ? ']' : ':');
	if (end)
		*end = '\0';
	return netrc_find(host + (*host == '['), c->user, &ret->user,
			  &ret->password);
}

/* ---- git's helpers ---- */

/* The text that "git credential" reads. */
static int describe(const struct cred *c, const struct cred_pair *p,
		    char text[TEXT_MAX])
{
	int n = snprintf(text, TEXT_MAX, "protocol=%s\nhost=%s\npath=%s\n",
			 c->scheme, c->host, c->path);
	const char *user = p ? p->user : c->user;

	if (n < TEXT_MAX && user)
		n += snprintf(text + n, (size_t)(TEXT_MAX - n),
			      "username=%s\n", user);
	if (n < TEXT_MAX && p)
		n += snprintf(text + n, (size_t)(TEXT_MAX - n),
			      "password=%s\n", p->password);
	return n < TEXT_MAX ? 0 : -EMSGSIZE;
}

/* Run "git credential VERB", which shall ask nobody. */
static int run(const struct cred *c, const char *verb,
	       const struct cred_pair *p, char answer[TEXT_MAX])
{
	const char *const argv[] = { "git", "credential", verb, NULL };
	static const char *const env[] = {
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "SSH_ASKPASS=", NULL,
	};
	uint64_t deadline = clock_ms() + HELPER_MS;
	char text[TEXT_MAX];
	struct program git;
	size_t len = 0;
	ssize_t n = 1;
	int r, end;

	r = describe(c, p, text);
	if (!r)
		r = program_start(&git, argv, env);
	if (r) {
		wipe(text, sizeof text);
		return r;
	}
	r = program_write(&git, text, strlen(text), deadline);
	wipe(text, sizeof text);
	program_close_input(&git);
	while (!r && n > 0 && len < TEXT_MAX - 1) {
		n = program_read(&git, answer + len, TEXT_MAX - 1 - len,
				 deadline);
		len += n > 0 ? (size_t)n : 0;
	}
	answer[len] = '\0';
	end = program_end(&git, deadline);
	return r ? r : n < 0 ? (int)n : end;
}

/* The value of a line "NAME=VALUE", or NULL. */
static char *value_of(const char *text, const char *name)
{
	size_t len = strlen(name);

	while (*text) {
		size_t line = strcspn(text, "\n");

		if (line > len && text[len] == '=' &&
		    !strncmp(text, name, len))
			return strndup(text + len + 1, line - len - 1);
		text += line + (text[line] == '\n');
	}
	return NULL;
}

static int ask_helper(const struct cred *c, struct cred_pair *ret)
{
	char answer[TEXT_MAX];
	struct cred_pair p = { NULL, NULL, 0 };

	if (!run(c, "fill", NULL, answer)) {
		p.user = value_of(answer, "username");
		p.password = value_of(answer, "password");
	}
	wipe(answer, sizeof answer);
	if (!p.user || !p.password) {
		cred_pair_clear(&p);
		return -EACCES;
	}
	*ret = p;
	return 0;
}

static void tell_helper(const struct cred *c, const char *verb,
			const struct cred_pair *p)
{
	char answer[TEXT_MAX];

	run(c, verb, p, answer);
}

/* ---- what to send ---- */

static void set(struct cred *c, struct cred_pair *p)
{
	p->number = c->now.number + 1;
	cred_pair_clear(&c->now);
	c->now = *p;
	c->approved = false;
}

const char *cred_file(const struct cred *c)
{
	return c->token_file;
}

int cred_get(struct cred *c, struct cred_pair *ret)
{
	struct cred_pair p = { NULL, NULL, 0 };
	int r = 0;

	LOCK_SCOPE(&c->lock);
	if (c->read)
		return pair_copy(&c->now, ret);
	if (c->token_file)
		r = read_token(c, &p);
	else if (!c->anonymous)
		r = read_netrc(c, &p);
	if (r && (c->token_file || r != -ENOENT))
		return r;
	if (p.password)
		set(c, &p);
	c->read = true;
	return pair_copy(&c->now, ret);
}

/* 0: others are there already; 1: look for others; -EACCES: a helper has just
 * had none. */
static int refused_now(struct cred *c, const struct cred_pair *p,
		       bool *from_helper)
{
	LOCK_SCOPE(&c->lock);
	if (c->now.number != p->number)
		return 0;
	*from_helper = c->helper;
	return clock_ms() < c->denied_until ? -EACCES : 1;
}

static int keep(struct cred *c, struct cred_pair *p, bool helper)
{
	LOCK_SCOPE(&c->lock);
	if (p->password && !same_password(&c->now, p)) {
		set(c, p);
		c->helper = helper;
		return 0;
	}
	cred_pair_clear(p);
	c->denied_until = clock_ms() + (helper ? DENIED_MS : 0);
	return -EACCES;
}

/* Has somebody changed ~/.netrc? */
static int find_other(const struct cred *c, const struct cred_pair *used,
		      struct cred_pair *ret)
{
	int r = read_netrc(c, ret);

	if (!r && same_password(ret, used)) {
		cred_pair_clear(ret);
		r = -ENOENT;
	}
	return r;
}

int cred_refused(struct cred *c, const struct cred_pair *used)
{
	struct cred_pair p = { NULL, NULL, 0 };
	bool from_helper = false;
	int r = refused_now(c, used, &from_helper);

	if (!r)
		return 0;
	if (!c->token_file && !c->anonymous && !find_other(c, used, &p))
		return keep(c, &p, false);
	if (r < 0)
		return r;
	if (from_helper)
		tell_helper(c, "reject", used);
	if (c->token_file)
		read_token(c, &p);
	else if (!c->anonymous)
		ask_helper(c, &p);
	return keep(c, &p, !c->token_file);
}

/* Does a helper have to hear it? */
static bool news(struct cred *c, const struct cred_pair *p)
{
	LOCK_SCOPE(&c->lock);
	if (!c->helper || c->approved || c->now.number != p->number)
		return false;
	c->approved = true;
	return true;
}

void cred_accepted(struct cred *c, const struct cred_pair *used)
{
	if (used->password && news(c, used))
		tell_helper(c, "approve", used);
}

static char *copy(const char *s, bool *failed)
{
	char *c = s ? strdup(s) : NULL;

	*failed |= s && !c;
	return c;
}

int cred_new(struct cred **ret, const char *scheme, const char *host,
	     const char *path, const char *user, const char *token_file)
{
	struct cred *c = calloc(1, sizeof *c);
	bool failed = false;

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	c->scheme = copy(scheme, &failed);
	c->host = copy(host, &failed);
	c->path = copy(path, &failed);
	c->user = copy(user, &failed);
	c->token_file = copy(token_file, &failed);
	if (failed) {
		cred_free(c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

void cred_be_anonymous(struct cred *c)
{
	c->anonymous = true;
}

void cred_free(struct cred *c)
{
	if (!c)
		return;
	cred_pair_clear(&c->now);
	pthread_mutex_destroy(&c->lock);
	free(c->scheme);
	free(c->host);
	free(c->path);
	free(c->user);
	free(c->token_file);
	free(c);
}
