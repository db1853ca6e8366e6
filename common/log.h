/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* log.h - lines for the operator, key=value or JSON, on standard error or
 * wherever they are wanted.
 *
 * Only the places that know what something was for log; common, backend
 * and most of cache return an errno instead.  One kind of trouble logs at
 * most LOG_BURST lines in LOG_PERIOD_MS, and a line that is the same as the one
 * before only once; and then how many it swallowed.
 *
 * Threads: any.  A line is written by one write(2), so lines never mix.  The
 * target may change in use.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum { LOG_BURST = 10, LOG_PERIOD_MS = 10000 };

/* "error", "warning", "info", "debug"; -EINVAL. */
int log_level_parse(const char *, enum log_level *ret);
void log_set_level(enum log_level);
bool log_enabled(enum log_level);

enum log_format { LOG_TEXT, LOG_JSON };

/* "text", "json"; -EINVAL. */
int log_format_parse(const char *, enum log_format *ret);
void log_set_format(enum log_format);

/* Where lines go: "stderr" (as at the start), "journal" (that of systemd), or
 * the path of a file, which is appended to; NULL is the journal where that is
 * what standard error leads to, else stderr.  The negative errno of who
 * cannot be reached; then nothing changes. */
int log_set_target(const char *);
/* Open the file again: it may have been moved away.  The same errors. */
int log_reopen(void);

/* Rate limit of one call site.  Zero-initialised. */
struct log_site {
	uint64_t since;         /* ms */
	unsigned lines, swallowed;
	uint32_t last;          /* a hash of what it said */
};

/* 'what' is one or two words for the kind of event; 'fmt' the key=value
 * pairs with a blank between.  Where the format itself has "key=" or "%s=" a
 * field begins, whatever is in the values, which are quoted where they need
 * be: "error=%s do=try again".  By custom "error" is what is wrong and "do"
 * what can be done about it. */
void log_line(struct log_site *, enum log_level, const char *what,
	      const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#define LOG_AT(level, what, ...) do { \
	static struct log_site log_site_; \
	if (log_enabled(level)) \
		log_line(&log_site_, level, what, __VA_ARGS__); \
} while (0)
#define log_error(what, ...) LOG_AT(LOG_ERROR, what, __VA_ARGS__)
#define log_warning(what, ...) LOG_AT(LOG_WARNING, what, __VA_ARGS__)
#define log_info(what, ...) LOG_AT(LOG_INFO, what, __VA_ARGS__)
#define log_debug(what, ...) LOG_AT(LOG_DEBUG, what, __VA_ARGS__)

#endif
