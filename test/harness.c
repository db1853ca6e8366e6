/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
#include "test/harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/backend.h"
#include "cache/fs.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "nfsd/server.h"
#include "test/fake.h"
#include "test/scratch.h"
#include "test/suite.h"

/* Nothing is told to come back because the machine is busy. */
enum { MEMORY = 64 << 20, LOOPS = 2, JUKEBOX_MS = 120000 };

/* ---- the program ---- */

int harness_main(const char *name, double timeout_s, ...)
{
	va_list add;
	int status;

	git_be_neutral();
	log_set_level(LOG_ERROR);
	scratch_start();
	va_start(add, timeout_s);
	status = suite_run_these(name, timeout_s, add);
	va_end(add);
	scratch_stop();
	return status;
}

const char *harness_repo(const char *kind)
{
	static struct {
		const char *kind;
		char *dir;
	} made[8];
	const char *srcdir = getenv("srcdir");
	size_t i;

	for (i = 0; made[i].kind; i++)
		if (!strcmp(made[i].kind, kind))
			return made[i].dir;
	ck_assert_uint_lt(i + 1, sizeof made / sizeof *made);
	made[i].kind = kind;
	made[i].dir = scratch_dir();
	shell("sh '%s/test/oddrepo.sh' '%s' '%s'", srcdir ? srcdir : ".",
	      made[i].dir, kind);
	return made[i].dir;
}

bool harness_slow(void)
{
	const char *slow = getenv("GITNFS_SLOW");

	return slow && !strcmp(slow, "1");
}

uint64_t harness_memory(void)
{
	CLEANUP_FREE char *line = NULL;
	size_t cap = 0;
	unsigned long kib = 0;
	FILE *f;

#ifdef SANITIZED
	return 0;
#endif
	f = fopen("/proc/self/status", "r");
	ck_assert_ptr_nonnull(f);
	while (getline(&line, &cap, f) > 0)
		if (sscanf(line, "RssAnon: %lu kB", &kib) == 1)
			break;
	fclose(f);
	ck_assert_uint_ne(kib, 0);
	return (uint64_t)kib << 10;
}

/* ---- the server ---- */

static void add_source(struct harness *h, const struct source *s)
{
	char why[FS_WHY] = "";
	struct backend *b;

	if (s->pattern) {
		ck_assert_msg(!fs_add_pattern(h->fs, s->name,
					      &(struct fs_pattern){
						      .url = s->pattern,
					      }, why), "%s", why);
		return;
	}
	if (s->fake)
		b = fake_backend(s->fake);
	else
		ck_assert_msg(!backend_open(&b, s->path, why), "%s", why);
	ck_assert_msg(!fs_add(h->fs, s->name, s->fake ? s->name : s->path,
			      s->ref, b, why), "%s", why);
}

/* NULL: none of them has one. */
static const struct rule **root_rules(const struct harness *h)
{
	const struct rule **rule = NULL;

	for (size_t i = 0; i < h->nsource; i++) {
		if (!h->source[i].rule)
			continue;
		if (!rule)
			rule = calloc(h->nsource, sizeof *rule);
		ck_assert_ptr_nonnull(rule);
		rule[i] = h->source[i].rule;
	}
	return rule;
}

static void start(struct harness *h)
{
	const char *listen = h->listen ? h->listen : "127.0.0.1:0";
	CLEANUP_FREE char *state = NULL, *cache = NULL;
	char why[FS_WHY] = "";
	struct sockets sockets = { 0 };
	const char *port;

	ck_assert_int_ge(asprintf(&state, "%s/state", h->dir), 0);
	ck_assert_int_ge(asprintf(&cache, "%s/cache", h->dir), 0);
	h->root_rule = root_rules(h);
	const struct fs_options fo = {
		.state_dir = state,
		.cache_dir = cache,
		.memory = h->memory ? h->memory : MEMORY,
		.threads = h->threads,
		.ref_ttl = h->ref_ttl,
		.prefetch = h->prefetch,
		.disk = h->disk,
	};
	const struct server_options so = {
		.sockets = &sockets,
		.listen_rule = &h->rule,
		.rule = h->root_rule,
		.nrule = h->root_rule ? h->nsource : 0,
		.state_dir = state,
		.loops = h->loops ? h->loops : LOOPS,
		.jukebox_ms = h->jukebox_ms ? h->jukebox_ms : JUKEBOX_MS,
		.connections = h->connections,
	};

	ck_assert_msg(!fs_new(&h->fs, &fo, why), "%s", why);
	for (size_t i = 0; i < h->nsource; i++) {
		add_source(h, &h->source[i]);
		if (h->root_rule)
			ck_assert(!fs_restrict(h->fs, h->source[i].name,
					       h->root_rule[i] ?
					       (unsigned)i + 1 : 0));
	}
	ck_assert_msg(!fs_start(h->fs, why), "%s", why);
	ck_assert_msg(!sockets_bind(&sockets, &listen, 1, h->portmap_port ?
				    SOCKETS_PORTMAP_MUST : SOCKETS_PORTMAP_OFF,
				    h->portmap_port, why), "%s", why);
	ck_assert_msg(!server_start(&h->server, &so, h->fs, why), "%s", why);
	sockets_close(&sockets);
	port = strrchr(server_address(h->server, 0), ':');
	ck_assert_ptr_nonnull(port);
	h->port = (uint16_t)strtoul(port + 1, NULL, 10);
}

void harness_start(struct harness *h)
{
	h->dir = scratch_dir();
	start(h);
}

int harness_stop_server(struct harness *h)
{
	return server_stop(h->server);
}

static void stop(struct harness *h)
{
	ck_assert_int_eq(server_stop(h->server), 0);
	fs_free(h->fs);
	free(h->root_rule);
	h->root_rule = NULL;
}

void harness_stop(struct harness *h)
{
	stop(h);
	free(h->dir);
	h->dir = NULL;
}

void harness_halt(struct harness *h)
{
	stop(h);
}

void harness_resume(struct harness *h)
{
	start(h);
}

void harness_restart(struct harness *h)
{
	stop(h);
	start(h);
}
