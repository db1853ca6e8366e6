/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Parsing tree objects, good ones and bad ones. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/dcache.h"
#include "common/cleanup.h"
#include "test/must.h"
#include "test/suite.h"

static const struct keyed key = { "a key for tests" };

/* ---- tree objects, made by hand ---- */

struct raw {
	FILE *out;
	char *data;
	size_t len, oid_len;
};

static void raw_start(struct raw *r, size_t oid_len)
{
	*r = (struct raw){ .oid_len = oid_len };
	r->out = open_memstream(&r->data, &r->len);
	ck_assert_ptr_nonnull(r->out);
}

/* With an id of nothing but 'fill'. */
static void raw_add(struct raw *r, const char *mode, const char *name,
		    size_t len, uint8_t fill)
{
	fprintf(r->out, "%s ", mode);
	fwrite(name, 1, len, r->out);
	fputc(0, r->out);
	for (size_t i = 0; i < r->oid_len; i++)
		fputc(fill, r->out);
	fflush(r->out);
}

static void raw_free(struct raw *r)
{
	fclose(r->out);
	free(r->data);
}

/* The first 'len' bytes, in a block of exactly that size, so that reading
 * past them is seen by the tools that look. */
static int parse(const struct raw *r, size_t len, struct tree **ret)
{
	struct oid oid = { .len = (uint8_t)r->oid_len, .id = { 1 } };
	char *copy = malloc(len);

	memcpy(copy, r->data, len);
	return tree_parse(&key, &oid, copy, len, ret);
}

static struct tree *parsed(struct raw *r)
{
	struct tree *t;

	ck_assert_int_eq(parse(r, r->len, &t), 0);
	raw_free(r);
	return t;
}

struct spec {
	const char *mode, *name;
};

static struct tree *tree_of_specs(size_t n, const struct spec *spec)
{
	struct raw r;

	raw_start(&r, OID_SHA1);
	for (size_t i = 0; i < n; i++)
		raw_add(&r, spec[i].mode, spec[i].name, strlen(spec[i].name),
			(uint8_t)i);
	return parsed(&r);
}
#define TREE(...) tree_of_specs( \
	sizeof((struct spec[]){ __VA_ARGS__ }) / sizeof(struct spec), \
	(struct spec[]){ __VA_ARGS__ })

/* ---- looking ---- */

static int find(const struct tree *t, const char *name, size_t len,
		uint32_t *ret)
{
	return tree_find(t, tree_name_hash(&key, name, len), name, len, ret);
}

static void check_absent(const struct tree *t, const char *name)
{
	uint32_t i = 12345;

	ck_assert_int_eq(find(t, name, strlen(name), &i), -ENOENT);
	ck_assert_uint_eq(i, 12345);
}

/* All that must hold of any tree. */
static void check_tree(const struct tree *t)
{
	for (uint32_t i = 0; i < t->n; i++) {
		const char *name = tree_name(t, i);
		struct oid oid = tree_oid(t, i);
		uint8_t len = t->entry[i].len;
		uint32_t at;

		must(len >= 1);
		must(!memchr(name, 0, len));
		must(!memchr(name, '/', len));
		must(name[len] == '\0');
		must(oid.len == t->oid.len);
		if (i)
			must(strcmp(tree_name(t, i - 1), name) < 0);
		must(find(t, name, len, &at) == 0);
		must(at == i);
		if (i)
			must(t->by_hash[i - 1].hash <= t->by_hash[i].hash);
	}
}

static void check_names(const struct tree *t, const char *names)
{
	CLEANUP_FREE char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	for (uint32_t i = 0; i < t->n; i++)
		fprintf(out, " %s", tree_name(t, i));
	fclose(out);
	ck_assert_str_eq(text, names);
	check_tree(t);
}

/* ---- cases ---- */

START_TEST(empty_tree)
{
	CLEANUP_TREE struct tree *t = NULL;
	struct raw r;

	raw_start(&r, OID_SHA1);
	fflush(r.out);
	t = parsed(&r);
	ck_assert_uint_eq(t->n, 0);
	ck_assert_uint_eq(t->dropped, 0);
	ck_assert_uint_ge(t->v.cost, sizeof *t);
	ck_assert_uint_eq(tree_lower(t, 0), 0);
	check_absent(t, "a");
	check_absent(t, "");
}
END_TEST

