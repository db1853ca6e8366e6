#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# File systems that are really full, under the state directory and under the
# store: small ones in memory, in a mount namespace of the test's own.  What
# is known is shown, the rest is an error until there is room again, and
# nothing that was told is lost.
if [ -z "${FULL_INSIDE-}" ]; then
	export FULL_INSIDE=1
	for how in -m -rm; do
		! unshare $how sh -c 'mount -t tmpfs none /mnt' 2>/dev/null ||
			exec unshare $how "$0"
	done
	echo 'skipped: not allowed to make namespaces and mount in them' >&2
	exit 77
fi
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"
command -v perl >/dev/null || skip 'no perl'
gitnfs=$PWD/gitnfs
mount -t tmpfs none /mnt
mkdir /mnt/state /mnt/cache
mount -t tmpfs -o size=256k,mode=700 none /mnt/state
mount -t tmpfs -o size=16m,mode=700 none /mnt/cache
ln -s /mnt/state /mnt/cache "$dir"
fill() { dd if=/dev/zero of="/mnt/$1/filler" bs=4k 2>/dev/null || :; }

# mnt PATH: what MNT is answered.
mnt() {
	got=$(perl "$srcdir/test/mnt.pl" 127.0.0.1 "$port" "$1" 2>&1) || :
}
# shows PATH: now, or in a moment.
shows() {
	local i

	for ((i = 0; i < PATIENCE * 10; i++)); do
		mnt "$1"
		[ "$got" != ok ] || return 0
		sleep 0.1
	done
	fail "MNT $1: $got"
}
warm() {
	timeout "$PATIENCE" "$gitnfs" -s "$dir/state" warm src >>"$dir/warm" 2>&1
}

# By git's own protocol, as if it were elsewhere: it is kept.
repo=$dir/repo
git init -q --object-format=sha256 -b main "$repo"
git -C "$repo" config uploadpack.allowFilter true
git -C "$repo" config uploadpack.allowAnySHA1InWant true
for i in 1 2 3 4 5 6 7 8; do
	head -c 100000 /dev/urandom >"$repo/f$i"
done
head -c 3000000 /dev/urandom >"$repo/spooled"
git -C "$repo" add -A
git -C "$repo" -c user.name=t -c user.email=t@example.org commit -qm one
for ((i = 0; i < 60; i++)); do
	git -C "$repo" branch b$i
done

start() { serve --cache-memory 16m --cache-disk 16m "src=$repo"; }
start
shows /src

# ---- the state directory ----

# What is left of a block may do for some.
fill state
for ((last = 0; last < 60; last++)); do
	mnt /src@b$last
	[ "$got" = ok ] || break
done
[[ $got == 'status '* ]] || fail "with a full disk: $got"
shows /src
end_server KILL || :
start			# with what it knows
shows /src
mnt /src@b$last
[[ $got == 'status '* ]] || fail "with a full disk: $got"
rm /mnt/state/filler
shows /src@b$last
end_server KILL || :
start
for ((i = 0; i <= last; i++)); do
	mnt /src@b$i
	[ "$got" = ok ] || fail "/src@b$i is lost: $got"
done

# ---- the store ----

fill cache
! warm || fail 'what has to be spooled was brought'
grep -q 'make room in the cache directory' "$dir/warm" ||
	fail 'not told what to do'
shows /src
rm /mnt/cache/filler
for ((i = 0; i < PATIENCE; i++)); do
	! warm || break
	sleep 1
done
[ $i -lt $PATIENCE ] || { cat "$dir/warm"; fail 'it does not recover'; }
end_server TERM || fail 'it did not stop well'
