/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* The names above repositories: what each means, and what is listed. */
#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/composite.h"
#include "cache/pattern.h"
#include "common/cleanup.h"
#include "common/clock.h"
#include "test/scratch.h"
#include "test/suite.h"

static const struct keyed ids = { "composite" };
static struct composite *c;
static struct level *top;

static void setup(void)
{
	c = composite_new(&ids);
	top = composite_top(c);
}

static void teardown(void)
{
	composite_free(c);
}

static int parse(struct level *l, const char *name, struct composite_name *cn)
{
	return composite_parse(c, l, name, strlen(name), cn);
}

static bool unknown(struct level *l, const char *name)
{
	struct composite_name cn;

	return parse(l, name, &cn) == -ENOENT;
}

/* All that a level lists, one after the other, with a space after each. */
static const char *listing(const struct level *l)
{
	static char text[4096];
	char name[FS_NAME_MAX + 1];
	struct source *source;
	struct level *level;
	bool pin;
	int r;

	*text = '\0';
	for (uint64_t i = 0; ; i++) {
		r = composite_entry(c, l, i, name, &level, &source, &pin);
		if (r == -ENOENT)
			return text;
		if (r == -EAGAIN)
			continue;
		ck_assert_int_eq(r, 0);
		ck_assert(!level != !source);
		strcat(strcat(text, name), " ");
	}
}

static struct source *recall(const char *name, const char *location)
{
	struct source *s;

	ck_assert_int_eq(composite_recall(c, name, location, &s), 0);
	return s;
}

static int add_pattern(struct composite *to, const char *name, const char *url)
{
	return composite_add_pattern(to, name,
				     &(struct fs_pattern){ .url = url });
}

START_TEST(sources_and_their_refs)
{
	struct composite_name cn;

	ck_assert_int_eq(composite_add(c, "a", "/a", NULL, NULL), 0);
	ck_assert_int_eq(composite_add(c, "a@b", "/y", "v1", NULL), 0);
	ck_assert_str_eq(listing(top), "a a@@ a@b a@b@@ ");
	ck_assert_uint_eq(composite_sources(c), 2);

	ck_assert_int_eq(parse(top, "a", &cn), 0);
	ck_assert(cn.what == COMPOSITE_ROOT && !*cn.ref);
	ck_assert_str_eq(cn.source->location, "/a");
	ck_assert_int_eq(parse(top, "a@@", &cn), 0);
	ck_assert(cn.what == COMPOSITE_PIN);
	ck_assert_str_eq(cn.source->location, "/a");
	/* A source comes before a ref of another one. */
	ck_assert_int_eq(parse(top, "a@b", &cn), 0);
	ck_assert_str_eq(cn.source->location, "/y");
	ck_assert_str_eq(cn.source->ref, "v1");
	ck_assert_int_eq(parse(top, "a@c", &cn), 0);
	ck_assert_str_eq(cn.source->location, "/a");
	ck_assert_str_eq(cn.ref, "c");
	ck_assert_int_eq(parse(top, "a@x%2Fy%25@z", &cn), 0);
	ck_assert_str_eq(cn.ref, "x/y%@z");

	ck_assert(unknown(top, "b"));
	ck_assert(unknown(top, "A"));
	ck_assert(unknown(top, ""));
	ck_assert(unknown(top, "@"));
	ck_assert(unknown(top, "a@"));
	ck_assert(unknown(top, "b@c"));
	ck_assert(unknown(top, "a@x%2f"));
	ck_assert(unknown(top, "a@x%41"));
	ck_assert(unknown(top, "a@x%"));
	ck_assert(unknown(top, "a@x/y"));
	ck_assert_int_eq(composite_parse(c, top, "a\0b", 3, &cn), -ENOENT);
}
END_TEST

START_TEST(names_are_taken_once)
{
	struct composite_name cn;

	ck_assert_int_eq(composite_add(c, "git", "/srv/git", NULL, NULL), 0);
	ck_assert_int_eq(composite_add(c, "git", "/else", "x", NULL), -EEXIST);
	ck_assert_int_eq(composite_add(c, "git/x", "/x", NULL, NULL), -EEXIST);
	ck_assert_int_eq(add_pattern(c, "git", "/s/{repo}"), -EEXIST);
	ck_assert_int_eq(parse(top, "git", &cn), 0);
	ck_assert_str_eq(cn.source->location, "/srv/git");
}
END_TEST

