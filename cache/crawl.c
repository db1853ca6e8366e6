/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "cache/crawl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

enum {
	CRAWLS = 16,            /* at a time */
	TRAILS = 64,            /* sets of ... */
	WAYS = 4,               /* ... directories remembered */
	READS = 2,              /* files of a directory, or children with any,
				 * before it is crawled */
	LISTED = 4,             /* children listed, before all trees are */
	FIRST = 16,             /* objects in the first chunk, ... */
	GROWTH = 4,             /* ... and so many times more in the next */
	SCAN = 1 << 14,         /* entries looked at for a chunk, ... */
	KEPT = 1024,            /* ... while all are on this disk already */
	RECENT = 1024,          /* objects that tell how large others are */
	MARKS = 1 << 15,        /* directories whose last chunk is known */
	DEPTH_MAX = 256,
	FRESH = 1000,           /* looks, since a crawl was last followed */
};

/* What has been done in a directory.  Another one may take its place. */
struct trail {
	uint64_t dir;
	uint64_t seen;          /* the last time, in looks */
	struct oid tree;        /* that it was listed from, or length 0 */
	uint32_t listed;        /* children that were */
	struct {
		uint32_t files;
		uint32_t below; /* children with any */
		bool touched;   /* counted where it is a child */
	} asked[CRAWL_OFS];
};

/* The last chunk with files of a directory.  Another one may take its
 * place. */
struct mark {
	uint64_t dir;
	uint32_t chunk;
};

/* A directory on the way to where a crawl is. */
struct step {
	uint64_t id;
	struct tree *tree;      /* NULL: not known */
	uint32_t file, dir;     /* the next entries to look at: files first */
};

struct crawl {
	uint64_t serial;
	enum crawl_of of;
	uint64_t seen;          /* in looks */
	bool due;               /* somebody's */

	/* What follows is that somebody's. */
	const struct root *root;
	struct dir *start;      /* where it begins, until it has */
	struct step step[DEPTH_MAX];
	unsigned depth;         /* step[depth] is the last */
	struct oid *want;       /* of the chunk that is not complete, ... */
	size_t n, kept;         /* ... the latter on this disk */
	uint32_t next;          /* ... which is this one ... */
	uint64_t next_began;    /* ... and begins here */
	uint32_t next_from;
	struct oid tried;       /* a tree that was asked for */

	/* The rest again is under the lock. */
	unsigned floor;         /* no higher than this step, ... */
	bool shallow;           /* ... and not below it either; ... */
	bool over;              /* ... it is at the end of that */
	bool unsized;           /* sizes are only had with contents */
	size_t size;            /* of a chunk, in objects */
	uint32_t chunk;         /* the last, and where it began: */
	uint64_t began;         /* directory */
	uint32_t from;          /* entry */
	uint64_t came, bytes;   /* of the last chunks */
};

struct crawls {
	struct fetcher *fetcher;
	const struct inodes *in;
	size_t bytes;           /* in a chunk */
	pthread_mutex_t lock;   /* covers the rest */
	uint64_t looks, serials;
	uint32_t chunks;
	struct trail trail[TRAILS][WAYS];
	struct mark mark[CRAWL_OFS][MARKS];
	struct crawl *crawl[CRAWLS];
};

/* ---- trails; the lock is held ---- */

/* Good until the next call. */
static struct trail *trail_of(struct crawls *cs, uint64_t dir)
{
	struct trail *set = cs->trail[dir % TRAILS], *t = set;

	for (int i = 0; i < WAYS && t->dir != dir; i++)
		if (set[i].dir == dir || set[i].seen < t->seen)
			t = &set[i];
	if (t->dir != dir)
		*t = (struct trail){ .dir = dir };
	t->seen = ++cs->looks;
	return t;
}

/* Something below each is read. */
static void touch(struct crawls *cs, const struct dir *d, enum crawl_of of)
{
	for (; d->parent; d = d->parent) {
		if (trail_of(cs, d->id)->asked[of].touched)
			return;
		trail_of(cs, d->id)->asked[of].touched = true;
		trail_of(cs, d->parent->id)->asked[of].below++;
	}
}

/* Is file after file in it, or below it, being read? */
static bool is_read(struct crawls *cs, const struct dir *d, enum crawl_of of)
{
	const struct trail *t = trail_of(cs, d->id);

	return t->asked[of].files + t->asked[of].below >= READS;
}

