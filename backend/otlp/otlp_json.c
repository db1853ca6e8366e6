/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/otlp/otlp_json.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"

/* As its protocol has them. */
enum { KIND_SERVER = 2, KIND_CLIENT = 3, STATUS_ERROR = 2 };

void otlp_span_keep(const struct span *s, uint64_t end, struct otlp_span *ret)
{
	*ret = (struct otlp_span){
		.kind = s->kind,
		.id = s->id,
		.start = end > s->ns ? end - s->ns : 0,
		.end = end,
		.waits = s->waits,
		.late = s->late,
		.bytes = s->bytes,
		.status = s->status,
		.err = s->err,
	};
	memcpy(ret->parent, s->parent, sizeof ret->parent);
	if (s->links)
		ret->links = *s->links;
	snprintf(ret->name, sizeof ret->name, "%s", s->name);
	snprintf(ret->peer, sizeof ret->peer, "%s", s->peer);
	snprintf(ret->what, sizeof ret->what, "%s", s->what);
}

static void put_hex(struct json_object *o, const char *key,
		    const uint8_t *bytes, size_t n)
{
	char hex[2 * 16 + 1];

	json_text(o, key, sodium_bin2hex(hex, sizeof hex, bytes, n));
}

static void put_number(struct json_object *o, const char *key, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRIu64, n);
	json_text(o, key, text);
}

/* Takes over 'value'. */
static void put_attribute(struct json_object *list, const char *key,
			  struct json_object *value)
{
	struct json_object *o = json_object_new_object();

	json_text(o, "key", key);
	json_put(o, "value", value);
	json_append(list, o);
}

static void put_text(struct json_object *list, const char *key,
		     const char *text)
{
	struct json_object *value = json_object_new_object();

	json_text(value, "stringValue", text);
	put_attribute(list, key, value);
}

static void put_int(struct json_object *list, const char *key, uint64_t n)
{
	struct json_object *value = json_object_new_object();

	put_number(value, "intValue", n);
	put_attribute(list, key, value);
}

static void put_flag(struct json_object *list, const char *key, bool is)
{
	struct json_object *value = json_object_new_object();

	json_flag(value, "boolValue", is);
	put_attribute(list, key, value);
}

static struct json_object *call_attributes(const struct otlp_span *s)
{
	struct json_object *list = json_object_new_array();

	put_text(list, "rpc.system", "onc_rpc");
	put_text(list, "rpc.method", s->name);
	if (*s->peer)
		put_text(list, "client.address", s->peer);
	if (*s->what)
		put_text(list, "file.path", s->what);
	put_int(list, "gitnfs.waits", s->waits);
	put_flag(list, "gitnfs.later", s->late);
	return list;
}

static struct json_object *request_attributes(const struct otlp_span *s)
{
	struct json_object *list = json_object_new_array();

	put_text(list, "server.address", s->peer);
	if (!strstr(s->what, "://")) {
		put_text(list, "process.command", s->what);
	} else {
		put_text(list, "http.request.method", s->name);
		put_text(list, "url.full", s->what);
	}
	if (s->status)
		put_int(list, "http.response.status_code",
			(uint64_t)s->status);
	put_int(list, "http.response.body.size", s->bytes);
	if (s->err)
		put_text(list, "error.type", strerror(-s->err));
	return list;
}

static struct json_object *links_json(const struct span_links *l)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < l->n; i++) {
		struct json_object *o = json_object_new_object();

		put_hex(o, "traceId", l->id[i].trace, sizeof l->id[i].trace);
		put_hex(o, "spanId", l->id[i].span, sizeof l->id[i].span);
		json_append(list, o);
	}
	return list;
}

static struct json_object *span_json(const struct otlp_span *s)
{
	struct json_object *o = json_object_new_object();
	struct json_object *status = json_object_new_object();
	bool request = s->kind == SPAN_REQUEST;

	put_hex(o, "traceId", s->id.trace, sizeof s->id.trace);
	put_hex(o, "spanId", s->id.span, sizeof s->id.span);
	if (!span_is_none(s->parent))
		put_hex(o, "parentSpanId", s->parent, sizeof s->parent);
	json_text(o, "name", s->name);
	json_i64(o, "kind", request ? KIND_CLIENT : KIND_SERVER);
	put_number(o, "startTimeUnixNano", s->start);
	put_number(o, "endTimeUnixNano", s->end);
	json_put(o, "attributes", request ? request_attributes(s) :
					    call_attributes(s));
	if (s->links.n)
		json_put(o, "links", links_json(&s->links));
	if (s->err || s->status >= 400) {
		json_i64(status, "code", STATUS_ERROR);
		if (s->err)
			json_text(status, "message", strerror(-s->err));
	}
	json_put(o, "status", status);
	return o;
}

static struct json_object *resource_json(void)
{
	struct json_object *list = json_object_new_array();
	struct json_object *o = json_object_new_object();
	char host[256] = "";

	put_text(list, "service.name", "gitnfsd");
	put_text(list, "service.version", PACKAGE_VERSION);
	if (!gethostname(host, sizeof host - 1) && *host)
		put_text(list, "host.name", host);
	put_int(list, "process.pid", (uint64_t)getpid());
	json_put(o, "attributes", list);
	return o;
}

static struct json_object *list_of(struct json_object *one)
{
	struct json_object *list = json_object_new_array();

	json_append(list, one);
	return list;
}

struct json_object *otlp_json(const struct otlp_span *s, size_t n)
{
	struct json_object *spans = json_object_new_array();
	struct json_object *scope = json_object_new_object();
	struct json_object *of_scope = json_object_new_object();
	struct json_object *of_resource = json_object_new_object();
	struct json_object *all = json_object_new_object();

	for (size_t i = 0; i < n; i++)
		json_append(spans, span_json(&s[i]));
	json_text(scope, "name", "gitnfs");
	json_text(scope, "version", PACKAGE_VERSION);
	json_put(of_scope, "scope", scope);
	json_put(of_scope, "spans", spans);
	json_put(of_resource, "resource", resource_json());
	json_put(of_resource, "scopeSpans", list_of(of_scope));
	json_put(all, "resourceSpans", list_of(of_resource));
	return all;
}
