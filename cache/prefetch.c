/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/prefetch.h"
#include "cache/crawl.h"
#include "backend/backend.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "common/pool.h"

enum {
	THREADS = 2,
	QUEUE_MAX = 256,        /* directories */
	CHILDREN_MAX = 1024,    /* of one that is listed */
	READERS = 64,           /* sets of ... */
	WAYS = 4,               /* ... directories remembered */
	READS = 4,              /* files, before the rest is fetched ... */
	SIBLINGS = 2,           /* ... or directories */
	CHUNK_MIN = 8,          /* files */
	CHUNK_MAX = 256,
	CHUNK_SHARE = 64,       /* of the memory; and that of ... */
	CRAWL_SHARE = 32,       /* ... a crawl's */
	FAR_BATCH = 256,        /* objects per job that costs a round trip, */
	FAR_SHARE = 4,          /* of such, as a share of all at a time */
	WINDOW_MS = 10000,      /* to find out whether it is of use */
};

/* Part of a directory, to be fetched, or what a crawl wants next. */
struct task {
	struct list link;       /* prefetch.queue */
	struct crawl *crawl;    /* and none of the next, or NULL */
	struct source *source;
	struct tree *tree;
	uint64_t dir;
	enum kind kind;         /* TREE: its directories, BLOB: its files */
	bool far;
	uint32_t next;          /* entry */
	uint32_t left;          /* how many more */
	uint64_t bytes;         /* and how much */
	struct oid above;       /* as in struct ahead, or of length 0 */
};

/* How a directory is read.  Another one may take its place: then reading it
 * is found out about again. */
struct reader {
	uint64_t dir;
	uint64_t seen;          /* the last time, in looks */
	uint32_t reads;         /* of what was not there, or fetched ahead */
	uint32_t children;      /* that are read so too */
	uint32_t lost;          /* in a row behind us and not there: it may
				 * have begun again */
	bool going;             /* file after file is read */
	bool pending;           /* a task for it is queued */
	uint32_t chunk;         /* files in the last one */
	uint32_t trigger;       /* where it began; reading that starts ... */
	uint32_t next;          /* ... the next, from here */
};

/* One job at a time. */
struct slot {
	struct list link;       /* prefetch.idle */
	struct work work;
	struct prefetch *p;
	struct ahead ahead;
	struct tree *came;      /* its sizes are next, or NULL */
	struct task *waiting;   /* for trees, or NULL */
	struct waiter trees;    /* somebody else's */
	struct oid above;
	uint64_t crawl;         /* that its objects are for, or 0 */
	bool far;               /* what it does */
};

struct prefetch {
	struct fetcher *fetcher;
	struct crawls *crawls;
	struct pool *pool;
	uint64_t chunk_bytes;

	pthread_mutex_t lock;   /* covers the rest */
	unsigned jobs;          /* at a time, at most */
	unsigned slots;         /* that have been needed so far */
	pthread_cond_t all_idle;
	struct list queue, idle;
	unsigned queued, nidle;
	unsigned nfar;          /* slots that are */
	bool stopping;
	uint64_t asked, dropped, throttled;
	/* Since when use is watched, and what it was then. */
	uint64_t since, used, wasted;
	uint64_t looks;
	struct reader reader[READERS][WAYS];
	struct slot slot[PREFETCH_MAX];
};

/* ---- readers ---- */

/* With the lock held.  Good until the next call. */
static struct reader *reader_of(struct prefetch *p, uint64_t dir)
{
	struct reader *set = p->reader[dir % READERS], *r = set;

	for (int i = 0; i < WAYS && r->dir != dir; i++)
		if (set[i].dir == dir || set[i].seen < r->seen)
			r = &set[i];
	if (r->dir != dir)
		*r = (struct reader){ .dir = dir, .chunk = CHUNK_MIN / 2 };
	r->seen = ++p->looks;
	return r;
}

