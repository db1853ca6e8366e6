/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* doctor: what might be in the way, and what to do about each. */
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/address.h"
#include "cli/cli.h"
#include "cli/doctor.h"
#include "cli/serve.h"
#include "cli/talk.h"
#include "cli/text.h"
#include "common/cleanup.h"

enum {
	USUAL_PORT = 2049,
	LEFT_MIN = 10,          /* requests */
	SOURCES_MOST = 5,       /* that are told of */
};

/* ---- findings ---- */

static void put(int at, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/* From column 'at' on. */
static void put(int at, const char *fmt, va_list ap)
{
	CLEANUP_FREE char *text = NULL;

	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	text_fold(stdout, text ? text : fmt, at, at);
}

void doctor_find(struct doctor *d, enum finding f, const char *what,
		 const char *fmt, ...)
{
	static const struct {
		const char *word;
		enum text_look look;
	} sign[] = {
		[FINE] = { "ok", LOOK_GOOD },
		[NOTE] = { "note", LOOK_WARN },
		[WRONG] = { "WRONG", LOOK_BAD },
	};
	va_list ap;

	d->wrong += f == WRONG;
	printf("%s%-5s%s  %-12s ", text_look(sign[f].look), sign[f].word,
	       text_look(LOOK_PLAIN), what);
	va_start(ap, fmt);
	put(20, fmt, ap);
	va_end(ap);
}

void doctor_advise(const char *fmt, ...)
{
	va_list ap;

	printf("%10s", "-> ");
	va_start(ap, fmt);
	put(10, fmt, ap);
	va_end(ap);
}

/* ---- the server ---- */

/* What it says of itself, if it runs. */
struct json_object *doctor_list(const struct doctor *d, const char *key)
{
	return d->status ? json_at(d->status, key, json_type_array) : NULL;
}

static bool is_taken(unsigned port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	CLEANUP_FD int fd = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	return fd >= 0 &&
	       !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) &&
	       bind(fd, (struct sockaddr *)&addr, sizeof addr) &&
	       errno == EADDRINUSE;
}

static void say_none_runs(struct doctor *d)
{
	if (!serve_is_service(d->cli)) {
		doctor_find(d, NOTE, "server", "none runs on %s",
			    d->cli->state_dir);
		doctor_advise("gitnfs mount DIR starts one");
		return;
	}
	doctor_find(d, WRONG, "server", "gitnfsd.service does not run");
	doctor_advise("systemctl start gitnfsd; journalctl -u gitnfsd tells "
		      "more");
	if (is_taken(USUAL_PORT)) {
		doctor_find(d, WRONG, "port", "another program has %d",
			    USUAL_PORT);
		doctor_advise("ss -ltnp \"sport = %d\" tells which; or choose "
			      "another: server.listen", USUAL_PORT);
	}
}

static void check_server(struct doctor *d)
{
	struct json_object *line = NULL, *server;
	struct talk *t = NULL;
	int r = talk_open(&t, d->cli->state_dir);

	if (!r)
		r = talk_ask(t, talk_request("status"));
	while (!r && (r = talk_next(t, &line)) > 0) {
		json_object_put(line);
		r = 0;
	}
	talk_close(t);
	if (r == -ENOENT || r == -ECONNREFUSED) {
		say_none_runs(d);
		return;
	}
	if (r) {
		doctor_find(d, WRONG, "server", "%s: %s", d->cli->state_dir,
			    strerror(-r));
		doctor_advise("is it yours?  try: sudo gitnfs doctor");
		return;
	}
	d->status = line;
	server = json_at(line, "server", json_type_object);
	if (strcmp(json_text_at(server, "version"), PACKAGE_VERSION)) {
		doctor_find(d, NOTE, "server", "is %s, this is %s",
			    json_text_at(server, "version"), PACKAGE_VERSION);
		doctor_advise("restart it: gitnfs stop; gitnfs mount DIR");
		return;
	}
	doctor_find(d, FINE, "server", "%s, process %lld", PACKAGE_VERSION,
		    (long long)json_i64_at(server, "pid"));
}

struct json_object *doctor_listeners(const struct doctor *d)
{
	struct json_object *server = d->status ?
		json_at(d->status, "server", json_type_object) : NULL;

	return server ? json_at(server, "listen", json_type_array) : NULL;
}

static void check_ports(struct doctor *d)
{
	struct json_object *list = doctor_listeners(d);
	size_t n = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		const char *address = json_object_get_string(
			json_object_array_get_idx(list, i));
		struct address at;

		if (!address_parse(address, &at) && address_answers(&at))
			doctor_find(d, FINE, "port", "%s answers NFS calls",
				    address);
		else {
			doctor_find(d, WRONG, "port", "%s does not answer",
				    address);
			doctor_advise("a firewall, or a rule in "
				      "gitnfs.conf(5)?");
		}
	}
}

/* ---- sources ---- */

