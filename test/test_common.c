/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The small things everything else stands on. */
#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/keyed.h"
#include "common/list.h"
#include "common/log.h"
#include "common/oid.h"
#include "common/pool.h"
#include "common/url.h"
#include "common/value.h"
#include "test/suite.h"

/* ---- list ---- */

START_TEST(names_in_urls)
{
	static const char plain[] = "abzABZ019-._~";
	char all[255], *text = url_encode(plain, strlen(plain));

	ck_assert_str_eq(text, plain);
	free(text);
	for (int i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	/* All there are, alone and together. */
	for (int i = 0; i < 255; i++) {
		text = url_encode(all + i, 1);
		for (char *c = text; *c; c++)
			ck_assert(*c == '%' || strchr(plain, *c) ||
				  isalnum((unsigned char)*c));
		ck_assert(url_decode(text));
		ck_assert(text[0] == all[i] && !text[1]);
		free(text);
	}
	text = url_encode(all, sizeof all);
	ck_assert_ptr_null(strpbrk(text, " /?#&=+:@\"<>\\^`{|}'()*,;[]!$"));
	ck_assert(url_decode(text));
	ck_assert_uint_eq(strlen(text), sizeof all);
	ck_assert_mem_eq(text, all, sizeof all);
	free(text);
	text = url_encode("a\0b", 3);
	ck_assert_str_eq(text, "a%00b");
	ck_assert(!url_decode(text));
	free(text);
	text = url_encode("", 0);
	ck_assert_str_eq(text, "");
	free(text);
}
END_TEST

START_TEST(wrong_names_in_urls)
{
	static const char *const bad[] = {
		"%", "%4", "a%4g", "%g4", "%%41", "%00", "%-1", "% 1",
	};
	char text[16];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		strcpy(text, bad[i]);
		ck_assert_msg(!url_decode(text), "%s", bad[i]);
	}
	strcpy(text, "%2fa+%2F%7e");
	ck_assert(url_decode(text));
	ck_assert_str_eq(text, "/a+/~");
}
END_TEST

START_TEST(urls_to_be_shown)
{
	static const struct {
		const char *url, *shown;
	} all[] = {
		{ "https://me:secret@h/x", "https://me:***@h/x" },
		{ "https://me:s@h/x", "https://me:***@h/x" },
		{ "https://me:@h", "https://me:***@h" },
		{ "https://:s:e@c:r@h:1/x", "https://:***@h:1/x" },
		{ "https://token@h:1/x:y@z", "https://***@h:1/x:y@z" },
		{ "HTTP://t@h", "HTTP://***@h" },
		{ "ssh://git@h:1/x:y@z", "ssh://git@h:1/x:y@z" },
		{ "https://h:1/x", "https://h:1/x" },
		{ "me@h:x", "me@h:x" }, { "", "" }, { "://", "://" },
		{ "a https://b:c@d/ https://e:f@g", "a https://b:***@d/ "
		  "https://e:***@g" },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		char *shown = url_redact(all[i].url);

		ck_assert_str_eq(shown, all[i].shown);
		free(shown);
	}
}
END_TEST

START_TEST(list_keeps_order)
{
	struct list head, other, node[3];

	list_init(&head);
	ck_assert(list_empty(&head));
	ck_assert_ptr_null(list_pop(&head));
	for (int i = 0; i < 3; i++)
		list_add_tail(&head, &node[i]);
	list_take(&other, &head);
	ck_assert(list_empty(&head));
	list_del(&node[1]);
	list_del(&node[1]);
	ck_assert_ptr_eq(list_pop(&other), &node[0]);
	ck_assert_ptr_eq(list_pop(&other), &node[2]);
	ck_assert_ptr_null(list_pop(&other));
	list_take(&other, &head);
	ck_assert(list_empty(&other));
}
END_TEST

/* ---- oid ---- */

