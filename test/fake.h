/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* fake.h - a backend whose every answer the test decides.
 *
 * Objects are put in by the test.  A held object is answered only when the
 * test releases it: order in tests comes from hold and release, never from
 * sleeping.  What is put in stays for all backends made of it, so that a
 * server can be restarted on the same fake.
 *
 * Threads: the functions here from the test's thread; the backend itself
 * from any.  Errors: none; what goes wrong fails the test.
 */
#ifndef TEST_FAKE_H
#define TEST_FAKE_H

#include <stdbool.h>

#include "backend/backend.h"

struct fake;

struct fake *fake_new(void);
void fake_free(struct fake *);
/* One to give away, as to fs_add().  The fake must outlive it. */
struct backend *fake_backend(struct fake *);

/* ---- contents ---- */

struct fake_entry {
	const char *mode, *name;        /* "100644" and so on */
	struct oid oid;
};

struct oid fake_object(struct fake *, enum obj, const void *data, size_t len);
struct oid fake_blob(struct fake *, const char *text);
/* In the order given, which git wants sorted. */
struct oid fake_tree(struct fake *, size_t n, const struct fake_entry *);
/* Have a ref (NULL: the default branch) show this tree, in a new commit. */
struct oid fake_ref(struct fake *, const char *ref, const struct oid *tree);

/* ---- behaviour ---- */

void fake_hold(struct fake *, const struct oid *);
void fake_release(struct fake *, const struct oid *);
void fake_fail(struct fake *, const struct oid *, int err, unsigned times);
/* Give it with one wrong byte, until put right by false. */
void fake_corrupt(struct fake *, const struct oid *, bool);
/* Everything fails with 'err', until 0. */
void fake_down(struct fake *, int err);
/* The n-th job from now fails, 1 being the next.  Tells whether the one
 * asked for before did. */
bool fake_fail_nth(struct fake *, unsigned n, int err);
/* No sizes without contents: what has no stat() or, being far, finds out when
 * asked.  Before fake_backend(). */
void fake_no_stat(struct fake *);
/* A job is said to cost a round trip.  Before fake_backend(). */
void fake_far(struct fake *);

/* ---- what was asked of it ---- */

unsigned fake_fetches(struct fake *, const struct oid *);
unsigned fake_resolves(struct fake *);
/* Of these, the ones that nobody waited for. */
unsigned fake_onces(struct fake *);
/* Fetches, however much each wanted. */
unsigned fake_jobs(struct fake *);
/* Block until 'n' jobs are held; fails the test after ten seconds. */
void fake_wait_held(struct fake *, unsigned n);

#endif
