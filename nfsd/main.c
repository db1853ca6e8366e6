/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* gitnfsd: start what there is, in order, and stop it. */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "backend/backend.h"
#include "cache/fs.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/list.h"
#include "common/log.h"
#include "nfsd/admin/admin.h"
#include "nfsd/bus.h"
#include "nfsd/config/config.h"
#include "nfsd/config/config_rules.h"
#include "nfsd/privilege.h"
#include "nfsd/portmap/rpcbind.h"
#include "nfsd/server.h"

enum {
	EXIT_USAGE = 2,
	MS = 1000,              /* a second */
	REF_MS = 5000,          /* to see whether a ref is there */
	STOP_MS = 950,          /* then we are gone, whatever is under way */
};

_Static_assert((int)FS_WHY >= (int)BACKEND_WHY &&
	       (int)CONFIG_WHY >= (int)FS_WHY &&
	       (int)CONFIG_WHY >= (int)SERVER_WHY, "one buffer fits all");

static void say(const char *why)
{
	fprintf(stderr, "gitnfsd: %s\n", why);
}

/* ---- systemd ---- */

/* sd_notify(3), which is no more than this. */
static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	CLEANUP_FD int fd = -1;

	if (!len || len >= sizeof addr.sun_path)
		return;
	memcpy(addr.sun_path, path, len);
	if (*path == '@')       /* of Linux's abstract names */
		addr.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), 0,
			     (struct sockaddr *)&addr,
			     (socklen_t)(offsetof(struct sockaddr_un,
						  sun_path) + len)) < 0)
		log_warning("systemd is not notified", "error=%s",
			    strerror(errno));
}

/* ---- sources ---- */

/* Whether a ref is there: a backend's resolve, waited for. */
struct question {
	struct job job;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool over;
	int err;
};

static void ignore_commit(struct job *job, const struct oid *commit)
{
	(void)job;
	(void)commit;
}

static void resolved(struct job *job, int err)
{
	struct question *q = container_of(job, struct question, job);

	LOCK_SCOPE(&q->lock);
	q->over = true;
	q->err = err;
	pthread_cond_signal(&q->answered);
}

static int find_ref(struct backend *b, const char *ref)
{
	static const struct job_ops ops = {
		.ref_is = ignore_commit,
		.done = resolved,
	};
	struct question q = {
		.job = {
			.ops = &ops,
			.ref = ref,
			.deadline = clock_ms() + REF_MS,
		},
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.answered = PTHREAD_COND_INITIALIZER,
	};

	b->ops->resolve(b, &q.job);
	LOCK_SCOPE(&q.lock);
	while (!q.over)
		pthread_cond_wait(&q.answered, &q.lock);
	return q.err;
}

static struct backend_options options_of(const struct config *c,
					 const struct config_place *p)
{
	return (struct backend_options){
		.anonymous = p->exposed,
		.type = p->type,
		.api_url = p->api_url,
		.git_url = p->git_url,
		.user = p->user,
		.token_file = p->token_file,
		.ca_file = p->ca_file,
		.allow_address = p->allow_address,
		.spool_dir = c->cache_dir,
	};
}

/* Say which line of the file it was that named 'p'. */
static int blame(const struct config_place *p, int err, char why[CONFIG_WHY])
{
	char what[CONFIG_WHY];

	if (!err || !p->where)
		return err;
	snprintf(what, sizeof what, "%s", why);
	snprintf(why, CONFIG_WHY, "%.200s: %.*s", p->where,
		 CONFIG_WHY - 203, what);
	return err;
}

static int open_source(const struct config *c, const struct config_place *s,
		       bool ask_far, struct backend **ret,
		       char why[CONFIG_WHY])
{
	const struct backend_options opt = options_of(c, s);
	struct backend *b;
	int r = backend_open_with(&b, s->url, &opt, why);

	if (r)
		return r;
	/* A source that cannot be reached now may be later; a ref that is
	 * not there is a mistake.  But serving need not wait for others. */
	if (s->ref && (ask_far || !b->ops->far) &&
	    find_ref(b, s->ref) == -ENOENT) {
		backend_close(b);
		snprintf(why, CONFIG_WHY, "%s has no branch, tag or commit "
			 "\"%s\"; \"git -C %s branch -a\" lists the branches",
			 s->url, s->ref, s->url);
		return -ENOENT;
	}
	*ret = b;
	return 0;
}

static void log_root(const struct config_place *p)
{
	log_info("root", "name=%s url=%s%s%s%s%s%s%s", p->name, p->url,
		 p->type ? " type=" : "", p->type ? p->type : "",
		 p->api_url ? " api-url=" : "", p->api_url ? p->api_url : "",
		 p->token_file ? " token-file=" : "",
		 p->token_file ? p->token_file : "");
}

static void log_sources(const struct config *c)
{
	for (size_t i = 0; i < c->sources.n; i++) {
		const struct config_place *s = &c->sources.place[i];

		log_info("source", "name=%s url=%s ref=%s", s->name, s->url,
			 s->ref ? s->ref : "");
	}
	for (size_t i = 0; i < c->roots.n; i++)
		log_root(&c->roots.place[i]);
}