START_TEST(impossible_names)
{
	static const char *const bad[] = {
		"", ".", "..", ".git", ".GIT", "/", "a/", "/a", "a//b",
		"a/../b",
	};
	char longest[COMPOSITE_NAME_MAX + 2];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_int_eq(composite_add(c, bad[i], "/x", NULL, NULL),
				 -EINVAL);
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	ck_assert_int_eq(composite_add(c, longest, "/x", NULL, NULL), -EINVAL);
	longest[COMPOSITE_NAME_MAX] = '\0';
	ck_assert_int_eq(composite_add(c, longest, "/x", NULL, NULL), 0);
	ck_assert_int_eq(add_pattern(c, "p", "/srv/repo"), -EINVAL);
	ck_assert_int_eq(add_pattern(c, "p", "/srv/{}"), -EINVAL);
	ck_assert_int_eq(add_pattern(c, "p", "/srv/{x"), -EINVAL);
}
END_TEST

START_TEST(configured_levels)
{
	struct composite_name cn, in;

	ck_assert_int_eq(composite_add(c, "k/x/linux", "/l", NULL, NULL), 0);
	ck_assert_int_eq(composite_add(c, "k/git", "/g", NULL, NULL), 0);
	ck_assert_str_eq(listing(top), "k ");
	ck_assert_int_eq(parse(top, "k", &cn), 0);
	ck_assert(cn.what == COMPOSITE_LEVEL && cn.level);
	ck_assert_str_eq(listing(cn.level), "x git git@@ ");
	ck_assert_ptr_eq(level_parent(cn.level), top);
	ck_assert_ptr_eq(composite_level(c, level_id(cn.level)), cn.level);
	ck_assert_int_eq(parse(cn.level, "git", &in), 0);
	ck_assert_str_eq(in.source->name, "k/git");
	ck_assert_str_eq(in.source->base, "git");
	/* Nothing else is there: these levels are not open-ended. */
	ck_assert(unknown(cn.level, "other"));
	ck_assert(unknown(top, "k@main"));
	ck_assert(unknown(top, "k@@"));
}
END_TEST

static struct level *into(struct level *l, const char *name)
{
	CLEANUP_FREE char *path = NULL;
	struct composite_name cn;
	struct level *made;

	ck_assert_int_eq(parse(l, name, &cn), 0);
	ck_assert(cn.what == COMPOSITE_LEVEL);
	if (cn.level)
		return cn.level;
	ck_assert_int_eq(composite_level_path(l, cn.base, &path), 0);
	ck_assert_int_eq(composite_make_level(c, path, &made), 0);
	ck_assert_uint_eq(level_id(made), cn.level_id);
	return made;
}

static int permits(const char *const *allow, const char *const *deny,
		   const char *owner, const char *repo)
{
	struct composite_name cn;
	int r;

	c = composite_new(&ids);
	top = composite_top(c);
	r = composite_add_pattern(c, "hub", &(struct fs_pattern){
		.url = "https://h/{owner}/{repo}", .allow = allow,
		.deny = deny,
	});
	ck_assert_int_eq(r, 0);
	if (parse(into(top, "hub"), owner, &cn))
		r = 0;
	else if (!repo)
		r = 1;
	else
		r = parse(into(into(top, "hub"), owner), repo, &cn) == 0;
	composite_free(c);
	return r;
}

