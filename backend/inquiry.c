/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/inquiry.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/span.h"

struct inquiry {
	struct span_id id;
	uint8_t parent[8];
	struct span_links links;
	uint64_t began;         /* clock_ticks() */
	const char *method;
	char *host;             /* in 'what', behind it */
	char what[];
};

struct inquiry *inquiry_new(const char *method, const char *host,
			    const char *what)
{
	size_t len = strlen(what) + 1, more = strlen(host) + 1;
	struct inquiry *q = span_wanted() ? malloc(sizeof *q + len + more) :
					    NULL;

	if (!q)
		return NULL;
	q->id = span_id_new(&span_now);
	memcpy(q->parent, span_now.span, sizeof q->parent);
	q->links = span_also;
	q->began = clock_ticks();
	q->method = method;
	q->host = q->what + len;
	memcpy(q->what, what, len);
	memcpy(q->host, host, more);
	return q;
}

void inquiry_header(const struct inquiry *q, char ret[INQUIRY_HEADER])
{
	char trace[2 * sizeof q->id.trace + 1], span[2 * sizeof q->id.span + 1];

	*ret = '\0';
	if (!q || !span_exported())
		return;
	sodium_bin2hex(trace, sizeof trace, q->id.trace, sizeof q->id.trace);
	sodium_bin2hex(span, sizeof span, q->id.span, sizeof q->id.span);
	snprintf(ret, INQUIRY_HEADER, "traceparent: 00-%s-%s-01", trace, span);
}

void inquiry_end(struct inquiry *q, uint64_t bytes, long status, int err)
{
	if (!q)
		return;

	struct span s = {
		.kind = SPAN_REQUEST,
		.id = q->id,
		.links = &q->links,
		.ns = clock_ticks_ns(q->began, clock_ticks()),
		.name = q->method,
		.peer = q->host,
		.what = q->what,
		.bytes = bytes,
		.status = status,
		.err = err,
	};

	memcpy(s.parent, q->parent, sizeof s.parent);
	span_tell(&s);
	free(q);
}