/* The highest directory of those that are read, 'd' itself or above, as far
 * as they are or have been listed; NULL: not even that. */
static const struct dir *top_of(struct crawls *cs, const struct dir *d,
				enum crawl_of of)
{
	const struct dir *top = NULL;

	for (; d; d = d->parent) {
		if (is_read(cs, d, of))
			top = d;
		else if (!trail_of(cs, d->id)->tree.len)
			break;
	}
	return top;
}

bool crawl_list(struct crawls *cs, const struct dir *d,
		const struct tree *tree, struct oid *above)
{
	struct oid top = { .len = 0 };
	LOCK_SCOPE(&cs->lock);
	struct trail *t = trail_of(cs, d->id);
	bool first = !t->tree.len;

	t->tree = tree->oid;
	if (first && d->parent)
		trail_of(cs, d->parent->id)->listed++;
	for (d = d->parent; d; d = d->parent) {
		t = trail_of(cs, d->id);
		if (t->listed >= LISTED && t->tree.len)
			top = t->tree;
	}
	if (!top.len)
		return false;
	*above = top;
	return true;
}

/* ---- crawls; the lock is held ---- */

/* Not with the lock. */
static void crawl_free(struct crawl *c)
{
	if (!c)
		return;
	for (unsigned i = 0; i < DEPTH_MAX; i++)
		tree_unref(c->step[i].tree);
	dir_unrefp(&c->start);
	free(c->want);
	free(c);
}

static struct mark *mark_of(struct crawls *cs, uint64_t dir,
			    enum crawl_of of)
{
	return &cs->mark[of][dir % MARKS];
}

/* The last chunk with files of this directory, or 0. */
static uint32_t chunk_of(struct crawls *cs, uint64_t dir, enum crawl_of of)
{
	const struct mark *m = mark_of(cs, dir, of);

	return m->dir == dir ? m->chunk : 0;
}

static struct crawl *crawl_of(struct crawls *cs, uint32_t chunk)
{
	for (int i = 0; chunk && i < CRAWLS; i++)
		if (cs->crawl[i] && cs->crawl[i]->chunk == chunk)
			return cs->crawl[i];
	return NULL;
}

/* The one of that root that was last followed: it has come to its end, or is
 * not fast enough, and another one goes on for it. */
static const struct crawl *before(struct crawls *cs, const struct root *root,
				  enum crawl_of of)
{
	const struct crawl *last = NULL;

	for (int i = 0; i < CRAWLS; i++) {
		const struct crawl *c = cs->crawl[i];

		if (c && c->root == root && c->of == of && cs->looks - c->seen < FRESH &&
		    (!last || c->seen > last->seen))
			last = c;
	}
	return last;
}

/* In place of the one that nobody has followed for longest: *gone, to be
 * freed without the lock. */
static struct crawl *crawl_new(struct crawls *cs, struct dir *d,
			       struct tree *tree, uint32_t index,
			       enum crawl_of of, struct crawl **gone)
{
	struct crawl **place = NULL, *c = calloc(1, sizeof *c);
	const struct crawl *old = before(cs, d->root, of);

	for (int i = 0; i < CRAWLS; i++) {
		struct crawl **p = &cs->crawl[i];

		if (*p && (*p)->due)
			continue;
		if (!place || !*p || (*place && (*p)->seen < (*place)->seen))
			place = p;
		if (!*place)
			break;
	}
	if (!c || !place || d->depth >= DEPTH_MAX) {
		free(c);
		return NULL;
	}
	c->size = old ? old->size : FIRST / GROWTH;
	c->came = old ? old->came : 0;
	c->bytes = old ? old->bytes : 0;
	c->unsized = old && old->unsized;
	c->of = of;
	*gone = *place;
	*place = c;
	c->serial = ++cs->serials;
	c->root = d->root;
	c->start = dir_ref(d);
	c->depth = c->floor = d->depth;
	c->shallow = true;
	c->step[d->depth] = (struct step){ .id = d->id,
					   .tree = tree_ref(tree),
					   .file = index + 1 };
	/* Others who read here at the same time are part of it. */
	c->chunk = ++cs->chunks;
	c->began = d->id;
	*mark_of(cs, d->id, of) = (struct mark){ d->id, c->chunk };
	return c;
}