START_TEST(names_that_may_be)
{
	static const char *const some[] = { "torvalds", "git*/g?t", NULL };
	static const char *const none[] = { "evil", "*/secret*", NULL };
	static const char *const all[] = { NULL };

	composite_free(c);
	ck_assert(permits(NULL, NULL, "anybody", "any"));
	ck_assert(permits(all, all, "anybody", "any"));
	/* What is allowed, and nothing else. */
	ck_assert(permits(some, NULL, "torvalds", "linux"));
	ck_assert(permits(some, NULL, "gitster", "git"));
	ck_assert(!permits(some, NULL, "gitster", "linux"));
	ck_assert(!permits(some, NULL, "gitster", "git.git"));
	ck_assert(!permits(some, NULL, "torvald", NULL));
	ck_assert(!permits(some, NULL, "Torvalds", NULL));
	ck_assert(!permits(some, NULL, "others", NULL));
	ck_assert(permits(some, NULL, "github", NULL));
	/* What is denied, however it is written. */
	ck_assert(permits(NULL, none, "good", "repo"));
	ck_assert(!permits(NULL, none, "evil", NULL));
	ck_assert(!permits(NULL, none, "EVIL", NULL));
	ck_assert(permits(NULL, none, "evil2", "x"));
	ck_assert(!permits(NULL, none, "good", "secret"));
	ck_assert(!permits(NULL, none, "good", "Secret2"));
	ck_assert(!permits(NULL, none, "good", "secret.git"));
	ck_assert(!permits(NULL, none, "good", "secret@main"));
	ck_assert(permits(NULL, none, "secret", "repo"));
	ck_assert(!permits(some, none, "torvalds", "secrets"));
	c = composite_new(&ids);
}
END_TEST

START_TEST(whose_host_it_is)
{
	static const struct {
		const char *url;
		bool any;
	} all[] = {
		{ "https://h/{o}/{r}", false }, { "https://{h}/{r}", true },
		{ "https://{h}.example.org/{r}", true }, { "{h}:{r}", true },
		{ "https://h:{p}/{r}", true }, { "https://{u}@h/{r}", true },
		{ "h:{r}", false }, { "me@{h}:{r}", true },
		{ "ssh://{h}/{r}", true }, { "/{r}", false },
		{ "file:///{r}", false }, { "a/{r}", false },
		{ "{r}", false }, { "https://h?{r}", false },
	};
	static const struct backend_options token = { .token_file = "t" };
	char why[BACKEND_WHY];

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		ck_assert_msg(pattern_any_host(all[i].url) == all[i].any, "%s",
			      all[i].url);
	/* Then nothing tells who we are. */
	ck_assert_int_eq(pattern_check("https://{h}/{r}", NULL, why), 0);
	ck_assert_int_eq(pattern_check("https://{h}/{r}", &token, why),
			 -EINVAL);
	ck_assert_int_eq(pattern_check("ssh://{h}/{r}", NULL, why), -EINVAL);
	ck_assert_int_eq(pattern_check("{h}:{r}", NULL, why), -EINVAL);
	ck_assert_int_eq(pattern_check("https://h/{r}", &token, why), 0);
}
END_TEST

START_TEST(any_owner_any_repository)
{
	struct source *s, *same, *twin;
	struct composite_name cn;
	struct level *hub, *owner;

	ck_assert_int_eq(add_pattern(c, "hub",
					       "https://h/{owner}/{repo}.git"),
			 0);
	ck_assert_str_eq(listing(top), "hub ");
	hub = into(top, "hub");
	ck_assert_str_eq(listing(hub), "");
	owner = into(hub, "torvalds");
	ck_assert_ptr_eq(into(hub, "torvalds"), owner);
	ck_assert_ptr_eq(level_parent(owner), hub);
	/* It has shown nothing yet. */
	ck_assert_str_eq(listing(hub), "");

	ck_assert_int_eq(parse(owner, "linux@v6.8", &cn), 0);
	ck_assert(cn.what == COMPOSITE_ROOT && !cn.source);
	ck_assert_str_eq(cn.base, "linux");
	ck_assert_str_eq(cn.ref, "v6.8");
	ck_assert_int_eq(composite_make(c, owner, "linux", &s), 0);
	ck_assert_str_eq(s->location, "https://h/torvalds/linux.git");
	ck_assert_str_eq(s->name, "hub/torvalds/linux");
	ck_assert(!composite_has(c, s));
	ck_assert_int_eq(composite_make(c, owner, "linux", &twin), 0);

	ck_assert_int_eq(composite_attach(c, s, &same), 0);
	ck_assert_ptr_eq(same, s);
	ck_assert(composite_has(c, s));
	ck_assert_str_eq(listing(hub), "torvalds ");
	ck_assert_str_eq(listing(owner), "linux linux@@ ");
	/* Two who made it at once end with one. */
	ck_assert_int_eq(composite_attach(c, twin, &same), 0);
	ck_assert_ptr_eq(same, s);
	ck_assert_int_eq(composite_attach(c, s, &same), 0);
	ck_assert_str_eq(listing(owner), "linux linux@@ ");
	ck_assert_int_eq(parse(owner, "linux@@", &cn), 0);
	ck_assert(cn.what == COMPOSITE_PIN && cn.source == s);
	ck_assert_uint_eq(composite_sources(c), 1);
}
END_TEST

