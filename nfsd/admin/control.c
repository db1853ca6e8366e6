/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <config.h>

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fd.h"
#include "common/json.h"
#include "common/log.h"
#include "common/unix.h"
#include "nfsd/admin/control.h"
#include "nfsd/handover.h"

enum { BACKLOG = 16, PAUSE_MS = 100 };

struct control {
	struct loop *loop;
	const struct control_command *command;
	void *context;
	char *path;
	int fd;
	struct event *ready;
	struct event *resume;   /* pending while nobody is let in */
	struct list peers;
	unsigned npeers;
};

struct peer {
	struct control *control;
	struct list link;       /* control.peers */
	struct bufferevent *io;
	struct control_call *call;      /* under way, or NULL */
	bool ending;            /* close when all is written */
	bool deaf;              /* what comes is thrown away */
};

/* ---- who is connected ---- */

/* What is under way goes on without anybody to tell. */
static void peer_free(struct peer *p)
{
	struct control_call *call = p->call;

	list_del(&p->link);
	p->control->npeers--;
	bufferevent_free(p->io);
	free(p);
	if (!call)
		return;
	call->peer = NULL;
	if (call->gone)
		call->gone(call);
}

static bool write_line(struct peer *p, struct json_object *line)
{
	const char *text = json_object_to_json_string_ext(line,
							  JSON_C_TO_STRING_PLAIN |
					JSON_C_TO_STRING_NOSLASHESCAPE);

	return text && !bufferevent_write(p->io, text, strlen(text)) &&
	       !bufferevent_write(p->io, "\n", 1);
}

static const struct control_command *find(const struct control *c,
					  const char *name)
{
	for (const struct control_command *k = c->command; k->name; k++)
		if (name && !strcmp(k->name, name))
			return k;
	return NULL;
}

/* Takes over 'request'. */
static void begin(struct peer *p, struct json_object *request)
{
	const struct control *c = p->control;
	const char *name = json_text_at(request, "command");
	const struct control_command *command = find(c, name);
	struct control_call *call = calloc(1, sizeof *call);

	if (!call) {
		json_object_put(request);
		p->ending = true;
		return;
	}
	*call = (struct control_call){
		.request = request,
		.context = c->context,
		.peer = p,
	};
	p->call = call;
	if (command)
		command->run(call);
	else
		control_fail(call, -ENOSYS, "this server knows no command "
			     "\"%s\"; is it older than gitnfs?",
			     name ? name : "");
}

/* Nothing more is heard from it, but it is let finish: who is hung up on in
 * the middle may not come to read why. */
static void complain(struct peer *p, const char *why)
{
	struct json_object *line = json_object_new_object();

	json_flag(line, "ok", false);
	json_text(line, "error", why);
	json_text(line, "errno", "EBADMSG");
	write_line(p, line);
	json_object_put(line);
	p->deaf = true;
}

/* Run the next request if there is one and none is under way. */
static void take_requests(struct peer *p)
{
	struct evbuffer *in = bufferevent_get_input(p->io);

	if (p->deaf)
		evbuffer_drain(in, evbuffer_get_length(in));
	while (!p->call && !p->ending && !p->deaf) {
		CLEANUP_FREE char *line =
			evbuffer_readln(in, NULL, EVBUFFER_EOL_LF);
		struct json_object *request;

		if (!line) {
			if (evbuffer_get_length(in) >= CONTROL_LINE)
				complain(p, "the request is too long");
			break;
		}
		request = json_tokener_parse(line);
		if (json_object_is_type(request, json_type_object)) {
			begin(p, request);
		} else {
			json_object_put(request);
			complain(p, "a request is one line with a JSON "
				 "object");
		}
	}
}

static void finish(struct peer *p)
{
	if (p->ending && !p->call &&
	    !evbuffer_get_length(bufferevent_get_output(p->io)))
		peer_free(p);
}

static void on_read(struct bufferevent *io, void *arg)
{
	(void)io;
	take_requests(arg);
	finish(arg);
}

/* All is written. */
static void on_write(struct bufferevent *io, void *arg)
{
	(void)io;
	finish(arg);
}

/* Can nobody read any more what is written to it?  Elsewhere than here that
 * is told by the next write. */
static bool has_gone(struct bufferevent *io)
{
#ifdef __APPLE__
	(void)io;
	return false;
#else
	struct pollfd p = { .fd = bufferevent_getfd(io) };

	return poll(&p, 1, 0) == 1 && p.revents & (POLLHUP | POLLERR);
#endif
}

/* Who has sent his last request may still read; an error ends both. */
static void on_event(struct bufferevent *io, short what, void *arg)
{
	struct peer *p = arg;

	if (!(what & BEV_EVENT_EOF) || has_gone(io)) {
		peer_free(p);
		return;
	}
	bufferevent_disable(io, EV_READ);
	p->ending = true;
	finish(p);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	struct control *c = arg;

	(void)fd;
	(void)what;
	event_add(c->ready, NULL);
}

/* Who comes is still there in a moment, and may be let in then. */
static void pause_accepting(struct control *c)
{
	const struct timeval pause = { .tv_usec = PAUSE_MS * 1000 };

	if (!event_add(c->resume, &pause))
		event_del(c->ready);
}