static void check_name(const char *hex, enum obj type, const char *data)
{
	size_t len = strlen(data);
	char got[OID_HEX + 1];
	struct oid_hash *h;
	struct oid oid;

	ck_assert_int_eq(oid_hash_start(&h, (uint8_t)(strlen(hex) / 2), type,
					len), 0);
	for (size_t i = 0; i < len; i++)
		ck_assert_int_eq(oid_hash_data(h, data + i, 1), 0);
	ck_assert_int_eq(oid_hash_end(h, &oid), 0);
	oid_hex(&oid, got);
	ck_assert_str_eq(got, hex);
}

/* From git hash-object. */
START_TEST(oid_hash_is_gits)
{
	check_name("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391", OBJ_BLOB, "");
	check_name("ce013625030ba8dba906f756967f9e9ca394464a", OBJ_BLOB,
		   "hello\n");
	check_name("2cf8d83d9ee29543b34a87727421fdec"
		   "b7e3f3a183d337639025de576db9ebb4", OBJ_BLOB, "hello\n");
	check_name("4b825dc642cb6eb9a060e54bf8d69288fbee4904", OBJ_TREE, "");
	check_name("6ef19b41225c5369f1c104d45d8d85ef"
		   "a9b057b53b14b4b9b939dd74decc5321", OBJ_TREE, "");
	check_name("2fe988becab593d8b9ab2b9a67f9d87ff1356941", OBJ_COMMIT,
		   "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"
		   "author A <a> 1 +0000\ncommitter A <a> 1 +0000\n\nx\n");
	check_name("fac4a856c7aa3eadf82fa73455c00a0cb7979a4d", OBJ_TAG,
		   "object 2fe988becab593d8b9ab2b9a67f9d87ff1356941\n"
		   "type commit\ntag t\ntagger A <a> 1 +0000\n\nx\n");
}
END_TEST

START_TEST(oid_hash_wants_a_known_length)
{
	struct oid_hash *h;

	ck_assert_int_eq(oid_hash_start(&h, 16, OBJ_BLOB, 0), -EINVAL);
	oid_hash_free(NULL);
}
END_TEST

START_TEST(oid_parse_takes_names_only)
{
	static const char mixed[] = "CE013625030ba8dba906f756967f9e9ca394464A";
	char sha256[2 * OID_SHA256 + 1], hex[OID_HEX + 1];
	struct oid oid, before;

	ck_assert_int_eq(oid_parse(mixed, 40, &oid), 0);
	ck_assert_uint_eq(oid.len, OID_SHA1);
	oid_hex(&oid, hex);
	ck_assert_str_eq(hex, "ce013625030ba8dba906f756967f9e9ca394464a");
	for (size_t i = OID_SHA1; i < OID_MAX; i++)
		ck_assert_uint_eq(oid.id[i], 0);

	before = oid;
	ck_assert_int_eq(oid_parse(mixed, 39, &oid), -EINVAL);
	ck_assert_int_eq(oid_parse("", 0, &oid), -EINVAL);
	ck_assert_int_eq(oid_parse("g0000000000000000000000000000000000000ff",
				   40, &oid), -EINVAL);
	ck_assert_int_eq(oid_parse("0000000000000000000000000000000000000f:f",
				   40, &oid), -EINVAL);
	ck_assert(oid_eq(&oid, &before));

	/* Any byte in any place. */
	for (size_t i = 0; i < 40 * 256; i++) {
		char some[41] = "ce013625030ba8dba906f756967f9e9ca394464a";
		char digit[2] = { (char)(i / 40) };
		bool good = isxdigit((unsigned char)*digit);

		some[i % 40] = *digit;
		ck_assert_int_eq(oid_parse(some, 40, &oid), good ? 0 : -EINVAL);
		if (!good)
			continue;
		some[i % 40] = (char)tolower((unsigned char)*digit);
		oid_hex(&oid, hex);
		ck_assert_str_eq(hex, some);
	}

	memset(sha256, 'a', sizeof sha256 - 1);
	ck_assert_int_eq(oid_parse(sha256, sizeof sha256 - 1, &oid), 0);
	ck_assert_uint_eq(oid.len, OID_SHA256);
}
END_TEST

