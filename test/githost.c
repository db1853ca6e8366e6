/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/githost.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/port.h"
#include "test/suite.h"

static char dir[96];            /* a socket's path has 108 */
static pid_t owner;             /* of it: tests are processes of their own */
static char source[4096];       /* where the sources are, absolute */
static int keep_alive[2] = { -1, -1 };  /* scripts end when these are closed */
static pid_t child[2];          /* fcgiwrap, nginx */
static int lives[2];            /* who holds its writing end has not ended */
static int tls_port, proxy_port;
static long mark;

/* Tests and what is before them alike. */
static void must_work(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "failed: %s\n", what);
	if (getpid() == owner) {
		owner = 0;
		githost_exit(1);
	}
	exit(99);
}
#define must(ok) must_work(ok, #ok)

/* ---- repositories ---- */

struct oid id_of(const char *repo, const char *revision)
{
	char path[64];

	must(snprintf(path, sizeof path, "repos/%s", repo) <
	     (int)sizeof path);
	return git_id(path, revision);
}

size_t ids_below(const char *repo, const char *revision, const char *type,
		 struct oid *ret, size_t max)
{
	char *list = output("git -C 'repos/%s' ls-tree -rt '%s' | "
			    "sed -n 's/^[0-9]* %s \\([0-9a-f]*\\).*/\\1/p' | "
			    "sort -u", repo, revision, type);
	size_t n = 0;

	for (char *at = list; *at && n < max; at += strcspn(at, "\n") + 1)
		must(!oid_parse(at, strcspn(at, "\n"), &ret[n++]));
	free(list);
	return n;
}

/* ---- hosts ---- */

void githost_init(const char *name)
{
	const char *src = getenv("srcdir"), *tmp = getenv("TMPDIR");

	must(realpath(src ? src : ".", source));
	setenv("srcdir", source, 1);    /* for scripts, from anywhere */
	must(snprintf(dir, sizeof dir, "%s/gitnfs-%s-XXXXXX",
		      tmp && *tmp ? tmp : "/tmp", name) < (int)sizeof dir);
	must(mkdtemp(dir));
	must(!pipe(lives));
	for (int i = 0; i < 2; i++)
		fcntl(lives[i], F_SETFD, FD_CLOEXEC);
	owner = getpid();
	must(!chdir(dir));
	must(!mkdir("repos", 0700));
	must(!mkdir("home", 0700));
	git_be_neutral();
	setenv("HOME", "home", 1);
	setenv("no_proxy", "*", 1);
}

/* Until no process of theirs can write to 'dir' any more. */
static void wait_for_their_end(void)
{
	struct pollfd p = { .fd = lives[0], .events = POLLIN };

	close(lives[1]);
	while (poll(&p, 1, 30000) < 0 && errno == EINTR)
		;
}

int githost_exit(int status)
{
	for (int i = 0; i < 2; i++) {
		if (child[i] > 0) {
			kill(-child[i], SIGKILL);       /* and its own */
			waitpid(child[i], NULL, 0);
		}
	}
	for (int i = 0; i < 2; i++)
		if (keep_alive[i] >= 0)
			close(keep_alive[i]);
	wait_for_their_end();
	if (chdir("/"))
		return EXIT_FAILURE;
	shell("rm -rf '%s'", dir);
	return status;
}

int githost_skip(const char *why)
{
	return githost_exit(suite_skip(why));
}

static bool have(const char *program)
{
	char line[256];

	snprintf(line, sizeof line,
		 "PATH=$PATH:/usr/sbin command -v %s >/dev/null", program);
	return system(line) == 0;
}

void githost_wait(const char *regex)
{
	for (int i = 0; i < 3000 && !githost_count(regex); i++)
		usleep(10000);
	must_work(githost_count(regex) > 0, regex);
}

/* Until the file is there. */
static void wait_for(const char *path)
{
	for (int i = 0; i < 3000 && access(path, F_OK); i++)
		usleep(10000);
	must_work(access(path, F_OK) == 0, path);
}

