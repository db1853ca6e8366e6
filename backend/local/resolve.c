/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/local/resolve.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum {
	TAGS_MAX = 64,          /* tags of tags of tags */
	ABBREV_MIN = 7,         /* digits */
};

static void ref_freep(git_reference **ref)
{
	git_reference_free(*ref);
}
#define CLEANUP_REF __attribute__((cleanup(ref_freep)))

static const char tag_start[] = "object ";
enum { TAG_HEAD = sizeof tag_start - 1 + 2 * OID_SHA1 };

/* The first bytes of an object. */
static int read_start(struct view *v, const struct object *o,
		      char buf[TAG_HEAD])
{
	git_odb_object *whole;
	int r;

	if (o->loose) {
		ssize_t n = loose_read(o->loose, buf, TAG_HEAD);

		return n < 0 ? (int)n : n < TAG_HEAD ? -EBADMSG : 0;
	}
	r = view_read_packed(v, o, &whole);
	if (r)
		return r;
	if (git_odb_object_size(whole) < TAG_HEAD)
		r = -EBADMSG;
	else
		memcpy(buf, git_odb_object_data(whole), TAG_HEAD);
	git_odb_object_free(whole);
	return r;
}

/* What the tag 'o' is a tag of. */
static int tag_target(struct view *v, const struct object *o,
		      struct oid *ret)
{
	char buf[TAG_HEAD];
	size_t skip = sizeof tag_start - 1;
	int r = read_start(v, o, buf);

	if (r)
		return r;
	if (memcmp(buf, tag_start, skip) ||
	    oid_parse(buf + skip, 2 * OID_SHA1, ret))
		return -EBADMSG;
	return 0;
}

/* The commit that 'oid' is, or is a tag of.  'absent': the error when there
 * is no such object: what a ref or a tag names should be there. */
static int peel(struct view *v, struct oid oid, int absent, struct oid *ret)
{
	for (int i = 0; i < TAGS_MAX; i++) {
		struct object o;
		int r = view_find(v, &oid, &o);

		if (r)
			return r == -ENOENT ? absent : r;
		absent = -EIO;
		if (o.type == OBJ_TAG)
			r = tag_target(v, &o, &oid);
		loose_close(o.loose);
		if (r)
			return r;
		if (o.type == OBJ_COMMIT) {
			*ret = oid;
			return 0;
		}
		if (o.type != OBJ_TAG)
			return -ENOENT;
	}
	return -EBADMSG;
}

static int peel_id(struct view *v, const git_oid *id, int absent,
		   struct oid *ret)
{
	struct oid oid = { .len = OID_SHA1 };

	memcpy(oid.id, id->id, OID_SHA1);
	return peel(v, oid, absent, ret);
}

static int peel_ref(struct view *v, const git_reference *ref,
		    struct oid *ret)
{
	const git_oid *id = git_reference_target(ref);

	return id ? peel_id(v, id, -EIO, ret) : -ENOENT;
}

int resolve_head(struct view *v, struct oid *ret)
{
	CLEANUP_REF git_reference *ref = NULL;
	int r = git_repository_head(&ref, v->repo);

	if (r == GIT_EUNBORNBRANCH) {
		*ret = (struct oid){ .len = 0 };
		return 0;
	}
	return r ? view_errno(r) : peel_ref(v, ref, ret);
}

bool resolve_is_plain(struct view *v, const char *branch)
{
	CLEANUP_REF git_reference *ref = NULL;

	return !git_reference_lookup(&ref, v->repo, branch) &&
	       git_reference_type(ref) == GIT_REFERENCE_DIRECT &&
	       !strcmp(git_repository_path(v->repo),
		       git_repository_commondir(v->repo));
}

static int resolve_abbreviated(struct view *v, const char *name,
			       size_t len, struct oid *ret)
{
	git_odb *all;
	git_oid id;
	int r;

	for (size_t i = 0; i < len; i++) {
		if (!isxdigit((unsigned char)name[i]))
			return -ENOENT;
	}
	if (len < ABBREV_MIN || len > 2 * OID_SHA1 ||
	    git_oid_fromstrn(&id, name, len))
		return -ENOENT;
	r = git_repository_odb(&all, v->repo);
	if (r)
		return view_errno(r);
	r = git_odb_exists_prefix(&id, all, &id, len);
	git_odb_free(all);
	if (r == GIT_EAMBIGUOUS)
		return -ENOENT;
	return r ? view_errno(r) : peel_id(v, &id, -ENOENT, ret);
}

/* As git looks names up: a full id is that and nothing else, a ref comes
 * before an abbreviated id. */
int resolve_name(struct view *v, const char *name, struct oid *ret)
{
	CLEANUP_REF git_reference *ref = NULL;
	size_t len = strlen(name);
	struct oid oid;
	int r;

	if (!len)       /* which libgit2 takes for HEAD */
		return -ENOENT;
	if (!oid_parse(name, len, &oid))
		return peel(v, oid, -ENOENT, ret);
	r = git_reference_dwim(&ref, v->repo, name);
	if (!r)
		return peel_ref(v, ref, ret);
	if (r != GIT_ENOTFOUND && r != GIT_EINVALIDSPEC)
		return view_errno(r);
	return resolve_abbreviated(v, name, len, ret);
}

