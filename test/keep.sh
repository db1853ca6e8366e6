#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# What is kept on disk: pin, unpin, du, gc.
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"
command -v perl >/dev/null || skip 'no perl'
gitnfs=$PWD/gitnfs

# run EXPECTED-STATUS ARGS...: leaves what it wrote in $dir/stdout, stderr.
run() {
	local expected=$1 status=0

	shift
	timeout "$PATIENCE" "$gitnfs" -s "$dir/state" "$@" </dev/null \
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
# A number of 'status --json', of what is on disk.
disk() {
	run 0 status --json
	perl -MJSON::PP -0777 -ne \
		'print decode_json($_)->{disk}{'"$1"'}, "\n"' "$dir/stdout"
}

repo=$dir/host/repos/r
git init -q -b main "$repo"
commit() {
	git -C "$repo" add .
	git -C "$repo" -c user.name=t -c user.email=t@example.org commit -q \
		-m "$1"
}
mkdir "$repo/a" "$repo/b"
for i in 1 2 3 4 5 6 7 8; do
	head -c 20000 /dev/urandom >"$repo/a/$i"
	head -c 20000 /dev/urandom >"$repo/b/$i"
done
commit one
one=$(git -C "$repo" rev-parse HEAD)
git init -q -b main "$dir/near"
git -C "$dir/near" -c user.name=t -c user.email=t@example.org commit -q \
	--allow-empty -m one
start_host "$dir/host"
export no_proxy='*' HOME=$dir
begin() { serve --cache-disk 1m r="$host/well/r" near="$dir/near"; }

# ---- pinned, and not ----

begin
run 0 pin
says stdout '^0 B of the 768 KiB that may be pinned$'
run 1 pin none
says stderr 'there is no /none'
run 1 pin near
says stderr 'on this disk'
run 1 pin /
run 1 unpin r
says stderr 'not pinned'
run 2 unpin
run 0 pin r/a/
says stdout '^8 files in 1 directories'
run 0 pin
says stdout "^r/a +${one:0:10} +15[0-9] KiB +[0-9]+ s\$"
says stdout '^15[0-9] KiB of the 768 KiB'
run 0 du r
says stdout '^ *15[0-9] KiB .* 9 +- +r/a$'
run 0 status
says stdout '^DISK .*15[0-9] KiB pinned'
[ "$(disk pinned)" -gt 160000 ] || fail 'pinned is not told'

# What is not pinned goes when there is need, or on request.
run 0 warm r
[ "$(disk bytes)" -gt 320000 ] || fail 'nothing is kept'
run 4 gc --to 0
says stdout '^[0-9.]+ KiB freed; 15[0-9] KiB of 1.0 MiB in use, 15[0-9] KiB of these pinned'
says stderr 'more is pinned than that'
[ "$(disk bytes)" = "$(disk pinned)" ] || fail 'gc leaves what is not pinned'
run 0 gc --to 900k
run 2 gc --to much
run 0 gc

# It is there after a restart, and without its host.
end_server TERM || fail 'SIGTERM'
rm "$dir/host/repos/r/.git/HEAD"
begin
run 0 pin
says stdout "^r/a +${one:0:10} "
run 0 warm "r@$one/a"
says stdout '^8 files in 1 directories, 156 KiB; 0 objects fetched'
run 0 du "r@$one/a"
says stdout ' 9 +- +r@'"$one"'/a$'
run 0 du "r@$one/a/1"
run 1 du r/none
says stderr 'nothing of r/none is here'
run 0 du --json
ONE=$one perl -MJSON::PP -0777 -ne 'my $u = decode_json($_)->{usage};
	my ($r) = grep { $_->{path} eq "r\@$ENV{ONE}" } @$u;
	die "no r\n" unless $r;
	my ($all) = grep { $_->{path} eq "r" } @$u;
	die "nothing of it\n" unless $all && $all->{objects} >= 9 &&
		$all->{disk} > 160000 && $all->{missing} == 1;
	' "$dir/stdout" || fail "du: $(cat "$dir/stdout")"
printf 'ref: refs/heads/main\n' >"$dir/host/repos/r/.git/HEAD"

# ---- again, and another one ----

rm "$repo/a/1"
head -c 20000 /dev/urandom >"$repo/a/9"
commit two
two=$(git -C "$repo" rev-parse HEAD)
run 0 refresh r
run 0 pin r/a
run 0 pin
says stdout "^r/a +${two:0:10} +1[0-9]+ KiB"
run 0 pin "r@$one"
run 0 unpin r/a
run 0 pin
! grep -q '^r/a ' "$dir/stdout" || fail 'r/a is pinned'
run 4 gc --to 0
run 0 warm "r@$one"
says stdout '; 0 objects fetched'
run 0 unpin "/r@$one/"
run 0 gc --to 0
says stdout '; 0 B of 1.0 MiB in use, 0 B of these pinned'

# ---- too much ----

for i in $(seq 50); do
	head -c 20000 /dev/urandom >"$repo/b/more$i"
done
commit three
run 0 refresh r
run 1 pin r
says stderr 'not pinned: .* more than the 0.8 MiB .*give more as cache.disk'
run 0 pin
says stdout '^0 B of'
[ "$(disk pinned)" = 0 ] || fail 'half a pin is kept'
end_server TERM || fail 'SIGTERM'
serve --cache-disk 0 r="$host/well/r"
run 1 pin r
says stderr 'cache.disk is 0'
run 1 gc
run 0 du
end_server TERM || fail 'SIGTERM'
