/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/git/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/git/pack.h"
#include "backend/git/wants.h"
#include "common/cleanup.h"
#include "common/clock.h"

enum {
	SIZES_MAX = 4096,       /* asked for in one request */
	TAGS_MAX = 64,          /* tags of tags of tags */
	TAG_SIZE = 1 << 20,     /* bytes of one that we look into */
};

static const struct pack_options pack_limits = {
	.inflated = UINT64_C(1) << 36,
	.objects = 1 << 24,
	.delta = 1 << 30,
	.memory = 128 << 20,
};

/* All jobs fail alike. */
static void fail(struct batch *b, int err)
{
	for (size_t j = 0; j < b->jobs; j++)
		b->job[j]->ops->done(b->job[j], err);
}

/* ---- fetch: one request ---- */

/* What to leave out, from what was wished to what every server takes.  A
 * depth counts the wanted tree itself, or the commit. */
enum { FILTERS = 3 };

static const char *filter_of(enum obj type, enum reach reach, unsigned i)
{
	static const char *const near[] = {
		[OBJ_COMMIT] = "combine:blob:none+tree:3",
		[OBJ_TREE] = "combine:blob:none+tree:2",
		[OBJ_TAG] = "tree:0",
	};

	/* A filter may drop what was asked for by name: none for blobs. */
	if (type == OBJ_BLOB || reach == REACH_ALL || i >= FILTERS - 1)
		return NULL;
	if (i == 1 || reach == REACH_TREES)
		return "blob:none";
	return reach == REACH_NEAR ? near[type] : "tree:0";
}

struct fetching {
	struct pack_sink sink;
	struct request *request;
	struct wants *wants;
};

static int fetching_start(struct pack_sink *s, const struct oid *oid,
			  enum obj type, uint64_t size)
{
	return wants_start(((struct fetching *)s)->wants, oid, type, size);
}

static int fetching_data(struct pack_sink *s, const void *data, size_t len)
{
	return wants_data(((struct fetching *)s)->wants, data, len);
}

static void fetching_end(struct pack_sink *s)
{
	wants_end(((struct fetching *)s)->wants);
}

static int fetching_check(struct pack_sink *s)
{
	return request_check(((struct fetching *)s)->request);
}

/* Ask for objects and hand 'sink' what comes.  An enum answer, or an
 * error. */
static int fetch_once(struct batch *b, const struct caps *caps,
		      const struct oid *want, size_t n, bool shallow,
		      const char *filter, struct fetching *f,
		      struct oid *missing)
{
	struct pack_options opt = pack_limits;
	struct pkt_buf message = { .data = NULL };
	struct sideband pack;
	int r;

	protocol_fetch(&message, caps, want, n, shallow && caps->shallow,
		       filter);
	r = request_start(b->origin, &message, &b->patience, &f->request);
	free(message.data);
	if (r)
		return r;
	r = protocol_read_fetch(&f->request->pkts, &pack, missing);
	if (r == ANSWER_GOOD) {
		opt.oid_len = caps->oid_len;
		opt.dir = b->origin->spool_dir;
		f->request->pack = true;
		r = pack_read(&pack.stream, &opt, &f->sink);
	}
	request_end(f->request, r == ANSWER_GOOD);
	return r;
}

/* ---- fetch: until all have come, or will not ---- */

struct fetch {
	struct batch *batch;
	struct caps caps;
	struct wants wants;
	enum obj type;
	enum reach reach;
	unsigned filter;        /* filter_of() */
	size_t max;             /* wants in a request */
	unsigned tries;
};

static int by_id(struct origin *o, struct oid *tip)
{
	LOCK_SCOPE(&o->lock);
	*tip = o->tip;
	return (int)o->by_id;
}

static void note_by_id(struct origin *o, bool works)
{
	LOCK_SCOPE(&o->lock);
	o->by_id = works ? BY_ID_YES : BY_ID_NO;
}

static void note_tip(struct origin *o, const struct oid *tip)
{
	LOCK_SCOPE(&o->lock);
	o->tip = *tip;
}

static unsigned simplest(struct origin *o)
{
	LOCK_SCOPE(&o->lock);
	return o->simplest;
}

