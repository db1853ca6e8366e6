/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/github/commit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"

enum { PARENTS_MAX = 64 };

/* Minutes east of Greenwich: UTC first, then where there are clocks. */
static const short zones[] = {
	0, 60, 120, -420, -480, -240, -300, -360, 480, 540, 330, 180, -180,
	600, 660, 420, 300, 240, 720, 780, 570, 630, 345, 390, 210, 270, 360,
	-120, -60, -540, -600, -660, -720, -150, -210, -570, 525, 765, 840,
	-1, /* "-0000" */
};
enum { ZONES = sizeof zones / sizeof *zones };

static bool is(const struct oid *oid, const char *text, size_t len)
{
	struct oid name;
	struct oid_hash *h;

	if (oid_hash_start(&h, oid->len, OBJ_COMMIT, len))
		return false;
	if (oid_hash_data(h, text, len)) {
		oid_hash_free(h);
		return false;
	}
	return !oid_hash_end(h, &name) && oid_eq(&name, oid);
}

/* ---- signed: the text that was signed is told ---- */

/* 'payload' with the signature among its headers, at their end. */
static int with_signature(const char *payload, const char *signature,
			  bool empty_line, char **ret, size_t *ret_len)
{
	const char *end = strstr(payload, "\n\n");
	size_t len = strlen(signature);
	FILE *out;

	if (!end)
		return -EBADMSG;
	out = open_memstream(ret, ret_len);
	if (!out)
		return -ENOMEM;
	while (len && signature[len - 1] == '\n')
		len--;
	fwrite(payload, 1, (size_t)(end + 1 - payload), out);
	fputs("gpgsig ", out);
	for (size_t i = 0; i < len; i++) {
		fputc(signature[i], out);
		if (signature[i] == '\n')
			fputc(' ', out);
	}
	fputs(empty_line ? "\n \n" : "\n", out);
	fputs(end + 1, out);
	return fclose(out) ? -ENOMEM : 0;
}

static int rebuild_signed(const char *payload, const char *signature,
			  const struct oid *oid, char **ret, size_t *ret_len)
{
	for (int empty_line = 0; empty_line < 2; empty_line++) {
		CLEANUP_FREE char *text = NULL;
		size_t len;
		int r = with_signature(payload, signature, empty_line, &text,
				       &len);

		if (r)
			return r;
		if (is(oid, text, len)) {
			*ret = TAKE(text);
			*ret_len = len;
			return 0;
		}
	}
	return -EIO;
}

/* ---- not signed ---- */

struct person {
	const char *name, *email;
	int64_t time;
};

struct parts {
	char parents[PARENTS_MAX * (OID_HEX + 8)];
	const char *tree, *message;
	struct person author, committer;
};

static int read_person(struct json_object *j, const char *role,
		       struct person *ret)
{
	struct json_object *who = json_member(j, role);
	const char *date = json_text(who, "date");
	struct tm tm = { 0 };

	ret->name = json_text(who, "name");
	ret->email = json_text(who, "email");
	if (!ret->name || !ret->email || !date ||
	    !strptime(date, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return -EBADMSG;
	ret->time = timegm(&tm);
	return 0;
}

static int read_parents(struct json_object *j, struct parts *ret)
{
	struct json_object *list = json_member(j, "parents");
	size_t n, used = 0;

	if (!json_object_is_type(list, json_type_array))
		return -EBADMSG;
	n = json_object_array_length(list);
	if (n > PARENTS_MAX)
		return -EIO;
	ret->parents[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		struct oid oid = json_oid(json_object_array_get_idx(list, i),
					  "sha");
		char hex[OID_HEX + 1];

		if (!oid.len)
			return -EBADMSG;
		oid_hex(&oid, hex);
		used += (size_t)snprintf(ret->parents + used,
					 sizeof ret->parents - used,
					 "parent %s\n", hex);
	}
	return 0;
}

static int read_parts(struct json_object *j, struct parts *ret)
{
	int r = read_parents(j, ret);

	ret->tree = json_text(json_member(j, "tree"), "sha");
	ret->message = json_text(j, "message");
	if (r || !ret->tree || !ret->message)
		return r ? r : -EBADMSG;
	r = read_person(j, "author", &ret->author);
	return r ? r : read_person(j, "committer", &ret->committer);
}

static void put_zone(char text[8], int zone)
{
	int minutes = zone < 0 ? -zone : zone;

	if (zone == -1)
		minutes = 0;
	snprintf(text, 8, "%c%02d%02d", zone < 0 ? '-' : '+', minutes / 60 % 24,
		 minutes % 60);
}

static int put(const struct parts *p, int author, int committer,
	       const char *end, char **ret)
{
	char a[8], c[8];
	int n;

	put_zone(a, author);
	put_zone(c, committer);
	n = asprintf(ret, "tree %s\n%sauthor %s <%s> %lld %s\n"
		     "committer %s <%s> %lld %s\n\n%s%s", p->tree, p->parents,
		     p->author.name, p->author.email,
		     (long long)p->author.time, a, p->committer.name,
		     p->committer.email, (long long)p->committer.time, c,
		     p->message, end);
	return n < 0 ? -ENOMEM : n;
}

/* Most people write and commit in one zone. */
static int rebuild_in(const struct parts *p, int author, int committer,
		      const struct oid *oid, char **ret, size_t *ret_len)
{
	static const char *const ends[] = { "\n", "" };

	for (int i = 0; i < 2; i++) {
		CLEANUP_FREE char *text = NULL;
		int n = put(p, author, committer, ends[i], &text);

		if (n < 0) {
			text = NULL;
			return n;
		}
		if (is(oid, text, (size_t)n)) {
			*ret = TAKE(text);
			*ret_len = (size_t)n;
			return 0;
		}
	}
	return -EIO;
}

static int rebuild_unsigned(const struct parts *p, const struct oid *oid,
			    char **ret, size_t *ret_len)
{
	int r = -EIO;

	for (int i = 0; r == -EIO && i < ZONES; i++)
		r = rebuild_in(p, zones[i], zones[i], oid, ret, ret_len);
	for (int i = 0; r == -EIO && i < ZONES * ZONES; i++)
		if (i / ZONES != i % ZONES)
			r = rebuild_in(p, zones[i / ZONES], zones[i % ZONES],
				       oid, ret, ret_len);
	return r;
}

int commit_rebuild(struct json_object *j, const struct oid *oid, char **ret,
		   size_t *ret_len)
{
	struct json_object *v = json_member(j, "verification");
	const char *payload = json_text(v, "payload");
	const char *signature = json_text(v, "signature");
	CLEANUP_FREE struct parts *p = NULL;
	int r;

	if (payload && signature)
		return rebuild_signed(payload, signature, oid, ret, ret_len);
	p = malloc(sizeof *p);
	if (!p)
		return -ENOMEM;
	r = read_parts(j, p);
	return r ? r : rebuild_unsigned(p, oid, ret, ret_len);
}
