/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The system refuses: a write, a sync, a new file, a descriptor, memory.  The
 * N-th time only, or from then on, for N = 1, 2, 3 ... until nothing is left
 * to refuse.  Each time the answers are defined, what is shown is right, all
 * is well as soon as there is enough again, and every handle that was given
 * out is good after a restart.
 *
 * The linker puts the functions here in place of the C library's (--wrap);
 * they are asked by the server's threads only, not by the test's. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/clock.h"
#include "nfsd/bus.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"

/* ---- what can be refused ---- */

enum what { WRITES, SYNCS, NEW_FILES, DESCRIPTORS, MEMORY, WHATS };

static const char *const name[WHATS] = {
	"writes", "syncs", "new files", "descriptors", "memory",
};

static atomic_int refused_what;         /* -1: nothing */
static atomic_uint left, count;         /* until it is; since it was armed */
static atomic_bool for_good, has_been;
static atomic_uint left_at;             /* count, when it begins */
static __thread bool is_test;
static __thread bool is_loop;           /* what accepts, and answers: memory
				 * is refused there, for the test's own source
				 * wants some in the other threads */

enum { TIMES = 20 };

static bool refuse(enum what what)
{
	if (is_test || refused_what != (int)what ||
	    (what == MEMORY && !is_loop))
		return false;
	count++;
	if (left && --left)
		return false;
	if (has_been && !for_good)
		return false;
	has_been = true;
	left = 0;
	/* Without any, not even a connection can be had: so some comes back
	 * at some time. */
	if (what >= DESCRIPTORS && for_good && count > left_at + TIMES)
		refused_what = -1;
	return true;
}

/* Pipes and sockets are no disks. */
static bool is_file(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode);
}

#define REAL(ret, fn, ...) \
	ret __real_##fn(__VA_ARGS__); \
	ret __wrap_##fn(__VA_ARGS__); \
	ret __wrap_##fn(__VA_ARGS__)

static bool no_space(int fd, size_t *len)
{
	if (!is_file(fd) || !refuse(WRITES))
		return false;
	*len /= 2;                      /* a part may still fit */
	errno = ENOSPC;
	return true;
}

REAL(ssize_t, write, int fd, const void *p, size_t len)
{
	if (!no_space(fd, &len))
		return __real_write(fd, p, len);
	return len ? __real_write(fd, p, len) : -1;
}

REAL(ssize_t, pwrite, int fd, const void *p, size_t len, off_t at)
{
	return no_space(fd, &len) ? -1 : __real_pwrite(fd, p, len, at);
}

static int error(int err)
{
	errno = err;
	return -1;
}

REAL(int, fsync, int fd)
{
	return refuse(SYNCS) ? error(EIO) : __real_fsync(fd);
}

REAL(int, fdatasync, int fd)
{
	return refuse(SYNCS) ? error(EIO) : __real_fdatasync(fd);
}

REAL(int, ftruncate, int fd, off_t len)
{
	return refuse(SYNCS) ? error(EIO) : __real_ftruncate(fd, len);
}

static bool no_file(int flags)
{
	if ((flags & O_CREAT) && refuse(NEW_FILES)) {
		errno = EROFS;
		return true;
	}
	if (refuse(DESCRIPTORS)) {
		errno = EMFILE;
		return true;
	}
	return false;
}

#define OPEN(fn, params, args) \
	int __real_##fn params; \
	int __wrap_##fn params; \
	int __wrap_##fn params \
	{ \
		return no_file(flags) ? -1 : __real_##fn args; \
	}
OPEN(open, (const char *path, int flags, mode_t mode), (path, flags, mode))
OPEN(openat, (int dir, const char *path, int flags, mode_t mode),
     (dir, path, flags, mode))

REAL(int, accept4, int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
	is_loop = true;
	return refuse(DESCRIPTORS) ? error(EMFILE) :
				     __real_accept4(fd, addr, len, flags);
}

REAL(void *, malloc, size_t n)
{
	return refuse(MEMORY) ? NULL : __real_malloc(n);
}

REAL(void *, calloc, size_t n, size_t size)
{
	return refuse(MEMORY) ? NULL : __real_calloc(n, size);
}

REAL(void *, realloc, void *p, size_t n)
{
	return refuse(MEMORY) ? NULL : __real_realloc(p, n);
}

REAL(char *, strdup, const char *text)
{
	return refuse(MEMORY) ? NULL : __real_strdup(text);
}

REAL(void *, mmap, void *p, size_t len, int prot, int flags, int fd, off_t at)
{
	if (refuse(MEMORY)) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return __real_mmap(p, len, prot, flags, fd, at);
}

static void arm(enum what what, unsigned n, bool on)
{
	left = left_at = n;
	count = 0;
	for_good = on;
	has_been = false;
	refused_what = (int)what;
}

/* Whether anything was refused. */
static bool disarm(void)
{
	refused_what = -1;
	return has_been;
}

/* ---- what is done meanwhile ---- */

enum {
	MOMENT_MS = 60000,      /* no failure is remembered so long */
	TIMES_MAX = 4000, HANDLES = 16, PATIENCE = 4000,
	LARGE = 9 << 20,        /* is spooled */
	DISK = 64 << 20,
	STRIDE_FROM = 40,       /* from then on not every single N */
};

