/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/log.h"
#include "nfsd/admin/admin.h"
#include "nfsd/admin/control.h"
#include "nfsd/admin/report.h"
#include "nfsd/admin/web.h"
#include "nfsd/server.h"
#include "nfsd/upgrade.h"

/* Those that admin_start() adds events for, in this order. */
static const int heard[] = { SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGHUP };

/* It may have been moved away, as logrotate(8) does. */
static void reopen_log(void)
{
	int r = log_reopen();

	if (r)
		log_error("the log cannot be opened again", "error=%s do=it goes "
			  "on where it was; make that writable, and send "
			  "SIGHUP again", strerror(-r));
}

int admin_reload(struct admin *a, struct reload *ret, char why[CONFIG_WHY])
{
	int r;

	reopen_log();
	r = reload(a->reloading, ret, why);
	if (r) {
		log_error("configuration not reloaded",
			  "error=%s do=all goes on as it was", why);
		return r;
	}
	/* Those that may have moved. */
	a->http_secret_file = a->reloading->config->http_secret_file;
	log_info("configuration reloaded",
		 "added=%zu removed=%zu changed=%zu", ret->places.added,
		 ret->places.removed, ret->places.changed);
	if (*ret->restart)
		log_warning("needs a restart", "keys=%s do=send SIGUSR2, or "
			    "restart gitnfsd", ret->restart);
	return 0;
}

static void on_hangup(struct admin *a)
{
	char why[CONFIG_WHY];
	struct reload ignored;

	admin_reload(a, &ignored, why);
}

/* ---- another program in our place ---- */

static void on_upgrade(void *arg, const char *why)
{
	struct admin *a = arg;

	a->upgrade = NULL;
	if (why) {
		log_error("no handover", "error=%s do=all goes on as it was; "
			  "correct that and send SIGUSR2 again", why);
		return;
	}
	a->handing_over = true;
	loop_end(a->loop);
}

static void begin_upgrade(struct admin *a)
{
	int r = a->upgrade ? 0 :
		upgrade_ask(&a->upgrade, loop_base(a->loop),
			    a->reloading->argv, on_upgrade, a);

	if (r)
		log_error("no handover", "error=%s do=all goes on as it was",
			  strerror(-r));
}

int admin_hand_over(struct admin *a)
{
	int r = server_hand_over(a->server);

	if (!r && a->web)
		r = web_hand_over(a->web);
	if (!r && a->control)
		r = control_hand_over(a->control);
	return r;
}

/* ---- signals ---- */

static void on_signal(evutil_socket_t sig, short what, void *arg)
{
	struct admin *a = arg;

	(void)what;
	if (sig == SIGUSR1)
		report(a->fs, a->server);
	else if (sig == SIGUSR2)
		begin_upgrade(a);
	else if (sig == SIGHUP)
		on_hangup(a);
	else
		loop_end(a->loop);
}

static int hear(struct admin *a)
{
	for (size_t i = 0; i < sizeof heard / sizeof *heard; i++) {
		a->signal[i] = evsignal_new(loop_base(a->loop), heard[i],
					    on_signal, a);
		if (!a->signal[i] || event_add(a->signal[i], NULL))
			return -ENOMEM;
	}
	return 0;
}

static void open_control(struct admin *a)
{
	CLEANUP_FREE char *path = NULL;
	char why[CONTROL_WHY] = "out of memory";
	int r = -ENOMEM;

	if (asprintf(&path, "%s/control", a->state_dir) < 0)
		path = NULL;
	if (path)
		r = control_new(&a->control, a->loop, path, admin_commands, a,
				why);
	if (r)
		log_warning("no control", "error=%s do=gitnfs cannot ask "
			    "it anything; correct that and restart", why);
}

int admin_start(struct admin *a, char why[ADMIN_WHY])
{
	int r = loop_new(&a->loop);

	a->started = clock_ms();
	if (!r)
		r = hear(a);
	if (r) {
		snprintf(why, ADMIN_WHY, "cannot make an event loop: %s",
			 strerror(-r));
		admin_stop(a);
		return r;
	}
	open_control(a);
	if (a->http_listen)
		r = web_new(&a->web, a, why);
	if (r)
		admin_stop(a);
	return r;
}

/* They are blocked in all other threads, and here while nobody listens. */
static void block_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof heard / sizeof *heard; i++)
		sigaddset(&set, heard[i]);
	pthread_sigmask(how, &set, NULL);
}

void admin_run(struct admin *a)
{
	block_signals(SIG_UNBLOCK);
	loop_here(a->loop);
	block_signals(SIG_BLOCK);
}

int admin_stop(struct admin *a)
{
	upgrade_free(TAKE(a->upgrade));
	web_free(a->web);
	a->web = NULL;
	control_free(a->control);
	a->control = NULL;
	/* What that has left to do. */
	if (a->loop)
		loop_join(a->loop);
	for (size_t i = 0; i < sizeof heard / sizeof *heard; i++)
		if (a->signal[i])
			event_free(a->signal[i]);
	if (a->waiters)
		return -EBUSY;
	loop_free(a->loop);
	a->loop = NULL;
	return 0;
}
