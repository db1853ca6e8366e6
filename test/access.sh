#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# Who may mount what, as the configuration says, asked from network namespaces
# with addresses of their own where this machine has them.
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"

command -v perl >/dev/null || skip 'perl is missing (Debian: perl)'

repo=$dir/repo.git
"$srcdir/test/oddrepo.sh" "$repo" bare
conf=$dir/gitnfs.conf

# answers EXPECTED ADDRESS PATH [UID...]
answers() {
	local expected=$1 got

	shift
	got=$(${in:+$in} perl "$srcdir/test/mnt.pl" "$1" "$port" \
		"${@:2}" 2>&1) || :
	[ "$got" = "$expected" ] ||
		fail "MNT $*${in:+ by $in}: $got instead of $expected"
}

# does_not_start WORD ARGS...: one line with WORD on standard error.
does_not_start() {
	local word=$1 status=0

	shift
	timeout $PATIENCE "$gitnfsd" --state-dir "$dir/state" \
		--cache-dir "$dir/cache" "$@" >"$dir/said" 2>&1 </dev/null ||
		status=$?
	[ $status -eq 1 ] || fail "exit status $status of: $*"
	if [ "$(wc -l <"$dir/said")" -ne 1 ] ||
		! grep -qF -e "$word" "$dir/said"; then
		cat "$dir/said" >&2
		fail "this is not one line with '$word'"
	fi
}

logs() {
	grep -qF -e "$1" "$dir/log" || fail "the log lacks $1"
}

ok=ok refused='status 13'
in=

# ---- this machine ----

serve --listen 127.0.0.1:0 "all=$repo"
answers $ok 127.0.0.1 /all
end_server TERM || fail 'it did not stop well'
! grep -q 'everybody may read' "$dir/log" || fail 'a warning for nothing'

secret=0123456789abcdefghij
echo $secret >"$dir/secret"
cat >"$conf" <<END
[server]
	secret-file = $dir/secret
[source "all"]
	url = $repo
[source "some"]
	url = $repo
	uid = 1000
	uid = 2000-2999
END
chmod 644 "$dir/secret"
does_not_start 'others may read it' --listen 127.0.0.1:0 --config "$conf"
chmod 600 "$dir/secret"
serve --listen 127.0.0.1:0 --config "$conf"
mkfifo "$dir/trace"
"$PWD/gitnfs" -s "$dir/state" trace --json >"$dir/trace" &
servers+=($!)
exec 6<"$dir/trace"
until "$PWD/gitnfs" -s "$dir/state" status --json | grep -q '"watchers": *1'; do
	sleep 0.1
done
answers "$refused" 127.0.0.1 /
answers "$refused" 127.0.0.1 /all
answers $ok 127.0.0.1 /$secret
answers $ok 127.0.0.1 /$secret/all
answers "$refused" 127.0.0.1 /$secret/some 0
answers $ok 127.0.0.1 /$secret/some 1000
answers "$refused" 127.0.0.1 /$secret/some 1001
answers $ok 127.0.0.1 /$secret/some 2999
traced=
until [[ $traced == *'"MNT","path":"/some",'*'"uid":2999,'* ]]; do
	IFS= read -r -t $PATIENCE -u 6 line || fail "it told: $traced"
	traced+=$line
done
exec 6<&-
[[ $traced == *'"MNT","path":"/",'* && $traced == *'"MNT","path":"/all",'* ]] ||
	fail "it told: $traced"
[[ $traced != *$secret* ]] || fail 'who watches is told the secret'
end_server TERM || fail 'it did not stop well'
logs 'by=server.secret-file'
logs 'by=source.some.uid'
logs 'key=server.reserved-port'
! grep -qF $secret "$dir/log" || fail 'the secret is in the log'

# ---- what is private stays so ----

token=$dir/token
echo t0ken >"$token"
cat >"$conf" <<END
[source "public"]
	url = https://localhost:1/public.git
[source "private"]
	url = https://localhost:1/private.git
	token-file = $token
END
for address in 0.0.0.0:0 '[::]:0'; do
	does_not_start 'source.private.allow' --listen "$address" --config "$conf"
done
does_not_start 'with the key of a user' --listen 0.0.0.0:0 ssh://localhost/x
does_not_start 'with the key of a user' --listen 0.0.0.0:0 x=localhost:x
"$gitnfsd" --check-config --listen 0.0.0.0:0 --config "$conf" \
	>/dev/null 2>&1 && fail 'the check finds nothing wrong with it'
# When it was said, it is meant.
for way in "--allow 10.0.0.0/8" "--allow any"; do
	# shellcheck disable=SC2086
	serve --listen 0.0.0.0:0 --config "$conf" $way
	end_server TERM || fail 'it did not stop well'
done
git config -f "$conf" source.private.allow 192.0.2.0/24
serve --listen 0.0.0.0:0 --config "$conf"
answers "$refused" 127.0.0.1 /private
end_server TERM || fail 'it did not stop well'
logs 'everybody may read'
serve --listen 127.0.0.1:0 ssh://localhost/x
end_server TERM || fail 'it did not stop well'

