/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* url.h - text in URLs (RFC 3986).  Whoever puts a name into one does so
 * here.
 *
 * Threads: any.
 */
#ifndef COMMON_URL_H
#define COMMON_URL_H

#include <stdbool.h>
#include <stddef.h>

/* Any bytes, as part of a path or a query: all but letters, digits and
 * "-._~" become %XX.  The caller frees it; NULL: out of memory. */
char *url_encode(const char *text, size_t len);

/* Undo that, in place; other characters stand for themselves.  False when
 * a '%' begins no byte, or the byte 0, which no C string can hold. */
bool url_decode(char *text);

/* A URL that may be shown: passwords in it, "USER:PASSWORD@", become "***", and
 * so does a user alone where HTTP is spoken, since it may be a token.  Other
 * text stays as it is.  The caller frees it; NULL: out of memory. */
char *url_redact(const char *text);

#endif
