/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cli/talk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/cleanup.h"
#include "common/unix.h"

struct talk {
	int fd;
	char *buf;
	size_t len, room;
	char why[512];
};

int talk_open(struct talk **ret, const char *state_dir)
{
	CLEANUP_FREE char *path = NULL;
	struct unix_address addr;
	struct talk *t;
	int r;

	if (asprintf(&path, "%s/control", state_dir) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	r = unix_address(path, &addr);
	if (r)
		return r;
	t = calloc(1, sizeof *t);
	if (t) {
		t->fd = socket(AF_UNIX, SOCK_STREAM, 0);
		if (t->fd < 0 || connect(t->fd, (struct sockaddr *)&addr.addr,
					 addr.len))
			r = -errno;
	} else {
		r = -ENOMEM;
	}
	unix_address_clear(&addr);
	if (r) {
		talk_close(t);
		return r;
	}
	*ret = t;
	return 0;
}

void talk_close(struct talk *t)
{
	if (!t)
		return;
	if (t->fd >= 0)
		close(t->fd);
	free(t->buf);
	free(t);
}

bool talk_is_up(const char *state_dir)
{
	struct talk *t;

	if (talk_open(&t, state_dir))
		return false;
	talk_close(t);
	return true;
}

struct json_object *talk_request(const char *name)
{
	struct json_object *o = json_object_new_object();

	json_text(o, "command", name);
	return o;
}

int talk_ask(struct talk *t, struct json_object *request)
{
	const char *text =
		json_object_to_json_string_ext(request, JSON_C_TO_STRING_PLAIN);
	CLEANUP_FREE char *line = NULL;
	int len = asprintf(&line, "%s\n", text ? text : "{}");
	int r = 0;

	json_object_put(request);
	if (len < 0) {
		line = NULL;
		return -ENOMEM;
	}
	for (ssize_t at = 0, n; !r && at < len; at += n) {
		n = write(t->fd, line + at, (size_t)(len - at));
		if (n < 0 && errno == EINTR)
			n = 0;
		else if (n < 0)
			r = -EPROTO;
	}
	return r;
}

/* Wait for a whole line; the caller frees it. */
static int read_line(struct talk *t, char **ret)
{
	for (;;) {
		char *end = t->len ? memchr(t->buf, '\n', t->len) : NULL;
		ssize_t n;

		if (end) {
			size_t len = (size_t)(end - t->buf);

			*ret = strndup(t->buf, len);
			t->len -= len + 1;
			memmove(t->buf, end + 1, t->len);
			return *ret ? 0 : -ENOMEM;
		}
		if (t->len == t->room) {
			size_t room = t->room ? 2 * t->room : 65536;
			char *more = realloc(t->buf, room);

			if (!more)
				return -ENOMEM;
			t->buf = more;
			t->room = room;
		}
		n = read(t->fd, t->buf + t->len, t->room - t->len);
		if (n < 0 && errno == EINTR)
			return -EINTR;
		if (n <= 0)
			return -EPROTO;
		t->len += (size_t)n;
	}
}

static int err_of(const char *name)
{
	return !name ? -EIO : !strcmp(name, "ENOENT") ? -ENOENT :
	       !strcmp(name, "EINVAL") ? -EINVAL :
	       !strcmp(name, "ENOSYS") ? -ENOSYS : -EIO;
}

int talk_next(struct talk *t, struct json_object **ret)
{
	CLEANUP_FREE char *text = NULL;
	CLEANUP_JSON struct json_object *line = NULL;
	struct json_object *result;
	const char *why;
	int r = read_line(t, &text);

	if (r)
		return r;
	line = json_tokener_parse(text);
	if (!json_object_is_type(line, json_type_object))
		return -EPROTO;
	if (!json_at(line, "ok", json_type_boolean)) {
		*ret = TAKE(line);
		return 1;
	}
	if (!json_flag_at(line, "ok")) {
		why = json_text_at(line, "error");
		snprintf(t->why, sizeof t->why, "%s", why ? why : "it failed");
		r = err_of(json_text_at(line, "errno"));
		return r;
	}
	json_object_object_get_ex(line, "result", &result);
	*ret = json_object_get(result);
	return 0;
}

int talk_failed(const struct cli *cli, const struct talk *t, int err)
{
	if (!t && (err == -ENOENT || err == -ECONNREFUSED)) {
		cli_say(cli, "no server runs on %s; \"gitnfs mount DIR\" "
			"starts one", cli->state_dir);
		return END_NO_SERVER;
	}
	if (!t && err == -EACCES) {
		cli_say(cli, "the server on %s is not yours to ask; try: sudo "
			"gitnfs -s %s ...", cli->state_dir, cli->state_dir);
		return END_FAILED;
	}
	if (t && *t->why) {
		cli_say(cli, "%s", t->why);
		return END_FAILED;
	}
	cli_say(cli, "%s", err == -EPROTO ? "the server has hung up; its log "
		"may tell why" : strerror(-err));
	return END_FAILED;
}

int talk_once(const struct cli *cli, struct json_object *request,
	      struct json_object **ret)
{
	struct json_object *line = NULL;
	struct talk *t = NULL;
	int status = END_WELL, r = talk_open(&t, cli->state_dir);

	if (r)
		json_object_put(request);
	else
		r = talk_ask(t, request);
	while (!r && (r = talk_next(t, &line)) > 0) {
		json_object_put(line);
		r = 0;
	}
	if (r)
		status = talk_failed(cli, t, r);
	else
		*ret = line;
	talk_close(t);
	return status;
}

void talk_put(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
					    JSON_C_TO_STRING_NOSLASHESCAPE));
}

void talk_explain(const struct cli *cli, const char *path, bool told)
{
	CLEANUP_JSON struct json_object *result = NULL;
	struct json_object *list;

	path += *path == '/';
	if (talk_once(cli, talk_request("status"), &result))
		return;
	list = json_at(result, "failures", json_type_array);
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *name = json_text_at(o, "name");
		const char *why = json_text_at(o, "why");
		size_t len = strlen(name);

		if (strncmp(path, name, len) ||
		    (path[len] && !strchr("/@", path[len])))
			continue;
		if (!told)
			cli_say(cli, "%s: %s%s%s", name,
				json_text_at(o, "error"), *why ? "; " : "", why);
		else if (*why)
			cli_say(cli, "%s", why);
		return;
	}
}
