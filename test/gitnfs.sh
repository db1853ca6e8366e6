#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# The command gitnfs, but for mounting, which kernel/gitnfs.sh tries.
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"
gitnfs=$PWD/gitnfs
state=$dir/state

# run EXPECTED-STATUS ARGS...: leaves what it wrote in $dir/stdout, stderr.
run() {
	local expected=$1 status=0

	shift
	timeout "$PATIENCE" "$gitnfs" "$@" </dev/null \
		>"$dir/stdout" 2>"$dir/stderr" || status=$?
	[ "$status" -eq "$expected" ] || {
		cat "$dir/stdout" "$dir/stderr" >&2
		fail "exit status $status instead of $expected: gitnfs $*"
	}
}
says() {	# stdout or stderr, REGEX
	grep -qE -e "$2" "$dir/$1" || {
		cat "$dir/$1" >&2
		fail "no '$2' on $1"
	}
}

# ---- without a server ----

run 0 --help
says stdout '^  mount '
[ "$(awk '{ if (length($0) > m) m = length($0) } END { print m }' \
	"$dir/stdout")" -le 80 ] || fail '--help is wider than 80 columns'
run 0 status --help
says stdout '^usage: gitnfs status '
run 0 --version
says stdout '^gitnfs [0-9.]+$'
run 2
run 2 nonsense
says stderr nonsense
run 2 --nonsense status
run 2 -s
run 2 -s "$state" status --nonsense
run 2 -s "$state" mount
run 2 -s "$state" mount --pinned --follow "$dir/m"
wrong_usage=(mount umount 'umount a b' warm 'warm a b' 'pin a b' unpin
	'unpin a b' 'du a b' 'gc x' 'gc --to much' 'refresh a b' 'trace x'
	'trace --slow soon' 'status x' 'doctor x' 'reload x' 'stop x'
	log-level 'log-level info debug')
for command in "${wrong_usage[@]}"; do
	# shellcheck disable=SC2086
	run 2 -s "$state" $command
	says stderr 'gitnfs --help'
	run 2 -s "$state" "${command%% *}" --nonsense
done
for command in status refresh stop reload trace pin du gc 'log-level info' \
	'refresh x' 'warm x' 'pin x' 'unpin x' 'du x'; do
	# shellcheck disable=SC2086
	run 3 -s "$state" $command
	says stderr 'gitnfs mount DIR'
done
run 0 -s "$state" umount "$dir"
says stderr 'nothing is mounted'
run 1 -s "$state" mount "$dir/none" "$dir/m"
says stderr 'no such directory'
[ ! -e "$dir/m" ] || fail 'a failed mount leaves its directory'
# As mount(8) wants it.
ln -s "$gitnfs" "$dir/mount.gitnfs"
gitnfs=$dir/mount.gitnfs
run 1
run 1 source
run 32 "$dir/none" "$dir/m" -o "state-dir=$state"
gitnfs=$PWD/gitnfs
# The configuration says where it would be.
printf '[state]\n\tdir = %s/elsewhere\n' "$dir" >"$dir/conf"
run 3 -c "$dir/conf" status
says stderr "$dir/elsewhere"

# ---- with one ----

repo=$dir/repo
git init -q -b main "$repo"
git -C "$repo" -c user.name=t -c user.email=t@example.org commit -q \
	--allow-empty -m one
mkdir -p "$dir/host/repos"
start_host "$dir/host"
echo wrong >"$dir/token"
{
	printf '[root "forge"]\n\turl = %s/auth=x/{repo}\n' "$host"
	printf '[root "own"]\n\turl = %s/auth=x/{repo}\n\ttoken-file = %s\n' \
		"$host" "$dir/token"
	printf '[root "any"]\n\turl = %s\n' \
		"http://127.0.0.1:2/{owner}/{repo}.git"
	printf '[root "mine"]\n\turl = %s\n' "$dir/{repo}"
	printf '[source "repo"]\n\turl = %s\n' "$repo"
	printf '[source "gone"]\n\turl = %s\n' http://127.0.0.1:1/x.git
} >"$dir/conf"
serve --config "$dir/conf"
run 0 -s "$state" status
says stdout "^gitnfsd [0-9.]+, up .*, process $server, at $address:$port\$"
says stdout '^repo +- .*not used yet'
says stdout '^  and any forge/\{repo\}, own/\{repo\}, any/\{owner\}/\{repo\}, mine/\{repo\}$'
! grep -q '^FAILED' "$dir/stdout" || fail 'something has failed'
says stdout '^MEMORY  0 B of 256 MiB, hits: dirs -,'
says stdout '^CLIENTS 0$'
says stdout '^WAITING 0$'
! grep -q $'\033' "$dir/stdout" || fail 'colours, and no terminal'
[ "$(awk '{ if (length($0) > m) m = length($0) } END { print m }' \
	"$dir/stdout")" -le 80 ] || fail 'status is wider than 80 columns'
run 0 -s "$state" status --json
perl -MJSON::PP -0777 -ne 'my $s = decode_json($_);
	die "no repositories\n" unless @{$s->{repositories}} == 2;
	die "no budget\n" unless $s->{memory}{budget} == 256 << 20;
	die "no address\n" unless $s->{server}{listen}[0] =~ /:\d+$/;' \
	"$dir/stdout" || fail 'status --json'
run 0 -s "$state" refresh
says stderr 'nobody has asked'
run 0 -s "$state" log-level debug

# ---- warm, refresh ----

