/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* What is shown is what git says: every name, mode, size, byte and link of
 * a repository with everything odd in it, and of the one this is built
 * from, at its default branch and at all refs. */
#include <fcntl.h>
#include <nfsc/libnfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "test/call.h"
#include "test/harness.h"
#include "test/must.h"
#include "test/scratch.h"

enum { HEX = 40, NAME = 255, PATH_SIZE = 4096, MEBI = 1 << 20 };

/* ---- what git says ---- */

struct object {
	const char *oid;        /* not NUL terminated */
	const char *data;
	size_t len;
};

struct item {
	const char *path;
	uint32_t type, mode;
	uint64_t size;          /* not of directories */
	const char *oid;
};

/* A repository, or one tree of it. */
struct oracle {
	char *batch;
	struct object *object;
	size_t nobject;
};

struct tree {
	char *listing;
	struct item *item;      /* in order of paths, as bytes */
	size_t n;
};

static int object_cmp(const void *a, const void *b)
{
	const struct object *x = a, *y = b;

	return memcmp(x->oid, y->oid, HEX);
}

static int item_cmp(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void oracle_open(struct oracle *o, const char *repo)
{
	size_t len, cap = 0;
	char *end;

	*o = (struct oracle){ 0 };
	o->batch = git_bytes(&len, repo,
			     "cat-file --batch-all-objects --batch");
	end = o->batch + len;
	for (char *p = o->batch; p < end;) {
		struct object *x;
		char *head = p;

		if (o->nobject == cap) {
			cap = 2 * cap + 1024;
			o->object = realloc(o->object,
					    cap * sizeof *o->object);
			ck_assert_ptr_nonnull(o->object);
		}
		x = &o->object[o->nobject++];
		p = strchr(strchr(p, ' ') + 1, ' ');    /* OID TYPE SIZE */
		x->oid = head;
		x->len = strtoul(p, &p, 10);
		x->data = p + 1;
		p += x->len + 2;
	}
	qsort(o->object, o->nobject, sizeof *o->object, object_cmp);
}

static const struct object *object(const struct oracle *o, const char *oid)
{
	struct object want = { .oid = oid };
	struct object *x = bsearch(&want, o->object, o->nobject,
				   sizeof *o->object, object_cmp);

	must(x);
	return x;
}

static void oracle_close(struct oracle *o)
{
	free(o->batch);
	free(o->object);
}

/* A path that no NFS client could name. */
static bool too_long(const char *path)
{
	for (; *path; path += path[strcspn(path, "/")] == '/') {
		size_t len = strcspn(path, "/");

		if (len > NAME)
			return true;
		path += len;
	}
	return false;
}

static void tree_open(struct tree *t, const char *repo, const char *ref)
{
	size_t len, cap = 0;

	*t = (struct tree){ 0 };
	t->listing = git_bytes(&len, repo, "-c core.warnAmbiguousRefs=false ls-tree "
			       "-rtz -l --end-of-options '%s'", ref);
	for (char *p = t->listing; p < t->listing + len; p += strlen(p) + 1) {
		/* MODE TYPE OID SIZE\tPATH */
		unsigned mode = (unsigned)strtoul(p, NULL, 8);
		struct item *i;
		char *size;

		if (t->n == cap) {
			cap = 2 * cap + 1024;
			t->item = realloc(t->item, cap * sizeof *t->item);
			ck_assert_ptr_nonnull(t->item);
		}
		i = &t->item[t->n];
		i->oid = strchr(strchr(p, ' ') + 1, ' ') + 1;
		size = strchr(i->oid, ' ');
		i->size = strtoull(size, NULL, 10);
		i->path = strchr(size, '\t') + 1;
		if (too_long(i->path))
			continue;
		switch (mode & S_IFMT) {
		case S_IFREG:
			i->type = REG;
			i->mode = mode & 0777;
			break;
		case S_IFLNK:
			i->type = LNK;
			i->mode = 0777;
			break;
		default:        /* a tree, or the place of a submodule */
			i->type = DIR;
			i->mode = 0755;
		}
		t->n++;
	}
	qsort(t->item, t->n, sizeof *t->item, item_cmp);
}

static void tree_close(struct tree *t)
{
	free(t->listing);
	free(t->item);
}

/* ---- what the server says ---- */

static struct harness h;
static struct raw conn;
static struct fh top;

struct found {
	char *path;
	struct fh fh;
	struct fattr attr;
};

struct walk {
	struct found *found;
	size_t n, cap;
};

static void connect_(void)
{
	raw_open(&conn, h.port);
	ck_assert_uint_eq(call_mnt(&conn, "/", &top), N3_OK);
}

static void serve(const struct source *source)
{
	h = (struct harness){ .source = source, .nsource = 1 };
	harness_start(&h);
	connect_();
}

static void unserve(void)
{
	raw_close(&conn);
	harness_stop(&h);
}

static void same(const struct fattr *a, const struct fattr *b,
		 const char *where, const char *path)
{
	if (!fattr_eq(a, b))
		ck_abort_msg("%s tells other attributes of %s", where, path);
}

/* Law 7: one file, one answer, whoever is asked. */
static void everywhere_the_same(const struct found *f, const struct fh *dir,
				const char *name, size_t len)
{
	struct fattr a;
	struct fh fh;

	must(call_getattr(&conn, &f->fh, &a) == N3_OK);
	same(&f->attr, &a, "GETATTR", f->path);
	must(call_lookup(&conn, dir, name, len, &fh, &a, NULL) == N3_OK);
	same(&f->attr, &a, "LOOKUP", f->path);
	must(fh_eq(&f->fh, &fh));
	must(call_access(&conn, &f->fh, 0x3f, NULL, &a) == N3_OK);
	same(&f->attr, &a, "ACCESS", f->path);
	if (f->attr.type == REG) {
		must(call_read(&conn, &f->fh, 0, 1, NULL, NULL, &a) == N3_OK);
		same(&f->attr, &a, "READ", f->path);
	} else if (f->attr.type == LNK) {
		must(call_readlink(&conn, &f->fh, NULL, &a) == N3_OK);
		same(&f->attr, &a, "READLINK", f->path);
	}
}

static struct found *add_found(struct walk *w, const char *in,
			       const struct entry *e)
{
	struct found *f;

	if (w->n == w->cap) {
		w->cap = 2 * w->cap + 1024;
		w->found = realloc(w->found, w->cap * sizeof *w->found);
		ck_assert_ptr_nonnull(w->found);
	}
	f = &w->found[w->n++];
	*f = (struct found){ .fh = e->fh, .attr = e->attr };
	must(asprintf(&f->path, "%s%s%.*s", in, *in ? "/" : "", (int)e->len,
		      e->name) >= 0);
	return f;
}

/* All below a directory, by READDIRPLUS or by READDIR and LOOKUP. */
static void walk(struct walk *w, const struct fh *dir, const char *in,
		 bool plus)
{
	CLEANUP_PAGE struct page page = { 0 };
	uint64_t cookie = 0, verf = 0;
	size_t begin = w->n, end;
	CLEANUP_FREE char *under = strdup(in);

	do {
		uint32_t status = plus ?
			call_readdirplus(&conn, dir, cookie, verf, 8192,
					 32768, &page) :
			call_readdir(&conn, dir, cookie, verf, 8192, &page);

		ck_assert_uint_eq(status, N3_OK);
		verf = page.verf;
		for (size_t i = 0; i < page.n; i++) {
			struct entry *e = &page.entry[i];
			struct found *f;

			cookie = e->cookie;
			if (e->len <= 2 && !memcmp(e->name, "..", e->len))
				continue;
			f = add_found(w, under, e);
			if (!e->attr.sent || !e->fh.len)
				must(call_lookup(&conn, dir, e->name, e->len,
						 &f->fh, &f->attr, NULL) ==
				     N3_OK);
			must(f->attr.fileid == e->fileid);
			if (plus)
				everywhere_the_same(f, dir, e->name, e->len);
		}
	} while (!page.eof);
	end = w->n;
	for (size_t i = begin; i < end; i++)
		if (w->found[i].attr.type == DIR) {
			struct fh fh = w->found[i].fh;
			CLEANUP_FREE char *path = strdup(w->found[i].path);

			walk(w, &fh, path, plus);
		}
}

static void walk_free(struct walk *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->found[i].path);
	free(w->found);
	*w = (struct walk){ 0 };
}