START_TEST(oid_knows_the_empty_tree)
{
	struct oid sha1 = oid_empty_tree(OID_SHA1);
	struct oid sha256 = oid_empty_tree(OID_SHA256), other = sha1;

	ck_assert(sha1.len == OID_SHA1 && oid_is_empty_tree(&sha1));
	ck_assert(sha256.len == OID_SHA256 && oid_is_empty_tree(&sha256));
	other.id[0] ^= 1;
	ck_assert(!oid_is_empty_tree(&other));
}
END_TEST

/* ---- keyed ---- */

/* The vectors that SipHash's authors give with it. */
START_TEST(keyed_is_siphash)
{
	struct keyed key;
	uint8_t data[15];

	for (uint8_t i = 0; i < sizeof key.k; i++)
		key.k[i] = i;
	for (uint8_t i = 0; i < sizeof data; i++)
		data[i] = i;
	ck_assert_uint_eq(keyed_hash(&key, data, sizeof data),
			  0xa129ca6149be45e5);
	ck_assert_uint_eq(keyed_hash(&key, data, 0), 0x726fdb47dd0e0e31);
}
END_TEST

START_TEST(keyed_derive_separates)
{
	uint8_t secret[2][32] = { { 1 }, { 2 } };
	struct keyed key[16], again;

	for (unsigned i = 0; i < 16; i++)
		key[i] = keyed_derive(secret[i / 8], i % 8);
	for (unsigned i = 0; i < 16; i++) {
		for (unsigned j = 0; j < i; j++)
			ck_assert_mem_ne(&key[i], &key[j], sizeof *key);
	}
	again = keyed_derive(secret[0], 3);
	ck_assert_mem_eq(&again, &key[3], sizeof again);
}
END_TEST

/* ---- clock ---- */

START_TEST(clock_stands_still_when_frozen)
{
	struct timespec wall;
	uint64_t ms;

	clock_freeze();
	ms = clock_ms();
	wall = clock_wall();
	clock_advance(2500);
	ck_assert_uint_eq(clock_ms(), ms + 2500);
	ck_assert_int_eq((clock_wall().tv_sec - wall.tv_sec) * 1000 +
			 (clock_wall().tv_nsec - wall.tv_nsec) / 1000000,
			 2500);
	clock_thaw();
	ck_assert_uint_ge(clock_ms(), ms);
	ck_assert_uint_lt(clock_ms(), ms + 60000);
}
END_TEST

/* Whatever the unit, for a moment and for weeks. */
START_TEST(clock_ticks_are_of_one_size)
{
	uint64_t few = clock_ticks_ns(0, UINT64_C(1) << 20);

	for (unsigned i = 20; i < 55; i++) {
		uint64_t ns = clock_ticks_ns(0, UINT64_C(1) << i);

		ck_assert_uint_ge(ns >> (i - 20), few);
		ck_assert_uint_le(ns >> (i - 20), few + 1);
	}
	ck_assert_uint_eq(clock_ticks_ns(2, 1), 0);
}
END_TEST

/* ---- log ---- */

static FILE *captured;
static int real_stderr;

static void capture(void)
{
	captured = tmpfile();
	ck_assert_ptr_nonnull(captured);
	real_stderr = dup(STDERR_FILENO);
	dup2(fileno(captured), STDERR_FILENO);
}

/* The lines logged since capture(), in a buffer of its own. */
static char *release(void)
{
	static char text[65536];
	size_t len;

	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	rewind(captured);
	len = fread(text, 1, sizeof text - 1, captured);
	text[len] = '\0';
	fclose(captured);
	return text;
}

