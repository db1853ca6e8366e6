/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "nfsd/access.h"
#include "nfsd/conn.h"
#include "nfsd/fh.h"
#include "nfsd/server.h"

enum {
	LOOPS_DEFAULT = 4,
	JUKEBOX_MS = 10000,
	BACKLOG = 1024,
	ACCEPT_BATCH = 64,
	ACCEPT_PAUSE_MS = 100,
};

/* A loop, its calls and its connections. */
struct worker {
	struct loop *loop;
	struct rpc *rpc;
	struct conns *conns;
	struct task stop;
};

struct listener {
	struct server *server;
	int fd;
	struct event *ready;
	struct event *resume;   /* after a pause */
	const struct rule *rule;
	char address[SERVER_ADDRESS];
};

struct server {
	struct service service;
	struct worker *worker;
	size_t nworker;
	struct listener *listener;
	size_t nlistener;
	size_t next;            /* worker, of the first loop's thread */
	struct task stop;
};

/* ---- addresses ---- */

int server_parse_address(const char *text, struct sockaddr_storage *ret,
			 socklen_t *ret_len)
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
		.ai_socktype = SOCK_STREAM,
	};
	CLEANUP_FREE char *copy = strdup(text);
	char *colon, *host = copy, *end;
	struct addrinfo *found;
	unsigned long port;

	if (!copy)
		return -ENOMEM;
	colon = strrchr(copy, ':');
	if (!colon || colon == copy || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > UINT16_MAX)
		return -EINVAL;
	*colon = '\0';
	if (*host == '[') {
		if (colon[-1] != ']')
			return -EINVAL;
		colon[-1] = '\0';
		host++;
	} else if (strchr(host, ':')) {
		return -EINVAL;
	}
	if (getaddrinfo(host, colon + 1, &hints, &found))
		return -EINVAL;
	memcpy(ret, found->ai_addr, found->ai_addrlen);
	*ret_len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

int server_name_address(const struct sockaddr_storage *addr, socklen_t len,
			char ret[SERVER_ADDRESS])
{
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getnameinfo((const struct sockaddr *)addr, len, host, sizeof host,
			port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
		return -EINVAL;
	snprintf(ret, SERVER_ADDRESS, addr->ss_family == AF_INET6 ?
		 "[%s]:%s" : "%s:%s", host, port);
	return 0;
}

/* ---- accepting, on the first loop ---- */

static void pause_accepting(struct listener *l, int err)
{
	const struct timeval pause = { .tv_usec = ACCEPT_PAUSE_MS * 1000 };

	log_warning("cannot accept", "address=%s error=%s", l->address,
		    strerror(-err));
	event_del(l->ready);
	evtimer_add(l->resume, &pause);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	event_add(l->ready, NULL);
}

static int accept_one(const struct listener *l, struct client *ret)
{
	struct sockaddr_storage addr = { 0 };
	struct sockaddr *at = (struct sockaddr *)&addr;
	socklen_t len = sizeof addr;
#ifdef HAVE_ACCEPT4
	int fd = accept4(l->fd, at, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
	int fd = accept(l->fd, at, &len);
#endif

	if (fd < 0)
		return -errno;
#ifndef HAVE_ACCEPT4
	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_closeonexec(fd);
#endif
	*ret = client_at(at, len, l->rule);
	return fd;
}

/* Deal out who has come. */
static void accept_batch(struct listener *l)
{
	struct server *s = l->server;

	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct client client;
		int fd = accept_one(l, &client);

		switch (fd) {
		case -EAGAIN:
#if EWOULDBLOCK != EAGAIN
		case -EWOULDBLOCK:
#endif
			return;
		/* What ails that one peer is not our trouble. */
		case -EINTR:
		case -ECONNABORTED:
		case -EPROTO:
			continue;
		}
		if (fd < 0) {
			pause_accepting(l, fd);
			return;
		}
		conns_adopt(s->worker[s->next].conns, fd, &client);
		s->next = (s->next + 1) % s->nworker;
	}
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	accept_batch(arg);
}

/* A socket bound to an address. */
static int bind_to(const struct sockaddr_storage *addr, socklen_t len,
		   int *ret)
{
	CLEANUP_FD int fd = socket(addr->ss_family, SOCK_STREAM, 0);
	const int on = 1;

	if (fd < 0)
		return -errno;
	evutil_make_socket_nonblocking(fd);
	evutil_make_socket_closeonexec(fd);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* So that 0.0.0.0 and [::] can be had beside each other. */
	if (addr->ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, (const struct sockaddr *)addr, len))
		return -errno;
	*ret = fd;
	fd = -1;
	return 0;
}

