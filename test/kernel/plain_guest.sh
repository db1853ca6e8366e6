#!/bin/bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# plain_guest.sh - the part of plain.sh that runs in the machine, once for
# each $mode: "rpcbind", with one; "alone", without; "user", gitnfsd as
# nobody in particular.
#
# shellcheck disable=SC2154	# plain.sh and vm set what is not set here
set -eu -o pipefail
trap 'echo "plain_guest.sh: mode $mode, line $LINENO" >&2' ERR
log=$TMPDIR/log

end() {
	[ $? -eq 0 ] || tail -n 30 "$log" >&2
}
trap end EXIT

# not COMMAND...: it fails.
not() {
	! "$@"
}

say() { echo "$mode: $*"; }
fail() { echo "FAILED: $mode: $*" >&2; exit 1; }

# serve ARGS...: gitnfsd, until it serves.
serve() {
	rm -f "$TMPDIR/out"
	mkfifo "$TMPDIR/out"
	"${as[@]}" "$gitnfsd" --state-dir "$TMPDIR/state" \
		--cache-dir "$TMPDIR/cache" "$@" "$repo" \
		>"$TMPDIR/out" 2>>"$log" &
	server=$!
	exec 9<"$TMPDIR/out"
	IFS= read -r -t 60 -u 9 _ || fail 'gitnfsd did not get ready'
}

stop() {
	kill "$1" "$server"
	wait "$server" || [ "$1" = -KILL ]
}

# registered PROGRAM VERSION PORT: is it told so?
registered() {
	rpcinfo -p localhost | awk -v p="$1" -v v="$2" -v port="$3" '
		$1 == p && $2 == v && $3 == "tcp" { found = $4 }
		END { exit found != port }'
}

# mount_here OPTIONS: without a port mapper, and without locks.
mount_here() {
	mount -t nfs -o "vers=3,proto=tcp,port=2049,mountproto=tcp,mountport=2049,nolock,$1" \
		localhost:/ "$MNT"
}

# A file stays what it is, a new one shows as soon as ever, and the times of
# its directory only grow.
the_clock_jumps() {
	local jump last now was

	mount_here ro,noac
	was=$(stat -c '%i %s %f %.Y %.Z' "$MNT/repo/file")
	last=$(stat -c %.Z "$MNT/repo")
	for jump in '1 year ago' '3 years' '20 years ago' 2050-01-01; do
		say "the clock jumps: $jump"
		date -s "$jump" >/dev/null
		echo "$jump" >"$repo/$jump"
		"${as[@]}" git -C "$repo" add .
		"${as[@]}" git -C "$repo" -c user.name=t -c user.email=t commit -qm "$jump"
		for _ in $(seq 100); do
			[ ! -e "$MNT/repo/$jump" ] || break
			sleep 0.1
		done
		[ "$(cat "$MNT/repo/$jump")" = "$jump" ]
		now=$(stat -c %.Z "$MNT/repo")
		[ "$last" != "$now" ]
		printf '%s\n' "$last" "$now" | sort -nc
		last=$now
		[ "$was" = "$(stat -c '%i %s %f %.Y %.Z' "$MNT/repo/file")" ]
	done
}

# The status monitor that locks need keeps files.
mount -t tmpfs none /var/lib/nfs
mkdir /var/lib/nfs/sm /var/lib/nfs/sm.bak
chown -R "$(stat -c %U:%G /var/lib/nfs/sm)" /var/lib/nfs
! getent passwd statd >/dev/null || chown -R statd /var/lib/nfs

as=()
if [ "$mode" = user ]; then
	chmod 1777 "$TMPDIR"
	touch "$log"
	as=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	cp -r "$repo" "$TMPDIR/repo"
	chown -R 65534:65534 "$TMPDIR/repo"
	repo=$TMPDIR/repo
fi
if [ "$mode" = rpcbind ]; then
	rpcbind -w
	for _ in $(seq 100); do
		! rpcinfo -p >/dev/null 2>&1 || break
		sleep 0.1
	done
fi
serve

if [ "$mode" = user ]; then
	say 'one quiet line, and it serves all the same'
	[ "$(grep -c 'no port mapper' "$log")" -eq 1 ]
	not grep -q 'level=\(warning\|error\)' "$log"
	mount_here ro
	[ "$(cat "$MNT/repo/file")" = text ]
	umount "$MNT"
	the_clock_jumps
	exit 0
fi

say 'mount -t nfs localhost:/'
mount -t nfs localhost:/ "$MNT"
say 'locks, as soon as it is mounted'
timeout 60 flock -s "$MNT/repo/file" true
[ "$(cat "$MNT/repo/file")" = text ]
[ "$(timeout 60 sqlite3 -readonly "$MNT/repo/db" 'select x from t')" = 42 ]
if timeout 60 flock -x "$MNT/repo/file" true 2>"$TMPDIR/why"; then
	fail 'an exclusive lock was granted'
fi
grep -q 'Read-only file system' "$TMPDIR/why"
grep -q ' nfs rw.*vers=3.*local_lock=none' /proc/mounts

say 'rpcinfo, showmount'
registered 100003 3 2049
registered 100005 3 2049
registered 100021 4 2049
rpcinfo -T tcp localhost nfs 3 >/dev/null
rpcinfo -T tcp localhost mountd 3 >/dev/null
rpcinfo localhost | grep -q '100003 *3 *tcp *.*\.8\.1 '
[ "$(showmount -e localhost | tail -n 1)" = '/ (everyone)' ]
showmount -a localhost >/dev/null
umount "$MNT"

say 'again, with options'
mount -t nfs -o ro,soft localhost:/repo "$MNT"
timeout 60 flock -s "$MNT/file" true
umount "$MNT"

say 'killed under a mount that has no lock yet'
mount -t nfs localhost:/ "$MNT"
stop -KILL 2>/dev/null
serve
timeout 60 flock -s "$MNT/repo/file" true
umount "$MNT"

say 'killed, and started at another port'
stop -KILL 2>/dev/null
serve --listen 127.0.0.1:3049
registered 100003 3 3049
registered 100005 3 3049
mount -t nfs localhost:/ "$MNT"
timeout 60 flock -s "$MNT/repo/file" true
[ "$(cat "$MNT/repo/file")" = text ]
umount "$MNT"

if [ "$mode" = rpcbind ]; then
	say 'nothing is left behind'
	stop -TERM
	rpcinfo -p localhost >"$TMPDIR/told"
	not grep -qw '10000[35]\|3049' "$TMPDIR/told"
	say 'rpcbind is not needed'
	serve --portmap off
	rpcinfo -p localhost >"$TMPDIR/told"
	not grep -qw '10000[35]' "$TMPDIR/told"
	stop -TERM
	say 'who serves already is left alone'
	serve --listen 127.0.0.1:4049
	first=$server
	mv "$TMPDIR/state" "$TMPDIR/first-state"
	mv "$TMPDIR/cache" "$TMPDIR/first-cache"
	serve --listen 127.0.0.1:5049
	registered 100003 3 4049
	grep -q 'another server is registered.*program=100003' "$log"
	stop -TERM
	registered 100003 3 4049
	kill "$first"
else
	say 'no second port mapper'
	not "$gitnfsd" --state-dir "$TMPDIR/s2" --cache-dir "$TMPDIR/c2" \
		--listen 127.0.0.1:0 --portmap serve "$repo" 2>"$TMPDIR/why"
	grep -q 'port mapper at port 111' "$TMPDIR/why"
fi
