/* SPDX-License-Identifier: MIT
 * Copyright (C) 2026 the gitnfs authors
 * gitnfs: git repositories as a read-only file system over NFSv3
 */
/* Try the inputs in the files and directories that are named; without any,
 * those of the corpus. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "test/fuzz.h"

static unsigned tried;

static void fail(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	exit(EXIT_FAILURE);
}

static void try_file(const char *path, size_t size)
{
	/* Just as long as it is, so that a sanitizer sees its end. */
	CLEANUP_FREE uint8_t *data = malloc(size);
	FILE *f = fopen(path, "rb");

	if (!f || (size && !data) || fread(data, 1, size, f) != size)
		fail(path);
	fclose(f);
	/* To find it in a log, should it be the last. */
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(data, size);
	tried++;
}

static void try_path(const char *path)
{
	struct dirent **entry;
	struct stat st;
	int n;

	if (stat(path, &st))
		fail(path);
	if (!S_ISDIR(st.st_mode)) {
		try_file(path, (size_t)st.st_size);
		return;
	}
	n = scandir(path, &entry, NULL, alphasort);
	if (n < 0)
		fail(path);
	for (int i = 0; i < n; i++) {
		char below[4096];

		snprintf(below, sizeof below, "%s/%s", path,
			 entry[i]->d_name);
		if (entry[i]->d_name[0] != '.')
			try_path(below);
		free(entry[i]);
	}
	free(entry);
}

/* ".../fuzz_NAME" has its inputs in test/corpus/NAME. */
static void try_corpus(const char *program)
{
	const char *name = strrchr(program, '_'), *dir = getenv("srcdir");
	char path[4096];

	snprintf(path, sizeof path, "%s/test/corpus/%s", dir ? dir : ".",
		 name ? name + 1 : "");
	try_path(path);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		try_path(argv[i]);
	if (argc == 1)
		try_corpus(argv[0]);
	printf("%u inputs\n", tried);
	return tried ? EXIT_SUCCESS : EXIT_FAILURE;
}