/* None of these is asked of anybody. */
START_TEST(what_no_owner_is_called)
{
	static const char *const none[] = {
		".DS_Store", "._x", ".git", ".hidden", "-x", "a b", "a/b",
		"a@b", "a%2Fb", "\xff", "a\nb", "autorun.inf", "node_modules",
		"Icon\r", "a?b", "a#b", "a:b", "..", ".",
	};
	struct level *hub, *owner;
	char name[102];

	ck_assert_int_eq(add_pattern(c, "hub", "http://h/{o}/{r}"),
			 0);
	hub = into(top, "hub");
	owner = into(hub, "o");
	for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
		ck_assert_msg(unknown(hub, none[i]), "%s", none[i]);
		if (!strchr(none[i], '@'))
			ck_assert_msg(unknown(owner, none[i]), "%s", none[i]);
	}
	memset(name, 'x', sizeof name);
	name[101] = '\0';
	ck_assert(unknown(hub, name));
	name[100] = '\0';
	ck_assert(!unknown(hub, name));
}
END_TEST

START_TEST(patterns)
{
	static const struct {
		const char *url, *location;
	} all[] = {
		{ "/srv/{r}.git", "/srv/one.git" },
		{ "/{r}/{r}", "/one/one" },
		{ "{r}{", "one{" },
	};
	char name[8];

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		struct source *s;

		snprintf(name, sizeof name, "p%zu", i);
		ck_assert_int_eq(add_pattern(c, name, all[i].url), 0);
		ck_assert_int_eq(composite_make(c, into(top, name), "one", &s),
				 0);
		ck_assert_str_eq(s->location, all[i].location);
		source_free(s);
	}
	struct source *s;

	ck_assert_int_eq(add_pattern(c, "g",
					       "x:{a}/{b}/{c}?{b}{a}"), 0);
	ck_assert_int_eq(composite_make(c, into(into(into(top, "g"), "A"),
						"B"), "C", &s), 0);
	ck_assert_str_eq(s->location, "x:A/B/C?BA");
	source_free(s);
}
END_TEST

START_TEST(patterns_are_checked)
{
	static const struct {
		const char *url;
		int err;
	} all[] = {
		{ "/{r}", 0 }, { "/tmp/{r}.git", 0 }, { "/tmp/x{o}/{r}", 0 },
		{ "file:///tmp/{r}", 0 },
		{ "{r}", 0 },
		{ "/no/such/place/{r}", -ENOTDIR },
		{ "/no/such/place/x{r}", -ENOTDIR },
		{ "/dev/null/{r}", -ENOTDIR },
		{ "/tmp", -EINVAL }, { "/tmp/{}", -EINVAL }, { "", -EINVAL },
		{ "/{1}{2}{3}{4}{5}{6}{7}{8}{9}{a}{b}{c}{d}{e}{f}{g}", 0 },
		{ "/{1}{2}{3}{4}{5}{6}{7}{8}{9}{a}{b}{c}{d}{e}{f}{g}{h}",
		  -EINVAL },
		{ "/{1}{2}{3}{4}{5}{6}{7}{8}{9}{a}{b}{c}{d}{e}{f}{g}{h}{i}{j}"
		  "{k}{l}{m}{n}{o}{p}{q}{r}{s}{t}{u}{v}{w}{x}{y}{z}",
		  -EINVAL },
		{ "nonsense://h/{r}", -EPROTONOSUPPORT },
		{ "host:{r}", 0 },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		char why[BACKEND_WHY] = "";

		ck_assert_msg(pattern_check(all[i].url, NULL, why) ==
			      all[i].err, "%s: %s", all[i].url, why);
		ck_assert(!all[i].err || (*why && !strchr(why, '\n')));
	}
}
END_TEST