/* With the lock held: if this directory goes on, so may those above. */
static void see(struct prefetch *p, const struct dir *d)
{
	for (; d; d = d->parent) {
		struct reader *r = reader_of(p, d->id);

		if (r->going || (r->reads < READS && r->children < SIBLINGS))
			return;
		r->going = true;
		if (d->parent)
			reader_of(p, d->parent->id)->children++;
	}
}

/* With the lock held: whether another chunk is due, 'from' being read. */
static bool due(struct reader *r, uint32_t from)
{
	if (!r->going || r->pending || (r->next && from < r->trigger))
		return false;
	r->trigger = r->next > from ? r->next : from;
	if (r->chunk < CHUNK_MAX)
		r->chunk *= 2;
	r->pending = true;
	return true;
}

/* ---- the queue ---- */

static void task_free(struct prefetch *p, struct task *t)
{
	if (!t)
		return;
	if (t->crawl)
		crawl_rest(p->crawls, t->crawl);
	tree_unref(t->tree);
	free(t);
}

/* With the lock held: how many slots are. */
static unsigned busy(const struct prefetch *p)
{
	return p->slots - p->nidle;
}

/* Have another slot run if there is something for it. */
static void kick(struct prefetch *p)
{
	struct list *l = NULL;

	lock_take(&p->lock);
	if (!list_empty(&p->queue) && !p->stopping && busy(p) < p->jobs)
		l = list_pop(&p->idle);
	p->nidle -= !!l;
	lock_drop(&p->lock);
	if (l)
		pool_submit(p->pool, &container_of(l, struct slot, link)->work);
}

/* With the lock held: is more evicted unseen than used? */
static bool is_useless(struct prefetch *p, uint64_t used, uint64_t wasted)
{
	uint64_t now = clock_ms();

	if (now - p->since >= WINDOW_MS) {
		p->since = now;
		p->used = used;
		p->wasted = wasted;
	}
	return wasted - p->wasted > used - p->used + p->chunk_bytes;
}

/* Takes over 't', which may be NULL.  Whether it is queued. */
static bool enqueue(struct prefetch *p, struct task *t)
{
	struct fs_count count[FS_KINDS];
	uint64_t used = 0, wasted = 0;
	bool queued = false;

	if (!t)
		return false;
	flights_count(fetcher_flights(p->fetcher), count);
	for (int i = 0; i < FS_KINDS; i++) {
		used += count[i].used_bytes;
		wasted += count[i].wasted_bytes;
	}
	lock_take(&p->lock);
	/* A crawl is held back by those whom it is ahead of. */
	if (is_useless(p, used, wasted) && !t->crawl)
		p->throttled++;
	else if (p->queued >= QUEUE_MAX || !p->jobs)
		p->dropped++;
	else
		queued = true;
	if (queued) {
		list_add_tail(&p->queue, &t->link);
		p->queued++;
	}
	lock_drop(&p->lock);
	if (queued)
		kick(p);
	else
		task_free(p, t);
	return queued;
}

static struct task *task_new(const struct dir *d, struct tree *tree,
			     enum kind kind, uint32_t next, uint32_t left,
			     uint64_t bytes)
{
	struct task *t = malloc(sizeof *t);

	if (t)
		*t = (struct task){
			.source = d->root->source,
			.tree = tree_ref(tree),
			.dir = d->id,
			.kind = kind,
			.far = source_is_far(d->root->source),
			.next = next,
			.left = left,
			.bytes = bytes,
		};
	return t;
}

/* ---- jobs ---- */

static bool is_child(const struct task *t, uint32_t i)
{
	return t->tree->entry[i].type == FT_DIR;
}

/* A file whose size is known and leaves room for others.  One for which there
 * is no room any more ends the task before it. */
static bool is_file(struct prefetch *p, struct task *t, uint32_t i)
{
	uint8_t type = t->tree->entry[i].type;
	uint64_t size;

	if (type == FT_DIR || type == FT_GITLINK ||
	    fetch_size(p->fetcher, t->source, t->tree, i, NULL, &size) ||
	    size > p->chunk_bytes)
		return false;
	if (size > t->bytes) {
		t->left = 0;
		t->next = i;
		return false;
	}
	t->bytes -= size;
	return true;
}