static int cannot_listen(const char *text, int err, char why[SERVER_WHY])
{
	snprintf(why, SERVER_WHY, "cannot listen at %s: %s; choose another "
		 "address or port with --listen", text, strerror(-err));
	return err;
}

static int bind_one(const char *text, int *ret, char why[SERVER_WHY])
{
	struct sockaddr_storage addr;
	socklen_t len;
	int r = server_parse_address(text, &addr, &len);

	if (r) {
		snprintf(why, SERVER_WHY, "\"%s\" is no ADDRESS:PORT in "
			 "figures, as 127.0.0.1:2049 or [::1]:2049 is", text);
		return r;
	}
	r = bind_to(&addr, len, ret);
	return r ? cannot_listen(text, r, why) : 0;
}

int server_bind(const char *const *listen, size_t n, int *ret,
		char why[SERVER_WHY])
{
	for (size_t i = 0; i < n; i++) {
		int r = bind_one(listen[i], &ret[i], why);

		if (!r)
			continue;
		while (i--)
			close(ret[i]);
		return r;
	}
	return 0;
}

static int open_listener(struct listener *l, struct event_base *base)
{
	struct sockaddr_storage own = { 0 };
	socklen_t own_len = sizeof own;

	if (listen(l->fd, BACKLOG))
		return -errno;
	l->ready = event_new(base, l->fd, EV_READ | EV_PERSIST, on_connection,
			     l);
	l->resume = evtimer_new(base, on_resume, l);
	if (!l->ready || !l->resume || event_add(l->ready, NULL))
		return -ENOMEM;
	if (getsockname(l->fd, (struct sockaddr *)&own, &own_len))
		return -errno;
	return server_name_address(&own, own_len, l->address);
}

static int open_listeners(struct server *s, const struct server_options *opt,
			  char why[SERVER_WHY])
{
	for (size_t i = 0; i < s->nlistener; i++) {
		struct listener *l = &s->listener[i];
		int r;

		l->server = s;
		if (opt->listen_rule)
			l->rule = opt->listen_rule[i];
		r = open_listener(l, loop_base(s->worker[0].loop));
		if (r)
			return cannot_listen(opt->listen[i], r, why);
	}
	return 0;
}

/* The sockets, whoever has bound them. */
static int take_sockets(struct server *s, const struct server_options *opt,
			char why[SERVER_WHY])
{
	CLEANUP_FREE int *fd = calloc(opt->nlisten + 1, sizeof *fd);
	int r;

	if (!fd)
		return -ENOMEM;
	r = opt->socket ? 0 : server_bind(opt->listen, opt->nlisten, fd, why);
	for (size_t i = 0; !r && i < opt->nlisten; i++)
		s->listener[i].fd = opt->socket ? opt->socket[i] : fd[i];
	return r;
}

static void stop_listening(struct server *s)
{
	for (size_t i = 0; i < s->nlistener; i++) {
		struct listener *l = &s->listener[i];

		if (l->ready)
			event_free(l->ready);
		if (l->resume)
			event_free(l->resume);
		l->ready = l->resume = NULL;
		if (l->fd >= 0)
			close(l->fd);
		l->fd = -1;
	}
}

/* ---- the whole ---- */

static void run_stop_worker(struct task *t)
{
	conns_stop(container_of(t, struct worker, stop)->conns);
}

/* Who has come by now is dealt out first, so that the workers have them when
 * they are told. */
static void run_stop(struct task *t)
{
	struct server *s = container_of(t, struct server, stop);

	for (size_t i = 0; i < s->nlistener; i++)
		accept_batch(&s->listener[i]);
	stop_listening(s);
	for (size_t i = 0; i < s->nworker; i++)
		loop_post(s->worker[i].loop, &s->worker[i].stop);
}

static int start_worker(struct worker *w, const struct service *service,
			unsigned jukebox_ms)
{
	int r = loop_new(&w->loop);

	w->stop.run = run_stop_worker;
	if (!r)
		r = rpc_new(&w->rpc, w->loop, service, jukebox_ms);
	if (!r)
		r = conns_new(&w->conns, w->loop, w->rpc);
	return r;
}

/* With no loop running.  -EBUSY: not freed. */
static int free_server(struct server *s)
{
	int r = 0;

	for (size_t i = 0; i < s->nworker; i++) {
		struct worker *w = &s->worker[i];

		if (!conns_free(w->conns))
			w->conns = NULL;
		else
			r = -EBUSY;
	}
	if (r)
		return r;
	stop_listening(s);
	for (size_t i = 0; i < s->nworker; i++) {
		rpc_free(s->worker[i].rpc);
		loop_free(s->worker[i].loop);
	}
	free(s->worker);
	free(s->listener);
	free(s);
	return 0;
}