static pid_t start(const char *const argv[], int in, const char *out)
{
	pid_t pid = fork();

	must(pid >= 0);
	if (pid)
		return pid;
	setpgid(0, 0);
	dup2(in >= 0 ? in : open("/dev/null", O_RDONLY), 0);
	dup2(open(out, O_WRONLY | O_CREAT | O_APPEND, 0600), 1);
	dup2(1, 2);
	dup2(lives[1], 3);
	for (int fd = 4; fd < 64; fd++)
		close(fd);
	execvp(argv[0], (char *const *)argv);
	_exit(127);
}

/* One of test/'s, which writes its port to a file. */
static int start_script(const char *name, const char *file, int *alive)
{
	char script[sizeof source + 32], out[32];
	int p[2], port = 0;
	FILE *f;

	if (!have("perl"))
		return -1;
	snprintf(script, sizeof script, "%s/test/%s", source, name);
	snprintf(out, sizeof out, "%s.out", name);
	must(!pipe(p));
	fcntl(p[1], F_SETFD, FD_CLOEXEC);
	start((const char *const []){ "perl", script, dir, NULL }, p[0], out);
	close(p[0]);
	*alive = p[1];
	wait_for(file);
	f = fopen(file, "r");
	must(f);
	must(fscanf(f, "%d", &port) == 1);
	fclose(f);
	return port;
}

int githost_scripted(void)
{
	return start_script("httpd.pl", "port", &keep_alive[0]);
}

int githost_forge(void)
{
	return start_script("forge.pl", "forge-port", &keep_alive[1]);
}

/* Below /git/ everybody may read, and below /nosizes/, where object-info is
 * not offered, and /old/, where version 2 is not; below /files/ are files;
 * below /private/ "me" with "s3cret token" may read.  There is a proxy.
 * The certificate is for localhost, from the authority in ca.pem. */
static void configure_nginx(int port)
{
	FILE *f = fopen("nginx.conf", "w");
	char *exec_path = output("git --exec-path");

	must(f);
	exec_path[strcspn(exec_path, "\n")] = '\0';
	fprintf(f,
		"%5$s daemon off; master_process off;\n"
		"pid %1$s/nginx.pid;\n"
		"error_log %1$s/nginx.err;\n"
		"events { worker_connections 256; }\n"
		"http {\n"
		"  log_format l '$request_method $uri $server_protocol "
		"$status user=$remote_user in=$request_length "
		"out=$body_bytes_sent agent=$http_user_agent';\n"
		"  log_format p 'PROXY $request_method $request_uri';\n"
		"  access_log %1$s/log l;\n"
		"  client_body_temp_path %1$s/n1; proxy_temp_path %1$s/n2;\n"
		"  fastcgi_temp_path %1$s/n3; uwsgi_temp_path %1$s/n4;\n"
		"  scgi_temp_path %1$s/n5;\n"
		"  client_max_body_size 16m;\n"
		"  server {\n"
		"    listen 127.0.0.1:%2$d;\n"
		"    listen 127.0.0.1:%3$d ssl http2;\n"
		"    ssl_certificate %1$s/host.pem;\n"
		"    ssl_certificate_key %1$s/host.key;\n"
		"    location /files/ { alias %1$s/repos/; }\n"
		"    location ~ ^/(git|private|nosizes|old)(/.*)$ {\n"
		"      set $git_path $2;\n"
		"      if (-f %1$s/off) { return 444; }\n"
		"      fastcgi_param QUERY_STRING $query_string;\n"
		"      fastcgi_param REQUEST_METHOD $request_method;\n"
		"      fastcgi_param CONTENT_TYPE $content_type;\n"
		"      fastcgi_param CONTENT_LENGTH $content_length;\n"
		"      fastcgi_param SCRIPT_FILENAME %4$s/git-http-backend;\n"
		"      fastcgi_param GIT_PROJECT_ROOT %1$s/repos;\n"
		"      fastcgi_param GIT_HTTP_EXPORT_ALL '';\n"
		"      fastcgi_param PATH_INFO $git_path;\n"
		"      fastcgi_param REMOTE_USER $remote_user;\n"
		"      fastcgi_param HTTP_GIT_PROTOCOL $git_protocol;\n"
		"      fastcgi_buffering off;\n"
		"      fastcgi_pass unix:%1$s/fcgi;\n"
		"      sub_filter object-info $sizes;\n"
		"      sub_filter_types "
		"application/x-git-upload-pack-advertisement;\n"
		"      auth_basic $realm;\n"
		"      auth_basic_user_file %1$s/users;\n"
		"    }\n"
		"  }\n"
		"  server {\n"
		"    listen 127.0.0.1:%6$d;\n"
		"    access_log %1$s/log p;\n"
		"    location / { proxy_pass http://$http_host$request_uri; }\n"
		"  }\n"
		"  map $uri $git_protocol { ~^/old/ ''; "
		"default $http_git_protocol; }\n"
		"  map $uri $sizes { ~^/nosizes/ object-none; "
		"default object-info; }\n"
		"  map $uri $realm { ~^/private/ private; default off; }\n"
		"}\n", dir, port, tls_port,
		exec_path, geteuid() ? "" : "user root root;", proxy_port);
	fclose(f);
	free(exec_path);
	shell("printf 'me:%%s\\n' \"$(openssl passwd -apr1 's3cret token')\" "
	      ">users");
}