/* git sorts "a/" after "a-b" and before "a0". */
START_TEST(gits_order_becomes_byte_order)
{
	CLEANUP_TREE struct tree *t = TREE({ "100644", "a-b" },
					   { "40000", "a" },
					   { "100644", "a0" },
					   { "40000", "a0-" });
	uint32_t i;

	check_names(t, " a a-b a0 a0-");
	ck_assert_int_eq(find(t, "a", 1, &i), 0);
	ck_assert_uint_eq(t->entry[i].type, FT_DIR);
	ck_assert_uint_eq(tree_oid(t, i).id[0], 1);
	ck_assert_int_eq(find(t, "a-b", 3, &i), 0);
	ck_assert_uint_eq(t->entry[i].type, FT_FILE);
	ck_assert_uint_eq(tree_oid(t, i).id[19], 0);
	ck_assert_uint_eq(t->dropped, 0);
}
END_TEST

START_TEST(bytes_are_compared_unsigned)
{
	CLEANUP_TREE struct tree *t = TREE({ "100644", "\xff" },
					   { "100644", "\x80z" },
					   { "100644", "a" },
					   { "100644", "\x01" },
					   { "100644", " " },
					   { "100644", "\n" });

	check_names(t, " \x01 \n   a \x80z \xff");
}
END_TEST

START_TEST(modes_as_git_reads_them)
{
	static const struct {
		const char *mode;
		enum ftype type;
	} m[] = {
		{ "100644", FT_FILE }, { "100755", FT_EXEC },
		{ "120000", FT_SYMLINK }, { "40000", FT_DIR },
		{ "160000", FT_GITLINK },
		/* What old and foreign tools have written. */
		{ "100664", FT_FILE }, { "100600", FT_FILE },
		{ "100000", FT_FILE }, { "100666", FT_FILE },
		{ "100775", FT_EXEC }, { "100700", FT_EXEC },
		{ "100777", FT_EXEC }, { "100654", FT_FILE },
		{ "040000", FT_DIR }, { "40755", FT_DIR },
		{ "000000100644", FT_FILE }, { "120777", FT_SYMLINK },
		/* git takes whatever else for a submodule. */
		{ "0", FT_GITLINK }, { "644", FT_GITLINK },
		{ "140000", FT_GITLINK }, { "60000", FT_GITLINK },
		{ "777777", FT_GITLINK },
	};

	for (size_t i = 0; i < sizeof m / sizeof *m; i++) {
		CLEANUP_TREE struct tree *t = TREE({ m[i].mode, "x" });

		ck_assert_uint_eq(t->n, 1);
		ck_assert_msg(t->entry[0].type == m[i].type, "mode %s: %d",
			      m[i].mode, t->entry[0].type);
	}
}
END_TEST

START_TEST(garbage_modes_are_refused)
{
	static const char *const bad[] = {
		"", " 100644", "100648", "-40000", "+40000", "0x1ff",
		"100644x", "1000000", "77777777777777777777777", "\n40000",
		"100644\t", "a", "%o",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct tree *t = NULL;
		struct raw r;

		raw_start(&r, OID_SHA1);
		raw_add(&r, "100644", "good", 4, 1);
		raw_add(&r, bad[i], "x", 1, 1);
		ck_assert_msg(parse(&r, r.len, &t) == -EBADMSG, "\"%s\"",
			      bad[i]);
		ck_assert_ptr_null(t);
		raw_free(&r);
	}
}
END_TEST

START_TEST(names_that_are_not_shown)
{
	char longest[257];
	CLEANUP_TREE struct tree *t = NULL;
	uint32_t i;

	memset(longest, 'x', 256);
	longest[256] = '\0';
	t = TREE({ "100644", "" }, { "40000", "." }, { "40000", ".." },
		 { "40000", ".git" }, { "100644", ".GIT" },
		 { "120000", ".gIt" }, { "100644", "/" }, { "40000", "a/b" },
		 { "100644", "/etc/passwd" }, { "40000", "a/" },
		 { "100644", longest },
		 /* ... and near misses, which are. */
		 { "100644", "..." }, { "40000", ".gi" }, { "40000", "git" },
		 { "100644", ".gitx" }, { "100644", ".gitignore" },
		 { "40000", ".git2" }, { "100644", longest + 1 });

	ck_assert_uint_eq(t->dropped, 11);
	ck_assert_uint_eq(t->n, 7);
	check_tree(t);
	check_absent(t, ".git");
	check_absent(t, ".");
	check_absent(t, "..");
	check_absent(t, "a/b");
	check_absent(t, "");
	ck_assert_int_eq(find(t, longest, 255, &i), 0);
	ck_assert_int_eq(find(t, longest, 256, &i), -ENOENT);
	ck_assert_uint_eq(t->entry[i].len, 255);
}
END_TEST