/* The next objects of a task.  Returns how many. */
static size_t gather(struct prefetch *p, struct task *t, size_t max,
		     struct oid *want)
{
	size_t n = 0;

	while (n < max && t->next < t->tree->n && t->left) {
		uint32_t i = t->next++;

		if (t->kind == KIND_TREE ? !is_child(t, i) : !is_file(p, t, i))
			continue;
		want[n++] = tree_oid(t->tree, i);
		t->left--;
	}
	return n;
}

/* With the lock held, a task has come so far: from here on the reader may
 * ask for more. */
static void note_progress(struct prefetch *p, const struct task *t)
{
	struct reader *r;

	if (t->kind != KIND_BLOB)
		return;
	r = reader_of(p, t->dir);
	r->next = t->next;
	r->pending = false;
}

/* With the lock held: what can be done next, or NULL.  A host elsewhere has
 * room for clients left. */
static struct task *first_task(struct prefetch *p)
{
	bool far = p->nfar * FAR_SHARE < p->jobs;

	for (struct list *l = p->queue.next; !p->stopping && l != &p->queue;
	     l = l->next) {
		struct task *t = container_of(l, struct task, link);

		if (t->far && !far)
			continue;
		list_del(l);
		p->queued--;
		return t;
	}
	return NULL;
}

/* What the slot is to do next, or NULL: then it is idle, and anybody's. */
static struct task *take(struct slot *s)
{
	struct prefetch *p = s->p;
	struct task *t;
	LOCK_SCOPE(&p->lock);

	p->nfar -= s->far;
	t = busy(p) <= p->jobs ? first_task(p) : NULL;
	s->far = t && t->far;
	p->nfar += s->far;
	if (!t) {
		list_add_tail(&p->idle, &s->link);
		if (++p->nidle == p->slots)
			pthread_cond_signal(&p->all_idle);
	}
	return t;
}

/* One job for a part of a directory, which then goes to the other end of the
 * queue, so that all get on.  False: there is nothing to do. */
static bool begin_part(struct slot *s, struct task *t)
{
	struct oid want[FAR_BATCH];
	struct prefetch *p = s->p;
	size_t n = gather(p, t, t->far ? FAR_BATCH : 1, want);
	bool more = t->next < t->tree->n && t->left;

	s->above = t->above;
	s->ahead.source = t->source;
	s->ahead.kind = t->kind;
	s->ahead.want = want;
	s->ahead.n = n;
	s->ahead.above = t->above.len ? &s->above : NULL;
	lock_take(&p->lock);
	if (more) {
		list_add_tail(&p->queue, &t->link);
		p->queued++;
	} else {
		note_progress(p, t);
	}
	p->asked += !!n;
	lock_drop(&p->lock);
	if (!more)
		task_free(p, t);
	kick(p);
	return n && fetch_ahead(p->fetcher, &s->ahead);
}

/* Trees that somebody else has asked for: go on when the first is there.
 * False: it is, or will not be. */
static bool wait_for_trees(struct slot *s, const struct crawl_chunk *c)
{
	struct key key = {
		.scope = c->source->number,
		.kind = KIND_TREE,
		.oid = c->want[0],
	};
	struct value *v;
	int r = flight_join(fetcher_flights(s->p->fetcher), &key, &s->trees,
			    &v);

	if (!r)
		value_unref(v);
	return r == -EINPROGRESS;
}

/* One job for a crawl, which then is no longer due, unless it waits for
 * trees.  False: there is nothing to do. */
