/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/bench/tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY_MAX = 2 << 20 };

struct object *object;
uint32_t objects, *file, files;
struct fh *dir;
uint32_t dirs;

static uint8_t buffer[REPLY_MAX];

static void receive_all(int fd, uint8_t *p, size_t len)
{
	while (len) {
		ssize_t n = recv(fd, p, len, 0);

		if (n <= 0)
			die("the server has hung up");
		p += n;
		len -= (size_t)n;
	}
}

/* One call and its results, which may come in several fragments. */
static struct reader ask(int fd, uint8_t *call, const struct writer *w)
{
	size_t len = end_call(call, w), got = 0;
	uint32_t mark, xid;
	struct reader r;

	if (send(fd, call, len, MSG_NOSIGNAL) != (ssize_t)len)
		die("cannot send");
	do {
		uint8_t head[4];

		receive_all(fd, head, 4);
		mark = load32(head);
		if (got + (mark & ~LAST) > REPLY_MAX)
			die("a reply is too long");
		receive_all(fd, buffer + got, mark & ~LAST);
		got += mark & ~LAST;
	} while (!(mark & LAST));
	r = (struct reader){ buffer, buffer + got, false };
	if (!get_head(&r, &xid))
		die("a call was refused");
	return r;
}

/* *attr: those that came with it, or NULL. */
static struct fh look_up(int fd, const struct fh *in, const char *name,
			 size_t len, const uint8_t **attr)
{
	uint8_t call[CALL_MAX];
	struct writer w = begin_call(call, 1, NFS, LOOKUP);
	struct reader r;

	put_fh(&w, in);
	put_opaque(&w, name, len);
	r = ask(fd, call, &w);
	if (get32(&r))
		die("a name is not there");

	struct fh found = get_fh(&r);

	*attr = get_attr(&r);
	return found;
}

struct fh start_at(int fd, int mount_port, const char *path)
{
	size_t len = strcspn(path, ":");
	int mount = connect_to(mount_port);
	uint8_t call[CALL_MAX];
	struct writer w = begin_call(call, 1, MOUNT, MNT);
	const uint8_t *attr;
	struct reader r;
	struct fh at;

	put_opaque(&w, path, len);
	r = ask(mount, call, &w);
	if (get32(&r))
		die("cannot mount");
	at = get_fh(&r);
	close(mount);
	path += len;
	while (*(path += strspn(path, ":/"))) {
		len = strcspn(path, "/");
		at = look_up(fd, &at, path, len, &attr);
		path += len;
	}
	return at;
}

static void add_object(const struct entry *e, const struct fh *in)
{
	struct object *o;

	object = grow(object, objects, sizeof *object);
	o = &object[objects++];
	*o = (struct object){
		.fh = e->fh, .dir = *in, .len = e->len,
		.name = strndup(e->name, e->len),
		.type = attr_type(e->attr), .size = attr_size(e->attr),
		.fileid = attr_fileid(e->attr),
	};
}

/* What the listing did not tell, as a client does that wants to know. */
static void find_out(int fd, const struct fh *in, char **name, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct entry e = { .name = name[i], .len = strlen(name[i]) };

		e.fh = look_up(fd, in, e.name, e.len, &e.attr);
		if (e.attr)
			add_object(&e, in);
		free(name[i]);
	}
}

static void list(int fd, struct fh in)
{
	uint64_t cookie = 0, verf = 0;
	char **untold = NULL;
	size_t n = 0;
	bool eof;

	do {
		uint8_t call[CALL_MAX];
		struct writer w = begin_call(call, 1, NFS, READDIRPLUS);
		struct reader r;
		struct entry e;

		put_readdirplus(&w, &in, cookie, verf);
		r = ask(fd, call, &w);
		if (get32(&r))
			die("cannot list");
		get_attr(&r);
		verf = get64(&r);
		while (get_entry(&r, &e)) {
			cookie = e.cookie;
			if (is_dot(&e))
				continue;
			if (e.attr && e.fh.len) {
				add_object(&e, &in);
				continue;
			}
			untold = grow(untold, n, sizeof *untold);
			untold[n++] = strndup(e.name, e.len);
		}
		eof = get32(&r);
		if (r.bad)
			die("a listing is not what it should be");
	} while (!eof);
	find_out(fd, &in, untold, n);
	free(untold);
	dir = grow(dir, dirs, sizeof *dir);
	dir[dirs++] = in;
}

void gather(int fd, struct fh at, unsigned least, unsigned size)
{
	uint32_t next = 0;

	list(fd, at);
	for (; objects < least && next < objects; next++)
		if (object[next].type == DIRECTORY)
			list(fd, object[next].fh);
	for (uint32_t i = 0; i < objects; i++) {
		if (object[i].type != REGULAR || object[i].size < size)
			continue;
		file = grow(file, files, sizeof *file);
		file[files++] = i;
	}
	if (!objects)
		die("there is nothing in the directory");
}

void make_up(void)
{
	struct entry e = { .name = "file-0000000.c", .len = 14 };
	uint8_t attr[ATTR] = { [3] = REGULAR, [22] = 64 };
	struct fh in = { .len = 48 };

	e.attr = attr;
	e.fh.len = 48;
	for (uint32_t i = 0; i < 1024; i++) {
		store32(e.fh.data, i);
		add_object(&e, &in);
		file = grow(file, files, sizeof *file);
		file[files++] = i;
	}
	dir = grow(dir, dirs, sizeof *dir);
	dir[dirs++] = in;
}
