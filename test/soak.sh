#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# soak.sh [MINUTES] - by hand, in a build directory, best one with sanitizers:
# clients read and compare with git, while the branch moves, the repository
# is packed and taken away, the host is down, the store is damaged, and the
# server is killed and started again.  Ends with numbers; fails when a byte
# is wrong, an error has no cause, or what the process uses grows.  The log is
# kept, as soak.log.
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"

minutes=${1:-10}
repo=$dir/repo.git
work=$dir/work
trouble=$dir/trouble
: >soak.log
ln -s "$PWD/soak.log" "$dir/log"
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=1:handle_abort=1:quarantine_size_mb=16}
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org
export GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org

command -v test/it_soak >/dev/null ||
	skip 'test/it_soak is not built: make test/it_soak'

# What ssh would do, on this machine; or not, when the "host" is down.
cat >"$dir/ssh" <<END
#!/bin/sh
[ ! -e "$dir/down" ] || { echo 'connection refused' >&2; exit 255; }
while [ \$# -gt 1 ]; do shift; done
eval "exec \$1"
END
chmod +x "$dir/ssh"
export GIT_SSH=$dir/ssh GIT_SSH_VARIANT=ssh

# ---- the repository ----

version=0
change() {	# COUNT: that many files get another content
	local i n

	version=$((version + 1))
	for ((i = 0; i < $1; i++)); do
		n=$((RANDOM % 800))
		seq "$version" $((version + RANDOM % 2000)) \
			>"$work/d$((n % 20))/s$((n % 7))/f$n"
	done
	git -C "$work" add -A
	git -C "$work" commit -q -m "version $version"
	git -C "$work" push -q "$repo" +HEAD:main
}
git init -q --bare -b main "$repo"
git -C "$repo" config core.logAllRefUpdates true
git -C "$repo" config uploadpack.allowFilter true
git -C "$repo" config uploadpack.allowAnySHA1InWant true
git -C "$repo" config gc.auto 0
git init -q -b main "$work"
for ((n = 0; n < 800; n++)); do
	mkdir -p "$work/d$((n % 20))/s$((n % 7))"
	seq $n $((n + RANDOM % 3000)) >"$work/d$((n % 20))/s$((n % 7))/f$n"
done
change 10

# ---- the server ----

listen=127.0.0.1:0
start() {
	serve --listen "$listen" --cache-memory 32m --cache-disk 64m \
		--log-level warning "near=$repo" "far=ssh://localhost$repo"
	listen=$address:$port
	born=$SECONDS
}
starts=0 kills=0 moves=0 faults=0

# look: one line of what the process uses, and how long it has lived.
look() {
	local rss threads fds

	rss=$(awk '/^VmRSS:/ { print $2 }' "/proc/$server/status")
	threads=$(awk '/^Threads:/ { print $2 }' "/proc/$server/status")
	fds=$(find "/proc/$server/fd" -mindepth 1 2>/dev/null | wc -l)
	echo "$((SECONDS - born)) $rss $fds $threads" >>"$dir/use"
}

again() {	# SIGNAL
	local status=0

	end_server "$1" || status=$?
	# A leak is an exit status, too.
	[ "$1" = KILL ] || [ $status -eq 0 ] ||
		fail "it ended with $status: see the log"
	[ "$1" != KILL ] || kills=$((kills + 1))
	start
	starts=$((starts + 1))
}

in_trouble() {	# COMMAND...: undone by out_of_trouble
	touch "$trouble"
	faults=$((faults + 1))
	"$@"
}

damage_store() {
	local file size

	for file in "$dir"/cache/store/*; do
		size=$(stat -c %s "$file" 2>/dev/null) || continue
		[ "$size" -gt 4096 ] || continue
		printf '\377\0\252' | dd of="$file" bs=1 conv=notrunc \
			seek=$((RANDOM * 32768 % size)) 2>/dev/null || :
	done
}

one_event() {
	case $((RANDOM % 12)) in
	0 | 1 | 2 | 3) change $((RANDOM % 30 + 1)); moves=$((moves + 1)) ;;
	4) git -C "$repo" repack -qad 2>/dev/null ;;
	5) in_trouble mv "$repo" "$repo.away"; sleep 2
	   mv "$repo.away" "$repo"; rm "$trouble" ;;
	6) in_trouble touch "$dir/down"; sleep 3
	   rm "$dir/down" "$trouble" ;;
	7) damage_store; faults=$((faults + 1)) ;;
	8) kill -USR1 "$server" ;;
	9) [ $((RANDOM % 4)) -ne 0 ] || again KILL ;;
	10) [ $((RANDOM % 4)) -ne 0 ] || again TERM ;;
	11) git -C "$repo" gc -q --prune=now 2>/dev/null
	    git -C "$work" commit -q --amend -m "again $version"
	    git -C "$work" push -qf "$repo" +HEAD:main
	    moves=$((moves + 1)) ;;
	esac
}

start
# Not all at once: libcheck cannot count the microseconds of an hour.
(
	for ((left = minutes * 60; left > 0; left -= 900)); do
		SOAK_PORT=$port SOAK_REPO=$work SOAK_TROUBLE=$trouble \
			SOAK_SECONDS=$((left < 900 ? left : 900)) \
			test/it_soak || exit
	done
) >"$dir/clients" 2>&1 &
clients=$!
servers+=("$clients")
while kill -0 $clients 2>/dev/null; do
	one_event
	servers=("$server" "$clients")
	kill -0 "$server" 2>/dev/null || { cat "$dir/clients"; fail 'it died'; }
	look
	sleep $((RANDOM % 4 + 1))
done
status=0
wait $clients || status=$?
cat "$dir/clients"
[ $status -eq 0 ] || fail 'the clients found something wrong'
servers=("$server")
again TERM
end_server TERM || fail 'it did not stop well'
echo "$minutes minutes: $moves moves, $faults faults, $((starts + 1)) starts," \
	"$kills of them after kill -9"

# Flat: what it uses late in a life is what it used after the first minute.
awk '$1 >= 30 && $1 < 90 { if ($2 > early[2]) early[2] = $2
	if ($3 > early[3]) early[3] = $3; if ($4 > early[4]) early[4] = $4 }
	$1 >= 90 { late = 1; for (i = 2; i <= 4; i++)
		if ($i > most[i]) most[i] = $i }
	END { printf "most, 30 to 90 s after a start and later: memory %d, " \
		"%d KiB; descriptors %d, %d; threads %d, %d\n", early[2], \
		most[2], early[3], most[3], early[4], most[4]
	exit late && early[2] && (most[2] > 1.5 * early[2] + 65536 ||
		most[3] > early[3] + 32 || most[4] > early[4] + 16) }' \
	"$dir/use" || fail 'it grows'
! grep -E 'ERROR: (Address|Leak)Sanitizer|runtime error' "$dir/log" ||
	fail 'a sanitizer found something'
