/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* json.h - json-c, for what we write: a key and a value in one call.
 *
 * Without memory a value is left out: what is told is for people, and a
 * NULL in its place would have to be looked for everywhere.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Takes over 'value'. */
static inline void json_put(struct json_object *o, const char *key,
			    struct json_object *value)
{
	if (!o || !value || json_object_object_add(o, key, value))
		json_object_put(value);
}

/* The same for a list. */
static inline void json_append(struct json_object *list,
			       struct json_object *value)
{
	if (!list || !value || json_object_array_add(list, value))
		json_object_put(value);
}

/* How many bytes the UTF-8 character at 'c' has; 0: it is none. */
static inline size_t json_utf8(const unsigned char *c)
{
	size_t n = *c < 0x80 ? 1 : *c < 0xc2 ? 0 : *c < 0xe0 ? 2 :
		   *c < 0xf0 ? 3 : *c < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < n; i++)
		if ((c[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* JSON is UTF-8, but names of files need not be: a byte that is no part of
 * a character becomes '?'. */
static inline void json_text(struct json_object *o, const char *key,
			     const char *text)
{
	char *copy = strdup(text);
	size_t n;

	for (char *c = copy; c && *c; c += n) {
		n = json_utf8((unsigned char *)c);
		if (!n) {
			*c = '?';
			n = 1;
		}
	}
	if (copy)
		json_put(o, key, json_object_new_string(copy));
	free(copy);
}

static inline void json_u64(struct json_object *o, const char *key, uint64_t n)
{
	json_put(o, key, json_object_new_uint64(n));
}

static inline void json_i64(struct json_object *o, const char *key, int64_t n)
{
	json_put(o, key, json_object_new_int64(n));
}

static inline void json_flag(struct json_object *o, const char *key, bool b)
{
	json_put(o, key, json_object_new_boolean(b));
}

/* What is at 'key', or NULL when there is none of that type. */
static inline struct json_object *json_at(struct json_object *o,
					  const char *key, enum json_type type)
{
	struct json_object *value;

	return json_object_object_get_ex(o, key, &value) &&
	       json_object_is_type(value, type) ? value : NULL;
}

static inline const char *json_text_at(struct json_object *o, const char *key)
{
	struct json_object *value = json_at(o, key, json_type_string);

	return value ? json_object_get_string(value) : NULL;
}

static inline int64_t json_i64_at(struct json_object *o, const char *key)
{
	struct json_object *value = json_at(o, key, json_type_int);

	return value ? json_object_get_int64(value) : 0;
}

static inline uint64_t json_u64_at(struct json_object *o, const char *key)
{
	return (uint64_t)json_i64_at(o, key);
}

static inline bool json_flag_at(struct json_object *o, const char *key)
{
	return json_object_get_boolean(json_at(o, key, json_type_boolean));
}

static inline void json_putp(struct json_object **o)
{
	json_object_put(*o);
}
#define CLEANUP_JSON __attribute__((cleanup(json_putp)))

#endif
