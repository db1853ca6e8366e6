/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* otlp_json.h - spans in the words of OTLP 1.0, as JSON: ids in hex, times and
 * other 64-bit numbers as texts.
 *
 * Threads: any.
 */
#ifndef BACKEND_OTLP_OTLP_JSON_H
#define BACKEND_OTLP_OTLP_JSON_H

#include <stddef.h>

#include "common/span.h"

/* A span that is kept: what is too long of it is cut. */
struct otlp_span {
	enum span_kind kind;
	struct span_id id;
	uint8_t parent[8];
	struct span_links links;
	uint64_t start, end;    /* ns since 1970 */
	char name[24], peer[64], what[256];
	unsigned waits;
	bool late;
	uint64_t bytes;
	long status;
	int err;
};

/* It has ended at 'end'. */
void otlp_span_keep(const struct span *, uint64_t end, struct otlp_span *ret);

struct json_object;
/* A request to export them, which the caller owns; NULL: out of memory. */
struct json_object *otlp_json(const struct otlp_span *, size_t n);

#endif
