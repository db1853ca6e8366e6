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
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "cli/address.h"
#include "cli/cli.h"
#include "cli/mounts.h"
#include "cli/serve.h"
#include "cli/talk.h"
#include "cli/text.h"
#include "common/cleanup.h"
#include "common/dirs.h"

enum {
	USUAL_PORT = 2049,
	FREE_MIN = 100 << 20,   /* bytes on a disk */
	LEFT_MIN = 10,          /* requests */
	BUILT = 1767225600,     /* 2026: no clock is right that is before */
	AHEAD_S = 300,          /* of a commit, with clocks that are right */
	SOURCES_MOST = 5,       /* that are told of */
};

/* ---- findings ---- */

enum finding { FINE, NOTE, WRONG };

struct doctor {
	struct cli *cli;
	struct json_object *status;     /* of the server, or NULL */
	unsigned wrong;
};

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

static void find(struct doctor *d, enum finding f, const char *what,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

static void find(struct doctor *d, enum finding f, const char *what,
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

/* What to do, below it. */
static void advise(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

static void advise(const char *fmt, ...)
{
	va_list ap;

	printf("%10s", "-> ");
	va_start(ap, fmt);
	put(10, fmt, ap);
	va_end(ap);
}

/* ---- the server ---- */

/* What it says of itself, if it runs. */
static struct json_object *list_at(const struct doctor *d, const char *key)
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
		find(d, NOTE, "server", "none runs on %s", d->cli->state_dir);
		advise("gitnfs mount DIR starts one");
		return;
	}
	find(d, WRONG, "server", "gitnfsd.service does not run");
	advise("systemctl start gitnfsd; journalctl -u gitnfsd tells more");
	if (is_taken(USUAL_PORT)) {
		find(d, WRONG, "port", "another program has %d", USUAL_PORT);
		advise("ss -ltnp \"sport = %d\" tells which; or choose "
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
		find(d, WRONG, "server", "%s: %s", d->cli->state_dir,
		     strerror(-r));
		advise("is it yours?  try: sudo gitnfs doctor");
		return;
	}
	d->status = line;
	server = json_at(line, "server", json_type_object);
	if (strcmp(json_text_at(server, "version"), PACKAGE_VERSION)) {
		find(d, NOTE, "server", "is %s, this is %s",
		     json_text_at(server, "version"), PACKAGE_VERSION);
		advise("restart it: gitnfs stop; gitnfs mount DIR");
		return;
	}
	find(d, FINE, "server", "%s, process %lld", PACKAGE_VERSION,
	     (long long)json_i64_at(server, "pid"));
}

static struct json_object *listeners(const struct doctor *d)
{
	struct json_object *server = d->status ?
		json_at(d->status, "server", json_type_object) : NULL;

	return server ? json_at(server, "listen", json_type_array) : NULL;
}

static void check_ports(struct doctor *d)
{
	struct json_object *list = listeners(d);
	size_t n = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		const char *address = json_object_get_string(
			json_object_array_get_idx(list, i));
		struct address at;

		if (!address_parse(address, &at) && address_answers(&at))
			find(d, FINE, "port", "%s answers NFS calls", address);
		else {
			find(d, WRONG, "port", "%s does not answer", address);
			advise("a firewall, or a rule in gitnfs.conf(5)?");
		}
	}
}

/* ---- the system ---- */

#ifdef __linux__
static bool file_has(const char *path, const char *text)
{
	FILE *f = fopen(path, "re");
	CLEANUP_FREE char *line = NULL;
	size_t room = 0;
	bool found = false;

	while (f && !found && getline(&line, &room, f) > 0)
		found = strstr(line, text);
	if (f)
		fclose(f);
	return found;
}

/* Where that is told need not be in the PATH of who is not root. */
static bool has_module(void)
{
	return !system("PATH=$PATH:/usr/sbin:/sbin "
		       "modinfo nfs >/dev/null 2>&1");
}

static void check_client(struct doctor *d)
{
	if (file_has("/proc/filesystems", "\tnfs\n")) {
		find(d, FINE, "NFS client", "this kernel has it");
	} else if (has_module()) {
		find(d, FINE, "NFS client", "a module, to be loaded when it "
		     "is needed");
	} else {
		find(d, WRONG, "NFS client", "this kernel has none");
		advise("in a container: mount outside, pass the directory in;");
		advise("else install the kernel's extra modules, then: "
		       "modprobe nfs");
	}
}

static void check_privileges(struct doctor *d)
{
	if (!geteuid())
		find(d, FINE, "privileges", "root may mount");
	else if (!system("command -v sudo >/dev/null 2>&1"))
		find(d, FINE, "privileges", "sudo is asked to mount");
	else if (!system("command -v pkexec >/dev/null 2>&1"))
		find(d, FINE, "privileges", "pkexec is asked to mount");
	else {
		find(d, WRONG, "privileges", "only root may mount, and there "
		     "is neither sudo nor pkexec");
		advise("install sudo, or have root mount (mount.gitnfs in "
		       "fstab)");
	}
}

/* What mount(8) looks for. */
static void check_helper(struct doctor *d)
{
	static const char helper[] = "/sbin/mount.gitnfs";

	if (!access(helper, X_OK)) {
		find(d, FINE, "mount helper", "%s", helper);
		return;
	}
	find(d, NOTE, "mount helper", "there is no %s, which fstab and \"mount "
	     "-t gitnfs\" need", helper);
	advise("a package or \"make install\" has it; gitnfs mount needs "
	       "none");
}
#else
static void check_helper(struct doctor *d)
{
	(void)d;        /* there is no such thing */
}

static void check_client(struct doctor *d)
{
	if (!system("command -v mount_nfs >/dev/null 2>&1"))
		find(d, FINE, "NFS client", "mount_nfs is there");
	else
		find(d, WRONG, "NFS client", "there is no mount_nfs");
}

static void check_privileges(struct doctor *d)
{
	find(d, FINE, "privileges", "any user may mount here");
}
#endif

static bool listens_at(const struct doctor *d, int port)
{
	struct json_object *list = listeners(d);
	size_t n = list ? json_object_array_length(list) : 0;

	for (size_t i = 0; i < n; i++) {
		struct address at;

		if (!address_parse(json_object_get_string(
				json_object_array_get_idx(list, i)), &at) &&
		    atoi(at.port) == port)
			return true;
	}
	return false;
}

/* What gitnfs mounts is told the port; what others mount asks for it. */
static void check_rpcbind(struct doctor *d)
{
	int port = address_mapped();

	if (port < 0)
		find(d, FINE, "rpcbind", "none; gitnfs mount needs none");
	else if (listens_at(d, port))
		find(d, FINE, "rpcbind", "tells clients that NFS is at port "
		     "%d", port);
	else if (port)
		find(d, NOTE, "rpcbind", "tells clients of another NFS server, "
		     "at port %d", port);
	else
		find(d, NOTE, "rpcbind", "knows no NFS server");
	if (port >= 0 && !listens_at(d, port))
		advise("\"mount -t nfs\" has to be told port= and mountport=; "
		       "gitnfs mount does that");
}

static void check_mounts(struct doctor *d)
{
	struct address server;
	struct mounts all;
	unsigned n = 0, dead = 0;

	if (mounts_read(&all)) {
		find(d, NOTE, "mounts", "cannot tell what is mounted");
		return;
	}
	for (size_t i = 0; i < all.n; i++) {
		if (!mounts_is_ours(&all.mount[i], &server))
			continue;
		n++;
		if (address_answers(&server))
			continue;
		dead++;
		find(d, WRONG, "mounts", "%s waits for a server that is gone",
		     all.mount[i].dir);
		advise("gitnfs mount %s brings it back, gitnfs umount %s "
		       "ends it", all.mount[i].dir, all.mount[i].dir);
	}
	if (!n)
		find(d, FINE, "mounts", "none; gitnfs mount DIR makes one");
	else if (!dead)
		find(d, FINE, "mounts", "%u, and all are served", n);
	mounts_free(&all);
}

static void check_clock(struct doctor *d)
{
	struct json_object *list = list_at(d, "repositories");
	size_t n = list ? json_object_array_length(list) : 0;
	time_t now = time(NULL);

	if (now < BUILT) {
		find(d, WRONG, "clock", "it is before 2026 here: TLS will "
		     "fail");
		advise("set the clock");
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		if (json_i64_at(o, "committed") <= now + AHEAD_S)
			continue;
		find(d, NOTE, "clock", "the commit of %s is of the future: "
		     "this clock may be late", json_text_at(o, "name"));
		return;
	}
	find(d, FINE, "clock", "as far as can be told");
}

/* ---- what is kept ---- */

static void check_dir(struct doctor *d, const char *what, const char *dir,
		      bool private)
{
	struct statvfs fs;
	struct stat st;
	char free_text[TEXT_SIZE];

	if (!dir || (stat(dir, &st) && errno == ENOENT)) {
		find(d, FINE, what, "%s is made when it is needed",
		     dir ? dir : "it");
		return;
	}
	if (access(dir, R_OK | W_OK | X_OK)) {
		find(d, WRONG, what, "%s: %s", dir, strerror(errno));
		advise("whose is it?  ls -ld %s", dir);
		return;
	}
	if (private && !stat(dir, &st) && st.st_mode & 022) {
		find(d, WRONG, what, "%s can be written by others", dir);
		advise("chmod go-w %s", dir);
	}
	if (statvfs(dir, &fs)) {
		find(d, NOTE, what, "%s: %s", dir, strerror(errno));
		return;
	}
	uint64_t left = (uint64_t)fs.f_bavail * fs.f_frsize;

	find(d, left < FREE_MIN ? WRONG : FINE, what, "%s, %s free", dir,
	     text_bytes(left, free_text));
	if (left < FREE_MIN)
		advise("make room, or say less for cache.disk");
}

/* As the server tells; else the configuration; else where it would be. */
static char *cache_dir(const struct doctor *d)
{
	CLEANUP_FREE char *usual = dirs_default(DIRS_STATE);
	struct json_object *server = d->status ?
		json_at(d->status, "server", json_type_object) : NULL;
	const char *told = server ? json_text_at(server, "cache_dir") : NULL;
	char *dir = told ? strdup(told) : cli_configured(d->cli, "cache.dir");

	if (dir || told)
		return dir;
	if (!usual || !strcmp(usual, d->cli->state_dir))
		return dirs_default(DIRS_CACHE);
	/* One that is not the usual one has a cache of its own. */
	return asprintf(&dir, "%s/cache", d->cli->state_dir) < 0 ? NULL : dir;
}

static void check_dirs(struct doctor *d)
{
	CLEANUP_FREE char *cache = cache_dir(d);

	check_dir(d, "state", d->cli->state_dir, true);
	check_dir(d, "cache", cache, true);
}

/* ---- sources ---- */

static void check_credentials(struct doctor *d)
{
	if (!system("git --version >/dev/null 2>&1")) {
		if (!system("git config credential.helper >/dev/null 2>&1"))
			find(d, FINE, "credentials", "git has a helper");
		else
			find(d, FINE, "credentials", "none; public "
			     "repositories need none");
		return;
	}
	find(d, NOTE, "credentials", "there is no git to ask for them");
	advise("install git, or name a token-file in gitnfs.conf(5)");
}

/* Those that have never answered, and how often they were asked. */
static void check_silence(struct doctor *d, struct json_object *host)
{
	struct json_object *answers =
		json_at(host, "answers", json_type_object);
	int64_t failed = json_i64_at(host, "failed");
	const char *name = json_text_at(host, "name");

	if (!failed || (answers && json_object_object_length(answers)))
		return;
	find(d, WRONG, "host", "%s has never answered, in %lld tries", name,
	     (long long)failed);
	advise("does this work?  curl -I https://%s", name);
}

/* Those that refuse: a wrong token, or a name that they keep to themselves. */
static void check_refusals(struct doctor *d, struct json_object *host)
{
	struct json_object *answers =
		json_at(host, "answers", json_type_object);
	int64_t refused = answers ? json_i64_at(answers, "401") +
				    json_i64_at(answers, "403") : 0;

	if (!refused)
		return;
	find(d, NOTE, "host", "%s refuses what it is asked, %lld so far",
	     json_text_at(host, "name"), (long long)refused);
	advise("a token-file that is wrong, or that gitnfsd may not read?");
}

static void check_hosts(struct doctor *d)
{
	struct json_object *list = list_at(d, "hosts");
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
		find(d, WRONG, "rate limit", "%s takes %lld more requests "
		     "for %s", json_text_at(o, "name"),
		     (long long)json_object_get_int64(left),
		     text_age(json_i64_at(o, "reset") - time(NULL), age));
		advise("give a token: token-file in gitnfs.conf(5)");
		limited = true;
	}
	if (n && !limited)
		find(d, FINE, "rate limit", "none of the hosts says that it has had enough");
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
		advise("%s", why);
}

