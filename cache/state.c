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
#include "common/dirs.h"
#include "common/hex.h"

enum {
	SECONDS_DIGITS = 18,            /* of what fits in 63 bits */
	READ_SIZE = 1 << 16,
	READ_PAST = 8,                  /* see get_oid() */
};

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

static void put_oid(FILE *out, const struct oid *oid)
{
	char hex[OID_HEX + 1];

	oid_hex(oid, hex);
	fprintf(out, " %s", oid->len ? hex : "-");
}

static void put_time(FILE *out, const struct timespec *t)
{
	fprintf(out, " %" PRIdMAX ".%09ld", (intmax_t)t->tv_sec, t->tv_nsec);
}

/* Each of these takes the field that *at is at, which goes on at the next
 * one then, or is NULL after the last. */

static char *find_end(char *s)
{
	char *end = strchr(s, ' ');

	return end ? end : s + strlen(s);
}

/* It is over at 'end', if anything is. */
static bool end_field(char **at, char *end)
{
	if (*end && *end != ' ')
		return false;
	*at = *end ? end + 1 : NULL;
	*end = '\0';
	return true;
}

/* If it is that one. */
static bool get_word(char **at, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*at, word, len) || (*at)[len] != ' ')
		return false;
	*at += len + 1;
	return true;
}

static bool get_text(char **at, const char **ret)
{
	char *s = *at, *end, *from, *to;

	if (!s)
		return false;
	end = find_end(s);
	from = to = memchr(s, '%', (size_t)(end - s));
	while (from && from < end) {
		if (*from != '%') {
			*to++ = *from++;
			continue;
		}
		int hi = hex_value(from[1]), lo = hi < 0 ? -1 : hex_value(from[2]);

		if (lo < 0 || !(hi << 4 | lo))
			return false;
		*to++ = (char)(hi << 4 | lo);
		from += 3;
	}
	if (!end_field(at, end))
		return false;
	if (to)
		*to = '\0';
	*ret = s;
	return true;
}

/* The digits tell where they end, and the end of a line is none.  Eight are
 * read at a time. */
static bool get_oid(char **at, struct oid *ret)
{
	char *s = *at;

	if (!s)
		return false;
	if (*s == '-') {
		*ret = (struct oid){ 0 };
		return end_field(at, s + 1);
	}
	if (!oid_parse(s, 2 * OID_SHA1, ret) && end_field(at, s + 2 * OID_SHA1))
		return true;
	return !oid_parse(s, 2 * OID_SHA256, ret) &&
	       end_field(at, s + 2 * OID_SHA256);
}

/* As many digits as there are, up to 'max'.  Returns what follows them. */
static char *get_digits(char *s, int max, int64_t *ret)
{
	int64_t n = 0;
	uint32_t eight;

	for (; max >= 8 && hex_read_decimal(s, &eight); max -= 8, s += 8)
		n = 100000000 * n + eight;
	for (; max && *s >= '0' && *s <= '9'; max--, s++)
		n = 10 * n + (*s - '0');
	*ret = n;
	return s;
}

static bool get_time(char **at, struct timespec *ret)
{
	char *s = *at, *point, *end;
	bool minus = s && *s == '-';
	int64_t sec, nsec;

	if (!s)
		return false;
	s += minus;
	point = get_digits(s, SECONDS_DIGITS, &sec);
	if (point == s || *point != '.')
		return false;
	end = get_digits(point + 1, 9, &nsec);
	if (end != point + 10 || !end_field(at, end))
		return false;
	ret->tv_sec = (time_t)(minus ? -sec : sec);
	ret->tv_nsec = (long)nsec;
	return true;
}

static bool get_id(char **at, uint64_t *ret)
{
	char *s = *at;
	uint8_t id[sizeof *ret];

	if (!s || !hex_read(s, sizeof id, id))
		return false;
	*ret = 0;
	for (size_t i = 0; i < sizeof id; i++)
		*ret = *ret << 8 | id[i];
	return end_field(at, s + 2 * sizeof id);
}

/* A line that makes no sense is passed over: it is not ours, or the disk's
 * doing, and what it said will be learnt again. */
static int read_line(char *at, const struct state_reader *rd, void *arg)
{
	if (get_word(&at, "root")) {
		struct state_root r;

		if (!get_id(&at, &r.id) || !get_text(&at, &r.name) ||
		    !get_text(&at, &r.location) || !at)
			return 0;
		/* "%2D" is one of that name. */
		bool none = at[0] == '-' && !at[1];

		if (!get_text(&at, &r.ref) || at)
			return 0;
		if (none)
			r.ref = NULL;
		return rd->root(arg, &r);
	} else if (get_word(&at, "move")) {
		struct state_move m;

		if (get_id(&at, &m.id) && get_oid(&at, &m.commit) &&
		    get_oid(&at, &m.tree) && get_time(&at, &m.mtime) &&
		    get_time(&at, &m.ctime) && !at)
			return rd->move(arg, &m);
	} else if (get_word(&at, "level")) {
		struct state_level l;

		if (get_id(&at, &l.id) && get_text(&at, &l.path) && !at)
			return rd->level(arg, &l);
	} else if (get_word(&at, "top")) {
		struct state_top t;

		if (get_id(&at, &t.hash) && get_time(&at, &t.time) && !at)
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
	int r = dirs_make(s->dir);

	if (r < 0)
		return no_dir(s, why, r);
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

/* The whole lines of text[0..len).  Returns how many bytes they are, or what
 * 'rd' does. */
static ssize_t read_lines(struct state *s, char *text, size_t len,
			  const struct state_reader *rd, void *arg)
{
	char *line = text, *end;
	int r = 0;

	while (!r && (end = memchr(line, '\n', len - (size_t)(line - text)))) {
		*end = '\0';
		s->lines++;
		r = read_line(line, rd, arg);
		line = end + 1;
	}
	return r ? r : line - text;
}

/* To the last whole line, behind which it is cut off. */
static int read_journal(struct state *s, const struct state_reader *rd,
			void *arg)
{
	size_t cap = READ_SIZE, len = 0;        /* of the line to come */
	CLEANUP_FREE char *text = malloc(cap + READ_PAST);
	off_t good = 0;

	if (!text)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(s->fd, text + len, cap - len), done;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
		memset(text + len, 0, READ_PAST);
		done = read_lines(s, text, len, rd, arg);
		if (done < 0)
			return (int)done;
		good += done;
		len -= (size_t)done;
		memmove(text, text + done, len);
		if (len == cap) {
			char *more = realloc(text, (cap *= 2) + READ_PAST);

			if (!more)
				return -ENOMEM;
			text = more;
		}
	}
	return ftruncate(s->fd, good) ? -errno : 0;
}

int state_read(struct state *s, const struct state_reader *rd, void *arg,
	       char why[STATE_WHY])
{
	int r;

	s->fd = openat(s->dir_fd, "journal",
		       O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (s->fd < 0)
		return whyf(why, s, "journal", "cannot open", -errno);
	r = read_journal(s, rd, arg);
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