static bool begin_crawl(struct slot *s, struct task *t)
{
	struct prefetch *p = s->p;
	struct crawl_chunk c;
	bool any;

	for (;;) {
		if (!crawl_next(p->crawls, t->crawl, &c)) {
			task_free(p, t);
			return false;
		}
		s->above = c.above;
		s->ahead.source = c.source;
		s->ahead.kind = c.kind;
		s->ahead.want = c.want;
		s->ahead.n = c.n;
		s->ahead.above = c.above.len ? &s->above : NULL;
		s->ahead.tree = NULL;
		if (c.kind != KIND_TREE) {
			s->crawl = c.crawl;
			task_free(p, t);
		} else {
			s->waiting = t;
		}
		lock_take(&p->lock);
		p->asked++;
		lock_drop(&p->lock);
		any = fetch_ahead(p->fetcher, &s->ahead) ||
		      (c.kind == KIND_TREE && wait_for_trees(s, &c));
		free(c.want);
		if (any || c.kind != KIND_TREE)
			return any;
		s->waiting = NULL;
	}
}

/* From when a job is begun it may already run again. */
static void run(struct work *w)
{
	struct slot *s = container_of(w, struct slot, work);
	struct prefetch *p = s->p;

	for (;;) {
		CLEANUP_TREE struct tree *came = TAKE(s->came);
		struct task *t = TAKE(s->waiting);

		s->crawl = 0;
		if (came) {
			s->ahead.kind = KIND_SIZES;
			s->ahead.tree = came;
			if (fetch_ahead(p->fetcher, &s->ahead))
				return;
			continue;
		}
		if (!t) {
			t = take(s);
			if (!t)
				return;
			kick(p);
		}
		if (t->crawl ? begin_crawl(s, t) : begin_part(s, t))
			return;
	}
}

/* The sizes of a near tree come with it: listing it will want them. */
static void over(const struct ahead *a, const struct ahead_news *news)
{
	struct slot *s = container_of(a, struct slot, ahead);

	if (news->tree && !s->far)
		s->came = tree_ref(news->tree);
	if (s->crawl)
		crawl_came(s->p->crawls, s->crawl, news->objects, news->bytes);
	if (s->crawl && news->unsized)
		crawl_unsized(s->p->crawls, s->crawl);
	pool_submit(s->p->pool, &s->work);
}

static void trees_came(struct waiter *w)
{
	struct slot *s = container_of(w, struct slot, trees);

	value_unref(TAKE(w->value));
	pool_submit(s->p->pool, &s->work);
}

/* ---- what clients do ---- */

static void fetch_chunk(struct prefetch *p, const struct dir *d,
			struct tree *tree, const struct reader *as)
{
	if (enqueue(p, task_new(d, tree, KIND_BLOB, as->trigger, as->chunk,
				p->chunk_bytes)))
		return;
	LOCK_SCOPE(&p->lock);
	reader_of(p, d->id)->pending = false;
}

/* The child directories of one that a client lists, all at once or, where he
 * walks a repository elsewhere, with all trees that it has below. */
static void fetch_children(struct prefetch *p, const struct dir *d,
			   struct tree *tree)
{
	struct oid above = { .len = 0 };
	bool walk = source_is_far(d->root->source) &&
		    crawl_list(p->crawls, d, tree, &above);
	struct task *t;

	if (atomic_load_explicit(&tree->listed, memory_order_relaxed) ||
	    atomic_exchange_explicit(&tree->listed, true,
				     memory_order_relaxed))
		return;
	t = task_new(d, tree, KIND_TREE, 0, CHILDREN_MAX, 0);
	if (t && walk)
		t->above = above;
	enqueue(p, t);
}

void prefetch_listed(struct prefetch *p, const struct dir *d,
		     struct tree *tree)
{
	struct reader as;
	bool more = false;

	if (!p)
		return;
	fetch_children(p, d, tree);
	if (source_is_far(d->root->source))
		return;
	lock_take(&p->lock);
	if (d->parent && reader_of(p, d->parent->id)->children >= SIBLINGS) {
		struct reader *r;

		/* Read like its siblings; and so will its children be. */
		reader_of(p, d->id)->children = SIBLINGS;
		see(p, d);
		r = reader_of(p, d->id);
		more = !r->next && due(r, 0);
		as = *r;
	}
	lock_drop(&p->lock);
	if (more)
		fetch_chunk(p, d, tree, &as);
}