/* As many as may be so many bytes, going by those that came. */
static size_t size_of(const struct crawls *cs, const struct crawl *c)
{
	size_t size = c->size * GROWTH, most = CRAWL_OBJECTS;

	if (c->came && (c->of == CRAWL_CONTENTS || c->unsized))
		most = cs->bytes / (c->bytes / c->came + 1);
	if (most < 1)
		most = 1;
	if (most > CRAWL_OBJECTS)
		most = CRAWL_OBJECTS;
	return size < most ? size : most;
}

/* How far may it go, now that in 'd' and all up to 'top' is read? */
static void lift(struct crawls *cs, struct crawl *c, const struct dir *d,
		 const struct dir *top)
{
	bool shallow = top == d &&
		       !trail_of(cs, d->id)->asked[c->of].below;

	if (top->depth > c->floor || (top->depth == c->floor &&
				      (shallow || !c->shallow)))
		return;
	c->floor = top->depth;
	c->shallow = shallow;
	c->over = false;
}

static struct crawl *follow(struct crawls *cs, struct dir *d,
			    struct tree *tree, uint32_t index,
			    enum crawl_of of, struct crawl **gone)
{
	const struct dir *top;
	struct crawl *c;
	uint32_t chunk;
	LOCK_SCOPE(&cs->lock);
	struct trail *t = trail_of(cs, d->id);

	t->asked[of].files++;
	/* One file of a directory that nobody lists is no more than that. */
	if (!t->tree.len && t->asked[of].files < READS)
		return NULL;
	touch(cs, d, of);
	top = top_of(cs, d, of);
	chunk = chunk_of(cs, d->id, of);
	c = crawl_of(cs, chunk);
	if (!c && !chunk && top)
		c = crawl_new(cs, d, tree, index, of, gone);
	if (!c)
		return NULL;
	c->seen = cs->looks;
	if (c->due || (c->began == d->id && index < c->from))
		return NULL;
	if (top)
		lift(cs, c, d, top);
	if (c->over)
		return NULL;
	c->size = size_of(cs, c);
	c->due = true;
	return c;
}

struct crawl *crawl_asked(struct crawls *cs, struct dir *d, struct tree *tree,
			  uint32_t index, enum crawl_of of)
{
	struct crawl *gone = NULL;
	struct crawl *ret = follow(cs, d, tree, index, of, &gone);

	crawl_free(gone);
	return ret;
}

/* ---- moving; the crawl is the caller's ---- */

/* From memory. */
static bool has_tree(struct crawls *cs, struct source *s,
		     const struct oid *oid, struct tree **ret)
{
	struct key key = {
		.scope = s->number,
		.kind = KIND_TREE,
		.oid = *oid,
	};
	struct value *v;

	if (flight_join(fetcher_flights(cs->fetcher), &key, NULL, &v))
		return false;
	*ret = tree_of(v);
	return true;
}

/* Which tree it shows, if it is known. */
static bool shown_tree(struct dir *d, struct oid *ret)
{
	LOCK_SCOPE(&d->lock);
	if (!d->state)
		return false;
	*ret = d->state->version[inode_shown(d->state)].tree;
	return ret->len;
}

/* The directories above where it starts, as far as they are in memory. */
static void begin(struct crawls *cs, struct crawl *c)
{
	struct dir *start = TAKE(c->start);

	for (struct dir *d = start; d->parent; d = d->parent) {
		struct step *s = &c->step[d->depth - 1];
		struct oid oid;
		uint32_t i;

		if (!shown_tree(d->parent, &oid) ||
		    !has_tree(cs, c->root->source, &oid, &s->tree))
			break;
		if (tree_find(s->tree, d->hash, d->name, d->len, &i)) {
			tree_unref(TAKE(s->tree));
			break;
		}
		s->id = d->parent->id;
		s->dir = i + 1;
	}
	dir_unrefp(&start);
}

static bool is_file(const struct tree *t, uint32_t i)
{
	return t->entry[i].type != FT_DIR && t->entry[i].type != FT_GITLINK;
}

static void note_mark(struct crawls *cs, uint64_t dir, const struct crawl *c)
{
	LOCK_SCOPE(&cs->lock);
	*mark_of(cs, dir, c->of) = (struct mark){ dir, c->next };
}

