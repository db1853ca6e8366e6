/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The store's files: records, slots of the index and plain bytes, as they may
 * be after an accident, or as somebody wishes they were.  What is given is
 * what was asked for or is noticed not to be, and what is kept after that is
 * there.
 *
 * Items, the first byte of each telling which: bytes for the segment; a
 * record with its checksum, and bytes; a slot that leads to a record; a slot
 * of any bytes.  See make_item().
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cache/store.h"
#include "common/cleanup.h"
#include "common/keyed.h"
#include "test/fuzz.h"
#include "test/fuzz_job.h"
#include "test/fuzz_world.h"

enum {
	STORE = 4 << 20,        /* bytes: segments are a 64th */
	OBJECTS = 4, ITEMS = 32, DATA_MAX = 1 << 17,
	/* As in store.c. */
	BUCKETS = 1 << 17, SLOTS = 32, MAGIC = 0x67736f31,
};

struct record {
	uint32_t magic;
	uint8_t type, oid_len, unused[2];
	uint64_t size;
	uint8_t id[OID_MAX];
	uint64_t sum;
};

struct slot {
	uint32_t tag, type, segment, at;
};

struct making {
	uint8_t data[DATA_MAX];
	size_t len;
	struct slot slot[SLOTS];
	unsigned nslot;
	uint32_t at[ITEMS];     /* where records are */
	unsigned nat;
};

static char dir[4200];
static const char text[] = "what is really kept\n";

/* One bucket has them all. */
static struct oid object(unsigned i)
{
	struct oid oid = { .len = i & 1 ? OID_SHA256 : OID_SHA1 };

	memset(oid.id, 7, 4);
	memset(oid.id + 4, (int)i, 8);
	return oid;
}

static uint32_t tag_of(const struct oid *oid)
{
	uint32_t tag;

	memcpy(&tag, oid->id + 4, sizeof tag);
	return tag;
}

static void put(struct making *m, const void *data, size_t len)
{
	if (len > DATA_MAX - m->len)
		len = DATA_MAX - m->len;
	if (len)
		memcpy(m->data + m->len, data, len);
	m->len += len;
}

static void put_some(struct making *m, struct fuzz *f)
{
	size_t len = fuzz_byte(f);
	const uint8_t *p = fuzz_bytes(f, &len);

	put(m, p, len);
}

static uint64_t take_number(struct fuzz *f, size_t len)
{
	uint64_t n = 0;
	const uint8_t *p = fuzz_bytes(f, &len);

	if (len)
		memcpy(&n, p, len);
	return n;
}

/* A byte with the object and its type; the size, in one or eight bytes. */
static void put_record(struct making *m, struct fuzz *f)
{
	static const struct keyed none;
	uint8_t what = fuzz_byte(f);
	struct oid oid = object(what % OBJECTS);
	struct record r = {
		.magic = MAGIC,
		.type = what >> 2 & 7,
		.oid_len = what & 128 ? fuzz_byte(f) : oid.len,
		.size = take_number(f, what & 64 ? 8 : 1),
	};

	memcpy(r.id, oid.id, sizeof r.id);
	r.sum = keyed_hash(&none, &r, offsetof(struct record, sum));
	if (m->nat < ITEMS)
		m->at[m->nat++] = (uint32_t)m->len;
	put(m, &r, sizeof r);
	put_some(m, f);
}

static void make_item(struct making *m, struct fuzz *f)
{
	uint8_t kind = fuzz_byte(f) % 4, what;
	struct slot *slot = &m->slot[m->nslot % SLOTS];
	struct oid oid;
	const uint8_t *p;
	size_t len = sizeof *slot;

	switch (kind) {
	case 0:
		put_some(m, f);
		break;
	case 1:
		put_record(m, f);
		break;
	case 2:
		what = fuzz_byte(f);
		oid = object(what % OBJECTS);
		*slot = (struct slot){ tag_of(&oid), what >> 2 & 7,
				       what & 128 ? 2 : 1,
				       m->at[fuzz_byte(f) % ITEMS] };
		m->nslot++;
		break;
	case 3:
		p = fuzz_bytes(f, &len);
		if (len)
			memcpy(slot, p, len);
		m->nslot++;
	}
}