/* Elsewhere. */
static void asked_far(struct prefetch *p, struct dir *d, struct tree *tree,
		      uint32_t index, enum crawl_of of)
{
	struct crawl *c = crawl_asked(p->crawls, d, tree, index, of);
	struct task *t = c ? calloc(1, sizeof *t) : NULL;

	if (c && !t)
		crawl_rest(p->crawls, c);
	if (!t)
		return;
	t->crawl = c;
	t->far = true;
	enqueue(p, t);
}

void prefetch_read(struct prefetch *p, struct dir *d, struct tree *tree,
		   uint32_t index, bool there)
{
	struct reader as;
	bool more;

	if (!p)
		return;
	if (source_is_far(d->root->source)) {
		asked_far(p, d, tree, index, CRAWL_CONTENTS);
		return;
	}
	lock_take(&p->lock);
	struct reader *r = reader_of(p, d->id);

	r->reads++;
	r->lost = there || index >= r->trigger ? 0 : r->lost + 1;
	if (r->lost >= READS) {
		r->next = r->lost = 0;
		r->chunk = CHUNK_MIN / 2;
	}
	see(p, d);
	r = reader_of(p, d->id);
	more = due(r, index + 1);
	as = *r;
	lock_drop(&p->lock);
	if (more)
		fetch_chunk(p, d, tree, &as);
}

void prefetch_sized(struct prefetch *p, struct dir *d, struct tree *tree,
		    uint32_t index)
{
	if (p && source_is_far(d->root->source))
		asked_far(p, d, tree, index, CRAWL_SIZES);
}

void prefetch_count(struct prefetch *p, struct fs_stats *ret)
{
	if (!p)
		return;
	LOCK_SCOPE(&p->lock);
	ret->jobs = p->asked;
	ret->dropped = p->dropped;
	ret->throttled = p->throttled;
	ret->queued = p->queued;
	ret->running = busy(p);
}

/* ---- itself ---- */

static void set_jobs(struct prefetch *p, unsigned jobs)
{
	LOCK_SCOPE(&p->lock);
	p->jobs = jobs;
	for (; p->slots < jobs; p->slots++, p->nidle++) {
		struct slot *s = &p->slot[p->slots];

		s->p = p;
		s->work.run = run;
		s->ahead.over = over;
		s->trees.wake = trees_came;
		list_add_tail(&p->idle, &s->link);
	}
}

int prefetch_limit(struct prefetch *p, unsigned jobs)
{
	if (jobs > PREFETCH_MAX)
		return -ENOTSUP;
	set_jobs(p, jobs);
	kick(p);
	return 0;
}

int prefetch_new(struct prefetch **ret, struct fetcher *fetcher,
		 const struct inodes *in, unsigned jobs, size_t memory)
{
	struct prefetch *p = NULL;
	int r = 0;

	if (jobs) {
		p = calloc(1, sizeof *p);
		if (!p)
			return -ENOMEM;
		p->fetcher = fetcher;
		p->chunk_bytes = memory / CHUNK_SHARE;
		p->since = clock_ms();
		pthread_mutex_init(&p->lock, NULL);
		pthread_cond_init(&p->all_idle, NULL);
		list_init(&p->queue);
		list_init(&p->idle);
		set_jobs(p, jobs);
		r = crawls_new(&p->crawls, fetcher, in,
			       memory / CRAWL_SHARE);
		if (!r)
			r = pool_start(&p->pool, "prefetch",
				       jobs < THREADS ? jobs : THREADS);
	}
	if (r)
		prefetch_free(p);
	else
		*ret = p;
	return r;
}

void prefetch_free(struct prefetch *p)
{
	struct list *l;

	if (!p)
		return;
	lock_take(&p->lock);
	p->stopping = true;
	while (busy(p))
		pthread_cond_wait(&p->all_idle, &p->lock);
	lock_drop(&p->lock);
	pool_stop(p->pool);
	while ((l = list_pop(&p->queue)))
		task_free(p, container_of(l, struct task, link));
	crawls_free(p->crawls);
	pthread_cond_destroy(&p->all_idle);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
