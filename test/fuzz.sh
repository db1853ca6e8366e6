#!/bin/sh
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# fuzz.sh NAME [MINUTES] - look for inputs that break what test/fuzz_NAME
# tries out, one process at low priority.  What it learns stays in
# corpus.NAME, what it finds in found.NAME, both where it is started: the
# build directory, configured with --enable-fuzzers.
set -eu
name=${1:?which one: make fuzz NAME=pack}
minutes=${2:-1}
known=$(dirname "$0")/corpus/$name
mkdir -p "corpus.$name" "found.$name"
# Nothing it writes outlives it.
TMPDIR=$(mktemp -d "${XDG_RUNTIME_DIR:-/tmp}/fuzz.XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
nice -n 19 "test/fuzz_$name" -max_total_time=$((minutes * 60)) \
	-artifact_prefix="found.$name/" -timeout=10 -rss_limit_mb=1024 \
	-max_len=65536 -print_final_stats=1 "corpus.$name" "$known"