static int start_all(struct server *s, const struct server_options *opt,
		     char why[SERVER_WHY])
{
	unsigned jukebox_ms = opt->jukebox_ms ? opt->jukebox_ms : JUKEBOX_MS;
	int r;

	for (size_t i = 0; i < s->nworker; i++) {
		r = start_worker(&s->worker[i], &s->service, jukebox_ms);
		if (r) {
			snprintf(why, SERVER_WHY, "cannot make an event loop: "
				 "%s", strerror(-r));
			return r;
		}
	}
	return open_listeners(s, opt, why);
}

int server_start(struct server **ret, const struct server_options *opt,
		 struct fs *fs, char why[SERVER_WHY])
{
	struct server *s = calloc(1, sizeof *s);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t loops = opt->loops, running = 0;
	int r;

	if (!loops)
		loops = cpus < 1 ? 1 : cpus > LOOPS_DEFAULT ? LOOPS_DEFAULT :
			(size_t)cpus;
	snprintf(why, SERVER_WHY, "out of memory");
	if (!s)
		return -ENOMEM;
	s->service = (struct service){
		.fs = fs,
		.fh_key = fh_key(fs),
		.fsid = fs_id(fs),
		.uid = geteuid(),
		.gid = getegid(),
		.rule = opt->rule,
		.nrule = opt->nrule,
	};
	s->stop.run = run_stop;
	s->worker = calloc(loops, sizeof *s->worker);
	s->listener = calloc(opt->nlisten, sizeof *s->listener);
	if (s->worker)
		s->nworker = loops;
	if (s->listener)
		s->nlistener = opt->nlisten;
	for (size_t i = 0; i < s->nlistener; i++)
		s->listener[i].fd = -1;
	r = s->listener ? take_sockets(s, opt, why) : -ENOMEM;
	if (!r)
		r = s->worker ? start_all(s, opt, why) : -ENOMEM;
	while (!r && running < loops) {
		r = loop_run(s->worker[running].loop, (unsigned)running);
		if (!r)
			running++;
		else
			snprintf(why, SERVER_WHY, "cannot start a thread: %s",
				 strerror(-r));
	}
	if (!r) {
		*ret = s;
		return 0;
	}
	if (running)
		loop_post(s->worker[0].loop, &s->stop);
	for (size_t i = 0; i < s->nworker; i++)
		if (s->worker[i].loop)
			loop_join(s->worker[i].loop);
	free_server(s);
	return r;
}

size_t server_listeners(const struct server *s)
{
	return s->nlistener;
}

const char *server_address(const struct server *s, size_t i)
{
	return s->listener[i].address;
}

/* ---- a visit to every loop ---- */

struct visits {
	pthread_mutex_t lock;   /* covers the rest */
	pthread_cond_t over;
	size_t left;
};

struct visit {
	struct task task;
	struct worker *worker;
	struct visits *all;
	server_visitor *visitor;
	void *arg;
};

static void run_visit(struct task *t)
{
	struct visit *v = container_of(t, struct visit, task);
	struct visits *all = v->all;

	v->visitor(v->arg, v->worker->rpc, v->worker->conns);
	LOCK_SCOPE(&all->lock);
	if (!--all->left)
		pthread_cond_signal(&all->over);
}

int server_visit(struct server *s, server_visitor *visitor, void *arg)
{
	CLEANUP_FREE struct visit *visit = calloc(s->nworker, sizeof *visit);
	struct visits all = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.over = PTHREAD_COND_INITIALIZER,
		.left = s->nworker,
	};

	if (!visit)
		return -ENOMEM;
	for (size_t i = 0; i < s->nworker; i++) {
		visit[i] = (struct visit){
			.task.run = run_visit,
			.worker = &s->worker[i],
			.all = &all,
			.visitor = visitor,
			.arg = arg,
		};
		loop_post(s->worker[i].loop, &visit[i].task);
	}
	LOCK_SCOPE(&all.lock);
	while (all.left)
		pthread_cond_wait(&all.over, &all.lock);
	return 0;
}

int server_stop(struct server *s)
{
	if (!s)
		return 0;
	loop_post(s->worker[0].loop, &s->stop);
	for (size_t i = 0; i < s->nworker; i++)
		loop_join(s->worker[i].loop);
	return free_server(s);
}
