/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Every way that a source can fail: the first job, then the second, and so
 * on until all went well.  Nothing wrong is ever shown, and when the trouble
 * is over all is there, without a restart. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"

enum { JOBS_MAX = 100, MOMENT_MS = 5000, PATIENCE = 1000 };

static struct harness h;
static struct source source = { .name = "src" };
static struct fake *f;
static struct raw conn;

/* What may be answered when 'trouble' is what the source said. */
static bool excused(uint32_t status, int trouble)
{
	switch (status) {
	case N3_IO:
	case N3_JUKEBOX:
	case N3_SERVERFAULT:
		return true;
	case N3_ACCES:
		return trouble == -EACCES;
	case N3_NOENT:
	case N3_STALE:
		return trouble == -ENOENT || trouble == -EACCES;
	}
	return false;
}

static bool ok(uint32_t status, int trouble)
{
	if (status == N3_OK)
		return true;
	ck_assert_msg(trouble && excused(status, trouble), "status %u for %s",
		      status, strerror(-trouble));
	return false;
}

/* Look at everything there is.  Whether all was well; when not, 'trouble'
 * is why it may be so. */
static bool look(int trouble)
{
	CLEANUP_WIRE struct wire data = { 0 };
	CLEANUP_PAGE struct page page = { 0 };
	struct fh top, root, dir, fh;
	struct fattr attr;

	if (!ok(call_mnt(&conn, "/", &top), trouble) ||
	    !ok(call_find(&conn, &top, "src", &root, NULL), trouble) ||
	    !ok(call_readdirplus(&conn, &root, 0, 0, 8192, 8192, &page),
		trouble))
		return false;
	ck_assert(!page.eof || page.n == 5);
	if (!ok(call_find(&conn, &root, "file", &fh, &attr), trouble))
		return false;
	ck_assert_uint_eq(attr.size, 5);
	if (!ok(call_read(&conn, &fh, 0, 99, &data, NULL, NULL), trouble))
		return false;
	ck_assert_uint_eq(data.len, 5);
	ck_assert_mem_eq(data.p, "text\n", 5);
	if (!ok(call_find(&conn, &root, "link", &fh, &attr), trouble))
		return false;
	ck_assert_uint_eq(attr.size, 6);
	if (!ok(call_readlink(&conn, &fh, &data, NULL), trouble))
		return false;
	ck_assert_mem_eq(data.p, "target", 6);
	if (!ok(call_find(&conn, &root, "dir", &dir, NULL), trouble) ||
	    !ok(call_find(&conn, &dir, "exec", &fh, &attr), trouble))
		return false;
	ck_assert_uint_eq(attr.mode, 0755);
	return ok(call_read(&conn, &fh, 0, 99, &data, NULL, NULL), trouble) &&
	       ok(call_find(&conn, &top, "src@other", &dir, NULL), trouble) &&
	       ok(call_find(&conn, &dir, "exec", NULL, NULL), trouble) &&
	       ok(call_find(&conn, &top, "src@@", &fh, NULL), trouble) &&
	       ok(call_readlink(&conn, &fh, &data, NULL), trouble);
}

/* The first look may still show the trouble, and has it looked into. */
static void recovers(int trouble)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (int i = 0; i < PATIENCE && !look(trouble); i++)
		nanosleep(&moment, NULL);
	ck_assert(look(0));
}

static void setup(void)
{
	f = source.fake = fake_new();
	const struct fake_entry in[] = {
		{ "100755", "exec", fake_blob(f, "#!/bin/sh\n") },
	};
	struct oid dir = fake_tree(f, 1, in);
	const struct fake_entry all[] = {
		{ "40000", "dir", dir },
		{ "100644", "file", fake_blob(f, "text\n") },
		{ "120000", "link", fake_blob(f, "target") },
	};
	struct oid tree = fake_tree(f, 3, all);

	fake_ref(f, NULL, &tree);
	fake_ref(f, "other", &dir);
	clock_freeze();
	h = (struct harness){ .source = &source, .nsource = 1 };
}

static void teardown(void)
{
	clock_thaw();
	fake_free(f);
}

static void each_job_fails(int err, bool known_before)
{
	for (unsigned n = 1;; n++) {
		bool failed;

		ck_assert_uint_lt(n, JOBS_MAX);
		harness_start(&h);
		raw_open(&conn, h.port);
		if (known_before) {     /* by the journal, but not in memory */
			ck_assert(look(0));
			raw_close(&conn);
			harness_restart(&h);
			raw_open(&conn, h.port);
		}
		fake_fail_nth(f, n, err);
		look(err);
		failed = fake_fail_nth(f, 0, 0);
		clock_advance(MOMENT_MS);
		recovers(err);
		raw_close(&conn);
		harness_stop(&h);
		if (!failed)
			break;
	}
}

/* The last are a file system's that a source is on, or a descriptor's, and
 * must not be taken for what a client asks with. */
static const int errors[] = {
	-EIO, -ENOENT, -EACCES, -EAGAIN, -ETIMEDOUT, -EHOSTUNREACH, -EBADMSG,
	-EFBIG, -ENOMEM, -ESTALE, -EBADF, -ENOTDIR, -EINVAL,
};
enum { ERRORS = sizeof errors / sizeof *errors };

START_TEST(a_new_source)
{
	each_job_fails(errors[_i], false);
}
END_TEST

START_TEST(a_source_known_from_before)
{
	each_job_fails(errors[_i], true);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, a_new_source, 0, ERRORS);
	tcase_add_loop_test(c, a_source_known_from_before, 0, ERRORS);
}

int main(void)
{
	return harness_main("faults", 60, add, NULL);
}
