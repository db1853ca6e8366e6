/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/fd.h"

/* A line at its longest, every byte escaped, is below PIPE_BUF unless it is
 * JSON: it passes through a pipe whole. */
enum { TEXT_SIZE = 900, HEAD_SIZE = 160 };
enum { LINE_SIZE = HEAD_SIZE + 8 * TEXT_SIZE };

/* What stands between fields, and between a key and its value, until they
 * are told apart. */
enum { FIELD = 0x1f, IS = 0x1e };

#define JOURNAL "/run/systemd/journal/socket"

static const char *const level_name[] = {
	[LOG_ERROR] = "error", [LOG_WARNING] = "warning",
	[LOG_INFO] = "info", [LOG_DEBUG] = "debug",
};
static _Atomic int max_level = LOG_INFO;
static _Atomic int format = LOG_TEXT;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* covers the rest */
static int target = STDERR_FILENO;
static bool to_journal;
static char *path;              /* of a file, or NULL */

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

/* FNV-1a */
static uint32_t hash(const char *text)
{
	uint32_t h = 2166136261u;

	while (*text)
		h = (h ^ (unsigned char)*text++) * 16777619u;
	return h;
}

/* May this site log that now?  *swallowed: how many could not since the
 * last that did. */
static bool admit(struct log_site *site, const char *text, unsigned *swallowed)
{
	uint32_t said = hash(text);
	static pthread_mutex_t sites = PTHREAD_MUTEX_INITIALIZER;
	uint64_t now = clock_ms();

	LOCK_SCOPE(&sites);
	if (!site->lines || now - site->since >= LOG_PERIOD_MS) {
		site->since = now;
		site->lines = 0;
	}
	if (site->lines == LOG_BURST || (site->lines && site->last == said)) {
		site->swallowed++;
		return false;
	}
	site->lines++;
	site->last = said;
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

static char *escape(char *out, const char *text, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	unsigned char before = 0;

	for (size_t i = 0; i < len; before = (unsigned char)text[i++]) {
		unsigned char c = (unsigned char)text[i];

		if (!must_escape(before, c)) {
			*out++ = (char)c;
			continue;
		}
		*out++ = '\\';
		if (c == '"' || c == '\\') {
			*out++ = (char)c;
			continue;
		}
		*out++ = 'x';
		*out++ = digit[c >> 4];
		*out++ = digit[c & 15];
	}
	return out;
}

enum { DATE_SIZE = 40 };

static const char *now(char ret[DATE_SIZE])
{
	struct timespec t = clock_wall();
	char date[32];
	struct tm tm;

	gmtime_r(&t.tv_sec, &tm);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(ret, DATE_SIZE, "%s.%03dZ", date, (int)(t.tv_nsec / 1000000));
	return ret;
}

/* ---- fields ---- */

/* Does a key begin here?  Its length: that of a word, or of a "%s". */
static size_t key_length(const char *fmt)
{
	size_t len = strspn(fmt, "abcdefghijklmnopqrstuvwxyz_-");

	if (!strncmp(fmt, "%s", 2))
		len = 2;
	return len && fmt[len] == '=' ? len : 0;
}

/* So many fields a format has: what is more in its result came with a
 * value. */
static unsigned mark_fields(const char *fmt, char *ret, size_t room)
{
	unsigned n = 0;
	bool key = true;        /* one may begin here */

	for (size_t i = 0; *fmt && i + 1 < room; fmt++, i++, ret++) {
		size_t len = key ? key_length(fmt) : 0;

		*ret = *fmt;
		if (len && i + len + 1 < room) {
			memcpy(ret, fmt, len);
			ret[len] = IS;
			if (n++)
				ret[-1] = FIELD;
			fmt += len;
			ret += len;
			i += len;
		}
		key = *fmt == ' ';
	}
	*ret = '\0';
	return n;
}

/* How a format writes a key, and a value behind it. */
typedef char *write_key(char *out, const char *key, size_t len);
typedef char *write_value(char *out, const char *value, size_t len);

static unsigned count_fields(const char *text)
{
	unsigned n = 1;

	for (; *text; text++)
		n += *text == FIELD;
	return n;
}

/* The fields in a text, if they are told apart in it. */
static char *write_fields(char *out, const char *text, bool marked,
			  write_key *key, write_value *value)
{
	if (!marked) {
		out = key(out, "text", 4);
		return value(out, text, strlen(text));
	}
	for (const char *end; *text; text = *end ? end + 1 : end) {
		const char *is = strchr(text, IS);

		end = text + strcspn(text, "\x1f");
		if (!is || is > end)
			continue;
		out = key(out, text, (size_t)(is - text));
		out = value(out, is + 1, (size_t)(end - is - 1));
	}
	return out;
}

/* ---- key=value ---- */

static char *text_key(char *out, const char *key, size_t len)
{
	*out++ = ' ';
	memcpy(out, key, len);
	out += len;
	*out++ = '=';
	return out;
}

/* Quoted where it would not be told from what follows, or from one that
 * is. */
static char *text_value(char *out, const char *value, size_t len)
{
	bool quote = false;

	for (size_t i = 0; i < len && !quote; i++)
		quote = value[i] == ' ' ||
			must_escape(0, (unsigned char)value[i]);
	if (quote)
		*out++ = '"';
	out = escape(out, value, len);
	if (quote)
		*out++ = '"';
	return out;
}

static char *write_text(char *out, enum log_level level, const char *what,
			const char *text, bool marked, unsigned swallowed)
{
	char date[DATE_SIZE];

	out += snprintf(out, HEAD_SIZE, "time=%s level=%s msg=\"%.64s\"",
			now(date), level_name[level], what);
	out = write_fields(out, text, marked, text_key, text_value);
	if (swallowed)
		out += sprintf(out, " swallowed=%u", swallowed);
	return out;
}

/* ---- JSON ---- */

static char *json_string(char *out, const char *text, size_t len)
{
	*out++ = '"';
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c == '"' || c == '\\') {
			*out++ = '\\';
			*out++ = (char)c;
		} else if (c < 0x20 || c >= 0x7f) {
			/* What it is in UTF-8 nobody has checked. */
			out += sprintf(out, "\\u%04x", c);
		} else {
			*out++ = (char)c;
		}
	}
	*out++ = '"';
	return out;
}

