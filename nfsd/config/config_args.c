/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "nfsd/config/config_place.h"
#include "nfsd/config/config_read.h"
#include "nfsd/config/config_value.h"

const char config_help[] =
"usage: gitnfsd [OPTIONS] [SOURCE...]\n"
"Show git repositories as a read-only file system over NFSv3.\n"
"\n"
"  SOURCE                  [NAME=]PATH or [NAME=]URL, optionally followed by\n"
"                          @REF; shown as /NAME (default: the last component\n"
"                          of the path without .git)\n"
"\n"
"  -c, --config FILE       configuration file (git-config syntax)\n"
"  -l, --listen ADDR:PORT  default 127.0.0.1:2049; repeatable; port 0: any\n"
"      --allow NETWORK     who may call, as in 10.0.0.0/8; repeatable (default:\n"
"                          who reaches the address)\n"
"      --user NAME         whom to be, once the addresses are taken\n"
"      --state-dir DIR     key, journal, recorded commits\n"
"      --cache-dir DIR     downloaded objects\n"
"      --cache-memory SIZE what may be kept in memory (default 256m)\n"
"      --cache-disk SIZE   what may be kept on disk (default 10g; 0: nothing)\n"
"      --prefetch N        requests at a time for what may be wanted next\n"
"                          (default 8; 0: none)\n"
"      --portmap HOW       tell clients the port: auto (the default), register\n"
"                          (with rpcbind), serve (as port mapper), off\n"
"      --loops N           threads that answer (default: processors, up to 4)\n"
"      --http-listen ADDR:PORT  metrics and health over HTTP (default: none)\n"
"      --log-level LEVEL   error, warning, info or debug (default info)\n"
"      --log-format FORMAT text or json (default text)\n"
"      --log-to WHERE      stderr, journal, or a file (default stderr)\n"
"      --check-config      check configuration and sources, and exit\n"
"      --version           tell the version, and exit\n"
"      --help              this text\n"
"\n"
"gitnfsd(8) and gitnfs.conf(5) tell more.\n";

enum {
	OPTIONS_MAX = 64,
	OPT_CHECK = 256,
	OPT_VERSION,
	OPT_HELP,
	OPT_SETTING,            /* the first of config_settings[], ... */
};

static const struct option own[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "check-config", no_argument, NULL, OPT_CHECK },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
};

/* Ours, and those that are settings. */
static void list_options(struct option ret[OPTIONS_MAX])
{
	struct option *to = ret + sizeof own / sizeof *own;

	memset(ret, 0, OPTIONS_MAX * sizeof *ret);
	memcpy(ret, own, sizeof own);
	for (int i = 0; config_settings[i].key && to < ret + OPTIONS_MAX - 1;
	     i++) {
		if (!config_settings[i].option)
			continue;
		*to++ = (struct option){
			.name = config_settings[i].option,
			.has_arg = required_argument,
			.val = OPT_SETTING + i,
		};
	}
}

static int set_option(struct config *c, const struct config_setting *s,
		      const char *value, char *why)
{
	char key[64];

	snprintf(key, sizeof key, "--%s", s->option);
	return config_set(s, &(struct config_origin){
		.key = key, .why = why,
	}, value, c);
}

static int obey(struct config *c, int opt, const char *value,
		const char **ret_file, char *why)
{
	switch (opt) {
	case 'c':
		*ret_file = value;
		return 0;
	case 'l':
		return set_option(c, config_setting_find(config_settings,
							 "server.listen"),
				  value, why);
	case OPT_CHECK:
		c->mode = CONFIG_CHECK;
		return 0;
	case OPT_VERSION:
		c->mode = CONFIG_VERSION;
		return 0;
	case OPT_HELP:
		c->mode = CONFIG_HELP;
		return 0;
	}
	return set_option(c, &config_settings[opt - OPT_SETTING], value, why);
}

int config_read_args(struct config *c, int argc, char **argv,
		     const char **ret_file, char why[CONFIG_WHY])
{
	struct option options[OPTIONS_MAX];
	int opt, r = 0;

	list_options(options);
	/* From the start again, as each system wants to be told. */
#ifdef __GLIBC__
	optind = 0;
#else
	optreset = 1;
	optind = 1;
#endif
	opterr = 0;
	while (!r && (opt = getopt_long(argc, argv, ":c:l:", options,
					NULL)) != -1) {
		if (opt == '?')
			return config_fail(why, -EINVAL, "wrong option "
					   "\"%s\"; gitnfsd --help lists them",
					   argv[optind - 1]);
		if (opt == ':')
			return config_fail(why, -EINVAL, "option \"%s\" needs "
					   "a value; see gitnfsd --help",
					   argv[optind - 1]);
		r = obey(c, opt, optarg, ret_file, why);
	}
	while (!r && optind < argc)
		r = config_place_parse(c, argv[optind++], why);
	return r;
}
