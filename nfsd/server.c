/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/log.h"
#include "nfsd/access.h"
#include "nfsd/conn.h"
#include "nfsd/fh.h"
#include "nfsd/handover.h"
#include "nfsd/mount3.h"        /* rpcgen */
#include "nfsd/nfs3.h"          /* rpcgen */
#include "nfsd/nlm4.h"          /* rpcgen */
#include "nfsd/portmap/neighbour.h"
#include "nfsd/server.h"
#include "nfsd/udp.h"

enum {
	LOOPS_DEFAULT = 4,
	JUKEBOX_MS = 10000,
	BACKLOG = 1024,
	ACCEPT_BATCH = 64,
	ACCEPT_PAUSE_MS = 100,
	CONNECTIONS_MAX = 16384,
	FILES_SHARE = 4,        /* of the limit: for all but connections */
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
	struct udp *udp;        /* a port mapper's */
	bool portmap;
	const struct rule *rule;
	struct sockaddr_storage at;
	char address[ENDPOINT_SIZE];
};

struct server {
	struct service service;
	struct worker *worker;
	size_t nworker;
	struct listener *listener;
	size_t nlistener;
	size_t next;            /* worker, of the first loop's thread */
	struct task stop;
	bool leaving;           /* at the stop, who comes is another's */
};

/* ---- accepting, on the first loop ---- */

static void pause_accepting(struct listener *l)
{
	const struct timeval pause = { .tv_usec = ACCEPT_PAUSE_MS * 1000 };

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
	int fd = fd_accept(l->fd, at, &len);

	if (fd < 0)
		return fd;
	*ret = client_at(at, len, l->rule);
	ret->portmap = l->portmap;
	return fd;
}

/* Whether who waits can be let in now, on the first loop, for one there that
 * does nothing. */
static bool make_place(struct listener *l, int err)
{
	bool full = err == -EMFILE || err == -ENFILE;
	struct server *s = l->server;

	log_warning("cannot accept", "address=%s error=%s do=%s", l->address,
		    strerror(-err), full ? "raise the limit on open files" :
		    "it is tried again in a moment");
	if (!full || !conns_make_place(s->worker[0].conns))
		return false;
	s->next = 0;
	return true;
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
		if (fd < 0 && make_place(l, fd))
			continue;
		if (fd < 0) {
			pause_accepting(l);
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

static int open_listener(struct listener *l, struct event_base *base)
{
	socklen_t len = sizeof l->at;

	if (listen(l->fd, BACKLOG))
		return -errno;
	l->ready = event_new(base, l->fd, EV_READ | EV_PERSIST, on_connection,
			     l);
	l->resume = evtimer_new(base, on_resume, l);
	if (!l->ready || !l->resume || event_add(l->ready, NULL))
		return -ENOMEM;
	if (getsockname(l->fd, (struct sockaddr *)&l->at, &len))
		return -errno;
	return endpoint_text(&l->at, l->address);
}

/* What is served at 'l', for the port mapper.  Of several listeners the
 * first is told. */
static int set_mappings(struct server *s, const struct listener *l, bool udp)
{
	static const struct mapping nfs[] = {
		{ .program = NFS_PROGRAM, .version = NFS_V3 },
		{ .program = MOUNT_PROGRAM, .version = MOUNT_V3 },
		{ .program = NLM_PROGRAM, .version = NLM_V4 },
	}, portmap[] = {
		{ .program = REGISTRY_PORTMAP, .version = 2 },
		{ .program = REGISTRY_PORTMAP, .version = 3 },
		{ .program = REGISTRY_PORTMAP, .version = 4 },
	};
	bool inet6 = l->at.ss_family == AF_INET6;

	for (size_t i = 0; i < 3; i++) {
		struct mapping m = l->portmap ? portmap[i] : nfs[i];
		int r;

		m.netid = udp ? (inet6 ? NETID_UDP6 : NETID_UDP) :
				(inet6 ? NETID_TCP6 : NETID_TCP);
		m.port = endpoint_port(&l->at);
		m.ours = true;
		r = registry_set(s->service.registry, &m);
		if (r && r != -EEXIST)
			return r;
	}
	return 0;
}

static int start_listener(struct server *s, struct listener *l,
			  struct socket_at *at)
{
	struct event_base *base = loop_base(s->worker[0].loop);
	int r = open_listener(l, base), udp = at->udp;

	if (!r)
		r = set_mappings(s, l, false);
	if (r || udp < 0)
		return r;
	at->udp = -1;
	r = udp_new(&l->udp, base, s->worker[0].rpc, udp, &l->at, l->rule);
	return r ? r : set_mappings(s, l, true);
}

static int start_listeners(struct server *s, const struct server_options *opt,
			   char why[SERVER_WHY])
{
	for (size_t i = 0; i < s->nlistener; i++) {
		struct socket_at *at = &opt->sockets->socket[i];
		struct listener *l = &s->listener[i];
		int r;

		l->server = s;
		l->portmap = at->portmap;
		if (opt->listen_rule)
			l->rule = opt->listen_rule[at->of];
		l->fd = at->tcp;
		at->tcp = -1;
		r = start_listener(s, l, at);
		if (!r)
			continue;
		snprintf(why, SERVER_WHY, "cannot listen at %.64s: %s; choose "
			 "another address or port with --listen", l->address,
			 strerror(-r));
		return r;
	}
	return 0;
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
		udp_free(TAKE(l->udp));
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

	for (size_t i = 0; i < s->nlistener && !s->leaving; i++)
		accept_batch(&s->listener[i]);
	stop_listening(s);
	for (size_t i = 0; i < s->nworker; i++)
		loop_post(s->worker[i].loop, &s->worker[i].stop);
}

/* Descriptors are wanted for packs, the store, files on their way in and
 * hosts, too: connections alone must not use up all of them. */
static size_t most_connections(const struct server_options *opt)
{
	struct rlimit limit;
	size_t max = CONNECTIONS_MAX;

	if (opt->connections)
		return opt->connections;
	if (!getrlimit(RLIMIT_NOFILE, &limit) &&
	    limit.rlim_cur - limit.rlim_cur / FILES_SHARE < max)
		max = (size_t)(limit.rlim_cur - limit.rlim_cur / FILES_SHARE);
	return max;
}

static int start_worker(struct worker *w, const struct service *service,
			unsigned jukebox_ms, size_t connections)
{
	int r = loop_new(&w->loop);

	w->stop.run = run_stop_worker;
	if (!r)
		r = rpc_new(&w->rpc, w->loop, service, jukebox_ms);
	if (!r)
		r = conns_new(&w->conns, w->loop, w->rpc, connections);
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
	registry_free(s->service.registry);
	free(s->worker);
	free(s->listener);
	free(s);
	return 0;
}

static int start_all(struct server *s, const struct server_options *opt,
		     char why[SERVER_WHY])
{
	unsigned jukebox_ms = opt->jukebox_ms ? opt->jukebox_ms : JUKEBOX_MS;
	size_t each = most_connections(opt) / s->nworker;
	int r = registry_new(&s->service.registry);

	if (!r && opt->state_dir)
		r = registry_keep(s->service.registry, opt->state_dir,
				  neighbour_serves);
	if (r)
		return r;
	for (size_t i = 0; i < s->nworker; i++) {
		r = start_worker(&s->worker[i], &s->service, jukebox_ms,
				 each ? each : 1);
		if (r) {
			snprintf(why, SERVER_WHY, "cannot make an event loop: "
				 "%s", strerror(-r));
			return r;
		}
	}
	return start_listeners(s, opt, why);
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
		.mounted = opt->mounted,
		.mounted_arg = opt->mounted_arg,
		.fsid = fs_id(fs),
		.uid = geteuid(),
		.gid = getegid(),
		.rule = opt->rule,
		.nrule = opt->nrule,
	};
	s->stop.run = run_stop;
	s->worker = calloc(loops, sizeof *s->worker);
	s->listener = calloc(opt->sockets->n, sizeof *s->listener);
	if (s->worker)
		s->nworker = loops;
	if (s->listener)
		s->nlistener = opt->sockets->n;
	for (size_t i = 0; i < s->nlistener; i++)
		s->listener[i].fd = -1;
	r = s->worker && s->listener ? start_all(s, opt, why) : -ENOMEM;
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

int server_hand_over(struct server *s)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->nlistener; i++) {
		const struct listener *l = &s->listener[i];
		enum handover_role role = l->portmap ? HANDOVER_PORTMAP :
						       HANDOVER_NFS;

		r = handover_keep(role, l->fd);
		if (!r && l->udp)
			r = handover_keep(role, udp_fd(l->udp));
	}
	s->leaving = !r;
	return r;
}

