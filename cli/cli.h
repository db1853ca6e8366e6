/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* cli.h - what the commands of gitnfs share: which server is meant, what to
 * say and how to end.
 *
 * Each command is a function that is given its own arguments, the first
 * being its name, and returns the exit status.  What is asked for goes to
 * standard output, all else to standard error.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

/* gitnfs(1) tells what each means. */
enum {
	END_WELL = 0,
	END_FAILED = 1,
	END_USAGE = 2,
	END_NO_SERVER = 3,
	END_TROUBLE = 4,        /* it works, but not all is well */
};

struct cli {
	const char *name;       /* as people are to call us */
	char *self;             /* the path of this program */
	char *state_dir;        /* of the server that is meant */
	char *config;           /* given by -c, or NULL */
};

/* What the configuration says: a path, which the caller frees; or NULL. */
char *cli_configured(const struct cli *, const char *key);

typedef int cli_command(struct cli *, int argc, char **argv);
cli_command cli_mount, cli_umount, cli_attach, cli_status, cli_warm,
	cli_pin, cli_unpin, cli_gc, cli_du, cli_refresh, cli_reload,
	cli_trace, cli_doctor, cli_stop, cli_log_level;

/* As /sbin/mount.gitnfs. */
int cli_helper(struct cli *, int argc, char **argv);

/* "gitnfs: ...", on standard error. */
void cli_say(const struct cli *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same, and how to learn more; END_USAGE. */
int cli_usage(const struct cli *, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* An option of a command; the last has no name. */
struct cli_option {
	const char *name;       /* "watch" */
	bool *set;              /* a flag */
	char **value;           /* or a value */
};
/* Takes the options out of argv[1..]; what is left begins at argv[1], and *argc
 * counts it and argv[0].  END_USAGE: said what is wrong. */
int cli_options(const struct cli *, const struct cli_option *, int *argc,
		char **argv);
/* The same for a command that takes nothing else. */
int cli_options_only(const struct cli *, const struct cli_option *, int *argc,
		     char **argv);

#endif