/* Those that are shown. */
static size_t check_repositories(struct doctor *d)
{
	struct json_object *list = list_at(d, "repositories");
	size_t n = list ? json_object_array_length(list) : 0, bad = 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *trouble = json_text_at(o, "trouble");
		const char *name = json_text_at(o, "name");

		if (!trouble || bad++ >= SOURCES_MOST)
			continue;
		find(d, WRONG, "source", "%s: %s", name, trouble);
		advise_why(named(list_at(d, "failures"), name));
		advise("does this work?  git ls-remote %s HEAD",
		       json_text_at(o, "url"));
	}
	return bad;
}

/* Those that somebody asked for, and that could not be had. */
static size_t check_failures(struct doctor *d)
{
	struct json_object *list = list_at(d, "failures");
	size_t n = list ? json_object_array_length(list) : 0, bad = 0;

	for (size_t i = 0; i < n && i < SOURCES_MOST; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);
		const char *name = json_text_at(o, "name");
		struct json_object *shown =
			named(list_at(d, "repositories"), name);

		if (json_flag_at(o, "absent")) {
			find(d, NOTE, "source", "%s: not found", name);
			advise_why(o);
		} else if (!shown || !json_text_at(shown, "trouble")) {
			find(d, WRONG, "source", "%s: %s", name,
			     json_text_at(o, "error"));
			advise_why(o);
			bad++;
		}
	}
	if (n > SOURCES_MOST)
		advise("gitnfs status --all tells of %zu more",
		       n - SOURCES_MOST);
	return bad;
}

static void check_sources(struct doctor *d)
{
	struct json_object *list = list_at(d, "repositories");
	size_t bad = check_repositories(d) + check_failures(d);

	if (d->status && !bad)
		find(d, FINE, "sources", "%zu, none in trouble",
		     list ? json_object_array_length(list) : 0);
}

int cli_doctor(struct cli *cli, int argc, char **argv)
{
	const struct cli_option options[] = { { NULL, NULL, NULL } };
	struct doctor d = { .cli = cli };
	int status = cli_options(cli, options, &argc, argv);

	if (status)
		return status;
	if (argc > 1)
		return cli_usage(cli, "\"%s\" is too much", argv[1]);
	check_server(&d);
	check_ports(&d);
	check_client(&d);
	check_privileges(&d);
	check_helper(&d);
	check_rpcbind(&d);
	check_mounts(&d);
	check_dirs(&d);
	check_clock(&d);
	check_credentials(&d);
	check_hosts(&d);
	check_sources(&d);
	json_object_put(d.status);
	return d.wrong ? END_TROUBLE : END_WELL;
}