static int check_source(const struct config *c, const struct config_place *s,
			char why[CONFIG_WHY])
{
	struct backend *b;
	int r = open_source(c, s, true, &b, why);

	if (!r)
		backend_close(b);
	return r;
}

/* Check a root, or add it. */
static int do_root(struct fs *fs, const struct config *c,
		   const struct config_place *root, char why[CONFIG_WHY])
{
	const struct backend_options opt = options_of(c, root);
	const struct fs_pattern p = {
		.url = root->url,
		.options = &opt,
		.allow = (const char *const *)root->allow.item,
		.deny = (const char *const *)root->deny.item,
	};

	return fs ? fs_add_pattern(fs, root->name, &p, why) :
		    fs_check_pattern(&p, why);
}

static int add_source(struct fs *fs, const struct config *c,
		      const struct config_place *s, char why[CONFIG_WHY])
{
	struct backend *b;
	int r = open_source(c, s, false, &b, why);

	return r ? r : fs_add(fs, s->name, s->location, s->ref, b, why);
}

/* What is read when it is needed may be there by then; but a name that leads
 * nowhere is worth a word to who asks. */
static int check_files(const struct config_place *p, char why[CONFIG_WHY])
{
	const char *const file[] = { p->token_file, p->ca_file };

	for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
		int err;

		if (!file[i] || !access(file[i], R_OK))
			continue;
		err = errno;
		snprintf(why, CONFIG_WHY, "%s: %s; the user that runs gitnfsd "
			 "has to be able to read it", file[i], strerror(err));
		return -err;
	}
	return 0;
}

/* Check a place, or add it to a file system. */
static int do_place(struct fs *fs, const struct config *c,
		    const struct config_place *p, bool root,
		    char why[CONFIG_WHY])
{
	int r = fs ? 0 : check_files(p, why);

	if (r)
		return r;
	r = root ? do_root(fs, c, p, why) :
	    fs ? add_source(fs, c, p, why) : check_source(c, p, why);
	if (fs && !r && p->refresh != CONFIG_UNSET)
		r = fs_refresh(fs, p->name, (uint32_t)p->refresh * MS);
	if (fs && !r && p->rule)
		r = fs_restrict(fs, p->name, p->rule);
	return r;
}

static int do_places(struct fs *fs, const struct config *c,
		     char why[CONFIG_WHY])
{
	for (size_t i = 0; i < c->sources.n + c->roots.n; i++) {
		bool root = i >= c->sources.n;
		const struct config_place *p = root ?
			&c->roots.place[i - c->sources.n] :
			&c->sources.place[i];
		int r = do_place(fs, c, p, root, why);

		if (r)
			return blame(p, r, why);
	}
	return 0;
}

static int check(const struct config *c, char why[CONFIG_WHY])
{
	int r = do_places(NULL, c, why);

	if (!r)
		log_sources(c);
	return r;
}

static int start_fs(struct fs *fs, const struct config *c,
		    char why[CONFIG_WHY])
{
	int r = do_places(fs, c, why);

	return r ? r : fs_start(fs, why);
}

/* ---- the port mapper ---- */

static bool portmap_is(const struct config *c, const char *how)
{
	return !strcmp(c->portmap ? c->portmap : "auto", how);
}

static int find_rpcbind(const struct config *c, struct rpcbind **ret,
			char why[CONFIG_WHY])
{
	bool must = portmap_is(c, "register");

	if ((must || portmap_is(c, "auto")) && rpcbind_runs())
		return rpcbind_new(ret);
	if (!must)
		return 0;
	snprintf(why, CONFIG_WHY, "rpcbind does not run; start it, or give "
		 "--portmap=serve or --portmap=off");
	return -ENOENT;
}

static void register_all(struct rpcbind *rpcbind, struct server *server)
{
	struct mapping map[REGISTRY_MAX];
	size_t n = server_mappings(server, map);
	int r = rpcbind_register(rpcbind, map, n);

	if (r)
		log_warning("locks may not work on this machine", "error=%s",
			    strerror(-r));
}

/* ---- serving ---- */

static void on_alarm(int sig)
{
	(void)sig;
	/* What still runs only reads. */
	_exit(EXIT_SUCCESS);
}

/* What admin_run() listens to, and no other thread gets. */
static sigset_t awaited(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGHUP);
	return set;
}

static void wait_for_end(struct admin *admin)
{
	const struct itimerval at_most = { .it_value.tv_usec = STOP_MS * 1000 };

	admin_run(admin);
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &at_most, NULL);
	notify("STOPPING=1");
}

static void announce(const struct server *server, const struct config *c)
{
	log_sources(c);
	for (size_t i = 0; i < c->listen.n; i++) {
		log_info("started", "nfs=%s", server_address(server, i));
		printf("ready nfs=%s\n", server_address(server, i));
	}
	fflush(stdout);
	notify("READY=1");
}

