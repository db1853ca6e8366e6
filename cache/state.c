/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/state.h"
#include "common/cleanup.h"
#include "common/hex.h"

enum { FIELDS_MAX = 8 };

struct state {
	char *dir;
	int dir_fd, lock_fd;
	uint8_t secret[STATE_SECRET];
	pthread_mutex_t lock;           /* covers what follows */
	int fd;                         /* the journal */
	int aside_fd;                   /* its successor, or -1 */
	size_t lines, aside_lines;
};

static int whyf(char *why, const struct state *s, const char *file,
		const char *what, int err)
{
	snprintf(why, STATE_WHY, "%s%s%s: %s%s%s", s->dir, *file ? "/" : "",
		 file, what, err ? ": " : "", err ? strerror(-err) : "");
	return err;
}

static int write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int sync_data(int fd)
{
#if HAVE_DECL_FDATASYNC
	return fdatasync(fd);
#else
	return fsync(fd);
#endif
}

/* ---- text ---- */

/* Printable, without spaces, and not "-" alone, which says "none". */
static void put_field(FILE *out, const char *s)
{
	bool dash = !strcmp(s, "-");

	fputc(' ', out);
	for (; *s; s++) {
		if (*s > ' ' && *s < 0x7f && *s != '%' && !dash)
			fputc(*s, out);
		else
			fprintf(out, "%%%02X", (unsigned char)*s);
	}
}

static bool get_field(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s != '%') {
			*to++ = *s;
			continue;
		}
		int hi = hex_value(s[1]), lo = hi < 0 ? -1 : hex_value(s[2]);

		if (lo < 0 || !(hi << 4 | lo))
			return false;
		*to++ = (char)(hi << 4 | lo);
		s += 2;
	}
	*to = '\0';
	return true;
}

static void put_oid(FILE *out, const struct oid *oid)
{
	char hex[OID_HEX + 1];

	oid_hex(oid, hex);
	fprintf(out, " %s", oid->len ? hex : "-");
}

static bool get_oid(const char *s, struct oid *ret)
{
	if (strcmp(s, "-"))
		return !oid_parse(s, strlen(s), ret);
	*ret = (struct oid){ 0 };
	return true;
}

static void put_time(FILE *out, const struct timespec *t)
{
	fprintf(out, " %" PRIdMAX ".%09ld", (intmax_t)t->tv_sec, t->tv_nsec);
}

static bool get_time(const char *s, struct timespec *ret)
{
	char *end;
	intmax_t sec = strtoimax(s, &end, 10);

	if (end == s || *end != '.' || strlen(end + 1) != 9)
		return false;
	ret->tv_sec = (time_t)sec;
	ret->tv_nsec = strtol(end + 1, &end, 10);
	return !*end && ret->tv_nsec >= 0;
}

static bool get_id(const char *s, uint64_t *ret)
{
	uint64_t id = 0;
	int i;

	for (i = 0; i < 16 && hex_value(s[i]) >= 0; i++)
		id = id << 4 | (uint64_t)hex_value(s[i]);
	*ret = id;
	return i == 16 && !s[i];
}

/* A line that makes no sense is passed over: it is not ours, or the disk's
 * doing, and what it said will be learnt again. */
static int read_line(char *line, const struct state_reader *rd, void *arg)
{
	char *f[FIELDS_MAX];
	int n = 0;

	for (char *p = line; p && n < FIELDS_MAX; n++) {
		f[n] = p;
		p = strchr(p, ' ');
		if (p)
			*p++ = '\0';
	}
	if (n == 3 && !strcmp(f[0], "level")) {
		struct state_level l = { .path = f[2] };

		if (get_id(f[1], &l.id) && get_field(f[2]))
			return rd->level(arg, &l);
	} else if (n == 5 && !strcmp(f[0], "root")) {
		struct state_root r = { .name = f[2], .location = f[3],
					.ref = f[4] };

		if (!strcmp(r.ref, "-"))
			r.ref = NULL;
		if (get_id(f[1], &r.id) && get_field(f[2]) &&
		    get_field(f[3]) && (!r.ref || get_field(f[4])))
			return rd->root(arg, &r);
	} else if (n == 6 && !strcmp(f[0], "move")) {
		struct state_move m;

		if (get_id(f[1], &m.id) && get_oid(f[2], &m.commit) &&
		    get_oid(f[3], &m.tree) && get_time(f[4], &m.mtime) &&
		    get_time(f[5], &m.ctime))
			return rd->move(arg, &m);
	} else if (n == 3 && !strcmp(f[0], "top")) {
		struct state_top t;

		if (get_id(f[1], &t.hash) && get_time(f[2], &t.time))
			return rd->top(arg, &t);
	}
	return 0;
}