START_TEST(what_the_journal_recalls)
{
	struct level *hub;
	struct source *s;

	ck_assert_int_eq(composite_add(c, "own", "/own", NULL, NULL), 0);
	ck_assert_int_eq(add_pattern(c, "hub", "h:{o}/{r}"), 0);
	ck_assert_ptr_nonnull(recall("own", "/own"));
	ck_assert_ptr_null(recall("own", "/other"));
	ck_assert_ptr_null(recall("gone", "/gone"));
	ck_assert_ptr_null(recall("hub", "h:"));
	ck_assert_ptr_null(recall("hub/o", "h:o"));
	ck_assert_ptr_null(recall("hub/o/r", "elsewhere:o/r"));
	ck_assert_ptr_null(recall("hub/o/r", "h:o/re"));
	ck_assert_ptr_null(recall("hub/o/r", "h:o/"));
	ck_assert_ptr_null(recall("hub/o/r", "h:o"));
	ck_assert_ptr_null(recall("hub/o/.x", "h:o/.x"));
	s = recall("hub/o/r", "h:o/r");
	ck_assert_ptr_nonnull(s);
	ck_assert_ptr_eq(recall("hub/o/r", "h:o/r"), s);
	hub = into(top, "hub");
	ck_assert_str_eq(listing(hub), "o ");
	ck_assert_str_eq(listing(into(hub, "o")), "r r@@ ");
	ck_assert_int_eq(add_pattern(c, "web", "http://h/{r}/{o}/{r}"), 0);
	ck_assert_ptr_null(recall("web/r/o", "http://h/r/o/o"));
	ck_assert_ptr_nonnull(recall("web/r/o", "http://h/r/o/r"));
	ck_assert_ptr_null(recall("web/a/b+c", "http://h/a/b+c/a"));
	ck_assert_ptr_nonnull(recall("web/a/b+c", "http://h/a/b%2Bc/a"));
}
END_TEST

static bool is(struct timespec t, time_t sec)
{
	return t.tv_sec == sec && !t.tv_nsec;
}

static struct timespec at(time_t sec)
{
	return (struct timespec){ .tv_sec = sec };
}

START_TEST(times)
{
	struct level *hub, *owner;
	struct source *s;

	ck_assert_int_eq(composite_add(c, "own", "/own", NULL, NULL), 0);
	ck_assert_int_eq(add_pattern(c, "hub", "h:{o}/{r}"), 0);
	composite_start(c, at(100));
	hub = into(top, "hub");
	owner = into(hub, "o");
	ck_assert(is(level_changed(c, owner), 100));
	/* The first time, all that list it have changed. */
	s = recall("hub/o/r", "h:o/r");
	ck_assert(is(composite_floor(c, s, "v1"), 100));
	composite_touch(c, s, "v1", at(200));
	ck_assert(is(level_changed(c, owner), 200));
	ck_assert(is(level_changed(c, hub), 200));
	ck_assert(is(level_changed(c, top), 100));
	/* Then its level when it moves, and nobody when a ref does. */
	ck_assert(is(composite_floor(c, s, NULL), 200));
	ck_assert(is(composite_floor(c, s, "v2"), 0));
	composite_touch(c, s, NULL, at(300));
	composite_touch(c, s, "v2", at(400));
	ck_assert(is(level_changed(c, owner), 300));
	ck_assert(is(level_changed(c, hub), 200));
	/* All have to see another one come. */
	ck_assert_int_eq(composite_make(c, owner, "r2", &s), 0);
	ck_assert(is(composite_floor(c, s, "v1"), 300));
	source_free(s);
	ck_assert_int_eq(composite_make(c, into(hub, "p"), "r", &s), 0);
	ck_assert(is(composite_floor(c, s, NULL), 200));
	source_free(s);
	/* Not those that listed its level before. */
	s = recall("hub/o/r3", "h:o/r3");
	composite_touch(c, s, "v1", at(300));
	ck_assert(is(level_changed(c, hub), 200));
	s = recall("hub/o/r", "h:o/r");
	/* Never back, but always on. */
	composite_touch(c, s, NULL, at(250));
	ck_assert_int_eq(level_changed(c, owner).tv_sec, 300);
	ck_assert_int_eq(level_changed(c, owner).tv_nsec, 2);
	/* What is configured is listed from the start. */
	s = recall("own", "/own");
	composite_touch(c, s, "v1", at(500));
	ck_assert(is(level_changed(c, top), 100));
	composite_touch(c, s, NULL, at(600));
	ck_assert(is(level_changed(c, top), 600));
}
END_TEST

