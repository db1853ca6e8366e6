/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The clients of soak.sh, which see to it that a server is at SOAK_PORT, goes
 * and comes back, while a repository moves, whose history SOAK_REPO has:
 *
 *	/near   that repository, at its moving branch
 *	/far    the same one by git's protocol, through ssh
 *
 * Every file that is read is compared with git: by its object id, in a
 * pinned commit; in a moving one, its id has to be one that git has had at
 * that path.  Errors are allowed only while SOAK_TROUBLE exists. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/oid.h"
#include "test/call.h"
#include "test/harness.h"
#include "test/must.h"

enum {
	CLIENTS = 4, FILES_MAX = 100000, KEPT = 64, GRACE_MS = 15000,
	PATH_SIZE = 512,
};

struct file {
	char hex[OID_HEX + 1];
	char *path;
};

static struct file *files;
static size_t nfiles;
static char commit[OID_HEX + 1];
static const char *repo, *trouble;
static uint16_t port;
static time_t end;
static atomic_ulong reads, bytes, lists, old, troubles, laters;
static _Atomic time_t excused;  /* the last moment of trouble */

/* ---- what git says ---- */

static void list_files(void)
{
	CLEANUP_FREE char *line = NULL, *head = git(repo, "rev-parse main"),
		*command = NULL;
	size_t cap = 0;
	FILE *f;

	snprintf(commit, sizeof commit, "%s", head);
	ck_assert_int_ge(asprintf(&command, "git -C '%s' ls-tree -r %s", repo,
				  commit), 0);
	files = calloc(FILES_MAX, sizeof *files);
	f = popen(command, "r");
	ck_assert(f && files);
	while (nfiles < FILES_MAX && getline(&line, &cap, f) > 0) {
		char mode[8], type[8], hex[OID_HEX + 1], path[PATH_SIZE];

		ck_assert_int_eq(sscanf(line, "%7s %7s %64s\t%511[^\n]", mode,
					type, hex, path), 4);
		memcpy(files[nfiles].hex, hex, sizeof hex);
		files[nfiles++].path = strdup(path);
	}
	pclose(f);
	ck_assert_uint_gt(nfiles, 0);
}

/* Has it ever been at that path? */
static bool git_has_had(const char *path, const char *hex)
{
	CLEANUP_FREE char *command = NULL, *line = NULL;
	bool found = false;
	size_t cap = 0;
	FILE *f;

	must(asprintf(&command, "git -C '%s' log --all --reflog -m --root --raw "
		      "--no-abbrev --no-renames --format= -- '%s'", repo,
		      path) > 0);
	f = popen(command, "r");
	must(f);
	while (getline(&line, &cap, f) > 0)
		found |= strstr(line, hex) != NULL;
	pclose(f);
	return found;
}

static void name_of(const struct wire *data, char hex[OID_HEX + 1])
{
	struct oid_hash *hash;
	struct oid oid;

	must(!oid_hash_start(&hash, OID_SHA1, OBJ_BLOB, data->len));
	must(!oid_hash_data(hash, data->p, data->len));
	must(!oid_hash_end(hash, &oid));
	oid_hex(&oid, hex);
}

/* ---- what may go wrong, and when ---- */

static bool in_trouble(void)
{
	time_t now = time(NULL);

	if (!access(trouble, F_OK))
		excused = now;
	return now - excused <= GRACE_MS / 1000;
}

/* True when it is to be tried again. */
static bool excuse(uint32_t status, bool before, const char *what,
		   const char *path)
{
	const struct timespec moment = { .tv_nsec = 50000000 };

	if (status == N3_JUKEBOX) {
		laters++;
		nanosleep(&moment, NULL);
		return time(NULL) < end + 60;
	}
	if (!before && !in_trouble())
		ck_abort_msg("%s %s: status %u, and no trouble", what, path,
			     status);
	troubles++;
	return false;
}

/* ---- what clients do ---- */

struct client {
	unsigned seed;
	struct raw conn;
	struct fh top;
	struct fh kept[KEPT];           /* handles, and whose they are */
	size_t of[KEPT];
	unsigned nkept;
};

static bool walk(struct client *c, const char *path, struct fh *fh,
		 struct fattr *attr)
{
	for (;;) {
		bool before = in_trouble();
		uint32_t s = call_walk(&c->conn, &c->top, path, fh, attr);

		if (s == N3_OK)
			return true;
		/* What was removed is so for good. */
		if (s == N3_NOENT && !strchr(path, '@'))
			return false;
		if (!excuse(s, before, "LOOKUP", path))
			return false;
	}
}

static bool read_all(struct client *c, const struct fh *fh, const char *path,
		     struct wire *data)
{
	for (;;) {
		bool before = in_trouble();
		uint32_t s = call_read_all(&c->conn, fh, 65536, data);

		if (s == N3_OK)
			break;
		if (!excuse(s, before, "READ", path))
			return false;
	}
	reads++;
	bytes += data->len;
	return true;
}

