/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* config_value.h - the values of a configuration: what each is called, what
 * it may be, and where it goes.
 *
 * Whoever wants one more adds a field to config.h, a line to a table in
 * config_value.c, and some to the manual.
 *
 * Threads: as for config.h.
 * Errors: -EINVAL, -EBADMSG, with a line in 'why'; -ENOMEM.
 */
#ifndef NFSD_CONFIG_CONFIG_VALUE_H
#define NFSD_CONFIG_CONFIG_VALUE_H

#include <stdbool.h>

#include "nfsd/config/config.h"

/* Where a value comes from, for what is said about a wrong one. */
struct config_origin {
	const char *file;       /* NULL: the command line */
	const char *key;        /* "--listen"; "server.listen" */
	unsigned nth;           /* of its kind in the file, from 0 */
	char *why;
};

/* Always 'err', for "return config_fail(...)". */
int __attribute__((format(printf, 3, 4)))
config_fail(char why[CONFIG_WHY], int err, const char *fmt, ...);
int config_no_memory(char why[CONFIG_WHY]);
/* That 'value' is wrong, and what is wanted. */
int config_wrong(const struct config_origin *, const char *value,
		 const char *wanted);

enum config_kind {
	CONFIG_NUMBER,          /* int64_t, perhaps with k, m or g */
	CONFIG_LEVEL,           /* int64_t, an enum log_level */
	CONFIG_BOOL,            /* int64_t */
	CONFIG_TEXT,            /* char * */
	CONFIG_PATH,            /* char *; in the file, "~/" is understood */
	CONFIG_WORDS,           /* char *, with blanks between */
	CONFIG_LIST,            /* struct config_list */
};

enum { IN_SOURCE = 1, IN_ROOT = 2, IN_LISTENER = 4 };

struct config_setting {
	const char *key;        /* NULL: the end of a table */
	const char *option;     /* without "--", or NULL */
	enum config_kind kind;
	unsigned in;            /* sections of a place that may have it */
	bool live;              /* may change in use; of a place: and it need
				 * not be opened anew */
	size_t at;              /* offset in struct config or config_place */
	int64_t min, max;       /* NUMBER */
	int64_t preset;         /* what nobody has said */
	bool (*check)(const char *);    /* of what is no number; or NULL */
	const char *wanted;     /* what it may be, for a human */
};

extern const struct config_setting config_settings[]; /* of struct config */
extern const struct config_setting config_place_settings[];

const struct config_setting *
config_setting_find(const struct config_setting table[], const char *key);

/* Nothing has been said. */
void config_unset(const struct config_setting table[], void *at);
/* The later one is used; of a list, all. */
int config_set(const struct config_setting *, const struct config_origin *,
	       const char *value, void *at);
/* Do two of them say the same? */
bool config_same(const struct config_setting *, const void *, const void *);
void config_swap(const struct config_setting *, void *, void *);

/* What has not been said in 'to' is taken out of 'from'. */
void config_merge(const struct config_setting table[], void *to, void *from);
/* All of 'from', with change(arg, text), which is freed, in place of texts;
 * 'to' has nothing yet.  -ENOMEM when one is NULL. */
int config_copy(const struct config_setting table[], void *to,
		const void *from,
		char *(*change)(const void *arg, const char *text),
		const void *arg);
void config_preset(const struct config_setting table[], void *at);
void config_clear(const struct config_setting table[], void *at);

#endif
