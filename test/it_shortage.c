/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The system refuses: a write, a sync, a new file, a descriptor, memory.  The
 * N-th time only, or from then on, for N = 1, 2, 3 ... until nothing is left
 * to refuse.  Each time the answers are defined, what is shown is right, all
 * is well as soon as there is enough again, and every handle that was given
 * out is good after a restart.  A start without memory fails and says so.
 * Without GITNFS_SLOW=1 the steps are longer.
 *
 * The linker puts the functions here in place of the C library's (--wrap);
 * they are asked by the server's threads only, not by the test's. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
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
#include <utf8proc.h>

#include "backend/backend.h"
#include "cache/fs.h"
#include "common/bus.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "nfsd/config/config.h"
#include "nfsd/config/config_rules.h"
#include "nfsd/server.h"
#include "test/call.h"
#include "test/fake.h"
#include "test/harness.h"
#include "test/scratch.h"

/* ---- what can be refused ---- */

enum what { WRITES, SYNCS, NEW_FILES, DESCRIPTORS, MEMORY, POOL_MEMORY,
	    WHATS, START_MEMORY = WHATS, };

static const char *const name[] = {
	"writes", "syncs", "new files", "descriptors",
	"memory, where calls are answered", "memory, where they are not",
	"memory, at the start",
};

static atomic_int refused_what;         /* -1: nothing */
static atomic_uint left, count;         /* until it is; since it was armed */
static atomic_bool for_good, has_been;
static atomic_uint left_at;             /* count, when it begins */
static __thread bool is_test, is_starting;
static __thread bool is_loop;           /* what accepts, and answers */

enum { TIMES = 20 };

static bool refuse(enum what what)
{
	if (is_test || refused_what != (int)what)
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

static bool no_memory(void)
{
	/* Other threads start with the server: they have theirs. */
	if (!refuse(is_starting ? START_MEMORY : is_loop ? MEMORY :
		    POOL_MEMORY))
		return false;
	errno = ENOMEM;
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
	return no_memory() ? NULL : __real_malloc(n);
}

REAL(void *, calloc, size_t n, size_t size)
{
	return no_memory() ? NULL : __real_calloc(n, size);
}

REAL(void *, realloc, void *p, size_t n)
{
	return no_memory() ? NULL : __real_realloc(p, n);
}

REAL(char *, strdup, const char *text)
{
	return no_memory() ? NULL : __real_strdup(text);
}

REAL(char *, strndup, const char *text, size_t len)
{
	return no_memory() ? NULL : __real_strndup(text, len);
}

REAL(FILE *, open_memstream, char **text, size_t *len)
{
	return no_memory() ? NULL : __real_open_memstream(text, len);
}

int __wrap_asprintf(char **ret, const char *fmt, ...);
int __wrap_asprintf(char **ret, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (no_memory())
		return -1;
	va_start(ap, fmt);
	n = vasprintf(ret, fmt, ap);
	va_end(ap);
	return n;
}

REAL(void *, mmap, void *p, size_t len, int prot, int flags, int fd, off_t at)
{
	if (no_memory())
		return MAP_FAILED;
	return __real_mmap(p, len, prot, flags, fd, at);
}

REAL(utf8proc_ssize_t, utf8proc_map, const utf8proc_uint8_t *text,
     utf8proc_ssize_t len, utf8proc_uint8_t **ret, utf8proc_option_t how)
{
	if (no_memory())
		return UTF8PROC_ERROR_NOMEM;
	return __real_utf8proc_map(text, len, ret, how);
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
	CACHE = 8 << 20,
	LARGE = CACHE / 7,      /* is spooled */
	DISK = 64 << 20,
};

/* One name: as it is there, and as it is asked for. */
#define COMPOSED "\xc3\xa9"
#define DECOMPOSED "e\xcc\x81"

static struct harness h;
static struct source source = { .name = "src" };
static struct fake *f;
static char *repo;              /* the same, elsewhere, by git itself */
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
		("src/" DECOMPOSED), "src@other", "src@other/exec", "src@@",
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
	ck_assert(!page.eof || page.n == 6);
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
		{ "100644", COMPOSED, fake_blob(f, "text\n") },
	};
	struct oid tree = fake_tree(f, 4, all);

	fake_ref(f, NULL, &tree);
	fake_ref(f, "other", &dir);
	clock_freeze();
	bus_guard();
	h = (struct harness){ .source = &source, .nsource = 1, .disk = DISK,
			      .memory = CACHE, .loops = 1, .jukebox_ms = 300 };
}

/* Who waits a moment for others goes by this clock, too. */
static pthread_t ticker;
static atomic_bool ticks;

static void *tick(void *arg)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	is_test = true;
	while (ticks) {
		nanosleep(&ms, NULL);
		clock_advance(1);
	}
	return arg;
}

/* What libgit2 does not read is read through upload-pack, as what is
 * elsewhere.  The test's own source has no memory to be refused. */