/* Until the end.  *held: 'fs' is still in use then. */
static int run(const struct config *c, struct fs *fs, struct server *server,
	       struct rpcbind *rpcbind, bool *held, char why[CONFIG_WHY])
{
	struct admin admin = {
		.fs = fs,
		.server = server,
		.state_dir = c->state_dir,
		.http_listen = c->http_listen,
		.http_secret_file = c->http_secret_file,
	};
	int r = admin_start(&admin, why);

	if (!r) {
		if (rpcbind)
			register_all(rpcbind, server);
		announce(server, c);
		wait_for_end(&admin);
		rpcbind_unregister(rpcbind);
		*held = admin_stop(&admin);
	}
	*held |= server_stop(server) != 0;
	log_info("stopped", "sources=%zu", c->sources.n);
	return r;
}

/* Take the addresses; with them, other rights are not needed. */
static int take_addresses(const struct config *c, bool rpcbind,
			  struct sockets *ret, char why[CONFIG_WHY])
{
	const char *dir[] = { c->state_dir, c->cache_dir };
	enum sockets_portmap portmap = SOCKETS_PORTMAP_OFF;
	int r;

	if (portmap_is(c, "serve"))
		portmap = SOCKETS_PORTMAP_MUST;
	else if (portmap_is(c, "auto") && !rpcbind)
		portmap = SOCKETS_PORTMAP_TRY;
	r = sockets_bind(ret, (const char *const *)c->listen.item, c->listen.n,
			 portmap, 0, why);
	if (!r && c->as_user)
		r = privilege_drop(c->as_user, dir, 2, why);
	return r;
}

static int serve(const struct config *c, const struct config_rules *rules,
		 char why[CONFIG_WHY])
{
	CLEANUP_RPCBIND struct rpcbind *rpcbind = NULL;
	CLEANUP_SOCKETS struct sockets sockets = { 0 };
	const struct fs_options fs_options = {
		.state_dir = c->state_dir,
		.cache_dir = c->cache_dir,
		.memory = (size_t)c->memory,
		.disk = (uint64_t)c->disk,
		.prefetch = (unsigned)c->prefetch,
	};
	struct server_options server_options = {
		.sockets = &sockets,
		.listen_rule = (const struct rule *const *)rules->listen,
		.rule = (const struct rule *const *)rules->place,
		.nrule = rules->nplace,
		.loops = (unsigned)c->loops,
	};
	struct server *server;
	bool held = false;
	struct fs *fs;
	int r = find_rpcbind(c, &rpcbind, why);

	if (!r)
		r = take_addresses(c, rpcbind, &sockets, why);
	if (!r)
		r = fs_new(&fs, &fs_options, why);
	if (r)
		return r;
	if (rpcbind) {
		server_options.mounted = rpcbind_mounted;
		server_options.mounted_arg = rpcbind;
	}
	config_rules_warn(rules, c);
	r = start_fs(fs, c, why);
	if (!r)
		r = server_start(&server, &server_options, fs, why);
	if (!r)
		r = run(c, fs, server, rpcbind, &held, why);
	/* Whoever still waits for 'fs' keeps it. */
	if (!held)
		fs_free(fs);
	return r;
}

static int set_log(const struct config *c, char why[CONFIG_WHY])
{
	enum log_format f = LOG_TEXT;
	int r = 0;

	log_set_level((enum log_level)c->log_level);
	if (c->log_format && !log_format_parse(c->log_format, &f))
		log_set_format(f);
	/* A check is for who reads what it says. */
	if (c->log_to && c->mode == CONFIG_SERVE)
		r = log_set_target(c->log_to);
	if (r)
		snprintf(why, CONFIG_WHY, "cannot log to %s: %s; choose "
			 "another place with --log-to", c->log_to,
			 strerror(-r));
	return r;
}

int main(int argc, char **argv)
{
	char why[CONFIG_WHY] = "";
	struct config_rules rules = { 0 };
	struct config c;
	const sigset_t set = awaited();
	int r;

	/* Before there are threads: these signals are for admin_run(). */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);       /* a full disk is no reason to end */

	r = config_load(&c, argc, argv, why);
	if (r) {
		config_free(&c);
		say(why);
		return r == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
	}
	if (c.mode == CONFIG_CHECK || c.mode == CONFIG_SERVE)
		r = set_log(&c, why);
	if (r) {
		config_free(&c);
		say(why);
		return EXIT_FAILURE;
	}
	switch (c.mode) {
	case CONFIG_HELP:
		fputs(config_help, stdout);
		break;
	case CONFIG_VERSION:
		puts("gitnfsd " PACKAGE_VERSION);
		break;
	case CONFIG_CHECK:
		r = config_rules_make(&c, &rules, why);
		if (!r)
			r = check(&c, why);
		break;
	case CONFIG_SERVE:
		privilege_raise_files();
		bus_guard();
		r = config_rules_make(&c, &rules, why);
		if (!r)
			r = serve(&c, &rules, why);
		break;
	}
	config_rules_free(&rules);
	config_free(&c);
	if (r)
		say(why);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