/* Is what is wanted of it on this disk? */
static bool is_kept(struct crawls *cs, const struct crawl *c,
		    const struct oid *oid)
{
	return c->of == CRAWL_SIZES ?
		fetch_size_is_kept(cs->fetcher, c->root->source, oid) :
		fetch_is_kept(cs->fetcher, c->root->source, OBJ_BLOB, oid);
}

/* Enough for now?  Where all is on this disk nobody needs it to be far
 * ahead. */
static bool is_enough(const struct crawl *c, size_t max, unsigned scan)
{
	size_t missing = c->n - c->kept;

	return missing == max || c->n == CRAWL_OBJECTS || !scan ||
	       (!missing && (scan <= SCAN - KEPT || c->kept == max));
}

/* What is on this disk is brought to memory, too, when it is near. */
static void want(struct crawls *cs, struct crawl *c, const struct oid *oid,
		 size_t max)
{
	bool kept = is_kept(cs, c, oid);

	if (kept && (c->of == CRAWL_SIZES || c->kept == max || c->kept == KEPT))
		return;
	c->want[c->n++] = *oid;
	c->kept += kept;
}

/* Take the files of the directory where it is.  False: enough for now. */
static bool take_files(struct crawls *cs, struct crawl *c, size_t max,
		       unsigned *scan)
{
	struct step *s = &c->step[c->depth];
	struct tree *t = s->tree;

	if (s->file < t->n)
		note_mark(cs, s->id, c);
	for (; s->file < t->n; s->file++) {
		struct oid oid;

		if (!is_file(t, s->file))
			continue;
		if (is_enough(c, max, *scan))
			return false;
		--*scan;
		if (!c->next_began) {
			c->next_began = s->id;
			c->next_from = s->file;
		}
		oid = tree_oid(t, s->file);
		want(cs, c, &oid, max);
	}
	return true;
}

/* The trees of this directory's children that are not in memory, from the
 * next one on. */
static size_t missing_trees(struct crawls *cs, const struct crawl *c,
			    struct oid *ret)
{
	const struct step *s = &c->step[c->depth];
	size_t n = 0;

	for (uint32_t i = s->dir; i < s->tree->n && n < CRAWL_TREES; i++) {
		CLEANUP_TREE struct tree *t = NULL;
		struct oid oid;

		if (s->tree->entry[i].type != FT_DIR)
			continue;
		oid = tree_oid(s->tree, i);
		if (!has_tree(cs, c->root->source, &oid, &t))
			ret[n++] = oid;
	}
	return n;
}

/* Into the next child, or back up.  False: its tree is missing. */
static bool move(struct crawls *cs, struct crawl *c)
{
	struct step *s = &c->step[c->depth];
	struct oid oid;

	while (s->dir < s->tree->n && s->tree->entry[s->dir].type != FT_DIR)
		s->dir++;
	if (s->dir == s->tree->n || c->depth + 1 == DEPTH_MAX) {
		tree_unref(TAKE(s->tree));
		c->depth--;
		return true;
	}
	oid = tree_oid(s->tree, s->dir);
	s[1] = (struct step){
		.id = inode_dir_id(cs->in, s->id, tree_name(s->tree, s->dir),
				   s->tree->entry[s->dir].len),
	};
	if (!has_tree(cs, c->root->source, &oid, &s[1].tree)) {
		bool tried = oid_eq(&oid, &c->tried);

		s->dir += tried;        /* who goes there will see why */
		return tried;
	}
	s->dir++;
	c->depth++;
	return true;
}

/* Is it at the end of what it may go through? */
static bool is_over(const struct crawl *c, unsigned floor, bool shallow)
{
	const struct step *s = &c->step[c->depth];
	uint32_t dir = s->dir;

	if (!s->tree || c->depth < floor)
		return true;
	if (c->depth > floor || s->file < s->tree->n)
		return false;
	while (!shallow && dir < s->tree->n &&
	       s->tree->entry[dir].type != FT_DIR)
		dir++;
	return shallow || dir == s->tree->n;
}

/* What is to be asked for before it can go on: how many.  0: they have come
 * meanwhile.  All trees there are below are worth it when the first chunk was
 * of use. */
