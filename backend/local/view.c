/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/local/view.h"

#include <errno.h>
#include <git2/sys/odb_backend.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/local/format.h"
#include "common/cleanup.h"
#include "common/clock.h"

enum {
	READ_MAX = 1 << 30,     /* bytes held in memory for one object */
	WINDOW_SIZE = 1 << 20,  /* bytes mapped of a pack at a time ... */
	WINDOWS_MAX = 8 << 20,  /* ... and of all packs */
};

static pthread_mutex_t library = PTHREAD_MUTEX_INITIALIZER;
static unsigned library_users;

int view_library_get(void)
{
	const char *names[FORMAT_EXTENSIONS];

	LOCK_SCOPE(&library);
	if (git_libgit2_init() < 0)
		return -ENOMEM;
	if (library_users++)
		return 0;
	/* The cache above checks every object, and keeps it. */
	git_libgit2_opts(GIT_OPT_ENABLE_CACHING, 0);
	git_libgit2_opts(GIT_OPT_ENABLE_STRICT_HASH_VERIFICATION, 0);
	/* Reading runs nothing, so it matters not whose repository it is. */
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	/* What is mapped of packs counts as memory of ours, too. */
	git_libgit2_opts(GIT_OPT_SET_MWINDOW_SIZE, (size_t)WINDOW_SIZE);
	git_libgit2_opts(GIT_OPT_SET_MWINDOW_MAPPED_LIMIT,
			 (size_t)WINDOWS_MAX);
	/* Later versions look at them whenever they open a repository. */
	format_extensions(names);
	git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, names,
			 (size_t)FORMAT_EXTENSIONS);
	return 0;
}

void view_library_put(void)
{
	LOCK_SCOPE(&library);
	library_users--;
	git_libgit2_shutdown();
}

int view_errno(int git_error_code)
{
	const git_error *e;

	if (git_error_code == GIT_ENOTFOUND)
		return -ENOENT;
	e = git_error_last();
	return e && e->klass == GIT_ERROR_NOMEMORY ? -ENOMEM : -EIO;
}

void view_close(struct view *v)
{
	if (!v)
		return;
	git_odb_free(v->packs);
	git_repository_free(v->repo);
	stores_clear(&v->stores);
	free(v);
}

static int load_stores(struct view *v)
{
	CLEANUP_FREE char *objects = NULL;

	if (asprintf(&objects, "%sobjects",
		     git_repository_commondir(v->repo)) < 0) {
		objects = NULL;
		return -ENOMEM;
	}
	return stores_load(&v->stores, objects);
}

static int open_packs(struct view *v)
{
	int r = git_odb_new(&v->packs);

	for (unsigned i = 0; !r && i < v->stores.n; i++) {
		git_odb_backend *packs;

		r = git_odb_backend_pack(&packs, v->stores.path[i]);
		if (r)
			break;
		r = git_odb_add_backend(v->packs, packs, 1);
		if (r)
			packs->free(packs);
	}
	return r ? view_errno(r) : 0;
}

int view_open(struct view **ret, const char *git_dir)
{
	struct view *v = calloc(1, sizeof *v);
	int r;

	if (!v)
		return -ENOMEM;
	v->born = clock_ms();
	r = git_repository_open_bare(&v->repo, git_dir);
	r = r ? view_errno(r) : load_stores(v);
	if (!r)
		r = open_packs(v);
	if (r) {
		view_close(v);
		return r;
	}
	*ret = v;
	return 0;
}

int view_find_packed(struct view *v, const struct oid *oid,
		     struct object *ret)
{
	struct object o = { .loose = NULL };
	git_object_t type;
	size_t size;
	int r;

	git_oid_fromraw(&o.id, oid->id);
	/* Looks for new packs before it says that there is none. */
	r = git_odb_read_header(&size, &type, v->packs, &o.id);
	if (r)
		return view_errno(r);
	o.type = (enum obj)type;
	o.size = size;
	*ret = o;
	return 0;
}

int view_find(struct view *v, const struct oid *oid, struct object *ret)
{
	struct loose *loose;
	int r, packed;

	if (oid->len != OID_SHA1)
		return -ENOENT;
	r = loose_open(&loose, &v->stores, oid);
	if (!r) {
		*ret = (struct object){ .loose = loose,
			.type = loose_type(loose), .size = loose_size(loose) };
		return 0;
	}
	packed = view_find_packed(v, oid, ret);
	return packed == -ENOENT ? r : packed;
}

int view_read_packed(struct view *v, const struct object *o,
		     git_odb_object **ret)
{
	int r;

	/* The size may be damage. */
	if (o->size > READ_MAX)
		return -EFBIG;
	r = git_odb_read(ret, v->packs, &o->id);
	return r ? view_errno(r) : 0;
}
