/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/crawler.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/call.h"
#include "test/must.h"

enum {
	QUEUE = 256,            /* files found and not read yet */
	READ_SIZE = 1 << 20,
	LIST_SIZE = 64 << 10,
	AGAIN_US = 20000,       /* after "come back later" */
};

/* Something to be read. */
struct found {
	struct fh fh;           /* len 0: to be looked up, here: */
	struct fh dir;
	struct fattr attr;
	char *path, *name;      /* 'name' points into it */
};

struct crawl {
	struct crawler *c;
	pthread_mutex_t lock;   /* covers the rest */
	pthread_cond_t changed;
	struct found queue[QUEUE];
	unsigned first, n;
	bool ended;
};

/* ---- calls, until they are answered ---- */

#define UNTIL_DONE(call) __extension__({ \
	uint32_t s_; \
	while ((s_ = (call)) == N3_JUKEBOX) \
		usleep(AGAIN_US); \
	must(s_ == N3_OK); \
})

static void look_up(struct raw *conn, const struct fh *dir, const char *name,
		    struct fh *fh, struct fattr *attr)
{
	UNTIL_DONE(call_find(conn, dir, name, fh, attr));
	if (!attr->sent)
		UNTIL_DONE(call_getattr(conn, fh, attr));
}

static void find_start(struct raw *conn, const char *path, struct fh *ret,
		       struct fattr *attr)
{
	char *copy = strdup(path), *rest = copy, *name;

	must(copy);
	UNTIL_DONE(call_mnt(conn, "/", ret));
	UNTIL_DONE(call_getattr(conn, ret, attr));
	while ((name = strsep(&rest, "/"))) {
		struct fh dir = *ret;

		if (*name)
			look_up(conn, &dir, name, ret, attr);
	}
	free(copy);
}

/* The next page: the names in the one before are gone. */
static void list_page(struct raw *conn, const struct fh *dir, bool plus,
		      struct page *page)
{
	uint64_t cookie = page->n ? page->entry[page->n - 1].cookie : 0;

	UNTIL_DONE(plus ? call_readdirplus(conn, dir, cookie, page->verf,
					   LIST_SIZE, LIST_SIZE, page) :
			  call_readdir(conn, dir, cookie, page->verf,
				       LIST_SIZE, page));
}

/* ---- reading ---- */

static void read_file(struct crawl *k, struct raw *conn,
		      const struct found *f)
{
	CLEANUP_WIRE struct wire data = { 0 };
	struct crawler *c = k->c;

	if (f->attr.type == LNK)
		UNTIL_DONE(call_readlink(conn, &f->fh, &data, NULL));
	for (bool eof = f->attr.type == LNK || !f->attr.size; !eof;) {
		CLEANUP_WIRE struct wire part = { 0 };

		UNTIL_DONE(call_read(conn, &f->fh, data.len, READ_SIZE, &part,
				     &eof, NULL));
		must(part.len || eof);
		wire_put_bytes(&data, part.p, part.len);
	}
	must(data.len == f->attr.size);
	if (c->each)
		c->each(c->arg, f->path, data.p, data.len);
	pthread_mutex_lock(&k->lock);
	c->bytes += data.len;
	c->files += f->attr.type == REG;
	c->links += f->attr.type == LNK;
	pthread_mutex_unlock(&k->lock);
}

static void see(struct crawl *k, struct raw *conn, struct found *f)
{
	if (!f->fh.len || !f->attr.sent)
		look_up(conn, &f->dir, f->name, &f->fh, &f->attr);
	read_file(k, conn, f);
	free(f->path);
}

static bool take(struct crawl *k, struct found *ret)
{
	bool any;

	pthread_mutex_lock(&k->lock);
	while (!k->n && !k->ended)
		pthread_cond_wait(&k->changed, &k->lock);
	any = k->n;
	if (any) {
		*ret = k->queue[k->first];
		k->first = (k->first + 1) % QUEUE;
		k->n--;
		pthread_cond_broadcast(&k->changed);
	}
	pthread_mutex_unlock(&k->lock);
	return any;
}

