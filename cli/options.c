/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

/* Options may stand anywhere: people add them where they think of them. */

static const struct cli_option *find(const struct cli_option *all,
				     const char *name, size_t len)
{
	for (; all->name; all++)
		if (strlen(all->name) == len && !memcmp(all->name, name, len))
			return all;
	return NULL;
}

int cli_options(const struct cli *cli, const struct cli_option *all,
		int *argc, char **argv)
{
	int kept = 1;

	for (int i = 1; i < *argc; i++) {
		const char *name = argv[i] + 2, *equal;
		const struct cli_option *o;
		size_t len;

		if (!strcmp(argv[i], "--")) {
			while (++i < *argc)
				argv[kept++] = argv[i];
			break;
		}
		if (argv[i][0] != '-' || !argv[i][1]) {
			argv[kept++] = argv[i];
			continue;
		}
		if (argv[i][1] != '-')
			return cli_usage(cli, "wrong option \"%s\"", argv[i]);
		equal = strchr(name, '=');
		len = equal ? (size_t)(equal - name) : strlen(name);
		o = find(all, name, len);
		if (!o || (equal && !o->value))
			return cli_usage(cli, "wrong option \"%s\"", argv[i]);
		if (o->set)
			*o->set = true;
		else if (equal)
			*o->value = argv[i] + 2 + len + 1;
		else if (i + 1 < *argc)
			*o->value = argv[++i];
		else
			return cli_usage(cli, "--%s needs a value", o->name);
	}
	argv[kept] = NULL;
	*argc = kept;
	return END_WELL;
}

int cli_options_only(const struct cli *cli, const struct cli_option *all,
		     int *argc, char **argv)
{
	int status = cli_options(cli, all, argc, argv);

	return status || *argc == 1 ? status :
	       cli_usage(cli, "\"%s\" is too much", argv[1]);
}