static void note_simplest(struct origin *o, unsigned filter)
{
	LOCK_SCOPE(&o->lock);
	if (filter > o->simplest)
		o->simplest = filter;
}

static bool below_commit(const struct fetch *f)
{
	return f->type == OBJ_TREE || f->type == OBJ_BLOB;
}

static int fetch_some(struct fetch *f, const struct oid *want, size_t n,
		      bool shallow, const char *filter, struct oid *missing)
{
	struct fetching fetching = {
		.sink = { fetching_start, fetching_data, fetching_end,
			  fetching_check },
		.wants = &f->wants,
	};

	return fetch_once(f->batch, &f->caps, want, n, shallow, filter,
			  &fetching, missing);
}

/* The commit that we know, with all that it has: for servers that give
 * nothing else by its name.  What is not in it is not there. */
static int fetch_whole(struct fetch *f, const struct oid *tip)
{
	size_t left = f->wants.left;
	struct oid missing;
	int r = fetch_some(f, tip, 1, true, NULL, &missing);

	if (r == ANSWER_EMPTY || r == ANSWER_REFUSED)
		return -EBADMSG;
	if (r < 0)
		return r;
	if (f->wants.left < left)
		note_by_id(f->batch->origin, false);
	wants_fail_rest(&f->wants, false, -ENOENT);
	return 0;
}

/* One of those asked for is not there, and so nothing came. */
static int drop_missing(struct fetch *f, const struct oid *missing, size_t n)
{
	size_t left = f->wants.left;
	struct oid tip;

	if (below_commit(f) && !by_id(f->batch->origin, &tip) && tip.len)
		return fetch_whole(f, &tip);
	if (missing->len)
		wants_fail(&f->wants, missing, -ENOENT);
	if (f->wants.left < left)
		return 0;
	/* It does not say which. */
	if (n > 1)
		f->max = n / 2;
	else
		wants_fail_rest(&f->wants, true, -ENOENT);
	return 0;
}

/* The answer is empty, or an excuse: by accident, or because too much was
 * asked for. */
static int ask_simpler(struct fetch *f)
{
	if (!f->tries || !filter_of(f->type, f->reach, f->filter))
		return -EBADMSG;
	f->filter++;
	return 0;
}

static void note_success(struct fetch *f, const struct oid *want,
			 size_t left)
{
	struct origin *o = f->batch->origin;

	f->tries = 0;
	note_simplest(o, f->filter);
	/* Some come only when those above them are not asked for at the
	 * same time; when nothing comes any more, that is not it. */
	if (f->wants.left == left)
		wants_fail_rest(&f->wants, true, -ENOENT);
	else if (f->type == OBJ_COMMIT)
		note_tip(o, want);
	else if (below_commit(f))
		note_by_id(o, true);
}

/* No name of the other algorithm is known there. */
static void drop_foreign(struct fetch *f)
{
	for (size_t i = 0; i < f->wants.n; i++) {
		const struct oid *oid = &f->wants.want[i].oid;

		if (oid->len != f->caps.oid_len)
			wants_fail(&f->wants, oid, -ENOENT);
	}
}

/* What it can, which may be news after a failure. */
static int learn(struct fetch *f)
{
	struct batch *b = f->batch;
	int r = origin_caps(b->origin, &b->patience, &f->caps);
	unsigned least;

	if (r)
		return r;
	drop_foreign(f);
	least = f->caps.filter ? simplest(b->origin) : FILTERS - 1;
	if (f->filter < least)
		f->filter = least;
	return 0;
}

static int fetch_step(struct fetch *f, struct oid *want)
{
	struct origin *o = f->batch->origin;
	struct oid missing, tip;
	size_t left, n;
	int r = learn(f);

	if (r)
		return origin_pause(o, &f->batch->patience, r, &f->tries);
	left = f->wants.left;
	n = wants_pick(&f->wants, want, f->max);
	if (!n)
		return 0;
	if (below_commit(f) && by_id(o, &tip) == BY_ID_NO) {
		r = fetch_whole(f, &tip);
		return r ? origin_pause(o, &f->batch->patience, r,
					&f->tries) : 0;
	}
	r = fetch_some(f, want, n, f->type == OBJ_COMMIT,
		       filter_of(f->type, f->reach, f->filter), &missing);
	switch (r) {
	case ANSWER_GOOD:
		note_success(f, want, left);
		return 0;
	case ANSWER_MISSING:
		r = drop_missing(f, &missing, n);
		break;
	case ANSWER_EMPTY:
	case ANSWER_REFUSED:
		r = ask_simpler(f);
		break;
	case -E2BIG:
		f->max = n / 2;
		return f->max ? 0 : -EFBIG;
	}
	return r ? origin_pause(o, &f->batch->patience, r, &f->tries) : 0;
}

