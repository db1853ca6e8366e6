/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Configuration files: any at all, and those that are made of what there is to
 * say.  Whatever is wrong is told in one line.
 *
 * The low bit of the first byte: the rest is a file; or lines, each a byte
 * that picks what it begins with, one with the length of what follows, and so
 * many bytes. */
#include <git2.h>
#include <string.h>

#include "nfsd/config/config.h"
#include "nfsd/config/config_rules.h"
#include "test/fuzz.h"
#include "test/fuzz_world.h"

static const char *const beginning[] = {
	"", "\t", "# ", "[source \"", "[root \"", "[listener \"", "[server]",
	"[cache]", "[state]", "[http]", "[include]\n\tpath = ", "\turl = ",
	"\turl = https://h/{a}/{b}.git", "\turl = /", "\tref = ",
	"\trefresh = ", "\ttoken-file = ", "\tuser = ", "\ttype = github",
	"\ttype = mesa\n\torg = ", "\tapi-url = https://", "\tallow = ",
	"\tallow-repository = ", "\tdeny-repository = ", "\tuid = ",
	"\treserved-port = ", "\tsecret-file = ", "\tlisten = ",
	"\tportmap = ", "\tmemory = ", "\tdisk = ", "\tloops = ",
	"\tallow-address = ", "\tca-file = ", "\tlog-level = ",
	"\tlog-format = ", "\tlog-to = ", "\tdir = ", "\tprefetch = ",
};
enum { BEGINNINGS = sizeof beginning / sizeof *beginning };

static void make_lines(FILE *out, struct fuzz *f)
{
	while (f->len) {
		const char *begin = beginning[fuzz_byte(f) % BEGINNINGS];
		size_t len = fuzz_byte(f);
		const uint8_t *rest = fuzz_bytes(f, &len);

		fputs(begin, out);
		fwrite(rest, 1, len, out);
		/* The end of a section's name, without which all is lost. */
		fputs(begin[0] == '[' && begin[1] && strchr(begin, '"') ?
		      "\"]\n" : "\n", out);
	}
}

static void check_why(const char *why)
{
	FUZZ_MUST(*why && !strchr(why, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char file[4200], state[4200], cache[4200];
	char program[] = "gitnfsd", option[] = "--config";
	char state_option[] = "--state-dir", cache_option[] = "--cache-dir";
	char *argv[] = { program, option, file, state_option, state,
			 cache_option, cache, NULL };
	struct fuzz f = { data, size };
	struct config_rules rules = { 0 };
	char why[CONFIG_WHY] = "";
	struct config c;
	FILE *out;

	if (!*file) {
		git_libgit2_init();     /* once, for it takes long */
		snprintf(file, sizeof file, "%s/conf", world_dir());
		snprintf(state, sizeof state, "%s/state", world_dir());
		snprintf(cache, sizeof cache, "%s/cache", world_dir());
	}
	out = fopen(file, "wb");
	FUZZ_MUST(out);
	if (fuzz_byte(&f) & 1)
		fwrite(f.data, 1, f.len, out);
	else
		make_lines(out, &f);
	FUZZ_MUST(!fclose(out));
	if (config_load(&c, 7, argv, why)) {
		check_why(why);
	} else {
		FUZZ_MUST(c.sources.n + c.roots.n && c.listen.n);
		if (config_rules_make(&c, &rules, why))
			check_why(why);
		config_rules_free(&rules);
	}
	config_free(&c);
	return 0;
}
