# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# functions.sh - what the shell tests share.  They source it, with bash, in
# the build directory; $srcdir is where the sources are.
# shellcheck shell=bash disable=SC2034
set -eu -o pipefail
LC_ALL=C
export LC_ALL

gitnfsd=$PWD/gitnfsd
PATIENCE=60             # seconds for what should take a moment

skip() { echo "skipped: $*" >&2; exit 77; }
fail() { echo "FAILED: $*" >&2; exit 1; }

# Before programs of ours run in the guest: a sanitizer's memory does not fit
# its addresses.
fits_the_guest() {
	! grep -q '^#define SANITIZED' config.h || skip 'built with a sanitizer'
}

# The guest has a /dev of its own.
case $0 in
*/kernel/*) unset TMPDIR ;;
esac
# A directory of the test's own, with a blank in its name.
dir=$(mktemp -d "${TMPDIR:-/tmp}/gitnfs test.XXXXXX")
servers=()
end() {
	local status=$?

	trap '' INT TERM HUP
	exec 3>&2 2>/dev/null	# bash would tell of each that is killed
	exec 7>&- 8>&- 9<&-		# who listens there may end
	[ ${#servers[@]} -eq 0 ] || kill -KILL "${servers[@]}" || :
	wait
	exec 2>&3
	if [ $status -ne 0 ] && [ $status -ne 77 ] && [ -e "$dir/log" ]; then
		echo 'the log of gitnfsd ends:' >&2
		tail -n 20 "$dir/log" >&2
	fi
	rm -rf "$dir"
}
trap end EXIT
trap 'exit 1' INT TERM HUP

# serve ARGS...: start gitnfsd, at a free port unless ARGS say which, and
# wait until it serves.  Sets 'server' to its process, 'address' and 'port'
# to where, and leaves what more it writes on standard output on fd 9.
serve() {
	local line=

	rm -f "$dir/out"
	mkfifo "$dir/out"
	case " $*" in
	*' --listen'*) ;;
	*) set -- --listen 127.0.0.1:0 "$@" ;;
	esac
	case " $*" in
	*' --portmap'*) ;;
	*) set -- --portmap off "$@" ;;
	esac
	"$gitnfsd" --state-dir "$dir/state" --cache-dir "$dir/cache" "$@" \
		>"$dir/out" 2>>"$dir/log" &
	server=$!
	servers+=("$server")
	exec 9<"$dir/out"
	IFS= read -r -t $PATIENCE -u 9 line || fail 'gitnfsd did not get ready'
	[[ $line =~ ^ready\ nfs=(.+):([0-9]+)$ ]] || fail "it said: $line"
	address=${BASH_REMATCH[1]} port=${BASH_REMATCH[2]}
}

# start_script DIR NAME FILE FD: one of test/'s, which writes its port to that
# file of DIR, and ends when the descriptor is closed.
start_script() {
	local i

	mkfifo "$1/$2.in"
	perl "$(cd "${srcdir:?}" && pwd)/test/$2" "$1" <"$1/$2.in" &
	eval "exec $4>\"\$1/\$2.in\""
	for ((i = 0; i < 10 * PATIENCE; i++)); do
		[ ! -s "$1/$3" ] || return 0
		sleep 0.1
	done
	fail "$2 did not get ready"
}

# start_host DIR: test/httpd.pl serves the repositories in DIR/repos.  Sets
# 'host' to its URL.
start_host() {
	start_script "$1" httpd.pl port 8
	host=http://127.0.0.1:$(cat "$1/port")
}

# start_forge DIR: and test/forge.pl their APIs.  Sets 'api' to their URL.
start_forge() {
	start_script "$1" forge.pl forge-port 7
	api=http://127.0.0.1:$(cat "$1/forge-port")
}

# end_server SIGNAL: returns gitnfsd's exit status.
end_server() {
	kill "-$1" "$server"
	servers=()
	wait "$server"
}
