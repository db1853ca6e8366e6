/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "backend/git/wants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	const struct want *x = a, *y = b;
	int r = memcmp(&x->oid, &y->oid, sizeof x->oid);

	return r ? r : (x->job > y->job) - (x->job < y->job);
}

int wants_init(struct wants *ret, struct batch *b)
{
	struct wants w = { .batch = b };

	for (size_t j = 0; j < b->jobs; j++)
		w.n += b->job[j]->nwant;
	w.want = calloc(w.n + 1, sizeof *w.want);
	w.order = calloc(w.n + 1, sizeof *w.order);
	if (!w.want || !w.order) {
		wants_clear(&w);
		return -ENOMEM;
	}
	for (size_t j = 0; j < b->jobs; j++) {
		for (size_t i = 0; i < b->job[j]->nwant; i++) {
			struct want *want = &w.want[w.left];

			want->turn = (uint32_t)w.left++;
			want->oid = b->job[j]->want[i];
			want->job = b->job[j];
			want->i = i;
		}
	}
	qsort(w.want, w.n, sizeof *w.want, compare);
	for (size_t i = 0; i < w.n; i++)
		w.order[w.want[i].turn] = (uint32_t)i;
	*ret = w;
	return 0;
}

void wants_clear(struct wants *w)
{
	free(w->want);
	free(w->order);
}

static bool is_left(const struct want *want)
{
	return !want->got && !want->err;
}

static void settle(struct wants *w, struct want *want, int err)
{
	if (!is_left(want))
		return;
	want->err = err;
	want->got = !err;
	w->left--;
}

/* Those who want 'oid' are first to end. */
static void find(struct wants *w, const struct oid *oid)
{
	size_t low = 0, high = w->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(&w->want[mid].oid, oid, sizeof *oid) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	w->first = w->end = low;
	while (w->end < w->n && oid_eq(&w->want[w->end].oid, oid))
		w->end++;
}

size_t wants_pick(struct wants *w, struct oid *ret, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++)
		w->want[i].asked = false;
	for (size_t i = 0; i < w->n && n < max; i++) {
		struct want *want = &w->want[w->order[i]];

		if (want->asked || !is_left(want))
			continue;
		ret[n++] = want->oid;
		find(w, &want->oid);
		for (size_t j = w->first; j < w->end; j++)
			w->want[j].asked = is_left(&w->want[j]);
	}
	return n;
}

void wants_fail(struct wants *w, const struct oid *oid, int err)
{
	find(w, oid);
	for (size_t i = w->first; i < w->end; i++)
		settle(w, &w->want[i], err);
}

void wants_fail_rest(struct wants *w, bool asked, int err)
{
	for (size_t i = 0; i < w->n; i++) {
		if (w->want[i].asked || !asked)
			settle(w, &w->want[i], err);
	}
}

/* ---- objects ---- */

/* A job may want a thing twice, but gets it once. */
static bool again(const struct wants *w, size_t i)
{
	return i > w->first && w->want[i].job == w->want[i - 1].job;
}

static void settle_all(struct wants *w, size_t i, int err)
{
	do
		settle(w, &w->want[i++], err);
	while (i < w->end && again(w, i));
}

int wants_start(struct wants *w, const struct oid *oid, enum obj type,
		uint64_t size)
{
	struct job *spare = w->batch->job[0];
	bool taken = false;

	find(w, oid);
	w->extra = false;
	for (size_t i = w->first; i < w->end; i++) {
		struct want *want = &w->want[i];
		int r = type == want->job->type ? 0 : -EBADMSG;

		want->taking = false;
		if (!is_left(want) || again(w, i))
			continue;
		if (!r)
			r = want->job->ops->start(want->job, oid, type, size);
		if (r)
			settle_all(w, i, r);
		want->taking = !r;
		taken |= !r;
	}
	if (w->first == w->end)
		taken = w->extra = !spare->ops->start(spare, oid, type, size);
	return taken ? 0 : -ECANCELED;
}

int wants_data(struct wants *w, const void *data, size_t len)
{
	struct job *spare = w->batch->job[0];
	bool taken = false;

	if (w->extra)
		return spare->ops->data(spare, data, len);
	for (size_t i = w->first; i < w->end; i++) {
		struct want *want = &w->want[i];
		int r = want->taking ?
			want->job->ops->data(want->job, data, len) : 0;

		if (r)
			settle_all(w, i, r);
		want->taking &= !r;
		taken |= want->taking;
	}
	return taken ? 0 : -ECANCELED;
}

void wants_end(struct wants *w)
{
	struct job *spare = w->batch->job[0];

	if (w->extra)
		spare->ops->end(spare);
	for (size_t i = w->first; i < w->end; i++) {
		struct want *want = &w->want[i];

		if (want->taking)
			settle_all(w, i, want->job->ops->end(want->job));
	}
}

void wants_size(struct wants *w, const struct oid *oid, uint64_t size)
{
	find(w, oid);
	for (size_t i = w->first; i < w->end; i++) {
		struct want *want = &w->want[i];

		want->job->ops->size(want->job, want->i, size);
		settle(w, want, 0);
	}
}

/* ---- the end ---- */

static int first_error(const struct wants *w, const struct job *job)
{
	int err = 0;
	size_t i = 0;

	for (const struct want *want = w->want; want < w->want + w->n;
	     want++) {
		if (want->job == job && want->err &&
		    (!err || want->i < i)) {
			err = want->err;
			i = want->i;
		}
	}
	return err;
}

void wants_done(struct wants *w)
{
	struct batch *b = w->batch;

	/* A job may be gone once it is done; its wants are not. */
	for (size_t j = 0; j < b->jobs; j++) {
		struct job *job = b->job[j];

		job->ops->done(job, first_error(w, job));
	}
}