/* Clients believe that a name is not there until its level's times move. */
START_TEST(a_denied_name)
{
	struct timespec t;

	composite_start(c, at(100));
	clock_freeze();
	composite_denied(c, top);
	clock_advance(900);
	ck_assert(is(level_changed(c, top), 100));
	composite_denied(c, top);
	clock_advance(100);
	t = level_changed(c, top);
	ck_assert_int_gt(t.tv_sec, 100);
	clock_advance(10000);
	ck_assert_int_eq(level_changed(c, top).tv_sec, t.tv_sec);
	ck_assert_int_eq(level_changed(c, top).tv_nsec, t.tv_nsec);
	clock_thaw();
}
END_TEST

/* Places in a listing stay while it grows, also with very many names. */
START_TEST(ten_thousand)
{
	struct level *level, *p;
	struct source *s;
	char name[32], got[FS_NAME_MAX + 1];
	bool pin;

	ck_assert_int_eq(add_pattern(c, "p", "/srv/{r}"), 0);
	p = into(top, "p");
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "r%d", i * 7919 % 10000);
		ck_assert_int_eq(composite_make(c, p, name, &s), 0);
		ck_assert_int_eq(composite_attach(c, s, &s), 0);
	}
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof name, "r%d", i * 7919 % 10000);
		ck_assert_int_eq(composite_entry(c, p, 2u * (unsigned)i, got,
						 &level, &s, &pin), 0);
		ck_assert_str_eq(got, name);
		ck_assert_str_eq(s->base, name);
	}
	ck_assert_uint_eq(composite_sources(c), 10000);
}
END_TEST

/* Names that go leave those that stay where they are found. */
START_TEST(many_go)
{
	enum { N = 300, EACH = 3 };
	char name[N][16];
	struct fs_place left[N];
	struct composite_name cn;

	for (int i = 0; i < N; i++) {
		snprintf(name[i], sizeof name[i], "n%d", i);
		ck_assert_int_eq(composite_add(c, name[i], "/n", NULL, NULL), 0);
	}
	for (size_t step = EACH; step < N; step *= EACH) {
		size_t n = 0;

		for (size_t i = 0; i < N; i += step)
			left[n++] = (struct fs_place){ .name = name[i],
						       .location = "/n" };
		ck_assert_int_eq(composite_change(c, left, n, step, NULL), 0);
		for (size_t i = 0; i < N; i++)
			ck_assert_int_eq(parse(top, name[i], &cn),
					 i % step ? -ENOENT : 0);
		ck_assert_uint_eq(composite_sources(c), n);
	}
}
END_TEST

/* Another pattern for /hub, and nothing else. */
static void change_hub(const struct fs_pattern *pattern, unsigned rule,
		       uint32_t refresh)
{
	struct fs_place place = {
		.name = "hub",
		.pattern = pattern,
		.rule = rule,
		.refresh = refresh,
	};

	ck_assert_int_eq(composite_change(c, &place, 1, 1, NULL), 0);
}

/* A repository that somebody asked for before a reload, and that turns out to
 * be there only after it, is what the new configuration says, or nothing. */
START_TEST(found_after_a_change)
{
	static const char *const deny[] = { "*/secret", NULL };
	const struct fs_pattern same = { .url = "/srv/{o}/{r}" };
	const struct fs_pattern moved = { .url = "/mnt/{o}/{r}" };
	const struct fs_pattern strict = { .url = "/srv/{o}/{r}",
					   .deny = deny };
	struct source *s, *secret, *got;
	struct level *owner;

	ck_assert_int_eq(add_pattern(c, "hub", same.url), 0);
	owner = into(into(top, "hub"), "o");
	ck_assert_int_eq(composite_make(c, owner, "r", &s), 0);
	change_hub(&moved, 0, 0);
	ck_assert_int_eq(composite_attach(c, s, &got), -ESTALE);
	ck_assert(!composite_has(c, s));
	ck_assert_str_eq(listing(into(top, "hub")), "");
	change_hub(&same, 0, 0);
	ck_assert_int_eq(composite_make(c, owner, "secret", &secret), 0);
	change_hub(&strict, 7, 500);
	ck_assert_int_eq(composite_attach(c, secret, &got), -ESTALE);
	ck_assert(unknown(owner, "secret"));
	source_free(secret);
	/* Who may see it, and how old it may be, is what is said now. */
	ck_assert_int_eq(composite_attach(c, s, &got), 0);
	ck_assert_ptr_eq(got, s);
	ck_assert_uint_eq(s->rule, 7);
	ck_assert_uint_eq(s->refresh, 500);
	/* And how it is asked. */
	ck_assert(s->outdated);
}
END_TEST