size_t server_mappings(const struct server *s,
		       struct mapping ret[REGISTRY_MAX])
{
	size_t n = registry_list(s->service.registry, ret), kept = 0;

	for (size_t i = 0; i < n; i++)
		if (ret[i].ours)
			ret[kept++] = ret[i];
	return kept;
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

/* ---- a moment's rest ---- */

struct rest {
	pthread_mutex_t lock;   /* covers the rest */
	pthread_cond_t changed;
	size_t there;           /* loops that have stopped for it */
	bool over;
};

struct stop {
	struct task task;
	struct rest *rest;
};

static void run_rest(struct task *t)
{
	struct rest *rest = container_of(t, struct stop, task)->rest;

	LOCK_SCOPE(&rest->lock);
	rest->there++;
	pthread_cond_broadcast(&rest->changed);
	while (!rest->over)
		pthread_cond_wait(&rest->changed, &rest->lock);
	rest->there--;
	pthread_cond_broadcast(&rest->changed);
}

/* Until so many are there. */
static void await_loops(struct rest *rest, size_t n, bool over)
{
	LOCK_SCOPE(&rest->lock);
	rest->over = over;
	pthread_cond_broadcast(&rest->changed);
	while (rest->there != n)
		pthread_cond_wait(&rest->changed, &rest->lock);
}

int server_still(struct server *s, void (*change)(void *arg), void *arg)
{
	CLEANUP_FREE struct stop *stop = calloc(s->nworker, sizeof *stop);
	struct rest rest = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};

	if (!stop)
		return -ENOMEM;
	for (size_t i = 0; i < s->nworker; i++) {
		stop[i].task.run = run_rest;
		stop[i].rest = &rest;
		loop_post(s->worker[i].loop, &stop[i].task);
	}
	await_loops(&rest, s->nworker, false);
	change(arg);
	await_loops(&rest, 0, true);
	return 0;
}

void server_set_rules(struct server *s, const struct rule *const *rule,
		      size_t nrule)
{
	s->service.rule = rule;
	s->service.nrule = nrule;
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
