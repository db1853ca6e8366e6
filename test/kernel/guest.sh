#!/bin/bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# guest.sh - the part of mount.sh that runs in the machine, where the server
# is mounted at $MNT.  Says on standard output how far it got, and "please
# move main" when the host is to move the branch.
#
# shellcheck disable=SC2154	# mount.sh and vm set what is not set here
set -eu -o pipefail
trap 'echo "guest.sh: line $LINENO" >&2' ERR

seen() {	# WHAT DIR EXPECTED: DIR holds what git has
	echo "$1"
	"$kernel/manifest" "$2" >"$TMPDIR/seen"
	cmp "$3" "$TMPDIR/seen" && return
	echo "$1: '<' as git has it, '>' as seen:" >&2
	diff <(tr '\0\n' '\n?' <"$3") <(tr '\0\n' '\n?' <"$TMPDIR/seen") |
		head -n 20 >&2
	exit 1
}

refused() {	# WHY COMMAND...
	local why=$1

	shift
	if "$@" 2>"$TMPDIR/why"; then
		echo "was allowed: $*" >&2
		exit 1
	fi
	grep -q "$why" "$TMPDIR/why" || { cat "$TMPDIR/why" >&2; exit 1; }
}

eventually() {
	for _ in $(seq 300); do
		! "$@" || return 0
		sleep 0.1
	done
	echo "never came true: $*" >&2
	exit 1
}

odd=$MNT/odd
seen 'as mounted' "$odd" "$dir/main.expected"
seen 'again, from the cache' "$odd" "$dir/main.expected"

echo 'file ids are unique'
find "$odd" -printf '%i\n' | sort | uniq -d >"$TMPDIR/double"
[ ! -s "$TMPDIR/double" ]

echo 'du'
find "$odd" -printf '%p\0' | sort -z >"$TMPDIR/find"
du -a -0 "$odd" 2>&1 | sed -z 's/^[0-9]*\t//' | sort -z |
	cmp - "$TMPDIR/find"

mkdir "$TMPDIR/tar" "$TMPDIR/cp" "$TMPDIR/rsync"
tar cf - -C "$odd" . | tar xf - -C "$TMPDIR/tar"
seen 'tar' "$TMPDIR/tar" "$dir/main.expected"
cp -a "$odd/." "$TMPDIR/cp"
seen 'cp -a' "$TMPDIR/cp" "$dir/main.expected"
if command -v rsync >/dev/null; then
	rsync -a "$odd/" "$TMPDIR/rsync"
	seen 'rsync' "$TMPDIR/rsync" "$dir/main.expected"
	# By sizes and times nothing is left to do.
	[ -z "$(rsync -ai "$odd/" "$TMPDIR/rsync")" ]
fi

mkdir "$TMPDIR/below"
nfsmnt /odd/history "$TMPDIR/below" ro
seen 'a directory mounted by itself' "$TMPDIR/below" "$dir/history.expected"
umount "$TMPDIR/below"
refused 'No such file' nfsmnt /odd/no-such "$TMPDIR/below" ro
refused 'Not a directory' nfsmnt /odd/README "$TMPDIR/below" ro
# Told so that clients go on to version 3.
refused 'Protocol not supported' nfsmnt / "$TMPDIR/below" vers=4.2

[ "$(readlink "$odd@@")" = "odd@$oid" ]
seen 'a pinned name' "$odd@$oid" "$dir/main.expected"
[ "$(cat "$odd@feature%2Fwith%2Fslash/branch")" = feature/with/slash ]
refused 'No such file' stat "$odd@no-such"

echo 'nothing can be written'
umount "$MNT"
nfsmnt / "$MNT" rw,actimeo=1
refused 'Read-only file system' touch "$odd/new"
refused 'Permission denied' touch "$odd/README"
refused 'Read-only file system' rm -f "$odd/README"
refused 'Read-only file system' mv "$odd/README" "$odd/readme"
refused 'Read-only file system' mkdir "$odd/new"

echo 'a branch moves'
cd -P "$odd@@"
exec 5<"$odd/sizes/9000001"
[ ! -e "$odd/sizes/added" ]
echo 'please move main'
eventually test -e "$odd/sizes/added"
[ "$(sha256sum <"$odd/sizes/9000001")" = "$new" ]
link_moved() { [ "$(readlink "$odd@@")" = "odd@$moved" ]; }
eventually link_moved	# the client may remember "/" a little longer
# Who had the file open, or stands in the pinned tree, sees no change.
[ "$(sha256sum <&5)" = "$old" ]
[ "$(sha256sum <sizes/9000001)" = "$old" ]
[ ! -e sizes/added ]
cd /
exec 5<&-

echo 'a tag comes later'
refused 'No such file' stat "$odd@later"
echo 'please tag main'
eventually test -e "$odd@later/README"
umount "$MNT"