static struct harness h;
static struct source source = { .name = "src" };
static struct fake *f;
static struct raw conn;
static struct fh given[HANDLES];
static unsigned ngiven;

static bool excused(uint32_t status)
{
	return status == N3_IO || status == N3_JUKEBOX ||
	       status == N3_SERVERFAULT;
}

static bool ok(uint32_t status, bool trouble)
{
	if (status == N3_OK)
		return true;
	ck_assert_msg(trouble && excused(status), "status %u", status);
	return false;
}

static void keep(const struct fh *fh)
{
	if (ngiven < HANDLES)
		given[ngiven++] = *fh;
}

/* Look at everything there is, and remember the handles. */
static bool look(bool trouble)
{
	static const char *const path[] = {
		"src", "src/dir", "src/dir/exec", "src/file", "src/large",
		"src@other", "src@other/exec", "src@@",
	};
	CLEANUP_WIRE struct wire data = { 0 };
	CLEANUP_PAGE struct page page = { 0 };
	struct fh top, fh, root = { 0 };
	bool well = true;

	if (!ok(call_mnt(&conn, "/", &top), trouble))
		return false;
	for (size_t i = 0; i < sizeof path / sizeof *path; i++) {
		struct fattr attr;

		if (!ok(call_walk(&conn, &top, path[i], &fh, &attr), trouble)) {
			well = false;
			continue;
		}
		keep(&fh);
		if (!strcmp(path[i], "src"))
			root = fh;
		if (attr.type == LNK) {
			well &= ok(call_readlink(&conn, &fh, &data, NULL),
				   trouble);
		} else if (attr.type == REG &&
			   ok(call_read(&conn, &fh, attr.size > 99 ?
					attr.size - 5 : 0, 99, &data, NULL,
					NULL), trouble)) {
			ck_assert_uint_eq(data.len, attr.size > 99 ? 5 :
					  attr.size);
			ck_assert_mem_eq(data.p, attr.size == LARGE ? "xxxxx" :
					 attr.size == 5 ? "text\n" :
					 "#!/bin/sh\n", data.len);
		} else if (attr.type == REG) {
			well = false;
		}
	}
	if (!root.len || !ok(call_readdirplus(&conn, &root, 0, 0, 8192, 8192,
					      &page), trouble))
		return false;
	ck_assert(!page.eof || page.n == 5);
	return well;
}

static void come_back(void)
{
	raw_close(&conn);
	raw_open(&conn, h.port);
	conn.patient = true;
}

static void recovers(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (int i = 0; i < PATIENCE && !look(true); i++)
		nanosleep(&moment, NULL);
	ck_assert(look(false));
}

static void setup(void)
{
	static char large[LARGE + 1];

	is_test = true;
	refused_what = -1;
	memset(large, 'x', LARGE);
	f = source.fake = fake_new();
	fake_far(f);
	const struct fake_entry in[] = {
		{ "100755", "exec", fake_blob(f, "#!/bin/sh\n") },
	};
	struct oid dir = fake_tree(f, 1, in);
	const struct fake_entry all[] = {
		{ "40000", "dir", dir },
		{ "100644", "file", fake_blob(f, "text\n") },
		{ "100644", "large", fake_blob(f, large) },
	};
	struct oid tree = fake_tree(f, 3, all);

	fake_ref(f, NULL, &tree);
	fake_ref(f, "other", &dir);
	clock_freeze();
	bus_guard();
	h = (struct harness){ .source = &source, .nsource = 1, .disk = DISK,
			      .loops = 1, .jukebox_ms = 300 };
}

static void teardown(void)
{
	clock_thaw();
	fake_free(f);
}

/* Once with the N-th refused.  False: nothing was. */
static bool once(enum what what, unsigned n, bool on)
{
	bool refused;

	ngiven = 0;
	harness_start(&h);
	raw_open(&conn, h.port);
	conn.patient = true;
	arm(what, n, on);
	look(true);
	refused = disarm();
	clock_advance(MOMENT_MS);
	come_back();
	recovers();
	/* What it has told the world holds, after a restart too. */
	harness_restart(&h);
	come_back();
	for (unsigned i = 0; i < ngiven; i++)
		ck_assert_uint_eq(call_getattr(&conn, &given[i], NULL), N3_OK);
	ck_assert(look(false));
	raw_close(&conn);
	harness_stop(&h);
	return refused;
}

static void each(enum what what, bool on)
{
	unsigned n = 1, tried = 0;

	/* Memory is asked for too often to try every time. */
	while (once(what, n, on)) {
		tried++;
		n += n < STRIDE_FROM ? 1 : n / 8;
		ck_assert_uint_lt(n, TIMES_MAX);
	}
	printf("%s%s: refused at %u of %u places, each time defined answers, "
	       "recovery, no handle lost\n", name[what], on ?
	       " from then on" : "", tried, n - 1);
	ck_assert_uint_gt(tried, 0);
}

START_TEST(the_nth)
{
	each((enum what)_i, false);
}
END_TEST

START_TEST(from_the_nth_on)
{
	each((enum what)_i, true);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, the_nth, 0, WHATS);
	tcase_add_loop_test(c, from_the_nth_on, 0, WHATS);
}

int main(void)
{
	return harness_main("shortage", 300, add, NULL);
}
