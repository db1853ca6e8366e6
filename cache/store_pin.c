/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/store_in.h"
#include "common/clock.h"
#include "common/url.h"

enum {
	PINS_MAX = 1000,
	NUMBERS = 1 << STORE_PIN_BITS,
	COUNT_MAX = 1 << STORE_COUNT_BITS,
	PATH_SIZE = 4096,
};

static const char list_name[] = "pins", aside_name[] = "pins.new";

/* ---- pins; the lock is held ---- */

static struct pin *pin_at(struct list *l)
{
	return container_of(l, struct pin, link);
}

static struct pin *pin_of(struct store *s, unsigned number)
{
	for (struct list *l = s->pins.next; l != &s->pins; l = l->next)
		if (pin_at(l)->number == number)
			return pin_at(l);
	return NULL;
}

/* Whose segment that is, or NULL. */
static struct pin *owner_of(struct store *s, uint32_t segment)
{
	return segment & STORE_PINNED ?
		pin_of(s, segment >> STORE_COUNT_BITS & (NUMBERS - 1)) : NULL;
}

static uint32_t next_number(struct pin *p)
{
	return STORE_PINNED | (uint32_t)p->number << STORE_COUNT_BITS |
	       p->next++;
}

static struct pin *add_pin(struct store *s, unsigned number, const char *path)
{
	struct pin *p = calloc(1, sizeof *p + strlen(path) + 1);
	struct list *before = s->pins.prev;

	if (!p)
		return NULL;
	p->number = number;
	p->fd = -1;
	strcpy(p->path, path);
	list_init(&p->segments);
	while (before != &s->pins && pin_at(before)->number > number)
		before = before->prev;
	list_add_tail(before->next, &p->link);
	return p;
}

static void leave_segment(struct pin *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
	p->current = NULL;
}

/* It has no segments any more. */
static void free_pin(struct pin *p)
{
	leave_segment(p);
	list_del(&p->link);
	free(p);
}

void store_free_pins(struct store *s)
{
	while (!list_empty(&s->pins)) {
		struct pin *p = pin_at(s->pins.next);

		for (struct list *l; (l = list_pop(&p->segments));)
			free(store_segment(l));
		free_pin(p);
	}
}

/* ---- the list ---- */

static void put_pin(FILE *out, const struct pin *p)
{
	fprintf(out, "pin %u %" PRId64 " %" PRIu64 " %s ", p->number,
		p->since, p->objects, p->commit);
	for (const char *c = p->path; *c; c++)
		if ((unsigned char)*c < ' ' || *c == '%')
			fprintf(out, "%%%02X", (unsigned char)*c);
		else
			fputc(*c, out);
	fputc('\n', out);
}

static int write_text(struct store *s, const char *text, size_t len)
{
	CLEANUP_FD int fd = openat(s->dir_fd, aside_name, O_WRONLY | O_CREAT |
				   O_TRUNC | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : store_write_at(fd, text, len, 0);

	if (!r && (fsync(fd) || renameat(s->dir_fd, aside_name, s->dir_fd,
					 list_name) || fsync(s->dir_fd)))
		r = -errno;
	return r;
}

/* With the lock held: those that are whole and stay. */
static int write_list(struct store *s)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return -ENOMEM;
	for (struct list *l = s->pins.next; l != &s->pins; l = l->next)
		if (pin_at(l)->whole && !pin_at(l)->going)
			put_pin(out, pin_at(l));
	return fclose(out) ? -ENOMEM : write_text(s, text, len);
}

/* A line that makes no sense names no pin. */
static int read_pin(struct store *s, char *line)
{
	char commit[FS_COMMIT];
	uint64_t objects;
	unsigned number;
	struct pin *p;
	int64_t since;
	int path = 0;

	if (sscanf(line, "pin %u %" SCNd64 " %" SCNu64 " %64[0-9a-f] %n",
		   &number, &since, &objects, commit, &path) != 4 || !path ||
	    !number || number >= NUMBERS || pin_of(s, number) ||
	    !url_decode(line + path))
		return 0;
	p = add_pin(s, number, line + path);
	if (!p)
		return -ENOMEM;
	p->whole = true;
	p->since = since;
	p->objects = objects;
	memcpy(p->commit, commit, sizeof commit);
	return 0;
}