static unsigned lines(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

START_TEST(log_line_is_one_line)
{
	char *text;

	capture();
	log_warning("odd name", "name=%s n=%d",
		    "a\nlevel=error \"b\" \\ \x1b[31m \x7f \xc3\x80 \x9b \xc2\x9b",
		    7);
	text = release();
	ck_assert_uint_eq(lines(text), 1);
	ck_assert_ptr_nonnull(strstr(text, " level=warning msg=\"odd name\" "
		"name=\"a\\x0alevel=error \\\"b\\\" \\\\ \\x1b[31m \\x7f "
		"\xc3\x80 \\x9b \xc2\\x9b\" n=7\n"));
	ck_assert_int_eq(strncmp(text, "time=20", 7), 0);
}
END_TEST

/* What is told from what follows needs no quotes; and a value cannot be made
 * to look like another field. */
START_TEST(log_values_are_quoted)
{
	char *text;

	capture();
	log_info("a", "one=%s two=%s t-h=%d %s=%s last=what to do",
		 "", "x=y", 3, "key", "b c=d");
	log_info("b", "one=%s two=%s", "\x1e\x1f" "three\x1e", "4");
	log_set_format(LOG_JSON);
	log_info("c", "one=%s %s=%s n=%d last=what to do", "x\" y=z", "key",
		 "", 3);
	log_set_format(LOG_TEXT);
	text = release();
	ck_assert_ptr_nonnull(strstr(text, "msg=\"a\" one= two=x=y t-h=3 "
		"key=\"b c=d\" last=\"what to do\"\n"));
	ck_assert_ptr_nonnull(strstr(text, "msg=\"b\" text=\"one=\\x1e"));
	ck_assert_ptr_nonnull(strstr(text, "\"msg\":\"c\",\"one\":\"x\\\" y=z\","
		"\"key\":\"\",\"n\":3,\"last\":\"what to do\"}\n"));
	ck_assert_uint_eq(lines(text), 3);
}
END_TEST

/* To a file, to another, and back, in use. */
START_TEST(log_moves)
{
	char a[] = "/tmp/gitnfs-log.XXXXXX", b[] = "/tmp/gitnfs-log.XXXXXX";
	struct stat st;
	char *text;

	close(mkstemp(a));
	close(mkstemp(b));
	capture();
	ck_assert_int_eq(log_set_target(a), 0);
	log_info("x", "to=a");
	ck_assert_int_eq(log_set_target("/nowhere/at/all"), -ENOENT);
	log_info("x", "to=a");
	ck_assert_int_eq(log_set_target(b), 0);
	log_info("x", "to=b");
	unlink(b);
	ck_assert_int_eq(log_reopen(), 0);
	log_info("x", "to=b");
	ck_assert_int_eq(log_set_target("stderr"), 0);
	log_info("x", "to=stderr");
	text = release();
	ck_assert_uint_eq(lines(text), 1);
	ck_assert_ptr_nonnull(strstr(text, "to=stderr"));
	ck_assert(!stat(a, &st));
	ck_assert_int_gt(st.st_size, 80);
	ck_assert(!stat(b, &st));
	ck_assert_int_gt(st.st_size, 30);
	ck_assert_int_lt(st.st_size, 80);
	unlink(a);
	unlink(b);
}
END_TEST

START_TEST(log_line_is_bounded)
{
	char name[5000], *text;

	memset(name, '\n', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	capture();
	log_error("long", "name=%s", name);
	text = release();
	ck_assert_uint_eq(lines(text), 1);
	ck_assert_uint_lt(strlen(text), 4096);
	/* What is cut off takes fields along. */
	memset(name, 'x', sizeof name - 1);
	capture();
	log_error("long", "a=1 name=%s do=less", name);
	text = release();
	ck_assert_ptr_nonnull(strstr(text, " text=\"a=1 name=xxx"));
	ck_assert_uint_eq(lines(text), 1);
}
END_TEST

START_TEST(log_levels)
{
	enum log_level level = LOG_DEBUG;

	ck_assert_int_eq(log_level_parse("loud", &level), -EINVAL);
	ck_assert_int_eq(log_level_parse("", &level), -EINVAL);
	ck_assert_int_eq(level, LOG_DEBUG);
	ck_assert_int_eq(log_level_parse("warning", &level), 0);
	ck_assert_int_eq(level, LOG_WARNING);

	capture();
	log_set_level(level);
	log_info("no", "n=%d", 1);
	log_warning("yes", "n=%d", 2);
	log_set_level(LOG_INFO);
	log_debug("no", "n=%d", 3);
	ck_assert_uint_eq(lines(release()), 1);
}
END_TEST

static void trouble(void)
{
	static int n;

	log_error("trouble", "disk=full n=%d", n++);
}

static void same_trouble(const char *disk)
{
	log_error("trouble", "disk=%s", disk);
}

START_TEST(log_says_the_same_once)
{
	char *text;

	clock_freeze();
	capture();
	for (int i = 0; i < 5; i++)
		same_trouble("full");
	same_trouble("gone");
	same_trouble("full");
	text = release();
	ck_assert_uint_eq(lines(text), 3);
	ck_assert_ptr_nonnull(strstr(text, "disk=gone swallowed=4\n"));

	capture();
	same_trouble("full");
	clock_advance(LOG_PERIOD_MS);
	same_trouble("full");
	text = release();
	clock_thaw();
	ck_assert_uint_eq(lines(text), 1);
	ck_assert_ptr_nonnull(strstr(text, "disk=full swallowed=1\n"));
}
END_TEST

START_TEST(log_rate_is_limited_per_site)
{
	char *text;

	clock_freeze();
	capture();
	for (int i = 0; i < LOG_BURST + 5; i++)
		trouble();
	log_error("other", "n=%d", 1);
	clock_advance(LOG_PERIOD_MS - 1);
	trouble();
	text = release();
	ck_assert_uint_eq(lines(text), LOG_BURST + 1);
	ck_assert_ptr_null(strstr(text, "swallowed"));

	capture();
	clock_advance(1);
	for (int i = 0; i < LOG_BURST + 1; i++)
		trouble();
	text = release();
	clock_thaw();
	ck_assert_uint_eq(lines(text), LOG_BURST);
	text = strstr(text, " swallowed=6\n");
	ck_assert_ptr_nonnull(text);
	ck_assert_ptr_null(strstr(text + 2, "swallowed"));
}
END_TEST

/* ---- pool ---- */

enum { WORKS = 10000 };

struct step {
	struct work work;
	struct pool *pool;
	unsigned id, again;
};

static atomic_uint runs, frees;
static unsigned order[WORKS];
static int gate[2];     /* a pipe: to read from it is to wait */

static void record(struct work *w)
{
	order[atomic_fetch_add(&runs, 1)] =
		container_of(w, struct step, work)->id;
}

static void count_and_free(struct work *w)
{
	atomic_fetch_add(&frees, 1);
	free(container_of(w, struct step, work));
}

static void wait_at_gate(struct work *w)
{
	char c;

	(void)w;
	ck_assert_int_eq(read(gate[0], &c, 1), 1);
}

static void run_again(struct work *w)
{
	struct step *s = container_of(w, struct step, work);

	atomic_fetch_add(&runs, 1);
	if (s->again-- > 0)
		pool_submit(s->pool, w);
}

START_TEST(pool_runs_everything_once)
{
	struct pool *p;

	ck_assert_int_eq(pool_start(&p, "test", 4), 0);
	for (int i = 0; i < WORKS; i++) {
		struct step *s = calloc(1, sizeof *s);

		s->work.run = count_and_free;
		pool_submit(p, &s->work);
	}
	pool_stop(p);
	ck_assert_uint_eq(frees, WORKS);
	pool_stop(NULL);
}
END_TEST

/* One thread, held back until all is queued. */
START_TEST(pool_stop_drains_in_order)
{
	struct step first = { .work.run = wait_at_gate };
	struct step *s = calloc(WORKS, sizeof *s);
	struct pool *p;

	ck_assert_int_eq(pipe(gate), 0);
	ck_assert_int_eq(pool_start(&p, "test", 1), 0);
	pool_submit(p, &first.work);
	for (unsigned i = 0; i < WORKS; i++) {
		s[i] = (struct step){ .work.run = record, .id = i };
		pool_submit(p, &s[i].work);
	}
	ck_assert_uint_eq(runs, 0);
	ck_assert_int_eq(write(gate[1], "", 1), 1);
	pool_stop(p);
	ck_assert_uint_eq(runs, WORKS);
	for (unsigned i = 0; i < WORKS; i++)
		ck_assert_uint_eq(order[i], i);
	free(s);
}
END_TEST

START_TEST(pool_stop_runs_what_work_submits)
{
	struct step s = { .work.run = run_again, .again = 999 };

	ck_assert_int_eq(pool_start(&s.pool, "a name of any length", 3), 0);
	pool_submit(s.pool, &s.work);
	pool_stop(s.pool);
	ck_assert_uint_eq(runs, 1000);
}
END_TEST

/* More than one at a time: each of four waits for the other three. */
static pthread_mutex_t meeting = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came = PTHREAD_COND_INITIALIZER;
static int present;

static void meet(struct work *w)
{
	(void)w;
	pthread_mutex_lock(&meeting);
	present++;
	pthread_cond_broadcast(&came);
	while (present < 4)
		pthread_cond_wait(&came, &meeting);
	pthread_mutex_unlock(&meeting);
}

START_TEST(pool_threads_run_side_by_side)
{
	struct work w[4];
	struct pool *p;

	ck_assert_int_eq(pool_start(&p, "test", 4), 0);
	for (int i = 0; i < 4; i++) {
		w[i].run = meet;
		pool_submit(p, &w[i]);
	}
	pool_stop(p);
	ck_assert_int_eq(present, 4);
}
END_TEST

/* ---- locks ---- */

#ifdef LOCK_CHECK
static void take_two(void)
{
	static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER,
			       b = PTHREAD_MUTEX_INITIALIZER;

	lock_take(&a);
	lock_drop(&a);
	lock_take(&b);          /* fine so far */
	lock_take(&a);
}

static void let_go_with_one(void)
{
	static pthread_mutex_t a = PTHREAD_MUTEX_INITIALIZER;
	LOCK_SCOPE(&a);

	value_unref(NULL);
}

START_TEST(locks_are_leaves)
{
	_i ? take_two() : let_go_with_one();
}
END_TEST
#endif

static void add(TCase *c)
{
	tcase_add_test(c, list_keeps_order);
	tcase_add_test(c, oid_hash_is_gits);
	tcase_add_test(c, oid_hash_wants_a_known_length);
	tcase_add_test(c, oid_parse_takes_names_only);
	tcase_add_test(c, oid_knows_the_empty_tree);
	tcase_add_test(c, keyed_is_siphash);
	tcase_add_test(c, keyed_derive_separates);
	tcase_add_test(c, clock_stands_still_when_frozen);
	tcase_add_test(c, clock_ticks_are_of_one_size);
	tcase_add_test(c, log_line_is_one_line);
	tcase_add_test(c, log_values_are_quoted);
	tcase_add_test(c, log_moves);
	tcase_add_test(c, log_line_is_bounded);
	tcase_add_test(c, log_levels);
	tcase_add_test(c, names_in_urls);
	tcase_add_test(c, wrong_names_in_urls);
	tcase_add_test(c, urls_to_be_shown);
	tcase_add_test(c, log_rate_is_limited_per_site);
	tcase_add_test(c, log_says_the_same_once);
#ifdef LOCK_CHECK
	tcase_add_loop_test_raise_signal(c, locks_are_leaves, SIGABRT, 0, 2);
#endif
	tcase_add_test(c, pool_runs_everything_once);
	tcase_add_test(c, pool_stop_drains_in_order);
	tcase_add_test(c, pool_stop_runs_what_work_submits);
	tcase_add_test(c, pool_threads_run_side_by_side);
}

int main(void)
{
	return suite_run("common", 60, add, NULL);
}
