/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* gitnfs: the command that people type. */
#include <git2.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "common/cleanup.h"
#include "common/dirs.h"

static const struct {
	const char *name;
	cli_command *run;
	const char *args, *what;        /* NULL: not for people */
	const char *more;       /* options that are not among args, or NULL */
} commands[] = {
	{ "mount", cli_mount, "[SOURCE...] DIR",
	  "show repositories there; starts a server",
	  "[--follow | --pinned] [--options OPTIONS]\n"
	  "                    [--server ADDRESS:PORT]" },
	{ "umount", cli_umount, "DIR", "undo what mount did", NULL },
	{ "status", cli_status, "[--json] [--watch]", "how things stand",
	  "[--all]" },
	{ "warm", cli_warm, "PATH", "fetch a repository, or a part of one, now",
	  NULL },
	{ "pin", cli_pin, "[PATH]", "fetch PATH, and have it stay; or tell what does",
	  "[--json]" },
	{ "unpin", cli_unpin, "PATH", "let what was pinned go", NULL },
	{ "du", cli_du, "[PATH]", "what is here, on disk and in memory",
	  "[--json]" },
	{ "gc", cli_gc, "[--to SIZE]", "give disk back", NULL },
	{ "refresh", cli_refresh, "[PATH]", "look at sources now", NULL },
	{ "trace", cli_trace, "[--misses] [--slow MS]",
	  "calls as they are answered", "[--json]" },
	{ "doctor", cli_doctor, "", "what might be in the way", NULL },
	{ "reload", cli_reload, "", "have gitnfsd read its configuration again",
	  NULL },
	{ "log-level", cli_log_level, "LEVEL", "log more or less, from now on",
	  NULL },
	{ "stop", cli_stop, "", "stop the server", NULL },
	{ "attach", cli_attach, NULL, NULL, NULL },
};

static void help(void)
{
	puts("usage: gitnfs [-s STATE-DIR] [-c FILE] COMMAND [ARGUMENTS]\n");
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		char head[40];

		if (!commands[i].what)
			continue;
		snprintf(head, sizeof head, "%s %s", commands[i].name,
			 commands[i].args);
		printf("  %-28s %s\n", head, commands[i].what);
	}
	puts("\n"
	     "  -s, --state-dir DIR          the server that keeps its state there\n"
	     "  -c, --config FILE            its configuration\n"
	     "      --version                tell the version, and exit\n"
	     "      --help                   this text; gitnfs(1) tells more");
}

static void help_of(size_t i)
{
	const char *more = commands[i].more;

	printf("usage: gitnfs %s %s%s%s\n%s; gitnfs(1) tells more.\n",
	       commands[i].name, more ? more : "", more ? " " : "",
	       commands[i].args, commands[i].what);
}

static char *find_self(const char *argv0)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

	if (len > 0) {
		path[len] = '\0';
		return strdup(path);
	}
	return strchr(argv0, '/') ? realpath(argv0, NULL) : strdup(argv0);
}

char *cli_configured(const struct cli *cli, const char *key)
{
	CLEANUP_FREE char *dir = dirs_default(DIRS_CONFIG), *file = NULL;
	char *found = NULL;
	git_config *cfg;
	git_buf buf = { 0 };

	if (cli->config)
		file = strdup(cli->config);
	else if (dir && asprintf(&file, "%s/gitnfs.conf", dir) < 0)
		file = NULL;
	git_libgit2_init();
	if (file && !access(file, R_OK) &&
	    !git_config_open_ondisk(&cfg, file)) {
		if (!git_config_get_path(&buf, cfg, key))
			found = strdup(buf.ptr);
		git_buf_dispose(&buf);
		git_config_free(cfg);
	}
	git_libgit2_shutdown();
	return found;
}

/* Where the server keeps its state: as we are told, or as the configuration
 * tells it, or the usual place. */
static char *find_state_dir(const struct cli *cli)
{
	char *found = cli_configured(cli, "state.dir");

	return found ? found : dirs_default(DIRS_STATE);
}

/* What an option before the command sets, or NULL: it is none. */
static char **option(struct cli *cli, const char *text, size_t len)
{
	const struct {
		const char *name;
		char **value;
	} options[] = {
		{ "-s", &cli->state_dir }, { "--state-dir", &cli->state_dir },
		{ "-c", &cli->config }, { "--config", &cli->config },
	};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		if (strlen(options[i].name) == len &&
		    !memcmp(options[i].name, text, len))
			return options[i].value;
	return NULL;
}

/* The options before the command, or before what is asked instead of one;
 * returns where that is, or -1: wrong. */
static int take_options(struct cli *cli, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && argv[i][0] == '-' &&
	     strcmp(argv[i], "--help") && strcmp(argv[i], "--version"); i++) {
		const char *o = argv[i], *equal = strchr(o, '=');
		const char *value = equal ? equal + 1 : argv[i + 1];
		char **to = option(cli, o, equal ? (size_t)(equal - o) :
						   strlen(o));

		if (!to)
			return cli_usage(cli, "wrong option \"%s\"", o), -1;
		if (!value)
			return cli_usage(cli, "%s needs a value", o), -1;
		free(*to);
		*to = strdup(value);
		i += !equal;
	}
	return i;
}

static int run(struct cli *cli, int argc, char **argv)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(commands[i].name, argv[0]))
			continue;
		if (argc != 2 || strcmp(argv[1], "--help") || !commands[i].what)
			return commands[i].run(cli, argc, argv);
		help_of(i);
		return END_WELL;
	}
	return cli_usage(cli, "there is no command \"%s\"", argv[0]);
}

static int with_arguments(struct cli *cli, int argc, char **argv)
{
	int at = take_options(cli, argc, argv);

	if (at < 0)
		return END_USAGE;
	if (at == argc)
		return cli_usage(cli, "say what to do");
	if (!strcmp(argv[at], "--help") || !strcmp(argv[at], "help")) {
		help();
		return END_WELL;
	}
	if (!strcmp(argv[at], "--version")) {
		puts("gitnfs " PACKAGE_VERSION);
		return END_WELL;
	}
	if (!cli->state_dir)
		cli->state_dir = find_state_dir(cli);
	if (!cli->state_dir)
		return cli_usage(cli, "there is no HOME to keep things in; "
				 "give --state-dir");
	return run(cli, argc - at, argv + at);
}

/* Who asked shall not take half of it for all; who stopped reading knows. */
static int is_written(const struct cli *cli)
{
	struct stat st;

	if (!fflush(stdout) && !ferror(stdout))
		return END_WELL;
	if (fstat(STDOUT_FILENO, &st) || !S_ISFIFO(st.st_mode))
		cli_say(cli, "the answer cannot be written: is the disk full?");
	return END_FAILED;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	struct cli cli = {
		.name = slash ? slash + 1 : argv[0],
		.self = find_self(argv[0]),
	};
	int status;

	signal(SIGPIPE, SIG_IGN);
	if (!strcmp(cli.name, "mount.gitnfs")) {
		status = cli_helper(&cli, argc, argv);
	} else {
		cli.name = "gitnfs";
		status = with_arguments(&cli, argc, argv);
		if (status == END_WELL)
			status = is_written(&cli);
	}
	free(cli.self);
	free(cli.state_dir);
	free(cli.config);
	return status;
}