static int found_cmp(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static void has_contents(const struct oracle *o, const struct item *i,
			 const struct fh *fh)
{
	const struct object *x = object(o, i->oid);
	CLEANUP_WIRE struct wire data = { 0 };

	if (i->type == REG)
		must(call_read_all(&conn, fh, MEBI, &data) == N3_OK);
	else
		must(call_readlink(&conn, fh, &data, NULL) == N3_OK);
	if (data.len != x->len || (x->len && memcmp(data.p, x->data, x->len)))
		ck_abort_msg("other contents: %s", i->path);
}

/* The directory at 'path' shows just this tree. */
static void shows(const struct oracle *o, const char *repo, const char *ref,
		  const char *path, bool plus, struct walk *ret)
{
	struct tree want;
	struct walk got = { 0 };
	struct fh root;

	ck_assert_msg(call_find(&conn, &top, path, &root, NULL) == N3_OK,
		      "%s", path);
	tree_open(&want, repo, ref);
	walk(&got, &root, "", plus);
	qsort(got.found, got.n, sizeof *got.found, found_cmp);
	for (size_t i = 0; i < want.n && i < got.n; i++) {
		const struct item *x = &want.item[i];
		const struct found *f = &got.found[i];

		if (strcmp(f->path, x->path))
			ck_assert_str_eq(f->path, x->path);
		if (f->attr.type != x->type || f->attr.mode != x->mode)
			ck_abort_msg("%s: type %u mode %o", x->path,
				     f->attr.type, f->attr.mode);
		if (x->type == DIR)
			continue;
		must(f->attr.size == x->size);
		has_contents(o, x, &f->fh);
	}
	ck_assert_uint_eq(got.n, want.n);
	tree_close(&want);
	if (ret)
		*ret = got;
	else
		walk_free(&got);
}

/* ---- tests ---- */

START_TEST(everything_odd)
{
	const struct source source = { .name = "odd",
				       .path = harness_repo("worktree") };
	struct oracle o;

	serve(&source);
	oracle_open(&o, source.path);
	shows(&o, source.path, "main", "odd", true, NULL);
	shows(&o, source.path, "main", "odd", false, NULL);
	oracle_close(&o);
	unserve();
}
END_TEST

START_TEST(a_bare_one_too)
{
	const struct source source = { .name = "odd.git",
				       .path = harness_repo("bare") };
	struct oracle o;

	serve(&source);
	oracle_open(&o, source.path);
	shows(&o, source.path, "main", "odd.git", true, NULL);
	oracle_close(&o);
	unserve();
}
END_TEST

/* All of it again and again in a budget for a small part. */
START_TEST(with_hardly_any_memory)
{
	const struct source source = { .name = "odd",
				       .path = harness_repo("bare") };
	uint64_t before;
	struct oracle o;

	h = (struct harness){ .source = &source, .nsource = 1,
			      .memory = MEBI };
	harness_start(&h);
	connect_();
	oracle_open(&o, source.path);
	before = harness_memory();
	shows(&o, source.path, "main", "odd", true, NULL);
	shows(&o, source.path, "annotated", "odd@annotated", false, NULL);
	ck_assert_uint_lt(harness_memory(), before + 64 * MEBI);
	oracle_close(&o);
	unserve();
}
END_TEST

/* A working tree's repository by the file that points to it, one whose
 * objects are another's, and all objects loose. */
START_TEST(repositories_of_other_shapes)
{
	const char *repo = harness_repo("worktree");
	CLEANUP_FREE char *dir = scratch_dir();
	char *path[4];
	struct oracle o;

	for (size_t i = 0; i < 4; i++)
		ck_assert_int_ge(asprintf(&path[i], "%s/%zu", dir, i), 0);
	git_do(repo, "worktree add --no-checkout -q --detach '%s' main",
	       path[0]);
	git_do(repo, "clone -q --shared --no-checkout . '%s'", path[1]);
	git_do(repo, "clone -q --shared --bare '%s' '%s'", path[1], path[2]);
	git_do(repo, "clone -q --bare . '%s'", path[3]);
	shell("cd '%s' && mv objects/pack/*.pack . && "
	      "cat *.pack | git unpack-objects -q && rm *.pack "
	      "objects/pack/*", path[3]);
	oracle_open(&o, repo);
	for (size_t i = 0; i < 4; i++) {
		const struct source source = { .name = "odd",
					       .path = path[i] };

		serve(&source);
		shows(&o, repo, "main", "odd", true, NULL);
		unserve();
		free(path[i]);
	}
	oracle_close(&o);
	git_do(repo, "worktree prune");
}
END_TEST

static int id_cmp(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Every branch, tag and commit, under its name; and no two files of all
 * of them with one fileid. */
START_TEST(every_ref)
{
	const struct source source = { .name = "odd",
				       .path = harness_repo("worktree") };
	CLEANUP_FREE char *refs = NULL, *commits = NULL, *all = NULL;
	uint64_t *id = NULL;
	size_t n = 0, trees = 0;
	char *rest;
	struct oracle o;

	refs = git(source.path, "for-each-ref --format='%%(refname:lstrip=2)'"
		   " refs/heads refs/tags | sort -u");
	commits = git(source.path, "rev-list --all");
	ck_assert_int_ge(asprintf(&all, "%s\n%s", refs, commits), 0);
	serve(&source);
	oracle_open(&o, source.path);
	rest = all;
	for (char *ref; (ref = strsep(&rest, "\n"));) {
		CLEANUP_FREE char *name = calloc(3, strlen(ref) + 3);
		struct walk w;
		char *to = stpcpy(name, "odd@");

		for (char *p = ref; *p; p++)
			to = *p == '/' ? stpcpy(to, "%2F") :
			     *p == '%' ? stpcpy(to, "%25") :
			     (*to = *p, to + 1);
		if (strlen(ref) > 190 || strstr(ref, "of-tree") ||
		    strstr(ref, "of-blob")) {
			struct fh fh;

			if (strlen(ref) <= 190)
				ck_assert_uint_eq(call_find(&conn, &top, name,
							    &fh, NULL),
						  N3_NOENT);
			continue;
		}
		shows(&o, source.path, ref, name, false, &w);
		trees++;
		id = realloc(id, (n + w.n) * sizeof *id);
		for (size_t i = 0; i < w.n; i++)
			id[n++] = w.found[i].attr.fileid;
		walk_free(&w);
	}
	ck_assert_uint_ge(trees, 20);
	qsort(id, n, sizeof *id, id_cmp);
	for (size_t i = 1; i < n; i++)
		must(id[i - 1] != id[i]);
	free(id);
	oracle_close(&o);
	unserve();
}
END_TEST

START_TEST(names_that_are_no_refs)
{
	const struct source source = { .name = "odd",
				       .path = harness_repo("worktree") };
	static const char *const none[] = {
		"odd@", "odd@nosuch", "odd@feature%2Fwith%2f", "odd@.",
		"odd@feature%2fwith%2fslash", "odd@feature", "odd@..",
		"odd@100%", "odd@%6dain", "odd@ main", "odd@main ",
		"odd@/main", "odd@feature/with/slash", "odd@@@", "@", "@@",
		"odd@0000000000000000000000000000000000000000",
		"odd@ffffffffffffffffffffffffffffffffffffffff",
		"odd@main^{tree}", "odd@main:README", "odd@:/first",
		"odd@main~1", "odd@main^", "odd@main@{0}", "odd@@{-1}",
		"odd@main..orphan", "odd@^main", "odd@-", "odd@*",
		"odd@[m]ain", "ODD", "od", "odd2", ".git", "odd/",
	};

	serve(&source);
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		uint32_t s = call_find(&conn, &top, none[i], NULL, NULL);

		ck_assert_msg(s == N3_NOENT || s == N3_ACCES, "%s: %u",
			      none[i], s);
	}
	unserve();
}
END_TEST

START_TEST(the_same_after_a_restart)
{
	const struct source source = { .name = "odd",
				       .path = harness_repo("worktree") };
	struct oracle o;
	struct walk w;

	serve(&source);
	oracle_open(&o, source.path);
	shows(&o, source.path, "main", "odd", true, &w);
	/* From any place, not only on a walk from the top. */
	raw_close(&conn);
	harness_restart(&h);
	connect_();
	for (size_t i = w.n; i--;) {
		struct fattr a;

		must(call_getattr(&conn, &w.found[i].fh, &a) == N3_OK);
		same(&w.found[i].attr, &a, "a restarted server",
		     w.found[i].path);
	}
	for (size_t i = 0; i < w.n; i += 50) {
		struct fattr a;

		raw_close(&conn);
		harness_restart(&h);
		connect_();
		ck_assert_uint_eq(call_getattr(&conn, &w.found[i].fh, &a),
				  N3_OK);
		same(&w.found[i].attr, &a, "a cold server", w.found[i].path);
	}
	walk_free(&w);
	oracle_close(&o);
	unserve();
}
END_TEST

START_TEST(this_repository)
{
	const char *srcdir = getenv("srcdir");
	char *top_dir, *head, path[64];
	struct source source = { .name = "self" };
	struct oracle o;

	if (!srcdir)
		srcdir = ".";
	top_dir = git(srcdir, "rev-parse --show-toplevel 2>/dev/null || :");
	head = git(srcdir, "rev-parse HEAD 2>/dev/null || :");
	if (strlen(head) != HEX) {
		fprintf(stderr, "not built from a git checkout: skipped\n");
	} else {
		source.path = top_dir;
		serve(&source);
		snprintf(path, sizeof path, "self@%s", head);
		oracle_open(&o, source.path);
		shows(&o, source.path, head, path, true, NULL);
		oracle_close(&o);
		unserve();
	}
	free(top_dir);
	free(head);
}
END_TEST

/* ---- through a client library ---- */

static void lib_file(const struct oracle *o, struct nfs_context *nfs,
		     const struct item *i, const char *path)
{
	const struct object *x = object(o, i->oid);
	CLEANUP_FREE char *data = malloc(x->len + 2);
	struct nfsfh *file;
	size_t len = 0;
	int n;

	ck_assert_int_eq(nfs_open(nfs, path, O_RDONLY, &file), 0);
	while ((n = nfs_pread(nfs, file, len, x->len + 1 - len, data + len)))
		len += (size_t)n;
	ck_assert_int_eq(nfs_close(nfs, file), 0);
	ck_assert_uint_eq(len, x->len);
	ck_assert_mem_eq(data, x->data, len);
}

static void lib_walk(const struct oracle *o, struct nfs_context *nfs,
		     const char *path, const char *below, const struct tree *t,
		     size_t *n)
{
	struct nfsdir *dir;
	struct nfsdirent *e;

	ck_assert_msg(nfs_opendir(nfs, path, &dir) == 0, "%s: %s", path,
		      nfs_get_error(nfs));
	while ((e = nfs_readdir(nfs, dir))) {
		char full[PATH_SIZE], sub[PATH_SIZE], text[PATH_SIZE];
		struct item want = { .path = sub }, *i;

		if (!strcmp(e->name, ".") || !strcmp(e->name, ".."))
			continue;
		snprintf(full, sizeof full, "%s/%s", path, e->name);
		snprintf(sub, sizeof sub, "%s%s%s", below, *below ? "/" : "",
			 e->name);
		i = bsearch(&want, t->item, t->n, sizeof *t->item, item_cmp);
		ck_assert_msg(i != NULL, "%s", sub);
		++*n;
		ck_assert_uint_eq(e->type, i->type);
		ck_assert_uint_eq(e->mode & 07777, i->mode);
		if (i->type == DIR) {
			lib_walk(o, nfs, full, sub, t, n);
			continue;
		}
		ck_assert_uint_eq(e->size, i->size);
		if (i->type == REG) {
			lib_file(o, nfs, i, full);
			continue;
		}
		ck_assert_int_eq(nfs_readlink(nfs, full, text, sizeof text),
				 0);
		ck_assert_uint_eq(strlen(text), i->size);
		ck_assert_mem_eq(text, object(o, i->oid)->data, i->size);
	}
	nfs_closedir(nfs, dir);
}

START_TEST(through_libnfs)
{
	const struct source source = { .name = "odd",
				       .path = harness_repo("worktree") };
	struct nfs_context *nfs = nfs_init_context();
	struct oracle o;
	struct tree t;
	size_t n = 0;
	char url[128];
	struct nfs_url *u;

	serve(&source);
	snprintf(url, sizeof url, "nfs://127.0.0.1/odd?nfsport=%u&mountport=%u"
		 "&version=3", h.port, h.port);
	u = nfs_parse_url_dir(nfs, url);
	ck_assert_ptr_nonnull(u);
	ck_assert_msg(nfs_mount(nfs, u->server, u->path) == 0, "%s",
		      nfs_get_error(nfs));
	nfs_destroy_url(u);
	oracle_open(&o, source.path);
	tree_open(&t, source.path, "main");
	lib_walk(&o, nfs, "", "", &t, &n);
	ck_assert_uint_eq(n, t.n);
	tree_close(&t);
	oracle_close(&o);
	nfs_destroy_context(nfs);
	unserve();
}
END_TEST

static void make(void)
{
	harness_repo("worktree");
	harness_repo("bare");
}

static void add(TCase *c)
{
	tcase_add_unchecked_fixture(c, make, NULL);
	tcase_add_test(c, everything_odd);
	tcase_add_test(c, a_bare_one_too);
	tcase_add_test(c, with_hardly_any_memory);
	tcase_add_test(c, repositories_of_other_shapes);
	tcase_add_test(c, every_ref);
	tcase_add_test(c, names_that_are_no_refs);
	tcase_add_test(c, the_same_after_a_restart);
	tcase_add_test(c, this_repository);
	tcase_add_test(c, through_libnfs);
}

int main(void)
{
	return harness_main("oracle", 120, add, NULL);
}
