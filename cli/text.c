/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cli/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const char *text_bytes(uint64_t n, char ret[TEXT_SIZE])
{
	static const char unit[][4] = { "B", "KiB", "MiB", "GiB", "TiB",
					"PiB", "EiB" };
	double v = (double)n;
	unsigned i = 0;

	for (; v >= 999.5 && i < 6; i++)
		v /= 1024;
	snprintf(ret, TEXT_SIZE, i && v < 9.95 ? "%.1f %s" : "%.0f %s", v,
		 unit[i]);
	return ret;
}

const char *text_age(int64_t s, char ret[TEXT_SIZE])
{
	static const struct {
		int64_t seconds;
		const char *name;
	} unit[] = {
		{ 365 * 86400, "y" }, { 86400, "d" }, { 3600, "h" },
		{ 60, "min" }, { 1, "s" },
	};
	unsigned i = 0;

	if (s < 0)
		s = 0;
	/* Two of a unit say more than one of the next. */
	while (i < 4 && s < 2 * unit[i].seconds)
		i++;
	snprintf(ret, TEXT_SIZE, "%" PRId64 " %s", s / unit[i].seconds,
		 unit[i].name);
	return ret;
}

const char *text_ratio(uint64_t part, uint64_t rest, char ret[TEXT_SIZE])
{
	double all = (double)part + (double)rest;

	/* All but one of a million is not all. */
	if (!part && !rest)
		snprintf(ret, TEXT_SIZE, "-");
	else if (rest && (double)part / all >= 0.995)
		snprintf(ret, TEXT_SIZE, ">99 %%");
	else
		snprintf(ret, TEXT_SIZE, "%.0f %%",
			 100 * (double)part / all);
	return ret;
}

const char *text_count(uint64_t n, char ret[TEXT_SIZE])
{
	char plain[TEXT_SIZE], *to = ret;
	int len = snprintf(plain, sizeof plain, "%" PRIu64, n);

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			*to++ = ',';
		*to++ = plain[i];
	}
	*to = '\0';
	return ret;
}

bool text_colour(void)
{
	static int known = -1;
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	if (known < 0)
		known = isatty(STDOUT_FILENO) && term &&
			strcmp(term, "dumb") && !(no && *no);
	return known;
}

int text_columns(void)
{
	struct winsize ws;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) && ws.ws_col)
		return ws.ws_col;
	return 80;
}

const char *text_look(enum text_look look)
{
	static const char *const code[] = {
		[LOOK_PLAIN] = "\033[0m", [LOOK_BOLD] = "\033[1m",
		[LOOK_DIM] = "\033[2m", [LOOK_GOOD] = "\033[32m",
		[LOOK_WARN] = "\033[33m", [LOOK_BAD] = "\033[31m",
	};

	return text_colour() ? code[look] : "";
}
