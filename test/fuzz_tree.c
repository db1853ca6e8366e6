/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Tree objects: any bytes, and entries of which only the parts are any bytes.
 * What is made of one can be listed and found, and holds no name that a
 * client must not see.
 *
 * The low bit of the first byte: the rest is an object; or entries, each a
 * byte that picks a mode, one with the length of its name, and so many
 * bytes. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "cache/dcache.h"
#include "common/cleanup.h"
#include "test/fuzz.h"

enum { MADE_MAX = 1 << 17 };

static const struct keyed key = { { 1, 2, 3 } };

static size_t make_entries(struct fuzz *f, size_t oid_len, char *to)
{
	static const char *const modes[] = {
		"100644", "100755", "120000", "160000", "40000", "040000",
		"100664", "0",
	};
	size_t n = 0;

	while (f->len) {
		const char *mode = modes[fuzz_byte(f) % 8];
		size_t len = fuzz_byte(f);
		const uint8_t *name = fuzz_bytes(f, &len);

		if (n + strlen(mode) + len + oid_len + 2 > MADE_MAX)
			break;
		n += (size_t)sprintf(to + n, "%s ", mode);
		memcpy(to + n, name, len);
		n += len;
		to[n++] = '\0';
		memset(to + n, (int)len, oid_len);
		n += oid_len;
	}
	return n;
}

static void check_name(const char *name, size_t len)
{
	FUZZ_MUST(len >= 1 && len <= FS_NAME_MAX);
	FUZZ_MUST(!memchr(name, '/', len) && !memchr(name, '\0', len));
	FUZZ_MUST(len > 2 || memcmp(name, "..", len));
	FUZZ_MUST(len != 4 || strncasecmp(name, ".git", len));
}

static void check_entry(const struct tree *t, uint32_t i)
{
	const char *name = tree_name(t, i);
	size_t len = t->entry[i].len;
	uint32_t hash = tree_name_hash(&key, name, len), found;
	struct oid oid = tree_oid(t, i);

	check_name(name, len);
	FUZZ_MUST(t->entry[i].type <= FT_GITLINK);
	FUZZ_MUST(oid.len == t->oid.len);
	FUZZ_MUST(!tree_find(t, hash, name, len, &found) && found == i);
	FUZZ_MUST(t->by_hash[tree_lower(t, hash)].hash == hash);
	if (i) {                /* in order, and no name twice */
		size_t before = t->entry[i - 1].len;
		int c = memcmp(tree_name(t, i - 1), name,
			       before < len ? before : len);

		FUZZ_MUST(c < 0 || (!c && before < len));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char made[MADE_MAX];
	struct fuzz f = { data, size };
	uint8_t how = fuzz_byte(&f);
	struct oid oid = { .len = how & 2 ? OID_SHA256 : OID_SHA1 };
	CLEANUP_TREE struct tree *t = NULL;
	const void *bytes = f.data;
	size_t len = f.len;
	uint32_t none;
	char *raw;

	if (how & 1) {
		len = make_entries(&f, oid.len, made);
		bytes = made;
	}
	raw = malloc(len ? len : 1);
	FUZZ_MUST(raw);
	memcpy(raw, bytes, len);
	if (tree_parse(&key, &oid, raw, len, &t))
		return 0;
	for (uint32_t i = 0; i < t->n; i++)
		check_entry(t, i);
	FUZZ_MUST(tree_find(t, tree_name_hash(&key, "..", 2), "..", 2,
			    &none) == -ENOENT);
	for (uint32_t part = 0; part * SIZES_PART < t->n; part++) {
		struct sizes *s = sizes_new(t, part);

		FUZZ_MUST(s && s->n && s->n <= SIZES_PART);
		value_unref(&s->v);
	}
	return 0;
}