START_TEST(first_of_a_name_stays)
{
	CLEANUP_TREE struct tree *t = TREE({ "100644", "b" },
					   { "100644", "a" },
					   { "40000", "b" },
					   { "120000", "a" },
					   { "100755", "b" });
	CLEANUP_TREE struct tree *sorted = TREE({ "100644", "a" },
						{ "40000", "a" });
	uint32_t i;

	check_names(t, " a b");
	ck_assert_uint_eq(t->dropped, 3);
	ck_assert_int_eq(find(t, "b", 1, &i), 0);
	ck_assert_uint_eq(t->entry[i].type, FT_FILE);
	ck_assert_uint_eq(tree_oid(t, i).id[0], 0);
	ck_assert_int_eq(find(t, "a", 1, &i), 0);
	ck_assert_uint_eq(tree_oid(t, i).id[0], 1);
	check_names(sorted, " a");
	ck_assert_uint_eq(sorted->entry[0].type, FT_FILE);
}
END_TEST

static void make_mixed(struct raw *r, size_t oid_len)
{
	raw_start(r, oid_len);
	raw_add(r, "100644", "README", 6, ' ');
	raw_add(r, "100755", "a b", 3, 0);
	raw_add(r, "40000", "doc", 3, '4');
	raw_add(r, "120000", "\xc3\xa4\n", 3, 0xff);
	raw_add(r, "160000", "sub", 3, '/');
}

/* At the end of an entry it is a shorter tree, anywhere else none. */
static void cut_everywhere(size_t oid_len)
{
	static const size_t name_len[] = { 6, 3, 3, 3, 3 };
	static const size_t mode_len[] = { 6, 6, 5, 6, 6 };
	uint32_t whole = 0;
	size_t end = 0;
	struct raw r;

	make_mixed(&r, oid_len);
	for (size_t cut = 0; cut <= r.len; cut++) {
		CLEANUP_TREE struct tree *t = NULL;
		int err = parse(&r, cut, &t);

		if (cut != end) {
			ck_assert_int_eq(err, -EBADMSG);
			ck_assert_ptr_null(t);
			continue;
		}
		ck_assert_int_eq(err, 0);
		ck_assert_uint_eq(t->n, whole);
		check_tree(t);
		if (whole < 5)
			end += mode_len[whole] + 1 + name_len[whole] + 1 +
			       oid_len;
		whole++;
	}
	ck_assert_uint_eq(whole, 6);
	raw_free(&r);
}

START_TEST(cut_short_at_every_byte)
{
	cut_everywhere(OID_SHA1);
	cut_everywhere(OID_SHA256);
}
END_TEST

/* Every byte, every value: no more is asked than that nothing breaks. */
START_TEST(any_byte_wrong)
{
	unsigned good = 0, bad = 0;
	struct raw r;

	make_mixed(&r, OID_SHA1);
	for (size_t at = 0; at < r.len; at++) {
		char was = r.data[at];

		for (int c = 0; c < 256; c++) {
			CLEANUP_TREE struct tree *t = NULL;

			r.data[at] = (char)c;
			if (!parse(&r, r.len, &t)) {
				good++;
				check_tree(t);
			} else {
				bad++;
			}
		}
		r.data[at] = was;
	}
	ck_assert_uint_gt(good, 0);
	ck_assert_uint_gt(bad, 0);
	raw_free(&r);
}
END_TEST

START_TEST(sha256_ids)
{
	CLEANUP_TREE struct tree *t = NULL;
	struct oid doc = { .len = OID_SHA256 }, got;
	struct raw r;
	uint32_t i;

	make_mixed(&r, OID_SHA256);
	t = parsed(&r);
	ck_assert_uint_eq(t->n, 5);
	check_tree(t);
	ck_assert_int_eq(find(t, "doc", 3, &i), 0);
	memset(doc.id, '4', OID_SHA256);
	got = tree_oid(t, i);
	ck_assert(oid_eq(&got, &doc));
}
END_TEST

START_TEST(sha1_ids_end_in_zeros)
{
	CLEANUP_TREE struct tree *t = TREE({ "100644", "a" });
	struct oid oid = tree_oid(t, 0), zero = { .len = OID_SHA1 };

	ck_assert(oid_eq(&oid, &zero));
}
END_TEST

/* ---- large ones ---- */

enum { MANY = 100000 };