static int ask_trees(struct crawls *cs, struct crawl *c, unsigned floor,
		     size_t max, struct crawl_chunk *ret)
{
	const struct tree *top = max > FIRST ? c->step[floor].tree : NULL;
	struct crawl_chunk chunk = {
		.source = c->root->source,
		.kind = KIND_TREE,
		.want = calloc(CRAWL_TREES, sizeof *chunk.want),
	};

	if (!chunk.want)
		return -ENOMEM;
	chunk.n = missing_trees(cs, c, chunk.want);
	if (!chunk.n) {
		free(chunk.want);
		return 0;
	}
	c->tried = tree_oid(c->step[c->depth].tree, c->step[c->depth].dir);
	if (top)
		chunk.above = top->oid;
	*ret = chunk;
	return (int)chunk.n;
}

/* Go on until enough is gathered.  False: trees are missing. */
static bool gather(struct crawls *cs, struct crawl *c, unsigned floor,
		   bool shallow, size_t max)
{
	unsigned scan = SCAN;

	while (c->step[c->depth].tree && take_files(cs, c, max, &scan) &&
	       !is_over(c, floor, shallow) && !is_enough(c, max, scan)) {
		if (!move(cs, c))
			return false;
		scan--;
	}
	return true;
}

bool crawl_next(struct crawls *cs, struct crawl *c, struct crawl_chunk *ret)
{
	lock_take(&cs->lock);
	unsigned floor = c->floor;
	bool shallow = c->shallow;
	bool sizes = c->of == CRAWL_SIZES && !c->unsized;
	size_t max = c->size;

	if (!c->want)
		c->next = ++cs->chunks;
	lock_drop(&cs->lock);
	if (!c->want) {
		c->want = calloc(CRAWL_OBJECTS, sizeof *c->want);
		c->n = c->kept = 0;
		c->next_began = 0;
	}
	if (!c->want)
		return false;
	if (c->start)
		begin(cs, c);
	while (!gather(cs, c, floor, shallow, max)) {
		int n = ask_trees(cs, c, floor, max, ret);

		if (n)
			return n > 0;
	}
	lock_take(&cs->lock);
	if (c->next_began) {
		c->chunk = c->next;
		c->began = c->next_began;
		c->from = c->next_from;
	}
	c->over = is_over(c, floor, shallow) && floor == c->floor &&
		  shallow == c->shallow;
	lock_drop(&cs->lock);
	*ret = (struct crawl_chunk){
		.source = c->root->source,
		.kind = sizes ? KIND_SIZES : KIND_BLOB,
		.want = TAKE(c->want),
		.n = c->n,
		.crawl = c->serial,
	};
	if (ret->n)
		return true;
	free(ret->want);
	return false;
}

void crawl_rest(struct crawls *cs, struct crawl *c)
{
	LOCK_SCOPE(&cs->lock);
	c->due = false;
}

void crawl_came(struct crawls *cs, uint64_t crawl, size_t n, uint64_t bytes)
{
	LOCK_SCOPE(&cs->lock);
	for (int i = 0; i < CRAWLS; i++) {
		struct crawl *c = cs->crawl[i];

		if (!c || c->serial != crawl)
			continue;
		if (c->came > RECENT) {
			c->bytes = c->bytes * RECENT / c->came;
			c->came = RECENT;
		}
		c->came += n;
		c->bytes += bytes;
	}
}

void crawl_unsized(struct crawls *cs, uint64_t crawl)
{
	LOCK_SCOPE(&cs->lock);
	for (int i = 0; i < CRAWLS; i++)
		if (cs->crawl[i] && cs->crawl[i]->serial == crawl)
			cs->crawl[i]->unsized = true;
}

/* ---- all of them ---- */

int crawls_new(struct crawls **ret, struct fetcher *fetcher,
	       const struct inodes *in, size_t bytes)
{
	struct crawls *cs = calloc(1, sizeof *cs);

	if (!cs)
		return -ENOMEM;
	cs->fetcher = fetcher;
	cs->in = in;
	cs->bytes = bytes;
	pthread_mutex_init(&cs->lock, NULL);
	*ret = cs;
	return 0;
}

void crawls_free(struct crawls *cs)
{
	if (!cs)
		return;
	for (int i = 0; i < CRAWLS; i++)
		crawl_free(cs->crawl[i]);
	pthread_mutex_destroy(&cs->lock);
	free(cs);
}
