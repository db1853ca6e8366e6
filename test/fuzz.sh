#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# fuzz.sh NAME [MINUTES] - look for inputs that break what test/fuzz_NAME
# tries out, for so many minutes of a processor that has nothing else to do.
# What it learns stays in corpus.NAME, what it finds in found.NAME, both
# where it is started: the build directory, configured with --enable-fuzzers.
set -eu -o pipefail
name=${1:?which one: make fuzz NAME=pack}
minutes=${2:-1}
known=$(dirname "$0")/corpus/$name
mkdir -p "corpus.$name" "found.$name"
# Nothing it writes outlives it; and it may be built anew meanwhile.
TMPDIR=$(mktemp -d "${XDG_RUNTIME_DIR:-/tmp}/fuzz.XXXXXX")
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
cp "test/fuzz_$name" "$TMPDIR/program"
idle=(nice -n 19)
! command -v chrt >/dev/null || idle=(chrt -i 0 "${idle[@]}")

used=0
count() {	# seconds of the processor, by all that has been run here
	times >"$TMPDIR/times"	# which a shell of its own would not know
	used=$(awk 'NR == 2 { split($1, u, /[ms]/); split($2, s, /[ms]/)
		print int(60 * (u[1] + s[1]) + u[2] + s[2]) }' "$TMPDIR/times")
}

# A piece at a time, as libFuzzer goes by the clock.  Its entropic schedule
# would take two thirds of the time where much can be covered.
executions=0 status=0
while [ $status -eq 0 ] && [ "$used" -lt $((minutes * 60)) ]; do
	"${idle[@]}" "$TMPDIR/program" -max_total_time=60 -entropic=0 \
		-artifact_prefix="found.$name/" -timeout=10 \
		-rss_limit_mb=1024 -max_len=65536 -print_final_stats=1 \
		"corpus.$name" "$known" 2>&1 | tee "$TMPDIR/log" || status=$?
	executions=$((executions + $(sed -n \
		's/^stat::number_of_executed_units: *//p' "$TMPDIR/log" |
		grep . || echo 0)))
	covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$TMPDIR/log" |
		tail -n 1)
	count
done
echo "$name: $used s of CPU time, $executions executions," \
	"${covered:-0} edges, $(find "found.$name" -type f | wc -l) findings"
exit $status