commit() {
	echo "$1" >"$repo/file"
	git -C "$repo" add file
	git -C "$repo" -c user.name=t -c user.email=t@example.org commit \
		-q -m "$1"
}
mkdir "$repo/deep"
for i in 1 2 3; do echo "$i" >"$repo/deep/$i"; done
ln -s file "$repo/deep/link"
git -C "$repo" add .
commit two
run 0 -s "$state" warm repo
says stdout '^5 files in 2 directories, 14 B;'
run 0 -s "$state" warm /repo@main/deep/
says stdout '^4 files in 1 directories, 10 B;'
for wrong in none repo@none repo/none repo/file/none; do
	run 1 -s "$state" warm "$wrong"
	says stderr 'there is no /'"$wrong"
done
run 1 -s "$state" warm /
run 1 -s "$state" warm gone
says stderr '^gitnfs: /gone: Connection refused$'
says stderr '^gitnfs: 127.0.0.1:1: '
says stderr 'check that it runs'
[ "$(grep -c 'Connection refused' "$dir/stderr")" -eq 1 ] || fail 'said twice'
run 2 -s "$state" warm
# What is not shown, since it failed, is told of all the same.
run 1 -s "$state" warm any/ann/tools
run 1 -s "$state" warm mine/none
run 1 -s "$state" warm forge/mistyped
run 1 -s "$state" warm own/tools
run 0 -s "$state" status --all
says stdout '^FAILED  5 lately$'
says stdout '^ +[0-9]+ s  any/ann/tools: Connection refused$'
says stdout '^ +127.0.0.1:2: .*check that it runs'
says stdout '^ +[0-9]+ s  mine/none: not found$'
says stdout '^ +[0-9]+ s  forge/mistyped: not found, or private$'
git clone -q "$repo" "$dir/none"
until run 0 -s "$state" status --all && ! grep -q mine/none: "$dir/stdout"; do
	timeout "$PATIENCE" "$gitnfs" -s "$state" warm mine/none \
		>/dev/null 2>&1 || sleep 0.1
done
run 0 -s "$state" refresh
says stdout '^repo +[0-9a-f]{12} as before'
commit three
run 0 -s "$state" refresh repo/deep
says stdout "^repo +$(git -C "$repo" rev-parse --short=12 HEAD) moved"
run 0 -s "$state" status
says stdout "^repo +$(git -C "$repo" rev-parse --short=10 HEAD) .* local"
says stdout '^repo@main '
says stdout '^gone +- +- +- +Connection refused, [0-9]+ s ago$'
status=0
"$gitnfs" -s "$state" doctor >"$dir/stdout" || status=$?
[ $status -eq 4 ] || fail "doctor: exit status $status"
says stdout "^ok +server .*, process $server\$"
says stdout "^ok +cache +$dir/cache, "
says stdout '^WRONG +source +gone: Connection refused$'
says stdout '^WRONG +source +any/ann/tools: Connection refused$'
# A name that somebody has mistyped is nothing wrong; a token is.
says stdout '^note +source +forge/mistyped: not found, or private$'
says stdout '^WRONG +source +own/tools: Permission denied$'
says stdout '^note +host +127.0.0.1 refuses all it is asked'
says stdout '^ +-> does this work\?  git ls-remote http://127.0.0.1:1/x.git HEAD'
# A terminal's columns are kept to, and it is not told to do anything.
long=$dir/$(printf 'm%.0s' {1..90})
git clone -q "$repo" "$long"
mkdir "$long/"$'e\033[2Jf'
echo x >"$long/"$'e\033[2Jf/file'
git -C "$long" add .
git -C "$long" -c user.name=t -c user.email=t@example.org commit -q -m x
run 0 -s "$state" warm "mine/${long##*/}"
for command in status 'status --all' doctor du "du mine/${long##*/}" refresh pin; do
	# Where something is built there may be no terminals.
	script -qc true /dev/null >/dev/null 2>&1 || continue
	TERM=dumb timeout "$PATIENCE" script -qec "stty cols 80 rows 24
		'$gitnfs' -s '$state' $command" /dev/null </dev/null |
		tr -d '\r' >"$dir/stdout" || :
	[ -s "$dir/stdout" ] || fail "nothing on a terminal: $command"
	! grep '.\{81,\}' "$dir/stdout" || fail "wider than 80: $command"
	! grep -a $'\033' "$dir/stdout" || fail "a terminal is told: $command"
done
run 0 -s "$state" du
says stdout "mine/${long##*/}\$"
rm -rf "$repo/.git"
run 4 -s "$state" refresh repo
run 1 -s "$state" log-level loud
says stderr 'error, warning, info'
run 0 -s "$state" reload
run 0 -s "$state" gc
run 0 -s "$state" pin
run 1 -s "$state" unpin repo
run 1 -s "$state" pin none
run 1 -s "$state" du none
cp "$dir/conf" "$dir/good"
echo '[nonsense' >>"$dir/conf"
run 1 -s "$state" reload
says stderr "$dir/conf"
cp "$dir/good" "$dir/conf"
# What was asked for cannot be written.
for command in status 'status --json' --help du; do
	status=0
	# shellcheck disable=SC2086
	"$gitnfs" -s "$state" $command >/dev/full 2>"$dir/stderr" || status=$?
	[ $status -eq 1 ] || fail "$command: exit status $status on a full disk"
	says stderr "cannot be written"
done
# Somebody else's.
if [ "$(id -u)" -eq 0 ]; then
	chmod 755 "$dir"
	if setpriv --reuid=65534 --regid=65534 --clear-groups \
		test -x "$gitnfs" 2>/dev/null; then
		real=$gitnfs
		printf '#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 %s "%s" "$@"\n' \
			--clear-groups "$real" >"$dir/as-nobody"
		chmod 755 "$dir/as-nobody" "$state"
		gitnfs=$dir/as-nobody
		run 1 -s "$state" status
		says stderr sudo
		gitnfs=$real
	fi
fi
run 0 -s "$state" stop
wait "$server" || fail "stop: exit status $?"
servers=()
run 3 -s "$state" status