static void make_repo(void)
{
	source.fake = NULL;
	source.path = repo = scratch_dir();
	ticks = true;
	ck_assert(!pthread_create(&ticker, NULL, tick, NULL));
	shell("cd '%s' && git init -q --object-format=sha256 -b main && "
	      "git config uploadpack.allowFilter true && "
	      "git config uploadpack.allowAnySHA1InWant true && "
	      "mkdir dir && printf '#!/bin/sh\\n' >dir/exec && "
	      "chmod +x dir/exec && echo text >file && cp file " COMPOSED
	      " && "
	      "head -c %d /dev/zero | tr '\\0' x >large && git add -A && "
	      "git commit -q -m one && git branch other "
	      "$(git commit-tree -m two HEAD:dir)", repo, LARGE);
}

static void teardown(void)
{
	if (ticks) {
		ticks = false;
		pthread_join(ticker, NULL);
	}
	clock_thaw();
	fake_free(f);
	free(TAKE(repo));
	source.path = NULL;
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

static unsigned step(unsigned n)
{
	return harness_slow() || n < 6 ? 1 : n / 4;
}

static void each(enum what what, bool on,
		 bool (*try)(enum what, unsigned n, bool on))
{
	unsigned n = 1, tried = 0;

	while (try(what, n, on)) {
		tried++;
		n += step(n);
		ck_assert_uint_lt(n, TIMES_MAX);
	}
	printf("%s%s: refused at %u places, up to the %u.\n", name[what], on ?
	       ", from then on" : "", tried, n - 1);
	ck_assert_uint_gt(tried, 0);
}

START_TEST(the_nth)
{
	if (_i == POOL_MEMORY)
		make_repo();
	each((enum what)_i, false, once);
}
END_TEST

START_TEST(from_the_nth_on)
{
	if (_i == POOL_MEMORY)
		make_repo();
	each((enum what)_i, true, once);
}
END_TEST

/* ---- the start ---- */

/* What main() does, and undone again. */
static int start_and_stop(int argc, char **argv, char why[CONFIG_WHY])
{
	CLEANUP_SOCKETS struct sockets sockets = { 0 };
	struct server_options so = { .sockets = &sockets, .loops = 2 };
	struct config_rules rules = { 0 };
	struct server *server = NULL;
	struct fs *fs = NULL;
	struct backend *b;
	struct config c;
	int r = config_load(&c, argc, argv, why);
	const struct fs_options fo = {
		.state_dir = c.state_dir,
		.cache_dir = c.cache_dir,
		.memory = CACHE,
		.disk = DISK,
		.prefetch = 2,
	};

	if (!r)
		r = config_rules_make(&c, &rules, why);
	if (!r)
		r = sockets_bind(&sockets, (const char *const *)c.listen.item,
				 c.listen.n, SOCKETS_PORTMAP_OFF, 0, why);
	if (!r)
		r = fs_new(&fs, &fo, why);
	if (!r)
		r = backend_open(&b, c.sources.place[0].url, why);
	if (!r)
		r = fs_add(fs, c.sources.place[0].name,
			   c.sources.place[0].location, NULL, b, why);
	if (!r)
		r = fs_add_pattern(fs, "all", &(struct fs_pattern){
			.url = c.roots.place[0].url,
			.allow = (const char *const *)
				c.roots.place[0].allow.item,
		}, why);
	if (!r)
		r = fs_start(fs, why);
	so.listen_rule = (const struct rule *const *)rules.listen;
	if (!r)
		r = server_start(&server, &so, fs, why);
	if (server_stop(server))
		abort();
	fs_free(fs);
	config_rules_free(&rules);
	config_free(&c);
	return r;
}

static bool start_once(enum what what, unsigned n, bool on)
{
	static char file[4200], state[4200], cache[4200];
	static char word[][16] = { "gitnfsd", "--config", "--state-dir",
				   "--cache-dir", "--listen", "127.0.0.1:0" };
	char *argv[] = { word[0], word[1], file, word[2], state, word[3],
			 cache, word[4], word[5], NULL };
	CLEANUP_FREE char *dir = scratch_dir();
	char why[CONFIG_WHY] = "";
	bool refused;
	int r;

	snprintf(file, sizeof file, "%s/conf", dir);
	snprintf(state, sizeof state, "%s/state", dir);
	snprintf(cache, sizeof cache, "%s/cache", dir);
	shell("printf '[source \"src\"]\\n\\turl = %s\\n\\tallow = 10.0.0.0/8"
	      "\\n[root \"all\"]\\n\\turl = %s/{repo}\\n"
	      "\\tallow-repository = a*\\n' >'%s'", repo, dir, file);
	for (int again = 0; again < 2; again++) {
		if (!again)
			arm(what, n, on);
		is_starting = true;
		is_test = false;
		r = start_and_stop(9, argv, why);
		is_test = true;
		is_starting = false;
		if (again)
			break;
		refused = disarm();
		/* What can be done without is done without. */
		ck_assert(!r || (refused && *why));
		ck_assert(!strchr(why, '\n'));
	}
	ck_assert_msg(!r, "%s", why);
	return refused;
}

START_TEST(the_start)
{
	make_repo();
	each(START_MEMORY, _i, start_once);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, the_nth, 0, WHATS);
	tcase_add_loop_test(c, from_the_nth_on, 0, WHATS);
	tcase_add_loop_test(c, the_start, 0, 2);
}

int main(void)
{
	return harness_main("shortage", 300, add, NULL);
}
