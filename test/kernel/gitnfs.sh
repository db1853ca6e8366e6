#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# "gitnfs mount" and "umount", server and all, in the machine with the real
# Linux client.  The guest's part is below the exec.
#
# shellcheck source=test/functions.sh
if [ "${1-}" != guest ]; then
	. "${srcdir:=$(dirname "$0")/../..}/test/functions.sh"
	kernel=$(cd "$srcdir/test/kernel" && pwd)
	fits_the_guest
	why=$("$kernel/vm" --check 2>&1) || skip "$why"
	repo=$dir/repo.git
	"$srcdir/test/oddrepo.sh" "$repo" bare
	gitnfs=$PWD/gitnfs
	self=$kernel/gitnfs.sh
	export repo gitnfs self
	# shellcheck disable=SC2016	# it is the guest that expands
	"$kernel/vm" --no-mount --env repo --env gitnfs --env self -- \
		'exec bash "$self" guest'
	exit
fi

set -eu -o pipefail
fail() { echo "FAILED: $*" >&2; tail -n 5 /run/state/log >&2 || :; exit 1; }
gitnfs() { "$gitnfs" -s /run/state "$@"; }
mounts() { grep -c ' - nfs gitnfs:' /proc/self/mountinfo || :; }
mkdir /run/m

# Nothing runs, nothing is configured.
gitnfs mount "$repo" /run/m/repo
[ -e /run/m/repo/README ] || fail 'the repository is not there'
[ "$(git -C "$repo" cat-file blob HEAD:README | sha256sum)" = \
	"$(sha256sum </run/m/repo/README)" ] || fail 'README is another'
! touch /run/m/repo/x 2>/dev/null || fail 'it can be written'
gitnfs mount "$repo" /run/m/repo 2>/run/said
grep -q 'mounted already' /run/said || fail 'not idempotent'
[ "$(mounts)" -eq 1 ] || fail "$(mounts) mounts"

# A ref, pinned; and all of it.
oid=$(git -C "$repo" rev-parse HEAD)
gitnfs mount --pinned "$repo@$oid" /run/m/pinned
cmp /run/m/repo/README /run/m/pinned/README || fail 'not the same when pinned'
grep -q 'repo@'"$oid"' .*acdirmin=3600.*timeo=150,retrans=3' \
	/proc/self/mountinfo ||
	fail 'not as --pinned should be'
gitnfs mount /run/m/all
[ "$(cd -P /run/m/all/repo@@ && pwd)" = "/run/m/all/repo@$oid" ] ||
	fail 'no link to the commit'
for host in github gitlab codeberg; do
	[ -d "/run/m/all/$host" ] || fail "no $host, though nothing is configured"
