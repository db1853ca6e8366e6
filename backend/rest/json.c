/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/rest/json.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

enum { DEPTH = 32 };

/* What is still to be read. */
struct scan {
	const char *at, *end;
	struct json_tokener *tokener;
};

static void skip_blanks(struct scan *s)
{
	while (s->at < s->end && strchr(" \t\r\n", *s->at) && *s->at)
		s->at++;
}

/* The next character that is no blank, if it is that one. */
static bool take(struct scan *s, char c)
{
	skip_blanks(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static int read_value(struct scan *s, struct json_object **ret)
{
	size_t left = (size_t)(s->end - s->at);
	CLEANUP_JSON struct json_object *j = NULL;
	size_t len;

	json_tokener_reset(s->tokener);
	/* A NUL that the caller has put there ends a number.  Within a text it
	 * is one more character. */
	j = json_tokener_parse_ex(s->tokener, s->at,
				  left < INT_MAX ? (int)left + 1 : INT_MAX);
	if (json_tokener_get_error(s->tokener) != json_tokener_success)
		return -EBADMSG;
	len = json_tokener_get_parse_end(s->tokener);
	if (len > left)
		return -EBADMSG;
	s->at += len;
	*ret = TAKE(j);
	return 0;
}

static int read_list(struct scan *s,
		     int (*each)(void *arg, struct json_object *), void *arg)
{
	if (take(s, ']'))
		return 0;
	do {
		CLEANUP_JSON struct json_object *j = NULL;
		int r = read_value(s, &j);

		if (!r)
			r = each(arg, j);
		if (r)
			return r;
	} while (take(s, ','));
	return take(s, ']') ? 0 : -EBADMSG;
}

static int read_member(struct scan *s, const char *name,
		       int (*each)(void *arg, struct json_object *), void *arg,
		       struct json_object *to)
{
	CLEANUP_JSON struct json_object *key = NULL;
	struct json_object *value = NULL;
	int r;

	skip_blanks(s);
	r = read_value(s, &key);
	if (r)
		return r;
	if (!json_object_is_type(key, json_type_string) || !take(s, ':'))
		return -EBADMSG;
	if (!strcmp(json_object_get_string(key), name) && take(s, '['))
		return read_list(s, each, arg);
	r = read_value(s, &value);
	if (!r && json_object_object_add(to, json_object_get_string(key),
					 value)) {
		json_object_put(value);
		r = -ENOMEM;
	}
	return r;
}

static int read_object(struct scan *s, const char *name,
		       int (*each)(void *arg, struct json_object *), void *arg,
		       struct json_object *to)
{
	int r;

	if (!take(s, '{'))
		return -EBADMSG;
	if (take(s, '}'))
		return 0;
	do {
		r = read_member(s, name, each, arg, to);
		if (r)
			return r;
	} while (take(s, ','));
	return take(s, '}') ? 0 : -EBADMSG;
}

int json_read_list(const char *text, size_t len, const char *name,
		   int (*each)(void *arg, struct json_object *), void *arg,
		   struct json_object **ret)
{
	CLEANUP_JSON struct json_object *j = json_object_new_object();
	struct scan s = { .at = text, .end = text + len };
	int r = -ENOMEM;

	s.tokener = json_tokener_new_ex(DEPTH);
	if (s.tokener && j)
		r = read_object(&s, name, each, arg, j);
	if (s.tokener)
		json_tokener_free(s.tokener);
	if (!r)
		*ret = TAKE(j);
	return r;
}

int json_read(const char *text, size_t len, struct json_object **ret)
{
	struct scan s = { .at = text, .end = text + len };
	struct json_object *j = NULL;
	int r = -ENOMEM;

	s.tokener = json_tokener_new_ex(DEPTH);
	if (s.tokener) {
		r = read_value(&s, &j);
		json_tokener_free(s.tokener);
	}
	if (!r && !j)
		r = -EBADMSG;
	if (!r)
		*ret = j;
	return r;
}

/* ---- members ---- */

struct json_object *json_member(struct json_object *j, const char *name)
{
	struct json_object *value = NULL;

	if (json_object_is_type(j, json_type_object))
		json_object_object_get_ex(j, name, &value);
	return value;
}

const char *json_text(struct json_object *j, const char *name)
{
	struct json_object *v = json_member(j, name);
	const char *text;

	if (!json_object_is_type(v, json_type_string))
		return NULL;
	text = json_object_get_string(v);
	/* With a NUL in it, it is not what it looks like. */
	return strlen(text) == (size_t)json_object_get_string_len(v) ?
		text : NULL;
}

bool json_true(struct json_object *j, const char *name)
{
	struct json_object *v = json_member(j, name);

	return json_object_is_type(v, json_type_boolean) &&
	       json_object_get_boolean(v);
}

/* Some write 12.0. */
int64_t json_size(struct json_object *j, const char *name)
{
	static const double most = 9007199254740992.0;  /* 2^53 */
	struct json_object *v = json_member(j, name);
	double d;

	if (!json_object_is_type(v, json_type_int) &&
	    !json_object_is_type(v, json_type_double))
		return -1;
	d = json_object_get_double(v);
	return d >= 0 && d <= most && d == floor(d) ? (int64_t)d : -1;
}

struct oid json_oid(struct json_object *j, const char *name)
{
	const char *hex = json_text(j, name);
	struct oid oid = { 0 };

	if (hex)
		oid_parse(hex, strlen(hex), &oid);
	return oid;
}

/* ---- base64 ---- */

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int json_base64(const char *text, void **ret, size_t *ret_len)
{
	CLEANUP_FREE uint8_t *data = malloc(strlen(text) / 4 * 3 + 4);
	unsigned bits = 0, value = 0;
	size_t len = 0;

	if (!data)
		return -ENOMEM;
	for (; *text && *text != '='; text++) {
		const char *digit = strchr(digits, *text);

		if (*text == '\n' || *text == '\r')
			continue;
		if (!digit)
			return -EBADMSG;
		value = (value << 6 | (unsigned)(digit - digits)) & 0xffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			data[len++] = (uint8_t)(value >> bits);
		}
	}
	*ret = TAKE(data);
	*ret_len = len;
	return 0;
}

char *json_to_base64(const char *text)
{
	size_t len = strlen(text);
	char *out = malloc((len + 2) / 3 * 4 + 1), *to = out;

	if (!out)
		return NULL;
	for (size_t i = 0; i < len; i += 3) {
		unsigned v = 0;

		for (size_t b = 0; b < 3; b++)
			v = v << 8 | (i + b < len ? (uint8_t)text[i + b] : 0);
		for (size_t b = 0; b < 4; b++)
			*to++ = b <= len - i ? digits[v >> (18 - 6 * b) & 63] :
					       '=';
	}
	*to = '\0';
	return out;
}