static void make_certificate(void)
{
	shell("exec 2>/dev/null; "
	      "openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
	      "  -subj /CN=ca -keyout ca.key -out ca.pem && "
	      "openssl req -newkey rsa:2048 -nodes -subj /CN=localhost "
	      "  -keyout host.key -out host.csr && "
	      "printf 'subjectAltName=DNS:localhost\\n' >host.ext && "
	      "openssl x509 -req -in host.csr -CA ca.pem -CAkey ca.key "
	      "  -CAcreateserial -days 2 -extfile host.ext -out host.pem");
}

int githost_nginx(void)
{
	char conf[128], sock[128], path[4096];
	int port;

	if (!have("nginx") || !have("fcgiwrap") || !have("openssl"))
		return -1;
	snprintf(path, sizeof path, "%s:/usr/sbin", getenv("PATH"));
	setenv("PATH", path, 1);
	port = port_free();
	tls_port = port_free();
	proxy_port = port_free();
	make_certificate();
	configure_nginx(port);
	snprintf(sock, sizeof sock, "unix:%s/fcgi", dir);
	child[0] = start((const char *const []){ "fcgiwrap", "-c", "4", "-s",
						 sock, NULL }, -1,
			 "fcgiwrap.out");
	wait_for("fcgi");
	snprintf(conf, sizeof conf, "%s/nginx.conf", dir);
	child[1] = start((const char *const []){ "nginx", "-e", "nginx.err",
						 "-p", dir, "-c", conf, NULL },
			 -1, "nginx.out");
	wait_for("nginx.pid");
	return port;
}

void githost_hold(bool held)
{
	must(!kill(child[1], held ? SIGSTOP : SIGCONT));
}

int githost_tls_port(void)
{
	return tls_port;
}

int githost_proxy_port(void)
{
	return proxy_port;
}

/* ---- the log ---- */

void githost_mark(void)
{
	struct stat st;

	mark = stat("log", &st) ? 0 : (long)st.st_size;
}

unsigned githost_count(const char *regex)
{
	FILE *f = fopen("log", "r");
	char line[4096];
	unsigned n = 0;
	regex_t re;

	must(!regcomp(&re, regex, REG_EXTENDED | REG_NOSUB));
	if (f)
		fseek(f, mark, SEEK_SET);
	while (f && fgets(line, sizeof line, f))
		n += !regexec(&re, line, 0, NULL, 0);
	if (f)
		fclose(f);
	regfree(&re);
	return n;
}
