#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# cache.sh [REPOSITORY] - what the cache costs in memory and time: on a
# generated repository of a million files, and on REPOSITORY, such as
# Linux's, alone and as twenty of them within the default budget.
set -eu -o pipefail
bench=${builddir:-.}/test/bench_cache
dir=$(mktemp -d "${TMPDIR:-/tmp}/gitnfs-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null

uname -sm
grep -m1 'model name' /proc/cpuinfo || :

# A thousand directories of a thousand files with names of usual length.
million() {
	perl -e 'print "blob\nmark :1\ndata 2\nx\n\n",
		"commit refs/heads/main\ncommitter A <a\@b> 1700000000 +0000\n",
		"data 2\nm\n\n";
		for my $d (0 .. 999) {
			printf "M 100644 :1 directory-%03d/file-%03d-%04d.c\n",
				$d, $d, $_ for 0 .. 999;
		}
		print "done\n"'
}

echo
echo 'a million files'
git init -q -b main "$dir/million"
million | git -C "$dir/million" fast-import --quiet --done
"$bench" "$dir/million"

[ $# -gt 0 ] || exit 0
echo
echo "$(git -C "$1" ls-tree -r --name-only HEAD | wc -l) files of $1"
"$bench" "$1"
echo
"$bench" -n 20 -r "$1"