static void fetch_all(struct fetch *f)
{
	CLEANUP_FREE struct oid *want = calloc(BATCH_WANTS, sizeof *want);
	int r = want ? 0 : -ENOMEM;

	while (!r && f->wants.left)
		r = fetch_step(f, want);
	if (r)
		wants_fail_rest(&f->wants, false, r);
}

void batch_fetch(struct batch *b)
{
	struct fetch f = {
		.batch = b,
		.type = b->job[0]->type,
		.reach = b->job[0]->reach,
		.max = BATCH_WANTS,
	};
	int r = wants_init(&f.wants, b);

	if (r) {
		fail(b, r);
		return;
	}
	fetch_all(&f);
	wants_done(&f.wants);
	wants_clear(&f.wants);
}

/* ---- stat ---- */

static void note_size(void *arg, const struct oid *oid, uint64_t size)
{
	wants_size(arg, oid, size);
}

static int stat_once(struct batch *b, const struct caps *caps,
		     struct wants *w, const struct oid *want, size_t n)
{
	struct pkt_buf message = { .data = NULL };
	struct request *q;
	int r;

	protocol_sizes(&message, caps, want, n);
	r = request_start(b->origin, &message, &b->patience, &q);
	free(message.data);
	if (r)
		return r;
	r = protocol_read_sizes(&q->pkts, caps, note_size, w);
	request_end(q, r == ANSWER_GOOD);
	return r == ANSWER_EMPTY || r == ANSWER_REFUSED ? -ENOTSUP : r;
}

static int stat_all(struct batch *b, struct wants *w)
{
	CLEANUP_FREE struct oid *want = calloc(SIZES_MAX, sizeof *want);
	unsigned tries = 0;
	int r = want ? 0 : -ENOMEM;

	while (!r && w->left) {
		struct caps caps;
		size_t n = wants_pick(w, want, SIZES_MAX);

		r = origin_caps(b->origin, &b->patience, &caps);
		if (!r)
			r = caps.object_info ?
				stat_once(b, &caps, w, want, n) : -ENOTSUP;
		if (!r)         /* there is none of those it leaves out */
			wants_fail_rest(w, true, -ENOENT);
		else
			r = origin_pause(b->origin, &b->patience, r, &tries);
	}
	return r;
}

void batch_stat(struct batch *b)
{
	struct wants w;
	int r = wants_init(&w, b);

	if (r) {
		fail(b, r);
		return;
	}
	r = stat_all(b, &w);
	if (r)
		wants_fail_rest(&w, false, r);
	wants_done(&w);
	wants_clear(&w);
}

/* ---- resolve: by name ---- */

/* Where git looks for a name, the first first (gitrevisions(7)). */
static const char *const places[][2] = {
	{ "", "" }, { "refs/", "" }, { "refs/tags/", "" },
	{ "refs/heads/", "" }, { "refs/remotes/", "" },
	{ "refs/remotes/", "/HEAD" },
};
enum { PLACES = sizeof places / sizeof *places };

struct lookup {
	const char *name;
	unsigned place;         /* of the best so far; PLACES: none */
	struct oid oid;
};

struct lookups {
	size_t n;
	struct lookup *lookup;
};

static bool is_at(const char *ref, const char *name, unsigned place)
{
	size_t before = strlen(places[place][0]), len = strlen(name);

	return !strncmp(ref, places[place][0], before) &&
	       !strncmp(ref + before, name, len) &&
	       !strcmp(ref + before + len, places[place][1]);
}