/* Those that have never answered, and how often they were asked. */
static void check_silence(struct doctor *d, struct json_object *host)
{
	struct json_object *answers =
		json_at(host, "answers", json_type_object);
	int64_t failed = json_i64_at(host, "failed");
	const char *name = json_text_at(host, "name");

	if (!failed || (answers && json_object_object_length(answers)))
		return;
	doctor_find(d, WRONG, "host", "%s has never answered, in %lld tries",
		    name, (long long)failed);
	doctor_advise("does this work?  curl -I https://%s", name);
}

/* Those that refuse whatever it is: a name that they keep to themselves is
 * nothing of theirs. */
static void check_refusals(struct doctor *d, struct json_object *host)
{
	struct json_object *answers =
		json_at(host, "answers", json_type_object);
	int64_t refused = answers ? json_i64_at(answers, "401") +
				    json_i64_at(answers, "403") : 0;

	if (!refused || json_i64_at(answers, "200"))
		return;
	doctor_find(d, NOTE, "host", "%s refuses all it is asked, %lld so far",
		    json_text_at(host, "name"), (long long)refused);
	doctor_advise("is its token-file right, and is one needed?");
}

static void check_hosts(struct doctor *d)
{
	struct json_object *list = doctor_list(d, "hosts");
	size_t n = list ? json_object_array_length(list) : 0;
	bool limited = false;

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		struct json_object *left = json_at(o, "left", json_type_int);
		char age[TEXT_SIZE];

		check_silence(d, o);
		check_refusals(d, o);
		if (!left || json_object_get_int64(left) >= LEFT_MIN)
			continue;
		doctor_find(d, WRONG, "rate limit", "%s takes %lld more "
			    "requests for %s", json_text_at(o, "name"), (long
			    long)json_object_get_int64(left),
			    text_age(json_i64_at(o, "reset") - time(NULL),
			    age));
		doctor_advise("give a token: token-file in gitnfs.conf(5)");
		limited = true;
	}
	if (n && !limited)
		doctor_find(d, FINE, "rate limit", "none of the hosts says "
			    "that it has had enough");
}

static struct json_object *named(struct json_object *list, const char *name)
{
	size_t n = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		if (!strcmp(json_text_at(o, "name"), name))
			return o;
	}
	return NULL;
}

static void advise_why(struct json_object *failure)
{
	const char *why = failure ? json_text_at(failure, "why") : NULL;

	if (why && *why)
		doctor_advise("%s", why);
}

/* Those that are shown. */
static size_t check_repositories(struct doctor *d)
{
	struct json_object *list = doctor_list(d, "repositories");
	size_t n = list ? json_object_array_length(list) : 0, bad = 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *trouble = json_text_at(o, "trouble");
		const char *name = json_text_at(o, "name");

		if (!trouble || bad++ >= SOURCES_MOST)
			continue;
		doctor_find(d, WRONG, "source", "%s: %s", name, trouble);
		advise_why(named(doctor_list(d, "failures"), name));
		doctor_advise("does this work?  git ls-remote %s HEAD",
			      json_text_at(o, "url"));
	}
	return bad;
}

/* Those that somebody asked for, and that could not be had; first what is
 * wrong, then names that were only tried.  Returns how many are wrong. */
static size_t check_failures(struct doctor *d)
{
	struct json_object *list = doctor_list(d, "failures");
	size_t n = list ? json_object_array_length(list) : 0, bad = 0, told = 0;

	for (size_t i = 0; i < 2 * n && told < SOURCES_MOST; i++) {
		struct json_object *o = json_object_array_get_idx(list, i % n);
		const char *name = json_text_at(o, "name");
		struct json_object *shown =
			named(doctor_list(d, "repositories"), name);
		bool absent = json_flag_at(o, "absent");

		if (absent != (i >= n) ||
		    (shown && json_text_at(shown, "trouble")))
			continue;
		doctor_find(d, absent ? NOTE : WRONG, "source", "%s: %s", name,
			    json_text_at(o, "error"));
		advise_why(o);
		bad += !absent;
		told++;
	}
	if (n > SOURCES_MOST)
		doctor_advise("gitnfs status --all tells of %zu more", n -
			      SOURCES_MOST);
	return bad;
}

static void check_sources(struct doctor *d)
{
	struct json_object *list = doctor_list(d, "repositories");
	size_t bad = check_repositories(d) + check_failures(d);

	if (d->status && !bad)
		doctor_find(d, FINE, "sources", "%zu, none in trouble", list ?
			    json_object_array_length(list) : 0);
}

int cli_doctor(struct cli *cli, int argc, char **argv)
{
	const struct cli_option options[] = { { NULL, NULL, NULL } };
	struct doctor d = { .cli = cli };
	int status = cli_options_only(cli, options, &argc, argv);

	if (status)
		return status;
	check_server(&d);
	check_ports(&d);
	doctor_here(&d);
	check_hosts(&d);
	check_sources(&d);
	json_object_put(d.status);
	return d.wrong ? END_TROUBLE : END_WELL;
}