static void on_connection(evutil_socket_t listener, short what, void *arg)
{
	struct control *c = arg;
	int fd = fd_accept(listener, NULL, NULL);
	struct peer *p;

	(void)what;
	if (fd < 0) {
		if (fd == -EMFILE || fd == -ENFILE)
			pause_accepting(c);
		return;
	}
	p = c->npeers < CONTROL_PEERS ? calloc(1, sizeof *p) : NULL;
	if (!p) {
		close(fd);
		return;
	}
	p->io = bufferevent_socket_new(loop_base(c->loop), fd,
				       BEV_OPT_CLOSE_ON_FREE);
	if (!p->io) {
		close(fd);
		free(p);
		return;
	}
	p->control = c;
	list_add_tail(&c->peers, &p->link);
	c->npeers++;
	bufferevent_setwatermark(p->io, EV_READ, 0, CONTROL_LINE);
	bufferevent_setcb(p->io, on_read, on_write, on_event, p);
	if (bufferevent_enable(p->io, EV_READ | EV_WRITE))
		peer_free(p);
}

/* ---- answers ---- */

bool control_tell(struct control_call *call, struct json_object *line)
{
	struct peer *p = call->peer;
	bool told = p && line && evbuffer_get_length(
			bufferevent_get_output(p->io)) < CONTROL_QUEUE &&
		    write_line(p, line);

	json_object_put(line);
	return told;
}

/* Takes over 'line'. */
static void end(struct control_call *call, struct json_object *line)
{
	struct peer *p = call->peer;

	json_object_put(call->request);
	free(call);
	if (p) {
		p->call = NULL;
		if (!line || !write_line(p, line))
			p->ending = true;
	}
	json_object_put(line);
	/* From here no further call may begin: its caller may be one. */
	if (p)
		bufferevent_trigger(p->io, EV_READ, BEV_TRIG_IGNORE_WATERMARKS |
				    BEV_TRIG_DEFER_CALLBACKS);
}

void control_end(struct control_call *call, struct json_object *result)
{
	struct json_object *line = json_object_new_object();

	json_flag(line, "ok", true);
	if (result)
		json_put(line, "result", result);
	end(call, line);
}

/* A name that does not depend on the system's numbers. */
static const char *name_of(int err)
{
	static const struct {
		int err;
		const char *name;
	} name[] = {
		{ ENOENT, "ENOENT" }, { EINVAL, "EINVAL" },
		{ EACCES, "EACCES" }, { ENOSYS, "ENOSYS" },
		{ EBUSY, "EBUSY" }, { ENOMEM, "ENOMEM" },
		{ EBADMSG, "EBADMSG" }, { ETIMEDOUT, "ETIMEDOUT" },
		{ ENOTDIR, "ENOTDIR" }, { ENOTSUP, "ENOTSUP" },
		{ EHOSTUNREACH, "EHOSTUNREACH" }, { ECANCELED, "ECANCELED" },
		{ ENOSPC, "ENOSPC" },
	};

	for (size_t i = 0; i < sizeof name / sizeof *name; i++)
		if (name[i].err == -err)
			return name[i].name;
	return "EIO";
}

void control_fail(struct control_call *call, int err, const char *fmt, ...)
{
	struct json_object *line = json_object_new_object();
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	json_flag(line, "ok", false);
	json_text(line, "error", why);
	json_text(line, "errno", name_of(err));
	end(call, line);
}

/* ---- the socket ---- */

static int listen_at(struct control *c, const char *path)
{
	struct unix_address addr;
	mode_t mask;
	int r = unix_address(path, &addr);

	if (r)
		return r;
	c->fd = handover_take(HANDOVER_CONTROL, SOCK_STREAM,
			      (struct sockaddr *)&addr.addr, addr.len);
	if (c->fd >= 0) {
		unix_address_clear(&addr);
		return 0;
	}
	c->fd = fd_socket(AF_UNIX, SOCK_STREAM, 0);
	if (c->fd < 0) {
		r = c->fd;
		unix_address_clear(&addr);
		return r;
	}
	evutil_make_socket_nonblocking(c->fd);
	unlink(path);
	mask = umask(077);      /* never open to others, not for a moment */
	if (bind(c->fd, (struct sockaddr *)&addr.addr, addr.len) ||
	    chmod(path, 0600) || listen(c->fd, BACKLOG))
		r = -errno;
	umask(mask);
	unix_address_clear(&addr);
	return r;
}

int control_new(struct control **ret, struct loop *loop, const char *path,
		const struct control_command *command, void *context,
		char why[CONTROL_WHY])
{
	struct control *c = calloc(1, sizeof *c);
	int r = -ENOMEM;

	snprintf(why, CONTROL_WHY, "out of memory");
	if (!c)
		return r;
	c->loop = loop;
	c->command = command;
	c->context = context;
	c->fd = -1;
	list_init(&c->peers);
	c->path = strdup(path);
	if (c->path)
		r = listen_at(c, path);
	if (!r) {
		c->ready = event_new(loop_base(loop), c->fd,
				     EV_READ | EV_PERSIST, on_connection, c);
		c->resume = evtimer_new(loop_base(loop), on_resume, c);
		if (!c->ready || !c->resume || event_add(c->ready, NULL))
			r = -ENOMEM;
	}
	if (r) {
		snprintf(why, CONTROL_WHY, "cannot make the control socket "
			 "%s: %s", path, strerror(-r));
		control_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

int control_hand_over(struct control *c)
{
	return handover_keep(HANDOVER_CONTROL, c->fd);
}

void control_free(struct control *c)
{
	if (!c)
		return;
	/* Hang up on all, so that they end. */
	for (struct list *l; (l = c->peers.next) != &c->peers;)
		peer_free(container_of(l, struct peer, link));
	if (c->ready)
		event_free(c->ready);
	if (c->resume)
		event_free(c->resume);
	if (c->fd >= 0) {
		close(c->fd);
		if (!handover_is_ready())       /* it is another's */
			unlink(c->path);
	}
	free(c->path);
	free(c);
}
