#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# The odd repository, mounted by the real Linux client: what ordinary tools
# see there is what git has.
#
# shellcheck disable=SC2016	# it is the guest that expands
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/../..}/test/functions.sh"
kernel=$(cd "$srcdir/test/kernel" && pwd)

why=$("$kernel/vm" --check 2>&1) || skip "$why"

repo=$dir/odd
"$srcdir/test/oddrepo.sh" "$repo"
git() { command git -C "$repo" "$@"; }
"$kernel/expect" "$repo" main >"$dir/main.expected"
"$kernel/expect" "$repo" main:history >"$dir/history.expected"

# A commit that replaces one file and adds another, to be shown later.
oid=$(git rev-parse main)
old=$(git cat-file blob main:sizes/9000001 | sha256sum)
new=$(git cat-file blob main:sizes/1048577 | sha256sum)
sizes=$(git ls-tree -z main: sizes/ | sed -z 's,\tsizes/,\t,' |
	grep -zv $'\t9000001$' | {
		cat
		printf '100644 blob %s\t9000001\0' \
			"$(git rev-parse main:sizes/1048577)"
		printf '100644 blob %s\tadded\0' "$(git rev-parse main:README)"
	} | git mktree -z)
tree=$(git ls-tree -z main | grep -zv $'\tsizes$' | {
		cat
		printf '040000 tree %s\tsizes\0' "$sizes"
	} | git mktree -z --missing)
moved=$(git -c user.name=t -c user.email=t@example.org \
	commit-tree -p main -m moved "$tree")

serve "$repo"
export kernel dir oid old new moved
"$kernel/vm" --port "$port" --options ro --env kernel --env dir --env oid \
	--env old --env new --env moved -- '"$kernel/guest.sh"' |
while IFS= read -r line; do
	case $line in
	'please move main') git update-ref refs/heads/main "$moved" ;;
	'please tag main') git update-ref refs/tags/later "$moved" ;;
	*) echo "$line" ;;
	esac
done
end_server TERM
! grep 'level=error' "$dir/log" || fail 'gitnfsd has logged an error'