static void note_ref(void *arg, const struct ref_line *ref)
{
	struct lookups *all = arg;

	for (struct lookup *l = all->lookup; l < all->lookup + all->n; l++) {
		for (unsigned i = 0; i < l->place; i++) {
			if (!is_at(ref->name, l->name, i))
				continue;
			l->place = i;
			l->oid = ref->peeled.len ? ref->peeled : ref->oid;
		}
	}
}

/* Could a ref be called so?  No blanks, nor what would end a line. */
static bool possible(const char *name)
{
	for (const char *c = name; *c; c++) {
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return false;
	}
	return *name && strlen(name) < 1024;
}

static void ask_for(struct pkt_buf *message, const char *name)
{
	char prefix[2048];

	/* "" would be a prefix of all. */
	for (unsigned i = 0; i < PLACES; i++) {
		if (i == 0 && strcmp(name, "HEAD") &&
		    strncmp(name, "refs/", 5))
			continue;
		snprintf(prefix, sizeof prefix, "%s%s%s", places[i][0], name,
			 places[i][1]);
		protocol_refs_prefix(message, prefix);
		if (!i)
			return;
	}
}

static int look_up(struct batch *b, struct lookups *all)
{
	struct pkt_buf message = { .data = NULL };
	struct request *q;
	struct caps caps;
	int r = origin_caps(b->origin, &b->patience, &caps);

	if (r)
		return r;
	protocol_refs_start(&message, &caps);
	for (size_t j = 0; j < all->n; j++)
		ask_for(&message, all->lookup[j].name);
	protocol_refs_end(&message);
	r = request_start(b->origin, &message, &b->patience, &q);
	free(message.data);
	if (r)
		return r;
	r = protocol_read_refs(&q->pkts, &caps, note_ref, all);
	request_end(q, r == ANSWER_GOOD);
	return r > 0 ? -EBADMSG : r;
}

/* ---- resolve: by id ---- */

/* The tags and commits that a pack brings. */
struct tag {
	struct oid oid, target;
	enum obj type, target_type;
};

struct peeling {
	struct fetching base;
	unsigned n;
	struct tag tag[TAGS_MAX];
	size_t len, size;
	char text[128];         /* the start of the current one */
};

static int peeling_start(struct pack_sink *s, const struct oid *oid,
			 enum obj type, uint64_t size)
{
	struct peeling *p = (struct peeling *)s;

	if (p->n == TAGS_MAX || size > TAG_SIZE)
		return -ECANCELED;
	p->tag[p->n] = (struct tag){ .oid = *oid, .type = type };
	p->len = 0;
	return 0;
}

static int peeling_data(struct pack_sink *s, const void *data, size_t len)
{
	struct peeling *p = (struct peeling *)s;
	size_t room = sizeof p->text - 1 - p->len;

	if (len > room)
		len = room;
	memcpy(p->text + p->len, data, len);
	p->len += len;
	return 0;
}

/* A tag starts with "object OID\n". */
static void peeling_end(struct pack_sink *s)
{
	static const char start[] = "object ";
	struct peeling *p = (struct peeling *)s;
	struct tag *t = &p->tag[p->n++];
	const char *hex = p->text + sizeof start - 1;

	p->text[p->len] = '\0';
	if (t->type == OBJ_TAG && !strncmp(p->text, start, sizeof start - 1))
		oid_parse(hex, strcspn(hex, "\n"), &t->target);
}

static const struct tag *find_tag(const struct peeling *p,
				  const struct oid *oid)
{
	for (unsigned i = 0; i < p->n; i++) {
		if (oid_eq(&p->tag[i].oid, oid))
			return &p->tag[i];
	}
	return NULL;
}

/* The commit that 'oid' is, or is a tag of: a tag comes with its target. */
static int peel(const struct peeling *p, struct oid oid, struct oid *ret)
{
	for (int i = 0; i < TAGS_MAX; i++) {
		const struct tag *t = find_tag(p, &oid);

		if (!t)
			return -ENOENT;
		if (t->type == OBJ_COMMIT) {
			*ret = oid;
			return 0;
		}
		oid = t->target;
	}
	return -EBADMSG;
}