/* ---- the directory ---- */

static void write_file(const char *name, const void *data, size_t len,
		       off_t at, off_t size)
{
	CLEANUP_FREE char *path = NULL;

	FUZZ_MUST(asprintf(&path, "%s/%s", dir, name) > 0);
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT, 0600);

	FUZZ_MUST(fd >= 0 && !ftruncate(fd, size));
	FUZZ_MUST(pwrite(fd, data, len, at) == (ssize_t)len);
}

static void clear_dir(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	FUZZ_MUST(d);
	while ((e = readdir(d)))
		if (*e->d_name != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
}

static void write_dir(const struct making *m)
{
	const struct oid oid = object(0);
	uint32_t bucket;

	memcpy(&bucket, oid.id, sizeof bucket);
	clear_dir();
	write_file("gitnfs-store", "", 0, 0, 0);
	write_file("index", m->slot, sizeof m->slot,
		   (off_t)(bucket % BUCKETS * sizeof m->slot),
		   (off_t)(BUCKETS * sizeof m->slot));
	write_file("00000001", m->data, m->len, 0, (off_t)m->len);
}

/* ---- what it is asked ---- */

/* Whether it came, whole and right.  *refused: it was not even looked at. */
static bool fetch(struct store *s, const struct oid *oid, enum obj type,
		  bool *refused)
{
	struct fuzz_job j;
	bool came;

	fuzz_job_init(&j);
	came = store_fetch(s, oid, type, &j.job);
	FUZZ_MUST(came == (j.objects == 1));
	*refused = j.refused;
	j.done = true;
	fuzz_job_end(&j);
	return came;
}

/* Nothing has such a name: whatever says so is forgotten, one at a time. */
static void fetch_in_vain(struct store *s, const struct oid *oid,
			  enum obj type)
{
	bool refused = false;

	for (int i = 0; i < SLOTS && !refused && store_has(s, oid, type); i++)
		FUZZ_MUST(!fetch(s, oid, type, &refused));
	FUZZ_MUST(refused || !store_has(s, oid, type));
}

static void keep_one(struct store *s)
{
	bool refused;
	struct oid_hash *h;
	struct oid oid;

	FUZZ_MUST(!oid_hash_start(&h, OID_SHA1, OBJ_BLOB, sizeof text) &&
		  !oid_hash_data(h, text, sizeof text) &&
		  !oid_hash_end(h, &oid));
	FUZZ_MUST(!store_put(s, &oid, OBJ_BLOB, text, sizeof text));
	FUZZ_MUST(fetch(s, &oid, OBJ_BLOB, &refused));
}

static void ask(struct store *s)
{
	struct fs_stored count;
	uint64_t size;

	for (unsigned i = 0; i < OBJECTS; i++) {
		struct oid oid = object(i);

		for (enum obj type = OBJ_COMMIT; type <= OBJ_TAG; type++)
			fetch_in_vain(s, &oid, type);
		store_size(s, &oid, &size);
	}
	keep_one(s);
	store_count(s, &count);
	FUZZ_MUST(count.bytes <= count.budget);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct making m;
	struct fuzz f = { data, size };
	char why[STORE_WHY];
	struct store *s;

	if (!*dir) {
		snprintf(dir, sizeof dir, "%s/store", world_dir());
		FUZZ_MUST(!mkdir(dir, 0700));
	}
	memset(&m, 0, sizeof m);
	for (int i = 0; i < ITEMS && f.len; i++)
		make_item(&m, &f);
	write_dir(&m);
	for (int i = 0; i < 2; i++) {   /* again, as it was left */
		FUZZ_MUST(!store_open(&s, dir, STORE, why));
		ask(s);
		store_close(s);
	}
	return 0;
}