/* ---- the directory ---- */

static int no_dir(const struct state *s, char *why, int err)
{
	snprintf(why, STATE_WHY, "%s: cannot be the state directory: %s; give "
		 "another one with --state-dir", s->dir, strerror(-err));
	return err;
}

static int make_dir(struct state *s, char *why)
{
	/* Parents too, as a fresh home directory has none of them. */
	for (char *p = s->dir; *p; p++) {
		if (*p != '/' || p == s->dir)
			continue;
		*p = '\0';
		mkdir(s->dir, 0755);
		*p = '/';
	}
	if (mkdir(s->dir, 0700) && errno != EEXIST)
		return no_dir(s, why, -errno);
	s->dir_fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return no_dir(s, why, -errno);
	return 0;
}

static int take_lock(struct state *s, char *why)
{
	s->lock_fd = openat(s->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return no_dir(s, why, -errno);
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return whyf(why, s, "lock", "cannot lock", -errno);
		snprintf(why, STATE_WHY, "%s: in use by another gitnfsd; "
			 "stop it, or give this one its own --state-dir", s->dir);
		return -EBUSY;
	}
	return 0;
}

/* Write a file aside, sync it, and rename it in place.  One that a crash has
 * left aside goes, as it may be anybody's to read. */
static int make_key(struct state *s)
{
	char hex[2 * STATE_SECRET + 2];
	int r = 0;

	randombytes_buf(s->secret, sizeof s->secret);
	sodium_bin2hex(hex, sizeof hex, s->secret, sizeof s->secret);
	strcat(hex, "\n");

	unlinkat(s->dir_fd, "key.new", 0);

	CLEANUP_FD int fd = openat(s->dir_fd, "key.new",
				   O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	r = write_all(fd, hex, strlen(hex));
	if (!r && fsync(fd))
		r = -errno;
	if (!r && renameat(s->dir_fd, "key.new", s->dir_fd, "key"))
		r = -errno;
	if (!r && fsync(s->dir_fd))
		r = -errno;
	return r;
}

static int read_key(struct state *s, char *why)
{
	char hex[2 * STATE_SECRET + 2] = "";
	size_t len;
	int r;

	CLEANUP_FD int fd = openat(s->dir_fd, "key", O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		r = make_key(s);
		return r ? whyf(why, s, "key", "cannot write", r) : 0;
	}
	if (fd < 0 || read(fd, hex, sizeof hex - 1) < 0)
		return whyf(why, s, "key", "cannot read", -errno);
	if (sodium_hex2bin(s->secret, sizeof s->secret, hex, strlen(hex), "\n",
			   &len, NULL) || len != sizeof s->secret)
		return whyf(why, s, "key", "not 64 hexadecimal digits: restore "
			    "it, or remove it and remount all clients", -EINVAL);
	return 0;
}

int state_read(struct state *s, const struct state_reader *rd, void *arg,
	       char why[STATE_WHY])
{
	CLEANUP_FREE char *line = NULL;
	size_t cap = 0;
	off_t good = 0;
	ssize_t len;
	FILE *in;
	int r = 0;

	s->fd = openat(s->dir_fd, "journal",
		       O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (s->fd < 0)
		return whyf(why, s, "journal", "cannot open", -errno);
	int in_fd = dup(s->fd);

	in = in_fd < 0 ? NULL : fdopen(in_fd, "r");
	if (!in) {
		r = -errno;
		if (in_fd >= 0)
			close(in_fd);
		return whyf(why, s, "journal", "cannot read", r);
	}
	while (!r && (len = getline(&line, &cap, in)) > 0) {
		if (line[len - 1] != '\n')
			break;
		good += len;
		s->lines++;
		line[len - 1] = '\0';
		r = read_line(line, rd, arg);
	}
	if (!r && !feof(in))            /* or what follows would be cut off */
		r = -EIO;
	fclose(in);
	if (!r && ftruncate(s->fd, good))
		r = -errno;
	return r ? whyf(why, s, "journal", "cannot read", r) : 0;
}

int state_open(struct state **ret, const char *dir, char why[STATE_WHY])
{
	struct state *s = calloc(1, sizeof *s);
	int r;

	if (!s || sodium_init() < 0 || !(s->dir = strdup(dir))) {
		free(s);
		snprintf(why, STATE_WHY, "out of memory");
		return -ENOMEM;
	}
	pthread_mutex_init(&s->lock, NULL);
	s->dir_fd = s->lock_fd = s->fd = s->aside_fd = -1;
	r = make_dir(s, why);
	if (!r)
		r = take_lock(s, why);
	if (!r)
		r = read_key(s, why);
	if (r) {
		state_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

void state_close(struct state *s)
{
	if (!s)
		return;
	for (int i = 0; i < 4; i++) {
		int fd = (int[]){ s->aside_fd, s->fd, s->lock_fd, s->dir_fd }[i];

		if (fd >= 0)
			close(fd);
	}
	pthread_mutex_destroy(&s->lock);
	sodium_memzero(s->secret, sizeof s->secret);
	free(s->dir);
	free(s);
}

const uint8_t *state_secret(const struct state *s)
{
	return s->secret;
}

size_t state_lines(const struct state *s)
{
	return s->lines;
}

int state_append(struct state *s, const struct state_facts *facts)
{
	const struct state_level *level = facts->level;
	const struct state_root *root = facts->root;
	const struct state_move *move = facts->move;
	const struct state_top *top = facts->top;
	CLEANUP_FREE char *text = NULL;
	size_t len, lines = 0;
	FILE *out = open_memstream(&text, &len);
	int r;

	if (!out)
		return -ENOMEM;
	if (level) {
		fprintf(out, "level %016" PRIx64, level->id);
		put_field(out, level->path);
		fputc('\n', out);
		lines++;
	}
	if (root) {
		fprintf(out, "root %016" PRIx64, root->id);
		put_field(out, root->name);
		put_field(out, root->location);
		if (root->ref)
			put_field(out, root->ref);
		else
			fputs(" -", out);
		fputc('\n', out);
		lines++;
	}
	if (move) {
		fprintf(out, "move %016" PRIx64, move->id);
		put_oid(out, &move->commit);
		put_oid(out, &move->tree);
		put_time(out, &move->mtime);
		put_time(out, &move->ctime);
		fputc('\n', out);
		lines++;
	}
	if (top) {
		fprintf(out, "top %016" PRIx64, top->hash);
		put_time(out, &top->time);
		fputc('\n', out);
		lines++;
	}
	if (fclose(out))
		return -ENOMEM;

	LOCK_SCOPE(&s->lock);
	bool aside = s->aside_fd >= 0;
	int fd = aside ? s->aside_fd : s->fd;
	off_t before = lseek(fd, 0, SEEK_END);

	r = before < 0 ? -errno : write_all(fd, text, len);
	if (!r && !aside && sync_data(fd))
		r = -errno;
	if (!r)
		*(aside ? &s->aside_lines : &s->lines) += lines;
	else if (before >= 0 && ftruncate(fd, before))
		return r;       /* half a line stays: the next one is lost too */
	return r;
}

int state_rewrite_begin(struct state *s)
{
	s->aside_fd = openat(s->dir_fd, "journal.new", O_RDWR | O_CREAT |
			     O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	s->aside_lines = 0;
	return s->aside_fd < 0 ? -errno : 0;
}

int state_rewrite_end(struct state *s, int err)
{
	if (!err && (fsync(s->aside_fd) ||
		     renameat(s->dir_fd, "journal.new", s->dir_fd, "journal")))
		err = -errno;
	close(err ? s->aside_fd : s->fd);
	if (err) {
		unlinkat(s->dir_fd, "journal.new", 0);
	} else {
		s->fd = s->aside_fd;
		s->lines = s->aside_lines;
		if (fsync(s->dir_fd))
			err = -errno;
	}
	s->aside_fd = -1;
	return err;
}