done
# As mount(8) runs it, for users and for fstab: it is looked for in /sbin.
mkdir /run/old /run/sbin
mount --bind /usr/sbin /run/old
ln -s /run/old/* /run/sbin
ln -sf "$gitnfs" /run/sbin/mount.gitnfs
mount --bind /run/sbin /usr/sbin
status=0
mount -t gitnfs -o ro,state-dir=/run/state repo/tree /run/m/helper || status=$?
[ $status -eq 32 ] || fail "mount -t gitnfs: exit status $status"
mount -v -t gitnfs -o rw,noatime,state-dir=/run/state repo /run/m/helper
cmp /run/m/repo/README /run/m/helper/README || fail 'mount -t gitnfs'
umount /run/m/helper
cat >/run/fstab <<-END
	none /run/m/fstab-all gitnfs _netdev,nofail,state-dir=/run/state 0 0
	repo@$oid /run/m/fstab gitnfs pinned,noauto,noexec,x-systemd.automount,state-dir=/run/state 0 0
END
mount -T /run/fstab /run/m/fstab-all
mount -T /run/fstab /run/m/fstab
cmp /run/m/fstab-all/repo/README /run/m/fstab/README || fail 'fstab'
grep -q ' /run/m/fstab ro,nosuid,nodev,noexec.*acdirmin=3600' \
	/proc/self/mountinfo || fail 'not as fstab says'
umount /run/m/fstab /run/m/fstab-all
/run/sbin/mount.gitnfs repo 2>/dev/null || [ $? -eq 1 ] ||
	fail 'mount.gitnfs: a wrong command line'
umount /usr/sbin

# One more source, of the same server.
before=$(pidof gitnfsd)
git clone -q --bare "$repo" /run/second.git
gitnfs mount /run/second.git /run/m/second
[ "$(pidof gitnfsd)" = "$before" ] || fail 'it is another server'
cmp /run/m/repo/README /run/m/second/README || fail 'the second is not there'
[ -e /run/m/all/second/README ] || fail 'the second is not among all'
gitnfs umount /run/m/second

# What cannot be mounted leaves nothing behind, and is explained.
! gitnfs mount http://127.0.0.1:1/gone.git /run/m/gone 2>/run/said ||
	fail 'mounted what is not there'
grep -q 'gone: Connection refused; .*check that it runs' /run/said || fail 'not told why'
[ ! -e /run/m/gone ] || fail 'the directory is left'
! git config -f /run/state/gitnfs.conf source.gone.url || fail 'it is kept'
[ ! -e /run/m/all/gone ] || fail 'it is shown'
gitnfs stop		# it would remember a host that did not answer
gitnfs mount /run/m/all 2>/dev/null

# Nothing is wrong, and that is said.
gitnfs doctor >/run/said || { cat /run/said; fail 'the doctor'; }
grep -q 'ok .* port .* answers NFS calls' /run/said || fail 'no call was made'
grep -q 'ok .* mounts .* 3, and all are served' /run/said ||
	fail 'the doctor does not see the mounts'

# What it does can be watched.
mkfifo /run/traced
gitnfs trace >/run/traced &
watcher=$!
exec 8</run/traced
until gitnfs status --json | grep -q '"watchers":1'; do sleep 0.1; done
: <"/run/m/all/repo@$oid/sizes/1"
found=
while [ -z "$found" ] && IFS= read -r -t 30 -u 8 line; do
	case $line in
	*' LOOKUP '*" /repo@$oid/sizes  127.0.0.1:"*) found=1 ;;
	esac
done
[ -n "$found" ] || fail 'the LOOKUP is not traced'
kill "$watcher"
exec 8<&-
until gitnfs status --json | grep -q '"watchers":0'; do
	: </run/m/all/repo/README
	sleep 0.1
done

# The server dies.  What is mounted goes on when there is one again.
port=$(sed 's/.*://' /run/state/listen)
kill -KILL "$(pidof gitnfsd)"
gitnfs mount /run/m/all 2>/run/said
grep -q 'started a server' /run/said || fail 'no server again'
grep -q 'mounted already' /run/said || fail 'not as it was before'
grep -q ":$port\$" /run/state/listen || fail 'not at the same port'
cmp /run/m/repo/README /run/m/pinned/README || fail 'not there again'
gitnfs umount /run/m/repo

# It dies again, and for good.
kill -KILL "$(pidof gitnfsd)"
status=0
gitnfs doctor >/run/said || status=$?
[ $status -eq 4 ] || fail "the doctor ends with $status"
grep -q 'WRONG .* /run/m/all waits for a server that is gone' /run/said ||
	fail 'the doctor does not see what is stale'
cat /run/m/all/repo/history/* >/dev/null 2>&1 &
reader=$!
start=$SECONDS
gitnfs umount /run/m/all
gitnfs umount /run/m/pinned
[ $((SECONDS - start)) -lt 30 ] || fail 'umount waits for a dead server'
! wait "$reader" || fail 'a dead server can be read'
[ "$(mounts)" -eq 0 ] || fail "$(mounts) mounts are left"
gitnfs umount /run/m/all 2>/run/said
grep -q 'nothing is mounted' /run/said || fail 'umount twice'

# One that stands still is as good as dead.
gitnfs mount --options timeo=200,retrans=1 "$repo" /run/m/still 2>/dev/null
grep -q ' /run/m/still .*soft.*timeo=200,retrans=1' /proc/self/mountinfo ||
	fail 'options are not the last word'
kill -STOP "$(pidof gitnfsd)"
start=$SECONDS
gitnfs umount /run/m/still 2>/run/said
[ $((SECONDS - start)) -lt 40 ] || fail 'a server that stands still is waited for'
grep -q 'is gone' /run/said || fail 'not told that it stands still'
kill -KILL "$(pidof gitnfsd)"

# A server that gitnfs has not started: what it shows anyway is found by its
# URL or directory, and what it does not cannot be added.
mkdir -p /run/mine/ann
git clone -q --bare "$repo" /run/mine/ann/tools.git
printf '[root "mine"]\n\turl = /run/mine/{owner}/{repo}.git\n' >/run/conf
printf '[source "sub/x"]\n\turl = %s\n' "$repo" >>/run/conf
printf '[root "far"]\n\turl = http://127.0.0.1:1/{o}/{r}.git\n' >>/run/conf
"${gitnfs}d" --state-dir /run/s3 --cache-dir /run/c3 --listen 127.0.0.1:0 \
	--config /run/conf --log-to /run/log3 >/run/out3 &
third=$!
until [ -s /run/out3 ]; do sleep 0.1; done
for where in /run/mine/ann/tools.git "$repo/" mine/ann/tools; do
	"$gitnfs" -s /run/s3 mount "$where@$oid" /run/m/third
	cmp "/run/m/third/README" <(git -C "$repo" cat-file blob HEAD:README) ||
		fail "not mounted: $where"
	"$gitnfs" -s /run/s3 umount /run/m/third
done
! "$gitnfs" -s /run/s3 mount http://127.0.0.1:1/ann/tools /run/m/third \
	2>/run/said || fail 'mounted what is not there'
grep -q 'far/ann/tools: Connection refused' /run/said ||
	fail 'an URL is not found among the roots'
! "$gitnfs" -s /run/s3 mount git@localhost:ann/tools@v1 /run/m/third \
	2>/run/said || fail 'mounted what is not there'
grep -q 'does not show git@localhost:ann/tools,' /run/said ||
	fail 'HOST:PATH is not understood'
! "$gitnfs" -s /run/s3 mount http://127.0.0.1:1/tools /run/m/third \
	2>/run/said || fail 'mounted what is not shown'
grep -q 'was not started by gitnfs; add ' /run/said || fail 'not told why'
! git config -f /run/s3/gitnfs.conf source.tools.url || fail 'it is kept'
kill "$third"

# systemd's journal, in its own words.
mkdir -p /run/systemd/journal
# shellcheck disable=SC2016
perl -MIO::Socket::UNIX -e '
	my $s = IO::Socket::UNIX->new(Type => SOCK_DGRAM,
		Local => "/run/systemd/journal/socket") or die "$!\n";
	open my $up, ">", "/run/journal.up";
	alarm 60;
	$s->recv(my $m, 65536);
	exit($m =~ /^SYSLOG_IDENTIFIER=gitnfsd\nPRIORITY=6\nMESSAGE=time=.*\n$/
		? 0 : 1);
' &
journal=$!
until [ -e /run/journal.up ]; do sleep 0.1; done
"${gitnfs}d" --state-dir /run/s2 --cache-dir /run/c2 --listen 127.0.0.1:0 \
	--log-to journal "$repo" >/run/out &
second=$!
wait "$journal" || fail 'the journal is told something else'
kill "$second"

# What is not ours is left alone.
mkdir /run/m/other
mount -t tmpfs tmpfs /run/m/other
! gitnfs umount /run/m/other 2>/dev/null || fail "unmounted somebody else's"