/* One that ends early, for want of memory as a rule, leaves nobody the number of
 * another's rule. */
START_TEST(rules_come_first)
{
	const struct fs_pattern pattern = { .url = "/srv/{o}/{r}" };
	struct fs_place place[] = {
		{ .name = "..", .location = "/nowhere" },
		{ .name = "hub", .pattern = &pattern, .same = true, .rule = 7 },
	};

	ck_assert_int_eq(add_pattern(c, "hub", pattern.url), 0);
	ck_assert_int_eq(composite_change(c, place, 2, 1, NULL), -EINVAL);
	ck_assert_uint_eq(level_rule(into(top, "hub")), 7);
	ck_assert_uint_eq(level_rule(into(into(top, "hub"), "o")), 7);
}
END_TEST

static char *in(const char *dir, const char *name)
{
	char *path;

	ck_assert_int_gt(asprintf(&path, "%s/%s", dir, name), 0);
	return path;
}

/* What cannot be opened as is said now is not asked as was said before, and
 * is tried again. */
START_TEST(opened_as_is_said_now)
{
	CLEANUP_FREE char *dir = scratch_dir(), *repo = in(dir, "r");
	CLEANUP_FREE char *aside = in(dir, "aside"), *url = in(dir, "{r}");
	const struct fs_pattern pattern = { .url = url };
	char why[BACKEND_WHY], git[PATH_MAX];
	struct backend *before;
	struct source *s;

	snprintf(git, sizeof git, "git init -q --bare %s", repo);
	ck_assert_int_eq(system(git), 0);
	ck_assert_int_eq(add_pattern(c, "hub", url), 0);
	ck_assert_int_eq(composite_make(c, into(top, "hub"), "r", &s), 0);
	ck_assert_int_eq(source_open(s, why), 0);
	ck_assert_int_eq(composite_attach(c, s, &s), 0);
	before = s->backend;
	change_hub(&pattern, 0, 0);
	ck_assert_int_eq(rename(repo, aside), 0);
	ck_assert_int_ne(source_open(s, why), 0);
	ck_assert_ptr_eq(s->backend, before);
	ck_assert_int_eq(rename(aside, repo), 0);
	ck_assert_int_eq(source_open(s, why), 0);
	ck_assert_ptr_ne(s->backend, before);
	before = s->backend;
	ck_assert_int_eq(source_open(s, why), 0);
	ck_assert_ptr_eq(s->backend, before);
}
END_TEST

static void add(TCase *t)
{
	tcase_add_unchecked_fixture(t, scratch_start, scratch_stop);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, sources_and_their_refs);
	tcase_add_test(t, names_are_taken_once);
	tcase_add_test(t, impossible_names);
	tcase_add_test(t, configured_levels);
	tcase_add_test(t, any_owner_any_repository);
	tcase_add_test(t, names_that_may_be);
	tcase_add_test(t, whose_host_it_is);
	tcase_add_test(t, what_no_owner_is_called);
	tcase_add_test(t, patterns);
	tcase_add_test(t, patterns_are_checked);
	tcase_add_test(t, what_the_journal_recalls);
	tcase_add_test(t, times);
	tcase_add_test(t, a_denied_name);
	tcase_add_test(t, ten_thousand);
	tcase_add_test(t, many_go);
	tcase_add_test(t, found_after_a_change);
	tcase_add_test(t, rules_come_first);
	tcase_add_test(t, opened_as_is_said_now);
}

int main(void)
{
	return suite_run("composite", 60, add, NULL);
}