# ---- as another user ----

does_not_start 'no user' --listen 127.0.0.1:0 --user no-such-user "$repo"
if [ "$(id -u)" -eq 0 ] && id nobody >/dev/null 2>&1; then
	chmod 755 "$dir"
	rm -rf "$dir/state" "$dir/cache"
	serve --listen 127.0.0.1:0 --user nobody "all=$repo"
	answers $ok 127.0.0.1 /all
	uid=$(id -u nobody)
	awk -v "uid=$uid" '/^Uid:/ { exit !($2 == uid && $3 == uid &&
		$4 == uid) }' "/proc/$server/status" || fail 'not nobody'
	[ "$(awk '/^CapEff:/ { print $2 }' "/proc/$server/status")" = \
		0000000000000000 ] || fail 'it kept rights'
	[ "$(stat -c %u "$dir/state" "$dir/cache" | sort -u)" = "$uid" ] ||
		fail 'the directories are not its own'
	end_server TERM || fail 'it did not stop well'
	rm -rf "$dir/state" "$dir/cache"
	mkdir "$dir/state"
	does_not_start 'has to belong' --listen 127.0.0.1:0 --user nobody "$repo"
	rmdir "$dir/state"
else
	does_not_start 'only root' --listen 127.0.0.1:0 --user root "$repo"
fi

# ---- other machines ----

# Two networks and this machine between them, in a namespace of its own so
# that nothing of it is left, whatever happens.
if ! unshare -n true 2>/dev/null; then
	echo 'not allowed to make network namespaces: clients have addresses' \
		'of 127.0.0.0/8 only, in it_access'
	exit 0
fi
command -v ip >/dev/null || {
	echo 'ip is missing (Debian: iproute2): no other machines'
	exit 0
}
cat >"$dir/inside" <<'END'
set -eu
ip link set lo up
for n in 1 2; do
	unshare -n sleep 600 &
	echo $! >"$1/client$n"
	until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]
	do :; done
	ip link add "to$n" type veth peer name eth0 netns $!
	ip addr add "10.0.$n.1/24" dev "to$n"
	ip -6 addr add "fd00:$n::1/64" dev "to$n" nodad
	ip link set "to$n" up
	nsenter -t $! -n ip link set lo up
	nsenter -t $! -n ip addr add "10.0.$n.2/24" dev eth0
	nsenter -t $! -n ip -6 addr add "fd00:$n::2/64" dev eth0 nodad
	nsenter -t $! -n ip link set eth0 up
	nsenter -t $! -n ip route add default via "10.0.$n.1"
done
echo $$ >"$1/middle"
exec sleep 600
END
unshare -n sh "$dir/inside" "$dir" >"$dir/inside.log" 2>&1 &
middle=$!
servers+=("$middle")
for ((i = 0; i < PATIENCE * 100; i++)); do
	[ -s "$dir/middle" ] || ! kill -0 $middle 2>/dev/null || {
		sleep 0.01
		continue
	}
	break
done
for client in "$dir"/client?; do
	[ ! -s "$client" ] || servers+=("$(cat "$client")")
done
if [ ! -s "$dir/middle" ]; then
	cat "$dir/inside.log"
	echo 'no pairs of interfaces here: no other machines'
	exit 0
fi
client1="nsenter -t $(cat "$dir/client1") -n"
client2="nsenter -t $(cat "$dir/client2") -n"

cat >"$conf" <<END
[listener "0.0.0.0:0"]
	allow = 10.0.1.0/24
	allow = 10.0.2.2
[listener "[::]:0"]
	allow = fd00:1::/64
[source "all"]
	url = $repo
[source "one"]
	url = $repo
	allow = 10.0.1.2
	allow = fd00:1::2
END
between=$dir/gitnfsd-between
printf '#!/bin/sh\nexec nsenter -t %s -n "%s" "$@"\n' \
	"$(cat "$dir/middle")" "$gitnfsd" >"$between"
gitnfsd=$between
chmod +x "$gitnfsd"
serve --listen 0.0.0.0:0 --listen '[::]:0' --config "$conf"
IFS= read -r -t $PATIENCE -u 9 line
port4=$port port6=${line##*:}
in=$client1
answers $ok 10.0.1.1 /all
answers $ok 10.0.1.1 /one
answers $ok 10.0.2.1 /one	# by whatever address it is called
in=$client2
answers $ok 10.0.2.1 /all
answers "$refused" 10.0.2.1 /one
answers "$refused" 10.0.2.1 /all/../one
port=$port6
answers "$refused" fd00:2::1 /all
in=$client1
answers $ok fd00:1::1 /all
answers $ok fd00:1::1 /one
port=$port4
# Not even this machine, which nobody has named.
in="nsenter -t $(cat "$dir/middle") -n"
answers "$refused" 127.0.0.1 /all
kill "$server"
wait "$server" || fail 'it did not stop well'
logs 'client=10.0.2.2'
logs 'by=source.one.allow'
logs 'by=listener.[::]:0.allow'