static char *json_key(char *out, const char *key, size_t len)
{
	*out++ = ',';
	out = json_string(out, key, len);
	*out++ = ':';
	return out;
}

/* What looks like a number is one. */
static char *json_value(char *out, const char *value, size_t len)
{
	if (!len || len > 15 || strspn(value, "0123456789") < len ||
	    (len > 1 && *value == '0'))
		return json_string(out, value, len);
	memcpy(out, value, len);
	return out + len;
}

static char *write_json(char *out, enum log_level level, const char *what,
			const char *text, bool marked, unsigned swallowed)
{
	char date[DATE_SIZE];

	out += sprintf(out, "{\"time\":\"%s\",\"level\":\"%s\",\"msg\":",
		       now(date), level_name[level]);
	out = json_string(out, what, strnlen(what, 64));
	out = write_fields(out, text, marked, json_key, json_value);
	if (swallowed)
		out += sprintf(out, ",\"swallowed\":%u", swallowed);
	*out++ = '}';
	return out;
}

/* ---- where to ---- */

int log_format_parse(const char *s, enum log_format *ret)
{
	if (strcmp(s, "text") && strcmp(s, "json"))
		return -EINVAL;
	*ret = *s == 't' ? LOG_TEXT : LOG_JSON;
	return 0;
}

void log_set_format(enum log_format f)
{
	atomic_store_explicit(&format, (int)f, memory_order_relaxed);
}

static int open_file(const char *name)
{
	int fd = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);

	return fd < 0 ? -errno : fd;
}

static int open_journal(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = fd_socket(AF_UNIX, SOCK_DGRAM, 0);

	if (fd < 0)
		return fd;
	strcpy(addr.sun_path, JOURNAL);
	if (connect(fd, (struct sockaddr *)&addr, sizeof addr)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/* Takes over both. */
static void use(int fd, bool journal, char *file)
{
	LOCK_SCOPE(&lock);
	if (target != STDERR_FILENO)
		close(target);
	free(path);
	target = fd;
	to_journal = journal;
	path = file;
}

/* Has systemd connected standard error with it? */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       !fstat(STDERR_FILENO, &st) && st.st_dev == dev &&
	       st.st_ino == ino;
}

static void use_usual(void)
{
	int fd = stderr_is_journal() ? open_journal() : -1;

	use(fd < 0 ? STDERR_FILENO : fd, fd >= 0, NULL);
}

int log_set_target(const char *name)
{
	bool journal = name && !strcmp(name, "journal");
	char *file;
	int fd;

	if (!name) {
		use_usual();
		return 0;
	}
	if (!strcmp(name, "stderr")) {
		use(STDERR_FILENO, false, NULL);
		return 0;
	}
	file = journal ? NULL : strdup(name);
	if (!journal && !file)
		return -ENOMEM;
	fd = journal ? open_journal() : open_file(file);
	if (fd < 0)
		free(file);
	else
		use(fd, journal, file);
	return fd < 0 ? fd : 0;
}

int log_reopen(void)
{
	LOCK_SCOPE(&lock);
	int fd = path ? open_file(path) : target;

	if (fd < 0 || !path)
		return fd < 0 ? fd : 0;
	close(target);
	target = fd;
	return 0;
}

/* Nobody to tell when it cannot be written. */
static void put(enum log_level level, const char *line, size_t len)
{
	static const char priority[] = {
		[LOG_ERROR] = '3', [LOG_WARNING] = '4', [LOG_INFO] = '6',
		[LOG_DEBUG] = '7',
	};
	char head[] = "SYSLOG_IDENTIFIER=gitnfsd\nPRIORITY=?\nMESSAGE=";
	struct iovec part[] = {
		{ head, sizeof head - 1 }, { (char *)(uintptr_t)line, len },
	};

	LOCK_SCOPE(&lock);
	if (!to_journal) {
		if (write(target, line, len) < 0)
			return;
		return;
	}
	*strchr(head, '?') = priority[level];
	if (writev(target, part, 2) < 0)
		return;
}

void log_line(struct log_site *site, enum log_level level, const char *what,
	      const char *fmt, ...)
{
	bool json = atomic_load_explicit(&format,
					 memory_order_relaxed) == LOG_JSON;
	char with_marks[256], text[TEXT_SIZE], line[LINE_SIZE], *end;
	unsigned swallowed, n = mark_fields(fmt, with_marks,
					    sizeof with_marks);
	bool marked = n && strlen(fmt) < sizeof with_marks;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, marked ? with_marks : fmt, ap);
	va_end(ap);
	/* There are more when a value has such a byte, and fewer when some
	 * were cut off. */
	if (marked && count_fields(text) != n) {
		marked = false;
		va_start(ap, fmt);
		vsnprintf(text, sizeof text, fmt, ap);
		va_end(ap);
	}
	if (!admit(site, text, &swallowed))
		return;
	end = (json ? write_json : write_text)(line, level, what, text,
					       marked, swallowed);
	*end++ = '\n';
	put(level, line, (size_t)(end - line));
}