static void check_pinned(struct client *c, const char *name)
{
	size_t i = (size_t)rand_r(&c->seed) % nfiles;
	CLEANUP_WIRE struct wire data = { 0 };
	char path[2 * PATH_SIZE], hex[OID_HEX + 1];
	struct fattr attr;
	struct fh fh;

	snprintf(path, sizeof path, "%s@%s/%s", name, commit, files[i].path);
	if (!walk(c, path, &fh, &attr) || !read_all(c, &fh, path, &data))
		return;
	must(attr.size == data.len);
	name_of(&data, hex);
	if (strcmp(hex, files[i].hex))
		ck_abort_msg("%s is %s, not %s", path, hex, files[i].hex);
	c->kept[c->nkept % KEPT] = fh;
	c->of[c->nkept++ % KEPT] = i;
}

/* A handle from before, whatever has happened since. */
static void check_kept(struct client *c)
{
	unsigned n = c->nkept < KEPT ? c->nkept : KEPT;
	CLEANUP_WIRE struct wire data = { 0 };
	char hex[OID_HEX + 1];
	unsigned k;

	if (!n)
		return;
	k = (unsigned)rand_r(&c->seed) % n;
	if (!read_all(c, &c->kept[k], files[c->of[k]].path, &data))
		return;
	name_of(&data, hex);
	if (strcmp(hex, files[c->of[k]].hex))
		ck_abort_msg("%s: the old handle reads %s, not %s",
			     files[c->of[k]].path, hex, files[c->of[k]].hex);
	old++;
}

static void check_moving(struct client *c, const char *name)
{
	size_t i = (size_t)rand_r(&c->seed) % nfiles;
	CLEANUP_WIRE struct wire data = { 0 };
	char path[2 * PATH_SIZE], hex[OID_HEX + 1];
	struct fattr attr;
	struct fh fh;

	snprintf(path, sizeof path, "%s/%s", name, files[i].path);
	if (!walk(c, path, &fh, &attr) || !read_all(c, &fh, path, &data))
		return;
	must(attr.size == data.len);
	name_of(&data, hex);
	if (strcmp(hex, files[i].hex) && !git_has_had(files[i].path, hex))
		ck_abort_msg("%s is %s, which it never was", path, hex);
}

static void check_list(struct client *c, const char *name)
{
	CLEANUP_PAGE struct page page = { 0 };
	size_t i = (size_t)rand_r(&c->seed) % nfiles;
	char path[2 * PATH_SIZE], *slash;
	const char *base;
	uint64_t cookie = 0, verf = 0;
	bool found = false;
	struct fh dir;

	snprintf(path, sizeof path, "%s@%s/%s", name, commit, files[i].path);
	slash = strrchr(path, '/');
	*slash = '\0';
	base = slash + 1;
	if (!walk(c, path, &dir, NULL))
		return;
	do {
		bool before = in_trouble();
		uint32_t s = call_readdirplus(&c->conn, &dir, cookie, verf,
					      4096, 16384, &page);

		if (s != N3_OK) {
			if (!excuse(s, before, "READDIRPLUS", path))
				return;
			continue;
		}
		verf = page.verf;
		for (size_t n = 0; n < page.n; n++)
			found |= page.entry[n].len == strlen(base) &&
				 !memcmp(page.entry[n].name, base,
					 page.entry[n].len);
		if (page.n)
			cookie = page.entry[page.n - 1].cookie;
	} while (!page.eof);
	if (!found)
		ck_abort_msg("%s/%s is not listed", path, base);
	lists++;
}

static void *be_client(void *arg)
{
	struct client *c = arg;

	while (time(NULL) < end) {
		const char *name = rand_r(&c->seed) % 4 ? "near" : "far";

		switch (rand_r(&c->seed) % 8) {
		case 0:
			check_list(c, name);
			break;
		case 1:
		case 2:
			check_kept(c);
			break;
		case 3:
			check_moving(c, name);
			break;
		default:
			check_pinned(c, name);
		}
	}
	raw_close(&c->conn);
	return NULL;
}

static const char *told(const char *name)
{
	const char *value = getenv(name);

	ck_assert_msg(value, "%s is not set; soak.sh does it", name);
	return value;
}

START_TEST(soak)
{
	static struct client client[CLIENTS];
	pthread_t thread[CLIENTS];

	repo = told("SOAK_REPO");
	trouble = told("SOAK_TROUBLE");
	port = (uint16_t)atoi(told("SOAK_PORT"));
	end = time(NULL) + atoi(told("SOAK_SECONDS"));
	list_files();
	for (unsigned i = 0; i < CLIENTS; i++) {
		client[i].seed = i + 1;
		raw_open(&client[i].conn, port);
		client[i].conn.patient = true;
		ck_assert_uint_eq(call_mnt(&client[i].conn, "/",
					   &client[i].top), N3_OK);
		ck_assert(!pthread_create(&thread[i], NULL, be_client,
					  &client[i]));
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		pthread_join(thread[i], NULL);
	printf("files read %lu, bytes %lu, by old handles %lu, listings %lu; "
	       "told to come back %lu times, errors in trouble %lu\n",
	       (unsigned long)reads, (unsigned long)bytes,
	       (unsigned long)old, (unsigned long)lists,
	       (unsigned long)laters, (unsigned long)troubles);
	ck_assert_uint_gt(reads, 0);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, soak);
}

int main(void)
{
	return harness_main("soak", 0, add, NULL);
}
