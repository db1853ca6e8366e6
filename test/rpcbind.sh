#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# Beside the system's own port mapper, in network and mount namespaces of the
# test's own: gitnfsd is registered there, also when rpcbind has been killed
# and started again, when another program takes its place, and as another user;
# and is gone from there at its end.
if [ -z "${RPCBIND_INSIDE-}" ]; then
	unshare -nm true 2>/dev/null || {
		echo 'skipped: not allowed to make namespaces' >&2
		exit 77
	}
	export RPCBIND_INSIDE=1
	exec unshare -nm "$0"
fi
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"
PATH=$PATH:/usr/sbin:/sbin
for program in ip perl rpcbind rpcinfo; do
	command -v $program >/dev/null ||
		skip "no $program (Debian: iproute2 rpcbind)"
done
mount -t tmpfs none /run 2>/dev/null || skip 'not allowed to mount'
ip link set lo up

# until COMMAND...: it comes true.
until_true() {
	local i

	for ((i = 0; i < PATIENCE * 20; i++)); do
		! "$@" || return 0
		sleep 0.05
	done
	fail "never: $*"
}
answers() { rpcinfo -p 127.0.0.1 >/dev/null 2>&1; }
start_rpcbind() {
	rpcbind -f >>"$dir/rpcbind.log" 2>&1 &
	rpcbind=$!
	servers+=("$rpcbind")
	until_true answers
}
# registered PORT: NFS, MOUNT and NLM are, and nowhere else.
registered() {
	[ "$(rpcinfo -p 127.0.0.1 2>/dev/null | awk '$3 == "tcp" &&
		($1 == 100003 || $1 == 100005 || $1 == 100021) { print $4 }' |
		sort | uniq -c | tr -s ' ')" = " 3 $1" ]
}
gone() { ! rpcinfo -p 127.0.0.1 | grep -q '10000[35]\|100021'; }

# doctor WORDS: are what it says of rpcbind.
doctor() {
	"$PWD/gitnfs" -s "$dir/state" doctor >"$dir/doctor" || :
	grep -q "rpcbind  *$1" "$dir/doctor" ||
		fail "the doctor: $(grep rpcbind "$dir/doctor")"
}

repo=$dir/repo.git
"$srcdir/test/oddrepo.sh" "$repo" bare
doctor 'none;'
start_rpcbind
doctor 'knows no NFS server'
serve --portmap register "$repo"
until_true registered "$port"
doctor "tells clients that NFS is at port $port"

kill -KILL "$rpcbind"
{ wait "$rpcbind" || :; } 2>/dev/null
start_rpcbind
# Within five seconds, or when somebody mounts.
[ "$(perl "$srcdir/test/mnt.pl" 127.0.0.1 "$port" /)" = ok ]
until_true registered "$port"

# Another program in its place: registered all the while.
kill -USR2 "$server"
until read -r -t 0 -u 9; do	# it would take half a line, too
	registered "$port" || fail 'a handover unregisters it'
	kill -0 "$server" || fail 'a handover ends it'
	sleep 0.05
done
IFS= read -r -t "$PATIENCE" -u 9 line || fail 'nothing after a handover'
[ "$line" = "ready nfs=$address:$port" ] || fail "after a handover: $line"
registered "$port" || fail 'not registered after a handover'

end_server TERM || fail 'it did not stop well'
gone || fail 'something is left behind'
servers=("$rpcbind")

if [ "$(id -u)" -eq 0 ] && id nobody >/dev/null 2>&1; then
	chmod 755 "$dir"
	rm -rf "$dir/state" "$dir/cache"
	serve --portmap register --user nobody "$repo"
	until_true registered "$port"
	end_server TERM || fail 'it did not stop well'
	until_true gone
	! grep -q 'level=\(warning\|error\)' "$dir/log" ||
		fail 'it complains'
fi
kill "$rpcbind"
