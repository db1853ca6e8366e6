#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Copyright (C) 2026 the gitnfs authors
# gitnfs: git repositories as a read-only file system over NFSv3
#
# Whatever tells who we are goes to the host it is for, and is found nowhere
# else: in no log, state, cache, message, nor with any program that is run.
# shellcheck source=test/functions.sh
. "${srcdir:=$(dirname "$0")/..}/test/functions.sh"
command -v perl >/dev/null || skip 'no perl'
gitnfs=$PWD/gitnfs
home=$dir/home

# A host that wants to know who asks.
mkdir -p "$dir/host/repos" "$home"
git init -q -b main "$dir/host/repos/r"
echo content >"$dir/host/repos/r/file"
git -C "$dir/host/repos/r" -c user.name=t -c user.email=t@example.org add file
git -C "$dir/host/repos/r" -c user.name=t -c user.email=t@example.org \
	commit -q -m one
start_host "$dir/host"

base64_of() { printf '%s' "$1" | perl -MMIME::Base64 -e 'print encode_base64(<STDIN>, "")'; }
tokens=(T0ken-of-a-file N3trc-password H3lper-password Wr0ng-token Url-passw0rd)
auth() { echo "$host/auth=$(base64_of "me:$1")/r"; }

# The ways to say it.  The helper also tells how it was called, and by whom.
printf '%s\n' "${tokens[0]}" >"$dir/token"
printf '%s\n' "${tokens[3]}" >"$dir/wrong"
printf 'machine localhost login me password %s\n' "${tokens[1]}" >"$home/.netrc"
cat >"$dir/helper" <<END
for p in \$\$ \$PPID; do
	tr '\\0' '\\n' </proc/\$p/cmdline
	tr '\\0' '\\n' </proc/\$p/environ
done >>'$dir/seen' 2>&1
echo "\$@" >>'$dir/seen'
cat >/dev/null
[ "\$1" != get ] || printf 'username=me\\npassword=%s\\n' '${tokens[2]}'
END
cat >"$home/.gitconfig" <<END
[credential]
	helper = "!sh '$dir/helper'"
END
conf=$dir/conf
cat >"$conf" <<END
[source "by-file"]
	url = $(auth "${tokens[0]}")
	token-file = $dir/token
	user = me
[source "by-netrc"]
	url = $(auth "${tokens[1]}" | sed s/127.0.0.1/localhost/)
[source "by-helper"]
	url = $(auth "${tokens[2]}")
[source "refused"]
	url = $(auth "${tokens[0]}")
	token-file = $dir/wrong
	user = me
[source "gone"]
	url = http://127.0.0.1:1/r
	token-file = $dir/token
[root "hub"]
	url = $host/auth=$(base64_of "me:${tokens[0]}")/{repository}
	token-file = $dir/token
	user = me
END
unset XDG_CONFIG_HOME GIT_CONFIG_GLOBAL GIT_ASKPASS SSH_ASKPASS
export HOME=$home GIT_CONFIG_NOSYSTEM=1 no_proxy='*'
serve --config "$conf" --log-level debug

# What is run meanwhile, by whom: names and environments.
(
	while [ -e "$dir/out" ]; do
		for p in "$server" $(ps -o pid= --ppid "$server"); do
			tr '\0' '\n' <"/proc/$p/cmdline"
			tr '\0' '\n' <"/proc/$p/environ"
		done >>"$dir/seen" 2>/dev/null || :
	done
) &
sampler=$!

for name in by-file by-netrc by-helper; do
	"$gitnfs" -s "$dir/state" warm "$name" >>"$dir/said" 2>&1 </dev/null ||
		fail "$name: $(tail -n 3 "$dir/said")"
done
for name in refused gone; do
	! "$gitnfs" -s "$dir/state" warm "$name" >>"$dir/said" 2>&1 \
		</dev/null || fail "$name was brought"
done
"$gitnfs" -s "$dir/state" status >>"$dir/said"
"$gitnfs" -s "$dir/state" status --json >>"$dir/said"
kill -USR1 "$server"
end_server TERM || fail 'SIGTERM'
rm "$dir/out"
wait "$sampler" || :

# Wrong ones, in messages.
for arg in "https://me:${tokens[4]}@127.0.0.1/x" \
	"n=https://me:${tokens[4]}@127.0.0.1/x@" \
	"n=https://me:${tokens[4]}@127.0.0.1/x@v1"; do
	! "$gitnfsd" --check-config --state-dir "$dir/s2" --cache-dir \
		"$dir/c2" "$arg" >>"$dir/said" 2>&1 || fail "taken: $arg"
done
for lines in "[root \"x\"]
	url = https://me:${tokens[4]}@h/x" "[source \"x\"]
	url = https://me:${tokens[4]}@h/x" "[root \"x\"]
	url = https://me:${tokens[4]}@h/{x}"; do
	printf '%s\n' "$lines" >"$dir/conf2"
	! "$gitnfsd" --config "$dir/conf2" --check-config >>"$dir/said" 2>&1 ||
		fail "taken: $lines"
done

# They did go where they should, ...
for i in 0 1 2 3; do
	grep -qF "authorization=Basic $(base64_of "me:${tokens[i]}") " \
		"$dir/host/log" || fail "nobody said ${tokens[i]}"
done
# ... and what is to be looked through is there, ...
grep -q 'get' "$dir/seen" || fail 'no helper was run'
grep -q "HOME=$home" "$dir/seen" || fail 'nothing was seen of who was run'
grep -q 'token in .*wrong' "$dir/log" || fail 'nothing is said of a wrong token'
[ -s "$dir/said" ] || fail 'nothing was said'
[ -d "$dir/cache/store" ] || fail 'nothing was kept'
# ... but nothing is found there.  (The URLs here hold what the host wants to
# hear in base64, which is no secret of ours.)
for token in "${tokens[@]}"; do
	! grep -rlaF -e "$token" "$dir/log" "$dir/state" "$dir/cache" \
		"$dir/seen" "$dir/said" || fail "$token is there"
done