int store_read_pins(struct store *s)
{
	int r = 0, fd = openat(s->dir_fd, list_name, O_RDONLY | O_CLOEXEC);
	FILE *in = fd < 0 ? NULL : fdopen(fd, "r");
	CLEANUP_FREE char *line = NULL;
	size_t room = 0;
	ssize_t len;

	if (!in) {
		r = errno == ENOENT ? 0 : -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (!r && (len = getline(&line, &room, in)) > 0) {
		if (line[len - 1] == '\n')
			line[len - 1] = '\0';
		r = read_pin(s, line);
	}
	if (!r && ferror(in))
		r = -EIO;
	fclose(in);
	return r;
}

/* ---- adding to one; the lock is held ---- */

static int begin_segment(struct store *s, struct pin *p, uint64_t len)
{
	char name[STORE_NAME + 1];
	uint32_t number;

	if (p->current && p->current->size + len <= s->segment_max)
		return 0;
	if (p->fd >= 0 && fsync(p->fd))         /* see sync_pins() */
		return -errno;
	leave_segment(p);
	if (p->next >= COUNT_MAX)
		return -ENOSPC;
	number = next_number(p);
	store_segment_name(number, name);
	p->fd = openat(s->dir_fd, name,
		       O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (p->fd < 0)
		return -errno;
	p->current = store_add_segment(&p->segments, number, 0);
	if (!p->current) {
		leave_segment(p);
		unlinkat(s->dir_fd, name, 0);
		return -ENOMEM;
	}
	return 0;
}

static int append(struct store *s, struct pin *p, const struct record *r,
		  const void *data)
{
	const uint64_t len = store_length(r);
	const struct oid oid = store_oid(r);
	uint64_t at;
	int err = store_make_room(s, len);

	if (err)
		return err;
	err = begin_segment(s, p, len);
	at = err ? 0 : p->current->size;
	if (!err)
		err = store_write_record(p->fd, r, data, (off_t)at);
	if (err) {
		s->bytes -= len;
		return err;
	}
	p->current->size += len;
	p->bytes += len;
	s->pinned += len;
	store_note_ages(s);
	return r->elsewhere ? 0 :
	       store_write_slot(s, &oid, r->type, p->current->number,
				(uint32_t)at);
}

/* All that has been added: the list is to name no pin that the power can take
 * away, nor one that rests on another's objects. */
static int sync_pins(struct store *s)
{
	for (struct list *l = s->pins.next; l != &s->pins; l = l->next)
		if (pin_at(l)->fd >= 0 && fsync(pin_at(l)->fd))
			return -errno;
	return 0;
}

uint64_t store_pin_limit(const struct store *s)
{
	return s->max - s->max / STORE_PIN_SHARE;
}

int store_pin_begin(struct store *s, const char *path, const char *commit,
		    unsigned *ret)
{
	unsigned number = 1, n = 0;
	struct pin *p;

	if (strlen(path) >= PATH_SIZE || strlen(commit) >= FS_COMMIT)
		return -ENAMETOOLONG;
	LOCK_SCOPE(&s->lock);
	for (struct list *l = s->pins.next; l != &s->pins; l = l->next) {
		number += pin_at(l)->number == number;
		n++;
	}
	if (n >= PINS_MAX)
		return -ENOSPC;
	p = add_pin(s, number, path);
	if (!p)
		return -ENOMEM;
	strcpy(p->commit, commit);
	*ret = number;
	return 0;
}

int store_pin_add(struct store *s, unsigned pin, const struct oid *oid,
		  enum obj type, const void *data, uint64_t size)
{
	struct record r = store_record(oid, (uint8_t)type, size);
	bool there = store_has(s, oid, type);
	struct pin *p, *owner = NULL;
	uint32_t at;
	int err;
	LOCK_SCOPE(&s->lock);

	p = pin_of(s, pin);
	if (!p)
		return -ENOENT;
	if (there)
		owner = owner_of(s, store_slot(s, oid, type, &at));
	if (owner == p)
		return 0;
	if (owner && !owner->going)
		r = store_record_elsewhere(&r);
	if (s->pinned + store_length(&r) > store_pin_limit(s))
		return -EDQUOT;
	err = append(s, p, &r, data);
	p->objects += !err;
	return err;
}

/* ---- letting go ---- */

/* What other pins have only a note of. */
struct note {
	struct oid oid;
	uint8_t type;
	unsigned pin;
};

struct notes {
	struct note *note;      /* sorted */
	size_t n, room;
	unsigned pin;           /* whose are being read */
};

static int by_object(const void *a, const void *b)
{
	const struct note *x = a, *y = b;
	int r = memcmp(&x->oid, &y->oid, sizeof x->oid);

	return r ? r : x->type - y->type;
}

static int take_note(void *arg, int fd, const struct record *r, uint32_t at)
{
	struct notes *n = arg;

	(void)fd;
	(void)at;
	if (!r->elsewhere)
		return 0;
	if (n->n == n->room) {
		size_t room = n->room ? 2 * n->room : 1024;
		struct note *more = realloc(n->note, room * sizeof *more);

		if (!more)
			return -ENOMEM;
		n->note = more;
		n->room = room;
	}
	n->note[n->n++] = (struct note){ store_oid(r), r->type, n->pin };
	return 0;
}

/* Of an object: whose note there is, or 0. */
static unsigned wanted_by(const struct notes *n, const struct record *r)
{
	const struct note key = { .oid = store_oid(r), .type = r->type };
	const struct note *found = n->n ?
		bsearch(&key, n->note, n->n, sizeof key, by_object) : NULL;

	return found ? found->pin : 0;
}

/* The numbers of segments, as they are now; 0 at the end.  The caller frees
 * them; NULL: out of memory. */
static uint32_t *numbers(struct store *s, const struct list *segments)
{
	uint32_t *all;
	size_t n = 0;
	LOCK_SCOPE(&s->lock);

	for (struct list *l = segments->next; l != segments; l = l->next)
		n++;
	all = calloc(n + 1, sizeof *all);
	n = 0;
	for (struct list *l = segments->next; all && l != segments;
	     l = l->next)
		all[n++] = store_segment(l)->number;
	return all;
}

/* The next that stays, with the lock taken here. */
static struct pin *pin_after(struct store *s, unsigned number)
{
	LOCK_SCOPE(&s->lock);
	for (struct list *l = s->pins.next; l != &s->pins; l = l->next)
		if (pin_at(l)->number > number && !pin_at(l)->going)
			return pin_at(l);
	return NULL;
}

static int take_notes(struct store *s, struct notes *ret)
{
	int r = 0;

	for (struct pin *p = NULL;
	     !r && (p = pin_after(s, p ? p->number : 0));) {
		CLEANUP_FREE uint32_t *all = numbers(s, &p->segments);

		ret->pin = p->number;
		if (!all)
			return -ENOMEM;
		for (size_t i = 0; all[i] && !r; i++) {
			r = store_each(s, all[i], take_note, ret);
			if (r == -ENOENT)       /* somebody has removed it */
				r = 0;
		}
	}
	if (ret->n)
		qsort(ret->note, ret->n, sizeof *ret->note, by_object);
	return r;
}

/* A segment under way to another place. */
struct move {
	struct store *store;
	const struct notes *notes;
	uint32_t from, to;
	uint64_t found;         /* bytes of records that are found here ... */
	uint64_t wanted;        /* ... by the notes of others */
	unsigned by;            /* one of these */
};

/* Does the index lead to this record?  Then it is nowhere else. */
static bool is_found(struct store *s, const struct record *r, uint32_t segment,
		     uint32_t at)
{
	const struct oid oid = store_oid(r);
	uint32_t there = 0;
	LOCK_SCOPE(&s->lock);

	return !r->elsewhere &&
	       store_slot(s, &oid, r->type, &there) == segment && there == at;
}

static int weigh(void *arg, int fd, const struct record *r, uint32_t at)
{
	struct move *m = arg;
	unsigned by;

	(void)fd;
	if (!is_found(m->store, r, m->from, at))
		return 0;
	m->found += store_length(r);
	by = wanted_by(m->notes, r);
	if (by) {
		m->wanted += store_length(r);
		m->by = by;
	}
	return 0;
}

static void *read_data(int fd, const struct record *r, uint32_t at)
{
	size_t len = (size_t)(store_length(r) - sizeof *r);
	void *data = malloc(len ? len : 1);

	if (data && !store_read_at(fd, data, len, at + (off_t)sizeof *r))
		return data;
	free(data);
	return NULL;
}

/* To the pin that has a note of it. */
static int copy_one(void *arg, int fd, const struct record *r, uint32_t at)
{
	struct move *m = arg;
	unsigned by = wanted_by(m->notes, r);
	CLEANUP_FREE void *data = NULL;
	struct pin *p;

	if (!by || !is_found(m->store, r, m->from, at))
		return 0;
	data = read_data(fd, r, at);
	LOCK_SCOPE(&m->store->lock);
	p = pin_of(m->store, by);
	return p && data ? append(m->store, p, r, data) : 0;
}

/* What is wanted of a segment is on the disk again before that may go. */
static int copy_wanted(struct move *m)
{
	int r = store_each(m->store, m->from, copy_one, m);
	LOCK_SCOPE(&m->store->lock);

	return r ? r : sync_pins(m->store);
}

static int follow(void *arg, int fd, const struct record *r, uint32_t at)
{
	const struct oid oid = store_oid(r);
	struct move *m = arg;

	(void)fd;
	if (!is_found(m->store, r, m->from, at))
		return 0;
	LOCK_SCOPE(&m->store->lock);
	return store_write_slot(m->store, &oid, r->type, m->to, at);
}

/* The segment becomes one of the pin 'by', or, with 0, one that may go. */
static int rename_segment(struct store *s, struct pin *from, unsigned by,
			  struct move *m)
{
	char old[STORE_NAME + 1], new[STORE_NAME + 1];
	struct segment *seg = NULL;
	struct pin *to;
	LOCK_SCOPE(&s->lock);

	to = by ? pin_of(s, by) : NULL;
	for (struct list *l = from->segments.next; l != &from->segments;
	     l = l->next)
		if (store_segment(l)->number == m->from)
			seg = store_segment(l);
	if (!seg)
		return -ENOENT;
	m->to = to ? next_number(to) : s->next++;
	store_segment_name(m->from, old);
	store_segment_name(m->to, new);
	if (renameat(s->dir_fd, old, s->dir_fd, new) && errno != ENOENT)
		return -errno;
	seg->number = m->to;
	list_del(&seg->link);
	list_add_tail(to ? &to->segments : &s->segments, &seg->link);
	from->bytes -= seg->size;
	if (to)
		to->bytes += seg->size;
	else
		s->pinned -= seg->size;
	store_note_ages(s);
	return 0;
}

/* A segment that is mostly wanted by others goes to one of them; of another
 * they get copies. */
static int settle_segment(struct store *s, struct pin *p, uint32_t number,
			  const struct notes *notes)
{
	struct move m = { .store = s, .notes = notes, .from = number };
	bool mostly;
	int r = 0;

	store_each(s, number, weigh, &m);
	mostly = m.wanted && m.wanted >= m.found / 2;
	if (m.wanted && !mostly)
		r = copy_wanted(&m);
	if (!r)
		r = rename_segment(s, p, mostly ? m.by : 0, &m);
	return r ? r : store_each(s, m.to, follow, &m);
}

/* It is a pin no more.  What it has stays, as long as anything does. */
static int let_go(struct store *s, struct pin *p)
{
	CLEANUP_FREE uint32_t *all = NULL;
	struct notes notes = { 0 };
	int r;

	{
		LOCK_SCOPE(&s->lock);
		p->going = true;
		leave_segment(p);
	}
	r = take_notes(s, &notes);
	all = r ? NULL : numbers(s, &p->segments);
	if (!r && !all)
		r = -ENOMEM;
	for (size_t i = 0; !r && all[i]; i++)
		r = settle_segment(s, p, all[i], &notes);
	free(notes.note);
	if (r)
		return r;       /* when it is opened again it is tried again */
	LOCK_SCOPE(&s->lock);
	free_pin(p);
	return 0;
}

/* The one that is listed under this path, but for 'but'. */
static struct pin *find_path(struct store *s, const char *path,
			     const struct pin *but)
{
	for (struct list *l = s->pins.next; l != &s->pins; l = l->next) {
		struct pin *p = pin_at(l);

		if (p != but && p->whole && !p->going &&
		    !strcmp(p->path, path))
			return p;
	}
	return NULL;
}

/* Puts it on the list, instead of *old. */
static int list_pin(struct store *s, struct pin *p, struct pin **old)
{
	int r;
	LOCK_SCOPE(&s->lock);

	r = sync_pins(s);
	if (r)
		return r;
	leave_segment(p);
	*old = find_path(s, p->path, p);
	p->whole = true;
	p->since = clock_wall().tv_sec;
	if (*old)
		(*old)->going = true;
	r = write_list(s);
	if (!r)
		return 0;
	p->whole = false;
	if (*old)
		(*old)->going = false;
	*old = NULL;
	return r;
}

int store_pin_end(struct store *s, unsigned number, bool whole)
{
	struct pin *p, *old = NULL;
	int r = 0;

	{
		LOCK_SCOPE(&s->lock);
		p = pin_of(s, number);
	}
	if (!p)
		return -ENOENT;
	if (whole)
		r = list_pin(s, p, &old);
	if (!whole || r)
		let_go(s, p);
	else if (old)
		let_go(s, old);
	return r;
}

int store_unpin(struct store *s, const char *path)
{
	struct pin *p;
	int r;

	{
		LOCK_SCOPE(&s->lock);
		p = find_path(s, path, NULL);
		if (!p)
			return -ENOENT;
		p->going = true;
		r = write_list(s);
		if (r)
			p->going = false;
	}
	return r ? r : let_go(s, p);
}

int store_pins(struct store *s, struct fs_pin **ret, size_t *ret_n)
{
	struct fs_pin *all;
	size_t n = 0;
	LOCK_SCOPE(&s->lock);

	for (struct list *l = s->pins.next; l != &s->pins; l = l->next)
		n++;
	all = calloc(n + 1, sizeof *all);
	if (!all)
		return -ENOMEM;
	n = 0;
	for (struct list *l = s->pins.next; l != &s->pins; l = l->next) {
		const struct pin *p = pin_at(l);

		if (!p->whole || p->going)
			continue;
		all[n] = (struct fs_pin){
			.path = strdup(p->path),
			.since = p->since,
			.objects = p->objects,
			.bytes = p->bytes,
		};
		memcpy(all[n].commit, p->commit, sizeof p->commit);
		if (!all[n++].path) {
			fs_pins_free(all, n);
			return -ENOMEM;
		}
	}
	*ret = all;
	*ret_n = n;
	return 0;
}

/* ---- from the directory ---- */

int store_note_pinned(struct store *s, uint32_t number, uint64_t size)
{
	unsigned of = number >> STORE_COUNT_BITS & (NUMBERS - 1);
	uint32_t count = number & (COUNT_MAX - 1);
	struct pin *p = pin_of(s, of);

	/* Nobody's: an end came before its own. */
	if (!p)
		p = add_pin(s, of, "");
	if (!p || !store_add_segment(&p->segments, number, size))
		return -ENOMEM;
	if (count >= p->next)
		p->next = count + 1;
	p->bytes += size;
	s->bytes += size;
	s->pinned += size;
	return 0;
}

int store_settle_pins(struct store *s)
{
	for (;;) {
		struct pin *p = NULL;

		for (struct list *l = s->pins.next; l != &s->pins; l = l->next)
			if (!pin_at(l)->whole && !pin_at(l)->going)
				p = pin_at(l);
		if (!p)
			return 0;
		let_go(s, p);
	}
}

/* ---- collecting ---- */

static int keep_found(void *arg, int fd, const struct record *r, uint32_t at)
{
	struct move *m = arg;
	CLEANUP_FREE void *data = NULL;

	if (!is_found(m->store, r, m->from, at))
		return 0;
	data = read_data(fd, r, at);
	return data ? store_keep(m->store, r, data) : 0;
}

static struct segment *segment_of(struct store *s, uint32_t number)
{
	for (struct list *l = s->segments.next; l != &s->segments; l = l->next)
		if (store_segment(l)->number == number)
			return store_segment(l);
	return NULL;
}

static void remove_segment(struct store *s, uint32_t number)
{
	struct segment *seg;
	LOCK_SCOPE(&s->lock);

	seg = segment_of(s, number);
	if (seg)
		store_remove(s, seg);
	store_note_ages(s);
}

/* Its bytes; 0: it is gone, or written to. */
static uint64_t size_of(struct store *s, uint32_t number)
{
	struct segment *seg;
	LOCK_SCOPE(&s->lock);

	seg = segment_of(s, number);
	return seg && seg != s->current ? seg->size : 0;
}

int store_collect(struct store *s, uint64_t to)
{
	const struct notes none = { 0 };
	CLEANUP_FREE uint32_t *all = numbers(s, &s->segments);
	int r = all ? 0 : -ENOMEM;

	for (size_t i = 0; !r && all[i]; i++) {
		struct move m = { .store = s, .notes = &none, .from = all[i] };
		uint64_t size = size_of(s, all[i]);

		store_each(s, all[i], weigh, &m);
		if (!size || m.found > size / 2)
			continue;
		r = store_each(s, all[i], keep_found, &m);
		if (!r)
			remove_segment(s, all[i]);
	}
	LOCK_SCOPE(&s->lock);
	while (s->bytes > to && !list_empty(&s->segments))
		store_remove(s, store_segment(s->segments.next));
	store_note_ages(s);
	/* The next number has a file, or a restart would give out again those
	 * that the index still leads to. */
	store_begin_segment(s, 0);
	return r;
}
