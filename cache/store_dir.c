/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/store_in.h"

enum {
	SEGMENTS = 64,          /* that a full store has, about */
	SEGMENT_MAX = 128 << 20,        /* bytes */
};

static const char marker[] = "gitnfs-store", index_name[] = "index";

static int __attribute__((format(printf, 4, 5)))
fail(char why[STORE_WHY], const char *dir, int err, const char *fmt, ...)
{
	char what[STORE_WHY / 2];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	snprintf(why, STORE_WHY, "%.*s: %s", STORE_WHY / 2 - 4, dir, what);
	return err;
}

static bool is_segment(const char *name, uint32_t *number)
{
	if (strlen(name) != STORE_NAME ||
	    strspn(name, "0123456789abcdef") != STORE_NAME)
		return false;
	*number = (uint32_t)strtoul(name, NULL, 16);
	return *number;
}

/* Call it for each name until it says no. */
static int each_name(struct store *s, int (*fn)(struct store *, const char *))
{
	int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	int r = 0;

	if (!d) {
		r = -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			r = fn(s, e->d_name);
	closedir(d);
	return r;
}

static int refuse(struct store *s, const char *name)
{
	(void)s;
	(void)name;
	return -ENOTEMPTY;
}

static int note_segment(struct store *s, const char *name)
{
	struct stat st;
	uint32_t number;

	if (!is_segment(name, &number) ||
	    fstatat(s->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(st.st_mode))
		return 0;
	if (number & STORE_PINNED)
		return store_note_pinned(s, number, (uint64_t)st.st_size);
	if (!store_add_segment(&s->segments, number, (uint64_t)st.st_size))
		return -ENOMEM;
	s->bytes += (uint64_t)st.st_size;
	if (number >= s->next)
		s->next = number + 1;
	return 0;
}

/* A directory is ours when it has the marker; one without anything is ours
 * to take. */
static int take_dir(struct store *s, const char *dir, char *why)
{
	int r;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return fail(why, dir, -errno, "cannot be made: %s",
			    strerror(errno));
	s->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd < 0)
		return fail(why, dir, -errno, "%s", strerror(errno));
	s->lock_fd = openat(s->dir_fd, marker, O_RDWR | O_CLOEXEC);
	if (s->lock_fd < 0 && errno == ENOENT) {
		r = each_name(s, refuse);
		if (r == -ENOTEMPTY)
			return fail(why, dir, r, "has something else in it; "
				    "give another --cache-dir");
		if (r)
			return fail(why, dir, r, "%s", strerror(-r));
		s->lock_fd = openat(s->dir_fd, marker,
				    O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	}
	if (s->lock_fd < 0)
		return fail(why, dir, -errno, "%s: %s", marker,
			    strerror(errno));
	if (!flock(s->lock_fd, LOCK_EX | LOCK_NB))
		return 0;
	if (errno != EWOULDBLOCK)
		return fail(why, dir, -errno, "cannot be locked: %s",
			    strerror(errno));
	return fail(why, dir, -EBUSY, "in use by another gitnfsd; stop it, or "
		    "give this one its own --cache-dir");
}

static int open_index(struct store *s)
{
	const off_t size = STORE_INDEX;
	struct stat st;

	s->index_fd = openat(s->dir_fd, index_name,
			     O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->index_fd < 0 || fstat(s->index_fd, &st))
		return -errno;
	if (st.st_size == size)
		return 0;
	return ftruncate(s->index_fd, 0) || ftruncate(s->index_fd, size) ?
	       -errno : 0;
}

/* Go on where the last server left off. */
static void open_last(struct store *s)
{
	char name[STORE_NAME + 1];

	if (list_empty(&s->segments))
		return;
	s->current = store_segment(s->segments.prev);
	store_segment_name(s->current->number, name);
	s->current_fd = openat(s->dir_fd, name, O_RDWR | O_CLOEXEC);
	if (s->current_fd < 0)
		s->current = NULL;
}

static int open_store(struct store *s, const char *dir, char *why)
{
	int r = take_dir(s, dir, why);

	if (r)
		return r;
	r = open_index(s);
	if (!r)
		r = store_read_pins(s);
	if (!r)
		r = each_name(s, note_segment);
	if (r)
		return fail(why, dir, r, "cannot be used: %s", strerror(-r));
	open_last(s);
	store_make_room(s, 0);
	store_note_ages(s);
	return store_settle_pins(s);
}

static void set_max(struct store *s, uint64_t max)
{
	s->max = max;
	s->segment_max = max / SEGMENTS < SEGMENT_MAX ? max / SEGMENTS :
							SEGMENT_MAX;
}

void store_set_max(struct store *s, uint64_t max)
{
	LOCK_SCOPE(&s->lock);
	set_max(s, max);
	store_make_room(s, 0);
}

int store_open(struct store **ret, const char *dir, uint64_t max,
	       char why[STORE_WHY])
{
	struct store *s = calloc(1, sizeof *s);
	int r;

	if (!s)
		return fail(why, dir, -ENOMEM, "out of memory");
	s->dir_fd = s->lock_fd = s->index_fd = s->current_fd = -1;
	set_max(s, max);
	s->next = 1;
	list_init(&s->segments);
	list_init(&s->pins);
	pthread_mutex_init(&s->lock, NULL);
	r = open_store(s, dir, why);
	if (r)
		store_close(s);
	else
		*ret = s;
	return r;
}

void store_close(struct store *s)
{
	struct list *l;

	if (!s)
		return;
	store_leave_current(s);
	store_free_pins(s);
	while ((l = list_pop(&s->segments)))
		free(store_segment(l));
	if (s->index_fd >= 0)
		close(s->index_fd);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	if (s->dir_fd >= 0)
		close(s->dir_fd);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
