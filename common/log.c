/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"

/* A line at its longest, every byte escaped, is below PIPE_BUF: it passes
 * through a pipe whole. */
enum { TEXT_SIZE = 900, HEAD_SIZE = 160 };
enum { LINE_SIZE = HEAD_SIZE + 4 * TEXT_SIZE };

static const char *const level_name[] = {
	[LOG_ERROR] = "error", [LOG_WARNING] = "warning",
	[LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};
static _Atomic int max_level = LOG_INFO;

int log_level_parse(const char *s, enum log_level *ret)
{
	for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
		if (!strcmp(s, level_name[i])) {
			*ret = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&max_level,
						  memory_order_relaxed);
}

/* May this site log a line now?  *swallowed: how many could not since the
 * last that did. */
static bool admit(struct log_site *site, unsigned *swallowed)
{
	static pthread_mutex_t sites = PTHREAD_MUTEX_INITIALIZER;
	uint64_t now = clock_ms();

	LOCK_SCOPE(&sites);
	if (!site->lines || now - site->since >= LOG_PERIOD_MS) {
		site->since = now;
		site->lines = 0;
	}
	if (site->lines == LOG_BURST) {
		site->swallowed++;
		return false;
	}
	site->lines++;
	*swallowed = site->swallowed;
	site->swallowed = 0;
	return true;
}

/* Would a terminal or a reader of lines take this byte for more than text?
 * Bytes 80 to 9F are control characters too, unless they continue a UTF-8
 * character; and even so after C2. */
static bool must_escape(unsigned char before, unsigned char c)
{
	return c < 0x20 || c == 0x7f || c == '"' || c == '\\' ||
	       (c >= 0x80 && c < 0xa0 && (before < 0x80 || before == 0xc2));
}

static char *escape(char *out, const char *text)
{
	static const char digit[] = "0123456789abcdef";
	unsigned char before = 0;

	for (const unsigned char *c = (const void *)text; *c; before = *c++) {
		if (!must_escape(before, *c)) {
			*out++ = (char)*c;
			continue;
		}
		*out++ = '\\';
		if (*c == '"' || *c == '\\') {
			*out++ = (char)*c;
			continue;
		}
		*out++ = 'x';
		*out++ = digit[*c >> 4];
		*out++ = digit[*c & 15];
	}
	return out;
}

static int head(char out[HEAD_SIZE], enum log_level level, const char *what)
{
	struct timespec now = clock_wall();
	char date[32];
	struct tm tm;

	gmtime_r(&now.tv_sec, &tm);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	return snprintf(out, HEAD_SIZE, "time=%s.%03dZ level=%s msg=\"%.64s\" ",
			date, (int)(now.tv_nsec / 1000000),
			level_name[level], what);
}

void log_line(struct log_site *site, enum log_level level, const char *what,
	      const char *fmt, ...)
{
	char text[TEXT_SIZE], line[LINE_SIZE], *end;
	unsigned swallowed;
	va_list ap;

	if (!admit(site, &swallowed))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text - 32, fmt, ap);
	va_end(ap);
	if (swallowed)
		sprintf(text + strlen(text), " swallowed=%u", swallowed);
	end = escape(line + head(line, level, what), text);
	*end++ = '\n';
	/* Nobody to tell when it cannot be written. */
	if (write(STDERR_FILENO, line, (size_t)(end - line)) < 0)
		return;
}
