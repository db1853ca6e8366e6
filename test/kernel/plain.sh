#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# What people type first, "mount -t nfs localhost:/ /mnt", by the real
# mount.nfs and client, on one machine with gitnfsd: beside rpcbind, without
# it, and without root's rights.
#
# shellcheck disable=SC2016	# it is the guest that expands
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/../..}/test/functions.sh"
kernel=$(cd "$srcdir/test/kernel" && pwd)

fits_the_guest
why=$("$kernel/vm" --check 2>&1) || skip "$why"
PATH=$PATH:/usr/sbin:/sbin
for program in mount.nfs rpcbind rpcinfo showmount sqlite3; do
	command -v $program >/dev/null ||
		skip "no $program (Debian: nfs-common rpcbind sqlite3)"
done

repo=$dir/repo
chmod 755 "$dir"
git init -q "$repo"
echo text >"$repo/file"
sqlite3 "$repo/db" 'create table t (x); insert into t values (42)'
git -C "$repo" add -A
git -C "$repo" -c user.name=t -c user.email=t@example.org commit -qm one

export gitnfsd kernel repo mode
for mode in rpcbind alone user; do
	"$kernel/vm" --no-mount --env gitnfsd --env kernel --env repo \
		--env mode -- '"$kernel/plain_guest.sh"'
done
