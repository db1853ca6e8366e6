/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* json.h - what a service answers, through json-c: members that may be
 * missing, null or of another type, and long lists piece by piece, so that
 * a listing of a hundred thousand files is never in memory as objects.
 *
 * Threads: any.
 * Errors: -EBADMSG it is no JSON, or not as expected; -ENOMEM.
 */
#ifndef BACKEND_REST_JSON_H
#define BACKEND_REST_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/oid.h"

/* The caller puts it. */
int json_read(const char *text, size_t len, struct json_object **ret);

/* The object that 'text' is, but for its list 'name': each of that goes to
 * each(), whose error ends it.  The caller puts *ret. */
int json_read_list(const char *text, size_t len, const char *name,
		   int (*each)(void *arg, struct json_object *), void *arg,
		   struct json_object **ret);

/* Members; without them NULL, false, -1, or an oid of length 0. */
const char *json_text(struct json_object *, const char *name);
bool json_true(struct json_object *, const char *name);
int64_t json_size(struct json_object *, const char *name);
struct oid json_oid(struct json_object *, const char *name);
struct json_object *json_member(struct json_object *, const char *name);

static inline void json_putp(struct json_object **j)
{
	json_object_put(*j);
}
#define CLEANUP_JSON __attribute__((cleanup(json_putp)))

/* The bytes that base64 says, with or without line breaks; the caller frees
 * them. */
int json_base64(const char *text, void **ret, size_t *ret_len);
/* Of a text, padded and NUL terminated; NULL: out of memory. */
char *json_to_base64(const char *text);

#endif
