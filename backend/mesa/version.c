/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/mesa/version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/url.h"

enum { TEXT_MAX = 1 << 20 };    /* bytes of an answer */

static struct mesa *mesa_of(const struct asked *a)
{
	return to_mesa(a->both);
}

static int ask_json(struct asked *a, const char *what,
		    struct json_object **ret)
{
	return both_json(a, what, NULL, TEXT_MAX, ret, NULL);
}

/* ---- which generation ---- */

void version_note_words(struct mesa *m, const struct words *w)
{
	LOCK_SCOPE(&m->both.lock);
	m->words = w;
}

const struct words *version_words_known(struct mesa *m)
{
	LOCK_SCOPE(&m->both.lock);
	return m->words;
}

/* What is said of the repository, in whose words. */
static int ask_about(struct asked *a, struct json_object **ret,
		     const struct words **ret_words)
{
	CLEANUP_JSON struct json_object *j = NULL;
	int r = ask_json(a, "", &j);

	if (r)
		return r;
	for (int i = 0; i < GENERATIONS; i++) {
		if (!json_object_object_get_ex(j, words[i].head, NULL))
			continue;
		version_note_words(mesa_of(a), &words[i]);
		*ret_words = &words[i];
		*ret = TAKE(j);
		return 0;
	}
	return -EBADMSG;
}

int version_words(struct asked *a, const struct words **ret)
{
	CLEANUP_JSON struct json_object *j = NULL;
	const struct words *w = version_words_known(mesa_of(a));

	if (!w)
		return ask_about(a, &j, ret);
	*ret = w;
	return 0;
}

/* ---- versions ---- */

/* The one that an empty repository is at. */
static bool is_no_change(const char *change)
{
	return !change[strspn(change, "z")];
}

static void note_change(struct mesa *m, const struct oid *commit,
			const char *change)
{
	struct version *v;

	LOCK_SCOPE(&m->both.lock);
	for (v = m->version; v < m->version + VERSIONS; v++)
		if (oid_eq(&v->commit, commit))
			break;
	if (v == m->version + VERSIONS)
		v = &m->version[m->next_version++ % VERSIONS];
	v->commit = *commit;
	snprintf(v->change, sizeof v->change, "%s", change);
}

int version_of(struct mesa *m, const struct words *w,
	       const struct oid *commit, char ret[VERSION_MAX])
{
	if (!w->change) {
		oid_hex(commit, ret);
		return 0;
	}
	LOCK_SCOPE(&m->both.lock);
	for (int i = 0; i < VERSIONS; i++) {
		if (!oid_eq(&m->version[i].commit, commit))
			continue;
		strcpy(ret, m->version[i].change);
		return 0;
	}
	return -ENOENT;
}

/* Which commit a change is now; 'ret_doc' may be NULL. */
static int ask_change(struct asked *a, const struct words *w,
		      const char *change, struct oid *ret,
		      struct json_object **ret_doc)
{
	CLEANUP_JSON struct json_object *j = NULL;
	CLEANUP_FREE char *id = url_encode(change, strlen(change));
	CLEANUP_FREE char *what = NULL;
	int r;

	if (strlen(change) >= CHANGE_MAX)
		return -EBADMSG;
	if (!id || asprintf(&what, "/%s/%s", w->commit, id) < 0) {
		what = NULL;
		return -ENOMEM;
	}
	r = ask_json(a, what, &j);
	if (r)
		return r;
	*ret = json_oid(j, w->id);
	if (!ret->len)
		return -EBADMSG;
	note_change(mesa_of(a), ret, change);
	if (ret_doc)
		*ret_doc = TAKE(j);
	return 0;
}

/* ---- resolve ---- */

/* What 'name' in a document says is the commit; without it an empty
 * repository, with a branch to be born. */
static int commit_in(struct asked *a, const struct words *w,
		     struct json_object *j, const char *name, struct oid *ret)
{
	const char *text = json_text(j, name);

	*ret = (struct oid){ 0 };
	if (!text || (w->change && is_no_change(text)))
		return 0;
	if (w->change)
		return ask_change(a, w, text, ret, NULL);
	*ret = json_oid(j, name);
	return ret->len ? 0 : -EBADMSG;
}

int version_default(struct asked *a, struct oid *ret)
{
	CLEANUP_JSON struct json_object *j = NULL;
	const struct words *w;
	int r = ask_about(a, &j, &w);

	return r ? r : commit_in(a, w, j, w->head, ret);
}

/* The first commit of its log. */
static int resolve_by_log(struct asked *a, const struct words *w,
			  const char *name, struct oid *ret)
{
	CLEANUP_JSON struct json_object *j = NULL;
	CLEANUP_FREE char *what = NULL;
	struct json_object *list;
	int r;

	if (asprintf(&what, "/%s?ref=%s&limit=1", w->log, name) < 0) {
		what = NULL;
		return -ENOMEM;
	}
	r = ask_json(a, what, &j);
	if (r)
		return r;
	list = json_member(j, "commits");
	if (!json_object_is_type(list, json_type_array))
		return -EBADMSG;
	if (!json_object_array_length(list))
		return -ENOENT;
	*ret = json_oid(json_object_array_get_idx(list, 0), w->id);
	return ret->len ? 0 : -EBADMSG;
}

static int resolve_by_ref(struct asked *a, const struct words *w,
			  const char *name, struct oid *ret)
{
	CLEANUP_JSON struct json_object *j = NULL;
	CLEANUP_FREE char *what = NULL;
	int r;

	if (asprintf(&what, "/%s/%s", w->ref, name) < 0) {
		what = NULL;
		return -ENOMEM;
	}
	r = ask_json(a, what, &j);
	return r ? r : commit_in(a, w, j, w->change, ret);
}

int version_by_name(struct asked *a, const char *ref, struct oid *ret)
{
	CLEANUP_FREE char *name = url_encode(ref, strlen(ref));
	const struct words *w;
	int r = version_words(a, &w);

	if (r)
		return r;
	if (!name)
		return -ENOMEM;
	return w->log ? resolve_by_log(a, w, name, ret) :
			resolve_by_ref(a, w, name, ret);
}

/* ---- commits ---- */

/* "2026-02-01T10:00:00.000Z", or with "+01:00" at its end. */
static int read_date(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) :
				 NULL;
	int hours, minutes = 0;

	if (!end)
		return -EBADMSG;
	if (*end == '.')
		end += 1 + strspn(end + 1, "0123456789");
	*ret = timegm(&tm);
	if (*end == '+' || *end == '-') {
		if (sscanf(end + 1, "%2d:%2d", &hours, &minutes) < 1)
			return -EBADMSG;
		*ret -= (*end == '-' ? -60 : 60) * (hours * 60 + minutes);
	}
	return 0;
}

int version_time(struct asked *a, const struct oid *oid, int64_t *ret)
{
	CLEANUP_JSON struct json_object *j = NULL;
	char version[VERSION_MAX];
	const struct words *w;
	struct oid is;
	int r = version_words(a, &w);

	if (!r)
		r = version_of(mesa_of(a), w, oid, version);
	if (!r)
		r = ask_change(a, w, version, &is, &j);
	if (r)
		return r;
	/* A change may have become another commit. */
	if (!oid_eq(&is, oid))
		return -ENOENT;
	return read_date(json_text(json_member(j, "committer"), "date"), ret);
}

