#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# What contrib/ has for mounting, word for word: by mount.nfs as fstab,
# systemd and Kubernetes call it, and by mount(2) as Docker does.  And that
# systemd understands its units.
#
# shellcheck disable=SC2016	# it is the guest that expands
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/../..}/test/functions.sh"
kernel=$(cd "$srcdir/test/kernel" && pwd)
contrib=$(cd "$srcdir/contrib" && pwd)

PATH=$PATH:/usr/sbin:/sbin
if command -v systemd-analyze >/dev/null; then
	cp "$contrib"/mnt-git.* "$dir"
	(cd "$dir" && systemd-analyze verify mnt-git.mount mnt-git.automount) \
		2>"$dir/why" || fail "systemd: $(cat "$dir/why")"
	! grep 'mnt-git' "$dir/why" || fail 'systemd has something to say'
fi

fits_the_guest
why=$("$kernel/vm" --check 2>&1) || skip "$why"
command -v mount.nfs >/dev/null || skip 'no mount.nfs (Debian: nfs-common)'

repo=$dir/linux
git init -q "$repo"
echo text >"$repo/file"
git -C "$repo" add file
git -C "$repo" -c user.name=t -c user.email=t@example.org commit -qm one
oid=$(git -C "$repo" rev-parse HEAD)

# NAME TYPE WHAT OPTIONS, a line each.
{
	sed -n 's,^\([^# ]*\) \([^ ]*\) nfs \([^ ]*\) .*,fstab nfs \1 \3,p' \
		"$contrib/fstab" |
		sed "s/@0123456789[0-9]*/@$oid/; s/,nofail,_netdev//; s/,noauto//"
	sed -n 's/^What=//p; s/^Options=//p' "$contrib/mnt-git.mount" |
		paste -sd' ' | sed 's/^/systemd nfs /'
	printf 'kubernetes nfs %s:%s ro,%s\n' \
		"$(sed -n 's/^    server: //p' "$contrib/kubernetes.yaml")" \
		"$(sed -n 's/^    path: //p' "$contrib/kubernetes.yaml")" \
		"$(sed -n '/^  mountOptions:/,/^  nfs:/s/^    - //p' \
			"$contrib/kubernetes.yaml" | paste -sd,)"
	perl -0ne 's/\\\n\s*//g;
		print "docker mount(2) $1 $2\n"
		if /device: "(.*?)"\n\s*o: "(.*?)"/' "$contrib/compose.yaml"
} >"$dir/recipes"
cat "$dir/recipes"
[ "$(wc -l <"$dir/recipes")" -eq 5 ] || fail 'contrib has 5 of them'

recipes=$dir/recipes
export gitnfsd repo recipes
"$kernel/vm" --no-mount --env gitnfsd --env repo --env recipes -- '
set -eu
"$gitnfsd" --state-dir "$TMPDIR/s" --cache-dir "$TMPDIR/c" --portmap off \
	"$repo" >"$TMPDIR/out" 2>"$TMPDIR/log" &
until grep -q ready "$TMPDIR/out"; do sleep 0.1; done
while read -r name type what options; do
	case $type in
	nfs) mount -t nfs -o "$options" "$what" "$MNT" ;;
	*) mount -i -t nfs -o "$options" "$what" "$MNT" ;;
	esac
	file=$MNT/linux/file
	case $what in
	*linux@*) file=$MNT/file ;;
	esac
	[ "$(cat "$file")" = text ]
	! touch "$file.new" 2>/dev/null || exit 1
	flock -s "$file" true
	grep -q " $MNT nfs ro,.*nolock\|local_lock=all" /proc/mounts
	echo "$name: mounted"
	umount "$MNT"
done <"$recipes"'
