/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <stdarg.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/text.h"
#include "common/cleanup.h"

void cli_say(const struct cli *cli, const char *fmt, ...)
{
	CLEANUP_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	fflush(stdout);
	text_fold(stderr, text ? text : fmt,
		  fprintf(stderr, "%s: ", cli->name), 4);
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	cli_say(cli, "%s; see %s --help", text, cli->name);
	return END_USAGE;
}
