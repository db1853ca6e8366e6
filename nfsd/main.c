/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* gitnfsd: start what there is, in order, and stop it. */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
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

#include "backend/otlp.h"
#include "cache/fs.h"
#include "common/bus.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/list.h"
#include "common/log.h"
#include "nfsd/admin/admin.h"
#include "nfsd/config/config.h"
#include "nfsd/config/config_rules.h"
#include "nfsd/handover.h"
#include "nfsd/places.h"
#include "nfsd/portmap/rpcbind.h"
#include "nfsd/privilege.h"
#include "nfsd/reload.h"
#include "nfsd/server.h"

enum {
	EXIT_USAGE = 2,
	STOP_MS = 950,          /* then we are gone, whatever is under way */
};

_Static_assert((int)CONFIG_WHY >= (int)FS_WHY &&
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
	fd = fd_socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0 || sendto(fd, state, strlen(state), 0,
			     (struct sockaddr *)&addr,
			     (socklen_t)(offsetof(struct sockaddr_un,
						  sun_path) + len)) < 0)
		log_warning("systemd is not notified", "error=%s do=see "
			    "NotifyAccess= in the unit", strerror(errno));
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

/* ---- telemetry ---- */

static void on_telemetry(const char *url, const char *why, uint64_t dropped)
{
	if (why)
		log_warning("telemetry is not delivered", "url=%s error=%s; "
			    "what there is until it can be is dropped; see "
			    "telemetry.collector-url", url, why);
	else
		log_info("telemetry is delivered again", "url=%s dropped=%"
			 PRIu64, url, dropped);
}

static int start_telemetry(const struct config *c, char why[CONFIG_WHY])
{
	const struct otlp_options opt = {
		.url = c->collector_url,
		.trouble = on_telemetry,
	};
	int r = opt.url ? otlp_start(&opt) : 0;

	if (r)
		snprintf(why, CONFIG_WHY, "cannot tell the collector at %s: "
			 "%s", opt.url, strerror(-r));
	return r;
}

/* ---- serving ---- */

/* What still runs only reads. */
static void on_alarm(int sig)
{
	(void)sig;
	if (handover_is_ready())
		handover_exec();
	_exit(handover_is_ready() ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* What admin_run() listens to, and no other thread gets. */
static sigset_t awaited(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGHUP);
	return set;
}

/* From here there is no way back. */
static bool prepare_handover(struct admin *admin, char **argv)
{
	int r = admin_hand_over(admin);

	if (!r)
		r = handover_prepare(argv);
	if (!r)
		return true;
	handover_drop();
	log_error("no handover", "error=%s do=all goes on as it was",
		  strerror(-r));
	return false;
}

static void wait_for_end(struct admin *admin, char **argv)
{
	const struct itimerval at_most = { .it_value.tv_usec = STOP_MS * 1000 };

	for (;;) {
		admin_run(admin);
		if (!admin->handing_over)
			break;
		admin->handing_over = false;
		if (prepare_handover(admin, argv))
			break;
	}
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &at_most, NULL);
	if (!handover_is_ready())
		notify("STOPPING=1");
}

static void announce(const struct server *server, const struct config *c)
{
	places_log(c);
	for (size_t i = 0; i < c->listen.n; i++) {
		log_info("started", "nfs=%s", server_address(server, i));
		printf("ready nfs=%s\n", server_address(server, i));
	}
	fflush(stdout);
	notify("READY=1");
}

/* Until the end.  *held: 'fs' is still in use then. */
static int run(struct reloading *rl, struct rpcbind *rpcbind, bool *held,
	       char why[CONFIG_WHY])
{
	const struct config *c = rl->config;
	struct server *server = rl->server;
	struct admin admin = {
		.fs = rl->fs,
		.server = server,
		.reloading = rl,
		.state_dir = c->state_dir,
		.http_listen = c->http_listen,
		.http_secret_file = c->http_secret_file,
	};
	int r = admin_start(&admin, why);

	if (!r) {
		if (rpcbind)
			register_all(rpcbind, server);
		handover_close();
		announce(server, c);
		wait_for_end(&admin, rl->argv);
		if (handover_is_ready())
			rpcbind_leave(rpcbind);
		else
			rpcbind_unregister(rpcbind);
		*held = admin_stop(&admin);
	}
	*held |= server_stop(server) != 0;
	log_info(handover_is_ready() ? "handing over" : "stopped", "sources=%zu",
		 c->sources.n);
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

static int serve(struct reloading *rl, char why[CONFIG_WHY])
{
	const struct config *c = rl->config;
	const struct config_rules *rules = rl->rules;
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
		.state_dir = c->state_dir,
		.loops = (unsigned)c->loops,
	};
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
	places_warn(c);
	r = places_add(fs, c, why);
	if (!r)
		r = fs_start(fs, why);
	if (!r)
		r = start_telemetry(c, why);
	if (!r)
		r = server_start(&rl->server, &server_options, fs, why);
	rl->fs = fs;
	if (!r)
		r = run(rl, rpcbind, &held, why);
	otlp_stop();
	/* Whoever still waits for 'fs' keeps it. */
	if (!held)
		fs_free(fs);
	return r;
}

/* With nothing left but what is handed over. */
static int become_another(char why[CONFIG_WHY])
{
	const struct itimerval none = { .it_value.tv_usec = 0 };
	int r;

	setitimer(ITIMER_REAL, &none, NULL);
	r = handover_exec();
	snprintf(why, CONFIG_WHY, "cannot become the new program: %s",
		 strerror(-r));
	return r;
}

/* Where we have been given sockets, and nobody says where to listen, that is
 * where. */
static void listen_there(struct config *c)
{
	char **given = c->usual_listen ? handover_addresses(c->http_listen) :
					 NULL;

	if (!given)
		return;
	for (size_t i = 0; i < c->listen.n; i++)
		free(c->listen.item[i]);
	free(c->listen.item);
	c->listen = (struct config_list){ .item = given };
	while (given[c->listen.n])
		c->listen.n++;
}

static int set_log(const struct config *c, char why[CONFIG_WHY])
{
	enum log_format f = LOG_TEXT;
	int r = 0;

	/* A check lists what there is. */
	log_set_level(c->mode == CONFIG_CHECK && c->log_level < LOG_INFO ?
		      LOG_INFO : (enum log_level)c->log_level);
	if (c->log_format && !log_format_parse(c->log_format, &f))
		log_set_format(f);
	/* A check is for who reads what it says. */
	if (c->mode == CONFIG_SERVE)
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
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);       /* a full disk is no reason to end */

	handover_receive();
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
			r = places_check(&c, why);
		if (!r) {
			places_log(&c);
			places_warn(&c);
		}
		break;
	case CONFIG_SERVE:
		privilege_raise_files();
		bus_guard();
		listen_there(&c);
		r = config_rules_make(&c, &rules, why);
		if (!r)
			r = serve(&(struct reloading){
				.argc = argc, .argv = argv,
				.config = &c, .rules = &rules,
			}, why);
		if (!r && handover_is_ready())
			r = become_another(why);
		break;
	}
	config_rules_free(&rules);
	config_free(&c);
	if (r)
		say(why);
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
