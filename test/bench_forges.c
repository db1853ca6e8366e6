/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* How many requests of a host it takes to list and read a repository of 2,000
 * files, for every type of root: doc/forges.md. */
#include <stdio.h>

#include "test/crawler.h"
#include "test/forges.h"
#include "test/githost.h"
#include "test/suite.h"

enum { FILES = 2000 };          /* of the large repository */

static void ignore(void *arg, const char *path, const void *data, size_t len)
{
	(void)arg, (void)path, (void)data, (void)len;
}

static void list_one(const char *path)
{
	crawler_list(server.port, path, true);
}

static void cat_one(const char *path)
{
	char file[LINE];

	snprintf(file, sizeof file, "%.1000s/d1/f1", path);
	crawler_file(server.port, file);
}

static void find_all(const char *path)
{
	struct crawler c = { .port = server.port, .path = path };

	crawler_run(&c);
}

static void read_all(const char *path)
{
	struct crawler c = { .port = server.port, .path = path, .readers = 1,
			     .each = ignore };

	crawler_run(&c);
	ck_assert_uint_eq(c.files, FILES);
}

START_TEST(requests)
{
	static const struct {
		const char *name;
		void (*work)(const char *path);
	} work[] = {
		{ "ls", list_one }, { "cat", cat_one }, { "find", find_all },
		{ "grep -r", read_all },
	};

	printf("%-18s %10s %10s %10s %10s   (API + git)\n", "requests for",
	       "ls", "cat", "find", "grep -r");
	for (int r = 0; r < ROOTS; r++) {
		printf("%-18s", roots[r].title);
		for (size_t i = 0; i < 4; i++) {
			char text[32];

			forget_all();
			start_root(&roots[r], work[i].name);
			work[i].work(path_at(&roots[r], "large"));
			server_stop();
			snprintf(text, sizeof text, "%u + %u",
				 githost_count("^GET /[^/]*/(github|mesa[^/]*)/"),
				 githost_count("authorization=|protocol=git"));
			printf(" %10s", text);
			fflush(stdout);
		}
		putchar('\n');
	}
}
END_TEST

static void make_large(void)
{
	shell("set -e; cd repos/octo; git init -q -b main l; cd l;"
	      "for d in $(seq 40); do mkdir d$d; for f in $(seq %d); do"
	      " echo $d $f >d$d/f$f; done; done; git add -A;"
	      "git commit -qm large; git clone -q --bare . ../large.git;"
	      "git -C ../large.git config uploadpack.allowFilter true",
	      FILES / 40);
}

static void add(TCase *c)
{
	tcase_add_test(c, requests);
}

int main(void)
{
	if (!forges_start())
		return githost_skip("needs perl");
	make_large();
	return githost_exit(suite_run("bench_forges", 1200, add, NULL));
}
