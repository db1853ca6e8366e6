#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# Hosts that do not do as they should: each is an error in its time, is
# counted, and the log has one line that says what to do.
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"
command -v perl >/dev/null || skip 'no perl'
gitnfs=$PWD/gitnfs

mkdir -p "$dir/host/repos"
git init -q -b main "$dir/host/repos/r"
head -c 100000 /dev/urandom >"$dir/host/repos/r/file"
git -C "$dir/host/repos/r" -c user.name=t -c user.email=t@example.org add file
git -C "$dir/host/repos/r" -c user.name=t -c user.email=t@example.org \
	commit -q -m one
start_host "$dir/host"

# NAME, FAULT, and what the log says of it.
cases=(
	'flipped   post-flip=40             why=.*git.fsck'
	'cut       post-cut=60000           why=.*was.cut'
	'nonsense  get-type=text:html       why="127.*text/html'
	'old       v0                       why=.*version.2'
	'refused   status=403,says=Blocked  why="127.*HTTP.403:.Blocked'
	'unknown   status=401               why="127.*token-file'
	'busy      status=429,after=1000    why="127.*rate.limited.until.*token-file'
	'away      get-redirect=x,host=gitnfs.localhost  why="gitnfs.localhost.*allow-address'
)
sources=("gone=http://127.0.0.1:1/r" "nowhere=http://gitnfs.invalid/r")
for c in "${cases[@]}"; do
	read -r name fault _ <<<"$c"
	sources+=("$name=$host/$fault/r")
done
export no_proxy='*' HOME=$dir
serve "${sources[@]}"
for s in "${sources[@]}"; do
	# Since one that is busy is so to all who ask as we do.
	[ "${s%%=*}" = busy ] || ! timeout "$PATIENCE" "$gitnfs" \
		-s "$dir/state" warm "${s%%=*}" >/dev/null 2>&1 ||
		fail "${s%%=*} was brought"
done
! timeout "$PATIENCE" "$gitnfs" -s "$dir/state" warm busy >/dev/null 2>&1 ||
	fail 'busy was brought'
kill -USR1 "$server"
end_server TERM || fail 'SIGTERM'

said() {	# NAME REGEX
	grep -qE "msg=\"fetch failed\" source=$1 .*$2" "$dir/log" ||
		fail "nothing like '$2' about $1"
}
said gone 'why="127.0.0.1:1: .*check that it runs'
said nowhere 'why="gitnfs.invalid: .*check its name'
for c in "${cases[@]}"; do
	read -r name _ text <<<"$c"
	said "$name" "$text"
done
# One line each, but for what is asked for again when it failed.
[ "$(grep -c 'fetch failed' "$dir/log")" -le 40 ] || fail 'too many lines'
grep -qE 'msg="trouble" unsound=[1-9][0-9]* gone=[1-9][0-9]* refused=[1-9][0-9]* limited=[1-9]' \
	"$dir/log" || fail "counted: $(grep 'msg="trouble"' "$dir/log")"