static size_t nth_name(uint32_t n, char name[32])
{
	return (size_t)snprintf(name, 32, "%s%u.c", n % 3 ? "f" : "Module-", n);
}

static struct tree *large(bool backwards)
{
	struct raw r;
	char name[32];

	raw_start(&r, OID_SHA1);
	for (uint32_t i = 0; i < MANY; i++) {
		uint32_t n = backwards ? MANY - 1 - i : i;
		size_t len = nth_name(n, name);

		raw_add(&r, n % 7 ? "100644" : "40000", name, len, (uint8_t)n);
	}
	return parsed(&r);
}

START_TEST(large_trees)
{
	CLEANUP_TREE struct tree *t = large(false), *u = large(true);
	char name[32], other[32];
	uint32_t i, j;

	ck_assert_uint_eq(t->n, MANY);
	ck_assert_uint_eq(u->n, MANY);
	ck_assert_uint_eq(t->dropped + u->dropped, 0);
	ck_assert_uint_gt(t->v.cost, MANY * (20 + 8 + 8));
	for (uint32_t n = 0; n < MANY; n++) {
		size_t len = nth_name(n, name);

		must(find(t, name, len, &i) == 0);
		must(find(u, name, len, &j) == 0);
		must(i == j);
		must(tree_oid(t, i).id[0] == (uint8_t)n);
		must(tree_oid(u, i).id[0] == (uint8_t)n);
		must(t->entry[i].type == (n % 7 ? FT_FILE : FT_DIR));
		snprintf(other, sizeof other, "absent%u.c", n);
		must(find(t, other, strlen(other), &i) == -ENOENT);
		must(find(t, name, len - 1, &i) == -ENOENT);
	}
}
END_TEST

/* All entries whose hash begins with these bits, for every such beginning. */
START_TEST(hash_ranges)
{
	CLEANUP_TREE struct tree *t = large(false);

	for (unsigned width = 2; width <= 16; width *= 2) {
		unsigned shift = 32 - width;
		uint32_t seen = 0;

		for (uint32_t step = 0; step < 1u << width; step++) {
			uint32_t p = tree_lower(t, step << shift);

			must(p == seen);
			for (; p < t->n && t->by_hash[p].hash >> shift == step;
			     p++) {
				uint32_t i = t->by_hash[p].index;

				must(t->by_hash[p].hash ==
				     tree_name_hash(&key, tree_name(t, i),
						    t->entry[i].len));
				seen++;
			}
		}
		ck_assert_uint_eq(seen, t->n);
	}
	ck_assert_uint_le(tree_lower(t, UINT32_MAX), t->n);
	ck_assert_uint_ge(tree_lower(t, UINT32_MAX), t->n - 1);
}
END_TEST

START_TEST(sizes_come_in_parts)
{
	CLEANUP_TREE struct tree *t = large(false);
	uint32_t total = 0, parts = (t->n + SIZES_PART - 1) / SIZES_PART;

	for (uint32_t part = 0; part < parts; part++) {
		struct sizes *s = sizes_new(t, part);

		ck_assert_ptr_nonnull(s);
		ck_assert_uint_eq(s->n, part + 1 < parts ? SIZES_PART :
				  t->n % SIZES_PART);
		for (uint32_t i = 0; i < s->n; i++)
			ck_assert_uint_eq(s->size[i], SIZE_UNKNOWN);
		ck_assert_uint_ge(s->v.cost, s->n * sizeof *s->size);
		total += s->n;
		value_unref(&s->v);
	}
	ck_assert_uint_eq(total, t->n);
}
END_TEST

static void add(TCase *c)
{
	tcase_add_test(c, empty_tree);
	tcase_add_test(c, gits_order_becomes_byte_order);
	tcase_add_test(c, bytes_are_compared_unsigned);
	tcase_add_test(c, modes_as_git_reads_them);
	tcase_add_test(c, garbage_modes_are_refused);
	tcase_add_test(c, names_that_are_not_shown);
	tcase_add_test(c, first_of_a_name_stays);
	tcase_add_test(c, cut_short_at_every_byte);
	tcase_add_test(c, any_byte_wrong);
	tcase_add_test(c, sha256_ids);
	tcase_add_test(c, sha1_ids_end_in_zeros);
	tcase_add_test(c, large_trees);
	tcase_add_test(c, hash_ranges);
	tcase_add_test(c, sizes_come_in_parts);
}

int main(void)
{
	return suite_run("dcache", 60, add, NULL);
}