static void put(struct crawl *k, const struct found *f)
{
	pthread_mutex_lock(&k->lock);
	while (k->n == QUEUE)
		pthread_cond_wait(&k->changed, &k->lock);
	k->queue[(k->first + k->n++) % QUEUE] = *f;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
}

static void *reader(void *arg)
{
	CLEANUP_RAW struct raw conn;
	struct crawl *k = arg;
	struct found f;

	raw_open(&conn, k->c->port);
	while (take(k, &f))
		see(k, &conn, &f);
	return NULL;
}

/* ---- walking ---- */

static void walk(struct crawl *, struct raw *, const struct fh *,
		 const char *path);

static char *join(const char *path, const struct entry *e)
{
	char *ret;

	must(asprintf(&ret, "%s%s%.*s", path, *path ? "/" : "", (int)e->len,
		      e->name) >= 0);
	return ret;
}

static void visit(struct crawl *k, struct raw *conn, const struct fh *dir,
		  const char *path, const struct entry *e)
{
	struct crawler *c = k->c;
	struct found f = { .dir = *dir, .fh = e->fh, .attr = e->attr };

	if ((e->len == 1 && *e->name == '.') ||
	    (e->len == 2 && !memcmp(e->name, "..", 2)))
		return;
	f.path = join(path, e);
	f.name = f.path + strlen(f.path) - e->len;
	/* What has no attributes is a file; what kind of, has to be asked. */
	if (!f.attr.sent && (c->stat || c->readers == 1))
		look_up(conn, dir, f.name, &f.fh, &f.attr);
	if (f.attr.sent && f.attr.type == DIR) {
		walk(k, conn, &f.fh, f.path);
		free(f.path);
	} else if (c->readers > 1) {
		put(k, &f);
	} else if (c->readers) {
		see(k, conn, &f);
	} else {
		c->files++;
		free(f.path);
	}
}

static void walk(struct crawl *k, struct raw *conn, const struct fh *dir,
		 const char *path)
{
	CLEANUP_PAGE struct page page = { 0 };

	k->c->dirs++;
	while (!page.eof) {
		list_page(conn, dir, true, &page);
		for (size_t i = 0; i < page.n; i++)
			visit(k, conn, dir, path, &page.entry[i]);
	}
}

void crawler_run(struct crawler *c)
{
	CLEANUP_RAW struct raw conn;
	struct crawl *k = calloc(1, sizeof *k);
	pthread_t *thread = calloc(c->readers + 1, sizeof *thread);
	struct fattr attr;
	struct fh start;

	must(k && thread);
	k->c = c;
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->changed, NULL);
	raw_open(&conn, c->port);
	find_start(&conn, c->path, &start, &attr);
	for (unsigned i = 0; c->readers > 1 && i < c->readers; i++)
		must(!pthread_create(&thread[i], NULL, reader, k));
	walk(k, &conn, &start, "");
	pthread_mutex_lock(&k->lock);
	k->ended = true;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
	for (unsigned i = 0; c->readers > 1 && i < c->readers; i++)
		pthread_join(thread[i], NULL);
	pthread_cond_destroy(&k->changed);
	pthread_mutex_destroy(&k->lock);
	free(thread);
	free(k);
}

uint64_t crawler_file(uint16_t port, const char *path)
{
	struct crawler c = { .port = port };
	struct crawl k = { .c = &c, .lock = PTHREAD_MUTEX_INITIALIZER };
	CLEANUP_RAW struct raw conn;
	struct found f = { .path = NULL };

	raw_open(&conn, port);
	find_start(&conn, path, &f.fh, &f.attr);
	read_file(&k, &conn, &f);
	return c.bytes;
}

unsigned crawler_list(uint16_t port, const char *path, bool plus)
{
	CLEANUP_PAGE struct page page = { 0 };
	CLEANUP_RAW struct raw conn;
	struct fattr attr;
	struct fh dir;
	unsigned n = 0;

	raw_open(&conn, port);
	find_start(&conn, path, &dir, &attr);
	for (; !page.eof; n += (unsigned)page.n)
		list_page(&conn, &dir, plus, &page);
	return n;
}
