/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cli/text.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/json.h"

enum { ROOM_MIN = 20 };

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
		snprintf(ret, TEXT_SIZE, ">99%%");
	else
		snprintf(ret, TEXT_SIZE, "%.0f%%", 100 * (double)part / all);
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

/* ---- terminals ---- */

/* Of what is written to; INT_MAX: it is no terminal. */
static int columns(int fd)
{
	struct winsize ws;

	if (!isatty(fd))
		return INT_MAX;
	return !ioctl(fd, TIOCGWINSZ, &ws) && ws.ws_col ? ws.ws_col : 80;
}

int text_room(int used)
{
	int all = columns(STDOUT_FILENO);

	if (all == INT_MAX)
		return all;
	return all - used > ROOM_MIN ? all - used : ROOM_MIN;
}

/* ---- paths ---- */

static bool begins(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

/* How many characters; each is taken for a column. */
static int width(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += begins(*text);
	return n;
}

/* The place of character 'n'. */
static const char *skip(const char *text, int n)
{
	while (*text && (n -= begins(*text)) >= 0)
		text++;
	return text;
}

const char *text_path(const char *path, int room, char ret[TEXT_PATH])
{
	int all = width(path), head = (room - 3) / 2;

	if (all <= room || room < 3)
		snprintf(ret, TEXT_PATH, "%s", path);
	else
		snprintf(ret, TEXT_PATH, "%.*s...%s",
			 (int)(skip(path, head) - path), path,
			 skip(path, all - (room - 3 - head)));
	for (char *c = ret; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return ret;
}

int text_width(struct json_object *list, size_t rows, const char *key,
	       int min, int used)
{
	int most = text_room(used), ret = min;

	for (size_t i = 0; i < rows; i++) {
		int n = width(json_text_at(json_object_array_get_idx(list, i),
					   key));

		ret = n > ret ? n : ret;
	}
	return ret < most ? ret : most > min ? most : min;
}

/* ---- lines ---- */

void text_fold(FILE *to, const char *words, int at, int indent)
{
	int all = columns(to == stderr ? STDERR_FILENO : STDOUT_FILENO);

	for (int blanks = 0; *words; words += blanks) {
		int len = (int)strcspn(words, " ");

		if (blanks && at + blanks + len > all) {
			fprintf(to, "\n%*s", indent, "");
			at = indent;
		} else {
			at += fprintf(to, "%*s", blanks, "");
		}
		at += fprintf(to, "%.*s", len, words);
		words += len;
		blanks = (int)strspn(words, " ");
	}
	fputc('\n', to);
}

/* ---- colour ---- */

/* Is standard output a terminal that shows colours, and does nobody mind? */
static bool colourful(void)
{
	static int known = -1;
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");

	if (known < 0)
		known = isatty(STDOUT_FILENO) && term &&
			strcmp(term, "dumb") && !(no && *no);
	return known;
}

const char *text_look(enum text_look look)
{
	static const char *const code[] = {
		[LOOK_PLAIN] = "\033[0m", [LOOK_BOLD] = "\033[1m",
		[LOOK_DIM] = "\033[2m", [LOOK_GOOD] = "\033[32m",
		[LOOK_WARN] = "\033[33m", [LOOK_BAD] = "\033[31m",
	};

	return colourful() ? code[look] : "";
}