static int peel_id(struct batch *b, const struct oid *oid, struct oid *ret)
{
	CLEANUP_FREE struct peeling *p = calloc(1, sizeof *p);
	struct oid missing;
	struct caps caps;
	int r;

	if (!p)
		return -ENOMEM;
	p->base.sink = (struct pack_sink){ peeling_start, peeling_data,
					   peeling_end, fetching_check };
	r = origin_caps(b->origin, &b->patience, &caps);
	if (r)
		return r;
	if (caps.oid_len != oid->len)
		return -ENOENT;
	r = fetch_once(b, &caps, oid, 1, true, caps.filter ? "tree:0" : NULL,
		       &p->base, &missing);
	if (r == ANSWER_MISSING)
		return -ENOENT;
	if (r)
		return r < 0 ? r : -EBADMSG;
	return peel(p, *oid, ret);
}

/* ---- resolve ---- */

static void finish(struct job *job, int err, const struct oid *commit)
{
	if (!err)
		job->ops->ref_is(job, commit);
	job->ops->done(job, err);
}

static void resolve_id(struct batch *b, size_t j, const struct oid *oid)
{
	struct oid commit;
	unsigned tries = 0;
	int r;

	do
		r = peel_id(b, oid, &commit);
	while (r && !(r = origin_pause(b->origin, &b->patience, r, &tries)));
	finish(TAKE(b->job[j]), r, &commit);
}

static const char *name_of(const struct job *job)
{
	return job->ref ? job->ref : "HEAD";
}

static bool is_among(const struct lookups *all, const char *name)
{
	for (size_t j = 0; j < all->n; j++) {
		if (!strcmp(all->lookup[j].name, name))
			return true;
	}
	return false;
}

/* HEAD of a repository without commits is not listed. */
static bool is_found(const struct lookup *l)
{
	return l->place < PLACES || !strcmp(l->name, "HEAD");
}

static bool is_waited_for(struct job **job, size_t n)
{
	while (n > 0 && job[n - 1]->once)
		n--;
	return n > 0;
}

/* With what else has been asked for lately. */
static void resolve_names(struct batch *b, struct job **job, size_t n)
{
	struct lookup lookup[BATCH_NAMES + REFS_MAX];
	struct refs *refs = &b->origin->refs;
	char *company[REFS_MAX];
	size_t more = refs_company(refs, company, REFS_MAX);
	struct lookups all = { .n = n, .lookup = lookup };
	uint64_t at = clock_ms();
	unsigned tries = 0;
	int r;

	for (size_t j = 0; j < n; j++)
		lookup[j] = (struct lookup){ .name = name_of(job[j]),
					     .place = PLACES };
	for (size_t i = 0; i < more; i++) {
		if (!is_among(&all, company[i]))
			lookup[all.n++] = (struct lookup){
				.name = company[i],
				.place = PLACES,
			};
	}
	do
		r = look_up(b, &all);
	while (r && is_waited_for(job, n) &&
	       !(r = origin_pause(b->origin, &b->patience, r, &tries)));
	for (size_t j = 0; !r && j < all.n; j++) {
		if (is_found(&lookup[j]))
			refs_note(refs, lookup[j].name, &lookup[j].oid, at,
				  j < n);
		else
			refs_drop(refs, lookup[j].name);
	}
	for (size_t j = 0; j < n; j++)
		finish(job[j], r ? r : is_found(&lookup[j]) ? 0 : -ENOENT,
		       &lookup[j].oid);
	while (more > 0)
		free(company[--more]);
}

/* It came along with another not long ago. */
static bool recall(struct batch *b, size_t j)
{
	struct job *job = b->job[j];
	struct oid commit;

	if (!job->since || !refs_recall(&b->origin->refs, name_of(job),
					job->since, &commit, &job->age))
		return false;
	finish(TAKE(b->job[j]), 0, &commit);
	return true;
}

void batch_resolve(struct batch *b)
{
	struct job *named[BATCH_NAMES];
	size_t n = 0;

	for (size_t j = 0; j < b->jobs; j++) {
		struct job *job = b->job[j];
		struct oid oid;

		if (job->ref && !possible(job->ref))
			finish(TAKE(b->job[j]), -ENOENT, NULL);
		else if (job->ref && !oid_parse(job->ref, strlen(job->ref),
						&oid))
			resolve_id(b, j, &oid);
		else if (!recall(b, j))
			named[n++] = job;
	}
	if (n > 0)
		resolve_names(b, named, n);
}
